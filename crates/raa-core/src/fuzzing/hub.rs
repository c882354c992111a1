//! A hub with a sequence of datagrams, commands and instants: the target that sees the most.
//!
//! Valid streams of several senders are the common case, so that a fuzzer gets past the parsers and
//! into the state behind them; raw bytes go in between.
//! Always: at most [`MAX_SLOTS`] slots for one input.

use core::net::SocketAddr;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use super::input::Input;
use crate::codec::{Decoder, Encoder, EncoderSettings, MAX_ENCODED_LEN, MAX_PACKET_SAMPLES};
use crate::hub::{Accepted, Command, Hub, HubConfig, Origin, Output};
use crate::mix::{MixConfig, MixId};
use crate::refused::Refused;
use crate::rtcp::{self, CaptureTrouble, Description, SenderReport};
use crate::rtp::{Packet, StreamStart};
use crate::settings::{ClientSettings, Name, Volume};
use crate::{OPUS_PAYLOAD_TYPE, SLOT, SLOT_SAMPLES, any_instant, red};

const MAX_SLOTS: u64 = 250;
/// SSRCs of the senders; the last one is reserved for the server.
const SSRCS: [u32; 6] = [2, 3, 0xcafe_babe, u32::MAX, 0, 77];
const RESERVED: u32 = 77;
const MIX_SSRC: u32 = 1;
/// The limit of unconfigured clients, which the senders exceed.
const MAX_UNCONFIGURED: usize = 3;

/// See the module's text.
pub(super) fn events(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut world = World::new(&mut input);
    while !input.is_empty() && world.hub.stats().slots < MAX_SLOTS {
        world.step(&mut input);
        world.check();
    }
    (0..3).for_each(|_| world.play());
    world.check();
}

/// One of eight origins: hosts with several ports, both versions of IP, and the server itself.
pub(super) fn origin(number: u8) -> Origin {
    let address: SocketAddr = match number % 8 {
        7 => return Origin::Internal,
        6 => ([0xfe80, 0, 0, 0, 0, 0, 0, 1], 5000).into(),
        n => ([192, 0, 2, n / 3], 5000 + u16::from(n % 3)).into(),
    };
    let to = (number & 8 != 0).then(|| ([192, 0, 2, 9], 4010).into());
    Origin::Network { from: address, to }
}

/// Takes all outputs and decodes the mixes; returns how many frames there were.
pub(super) fn hear_outputs(hub: &mut Hub, decoder: &mut Decoder) -> usize {
    let mut frames = 0;
    while let Some(output) = hub.poll_output() {
        if let Output::Mix { datagram, .. } = output {
            frames += 1;
            hear(decoder, &datagram);
        }
    }
    frames
}

fn hear(decoder: &mut Decoder, datagram: &[u8]) {
    let packet = Packet::parse(datagram).expect("a mix's frame is RTP");
    let mut pcm = [0.0; MAX_PACKET_SAMPLES];
    let samples = decoder.decode(packet.payload, &mut pcm);
    assert_eq!(samples, Ok(SLOT_SAMPLES));
    assert!(pcm[..SLOT_SAMPLES].iter().all(|sample| sample.is_finite()));
}

/// Frames of a tone, as an encoder makes them.
fn opus() -> &'static [Vec<u8>] {
    static FRAMES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    FRAMES.get_or_init(|| {
        let settings = EncoderSettings {
            bitrate: 24_000,
            complexity: 0,
        };
        let mut encoder = Encoder::new(settings).expect("the settings are valid");
        let encode = |frame: usize| {
            let sample = |n: usize| ((frame * SLOT_SAMPLES + n) as f32 * 0.06).sin() * 0.3;
            let pcm: [f32; SLOT_SAMPLES] = std::array::from_fn(sample);
            let mut out = [0; MAX_ENCODED_LEN];
            let len = encoder.encode(&pcm, &mut out).expect("a frame is encoded");
            out[..len].to_vec()
        };
        (0..16).map(encode).collect()
    })
}

/// What a sender sends next.
#[derive(Default, Clone, Copy)]
struct Stream {
    sequence_number: u16,
    timestamp: u32,
    frame: usize,
}

struct World {
    hub: Hub,
    start: Instant,
    now: Instant,
    streams: [Stream; SSRCS.len()],
    datagrams: u64,
    accepted: u64,
    /// Those of them that were the first packet of a new SSRC.
    firsts: u64,
    frames: u64,
    mixes: BTreeMap<MixId, Option<(u16, u32, u64)>>,
    /// SSRCs with settings, and those that ever had any.
    configured: Vec<u32>,
    ever_configured: Vec<u32>,
    /// Clients of inputs inside the server, which need no admission.
    internal: BTreeSet<u32>,
    /// Bytes received from each address, less those sent to it.
    unanswered: BTreeMap<SocketAddr, usize>,
    decoder: Decoder,
}

impl World {
    fn new(input: &mut Input<'_>) -> Self {
        let flags = input.byte();
        let stream = |ssrc| StreamStart {
            ssrc,
            sequence_number: 65_530,
            timestamp: u32::MAX - 5000,
        };
        let mut config = HubConfig {
            offline_after: Duration::from_secs(2),
            max_unconfigured_clients: MAX_UNCONFIGURED,
            forget_unconfigured_after: (flags & 1 != 0).then_some(Duration::from_secs(5)),
            reserved_ssrcs: vec![RESERVED],
            max_playout_delay: Duration::from_millis(if flags & 2 != 0 { 20 } else { 400 }),
            ..HubConfig::new(stream(MIX_SSRC), SystemTime::UNIX_EPOCH)
        };
        config.main_mix.encoder.complexity = 0;
        if flags & 4 != 0 {
            let mut other = MixConfig::new(stream(MIX_SSRC + 100));
            other.encoder.complexity = 0;
            other
                .volumes
                .extend(Volume::new(0).map(|volume| (SSRCS[0], volume)));
            config.other_mixes.insert(MixId(1), other);
        }
        let mixes = [MixId::MAIN]
            .into_iter()
            .chain(config.other_mixes.keys().copied());
        // Later than the clock's origin, so that datagrams can be older than the start.
        let start = any_instant() + Duration::from_secs(3600);
        Self {
            mixes: mixes.map(|id| (id, None)).collect(),
            hub: Hub::new(config, start).expect("the settings are valid"),
            start,
            now: start,
            streams: [Stream::default(); SSRCS.len()],
            datagrams: 0,
            accepted: 0,
            firsts: 0,
            frames: 0,
            configured: Vec::new(),
            ever_configured: Vec::new(),
            internal: BTreeSet::new(),
            unanswered: BTreeMap::new(),
            decoder: Decoder::new().expect("libopus makes a decoder"),
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match input.below(16) {
            0 => {
                let (from, age) = (input.byte(), input.signed());
                let datagram = input.counted();
                self.receive(from, age, datagram);
            }
            1..=5 => self.send_sound(input),
            6 => self.send_talkspurt(input),
            7 | 8 => self.send_rtcp(input),
            9 => self.configure(input),
            10 => self.forget(input),
            11 => {
                self.now += Duration::from_millis(u64::from(input.word()) * 4);
                self.play();
            }
            12 => self.now += Duration::from_micros(u64::from(input.byte()) * 100),
            _ => (0..=input.below(8)).for_each(|_| self.play()),
        }
    }

    /// One packet that continues its stream, or nearly.
    fn send_sound(&mut self, input: &mut Input<'_>) {
        let (who, from, kind) = (input.byte(), input.byte(), input.byte());
        let mut gap = (0, 0);
        if kind & 1 != 0 {
            gap = (i16::from(input.signed()), i32::from(input.signed()) * 240);
        }
        let age = if kind & 2 != 0 { input.signed() } else { 0 };
        let own = if kind & 4 != 0 {
            Some(input.counted())
        } else {
            None
        };
        let earlier = match kind >> 3 & 7 {
            0 => None,
            1 => Some((input.word(), input.counted())),
            _ => Some((SLOT_SAMPLES as u16, &[][..])),
        };
        self.send(who, from, age, gap, own, earlier);
    }

    /// A few packets of a valid stream, one per slot.
    fn send_talkspurt(&mut self, input: &mut Input<'_>) {
        let (who, from) = (input.byte(), input.byte());
        for _ in 0..=input.below(16) {
            self.send(who, from, 0, (0, 0), None, None);
            self.play();
        }
    }

    fn send(
        &mut self,
        who: u8,
        from: u8,
        age: i8,
        (steps, samples): (i16, i32),
        own: Option<&[u8]>,
        earlier: Option<(u16, &[u8])>,
    ) {
        let who = usize::from(who) % SSRCS.len();
        let stream = &mut self.streams[who];
        stream.sequence_number = stream.sequence_number.wrapping_add_signed(steps);
        stream.timestamp = stream.timestamp.wrapping_add_signed(samples);
        let before = &opus()[stream.frame % opus().len()];
        stream.frame += 1;
        let own = own.unwrap_or(&opus()[stream.frame % opus().len()]);
        let mut redundant = Vec::new();
        let (payload_type, payload) = match earlier {
            Some((offset, payload)) => {
                let payload = if payload.is_empty() { before } else { payload };
                let earlier = red::Earlier {
                    payload_type: OPUS_PAYLOAD_TYPE,
                    offset,
                    payload,
                };
                red::write(
                    [earlier].into_iter(),
                    OPUS_PAYLOAD_TYPE,
                    own,
                    &mut redundant,
                );
                (red::PAYLOAD_TYPE, &redundant[..])
            }
            None => (OPUS_PAYLOAD_TYPE, own),
        };
        let packet = Packet {
            marker: stream.frame == 1,
            payload_type,
            sequence_number: stream.sequence_number,
            timestamp: stream.timestamp,
            ssrc: SSRCS[who],
            payload,
        };
        stream.sequence_number = stream.sequence_number.wrapping_add(1);
        stream.timestamp = stream.timestamp.wrapping_add(SLOT_SAMPLES as u32);
        let mut datagram = Vec::new();
        packet.write(&mut datagram);
        self.receive(from, age, &datagram);
    }

    /// A compound packet of a sender.
    fn send_rtcp(&mut self, input: &mut Input<'_>) {
        let (who, from, kind) = (input.byte(), input.byte(), input.byte());
        let ssrc = SSRCS[usize::from(who) % SSRCS.len()];
        let mut datagram = Vec::new();
        if kind & 1 == 0 {
            let report = SenderReport {
                ssrc,
                ntp: u64::from(input.word()) << 40,
                rtp_timestamp: input.word().into(),
                packets: 3,
                octets: 4,
            };
            let name = String::from_utf8_lossy(input.counted());
            let description = Description {
                ssrc,
                cname: "a@b",
                name: &name,
                tool: "t",
            };
            let echo = (kind & 8 != 0).then(|| rtcp::TimeEcho {
                ssrc: MIX_SSRC,
                last: input.word().into(),
                delay: input.word().into(),
            });
            rtcp::write_report(&report, &description, echo, &mut datagram);
        }
        if kind & 2 != 0 {
            let troubles = [
                None,
                Some(CaptureTrouble::Muted),
                Some(CaptureTrouble::TurnedDown),
                Some(CaptureTrouble::NoDevice),
            ];
            let trouble = troubles[usize::from(input.below(4))];
            rtcp::write_capture_trouble(ssrc, trouble, &mut datagram);
        }
        if kind & 4 != 0 {
            rtcp::write_goodbye(ssrc, &mut datagram);
        }
        self.receive(from, 0, &datagram);
    }

    fn receive(&mut self, from: u8, age_ms: i8, datagram: &[u8]) {
        let age = Duration::from_millis(u64::from(age_ms.unsigned_abs()) * 8);
        let arrival = if age_ms < 0 {
            self.now + age
        } else {
            self.now - age
        };
        let from = origin(from);
        self.datagrams += 1;
        if let Some(address) = from.address() {
            *self.unanswered.entry(address).or_default() += datagram.len();
        }
        let taken = self.hub.handle_packet(arrival, from, datagram);
        self.accepted += u64::from(taken.is_ok());
        self.firsts += u64::from(matches!(taken, Ok(Accepted::First { .. })));
        if let (Origin::Internal, Ok(Accepted::Rtp { ssrc, .. })) = (from, taken) {
            self.internal.insert(ssrc);
        }
    }

    fn configure(&mut self, input: &mut Input<'_>) {
        let ssrc = SSRCS[usize::from(input.byte()) % SSRCS.len()];
        let volume = Volume::new(input.below(201).into()).expect("0 to 200 is allowed");
        let settings = ClientSettings {
            name: Name::new(&String::from_utf8_lossy(input.counted())).ok(),
            volume,
            muted: input.byte() & 1 != 0,
            ..ClientSettings::default()
        };
        self.configured.retain(|each| *each != ssrc);
        if settings.is_configured() {
            self.configured.push(ssrc);
            if !self.ever_configured.contains(&ssrc) {
                self.ever_configured.push(ssrc);
            }
        }
        let command = Command::Configure { ssrc, settings };
        self.hub
            .handle_command(command)
            .expect("settings are always applied");
    }

    fn forget(&mut self, input: &mut Input<'_>) {
        let ssrc = SSRCS[usize::from(input.byte()) % SSRCS.len()];
        if input.byte() & 1 == 0 {
            if self.hub.handle_command(Command::Forget { ssrc }).is_ok() {
                self.configured.retain(|each| *each != ssrc);
            }
            return;
        }
        let command = Command::ForgetOffline { ssrcs: vec![ssrc] };
        self.hub
            .handle_command(command)
            .expect("this is always carried out");
        if self.hub.client(ssrc, self.now).is_none() {
            self.configured.retain(|each| *each != ssrc);
        }
    }

    /// Plays the next slot, or the newest of those that were missed: exactly one frame of each mix.
    fn play(&mut self) {
        self.now = self.now.max(self.hub.poll_timeout());
        self.hub.handle_timeout(self.now);
        self.frames += 1;
        assert!(
            self.hub.poll_timeout() > self.now,
            "the next slot lies ahead"
        );
        let mut frames = 0;
        while let Some(output) = self.hub.poll_output() {
            match output {
                Output::Mix { mix, datagram } => {
                    frames += 1;
                    self.follow(mix, &datagram);
                }
                Output::Send { to, datagram, .. } => self.answer(to, &datagram),
                Output::Event(_) => {}
            }
        }
        assert_eq!(
            frames,
            self.mixes.len(),
            "one slot is one frame of each mix"
        );
    }

    /// A mix's stream counts its packets, and its timestamps count the slots.
    fn follow(&mut self, mix: MixId, datagram: &[u8]) {
        let packet = Packet::parse(datagram).expect("a mix's frame is RTP");
        let stats = self.hub.stats();
        let slots = stats.slots + stats.skipped_slots;
        let last = self.mixes.get_mut(&mix).expect("the mix was configured");
        if let Some((sequence_number, timestamp, before)) = *last {
            assert_eq!(packet.sequence_number, sequence_number.wrapping_add(1));
            let advance = (slots - before) as u32 * SLOT_SAMPLES as u32;
            assert_eq!(packet.timestamp, timestamp.wrapping_add(advance));
        }
        *last = Some((packet.sequence_number, packet.timestamp, slots));
        if mix == MixId::MAIN {
            hear(&mut self.decoder, datagram);
        }
    }

    fn answer(&mut self, to: SocketAddr, datagram: &[u8]) {
        rtcp::parse(datagram, |_| ()).expect("a report is RTCP");
        let left = self.unanswered.get_mut(&to).expect("it has sent something");
        *left = left
            .checked_sub(datagram.len())
            .expect("no more bytes than came");
    }

    fn check(&self) {
        let stats = self.hub.stats();
        assert_eq!(stats.slots, self.frames);
        let due = self
            .hub
            .poll_timeout()
            .duration_since(self.start)
            .as_nanos()
            / SLOT.as_nanos()
            - 1;
        assert_eq!(u128::from(stats.slots + stats.skipped_slots), due);
        let refused = stats.refused.iter();
        // What exceeds the budget was accepted; a first packet is refused after all if nothing follows it.
        let refused = refused.filter(|(reason, _)| *reason != Refused::OverBudget);
        let counted = refused.map(|(_, count)| count).sum::<u64>() + self.accepted;
        let expected = self.datagrams..=self.datagrams + self.firsts;
        assert!(
            expected.contains(&counted),
            "{counted} of {} are counted",
            self.datagrams
        );
        let clients: Vec<_> = self.hub.clients(self.now).collect();
        let unconfigured = clients
            .iter()
            .filter(|client| !client.settings.is_configured());
        let exempt = self.ever_configured.len() + self.internal.len();
        assert!(unconfigured.count() <= MAX_UNCONFIGURED + exempt);
        for ssrc in &self.configured {
            let kept = clients.iter().any(|client| client.ssrc == *ssrc);
            assert!(kept, "{ssrc} was set and is gone");
        }
        for client in &clients {
            assert!((0.0..1e9).contains(&client.stats.delay_ms), "{client:?}");
            assert!((0.0..1e9).contains(&client.stats.jitter_ms), "{client:?}");
            for level in [client.level.rms_dbfs, client.level.peak_dbfs] {
                assert!((-120.0..=20.0).contains(&level), "{client:?}");
            }
        }
        assert!(self.hub.refused_senders(self.now).len() <= 32);
    }
}
