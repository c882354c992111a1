//! The server without sockets, threads or clocks: datagrams and commands in, mixed frames out.
//!
//! Contract: after every `handle_*`, call [`Hub::poll_output`] until it answers `None`; then
//! wait for a datagram, a command, or the instant [`Hub::poll_timeout`] names.
//!
//! Always: one slot is exactly one frame of the mix, whatever the senders do; after a stall the
//! missed slots are skipped and never played in a burst; no datagram panics, grows memory
//! without a limit, or evicts a client an operator has touched.

use core::net::SocketAddr;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::client::{Client, ClientView, KnownClient};
use crate::codec::{self, CodecError, Encoder, MAX_ENCODED_LEN};
use crate::mix::Limiter;
use crate::red::{self, Redundant};
use crate::refused::Refused;
use crate::reports::Reporter;
use crate::rtcp;
use crate::rtp::{self, Packet, StreamStart};
use crate::settings::{ClientSettings, Name};
use crate::source::{Accepted, Load};
use crate::{OPUS_PAYLOAD_TYPE, SLOT, SLOT_SAMPLES};
pub use shares::Share;
pub use types::{ClientEvent, Command, CommandError, HubConfig, HubStats, Origin, Output};

mod shares;
mod types;

/// New clients in one slot at most: a flood of forged SSRCs costs no more than this.
const MAX_NEW_PER_SLOT: u32 = 50;
/// Lateness from which two slots in a row mean that the work does not fit into the slots: half a
/// slot. A single late slot is a late timer or a busy host.
const LATE_FROM: Duration = Duration::from_millis(10);
/// Time after two late slots in which work that can wait is put off.
const LATE_FOR: Duration = Duration::from_secs(1);
/// Slots in a second.
const QUALITY_SLOTS: u64 = 50;

/// See the module's text.
pub struct Hub {
    config: HubConfig,
    clients: BTreeMap<u32, Client>,
    next_slot: Instant,
    began_late: bool,
    late_until: Option<Instant>,
    new_in_slot: u32,
    outputs: VecDeque<Output>,
    stats: HubStats,
    limiter: Limiter,
    encoder: Encoder,
    /// The last frame was DTX and nobody was in the mix.
    in_dtx: bool,
    stream: StreamStart,
    reporter: Reporter,
}

impl Hub {
    /// The first slot is due at `start + SLOT`.
    ///
    /// # Errors
    /// When a setting of the mix's encoder is out of its range.
    pub fn new(config: HubConfig, start: Instant) -> Result<Self, CodecError> {
        Ok(Self {
            encoder: Encoder::new(config.encoder)?,
            in_dtx: false,
            stream: config.mix_stream,
            reporter: Reporter::new(config.mix_stream.ssrc, start, config.wall_clock),
            config,
            clients: BTreeMap::new(),
            next_slot: start + SLOT,
            began_late: false,
            late_until: None,
            new_in_slot: 0,
            outputs: VecDeque::new(),
            stats: HubStats::default(),
            limiter: Limiter::default(),
        })
    }

    /// Lists a client of an earlier run, as offline.
    pub fn restore(&mut self, now: Instant, known: KnownClient) {
        let mut client = Client::new(known.settings);
        client.sender_name = known.sender_name;
        client.last_packet = known.last_seen_ago.and_then(|ago| now.checked_sub(ago));
        self.clients.insert(known.ssrc, client);
    }

    /// Takes one datagram of the audio port: RTP or RTCP (RFC 5761).
    ///
    /// # Errors
    /// Why it was refused; that is counted already.
    pub fn handle_packet(
        &mut self,
        arrival: Instant,
        from: Origin,
        datagram: &[u8],
    ) -> Result<(), Refused> {
        let taken = if rtp::is_rtcp(datagram) {
            self.take_rtcp(arrival, from, datagram)
        } else {
            self.take_rtp(arrival, from, datagram)
        };
        taken.inspect_err(|&reason| self.stats.refused.count(reason))
    }

    /// Applies a command between two slots.
    ///
    /// # Errors
    /// Why it can't be carried out; then nothing has changed.
    pub fn handle_command(&mut self, command: Command) -> Result<(), CommandError> {
        match command {
            Command::Configure { ssrc, settings } => match self.clients.get_mut(&ssrc) {
                Some(client) => client.settings = settings,
                None => _ = self.clients.insert(ssrc, Client::new(settings)),
            },
            Command::Forget { ssrc } => match self.clients.get(&ssrc) {
                None => return Err(CommandError::NotFound(ssrc)),
                Some(client) if client.is_connected() => return Err(CommandError::Connected(ssrc)),
                Some(_) => _ = self.clients.remove(&ssrc),
            },
        }
        Ok(())
    }

    /// When to call [`Hub::handle_timeout`] next.
    pub fn poll_timeout(&self) -> Instant {
        self.next_slot
    }

    /// Plays the slot that is due by `now`; earlier ones that were missed are skipped.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.handle_timeout_with(now, |shares| shares.iter_mut().for_each(Share::play));
    }

    /// As [`Hub::handle_timeout`]; `play_all` plays every share of the slot's work, in any order
    /// and on as many threads as it likes. What it does not play is not heard.
    pub fn handle_timeout_with(&mut self, now: Instant, play_all: impl FnOnce(&mut [Share<'_>])) {
        let Some(late) = now.checked_duration_since(self.next_slot) else {
            return;
        };
        let load = self.load(now, late);
        let missed = (late.as_nanos() / SLOT.as_nanos()) as u64;
        if missed > 0 {
            self.skip_slots(missed);
        }
        self.expire_and_report(now);
        self.play_slot(load, play_all);
        self.next_slot += SLOT;
        self.new_in_slot = 0;
        if self.stats.slots.is_multiple_of(QUALITY_SLOTS) {
            self.clients.values_mut().for_each(Client::note_quality);
        }
    }

    /// The next thing to do, oldest first.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// All clients, by SSRC.
    pub fn clients(&self, now: Instant) -> impl Iterator<Item = ClientView> {
        self.clients
            .iter()
            .map(move |(&ssrc, client)| client.view(ssrc, now))
    }

    /// One client.
    pub fn client(&self, ssrc: u32, now: Instant) -> Option<ClientView> {
        self.clients.get(&ssrc).map(|client| client.view(ssrc, now))
    }

    /// All counters.
    pub fn stats(&self) -> &HubStats {
        &self.stats
    }

    fn take_rtp(&mut self, arrival: Instant, from: Origin, datagram: &[u8]) -> Result<(), Refused> {
        let packet = Packet::parse(datagram).map_err(|e| Refused::of_datagram(datagram, e))?;
        let redundant = self.parse_redundant(&packet)?;
        let own = redundant.map_or(packet.payload, |redundant| redundant.payload);
        let samples = codec::packet_samples(own).ok_or(Refused::NotOpus)?;
        if from != Origin::Internal && self.config.reserved_ssrcs.contains(&packet.ssrc) {
            return Err(Refused::ReservedSsrc);
        }
        if !self.clients.contains_key(&packet.ssrc) {
            self.admit(packet.ssrc)?;
        }
        let Some(client) = self.clients.get_mut(&packet.ssrc) else {
            return Err(Refused::TooManyClients);
        };
        let was_connected = client.is_connected();
        let max_delay = self.config.max_playout_delay;
        match client.insert(arrival, &packet, samples, redundant.as_ref(), max_delay) {
            Ok(Accepted::InStream | Accepted::Repeated) => {}
            Ok(Accepted::Stray) => {
                client.note_stray(arrival, from.address());
                return Err(Refused::Stray);
            }
            Err(_no_memory) => return Err(Refused::TooManyClients),
        }
        client.address = from.address();
        client.peer.take_sound(client.address, datagram.len());
        if !was_connected {
            self.outputs
                .push_back(Output::Event(ClientEvent::Connected {
                    ssrc: packet.ssrc,
                    from,
                }));
        }
        Ok(())
    }

    /// The redundant audio that a packet carries (RFC 2198); `None` when it is plain Opus.
    fn parse_redundant<'a>(&self, packet: &Packet<'a>) -> Result<Option<Redundant<'a>>, Refused> {
        let is_opus = |payload_type| self.config.payload_types.contains(&payload_type);
        if is_opus(packet.payload_type) {
            return Ok(None);
        }
        if packet.payload_type != red::PAYLOAD_TYPE {
            return Err(Refused::PayloadType);
        }
        let redundant = Redundant::parse(packet.payload).map_err(|_| Refused::MalformedRed)?;
        let mut types = redundant.earlier().map(|earlier| earlier.payload_type);
        if !is_opus(redundant.payload_type) || !types.all(is_opus) {
            return Err(Refused::PayloadType);
        }
        Ok(Some(redundant))
    }

    /// Believes only the host that a client's sound comes from.
    fn take_rtcp(
        &mut self,
        arrival: Instant,
        from: Origin,
        datagram: &[u8],
    ) -> Result<(), Refused> {
        let (clients, outputs) = (&mut self.clients, &mut self.outputs);
        let reporter = &self.reporter;
        let from = from.address();
        // A datagram is paid for once, whatever number of clients it speaks of.
        let mut unpaid = datagram.len();
        let parsed = rtcp::parse(datagram, |item| {
            let (rtcp::Item::SenderReport(rtcp::SenderReport { ssrc, .. })
            | rtcp::Item::Name { ssrc, .. }
            | rtcp::Item::ReferenceTimeEcho { from: ssrc, .. }
            | rtcp::Item::Goodbye { ssrc }) = item
            else {
                return;
            };
            let Some(client) = clients.get_mut(&ssrc) else {
                return;
            };
            let host = |address: SocketAddr| address.ip();
            if !client.is_connected() || client.address.map(host) != from.map(host) {
                return;
            }
            client.last_packet = client.last_packet.max(Some(arrival));
            // Only where the sound itself comes from is answered.
            if client.peer.is_at(from) {
                client.peer.take_bytes(std::mem::take(&mut unpaid));
                reporter.take(&mut client.peer, arrival, &item);
            }
            outputs.extend(take_item(client, ssrc, &item).map(Output::Event));
        });
        parsed.map_err(|_| Refused::MalformedRtcp)
    }

    /// Makes room for a new client, if necessary by evicting the unconfigured client that has been
    /// offline longest.
    fn admit(&mut self, ssrc: u32) -> Result<(), Refused> {
        if self.new_in_slot == MAX_NEW_PER_SLOT {
            return Err(Refused::TooManyClients);
        }
        self.new_in_slot += 1;
        let unconfigured = || {
            self.clients
                .iter()
                .filter(|(_, client)| !client.settings.is_configured())
        };
        if unconfigured().count() >= self.config.max_unconfigured_clients {
            let oldest = unconfigured()
                .filter(|(_, client)| !client.is_connected())
                .min_by_key(|(_, client)| client.last_packet)
                .map(|(&ssrc, _)| ssrc)
                .ok_or(Refused::TooManyClients)?;
            self.clients.remove(&oldest);
            self.outputs
                .push_back(Output::Event(ClientEvent::Evicted { ssrc: oldest }));
        }
        self.clients
            .insert(ssrc, Client::new(ClientSettings::default()));
        Ok(())
    }

    /// Disconnects clients that have been silent too long and sends the others their reports.
    fn expire_and_report(&mut self, now: Instant) {
        let limit = self.config.offline_after;
        let connected = self.clients.iter_mut();
        for (&ssrc, client) in connected.filter(|(_, client)| client.is_connected()) {
            if client.is_silent_for(now, limit) {
                client.disconnect();
                let gone = ClientEvent::Disconnected { ssrc };
                self.outputs.push_back(Output::Event(gone));
            } else if let Some((to, datagram)) = client.report(now, ssrc, &mut self.reporter) {
                self.outputs.push_back(Output::Send { to, datagram });
            }
        }
    }

    fn skip_slots(&mut self, slots: u64) {
        self.stats.skipped_slots += slots;
        self.next_slot += Duration::from_nanos(SLOT.as_nanos() as u64 * slots);
        self.stream.timestamp = self
            .stream
            .timestamp
            .wrapping_add((slots * SLOT_SAMPLES as u64) as u32);
        for client in self.clients.values_mut() {
            client.skip_slots(slots);
        }
    }

    /// Judges by how late slots begin whether work that can wait is put off.
    fn load(&mut self, now: Instant, late: Duration) -> Load {
        let begins_late = late >= LATE_FROM;
        if begins_late && self.began_late {
            self.late_until = Some(now + LATE_FOR);
        }
        self.began_late = begins_late;
        match self.late_until {
            Some(until) if now < until => Load::Late,
            _ => Load::Normal,
        }
    }

    fn play_slot(&mut self, load: Load, play_all: impl FnOnce(&mut [Share<'_>])) {
        let connected = self.clients.values_mut();
        let mut connected: Vec<_> = connected.filter(|client| client.is_connected()).collect();
        let mut shares = Share::of(&mut connected, self.next_slot, load);
        play_all(&mut shares);
        let mut mix = [0.0; SLOT_SAMPLES];
        self.stats.active = shares.iter().map(|share| share.add_to(&mut mix)).sum();
        self.limiter.process(&mut mix);
        self.stats.slots += 1;
        let frame = self.encode(&mix);
        self.outputs.push_back(Output::Mix(frame));
    }

    /// Silence costs nothing once the encoder itself has called it silence; its regular
    /// refreshing frames, which some decoders play as noise, are left out, too.
    fn encode(&mut self, pcm: &[f32; SLOT_SAMPLES]) -> Bytes {
        /// TOC of a mono full-band CELT frame of 20 ms without data: silence (RFC 6716 3.1).
        const SILENCE: u8 = 31 << 3;
        let mut payload = [SILENCE; MAX_ENCODED_LEN];
        let is_silent = self.stats.active == 0;
        let len = if is_silent && self.in_dtx {
            1
        } else {
            // The sum is finite, so libopus has no reason to refuse; a frame goes out all the same.
            self.encoder.encode(pcm, &mut payload).unwrap_or(1)
        };
        self.in_dtx = is_silent && codec::is_dtx(&payload[..len]);
        let mut datagram = Vec::with_capacity(rtp::HEADER_LEN + len);
        let packet = Packet {
            marker: false,
            payload_type: OPUS_PAYLOAD_TYPE,
            sequence_number: self.stream.sequence_number,
            timestamp: self.stream.timestamp,
            ssrc: self.stream.ssrc,
            payload: &payload[..len],
        };
        packet.write(&mut datagram);
        self.stream.sequence_number = self.stream.sequence_number.wrapping_add(1);
        self.stream.timestamp = self.stream.timestamp.wrapping_add(SLOT_SAMPLES as u32);
        datagram.into()
    }
}

/// What a client says of itself.
fn take_item(client: &mut Client, ssrc: u32, item: &rtcp::Item<'_>) -> Option<ClientEvent> {
    match *item {
        rtcp::Item::Name { text, .. } => {
            let name = Name::from_sender(text)?;
            if client.sender_name.as_ref() == Some(&name) {
                return None;
            }
            client.sender_name = Some(name.clone());
            Some(ClientEvent::SenderNamed { ssrc, name })
        }
        rtcp::Item::Goodbye { .. } => {
            client.disconnect();
            Some(ClientEvent::Disconnected { ssrc })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
