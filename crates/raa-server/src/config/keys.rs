//! The table of all keys: their names, and how their values are read, checked and shown.
//!
//! File, environment and options all use it, so a value is checked in the same way everywhere.

use std::iter;
use std::net::IpAddr;
use std::str::FromStr;

use raa_core::settings::SoundingFrom;
use toml::Value;
use tracing::Level;

use super::values::Config;

/// One key of the configuration.
pub(super) struct Key {
    pub(super) name: &'static str,
    /// The name that the key had in an older version; a file may still use it.
    pub(super) formerly: Option<&'static str>,
    /// The environment variable that sets it.
    pub(super) variable: Option<&'static str>,
    /// Completes the sentence "it must be …".
    pub(super) allowed: &'static str,
    /// Sets the value, or returns `None` and changes nothing if it is not allowed.
    pub(super) set: fn(&mut Config, &Value) -> Option<()>,
    pub(super) get: fn(&Config) -> Value,
}

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "udp_port",
        formerly: None,
        variable: Some("UDP_PORT"),
        allowed: "a whole number from 0 to 65535",
        set: |config, value| put(&mut config.udp_port, number(value, 0, 65_535)),
        get: |config| i64::from(config.udp_port).into(),
    },
    Key {
        name: "http_port",
        formerly: None,
        variable: Some("HTTP_PORT"),
        allowed: "a whole number from 0 to 65535",
        set: |config, value| put(&mut config.http_port, number(value, 0, 65_535)),
        get: |config| i64::from(config.http_port).into(),
    },
    Key {
        name: "listen_address",
        formerly: None,
        variable: None,
        allowed: "an IP address of this computer, \"::\" for all of them, or \"0.0.0.0\" for IPv4 only",
        set: |config, value| put(&mut config.listen_address, address(value)),
        get: |config| config.listen_address.to_string().into(),
    },
    Key {
        name: "payload_types",
        formerly: None,
        variable: None,
        allowed: "a list of at least one whole number from 0 to 127, such as [111]",
        set: |config, value| put(&mut config.payload_types, payload_types(value)),
        get: |config| {
            let types = config.payload_types.iter();
            Value::Array(types.map(|&number| i64::from(number).into()).collect())
        },
    },
    Key {
        name: "max_playout_delay_ms",
        formerly: None,
        variable: None,
        allowed: "a whole number from 20 to 400",
        set: |config, value| put(&mut config.max_playout_delay_ms, number(value, 20, 400)),
        get: |config| i64::from(config.max_playout_delay_ms).into(),
    },
    Key {
        name: "offline_after_s",
        formerly: None,
        variable: None,
        allowed: "a whole number from 1 to 3600",
        set: |config, value| put(&mut config.offline_after_s, number(value, 1, 3600)),
        get: |config| i64::from(config.offline_after_s).into(),
    },
    Key {
        name: "max_unconfigured_clients",
        formerly: Some("max_unnamed_clients"),
        variable: None,
        allowed: "a whole number from 1 to 10000",
        set: |config, value| {
            put(
                &mut config.max_unconfigured_clients,
                number(value, 1, 10_000),
            )
        },
        get: |config| i64::from(config.max_unconfigured_clients).into(),
    },
    Key {
        name: "max_configured_clients",
        formerly: None,
        variable: None,
        allowed: "a whole number from 1 to 100000",
        set: |config, value| {
            put(
                &mut config.max_configured_clients,
                number(value, 1, 100_000),
            )
        },
        get: |config| i64::from(config.max_configured_clients).into(),
    },
    Key {
        name: "forget_unconfigured_after_h",
        formerly: None,
        variable: None,
        allowed: "a whole number from 0 (never) to 8760",
        set: |config, value| {
            put(
                &mut config.forget_unconfigured_after_h,
                number(value, 0, 8760),
            )
        },
        get: |config| i64::from(config.forget_unconfigured_after_h).into(),
    },
    Key {
        name: "sounding_from_dbfs",
        formerly: None,
        variable: None,
        allowed: "a number from -90 to 0",
        set: |config, value| put(&mut config.sounding_from_dbfs, sounding_from(value)),
        get: |config| config.sounding_from_dbfs.dbfs().into(),
    },
    Key {
        name: "allowed_hosts",
        formerly: None,
        variable: None,
        allowed: "a list of host names as browsers show them, without scheme and port, such as [\"raa.example.org\"]",
        set: |config, value| put(&mut config.allowed_hosts, list(value)),
        get: |config| texts(&config.allowed_hosts),
    },
    Key {
        name: "allowed_origins",
        formerly: None,
        variable: None,
        allowed: "a list of origins: scheme, host and port without a path, such as [\"https://zabbix.example.org\"]",
        set: |config, value| put(&mut config.allowed_origins, list(value)),
        get: |config| texts(&config.allowed_origins),
    },
    Key {
        name: "base_path",
        formerly: None,
        variable: None,
        allowed: "\"\", or a path such as \"/raa\": a slash before each part, none at the end, and letters, \
            digits, \"-\", \"_\", \".\" and \"~\" between them; at most 200 characters",
        set: |config, value| put(&mut config.base_path, base_path(value)),
        get: |config| config.base_path.clone().into(),
    },
    Key {
        name: "trusted_proxies",
        formerly: None,
        variable: None,
        allowed: "a list of IP addresses or ranges of them, such as [\"127.0.0.1\", \"10.0.0.0/8\"]",
        set: |config, value| put(&mut config.trusted_proxies, list(value)),
        get: |config| texts(&config.trusted_proxies),
    },
    Key {
        name: "max_connections_per_address",
        formerly: None,
        variable: None,
        allowed: "a whole number from 1 to 8192",
        set: |config, value| {
            put(
                &mut config.max_connections_per_address,
                number(value, 1, 8192),
            )
        },
        get: |config| i64::from(config.max_connections_per_address).into(),
    },
    Key {
        name: "max_listeners_per_address",
        formerly: None,
        variable: None,
        allowed: "a whole number from 1 to 8192",
        set: |config, value| {
            put(
                &mut config.max_listeners_per_address,
                number(value, 1, 8192),
            )
        },
        get: |config| i64::from(config.max_listeners_per_address).into(),
    },
    Key {
        name: "changes_per_second",
        formerly: None,
        variable: None,
        allowed: "a whole number from 1 to 1000",
        set: |config, value| put(&mut config.changes_per_second, number(value, 1, 1000)),
        get: |config| i64::from(config.changes_per_second).into(),
    },
    Key {
        name: "changes_burst",
        formerly: None,
        variable: None,
        allowed: "a whole number from 1 to 10000",
        set: |config, value| put(&mut config.changes_burst, number(value, 1, 10_000)),
        get: |config| i64::from(config.changes_burst).into(),
    },
    Key {
        name: "log_days",
        formerly: None,
        variable: None,
        allowed: "a whole number from 1 to 3650",
        set: |config, value| put(&mut config.log_days, number(value, 1, 3650)),
        get: |config| i64::from(config.log_days).into(),
    },
    Key {
        name: "log_entries",
        formerly: None,
        variable: None,
        allowed: "a whole number from 1000 to 10000000",
        set: |config, value| put(&mut config.log_entries, number(value, 1000, 10_000_000)),
        get: |config| i64::from(config.log_entries).into(),
    },
    Key {
        name: "test_music",
        formerly: None,
        variable: None,
        allowed: "true or false",
        set: |config, value| put(&mut config.test_music, value.as_bool()),
        get: |config| config.test_music.into(),
    },
    Key {
        name: "bitrate",
        formerly: None,
        variable: None,
        allowed: "a whole number from 6000 to 510000",
        set: |config, value| put(&mut config.bitrate, number(value, 6000, 510_000)),
        get: |config| i64::from(config.bitrate).into(),
    },
    Key {
        name: "complexity",
        formerly: None,
        variable: None,
        allowed: "a whole number from 0 to 10",
        set: |config, value| put(&mut config.complexity, number(value, 0, 10)),
        get: |config| i64::from(config.complexity).into(),
    },
    Key {
        name: "log_level",
        formerly: None,
        variable: Some("LOG_LEVEL"),
        allowed: "\"error\", \"warn\", \"info\", \"debug\" or \"trace\"",
        set: |config, value| put(&mut config.log_level, level(value)),
        get: |config| config.log_level.as_str().to_ascii_lowercase().into(),
    },
];

/// Returns the key with this name.
pub(super) fn named(name: &str) -> &'static Key {
    let key = KEYS.iter().find(|key| key.name == name);
    key.expect("options set keys that exist: a test sets all of them")
}

/// Finds a key by its present or former name, and returns it with that name.
pub(super) fn find(name: &str) -> Option<(&'static Key, &'static str)> {
    KEYS.iter().find_map(|key| {
        let mut names = iter::once(key.name).chain(key.formerly);
        names.find(|&known| known == name).map(|name| (key, name))
    })
}

/// Returns the names of all keys, for a sentence.
pub(super) fn names() -> String {
    let names: Vec<_> = KEYS.iter().map(|key| key.name).collect();
    names.join(", ")
}

/// Makes a value of an environment variable's text.
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

fn base_path(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let is_part = |part: &str| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.~".contains(c);
        !part.is_empty() && part != "." && part != ".." && part.chars().all(is_plain)
    };
    let is_path = |text: &str| {
        text.strip_prefix('/')?
            .split('/')
            .all(is_part)
            .then_some(())
    };
    let is_allowed = text.is_empty() || (text.len() <= 200 && is_path(text).is_some());
    is_allowed.then(|| text.to_owned())
}

fn payload_types(value: &Value) -> Option<Vec<u8>> {
    let types = value.as_array().filter(|types| !types.is_empty())?;
    types.iter().map(|value| number(value, 0, 127)).collect()
}

fn list<T: FromStr>(value: &Value) -> Option<Vec<T>> {
    let texts = value.as_array()?.iter();
    texts.map(|text| text.as_str()?.parse().ok()).collect()
}

fn texts<T: ToString>(list: &[T]) -> Value {
    let texts = list.iter().map(|item| item.to_string().into());
    Value::Array(texts.collect())
}

fn sounding_from(value: &Value) -> Option<SoundingFrom> {
    let whole = value.as_integer().map(|whole| whole as f64);
    SoundingFrom::new(whole.or_else(|| value.as_float())?).ok()
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
