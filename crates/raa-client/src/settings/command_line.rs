//! The command line: the options of the keys, from the table, and a program's own options.
//!
//! Always: every option may be missing.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Args, Command, Error};

use super::fault::Fault;
use super::keys::{Key, KeyOption, Platform};
use super::stored::Stored;

/// Reads a command line, whose first word is the program: the keys that it sets, and the
/// program's own options.
///
/// # Errors
/// When it asks for help or the version, or is wrong.
pub(super) fn parse<Own: Args>(
    platform: Platform,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<(Stored, Own), Error> {
    let mut command = command::<Own>(platform);
    let matches = command.try_get_matches_from_mut(arguments)?;
    let given = read(platform, &matches)
        .map_err(|fault| command.error(ErrorKind::ValueValidation, fault))?;
    Ok((given, Own::from_arg_matches(&matches)?))
}

/// Returns the command with all options.
pub(super) fn command<Own: Args>(platform: Platform) -> Command {
    let options = platform
        .options()
        .map(|(key, option)| argument(key, option));
    Own::augment_args(Command::new("raa-client").args(options))
}

fn argument(key: &'static Key, option: &'static KeyOption) -> Arg {
    let default = key.default.map(|value| format!(" [default: {value}]"));
    Arg::new(key.name)
        .long(option.name)
        .global(true)
        .value_name(option.value)
        .help(option.help.to_owned() + &default.unwrap_or_default())
}

fn read(platform: Platform, matches: &ArgMatches) -> Result<Stored, Fault> {
    let mut given = Stored::default();
    for (key, option) in platform.options() {
        if let Some(text) = matches.get_one::<String>(key.name) {
            (key.read)(&mut given, text).ok_or_else(|| Fault::Option {
                option: format!("--{}", option.name),
                value: text.clone(),
                allowed: key.allowed,
            })?;
        }
    }
    Ok(given)
}
