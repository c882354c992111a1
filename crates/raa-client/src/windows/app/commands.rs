//! The app's part of the menu: executes its commands.

use std::fmt::Display;
use std::thread;
use std::time::Duration;

use super::App;
use super::results::Outcome;
use crate::settings::{Fault, Stored};
use crate::ui::server_test::TestResult;
use crate::ui::texts::Text;
use crate::ui::view::MenuCommand;
use crate::windows::events::Effect;
use crate::windows::handle::Window;
use crate::windows::message_box::Message;
use crate::windows::question::{self, Answer};
use crate::windows::tray::BalloonKind;
use crate::windows::{autostart, clipboard, diagnose, shell};

/// The limit for each step of the server test when the diagnostics are copied.
const DIAGNOSTICS_LIMIT: Duration = Duration::from_secs(1);

impl App {
    pub(super) fn execute(&mut self, command: MenuCommand) -> Effect {
        match command {
            MenuCommand::Settings => return self.show_settings(),
            MenuCommand::Mute => return self.mute(!self.sending.status().muted),
            MenuCommand::StartWithWindows => return self.start_with_windows(!autostart::is_on()),
            MenuCommand::OpenPage => return self.open_page(),
            MenuCommand::CopyDiagnostics => return self.copy_diagnostics(),
            MenuCommand::About => return self.about(),
            MenuCommand::Quit => self.quit(),
        }
        Effect::Nothing
    }

    fn mute(&mut self, muted: bool) -> Effect {
        // At once, whatever the disk does.
        self.sending.mute(muted);
        let saved = self.save(Stored {
            muted: Some(muted),
            ..Stored::default()
        });
        match saved {
            Ok(()) => Effect::Nothing,
            Err(error) => self.warn(Text::NotSaved, &error),
        }
    }

    pub(super) fn start_with_windows(&mut self, wanted: bool) -> Effect {
        match autostart::set(wanted) {
            Ok(()) => {
                if let Some(dialog) = &mut self.dialog {
                    dialog.set_start_with_windows(wanted);
                }
                Effect::Nothing
            }
            Err(error) => self.warn(Text::AutostartFailed, &error),
        }
    }

    fn open_page(&self) -> Effect {
        let Some(page) = self.stored.page() else {
            return Effect::Nothing;
        };
        let sender = self.results.sender();
        let wanted = page.clone();
        let started = shell::open_page(page.clone(), move |opened| {
            if let Err(error) = opened {
                let (page, reason) = (wanted, error.to_string());
                sender.send(Outcome::PageFailed { page, reason });
            }
        });
        match started {
            Ok(()) => Effect::Nothing,
            Err(error) => self.page_failed(&page, &error.to_string()),
        }
    }

    pub(super) fn page_failed(&self, page: &str, reason: &str) -> Effect {
        let values: [(&str, &dyn Display); 2] = [("page", &page), ("reason", &reason)];
        self.message(self.language.fill(Text::PageFailed, &values))
    }

    /// Copies the diagnostics once the server has been tested.
    fn copy_diagnostics(&mut self) -> Effect {
        if self.test_for(Outcome::Diagnosed) {
            Effect::Nothing
        } else {
            self.copy(None)
        }
    }

    /// Answers to another process once the server has been tested.
    pub(super) fn asked(&mut self, by: Window) {
        if !self.test_for(move |tested| Outcome::Asked { by, tested }) {
            self.answer(by, None);
        }
    }

    /// Tests the server in a thread for the diagnostics; returns false if there is none, or no thread.
    fn test_for(&self, outcome: impl FnOnce(TestResult) -> Outcome + Send + 'static) -> bool {
        let Some(server) = self.stored.server.clone() else {
            return false;
        };
        let sender = self.results.sender();
        let test = self.server_test(server);
        let run = move || sender.send(outcome(test.run(DIAGNOSTICS_LIMIT)));
        let started = thread::Builder::new().name("test".into()).spawn(run);
        if let Err(error) = &started {
            tracing::error!("cannot start the test thread: {error}");
        }
        started.is_ok()
    }

    /// Sends the diagnostics to another process, in a thread, because that may not take them.
    pub(super) fn answer(&self, to: Window, tested: Option<&TestResult>) {
        let status = self.sending.status();
        let no_server = Fault::no_server(&self.files.ini.user, &self.faults);
        let answer = Answer {
            page: diagnose::text(&self.stored, &self.files, Some(&status), tested),
            troubles: diagnose::troubles(&status, tested, no_server),
        };
        let send = move || question::answer(to, &answer);
        if let Err(error) = thread::Builder::new().name("answer".into()).spawn(send) {
            tracing::error!("cannot start the thread of an answer: {error}");
        }
    }

    pub(super) fn copy(&mut self, tested: Option<&TestResult>) -> Effect {
        let status = self.sending.status();
        let text = diagnose::text(&self.stored, &self.files, Some(&status), tested);
        match clipboard::set_text(self.window, &text) {
            Ok(()) => {
                let text = self.language.text(Text::DiagnosticsCopied);
                self.balloon(Text::Product, text, BalloonKind::Info);
                Effect::Nothing
            }
            Err(error) => self.warn(Text::ClipboardFailed, &error),
        }
    }

    fn about(&self) -> Effect {
        let text = self.language.fill(
            Text::AboutMessage,
            &[
                ("version", &env!("CARGO_PKG_VERSION")),
                ("settings", &self.files.ini.user.display()),
                ("log", &self.files.log.display()),
            ],
        );
        Effect::Message(Message {
            owner: self.owner(),
            title: self.language.text(Text::AboutTitle).into(),
            text,
            is_warning: false,
        })
    }
}
