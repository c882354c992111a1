//! The clients' work of one slot, in shares that know nothing of each other.
//!
//! Always: a mix is the sum of the shares' sums in their order, so it is the same bit for bit
//! whichever thread plays a share, and when.

use std::time::Instant;

use crate::SLOT_SAMPLES;
use crate::client::Client;
use crate::codec::MAX_PACKET_SAMPLES;
use crate::mix::Sum;
use crate::source::Load;

/// Clients in a share: few, so that cores get equal work, and enough that handing a share to
/// another core costs little compared with playing it.
const SHARE_CLIENTS: usize = 32;

/// Some of the connected clients, and their sum in each mix.
pub(super) struct Share<'a> {
    clients: &'a mut [&'a mut Client],
    sums: &'a mut [Sum],
    due: Instant,
    load: Load,
}

impl Share<'_> {
    /// Decodes the clients' slot and adds it to the sums.
    pub(super) fn play(&mut self) {
        let mut scratch = [0.0; MAX_PACKET_SAMPLES];
        let mut pcm = [0.0; SLOT_SAMPLES];
        self.sums.iter_mut().for_each(Sum::clear);
        for client in &mut *self.clients {
            client.play(self.due, self.load, &mut scratch, &mut pcm, self.sums);
        }
    }
}

/// The sums of all shares; kept from slot to slot, so that a slot allocates none.
pub(super) struct Sums {
    mixes: usize,
    shares: usize,
    /// By share, then by mix.
    sums: Vec<Sum>,
}

impl Sums {
    pub(super) fn new(mixes: usize) -> Self {
        Self {
            mixes,
            shares: 0,
            sums: Vec::new(),
        }
    }

    /// Cuts the slot's work into shares.
    pub(super) fn shares<'a>(
        &'a mut self,
        clients: &'a mut [&'a mut Client],
        due: Instant,
        load: Load,
    ) -> Vec<Share<'a>> {
        self.shares = clients.len().div_ceil(SHARE_CLIENTS);
        let len = self.shares * self.mixes;
        if self.sums.len() < len {
            self.sums.resize(len, Sum::EMPTY);
        }
        let sums = self.sums.chunks_exact_mut(self.mixes);
        let shares = clients.chunks_mut(SHARE_CLIENTS).zip(sums);
        let share = |(clients, sums)| Share {
            clients,
            sums,
            due,
            load,
        };
        shares.map(share).collect()
    }

    /// The shares' sums of the mix at `place`, in the order of the shares.
    pub(super) fn of_mix(&self, place: usize) -> impl Iterator<Item = &Sum> {
        let shares = self.sums.chunks_exact(self.mixes).take(self.shares);
        shares.map(move |sums| &sums[place])
    }
}
