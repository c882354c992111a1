//! The command line.
//!
//! Always: every option may be missing; what it says wins over the configuration file.

use std::path::PathBuf;

use clap::Parser;
use raa_core::packetizer::Redundancy;

use crate::logging::LogLevel;
use crate::settings::ServerAddress;

const AFTER_HELP: &str = "\
Sources:
  pulse        what this computer plays (PulseAudio, or PipeWire's pulse server)
  file PATH    a WAV file, over and over
  tone         a test tone, 1 kHz at -12 dBFS

Exit codes:
  0  ended by SIGINT or SIGTERM
  1  cannot work at all; the log says why
  2  the command line or the configuration file is wrong";

/// Sends what this computer plays to an RAA server.
#[derive(Debug, Default, Parser)]
#[command(name = "raa-client", version, after_help = AFTER_HELP)]
pub struct Options {
    /// The RAA server; IPv6 addresses in brackets, port 4010 if none is given.
    #[arg(long, value_name = "HOST[:PORT]")]
    pub server: Option<ServerAddress>,
    /// What is sent: pulse, file PATH or tone [default: pulse].
    #[arg(long, num_args = 1..=2, value_names = ["SOURCE", "PATH"])]
    pub source: Option<Vec<String>>,
    /// What this computer is called until an operator names it [default: its host name].
    #[arg(long)]
    pub name: Option<String>,
    /// How many earlier frames each packet carries at least, 0 to 3, against losses [default: 1].
    #[arg(long, value_name = "N", value_parser = redundancy)]
    pub redundancy: Option<Redundancy>,
    /// The configuration file [default: $XDG_CONFIG_HOME/raa/raa-client.toml].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How much is logged [default: info].
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<LogLevel>,
}

fn redundancy(text: &str) -> Result<Redundancy, String> {
    let frames: i64 = text
        .parse()
        .map_err(|_| "allowed are whole numbers from 0 to 3")?;
    Redundancy::new(frames).map_err(|error| error.to_string())
}
