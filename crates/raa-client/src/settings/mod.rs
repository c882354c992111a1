//! What a client is set to: the values, the files that hold them, and the command line.

#[cfg(unix)]
mod error;
mod fault;
pub mod ini;
pub mod ini_files;
mod keys;
#[cfg(unix)]
pub mod linux_options;
#[cfg(unix)]
mod load;
mod server_address;
#[cfg(unix)]
mod toml_file;
mod values;
pub mod windows_options;

#[cfg(unix)]
pub use self::error::ConfigError;
pub use self::server_address::{AddressError, DEFAULT_PORT, ServerAddress};
pub use self::values::{Settings, Source, Ssrc, host_name};
