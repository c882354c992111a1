//! The encodings in which editors on Windows save text files.
//!
//! Always: valid bytes are encoded as they were decoded; invalid ones become U+FFFD.

use std::borrow::Cow;

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

/// Returns the text, its encoding, and whether all bytes were valid.
pub(super) fn decode(bytes: &[u8]) -> (String, Encoding, bool) {
    if let Some(rest) = bytes.strip_prefix(UTF16_LE_MARK) {
        let (text, is_valid) = decode_utf16(rest);
        return (text, Encoding::Utf16, is_valid);
    }
    let (rest, encoding) = match bytes.strip_prefix(UTF8_MARK) {
        Some(rest) => (rest, Encoding::Utf8WithMark),
        None => (bytes, Encoding::Utf8),
    };
    let text = String::from_utf8_lossy(rest);
    let is_valid = matches!(text, Cow::Borrowed(_));
    (text.into_owned(), encoding, is_valid)
}

fn decode_utf16(bytes: &[u8]) -> (String, bool) {
    let (pairs, odd) = bytes.as_chunks::<2>();
    let units = || pairs.iter().map(|pair| u16::from_le_bytes(*pair));
    let is_valid = odd.is_empty() && char::decode_utf16(units()).all(|c| c.is_ok());
    let text = char::decode_utf16(units()).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
    (text.collect(), is_valid)
}
