//! Which programs process loopback captures, and which program's sound it does not deliver.
//!
//! A process loopback has one target, a process with its children, and captures either all but the
//! target or nothing else (learn.microsoft.com/windows/win32/api/audioclientactivationparams/
//! ns-audioclientactivationparams-audioclient_process_loopback_params). So exactly one program can be
//! left out or chosen: with a capture for each of several programs, the sum would still contain every one
//! of them. While the excluded program is not running, this client, which plays nothing, is excluded instead.
//!
//! Always: pure; a list of processes may contain anything, even circles.

use std::collections::HashSet;

use crate::settings::Programs;

/// A running process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) id: u32,
    /// The process that started it; another one may have that number by now.
    pub(super) parent: u32,
    /// The file name of its program, such as "alarm.exe".
    pub(super) name: String,
}

/// The target of a process loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) id: u32,
    /// Capture the target and its children only, instead of everything else.
    pub(super) is_included: bool,
}

/// Returns the target for these programs; `None` if the chosen one does not run. `current` is the target
/// in use, which is kept as long as it runs; `own` is this process.
pub(super) fn target(
    programs: &Programs,
    own: u32,
    current: Option<Target>,
    processes: &[Process],
) -> Option<Target> {
    let root = |name: &str| root(name, current, processes);
    match programs {
        Programs::All => None,
        Programs::Only(name) => {
            return root(name).map(|id| Target {
                id,
                is_included: true,
            });
        }
        Programs::AllBut(name) => root(name),
    }
    .or(Some(own))
    .map(|id| Target {
        id,
        is_included: false,
    })
}

/// Returns the first process of this program: one that was not started by another one of it.
fn root(name: &str, current: Option<Target>, processes: &[Process]) -> Option<u32> {
    let is_it = |process: &&Process| process.name.eq_ignore_ascii_case(name);
    let ids: HashSet<u32> = processes.iter().filter(is_it).map(|it| it.id).collect();
    let is_kept = |target: &Target| ids.contains(&target.id);
    if let Some(target) = current.filter(is_kept) {
        return Some(target.id);
    }
    let all = processes.iter().filter(is_it);
    let roots =
        all.filter(|process| !ids.contains(&process.parent) || process.id == process.parent);
    // A circle of parents has none.
    roots
        .map(|process| process.id)
        .min()
        .or(ids.into_iter().min())
}

/// Returns this process and everything that it started, directly or not.
pub(super) fn tree(root: u32, processes: &[Process]) -> HashSet<u32> {
    let mut tree = HashSet::from([root]);
    loop {
        let before = tree.len();
        let children = processes
            .iter()
            .filter(|process| tree.contains(&process.parent));
        let children: Vec<u32> = children.map(|process| process.id).collect();
        tree.extend(children);
        if tree.len() == before {
            return tree;
        }
    }
}

/// A sound session of a device: one program's sound in the volume mixer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SoundSession {
    pub(super) process: u32,
    /// The linear peak on its meter.
    pub(super) peak: f32,
}

/// Returns the sessions that process loopback without `own` and its children must deliver, the loudest
/// first.
pub(super) fn outside(
    own: u32,
    sessions: &[SoundSession],
    processes: &[Process],
) -> Vec<SoundSession> {
    let tree = tree(own, processes);
    let sessions = sessions
        .iter()
        .filter(|session| !tree.contains(&session.process));
    let mut outside: Vec<SoundSession> = sessions.copied().collect();
    outside.sort_by(|one, other| other.peak.total_cmp(&one.peak));
    outside
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: u32 = 9;

    fn processes(list: &[(u32, u32, &str)]) -> Vec<Process> {
        let process = |(id, parent, name): &(u32, u32, &str)| Process {
            id: *id,
            parent: *parent,
            name: (*name).to_owned(),
        };
        list.iter().map(process).collect()
    }

    fn pc() -> Vec<Process> {
        processes(&[
            (4, 0, "System"),
            (8, 4, "explorer.exe"),
            (OWN, 8, "raa-client.exe"),
            (30, 8, "Chrome.exe"),
            (20, 30, "chrome.exe"),
            (31, 20, "chrome.exe"),
            (40, 8, "chrome.exe"),
            (50, OWN, "helper.exe"),
            (51, 50, "player.exe"),
        ])
    }

    #[test]
    fn the_first_process_of_a_program_is_the_target() {
        let target = |programs: &Programs| target(programs, OWN, None, &pc());
        let is = |id, is_included| Some(Target { id, is_included });
        let but = |name: &str| Programs::AllBut(name.into());
        let only = |name: &str| Programs::Only(name.into());
        assert_eq!(target(&Programs::All), is(OWN, false));
        assert_eq!(target(&but("chrome.exe")), is(30, false));
        assert_eq!(target(&only("CHROME.EXE")), is(30, true));
        assert_eq!(target(&but("alarm.exe")), is(OWN, false), "it does not run");
        assert_eq!(target(&only("alarm.exe")), None, "it does not run");
    }

    #[test]
    fn a_target_is_kept_while_it_runs() {
        let only = Programs::Only("chrome.exe".into());
        let current = |id| {
            Some(Target {
                id,
                is_included: true,
            })
        };
        assert_eq!(target(&only, OWN, current(40), &pc()), current(40));
        assert_eq!(target(&only, OWN, current(41), &pc()), current(30));
        // Another program has the number by now.
        assert_eq!(target(&only, OWN, current(8), &pc()), current(30));
    }

    #[test]
    fn circles_of_parents_end() {
        let circle = processes(&[(1, 2, "a.exe"), (2, 1, "a.exe"), (3, 3, "b.exe")]);
        assert_eq!(tree(1, &circle), HashSet::from([1, 2]));
        for (name, id) in [("a.exe", 1), ("b.exe", 3)] {
            let found = target(&Programs::Only(name.into()), OWN, None, &circle);
            assert_eq!(
                found,
                Some(Target {
                    id,
                    is_included: true
                })
            );
        }
    }

    #[test]
    fn sound_of_this_tree_is_not_missing() {
        let session = |process, peak| SoundSession { process, peak };
        let sessions = [session(51, 0.9), session(31, 0.1), session(0, 0.2)];
        let outside = outside(OWN, &sessions, &pc());
        assert_eq!(outside, [session(0, 0.2), session(31, 0.1)]);
    }
}
