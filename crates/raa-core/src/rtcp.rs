//! RTCP (RFC 3550 section 6): what RAA reads of compound packets, and what a sender writes.
//!
//! Sender reports and source descriptions are enough to know a sender's name and clock; all
//! other packet types are stepped over.
//! Always: no input panics; a compound packet whose lengths lie is refused from there on.

const VERSION: u8 = 2;
const SENDER_REPORT: u8 = 200;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;

const ITEM_END: u8 = 0;
const ITEM_CNAME: u8 = 1;
const ITEM_NAME: u8 = 2;
const ITEM_TOOL: u8 = 6;

/// The text of one SDES item has at most so many bytes.
pub const MAX_ITEM_LEN: usize = 255;

/// A lying length, a wrong version or a fragment; counted by the caller, never logged each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed RTCP")]
pub struct Malformed;

/// One statement of a compound packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item<'a> {
    /// The sender's clock (RFC 3550 section 6.4.1).
    SenderReport(SenderReport),
    /// The name a person knows the sender by (SDES NAME, else CNAME); not checked for UTF-8.
    Name {
        /// Whose name it is.
        ssrc: u32,
        /// Up to 255 bytes, UTF-8 when the sender keeps to the RFC.
        text: &'a [u8],
    },
    /// The sender leaves.
    Goodbye {
        /// Who leaves.
        ssrc: u32,
    },
}

/// The sender information of a sender report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderReport {
    /// Who reports.
    pub ssrc: u32,
    /// Wall clock as a 64-bit NTP timestamp.
    pub ntp: u64,
    /// The same instant as RTP timestamp.
    pub rtp_timestamp: u32,
    /// RTP packets sent so far.
    pub packets: u32,
    /// Payload bytes sent so far.
    pub octets: u32,
}

/// What a sender says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Description<'a> {
    /// Who it is.
    pub ssrc: u32,
    /// Unique and lasting, as `user@host`; cut at 255 bytes like all texts.
    pub cname: &'a str,
    /// The name for people.
    pub name: &'a str,
    /// Program and version.
    pub tool: &'a str,
}

/// Reads a compound packet and hands every statement RAA knows to `each`.
///
/// # Errors
/// [`Malformed`]; what stood before the fault has been handed out.
pub fn parse<'a>(mut datagram: &'a [u8], mut each: impl FnMut(Item<'a>)) -> Result<(), Malformed> {
    while !datagram.is_empty() {
        let (packet, rest) = split_packet(datagram)?;
        match packet.kind {
            SENDER_REPORT => each(Item::SenderReport(parse_sender_report(packet.body)?)),
            SOURCE_DESCRIPTION => parse_description(packet, &mut each)?,
            GOODBYE => parse_goodbye(packet, &mut each)?,
            _ => {}
        }
        datagram = rest;
    }
    Ok(())
}

/// Appends a compound packet of a sender report without report blocks and a description.
pub fn write_report(report: &SenderReport, description: &Description<'_>, out: &mut Vec<u8>) {
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
}

/// Appends a BYE packet, which goes behind a report in the same datagram.
pub fn write_goodbye(ssrc: u32, out: &mut Vec<u8>) {
    write_packet(GOODBYE, 1, out, |out| out.extend(ssrc.to_be_bytes()));
}

struct RtcpPacket<'a> {
    kind: u8,
    /// Sources or report blocks in it.
    count: u8,
    body: &'a [u8],
}

fn split_packet(datagram: &[u8]) -> Result<(RtcpPacket<'_>, &[u8]), Malformed> {
    let (&[flags, kind, high, low], rest) = datagram.split_first_chunk().ok_or(Malformed)?;
    let len = 4 * usize::from(u16::from_be_bytes([high, low]));
    let (body, rest) = rest.split_at_checked(len).ok_or(Malformed)?;
    if flags >> 6 != VERSION {
        return Err(Malformed);
    }
    // Padding may only stand at the end of a compound packet, where nothing follows it.
    let body = if flags & 0x20 != 0 {
        strip_padding(body)?
    } else {
        body
    };
    Ok((
        RtcpPacket {
            kind,
            count: flags & 0x1f,
            body,
        },
        rest,
    ))
}

fn strip_padding(body: &[u8]) -> Result<&[u8], Malformed> {
    let padding = usize::from(*body.last().ok_or(Malformed)?);
    body.get(..body.len().wrapping_sub(padding))
        .filter(|_| padding > 0)
        .ok_or(Malformed)
}

fn parse_sender_report(body: &[u8]) -> Result<SenderReport, Malformed> {
    let (fixed, _blocks) = body.split_first_chunk::<24>().ok_or(Malformed)?;
    let word =
        |at: usize| u32::from_be_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
    Ok(SenderReport {
        ssrc: word(0),
        ntp: u64::from(word(4)) << 32 | u64::from(word(8)),
        rtp_timestamp: word(12),
        packets: word(16),
        octets: word(20),
    })
}

/// Chunks of an SSRC and items, each chunk filled up with zeros to 32 bits.
fn parse_description<'a>(
    packet: RtcpPacket<'a>,
    each: &mut impl FnMut(Item<'a>),
) -> Result<(), Malformed> {
    let mut rest = packet.body;
    for _ in 0..packet.count {
        let (ssrc, items) = rest.split_first_chunk().ok_or(Malformed)?;
        let ssrc = u32::from_be_bytes(*ssrc);
        let chunk = parse_items(items)?;
        if let Some(text) = chunk.name.or(chunk.cname) {
            each(Item::Name { ssrc, text });
        }
        // The SSRC is a whole word, so only the items decide where the next word begins.
        rest = items
            .get(chunk.len.next_multiple_of(4)..)
            .ok_or(Malformed)?;
    }
    Ok(())
}

#[derive(Default)]
struct Chunk<'a> {
    cname: Option<&'a [u8]>,
    name: Option<&'a [u8]>,
    /// With the ending zero.
    len: usize,
}

fn parse_items(items: &[u8]) -> Result<Chunk<'_>, Malformed> {
    let mut chunk = Chunk::default();
    loop {
        let kind = *items.get(chunk.len).ok_or(Malformed)?;
        chunk.len += 1;
        if kind == ITEM_END {
            return Ok(chunk);
        }
        let text_len = usize::from(*items.get(chunk.len).ok_or(Malformed)?);
        let start = chunk.len + 1;
        let text = items.get(start..start + text_len).ok_or(Malformed)?;
        chunk.len = start + text_len;
        match kind {
            ITEM_CNAME => chunk.cname = Some(text),
            ITEM_NAME if !text.is_empty() => chunk.name = Some(text),
            _ => {}
        }
    }
}

fn parse_goodbye<'a>(
    packet: RtcpPacket<'a>,
    each: &mut impl FnMut(Item<'a>),
) -> Result<(), Malformed> {
    let ssrcs = packet
        .body
        .get(..4 * usize::from(packet.count))
        .ok_or(Malformed)?;
    for ssrc in ssrcs.as_chunks::<4>().0 {
        each(Item::Goodbye {
            ssrc: u32::from_be_bytes(*ssrc),
        });
    }
    Ok(())
}

fn write_packet(kind: u8, count: u8, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend([VERSION << 6 | count, kind, 0, 0]);
    body(out);
    out.resize(start + (out.len() - start).next_multiple_of(4), 0);
    // A description of three items of 255 bytes is 195 words; the length always fits.
    let words = ((out.len() - start) / 4 - 1) as u16;
    out[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
}

fn write_item(kind: u8, text: &str, out: &mut Vec<u8>) {
    let text = &text[..text.floor_char_boundary(MAX_ITEM_LEN)];
    out.extend([kind, text.len() as u8]);
    out.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: SenderReport = SenderReport {
        ssrc: 7,
        ntp: 0x0102_0304_0506_0708,
        rtp_timestamp: 9,
        packets: 10,
        octets: 11,
    };

    fn describe(name: &str) -> Vec<u8> {
        let description = Description {
            ssrc: 7,
            cname: "raa@host",
            name,
            tool: "raa-client 1.0",
        };
        let mut datagram = Vec::new();
        write_report(&REPORT, &description, &mut datagram);
        datagram
    }

    #[track_caller]
    fn items(datagram: &[u8]) -> Vec<Item<'_>> {
        let mut items = Vec::new();
        parse(datagram, |item| items.push(item)).unwrap();
        items
    }

    #[test]
    fn what_is_written_is_read_again() {
        // Every length of padding behind the items.
        for name in ["a", "ab", "abc", "第2監視室 PC-07"] {
            let mut datagram = describe(name);
            write_goodbye(7, &mut datagram);
            let expected = [
                Item::SenderReport(REPORT),
                Item::Name {
                    ssrc: 7,
                    text: name.as_bytes(),
                },
                Item::Goodbye { ssrc: 7 },
            ];
            assert_eq!(items(&datagram), expected);
        }
    }

    #[test]
    fn without_a_name_the_cname_serves() {
        let datagram = describe("");
        assert_eq!(
            items(&datagram)[1],
            Item::Name {
                ssrc: 7,
                text: b"raa@host"
            }
        );
    }

    #[test]
    fn texts_are_cut_between_characters() {
        let datagram = describe(&"é".repeat(200));
        let Item::Name { text, .. } = items(&datagram)[1] else {
            panic!("no name")
        };
        assert_eq!(text, "é".repeat(127).as_bytes());
    }

    #[test]
    fn every_truncation_is_refused_or_read_but_never_panics() {
        let whole = describe("name");
        for len in 0..whole.len() {
            let whole_packets = [0, 28];
            assert_eq!(
                parse(&whole[..len], |_| ()).is_ok(),
                whole_packets.contains(&len),
                "{len}"
            );
        }
    }

    #[test]
    fn receiver_reports_and_unknown_types_are_stepped_over() {
        let mut datagram = vec![0x80, 201, 0, 1, 0, 0, 0, 1, 0x80, 207, 0, 0];
        write_goodbye(3, &mut datagram);
        assert_eq!(items(&datagram), [Item::Goodbye { ssrc: 3 }]);
    }
}
