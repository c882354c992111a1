//! What the diagnostics say about the computer, the user and the program, besides the client itself.
//!
//! Always: an unknown fact is shown as unknown.

use std::env;
use std::net::UdpSocket;
use std::thread;

use wasapi::{DeviceEnumerator, Direction};
use windows::Win32::UI::Shell::IsUserAnAdmin;

use super::autostart;
use super::paths::{self, Files};
use super::registry::Key;
use crate::ui::server_test::TestResult;

/// Where Windows keeps its own architecture; a program that is emulated sees another one.
const ENVIRONMENT: &str = r"SYSTEM\CurrentControlSet\Control\Session Manager\Environment";
const UNKNOWN: &str = "unknown";

/// A name and a value.
pub(super) type Fact = (&'static str, String);

/// Returns the facts, in the order of the diagnostics.
pub(super) fn all(files: &Files, tested: Option<&TestResult>) -> Vec<Fact> {
    let mut facts = vec![
        ("machine file", machine_file(files)),
        ("program", exe()),
        ("autostart", yes_or_no(autostart::is_on())),
        ("user", user()),
        ("session", variable("SESSIONNAME")),
        ("administrator", yes_or_no(is_administrator())),
        ("architecture", architecture()),
    ];
    let origins = files.ini.origins();
    for (name, keys) in [
        ("set by user", origins.user),
        ("set by machine", origins.machine),
    ] {
        facts.push((
            name,
            if keys.is_empty() {
                "-".into()
            } else {
                keys.join(", ")
            },
        ));
    }
    facts.extend(
        local_addresses(tested)
            .into_iter()
            .map(|it| ("local address", it)),
    );
    // In a thread of its own: the caller's may have joined another kind of apartment.
    facts.extend(thread::spawn(devices).join().unwrap_or_default());
    facts
}

fn machine_file(files: &Files) -> String {
    let Some(file) = &files.ini.machine else {
        return "-".into();
    };
    let missing = if file.exists() { "" } else { " (not there)" };
    format!("{}{missing}", file.display())
}

fn exe() -> String {
    paths::exe().map_or_else(|error| error.to_string(), |exe| exe.display().to_string())
}

fn user() -> String {
    format!("{}\\{}", variable("USERDOMAIN"), variable("USERNAME"))
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| UNKNOWN.into())
}

fn architecture() -> String {
    let found = Key::of_machine(ENVIRONMENT).text("PROCESSOR_ARCHITECTURE");
    found.ok().flatten().unwrap_or_else(|| UNKNOWN.into())
}

#[allow(unsafe_code)]
fn is_administrator() -> bool {
    // SAFETY: takes nothing.
    unsafe { IsUserAnAdmin() }.as_bool()
}

fn yes_or_no(is: bool) -> String {
    if is { "yes" } else { "no" }.into()
}

/// Returns the addresses from which this computer would send to the server.
fn local_addresses(tested: Option<&TestResult>) -> Vec<String> {
    let servers = tested.and_then(|tested| tested.addresses.as_ref().ok());
    let towards = |server| {
        let any = if matches!(server, std::net::SocketAddr::V4(_)) {
            "0.0.0.0:0"
        } else {
            "[::]:0"
        };
        let socket = UdpSocket::bind(any)?;
        // Sends nothing; Windows only chooses the route.
        socket.connect(server)?;
        socket.local_addr()
    };
    let describe = |server| match towards(server) {
        Ok(address) => format!("{} to {server}", address.ip()),
        Err(error) => format!("none to {server}: {error}"),
    };
    servers
        .into_iter()
        .flatten()
        .map(|server| describe(*server))
        .collect()
}

/// Returns all sound devices, with the default ones marked.
fn devices() -> Vec<Fact> {
    if wasapi::initialize_mta().ok().is_err() {
        return Vec::new();
    }
    let mut facts = Vec::new();
    for (name, direction) in [
        ("playback", Direction::Render),
        ("recording", Direction::Capture),
    ] {
        let found = list(&direction).unwrap_or_default();
        if found.is_empty() {
            facts.push((name, "no device".into()));
        }
        facts.extend(found.into_iter().map(|device| (name, device)));
    }
    wasapi::deinitialize();
    facts
}

fn list(direction: &Direction) -> Result<Vec<String>, wasapi::WasapiError> {
    let devices = DeviceEnumerator::new()?;
    let default = devices
        .get_default_device(direction)
        .and_then(|device| device.get_id())
        .ok();
    let all = devices.get_device_collection(direction)?;
    let describe = |index| {
        let device = all.get_device_at_index(index).ok()?;
        let is_default = default.is_some() && device.get_id().ok() == default;
        let mark = if is_default { " (default)" } else { "" };
        Some(format!("{}{mark}", device.get_friendlyname().ok()?))
    };
    Ok((0..all.get_nbr_devices()?).filter_map(describe).collect())
}
