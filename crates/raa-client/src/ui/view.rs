//! The content of the tray icon, its menu and the level meter, derived from the client's status.
//!
//! Always: trouble is shown first, with its reason; then whether the client is muted; then whether
//! there is sound.

#[cfg(test)]
mod tests;

use raa_core::packetizer::{PacketizerStats, Reception};

use super::texts::{self, Language, Text};
use crate::status::{Activity, Status};

/// The level at the left end of the meter, in dBFS; anything below it is inaudible in a room.
pub(crate) const METER_FLOOR_DBFS: f32 = -60.0;
/// The steps from the left end of the meter to the right one, half a decibel each.
pub(crate) const METER_STEPS: u32 = 120;

/// The picture of the tray icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Icon {
    /// Sound is being sent.
    Active,
    /// There is no sound to send.
    Silent,
    /// The client is muted.
    Muted,
    /// Nothing can be captured or sent.
    Error,
}

/// The content of the tray icon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TrayView {
    pub(crate) icon: Icon,
    /// The text shown under the mouse pointer, up to [`texts::TOOLTIP_UNITS`] long.
    pub(crate) tooltip: String,
}

/// Returns the tray icon for this status.
pub(crate) fn tray(status: &Status, language: Language) -> TrayView {
    let (icon, state) = state(status, language);
    let tooltip = match reception(status, language) {
        Some(reception) if matches!(icon, Icon::Active | Icon::Silent) => language.fill(
            Text::TooltipReception,
            &[("state", &state), ("reception", &reception)],
        ),
        _ => language.fill(Text::Tooltip, &[("state", &state)]),
    };
    TrayView {
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

/// Returns how the server receives the client, once that is known. It does not affect the icon,
/// because the client is not the cause.
fn reception(status: &Status, language: Language) -> Option<String> {
    match status.stats?.reception {
        Reception::Unknown => None,
        Reception::Good => Some(language.text(Text::ReceptionGood).into()),
        Reception::Losing { percent } => {
            Some(language.fill(Text::ReceptionLosing, &[("percent", &percent)]))
        }
        // The trouble of the link says it.
        Reception::SsrcTaken => None,
        Reception::NoReports => Some(language.text(Text::ReceptionNone).into()),
    }
}

/// A command in the menu of the tray icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MenuCommand {
    /// Opens the settings dialog.
    Settings,
    /// Mutes or unmutes the client.
    Mute,
    /// Changes whether the client starts with Windows.
    StartWithWindows,
    /// Opens the server page in the browser.
    OpenPage,
    /// Copies the diagnostics to the clipboard.
    CopyDiagnostics,
    /// Shows the version of the program.
    About,
    /// Ends the program.
    Quit,
}

impl MenuCommand {
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
pub(crate) enum MenuLine {
    Item(MenuItem),
    /// A line between two groups.
    Separator,
}

/// A line of the menu with a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MenuItem {
    pub(crate) command: MenuCommand,
    /// The text, with `&` before the letter that chooses it.
    pub(crate) text: &'static str,
    pub(crate) checked: bool,
    pub(crate) enabled: bool,
}

/// The state that the menu shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MenuState {
    pub(crate) muted: bool,
    pub(crate) starts_with_windows: bool,
    /// Whether the address of the server page is known.
    pub(crate) has_page: bool,
}

/// Returns the menu from top to bottom. A double click on the icon executes the first line.
pub(crate) fn menu(state: MenuState, language: Language) -> Vec<MenuLine> {
    let item = |command| {
        MenuLine::Item(MenuItem {
            command,
            text: language.text(command.text()),
            checked: match command {
                MenuCommand::Mute => state.muted,
                MenuCommand::StartWithWindows => state.starts_with_windows,
                _ => false,
            },
            enabled: command != MenuCommand::OpenPage || state.has_page,
        })
    };
    vec![
        item(MenuCommand::Settings),
        MenuLine::Separator,
        item(MenuCommand::Mute),
        item(MenuCommand::StartWithWindows),
        MenuLine::Separator,
        item(MenuCommand::OpenPage),
        item(MenuCommand::CopyDiagnostics),
        item(MenuCommand::About),
        MenuLine::Separator,
        item(MenuCommand::Quit),
    ]
}

/// The lines about sound in the settings dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SoundView {
    /// The position of the meter, from 0 to [`METER_STEPS`].
    pub(crate) meter: u32,
    /// The level as text, for users who cannot see the meter.
    pub(crate) level: String,
    /// The device and the capture method, or why nothing is captured.
    pub(crate) note: String,
    /// The destination of the sound, or why it cannot be sent; empty while neither is known.
    pub(crate) link: String,
}

/// Returns the lines about sound for this status.
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
    // Adding zero turns -0 into 0. The minus sign is as wide as a digit.
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
