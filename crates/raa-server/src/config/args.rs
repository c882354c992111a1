//! The command line, whose settings take precedence over all others.

use std::path::PathBuf;

use clap::Parser;
use toml::Value;

/// Mixes the sound of many computers and serves it to browsers.
///
/// Senders send Opus as RTP over UDP; people open the HTTP port in a browser.
#[derive(Debug, Clone, Default, Parser)]
#[command(name = "raa-server", version, after_help = AFTER_HELP)]
pub struct Args {
    /// Configuration file, instead of the usual ones
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder for what operators set: names, volumes, mutes
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// UDP port that senders send to; 0 takes any free one
    #[arg(long, value_name = "N")]
    pub udp_port: Option<u16>,
    /// TCP port of the page and the API; 0 takes any free one
    #[arg(long, value_name = "N")]
    pub http_port: Option<u16>,
    /// Run without the built-in test client
    #[arg(long)]
    pub no_test_music: bool,
    /// Least severe level to log: error, warn, info, debug or trace
    #[arg(long, value_name = "L")]
    pub log_level: Option<String>,
    /// Serve the page from this folder, for development
    #[arg(long, value_name = "DIR")]
    pub web_dir: Option<PathBuf>,
    /// Check and print the effective configuration, then exit: 0 if it is valid, 2 if not
    #[arg(long)]
    pub check_config: bool,
}

const AFTER_HELP: &str = "\
Settings, from lowest to highest precedence:
  1. defaults
  2. environment: UDP_PORT, HTTP_PORT, LOG_LEVEL
  3. the configuration file: --config FILE, else $XDG_CONFIG_HOME/raa/raa-server.toml
     (~/.config/raa/raa-server.toml), else /etc/raa/raa-server.toml, else none
  4. the options above

The state is kept in --state-dir, else $STATE_DIRECTORY (set by systemd), else
$XDG_STATE_HOME/raa (~/.local/state/raa).

Logs are JSON lines on standard output.";

impl Args {
    /// Returns the settings of these options: key, option, value.
    pub(super) fn settings(&self) -> Vec<(&'static str, &'static str, Value)> {
        let port = |port: u16| Value::from(i64::from(port));
        let udp_port = self
            .udp_port
            .map(port)
            .map(|value| ("udp_port", "--udp-port", value));
        let http_port = self
            .http_port
            .map(port)
            .map(|value| ("http_port", "--http-port", value));
        let music = self
            .no_test_music
            .then(|| ("test_music", "--no-test-music", false.into()));
        let level = self.log_level.as_deref();
        let level = level.map(|level| ("log_level", "--log-level", level.into()));
        [udp_port, http_port, music, level]
            .into_iter()
            .flatten()
            .collect()
    }
}
