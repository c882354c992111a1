//! Whose turn it is to capture when several users are signed in to one PC.
//!
//! Each session has its own client, and "switch user" leaves the session of before running behind the
//! new one. Loopback contains "the mix of all audio being played, regardless of the Terminal Services
//! session" (learn.microsoft.com/windows/win32/coreaudio/loopback-recording; "by default", adds
//! github.com/MicrosoftDocs/win32/pull/1867), so two clients of one PC
//! would send the same sound twice. A session that a person sees, at the console or by remote desktop,
//! captures. A session behind captures only while nobody else does: the user in front may have no client,
//! and an alarm of a program behind is still played. Two seconds of both are better than a gap, so a
//! session that loses its screen continues until it sees another one in front.
//!
//! Always: in front it captures; of the sessions behind at most one does; a computer that falls asleep
//! captures nothing.

/// How often a session behind looks for one in front.
pub(crate) const LOOK_EVERY_MS: u32 = 2000;

/// Where a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Connected to the console or to a remote desktop.
    Front,
    /// Signed in, but connected to no screen.
    Back,
}

impl Place {
    /// Returns the new place after a session change of `WM_WTSSESSION_CHANGE`
    /// (learn.microsoft.com/windows/win32/termserv/wm-wtssession-change); `None` if it stays where it is.
    pub(crate) fn after(change: usize) -> Option<Self> {
        match change {
            // WTS_CONSOLE_CONNECT, WTS_REMOTE_CONNECT
            1 | 3 => Some(Self::Front),
            // WTS_CONSOLE_DISCONNECT, WTS_REMOTE_DISCONNECT
            2 | 4 => Some(Self::Back),
            _ => None,
        }
    }
}

/// What the clients of a PC show each other.
pub(crate) trait Marks {
    /// Shows, or no longer shows, that a client is in front.
    fn set_front(&mut self, is_shown: bool);
    /// Returns whether any client shows that it is in front.
    fn is_front_shown(&self) -> bool;
    /// Claims, or gives back, the only place of a client that captures behind; returns whether this
    /// client has it.
    fn set_back(&mut self, is_claimed: bool) -> bool;
}

/// The turn of this session's client.
#[derive(Debug)]
pub(crate) struct Turn<M> {
    marks: M,
    place: Place,
    is_asleep: bool,
}

impl<M: Marks> Turn<M> {
    pub(crate) fn new(marks: M, place: Place) -> Self {
        Self {
            marks,
            place,
            is_asleep: false,
        }
    }

    pub(crate) fn set_place(&mut self, place: Place) {
        self.place = place;
    }

    pub(crate) fn set_asleep(&mut self, is_asleep: bool) {
        self.is_asleep = is_asleep;
    }

    /// Returns whether [`Turn::captures`] must be asked from time to time.
    pub(crate) fn must_look(&self) -> bool {
        self.place == Place::Back
    }

    /// Returns whether this client captures now, and shows that to the others.
    pub(crate) fn captures(&mut self) -> bool {
        let is_front = self.place == Place::Front && !self.is_asleep;
        self.marks.set_front(is_front);
        let may_be_back = !is_front && !self.is_asleep && !self.marks.is_front_shown();
        self.marks.set_back(may_be_back) || is_front
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    /// The marks of a PC, by the numbers of the sessions that hold them.
    #[derive(Default)]
    struct Pc {
        front: Vec<u32>,
        back: Option<u32>,
    }

    struct Session(u32, Rc<RefCell<Pc>>);

    impl Marks for Session {
        fn set_front(&mut self, is_shown: bool) {
            let mut pc = self.1.borrow_mut();
            pc.front.retain(|session| *session != self.0);
            pc.front.extend(is_shown.then_some(self.0));
        }

        fn is_front_shown(&self) -> bool {
            !self.1.borrow().front.is_empty()
        }

        fn set_back(&mut self, is_claimed: bool) -> bool {
            let mut pc = self.1.borrow_mut();
            match pc.back {
                Some(holder) if holder != self.0 => false,
                _ => {
                    pc.back = is_claimed.then_some(self.0);
                    is_claimed
                }
            }
        }
    }

    fn clients(count: u32) -> Vec<Turn<Session>> {
        let pc = Rc::default();
        let client = |number| Turn::new(Session(number, Rc::clone(&pc)), Place::Back);
        (0..count).map(client).collect()
    }

    /// Returns who captures once everybody has looked twice.
    fn capturing(clients: &mut [Turn<Session>]) -> Vec<usize> {
        let look = |clients: &mut [Turn<Session>]| -> Vec<usize> {
            let captures = clients.iter_mut().map(Turn::captures);
            let numbered: Vec<(usize, bool)> = captures.enumerate().collect();
            let those = numbered.into_iter().filter(|(_, captures)| *captures);
            those.map(|(number, _)| number).collect()
        };
        look(clients);
        look(clients)
    }

    #[test]
    fn switching_users_leaves_one_client_capturing() {
        let mut clients = clients(3);
        clients[0].set_place(Place::Front);
        assert_eq!(capturing(&mut clients), [0]);
        // The first one goes behind before anybody comes to the front: no gap.
        clients[0].set_place(Place::Back);
        assert!(clients[0].captures());
        clients[2].set_place(Place::Front);
        assert!(clients[2].captures());
        assert_eq!(capturing(&mut clients), [2]);
        clients[2].set_place(Place::Back);
        clients[0].set_place(Place::Front);
        assert_eq!(capturing(&mut clients), [0]);
    }

    #[test]
    fn a_user_without_a_client_silences_nobody() {
        let mut clients = clients(3);
        clients[1].set_place(Place::Front);
        assert_eq!(capturing(&mut clients), [1]);
        clients[1].set_place(Place::Back);
        assert_eq!(capturing(&mut clients).len(), 1, "behind the user in front");
    }

    #[test]
    fn every_remote_desktop_captures() {
        let mut clients = clients(4);
        for number in [0, 1, 3] {
            clients[number].set_place(Place::Front);
        }
        assert_eq!(capturing(&mut clients), [0, 1, 3]);
    }

    #[test]
    fn a_sleeping_computer_captures_nothing() {
        for place in [Place::Front, Place::Back] {
            let mut clients = clients(1);
            clients[0].set_place(place);
            assert_eq!(capturing(&mut clients), [0]);
            clients[0].set_asleep(true);
            assert_eq!(capturing(&mut clients), [0; 0]);
            clients[0].set_asleep(false);
            assert_eq!(capturing(&mut clients), [0]);
        }
    }

    #[test]
    fn only_connections_change_the_place() {
        let places: Vec<_> = (0..=11).map(Place::after).collect();
        let (front, back) = (Some(Place::Front), Some(Place::Back));
        assert_eq!(places[..5], [None, front, back, front, back]);
        assert!(places[5..].iter().all(Option::is_none), "{places:?}");
    }
}
