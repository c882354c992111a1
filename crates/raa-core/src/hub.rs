//! The server without sockets, threads or clocks: datagrams and commands in, mixed frames out.
//!
//! Contract: after every `handle_*`, call [`Hub::poll_output`] until it returns `None`; then
//! wait for a datagram, a command, or the instant that [`Hub::poll_timeout`] returns.
//!
//! Always: one slot is exactly one frame of each mix, whatever the senders do; after a stall the
//! missed slots are skipped and never played in a burst; no datagram panics, grows memory
//! without a limit, or evicts a client with operator settings.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::SLOT;
use crate::client::{Client, ClientView, KnownClient};
use crate::codec::CodecError;
use crate::mix::Mix;
use crate::refused::Refused;
use crate::refused_senders::{RefusedSender, RefusedSenders};
use crate::reports::Reporter;
use crate::rivals::{Rivals, Telling};
use crate::rtp;
use crate::settings::ClientSettings;
use crate::source::Load;
use admission::Admissions;
pub use executor::{Executor, Sequential};
use firsts::Firsts;
use shares::{Share, Sums};
pub use types::{
    Accepted, ClientEvent, Command, CommandError, HubConfig, HubStats, Origin, Output,
};

mod admission;
mod executor;
mod expire;
mod firsts;
mod receive;
mod refuse;
mod rows;
mod shares;
mod types;

/// Lateness from which two slots in a row mean that the work does not fit into the slots: half a
/// slot. A single late slot is a late timer or a busy host.
const LATE_FROM: Duration = Duration::from_millis(10);
/// Time after two late slots in which work that can wait is put off.
const LATE_FOR: Duration = Duration::from_secs(1);
/// Slots between two quality samples: a second.
const QUALITY_SLOTS: u64 = 50;

/// See the module's text.
pub struct Hub {
    config: HubConfig,
    clients: BTreeMap<u32, Client>,
    next_slot: Instant,
    began_late: bool,
    late_until: Option<Instant>,
    firsts: Firsts,
    admissions: Admissions,
    outputs: VecDeque<Output>,
    stats: HubStats,
    /// By ID; the first is [`MixId::MAIN`].
    mixes: Vec<Mix>,
    sums: Sums,
    reporter: Reporter,
    rivals: Rivals,
    refused_senders: RefusedSenders,
}

impl Hub {
    /// Creates a hub whose first slot is due at `start + SLOT`.
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
            firsts: Firsts::default(),
            admissions: Admissions::default(),
            outputs: VecDeque::new(),
            stats: HubStats::default(),
            rivals: Rivals::default(),
            refused_senders: RefusedSenders::default(),
        })
    }

    /// Adds a client of an earlier run as offline.
    pub fn restore(&mut self, now: Instant, known: KnownClient) {
        let mut client = self.new_client(known.ssrc, known.settings.clone());
        client.restore(now, &known);
        self.clients.insert(known.ssrc, client);
        self.admissions.forget_rows();
    }

    /// Takes one datagram of the audio port, RTP or RTCP (RFC 5761).
    ///
    /// # Errors
    /// The reason why it was refused, which has already been counted.
    pub fn handle_packet(
        &mut self,
        arrival: Instant,
        from: Origin,
        datagram: &[u8],
    ) -> Result<Accepted, Refused> {
        let taken = if rtp::is_rtcp(datagram) {
            self.take_rtcp(arrival, from, datagram)
        } else {
            self.take_rtp(arrival, from, datagram)
        };
        taken.inspect_err(|&reason| {
            self.note_refused(arrival, from, datagram, reason);
            self.refuse(arrival, from, datagram, reason);
        })
    }

    /// Applies a command between two slots.
    ///
    /// # Errors
    /// The reason why it was not carried out; nothing has changed.
    pub fn handle_command(&mut self, command: Command) -> Result<(), CommandError> {
        self.admissions.forget_rows();
        match command {
            Command::Configure { ssrc, settings } => self.configure(ssrc, settings),
            Command::ConfigureAll { settings } => {
                for (ssrc, settings) in settings {
                    self.configure(ssrc, settings);
                }
            }
            Command::Forget { ssrc } => match self.clients.get(&ssrc) {
                None => return Err(CommandError::NotFound(ssrc)),
                Some(client) if client.is_connected() => return Err(CommandError::Connected(ssrc)),
                Some(_) => _ = self.clients.remove(&ssrc),
            },
            Command::ForgetOffline { ssrcs } => {
                let is_kept = |ssrc: &u32, client: &Client| {
                    client.is_connected() || ssrcs.binary_search(ssrc).is_err()
                };
                self.clients.retain(|ssrc, client| is_kept(ssrc, client));
            }
        }
        Ok(())
    }

    fn configure(&mut self, ssrc: u32, settings: ClientSettings) {
        let sounding_from = self.config.sounding_from;
        match self.clients.get_mut(&ssrc) {
            Some(client) => client.configure(ssrc, settings, &self.mixes, sounding_from),
            None => {
                let client = self.new_client(ssrc, settings);
                self.clients.insert(ssrc, client);
            }
        }
    }

    /// Returns the instant at which to call [`Hub::handle_timeout`] next.
    pub fn poll_timeout(&self) -> Instant {
        self.next_slot
    }

    /// Plays the slot that is due by `now` and skips those that were missed before it.
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
        self.admissions.end_slot();
        if self.stats.slots.is_multiple_of(QUALITY_SLOTS) {
            self.note_second(now);
            self.tell_rivals(now);
            self.forget_unconfigured(now);
            self.refuse_unconfirmed(now);
        }
    }

    /// Returns the next thing to do, oldest first.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Returns all clients by SSRC.
    pub fn clients(&self, now: Instant) -> impl Iterator<Item = ClientView> {
        self.clients
            .iter()
            .map(move |(&ssrc, client)| client.view(ssrc, now))
    }

    /// Returns one client.
    pub fn client(&self, ssrc: u32, now: Instant) -> Option<ClientView> {
        self.clients.get(&ssrc).map(|client| client.view(ssrc, now))
    }

    /// Returns all counters.
    pub fn stats(&self) -> &HubStats {
        &self.stats
    }

    /// Returns the senders that are being refused, the newest first.
    pub fn refused_senders(&self, now: Instant) -> Vec<RefusedSender> {
        self.refused_senders.listed(now)
    }

    fn new_client(&self, ssrc: u32, settings: ClientSettings) -> Client {
        Client::new(
            ssrc,
            settings,
            &self.mixes,
            self.config.sounding_from,
            self.next_slot,
        )
    }

    /// Disconnects clients that have been silent too long and sends the others their reports.
    fn expire_and_report(&mut self, now: Instant) {
        let since = now.checked_sub(self.config.offline_after);
        let connected = self.clients.iter_mut();
        for (&ssrc, client) in connected.filter(|(_, client)| client.is_connected()) {
            let is_silent = since.is_some_and(|since| client.is_silent_since(since));
            if is_silent || client.has_left(now) {
                client.disconnect();
                let gone = ClientEvent::Disconnected { ssrc };
                self.outputs.push_back(Output::Event(gone));
            } else if let Some((to, datagram)) = client.report(now, ssrc, &mut self.reporter) {
                let from = client.peer.local();
                self.outputs.push_back(Output::Send { to, from, datagram });
            }
        }
    }

    /// Does what each client needs once a second.
    fn note_second(&mut self, now: Instant) {
        for (&ssrc, client) in &mut self.clients {
            client.note_quality();
            client.forget_old_claims(now);
            let over_budget = client.take_over_budget();
            self.stats.refused.add(Refused::OverBudget, over_budget);
            if client.forget_old_capture_trouble(now) {
                let trouble = None;
                let ended = ClientEvent::CaptureTrouble { ssrc, trouble };
                self.outputs.push_back(Output::Event(ended));
            }
        }
    }

    /// Tells senders whose SSRC belongs to another one that they are turned away.
    fn tell_rivals(&mut self, now: Instant) {
        let (clients, reporter, outputs) = (&self.clients, &mut self.reporter, &mut self.outputs);
        let owner = |ssrc| clients.get(&ssrc).and_then(Client::owner);
        let send = |Telling { to, from, datagram }| {
            outputs.push_back(Output::Send { to, from, datagram });
        };
        self.rivals
            .tell(now, owner, |taken| reporter.ssrc_taken(taken), send);
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

    /// Returns whether slots begin so late that work that can wait must be put off.
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

#[cfg(test)]
mod tests;
