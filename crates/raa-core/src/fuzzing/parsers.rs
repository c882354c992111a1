//! The parsers of one datagram, by themselves and inside a hub.
//!
//! Always: each parser is compared with what it says about its own output, or with libopus.

use std::time::{Duration, SystemTime};

use super::hub::origin;
use crate::any_instant;
use crate::codec::{Decoder, MAX_PACKET_SAMPLES};
use crate::framing;
use crate::hub::{Accepted, Hub, HubConfig};
use crate::red::{self, Redundant};
use crate::rtcp::{self, Item};
use crate::rtp::{self, HEADER_LEN, Header, Packet, StreamStart};

/// One RTP datagram: what is parsed is written and read back as the same; a hub takes it twice.
pub(super) fn rtp(datagram: &[u8]) {
    if let Ok(packet) = Packet::parse(datagram) {
        assert!(packet.payload.len() + HEADER_LEN <= datagram.len());
        let mut written = Vec::new();
        packet.write(&mut written);
        assert_eq!(Packet::parse(&written), Ok(packet));
        let header = Header::parse(datagram);
        assert_eq!(header.is_some(), !rtp::is_rtcp(datagram));
        assert!(header.is_none_or(|header| header.ssrc == packet.ssrc));
    }
    take(&[datagram, datagram]);
}

/// One RTCP datagram: as many items as fit, each with bytes of its own; a hub takes it.
pub(super) fn rtcp(datagram: &[u8]) {
    let mut items = 0;
    let parsed = rtcp::parse(datagram, |item| {
        items += 1;
        if let Item::Name { text, .. } = item {
            assert!(text.len() <= rtcp::MAX_ITEM_LEN);
        }
    });
    // The smallest item is the SSRC of a goodbye.
    assert!(items <= datagram.len() / 4, "{items} items");
    let mut again = 0;
    assert_eq!(rtcp::parse(datagram, |_| again += 1), parsed);
    assert_eq!(again, items);
    take(&[datagram]);
}

/// A payload of redundant audio: all blocks together are the payload, and what can be written is read
/// back as the same.
pub(super) fn red(payload: &[u8]) {
    if let Ok(redundant) = Redundant::parse(payload) {
        let earlier: Vec<_> = redundant.earlier().collect();
        let blocks: usize = earlier.iter().map(|earlier| earlier.payload.len()).sum();
        let headers = 4 * earlier.len() + 1;
        assert_eq!(headers + blocks + redundant.payload.len(), payload.len());
        let mut written = Vec::new();
        let (payload_type, own) = (redundant.payload_type, redundant.payload);
        red::write(earlier.iter().copied(), payload_type, own, &mut written);
        assert_eq!(Redundant::parse(&written), Ok(redundant));
    }
    let packet = Packet {
        marker: false,
        payload_type: red::PAYLOAD_TYPE,
        sequence_number: 1,
        timestamp: 48_000,
        ssrc: 7,
        payload,
    };
    let mut datagram = Vec::new();
    packet.write(&mut datagram);
    take(&[&datagram]);
}

/// An Opus packet: accepted exactly if libopus accepts it, with the same length; and as a chain of
/// self-delimited packets, each of which ends within the bytes.
pub(super) fn framing(bytes: &[u8]) {
    let framing = framing::parse(bytes);
    if !bytes.is_empty() {
        let mut pcm = [0.0; MAX_PACKET_SAMPLES];
        let mut decoder = opus_decoder();
        let decoded = decoder.decode_float_to_slice(bytes, &mut pcm, false);
        let accepted = decoded != Err(opusic_c::ErrorCode::InvalidPacket);
        assert_eq!(framing.is_some(), accepted, "{decoded:?}");
        if let (Some(framing), Ok(samples)) = (framing, decoded) {
            assert_eq!(framing.samples, samples);
        }
    }
    if let Some(framing) = framing {
        assert_eq!(framing.len, bytes.len());
        assert!(framing.frame_bytes <= framing.len && framing.frame_samples <= framing.samples);
        assert!(framing.samples <= MAX_PACKET_SAMPLES);
    }
    let mut rest = bytes;
    while let Some(framing) = framing::parse_self_delimited(rest) {
        assert!((1..=rest.len()).contains(&framing.len));
        rest = &rest[framing.len..];
    }
}

fn opus_decoder() -> opusic_c::Decoder {
    opusic_c::Decoder::new(opusic_c::Channels::Mono, opusic_c::SampleRate::Hz48000)
        .expect("libopus makes a decoder")
}

/// Hands the datagrams to a hub of their own, and plays two slots.
fn take(datagrams: &[&[u8]]) {
    let stream = StreamStart {
        ssrc: 1,
        sequence_number: 1,
        timestamp: 1,
    };
    let mut config = HubConfig::new(stream, SystemTime::UNIX_EPOCH);
    config.main_mix.encoder.complexity = 0;
    let start = any_instant() + Duration::from_secs(3600);
    let mut hub = Hub::new(config, start).expect("the settings are valid");
    let (mut accepted, mut firsts) = (0, 0);
    for datagram in datagrams {
        let taken = hub.handle_packet(start, origin(0), datagram);
        accepted += u64::from(taken.is_ok());
        firsts += u64::from(matches!(taken, Ok(Accepted::First { .. })));
    }
    let refused: u64 = hub.stats().refused.iter().map(|(_, count)| count).sum();
    // A first packet is refused after all if nothing follows it.
    let datagrams = datagrams.len() as u64;
    assert!((datagrams..=datagrams + firsts).contains(&(accepted + refused)));
    hub.handle_timeout(hub.poll_timeout());
    assert!(hub.clients(start).count() <= 1);
    // The decoder that the mix's listeners have.
    let mut decoder = Decoder::new().expect("libopus makes a decoder");
    super::hub::hear_outputs(&mut hub, &mut decoder);
}
