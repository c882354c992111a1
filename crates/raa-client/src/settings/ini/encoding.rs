//! The encodings in which editors on Windows save text files.
//!
//! Lines in the computer's code page, as `echo` in cmd and Notepad's "ANSI" write them, may be next to
//! lines in UTF-8, because scripts append to a file that the client has created. A line is in the code
//! page if it is not valid UTF-8.
//! Always: valid bytes are encoded as they were decoded, but a file with lines in a code page becomes
//! UTF-8; invalid bytes become U+FFFD.

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
const UTF16_LE_MARK: &[u8] = b"\xff\xfe";

/// The encoding of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    /// UTF-8 with a byte order mark.
    Utf8WithMark,
    /// UTF-16, little endian, with a byte order mark; old editors call it "Unicode".
    Utf16,
}

impl Encoding {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Utf8 | Self::Utf8WithMark => "UTF-8",
            Self::Utf16 => "UTF-16",
        }
    }

    pub(super) fn encode(self, text: &str) -> Vec<u8> {
        match self {
            Self::Utf8 => text.into(),
            Self::Utf8WithMark => [UTF8_MARK, text.as_bytes()].concat(),
            Self::Utf16 => {
                let units = text.encode_utf16().flat_map(u16::to_le_bytes);
                UTF16_LE_MARK.iter().copied().chain(units).collect()
            }
        }
    }
}

/// Returns the text, its encoding, and whether all bytes were valid. `code_page` decodes a line that is
/// not UTF-8, if it can.
pub(super) fn decode(
    bytes: &[u8],
    code_page: impl Fn(&[u8]) -> Option<String>,
) -> (String, Encoding, bool) {
    if let Some(rest) = bytes.strip_prefix(UTF16_LE_MARK) {
        let (text, is_valid) = decode_utf16(rest);
        return (text, Encoding::Utf16, is_valid);
    }
    let (rest, encoding) = match bytes.strip_prefix(UTF8_MARK) {
        Some(rest) => (rest, Encoding::Utf8WithMark),
        None => (bytes, Encoding::Utf8),
    };
    if let Ok(text) = std::str::from_utf8(rest) {
        return (text.to_owned(), encoding, true);
    }
    match decode_lines(rest, code_page) {
        (text, true) => (text, Encoding::Utf8WithMark, true),
        (text, false) => (text, encoding, false),
    }
}

/// Decodes each line as UTF-8 or by the code page; returns whether all bytes were valid. No code page
/// has a line feed inside a character.
fn decode_lines(bytes: &[u8], code_page: impl Fn(&[u8]) -> Option<String>) -> (String, bool) {
    let mut text = String::new();
    let mut is_valid = true;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let utf8 = std::str::from_utf8(line).ok().map(ToOwned::to_owned);
        let decoded = utf8.or_else(|| code_page(line));
        is_valid &= decoded.is_some();
        text += &decoded.unwrap_or_else(|| String::from_utf8_lossy(line).into_owned());
    }
    (text, is_valid)
}

fn decode_utf16(bytes: &[u8]) -> (String, bool) {
    let (pairs, odd) = bytes.as_chunks::<2>();
    let units = || pairs.iter().map(|pair| u16::from_le_bytes(*pair));
    let is_valid = odd.is_empty() && char::decode_utf16(units()).all(|c| c.is_ok());
    let text = char::decode_utf16(units()).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
    (text.collect(), is_valid)
}
