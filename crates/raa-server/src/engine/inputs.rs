//! The engine's inputs: everything that hands datagrams to the hub.
//!
//! The engine drains all of them and knows none by name; a new input is one more entry of the
//! list. Always: an input never blocks, and takes a bounded time in a drain.

use std::net::SocketAddr;
use std::time::Instant;

use raa_core::hub::Origin;

/// Takes one datagram with its arrival time and its origin.
pub(super) type Take<'a> = dyn FnMut(Instant, Origin, &[u8]) + 'a;

/// A source of datagrams.
pub(super) trait Input {
    /// Passes every datagram to `take` that is there for the slot due at `due`. Returns whether
    /// there were so many that the input's queue could overflow within a slot.
    fn drain(&mut self, due: Instant, take: &mut Take<'_>) -> bool;

    /// Returns how many datagrams were lost because the input's queue was full.
    fn dropped(&self) -> u64 {
        0
    }

    /// Sends a datagram to a sender of this input, unless that would block: from the address `from`
    /// of this host, where that is possible. Returns whether it was sent.
    fn send(&self, _to: SocketAddr, _from: Option<SocketAddr>, _datagram: &[u8]) -> bool {
        false
    }
}

/// All inputs, in the order in which they are drained.
pub(super) struct Inputs(Vec<Box<dyn Input + Send>>);

impl Inputs {
    pub(super) fn new(inputs: Vec<Box<dyn Input + Send>>) -> Self {
        Self(inputs)
    }

    /// Drains every input; see [`Input::drain`].
    pub(super) fn drain(&mut self, due: Instant, take: &mut Take<'_>) -> bool {
        let mut is_pressing = false;
        for input in &mut self.0 {
            is_pressing |= input.drain(due, take);
        }
        is_pressing
    }

    /// Returns the sum of [`Input::dropped`].
    pub(super) fn dropped(&self) -> u64 {
        self.0.iter().map(|input| input.dropped()).sum()
    }

    /// Sends a datagram by the first input that can; see [`Input::send`].
    pub(super) fn send(&self, to: SocketAddr, from: Option<SocketAddr>, datagram: &[u8]) -> bool {
        self.0.iter().any(|input| input.send(to, from, datagram))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An input with these datagrams, which reaches one address.
    struct TestInput {
        datagrams: Vec<u8>,
        is_pressing: bool,
        reaches: SocketAddr,
    }

    impl Input for TestInput {
        fn drain(&mut self, due: Instant, take: &mut Take<'_>) -> bool {
            for byte in self.datagrams.drain(..) {
                take(due, self.reaches.into(), &[byte]);
            }
            self.is_pressing
        }

        fn dropped(&self) -> u64 {
            3
        }

        fn send(&self, to: SocketAddr, _: Option<SocketAddr>, _: &[u8]) -> bool {
            to == self.reaches
        }
    }

    fn address(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    fn inputs(pressing: [bool; 2]) -> Inputs {
        let input = |port: u16, is_pressing| -> Box<dyn Input + Send> {
            Box::new(TestInput {
                datagrams: vec![port as u8; 2],
                is_pressing,
                reaches: address(port),
            })
        };
        Inputs::new(vec![input(1, pressing[0]), input(2, pressing[1])])
    }

    #[test]
    fn inputs_are_drained_in_order() {
        let mut taken = Vec::new();
        let is_pressing = inputs([true, false]).drain(Instant::now(), &mut |_, from, datagram| {
            taken.push((from, datagram.to_vec()));
        });
        let expected = [1, 1, 2, 2].map(|n| (Origin::from(address(n.into())), vec![n]));
        assert_eq!(taken, expected);
        assert!(is_pressing, "one pressing input is enough");
        assert!(!inputs([false; 2]).drain(Instant::now(), &mut |_, _, _| ()));
    }

    #[test]
    fn datagrams_leave_by_the_input_that_reaches_their_address() {
        let inputs = inputs([false; 2]);
        assert!(inputs.send(address(2), None, b"report"));
        assert!(!inputs.send(address(3), None, b"report"));
        assert_eq!(inputs.dropped(), 6);
    }
}
