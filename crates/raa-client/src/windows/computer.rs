//! Tells this computer and its user apart from others, for the settings.
//!
//! Always: `None` if the registry does not say; then a file's SSRC counts for every computer.

use std::env;

use super::registry::Key;
use crate::settings::Computer;

/// Where Windows keeps the id that its setup has drawn.
const CRYPTOGRAPHY: &str = r"SOFTWARE\Microsoft\Cryptography";

/// Returns this computer and its user.
pub(crate) fn this() -> Option<Computer> {
    let id = Key::of_machine(CRYPTOGRAPHY).text("MachineGuid").ok()??;
    let host = gethostname::gethostname();
    let text = |name: &str| env::var(name).unwrap_or_default();
    let user = format!("{}\\{}", text("USERDOMAIN"), text("USERNAME"));
    Some(Computer::new(&id, &host.to_string_lossy(), &user))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_computer_stays_the_same() {
        let first = this();
        assert!(first.is_some(), "Windows has an id");
        assert_eq!(this(), first);
    }
}
