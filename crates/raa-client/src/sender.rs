//! The sender's thread: owns the packetizer and the link, and lives by its inbox.
//!
//! Always: sleeps until PCM comes or the packetizer's next timeout, so it wakes once per block
//! while sound flows and a few times a second in silence; ends with RTCP BYE.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

use raa_core::codec::{CodecError, EncoderSettings};
use raa_core::packetizer::{Hearing, Identity, Packetizer, PacketizerConfig, PacketizerStats};
use raa_core::rtp::StreamStart;
use tracing::{debug, info};

use crate::INBOX;
use crate::link::{Change, Link};
use crate::reception_log::HearingLog;
use crate::resolver::Answer;
use crate::settings::Settings;
use crate::status::Board;

/// What the other threads have for the sender.
#[derive(Debug)]
pub enum Input {
    /// 48 kHz mono, captured just now.
    Pcm(Vec<f32>),
    /// Where the server is.
    Resolved(Answer),
    /// Send silence instead of what is captured, or no longer.
    Mute(bool),
    /// Say goodbye and end.
    Stop,
}

/// See the module's text.
pub struct Sender {
    packetizer: Packetizer,
    link: Link,
    inbox: Receiver<Input>,
    board: Board,
    hearing_log: HearingLog,
    muted: bool,
    /// Dies with the sender, so that a source with nothing to push sees it.
    _alive: Arc<()>,
}

/// Whether the thread goes on.
#[derive(PartialEq, Eq)]
enum Next {
    GoOn,
    End,
}

impl Sender {
    /// `alive` is what the source of the sound looks at, see
    /// [`PcmInbox`](crate::capture::PcmInbox).
    ///
    /// # Errors
    /// When there is no memory for an encoder.
    pub fn new(
        settings: &Settings,
        inbox: Receiver<Input>,
        link: Link,
        board: Board,
        alive: Arc<()>,
    ) -> Result<Self, CodecError> {
        info!(
            "client {} is called {:?}",
            settings.ssrc,
            settings.name.as_str()
        );
        let packetizer = Packetizer::new(packetizer_config(settings), Instant::now())?;
        Ok(Self {
            packetizer,
            link,
            inbox,
            board,
            hearing_log: HearingLog::default(),
            muted: false,
            _alive: alive,
        })
    }

    /// Sends until [`Input::Stop`] comes.
    pub fn run(mut self) {
        while self.turn() == Next::GoOn {}
        log_end(&self.packetizer.stats());
        let now = Instant::now();
        if let Some(datagram) = self.packetizer.goodbye(now) {
            let (Change::None | Change::Fresh) = self.link.send(now, &datagram);
        }
    }

    /// Sleeps, takes everything that has come, sends everything that is due. Reports wait in the
    /// socket meanwhile: up to a block of sound, or 400 ms while none is captured.
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
                // What came together is pushed together, so that a backlog shows as one.
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
        Next::GoOn
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
                self.board.update(|status| status.muted = muted);
            }
            Input::Stop => return Next::End,
        }
        Next::GoOn
    }

    /// Before all else, because what came back came back before: while the thread slept, if not
    /// just now.
    fn receive(&mut self, now: Instant, slept: Duration) {
        let packetizer = &mut self.packetizer;
        self.link
            .receive(|datagram| packetizer.handle_rtcp(now, slept, datagram));
    }

    fn transmit(&mut self, now: Instant) {
        let mut change = Change::None;
        while let Some(datagram) = self.packetizer.poll_transmit() {
            if self.link.send(now, datagram) == Change::Fresh {
                change = Change::Fresh;
            }
        }
        if change == Change::Fresh {
            self.packetizer.introduce_again();
        }
        self.show(now);
    }

    fn show(&mut self, now: Instant) {
        let mut stats = self.packetizer.stats();
        if !self.link.works() {
            // That nobody answers is no news then.
            (stats.hearing, stats.round_trip) = (Hearing::Unknown, None);
        }
        if let Some(line) = self.hearing_log.news(now, &stats) {
            info!("{line}");
        }
        if self.board.show_stats(stats) {
            debug!("{} begins", if stats.sending { "sound" } else { "silence" });
        }
    }
}

fn packetizer_config(settings: &Settings) -> PacketizerConfig {
    let host = gethostname::gethostname();
    PacketizerConfig {
        stream: StreamStart {
            ssrc: settings.ssrc.0,
            sequence_number: rand::random(),
            timestamp: rand::random(),
        },
        encoder: EncoderSettings::default(),
        redundancy: settings.redundancy,
        identity: Identity {
            cname: format!("raa-{}@{}", settings.ssrc, host.to_string_lossy()),
            name: settings.name.as_str().into(),
            tool: concat!("raa-client ", env!("CARGO_PKG_VERSION")).into(),
        },
        seed: rand::random(),
        wall_clock: SystemTime::now(),
    }
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
        "ending after {packets} packets, {octets} bytes of sound, {talkspurts} talkspurts, \
         {capture_gaps} pauses of capture, {dropped_samples} samples dropped"
    );
}
