//! Finds the sound server's socket and cookie in the places where libpulse looks for them.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::status::SoundServerTrouble;

/// Returns the socket's path.
pub(super) fn socket() -> Result<PathBuf, SoundServerTrouble> {
    find(env::var_os, own_uid())
}

/// PulseAudio refuses any other length, even if it accepts every client.
const COOKIE_LEN: usize = 256;

/// Returns the content of the authentication cookie; zeros if there is none, for a server that
/// accepts this user without one.
pub(super) fn cookie() -> Vec<u8> {
    pulseaudio::cookie_path_from_env()
        .and_then(|path| fs::read(path).ok())
        .filter(|cookie| cookie.len() == COOKIE_LEN)
        .unwrap_or_else(|| vec![0; COOKIE_LEN])
}

fn find(
    variable: impl Fn(&'static str) -> Option<OsString>,
    uid: Option<u32>,
) -> Result<PathBuf, SoundServerTrouble> {
    if let Some(server) = variable("PULSE_SERVER").filter(|server| !server.is_empty()) {
        return local_path(&server.to_string_lossy());
    }
    if let Some(folder) = variable("PULSE_RUNTIME_PATH") {
        return Ok(PathBuf::from(folder).join("native"));
    }
    let folder = variable("XDG_RUNTIME_DIR").map(PathBuf::from);
    // A service that was not started by a login has no XDG_RUNTIME_DIR.
    let folder = folder.or_else(|| uid.map(|uid| format!("/run/user/{uid}").into()));
    let folder = folder.ok_or(SoundServerTrouble::NoRuntimeFolder)?;
    Ok(folder.join("pulse/native"))
}

/// Returns the first `unix:PATH` or bare path in a list of servers, each of which may be limited to
/// one machine.
fn local_path(servers: &str) -> Result<PathBuf, SoundServerTrouble> {
    let path = servers.split_whitespace().find_map(|server| {
        let server = server
            .split_once('}')
            .map_or(server, |(_machine, server)| server);
        let path = server.strip_prefix("unix:").unwrap_or(server);
        path.starts_with('/').then(|| PathBuf::from(path))
    });
    path.ok_or_else(|| SoundServerTrouble::Address(servers.into()))
}

fn own_uid() -> Option<u32> {
    fs::metadata("/proc/self").ok().map(|own| own.uid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(variables: &[(&str, &str)], expected: Result<&str, &str>) {
        let variable = |name: &str| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value.into())
        };
        match (find(variable, Some(1000)), expected) {
            (Ok(path), Ok(expected)) => assert_eq!(path, PathBuf::from(expected)),
            (Err(trouble), Err(words)) => assert!(trouble.to_string().contains(words), "{trouble}"),
            (found, expected) => panic!("{found:?} and not {expected:?}"),
        }
    }

    #[test]
    fn the_socket_is_found_like_libpulse_finds_it() {
        let runtime = ("XDG_RUNTIME_DIR", "/run/me");
        check(&[], Ok("/run/user/1000/pulse/native"));
        check(&[runtime], Ok("/run/me/pulse/native"));
        check(&[runtime, ("PULSE_RUNTIME_PATH", "/p")], Ok("/p/native"));
        check(&[runtime, ("PULSE_SERVER", "")], Ok("/run/me/pulse/native"));
        check(&[runtime, ("PULSE_SERVER", "unix:/s")], Ok("/s"));
        check(&[runtime, ("PULSE_SERVER", "/s")], Ok("/s"));
        check(&[("PULSE_SERVER", "{0f}unix:/s tcp:other")], Ok("/s"));
        check(&[("PULSE_SERVER", "tcp:other")], Err("\"tcp:other\""));
    }
}
