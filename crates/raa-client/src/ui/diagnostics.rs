//! The diagnostics: everything about a running client on one page of text, for support.
//!
//! In plain English, so that it can be sent to anyone; aligned, so that any editor shows it well.
//!
//! Always: an unknown value is shown as unknown, never left out.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};
use std::path::Path;
use std::time::Duration;

use raa_core::packetizer::Reception;

use super::server_test::{ClientState, RaaServer, TestResult};
use crate::settings::Stored;
use crate::status::Status;

/// The width of the names at the start of the lines.
const WIDTH: usize = 14;
/// Stands for an unknown value.
const NONE: &str = "-";

/// The sources of the text.
#[derive(Debug)]
pub(crate) struct Diagnostics<'a> {
    /// The operating system and its version.
    pub(crate) system: &'a str,
    /// All layers of the settings.
    pub(crate) stored: &'a Stored,
    /// The user's settings file.
    pub(crate) ini: &'a Path,
    /// The log file.
    pub(crate) log: &'a Path,
    /// The client's status; `None` if no client is running.
    pub(crate) status: Option<&'a Status>,
    /// The result of a server test; `None` if the server was not tested.
    pub(crate) tested: Option<&'a TestResult>,
    /// Names and values of everything else; a name may be repeated.
    pub(crate) facts: &'a [(&'static str, String)],
}

impl Diagnostics<'_> {
    /// Returns the text, with `\n` at the end of every line.
    pub(crate) fn text(&self) -> String {
        let mut page = Page::default();
        self.client(&mut page);
        self.server(&mut page);
        match self.status {
            Some(status) => {
                capture(&mut page, status);
                sending(&mut page, status);
            }
            None => page.line("capture", "no client is running"),
        }
        page.line("settings", self.ini.display());
        page.line("log", self.log.display());
        for (name, value) in self.facts {
            page.line(name, value);
        }
        page.0
    }

    fn client(&self, page: &mut Page) {
        let settings = self.stored.settings();
        page.line("version", env!("CARGO_PKG_VERSION"));
        page.line("system", self.system);
        page.line("name", settings.name.as_str());
        page.line("ssrc", or_none(self.stored.ssrc.as_ref()));
        page.line("server", or_none(settings.server.as_ref()));
        page.line("page", or_none(self.stored.page().as_ref()));
        page.line(
            "log level",
            format!("{:?}", settings.log_level).to_lowercase(),
        );
    }

    fn server(&self, page: &mut Page) {
        let Some(TestResult {
            addresses, server, ..
        }) = self.tested
        else {
            page.line("server test", "not run");
            return;
        };
        match addresses {
            Ok(addresses) => page.lines("addresses", addresses),
            Err(error) => page.line("addresses", format!("none: {error}")),
        }
        match server {
            Ok(RaaServer {
                version,
                address,
                client,
            }) => {
                page.line("server test", format!("RAA server {version} at {address}"));
                page.line("seen by server", client_state(*client));
            }
            Err(error) => page.line("server test", format!("failed: {error}")),
        }
    }
}

fn client_state(state: ClientState) -> Cow<'static, str> {
    let words = match state {
        ClientState::Taken(other) => {
            return format!("another computer with this number, at {other}").into();
        }
        ClientState::Elsewhere(other) => {
            return format!("at {other}, which is not this computer's own address").into();
        }
        ClientState::Sounding => "with sound",
        ClientState::Connected => "silent",
        ClientState::Offline => "not now, but earlier",
        ClientState::Unlisted => "never",
        ClientState::Unknown => "unknown",
    };
    words.into()
}

fn capture(page: &mut Page, status: &Status) {
    let capture = &status.capture;
    page.line("capture", or_none(capture.method.as_ref()));
    page.lines("notes", &capture.notes);
    page.line(
        "device",
        or_none(Some(&capture.device).filter(|name| !name.is_empty())),
    );
    page.line(
        "format",
        or_none(Some(&capture.format).filter(|text| !text.is_empty())),
    );
    page.line("capture error", or_none(capture.trouble.as_ref()));
}

fn sending(page: &mut Page, status: &Status) {
    page.line("sending to", or_none(status.link.to.as_ref()));
    page.line("link error", or_none(status.link.trouble.as_ref()));
    page.line("muted", if status.muted { "yes" } else { "no" });
    let Some(stats) = &status.stats else {
        page.line("packets", "no sound captured yet");
        return;
    };
    page.line("packets", stats.packets);
    page.line("octets", stats.octets);
    page.line("talkspurts", stats.talkspurts);
    page.line("capture gaps", stats.capture_gaps);
    page.line("dropped", format!("{} samples", stats.dropped_samples));
    page.line("redundancy", format!("{} earlier frames", stats.redundancy));
    page.line("reception", reception(stats.reception));
    page.line("round trip", round_trip(stats.round_trip));
    page.line("sending sound", if stats.sending { "yes" } else { "no" });
    let (rms, peak) = (stats.level.rms_dbfs, stats.level.peak_dbfs);
    page.line("level", format!("{rms:.1} dBFS RMS, {peak:.1} dBFS peak"));
}

/// Returns the reception according to the server's reports.
fn reception(reception: Reception) -> String {
    match reception {
        Reception::Unknown => "not known yet".into(),
        Reception::Good => "good".into(),
        Reception::Losing { percent } => format!("losing {percent} %"),
        Reception::SsrcTaken => "turned away: another computer uses this client's number".into(),
        Reception::NoReports => "no reports from the server".into(),
    }
}

fn round_trip(time: Option<Duration>) -> String {
    time.map_or_else(
        || NONE.to_owned(),
        |time| format!("{} ms", time.as_millis()),
    )
}

fn or_none<T: Display>(value: Option<&T>) -> String {
    value.map_or_else(|| NONE.to_owned(), ToString::to_string)
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, name: &str, value: impl Display) {
        let value = value.to_string();
        let one_line = value.split(char::is_control).collect::<Vec<_>>().join(" ");
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{name:WIDTH$}  {}", one_line.trim_end());
    }

    /// Adds several values, one below the other.
    fn lines(&mut self, name: &str, values: &[impl Display]) {
        if values.is_empty() {
            self.line(name, NONE);
        }
        for (number, value) in values.iter().enumerate() {
            self.line(if number == 0 { name } else { "" }, value);
        }
    }
}

#[cfg(test)]
mod tests;
