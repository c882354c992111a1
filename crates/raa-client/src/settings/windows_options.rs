//! The command line of the client with a face.
//!
//! Always: every option may be missing; what is refused is named with what is allowed.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use clap::error::{ContextKind, ErrorKind};
use clap::{CommandFactory, Parser};
use raa_core::settings::Name;

use crate::settings::ServerAddress;

const AFTER_HELP: &str = "\
Without options it runs with a tray icon. A second start brings up the settings of the first.
--server, --name and --source are stored in the user's settings, which are in
%APPDATA%\\raa-client\\raa-client.ini unless --settings-dir says otherwise.
A raa-client.ini beside the program gives defaults for all users of the computer.

Exit codes:
  0  ended by a person, or what was asked for is done
  1  cannot work, or --diagnose has found something that does not
  2  the command line or the settings are wrong, or --silent is given and no server is set";

const SILENT: &str = "--silent";

/// Sends what this computer plays to an RAA server.
#[derive(Debug, Default, PartialEq, Parser)]
#[command(name = "raa-client", version, after_help = AFTER_HELP)]
pub struct Options {
    /// The RAA server; IPv6 addresses in brackets, port 4010 if none is given.
    #[arg(long, value_name = "HOST[:PORT]")]
    pub server: Option<ServerAddress>,
    /// What this computer is called until an operator names it: 1 to 64 characters.
    #[arg(long, value_parser = Name::new)]
    pub name: Option<Name>,
    /// What is sent: what this computer plays, or a capture device.
    #[arg(long, value_name = "automatic|device:NAME-OR-ID")]
    pub source: Option<SourceOption>,
    /// Show no dialog, message box or balloon.
    #[arg(long)]
    pub silent: bool,
    /// Start with Windows when this user signs in; then run.
    #[arg(long)]
    pub install_autostart: bool,
    /// End the running client and no longer start with Windows; settings and log are kept.
    #[arg(long, conflicts_with_all = ["server", "name", "source", "install_autostart", "diagnose"])]
    pub uninstall: bool,
    /// Try the ways of capture and the server, print what was found, and end.
    #[arg(long, conflicts_with_all = ["server", "name", "source", "install_autostart"])]
    pub diagnose: bool,
    /// The folder of settings and log.
    #[arg(long, value_name = "DIR")]
    pub settings_dir: Option<PathBuf>,
}

/// What `--source` may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceOption {
    /// What this computer plays.
    Automatic,
    /// A capture device, by its name or endpoint id.
    Device(String),
}

/// `--source` is something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("allowed are automatic and device:NAME-OR-ID")]
pub struct SourceError;

impl FromStr for SourceOption {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        match text.split_once(':') {
            None if text == "automatic" => Ok(Self::Automatic),
            Some(("device", device)) if !device.trim().is_empty() => {
                Ok(Self::Device(device.trim().to_owned()))
            }
            _ => Err(SourceError),
        }
    }
}

/// What the program is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Capture and send.
    Run,
    /// Say what works.
    Diagnose,
    /// Take back what was set up.
    Uninstall,
}

/// A command line after which there is only something to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotRun {
    /// What to say.
    pub text: String,
    /// It is why the command line is wrong, not an answer.
    pub is_wrong: bool,
    /// `--silent` is there all the same.
    pub silent: bool,
}

impl Options {
    /// Takes the command line apart; its first word is the program.
    ///
    /// # Errors
    /// When it asks for help or the version, or is wrong.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, NotRun> {
        let arguments: Vec<_> = arguments.into_iter().collect();
        let silent = arguments.iter().any(|argument| argument == SILENT);
        Self::try_parse_from(arguments).map_err(|error| NotRun {
            text: sentence(&error),
            is_wrong: error.use_stderr(),
            silent,
        })
    }

    /// What the program is to do.
    pub fn command(&self) -> Command {
        match self {
            Self { diagnose: true, .. } => Command::Diagnose,
            Self {
                uninstall: true, ..
            } => Command::Uninstall,
            _ => Command::Run,
        }
    }
}

/// Help and version as they are; of an error what is wrong, in one line.
fn sentence(error: &clap::Error) -> String {
    let text = error.to_string();
    if !error.use_stderr() {
        return text;
    }
    let lines = text.lines().take_while(|line| !line.trim().is_empty());
    let line = lines.map(str::trim).collect::<Vec<_>>().join(" ");
    let line = line.strip_prefix("error: ").unwrap_or(&line);
    match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(unknown)) => {
            format!("{unknown} is unknown, allowed are {}", names())
        }
        _ => line.to_owned(),
    }
}

fn names() -> String {
    let mut command = <Options as CommandFactory>::command();
    // Adds --help and --version.
    command.build();
    let names = command
        .get_arguments()
        .filter_map(|option| option.get_long());
    names
        .map(|name| format!("--{name}"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Options, NotRun> {
        let words = std::iter::once("raa-client.exe").chain(line.split_whitespace());
        Options::read(words.map(OsString::from))
    }

    #[test]
    fn every_option_is_read() {
        let line = "--server [::1]:5000 --name Ward3 --source device:Microphone --silent \
                    --install-autostart --settings-dir C:\\raa";
        let expected = Options {
            server: "[::1]:5000".parse().ok(),
            name: Name::new("Ward3").ok(),
            source: Some(SourceOption::Device("Microphone".into())),
            silent: true,
            install_autostart: true,
            settings_dir: Some("C:\\raa".into()),
            ..Options::default()
        };
        assert_eq!(read(line), Ok(expected));
        assert_eq!(read(""), Ok(Options::default()));
        let automatic = read("--source automatic").unwrap().source;
        assert_eq!(automatic, Some(SourceOption::Automatic));
        let id = read("--source device:{0.0.1.00000000}.{a:b}")
            .unwrap()
            .source;
        assert_eq!(
            id,
            Some(SourceOption::Device("{0.0.1.00000000}.{a:b}".into()))
        );
    }

    #[test]
    fn one_command_at_a_time() {
        let command = |line| read(line).unwrap().command();
        assert_eq!(command("--silent"), Command::Run);
        assert_eq!(command("--diagnose"), Command::Diagnose);
        assert_eq!(command("--uninstall --silent"), Command::Uninstall);
    }

    #[test]
    fn what_is_refused_is_named_with_what_is_allowed() {
        for (line, said) in [
            (
                "--servr a",
                &["--servr", "--server, --name, --source"] as &[_],
            ),
            ("raa.example", &["raa.example", "allowed are --server"]),
            ("--server a:0", &["--server", "'a:0'", "1 to 65535"]),
            ("--server ::1", &["--server", "::1", "brackets"]),
            ("--server", &["--server <HOST[:PORT]>", "value is required"]),
            (
                "--source tone",
                &["--source", "'tone'", "automatic and device:NAME-OR-ID"],
            ),
            ("--source device:", &["--source", "device:NAME-OR-ID"]),
            ("--name a --name b", &["--name", "multiple times"]),
            ("--uninstall --diagnose", &["--uninstall", "--diagnose"]),
            ("--diagnose --server a", &["--diagnose", "--server"]),
        ] {
            let refused = read(line).unwrap_err();
            assert!(refused.is_wrong && !refused.silent, "{line}");
            let text = refused.text;
            assert!(
                said.iter().all(|words| text.contains(words)),
                "{line}: {text}"
            );
            assert_eq!(text.lines().count(), 1, "{text}");
        }
        let long = "x".repeat(65);
        let text = read(&format!("--name {long}")).unwrap_err().text;
        assert!(
            text.contains("--name") && text.contains("1 to 64"),
            "{text}"
        );
    }

    #[test]
    fn help_and_version_are_answers() {
        let version = read("--version").unwrap_err();
        assert!(!version.is_wrong && !version.silent);
        assert_eq!(
            version.text.trim(),
            concat!("raa-client ", env!("CARGO_PKG_VERSION"))
        );
        let help = read("--help --silent").unwrap_err();
        assert!(!help.is_wrong && help.silent);
        for option in ["--install-autostart", "--settings-dir", "Exit codes"] {
            assert!(help.text.contains(option), "{}", help.text);
        }
    }
}
