//! What the tray icon and its menu show of a client, decided without a window.
//!
//! Always: a fault is seen first, with its reason; then that the person has muted the client; then
//! whether there is sound.

pub(crate) mod form;
pub(crate) mod found;
#[cfg(test)]
mod tests;

use raa_core::packetizer::{PacketizerStats, Reception};

use super::texts::{self, Language, Text};
use crate::status::{Activity, Status};

/// The level meter's left end, in dBFS: what is below it is not heard in a room.
pub(crate) const METER_FLOOR_DBFS: f32 = -60.0;
/// The level meter's right end; one step is half a decibel.
pub(crate) const METER_STEPS: u32 = 120;

/// Which picture the tray shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Icon {
    /// Sound is being sent.
    Active,
    /// There is no sound.
    Silent,
    /// Nothing is sent, as the person wants it.
    Muted,
    /// Something has to be looked after.
    Error,
}

/// The tray icon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Face {
    /// Its picture.
    pub(crate) icon: Icon,
    /// What it says when the mouse is over it, short enough for the system.
    pub(crate) tooltip: String,
}

/// The tray icon of a client in this state.
pub(crate) fn face(status: &Status, language: Language) -> Face {
    let (icon, state) = state(status, language);
    let tooltip = match hearing(status, language) {
        Some(hearing) if matches!(icon, Icon::Active | Icon::Silent) => language.fill(
            Text::TooltipHearing,
            &[("state", &state), ("hearing", &hearing)],
        ),
        _ => language.fill(Text::Tooltip, &[("state", &state)]),
    };
    Face {
        icon,
        tooltip: texts::cut(&tooltip, texts::TOOLTIP_UNITS),
    }
}

fn state(status: &Status, language: Language) -> (Icon, String) {
    let server = status.link.server.as_deref();
    match (status.activity(), server) {
        (Activity::Error(trouble), _) => (Icon::Error, language.trouble(&trouble)),
        (_, None) => (Icon::Error, language.text(Text::StateNoServer).into()),
        (Activity::Muted, _) => (Icon::Muted, language.text(Text::StateMuted).into()),
        (Activity::Active, Some(server)) => (
            Icon::Active,
            language.fill(Text::StateSending, &[("server", &server)]),
        ),
        (Activity::Silent, Some(server)) => (
            Icon::Silent,
            language.fill(Text::StateSilent, &[("server", &server)]),
        ),
    }
}

/// How the server hears the client, once it is known. It is no fault of the client, so it
/// changes no icon.
fn hearing(status: &Status, language: Language) -> Option<String> {
    match status.stats?.reception {
        Reception::Unknown => None,
        Reception::Good => Some(language.text(Text::HearingGood).into()),
        Reception::Losing { percent } => {
            Some(language.fill(Text::HearingLosing, &[("percent", &percent)]))
        }
        Reception::NoReports => Some(language.text(Text::HearingNotHeard).into()),
    }
}

/// What can be chosen in the tray icon's menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    /// Opens the settings.
    Settings,
    /// Mutes the client, or lets it be heard again.
    Mute,
    /// Starts the client with Windows, or no longer.
    StartWithWindows,
    /// Opens the server's page in the browser.
    OpenPage,
    /// Puts the diagnostics into the clipboard.
    CopyDiagnostics,
    /// Says which program and version this is.
    About,
    /// Ends the program.
    Quit,
}

impl Command {
    /// All of them.
    pub(crate) const ALL: [Self; 7] = [
        Self::Settings,
        Self::Mute,
        Self::StartWithWindows,
        Self::OpenPage,
        Self::CopyDiagnostics,
        Self::About,
        Self::Quit,
    ];

    fn text(self) -> Text {
        match self {
            Self::Settings => Text::MenuSettings,
            Self::Mute => Text::MenuMute,
            Self::StartWithWindows => Text::MenuStartWithWindows,
            Self::OpenPage => Text::MenuOpenPage,
            Self::CopyDiagnostics => Text::MenuCopyDiagnostics,
            Self::About => Text::MenuAbout,
            Self::Quit => Text::MenuQuit,
        }
    }
}

/// A line of the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// One that can be chosen.
    Item(Item),
    /// One between two groups.
    Separator,
}

/// A line of the menu that can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Item {
    /// What it does.
    pub(crate) command: Command,
    /// What it says, with `&` before the letter that chooses it.
    pub(crate) text: &'static str,
    /// Whether there is a tick at it.
    pub(crate) checked: bool,
    /// Whether it can be chosen now.
    pub(crate) enabled: bool,
}

/// What the menu depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MenuState {
    /// The client is muted.
    pub(crate) muted: bool,
    /// It starts with Windows.
    pub(crate) starts_with_windows: bool,
    /// The server has a page, because there is a server.
    pub(crate) has_page: bool,
}

/// The menu, from top to bottom. The first line is what a double click does.
pub(crate) fn menu(state: MenuState, language: Language) -> Vec<Line> {
    let item = |command| {
        Line::Item(Item {
            command,
            text: language.text(command.text()),
            checked: match command {
                Command::Mute => state.muted,
                Command::StartWithWindows => state.starts_with_windows,
                _ => false,
            },
            enabled: command != Command::OpenPage || state.has_page,
        })
    };
    vec![
        item(Command::Settings),
        Line::Separator,
        item(Command::Mute),
        item(Command::StartWithWindows),
        Line::Separator,
        item(Command::OpenPage),
        item(Command::CopyDiagnostics),
        item(Command::About),
        Line::Separator,
        item(Command::Quit),
    ]
}

/// What the dialog says of the sound that is being captured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SoundView {
    /// How far the meter is, 0 to [`METER_STEPS`].
    pub(crate) meter: u32,
    /// The same as a text, because not everybody sees the meter.
    pub(crate) level: String,
    /// The device and the way of capture, or why there is none.
    pub(crate) note: String,
    /// The address that the sound goes to, or why it goes nowhere; empty while nothing is known.
    pub(crate) link: String,
}

/// The sound of a client in this state.
pub(crate) fn sound(status: &Status, language: Language) -> SoundView {
    let (meter, level) = if status.muted {
        (0, language.text(Text::LevelMuted).into())
    } else {
        level(status.stats.as_ref(), language)
    };
    SoundView {
        meter,
        level,
        note: capture_note(status, language),
        link: link_note(status, language),
    }
}

fn level(stats: Option<&PacketizerStats>, language: Language) -> (u32, String) {
    let dbfs = stats.map_or(METER_FLOOR_DBFS, |stats| stats.level.rms_dbfs);
    if dbfs <= METER_FLOOR_DBFS {
        return (0, language.text(Text::LevelSilent).into());
    }
    let share = (1.0 - dbfs / METER_FLOOR_DBFS).clamp(0.0, 1.0);
    // Adding zero makes the zero below zero a plain one. The minus sign is as wide as a digit.
    let shown = format!("{:.0}", dbfs.round() + 0.0).replace('-', "\u{2212}");
    (
        (share * METER_STEPS as f32).round() as u32,
        language.fill(Text::LevelValue, &[("level", &shown)]),
    )
}

fn capture_note(status: &Status, language: Language) -> String {
    let capture = &status.capture;
    if let Some(trouble) = &capture.trouble {
        return texts::sentence(&language.trouble(trouble));
    }
    let Some(method) = capture.method else {
        return language.text(Text::CaptureStarting).into();
    };
    let method = language.method(method);
    if capture.device.is_empty() {
        return texts::sentence(&method);
    }
    language.fill(
        Text::CaptureOf,
        &[("device", &capture.device), ("method", &method)],
    )
}

fn link_note(status: &Status, language: Language) -> String {
    match (&status.link.trouble, status.link.to) {
        (Some(trouble), _) => texts::sentence(&language.trouble(trouble)),
        (None, Some(to)) => language.fill(Text::SendingTo, &[("address", &to)]),
        (None, None) => String::new(),
    }
}
