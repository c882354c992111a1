//! Reads the files again for a client that is running.
//!
//! Always: the sound goes on whatever the files say: a value that cannot be read keeps the one in use,
//! and a client keeps its server where no file has one, and its SSRC always, because another computer
//! may have written its own into a file that both use; the files are not repaired,
//! because somebody may be writing them.

use super::{IniFiles, Loaded, Platform, Stored, damage, is_invalid, read, values};
use crate::settings::fault::Fault;

impl IniFiles {
    /// Reads both files for a client that uses `running`. If the user's file has no SSRC, that of the
    /// client is saved there.
    ///
    /// # Errors
    /// When the user's file cannot be read.
    pub(crate) fn reload(&self, running: &Stored) -> Result<Loaded, Fault> {
        let (machine, machine_faults) = self.read_machine();
        let mut faults = Vec::new();
        let document = read(&self.user).map_err(|error| Fault::unreadable(&self.user, &error))?;
        let mut user = match document {
            None => Stored::default(),
            Some(Ok(document)) => values(&document, &self.user, &mut faults),
            Some(Err(damaged)) => {
                faults.push(damage(&self.user, damaged.reason, None));
                values(&damaged.rest, &self.user, &mut faults).over(running.clone())
            }
        };
        keep_where(&mut user, running, |key| is_invalid(key, &faults));
        let mut stored = user.over(machine);
        keep_where(&mut stored, running, |key| {
            key == "server" || is_invalid(key, &machine_faults)
        });
        faults.extend(machine_faults);
        let is_missing = stored.ssrc.is_none();
        (stored.ssrc, stored.computer) = (running.ssrc.or(stored.ssrc), running.computer);
        if is_missing && let Some(Err(error)) = running.ssrc.map(|ssrc| self.keep_ssrc(ssrc)) {
            let file = self.user.display();
            tracing::warn!("cannot save this client's SSRC in {file}: {error}");
        }
        Ok(Loaded { stored, faults })
    }
}

/// Sets the values in use for the keys that are lost, where there is no other value.
fn keep_where(stored: &mut Stored, running: &Stored, is_lost: impl Fn(&str) -> bool) {
    for key in Platform::Windows.keys().filter(|key| is_lost(key.name)) {
        if (key.show)(stored).is_none()
            && let Some(text) = (key.show)(running)
        {
            // Each key can read the text that it shows.
            let _ = (key.read)(stored, &text);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::settings::INI_NAME;

    struct Case {
        _folder: TempDir,
        files: IniFiles,
    }

    impl Case {
        fn new(text: &str) -> Self {
            let folder = TempDir::new().unwrap();
            let files = IniFiles {
                user: folder.path().join(INI_NAME),
                machine: Some(folder.path().join("machine.ini")),
            };
            fs::write(&files.user, text).unwrap();
            Self {
                _folder: folder,
                files,
            }
        }

        /// Starts with the file of this case, then reads this one.
        fn then(&self, text: &str) -> Loaded {
            let running = self.files.load().unwrap().stored;
            fs::write(&self.files.user, text).unwrap();
            self.files.reload(&running).unwrap()
        }

        fn text(&self) -> String {
            fs::read_to_string(&self.files.user).unwrap()
        }
    }

    const BEFORE: &str = "[raa-client]\nserver = a\nname = n\nmuted = yes\nssrc = 5f0a11c2\n";

    fn host(stored: &Stored) -> &str {
        &stored.server.as_ref().unwrap().host
    }

    fn stored_with(server: &str) -> Stored {
        Stored {
            server: server.parse().ok(),
            ..Stored::default()
        }
    }

    #[test]
    fn changed_values_are_taken_over() {
        let case = Case::new(BEFORE);
        let Loaded { stored, faults } = case.then("[raa-client]\nserver = b\nssrc = 5f0a11c2\n");
        assert_eq!((host(&stored), faults), ("b", vec![]));
        assert_eq!((stored.name, stored.muted), (None, None));
    }

    #[test]
    fn a_machine_wide_change_reaches_a_running_client() {
        let case = Case::new("[raa-client]\nssrc = 5f0a11c2\n");
        let machine = case.files.machine.as_ref().unwrap();
        fs::write(machine, "[raa-client]\nserver = a\n").unwrap();
        let running = case.files.load().unwrap().stored;
        fs::write(machine, "[raa-client]\nserver = b\n").unwrap();
        assert_eq!(host(&case.files.reload(&running).unwrap().stored), "b");
        fs::remove_file(machine).unwrap();
        assert_eq!(host(&case.files.reload(&running).unwrap().stored), "a");
    }

    #[test]
    fn an_invalid_value_keeps_the_one_in_use() {
        let case = Case::new(BEFORE);
        let after = "[raa-client]\nserver = b ; main\nname = m\nmuted = 7\nssrc = 1\n";
        let Loaded { stored, faults } = case.then(after);
        assert_eq!((host(&stored), stored.muted), ("a", Some(true)));
        assert_eq!(stored.name.unwrap().as_str(), "m");
        assert_eq!(stored.ssrc.unwrap().to_string(), "5f0a11c2");
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert_eq!(case.text(), after, "the file is left alone");
        let machine = case.files.machine.as_ref().unwrap();
        fs::write(machine, "[raa-client]\nserver = c\n").unwrap();
        let case_again = case.files.reload(&stored_with("a")).unwrap();
        assert_eq!(
            host(&case_again.stored),
            "a",
            "the user's own line is the invalid one"
        );
    }

    #[test]
    fn a_damaged_file_loses_no_value_in_use() {
        let case = Case::new(BEFORE);
        let after = "[raa-client]\nserver = b\nno sen";
        let Loaded { stored, faults } = case.then(after);
        assert_eq!((host(&stored), stored.muted), ("b", Some(true)));
        assert!(
            matches!(&faults[..], [Fault::Damaged { kept: None, .. }]),
            "{faults:?}"
        );
        assert_eq!(case.text(), after, "somebody may be writing it");
    }

    #[test]
    fn a_running_client_keeps_its_ssrc() {
        let case = Case::new(BEFORE);
        let after = "[raa-client]\nserver = b\nssrc = 00000007\n";
        let Loaded { stored, .. } = case.then(after);
        assert_eq!(
            (host(&stored), stored.ssrc.unwrap().to_string().as_str()),
            ("b", "5f0a11c2")
        );
        assert_eq!(case.text(), after, "it is another computer's");
    }

    #[test]
    fn an_emptied_file_keeps_server_and_ssrc() {
        let case = Case::new(BEFORE);
        let Loaded { stored, .. } = case.then("");
        assert_eq!((host(&stored), &stored.name), ("a", &None));
        let again = case.files.load().unwrap().stored;
        assert_eq!(again.ssrc, stored.ssrc);
        assert_eq!(again.ssrc.unwrap().to_string(), "5f0a11c2");
        assert!(!case.text().contains("server"), "{}", case.text());
    }
}
