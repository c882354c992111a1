//! Whether the computer's clock is kept in step.
//!
//! The kernel knows (adjtimex(2)), but asking it needs code that this project does not write; the
//! programs that keep clocks in step can be asked by everyone.

use crate::command;
use crate::report::Finding;

const ID: &str = "clock";

/// The state of the computer's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// Kept in step with others.
    InStep,
    /// On its own.
    Alone,
    /// Nobody can be asked.
    Unknown,
}

/// Asks systemd, else chrony.
pub fn look() -> Clock {
    let systemd = || {
        let (is_ok, text) = command::output(
            "timedatectl",
            &["show", "--property=NTPSynchronized", "--value"],
        )?;
        is_ok.then(|| of_systemd(&text))?
    };
    let chrony = || {
        let (is_ok, text) = command::output("chronyc", &["-n", "tracking"])?;
        is_ok.then(|| of_chrony(&text))?
    };
    systemd().or_else(chrony).unwrap_or(Clock::Unknown)
}

fn of_systemd(text: &str) -> Option<Clock> {
    match text.trim() {
        "yes" => Some(Clock::InStep),
        "no" => Some(Clock::Alone),
        _ => None,
    }
}

fn of_chrony(text: &str) -> Option<Clock> {
    let line = text.lines().find(|line| line.starts_with("Leap status"))?;
    let (_, status) = line.split_once(':')?;
    Some(match status.trim() {
        "Not synchronised" => Clock::Alone,
        _ => Clock::InStep,
    })
}

/// Judges it: times in the log and on the page are this computer's. Sound does not depend on it.
pub fn judge(clock: Clock) -> Finding {
    match clock {
        Clock::InStep => Finding::ok(ID, "the clock is kept in step (NTP)"),
        Clock::Alone => Finding::attention(
            ID,
            "the clock is not kept in step, so times in the log and on the page may be wrong",
            "timedatectl set-ntp true, or install chrony; sound does not depend on it",
        ),
        Clock::Unknown => Finding::attention(
            ID,
            "it is unknown whether the clock is kept in step: neither timedatectl nor chronyc answers",
            "in a container, look at its host; otherwise install systemd-timesyncd or chrony",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Verdict;

    #[test]
    fn answers_of_programs_are_understood() {
        assert_eq!(of_systemd("yes\n"), Some(Clock::InStep));
        assert_eq!(of_systemd("no\n"), Some(Clock::Alone));
        assert_eq!(of_systemd(""), None);
        let tracking = |status| format!("Reference ID    : 7F\nLeap status     : {status}\n");
        assert_eq!(of_chrony(&tracking("Normal")), Some(Clock::InStep));
        assert_eq!(of_chrony(&tracking("Not synchronised")), Some(Clock::Alone));
        assert_eq!(of_chrony("506 Cannot talk to daemon"), None);
    }

    #[test]
    fn a_clock_on_its_own_gets_attention() {
        assert_eq!(judge(Clock::InStep).verdict, Verdict::Ok);
        for clock in [Clock::Alone, Clock::Unknown] {
            assert_eq!(judge(clock).verdict, Verdict::Attention, "{clock:?}");
        }
    }
}
