//! The settings dialog without its window: what is typed and selected, checked.
//!
//! Always: it yields nothing except [`NewSettings`], whose values are valid and which leave out what
//! the person has not changed: it may have been changed elsewhere meanwhile; every invalid field has a
//! note that says why.

use raa_core::settings::{Name, NameError};

use crate::capture::Device;
use crate::settings::{AddressError, ServerAddress, Source};
use crate::ui::texts::{Language, Text};

/// The values with which the dialog opens.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FormValues {
    /// The server as people write it; empty if none is set.
    pub(crate) server: String,
    pub(crate) name: String,
    pub(crate) source: Source,
    /// The device's name when it was selected; may be empty.
    pub(crate) device_name: String,
    pub(crate) starts_with_windows: bool,
}

/// The values that the user accepts, all of them valid; `None` for what the user has not changed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NewSettings {
    pub(crate) server: Option<ServerAddress>,
    pub(crate) name: Option<Name>,
    pub(crate) source: Option<NewSource>,
    pub(crate) starts_with_windows: Option<bool>,
}

/// The source that the user has selected.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NewSource {
    pub(crate) source: Source,
    /// The device's name; empty if the source is not a device.
    pub(crate) device_name: String,
}

/// Notes and buttons of the dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FormView {
    /// The text below the server field.
    pub(crate) server_note: String,
    /// The text below the name field.
    pub(crate) name_note: String,
    /// Whether the OK button is enabled.
    pub(crate) can_accept: bool,
    /// Whether the Test button is enabled.
    pub(crate) can_test: bool,
}

/// A line of the list of sources.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SourceLine {
    source: Source,
    /// Empty if the source is not a device.
    device_name: String,
    is_connected: bool,
}

/// The test of the typed server.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    NotRun,
    Running,
    Done(String),
}

/// The content of the dialog.
#[derive(Debug)]
pub(crate) struct Form {
    language: Language,
    /// The settings in use.
    current: FormValues,
    server: String,
    /// The state of the link to the server in use.
    link_note: String,
    name: String,
    sources: Vec<SourceLine>,
    selected: usize,
    starts_with_windows: bool,
    test: Test,
    /// Counts tests and edits of the server field, so that an outdated result is recognized.
    test_number: usize,
}

impl Form {
    /// Creates a form with the current settings.
    pub(crate) fn new(values: FormValues, devices: Vec<Device>, language: Language) -> Self {
        let mut form = Self {
            language,
            link_note: String::new(),
            server: values.server.clone(),
            name: values.name.clone(),
            sources: vec![SourceLine::of(&values)],
            selected: 0,
            starts_with_windows: values.starts_with_windows,
            current: values,
            test: Test::NotRun,
            test_number: 0,
        };
        form.set_devices(devices);
        form
    }

    /// Takes settings that have been changed elsewhere into the fields that the user has not changed.
    pub(crate) fn set_current(&mut self, values: FormValues) {
        if self.server == self.current.server {
            self.set_server(values.server.clone());
        }
        if self.name == self.current.name {
            self.set_name(values.name.clone());
        }
        if self.starts_with_windows == self.current.starts_with_windows {
            self.starts_with_windows = values.starts_with_windows;
        }
        if *self.source() == self.current.source {
            self.select_absent(SourceLine::of(&values));
        }
        self.current = values;
    }

    /// Replaces the list of devices. The selected source stays selected, connected or not.
    pub(crate) fn set_devices(&mut self, devices: Vec<Device>) {
        let selected = self.sources.swap_remove(self.selected);
        let mut sources = vec![SourceLine {
            source: Source::Automatic,
            device_name: String::new(),
            is_connected: true,
        }];
        sources.extend(devices.into_iter().map(|device| SourceLine {
            source: Source::Device(device.id),
            device_name: device.name,
            is_connected: true,
        }));
        self.sources = sources;
        self.select_absent(selected);
    }

    /// Selects a source, which is added if it is not in the list.
    fn select_absent(&mut self, line: SourceLine) {
        let same = |other: &SourceLine| other.source == line.source;
        let found = self.sources.iter().position(same);
        self.selected = found.unwrap_or(self.sources.len());
        if found.is_none() {
            self.sources.push(SourceLine {
                is_connected: false,
                ..line
            });
        }
    }

    /// Returns the lines of the list of sources.
    pub(crate) fn sources(&self) -> Vec<String> {
        self.sources
            .iter()
            .map(|line| line.text(self.language))
            .collect()
    }

    /// Returns the index of the selected source.
    pub(crate) fn selected(&self) -> usize {
        self.selected
    }

    /// Selects a source; returns whether the selection has changed.
    pub(crate) fn select(&mut self, line: usize) -> bool {
        let changed = line < self.sources.len() && line != self.selected;
        if changed {
            self.selected = line;
        }
        changed
    }

    /// Returns the selected source.
    pub(crate) fn source(&self) -> &Source {
        &self.sources[self.selected].source
    }

    /// Returns the text of the server field.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// Returns the text of the name field.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether the client must start with Windows.
    pub(crate) fn starts_with_windows(&self) -> bool {
        self.starts_with_windows
    }

    /// Takes the text of the server field. An edit makes the result of a test obsolete.
    pub(crate) fn set_server(&mut self, text: String) {
        if text != self.server {
            self.server = text;
            self.test = Test::NotRun;
            self.test_number += 1;
        }
    }

    /// Takes the state of the link to the server in use; returns whether it has changed.
    pub(crate) fn set_link_note(&mut self, note: String) -> bool {
        let has_changed = note != self.link_note;
        self.link_note = note;
        has_changed
    }

    /// Takes the text of the name field.
    pub(crate) fn set_name(&mut self, text: String) {
        self.name = text;
    }

    /// Takes the state of the check box.
    pub(crate) fn set_start_with_windows(&mut self, checked: bool) {
        self.starts_with_windows = checked;
    }

    /// Takes a change of the start with Windows that was made elsewhere, such as in the menu.
    pub(crate) fn changed_start_with_windows(&mut self, on: bool) {
        self.starts_with_windows = on;
        self.current.starts_with_windows = on;
    }

    /// Starts a test; returns the server and the number of the test. `None` if the server is invalid
    /// or a test is running.
    pub(crate) fn begin_test(&mut self) -> Option<(ServerAddress, usize)> {
        let server = self.checked_server().ok()?;
        if self.test == Test::Running {
            return None;
        }
        self.test = Test::Running;
        self.test_number += 1;
        Some((server, self.test_number))
    }

    /// Takes the result of a test; returns whether it belongs to the running one.
    pub(crate) fn end_test(&mut self, number: usize, result: String) -> bool {
        let is_current = number == self.test_number && self.test == Test::Running;
        if is_current {
            self.test = Test::Done(result);
        }
        is_current
    }

    /// Returns the current notes and buttons.
    pub(crate) fn view(&self) -> FormView {
        let (server, name) = (self.checked_server(), Name::new(&self.name));
        FormView {
            can_accept: server.is_ok() && name.is_ok(),
            can_test: server.is_ok() && self.test != Test::Running,
            server_note: self.server_note(server.err()),
            name_note: name_note(name.err(), self.language),
        }
    }

    /// Returns the values that the user has changed; `None` while a field is invalid.
    pub(crate) fn new_settings(&self) -> Option<NewSettings> {
        let (server, name) = (self.checked_server().ok()?, Name::new(&self.name).ok()?);
        let SourceLine {
            source,
            device_name,
            ..
        } = self.sources[self.selected].clone();
        let has_source = source != self.current.source;
        Some(NewSettings {
            server: Some(server).filter(|_| self.server.trim() != self.current.server),
            name: Some(name).filter(|_| self.name != self.current.name),
            source: has_source.then_some(NewSource {
                source,
                device_name,
            }),
            starts_with_windows: Some(self.starts_with_windows)
                .filter(|wanted| *wanted != self.current.starts_with_windows),
        })
    }

    /// Checks the server field.
    fn checked_server(&self) -> Result<ServerAddress, Text> {
        let text = self.server.trim();
        if text.is_empty() {
            return Err(Text::ServerHint);
        }
        text.parse().map_err(|error| match error {
            AddressError::Host => Text::ServerHost,
            AddressError::Port => Text::ServerPort,
            AddressError::Brackets => Text::ServerBrackets,
            AddressError::Scheme => Text::ServerScheme,
        })
    }

    fn server_note(&self, fault: Option<Text>) -> String {
        let text = match (fault, &self.test) {
            (Some(fault), _) => fault,
            (None, Test::Done(result)) => return result.clone(),
            (None, Test::Running) => Text::TestRunning,
            (None, Test::NotRun) if self.shows_link() => return self.link_note.clone(),
            (None, Test::NotRun) => Text::ServerHint,
        };
        self.language.text(text).into()
    }

    fn shows_link(&self) -> bool {
        self.server.trim() == self.current.server && !self.link_note.is_empty()
    }
}

impl SourceLine {
    fn of(values: &FormValues) -> Self {
        Self {
            source: values.source.clone(),
            device_name: values.device_name.clone(),
            is_connected: false,
        }
    }

    fn text(&self, language: Language) -> String {
        let device = match &self.source {
            Source::Automatic => return language.text(Text::SourceAutomatic).into(),
            Source::Device(id) if self.device_name.is_empty() => id,
            Source::Device(_) => &self.device_name,
            other => &format!("{other:?}"),
        };
        if self.is_connected {
            device.clone()
        } else {
            language.fill(Text::SourceAbsent, &[("device", device)])
        }
    }
}

fn name_note(fault: Option<NameError>, language: Language) -> String {
    match fault {
        None => language.text(Text::NameHint).into(),
        Some(NameError::Length(count)) => language.fill(Text::NameLength, &[("count", &count)]),
        Some(NameError::Control(_)) => language.text(Text::NameControl).into(),
        Some(NameError::Invisible) => language.text(Text::NameInvisible).into(),
    }
}

#[cfg(test)]
mod tests;
