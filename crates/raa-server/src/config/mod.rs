//! What an operator configures, from lowest to highest precedence: defaults, environment,
//! raa-server.toml, command-line flags.
//!
//! What the program itself remembers (names, volumes) is the store's and never stands here.
//! Always: a [`Config`] is valid; every refusal names the key, the value, where it stands and
//! what is allowed.

mod args;
mod keys;
mod places;

use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;

use tracing::Level;

pub use args::Args;
use keys::{KEYS, Key};
use places::Environment;

/// All keys of raa-server.toml.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Port that senders send to; 0 takes any free one.
    pub udp_port: u16,
    /// Port of the page and the API; 0 takes any free one.
    pub http_port: u16,
    /// Address to listen at; `::` is every IPv6 and IPv4 address.
    pub listen_address: IpAddr,
    /// RTP payload types that mean Opus.
    pub payload_types: Vec<u8>,
    /// The playout delay of a client follows the network, up to this.
    pub max_playout_delay_ms: u16,
    /// A client is offline when no packet came for so long.
    pub offline_after_s: u16,
    /// So many clients are remembered that no operator has named, levelled or muted.
    pub max_unnamed_clients: u16,
    /// Whether the built-in test client plays.
    pub test_music: bool,
    /// Of the mix, in bit/s.
    pub bitrate: u32,
    /// Of the mix's encoder: more sounds better and costs more CPU.
    pub complexity: u8,
    /// What is logged.
    pub log_level: Level,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            udp_port: 4010,
            http_port: 4011,
            listen_address: Ipv6Addr::UNSPECIFIED.into(),
            payload_types: vec![111],
            max_playout_delay_ms: 400,
            offline_after_s: 5,
            max_unnamed_clients: 1000,
            test_music: true,
            bitrate: 64_000,
            complexity: 9,
            log_level: Level::INFO,
        }
    }
}

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// This environment variable.
    Variable(&'static str),
    /// This configuration file.
    File(PathBuf),
    /// This command-line flag.
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

/// Why there is no configuration; the texts are for the operator.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file named by `--config`, or one that is there, can't be read.
    #[error("{} can't be read: {error}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// The system's word.
        error: std::io::Error,
    },
    /// The file is no TOML.
    #[error("{} is not valid TOML: {error}", path.display())]
    Syntax {
        /// Which.
        path: PathBuf,
        /// With the line.
        error: Box<toml::de::Error>,
    },
    /// No such key.
    #[error("{origin} has the unknown key {key:?}, known are {known}")]
    UnknownKey {
        /// In which file.
        origin: Origin,
        /// As it stands there.
        key: String,
        /// All keys.
        known: String,
    },
    /// A value that is not allowed.
    #[error("{key} is {value} in {origin}, allowed are {allowed}")]
    Value {
        /// Of which key.
        key: &'static str,
        /// As it stands there.
        value: String,
        /// Where.
        origin: Origin,
        /// What may stand there.
        allowed: &'static str,
    },
    /// No folder to keep state in can be derived.
    #[error("there is no folder for the state: set --state-dir, or the environment variable HOME")]
    NoStateDir,
}

/// A configuration with its history, and the folders.
#[derive(Debug)]
pub struct Loaded {
    /// The keys' values.
    pub config: Config,
    /// Where the state is kept.
    pub state_dir: PathBuf,
    /// Where the page is served from instead of the binary.
    pub web_dir: Option<PathBuf>,
    file: Option<PathBuf>,
    /// In the order of [`KEYS`].
    origins: Vec<Origin>,
}

/// Reads everything there is to read for the process.
///
/// # Errors
/// [`ConfigError`] is the text for the operator.
pub fn load(args: &Args) -> Result<Loaded, ConfigError> {
    load_from(args, &Environment::of_process())
}

fn load_from(args: &Args, environment: &Environment) -> Result<Loaded, ConfigError> {
    let mut layers = Layers::default();
    for key in KEYS {
        if let Some((name, text)) = key.variable.and_then(|name| environment.get(name)) {
            layers.set(key, &keys::value_of_text(&text), Origin::Variable(name))?;
        }
    }
    let file = environment.config_file(args.config.as_ref());
    if let Some(path) = &file {
        layers.set_file(path)?;
    }
    for (key, flag, value) in args.settings() {
        layers.set(keys::named(key), &value, Origin::Flag(flag))?;
    }
    Ok(Loaded {
        config: layers.config,
        state_dir: environment
            .state_dir(args.state_dir.as_ref())
            .ok_or(ConfigError::NoStateDir)?,
        web_dir: args.web_dir.clone(),
        file,
        origins: layers.origins,
    })
}

struct Layers {
    config: Config,
    origins: Vec<Origin>,
}

impl Default for Layers {
    fn default() -> Self {
        Self {
            config: Config::default(),
            origins: vec![Origin::Default; KEYS.len()],
        }
    }
}

impl Layers {
    fn set_file(&mut self, path: &PathBuf) -> Result<(), ConfigError> {
        let text = fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
            path: path.clone(),
            error,
        })?;
        let table: toml::Table = text.parse().map_err(|error| ConfigError::Syntax {
            path: path.clone(),
            error: Box::new(error),
        })?;
        let origin = Origin::File(path.clone());
        for (name, value) in &table {
            let key = KEYS.iter().find(|key| key.name == name).ok_or_else(|| {
                let known: Vec<_> = KEYS.iter().map(|key| key.name).collect();
                ConfigError::UnknownKey {
                    origin: origin.clone(),
                    key: name.clone(),
                    known: known.join(", "),
                }
            })?;
            self.set(key, value, origin.clone())?;
        }
        Ok(())
    }

    fn set(&mut self, key: &Key, value: &toml::Value, origin: Origin) -> Result<(), ConfigError> {
        if (key.set)(&mut self.config, value).is_none() {
            let (key, allowed, value) = (key.name, key.allowed, value.to_string());
            return Err(ConfigError::Value {
                key,
                value,
                origin,
                allowed,
            });
        }
        let index = KEYS.iter().position(|known| known.name == key.name);
        if let Some(known) = index.and_then(|index| self.origins.get_mut(index)) {
            *known = origin;
        }
        Ok(())
    }
}

/// The effective configuration as TOML, each value with where it stands.
impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(path) => writeln!(f, "# configuration file: {}", path.display())?,
            None => writeln!(f, "# configuration file: none")?,
        }
        writeln!(f, "# state: {}", self.state_dir.display())?;
        for (key, origin) in KEYS.iter().zip(&self.origins) {
            writeln!(
                f,
                "{} = {}  # from {origin}",
                key.name,
                (key.get)(&self.config)
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
