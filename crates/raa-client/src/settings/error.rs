//! What can be wrong with the command line or the configuration file.

use std::io;
use std::path::PathBuf;

use raa_core::settings::NameError;

use super::Ssrc;

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
