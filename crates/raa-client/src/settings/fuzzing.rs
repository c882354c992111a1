//! The settings files, the command lines and the address of a server.
//!
//! Always: whatever is accepted is written and read back as the same.

use std::ffi::OsString;
use std::iter::once;
use std::path::Path;

use super::ini::Document;
use super::ini_files;
use super::keys::Platform;
#[cfg(unix)]
use super::linux_options::LinuxOptions;
use super::server_address::ServerAddress;
#[cfg(unix)]
use super::toml_file;
#[cfg(unix)]
use super::values::Ssrc;
use super::windows_options::WindowsOptions;

/// A server's address.
pub(crate) fn addresses(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(address) = text.parse::<ServerAddress>() {
        assert!(address.port > 0 && !address.host.is_empty());
        assert_eq!(address.to_string().parse(), Ok(address));
    }
}

/// The command lines of both platforms, an argument per line.
pub(crate) fn arguments(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let words = || once("raa-client").chain(text.lines()).map(OsString::from);
    #[cfg(unix)]
    if let Err(error) = LinuxOptions::read(words()) {
        assert!(!error.to_string().is_empty());
    }
    match WindowsOptions::read(words()) {
        Ok(options) => _ = (options.command(), options.has_settings()),
        Err(refused) => {
            let lines = refused.text.trim_end().lines().count();
            assert!(
                lines > 0 && (lines == 1 || !refused.is_wrong),
                "{refused:?}"
            );
        }
    }
}

/// An ini file.
pub(crate) fn ini(bytes: &[u8]) {
    let document = match Document::decode(bytes) {
        Ok(document) => document,
        Err(damaged) => damaged.rest,
    };
    assert_eq!(Document::decode(&document.encode()).as_ref(), Ok(&document));
    let file = Path::new("raa-client.ini");
    let stored = ini_files::values(&document, file, &mut Vec::new());
    let mut written = document;
    for key in Platform::Windows.keys() {
        match (key.show)(&stored) {
            Some(value) => written.set(ini_files::SECTION, key.name, &value),
            None => written.remove(ini_files::SECTION, key.name),
        }
    }
    let written = Document::decode(&written.encode()).expect("what is written can be read");
    let again = ini_files::values(&written, file, &mut Vec::new());
    assert_eq!(again, stored);
}

/// A TOML file.
#[cfg(unix)]
pub(crate) fn toml(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let file = Path::new("raa-client.toml");
    match toml_file::read(&text, file) {
        Ok(stored) => {
            let ssrc = Ssrc(0x5f0a_11c2);
            let written = toml_file::with_ssrc(&text, ssrc).expect("the file can be read");
            let mut expected = stored;
            expected.ssrc = Some(ssrc);
            assert_eq!(toml_file::read(&written, file).ok(), Some(expected));
        }
        Err(fault) => assert!(!fault.to_string().is_empty()),
    }
}
