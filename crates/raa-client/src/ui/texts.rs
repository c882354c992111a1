//! The words that a person at this computer sees, in English and Japanese.
//!
//! They stand in one table, each with its two languages side by side, so that none is forgotten.
//! Always: a placeholder is a word in braces, as in `{server}`; what is put into it is shown as it
//! is, braces and all.

mod faults;
mod table;
#[cfg(test)]
mod tests;
mod troubles;

use std::fmt::Display;

pub(crate) use self::table::Text;

/// `szTip` of NOTIFYICONDATAW has room for so many UTF-16 units and a zero.
pub(crate) const TOOLTIP_UNITS: usize = 127;
/// `szInfo`, the text of a balloon.
pub(crate) const BALLOON_UNITS: usize = 255;
/// `szInfoTitle`, the title of a balloon.
pub(crate) const BALLOON_TITLE_UNITS: usize = 63;

/// `LANG_JAPANESE`, the primary language of a Windows language identifier (its 10 low bits).
const LANG_JAPANESE: u16 = 0x11;

/// In which language a person is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Language {
    /// Wherever Japanese is not asked for.
    #[default]
    English,
    /// 日本語
    Japanese,
}

impl Language {
    /// The language of a Windows language identifier, as `GetUserDefaultUILanguage` returns it.
    pub(crate) fn from_identifier(identifier: u16) -> Self {
        if identifier & 0x3ff == LANG_JAPANESE {
            Self::Japanese
        } else {
            Self::English
        }
    }

    /// A text that has no placeholder.
    pub(crate) fn text(self, text: Text) -> &'static str {
        let [english, japanese] = text.languages();
        match self {
            Self::English => english,
            Self::Japanese => japanese,
        }
    }

    /// A text with its placeholders replaced by these values.
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

/// The text cut to so many UTF-16 units; what is cut off is shown by an ellipsis. A character is
/// never cut in two.
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

/// A text of the table, taken apart at its placeholders.
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
