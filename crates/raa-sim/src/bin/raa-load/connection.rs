//! One listener's connection: reads its socket and passes the mix's packets to its listener.
//!
//! Always: never blocks; a read allocates nothing.

use std::io::IoSliceMut;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant, SystemTime};

use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;
use raa_core::arrival::Clocks;
use raa_core::rtp::Packet;

use crate::frames::{Frame, Frames};
use crate::handshake;
use crate::listener::{MixListener, Tally};

/// Bytes per read: several frames.
const READ_BYTES: usize = 16 << 10;

/// An open connection to the server's mix.
pub(crate) struct Connection {
    stream: TcpStream,
    is_timed: bool,
    frames: Frames,
    listener: MixListener,
}

/// The buffers for reading, shared by all connections.
pub(crate) struct Reader {
    buffer: Box<[u8]>,
    control: Vec<u8>,
    kernel_times: bool,
}

impl Connection {
    /// Connects to the server's web port. The arrival times of a timed listener's frames are
    /// measured.
    ///
    /// # Errors
    /// Fails if the server refuses the listener.
    pub(crate) fn open(server: SocketAddr, is_timed: bool) -> anyhow::Result<Self> {
        let (stream, received) = handshake::open(server)?;
        if is_timed {
            // If this fails, a frame counts as received when it is read.
            let _ = setsockopt(&stream, sockopt::ReceiveTimestampns, &true);
        }
        let mut connection = Self {
            stream,
            is_timed,
            frames: Frames::default(),
            listener: MixListener::default(),
        };
        connection.take(&received, None, None);
        Ok(connection)
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(crate) fn is_timed(&self) -> bool {
        self.is_timed
    }

    /// Reads until the socket is empty. Returns false if the connection has ended.
    pub(crate) fn read(
        &mut self,
        reader: &mut Reader,
        clocks: Clocks,
        mut tally: Option<&mut Tally>,
    ) -> bool {
        loop {
            let (at, len) = match reader.receive(&self.stream, clocks) {
                Ok((_, 0)) => return false,
                Ok(received) => received,
                Err(Errno::EAGAIN) => return true,
                Err(Errno::EINTR) => continue,
                Err(_) => return false,
            };
            let at = self.is_timed.then_some(at);
            if !self.take(&reader.buffer[..len], at, tally.as_deref_mut()) {
                return false;
            }
            // A short read has emptied the socket, and epoll reports what arrives after it.
            if len < READ_BYTES {
                return true;
            }
        }
    }

    /// Takes received bytes. Returns false after a close frame or a malformed one.
    fn take(&mut self, bytes: &[u8], at: Option<Instant>, mut tally: Option<&mut Tally>) -> bool {
        let mut is_open = true;
        let listener = &mut self.listener;
        let taken = self.frames.take(bytes, |frame| match frame {
            Frame::Binary(payload) => {
                if let Ok(packet) = Packet::parse(payload) {
                    listener.receive(at, &packet, tally.as_deref_mut());
                }
            }
            Frame::Close => is_open = false,
            Frame::Other => {}
        });
        taken.is_ok() && is_open
    }
}

impl Reader {
    pub(crate) fn new() -> Self {
        Self {
            buffer: vec![0; READ_BYTES].into(),
            control: nix::cmsg_space!(TimeSpec),
            kernel_times: false,
        }
    }

    /// Whether the kernel has ever supplied an arrival time.
    pub(crate) fn has_kernel_times(&self) -> bool {
        self.kernel_times
    }

    /// Reads into the buffer. Returns the arrival time of the last byte, and the number of bytes.
    fn receive(&mut self, stream: &TcpStream, clocks: Clocks) -> nix::Result<(Instant, usize)> {
        let mut slices = [IoSliceMut::new(&mut self.buffer)];
        let message = recvmsg::<()>(
            stream.as_raw_fd(),
            &mut slices,
            Some(&mut self.control),
            MsgFlags::MSG_DONTWAIT,
        )?;
        let mut controls = message.cmsgs().into_iter().flatten();
        let stamp = controls.find_map(|control| match control {
            ControlMessageOwned::ScmTimestampns(at) => {
                Some(SystemTime::UNIX_EPOCH + Duration::from(at))
            }
            _ => None,
        });
        let bytes = message.bytes;
        self.kernel_times |= stamp.is_some();
        Ok((clocks.instant_of(stamp), bytes))
    }
}

/// Reads both clocks.
pub(crate) fn clocks_now() -> Clocks {
    Clocks {
        monotonic: Instant::now(),
        wall: SystemTime::now(),
    }
}
