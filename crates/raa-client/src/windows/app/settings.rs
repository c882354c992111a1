//! The app's part of the settings: reads them again, opens their dialog, and carries out its actions.
//!
//! Always: the client follows the files, which other programs and people change too; when the dialog
//! is cancelled, the client returns to the stored settings.

use std::time::Duration;
use std::{io, mem, thread};

use super::App;
use super::results::Outcome;
use crate::capture;
use crate::settings::{
    DEFAULT_PORT, Loaded, ServerAddress, Settings, Source, SourceKind, Ssrc, Stored,
};
use crate::ui::form::{FormValues, NewSettings, NewSource};
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
        self.reload();
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
                self.apply();
            }
        }
        Effect::Nothing
    }

    /// Reads the files again, which another program or a person may have changed, and follows them.
    pub(super) fn reload(&mut self) {
        match self.files.ini.reload(&self.stored) {
            Ok(Loaded { stored, faults }) => {
                self.stored = self.unsaved.clone().over(stored);
                self.report(faults);
                self.apply();
            }
            Err(error) => tracing::warn!("the settings are not reloaded: {error}"),
        }
    }

    /// Sends with the current settings. While the dialog is open, its source is used.
    fn apply(&mut self) {
        let mut settings = self.stored.settings();
        let values = self.dialog.is_some().then(|| self.form_values());
        if let (Some(dialog), Some(values)) = (&mut self.dialog, values) {
            dialog.set_current(values);
            settings.source = dialog.source().clone();
        }
        self.sending.mute(self.stored.muted.unwrap_or(false));
        self.sending.change(settings);
    }

    /// Saves these values and follows the files. Values that cannot be saved are used until the end of
    /// this client, and saved with the next ones.
    pub(super) fn save(&mut self, new: Stored) -> io::Result<()> {
        let new = new.over(mem::take(&mut self.unsaved));
        let saved = self.files.ini.save(&new);
        if saved.is_err() {
            self.unsaved = new;
        }
        self.reload();
        saved.map(drop)
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
            page: self.stored.page_of(&server),
            ssrc: self.stored.settings().ssrc,
            server,
        }
    }

    /// Stores and applies what the user has changed, and closes the dialog; settings that cannot be
    /// stored are not applied.
    fn accept(&mut self, new: NewSettings) -> Effect {
        let starts_with_windows = new.starts_with_windows;
        if let Err(error) = self.files.ini.save(&layer(new)) {
            return self.warn(Text::NotSaved, &error);
        }
        self.dialog = None;
        self.reload();
        match starts_with_windows {
            Some(wanted) => self.start_with_windows(wanted),
            None => Effect::Nothing,
        }
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

/// Returns the settings that the user has changed in the dialog.
fn layer(new: NewSettings) -> Stored {
    let mut layer = Stored {
        server: new.server,
        name: new.name,
        ..Stored::default()
    };
    let Some(NewSource {
        source,
        device_name,
    }) = new.source
    else {
        return layer;
    };
    if let Source::Device(id) = source {
        layer.source = Some(SourceKind::Device);
        layer.device = Some(id);
        // Without a name, that of the device before is removed.
        layer.device_name = Some(device_name);
    } else {
        layer.source = Some(SourceKind::Automatic);
    }
    layer
}
