//! Reads one compound packet, item by item.
//!
//! Always: borrows from the datagram; no input panics; every length is checked before it is used.

use super::{
    APPLICATION_DEFINED, APPLICATION_NAME, BLOCK_REFERENCE_TIME, BLOCK_REFERENCE_TIME_ECHO,
    CaptureTrouble, EXTENDED_REPORT, GOODBYE, ITEM_CNAME, ITEM_END, ITEM_NAME, Item, Malformed,
    RECEIVER_REPORT, ReceptionReport, SENDER_REPORT, SOURCE_DESCRIPTION, SUBTYPE_CAPTURE,
    SUBTYPE_SSRC_TAKEN, SenderReport, SsrcTaken, VERSION,
};

/// Length of a reception report block: six words of 4 bytes.
const RECEPTION_REPORT_LEN: usize = 24;

/// Reads a compound packet and passes every item that RAA knows to `each`.
///
/// # Errors
/// [`Malformed`]; the items in front of the fault have been passed on.
pub fn parse<'a>(mut datagram: &'a [u8], mut each: impl FnMut(Item<'a>)) -> Result<(), Malformed> {
    while !datagram.is_empty() {
        let (packet, rest) = split_packet(datagram)?;
        match packet.kind {
            SENDER_REPORT => parse_sender_report(packet, &mut each)?,
            RECEIVER_REPORT => parse_receiver_report(packet, &mut each)?,
            SOURCE_DESCRIPTION => parse_description(packet, &mut each)?,
            GOODBYE => parse_goodbye(packet, &mut each)?,
            EXTENDED_REPORT => parse_extended_report(packet.body, &mut each)?,
            APPLICATION_DEFINED => parse_application_defined(packet, &mut each),
            _ => {}
        }
        datagram = rest;
    }
    Ok(())
}

struct RtcpPacket<'a> {
    kind: u8,
    /// Sources or report blocks in the packet; the subtype of an application-defined one.
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
    // Only the last packet of a compound packet may be padded (RFC 3550 section 6.4.1).
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

fn parse_sender_report<'a>(
    packet: RtcpPacket<'a>,
    each: &mut impl FnMut(Item<'a>),
) -> Result<(), Malformed> {
    let (fixed, blocks) = packet.body.split_first_chunk::<24>().ok_or(Malformed)?;
    let report = SenderReport {
        ssrc: word(fixed, 0),
        ntp: u64::from(word(fixed, 1)) << 32 | u64::from(word(fixed, 2)),
        rtp_timestamp: word(fixed, 3),
        packets: word(fixed, 4),
        octets: word(fixed, 5),
    };
    let blocks = reception_reports(packet.count, blocks)?;
    each(Item::SenderReport(report));
    pass_on(report.ssrc, blocks, each);
    Ok(())
}

fn parse_receiver_report<'a>(
    packet: RtcpPacket<'a>,
    each: &mut impl FnMut(Item<'a>),
) -> Result<(), Malformed> {
    let (from, blocks) = packet.body.split_first_chunk::<4>().ok_or(Malformed)?;
    let blocks = reception_reports(packet.count, blocks)?;
    pass_on(u32::from_be_bytes(*from), blocks, each);
    Ok(())
}

/// Returns the report blocks; a profile-specific extension after them is ignored.
fn reception_reports(count: u8, blocks: &[u8]) -> Result<&[[u8; RECEPTION_REPORT_LEN]], Malformed> {
    blocks.as_chunks().0.get(..count.into()).ok_or(Malformed)
}

fn pass_on<'a>(from: u32, blocks: &[[u8; RECEPTION_REPORT_LEN]], each: &mut impl FnMut(Item<'a>)) {
    for block in blocks {
        let report = ReceptionReport {
            ssrc: word(block, 0),
            fraction_lost: block[4],
            // The shift up and back extends the sign of 24 bits.
            cumulative_lost: (word(block, 1) << 8) as i32 >> 8,
            highest_sequence: word(block, 2),
            jitter: word(block, 3),
            last_sender_report: word(block, 4),
            delay_since_last_sender_report: word(block, 5),
        };
        each(Item::ReceptionReport { from, report });
    }
}

/// Reads the reporter's SSRC and the blocks, each with its length in words (RFC 3611 section 2).
fn parse_extended_report<'a>(
    body: &'a [u8],
    each: &mut impl FnMut(Item<'a>),
) -> Result<(), Malformed> {
    let (from, mut rest) = body.split_first_chunk::<4>().ok_or(Malformed)?;
    let from = u32::from_be_bytes(*from);
    while !rest.is_empty() {
        let (&[kind, _, high, low], after) = rest.split_first_chunk().ok_or(Malformed)?;
        let len = 4 * usize::from(u16::from_be_bytes([high, low]));
        let (block, next) = after.split_at_checked(len).ok_or(Malformed)?;
        parse_block(from, kind, block, each)?;
        rest = next;
    }
    Ok(())
}

fn parse_block<'a>(
    from: u32,
    kind: u8,
    block: &[u8],
    each: &mut impl FnMut(Item<'a>),
) -> Result<(), Malformed> {
    match kind {
        BLOCK_REFERENCE_TIME => {
            let ntp = u64::from_be_bytes(block.try_into().map_err(|_| Malformed)?);
            each(Item::ReferenceTime { ssrc: from, ntp });
        }
        BLOCK_REFERENCE_TIME_ECHO => {
            let (echoes, []) = block.as_chunks::<12>() else {
                return Err(Malformed);
            };
            for echo in echoes {
                each(Item::ReferenceTimeEcho {
                    from,
                    ssrc: word(echo, 0),
                    last: word(echo, 1),
                    delay: word(echo, 2),
                });
            }
        }
        _ => {}
    }
    Ok(())
}

/// Returns the word at `index`, which must lie within the array.
fn word<const N: usize>(bytes: &[u8; N], index: usize) -> u32 {
    let words = bytes.as_chunks::<4>().0;
    u32::from_be_bytes(words[index])
}

/// Reads chunks, each with an SSRC and items, padded with zeros to 32 bits.
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
        // The SSRC is a whole word, so padding depends on the items alone.
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
    /// Bytes of all items, with the terminating zero.
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

/// Reads RAA's own packets; all others are ignored, as RFC 3550 section 6.7 asks, whatever they
/// contain, and so is what a later version adds at the end.
fn parse_application_defined<'a>(packet: RtcpPacket<'a>, each: &mut impl FnMut(Item<'a>)) {
    let Some((head, data)) = packet.body.split_first_chunk::<8>() else {
        return;
    };
    if head[4..] != APPLICATION_NAME {
        return;
    }
    match (packet.count, data) {
        (SUBTYPE_CAPTURE, &[code, ..]) => each(Item::Capture {
            ssrc: word(head, 0),
            trouble: CaptureTrouble::from_code(code),
        }),
        (SUBTYPE_SSRC_TAKEN, data) => {
            if let Some((packet, _)) = data.split_first_chunk::<12>() {
                each(Item::SsrcTaken(SsrcTaken {
                    ssrc: word(packet, 0),
                    sequence_number: (word(packet, 1) >> 16) as u16,
                    timestamp: word(packet, 2),
                }));
            }
        }
        _ => {}
    }
}
