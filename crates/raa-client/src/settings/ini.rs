//! An ini file as a person keeps it: only the values that are set change, every other byte stays.
//!
//! Lines are kept as they are; what they mean is worked out when it is asked for. Sections and
//! keys are compared without regard to case. Of a key that stands twice the first counts, as for
//! Windows itself. A value is the rest of its line, without one pair of quotes around it, so a
//! comment stands on a line of its own.
//! Always: `decode(document.encode())` gives the document back; no bytes make it panic.

mod encoding;

use encoding::Encoding;

/// A document larger than this is no settings file; it is not even read.
pub const MAX_BYTES: u64 = 1 << 20;

/// See the module's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    lines: Vec<Line>,
    encoding: Encoding,
}

/// One line, as it was read or is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    /// Without its end.
    text: String,
    /// `\r\n`, `\n`, or nothing at the end of the document.
    end: &'static str,
}

/// What is wrong with a file that is no ini file, and what is left of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Damage {
    /// What is wrong.
    pub reason: DamageReason,
    /// The lines that are still good.
    pub rest: Document,
}

/// What is wrong with a file that is no ini file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DamageReason {
    /// Bytes that are no text.
    #[error("it is not valid {0}")]
    NotText(&'static str),
    /// A line that cannot be understood.
    #[error("line {0} is neither empty, nor a comment, a [section] or KEY = VALUE")]
    Line(usize),
    /// Far too large for settings.
    #[error("it is larger than {MAX_BYTES} bytes")]
    TooLarge,
}

/// What a line means.
#[derive(Debug, PartialEq, Eq)]
enum Meaning<'a> {
    /// Blank, or a comment.
    Nothing,
    Section(&'a str),
    Entry(&'a str, &'a str),
    Bad,
}

impl Document {
    /// A new document with this text.
    pub fn new(text: &str) -> Self {
        // With a byte order mark, editors of any age keep it as UTF-8.
        Self::of(text, Encoding::Utf8WithMark)
    }

    /// Takes a file's bytes apart: UTF-8, or UTF-16 (little endian) with a byte order mark.
    ///
    /// # Errors
    /// [`Damage`], which has what is left.
    pub fn decode(bytes: &[u8]) -> Result<Self, Box<Damage>> {
        let (text, encoding, is_whole) = encoding::decode(bytes);
        let document = Self::of(&text, encoding);
        let bad = document.lines.iter().position(Line::is_bad);
        let reason = match bad {
            _ if !is_whole => DamageReason::NotText(encoding.name()),
            Some(at) => DamageReason::Line(at + 1),
            None => return Ok(document),
        };
        let rest = document.without_bad_lines();
        Err(Box::new(Damage { reason, rest }))
    }

    fn of(text: &str, encoding: Encoding) -> Self {
        let lines = text.split_inclusive('\n').map(Line::of).collect();
        Self { lines, encoding }
    }

    /// The file's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let texts = self.lines.iter().flat_map(|line| [&line.text, line.end]);
        self.encoding.encode(&texts.collect::<String>())
    }

    /// The value of a key; `None` when it is missing.
    pub fn get(&self, section: &str, key: &str) -> Option<&str> {
        let mut entries = self.entries();
        let entry = entries.find(|(at, found, _)| is(at, section) && is(found, key));
        entry.map(|(_, _, value)| value)
    }

    /// Section, key and value of every entry, in order; before the first section its name is
    /// empty.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.numbered_entries().map(|(_, entry)| entry)
    }

    /// Gives a key a value, in the line where it stands, else below the comment that shows it
    /// (`;key = ...`), else at the end of its section. Line breaks and other characters that no
    /// line can have become spaces.
    pub fn set(&mut self, section: &str, key: &str, value: &str) {
        let value = quoted(&value.replace(|c| !is_readable(c), " "));
        if let Some(at) = self.line_of(section, key) {
            let line = &mut self.lines[at];
            line.text = format!("{}{value}", until_value(&line.text));
            return;
        }
        let at = self.place_for(section, key);
        self.insert(at, format!("{key} = {value}"));
    }

    /// Removes a key, wherever it stands in its section.
    pub fn remove(&mut self, section: &str, key: &str) {
        while let Some(at) = self.line_of(section, key) {
            self.lines.remove(at);
        }
    }

    /// The indices of lines that are entries, with section, key and value.
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

    /// Where a new entry goes; the section is made if need be.
    fn place_for(&mut self, section: &str, key: &str) -> usize {
        let is_header =
            |line: &Line| matches!(line.meaning(), Meaning::Section(name) if is(name, section));
        let Some(header) = self.lines.iter().position(is_header) else {
            self.insert(self.lines.len(), format!("[{section}]"));
            return self.lines.len();
        };
        let is_other = |line: &Line| matches!(line.meaning(), Meaning::Section(_));
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
        self.lines.insert(at, Line { text, end });
    }

    /// As the document has it; as Windows has it where there is nothing to go by.
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

impl Line {
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

    /// Whether it is a comment that would be an entry of this key.
    fn shows(&self, key: &str) -> bool {
        let example = comment(self.text.trim()).and_then(|text| text.split_once('='));
        example.is_some_and(|(shown, _)| is(shown.trim(), key))
    }
}

/// Control characters, byte order marks and what stands for undecodable bytes come from damage,
/// never from a person.
fn is_readable(c: char) -> bool {
    c == '\t' || !(c.is_control() || matches!(c, '\u{feff}' | char::REPLACEMENT_CHARACTER))
}

fn is(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// What a comment says.
fn comment(text: &str) -> Option<&str> {
    text.strip_prefix([';', '#'])
}

/// The name of a section, behind whose bracket only a comment may stand.
fn section(rest: &str) -> Option<&str> {
    let (name, rest) = rest.split_once(']')?;
    let rest = rest.trim();
    (rest.is_empty() || comment(rest).is_some()).then(|| name.trim())
}

/// An entry up to where its value begins.
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

/// With quotes where reading would take something off.
fn quoted(value: &str) -> String {
    if unquoted(value.trim()) == value {
        value.to_owned()
    } else {
        format!("\"{value}\"")
    }
}

#[cfg(test)]
mod tests;
