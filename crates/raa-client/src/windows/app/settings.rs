//! The app's part of the settings dialog: opens it, does what it wishes, takes over what it wants.
//!
//! Always: the client goes back to what is stored when the dialog is cancelled.

use std::thread;
use std::time::Duration;

use super::answers::Answer;
use super::{After, App};
use crate::capture;
use crate::settings::ini_files::{SourceKind, Stored, page_of};
use crate::settings::{DEFAULT_PORT, ServerAddress, Settings, Source, Ssrc};
use crate::ui::server_test::{self, Found};
use crate::ui::texts::Text;
use crate::ui::view::form::{Opening, Wanted};
use crate::windows::dialog::{self, Dialog, Wish};
use crate::windows::{about, autostart};

impl App {
    /// Opens the dialog, or brings it, or the message box that it waits for, to the front.
    pub(super) fn show_settings(&mut self) -> After {
        if about::bring_to_front(self.owner()) {
            return After::Nothing;
        }
        if let Some(dialog) = &self.dialog {
            dialog.bring_to_front();
            return After::Nothing;
        }
        match Dialog::open(self.opening(), capture::devices(), self.language) {
            Ok(mut dialog) => {
                dialog.show_sound(&self.sending.status());
                self.dialog = Some(dialog);
                After::Nothing
            }
            Err(error) => self.warn(Text::DialogFailed, &error),
        }
    }

    fn opening(&self) -> Opening {
        let settings = self.stored.settings();
        Opening {
            server: self.stored.server.as_ref().map_or_else(String::new, typed),
            name: settings.name.as_str().to_owned(),
            source: settings.source,
            device_name: self.stored.device_name.clone().unwrap_or_default(),
            starts_with_windows: autostart::is_on(),
        }
    }

    pub(super) fn handle_dialog(&mut self, event: dialog::Event) -> After {
        let Some(dialog) = &mut self.dialog else {
            return After::Nothing;
        };
        match dialog.handle(event) {
            Wish::Nothing => {}
            Wish::Meter => dialog.show_sound(&self.sending.status()),
            Wish::ListDevices => dialog.set_devices(capture::devices()),
            Wish::Preview(source) => self.sending.change(Settings {
                source,
                ..self.stored.settings()
            }),
            Wish::Test(server, number) => self.test(server, number),
            Wish::Accept(wanted) => return self.accept(wanted),
            Wish::Cancel => {
                self.dialog = None;
                self.sending.change(self.stored.settings());
            }
        }
        After::Nothing
    }

    /// The answer comes back by the queue of answers.
    fn test(&self, server: ServerAddress, number: usize) {
        let host = server.host.clone();
        let teller = self.answers.teller();
        let test = self.server_test(server);
        let run = move || {
            let found = test.run(server_test::LIMIT);
            teller.tell(Answer::Tested {
                number,
                host,
                found,
            });
        };
        // Without a thread for it the dialog goes on looking, and can be used meanwhile.
        if let Err(error) = thread::Builder::new().name("test".into()).spawn(run) {
            tracing::error!("cannot start the test's thread: {error}");
        }
    }

    /// A test of a server that need not be the stored one.
    pub(super) fn server_test(&self, server: ServerAddress) -> ServerTest {
        ServerTest {
            page: self.stored.page.clone().unwrap_or_else(|| page_of(&server)),
            ssrc: self.stored.settings().ssrc,
            server,
        }
    }

    /// Keeps it, applies it, and closes the dialog; what cannot be kept is not applied.
    fn accept(&mut self, wanted: Wanted) -> After {
        let starts_with_windows = wanted.starts_with_windows;
        let stored = with(&self.stored, wanted);
        if let Err(error) = self.files.ini.save(&stored) {
            return self.warn(Text::NotSaved, &error);
        }
        self.stored = stored;
        self.dialog = None;
        self.sending.change(self.stored.settings());
        if starts_with_windows == autostart::is_on() {
            return After::Nothing;
        }
        self.start_with_windows(starts_with_windows)
    }
}

/// All that a thread needs to test a server.
pub(super) struct ServerTest {
    server: ServerAddress,
    page: String,
    ssrc: Ssrc,
}

impl ServerTest {
    pub(super) fn run(&self, limit: Duration) -> Found {
        server_test::test(&self.server, &self.page, self.ssrc, limit)
    }
}

/// As a person types it: the port only where it is not the usual one.
fn typed(server: &ServerAddress) -> String {
    let text = server.to_string();
    let port = format!(":{DEFAULT_PORT}");
    text.strip_suffix(&port).unwrap_or(&text).to_owned()
}

/// The stored settings with what the dialog has changed.
fn with(stored: &Stored, wanted: Wanted) -> Stored {
    let mut stored = stored.clone();
    let before = stored.settings();
    stored.server = Some(wanted.server);
    // A name that nobody has set goes on being the computer's.
    if wanted.name != before.name {
        stored.name = Some(wanted.name);
    }
    if wanted.source == before.source {
        return stored;
    }
    if let Source::Device(id) = wanted.source {
        stored.source = Some(SourceKind::Device);
        stored.device = Some(id);
        stored.device_name = Some(wanted.device_name).filter(|name| !name.is_empty());
    } else {
        stored.source = Some(SourceKind::Automatic);
    }
    stored
}
