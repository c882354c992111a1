//! The command line, whose settings take precedence over all others.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use toml::Value;

/// Mixes the sound of many computers and serves it to browsers.
///
/// Senders send Opus as RTP over UDP; people open the HTTP port in a browser.
#[derive(Debug, Clone, Default, Parser)]
#[command(name = "raa-server", version, after_help = AFTER_HELP)]
pub struct Args {
    /// Configuration file, instead of the usual ones
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder for what operators set: names, volumes, mutes
    #[arg(long, global = true, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// UDP port that senders send to; 0 takes any free one
    #[arg(long, global = true, value_name = "N")]
    pub udp_port: Option<u16>,
    /// TCP port of the page and the API; 0 takes any free one
    #[arg(long, global = true, value_name = "N")]
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
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do instead of serving.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Examine this computer and the running server, and say what to do about what is wrong
    ///
    /// Looks at the configuration, the server, its ports and who holds them, firewalls, the kernel's receive
    /// buffer, real-time priority, open files, the clock, the state, and what the running server reports about
    /// itself. Changes nothing. As root it sees more.
    #[command(after_help = DOCTOR_AFTER_HELP)]
    Doctor(DoctorArgs),
}

/// How the doctor reports.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct DoctorArgs {
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
    /// Check only that a running server plays its slots, within 2 seconds, for container health checks
    #[arg(long)]
    pub running: bool,
}

const DOCTOR_AFTER_HELP: &str = "\
Each line says ok, attention (works, but may not for long, or could not be seen) or wrong, then the
check, then what was found, and below it what to do.

Exit codes:
  0  nothing is wrong
  1  something is wrong
  2  the command line is wrong";

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
