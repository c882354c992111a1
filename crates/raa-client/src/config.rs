//! What the client is set to: the command line over the configuration file over defaults.
//!
//! Always: a value of [`Settings`] is valid; a key that the file's format does not know is
//! refused by its name; the SSRC is made once and kept in the file for ever.

mod file;
mod server_address;

use std::io;
use std::path::{Path, PathBuf};

use raa_core::settings::{Name, NameError};

pub use self::file::{Source, Ssrc};
pub use self::server_address::{DEFAULT_PORT, ServerAddress};
use crate::logging::LogLevel;
use crate::options::Options;

/// Everything a client needs to know.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Where to send.
    pub server: ServerAddress,
    /// What to send.
    pub source: Source,
    /// What the sender calls itself.
    pub name: Name,
    /// Who the sender is.
    pub ssrc: Ssrc,
    /// How much is logged.
    pub log_level: LogLevel,
}

/// What is wrong with the command line or the file, for the person who wrote it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is there and cannot be read.
    #[error("cannot read {path}: {error}", path = .path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file's content is not what it may be.
    #[error("{path}: {error}", path = .path.display())]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// Where and what.
        error: String,
    },
    /// Nobody said where to send.
    #[error(
        "no server is given: add --server HOST[:PORT], or server = \"HOST:PORT\" to {path}",
        path = .0.display()
    )]
    NoServer(PathBuf),
    /// `--source` has words that do not belong together.
    #[error("--source is {0:?}, allowed are \"pulse\", \"file PATH\" and \"tone\"")]
    Source(String),
    /// `--name` is no name.
    #[error("--name: {0}")]
    Name(#[from] NameError),
    /// There is nowhere to look for the file.
    #[error("no configuration file: {0} is not set, and --config not given")]
    NoHome(&'static str),
    /// The SSRC could not be kept.
    #[error(
        "cannot keep this client's SSRC in {path}: {error}; \
         let --config name a file that can be written, or add ssrc = \"{ssrc}\" to it yourself",
        path = .path.display()
    )]
    NotKept {
        /// Which file.
        path: PathBuf,
        /// What was to be kept.
        ssrc: Ssrc,
        /// Why not.
        error: io::Error,
    },
}

impl Settings {
    /// Reads the file, puts the options over it, and at the first start makes the SSRC.
    ///
    /// # Errors
    /// [`ConfigError`], for the person at the terminal.
    pub fn load(options: Options) -> Result<Self, ConfigError> {
        let path = match options.config {
            Some(path) => path,
            None => file::default_path()?,
        };
        let file = file::read(&path)?;
        let server = options.server.or(file.values.server);
        let source = options
            .source
            .map(|words| Source::from_words(&words))
            .transpose()?;
        let name = options.name.map(|text| Name::new(&text)).transpose()?;
        Ok(Self {
            server: server.ok_or_else(|| ConfigError::NoServer(path.clone()))?,
            source: source.or(file.values.source).unwrap_or_default(),
            name: name
                .or(file.values.name.map(|name| name.0))
                .unwrap_or_else(host_name),
            log_level: options
                .log_level
                .or(file.values.log_level)
                .unwrap_or_default(),
            // Last, so that nothing is written when something is wrong.
            ssrc: match file.values.ssrc {
                Some(ssrc) => ssrc,
                None => make_ssrc(&path, file.text.as_deref())?,
            },
        })
    }
}

fn make_ssrc(path: &Path, text: Option<&str>) -> Result<Ssrc, ConfigError> {
    let ssrc = Ssrc(rand::random());
    file::keep_ssrc(path, text, ssrc).map_err(|error| ConfigError::NotKept {
        path: path.to_owned(),
        ssrc,
        error,
    })?;
    Ok(ssrc)
}

/// The computer's name, made fit to be shown.
fn host_name() -> Name {
    let name = gethostname::gethostname();
    Name::from_sender(name.as_encoded_bytes()).unwrap_or_else(|| {
        // Only a computer without a printable host name comes here.
        Name::from_sender(b"raa-client").expect("it has printable characters")
    })
}

#[cfg(test)]
mod tests;
