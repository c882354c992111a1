//! `--diagnose`: tests capture and the server, and prints the results.
//!
//! If no client is running, this process is one for some seconds and sends, so that the server can
//! report whether packets arrive. Otherwise it asks the running one.
//! Always: ends within about 20 s, with 0 if everything works, otherwise with 1.

use std::io;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use super::console::Console;
use super::facts;
use super::failure::{CANNOT_WORK, Failure};
use super::instance::{self, Claim};
use super::paths::Files;
use super::question::{self, Answer};
use super::registry::Key;
use raa_core::packetizer::Reception;

use crate::Client;
use crate::settings::{Fault, Loaded, Stored};
use crate::status::{SharedStatus, Status};
use crate::ui::diagnostics::Diagnostics;
use crate::ui::server_test::{self, ClientState, RaaServer, TestResult};

/// Time limit for a capture to start or fail: three methods of 3 s each, and some reserve.
const CAPTURE_LIMIT: Duration = Duration::from_secs(10);
/// How long a capture is observed.
const OBSERVE: Duration = Duration::from_millis(1500);
/// The pause between two checks of the status.
const CHECK_EVERY: Duration = Duration::from_millis(50);

/// Returns the diagnostics of a client; `status` is `None` while none is running.
pub(super) fn text(
    stored: &Stored,
    files: &Files,
    status: Option<&Status>,
    tested: Option<&TestResult>,
) -> String {
    let diagnostics = Diagnostics {
        system: &system(),
        stored,
        ini: &files.ini.user,
        log: &files.log,
        status,
        tested,
        facts: &facts::all(files, tested),
    };
    diagnostics.text()
}

/// Tests everything and prints the results.
pub(super) fn run(files: &Files, console: &Console) -> ExitCode {
    match files.load() {
        Ok(loaded) => try_all(&loaded, files, console),
        Err(failure) => failure.report(console),
    }
}

fn try_all(loaded: &Loaded, files: &Files, console: &Console) -> ExitCode {
    let answer = match instance::claim() {
        Claim::First(_guard) => try_alone(loaded, files),
        Claim::Another => ask_running(),
    };
    match answer {
        Ok(Answer { mut page, troubles }) => {
            for fault in &loaded.faults {
                page += &format!("{fault}\n");
            }
            page += &verdict(&troubles);
            console.say(&page);
            ExitCode::from(u8::from(!troubles.is_empty()))
        }
        Err(failure) => failure.report(console),
    }
}

/// Tries everything in this process, in place of the client that is not running.
fn try_alone(loaded: &Loaded, files: &Files) -> Result<Answer, Failure> {
    let Loaded { stored, faults } = loaded;
    let (status, tested) = try_out(stored)?;
    let no_server = Fault::no_server(&files.ini.user, faults);
    Ok(Answer {
        page: text(stored, files, Some(&status), tested.as_ref()),
        troubles: troubles(&status, tested.as_ref(), no_server),
    })
}

/// Asks the client that runs in this session: only it knows what it captures and sends.
fn ask_running() -> Result<Answer, Failure> {
    let failed = |error: &io::Error| {
        let reason = format!("the client running in this session does not answer: {error}");
        Failure::new(CANNOT_WORK, reason)
    };
    let folder = instance::running_folder().map_err(|error| failed(&error))?;
    let Answer { page, troubles } = question::ask().map_err(|error| failed(&error))?;
    let about = format!(
        "The client that runs in this session, with the settings in {}, reports:\n",
        folder.display()
    );
    Ok(Answer {
        page: about + &page,
        troubles,
    })
}

/// Captures, sends, and tests the server.
fn try_out(stored: &Stored) -> Result<(Status, Option<TestResult>), Failure> {
    let settings = stored.settings();
    let shared = SharedStatus::unwatched();
    let client = Client::start(&settings, shared.clone(), |_| ())
        .map_err(|error| Failure::new(CANNOT_WORK, format!("cannot capture or send: {error:#}")))?;
    client.mute(stored.muted.unwrap_or(false));
    wait_for_capture(&shared);
    let page = stored.page().unwrap_or_default();
    let test = |server| server_test::test(server, &page, settings.ssrc, server_test::LIMIT);
    let tested = settings.server.as_ref().map(test);
    let status = shared.get();
    client.stop().wait();
    Ok((status, tested))
}

/// Waits until sound is captured or capture has failed.
fn wait_for_capture(shared: &SharedStatus) {
    let start = Instant::now();
    let is_settled =
        |status: &Status| status.capture.method.is_some() || status.capture.trouble.is_some();
    while !is_settled(&shared.get()) && start.elapsed() < CAPTURE_LIMIT {
        thread::sleep(CHECK_EVERY);
    }
    thread::sleep(OBSERVE);
}

/// Returns everything that does not work; `no_server` is the reason why the server was not tested.
pub(super) fn troubles(
    status: &Status,
    tested: Option<&TestResult>,
    no_server: String,
) -> Vec<String> {
    let mut troubles = Vec::new();
    match (&status.capture.trouble, &status.capture.method) {
        (Some(trouble), _) => troubles.push(format!("nothing is captured: {trouble}")),
        (None, None) => troubles.push("no capture method started in time".into()),
        (None, Some(_)) => {}
    }
    let Some(TestResult {
        addresses, server, ..
    }) = tested
    else {
        troubles.push(no_server);
        return troubles;
    };
    if let Err(error) = addresses {
        troubles.push(format!("the server's name cannot be resolved: {error}"));
    }
    if let Some(trouble) = &status.link.trouble {
        troubles.push(format!("nothing can be sent: {trouble}"));
    }
    let packets = status.stats.as_ref().map_or(0, |stats| stats.packets);
    match server {
        Err(error) => troubles.push(format!("the server's page: {error}")),
        Ok(RaaServer {
            client: ClientState::Unlisted | ClientState::Offline,
            ..
        }) if packets > 0 => {
            troubles.push(format!("the server has received none of {packets} packets"));
        }
        Ok(RaaServer {
            client: ClientState::Taken(other),
            ..
        }) => troubles.push(format!(
            "another computer, at {other}, uses this client's number, and the server plays that one"
        )),
        // Behind a router the address is another one as well, but there the server reports.
        Ok(RaaServer {
            client: ClientState::Elsewhere(other),
            ..
        }) if packets > 0 && status.link.to.is_some() && !is_reported(status) => {
            troubles.push(format!(
                "the server hears this client's number at {other}, which is probably another computer"
            ));
        }
        Ok(_) => {}
    }
    troubles
}

fn is_reported(status: &Status) -> bool {
    let reception = status.stats.map(|stats| stats.reception);
    matches!(reception, Some(Reception::Good | Reception::Losing { .. }))
}

fn verdict(troubles: &[String]) -> String {
    if troubles.is_empty() {
        return "Everything works.\n".into();
    }
    let lines = troubles
        .iter()
        .map(|trouble| format!("Does not work: {trouble}\n"));
    lines.collect()
}

/// Returns version and build, as in "Windows 10.0, build 22631.4317, 23H2". They come from the
/// registry, because `GetVersionEx` does not tell every program the truth.
fn system() -> String {
    let key = Key::of_machine(r"SOFTWARE\Microsoft\Windows NT\CurrentVersion");
    let text = |value| key.text(value).ok().flatten();
    let number = |value| key.number(value).ok().flatten();
    let mut name = String::from("Windows");
    if let Some(major) = number("CurrentMajorVersionNumber") {
        let minor = number("CurrentMinorVersionNumber").unwrap_or(0);
        name += &format!(" {major}.{minor}");
    } else if let Some(before_10) = text("CurrentVersion") {
        name += &format!(" {before_10}");
    }
    if let Some(build) = text("CurrentBuildNumber") {
        name += &format!(", build {build}");
    }
    if let Some(update) = number("UBR") {
        name += &format!(".{update}");
    }
    if let Some(display) = text("DisplayVersion") {
        name += &format!(", {display}");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_has_a_build_number() {
        let system = system();
        assert!(
            system.starts_with("Windows") && system.contains("build "),
            "{system}"
        );
    }
}
