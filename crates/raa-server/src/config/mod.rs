//! What an operator configures. From lowest to highest precedence: defaults, environment,
//! raa-server.toml, command-line options.
//!
//! What operators set in the page (names, volumes, mutes) is state, which the store keeps; it is
//! never part of the configuration. Always: a [`Config`] is valid; every refusal names the key, the
//! value, where it was set, and what it must be.

mod args;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod keys;
mod places;
mod values;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

pub use crate::access::{Host, Network, WebOrigin};
pub use args::{Args, Command, DoctorArgs};
pub use error::{ConfigError, Origin};
use keys::{KEYS, Key};
use places::Environment;
pub use values::Config;

/// A configuration with the origin of each value, and the folders.
#[derive(Debug)]
pub struct Loaded {
    /// The effective values.
    pub config: Config,
    /// The folder that keeps the state.
    pub state_dir: PathBuf,
    /// The folder to serve the page from, instead of the files in the binary.
    pub web_dir: Option<PathBuf>,
    /// Sentences about settings that work but should be changed.
    pub warnings: Vec<String>,
    file: Option<PathBuf>,
    /// The origins of the values, in the order of [`KEYS`].
    origins: Vec<Origin>,
}

impl Loaded {
    /// Returns the configuration file, if one was read.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }
}

/// Loads the configuration of this process.
///
/// # Errors
/// [`ConfigError`], whose text is for the operator.
pub fn load(args: &Args) -> Result<Loaded, ConfigError> {
    load_from(args, &Environment::of_process())
}

fn load_from(args: &Args, environment: &Environment) -> Result<Loaded, ConfigError> {
    load_with(args, environment, read)
}

fn read(path: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
        path: path.to_owned(),
        error,
    })
}

/// Loads the configuration; `read` returns the text of a file.
fn load_with(
    args: &Args,
    environment: &Environment,
    read: impl Fn(&Path) -> Result<String, ConfigError>,
) -> Result<Loaded, ConfigError> {
    let mut layers = Layers::default();
    for key in KEYS {
        if let Some((name, text)) = key.variable.and_then(|name| environment.get(name)) {
            let value = keys::value_of_text(&text);
            layers.set(key, key.name, &value, Origin::Variable(name))?;
        }
    }
    let file = environment.config_file(args.config.as_ref());
    if let Some(path) = &file {
        layers.set_file(path, &read(path)?)?;
    }
    for (name, flag, value) in args.settings() {
        layers.set(keys::named(name), name, &value, Origin::Flag(flag))?;
    }
    Ok(Loaded {
        config: layers.config,
        state_dir: environment
            .state_dir(args.state_dir.as_ref())
            .ok_or(ConfigError::NoStateDir)?,
        web_dir: args.web_dir.clone(),
        warnings: layers.warnings,
        file,
        origins: layers.origins,
    })
}

struct Layers {
    config: Config,
    origins: Vec<Origin>,
    warnings: Vec<String>,
}

impl Default for Layers {
    fn default() -> Self {
        Self {
            config: Config::default(),
            origins: vec![Origin::Default; KEYS.len()],
            warnings: Vec::new(),
        }
    }
}

impl Layers {
    fn set_file(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let table: toml::Table = text.parse().map_err(|error| ConfigError::Syntax {
            path: path.to_owned(),
            error: Box::new(error),
        })?;
        let origin = Origin::File(path.to_owned());
        for (name, value) in &table {
            let (key, name) = keys::find(name).ok_or_else(|| ConfigError::UnknownKey {
                origin: origin.clone(),
                key: name.clone(),
                known: keys::names(),
            })?;
            if name != key.name {
                self.note_former_name(key, name, &table, &origin)?;
            }
            self.set(key, name, value, origin.clone())?;
        }
        Ok(())
    }

    /// Warns of a key's former name, or refuses it next to the present one.
    fn note_former_name(
        &mut self,
        key: &Key,
        formerly: &'static str,
        table: &toml::Table,
        origin: &Origin,
    ) -> Result<(), ConfigError> {
        if table.contains_key(key.name) {
            return Err(ConfigError::SetTwice {
                origin: origin.clone(),
                key: key.name,
                formerly,
            });
        }
        let new = key.name;
        self.warnings.push(format!(
            "{origin} sets {formerly}, which is now called {new}; rename it to {new}"
        ));
        Ok(())
    }

    /// Sets a key; `name` is what it is called at `origin`.
    fn set(
        &mut self,
        key: &Key,
        name: &'static str,
        value: &toml::Value,
        origin: Origin,
    ) -> Result<(), ConfigError> {
        if (key.set)(&mut self.config, value).is_none() {
            return Err(ConfigError::Value {
                key: name,
                value: value.to_string(),
                origin,
                allowed: key.allowed,
            });
        }
        let index = KEYS.iter().position(|known| known.name == key.name);
        if let Some(known) = index.and_then(|index| self.origins.get_mut(index)) {
            *known = origin;
        }
        Ok(())
    }
}

/// The effective configuration as TOML, with the origin of each value and the warnings as comments.
impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(path) => writeln!(f, "# configuration file: {}", in_comment(path.display()))?,
            None => writeln!(f, "# configuration file: none")?,
        }
        writeln!(f, "# state: {}", in_comment(self.state_dir.display()))?;
        for warning in &self.warnings {
            writeln!(f, "# warning: {}", in_comment(warning))?;
        }
        for (key, origin) in KEYS.iter().zip(&self.origins) {
            writeln!(
                f,
                "{} = {}  # from {}",
                key.name,
                (key.get)(&self.config),
                in_comment(origin)
            )?;
        }
        Ok(())
    }
}

/// Text as a comment of TOML may have it. A control character, such as a line feed in a path, would end the comment.
fn in_comment(text: impl fmt::Display) -> String {
    let shown = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    text.to_string().chars().map(shown).collect()
}

#[cfg(test)]
mod tests;
