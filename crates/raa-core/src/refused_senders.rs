//! The senders that are being refused, so that an operator can find a computer that is set up
//! wrongly: from which address, why, since when, and how often.
//!
//! Always: bounded in memory and in work per refusal. A sender that keeps sending keeps its place,
//! whatever else arrives: only an entry that has been quiet for a second is replaced, and so a
//! flood of forged addresses shows up as at most 32 short-lived entries.

use core::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::refused::Refused;

/// Senders that are remembered.
const MAX_SENDERS: usize = 32;
/// Time after its last packet for which a sender is listed.
const LISTED_FOR: Duration = Duration::from_secs(60);
/// Time without a packet after which a sender makes room for another one. Senders of silence send
/// at least twice a second.
const REPLACED_AFTER: Duration = Duration::from_secs(1);
/// How far the count of the commonest reason can rise: the listed reason changes within this many
/// packets of a new kind.
const MAX_VOTES: u16 = 250;
/// Packets from which a sender is listed whose packets need not be audio: a port scanner and a
/// restarted sender send fewer, a sender of audio needs half a second for them.
const LISTED_FROM: u64 = 25;

/// One sender that is being refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedSender {
    /// Source address of its packets.
    pub address: SocketAddr,
    /// Why most of its newest packets were refused.
    pub reason: Refused,
    /// Payload type of the newest packet that was refused for this reason; `None` if it was not RTP.
    pub payload_type: Option<u8>,
    /// SSRC of that packet; `None` if it was not RTP.
    pub ssrc: Option<u32>,
    /// Packets refused since it was listed.
    pub packets: u64,
    /// Arrival of the first of these.
    pub since: Instant,
    /// Arrival of the newest one.
    pub last: Instant,
}

/// What a refused datagram says about its sender.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refusal {
    pub(crate) reason: Refused,
    pub(crate) payload_type: Option<u8>,
    pub(crate) ssrc: Option<u32>,
}

/// All senders that are being refused.
#[derive(Debug)]
pub(crate) struct RefusedSenders {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    sender: RefusedSender,
    /// Majority vote (Boyer and Moore 1981) about the reason, so that one odd packet among many
    /// does not change it.
    votes: u16,
}

impl Default for RefusedSenders {
    fn default() -> Self {
        Self {
            entries: Vec::with_capacity(MAX_SENDERS),
        }
    }
}

impl RefusedSenders {
    /// Takes note of a refused datagram.
    pub(crate) fn note(&mut self, arrival: Instant, address: SocketAddr, refusal: Refusal) {
        let mut entries = self.entries.iter_mut();
        if let Some(entry) = entries.find(|entry| entry.sender.address == address) {
            if is_over(&entry.sender, arrival) {
                *entry = Entry::new(arrival, address, refusal);
            } else {
                entry.add(arrival, refusal);
            }
        } else if self.entries.len() < MAX_SENDERS {
            self.entries.push(Entry::new(arrival, address, refusal));
        } else if let Some(quietest) = self.entries.iter_mut().min_by_key(|e| e.sender.last)
            && age(quietest.sender.last, arrival) >= REPLACED_AFTER
        {
            *quietest = Entry::new(arrival, address, refusal);
        }
    }

    /// Returns the senders that are listed at `now`, the newest first.
    pub(crate) fn listed(&self, now: Instant) -> Vec<RefusedSender> {
        let senders = self.entries.iter().map(|entry| entry.sender);
        let mut listed: Vec<_> = senders
            .filter(|sender| !is_over(sender, now) && is_listed(sender))
            .collect();
        listed.sort_by_key(|sender| std::cmp::Reverse((sender.since, sender.address)));
        listed
    }
}

impl Entry {
    fn new(arrival: Instant, address: SocketAddr, refusal: Refusal) -> Self {
        Self {
            sender: RefusedSender {
                address,
                reason: refusal.reason,
                payload_type: refusal.payload_type,
                ssrc: refusal.ssrc,
                packets: 1,
                since: arrival,
                last: arrival,
            },
            votes: 1,
        }
    }

    fn add(&mut self, arrival: Instant, refusal: Refusal) {
        let sender = &mut self.sender;
        sender.packets += 1;
        sender.last = sender.last.max(arrival);
        if refusal.reason != sender.reason && self.votes > 0 {
            self.votes -= 1;
            return;
        }
        self.votes = (self.votes + 1).min(MAX_VOTES);
        sender.reason = refusal.reason;
        sender.payload_type = refusal.payload_type;
        sender.ssrc = refusal.ssrc;
    }
}

fn age(at: Instant, now: Instant) -> Duration {
    now.saturating_duration_since(at)
}

fn is_over(sender: &RefusedSender, now: Instant) -> bool {
    age(sender.last, now) >= LISTED_FOR
}

/// Returns whether a sender has sent enough to be worth an operator's look. One packet of audio in
/// another format is enough; everything else may be a scanner, or a sender that was just restarted.
fn is_listed(sender: &RefusedSender) -> bool {
    match sender.reason {
        Refused::PayloadType
        | Refused::NotOpus
        | Refused::MalformedRed
        | Refused::Scream
        | Refused::ReservedSsrc => true,
        Refused::TooShort
        | Refused::TooLong
        | Refused::NotRtp
        | Refused::Truncated
        | Refused::MalformedRtcp
        | Refused::Stray
        | Refused::NotOwner
        | Refused::TooManyClients
        | Refused::Unconfirmed
        | Refused::OverBudget => sender.packets >= LISTED_FROM,
    }
}

#[cfg(test)]
mod tests;
