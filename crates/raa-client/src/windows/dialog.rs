//! The settings dialog.
//!
//! It has no loop of its own: the program's loop serves it, so that the tray icon stays alive. What
//! is typed and chosen goes into a [`Form`], which knows what it means; this module carries it to
//! and fro.
//!
//! Always: one at most; gone when this is dropped.

mod controls;
mod procedure;

use std::cell::Cell;

use windows::Win32::Foundation::HWND;
use windows::Win32::UI::WindowsAndMessaging::MSG;
use windows::core::Result;

use self::controls::Controls;
pub(super) use self::procedure::Event;
use super::icon::{OwnedIcon, Size, window_dpi};
use super::ids;
use super::window::Window;
use crate::capture::Device;
use crate::settings::{ServerAddress, Source};
use crate::status::Status;
use crate::ui::texts::{Language, Text};
use crate::ui::view::form::{Form, Opening, Wanted};
use crate::ui::view::{self, METER_STEPS};

/// How often the level meter moves.
const METER_EVERY_MS: u32 = 100;
/// The procedure knows the timer by it.
const METER_TIMER: usize = 1;
/// A field takes what is too long by some characters, so that its sentence can say so.
const MAX_SERVER_UNITS: u16 = 300;
const MAX_NAME_UNITS: u16 = 200;

thread_local! {
    /// For the program's loop.
    static OPEN: Cell<Option<HWND>> = const { Cell::new(None) };
}

/// What the person wants the app to do.
#[derive(Debug, PartialEq)]
pub(super) enum Wish {
    /// Nothing.
    Nothing,
    /// Show the level of this source.
    Preview(Source),
    /// Show which devices there are.
    ListDevices,
    /// Look for this server; the number belongs to the answer.
    Test(ServerAddress, usize),
    /// Move the meter.
    Meter,
    /// Take this over.
    Accept(Wanted),
    /// Leave everything as it was.
    Cancel,
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Dialog {
    window: Window,
    controls: Controls,
    form: Form,
    language: Language,
    /// Shown by the window, so they live as long.
    icons: [OwnedIcon; 2],
}

impl Dialog {
    /// Opens it, with the cursor in the server's field.
    ///
    /// # Errors
    /// When the system cannot make it.
    pub(super) fn open(opening: Opening, devices: Vec<Device>, language: Language) -> Result<Self> {
        let handle = procedure::create(language)?;
        let icons = [Size::Small, Size::Big]
            .map(|size| OwnedIcon::load(ids::ICON_ACTIVE, size, window_dpi(handle)));
        let dialog = Self {
            window: Window::of(handle),
            controls: Controls::of(handle),
            form: Form::new(opening, devices, language),
            language,
            icons,
        };
        OPEN.set(Some(handle));
        dialog.fill();
        dialog.window.set_timer(METER_TIMER, METER_EVERY_MS);
        let [small, big] = &dialog.icons;
        dialog.controls.set_icons(small, big);
        dialog.controls.show_window();
        dialog.controls.focus(ids::SERVER);
        Ok(dialog)
    }

    /// The owner of what is to be answered before the dialog goes on.
    pub(super) fn window(&self) -> Window {
        self.window
    }

    /// Brings it before all other windows.
    pub(super) fn bring_to_front(&self) {
        self.controls.show_window();
    }

    /// Takes what the person did.
    pub(super) fn handle(&mut self, event: Event) -> Wish {
        let wish = match event {
            Event::ServerTyped => {
                self.form.type_server(self.controls.text(ids::SERVER));
                Wish::Nothing
            }
            Event::NameTyped => {
                self.form.type_name(self.controls.text(ids::NAME));
                Wish::Nothing
            }
            Event::StartWithWindowsClicked => {
                let wanted = self.controls.is_checked(ids::START_WITH_WINDOWS);
                self.form.start_with_windows(wanted);
                Wish::Nothing
            }
            Event::SourceChosen => self.choose_source(),
            Event::SourcesOpened => Wish::ListDevices,
            Event::TestPressed => self.begin_test(),
            Event::MeterDue => Wish::Meter,
            Event::Accepted => self.form.wanted().map_or(Wish::Nothing, Wish::Accept),
            Event::Cancelled => Wish::Cancel,
        };
        if event != Event::MeterDue {
            self.show();
        }
        wish
    }

    /// The devices that are there now.
    pub(super) fn set_devices(&mut self, devices: Vec<Device>) {
        let before = self.form.choices();
        self.form.set_devices(devices);
        if self.form.choices() != before {
            self.show_sources();
        }
    }

    /// The client starts with Windows now, or no longer.
    pub(super) fn set_start_with_windows(&mut self, on: bool) {
        self.form.start_with_windows(on);
        self.controls.check(ids::START_WITH_WINDOWS, on);
    }

    /// A test has ended.
    pub(super) fn end_test(&mut self, number: usize, sentence: String) {
        if self.form.end_test(number, sentence) {
            self.show();
        }
    }

    /// Moves the meter, and says what is captured and where it goes.
    pub(super) fn show_sound(&mut self, status: &Status) {
        let sound = view::sound(status, self.language);
        self.controls.set_progress(ids::LEVEL, sound.meter);
        self.controls.set_text(ids::LEVEL_VALUE, &sound.level);
        self.controls.set_text(ids::SOUND_NOTE, &sound.note);
        if self.form.set_link_note(sound.link) {
            self.show();
        }
    }

    fn choose_source(&mut self) -> Wish {
        let line = self.controls.chosen(ids::SOURCE);
        if line.is_some_and(|line| self.form.choose(line)) {
            Wish::Preview(self.form.source().clone())
        } else {
            Wish::Nothing
        }
    }

    fn begin_test(&mut self) -> Wish {
        let test = self.form.begin_test();
        test.map_or(Wish::Nothing, |(server, number)| Wish::Test(server, number))
    }

    /// Everything that is not typed by the person.
    fn fill(&self) {
        self.controls
            .set_title(self.language.text(Text::DialogTitle));
        for (id, text) in [
            (ids::SERVER_LABEL, Text::ServerLabel),
            (ids::TEST, Text::TestButton),
            (ids::NAME_LABEL, Text::NameLabel),
            (ids::SOURCE_LABEL, Text::SourceLabel),
            (ids::LEVEL_LABEL, Text::LevelLabel),
            (ids::START_WITH_WINDOWS, Text::StartWithWindows),
            (controls::OK, Text::Ok),
            (controls::CANCEL, Text::Cancel),
        ] {
            self.controls.set_text(id, self.language.text(text));
        }
        self.controls.limit(ids::SERVER, MAX_SERVER_UNITS);
        self.controls.limit(ids::NAME, MAX_NAME_UNITS);
        self.controls.set_text(ids::SERVER, self.form.server());
        self.controls.set_text(ids::NAME, self.form.name());
        let ticked = self.form.starts_with_windows();
        self.controls.check(ids::START_WITH_WINDOWS, ticked);
        self.controls.set_range(ids::LEVEL, METER_STEPS);
        self.show_sources();
        self.show();
    }

    fn show_sources(&self) {
        self.controls
            .set_lines(ids::SOURCE, &self.form.choices(), self.form.chosen());
    }

    fn show(&self) {
        let view = self.form.view();
        self.controls.set_text(ids::SERVER_NOTE, &view.server_note);
        self.controls.set_text(ids::NAME_NOTE, &view.name_note);
        // The keyboard would be lost in a button that is disabled.
        if !view.can_test && self.controls.has_focus(ids::TEST) {
            self.controls.focus(ids::SERVER);
        }
        self.controls.enable(ids::TEST, view.can_test);
        self.controls.enable(controls::OK, view.can_accept);
    }
}

impl Drop for Dialog {
    fn drop(&mut self) {
        OPEN.set(None);
        self.window.kill_timer(METER_TIMER);
        self.window.destroy();
    }
}

/// Whether the message was one for the open dialog: Tab, Enter, Esc, Alt and a letter.
pub(super) fn takes(message: &MSG) -> bool {
    OPEN.get()
        .is_some_and(|dialog| procedure::takes(dialog, message))
}
