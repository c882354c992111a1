//! The numbers of the program's resources, as `resources/resource.h` has them for the resource
//! compiler.
//!
//! Always: the same numbers on both sides; a test compares them.

/// Declares the numbers, and for the test a list of them with their names in `resource.h`.
macro_rules! ids {
    ($($name:ident = $id:literal, $header:literal, $doc:literal;)*) => {
        $(#[doc = $doc] pub(super) const $name: u16 = $id;)*

        #[cfg(test)]
        const ALL: &[(&str, u16)] = &[$(($header, $name),)*];
    };
}

ids! {
    ICON_ACTIVE = 1, "IDI_STATE_ACTIVE", "Sound is being sent; the program's own icon.";
    ICON_SILENT = 2, "IDI_STATE_SILENT", "There is no sound.";
    ICON_ERROR = 3, "IDI_STATE_ERROR", "Something has to be looked after.";
    ICON_MUTED = 4, "IDI_STATE_MUTED", "Nothing is sent, as the person wants it.";

    SETTINGS = 100, "IDD_SETTINGS", "The settings dialog.";
    SETTINGS_JAPANESE = 150, "IDD_SETTINGS_JAPANESE", "The same in a font with Japanese characters.";
    SERVER_LABEL = 101, "IDC_SERVER_LABEL", "Before the server's field.";
    SERVER = 102, "IDC_SERVER", "The server's field.";
    TEST = 103, "IDC_TEST", "The button beside it.";
    SERVER_NOTE = 104, "IDC_SERVER_NOTE", "The sentence below it.";
    NAME_LABEL = 105, "IDC_NAME_LABEL", "Before the name's field.";
    NAME = 106, "IDC_NAME", "The name's field.";
    NAME_NOTE = 107, "IDC_NAME_NOTE", "The sentence below it.";
    SOURCE_LABEL = 108, "IDC_SOURCE_LABEL", "Before the list of sources.";
    SOURCE = 109, "IDC_SOURCE", "The list of sources.";
    LEVEL_LABEL = 110, "IDC_LEVEL_LABEL", "Before the level meter.";
    LEVEL = 111, "IDC_LEVEL", "The level meter.";
    LEVEL_VALUE = 112, "IDC_LEVEL_VALUE", "The level as a text.";
    SOUND_NOTE = 113, "IDC_SOUND_NOTE", "The sentence below it.";
    START_WITH_WINDOWS = 114, "IDC_START_WITH_WINDOWS", "The box to tick.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resource_compiler_has_the_same_numbers() {
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
