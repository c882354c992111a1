//! The queue of events for the user interface, which handles one after the other.
//!
//! Windows calls window procedures at any time: in the middle of another call, and from the loops
//! inside menus and message boxes. So a procedure changes nothing; it puts an [`Event`] into a queue.
//! The queue is processed at once or, while the handler is busy, as soon as the handler has returned.
//!
//! Always: the handler is not borrowed while messages are pumped. Menus and message boxes pump
//! messages; so the handler returns them as an [`Effect`], which runs when the handler is free, and
//! the tray icon and the dialog keep working.

use std::cell::RefCell;
use std::collections::VecDeque;

use super::handle::Window;
use super::menu;
use super::message_box::{self, Message};
use crate::ui::turn::Place;
use crate::ui::view::{MenuCommand, MenuLine};

/// Something that the user interface must handle.
#[derive(Debug)]
pub(super) enum Event {
    /// The client's status has changed.
    StatusChanged,
    /// A thread has sent a result.
    ResultReady,
    /// The user did something with the tray icon.
    Tray(TrayEvent),
    /// The taskbar was created, or created again.
    TaskbarCreated,
    /// The tray icon must be offered again to a taskbar that did not accept it.
    TrayRetryDue,
    /// The user chose a command in the menu.
    MenuChosen(MenuCommand),
    /// The user did something in the settings dialog.
    Dialog(DialogEvent),
    /// A second start of the program asks for the settings dialog.
    ShowSettings,
    /// The settings files have changed, or another start asks to read them again.
    Reload,
    /// This session has been connected to a screen, or disconnected from it.
    SessionMoved(Place),
    /// A session that is not in front must look for one that is.
    TurnDue,
    /// The computer falls asleep.
    FallsAsleep,
    /// The computer is awake again.
    Awake,
    /// `--diagnose` of another process asks for the diagnostics; the answer goes to this window.
    Asked(Window),
    /// The program must end.
    Quit,
    /// The Windows session ends, and the program with it.
    SessionEnds,
}

/// Something that the user does with the tray icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TrayEvent {
    /// Selects the icon by a click, a double click or a key.
    Selected,
    /// Asks for the menu at this point of the screen.
    Menu((i32, i32)),
}

/// Something that the user does in the settings dialog, or that is due there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DialogEvent {
    /// The text of the server field has changed.
    ServerEdited,
    /// The text of the name field has changed.
    NameEdited,
    /// A source was selected, possibly the same one again.
    SourceSelected,
    /// The list of sources opens.
    SourcesOpened,
    /// The check box for the start with Windows was clicked.
    StartWithWindowsClicked,
    /// The Test button was pressed.
    TestPressed,
    /// The OK button or Enter was pressed.
    Accepted,
    /// The Cancel button or Esc was pressed, or the dialog was closed.
    Cancelled,
    /// The level meter must be updated.
    MeterDue,
}

/// Something to show once the handler is free.
#[derive(Debug)]
pub(super) enum Effect {
    Nothing,
    /// The menu, at a point of the screen.
    Menu {
        owner: Window,
        at: (i32, i32),
        lines: Vec<MenuLine>,
    },
    /// A message box.
    Message(Message),
}

impl Effect {
    fn run(self) {
        match self {
            Self::Nothing => {}
            Self::Menu { owner, at, lines } => {
                if let Some(command) = menu::choose(owner, at, &lines) {
                    notify(Event::MenuChosen(command));
                }
            }
            Self::Message(message) => message_box::show(&message),
        }
    }
}

type Handler = Box<dyn FnMut(Event) -> Effect>;

thread_local! {
    static HANDLER: RefCell<Option<Handler>> = const { RefCell::new(None) };
    static QUEUE: RefCell<VecDeque<Event>> = const { RefCell::new(VecDeque::new()) };
}

/// Passes this thread's events to `handler` from now on, including those already in the queue.
pub(super) fn install(handler: impl FnMut(Event) -> Effect + 'static) {
    HANDLER.set(Some(Box::new(handler)));
    process();
}

/// Drops the handler; later events are ignored.
pub(super) fn remove() {
    drop(HANDLER.take());
}

/// Puts an event into the queue, and processes the queue unless the handler is busy.
pub(super) fn notify(event: Event) {
    QUEUE.with_borrow_mut(|queue| queue.push_back(event));
    process();
}

fn process() {
    while let Some(effect) = handle_next() {
        effect.run();
    }
}

/// Handles the next event. Returns `None` if there is none, or if the handler is busy further up the
/// stack, where the loop in [`process`] continues.
fn handle_next() -> Option<Effect> {
    HANDLER.with(|handler| {
        let mut handler = handler.try_borrow_mut().ok()?;
        let handler = handler.as_mut()?;
        let event = QUEUE.with_borrow_mut(VecDeque::pop_front)?;
        Some(handler(event))
    })
}
