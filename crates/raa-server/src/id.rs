//! A client's id in the API: its SSRC as 8 hexadecimal digits.
//!
//! Only the built-in test client has a word instead, so that everyone recognises it. Always: every
//! SSRC has exactly one id, and parsing the id gives the SSRC.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// The built-in test client's SSRC. Packets from the network must not use it.
pub(crate) const TEST_MUSIC_SSRC: u32 = 0xb9a7_e570;
const TEST_MUSIC_ID: &str = "bgmtest0";

/// Id of a client: its SSRC as 8 hexadecimal digits, in lower or upper case, or the test client's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ToSchema)]
#[schema(value_type = String, pattern = "^([0-9a-fA-F]{8}|bgmtest0)$", example = "5f0a11c2")]
pub(crate) struct ClientId(pub u32);

/// The text is not a client id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a client id is 8 hexadecimal digits, or {TEST_MUSIC_ID}")]
pub(crate) struct InvalidClientId;

impl ClientId {
    /// Returns a number that sorts like the id's text.
    pub(crate) fn sort_key(self) -> u64 {
        match self.0 {
            // "bgmtest0" sorts between bfffffff and c0000000.
            TEST_MUSIC_SSRC => 2 * 0xbfff_ffff + 1,
            ssrc => 2 * u64::from(ssrc),
        }
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            TEST_MUSIC_SSRC => f.write_str(TEST_MUSIC_ID),
            ssrc => write!(f, "{ssrc:08x}"),
        }
    }
}

impl FromStr for ClientId {
    type Err = InvalidClientId;

    /// Accepts upper-case digits as well, since network analysers show them.
    fn from_str(text: &str) -> Result<Self, InvalidClientId> {
        if text == TEST_MUSIC_ID {
            return Ok(Self(TEST_MUSIC_SSRC));
        }
        if text.len() != 8 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidClientId);
        }
        u32::from_str_radix(text, 16)
            .map(Self)
            .map_err(|_| InvalidClientId)
    }
}

impl Serialize for ClientId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_are_8_digits_or_the_test_clients_word() {
        for (text, ssrc) in [
            ("5f0a11c2", Some(0x5f0a_11c2)),
            ("5F0A11C2", Some(0x5f0a_11c2)),
            ("00000000", Some(0)),
            ("bgmtest0", Some(TEST_MUSIC_SSRC)),
            ("b9a7e570", Some(TEST_MUSIC_SSRC)),
            ("BGMTEST0", None),
            ("5f0a11c", None),
            ("5f0a11c22", None),
            ("+f0a11c2", None),
            ("5f0a11cé", None),
            ("", None),
        ] {
            assert_eq!(text.parse().ok(), ssrc.map(ClientId), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_id_gives_its_ssrc_back(ssrc: u32) {
            prop_assert_eq!(ClientId(ssrc).to_string().parse(), Ok(ClientId(ssrc)));
        }

        #[test]
        fn ids_sort_as_their_texts(ssrc: u32) {
            for other in [TEST_MUSIC_SSRC, 0xbfff_ffff, 0xc000_0000, ssrc.wrapping_add(1)] {
                let (a, b) = (ClientId(ssrc), ClientId(other));
                let by_text = a.to_string().cmp(&b.to_string());
                prop_assert_eq!(a.sort_key().cmp(&b.sort_key()), by_text);
            }
        }
    }
}
