//! The clients of a run, the network that is simulated for them, and their sockets.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use raa_core::SLOT;
use raa_sim::measure::socket;

use crate::args::Args;

/// Length of a slot in ns.
pub(crate) const SLOT_NS: u64 = SLOT.as_nanos() as u64;
/// Interval of the wake-ups of the sending thread: 5 ms.
const TICK_NS: u64 = 5_000_000;
/// Interval of the wake-ups with simulated jitter, which needs a finer one: 1 ms.
const JITTER_TICK_NS: u64 = 1_000_000;
/// Clients that start in one slot. The server accepts up to 50.
pub(crate) const STARTS_PER_SLOT: u64 = 20;
/// The number of sockets that clients share unless each has its own port.
const SHARED_SOCKETS: usize = 8;

/// The numbers and properties of the clients and their network.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    pub clients: u32,
    pub speaking: u32,
    /// Share of the packets that are lost, 0 to 1.
    pub loss: f64,
    /// Mean of an exponential delay.
    pub jitter_ms: f64,
    /// The clocks are spread from minus to plus this.
    pub drift_ppm: f64,
    /// Whether speakers pause.
    pub dtx: bool,
    /// Whether RTCP is left out, because each client has its own port and the port is for RTP.
    pub audio_only: bool,
}

impl Plan {
    pub(crate) fn from_args(args: &Args) -> Self {
        Self {
            clients: args.clients,
            speaking: args.speaking(),
            loss: args.loss / 100.0,
            jitter_ms: args.jitter,
            drift_ppm: args.drift,
            dtx: args.dtx,
            audio_only: args.ports,
        }
    }

    /// The time until the last client has started.
    pub(crate) fn starting_time(&self) -> Duration {
        SLOT * (self.clients / STARTS_PER_SLOT as u32 + 1)
    }

    /// The interval of the wake-ups of the sending thread.
    pub(crate) fn tick_ns(&self) -> u64 {
        if self.jitter_ms > 0.0 {
            JITTER_TICK_NS
        } else {
            TICK_NS
        }
    }

    /// The length of client `n`'s slots. The first client has the slowest clock.
    pub(crate) fn slot_ns(&self, n: u32) -> u64 {
        let last = f64::from(self.clients.max(2) - 1);
        let ppm = self.drift_ppm * (2.0 * f64::from(n) / last - 1.0);
        (SLOT_NS as f64 / (1.0 + ppm / 1e6)).round() as u64
    }
}

/// Opens the sockets of all clients: a few that they share, or one for each of the server's ports.
pub(crate) fn sockets(server: SocketAddr, args: &Args) -> anyhow::Result<Vec<UdpSocket>> {
    let count = args.clients as usize;
    let open = |n: usize| {
        let mut to = server;
        if args.ports {
            to.set_port(server.port() + n as u16);
        }
        socket::connect(to)
    };
    let sockets = if args.ports {
        count
    } else {
        count.min(SHARED_SOCKETS)
    };
    (0..sockets).map(open).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_spread_around_the_true_one() {
        let plan = Plan {
            clients: 3,
            drift_ppm: 100.0,
            ..Plan::default()
        };
        let slots_ns = [0, 1, 2].map(|n| plan.slot_ns(n));
        assert_eq!(slots_ns, [20_002_000, 20_000_000, 19_998_000]);
    }
}
