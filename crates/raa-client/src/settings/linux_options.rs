//! The command line on Linux.
//!
//! Always: its options win over the configuration file.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use super::command_line;
use super::fault::Fault;
use super::keys::{Allowed, Platform};
use super::stored::{SourceKind, Stored};

const AFTER_HELP: &str = "\
Sources:
  pulse        everything this computer plays (PulseAudio, or PipeWire's pulse server)
  file PATH    a WAV file, repeated
  tone         a test tone, 1 kHz at -12 dBFS

Exit codes:
  0  ended by SIGINT or SIGTERM
  1  cannot work; the log says why
  2  the command line or the configuration file is wrong";

/// Sends what this computer plays to an RAA server.
#[derive(Debug, Default, Parser)]
#[command(version, after_help = AFTER_HELP)]
pub(crate) struct LinuxOptions {
    /// The settings among the options.
    #[arg(skip)]
    pub(super) given: Stored,
    /// The sound to send: pulse, file PATH or tone [default: pulse]
    #[arg(long, num_args = 1..=2, value_names = ["SOURCE", "PATH"])]
    source: Option<Vec<String>>,
    /// The configuration file [default: $XDG_CONFIG_HOME/raa/raa-client.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// A task to do instead of sending sound.
    #[command(subcommand)]
    pub(crate) command: Option<LinuxCommand>,
}

/// A task that the program can do instead of sending sound.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum LinuxCommand {
    /// Examine this computer, and say what would keep its sound from being heard
    ///
    /// Looks at the settings, the server's name and page, whether the server receives this computer, the sound
    /// server with the sink that is captured, other clients on this computer, and the clock. Changes nothing
    /// and sends no sound. Exit code 1 means that something is wrong.
    Doctor(DoctorOptions),
}

/// How the doctor works.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DoctorOptions {
    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// The TCP port of the server's page, which says whether the server receives this computer
    #[arg(long, value_name = "N", default_value_t = 4011)]
    pub(crate) page_port: u16,
}

impl LinuxOptions {
    /// Reads a command line, whose first word is the program.
    ///
    /// # Errors
    /// When it asks for help or the version, or is wrong.
    pub(crate) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let (given, own) = command_line::parse::<Self>(Platform::Linux, arguments)?;
        let source = own.source.as_deref().map(source).transpose();
        let source = source.map_err(|fault| {
            let mut command = command_line::command::<Self>(Platform::Linux);
            command.error(ErrorKind::ValueValidation, fault)
        })?;
        let given = Stored { source, ..given };
        Ok(Self { given, ..own })
    }
}

fn source(words: &[String]) -> Result<SourceKind, Fault> {
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["pulse"] => Ok(SourceKind::Pulse),
        ["tone"] => Ok(SourceKind::Tone),
        ["file", path] => Ok(SourceKind::File(path.into())),
        _ => Err(Fault::Option {
            option: "--source".into(),
            value: words.join(" "),
            allowed: Allowed::Words(&["pulse", "file PATH", "tone"]),
        }),
    }
}
