//! Settings from the command line, over the configuration file, over defaults.
//!
//! Always: a key that the file's format does not know is refused by its name; the SSRC is made
//! once and kept in the file for ever.

use std::path::Path;

use raa_core::settings::Name;

use super::error::ConfigError;
use super::{Settings, Source, Ssrc, host_name, toml_file};
use crate::settings::linux_options::Options;

impl Settings {
    /// Reads the file, puts the options over it, and at the first start makes the SSRC.
    ///
    /// # Errors
    /// [`ConfigError`], for the person at the terminal.
    pub fn load(options: Options) -> Result<Self, ConfigError> {
        let path = match options.config {
            Some(path) => path,
            None => toml_file::default_path()?,
        };
        let file = toml_file::read(&path)?;
        let server = options.server.or(file.values.server);
        let source = options
            .source
            .map(|words| Source::from_words(&words))
            .transpose()?;
        let name = options.name.map(|text| Name::new(&text)).transpose()?;
        Ok(Self {
            server: Some(server.ok_or_else(|| ConfigError::NoServer(path.clone()))?),
            source: source.or(file.values.source).unwrap_or_default(),
            name: name
                .or(file.values.name.map(|name| name.0))
                .unwrap_or_else(host_name),
            redundancy: options
                .redundancy
                .or(file.values.redundancy.map(|redundancy| redundancy.0))
                .unwrap_or_default(),
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
    let ssrc = Ssrc::random();
    toml_file::keep_ssrc(path, text, ssrc).map_err(|error| ConfigError::NotKept {
        path: path.to_owned(),
        ssrc,
        error,
    })?;
    Ok(ssrc)
}

#[cfg(test)]
mod tests;
