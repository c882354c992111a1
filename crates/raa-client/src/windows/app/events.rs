//! What happens to the user interface, one thing after the other.
//!
//! Windows calls window procedures whenever it likes: in the middle of another call, and from the
//! loops that run inside a menu or a message box. So a procedure changes nothing; it puts an
//! [`Event`] into a queue. The queue is worked off at once, unless the app is already at work;
//! then it is worked off as soon as that has ended.
//!
//! Always: the app is never borrowed while messages are pumped. What pumps them (menus, message
//! boxes) is handed back by the app as [`After`] and done when it is free, so that the tray icon
//! and the dialog stay alive meanwhile.

use std::cell::RefCell;
use std::collections::VecDeque;

use super::App;
use crate::ui::view::{Command, Line};
use crate::windows::window::Window;
use crate::windows::{about, dialog, menu, tray};

/// Something that the user interface has to see to.
#[derive(Debug)]
pub(in crate::windows) enum Event {
    /// The client's status has changed.
    StatusChanged,
    /// A thread has an answer.
    Answered,
    /// The person did something with the tray icon.
    Tray(tray::Event),
    /// The taskbar has been made, for the first time or anew.
    TaskbarCreated,
    /// Time to look after the tray icon.
    TrayDue,
    /// The person chose something in the menu.
    Chosen(Command),
    /// The person did something in the dialog.
    Dialog(dialog::Event),
    /// Another start wants to see the settings.
    ShowSettings,
    /// Another start has changed the settings.
    Reload,
    /// The program is to end.
    Quit,
    /// The Windows session ends, and the program with it.
    SessionEnds,
}

/// What is to be done when the app is free again.
#[derive(Debug)]
pub(super) enum After {
    Nothing,
    /// A menu at a point of the screen.
    Menu {
        owner: Window,
        at: (i32, i32),
        lines: Vec<Line>,
    },
    /// A message box.
    Tell(about::Message),
}

impl After {
    fn run(self) {
        match self {
            Self::Nothing => {}
            Self::Menu { owner, at, lines } => {
                if let Some(command) = menu::choose(owner, at, &lines) {
                    notify(Event::Chosen(command));
                }
            }
            Self::Tell(message) => about::show(&message),
        }
    }
}

thread_local! {
    static APP: RefCell<Option<App>> = const { RefCell::new(None) };
    static EVENTS: RefCell<VecDeque<Event>> = const { RefCell::new(VecDeque::new()) };
}

/// From here on, this thread's events are for `app`.
pub(super) fn install(app: App) {
    APP.with_borrow_mut(|place| *place = Some(app));
    work();
}

/// The app has ended.
pub(super) fn remove() {
    let app = APP.with_borrow_mut(Option::take);
    drop(app);
}

/// Something has happened.
pub(in crate::windows) fn notify(event: Event) {
    EVENTS.with_borrow_mut(|events| events.push_back(event));
    work();
}

fn work() {
    while let Some(after) = work_once() {
        after.run();
    }
}

/// `None` when there is nothing to do, or the app is at work further up the stack and will do it.
fn work_once() -> Option<After> {
    APP.with(|app| {
        let mut app = app.try_borrow_mut().ok()?;
        let app = app.as_mut()?;
        let event = EVENTS.with_borrow_mut(VecDeque::pop_front)?;
        Some(app.handle(event))
    })
}
