//! What a change makes of a client's settings and marks, and what the log says about it. Pure.
//!
//! Always: a change that changes nothing has no facts; every fact has the former and the new value, so
//! that it can be undone exactly.

use raa_core::client::ClientView;
use raa_core::settings::{ClientSettings, Name, SoundingFrom, Volume};
use serde_json::{Value, json};

use crate::watch::entry::{By, Entry, Kind};
use crate::watch::marks::Marks;

/// When a mute ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum MuteEnd {
    /// When somebody takes it back.
    #[default]
    Never,
    /// After this many seconds.
    After(u32),
    /// At this Unix time in ms.
    At(i64),
}

#[cfg(any(test, fuzzing))]
impl MuteEnd {
    /// Returns the seconds after which it ends, if they were given.
    pub(crate) fn seconds(self) -> Option<u32> {
        match self {
            Self::After(seconds) => Some(seconds),
            Self::Never | Self::At(_) => None,
        }
    }
}

/// A change to a client's settings; a field that is `None` stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Change {
    /// New name; `Some(None)` restores the name that the sender reports.
    pub(crate) name: Option<Option<Name>>,
    /// New volume.
    pub(crate) volume: Option<Volume>,
    /// New mute state.
    pub(crate) muted: Option<bool>,
    /// When the new mute ends.
    pub(crate) mute_end: MuteEnd,
    /// New level from which it counts as sounding; `Some(None)` restores the server's setting.
    pub(crate) sounding_from: Option<Option<SoundingFrom>>,
}

/// What a change makes of one client.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    pub(super) settings: ClientSettings,
    pub(super) marks: Marks,
    pub(super) facts: Vec<Fact>,
}

/// One thing that is changed: what, from what, to what.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fact {
    pub(super) kind: Kind,
    pub(super) change: [Value; 2],
}

/// Returns what a change makes of a client.
pub(super) fn plan(
    client: &ClientView,
    marks: &Marks,
    change: &Change,
    by: &By,
    now_ms: i64,
) -> Plan {
    let old = &client.settings;
    let settings = change.applied_to(old);
    let until_ms = match change.mute_end {
        MuteEnd::Never => None,
        MuteEnd::After(seconds) => Some(now_ms + i64::from(seconds) * 1000),
        MuteEnd::At(unix_ms) => Some(unix_ms),
    };
    let is_new_mute =
        change.muted == Some(true) && (!old.muted || until_ms != marks.muted_until_ms);
    let new_marks = marks.after(old, &settings, is_new_mute, until_ms, by, now_ms);
    let mut facts = Vec::new();
    let mut note = |kind, from: Value, to: Value| {
        let change = [from, to];
        facts.push(Fact { kind, change });
    };
    if is_new_mute || settings.muted != old.muted {
        let kind = if settings.muted {
            Kind::Muted
        } else {
            Kind::Unmuted
        };
        note(kind, mute(old, marks), mute(&settings, &new_marks));
    }
    if settings.volume != old.volume {
        let [from, to] = [old, &settings].map(|settings| settings.volume.percent().into());
        note(Kind::Volume, from, to);
    }
    if settings.name != old.name {
        let reported = client.sender_name.as_ref();
        let shown = settings
            .name
            .as_ref()
            .or(reported)
            .map_or("", |name| name.as_str());
        note(Kind::Name, client.name().into(), shown.into());
    }
    if settings.sounding_from != old.sounding_from {
        let [from, to] = [old, &settings].map(|settings| level(settings.sounding_from));
        note(Kind::SoundingFrom, from, to);
    }
    Plan {
        settings,
        marks: new_marks,
        facts,
    }
}

/// Returns a mute as the log has it.
pub(super) fn mute(settings: &ClientSettings, marks: &Marks) -> Value {
    let until_ms = marks.muted_until_ms.filter(|_| settings.muted);
    json!({"muted": settings.muted, "until_ms": until_ms})
}

fn level(level: Option<SoundingFrom>) -> Value {
    level.map(SoundingFrom::dbfs).into()
}

/// Why an entry can't be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotUndoable {
    /// It is no change that has a former value.
    Kind,
    /// The value is another one by now.
    ChangedSince,
}

/// Returns the change that gives back what was before an entry.
pub(super) fn undoing(
    entry: &Entry,
    client: &ClientView,
    marks: &Marks,
    now_ms: i64,
) -> Result<Change, NotUndoable> {
    let settings = &client.settings;
    let (present, change) = match entry.kind {
        Kind::Muted | Kind::Unmuted => (mute(settings, marks), former_mute(&entry.from, now_ms)),
        Kind::Volume => (settings.volume.percent().into(), former_volume(&entry.from)),
        Kind::Name => (client.name().into(), former_name(&entry.from, client)),
        Kind::SoundingFrom => (level(settings.sounding_from), former_level(&entry.from)),
        _ => return Err(NotUndoable::Kind),
    };
    if present != entry.to {
        return Err(NotUndoable::ChangedSince);
    }
    change.ok_or(NotUndoable::Kind)
}

fn former_mute(from: &Value, now_ms: i64) -> Option<Change> {
    let until_ms = from["until_ms"].as_i64();
    let is_over = until_ms.is_some_and(|until| until <= now_ms);
    Some(Change {
        muted: Some(from["muted"].as_bool()? && !is_over),
        mute_end: until_ms.map_or(MuteEnd::Never, MuteEnd::At),
        ..Change::default()
    })
}

fn former_volume(from: &Value) -> Option<Change> {
    Some(Change {
        volume: Some(Volume::new(from.as_i64()?).ok()?),
        ..Change::default()
    })
}

/// A name that equals the sender's own was that one.
fn former_name(from: &Value, client: &ClientView) -> Option<Change> {
    let former = Name::new(from.as_str()?).ok();
    Some(Change {
        name: Some(former.filter(|name| client.sender_name.as_ref() != Some(name))),
        ..Change::default()
    })
}

fn former_level(from: &Value) -> Option<Change> {
    let former = from.as_f64().map(SoundingFrom::new).transpose().ok()?;
    Some(Change {
        sounding_from: Some(former),
        ..Change::default()
    })
}

impl Change {
    pub(super) fn applied_to(&self, old: &ClientSettings) -> ClientSettings {
        ClientSettings {
            name: self.name.clone().unwrap_or_else(|| old.name.clone()),
            volume: self.volume.unwrap_or(old.volume),
            muted: self.muted.unwrap_or(old.muted),
            sounding_from: self.sounding_from.unwrap_or(old.sounding_from),
            placed: old.placed,
        }
    }
}

#[cfg(test)]
mod tests;
