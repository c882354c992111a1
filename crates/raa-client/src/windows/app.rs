//! The user interface: owns the client, the tray icon and the dialog, and handles their events.
//!
//! Always: one thread; nothing here waits for the network or the user (see [`Effect`]).

mod commands;
mod results;
mod sending;
mod settings;
mod turn;

use std::fmt::Display;
use std::process::ExitCode;
use std::thread;

use windows::Win32::Globalization::GetUserDefaultUILanguage;
use windows::Win32::UI::WindowsAndMessaging::{
    DispatchMessageW, GetMessageW, MSG, PostQuitMessage, TranslateMessage,
};

use self::results::{Outcome, Results};
use self::sending::Sending;
use super::dialog::{self, Dialog};
use super::events::{self, Effect, Event, TrayEvent, notify};
use super::handle::Window;
use super::message_box::Message;
use super::paths::Files;
use super::session::GlobalMarks;
use super::tray::{Balloon, BalloonKind, Tray};
use super::{autostart, instance, window};
use crate::settings::{Fault, IniFiles, Ssrc, Stamp, Stored, Watch};
use crate::ui::texts::{Language, Text};
use crate::ui::turn::Turn;
use crate::ui::view::{self, MenuState};
use crate::ui::{log_file, server_test};

/// The initial state of the user interface.
#[derive(Debug)]
pub(super) struct AppStart {
    /// All layers of the settings in one, with an SSRC.
    pub(super) stored: Stored,
    /// The settings and the log; `files.ini` loads and saves the settings.
    pub(super) files: Files,
    /// Never show a dialog, message box or balloon.
    pub(super) silent: bool,
    /// No server is set; the dialog opens at the start unless silent.
    pub(super) first_run: bool,
    /// Faults in the settings files, which have been logged already.
    pub(super) faults: Vec<Fault>,
    /// The settings files before they were read.
    pub(super) looked: Stamp,
    /// Settings of the command line that could not be saved.
    pub(super) unsaved: Stored,
}

/// Runs until the user, another start or the end of the session ends the program.
pub(super) fn run(start: AppStart) -> ExitCode {
    let window = match window::create_hidden(start.files.folder()) {
        Ok(window) => window,
        Err(error) => {
            tracing::error!("cannot create the hidden window: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut app = App::new(start, window);
    events::install(move |event| app.handle(event));
    serve_messages();
    events::remove();
    window.destroy();
    ExitCode::SUCCESS
}

/// The user interface; see the module's text.
struct App {
    language: Language,
    window: Window,
    /// All layers of the settings in one, as the files were read last.
    stored: Stored,
    /// Changes that could not be saved; they are used until this client ends.
    unsaved: Stored,
    /// The faults in the files, as they were reported last.
    faults: Vec<Fault>,
    silent: bool,
    files: Files,
    turn: Turn<GlobalMarks>,
    sending: Sending,
    tray: Tray,
    dialog: Option<Dialog>,
    results: Results,
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
            looked,
            unsaved,
        } = start;
        watch_files(files.ini.clone(), looked, window);
        let results = Results::new(window);
        let muted = stored.muted.unwrap_or(false);
        let mut sending = Sending::new(stored.settings(), muted, window, results.sender());
        let (turn, is_paused) = turn::begin(window);
        sending.pause(is_paused);
        let tray = Tray::new(window, view::tray(&sending.status(), language));
        let mut app = Self {
            language,
            window,
            stored,
            unsaved,
            faults: Vec::new(),
            silent,
            files,
            turn,
            sending,
            tray,
            dialog: None,
            results,
            has_ended: false,
        };
        app.show_faults(&faults);
        app.faults = faults;
        if !silent && first_run {
            notify(Event::ShowSettings);
        }
        app
    }

    fn handle(&mut self, event: Event) -> Effect {
        if self.has_ended {
            return Effect::Nothing;
        }
        match event {
            Event::StatusChanged => self.show_status(),
            Event::ResultReady => return self.take_result(),
            Event::Tray(event) => return self.handle_tray(event),
            Event::TaskbarCreated => self.tray.taskbar_created(),
            Event::TrayRetryDue => self.tray.retry(),
            Event::MenuChosen(command) => return self.execute(command),
            Event::Dialog(event) => return self.handle_dialog(event),
            Event::ShowSettings => return self.show_settings(),
            Event::Reload => self.reload(),
            Event::SessionMoved(place) => self.move_session(place),
            Event::TurnDue => self.take_turn(),
            Event::FallsAsleep => self.fall_asleep(),
            Event::Awake => self.wake(),
            Event::Asked(by) => self.asked(by),
            Event::Quit | Event::SessionEnds => self.quit(),
        }
        Effect::Nothing
    }

    /// Reports faults in the settings files, unless they are the same as before.
    fn report(&mut self, faults: Vec<Fault>) {
        if faults == self.faults {
            return;
        }
        for fault in &faults {
            tracing::warn!("{fault}");
        }
        self.show_faults(&faults);
        self.faults = faults;
    }

    fn show_faults(&mut self, faults: &[Fault]) {
        if self.silent || faults.is_empty() {
            return;
        }
        let faults: Vec<String> = faults
            .iter()
            .map(|fault| self.language.fault(fault))
            .collect();
        self.balloon(Text::FaultsTitle, &faults.join("\n"), BalloonKind::Warning);
    }

    fn show_status(&mut self) {
        let status = self.sending.status();
        self.tray.show(view::tray(&status, self.language));
    }

    fn handle_tray(&mut self, event: TrayEvent) -> Effect {
        match event {
            TrayEvent::Selected => self.show_settings(),
            TrayEvent::Menu(at) => Effect::Menu {
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

    /// Ends everything, because the process may be killed as soon as this returns. Ending the message
    /// loop also closes any menu or message box.
    fn quit(&mut self) {
        self.has_ended = true;
        self.dialog = None;
        self.tray.remove();
        self.sending.end();
        log_file::flush();
        end_messages();
    }

    fn take_result(&mut self) -> Effect {
        match self.results.take() {
            Some(Outcome::Tested {
                number,
                host,
                tested,
            }) => {
                let text = server_test::text::sentence(&host, &tested, self.language);
                if let Some(dialog) = &mut self.dialog {
                    dialog.end_test(number, text);
                }
                Effect::Nothing
            }
            Some(Outcome::Diagnosed(tested)) => self.copy(Some(&tested)),
            Some(Outcome::Asked { by, tested }) => {
                self.answer(by, Some(&tested));
                Effect::Nothing
            }
            Some(Outcome::NewSsrc(ssrc)) => {
                self.keep_ssrc(ssrc);
                Effect::Nothing
            }
            Some(Outcome::PageFailed { page, reason }) => self.page_failed(&page, &reason),
            None => Effect::Nothing,
        }
    }

    /// Stores the SSRC that the client has chosen in place of one that another computer has. One that
    /// can't be stored holds until the client ends.
    fn keep_ssrc(&mut self, ssrc: Ssrc) {
        self.stored.ssrc = Some(ssrc);
        self.sending.note_ssrc(ssrc);
        if let Err(error) = self.files.ini.keep_ssrc(ssrc) {
            tracing::warn!("cannot save ssrc = {ssrc}: {error}");
        }
    }

    fn balloon(&mut self, title: Text, text: &str, kind: BalloonKind) {
        self.tray.balloon(Balloon {
            title: self.language.text(title).into(),
            text: text.into(),
            kind,
        });
    }

    fn warn(&self, text: Text, reason: &dyn Display) -> Effect {
        self.message(self.language.fill(text, &[("reason", reason)]))
    }

    fn message(&self, text: String) -> Effect {
        tracing::warn!("{text}");
        Effect::Message(Message {
            owner: self.owner(),
            title: self.language.text(Text::Product).into(),
            text,
            is_warning: true,
        })
    }

    /// Returns the window that owns message boxes.
    fn owner(&self) -> Window {
        self.dialog.as_ref().map_or(self.window, Dialog::window)
    }
}

/// Watches the settings files in a thread, which posts a message for every change. A look may take long
/// where the folder is on a network.
fn watch_files(files: IniFiles, looked: Stamp, window: Window) {
    let mut watch = Watch::since(looked);
    let run = move || {
        loop {
            thread::sleep(watch.pause());
            if watch.has_changed(files.stamp()) {
                window.post(*instance::RELOAD);
            }
        }
    };
    if let Err(error) = thread::Builder::new().name("settings".into()).spawn(run) {
        tracing::error!("changes of the settings files will not be noticed: {error}");
    }
}

#[allow(unsafe_code)]
fn serve_messages() {
    let mut message = MSG::default();
    // 0 means the end, a negative value an error; neither comes with a message.
    // SAFETY: the message is a local variable.
    while unsafe { GetMessageW(&raw mut message, None, 0, 0) }.0 > 0 {
        if !dialog::handles(&message) {
            // SAFETY: the message was filled above.
            let _ = unsafe { TranslateMessage(&raw const message) };
            // SAFETY: as above.
            unsafe { DispatchMessageW(&raw const message) };
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
