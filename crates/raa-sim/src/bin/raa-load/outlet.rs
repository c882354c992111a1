//! Collects the datagrams of one socket and sends them with one system call.
//!
//! Always: no allocation per datagram; a refused datagram does not stop those behind it.

use std::io::IoSlice;
use std::net::UdpSocket;
use std::os::fd::AsRawFd as _;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, sendmmsg};

/// The most datagrams in one system call.
const BATCH: usize = 64;
/// Capacity of each buffer in bytes; longer datagrams make it grow.
const DATAGRAM_CAPACITY: usize = 1500;

/// A connected socket and the datagrams that wait to be sent.
pub(crate) struct Outlet {
    socket: UdpSocket,
    /// Buffers; the first `waiting` of them hold datagrams.
    datagrams: Vec<Vec<u8>>,
    waiting: usize,
    headers: MultiHeaders<()>,
    errors: u64,
}

impl Outlet {
    pub(crate) fn new(socket: UdpSocket) -> Self {
        Self {
            socket,
            datagrams: Vec::with_capacity(BATCH),
            waiting: 0,
            headers: MultiHeaders::preallocate(BATCH, None),
            errors: 0,
        }
    }

    /// The number of datagrams refused by this host's network or, by ICMP, by the other host.
    pub(crate) fn errors(&self) -> u64 {
        self.errors
    }

    /// Adds the datagram that `write` writes. It is sent by the next [`flush`](Self::flush) at the
    /// latest.
    pub(crate) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.waiting == BATCH {
            self.flush();
        }
        if self.waiting == self.datagrams.len() {
            self.datagrams.push(Vec::with_capacity(DATAGRAM_CAPACITY));
        }
        let datagram = &mut self.datagrams[self.waiting];
        datagram.clear();
        write(datagram);
        self.waiting += 1;
    }

    /// Sends all waiting datagrams.
    pub(crate) fn flush(&mut self) {
        let mut sent = 0;
        while sent < self.waiting {
            match self.send_from(sent) {
                Ok(count) => sent += count,
                Err(Errno::EINTR) => {}
                Err(_) => {
                    self.errors += 1;
                    sent += 1;
                }
            }
        }
        self.waiting = 0;
    }

    /// Sends datagram `first` and those behind it. Returns how many were sent, at least one.
    fn send_from(&mut self, first: usize) -> nix::Result<usize> {
        let waiting = &self.datagrams[first..self.waiting];
        let slices: [[IoSlice<'_>; 1]; BATCH] =
            std::array::from_fn(|n| [IoSlice::new(waiting.get(n).map_or(&[], Vec::as_slice))]);
        let sent = sendmmsg(
            self.socket.as_raw_fd(),
            &mut self.headers,
            slices[..waiting.len()].iter(),
            [None; BATCH],
            [],
            MsgFlags::empty(),
        )?;
        Ok(sent.count())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn more_than_a_batch_is_sent_in_order() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        receiver
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        let mut outlet =
            Outlet::new(raa_sim::measure::socket::connect(receiver.local_addr().unwrap()).unwrap());
        for n in 0..BATCH as u8 + 10 {
            outlet.push(|out| out.extend([n, n]));
        }
        outlet.flush();
        outlet.flush();
        let mut buffer = [0; 10];
        for n in 0..BATCH as u8 + 10 {
            assert_eq!((receiver.recv(&mut buffer).unwrap(), buffer[1]), (2, n));
        }
        assert_eq!(outlet.errors(), 0);
    }

    #[test]
    fn refused_datagrams_are_counted() {
        let closed = UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let mut outlet = Outlet::new(raa_sim::measure::socket::connect(closed).unwrap());
        for _ in 0..3 {
            outlet.push(|out| out.push(1));
            outlet.flush();
        }
        assert!(outlet.errors() > 0);
    }
}
