//! One client of the hub: the operator's settings, the sender's description of itself, and its audio.
//!
//! Always: a muted client is decoded like any other, and its meter shows its level.

mod owner;
mod view;

use core::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::SLOT_SAMPLES;
use crate::framing::Framing;
use crate::level::Meter;
use crate::mix::{Gains, Mix, Sum};
use crate::ownership::Ownership;
use crate::probation::Probation;
use crate::quality;
use crate::red::Redundant;
use crate::refused::Refused;
use crate::reports::{Peer, Reporter};
use crate::rivals::Owner;
use crate::rtcp::CaptureTrouble;
use crate::rtp::{Header, Packet};
use crate::settings::{ClientSettings, Name, SoundingFrom};
use crate::sounding::Sounding;
use crate::source::{Insertion, Load, Scratch, Source, SourceStats};
pub use view::{ClientView, KnownClient, PayloadTypes, Status, Withheld};

/// Strays from one address that make a conflict: more than a restarted sender causes.
const CONFLICT_PACKETS: u32 = 25;
/// Time without a stray after which a conflict is over.
const CONFLICT_HOLD: Duration = Duration::from_secs(5);

/// Time after a goodbye in which a packet of the stream proves that it was none.
const GOODBYE_TIME: Duration = Duration::from_millis(100);
/// Time of packets without a break from which a client is not a passing one.
const LASTS_FROM: Duration = Duration::from_secs(60);

/// Time for which a report of capture trouble holds; senders repeat it every 2.5 to 7.5 s.
const CAPTURE_TROUBLE_HOLD: Duration = Duration::from_secs(25);

/// Packets from another address with a client's SSRC that do not belong to its stream.
#[derive(Debug, Clone, Copy)]
struct Strays {
    address: SocketAddr,
    last: Instant,
    packets: u32,
}

impl Strays {
    fn is_recent(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) < CONFLICT_HOLD
    }

    fn conflict(&self, now: Instant) -> Option<SocketAddr> {
        (self.packets >= CONFLICT_PACKETS && self.is_recent(now)).then_some(self.address)
    }
}

/// A client's state.
pub(crate) struct Client {
    pub(crate) settings: ClientSettings,
    pub(crate) sender_name: Option<Name>,
    /// The address that owns its stream, or that owned it last; `None` for a client inside the server.
    pub(crate) address: Option<SocketAddr>,
    pub(crate) last_packet: Option<Instant>,
    pub(crate) payload_types: Option<PayloadTypes>,
    /// State of its RTCP.
    pub(crate) peer: Peer,
    /// Made with the first packet: a client of an earlier run needs no decoder.
    source: Option<Source>,
    connected: bool,
    ownership: Ownership,
    /// When it said goodbye, unless its stream has gone on since.
    goodbye: Option<Instant>,
    /// When it connected; `None` if it has not in this run.
    connected_at: Option<Instant>,
    /// Whether it lasted for [`LASTS_FROM`] before it disconnected, or was seen in an earlier run.
    has_lasted: bool,
    strays: Option<Strays>,
    /// The address whose packet was just turned away because it is another sender's.
    turned_away: Option<SocketAddr>,
    /// Whether it was seen in an earlier run.
    seen_earlier: bool,
    /// When it came into the list.
    added: Instant,
    sounding: Sounding,
    /// What it last reported about its capture if that was trouble, and when.
    capture_trouble: Option<(CaptureTrouble, Instant)>,
    meter: Meter,
    quality: quality::Window,
    gains: Gains,
    /// Frames over the budget that were counted.
    over_budget: u64,
    probation: Probation,
}

impl Client {
    /// `sounding_from` is the server's setting.
    pub(crate) fn new(
        ssrc: u32,
        settings: ClientSettings,
        mixes: &[Mix],
        sounding_from: SoundingFrom,
        now: Instant,
    ) -> Self {
        Self {
            sounding: Sounding::new(settings.sounding_from.unwrap_or(sounding_from)),
            gains: Gains::new(mixes.iter().map(|mix| mix.gain(ssrc, &settings))),
            settings,
            over_budget: 0,
            sender_name: None,
            address: None,
            last_packet: None,
            peer: Peer::default(),
            source: None,
            connected: false,
            ownership: Ownership::default(),
            goodbye: None,
            connected_at: None,
            has_lasted: false,
            payload_types: None,
            strays: None,
            turned_away: None,
            seen_earlier: false,
            added: now,
            capture_trouble: None,
            meter: Meter::default(),
            quality: quality::Window::default(),
            probation: Probation::default(),
        }
    }

    /// Sets what is known of the client from an earlier run.
    pub(crate) fn restore(&mut self, now: Instant, known: &KnownClient) {
        let at = |ago: Option<Duration>| ago.and_then(|ago| now.checked_sub(ago));
        self.added = now;
        self.sender_name.clone_from(&known.sender_name);
        self.seen_earlier = known.seen_before;
        self.has_lasted = known.seen_before;
        self.last_packet = at(known.last_seen_ago);
        self.sounding.restore(at(known.last_sound_ago));
    }

    /// Applies an operator's settings; `sounding_from` is the server's.
    pub(crate) fn configure(
        &mut self,
        ssrc: u32,
        settings: ClientSettings,
        mixes: &[Mix],
        sounding_from: SoundingFrom,
    ) {
        let sounding_from = settings.sounding_from.unwrap_or(sounding_from);
        self.sounding.set_from(sounding_from);
        let targets = mixes.iter().map(|mix| mix.gain(ssrc, &settings));
        self.gains.set(targets);
        self.settings = settings;
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connected
    }

    /// Whether its packets came for over a minute, or it was seen in an earlier run.
    pub(crate) fn has_lasted(&self) -> bool {
        let lasts =
            |(from, to): (Instant, Instant)| to.saturating_duration_since(from) >= LASTS_FROM;
        let connection = self.connected_at.zip(self.last_packet);
        self.has_lasted || self.connected && connection.is_some_and(lasts)
    }

    /// Takes a packet, which changes something only if it is one of the stream's owner.
    ///
    /// # Errors
    /// Why it is not part of the stream, or [`Refused::TooManyClients`] if there is no memory for a
    /// decoder.
    pub(crate) fn insert(
        &mut self,
        arrival: Instant,
        from: Option<SocketAddr>,
        packet: &Packet<'_>,
        redundant: Option<&Redundant<'_>>,
        framing: &Framing,
        max_delay: Duration,
    ) -> Result<Insertion, Refused> {
        if !self.connected {
            self.begin_at(from);
        } else if from != self.address {
            return self.take_from_other(arrival, from, packet, redundant, framing);
        }
        if self.source.is_none() {
            let source = Source::new(max_delay).map_err(|_no_memory| Refused::TooManyClients)?;
            self.source = Some(source);
        }
        self.insert_own(arrival, packet, redundant, framing)
    }

    /// Passes a packet of the owner on to the source.
    fn insert_own(
        &mut self,
        arrival: Instant,
        packet: &Packet<'_>,
        redundant: Option<&Redundant<'_>>,
        framing: &Framing,
    ) -> Result<Insertion, Refused> {
        let Some(source) = &mut self.source else {
            return Err(Refused::TooManyClients);
        };
        let prepared = source.prepare();
        prepared.map_err(|_no_memory| Refused::TooManyClients)?;
        let insertion = source.insert(arrival, packet, framing.samples, redundant);
        match insertion {
            Insertion::Stray => return Err(Refused::Stray),
            Insertion::Begins => self.probation.restart(),
            _ => {}
        }
        if insertion != Insertion::Repeated {
            let own = redundant.map_or(packet.payload, |redundant| redundant.payload);
            self.probation.take(arrival, packet, own, framing);
            self.quality.count(framing.samples);
            self.goodbye = None;
        }
        if !self.connected {
            self.settle_gains();
            self.connected_at = Some(arrival);
        }
        (self.connected, self.last_packet) = (true, Some(arrival));
        Ok(insertion)
    }

    /// Takes a refused packet with this client's SSRC. From the address of its sound it occupies its
    /// sequence number; it is no sign of life, so that a client without sound goes offline.
    pub(crate) fn note_refused(
        &mut self,
        arrival: Instant,
        from: Option<SocketAddr>,
        header: &Header,
        reason: Refused,
    ) {
        let source = self.source.as_mut().filter(|_| self.connected);
        if let Some(source) = source.filter(|_| from == self.address)
            && source.occupy(arrival, header.sequence_number, header.timestamp)
            && reason == Refused::NotOpus
        {
            self.probation.take_malformed();
        }
    }

    /// Counts a packet with this client's SSRC that does not belong to its stream. Of several addresses
    /// the first one is counted for as long as it sends.
    fn note_stray(&mut self, arrival: Instant, address: SocketAddr) {
        let before = self.strays.filter(|strays| strays.is_recent(arrival));
        if before.is_some_and(|strays| strays.address != address) {
            return;
        }
        self.strays = Some(Strays {
            address,
            last: arrival,
            packets: before.map_or(0, |strays| strays.packets).saturating_add(1),
        });
    }

    /// Takes out the address whose packet was just turned away because it is another sender's.
    #[cold]
    pub(crate) fn take_turned_away(&mut self) -> Option<SocketAddr> {
        self.turned_away.take()
    }

    /// Returns the owner of its stream, if it is connected and not inside the server.
    pub(crate) fn owner(&self) -> Option<Owner> {
        let (address, last) = self.address.zip(self.last_packet)?;
        self.connected.then_some(Owner { address, last })
    }

    /// Takes note of its goodbye, which holds unless its stream goes on within 100 ms.
    pub(crate) fn note_goodbye(&mut self, arrival: Instant) {
        self.goodbye.get_or_insert(arrival);
    }

    /// Whether it has said goodbye, and nothing of its stream has come since.
    pub(crate) fn has_left(&self, now: Instant) -> bool {
        self.goodbye
            .is_some_and(|at| now.saturating_duration_since(at) >= GOODBYE_TIME)
    }

    /// Gives back the memory of claims to its stream that nobody pursues any more.
    pub(crate) fn forget_old_claims(&mut self, now: Instant) {
        self.ownership.forget_old_claims(now);
    }

    /// Takes what it reports about its capture; returns whether that is something else than before.
    pub(crate) fn note_capture(
        &mut self,
        arrival: Instant,
        trouble: Option<CaptureTrouble>,
    ) -> bool {
        let before = self.capture_trouble.map(|(trouble, _)| trouble);
        self.capture_trouble = trouble.map(|trouble| (trouble, arrival));
        before != trouble
    }

    /// Forgets capture trouble that it no longer repeats, as when another program sends with its
    /// SSRC; returns whether there was any.
    pub(crate) fn forget_old_capture_trouble(&mut self, now: Instant) -> bool {
        let is_old = |(_, reported): &mut (CaptureTrouble, Instant)| {
            now.saturating_duration_since(*reported) >= CAPTURE_TROUBLE_HOLD
        };
        self.capture_trouble.take_if(is_old).is_some()
    }

    /// Decodes one slot of a connected client into `pcm` and adds it to the sum of each mix.
    pub(crate) fn play(
        &mut self,
        due: Instant,
        load: Load,
        scratch: &mut Scratch,
        pcm: &mut [f32; SLOT_SAMPLES],
        sums: &mut [Sum],
    ) {
        let source = self.source.as_mut();
        if !source.is_some_and(|source| source.play(due, load, scratch, pcm)) {
            self.meter.push_silence();
            self.sounding.push_silence();
            self.settle_gains();
            return;
        }
        let peak = self.meter.push(pcm);
        if self.probation.is_withheld() {
            self.sounding.push_silence();
            self.gains.fade_out(pcm, sums);
            return;
        }
        self.sounding.push(due, peak);
        self.gains.add(pcm, sums);
    }

    /// Brings the gains to their end, while nothing of the client is audible.
    fn settle_gains(&mut self) {
        if self.probation.is_withheld() {
            self.gains.shut();
        } else {
            self.gains.jump();
        }
    }

    pub(crate) fn skip_slots(&mut self, slots: u64) {
        if let Some(source) = &mut self.source {
            source.skip_slots(slots);
        }
    }

    /// Returns whether no packet has come after this instant.
    pub(crate) fn is_silent_since(&self, since: Instant) -> bool {
        self.last_packet.is_none_or(|last| last <= since)
    }

    /// Returns whether it is of no use to anybody: unconfigured, and gone for `limit`. If nobody
    /// knows when it was seen last, the time counts from its appearance in the list.
    pub(crate) fn is_forgotten_after(&self, now: Instant, limit: Duration) -> bool {
        let last = self.last_packet.unwrap_or(self.added);
        !self.connected
            && !self.settings.is_configured()
            && now.saturating_duration_since(last) >= limit
    }

    pub(crate) fn disconnect(&mut self) {
        self.has_lasted = self.has_lasted();
        self.connected = false;
        self.goodbye = None;
        self.ownership.forget_claims();
        self.capture_trouble = None;
        self.meter = Meter::default();
        self.sounding.push_silence();
        if let Some(source) = &mut self.source {
            source.forget_stream();
        }
        let stats = self.stats();
        self.quality.restart(&stats);
        self.peer.restart(&stats);
    }

    /// Returns the RTCP report that is due to it, if any.
    #[inline]
    pub(crate) fn report(
        &mut self,
        now: Instant,
        ssrc: u32,
        reporter: &mut Reporter,
    ) -> Option<(SocketAddr, Bytes)> {
        if self.peer.is_due(now) {
            self.due_report(now, ssrc, reporter)
        } else {
            None
        }
    }

    fn due_report(
        &mut self,
        now: Instant,
        ssrc: u32,
        reporter: &mut Reporter,
    ) -> Option<(SocketAddr, Bytes)> {
        let highest = self.source.as_ref()?.highest_sequence()?;
        let stats = self.stats();
        reporter.report(now, ssrc, &mut self.peer, &stats, highest)
    }

    /// Returns how many frames were left out for lack of a budget since the last call.
    pub(crate) fn take_over_budget(&mut self) -> u64 {
        let all = self.stats().over_budget;
        all.saturating_sub(std::mem::replace(&mut self.over_budget, all))
    }

    /// Takes a reading of the quality; must be called once a second.
    pub(crate) fn note_quality(&mut self) {
        if self.connected {
            self.quality.tick(&self.stats());
        }
    }

    fn stats(&self) -> SourceStats {
        self.source.as_ref().map(Source::stats).unwrap_or_default()
    }

    pub(crate) fn view(&self, ssrc: u32, now: Instant) -> ClientView {
        let ago = |at: Option<Instant>| at.map(|at| now.saturating_duration_since(at));
        let withheld = self.connected && self.probation.is_withheld();
        let stats = self.stats();
        let sound = self.sounding.began();
        ClientView {
            ssrc,
            settings: self.settings.clone(),
            sender_name: self.sender_name.clone(),
            status: match self.sounding.is_sounding(now) {
                _ if !self.connected => Status::Offline,
                _ if withheld => Status::Connected,
                true => Status::Sounding,
                false => Status::Connected,
            },
            address: self.address,
            level: self.meter.level(),
            seen_before: self.seen_earlier || self.last_packet.is_some(),
            last_packet_ago: ago(self.last_packet),
            last_sound_ago: ago(self.sounding.last()),
            sound_began_ago: ago(sound.map(|sound| sound.0)),
            sound_peak_dbfs: sound.map(|sound| sound.1),
            sounding_from: self.sounding.from(),
            steady: self.sounding.is_steady(),
            stats,
            quality: self
                .connected
                .then(|| self.quality.report(&stats))
                .flatten(),
            conflict: self.strays.and_then(|strays| strays.conflict(now)),
            withheld: withheld.then_some(Withheld::NotOpus),
            round_trip: self.peer.round_trip(),
            capture_trouble: self.capture_trouble.map(|(trouble, _)| trouble),
            payload_types: self.payload_types,
        }
    }
}
