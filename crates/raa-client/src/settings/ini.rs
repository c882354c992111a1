//! An ini file that changes only where a value is set; everything else stays as it is.
//!
//! Lines are kept as text and interpreted on demand. Sections and keys are compared without
//! regard to case. If a key is set twice, the first one counts, as in Windows itself. A value is
//! the rest of its line, without one pair of quotes around it, so a comment needs its own line.
//! Always: `decode(document.encode())` returns the same document; no input makes it panic.

mod encoding;

use encoding::Encoding;

use super::fault::Damage;

/// The contents of an ini file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Document {
    lines: Vec<IniLine>,
    encoding: Encoding,
}

/// One line, as it was read or will be written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct IniLine {
    /// The text without its line ending.
    text: String,
    /// `\r\n`, `\n`, or nothing at the end of the document.
    end: &'static str,
}

/// A file that is no ini file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Damaged {
    /// What is wrong with it.
    pub(super) reason: Damage,
    /// The lines that can be read.
    pub(super) rest: Document,
}

/// The meaning of a line.
#[derive(Debug, PartialEq, Eq)]
enum Meaning<'a> {
    /// A blank line or a comment.
    Nothing,
    Section(&'a str),
    Entry(&'a str, &'a str),
    Bad,
}

impl Document {
    /// Creates a document with this text.
    pub(super) fn new(text: &str) -> Self {
        // A byte order mark makes old and new editors keep the file as UTF-8.
        Self::of(text, Encoding::Utf8WithMark)
    }

    /// Reads the bytes of a file: UTF-8, or UTF-16 (little endian) with a byte order mark.
    ///
    /// # Errors
    /// [`Damaged`], which holds the lines that can be read.
    #[cfg(any(test, fuzzing))]
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Box<Damaged>> {
        Self::decode_with(bytes, |_| None)
    }

    /// Reads the bytes of a file: UTF-8, UTF-16 (little endian) with a byte order mark, or lines that
    /// `code_page` decodes.
    ///
    /// # Errors
    /// [`Damaged`], which holds the lines that can be read.
    pub(super) fn decode_with(
        bytes: &[u8],
        code_page: impl Fn(&[u8]) -> Option<String>,
    ) -> Result<Self, Box<Damaged>> {
        let (text, encoding, is_valid) = encoding::decode(bytes, code_page);
        let document = Self::of(&text, encoding);
        let bad = document.lines.iter().position(IniLine::is_bad);
        let reason = match bad {
            _ if !is_valid => Damage::NotText(encoding.name()),
            Some(at) => Damage::Line(at + 1),
            None => return Ok(document),
        };
        let rest = document.without_bad_lines();
        Err(Box::new(Damaged { reason, rest }))
    }

    /// Returns whether the document has no entry, comment or section.
    pub(super) fn is_blank(&self) -> bool {
        self.lines.iter().all(|line| line.text.trim().is_empty())
    }

    fn of(text: &str, encoding: Encoding) -> Self {
        let lines = text.split_inclusive('\n').map(IniLine::of).collect();
        Self { lines, encoding }
    }

    /// Returns the bytes of the file.
    pub(super) fn encode(&self) -> Vec<u8> {
        let texts = self.lines.iter().flat_map(|line| [&line.text, line.end]);
        self.encoding.encode(&texts.collect::<String>())
    }

    /// Returns the value of a key; `None` if it is missing.
    pub(super) fn get(&self, section: &str, key: &str) -> Option<&str> {
        let mut entries = self.entries();
        let entry = entries.find(|(at, found, _)| is(at, section) && is(found, key));
        entry.map(|(_, _, value)| value)
    }

    /// Returns section, key and value of every entry, in order. The section is empty before the
    /// first header.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.numbered_entries().map(|(_, entry)| entry)
    }

    /// Sets a key where it stands, otherwise below the comment that shows it (`;key = ...`),
    /// otherwise at the end of its section. Characters that a line cannot hold become spaces.
    pub(super) fn set(&mut self, section: &str, key: &str, value: &str) {
        let value = quoted(&value.replace(|c| !is_readable(c), " "));
        if let Some(at) = self.line_of(section, key) {
            let line = &mut self.lines[at];
            line.text = format!("{}{value}", until_value(&line.text));
            return;
        }
        let at = self.place_for(section, key);
        self.insert(at, format!("{key} = {value}"));
    }

    /// Removes every entry of a key in this section.
    pub(super) fn remove(&mut self, section: &str, key: &str) {
        while let Some(at) = self.line_of(section, key) {
            self.lines.remove(at);
        }
    }

    /// Returns the entries with the indices of their lines.
    fn numbered_entries(&self) -> impl Iterator<Item = (usize, (&str, &str, &str))> {
        let mut section = "";
        let lines = self.lines.iter().enumerate();
        lines.filter_map(move |(at, line)| match line.meaning() {
            Meaning::Section(name) => {
                section = name;
                None
            }
            Meaning::Entry(key, value) => Some((at, (section, key, value))),
            Meaning::Nothing | Meaning::Bad => None,
        })
    }

    fn line_of(&self, section: &str, key: &str) -> Option<usize> {
        self.numbered_entries()
            .find(|(_, (at, found, _))| is(at, section) && is(found, key))
            .map(|(at, _)| at)
    }

    /// Returns where a new entry goes, after creating the section if needed.
    fn place_for(&mut self, section: &str, key: &str) -> usize {
        let is_header =
            |line: &IniLine| matches!(line.meaning(), Meaning::Section(name) if is(name, section));
        let Some(header) = self.lines.iter().position(is_header) else {
            self.insert(self.lines.len(), format!("[{section}]"));
            return self.lines.len();
        };
        let is_other = |line: &IniLine| matches!(line.meaning(), Meaning::Section(_));
        let body = &self.lines[header + 1..];
        let body = &body[..body.iter().position(is_other).unwrap_or(body.len())];
        let example = body.iter().position(|line| line.shows(key));
        let last = body.iter().rposition(|line| !line.text.trim().is_empty());
        header + 1 + example.or(last).map_or(0, |at| at + 1)
    }

    fn insert(&mut self, at: usize, text: String) {
        let end = self.line_end();
        if let Some(before) = at.checked_sub(1).map(|before| &mut self.lines[before])
            && before.end.is_empty()
        {
            before.end = end;
        }
        self.lines.insert(at, IniLine { text, end });
    }

    /// Returns the document's line ending; that of Windows if there is none to follow.
    fn line_end(&self) -> &'static str {
        let ends = self.lines.iter().map(|line| line.end);
        ends.into_iter()
            .find(|end| !end.is_empty())
            .unwrap_or("\r\n")
    }

    fn without_bad_lines(mut self) -> Self {
        self.lines.retain(|line| !line.is_bad());
        self
    }
}

impl IniLine {
    fn of(text: &str) -> Self {
        let without = |end: &'static str| text.strip_suffix(end).map(|text| (text, end));
        let (text, end) = without("\r\n")
            .or_else(|| without("\n"))
            .unwrap_or((text, ""));
        Self {
            text: text.to_owned(),
            end,
        }
    }

    fn meaning(&self) -> Meaning<'_> {
        let text = self.text.trim();
        if !self.text.chars().all(is_readable) {
            return Meaning::Bad;
        }
        if text.is_empty() || comment(text).is_some() {
            return Meaning::Nothing;
        }
        if let Some(rest) = text.strip_prefix('[') {
            return section(rest).map_or(Meaning::Bad, Meaning::Section);
        }
        match text.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => {
                Meaning::Entry(key.trim(), unquoted(value.trim()))
            }
            _ => Meaning::Bad,
        }
    }

    fn is_bad(&self) -> bool {
        self.meaning() == Meaning::Bad
    }

    /// Returns whether the line is a comment that would be an entry of this key.
    fn shows(&self, key: &str) -> bool {
        let example = comment(self.text.trim()).and_then(|text| text.split_once('='));
        example.is_some_and(|(shown, _)| is(shown.trim(), key))
    }
}

/// Returns whether a person can have typed the character. Control characters, byte order marks
/// and replacement characters come from damage.
fn is_readable(c: char) -> bool {
    c == '\t' || !(c.is_control() || matches!(c, '\u{feff}' | char::REPLACEMENT_CHARACTER))
}

fn is(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// Returns the text of a comment.
fn comment(text: &str) -> Option<&str> {
    text.strip_prefix([';', '#'])
}

/// Returns the name of a section; only a comment may follow its bracket.
fn section(rest: &str) -> Option<&str> {
    let (name, rest) = rest.split_once(']')?;
    let rest = rest.trim();
    (rest.is_empty() || comment(rest).is_some()).then(|| name.trim())
}

/// Returns an entry up to where its value begins.
fn until_value(text: &str) -> &str {
    let sign = text.find('=').map_or(text.len(), |at| at + 1);
    let value = &text[sign..];
    &text[..text.len() - value.trim_start().len()]
}

fn unquoted(value: &str) -> &str {
    let inner = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'));
    inner.unwrap_or(value)
}

/// Adds quotes where reading would otherwise remove something.
fn quoted(value: &str) -> String {
    if unquoted(value.trim()) == value {
        value.to_owned()
    } else {
        format!("\"{value}\"")
    }
}

#[cfg(test)]
mod tests;
