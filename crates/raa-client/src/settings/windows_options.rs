//! The command line on Windows.
//!
//! Always: an option that is refused is named, with what is allowed.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Parser;
use clap::error::{ContextKind, ErrorKind};

use super::command_line;
use super::keys::Platform;
use super::stored::Stored;

const AFTER_HELP: &str = "\
Without options the client runs with a tray icon. Starting it again opens its settings.
--server, --name and --source are saved in the user's settings file,
%APPDATA%\\raa-client\\raa-client.ini unless --settings-dir names another folder.
A raa-client.ini next to the program holds defaults for all users of the computer.

Exit codes:
  0  ended by a person, or the task is done (with --install-autostart: the client runs)
  1  cannot work, or --diagnose found a problem
  2  the command line or the settings are wrong, or --silent is given and no server is set";

const SILENT: &str = "--silent";

/// Sends what this computer plays to an RAA server.
#[derive(Debug, Default, PartialEq, Parser)]
#[command(version, after_help = AFTER_HELP)]
pub(crate) struct WindowsOptions {
    /// The settings among the options, without the source.
    #[arg(skip)]
    pub(crate) given: Stored,
    /// The sound to send: everything this computer plays, or a capture device
    #[arg(long, value_name = "automatic|device:NAME-OR-ID")]
    pub(crate) source: Option<SourceOption>,
    /// Never show a dialog, message box or notification
    #[arg(long)]
    pub(crate) silent: bool,
    /// Start with Windows when this user signs in, start the client now, and end once it runs
    #[arg(long)]
    pub(crate) install_autostart: bool,
    /// With --install-autostart: for every user of this computer. Needs an administrator; settings go
    /// into the file next to the program
    #[arg(long, requires = "install_autostart")]
    pub(crate) all_users: bool,
    /// With --install-autostart: be the client instead of starting it as a process of its own
    #[arg(long, requires = "install_autostart", conflicts_with = "all_users")]
    pub(crate) foreground: bool,
    /// End the running client of this session; it starts with Windows as before
    #[arg(long, conflicts_with_all = ["server", "name", "source", "install_autostart", "uninstall", "diagnose"])]
    pub(crate) quit: bool,
    /// End the running client and stop starting with Windows; settings and log are kept
    #[arg(long, conflicts_with_all = ["server", "name", "source", "install_autostart", "diagnose"])]
    pub(crate) uninstall: bool,
    /// Test capture and the server, print the results, and end
    #[arg(long, conflicts_with_all = ["server", "name", "source", "install_autostart"])]
    pub(crate) diagnose: bool,
    /// Wait for the end of this client, and start it again if it has crashed
    #[arg(long, hide = true, value_name = "PID")]
    pub(crate) guard: Option<u32>,
    /// Crashes in a row before this start
    #[arg(long, hide = true, default_value_t = 0)]
    pub(crate) after_crashes: u32,
    /// The folder for settings and log
    #[arg(long, value_name = "DIR")]
    pub(crate) settings_dir: Option<PathBuf>,
}

/// The value of `--source`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SourceOption {
    /// Everything this computer plays.
    Automatic,
    /// A capture device, by its name or endpoint id.
    Device(String),
}

/// A value of `--source` that is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it must be automatic or device:NAME-OR-ID")]
pub(crate) struct SourceError;

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

/// The task of this start of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    /// Capture and send.
    Run,
    /// Test everything and print the results.
    Diagnose,
    /// End the running client and remove the start with Windows.
    Uninstall,
    /// End the running client.
    Quit,
    /// Guard the client with this process id.
    Guard(u32),
}

/// A command line after which the program ends with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotRun {
    /// The text to show.
    pub(crate) text: String,
    /// Whether the text is an error, not help or the version.
    pub(crate) is_wrong: bool,
    /// Whether `--silent` is given.
    pub(crate) silent: bool,
}

impl WindowsOptions {
    /// Reads a command line, whose first word is the program.
    ///
    /// # Errors
    /// When it asks for help or the version, or is wrong.
    pub(crate) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, NotRun> {
        let arguments: Vec<_> = arguments.into_iter().collect();
        let silent = arguments.iter().any(|argument| argument == SILENT);
        let parsed = command_line::parse::<Self>(Platform::Windows, arguments);
        let (given, own) = parsed.map_err(|error| NotRun {
            text: sentence(&error),
            is_wrong: error.use_stderr(),
            silent,
        })?;
        Ok(Self { given, ..own })
    }

    /// Returns the task.
    pub(crate) fn command(&self) -> Command {
        match self {
            Self {
                guard: Some(client),
                ..
            } => Command::Guard(*client),
            Self { diagnose: true, .. } => Command::Diagnose,
            Self { quit: true, .. } => Command::Quit,
            Self {
                uninstall: true, ..
            } => Command::Uninstall,
            _ => Command::Run,
        }
    }

    /// Returns whether the command line sets any key.
    pub(crate) fn has_settings(&self) -> bool {
        self.given != Stored::default() || self.source.is_some()
    }
}

/// Returns help and version as they are, and an error as one line.
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
            format!("there is no option {unknown}; the options are {}", names())
        }
        _ => line.to_owned(),
    }
}

fn names() -> String {
    let mut command = command_line::command::<WindowsOptions>(Platform::Windows);
    // Adds --help and --version.
    command.build();
    let names = command
        .get_arguments()
        .filter(|option| !option.is_hide_set())
        .filter_map(|option| option.get_long());
    names
        .map(|name| format!("--{name}"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use raa_core::settings::Name;

    use super::*;

    fn read(line: &str) -> Result<WindowsOptions, NotRun> {
        let words = std::iter::once("raa-client.exe").chain(line.split_whitespace());
        WindowsOptions::read(words.map(OsString::from))
    }

    #[test]
    fn every_option_is_read() {
        let line = "--server [::1]:5000 --name Ward3 --source device:Microphone --silent \
                    --install-autostart --settings-dir C:\\raa";
        let expected = WindowsOptions {
            given: Stored {
                server: Some("[::1]:5000".parse().unwrap()),
                name: Some(Name::new("Ward3").unwrap()),
                ..Stored::default()
            },
            source: Some(SourceOption::Device("Microphone".into())),
            silent: true,
            install_autostart: true,
            settings_dir: Some("C:\\raa".into()),
            ..WindowsOptions::default()
        };
        assert!(expected.has_settings());
        assert_eq!(read(line), Ok(expected));
        assert_eq!(read(""), Ok(WindowsOptions::default()));
        assert!(!read("--silent").unwrap().has_settings());
    }

    #[test]
    fn a_device_has_a_name_or_an_id() {
        let source = |line: &str| read(line).unwrap().source.unwrap();
        assert_eq!(source("--source automatic"), SourceOption::Automatic);
        let id = "{0.0.1.00000000}.{a:b}";
        let device = source(&format!("--source device:{id}"));
        assert_eq!(device, SourceOption::Device(id.into()));
    }

    #[test]
    fn a_command_line_has_one_task() {
        let command = |line| read(line).unwrap().command();
        assert_eq!(command("--silent"), Command::Run);
        assert_eq!(command("--diagnose"), Command::Diagnose);
        assert_eq!(command("--uninstall --silent"), Command::Uninstall);
        assert_eq!(command("--quit"), Command::Quit);
        assert_eq!(command("--guard 7"), Command::Guard(7));
    }

    #[test]
    fn a_refusal_names_the_option_and_what_is_allowed() {
        for (line, expected) in [
            (
                "--servr a",
                &["--servr", "--server, --name, --source"] as &[_],
            ),
            ("raa.example", &["raa.example", "options are --server"]),
            (
                "--server a:0",
                &["--server is \"a:0\"; it must be HOST", "1 to 65535"],
            ),
            (
                "--server ::1:4010",
                &["--server is \"::1:4010\"", "brackets"],
            ),
            ("--server", &["--server <HOST[:PORT]>", "value is required"]),
            (
                "--source tone",
                &["--source", "'tone'", "automatic or device:NAME-OR-ID"],
            ),
            ("--source device:", &["--source", "device:NAME-OR-ID"]),
            ("--name a --name b", &["--name", "multiple times"]),
            ("--uninstall --diagnose", &["--uninstall", "--diagnose"]),
            ("--diagnose --server a", &["--diagnose", "--server"]),
            ("--log-level debug", &["no option --log-level"]),
            ("--quit --uninstall", &["--quit", "--uninstall"]),
            ("--foreground", &["--install-autostart"]),
            ("--all-users", &["--install-autostart"]),
        ] {
            check_refused(line, expected);
        }
        let long = format!("--name {}", "x".repeat(65));
        check_refused(&long, &["--name is \"xxx", "1 to 64"]);
    }

    #[track_caller]
    fn check_refused(line: &str, expected: &[&str]) {
        let NotRun {
            text,
            is_wrong,
            silent,
        } = read(line).unwrap_err();
        assert!(is_wrong && !silent, "{line}");
        for words in expected {
            assert!(text.contains(words), "{line}: {words} is missing in {text}");
        }
        assert_eq!(text.lines().count(), 1, "{text}");
    }

    #[test]
    fn help_and_version_are_no_errors() {
        let version = read("--version").unwrap_err();
        assert!(!version.is_wrong && !version.silent);
        assert_eq!(
            version.text.trim(),
            concat!("raa-client ", env!("CARGO_PKG_VERSION"))
        );
        let help = read("--help --silent").unwrap_err();
        assert!(!help.is_wrong && help.silent);
        for words in ["--server", "--install-autostart", "Exit codes"] {
            assert!(help.text.contains(words), "{}", help.text);
        }
    }
}
