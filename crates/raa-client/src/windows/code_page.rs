//! Text in the computer's code page, which cmd and old editors write.
//!
//! `GetACP` returns 65001 for this program, because its manifest asks for UTF-8, so the code page comes
//! from the registry, where Windows keeps that of the language for programs without Unicode.
//! Always: text that is not valid in the code page is `None`.

use windows::Win32::Globalization::{MB_ERR_INVALID_CHARS, MultiByteToWideChar};

use super::registry::Key;

/// Decodes text in the computer's code page.
pub(crate) fn decode(bytes: &[u8]) -> Option<String> {
    decode_as(system()?, bytes)
}

/// Returns the code page of the language for programs without Unicode, such as 932 for Japanese.
fn system() -> Option<u32> {
    let key = Key::of_machine(r"SYSTEM\CurrentControlSet\Control\Nls\CodePage");
    key.text("ACP").ok()??.trim().parse().ok()
}

fn decode_as(code_page: u32, bytes: &[u8]) -> Option<String> {
    let length = convert(code_page, bytes, None);
    let mut units = vec![0; usize::try_from(length).ok()?];
    let written = convert(code_page, bytes, Some(&mut units));
    // 0 stands for an error; an empty text is not asked for.
    let is_done = written > 0 && written == length;
    String::from_utf16(&units).ok().filter(|_| is_done)
}

/// Returns the number of UTF-16 units, 0 for an error.
#[allow(unsafe_code)]
fn convert(code_page: u32, bytes: &[u8], units: Option<&mut [u16]>) -> i32 {
    // SAFETY: both are slices with their lengths.
    unsafe { MultiByteToWideChar(code_page, MB_ERR_INVALID_CHARS, bytes, units) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_pages_are_decoded() {
        let ward = "\u{7b2c}3\u{75c5}\u{68df}";
        let japanese = b"\x91\xe63\x95a\x93\x8f";
        assert_eq!(decode_as(932, japanese).as_deref(), Some(ward));
        assert_eq!(
            decode_as(1252, b"Z\xfcrich").as_deref(),
            Some("Z\u{fc}rich")
        );
        assert_eq!(decode_as(932, b"\x91"), None, "half a character");
        assert_eq!(decode_as(4_000_000, b"a"), None, "no such code page");
        assert!(system().is_some());
    }
}
