//! Writes the compound packets of a sender and of a receiver.
//!
//! Always: appends whole packets with correct lengths; texts are cut at 255 bytes, between
//! characters.

use super::{
    APPLICATION_DEFINED, APPLICATION_NAME, BLOCK_REFERENCE_TIME, BLOCK_REFERENCE_TIME_ECHO,
    CaptureTrouble, Description, EXTENDED_REPORT, GOODBYE, ITEM_CNAME, ITEM_END, ITEM_NAME,
    ITEM_TOOL, MAX_ITEM_LEN, MAX_RECEPTION_REPORTS, RECEIVER_REPORT, ReceptionReport,
    SENDER_REPORT, SOURCE_DESCRIPTION, SUBTYPE_CAPTURE, SUBTYPE_SSRC_TAKEN, SenderReport,
    SsrcTaken, TimeEcho, VERSION,
};

/// Appends a sender's compound packet: its report without reception reports, its description, and
/// the echo of a receiver's clock if there is one.
pub fn write_report(
    report: &SenderReport,
    description: &Description<'_>,
    echo: Option<TimeEcho>,
    out: &mut Vec<u8>,
) {
    let body = |out: &mut Vec<u8>| {
        out.extend(report.ssrc.to_be_bytes());
        out.extend(report.ntp.to_be_bytes());
        out.extend(report.rtp_timestamp.to_be_bytes());
        out.extend(report.packets.to_be_bytes());
        out.extend(report.octets.to_be_bytes());
    };
    write_packet(SENDER_REPORT, 0, out, body);
    write_packet(SOURCE_DESCRIPTION, 1, out, |out| {
        out.extend(description.ssrc.to_be_bytes());
        write_item(ITEM_CNAME, description.cname, out);
        write_item(ITEM_NAME, description.name, out);
        write_item(ITEM_TOOL, description.tool, out);
        out.push(ITEM_END);
    });
    if let Some(echo) = echo {
        write_extended_report(report.ssrc, BLOCK_REFERENCE_TIME_ECHO, out, |out| {
            out.extend(echo.ssrc.to_be_bytes());
            out.extend(echo.last.to_be_bytes());
            out.extend(echo.delay.to_be_bytes());
        });
    }
}

/// Appends a receiver's compound packet: its reception reports, its CNAME, and its clock's
/// `reference_time` (an NTP timestamp), which senders echo.
///
/// Reports after the first [`MAX_RECEPTION_REPORTS`] are left out.
pub fn write_receiver_report(
    ssrc: u32,
    reports: &[ReceptionReport],
    cname: &str,
    reference_time: u64,
    out: &mut Vec<u8>,
) {
    let reports = &reports[..reports.len().min(MAX_RECEPTION_REPORTS)];
    write_packet(RECEIVER_REPORT, reports.len() as u8, out, |out| {
        out.extend(ssrc.to_be_bytes());
        for report in reports {
            write_reception_report(report, out);
        }
    });
    write_cname(ssrc, cname, out);
    write_extended_report(ssrc, BLOCK_REFERENCE_TIME, out, |out| {
        out.extend(reference_time.to_be_bytes());
    });
}

/// Appends a receiver's compound packet that turns a sender away: an empty report, the receiver's CNAME,
/// and the packet that another sender's SSRC was on.
pub fn write_ssrc_taken(ssrc: u32, cname: &str, taken: SsrcTaken, out: &mut Vec<u8>) {
    write_packet(RECEIVER_REPORT, 0, out, |out| {
        out.extend(ssrc.to_be_bytes());
    });
    write_cname(ssrc, cname, out);
    write_packet(APPLICATION_DEFINED, SUBTYPE_SSRC_TAKEN, out, |out| {
        out.extend(ssrc.to_be_bytes());
        out.extend(APPLICATION_NAME);
        out.extend(taken.ssrc.to_be_bytes());
        out.extend(taken.sequence_number.to_be_bytes());
        out.extend([0, 0]);
        out.extend(taken.timestamp.to_be_bytes());
    });
}

/// Appends what a sender says about its own capture; it must follow a report in the same datagram
/// (RFC 3550 section 6.1).
pub fn write_capture_trouble(ssrc: u32, trouble: Option<CaptureTrouble>, out: &mut Vec<u8>) {
    write_packet(APPLICATION_DEFINED, SUBTYPE_CAPTURE, out, |out| {
        out.extend(ssrc.to_be_bytes());
        out.extend(APPLICATION_NAME);
        out.extend([CaptureTrouble::code(trouble), 0, 0, 0]);
    });
}

/// Appends a BYE packet; it must follow a report in the same datagram (RFC 3550 section 6.1).
pub fn write_goodbye(ssrc: u32, out: &mut Vec<u8>) {
    write_packet(GOODBYE, 1, out, |out| out.extend(ssrc.to_be_bytes()));
}

fn write_cname(ssrc: u32, cname: &str, out: &mut Vec<u8>) {
    write_packet(SOURCE_DESCRIPTION, 1, out, |out| {
        out.extend(ssrc.to_be_bytes());
        write_item(ITEM_CNAME, cname, out);
        out.push(ITEM_END);
    });
}

fn write_reception_report(report: &ReceptionReport, out: &mut Vec<u8>) {
    let lost = report.cumulative_lost.clamp(-0x80_0000, 0x7f_ffff);
    out.extend(report.ssrc.to_be_bytes());
    out.push(report.fraction_lost);
    out.extend(&lost.to_be_bytes()[1..]);
    out.extend(report.highest_sequence.to_be_bytes());
    out.extend(report.jitter.to_be_bytes());
    out.extend(report.last_sender_report.to_be_bytes());
    out.extend(report.delay_since_last_sender_report.to_be_bytes());
}

/// Appends an extended report of one block; `body` must write whole words.
fn write_extended_report(ssrc: u32, block: u8, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    write_packet(EXTENDED_REPORT, 0, out, |out| {
        out.extend(ssrc.to_be_bytes());
        // The length stands where a packet has its own.
        let start = out.len();
        out.extend([block, 0, 0, 0]);
        body(out);
        write_length(start, out);
    });
}

fn write_packet(kind: u8, count: u8, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend([VERSION << 6 | count, kind, 0, 0]);
    body(out);
    out.resize(start + (out.len() - start).next_multiple_of(4), 0);
    write_length(start, out);
}

/// Writes the length of the packet that begins at `start`, in words, not counting the first.
fn write_length(start: usize, out: &mut [u8]) {
    // The longest packet, a description with three items of 255 bytes, has 195 words.
    let words = ((out.len() - start) / 4 - 1) as u16;
    out[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
}

fn write_item(kind: u8, text: &str, out: &mut Vec<u8>) {
    let text = &text[..text.floor_char_boundary(MAX_ITEM_LEN)];
    out.extend([kind, text.len() as u8]);
    out.extend(text.as_bytes());
}
