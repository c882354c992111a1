//! The start of the client: settings, their options, the log, and who is the first.
//!
//! Always: nothing is stored or set up when something is wrong with the command line or the
//! settings; what was given is stored before it is used, so that the next start has it, too.

use std::process::ExitCode;
use std::thread;

use super::app::{self, AppStart};
use super::console::Console;
use super::instance::{self, Claim};
use super::paths::Files;
use super::{WRONG, autostart};
use crate::capture::{self, Device};
use crate::logging::LogLevel;
use crate::settings::ini_files::{Loaded, SourceKind, Stored};
use crate::settings::windows_options::{Options, SourceOption};
use crate::ui::log_file::LogFile;

/// The client cannot work.
const CANNOT_WORK: u8 = 1;
/// How the id of a capture endpoint begins
/// (learn.microsoft.com/windows/win32/coreaudio/endpoint-id-strings).
const ENDPOINT_ID: &str = "{0.0.1.";

/// Why the program does not go on.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) code: u8,
    pub(super) reason: String,
}

impl Failure {
    fn new(code: u8, reason: impl ToString) -> Self {
        let reason = reason.to_string();
        Self { code, reason }
    }

    /// Says it where it can be seen.
    pub(super) fn tell(self, console: &Console) -> ExitCode {
        tracing::error!("{}", self.reason);
        console.complain(&self.reason);
        ExitCode::from(self.code)
    }
}

/// Runs the client, or has the one that runs see to it.
pub(super) fn run(options: &Options, files: Files, console: &Console) -> ExitCode {
    start(options, files).unwrap_or_else(|failure| failure.tell(console))
}

/// Reads the settings and begins to log, as everything else needs both.
pub(super) fn load(files: &Files) -> Result<Loaded, Failure> {
    let loaded = files.ini.load();
    let level = match &loaded {
        Ok(loaded) => loaded.stored.log_level.unwrap_or_default(),
        Err(_) => LogLevel::default(),
    };
    LogFile::new(&files.log).start(level);
    let loaded = loaded.map_err(|error| Failure::new(WRONG, error))?;
    for fault in &loaded.faults {
        tracing::warn!("{fault}");
    }
    Ok(loaded)
}

fn start(options: &Options, files: Files) -> Result<ExitCode, Failure> {
    let Loaded { stored, faults } = load(&files)?;
    let stored = with_given(stored, options)?;
    if options.silent && stored.server.is_none() {
        return Err(no_server(&files));
    }
    store(&stored, &files)?;
    if options.install_autostart {
        autostart::set(true).map_err(|error| {
            Failure::new(CANNOT_WORK, format!("cannot start with Windows: {error}"))
        })?;
    }
    match instance::claim() {
        Claim::Another => tell_running(options),
        Claim::First(_guard) => Ok(app::run(AppStart {
            first_run: stored.server.is_none(),
            silent: options.silent,
            stored,
            files,
            faults,
        })),
    }
}

fn no_server(files: &Files) -> Failure {
    let file = files.ini.user.display();
    let reason =
        format!("no server is set: add --server HOST[:PORT], or server = HOST:PORT to {file}");
    Failure::new(WRONG, reason)
}

/// The settings with what the command line says.
fn with_given(stored: Stored, options: &Options) -> Result<Stored, Failure> {
    let mut given = Stored {
        server: options.server.clone(),
        name: options.name.clone(),
        ..Stored::default()
    };
    match &options.source {
        None => {}
        Some(SourceOption::Automatic) => given.source = Some(SourceKind::Automatic),
        Some(SourceOption::Device(wanted)) => {
            let device = choose(wanted, devices()).map_err(|reason| Failure::new(WRONG, reason))?;
            given.source = Some(SourceKind::Device);
            given.device = Some(device.id);
            given.device_name = Some(device.name);
        }
    }
    Ok(given.over(stored))
}

/// In a thread of its own: what it does with COM must not decide for the user interface.
fn devices() -> Vec<Device> {
    thread::spawn(capture::devices).join().unwrap_or_default()
}

/// The device of this id or name. An id is taken even if its device is not plugged in now.
fn choose(wanted: &str, devices: Vec<Device>) -> Result<Device, String> {
    let is = |text: &str| text.to_lowercase() == wanted.to_lowercase();
    let names: Vec<_> = devices
        .iter()
        .map(|Device { id, name }| format!("\"{name}\" ({id})"))
        .collect();
    let mut found = devices
        .into_iter()
        .filter(|device| is(&device.id) || is(&device.name));
    match (found.next(), found.next()) {
        (Some(device), None) => Ok(device),
        (None, _) if wanted.starts_with(ENDPOINT_ID) => Ok(Device {
            id: wanted.to_owned(),
            name: String::new(),
        }),
        (first, _) => {
            let what = if first.is_some() {
                "more than one capture device"
            } else {
                "no capture device"
            };
            let allowed = if names.is_empty() {
                "none, as there is none".into()
            } else {
                names.join(", ")
            };
            Err(format!(
                "--source device is \"{wanted}\", which is {what}; allowed are {allowed}"
            ))
        }
    }
}

fn store(stored: &Stored, files: &Files) -> Result<(), Failure> {
    let kept = files.ini.save(stored).map_err(|error| {
        let file = files.ini.user.display();
        Failure::new(
            CANNOT_WORK,
            format!("cannot store the settings in {file}: {error}"),
        )
    })?;
    if let Some(kept) = kept {
        tracing::warn!(
            "invalid settings were replaced, the old file is {}",
            kept.display()
        );
    }
    Ok(())
}

/// There is a client already: it takes over what is new, or shows its settings.
fn tell_running(options: &Options) -> Result<ExitCode, Failure> {
    let is_given = options.server.is_some() || options.name.is_some() || options.source.is_some();
    let told = if is_given || options.install_autostart {
        instance::tell_running(*instance::RELOAD)
    } else if options.silent {
        Ok(())
    } else {
        instance::tell_running(*instance::SHOW_SETTINGS)
    };
    told.map_err(|error| {
        let reason = format!("a client runs in this session and takes no messages: {error}");
        Failure::new(CANNOT_WORK, reason)
    })?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(id: &str, name: &str) -> Device {
        Device {
            id: id.into(),
            name: name.into(),
        }
    }

    #[test]
    fn a_device_is_chosen_by_its_id_or_name() {
        let devices = || {
            vec![
                device("{a}", "Mic"),
                device("{b}", "Line"),
                device("{c}", "line"),
            ]
        };
        let chosen = |wanted| choose(wanted, devices()).map(|device| device.id);
        assert_eq!(chosen("mic"), Ok("{a}".into()));
        assert_eq!(chosen("{C}"), Ok("{c}".into()));
        let unplugged = "{0.0.1.00000000}.{x}";
        assert_eq!(chosen(unplugged), Ok(unplugged.into()));
        let reason = chosen("Headset").unwrap_err();
        assert!(
            reason.contains("no capture device; allowed are \"Mic\" ({a}), "),
            "{reason}"
        );
        let reason = chosen("Line").unwrap_err();
        assert!(reason.contains("more than one"), "{reason}");
        let reason = choose("Mic", vec![]).unwrap_err();
        assert!(reason.contains("there is none"), "{reason}");
    }
}
