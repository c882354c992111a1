//! The sources' work of one slot, in shares that know nothing of each other.
//!
//! A shell with several cores has the shares played side by side. Always: the mix is the sum of
//! the shares' sums in their order, so it is the same bit for bit whoever plays them, and when.

use std::time::Instant;

use crate::SLOT_SAMPLES;
use crate::client::Client;
use crate::codec::MAX_PACKET_SAMPLES;
use crate::source::Load;

/// Clients in a share: few, so that cores get equally much, and enough that handing a share to
/// another core costs little beside playing it.
const SHARE_CLIENTS: usize = 32;

/// Some of the connected clients, and what they sound like together in one slot.
pub struct Share<'a> {
    clients: &'a mut [&'a mut Client],
    due: Instant,
    load: Load,
    sum: [f32; SLOT_SAMPLES],
    active: usize,
}

impl<'a> Share<'a> {
    /// All clients' shares.
    pub(super) fn of(clients: &'a mut [&'a mut Client], due: Instant, load: Load) -> Vec<Self> {
        let shares = clients.chunks_mut(SHARE_CLIENTS).map(|clients| Self {
            clients,
            due,
            load,
            sum: [0.0; SLOT_SAMPLES],
            active: 0,
        });
        shares.collect()
    }

    /// Plays its clients' slot. Each share is to be played once.
    pub fn play(&mut self) {
        let mut scratch = [0.0; MAX_PACKET_SAMPLES];
        let mut pcm = [0.0; SLOT_SAMPLES];
        let Self { due, load, .. } = *self;
        for client in &mut *self.clients {
            let is_heard = client.play(due, load, &mut scratch, &mut pcm, &mut self.sum);
            self.active += usize::from(is_heard);
        }
    }

    /// Adds what was played to `mix`; how many clients are in it.
    pub(super) fn add_to(&self, mix: &mut [f32; SLOT_SAMPLES]) -> usize {
        if self.active > 0 {
            mix.iter_mut().zip(&self.sum).for_each(|(mix, x)| *mix += x);
        }
        self.active
    }
}
