//! The start of the client: settings, options, log, and whether another client is running.
//!
//! Always: nothing is saved or set up when the command line or the settings are wrong, or when a client
//! with other settings files is running; options are saved before they are used, so that the next start
//! has them too.

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use super::app::{self, AppStart};
use super::autostart;
use super::console::Console;
use super::failure::{CANNOT_WORK, Failure, WRONG};
use super::guard::{self, Guarded};
use super::instance::{self, Claim};
use super::paths::Files;
use super::process::{self, Process};
use crate::capture::{self, Device};
use crate::settings::{Fault, IniFiles, Loaded, SourceKind, SourceOption, Stored, WindowsOptions};

/// The prefix of the ids of capture endpoints
/// (learn.microsoft.com/windows/win32/coreaudio/endpoint-id-strings).
const ENDPOINT_ID: &str = "{0.0.1.";

/// Runs the client, or passes the options on to the one that is running.
pub(super) fn run(options: &WindowsOptions, files: Files, console: &Console) -> ExitCode {
    start(options, files).unwrap_or_else(|failure| failure.report(console))
}

fn start(options: &WindowsOptions, files: Files) -> Result<ExitCode, Failure> {
    let plan = Plan::of(options, process::session());
    if plan != Plan::ThisUser {
        install_for_everybody(options, &files)?;
    }
    if plan == Plan::EverybodyOnly {
        tracing::info!("set up for all users; the client starts when one signs in");
        return Ok(ExitCode::SUCCESS);
    }
    let claim = instance::claim();
    if matches!(claim, Claim::Another) {
        refuse_other_files(&files)?;
    }
    let looked = files.ini.stamp();
    let Loaded { stored, faults } = files.load()?;
    let given = given(options)?;
    let stored = given.clone().over(stored);
    if options.silent && stored.server.is_none() {
        return Err(Failure::new(
            WRONG,
            Fault::no_server(&files.ini.user, &faults),
        ));
    }
    if options.install_autostart && !options.all_users {
        autostart::check().map_err(|error| no_autostart(&error))?;
    }
    let unsaved = if options.all_users && files.ini.machine.is_some() {
        Stored::default()
    } else {
        save(&given, &files, &claim)?
    };
    if options.install_autostart && !options.all_users {
        autostart::set(true).map_err(|error| no_autostart(&error))?;
    }
    let claim = take_over(claim)?;
    match claim {
        Claim::Another => notify_running(options),
        // What could not be saved, only this process knows.
        Claim::First(claim)
            if options.install_autostart && !options.foreground && unsaved == Stored::default() =>
        {
            drop(claim);
            start_another(options, &files)
        }
        Claim::First(_claim) => {
            let _guarded = Guarded::start(options, &files);
            Ok(app::run(AppStart {
                first_run: stored.server.is_none(),
                silent: options.silent,
                stored,
                files,
                faults,
                looked,
                unsaved,
            }))
        }
    }
}

/// What the program does when it starts, depending on its options and its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    /// Is the client of this user, or sets up the start for this user.
    ThisUser,
    /// Sets up the start for all users, and is the client of this one.
    Everybody,
    /// Sets up the start for all users, and ends: in the session of services, where software distribution
    /// runs as SYSTEM, there is neither a user's key nor sound.
    EverybodyOnly,
}

impl Plan {
    /// Returns the plan in this session, `None` if Windows does not say which one it is.
    fn of(options: &WindowsOptions, session: Option<u32>) -> Self {
        match (options.install_autostart, session) {
            (false, _) => Self::ThisUser,
            (true, Some(process::SERVICE_SESSION)) => Self::EverybodyOnly,
            (true, _) if options.all_users => Self::Everybody,
            (true, _) => Self::ThisUser,
        }
    }
}

/// Ends the running client if it is of another version, so that this one takes its place.
fn take_over(claim: Claim) -> Result<Claim, Failure> {
    let is_same = |claim: &Claim| match claim {
        Claim::First(_) => Ok(true),
        Claim::Another => instance::runs_this_version(),
    };
    if is_same(&claim).map_err(|error| does_not_respond(&error))? {
        return Ok(claim);
    }
    instance::end_running().map_err(|error| {
        let reason = format!("cannot end the client of another version that is running: {error}");
        Failure::new(CANNOT_WORK, reason)
    })?;
    tracing::info!("this version takes the place of the one that was running");
    Ok(instance::claim())
}

/// Starts the client as a process of its own, so that a script goes on, and waits until it runs.
fn start_another(options: &WindowsOptions, files: &Files) -> Result<ExitCode, Failure> {
    let mut arguments = OsString::from(if options.silent { "--silent" } else { "" });
    arguments.push(guard::folder(options, files));
    let failed = |reason: String| Failure::new(CANNOT_WORK, reason);
    let client = Process::start(&arguments)
        .map_err(|error| failed(format!("cannot start the client: {error}")))?;
    if instance::wait_for_window(&client) {
        return Ok(ExitCode::SUCCESS);
    }
    let log = files.log.display();
    Err(failed(match client.exit_code() {
        Ok(code) if client.has_ended(Some(Duration::ZERO)) => {
            format!("the client has ended with exit code {code}; {log} says why")
        }
        _ => format!("the client does not come up; {log} may say why"),
    }))
}

/// Sets up the start with Windows for all users of the computer.
fn install_for_everybody(options: &WindowsOptions, files: &Files) -> Result<(), Failure> {
    files.start_log();
    // First, because it is what fails without the rights of an administrator.
    autostart::set_for_everybody().map_err(|error| no_autostart(&error))?;
    if let Some(machine) = &files.ini.machine {
        // It has no SSRC, which would be the same for all.
        let machine = IniFiles {
            user: machine.clone(),
            machine: None,
        };
        let given = given(options)?;
        if given != Stored::default() {
            machine.save(&given).map_err(|error| {
                let file = machine.user.display();
                let reason = format!("cannot save the settings in {file}: {error}");
                Failure::new(CANNOT_WORK, reason)
            })?;
        }
    }
    Ok(())
}

/// Fails if the running client has its settings in another folder: it would not read what is saved here.
fn refuse_other_files(files: &Files) -> Result<(), Failure> {
    let folder = instance::running_folder().map_err(|error| does_not_respond(&error))?;
    if files.are_in(&folder) {
        return Ok(());
    }
    files.start_log();
    let reason = format!(
        "a client with the settings in {} runs in this session, and there can be only one; those in {} \
         were not changed. End the running client first, or use its folder",
        folder.display(),
        files.folder().display()
    );
    Err(Failure::new(CANNOT_WORK, reason))
}

fn no_autostart(error: &io::Error) -> Failure {
    let reason = format!("cannot set up the start with Windows: {error}");
    Failure::new(CANNOT_WORK, reason)
}

fn does_not_respond(error: &io::Error) -> Failure {
    let reason = format!("the client running in this session does not respond: {error}");
    Failure::new(CANNOT_WORK, reason)
}

/// Returns the settings of the command line, with the device that it names.
fn given(options: &WindowsOptions) -> Result<Stored, Failure> {
    let mut given = options.given.clone();
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
    Ok(given)
}

/// Returns the capture devices. The thread keeps the choice of a COM apartment away from the user
/// interface.
fn devices() -> Vec<Device> {
    thread::spawn(capture::devices).join().unwrap_or_default()
}

/// Returns the device with this id or name. An endpoint id is accepted even if its device is not
/// plugged in.
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
                "this computer has none".into()
            } else {
                format!("it must be one of {}", names.join(", "))
            };
            Err(format!(
                "--source device is \"{wanted}\", which is {what}; {allowed}"
            ))
        }
    }
}

/// Saves the settings of the command line. Returns those that could not be saved, which this process
/// uses as long as it is the client.
fn save(given: &Stored, files: &Files, claim: &Claim) -> Result<Stored, Failure> {
    match files.ini.save(given) {
        Ok(None) => Ok(Stored::default()),
        Ok(Some(copy)) => {
            let copy = copy.display();
            tracing::warn!("invalid settings were replaced; the old file was kept as {copy}");
            Ok(Stored::default())
        }
        Err(error) => {
            let file = files.ini.user.display();
            let reason = format!("cannot save the settings in {file}: {error}");
            if matches!(claim, Claim::Another) {
                return Err(Failure::new(CANNOT_WORK, reason));
            }
            tracing::warn!("{reason}; they are used until this client ends");
            Ok(given.clone())
        }
    }
}

/// Makes the running client read the settings again; without options that ask for silence or set
/// something, it also shows its settings dialog.
fn notify_running(options: &WindowsOptions) -> Result<ExitCode, Failure> {
    let only_reads = options.silent || options.has_settings() || options.install_autostart;
    let posted = instance::post_to_running(if only_reads {
        *instance::RELOAD
    } else {
        *instance::SHOW_SETTINGS
    });
    posted.map_err(|error| does_not_respond(&error))?;
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
    fn the_session_of_services_gets_no_client() {
        let plan = |words: &[&str], session| {
            let words = [&["raa-client.exe"], words].concat();
            let options = WindowsOptions::read(words.iter().map(OsString::from)).unwrap();
            Plan::of(&options, session)
        };
        let install = ["--silent", "--install-autostart"];
        let for_all = ["--silent", "--install-autostart", "--all-users"];
        for (words, session, expected) in [
            (&["--silent"] as &[_], Some(1), Plan::ThisUser),
            (&install, Some(1), Plan::ThisUser),
            (&for_all, Some(1), Plan::Everybody),
            (&install, Some(0), Plan::EverybodyOnly),
            (&for_all, Some(0), Plan::EverybodyOnly),
            (&install, None, Plan::ThisUser),
            (&for_all, None, Plan::Everybody),
        ] {
            assert_eq!(plan(words, session), expected, "{words:?} in {session:?}");
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
            reason.contains("no capture device; it must be one of \"Mic\" ({a}), "),
            "{reason}"
        );
        let reason = chosen("Line").unwrap_err();
        assert!(reason.contains("more than one"), "{reason}");
        let reason = choose("Mic", vec![]).unwrap_err();
        assert!(reason.contains("has none"), "{reason}");
    }
}
