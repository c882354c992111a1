//! One layer of settings, as a file or the command line holds it.
//!
//! Always: every value that is there is valid; layers are combined by [`Stored::over`] only.

use std::path::PathBuf;

use raa_core::packetizer::Redundancy;
use raa_core::settings::Name;

use super::computer::ComputerMark;
use super::server_address::ServerAddress;
use super::values::{DEFAULT_BUFFER_MS, Programs, Settings, Source, Ssrc, host_name};
use crate::logging::LogLevel;

/// The HTTP port of a server, unless the settings name its page.
const PAGE_PORT: u16 = 4011;

/// The value of each key; `None` where the layer does not set it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Stored {
    /// The server to send to.
    pub(crate) server: Option<ServerAddress>,
    /// The sound to capture.
    pub(crate) source: Option<SourceKind>,
    /// The endpoint id of the capture device; kept while another source is in use.
    pub(crate) device: Option<String>,
    /// The name of the capture device, for people.
    pub(crate) device_name: Option<String>,
    /// The programs whose sound is captured.
    pub(crate) programs: Option<Programs>,
    /// The length of Windows' buffer in milliseconds.
    pub(crate) buffer_ms: Option<u8>,
    /// The silence in seconds after which the capture rests; 0 for never.
    pub(crate) sleep_after_s: Option<u16>,
    /// The name shown for this client until an operator sets another.
    pub(crate) name: Option<Name>,
    /// The URL of the server's page, unless it is at the default port. It belongs to `server`.
    pub(crate) page: Option<String>,
    /// Whether the client sends silence instead of sound.
    pub(crate) muted: Option<bool>,
    /// Minimum number of earlier frames in a packet.
    pub(crate) redundancy: Option<Redundancy>,
    /// The amount of logging.
    pub(crate) log_level: Option<LogLevel>,
    /// The client's RTP identity; present in every result of loading the files.
    pub(crate) ssrc: Option<Ssrc>,
    /// The computer that the SSRC belongs to.
    pub(crate) computer: Option<ComputerMark>,
}

/// The value of the key `source`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SourceKind {
    /// See [`Source::Pulse`].
    Pulse,
    /// See [`Source::File`].
    #[cfg_attr(windows, allow(dead_code))]
    File(PathBuf),
    /// See [`Source::Tone`].
    Tone,
    /// See [`Source::Automatic`].
    Automatic,
    /// The device of [`Stored::device`].
    Device,
}

impl Stored {
    /// Returns these values, and those of `below` where there is none. The page of `below` is left out
    /// if it is that of another server.
    #[must_use]
    pub(crate) fn over(self, below: Self) -> Self {
        let page = match &self.server {
            Some(server) if below.has_other_server(server) => None,
            _ => below.page,
        };
        Self {
            server: self.server.or(below.server),
            source: self.source.or(below.source),
            device: self.device.or(below.device),
            device_name: self.device_name.or(below.device_name),
            programs: self.programs.or(below.programs),
            buffer_ms: self.buffer_ms.or(below.buffer_ms),
            sleep_after_s: self.sleep_after_s.or(below.sleep_after_s),
            name: self.name.or(below.name),
            page: self.page.or(page),
            muted: self.muted.or(below.muted),
            redundancy: self.redundancy.or(below.redundancy),
            log_level: self.log_level.or(below.log_level),
            ssrc: self.ssrc.or(below.ssrc),
            computer: self.computer.or(below.computer),
        }
    }

    /// Returns the settings of a client, with the default for every value that is missing.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            server: self.server.clone(),
            source: self.source(),
            programs: self.programs.clone().unwrap_or_default(),
            buffer_ms: self.buffer_ms.unwrap_or(DEFAULT_BUFFER_MS),
            sleep_after_s: self.sleep_after_s.unwrap_or_default(),
            name: self.name.clone().unwrap_or_else(host_name),
            redundancy: self.redundancy.unwrap_or_default(),
            ssrc: self.ssrc.unwrap_or_else(Ssrc::random),
            log_level: self.log_level.unwrap_or_default(),
        }
    }

    /// Returns the URL of the server's page, with a slash at the end; `None` without a server.
    pub(crate) fn page(&self) -> Option<String> {
        let default = || self.server.as_ref().map(default_page);
        self.page.clone().or_else(default)
    }

    /// Returns the URL of the page of any server: the stored one belongs to the stored server.
    #[cfg_attr(not(windows), allow(dead_code))]
    pub(crate) fn page_of(&self, server: &ServerAddress) -> String {
        let stored = self.page.clone().filter(|_| !self.has_other_server(server));
        stored.unwrap_or_else(|| default_page(server))
    }

    /// Returns whether a server is set that has another host than this one.
    pub(super) fn has_other_server(&self, server: &ServerAddress) -> bool {
        let is_other = |own: &ServerAddress| own.host != server.host;
        self.server.as_ref().is_some_and(is_other)
    }

    fn source(&self) -> Source {
        match (&self.source, &self.device) {
            (Some(SourceKind::Pulse), _) => Source::Pulse,
            (Some(SourceKind::File(path)), _) => Source::File(path.clone()),
            (Some(SourceKind::Tone), _) => Source::Tone,
            (Some(SourceKind::Device), Some(id)) => Source::Device(id.clone()),
            (Some(SourceKind::Automatic), _) => Source::Automatic,
            (Some(SourceKind::Device), None) | (None, _) => Source::default(),
        }
    }
}

/// Returns the URL of a server's page at the default port.
pub(crate) fn default_page(server: &ServerAddress) -> String {
    let page = ServerAddress {
        host: server.host.clone(),
        port: PAGE_PORT,
    };
    format!("http://{page}/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_on_the_servers_host() {
        let page = |server: &str| default_page(&server.parse().unwrap());
        assert_eq!(page("raa.example:5000"), "http://raa.example:4011/");
        assert_eq!(page("[::1]"), "http://[::1]:4011/");
    }

    fn stored(server: &str, page: &str) -> Stored {
        Stored {
            server: server.parse().ok(),
            page: Some(page.to_owned()).filter(|page| !page.is_empty()),
            ..Stored::default()
        }
    }

    #[test]
    fn a_stored_page_belongs_to_the_stored_server() {
        let stored = stored("good", "http://proxy/raa/");
        let page = |server: &str| stored.page_of(&server.parse().unwrap());
        assert_eq!(page("good:5000"), "http://proxy/raa/");
        assert_eq!(page("other"), "http://other:4011/");
        assert_eq!(
            Stored::default().page_of(&"a".parse().unwrap()),
            "http://a:4011/"
        );
    }

    #[test]
    fn a_layers_page_stays_with_its_server() {
        let page = |above: Stored| above.over(stored("a", "http://a/")).page();
        assert_eq!(page(stored("", "")), Some("http://a/".into()));
        assert_eq!(page(stored("a:1", "")), Some("http://a/".into()));
        assert_eq!(page(stored("b", "")), Some("http://b:4011/".into()));
        assert_eq!(page(stored("b", "http://c/")), Some("http://c/".into()));
        let without_server = stored("b", "").over(stored("", "http://c/"));
        assert_eq!(without_server.page(), Some("http://c/".into()));
    }

    #[test]
    fn a_device_needs_its_id() {
        let source = |device: Option<&str>| {
            let stored = Stored {
                source: Some(SourceKind::Device),
                device: device.map(ToOwned::to_owned),
                ..Stored::default()
            };
            stored.settings().source
        };
        assert_eq!(source(Some("{a}")), Source::Device("{a}".into()));
        assert_eq!(source(None), Source::default());
    }
}
