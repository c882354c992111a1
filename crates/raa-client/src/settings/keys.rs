//! Values as a settings file has them: texts, to be checked when they are read.
//!
//! Always: what is written is read again as the same value; an empty text is no value.

use std::path::Path;

use clap::ValueEnum;
use raa_core::packetizer::Redundancy;
use raa_core::settings::Name;

use super::ini_files::{Fault, SECTION, SourceKind, Stored};
use crate::logging::LogLevel;
use crate::settings::Ssrc;
use crate::settings::ini::Document;

/// Every key, and what its value may be.
const KEYS: [(&str, &str); 10] = [
    (
        "server",
        "HOST and HOST:PORT, with a port from 1 to 65535 and IPv6 addresses in brackets",
    ),
    ("source", "automatic and device"),
    ("device", "the id of a capture device, if source is device"),
    ("device_name", "texts"),
    ("name", "texts of 1 to 64 characters"),
    ("page", "URLs that begin with http:// or https://"),
    ("muted", "yes and no"),
    ("redundancy", "whole numbers from 0 to 3"),
    ("log_level", "error, warn, info, debug and trace"),
    ("ssrc", "8 hexadecimal digits, as in 5f0a11c2"),
];

/// All values that are valid; what is not becomes a fault.
pub(super) fn read(document: &Document, file: &Path, faults: &mut Vec<Fault>) -> Stored {
    note_unknown(document, file, faults);
    let mut reader = Reader {
        document,
        file,
        faults,
    };
    let stored = Stored {
        server: reader.value("server", |text| text.parse().ok()),
        source: reader.value("source", source),
        device: reader.value("device", any),
        device_name: reader.value("device_name", any),
        name: reader.value("name", |text| Name::new(text).ok()),
        page: reader.value("page", page),
        muted: reader.value("muted", yes_or_no),
        redundancy: reader.value("redundancy", redundancy),
        log_level: reader.value("log_level", |text| LogLevel::from_str(text, true).ok()),
        ssrc: reader.value("ssrc", |text| Ssrc::try_from(text.to_owned()).ok()),
    };
    if stored.source == Some(SourceKind::Device) && stored.device.is_none() {
        reader.refuse("device", "");
    }
    stored
}

/// The keys whose values differ, with what is to stand there in future.
pub(super) fn differences(old: &Stored, new: &Stored) -> Vec<(&'static str, Option<String>)> {
    let pairs = texts(old).into_iter().zip(texts(new));
    pairs
        .filter(|(old, new)| old != new)
        .map(|(_, new)| new)
        .collect()
}

/// The values as they stand in a file.
fn texts(stored: &Stored) -> [(&'static str, Option<String>); KEYS.len()] {
    let source = |kind| match kind {
        SourceKind::Automatic => "automatic",
        SourceKind::Device => "device",
    };
    let muted = |muted| if muted { "yes" } else { "no" };
    let log_level = stored.log_level.and_then(|level| level.to_possible_value());
    [
        ("server", stored.server.as_ref().map(ToString::to_string)),
        ("source", stored.source.map(|kind| source(kind).into())),
        ("device", stored.device.clone()),
        ("device_name", stored.device_name.clone()),
        (
            "name",
            stored.name.as_ref().map(|name| name.as_str().into()),
        ),
        ("page", stored.page.clone()),
        ("muted", stored.muted.map(|on| muted(on).into())),
        (
            "redundancy",
            stored.redundancy.map(|least| least.frames().to_string()),
        ),
        ("log_level", log_level.map(|level| level.get_name().into())),
        ("ssrc", stored.ssrc.map(|ssrc| ssrc.to_string())),
    ]
}

struct Reader<'a> {
    document: &'a Document,
    file: &'a Path,
    faults: &'a mut Vec<Fault>,
}

impl Reader<'_> {
    fn value<T>(&mut self, key: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = self.document.get(SECTION, key)?.trim();
        if text.is_empty() {
            return None;
        }
        let value = parse(text);
        if value.is_none() {
            self.refuse(key, text);
        }
        value
    }

    fn refuse(&mut self, key: &'static str, value: &str) {
        let allowed = KEYS.iter().find(|(known, _)| *known == key);
        self.faults.push(Fault::Value {
            file: self.file.to_owned(),
            key,
            value: value.to_owned(),
            allowed: allowed.map_or("", |(_, allowed)| allowed),
        });
    }
}

/// Says what would be overlooked: keys that are misspelt, stand twice or in a wrong place.
fn note_unknown(document: &Document, file: &Path, faults: &mut Vec<Fault>) {
    let file = file.to_owned();
    let mut entries = document.entries();
    let is_ours = |(section, _, _): &(&str, &str, &str)| section.eq_ignore_ascii_case(SECTION);
    if document.entries().count() > 0 && !entries.any(|entry| is_ours(&entry)) {
        faults.push(Fault::NoSection { file });
        return;
    }
    let mut seen = Vec::new();
    for (_, key, _) in document.entries().filter(is_ours) {
        let known = KEYS.iter().map(|(known, _)| *known);
        let file = file.clone();
        match known.clone().find(|known| known.eq_ignore_ascii_case(key)) {
            None => faults.push(Fault::UnknownKey {
                file,
                key: key.to_owned(),
                allowed: known.collect::<Vec<_>>().join(", "),
            }),
            Some(key) if seen.contains(&key) => faults.push(Fault::Twice { file, key }),
            Some(key) => seen.push(key),
        }
    }
}

fn any(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn source(text: &str) -> Option<SourceKind> {
    match text.to_ascii_lowercase().as_str() {
        "automatic" => Some(SourceKind::Automatic),
        "device" => Some(SourceKind::Device),
        _ => None,
    }
}

fn yes_or_no(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

fn redundancy(text: &str) -> Option<Redundancy> {
    Redundancy::new(text.parse().ok()?).ok()
}

/// With a slash at its end, so that names can be put behind it.
fn page(text: &str) -> Option<String> {
    let rest = ["http://", "https://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme))?;
    let is_valid =
        !rest.is_empty() && !rest.starts_with('/') && !rest.contains(char::is_whitespace);
    is_valid.then(|| format!("{}/", text.trim_end_matches('/')))
}
