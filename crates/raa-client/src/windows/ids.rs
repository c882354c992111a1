//! Numbers of window messages, timers and resources.
//!
//! Always: the numbers of resources are those of `resources/resource.h`; a test compares them.

use windows::Win32::UI::WindowsAndMessaging::WM_APP;

/// Message to the hidden window, from any thread: the client's status has changed.
pub(super) const STATUS_CHANGED: u32 = WM_APP + 1;
/// Message to the hidden window, from any thread: a result has been sent.
pub(super) const RESULT_READY: u32 = WM_APP + 2;
/// Message to the hidden window from the tray icon.
pub(super) const TRAY: u32 = WM_APP + 3;

/// Timer of the hidden window: the tray icon must be offered again.
pub(super) const TRAY_TIMER: usize = 1;
/// Timer of the hidden window: a session that is not in front must look for one that is.
pub(super) const TURN_TIMER: usize = 10;
/// Timer of the hidden window: the computer is awake, although nothing has said so.
pub(super) const AWAKE_TIMER: usize = 11;
/// Timer of the settings dialog: the level meter must be updated.
pub(super) const METER_TIMER: usize = 1;

/// Declares the numbers of resources, and for the test a list with their names in `resource.h`.
macro_rules! ids {
    ($($name:ident = $id:literal, $header:literal, $doc:literal;)*) => {
        $(#[doc = $doc] pub(super) const $name: u16 = $id;)*

        #[cfg(test)]
        const ALL: &[(&str, u16)] = &[$(($header, $name),)*];
    };
}

ids! {
    ICON_ACTIVE = 1, "IDI_STATE_ACTIVE", "Sound is being sent; the program's own icon.";
    ICON_SILENT = 2, "IDI_STATE_SILENT", "There is no sound to send.";
    ICON_ERROR = 3, "IDI_STATE_ERROR", "Nothing can be captured or sent.";
    ICON_MUTED = 4, "IDI_STATE_MUTED", "The client is muted.";

    SETTINGS = 100, "IDD_SETTINGS", "The settings dialog.";
    SETTINGS_JAPANESE = 150, "IDD_SETTINGS_JAPANESE", "The same in a font with Japanese characters.";
    SERVER_LABEL = 101, "IDC_SERVER_LABEL", "The label of the server field.";
    SERVER = 102, "IDC_SERVER", "The server field.";
    TEST = 103, "IDC_TEST", "The Test button next to it.";
    SERVER_NOTE = 104, "IDC_SERVER_NOTE", "The note below the server field.";
    NAME_LABEL = 105, "IDC_NAME_LABEL", "The label of the name field.";
    NAME = 106, "IDC_NAME", "The name field.";
    NAME_NOTE = 107, "IDC_NAME_NOTE", "The note below the name field.";
    SOURCE_LABEL = 108, "IDC_SOURCE_LABEL", "The label of the list of sources.";
    SOURCE = 109, "IDC_SOURCE", "The list of sources.";
    LEVEL_LABEL = 110, "IDC_LEVEL_LABEL", "The label of the level meter.";
    LEVEL = 111, "IDC_LEVEL", "The level meter.";
    LEVEL_VALUE = 112, "IDC_LEVEL_VALUE", "The level as a text.";
    SOUND_NOTE = 113, "IDC_SOUND_NOTE", "The note below the level meter.";
    START_WITH_WINDOWS = 114, "IDC_START_WITH_WINDOWS", "The check box for the start with Windows.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resource_numbers_match_the_header() {
        let header = include_str!("../../resources/resource.h");
        let defined: Vec<(&str, u16)> = header
            .lines()
            .filter_map(|line| {
                line.strip_prefix("#define ID")?
                    .split_once(char::is_whitespace)
            })
            .map(|(name, id)| (name, id.split_whitespace().next().unwrap().parse().unwrap()))
            .collect();
        let mut ours: Vec<_> = ALL
            .iter()
            .map(|(name, id)| (name.strip_prefix("ID").unwrap(), *id))
            .collect();
        let mut theirs = defined;
        ours.sort_unstable();
        theirs.sort_unstable();
        assert_eq!(ours, theirs);
    }
}
