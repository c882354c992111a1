//! The settings dialog without its window: what is typed and selected, checked.
//!
//! Always: it yields nothing except [`NewSettings`], whose values are valid; every invalid field has
//! a note that says why.

use raa_core::settings::{Name, NameError};

use crate::capture::Device;
use crate::settings::{AddressError, ServerAddress, Source};
use crate::ui::texts::{Language, Text};

/// The values with which the dialog opens.
#[derive(Debug, Clone)]
pub(crate) struct FormValues {
    /// The server as people write it; empty if none is set.
    pub(crate) server: String,
    pub(crate) name: String,
    pub(crate) source: Source,
    /// The device's name when it was selected; may be empty.
    pub(crate) device_name: String,
    pub(crate) starts_with_windows: bool,
}

/// The values that the user accepts, all of them valid.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NewSettings {
    pub(crate) server: ServerAddress,
    pub(crate) name: Name,
    pub(crate) source: Source,
    /// The device's name; empty if the source is not a device.
    pub(crate) device_name: String,
    pub(crate) starts_with_windows: bool,
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
    server: String,
    /// The server in use.
    current_server: String,
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
            current_server: values.server.clone(),
            link_note: String::new(),
            server: values.server,
            name: values.name,
            sources: vec![SourceLine {
                device_name: values.device_name,
                source: values.source,
                is_connected: false,
            }],
            selected: 0,
            starts_with_windows: values.starts_with_windows,
            test: Test::NotRun,
            test_number: 0,
        };
        form.set_devices(devices);
        form
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
        let same = |line: &SourceLine| line.source == selected.source;
        self.selected = sources.iter().position(same).unwrap_or(sources.len());
        if self.selected == sources.len() {
            sources.push(SourceLine {
                is_connected: false,
                ..selected
            });
        }
        self.sources = sources;
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

    /// Returns all values; `None` while one is invalid.
    pub(crate) fn new_settings(&self) -> Option<NewSettings> {
        let line = &self.sources[self.selected];
        Some(NewSettings {
            server: self.checked_server().ok()?,
            name: Name::new(&self.name).ok()?,
            source: line.source.clone(),
            device_name: line.device_name.clone(),
            starts_with_windows: self.starts_with_windows,
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
        self.server.trim() == self.current_server && !self.link_note.is_empty()
    }
}

impl SourceLine {
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
