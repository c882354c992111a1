//! Listeners of the mix over WebSocket: do all frames come, and in time?
//!
//! One thread for all of them, which sleeps 5 ms at a time and then reads whatever has come, so a
//! frame wakes nobody up; when it came the kernel says. Frames that were read together came, as
//! far as can be known, when the last of them did: lateness is never made smaller than it was.
//! Of many listeners some hundreds, spread evenly, are timed so; the others' frames are counted,
//! a dozen by one read, so that thousands of listeners leave the machine to the server.

use std::io::IoSliceMut;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd as _;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;
use raa_core::rtp::Packet;

use crate::frames::{Frame, Frames};
use crate::handshake;
use crate::listener::{Heard, MixListener, Tally};
use crate::progress::Progress;

/// From one look at the sockets to the next.
const TICK: Duration = Duration::from_millis(5);
/// New connections per look, so that those that are open are read meanwhile.
const OPENED_PER_TICK: usize = 10;
/// At most so many listeners are timed.
const TIMED: usize = 500;
/// The others are read in every so manieth look: every 200 ms.
const UNTIMED_TICKS: usize = 40;
/// Bytes read at once: several frames.
const READ_BYTES: usize = 16 << 10;
const EVENTS: usize = 1024;

/// All listeners.
pub(crate) struct Listeners {
    server: SocketAddr,
    wanted: usize,
    epoll: Epoll,
    connections: Vec<Connection>,
    /// The next look.
    tick: usize,
    disconnected: u64,
    tally: Tally,
    reader: Reader,
}

struct Connection {
    /// `None`: it has ended.
    stream: Option<TcpStream>,
    is_timed: bool,
    frames: Frames,
    listener: MixListener,
}

/// What reading needs, once for all.
struct Reader {
    buffer: Box<[u8]>,
    control: Vec<u8>,
    kernel_times: bool,
}

/// The kernel stamps with the wall clock; lateness is measured by the monotonic one.
#[derive(Clone, Copy)]
struct Clocks {
    monotonic: Instant,
    wall: SystemTime,
}

impl Listeners {
    /// Prepares `wanted` listeners of the server's web port.
    pub(crate) fn new(server: SocketAddr, wanted: u32) -> anyhow::Result<Self> {
        raise_descriptor_limit();
        Ok(Self {
            server,
            wanted: wanted as usize,
            epoll: Epoll::new(EpollCreateFlags::empty()).context("there is no epoll")?,
            connections: Vec::with_capacity(wanted as usize),
            tick: 0,
            disconnected: 0,
            tally: Tally::default(),
            reader: Reader {
                buffer: vec![0; READ_BYTES].into(),
                control: nix::cmsg_space!(TimeSpec),
                kernel_times: false,
            },
        })
    }

    /// Connects and hears until it is told to stop; what comes while it is measured counts.
    pub(crate) fn run(mut self, progress: &Progress) -> anyhow::Result<Heard> {
        let mut due = Instant::now();
        while !progress.stop.load(Ordering::Relaxed) {
            self.open_some()?;
            if self.connections.len() == self.wanted {
                progress.listening.store(true, Ordering::Relaxed);
            }
            self.drain(progress.measuring.load(Ordering::Relaxed))?;
            // After a stall there is nothing to make up for.
            due = (due + TICK).max(Instant::now());
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        let kernel_times = self.reader.kernel_times;
        Ok(self
            .tally
            .heard(self.wanted as u32, self.disconnected, kernel_times))
    }

    fn open_some(&mut self) -> anyhow::Result<()> {
        let missing = self.wanted - self.connections.len();
        for _ in 0..missing.min(OPENED_PER_TICK) {
            let (stream, came) = handshake::open(self.server)
                .with_context(|| format!("listener {}", self.connections.len() + 1))?;
            let is_timed = self
                .connections
                .len()
                .is_multiple_of(self.wanted.div_ceil(TIMED));
            if is_timed {
                // Without it a frame came when it was read.
                let _ = setsockopt(&stream, sockopt::ReceiveTimestampns, &true);
                let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLET;
                let event = EpollEvent::new(flags, self.connections.len() as u64);
                self.epoll.add(&stream, event)?;
            }
            let mut connection = Connection {
                stream: Some(stream),
                is_timed,
                frames: Frames::default(),
                listener: MixListener::default(),
            };
            connection.take(&came, None, None);
            self.connections.push(connection);
        }
        Ok(())
    }

    /// Reads what has come: of the timed listeners, and of those whose turn it is.
    fn drain(&mut self, is_measuring: bool) -> anyhow::Result<()> {
        for n in (self.tick % UNTIMED_TICKS..self.connections.len()).step_by(UNTIMED_TICKS) {
            if !self.connections[n].is_timed {
                self.read(n, Clocks::now(), is_measuring);
            }
        }
        self.tick += 1;
        let mut events = [EpollEvent::empty(); EVENTS];
        loop {
            let count = match self.epoll.wait(&mut events, EpollTimeout::ZERO) {
                Err(Errno::EINTR) => continue,
                count => count.context("cannot wait for the listeners' sockets")?,
            };
            let clocks = Clocks::now();
            for event in &events[..count] {
                self.read(event.data() as usize, clocks, is_measuring);
            }
            if count < EVENTS {
                return Ok(());
            }
        }
    }

    /// Reads one connection; closing takes it out of epoll, too.
    fn read(&mut self, n: usize, clocks: Clocks, is_measuring: bool) {
        let connection = &mut self.connections[n];
        let tally = is_measuring.then_some(&mut self.tally);
        let was_open = connection.stream.is_some();
        if was_open && !connection.read(&mut self.reader, clocks, tally) {
            connection.stream = None;
            self.disconnected += 1;
        }
    }
}

impl Connection {
    /// Reads until nothing is left; false when the connection has ended.
    fn read(&mut self, reader: &mut Reader, clocks: Clocks, mut tally: Option<&mut Tally>) -> bool {
        while let Some(stream) = &self.stream {
            let (at, len) = match reader.receive(stream, clocks) {
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
            // A short read has emptied the socket; what comes later is told anew.
            if len < READ_BYTES {
                return true;
            }
        }
        false
    }

    /// Hears what has come; false when the server says goodbye or is not understood.
    fn take(&mut self, bytes: &[u8], at: Option<Instant>, mut tally: Option<&mut Tally>) -> bool {
        let mut is_open = true;
        let listener = &mut self.listener;
        let taken = self.frames.take(bytes, |frame| match frame {
            Frame::Binary(payload) => {
                if let Ok(packet) = Packet::parse(payload) {
                    listener.take(at, &packet, tally.as_deref_mut());
                }
            }
            Frame::Close => is_open = false,
            Frame::Other => {}
        });
        taken.is_ok() && is_open
    }
}

impl Reader {
    /// When the last of the bytes came, and their number.
    fn receive(&mut self, stream: &TcpStream, clocks: Clocks) -> nix::Result<(Instant, usize)> {
        let mut slices = [IoSliceMut::new(&mut self.buffer)];
        let message = recvmsg::<()>(
            stream.as_raw_fd(),
            &mut slices,
            Some(&mut self.control),
            MsgFlags::MSG_DONTWAIT,
        )?;
        let stamp = message
            .cmsgs()
            .into_iter()
            .flatten()
            .find_map(|control| match control {
                ControlMessageOwned::ScmTimestampns(at) => Some(Duration::from(at)),
                _ => None,
            });
        let bytes = message.bytes;
        self.kernel_times |= stamp.is_some();
        Ok((clocks.instant_of(stamp), bytes))
    }
}

impl Clocks {
    fn now() -> Self {
        Self {
            monotonic: Instant::now(),
            wall: SystemTime::now(),
        }
    }

    /// `stamp` is the time since 1970; without one it came just now.
    fn instant_of(&self, stamp: Option<Duration>) -> Instant {
        stamp
            .and_then(|stamp| {
                let at = SystemTime::UNIX_EPOCH + stamp;
                // What has come since the clocks were read is as good as now.
                let age = self.wall.duration_since(at).unwrap_or_default();
                self.monotonic.checked_sub(age)
            })
            .unwrap_or(self.monotonic)
    }
}

/// Every listener needs a descriptor; the usual soft limit is 1,024.
fn raise_descriptor_limit() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // Where it is refused, opening one too many says so.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use raa_core::{OPUS_PAYLOAD_TYPE, SLOT_SAMPLES};
    use tokio_tungstenite::tungstenite::{Message, accept};

    use super::*;

    fn frame(n: u16) -> Message {
        let packet = Packet {
            marker: false,
            payload_type: OPUS_PAYLOAD_TYPE,
            sequence_number: n,
            timestamp: u32::from(n) * SLOT_SAMPLES as u32,
            ssrc: 1,
            payload: &[0; 160],
        };
        let mut bytes = Vec::new();
        packet.write(&mut bytes);
        Message::binary(bytes)
    }

    /// The server sends frames 0 to 9 without number 5, and a goodbye to the first listener.
    #[test]
    fn frames_are_counted_and_a_goodbye_is_noticed() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut listeners = Listeners::new(server.local_addr().unwrap(), 2).unwrap();
        let accepting = thread::spawn(move || {
            let accepted = (0..2).map(|_| accept(server.accept().unwrap().0).unwrap());
            accepted.collect::<Vec<_>>()
        });
        listeners.open_some().unwrap();
        let mut sockets = accepting.join().unwrap();
        for socket in &mut sockets {
            socket.send(Message::text("{}")).unwrap();
            for n in (0..10).filter(|&n| n != 5) {
                socket.send(frame(n)).unwrap();
            }
        }
        sockets[0].close(None).unwrap();
        for _ in 0..1000 {
            listeners.drain(true).unwrap();
            if listeners.tally.frames == 18 && listeners.disconnected == 1 {
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!((listeners.tally.frames, listeners.tally.missing), (18, 2));
        assert_eq!(
            (listeners.connections.len(), listeners.disconnected),
            (2, 1)
        );
    }

    #[test]
    fn of_many_listeners_some_are_timed_and_all_are_heard() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        let mut listeners = Listeners::new(address, 2 * TIMED as u32).unwrap();
        let accepting = thread::spawn(move || {
            let accepted =
                (0..OPENED_PER_TICK).map(|_| accept(server.accept().unwrap().0).unwrap());
            accepted.collect::<Vec<_>>()
        });
        listeners.open_some().unwrap();
        for socket in &mut accepting.join().unwrap() {
            (0..60).for_each(|n| socket.send(frame(n)).unwrap());
        }
        for _ in 0..1000 {
            listeners.drain(true).unwrap();
            if listeners.tally.frames == 60 * OPENED_PER_TICK as u64 {
                break;
            }
        }
        assert_eq!(listeners.tally.frames, 60 * OPENED_PER_TICK as u64);
        let timed = listeners.connections.iter().filter(|one| one.is_timed);
        assert_eq!(timed.count(), OPENED_PER_TICK / 2);
        // Behind the first second ten frames of each timed listener count.
        let timed_frames = listeners.tally.lateness.count();
        assert_eq!(timed_frames, 10 * OPENED_PER_TICK as u64 / 2);
    }

    #[test]
    fn a_stamp_is_an_age() {
        let clocks = Clocks::now();
        let since_1970 = clocks.wall.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let second = Duration::from_secs(1);
        let then = clocks.instant_of(Some(since_1970 - second));
        assert_eq!(clocks.monotonic - then, second);
        assert_eq!(
            clocks.instant_of(Some(since_1970 + second)),
            clocks.monotonic
        );
        assert_eq!(clocks.instant_of(None), clocks.monotonic);
    }
}
