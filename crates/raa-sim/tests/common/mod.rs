//! The senders, worlds and units that the simulations share. Each test file is a program of its
//! own and uses only a part of them.

#![allow(dead_code)]

pub(crate) mod golden;
pub(crate) mod replay;

use std::sync::Arc;
use std::time::Duration;

use raa_core::client::ClientView;
use raa_core::refused::Refused;
use raa_sim::world::clip::{Mode, Packing};
use raa_sim::{Clip, Link, Sender, World};

/// SSRC of the first sender in every world.
pub(crate) const ALICE: u32 = 0xa11c_e001;
/// SSRC of the second sender.
pub(crate) const BOB: u32 = 0x0b0b_0002;
/// Pitch of the first sender.
pub(crate) const ALICE_HZ: u32 = 800;
/// Pitch of the second sender.
pub(crate) const BOB_HZ: u32 = 1400;

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// Alice, who sends a tone in packets of 20 ms from the start on.
pub(crate) fn alice() -> Sender {
    alice_with_drift(0.0)
}

/// Alice with a clock that is fast by `drift_ppm`.
pub(crate) fn alice_with_drift(drift_ppm: f64) -> Sender {
    Sender::new(
        ALICE,
        Arc::new(Clip::tone(ALICE_HZ).unwrap()),
        Duration::ZERO,
        drift_ppm,
    )
}

/// Alice with other packets.
pub(crate) fn alice_packed(packing: Packing) -> Sender {
    let clip = Clip::packed(ALICE_HZ, packing).unwrap();
    Sender::new(ALICE, Arc::new(clip), Duration::ZERO, 0.0)
}

/// Bob, who sends another tone, half a frame later than Alice.
pub(crate) fn bob() -> Sender {
    bob_packed(Packing::default())
}

/// Bob with other packets.
pub(crate) fn bob_packed(packing: Packing) -> Sender {
    let clip = Clip::packed(BOB_HZ, packing).unwrap();
    Sender::new(BOB, Arc::new(clip), 10 * MS, 0.0)
}

/// A world with one sender, whose listener only counts frames.
pub(crate) fn counting(seed: u64, sender: Sender, link: Link) -> World {
    let mut world = World::new(seed).unwrap();
    world.add(sender, link);
    world
}

/// A world with one sender, whose listener measures both tones.
pub(crate) fn listening(seed: u64, sender: Sender, link: Link) -> World {
    let mut world = World::listening(seed, &[ALICE_HZ, BOB_HZ]).unwrap();
    world.add(sender, link);
    world
}

pub(crate) fn view(world: &World, ssrc: u32) -> ClientView {
    world.client(ssrc).unwrap()
}

/// How many datagrams were refused for this reason.
pub(crate) fn refused(world: &mut World, reason: Refused) -> u64 {
    world
        .hub()
        .stats()
        .refused
        .iter()
        .find(|(each, _)| *each == reason)
        .unwrap()
        .1
}

/// Packets of Opus' codec for music.
pub(crate) fn celt(packet_samples: usize, stereo: bool) -> Packing {
    Packing {
        packet_samples,
        stereo,
        mode: Mode::Celt,
    }
}

/// Packets of Opus' codec for speech, mono.
pub(crate) fn silk(packet_samples: usize) -> Packing {
    Packing {
        packet_samples,
        stereo: false,
        mode: Mode::Silk,
    }
}
