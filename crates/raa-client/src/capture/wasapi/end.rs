//! How a session ends.

use std::time::Duration;

use super::super::Gone;
use super::trouble::Trouble;

/// Why a session ended, or did not even begin.
pub(super) enum End {
    /// Nobody needs the capture any more.
    Gone(Gone),
    /// Nothing is wrong, but it is to be opened anew: why.
    Again(&'static str),
    Failed(Failed),
}

/// A capture that broke off.
pub(super) struct Failed {
    /// What was to be captured.
    pub(super) what: &'static str,
    pub(super) trouble: Trouble,
    /// How long it had lasted; zero if it could not be opened.
    pub(super) age: Duration,
}

impl End {
    /// `what` could not be opened.
    pub(super) fn unopened(what: &'static str, trouble: Trouble) -> Self {
        Self::Failed(Failed {
            what,
            trouble,
            age: Duration::ZERO,
        })
    }
}

impl From<Gone> for End {
    fn from(gone: Gone) -> Self {
        Self::Gone(gone)
    }
}
