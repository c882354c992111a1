//! The texts of the user interface, in English and Japanese.
//!
//! They are in one table, with both languages side by side, so that no translation is missing.
//!
//! Always: a placeholder is a name in braces, as in `{server}`; braces in its value are ordinary
//! characters.

mod faults;
mod table;
#[cfg(test)]
mod tests;
mod troubles;

use std::fmt::Display;

pub(crate) use self::table::Text;

/// The length of a tooltip in UTF-16 units: `szTip` of NOTIFYICONDATAW without its final zero.
pub(crate) const TOOLTIP_UNITS: usize = 127;
/// The length of a balloon's text in UTF-16 units: `szInfo` without its final zero.
pub(crate) const BALLOON_UNITS: usize = 255;
/// The length of a balloon's title in UTF-16 units: `szInfoTitle` without its final zero.
pub(crate) const BALLOON_TITLE_UNITS: usize = 63;

/// The primary language (the 10 low bits) of a Windows language identifier.
const LANG_JAPANESE: u16 = 0x11;

/// The language of the user interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Language {
    /// For users of all languages but Japanese.
    #[default]
    English,
    /// For users of Japanese Windows.
    Japanese,
}

impl Language {
    /// Returns the language for a Windows language identifier (`GetUserDefaultUILanguage`).
    pub(crate) fn from_identifier(identifier: u16) -> Self {
        if identifier & 0x3ff == LANG_JAPANESE {
            Self::Japanese
        } else {
            Self::English
        }
    }

    /// Returns a text without placeholders.
    pub(crate) fn text(self, text: Text) -> &'static str {
        let [english, japanese] = text.languages();
        match self {
            Self::English => english,
            Self::Japanese => japanese,
        }
    }

    /// Returns a text with its placeholders replaced by these values.
    pub(crate) fn fill(self, text: Text, values: &[(&str, &dyn Display)]) -> String {
        let mut filled = String::new();
        for piece in pieces(self.text(text)) {
            match piece {
                Piece::Words(words) => filled.push_str(words),
                Piece::Placeholder(name) => {
                    let value = values.iter().find(|(known, _)| *known == name);
                    debug_assert!(value.is_some(), "{text:?} needs {name}");
                    filled.extend(value.map(|(_, value)| value.to_string()));
                }
            }
        }
        filled
    }
}

/// Returns the text with its first letter as a capital.
pub(crate) fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(rest).collect()
}

/// Returns the text cut to `units` UTF-16 units, with an ellipsis if it was longer. Never splits a
/// character.
pub(crate) fn cut(text: &str, units: usize) -> String {
    if text.encode_utf16().count() <= units {
        return text.to_owned();
    }
    // The ellipsis is one unit.
    let mut room = units.saturating_sub(1);
    let fits = |c: &char| {
        let left = room.checked_sub(c.len_utf16());
        room = left.unwrap_or(0);
        left.is_some()
    };
    let mut short: String = text.chars().take_while(fits).collect();
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}

enum Piece<'a> {
    Words(&'a str),
    Placeholder(&'a str),
}

/// Splits a text of the table at its placeholders.
fn pieces(text: &'static str) -> impl Iterator<Item = Piece<'static>> {
    text.split_inclusive('}').flat_map(|part| {
        let (words, name) = match part.split_once('{') {
            Some((words, name)) => (words, name.strip_suffix('}')),
            None => (part, None),
        };
        [Some(Piece::Words(words)), name.map(Piece::Placeholder)]
            .into_iter()
            .flatten()
    })
}
