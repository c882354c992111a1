//! The settings of a client: one table of keys, the files that hold them, and the command line.
//!
//! [`keys`] says how each setting is read, checked and shown. A TOML file (Linux) and ini files
//! (Windows) are two encodings of that table, and both command lines use it. A layer of settings
//! is a [`Stored`], layers are combined by [`Stored::over`], and the result is a [`Settings`].

mod command_line;
// Used on Windows only, and tested everywhere.
#[cfg_attr(not(windows), allow(dead_code))]
mod computer;
mod fault;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
// Used on Windows only, and tested everywhere.
#[cfg(any(windows, test, fuzzing))]
#[cfg_attr(not(windows), allow(dead_code))]
mod ini;
#[cfg(any(windows, test, fuzzing))]
#[cfg_attr(not(windows), allow(dead_code))]
mod ini_files;
mod keys;
#[cfg(unix)]
mod linux_options;
mod server_address;
// The page is opened on Windows only.
#[cfg_attr(not(windows), allow(dead_code))]
mod stored;
#[cfg(unix)]
mod toml_file;
mod values;
#[cfg(any(windows, test, fuzzing))]
#[cfg_attr(not(windows), allow(dead_code))]
mod windows_options;

#[cfg(windows)]
pub(crate) use self::computer::Computer;
#[cfg(any(windows, test, fuzzing))]
pub(crate) use self::fault::{Damage, Fault};
#[cfg(any(windows, test, fuzzing))]
pub(crate) use self::ini_files::{INI_NAME, IniFiles};
#[cfg(windows)]
pub(crate) use self::ini_files::{Loaded, Stamp, Watch};
#[cfg(any(windows, test, fuzzing))]
pub(crate) use self::keys::Allowed;
#[cfg(unix)]
pub(crate) use self::linux_options::{DoctorOptions, LinuxCommand, LinuxOptions};
#[cfg(windows)]
pub(crate) use self::server_address::DEFAULT_PORT;
pub use self::server_address::{AddressError, ServerAddress};
#[cfg(windows)]
pub(crate) use self::stored::SourceKind;
#[cfg(any(windows, test, fuzzing))]
pub(crate) use self::stored::Stored;
#[cfg(any(unix, test))]
pub(crate) use self::stored::default_page;
#[cfg(unix)]
pub(crate) use self::toml_file::{Looked, SsrcFile, load, look};
pub use self::values::{Programs, Settings, Source, Ssrc};
#[cfg(windows)]
pub(crate) use self::windows_options::{Command, NotRun, SourceOption, WindowsOptions};
