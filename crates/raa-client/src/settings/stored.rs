//! One layer of settings, as a file or the command line holds it.
//!
//! Always: every value that is there is valid; layers are combined by [`Stored::over`] only.

use std::path::PathBuf;

use raa_core::packetizer::Redundancy;
use raa_core::settings::Name;

use super::server_address::ServerAddress;
use super::values::{Settings, Source, Ssrc, host_name};
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
    /// The name shown for this client until an operator sets another.
    pub(crate) name: Option<Name>,
    /// The URL of the server's page, unless it is at the default port.
    pub(crate) page: Option<String>,
    /// Whether the client sends silence instead of sound.
    pub(crate) muted: Option<bool>,
    /// Minimum number of earlier frames in a packet.
    pub(crate) redundancy: Option<Redundancy>,
    /// The amount of logging.
    pub(crate) log_level: Option<LogLevel>,
    /// The client's RTP identity; present in every result of loading the files.
    pub(crate) ssrc: Option<Ssrc>,
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
    /// Returns these values, and those of `below` where there is none.
    #[must_use]
    pub(crate) fn over(self, below: Self) -> Self {
        Self {
            server: self.server.or(below.server),
            source: self.source.or(below.source),
            device: self.device.or(below.device),
            device_name: self.device_name.or(below.device_name),
            name: self.name.or(below.name),
            page: self.page.or(below.page),
            muted: self.muted.or(below.muted),
            redundancy: self.redundancy.or(below.redundancy),
            log_level: self.log_level.or(below.log_level),
            ssrc: self.ssrc.or(below.ssrc),
        }
    }

    /// Returns the settings of a client, with the default for every value that is missing.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            server: self.server.clone(),
            source: self.source(),
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
