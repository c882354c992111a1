//! Which of a name's addresses to send to, while some of them may swallow everything.
//!
//! UDP does not say whether anything arrives; only the server's reports do. So the addresses of a name
//! are tried in turn, alternating between the families as in RFC 8305, until one answers. A path may
//! also carry sound and never a report, because a firewall drops those. Therefore sound goes on to the
//! first address during a trial, and a copy to one further address. So nothing is cut off if either of
//! them works, and the server ignores duplicates.
//!
//! Pure: `now` is an argument. Always: an address that answers is kept; at most one address is tried
//! at a time; trials without an answer become rarer, so that a server without reports costs next to
//! nothing.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Time for the first answer. The server answers the first report at once; this leaves room for a
/// round trip around the world and a late packet.
const FIRST_WAIT: Duration = Duration::from_secs(3);
/// Time without an answer after which an address that has answered no longer counts: three reports of
/// the longest interval (RFC 3550 section 6.3.1).
const SILENT_AFTER: Duration = Duration::from_secs(25);
/// Duration of one address's trial. It includes a second report if the first one is lost.
const TRIAL: Duration = Duration::from_secs(10);
/// Pause after a round in which no address has answered; it doubles with each round.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// Addresses of a name that are used; further ones are ignored.
const MAX_ADDRESSES: usize = 8;

/// The trials; see the module's text.
#[derive(Debug)]
pub(crate) struct Trials {
    /// In the order of the trials.
    addresses: Vec<SocketAddr>,
    current: Option<SocketAddr>,
    /// Those of this round.
    tried: Vec<SocketAddr>,
    state: State,
    pause: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing has been sent to the current address.
    Fresh,
    /// Waiting for the next round.
    Resting { until: Instant },
    /// This address is sent to in addition.
    Trying { address: SocketAddr, until: Instant },
}

/// A step for the link to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Step {
    /// Continue as before.
    Stay,
    /// Send to this address in addition, and to no other that was tried before.
    Try(SocketAddr),
    /// Send to the current address only.
    End,
}

impl Default for Trials {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            current: None,
            tried: Vec::new(),
            state: State::Fresh,
            pause: FIRST_PAUSE,
        }
    }
}

impl Trials {
    /// Takes the addresses of the name, from [`in_turns`].
    pub(crate) fn set_addresses(&mut self, addresses: &[SocketAddr]) {
        self.addresses = addresses.to_vec();
    }

    /// Begins again with this current address, which nothing has been sent to.
    pub(crate) fn begin(&mut self, current: SocketAddr) {
        let addresses = std::mem::take(&mut self.addresses);
        *self = Self {
            addresses,
            current: Some(current),
            ..Self::default()
        };
    }

    /// Returns what to do when a datagram is to be sent at `now`.
    pub(crate) fn poll(&mut self, now: Instant) -> Step {
        match self.state {
            State::Fresh => self.rest(now, FIRST_WAIT),
            State::Resting { until } if now >= until => return self.next(now),
            State::Trying { until, .. } if now >= until => return self.next(now),
            State::Resting { .. } | State::Trying { .. } => {}
        }
        Step::Stay
    }

    /// Ends the running trial early, because the address cannot be sent to.
    pub(crate) fn give_up(&mut self, now: Instant) {
        if let State::Trying { address, .. } = self.state {
            self.state = State::Trying {
                address,
                until: now,
            };
        }
    }

    /// Takes note that the address `from` has answered, which makes it the current one. A running
    /// trial ends.
    pub(crate) fn note_answer(&mut self, now: Instant, from: SocketAddr) {
        self.current = Some(from);
        self.tried.clear();
        self.pause = FIRST_PAUSE;
        self.rest(now, SILENT_AFTER);
    }

    fn next(&mut self, now: Instant) -> Step {
        let is_new = |address: &&SocketAddr| {
            Some(**address) != self.current && !self.tried.contains(address)
        };
        if let Some(&address) = self.addresses.iter().find(is_new) {
            self.tried.push(address);
            let until = now + TRIAL;
            self.state = State::Trying { address, until };
            return Step::Try(address);
        }
        self.tried.clear();
        self.rest(now, self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Step::End
    }

    fn rest(&mut self, now: Instant, time: Duration) {
        self.state = State::Resting { until: now + time };
    }
}

/// Returns the addresses without repetitions, those of the two families in turns (RFC 8305 section 4),
/// beginning with the first one, and no more than are used.
pub(crate) fn in_turns(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let mut unique: Vec<SocketAddr> = Vec::new();
    for address in addresses {
        if !unique.contains(address) {
            unique.push(*address);
        }
    }
    let first_is_ipv6 = unique.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<SocketAddr>, Vec<_>) = unique
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_ipv6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut turns = Vec::new();
    while turns.len() < MAX_ADDRESSES {
        let pair = [first.next(), second.next()];
        if pair == [None, None] {
            break;
        }
        turns.extend(pair.into_iter().flatten());
    }
    turns.truncate(MAX_ADDRESSES);
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> SocketAddr {
        ([192, 0, 2, last], 4010).into()
    }

    /// Sends 50 packets a second for this many seconds and returns the steps with their times in ms.
    /// `answers` says which addresses answer, `at_ms` when the simulation goes on.
    fn run(
        trials: &mut Trials,
        start: Instant,
        seconds: std::ops::Range<u64>,
        answers: &[SocketAddr],
    ) -> Vec<(u64, Step)> {
        let mut steps = Vec::new();
        let mut tried = None;
        for ms in (seconds.start * 1000..seconds.end * 1000).step_by(20) {
            let now = start + Duration::from_millis(ms);
            match trials.poll(now) {
                Step::Stay => {}
                step => {
                    tried = match step {
                        Step::Try(address) => Some(address),
                        _ => None,
                    };
                    steps.push((ms, step));
                }
            }
            // A report answers a while after each packet.
            let answering = [tried, trials.current].into_iter().flatten();
            if let Some(from) = answering.clone().find(|to| answers.contains(to))
                && ms % 100 == 0
            {
                trials.note_answer(now, from);
                tried = None;
            }
        }
        steps
    }

    fn trials(addresses: &[SocketAddr]) -> Trials {
        let mut trials = Trials::default();
        trials.set_addresses(addresses);
        trials.begin(addresses[0]);
        trials
    }

    #[test]
    fn an_address_that_swallows_everything_is_left() {
        let all = [1, 2, 3].map(address);
        let mut trials = trials(&all);
        let steps = run(&mut trials, Instant::now(), 0..3600, &all[2..]);
        let expected = [(3000, Step::Try(all[1])), (13_000, Step::Try(all[2]))];
        assert_eq!(steps, expected, "and it is kept from then on");
        assert_eq!(trials.current, Some(all[2]));
    }

    #[test]
    fn an_address_that_answers_is_never_left() {
        let all = [1, 2].map(address);
        let mut trials = trials(&all);
        assert_eq!(run(&mut trials, Instant::now(), 0..3600, &all), []);
        assert_eq!(trials.current, Some(all[0]));
    }

    #[test]
    fn a_one_way_path_is_kept_and_tried_rarely() {
        let all = [1, 2].map(address);
        let mut trials = trials(&all);
        let steps = run(&mut trials, Instant::now(), 0..24 * 3600, &[]);
        assert_eq!(trials.current, Some(all[0]), "sound goes on to it");
        let begun = |step: &&(u64, Step)| step.1 == Step::Try(all[1]);
        let times: Vec<u64> = steps
            .iter()
            .filter(begun)
            .map(|(ms, _)| ms / 1000)
            .collect();
        assert_eq!(times[..4], [3, 73, 203, 453]);
        assert!((28..=32).contains(&times.len()), "{times:?}");
        // Each trial ends, so the copies are under half a percent of a day.
        let ended = steps.iter().filter(|(_, step)| *step == Step::End).count();
        assert!(times.len() - ended <= 1);
    }

    #[test]
    fn an_address_that_falls_silent_is_left() {
        let all = [1, 2].map(address);
        let (mut trials, start) = (trials(&all), Instant::now());
        assert_eq!(run(&mut trials, start, 0..600, &all[..1]), []);
        let steps = run(&mut trials, start, 600..660, &all[1..]);
        assert_eq!(steps.len(), 1, "{steps:?}");
        assert_eq!(steps[0].1, Step::Try(all[1]));
        assert!((620_000..630_000).contains(&steps[0].0), "{steps:?}");
        assert_eq!(trials.current, Some(all[1]));
    }

    #[test]
    fn a_single_address_is_never_sent_to_twice() {
        let mut trials = trials(&[address(1)]);
        let steps = run(&mut trials, Instant::now(), 0..3600, &[]);
        assert!(
            steps.iter().all(|(_, step)| *step == Step::End),
            "{steps:?}"
        );
    }

    #[test]
    fn families_take_turns() {
        let v6 = |last: u16| SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, last], 4010));
        let v4 = address;
        let check = |addresses: &[SocketAddr], expected: &[SocketAddr]| {
            assert_eq!(in_turns(addresses), expected);
        };
        check(&[], &[]);
        check(
            &[v6(1), v6(1), v6(2), v6(3), v4(1), v4(2)],
            &[v6(1), v4(1), v6(2), v4(2), v6(3)],
        );
        check(&[v4(1), v6(1)], &[v4(1), v6(1)]);
        let many: Vec<_> = (1..=255).map(v4).collect();
        check(&many, &many[..MAX_ADDRESSES]);
    }
}
