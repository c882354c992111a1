//! The user interface: owns the client, the tray icon and the dialog, and decides what becomes of
//! each thing that happens to them.
//!
//! Always: one thread; nothing here waits for the network or for a person (see [`After`]).

mod answers;
mod events;
mod sending;
mod settings;

use std::fmt::Display;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use windows::Win32::Globalization::GetUserDefaultUILanguage;
use windows::Win32::UI::WindowsAndMessaging::{
    DispatchMessageW, GetMessageW, MSG, PostQuitMessage, TranslateMessage,
};

use self::answers::{Answer, Answers};
use self::events::After;
pub(super) use self::events::{Event, notify};
use self::sending::Sending;
use super::about::Message;
use super::dialog::{self, Dialog};
use super::tray::{self, Balloon, BalloonKind, Tray};
use super::window::Window;
use super::{AppStart, Files, autostart, clipboard, diagnose, shell};
use crate::settings::ini_files::Stored;
use crate::ui::server_test::Found;
use crate::ui::texts::{Language, Text};
use crate::ui::view::{self, Command, MenuState};

/// How long a person who wants the diagnostics waits for each step of the server's test.
const DIAGNOSTICS_LIMIT: Duration = Duration::from_secs(1);

/// Runs until the person, another start or the end of the session ends it.
pub(super) fn run(start: AppStart) -> ExitCode {
    let window = match Window::create_hidden() {
        Ok(window) => window,
        Err(error) => {
            tracing::error!("cannot make the hidden window: {error}");
            return ExitCode::FAILURE;
        }
    };
    events::install(App::new(start, window));
    serve_messages();
    events::remove();
    window.destroy();
    ExitCode::SUCCESS
}

/// See the module's text.
struct App {
    language: Language,
    window: Window,
    stored: Stored,
    files: Files,
    sending: Sending,
    tray: Tray,
    dialog: Option<Dialog>,
    answers: Answers,
    has_ended: bool,
}

impl App {
    fn new(start: AppStart, window: Window) -> Self {
        let language = language();
        let AppStart {
            stored,
            files,
            silent,
            first_run,
            faults,
        } = start;
        let sending = Sending::start(stored.settings(), stored.muted.unwrap_or(false), window);
        let tray = Tray::new(window, view::face(&sending.status(), language));
        let mut app = Self {
            language,
            window,
            stored,
            files,
            sending,
            tray,
            dialog: None,
            answers: Answers::new(window),
            has_ended: false,
        };
        if !silent && !faults.is_empty() {
            let faults: Vec<String> = faults.iter().map(|fault| language.fault(fault)).collect();
            app.balloon(Text::FaultsTitle, &faults.join("\n"), BalloonKind::Warning);
        }
        if !silent && first_run {
            notify(Event::ShowSettings);
        }
        app
    }

    fn handle(&mut self, event: Event) -> After {
        if self.has_ended {
            return After::Nothing;
        }
        match event {
            Event::StatusChanged => self.show_status(),
            Event::Answered => return self.take_answers(),
            Event::Tray(event) => return self.handle_tray(event),
            Event::TaskbarCreated => self.tray.taskbar_created(),
            Event::TrayDue => self.tray.retry(),
            Event::Chosen(command) => return self.obey(command),
            Event::Dialog(event) => return self.handle_dialog(event),
            Event::ShowSettings => return self.show_settings(),
            Event::Reload => self.reload(),
            Event::Quit | Event::SessionEnds => self.quit(),
        }
        After::Nothing
    }

    fn show_status(&mut self) {
        let status = self.sending.status();
        self.tray.show(view::face(&status, self.language));
    }

    fn handle_tray(&mut self, event: tray::Event) -> After {
        match event {
            tray::Event::Chosen => self.show_settings(),
            tray::Event::Menu(at) => After::Menu {
                owner: self.window,
                at,
                lines: view::menu(self.menu_state(), self.language),
            },
        }
    }

    fn menu_state(&self) -> MenuState {
        MenuState {
            muted: self.sending.status().muted,
            starts_with_windows: autostart::is_on(),
            has_page: self.stored.page().is_some(),
        }
    }

    fn obey(&mut self, command: Command) -> After {
        match command {
            Command::Settings => return self.show_settings(),
            Command::Mute => return self.mute(!self.sending.status().muted),
            Command::StartWithWindows => return self.start_with_windows(!autostart::is_on()),
            Command::OpenPage => return self.open_page(),
            Command::CopyDiagnostics => return self.copy_diagnostics(),
            Command::About => return self.about(),
            Command::Quit => self.quit(),
        }
        After::Nothing
    }

    fn mute(&mut self, muted: bool) -> After {
        // Whether that can be kept or not.
        self.sending.mute(muted);
        self.stored.muted = Some(muted);
        match self.files.ini.save(&self.stored) {
            Ok(_kept) => After::Nothing,
            Err(error) => self.warn(Text::NotSaved, &error),
        }
    }

    fn start_with_windows(&mut self, wanted: bool) -> After {
        match autostart::set(wanted) {
            Ok(()) => {
                if let Some(dialog) = &mut self.dialog {
                    dialog.set_start_with_windows(wanted);
                }
                After::Nothing
            }
            Err(error) => self.warn(Text::AutostartFailed, &error),
        }
    }

    fn open_page(&self) -> After {
        let Some(page) = self.stored.page() else {
            return After::Nothing;
        };
        let teller = self.answers.teller();
        let asked = page.clone();
        let opened = shell::open_page(asked.clone(), move |opened| {
            if let Err(error) = opened {
                let reason = error.to_string();
                let page = asked;
                teller.tell(Answer::PageFailed { page, reason });
            }
        });
        match opened {
            Ok(()) => After::Nothing,
            Err(error) => self.page_failed(&page, &error.to_string()),
        }
    }

    fn page_failed(&self, page: &str, reason: &str) -> After {
        let values: [(&str, &dyn Display); 2] = [("page", &page), ("reason", &reason)];
        self.message(self.language.fill(Text::PageFailed, &values))
    }

    /// With a test of the server, which takes a moment.
    fn copy_diagnostics(&mut self) -> After {
        let Some(server) = self.stored.server.clone() else {
            return self.copy(None);
        };
        let teller = self.answers.teller();
        let test = self.server_test(server);
        let run = move || teller.tell(Answer::Examined(test.run(DIAGNOSTICS_LIMIT)));
        if let Err(error) = thread::Builder::new().name("test".into()).spawn(run) {
            tracing::error!("cannot start the test's thread: {error}");
            return self.copy(None);
        }
        After::Nothing
    }

    fn copy(&mut self, found: Option<&Found>) -> After {
        let status = self.sending.status();
        let text = diagnose::text(&self.stored, &self.files, Some(&status), found);
        match clipboard::set_text(self.window, &text) {
            Ok(()) => {
                let text = self.language.text(Text::DiagnosticsCopied);
                self.balloon(Text::Product, text, BalloonKind::Info);
                After::Nothing
            }
            Err(error) => self.warn(Text::ClipboardFailed, &error),
        }
    }

    fn about(&self) -> After {
        let text = self.language.fill(
            Text::AboutMessage,
            &[
                ("version", &env!("CARGO_PKG_VERSION")),
                ("settings", &self.files.ini.user.display()),
                ("log", &self.files.log.display()),
            ],
        );
        After::Tell(Message {
            owner: self.owner(),
            title: self.language.text(Text::AboutTitle).into(),
            text,
            is_warning: false,
        })
    }

    /// Takes over what another start has written.
    fn reload(&mut self) {
        match self.files.ini.load() {
            Ok(loaded) => {
                self.stored = loaded.stored;
                self.sending.mute(self.stored.muted.unwrap_or(false));
                self.sending.change(self.stored.settings());
            }
            Err(error) => tracing::warn!("the settings stay as they are: {error}"),
        }
    }

    /// Leaves nothing behind, as the process may be ended as soon as this returns. The loop of
    /// messages ends, and with it every menu and message box.
    fn quit(&mut self) {
        self.has_ended = true;
        self.dialog = None;
        self.tray.remove();
        self.sending.end();
        end_messages();
    }

    fn take_answers(&mut self) -> After {
        match self.answers.take() {
            Some(Answer::Tested {
                number,
                host,
                found,
            }) => {
                let sentence = view::found::sentence(&host, &found, self.language);
                if let Some(dialog) = &mut self.dialog {
                    dialog.end_test(number, sentence);
                }
                After::Nothing
            }
            Some(Answer::Examined(found)) => self.copy(Some(&found)),
            Some(Answer::PageFailed { page, reason }) => self.page_failed(&page, &reason),
            None => After::Nothing,
        }
    }

    fn balloon(&mut self, title: Text, text: &str, kind: BalloonKind) {
        self.tray.balloon(Balloon {
            title: self.language.text(title).into(),
            text: text.into(),
            kind,
        });
    }

    fn warn(&self, text: Text, reason: &dyn Display) -> After {
        self.message(self.language.fill(text, &[("reason", reason)]))
    }

    fn message(&self, text: String) -> After {
        tracing::warn!("{text}");
        After::Tell(Message {
            owner: self.owner(),
            title: self.language.text(Text::Product).into(),
            text,
            is_warning: true,
        })
    }

    /// Who waits for a message box.
    fn owner(&self) -> Window {
        self.dialog.as_ref().map_or(self.window, Dialog::window)
    }
}

#[allow(unsafe_code)]
fn serve_messages() {
    let mut message = MSG::default();
    // SAFETY: the message lives here and was filled before it is passed on. 0 is the end, and an
    // error would mean that there is no message.
    unsafe {
        while GetMessageW(&raw mut message, None, 0, 0).0 > 0 {
            if !dialog::takes(&message) {
                let _ = TranslateMessage(&raw const message);
                DispatchMessageW(&raw const message);
            }
        }
    }
}

#[allow(unsafe_code)]
fn end_messages() {
    // SAFETY: takes a number.
    unsafe { PostQuitMessage(0) };
}

#[allow(unsafe_code)]
fn language() -> Language {
    // SAFETY: takes nothing.
    Language::from_identifier(unsafe { GetUserDefaultUILanguage() })
}
