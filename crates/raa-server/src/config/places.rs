//! Finds the configuration file and the state folder (XDG base directories, systemd).
//!
//! Always: reads only the environment that it is given, so tests need no process of their own.

use std::collections::BTreeMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

const FILE_NAME: &str = "raa/raa-server.toml";

/// The environment of the process, or one made by a test.
pub(super) struct Environment {
    variables: BTreeMap<OsString, OsString>,
    exists: Box<dyn Fn(&Path) -> bool>,
}

impl Environment {
    pub(super) fn of_process() -> Self {
        Self {
            variables: env::vars_os().collect(),
            exists: Box::new(|path| path.exists()),
        }
    }

    #[cfg(any(test, fuzzing))]
    pub(super) fn of_test(variables: &[(&str, &str)], files: &[&str]) -> Self {
        let variables = variables
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        let files: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
        Self {
            variables: variables.collect(),
            exists: Box::new(move |path| files.iter().any(|file| file == path)),
        }
    }

    /// Returns a variable that is set and not empty. Bytes that are not UTF-8 are replaced; the
    /// value is then refused.
    pub(super) fn get(&self, name: &'static str) -> Option<(&'static str, String)> {
        let value = self
            .variables
            .get(OsStr::new(name))
            .filter(|value| !value.is_empty())?;
        Some((name, value.to_string_lossy().into_owned()))
    }

    /// Returns the file to read: the one the operator names, else the first one that exists.
    pub(super) fn config_file(&self, named: Option<&PathBuf>) -> Option<PathBuf> {
        if let Some(named) = named {
            return Some(named.clone());
        }
        let own = self
            .base("XDG_CONFIG_HOME", ".config")
            .map(|base| base.join(FILE_NAME));
        let system = Some(Path::new("/etc").join(FILE_NAME));
        [own, system]
            .into_iter()
            .flatten()
            .find(|path| (self.exists)(path))
    }

    /// Returns the state folder: the one the operator names, else systemd's, else the user's.
    pub(super) fn state_dir(&self, named: Option<&PathBuf>) -> Option<PathBuf> {
        if let Some(named) = named {
            return Some(named.clone());
        }
        // A unit with several state folders gets a list; the first one is used.
        let systemd = self
            .get("STATE_DIRECTORY")
            .and_then(|(_, dirs)| dirs.split(':').next().map(PathBuf::from));
        systemd.or_else(|| Some(self.base("XDG_STATE_HOME", ".local/state")?.join("raa")))
    }

    /// Returns a base directory. As the XDG specification asks, relative paths are ignored.
    fn base(&self, variable: &'static str, below_home: &str) -> Option<PathBuf> {
        let absolute = |name: &str| {
            let path = self.variables.get(OsStr::new(name)).map(PathBuf::from);
            path.filter(|path| path.is_absolute())
        };
        absolute(variable).or_else(|| Some(absolute("HOME")?.join(below_home)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: (&str, &str) = ("HOME", "/home/a");

    #[test]
    fn the_first_existing_configuration_file_is_read() {
        let check = |variables: &[_], files: &[_], named: Option<&str>, expected: Option<&str>| {
            let named = named.map(PathBuf::from);
            let found = Environment::of_test(variables, files).config_file(named.as_ref());
            assert_eq!(
                found,
                expected.map(PathBuf::from),
                "{variables:?} {files:?}"
            );
        };
        let own = "/home/a/.config/raa/raa-server.toml";
        let system = "/etc/raa/raa-server.toml";
        check(&[HOME], &[own, system], None, Some(own));
        check(&[HOME], &[system], None, Some(system));
        check(&[HOME], &[], None, None);
        check(&[], &[own], None, None);
        check(&[HOME], &[own], Some("other.toml"), Some("other.toml"));
        let xdg = ("XDG_CONFIG_HOME", "/x");
        check(
            &[HOME, xdg],
            &["/x/raa/raa-server.toml", own],
            None,
            Some("/x/raa/raa-server.toml"),
        );
        check(&[HOME, ("XDG_CONFIG_HOME", "x")], &[own], None, Some(own));
    }

    #[test]
    fn the_state_folder_follows_the_precedence() {
        let check = |variables: &[_], named: Option<&str>, expected: Option<&str>| {
            let named = named.map(PathBuf::from);
            let found = Environment::of_test(variables, &[]).state_dir(named.as_ref());
            assert_eq!(found, expected.map(PathBuf::from), "{variables:?}");
        };
        let systemd = ("STATE_DIRECTORY", "/var/lib/raa:/var/lib/other");
        let xdg = ("XDG_STATE_HOME", "/s");
        check(&[systemd, xdg, HOME], Some("here"), Some("here"));
        check(&[systemd, xdg, HOME], None, Some("/var/lib/raa"));
        check(&[xdg, HOME], None, Some("/s/raa"));
        check(&[HOME], None, Some("/home/a/.local/state/raa"));
        check(&[], None, None);
    }
}
