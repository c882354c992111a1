//! The app's part of the settings dialog: opens it, and carries out its actions.
//!
//! Always: when the dialog is cancelled, the client returns to the stored settings.

use std::thread;
use std::time::Duration;

use super::App;
use super::results::Outcome;
use crate::capture;
use crate::settings::{
    DEFAULT_PORT, ServerAddress, Settings, Source, SourceKind, Ssrc, Stored, default_page,
};
use crate::ui::form::{FormValues, NewSettings};
use crate::ui::server_test::{self, TestResult};
use crate::ui::texts::Text;
use crate::windows::autostart;
use crate::windows::dialog::{Dialog, DialogAction};
use crate::windows::events::{DialogEvent, Effect};
use crate::windows::message_box;

impl App {
    /// Opens the dialog; if it or a message box is open, brings that to the front.
    pub(super) fn show_settings(&mut self) -> Effect {
        if message_box::bring_to_front(self.owner()) {
            return Effect::Nothing;
        }
        if let Some(dialog) = &self.dialog {
            dialog.bring_to_front();
            return Effect::Nothing;
        }
        match Dialog::open(self.form_values(), capture::devices(), self.language) {
            Ok(mut dialog) => {
                dialog.show_sound(&self.sending.status());
                self.dialog = Some(dialog);
                Effect::Nothing
            }
            Err(error) => self.warn(Text::DialogFailed, &error),
        }
    }

    fn form_values(&self) -> FormValues {
        let settings = self.stored.settings();
        FormValues {
            server: self.stored.server.as_ref().map_or_else(String::new, short),
            name: settings.name.as_str().to_owned(),
            source: settings.source,
            device_name: self.stored.device_name.clone().unwrap_or_default(),
            starts_with_windows: autostart::is_on(),
        }
    }

    pub(super) fn handle_dialog(&mut self, event: DialogEvent) -> Effect {
        let Some(dialog) = &mut self.dialog else {
            return Effect::Nothing;
        };
        match dialog.handle(event) {
            DialogAction::Nothing => {}
            DialogAction::UpdateMeter => dialog.show_sound(&self.sending.status()),
            DialogAction::ListDevices => dialog.set_devices(capture::devices()),
            DialogAction::Preview(source) => self.sending.change(Settings {
                source,
                ..self.stored.settings()
            }),
            DialogAction::Test(server, number) => self.test(server, number),
            DialogAction::Accept(new) => return self.accept(new),
            DialogAction::Cancel => {
                self.dialog = None;
                self.sending.change(self.stored.settings());
            }
        }
        Effect::Nothing
    }

    /// Tests a server in a thread, which sends the result.
    fn test(&self, server: ServerAddress, number: usize) {
        let host = server.host.clone();
        let sender = self.results.sender();
        let test = self.server_test(server);
        let run = move || {
            let tested = test.run(server_test::LIMIT);
            sender.send(Outcome::Tested {
                number,
                host,
                tested,
            });
        };
        // Without a thread, the dialog shows a running test, but can still be used.
        if let Err(error) = thread::Builder::new().name("test".into()).spawn(run) {
            tracing::error!("cannot start the test thread: {error}");
        }
    }

    /// Prepares a test of a server, which need not be the stored one.
    pub(super) fn server_test(&self, server: ServerAddress) -> ServerTest {
        ServerTest {
            page: self
                .stored
                .page
                .clone()
                .unwrap_or_else(|| default_page(&server)),
            ssrc: self.stored.settings().ssrc,
            server,
        }
    }

    /// Stores and applies the settings, and closes the dialog; settings that cannot be stored are not
    /// applied.
    fn accept(&mut self, new: NewSettings) -> Effect {
        let starts_with_windows = new.starts_with_windows;
        let stored = with(&self.stored, new);
        if let Err(error) = self.files.ini.save(&stored) {
            return self.warn(Text::NotSaved, &error);
        }
        self.stored = stored;
        self.dialog = None;
        self.sending.change(self.stored.settings());
        if starts_with_windows == autostart::is_on() {
            return Effect::Nothing;
        }
        self.start_with_windows(starts_with_windows)
    }
}

/// A server test, ready for a thread.
pub(super) struct ServerTest {
    server: ServerAddress,
    page: String,
    ssrc: Ssrc,
}

impl ServerTest {
    pub(super) fn run(&self, limit: Duration) -> TestResult {
        server_test::test(&self.server, &self.page, self.ssrc, limit)
    }
}

/// Returns the address as people write it: with the port only if it is not the default.
fn short(server: &ServerAddress) -> String {
    let text = server.to_string();
    let port = format!(":{DEFAULT_PORT}");
    text.strip_suffix(&port).unwrap_or(&text).to_owned()
}

/// Returns the stored settings with the changes of the dialog.
fn with(stored: &Stored, new: NewSettings) -> Stored {
    let mut stored = stored.clone();
    let before = stored.settings();
    stored.server = Some(new.server);
    // As long as the name is not changed, it stays the computer's own.
    if new.name != before.name {
        stored.name = Some(new.name);
    }
    if new.source == before.source {
        return stored;
    }
    if let Source::Device(id) = new.source {
        stored.source = Some(SourceKind::Device);
        stored.device = Some(id);
        stored.device_name = Some(new.device_name).filter(|name| !name.is_empty());
    } else {
        stored.source = Some(SourceKind::Automatic);
    }
    stored
}
