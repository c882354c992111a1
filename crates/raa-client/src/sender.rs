//! The sender's thread: takes inputs from its inbox, and owns the packetizer and the link.
//!
//! Always: sleeps until the next input or the packetizer's next timeout, so it wakes up once per
//! block while there is sound and a few times a second in silence; ends with RTCP BYE.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

use raa_core::codec::{CodecError, EncoderSettings};
use raa_core::packetizer::{Identity, Packetizer, PacketizerConfig, PacketizerStats, Reception};
use raa_core::rtp::StreamStart;
use tracing::{debug, info, warn};

use crate::INBOX;
use crate::link::{Change, Link};
use crate::reception_log::ReceptionLog;
use crate::resolver::Answer;
use crate::settings::{Settings, Ssrc};
use crate::status::SharedStatus;

/// An input from another thread.
#[derive(Debug)]
pub(crate) enum Input {
    /// A block of 48 kHz mono that was just captured.
    Pcm(Vec<f32>),
    /// An answer of the resolver.
    Resolved(Answer),
    /// Send silence instead of the captured sound, or the sound again.
    Mute(bool),
    /// Send BYE and end.
    Stop,
}

/// The sender; see the module's text.
pub(crate) struct Sender {
    packetizer: Packetizer,
    link: Link,
    inbox: Receiver<Input>,
    status: SharedStatus,
    reception_log: ReceptionLog,
    keep: KeepSsrc,
    muted: bool,
    /// Dropped with the sender, so that a source without sound notices its end.
    _alive: Arc<()>,
}

/// Stores a new SSRC for the next start; may take its time.
pub(crate) type KeepSsrc = Box<dyn Fn(Ssrc) + Send>;

/// Whether the thread continues.
#[derive(PartialEq, Eq)]
enum Next {
    Continue,
    End,
}

impl Sender {
    /// Creates a sender; `alive` closes the [`PcmInbox`](crate::capture::PcmInbox) when it ends. Fails
    /// if there is no memory for an encoder.
    pub(crate) fn new(
        settings: &Settings,
        inbox: Receiver<Input>,
        link: Link,
        status: SharedStatus,
        keep: KeepSsrc,
        alive: Arc<()>,
    ) -> Result<Self, CodecError> {
        info!(
            "client {} is named {:?}",
            settings.ssrc,
            settings.name.as_str()
        );
        let packetizer = Packetizer::new(packetizer_config(settings), Instant::now())?;
        Ok(Self {
            packetizer,
            link,
            inbox,
            status,
            reception_log: ReceptionLog::default(),
            keep,
            muted: false,
            _alive: alive,
        })
    }

    /// Sends until [`Input::Stop`] arrives.
    pub(crate) fn run(mut self) {
        while self.turn() == Next::Continue {}
        log_end(&self.packetizer.stats());
        let now = Instant::now();
        if let Some(datagram) = self.packetizer.goodbye(now) {
            let (Change::None | Change::Fresh) = self.link.send(now, &datagram);
        }
    }

    /// Sleeps, takes all inputs that have arrived, sends everything that is due. Received reports wait
    /// in the socket until then: for up to a block of sound, or 400 ms while nothing is captured.
    fn turn(&mut self) -> Next {
        let due = self.packetizer.poll_timeout();
        let asleep = Instant::now();
        let first = self
            .inbox
            .recv_timeout(due.saturating_duration_since(asleep));
        let now = Instant::now();
        self.receive(now, now - asleep);
        match first {
            Ok(input) => {
                if self.take(now, input) == Next::End {
                    return Next::End;
                }
                // Inputs that arrived together are taken together, so that a backlog is recognized.
                for _ in 0..INBOX {
                    let Ok(input) = self.inbox.try_recv() else {
                        break;
                    };
                    if self.take(now, input) == Next::End {
                        return Next::End;
                    }
                }
            }
            Err(RecvTimeoutError::Timeout) => self.packetizer.handle_timeout(now),
            Err(RecvTimeoutError::Disconnected) => return Next::End,
        }
        self.transmit(now);
        Next::Continue
    }

    fn take(&mut self, now: Instant, input: Input) -> Next {
        match input {
            Input::Pcm(mut pcm) => {
                if self.muted {
                    pcm.fill(0.0);
                }
                self.packetizer.push_pcm(now, &pcm);
            }
            Input::Resolved(answer) => {
                if self.link.handle_answer(answer) == Change::Fresh {
                    self.packetizer.introduce_again();
                }
            }
            Input::Mute(muted) => {
                self.muted = muted;
                self.status.update(|status| status.muted = muted);
            }
            Input::Stop => return Next::End,
        }
        Next::Continue
    }

    /// Reads received reports first, because they arrived first: while the thread slept.
    fn receive(&mut self, now: Instant, slept: Duration) {
        let packetizer = &mut self.packetizer;
        self.link
            .receive(now, |datagram| packetizer.handle_rtcp(now, slept, datagram));
        if self.packetizer.is_ssrc_taken() {
            self.change_ssrc();
        }
    }

    /// Goes on with another SSRC, because another client has this one and nobody hears this computer.
    fn change_ssrc(&mut self) {
        let ssrc = Ssrc::random();
        warn!("another computer uses this client's number; from now on this is client {ssrc}");
        self.packetizer
            .change_stream(stream_of(ssrc), cname_of(ssrc));
        (self.keep)(ssrc);
    }

    fn transmit(&mut self, now: Instant) {
        let trouble = self.status.capture_trouble();
        self.packetizer.set_capture_trouble(now, trouble);
        let mut change = Change::None;
        while let Some(datagram) = self.packetizer.poll_transmit() {
            if self.link.send(now, datagram) == Change::Fresh {
                change = Change::Fresh;
            }
        }
        if change == Change::Fresh {
            self.packetizer.introduce_again();
        }
        self.report(now);
    }

    fn report(&mut self, now: Instant) {
        let mut stats = self.packetizer.stats();
        if !self.link.works() {
            // Missing reports mean nothing then.
            (stats.reception, stats.round_trip) = (Reception::Unknown, None);
        }
        self.link
            .set_ssrc_taken(stats.reception == Reception::SsrcTaken);
        if let Some(line) = self.reception_log.line(now, &stats) {
            info!("{line}");
        }
        if self.status.set_stats(stats) {
            debug!("{} begins", if stats.sending { "sound" } else { "silence" });
        }
    }
}

fn packetizer_config(settings: &Settings) -> PacketizerConfig {
    PacketizerConfig {
        stream: stream_of(settings.ssrc),
        encoder: EncoderSettings::default(),
        redundancy: settings.redundancy,
        identity: Identity {
            cname: cname_of(settings.ssrc),
            name: settings.name.as_str().into(),
            tool: concat!("raa-client ", env!("CARGO_PKG_VERSION")).into(),
        },
        seed: rand::random(),
        wall_clock: SystemTime::now(),
    }
}

fn stream_of(ssrc: Ssrc) -> StreamStart {
    StreamStart {
        ssrc: ssrc.0,
        sequence_number: rand::random(),
        timestamp: rand::random(),
    }
}

fn cname_of(ssrc: Ssrc) -> String {
    let host = gethostname::gethostname();
    format!("raa-{ssrc}@{}", host.to_string_lossy())
}

fn log_end(stats: &PacketizerStats) {
    let PacketizerStats {
        packets,
        octets,
        talkspurts,
        capture_gaps,
        dropped_samples,
        ..
    } = stats;
    info!(
        "ending after {packets} packets, {octets} bytes of audio, {talkspurts} talkspurts, \
         {capture_gaps} capture gaps, {dropped_samples} dropped samples"
    );
}
