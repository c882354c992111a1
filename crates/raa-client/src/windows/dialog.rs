//! The settings dialog.
//!
//! It has no message loop of its own: the program's loop serves it, so that the tray icon keeps
//! working. A [`Form`] holds and checks what is typed and chosen; this module transfers it between the
//! form and the controls.
//!
//! Always: at most one is open; dropping it closes it.

mod controls;
mod procedure;
mod room;

use std::cell::Cell;

use windows::Win32::Foundation::HWND;
use windows::Win32::UI::WindowsAndMessaging::MSG;
use windows::core::Result;

use self::controls::Controls;
use self::room::Room;
use super::events::DialogEvent;
use super::handle::Window;
use super::icon::{OwnedIcon, Size, window_dpi};
use super::ids;
use crate::capture::Device;
use crate::settings::{ServerAddress, Source};
use crate::status::Status;
use crate::ui::form::{Form, FormValues, NewSettings};
use crate::ui::texts::{Language, Text};
use crate::ui::view::{self, METER_STEPS};

/// How often the level meter is updated.
const METER_EVERY_MS: u32 = 100;
/// The length of a field, in UTF-16 units; longer than allowed, so that the note can say so.
const MAX_SERVER_UNITS: u16 = 300;
const MAX_NAME_UNITS: u16 = 200;

thread_local! {
    /// The open dialog, for the program's message loop.
    static OPEN: Cell<Option<HWND>> = const { Cell::new(None) };
}

/// What the app must do after an event.
#[derive(Debug, PartialEq)]
pub(super) enum DialogAction {
    Nothing,
    /// Capture from this source, so that the meter shows its level.
    Preview(Source),
    /// List the devices again.
    ListDevices,
    /// Test this server; the result needs the number.
    Test(ServerAddress, usize),
    /// Update the level meter.
    UpdateMeter,
    /// Store and apply these settings.
    Accept(NewSettings),
    /// Discard all changes.
    Cancel,
}

/// The dialog; see the module's text.
#[derive(Debug)]
pub(super) struct Dialog {
    window: Window,
    controls: Controls,
    room: Room,
    form: Form,
    language: Language,
    /// The icons of the window, which must live as long.
    icons: [OwnedIcon; 2],
}

impl Dialog {
    /// Opens the dialog with the cursor in the server field.
    pub(super) fn open(
        values: FormValues,
        devices: Vec<Device>,
        language: Language,
    ) -> Result<Self> {
        let handle = procedure::create(language)?;
        let icons = [Size::Small, Size::Big]
            .map(|size| OwnedIcon::load(ids::ICON_ACTIVE, size, window_dpi(handle)));
        let dialog = Self {
            window: Window::of(handle),
            controls: Controls::of(handle),
            room: Room::default(),
            form: Form::new(values, devices, language),
            language,
            icons,
        };
        OPEN.set(Some(handle));
        dialog.fill();
        dialog.window.set_timer(ids::METER_TIMER, METER_EVERY_MS);
        let [small, big] = &dialog.icons;
        dialog.controls.set_icons(small, big);
        dialog.controls.show_window();
        dialog.controls.focus(ids::SERVER);
        Ok(dialog)
    }

    /// Returns the window that owns message boxes.
    pub(super) fn window(&self) -> Window {
        self.window
    }

    /// Brings the dialog to the front.
    pub(super) fn bring_to_front(&self) {
        self.controls.show_window();
    }

    /// Handles an event; returns what the app must do.
    pub(super) fn handle(&mut self, event: DialogEvent) -> DialogAction {
        let action = match event {
            DialogEvent::ServerEdited => {
                self.form.set_server(self.controls.text(ids::SERVER));
                DialogAction::Nothing
            }
            DialogEvent::NameEdited => {
                self.form.set_name(self.controls.text(ids::NAME));
                DialogAction::Nothing
            }
            DialogEvent::StartWithWindowsClicked => {
                let wanted = self.controls.is_checked(ids::START_WITH_WINDOWS);
                self.form.set_start_with_windows(wanted);
                DialogAction::Nothing
            }
            DialogEvent::SourceSelected => self.select_source(),
            DialogEvent::SourcesOpened => DialogAction::ListDevices,
            DialogEvent::TestPressed => self.begin_test(),
            DialogEvent::MeterDue => DialogAction::UpdateMeter,
            DialogEvent::Accepted => self
                .form
                .new_settings()
                .map_or(DialogAction::Nothing, DialogAction::Accept),
            DialogEvent::Cancelled => DialogAction::Cancel,
        };
        if event != DialogEvent::MeterDue {
            self.show();
        }
        action
    }

    /// Replaces the list of devices.
    pub(super) fn set_devices(&mut self, devices: Vec<Device>) {
        let before = self.form.sources();
        self.form.set_devices(devices);
        if self.form.sources() != before {
            self.show_sources();
        }
    }

    /// Returns the selected source.
    pub(super) fn source(&self) -> &Source {
        self.form.source()
    }

    /// Shows settings that have been changed elsewhere, except in the fields that the user has changed.
    pub(super) fn set_current(&mut self, values: FormValues) {
        let before = (self.form.sources(), self.form.selected());
        self.form.set_current(values);
        self.show_values();
        if (self.form.sources(), self.form.selected()) != before {
            self.show_sources();
        }
        self.show();
    }

    /// Shows whether the client starts with Windows.
    pub(super) fn set_start_with_windows(&mut self, on: bool) {
        self.form.changed_start_with_windows(on);
        self.controls.check(ids::START_WITH_WINDOWS, on);
    }

    /// Shows the result of a test, if it is still of interest.
    pub(super) fn end_test(&mut self, number: usize, result: String) {
        if self.form.end_test(number, result) {
            self.show();
        }
    }

    /// Shows the level, what is captured, and where it is sent.
    pub(super) fn show_sound(&mut self, status: &Status) {
        let sound = view::sound(status, self.language);
        self.controls.set_progress(ids::LEVEL, sound.meter);
        self.controls.set_text(ids::LEVEL_VALUE, &sound.level);
        self.controls.set_text(ids::SOUND_NOTE, &sound.note);
        if self.form.set_link_note(sound.link) {
            self.show();
        }
    }

    fn select_source(&mut self) -> DialogAction {
        let line = self.controls.selected(ids::SOURCE);
        if line.is_some_and(|line| self.form.select(line)) {
            DialogAction::Preview(self.form.source().clone())
        } else {
            DialogAction::Nothing
        }
    }

    fn begin_test(&mut self) -> DialogAction {
        let test = self.form.begin_test();
        test.map_or(DialogAction::Nothing, |(server, number)| {
            DialogAction::Test(server, number)
        })
    }

    /// Fills in all texts and values.
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
        self.controls.set_range(ids::LEVEL, METER_STEPS);
        self.show_values();
        self.show_sources();
        self.show();
    }

    /// Transfers the values of the form to the fields, except the list of sources.
    fn show_values(&self) {
        self.controls.set_text(ids::SERVER, self.form.server());
        self.controls.set_text(ids::NAME, self.form.name());
        let ticked = self.form.starts_with_windows();
        self.controls.check(ids::START_WITH_WINDOWS, ticked);
    }

    fn show_sources(&self) {
        self.controls
            .set_lines(ids::SOURCE, &self.form.sources(), self.form.selected());
    }

    fn show(&self) {
        let view = self.form.view();
        self.controls
            .make_room(&self.room, ids::SERVER_NOTE, &view.server_note);
        self.controls.set_text(ids::SERVER_NOTE, &view.server_note);
        self.controls.set_text(ids::NAME_NOTE, &view.name_note);
        // A disabled button must not keep the keyboard focus.
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
        self.window.kill_timer(ids::METER_TIMER);
        self.window.destroy();
    }
}

/// Lets the open dialog handle a message, such as Tab, Enter or Esc; returns whether it did.
pub(super) fn handles(message: &MSG) -> bool {
    OPEN.get()
        .is_some_and(|dialog| procedure::handles(dialog, message))
}
