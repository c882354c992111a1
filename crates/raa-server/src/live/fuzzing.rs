//! Fuzzes the messages in which pages report their state.

use raa_core::settings::MAX_NAME_CHARS;

use super::report;
use crate::api::fuzzing::check;
use crate::watch::walls::WallState;

/// A page's message: what is accepted is in range, and no page can call itself gone.
pub(crate) fn page_message(bytes: &[u8]) {
    let report = match report::parse(&String::from_utf8_lossy(bytes)) {
        Ok(Some(report)) => report,
        Ok(None) => return,
        Err(error) => return check(&error),
    };
    let chars = report.name.as_str().chars().count();
    assert!((1..=MAX_NAME_CHARS).contains(&chars));
    assert_ne!(report.state, WallState::Gone);
    assert!(report.delay_ms.is_none_or(|ms| ms <= 60_000));
}
