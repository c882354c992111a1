//! Recognises Opus of more than two channels (multistream, RFC 7845 section 5.1.1) among plain packets.
//!
//! Such a packet is a chain of self-delimited packets and a plain one, all of one duration. A plain
//! packet may look like such a chain by chance, so evidence is measured in bits: the improbability
//! that the bytes of plain packets agree with each other in this way.
//! Always: packets that repeat each other prove nothing, since a steady tone makes plain packets alike.

use crate::framing::{self, Framing};
use crate::samples;

/// Links of a chain that are looked at, apart from the first.
const MAX_LINKS: usize = 3;
/// Bits from which chance is excluded: one stream in ten million would be mistaken.
const PROOF_BITS: u32 = 22;
/// Bits from which a malformed packet, which no Opus encoder makes, leaves no doubt.
const LIKELY_BITS: u32 = 6;
/// Bits of a link that agrees with the one before: its first byte, but for the frame count.
const AGREEMENT_BITS: u32 = 6;
/// Bits of a link with the configuration and frame count of the chain's first packet.
const ALIKE_BITS: u32 = 7;
/// Bits of a link whose first byte is the same as before.
const SAME_BITS: u32 = 8;
/// Bits of a frame count in a byte of its own, since it gives the duration of the chain.
const COUNT_BITS: u32 = 6;
/// Bits of a link of more than 20 ms: at most one first byte in 20 gives such a duration without a
/// frame count, but for 40 ms.
const LONG_BITS: u32 = 4;
/// Samples of a packet from which few of them last 200 ms: 60 ms.
const LONG: usize = samples(60.0);
/// Bits from which chance is excluded for long packets if each packet from the stream's first on
/// agrees: chance has one try, and one stream in a million would be mistaken.
const LONG_PROOF_BITS: u32 = 20;
/// The frame count in the first byte of a packet.
const FRAME_COUNT: u8 = 0x03;
/// The channels in the first byte of a packet.
const STEREO: u8 = 0x04;
/// A frame of CELT that says that it is digital silence; with a constant bitrate, zeros follow.
const SILENCE: [u8; 2] = [0xff, 0xfe];
/// Bits of such a frame and its length.
const SILENCE_BITS: u32 = 24;
/// Bytes at the end of a frame that do not depend on those before them (RFC 6716 section 4.1.4).
const RAW_BYTES: usize = 10;

/// A stream's packets as chains.
#[derive(Debug, Default)]
pub(super) struct Chains {
    has_begun: bool,
    last: Option<Chain>,
    bits: u32,
    /// Whether all packets since the stream's first one agree.
    agree_from_first: bool,
}

/// One packet as a chain.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Chain {
    links: [Link; MAX_LINKS],
    count: usize,
    /// Packets of digital silence.
    silent: usize,
}

/// A packet of the chain after the first.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Link {
    toc: u8,
    /// Checksum of the packet before it.
    checksum: u32,
    /// Bytes of the packet before it.
    len: usize,
    /// Whether it begins where the bytes of a plain packet may agree by the sound.
    is_near_end: bool,
    /// Whether it has the same configuration and frame count as the first of the chain.
    is_alike: bool,
}

impl Chains {
    /// Takes the next packet of `samples` and returns whether its stream is multistream.
    pub(super) fn take(&mut self, packet: &[u8], samples: usize) -> bool {
        let chain = Chain::of(packet, samples);
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        let is_long = samples >= LONG;
        let more = match (&self.last, &chain) {
            (_, None) => None,
            (None, Some(chain)) => {
                self.bits = 0;
                Some(chain.bits_alone(is_first, is_long && is_first))
            }
            (Some(last), Some(chain)) => {
                let alone = is_long.then(|| chain.bits_alone(false, true));
                chain.bits_after(last).or(alone)
            }
        };
        self.bits = more.map_or(0, |more| (self.bits + more).min(PROOF_BITS));
        self.agree_from_first = more.is_some() && (is_first || self.agree_from_first);
        self.last = chain;
        self.bits >= self.proof_bits(is_long)
    }

    fn proof_bits(&self, is_long: bool) -> u32 {
        if is_long && self.agree_from_first {
            LONG_PROOF_BITS
        } else {
            PROOF_BITS
        }
    }

    /// Whether the last packet and those before it were chains, beyond a chance of 1 in 64.
    pub(super) fn is_likely(&self) -> bool {
        self.bits >= LIKELY_BITS
    }

    /// Whether the last packet may have been a chain.
    pub(super) fn is_suspect(&self) -> bool {
        self.last.is_some()
    }
}

impl Link {
    /// Returns the bits of its frame count, which a byte of its own has in packets of several frames.
    fn count_bits(&self) -> u32 {
        if self.toc & FRAME_COUNT == FRAME_COUNT {
            COUNT_BITS
        } else {
            0
        }
    }
}

impl Chain {
    fn of(packet: &[u8], samples: usize) -> Option<Self> {
        let mut chain = Self::default();
        let mut rest = packet;
        let mut first = framing::parse_self_delimited(rest);
        for link in &mut chain.links {
            let Some(framing) = first.filter(|framing| framing.samples == samples) else {
                break;
            };
            let (own, after) = rest.split_at(framing.len);
            let next = framing::parse_self_delimited(after);
            let last = framing::parse(after);
            let mut ends = next.iter().chain(&last);
            let (Some(&toc), true) = (after.first(), ends.any(|end| end.samples == samples)) else {
                break;
            };
            if toc == 0 && is_filling(own, after) {
                break;
            }
            *link = Link {
                toc,
                checksum: checksum(own),
                len: own.len(),
                is_near_end: after.len() < RAW_BYTES,
                is_alike: (toc ^ packet[0]) & !STEREO == 0,
            };
            let ends_silently = last.is_some_and(|last| is_silence(after, &last));
            chain.silent += usize::from(is_silence(own, &framing)) + usize::from(ends_silently);
            chain.count += 1;
            (rest, first) = (after, next);
        }
        (chain.count > 0).then_some(chain)
    }

    fn links(&self) -> &[Link] {
        &self.links[..self.count]
    }

    /// Returns the bits of a packet after one that was no chain, or none like it. Silence counts only
    /// in a stream's first packet, lest chance gets many tries; so do durations, but for those of
    /// long packets, each of which has to agree with the ones before.
    fn bits_alone(&self, is_first: bool, is_long: bool) -> u32 {
        let alike = self.links().iter().filter(|link| link.is_alike).count();
        let silent = if is_first { self.silent } else { 0 };
        let counts: u32 = self.links().iter().map(Link::count_bits).sum();
        let durations = if is_long { LONG_BITS } else { 0 };
        (alike as u32 * ALIKE_BITS + counts).max(durations) + silent as u32 * SILENCE_BITS
    }

    /// Returns the bits of a packet after another; `None` if they do not agree.
    fn bits_after(&self, last: &Self) -> Option<u32> {
        let mut bits = None;
        for (link, before) in self.links().iter().zip(last.links()) {
            if (link.toc ^ before.toc) & !FRAME_COUNT != 0 {
                break;
            }
            let bits = bits.get_or_insert(0);
            let is_news = link.checksum != before.checksum;
            if is_news && (!link.is_near_end || link.len != before.len) {
                let toc_bits = if link.toc == before.toc {
                    SAME_BITS
                } else {
                    AGREEMENT_BITS
                };
                *bits += toc_bits + link.count_bits();
            }
        }
        bits
    }
}

/// Whether the zero at the front of `after` is one of several, with which plain packets of a constant
/// bitrate are filled.
fn is_filling(own: &[u8], after: &[u8]) -> bool {
    own.ends_with(&[0]) || after.get(1).is_none_or(|&next| next == 0)
}

/// Whether a packet consists of digital silence.
fn is_silence(own: &[u8], framing: &Framing) -> bool {
    let frame_len = framing.frame_bytes * framing.frame_samples / framing.samples;
    let frames = &own[own.len() - framing.frame_bytes.min(own.len())..];
    let is_silent = |frame: &[u8]| {
        let zeros = frame.strip_prefix(&SILENCE);
        zeros.is_some_and(|zeros| zeros.iter().all(|&byte| byte == 0))
    };
    frame_len >= SILENCE.len() && frames.chunks(frame_len).all(is_silent)
}

/// Computes a checksum (FNV-1a).
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, &byte| {
        (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}
