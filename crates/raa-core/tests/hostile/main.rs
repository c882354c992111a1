//! Whatever any host sends, the hub keeps its invariants: it does not panic, it stays within its
//! limits, every slot is exactly one frame of finite audio, and no address is sent more bytes than it
//! has sent.
//!
//! The random events are seeded, so a failure is the same on every machine. proptest shrinks it and
//! stores it in `proptest-regressions/`, from where it is always replayed.

#![allow(clippy::unwrap_used)]

mod events;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use raa_core::client::ClientView;
use raa_core::codec::{Decoder, MAX_PACKET_SAMPLES};
use raa_core::hub::{Accepted, Command, Hub, HubConfig, Origin, Output};
use raa_core::red;
use raa_core::refused::Refused;
use raa_core::rtcp::{self, Description, SenderReport};
use raa_core::rtp::{Packet, StreamStart};
use raa_core::settings::{ClientSettings, Volume};
use raa_core::{SLOT, SLOT_SAMPLES};

use events::{Event, RESERVED, event};

/// Limit of unconfigured clients.
const MAX_CLIENTS: usize = 20;

/// A hub, its clock, and its expected state.
struct Bench {
    hub: Hub,
    start: Instant,
    now: Instant,
    datagrams: u64,
    accepted: u64,
    /// First packets, which are accepted and may be refused later.
    firsts: u64,
    frames: u64,
    configured: Vec<u32>,
    /// Bytes received from each address, less those sent to it.
    unanswered: HashMap<SocketAddr, usize>,
    decoder: Decoder,
}

impl Bench {
    fn new() -> Self {
        let mix_stream = StreamStart {
            ssrc: 1,
            sequence_number: 65_530,
            timestamp: u32::MAX - 5000,
        };
        let mut config = HubConfig {
            offline_after: Duration::from_secs(10),
            max_unconfigured_clients: MAX_CLIENTS,
            reserved_ssrcs: vec![RESERVED],
            ..HubConfig::new(mix_stream, std::time::SystemTime::UNIX_EPOCH)
        };
        config.main_mix.encoder.complexity = 0;
        // Later than the clock's origin, so that datagrams can be older than the start.
        #[expect(clippy::disallowed_methods, reason = "simulated time needs an origin")]
        let start = Instant::now() + Duration::from_secs(3600);
        Self {
            hub: Hub::new(config, start).unwrap(),
            start,
            now: start,
            datagrams: 0,
            accepted: 0,
            firsts: 0,
            frames: 0,
            configured: Vec::new(),
            unanswered: HashMap::new(),
            decoder: Decoder::new().unwrap(),
        }
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Datagram {
                host,
                age_ms,
                bytes,
            } => self.receive(host, age_ms, &bytes),
            Event::Stream {
                ssrc,
                sequence_number,
                timestamp,
                step,
                is_redundant,
                payloads,
            } => {
                let earlier = |n: u32| red::Earlier {
                    payload_type: 111,
                    offset: (step % 20_000) as u16,
                    payload: &payloads[n.saturating_sub(1) as usize],
                };
                for (n, payload) in (0u32..).zip(&payloads) {
                    let mut datagram = Vec::new();
                    let (payload_type, payload) = if is_redundant {
                        let mut twice = Vec::new();
                        red::write(std::iter::once(earlier(n)), 111, payload, &mut twice);
                        (red::PAYLOAD_TYPE, twice)
                    } else {
                        (111, payload.clone())
                    };
                    let packet = Packet {
                        marker: n == 0,
                        payload_type,
                        sequence_number: sequence_number.wrapping_add(n as u16),
                        timestamp: timestamp.wrapping_add(n.wrapping_mul(step)),
                        ssrc,
                        payload: &payload,
                    };
                    packet.write(&mut datagram);
                    self.receive(9, 0, &datagram);
                    self.play();
                }
            }
            Event::Configure {
                ssrc,
                percent,
                muted,
            } => self.configure(ssrc, percent, muted),
            Event::Forget { ssrc } => {
                if self.hub.handle_command(Command::Forget { ssrc }).is_ok() {
                    self.configured.retain(|each| *each != ssrc);
                }
            }
            Event::Slots(count) => (0..count).for_each(|_| self.play()),
            Event::Stall { ms } => {
                self.now += Duration::from_millis(ms.into());
                self.play();
            }
        }
        self.check_bounds();
    }

    fn configure(&mut self, ssrc: u32, percent: i64, muted: bool) {
        let volume = Volume::new(percent).unwrap();
        let settings = ClientSettings {
            name: None,
            volume,
            muted,
            ..ClientSettings::default()
        };
        if settings.is_configured() {
            self.configured.push(ssrc);
        } else {
            self.configured.retain(|each| *each != ssrc);
        }
        self.hub
            .handle_command(Command::Configure { ssrc, settings })
            .unwrap();
    }

    fn receive(&mut self, host: u8, age_ms: i64, bytes: &[u8]) {
        let age = Duration::from_millis(age_ms.unsigned_abs());
        let arrival = if age_ms < 0 {
            self.now + age
        } else {
            self.now - age
        };
        let address = SocketAddr::from(([192, 0, 2, host], 5000));
        let from = Origin::from(address);
        self.datagrams += 1;
        *self.unanswered.entry(address).or_default() += bytes.len();
        let taken = self.hub.handle_packet(arrival, from, bytes);
        self.accepted += u64::from(taken.is_ok());
        self.firsts += u64::from(matches!(taken, Ok(Accepted::First { .. })));
    }

    /// Plays the next slot and asserts that it gives exactly one frame, which decodes.
    fn play(&mut self) {
        self.now = self.now.max(self.hub.poll_timeout());
        self.hub.handle_timeout(self.now);
        let mut frames = 0;
        while let Some(output) = self.hub.poll_output() {
            match output {
                Output::Mix {
                    datagram: frame, ..
                } => {
                    frames += 1;
                    self.hear(&frame);
                }
                Output::Send { to, datagram, .. } => self.answer(to, &datagram),
                Output::Event(_) => {}
            }
        }
        assert_eq!(frames, 1, "one slot is one frame");
        self.frames += 1;
        assert!(
            self.hub.poll_timeout() > self.now,
            "the next slot lies ahead"
        );
    }

    fn answer(&mut self, to: SocketAddr, datagram: &[u8]) {
        rtcp::parse(datagram, |_| ()).unwrap();
        let left = self.unanswered[&to].checked_sub(datagram.len());
        self.unanswered.insert(to, left.expect("no more than came"));
    }

    fn hear(&mut self, frame: &[u8]) {
        let packet = Packet::parse(frame).unwrap();
        let mut pcm = [0.0; MAX_PACKET_SAMPLES];
        assert_eq!(
            self.decoder.decode(packet.payload, &mut pcm),
            Ok(SLOT_SAMPLES)
        );
        assert!(pcm[..SLOT_SAMPLES].iter().all(|x| x.is_finite()));
    }

    fn check_bounds(&self) {
        let stats = self.hub.stats();
        assert_eq!(stats.slots, self.frames);
        let due = self.now.duration_since(self.start).as_nanos() / SLOT.as_nanos();
        assert_eq!(u128::from(stats.slots + stats.skipped_slots), due);
        // What is over the budget was accepted before.
        let refused = stats.refused.iter();
        let refused = refused.filter(|(reason, _)| *reason != Refused::OverBudget);
        let refused: u64 = refused.map(|(_, count)| count).sum();
        let counted = refused + self.accepted;
        let expected = self.datagrams..=self.datagrams + self.firsts;
        assert!(expected.contains(&counted), "{counted} not in {expected:?}");
        let clients: Vec<ClientView> = self.hub.clients(self.now).collect();
        let set = |client: &&ClientView| client.settings.is_configured();
        assert!(clients.iter().filter(|client| !set(client)).count() <= MAX_CLIENTS + 6);
        for ssrc in &self.configured {
            assert!(
                clients.iter().any(|client| client.ssrc == *ssrc),
                "{ssrc} was set and is gone"
            );
        }
        clients.iter().for_each(check_view);
    }
}

fn check_view(client: &ClientView) {
    let stats = client.stats;
    assert!((0.0..1e9).contains(&stats.delay_ms), "{stats:?}");
    assert!((0.0..1e9).contains(&stats.jitter_ms), "{stats:?}");
    if let Some(report) = client.quality {
        for percent in [report.loss_percent, report.concealed_percent] {
            assert!((0.0..=100.0).contains(&percent), "{report:?}");
        }
    }
    let levels = [client.level.rms_dbfs, client.level.peak_dbfs];
    assert!(
        levels.iter().all(|level| (-120.0..=10.0).contains(level)),
        "{levels:?}"
    );
    assert!(client.name().chars().count() <= 64);
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 200,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_hub_keeps_its_promises_whatever_arrives(events in vec(event(), 1..40)) {
        let mut bench = Bench::new();
        events.into_iter().for_each(|event| bench.apply(event));
        (0..20).for_each(|_| bench.play());
    }

    #[test]
    fn rtp_that_is_written_is_read_again(
        marker: bool,
        payload_type in 0..128u8,
        sequence_number: u16,
        timestamp: u32,
        ssrc: u32,
        payload in vec(any::<u8>(), 1..300),
    ) {
        let packet = Packet { marker, payload_type, sequence_number, timestamp, ssrc, payload: &payload };
        let mut datagram = Vec::new();
        packet.write(&mut datagram);
        prop_assert_eq!(Packet::parse(&datagram), Ok(packet));
    }

    #[test]
    fn rtcp_names_are_read_as_they_were_written(ssrc: u32, name in ".{1,60}") {
        let report = SenderReport { ssrc, ntp: 1, rtp_timestamp: 2, packets: 3, octets: 4 };
        let mut datagram = Vec::new();
        let description = Description { ssrc, cname: "a@b", name: &name, tool: "t" };
        rtcp::write_report(&report, &description, None, &mut datagram);
        let mut read = Vec::new();
        rtcp::parse(&datagram, |item| read.push(item)).unwrap();
        let expected = rtcp::Item::Name { ssrc, text: name.as_bytes() };
        prop_assert_eq!(read, [rtcp::Item::SenderReport(report), expected]);
    }
}
