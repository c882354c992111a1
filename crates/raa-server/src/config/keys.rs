//! The table of all keys: how each is called, read, checked and shown.
//!
//! Files, environment and flags all go through it, so a value is judged the same everywhere.

use std::net::IpAddr;

use toml::Value;
use tracing::Level;

use super::Config;

/// One key of the configuration.
pub(super) struct Key {
    pub(super) name: &'static str,
    /// The environment variable that sets it.
    pub(super) variable: Option<&'static str>,
    pub(super) allowed: &'static str,
    /// `None` when the value is not allowed; then nothing has changed.
    pub(super) set: fn(&mut Config, &Value) -> Option<()>,
    pub(super) get: fn(&Config) -> Value,
}

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "udp_port",
        variable: Some("UDP_PORT"),
        allowed: "whole numbers from 0 to 65535",
        set: |config, value| put(&mut config.udp_port, number(value, 0, 65_535)),
        get: |config| i64::from(config.udp_port).into(),
    },
    Key {
        name: "http_port",
        variable: Some("HTTP_PORT"),
        allowed: "whole numbers from 0 to 65535",
        set: |config, value| put(&mut config.http_port, number(value, 0, 65_535)),
        get: |config| i64::from(config.http_port).into(),
    },
    Key {
        name: "listen_address",
        variable: None,
        allowed: "IP addresses of this computer, \"::\" for all of them, \"0.0.0.0\" for IPv4 only",
        set: |config, value| put(&mut config.listen_address, address(value)),
        get: |config| config.listen_address.to_string().into(),
    },
    Key {
        name: "payload_types",
        variable: None,
        allowed: "lists of at least one whole number from 0 to 127, such as [111]",
        set: |config, value| put(&mut config.payload_types, payload_types(value)),
        get: |config| {
            let types = config.payload_types.iter();
            Value::Array(types.map(|&number| i64::from(number).into()).collect())
        },
    },
    Key {
        name: "max_playout_delay_ms",
        variable: None,
        allowed: "whole numbers from 20 to 400",
        set: |config, value| put(&mut config.max_playout_delay_ms, number(value, 20, 400)),
        get: |config| i64::from(config.max_playout_delay_ms).into(),
    },
    Key {
        name: "offline_after_s",
        variable: None,
        allowed: "whole numbers from 1 to 3600",
        set: |config, value| put(&mut config.offline_after_s, number(value, 1, 3600)),
        get: |config| i64::from(config.offline_after_s).into(),
    },
    Key {
        name: "max_unnamed_clients",
        variable: None,
        allowed: "whole numbers from 1 to 10000",
        set: |config, value| put(&mut config.max_unnamed_clients, number(value, 1, 10_000)),
        get: |config| i64::from(config.max_unnamed_clients).into(),
    },
    Key {
        name: "test_music",
        variable: None,
        allowed: "true and false",
        set: |config, value| put(&mut config.test_music, value.as_bool()),
        get: |config| config.test_music.into(),
    },
    Key {
        name: "bitrate",
        variable: None,
        allowed: "whole numbers from 6000 to 510000",
        set: |config, value| put(&mut config.bitrate, number(value, 6000, 510_000)),
        get: |config| i64::from(config.bitrate).into(),
    },
    Key {
        name: "complexity",
        variable: None,
        allowed: "whole numbers from 0 to 10",
        set: |config, value| put(&mut config.complexity, number(value, 0, 10)),
        get: |config| i64::from(config.complexity).into(),
    },
    Key {
        name: "log_level",
        variable: Some("LOG_LEVEL"),
        allowed: "\"error\", \"warn\", \"info\", \"debug\" and \"trace\"",
        set: |config, value| put(&mut config.log_level, level(value)),
        get: |config| config.log_level.as_str().to_ascii_lowercase().into(),
    },
];

/// The key of that name.
pub(super) fn named(name: &str) -> &'static Key {
    let key = KEYS.iter().find(|key| key.name == name);
    key.expect("flags set keys that exist: a test sets all of them")
}

/// The environment knows texts only.
pub(super) fn value_of_text(text: &str) -> Value {
    text.parse::<i64>()
        .map_or_else(|_| Value::from(text), Value::from)
}

fn put<T>(field: &mut T, value: Option<T>) -> Option<()> {
    *field = value?;
    Some(())
}

fn number<T: TryFrom<i64>>(value: &Value, least: i64, most: i64) -> Option<T> {
    let number = value
        .as_integer()
        .filter(|number| (least..=most).contains(number))?;
    T::try_from(number).ok()
}

fn address(value: &Value) -> Option<IpAddr> {
    value.as_str()?.parse().ok()
}

fn payload_types(value: &Value) -> Option<Vec<u8>> {
    let types = value.as_array().filter(|types| !types.is_empty())?;
    types.iter().map(|value| number(value, 0, 127)).collect()
}

fn level(value: &Value) -> Option<Level> {
    match value.as_str()? {
        "error" => Some(Level::ERROR),
        "warn" => Some(Level::WARN),
        "info" => Some(Level::INFO),
        "debug" => Some(Level::DEBUG),
        "trace" => Some(Level::TRACE),
        _ => None,
    }
}
