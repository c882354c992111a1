//! Why a configuration is refused, and where each value comes from.
//!
//! Always: the text names the key, the value, where it was set, and what it must be.

use std::fmt;
use std::path::PathBuf;

/// The place where a value was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Not set anywhere.
    Default,
    /// The environment variable of this name.
    Variable(&'static str),
    /// This configuration file.
    File(PathBuf),
    /// This command-line option.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the defaults"),
            Self::Variable(name) => write!(f, "the environment variable {name}"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// Why a configuration is refused; the texts are for the operator.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The configuration file exists or was named by `--config`, but can't be read.
    #[error("{} can't be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: std::io::Error,
    },
    /// The configuration file is not TOML.
    #[error("{} is not valid TOML: {error}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The reason, with the line.
        error: Box<toml::de::Error>,
    },
    /// A key that does not exist.
    #[error("{origin} has the unknown key {key:?}; the known keys are {known}")]
    UnknownKey {
        /// The file.
        origin: Origin,
        /// The key as written in the file.
        key: String,
        /// The names of all keys.
        known: String,
    },
    /// A key that was renamed is set under its new and its old name.
    #[error("{origin} sets both {key} and its former name {formerly}; remove {formerly}")]
    SetTwice {
        /// The file.
        origin: Origin,
        /// The key's name.
        key: &'static str,
        /// The key's former name.
        formerly: &'static str,
    },
    /// A value that is not allowed.
    #[error("{key} is {value} in {origin}; it must be {allowed}")]
    Value {
        /// The key as written there.
        key: &'static str,
        /// The value as written there.
        value: String,
        /// The place where it is set.
        origin: Origin,
        /// What the value must be.
        allowed: &'static str,
    },
    /// No state folder can be derived from the environment.
    #[error("no folder for the state is known; set --state-dir or the environment variable HOME")]
    NoStateDir,
}
