//! The computer that an SSRC belongs to.
//!
//! A settings file goes to other computers: with a roaming profile, in a folder on the network, with a
//! copied disk. So the file names the computer that its SSRC belongs to, and on another computer the
//! client takes a different one. It is derived from what identifies the computer, so a user who works at
//! two computers in turn has the same two SSRCs every day.
//!
//! Always: the same texts give the same numbers in every version.

use std::fmt;

use super::values::Ssrc;

/// Stands for a computer in a settings file; says nothing else about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ComputerMark(u64);

/// This computer and its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Computer {
    pub(crate) mark: ComputerMark,
    /// The SSRC of this user's client here, unless the file has another one of this computer's.
    pub(crate) ssrc: Ssrc,
}

impl Computer {
    /// `id` is the installation's, which copies of a disk share; `host` and `user` are names.
    pub(crate) fn new(id: &str, host: &str, user: &str) -> Self {
        let number = hash(&["ssrc", id, host, user]);
        Self {
            mark: ComputerMark(hash(&["computer", id])),
            ssrc: Ssrc((number >> 32) as u32 ^ number as u32),
        }
    }
}

impl ComputerMark {
    /// Reads exactly 16 hexadecimal digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let is_valid = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u64::from_str_radix(text, 16).ok();
        number.filter(|_| is_valid).map(Self)
    }
}

impl fmt::Display for ComputerMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// FNV-1a (Fowler, Noll and Vo), then the finalizer of MurmurHash3, which spreads similar texts.
fn hash(texts: &[&str]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for text in texts {
        for byte in text.to_lowercase().bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    hash = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ hash >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ hash >> 33
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn numbers_stay_the_same_in_every_version() {
        let computer = Computer::new("7d8e0f6a-2b1c-4c3d-9e5f-000000000001", "WARD3", "anna");
        assert_eq!(computer.mark.to_string(), "8e497fea4402bc18");
        assert_eq!(computer.ssrc.to_string(), "88c5f8dc");
        assert_eq!(ComputerMark::parse("8e497fea4402bc18"), Some(computer.mark));
        assert_eq!(ComputerMark::parse("+123456789abcdef"), None);
    }

    #[test]
    fn computers_and_users_have_numbers_of_their_own() {
        let mut numbers = BTreeSet::new();
        for host in 0..50 {
            for user in 0..50 {
                let computer = Computer::new("same", &format!("PC{host}"), &format!("u{user}"));
                numbers.insert(computer.ssrc.0);
            }
        }
        assert_eq!(numbers.len(), 2500);
        let mark = |id| Computer::new(id, "a", "b").mark;
        assert_ne!(mark("one"), mark("two"));
    }
}
