//! A computer's name, wherever it comes from: typed by an operator, reported by a sender, or kept by
//! an earlier version of the server.
//!
//! Always: a name shows something, and reads the same wherever it is shown: it has no characters
//! that are invisible or change the direction of other text, it is in Unicode's normal form C, so
//! equal names are equal texts, and no pile of accents reaches into the rows around it.

use std::sync::Arc;

use unicode_normalization::UnicodeNormalization as _;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory as _};

/// The longest name, in characters.
pub const MAX_NAME_CHARS: usize = 64;
/// The most accents on one letter; more than any script needs.
const MAX_MARKS: usize = 4;

/// A computer's name: 1 to 64 characters, at least one of them visible, without control characters
/// and surrounding space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(Arc<str>);

/// The reason for which a text is not a [`Name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is too long, or has nothing but white space.
    #[error("name has {0} characters; it must have 1 to 64")]
    Length(usize),
    /// The text contains a control character, such as a line break.
    #[error("name has a control character (U+{:04X}); it must have printable characters only", *.0 as u32)]
    Control(char),
    /// The text has characters, but none of them can be seen.
    #[error("name has no visible character; it must have 1 to 64 characters, one of them visible")]
    Invisible,
}

impl Name {
    /// Checks a name that an operator has typed. Surrounding white space and hidden characters are
    /// removed (see [`is_hidden`]).
    ///
    /// # Errors
    /// [`NameError`] if it is not a valid name.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        if let Some(control) = text.chars().find(|c| c.is_control()) {
            return Err(NameError::Control(control));
        }
        let name = readable(text.chars());
        match name.chars().count() {
            0 if !text.is_empty() => Err(NameError::Invisible),
            chars if !(1..=MAX_NAME_CHARS).contains(&chars) => Err(NameError::Length(chars)),
            _ if !name.chars().any(is_visible) => Err(NameError::Invisible),
            _ => Ok(Self(name.into())),
        }
    }

    /// Makes a valid name of a sender's own name; `None` if it has no visible character.
    pub fn from_sender(text: &[u8]) -> Option<Self> {
        Self::repaired(&String::from_utf8_lossy(text))
    }

    /// Makes a valid name of a text that nobody can be asked to correct: a sender's, or one that an
    /// earlier version has stored. `None` if it has no visible character.
    pub fn repaired(text: &str) -> Option<Self> {
        let name = readable(text.chars().filter(|c| !c.is_control()));
        let short: String = name.chars().take(MAX_NAME_CHARS).collect();
        Self::new(&short).ok()
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns whether a character is invisible, or changes how the text around it reads: zero-width
/// characters, fillers, soft hyphens, tags, and the direction controls, which can reverse the rest
/// of a line.
///
/// The joiners are not hidden, which emoji and several scripts need inside a word, nor are variation
/// selectors.
pub fn is_hidden(c: char) -> bool {
    is_ignorable(c) && !is_joining(c)
}

/// Returns whether a character is shown as nothing: Unicode's property
/// Default_Ignorable_Code_Point, which no small library has. New characters are only ever added
/// inside of these ranges.
fn is_ignorable(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Returns whether a character shapes its neighbours: joiners and variation selectors.
fn is_joining(c: char) -> bool {
    matches!(
        c,
        '\u{200c}' | '\u{200d}' | '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{e0100}'..='\u{e01ef}'
    )
}

/// Returns the text without what nobody can read, in normal form C.
fn readable(text: impl Iterator<Item = char>) -> String {
    let mut marks = 0;
    let kept: String = text
        .filter(|&c| !is_hidden(c))
        .map(|c| if is_line_break(c) { ' ' } else { c })
        .filter(|&c| {
            marks = if is_mark(c) { marks + 1 } else { 0 };
            marks <= MAX_MARKS
        })
        .collect();
    let composed: String = kept.nfc().collect();
    let is_blank = |c: char| c.is_whitespace() || is_joining(c) && !is_variation(c);
    composed.trim_matches(is_blank).to_owned()
}

fn is_variation(c: char) -> bool {
    !matches!(c, '\u{200c}' | '\u{200d}')
}

/// Returns whether a character breaks lines without being a control character.
fn is_line_break(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

fn is_mark(c: char) -> bool {
    c.general_category_group() == GeneralCategoryGroup::Mark
}

/// Returns whether a character leaves ink by itself. A mark needs a letter, and U+2800 is a braille
/// pattern without a dot.
fn is_visible(c: char) -> bool {
    let is_inkless = matches!(
        c.general_category_group(),
        GeneralCategoryGroup::Separator | GeneralCategoryGroup::Mark
    ) || matches!(
        c.general_category(),
        GeneralCategory::Control | GeneralCategory::Format
    );
    !is_inkless && !is_hidden(c) && c != '\u{2800}'
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn new(text: &str) -> Result<String, NameError> {
        Name::new(text).map(|name| name.as_str().to_owned())
    }

    fn sent(text: &str) -> Option<String> {
        let name = Name::from_sender(text.as_bytes());
        name.map(|name| name.as_str().to_owned())
    }

    #[test]
    fn names_are_limited_by_characters() {
        assert_eq!(Name::new(" Ward 3 ").unwrap().as_str(), "Ward 3");
        assert!(Name::new(&"監".repeat(64)).is_ok());
        assert_eq!(Name::new(&"監".repeat(65)), Err(NameError::Length(65)));
        assert_eq!(Name::new("  "), Err(NameError::Length(0)));
        assert_eq!(Name::new("a\nb"), Err(NameError::Control('\n')));
    }

    #[test]
    fn senders_names_are_repaired() {
        let name = |text: &[u8]| Name::from_sender(text).map(|name| name.as_str().to_owned());
        assert_eq!(name(b"a\0b\r\n"), Some("ab".into()));
        assert_eq!(name("x".repeat(300).as_bytes()), Some("x".repeat(64)));
        assert_eq!(name(b"\xff"), Some("\u{fffd}".into()));
        assert_eq!(name(b"\0\0"), None);
    }

    #[test]
    fn invisible_names_are_refused() {
        for text in [
            "\u{200b}",
            "\u{3164}",
            "\u{200b}\u{3164}\u{ad}",
            "\u{202e}",
            "\u{feff}",
            "\u{115f}\u{1160}",
            "\u{ffa0}",
            "\u{2800}",
            "\u{2060}",
            "\u{e0041}",
            "\u{200d}",
            "\u{fe0f}",
            "\u{301}",
            "\u{200b} \u{200b}",
            "\u{34f}",
        ] {
            assert_eq!(new(text), Err(NameError::Invisible), "{text:?}");
            assert_eq!(sent(text), None, "{text:?}");
        }
    }

    #[test]
    fn direction_controls_and_hidden_characters_are_removed() {
        for (text, name) in [
            ("Ward \u{202e}3 draW", "Ward 3 draW"),
            ("\u{2067}Ward 3\u{2069}", "Ward 3"),
            ("\u{200f}\u{61c}\u{200e}Ward 3", "Ward 3"),
            ("Wa\u{200b}rd\u{ad} 3\u{feff}", "Ward 3"),
            ("Ward\u{2028}3", "Ward 3"),
            ("\u{3164}Ward 3\u{3164}", "Ward 3"),
            ("Ward 3\u{200d}", "Ward 3"),
        ] {
            assert_eq!(new(text).as_deref(), Ok(name), "{text:?}");
            assert_eq!(sent(text).as_deref(), Some(name), "{text:?}");
        }
    }

    #[test]
    fn equal_names_become_equal_texts() {
        assert_eq!(new("Cafe\u{301}").as_deref(), Ok("Caf\u{e9}"));
        assert_eq!(new("か\u{3099}"), new("が"));
        // A hidden character between letter and accent does not keep them apart.
        assert_eq!(new("e\u{200b}\u{301}").as_deref(), Ok("\u{e9}"));
    }

    #[test]
    fn legal_writing_is_kept() {
        for text in [
            "第三病棟",
            "ナースステーション",
            "חדר 3",
            "غرفة ٣",
            "می\u{200c}خواهم",
            "👩\u{200d}⚕\u{fe0f} Ward",
            "क्\u{200d}ष",
            "Zürich – Süd",
            "葛\u{e0100}城",
            "❤\u{fe0f}",
            "\u{3042}\u{3000}\u{3044}",
        ] {
            assert_eq!(new(text).as_deref(), Ok(text));
            assert_eq!(sent(text).as_deref(), Some(text));
        }
    }

    #[test]
    fn piles_of_accents_are_cut() {
        let pile = format!("a{}b", "\u{329}".repeat(40));
        assert_eq!(new(&pile).unwrap(), format!("a{}b", "\u{329}".repeat(4)));
    }

    #[test]
    fn stored_names_that_grow_by_composing_are_kept() {
        // These letters have no composed form and take two characters each.
        let name = Name::repaired(&"\u{958}".repeat(64)).unwrap();
        assert_eq!(name.as_str().chars().count(), 64);
    }

    proptest! {
        #[test]
        fn any_name_is_visible_and_stays_as_it_is(text: String) {
            if let Some(name) = Name::repaired(&text) {
                prop_assert!(name.as_str().chars().any(is_visible));
                prop_assert!(!name.as_str().chars().any(|c| is_hidden(c) || c.is_control()));
                prop_assert_eq!(Name::new(name.as_str()), Ok(name));
            }
        }
    }
}
