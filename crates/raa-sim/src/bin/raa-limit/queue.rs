//! Receives datagrams from a UDP socket, many in one system call, with the kernel's arrival times.
//!
//! Always: never blocks; no allocation per datagram.

use std::io::IoSliceMut;
use std::net::UdpSocket;
use std::os::fd::AsRawFd as _;

use anyhow::Context as _;
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, MultiHeaders, recvmmsg, setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;

/// The most datagrams in one system call.
const BATCH: usize = 64;
const MAX_DATAGRAM: usize = 1500;
/// Size of the kernel's receive buffer, the same as the server's.
const RECEIVE_BUFFER_BYTES: usize = 8 << 20;

/// A socket and its buffers.
pub(crate) struct Queue {
    pub socket: UdpSocket,
    headers: MultiHeaders<()>,
    buffers: Vec<[u8; MAX_DATAGRAM]>,
}

impl Queue {
    /// Opens a UDP port on 127.0.0.1.
    pub(crate) fn bind(port: u16) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind(("127.0.0.1", port))
            .with_context(|| format!("cannot open UDP port {port}"))?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER_BYTES).is_err() {
            setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER_BYTES)?;
        }
        let control = nix::cmsg_space!(TimeSpec);
        Ok(Self {
            socket,
            headers: MultiHeaders::preallocate(BATCH, Some(control)),
            buffers: vec![[0; MAX_DATAGRAM]; BATCH],
        })
    }

    /// Calls `each` for every waiting datagram, with its arrival time since 1970 in ns (0 if
    /// unknown). Returns the number of datagrams.
    pub(crate) fn drain(&mut self, mut each: impl FnMut(i128, &[u8])) -> nix::Result<usize> {
        let mut taken = 0;
        loop {
            match self.receive_batch(&mut each) {
                Ok(count) => {
                    taken += count;
                    if count < BATCH {
                        return Ok(taken);
                    }
                }
                Err(Errno::EAGAIN) => return Ok(taken),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn receive_batch(&mut self, each: &mut impl FnMut(i128, &[u8])) -> nix::Result<usize> {
        let mut buffers = self.buffers.iter_mut();
        let mut slices: [[IoSliceMut<'_>; 1]; BATCH] = std::array::from_fn(|_| {
            let buffer = buffers.next().map_or(&mut [][..], |buffer| &mut buffer[..]);
            [IoSliceMut::new(buffer)]
        });
        let messages = recvmmsg(
            self.socket.as_raw_fd(),
            &mut self.headers,
            slices.iter_mut(),
            MsgFlags::MSG_DONTWAIT,
            None,
        )?;
        let mut count = 0;
        for message in messages {
            count += 1;
            let arrived = message.cmsgs()?.find_map(|control| match control {
                ControlMessageOwned::ScmTimestampns(at) => {
                    Some(i128::from(at.tv_sec()) * 1_000_000_000 + i128::from(at.tv_nsec()))
                }
                _ => None,
            });
            for bytes in message.iovs() {
                each(arrived.unwrap_or_default(), bytes);
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_come_out_in_order() {
        let mut queue = Queue::bind(0).unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = queue.socket.local_addr().unwrap();
        assert_eq!(queue.drain(|_, _| unreachable!()), Ok(0));
        for n in 0..150u8 {
            sender.send_to(&[n, 0, n], to).unwrap();
        }
        let mut seen = Vec::new();
        let taken = queue.drain(|_, bytes| seen.push((bytes.len(), bytes[2])));
        assert_eq!(taken, Ok(150));
        assert!(seen.into_iter().eq((0..150).map(|n| (3, n))));
    }
}
