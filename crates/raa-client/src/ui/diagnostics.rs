//! Everything about a running client on one page of text, for whoever is to help.
//!
//! English and plain, so that it can be sent to anybody; lines are aligned, so that it can be
//! read in any editor.
//! Always: what is not known is said to be so, never left out.

use std::fmt::{Display, Write as _};
use std::path::Path;
use std::time::Duration;

use raa_core::packetizer::Reception;

use super::server_test::{Found, Hears, Server};
use crate::settings::ini_files::Stored;
use crate::status::Status;

/// How wide the names of the lines are.
const WIDTH: usize = 14;
/// What stands where nothing is known.
const NONE: &str = "-";

/// What the text is made of.
#[derive(Debug)]
pub(crate) struct Diagnostics<'a> {
    /// The operating system and its version.
    pub(crate) system: &'a str,
    /// All layers of the settings.
    pub(crate) stored: &'a Stored,
    /// The user's settings file.
    pub(crate) ini: &'a Path,
    /// The log.
    pub(crate) log: &'a Path,
    /// What the client is doing; `None` while none runs.
    pub(crate) status: Option<&'a Status>,
    /// What a test of the server has found; `None` if it was not tested.
    pub(crate) found: Option<&'a Found>,
}

impl Diagnostics<'_> {
    /// The text, with `\n` at the end of every line.
    pub(crate) fn text(&self) -> String {
        let mut page = Page::default();
        self.client(&mut page);
        self.server(&mut page);
        match self.status {
            Some(status) => {
                capture(&mut page, status);
                sending(&mut page, status);
            }
            None => page.line("capture", "no client runs"),
        }
        page.line("settings", self.ini.display());
        page.line("log", self.log.display());
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
        let Some(Found { addresses, server }) = self.found else {
            page.line("server test", "not done");
            return;
        };
        match addresses {
            Ok(addresses) => page.lines("addresses", addresses),
            Err(error) => page.line("addresses", format!("none: {error}")),
        }
        match server {
            Ok(Server { version, hears }) => {
                page.line("server test", format!("RAA server {version}"));
                page.line("heard", heard(*hears));
            }
            Err(error) => page.line("server test", format!("failed: {error}")),
        }
    }
}

fn heard(hears: Hears) -> &'static str {
    match hears {
        Hears::Sound => "yes, and it sounds",
        Hears::Silence => "yes, it is silent",
        Hears::Nothing => "not now, but it has been",
        Hears::Never => "no, never",
        Hears::Unknown => "the server does not say",
    }
}

fn capture(page: &mut Page, status: &Status) {
    let capture = &status.capture;
    page.line("capture", or_none(capture.method.as_ref()));
    page.lines("why not better", &capture.notes);
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
        page.line("packets", "no sound was captured yet");
        return;
    };
    page.line("packets", stats.packets);
    page.line("octets", stats.octets);
    page.line("talkspurts", stats.talkspurts);
    page.line("capture gaps", stats.capture_gaps);
    page.line("dropped", format!("{} samples", stats.dropped_samples));
    page.line("redundancy", format!("{} earlier frames", stats.redundancy));
    page.line("hearing", hearing(stats.reception));
    page.line("round trip", round_trip(stats.round_trip));
    page.line("sounding", if stats.sending { "yes" } else { "no" });
    let (rms, peak) = (stats.level.rms_dbfs, stats.level.peak_dbfs);
    page.line("level", format!("{rms:.1} dBFS RMS, {peak:.1} dBFS peak"));
}

/// By the server's own reports.
fn hearing(hearing: Reception) -> String {
    match hearing {
        Reception::Unknown => "not known yet".into(),
        Reception::Good => "good".into(),
        Reception::Losing { percent } => format!("losing {percent} %"),
        Reception::NoReports => "not heard: the server has not answered".into(),
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
        // Writing to a text does not fail.
        let _ = writeln!(self.0, "{name:WIDTH$}  {}", one_line.trim_end());
    }

    /// Several values below each other.
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
