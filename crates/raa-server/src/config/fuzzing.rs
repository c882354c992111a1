//! The command line, the environment and the configuration file together.
//!
//! Always: a valid configuration is shown as a file that means the same.

use std::iter::once;
use std::path::Path;

use clap::Parser as _;

use super::places::Environment;
use super::{Args, load_with};

const VARIABLES: [&str; 6] = [
    "UDP_PORT",
    "HTTP_PORT",
    "LOG_LEVEL",
    "STATE_DIRECTORY",
    "XDG_STATE_HOME",
    "HOME",
];
const FILE: &str = "/etc/raa/raa-server.toml";

/// Three parts with a zero between them: a line per argument, a line per variable, and the file.
pub(crate) fn config(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.splitn(3, '\0');
    let mut part = || parts.next().unwrap_or_default();
    let (arguments, variables, file) = (part(), part(), part());
    let args = match Args::try_parse_from(once("raa-server").chain(arguments.lines())) {
        Ok(args) => args,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let variables: Vec<_> = VARIABLES.into_iter().zip(variables.lines()).collect();
    let environment = Environment::of_test(&variables, &[FILE]);
    let loaded = match load_with(&args, &environment, |_: &Path| Ok(file.to_owned())) {
        Ok(loaded) => loaded,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let shown = loaded.to_string();
    let environment = Environment::of_test(&[("HOME", "/home/a")], &[FILE]);
    let again = load_with(&Args::default(), &environment, |_: &Path| Ok(shown.clone()));
    let again = again.expect("what is shown is a valid file");
    assert_eq!(again.config, loaded.config);
}
