//! The settings dialog without its window: what has been typed and chosen, and what that means.
//!
//! Always: nothing is taken over from it but a [`Wanted`], whose values have been checked; every
//! field that is wrong has its sentence.

use raa_core::settings::{Name, NameError};

use crate::capture::Device;
use crate::settings::{AddressError, ServerAddress, Source};
use crate::ui::texts::{Language, Text};

/// What the dialog is opened with.
#[derive(Debug, Clone)]
pub(crate) struct Opening {
    /// The server, as a person would type it; empty while there is none.
    pub(crate) server: String,
    /// The name.
    pub(crate) name: String,
    /// The source in use.
    pub(crate) source: Source,
    /// The name of the device in use, as it was when it was chosen; may be empty.
    pub(crate) device_name: String,
    /// Whether the client starts with Windows.
    pub(crate) starts_with_windows: bool,
}

/// What the person wants, checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wanted {
    /// Where to send.
    pub(crate) server: ServerAddress,
    /// What to be called.
    pub(crate) name: Name,
    /// What to send.
    pub(crate) source: Source,
    /// The device's name; empty where the source is none.
    pub(crate) device_name: String,
    /// Whether to start with Windows.
    pub(crate) starts_with_windows: bool,
}

/// What the dialog shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    /// The sentence below the server's field.
    pub(crate) server_note: String,
    /// The sentence below the name's field.
    pub(crate) name_note: String,
    /// Whether OK can be pressed.
    pub(crate) can_accept: bool,
    /// Whether Test can be pressed.
    pub(crate) can_test: bool,
}

/// A line of the list of sources.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Choice {
    source: Source,
    /// Empty for what is no device.
    device_name: String,
    /// It is there now.
    connected: bool,
}

/// Whether the typed server was tested.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    NotRun,
    Running,
    Done(String),
}

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Form {
    language: Language,
    server: String,
    /// The server in use, and what is known of the way to it.
    used_server: String,
    link_note: String,
    name: String,
    choices: Vec<Choice>,
    chosen: usize,
    starts_with_windows: bool,
    test: Test,
    /// Counts tests and what was typed, so that the answer to an old question is known as one.
    question: usize,
}

impl Form {
    /// A form that shows what is set.
    pub(crate) fn new(opening: Opening, devices: Vec<Device>, language: Language) -> Self {
        let mut form = Self {
            language,
            used_server: opening.server.clone(),
            link_note: String::new(),
            server: opening.server,
            name: opening.name,
            choices: vec![Choice {
                device_name: opening.device_name,
                source: opening.source,
                connected: false,
            }],
            chosen: 0,
            starts_with_windows: opening.starts_with_windows,
            test: Test::NotRun,
            question: 0,
        };
        form.set_devices(devices);
        form
    }

    /// Takes the devices that are there now; what was chosen stays chosen, there or not.
    pub(crate) fn set_devices(&mut self, devices: Vec<Device>) {
        let chosen = self.choices.swap_remove(self.chosen);
        let mut choices = vec![Choice {
            source: Source::Automatic,
            device_name: String::new(),
            connected: true,
        }];
        choices.extend(devices.into_iter().map(|device| Choice {
            source: Source::Device(device.id),
            device_name: device.name,
            connected: true,
        }));
        let same = |choice: &Choice| choice.source == chosen.source;
        self.chosen = choices.iter().position(same).unwrap_or(choices.len());
        if self.chosen == choices.len() {
            choices.push(Choice {
                connected: false,
                ..chosen
            });
        }
        self.choices = choices;
    }

    /// The lines of the list of sources.
    pub(crate) fn choices(&self) -> Vec<String> {
        self.choices
            .iter()
            .map(|choice| choice.text(self.language))
            .collect()
    }

    /// Which of them is chosen.
    pub(crate) fn chosen(&self) -> usize {
        self.chosen
    }

    /// The person chose this line; whether it is another than before.
    pub(crate) fn choose(&mut self, line: usize) -> bool {
        let changed = line < self.choices.len() && line != self.chosen;
        if changed {
            self.chosen = line;
        }
        changed
    }

    /// The source of the chosen line.
    pub(crate) fn source(&self) -> &Source {
        &self.choices[self.chosen].source
    }

    /// The server's field, as it is.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// The name's field, as it is.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the client is to start with Windows.
    pub(crate) fn starts_with_windows(&self) -> bool {
        self.starts_with_windows
    }

    /// The person typed in the server's field: what a test said is of no account any more.
    pub(crate) fn type_server(&mut self, text: String) {
        if text != self.server {
            self.server = text;
            self.test = Test::NotRun;
            self.question += 1;
        }
    }

    /// What is known of the way to the server in use; whether that is new.
    pub(crate) fn set_link_note(&mut self, note: String) -> bool {
        let is_new = note != self.link_note;
        self.link_note = note;
        is_new
    }

    /// The person typed in the name's field.
    pub(crate) fn type_name(&mut self, text: String) {
        self.name = text;
    }

    /// The person ticked the box, or took the tick away.
    pub(crate) fn start_with_windows(&mut self, wanted: bool) {
        self.starts_with_windows = wanted;
    }

    /// The server to test and the number of the test; `None` where there is nothing to test.
    pub(crate) fn begin_test(&mut self) -> Option<(ServerAddress, usize)> {
        let server = self.checked_server().ok()?;
        if self.test == Test::Running {
            return None;
        }
        self.test = Test::Running;
        self.question += 1;
        Some((server, self.question))
    }

    /// A test has ended; whether it was the one that is waited for.
    pub(crate) fn end_test(&mut self, number: usize, sentence: String) -> bool {
        let awaited = number == self.question && self.test == Test::Running;
        if awaited {
            self.test = Test::Done(sentence);
        }
        awaited
    }

    /// What is to be shown now.
    pub(crate) fn view(&self) -> View {
        let (server, name) = (self.checked_server(), Name::new(&self.name));
        View {
            can_accept: server.is_ok() && name.is_ok(),
            can_test: server.is_ok() && self.test != Test::Running,
            server_note: self.server_note(server.err()),
            name_note: name_note(name.err(), self.language),
        }
    }

    /// Everything as the person wants it; `None` while something is wrong.
    pub(crate) fn wanted(&self) -> Option<Wanted> {
        let choice = &self.choices[self.chosen];
        Some(Wanted {
            server: self.checked_server().ok()?,
            name: Name::new(&self.name).ok()?,
            source: choice.source.clone(),
            device_name: choice.device_name.clone(),
            starts_with_windows: self.starts_with_windows,
        })
    }

    /// White space around it comes with what is pasted.
    fn checked_server(&self) -> Result<ServerAddress, Text> {
        let text = self.server.trim();
        if text.is_empty() {
            return Err(Text::ServerHint);
        }
        if text.contains('/') {
            return Err(Text::ServerUrl);
        }
        text.parse().map_err(|error| match error {
            AddressError::Host(_) => Text::ServerHost,
            AddressError::Port(_) => Text::ServerPort,
            AddressError::Brackets(_) => Text::ServerBrackets,
        })
    }

    fn server_note(&self, fault: Option<Text>) -> String {
        let text = match (fault, &self.test) {
            (Some(fault), _) => fault,
            (None, Test::Done(sentence)) => return sentence.clone(),
            (None, Test::Running) => Text::TestRunning,
            (None, Test::NotRun) if self.shows_link() => return self.link_note.clone(),
            (None, Test::NotRun) => Text::ServerHint,
        };
        self.language.text(text).into()
    }

    fn shows_link(&self) -> bool {
        self.server.trim() == self.used_server && !self.link_note.is_empty()
    }
}

impl Choice {
    fn text(&self, language: Language) -> String {
        let device = match &self.source {
            Source::Automatic => return language.text(Text::SourceAutomatic).into(),
            Source::Device(id) if self.device_name.is_empty() => id,
            Source::Device(_) => &self.device_name,
            other => &format!("{other:?}"),
        };
        if self.connected {
            device.clone()
        } else {
            language.fill(Text::SourceAbsent, &[("device", device)])
        }
    }
}

fn name_note(fault: Option<NameError>, language: Language) -> String {
    match fault {
        None => language.text(Text::NameHint).into(),
        Some(NameError::Length(count)) => language.fill(Text::NameRule, &[("count", &count)]),
        Some(NameError::Control(_)) => language.text(Text::NameControl).into(),
    }
}

#[cfg(test)]
mod tests;
