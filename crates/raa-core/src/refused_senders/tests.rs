//! A refused sender is listed and stays listed, also during a flood of forged addresses.

use core::net::Ipv4Addr;

use super::*;
use crate::any_instant;

const MS: Duration = Duration::from_millis(1);

fn address(number: u32) -> SocketAddr {
    (Ipv4Addr::from(0x0a00_0000 + number), 5000).into()
}

fn refusal(reason: Refused) -> Refusal {
    Refusal {
        reason,
        payload_type: Some(96),
        ssrc: Some(7),
    }
}

#[test]
fn a_sender_of_another_payload_type_is_listed_at_once() {
    let start = any_instant();
    let mut senders = RefusedSenders::default();
    for packet in 0..50 {
        senders.note(
            start + 20 * packet * MS,
            address(1),
            refusal(Refused::PayloadType),
        );
    }
    let expected = RefusedSender {
        address: address(1),
        reason: Refused::PayloadType,
        payload_type: Some(96),
        ssrc: Some(7),
        packets: 50,
        since: start,
        last: start + 980 * MS,
    };
    assert_eq!(senders.listed(start + 1000 * MS), [expected]);
}

#[test]
fn a_sender_leaves_the_list_after_a_minute() {
    let start = any_instant();
    let mut senders = RefusedSenders::default();
    let note = |senders: &mut RefusedSenders, at| {
        senders.note(at, address(1), refusal(Refused::NotOpus));
    };
    note(&mut senders, start);
    assert_eq!(senders.listed(start + LISTED_FOR - MS).len(), 1);
    assert_eq!(senders.listed(start + LISTED_FOR), []);
    // When it comes back, it begins again.
    let later = start + LISTED_FOR;
    note(&mut senders, later);
    let listed = senders.listed(later);
    assert_eq!((listed[0].packets, listed[0].since), (1, later));
}

#[test]
fn newest_senders_come_first() {
    let start = any_instant();
    let mut senders = RefusedSenders::default();
    for number in 0..3 {
        senders.note(
            start + number * MS,
            address(number),
            refusal(Refused::NotOpus),
        );
    }
    senders.note(start + 9 * MS, address(0), refusal(Refused::NotOpus));
    let listed = senders.listed(start + 10 * MS);
    let order: Vec<_> = listed.iter().map(|sender| sender.address).collect();
    assert_eq!(order, [2, 1, 0].map(address));
}

#[test]
fn scanners_are_not_listed_as_senders() {
    let start = any_instant();
    for reason in [
        Refused::TooShort,
        Refused::NotRtp,
        Refused::Truncated,
        Refused::MalformedRtcp,
        Refused::Stray,
        Refused::TooManyClients,
    ] {
        let mut senders = RefusedSenders::default();
        for packet in 1..=LISTED_FROM {
            assert_eq!(senders.listed(start), [], "{reason:?}: packet {packet}");
            senders.note(start, address(1), refusal(reason));
        }
        assert_eq!(senders.listed(start).len(), 1, "{reason:?}");
    }
}

#[test]
fn the_commonest_reason_is_shown() {
    let start = any_instant();
    let mut senders = RefusedSenders::default();
    // Random bytes: one packet in eight looks like something else.
    for packet in 0..400 {
        let reason = match packet % 8 {
            3 => Refused::MalformedRtcp,
            _ => Refused::PayloadType,
        };
        senders.note(start, address(1), refusal(reason));
        assert_eq!(senders.listed(start)[0].reason, Refused::PayloadType);
    }
    // The sender is set up in another wrong way.
    for _ in 0..=2 * MAX_VOTES {
        senders.note(start, address(1), refusal(Refused::NotOpus));
    }
    assert_eq!(senders.listed(start)[0].reason, Refused::NotOpus);
}

/// Sends 5,000 packets per second from forged addresses, and every 20 ms one from a real sender.
fn flood(senders: &mut RefusedSenders, from: Instant, seconds: u32, addresses: u32) -> Instant {
    let mut forged = 0;
    for slot in 0..seconds * 50 {
        let due = from + slot * 20 * MS;
        for packet in 0..100 {
            if packet == slot % 100 {
                senders.note(due, address(1), refusal(Refused::PayloadType));
            }
            forged = (forged + 1) % addresses;
            let at = due + packet * MS / 5;
            senders.note(at, address(1000 + forged), refusal(Refused::NotOpus));
        }
    }
    from + seconds * 1000 * MS
}

fn is_listed(senders: &RefusedSenders, now: Instant) -> bool {
    let listed = senders.listed(now);
    assert!(listed.len() <= MAX_SENDERS);
    listed.iter().any(|sender| sender.address == address(1))
}

#[test]
fn a_flood_of_forged_addresses_replaces_no_real_sender() {
    let start = any_instant();
    let mut senders = RefusedSenders::default();
    senders.note(start, address(1), refusal(Refused::PayloadType));
    let end = flood(&mut senders, start, 60, u32::MAX);
    assert!(is_listed(&senders, end));
    let listed = senders.listed(end);
    let real = listed.iter().find(|sender| sender.address == address(1));
    let real = real.unwrap();
    assert_eq!((real.packets, real.since), (1 + 60 * 50, start));
    assert_eq!(senders.entries.capacity(), MAX_SENDERS);
}

#[test]
fn a_real_sender_is_found_during_a_flood() {
    let start = any_instant();
    let mut senders = RefusedSenders::default();
    for forged in 0..100 {
        senders.note(start, address(1000 + forged), refusal(Refused::NotOpus));
    }
    let mut now = start;
    let mut seconds = 0;
    while !is_listed(&senders, now) {
        now = flood(&mut senders, now, 1, u32::MAX);
        seconds += 1;
        assert!(seconds <= 30, "not listed after {seconds} s");
    }
}

#[test]
fn senders_that_keep_sending_keep_their_places() {
    let start = any_instant();
    let mut senders = RefusedSenders::default();
    // Forty senders of silence, of which 32 fit.
    for packet in 0..100 {
        for number in 0..40 {
            let at = start + packet * 400 * MS + number * MS;
            senders.note(at, address(number), refusal(Refused::PayloadType));
        }
    }
    let listed = senders.listed(start + 40_000 * MS);
    assert_eq!(listed.len(), MAX_SENDERS);
    assert!(listed.iter().all(|sender| sender.packets == 100));
}
