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

use crate::SLOT;
use crate::client::{Client, ClientView, KnownClient};
use crate::codec::{self, CodecError};
use crate::mix::Mix;
use crate::red::{self, Redundant};
use crate::refused::Refused;
use crate::reports::Reporter;
use crate::rtcp;
use crate::rtp::{self, Packet};
use crate::settings::{ClientSettings, Name};
use crate::source::{Accepted, Load};
pub use executor::{Executor, Sequential};
use shares::{Share, Sums};
pub use types::{ClientEvent, Command, CommandError, HubConfig, HubStats, Origin, Output};

mod executor;
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
    /// By ID; the first is [`MixId::MAIN`].
    mixes: Vec<Mix>,
    sums: Sums,
    reporter: Reporter,
}

impl Hub {
    /// The first slot is due at `start + SLOT`.
    ///
    /// # Errors
    /// When a setting of a mix's encoder is out of its range.
    pub fn new(config: HubConfig, start: Instant) -> Result<Self, CodecError> {
        let mixes = config.mixes()?;
        Ok(Self {
            sums: Sums::new(mixes.len()),
            mixes,
            reporter: Reporter::new(config.main_mix.stream.ssrc, start, config.wall_clock),
            config,
            clients: BTreeMap::new(),
            next_slot: start + SLOT,
            began_late: false,
            late_until: None,
            new_in_slot: 0,
            outputs: VecDeque::new(),
            stats: HubStats::default(),
        })
    }

    /// Lists a client of an earlier run, as offline.
    pub fn restore(&mut self, now: Instant, known: KnownClient) {
        let mut client = Client::new(known.ssrc, known.settings, &self.mixes);
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

    /// Counts a datagram that the shell refuses in place of the hub, and returns the reason.
    pub fn refuse(&mut self, reason: Refused) -> Refused {
        self.stats.refused.count(reason);
        reason
    }

    /// Applies a command between two slots.
    ///
    /// # Errors
    /// Why it can't be carried out; then nothing has changed.
    pub fn handle_command(&mut self, command: Command) -> Result<(), CommandError> {
        match command {
            Command::Configure { ssrc, settings } => match self.clients.get_mut(&ssrc) {
                Some(client) => client.configure(ssrc, settings, &self.mixes),
                None => {
                    let client = Client::new(ssrc, settings, &self.mixes);
                    self.clients.insert(ssrc, client);
                }
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
        self.handle_timeout_with(now, &mut Sequential);
    }

    /// Does the same as [`Hub::handle_timeout`], with the slot's work carried out by `executor`.
    pub fn handle_timeout_with(&mut self, now: Instant, executor: &mut impl Executor) {
        let Some(late) = now.checked_duration_since(self.next_slot) else {
            return;
        };
        let load = self.load(now, late);
        let missed = (late.as_nanos() / SLOT.as_nanos()) as u64;
        if missed > 0 {
            self.skip_slots(missed);
        }
        self.expire_and_report(now);
        self.play_slot(load, executor);
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
        let client = Client::new(ssrc, ClientSettings::default(), &self.mixes);
        self.clients.insert(ssrc, client);
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
        for mix in &mut self.mixes {
            mix.skip_slots(slots);
        }
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

    /// Two rounds: clients are decoded and summed for all mixes, then mixes are encoded.
    fn play_slot(&mut self, load: Load, executor: &mut impl Executor) {
        let connected = self.clients.values_mut();
        let mut connected: Vec<_> = connected.filter(|client| client.is_connected()).collect();
        let mut shares = self.sums.shares(&mut connected, self.next_slot, load);
        executor.run(&mut shares, Share::play);
        let sums = &self.sums;
        executor.run(&mut self.mixes, |mix| mix.play(sums.of_mix(mix.place())));
        self.stats.slots += 1;
        self.stats.active = self.mixes.first().map_or(0, Mix::clients);
        let frames = self.mixes.iter_mut().map(|mix| Output::Mix {
            mix: mix.id(),
            datagram: mix.take_datagram(),
        });
        self.outputs.extend(frames);
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
