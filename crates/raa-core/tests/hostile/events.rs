//! Random events: datagrams from nonsense to nearly valid, operators, and time.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use raa_core::rtcp::{self, CaptureTrouble, Description, SenderReport};
use raa_core::rtp::Packet;

/// An SSRC that the hub refuses from the network.
pub(crate) const RESERVED: u32 = 0xffff_0001;

/// An event for a hub.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// A datagram that arrived this many milliseconds before (or after) the hub gets it.
    Datagram {
        host: u8,
        age_ms: i64,
        bytes: Vec<u8>,
    },
    /// A sender with a valid stream for a while, apart from its payloads.
    Stream {
        ssrc: u32,
        sequence_number: u16,
        timestamp: u32,
        step: u32,
        /// Each packet repeats the frame of the previous one (RFC 2198).
        is_redundant: bool,
        payloads: Vec<Vec<u8>>,
    },
    /// An operator's command.
    Configure {
        ssrc: u32,
        percent: i64,
        muted: bool,
    },
    Forget {
        ssrc: u32,
    },
    /// Time passes and all slots are played.
    Slots(u8),
    /// Time passes and no slot is played.
    Stall {
        ms: u32,
    },
}

fn ssrc() -> impl Strategy<Value = u32> {
    prop_oneof![8 => 0..6u32, 1 => Just(RESERVED), 2 => any::<u32>()]
}

/// Payloads that are often valid, often long, and often nonsense.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let toc_and_noise = (any::<u8>(), vec(any::<u8>(), 0..200));
    prop_oneof![
        6 => toc_and_noise.prop_map(|(toc, mut noise)| { noise.insert(0, toc); noise }),
        1 => any::<u8>().prop_map(|toc| vec![toc]),
        1 => vec(any::<u8>(), 1..1500),
    ]
}

fn rtp() -> impl Strategy<Value = Vec<u8>> {
    let fields = (
        any::<bool>(),
        prop_oneof![9 => Just(111), 1 => 0..128u8],
        any::<u16>(),
        any::<u32>(),
    );
    (fields, ssrc(), payload()).prop_map(|(fields, ssrc, payload)| {
        let (marker, payload_type, sequence_number, timestamp) = fields;
        let mut datagram = Vec::new();
        Packet {
            marker,
            payload_type,
            sequence_number,
            timestamp,
            ssrc,
            payload: &payload,
        }
        .write(&mut datagram);
        datagram
    })
}

fn rtcp() -> impl Strategy<Value = Vec<u8>> {
    let capture = prop_oneof![
        Just(None),
        Just(Some(CaptureTrouble::Muted)),
        Just(Some(CaptureTrouble::Reopening)),
    ];
    (ssrc(), ".{0,80}", capture, any::<bool>()).prop_map(|(ssrc, name, capture, leaves)| {
        let report = SenderReport {
            ssrc,
            ntp: 1,
            rtp_timestamp: 2,
            packets: 3,
            octets: 4,
        };
        let mut datagram = Vec::new();
        let description = Description {
            ssrc,
            cname: "a@b",
            name: &name,
            tool: "t",
        };
        rtcp::write_report(&report, &description, None, &mut datagram);
        rtcp::write_capture_trouble(ssrc, capture, &mut datagram);
        if leaves {
            rtcp::write_goodbye(ssrc, &mut datagram);
        }
        datagram
    })
}

/// Valid datagrams with a few changed bytes, some of them truncated.
fn mutated(valid: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (
        valid,
        vec((any::<Index>(), any::<u8>()), 0..4),
        any::<Index>(),
        any::<bool>(),
    )
        .prop_map(|(mut datagram, changes, end, cut)| {
            for (at, byte) in changes {
                let at = at.index(datagram.len());
                datagram[at] = byte;
            }
            if cut {
                datagram.truncate(end.index(datagram.len()));
            }
            datagram
        })
}

fn datagram() -> impl Strategy<Value = Event> {
    let bytes = prop_oneof![
        1 => vec(any::<u8>(), 0..1500),
        4 => rtp(),
        4 => mutated(rtp()),
        2 => rtcp(),
        2 => mutated(rtcp()),
    ];
    let age_ms = prop_oneof![8 => 0..20i64, 1 => -2000..2000i64];
    (0..4u8, age_ms, bytes).prop_map(|(host, age_ms, bytes)| Event::Datagram {
        host,
        age_ms,
        bytes,
    })
}

fn stream() -> impl Strategy<Value = Event> {
    let step = prop_oneof![4 => Just(960u32), 2 => 0..6000u32, 1 => any::<u32>()];
    (
        ssrc(),
        any::<u16>(),
        any::<u32>(),
        step,
        any::<bool>(),
        vec(payload(), 1..40),
    )
        .prop_map(
            |(ssrc, sequence_number, timestamp, step, is_redundant, payloads)| Event::Stream {
                ssrc,
                sequence_number,
                timestamp,
                step,
                is_redundant,
                payloads,
            },
        )
}

pub(crate) fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => datagram(),
        4 => stream(),
        1 => (ssrc(), 0..=200i64, any::<bool>())
            .prop_map(|(ssrc, percent, muted)| Event::Configure { ssrc, percent, muted }),
        1 => ssrc().prop_map(|ssrc| Event::Forget { ssrc }),
        4 => (1..10u8).prop_map(Event::Slots),
        1 => prop_oneof![4 => 0..5000u32, 1 => any::<u32>()].prop_map(|ms| Event::Stall { ms }),
    ]
}
