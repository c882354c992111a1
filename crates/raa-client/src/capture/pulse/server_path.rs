//! Where the sound server's socket and cookie are: the places that libpulse looks in.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// The socket's path, or what is wrong with `PULSE_SERVER`.
pub(super) fn socket() -> Result<PathBuf, String> {
    find(env::var_os, own_uid())
}

/// PulseAudio refuses every other length, also where it lets everybody in.
const COOKIE_LEN: usize = 256;

/// The content of the authentication cookie; zeros when there is none, for a server that lets
/// this user in without.
pub(super) fn cookie() -> Vec<u8> {
    pulseaudio::cookie_path_from_env()
        .and_then(|path| fs::read(path).ok())
        .filter(|cookie| cookie.len() == COOKIE_LEN)
        .unwrap_or_else(|| vec![0; COOKIE_LEN])
}

fn find(
    variable: impl Fn(&'static str) -> Option<OsString>,
    uid: Option<u32>,
) -> Result<PathBuf, String> {
    if let Some(server) = variable("PULSE_SERVER").filter(|server| !server.is_empty()) {
        return local_path(&server.to_string_lossy());
    }
    if let Some(folder) = variable("PULSE_RUNTIME_PATH") {
        return Ok(PathBuf::from(folder).join("native"));
    }
    let folder = variable("XDG_RUNTIME_DIR").map(PathBuf::from);
    // A service that a login did not start has no XDG_RUNTIME_DIR.
    let folder = folder.or_else(|| uid.map(|uid| format!("/run/user/{uid}").into()));
    let folder = folder.ok_or("XDG_RUNTIME_DIR is not set")?;
    Ok(folder.join("pulse/native"))
}

/// `unix:PATH` or a bare path; perhaps one of several, perhaps for one machine only.
fn local_path(servers: &str) -> Result<PathBuf, String> {
    let path = servers.split_whitespace().find_map(|server| {
        let server = server
            .split_once('}')
            .map_or(server, |(_machine, server)| server);
        let path = server.strip_prefix("unix:").unwrap_or(server);
        path.starts_with('/').then(|| PathBuf::from(path))
    });
    path.ok_or_else(|| {
        format!("PULSE_SERVER is {servers:?}, allowed is a socket of this computer, unix:PATH")
    })
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
            (Err(error), Err(said)) => assert!(error.contains(said), "{error}"),
            (found, expected) => panic!("{found:?} and not {expected:?}"),
        }
    }

    #[test]
    fn the_socket_is_found_where_libpulse_finds_it() {
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
