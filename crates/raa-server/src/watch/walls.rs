//! The walls: pages that nobody sits at, and whether each of them plays. Pure.
//!
//! Always: bounded; a wall that went away stays in the list for a day, because a wall that does not play
//! must be noticed; a wall that is back takes the place of the one with its name that is gone.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use raa_core::settings::Name;
use serde::Serialize;
use utoipa::ToSchema;

/// Walls in the list.
const MAX_WALLS: usize = 64;
/// Time after which a wall that went away leaves the list.
const FORGET_AFTER: Duration = Duration::from_hours(24);

/// Whether a page plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WallState {
    /// It plays.
    Playing,
    /// Its browser lets it play only after a click.
    NeedsClick,
    /// Somebody has stopped it.
    Stopped,
    /// It gets no sound from the server.
    NoSound,
    /// Its connection has ended.
    Gone,
}

impl WallState {
    /// Returns the state that a page can report with this word.
    pub(crate) fn reported(word: &str) -> Option<Self> {
        match word {
            "playing" => Some(Self::Playing),
            "needs_click" => Some(Self::NeedsClick),
            "stopped" => Some(Self::Stopped),
            "no_sound" => Some(Self::NoSound),
            _ => None,
        }
    }
}

/// One wall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wall {
    pub(crate) id: u32,
    pub(crate) name: Name,
    pub(crate) address: IpAddr,
    pub(crate) state: WallState,
    pub(crate) since: Instant,
    pub(crate) delay_ms: Option<u32>,
}

/// What a wall says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WallReport {
    pub(crate) name: Name,
    pub(crate) state: WallState,
    pub(crate) delay_ms: Option<u32>,
}

/// The list is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are {MAX_WALLS} walls, as many as the server lists")]
pub(crate) struct TooManyWalls;

/// Why a wall was not removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotRemoved {
    Unknown,
    Connected,
}

/// All walls.
#[derive(Debug, Default)]
pub(crate) struct Walls {
    last_id: u32,
    walls: BTreeMap<u32, Wall>,
}

impl Walls {
    /// Takes what the page at `address` reports, which has had this id if it has reported before.
    pub(crate) fn report(
        &mut self,
        id: Option<u32>,
        report: WallReport,
        address: IpAddr,
        now: Instant,
    ) -> Result<u32, TooManyWalls> {
        self.forget_old(now);
        let id = match id.filter(|id| self.walls.contains_key(id)) {
            Some(id) => id,
            None => self.new_id(&report.name)?,
        };
        let before = self.walls.get(&id).map(|wall| (wall.state, wall.since));
        let since = before.filter(|before| before.0 == report.state);
        let wall = Wall {
            id,
            name: report.name,
            address,
            state: report.state,
            since: since.map_or(now, |before| before.1),
            delay_ms: report.delay_ms,
        };
        self.walls.insert(id, wall);
        Ok(id)
    }

    /// Takes note that the connection of a page has ended.
    pub(crate) fn end(&mut self, id: u32, now: Instant) {
        if let Some(wall) = self.walls.get_mut(&id) {
            (wall.state, wall.since, wall.delay_ms) = (WallState::Gone, now, None);
        }
    }

    /// Removes a page that is a wall no longer.
    pub(crate) fn remove(&mut self, id: u32) {
        self.walls.remove(&id);
    }

    /// Removes a wall that is gone.
    ///
    /// # Errors
    /// [`NotRemoved`].
    pub(crate) fn remove_gone(&mut self, id: u32) -> Result<(), NotRemoved> {
        match self.walls.get(&id).map(|wall| wall.state) {
            None => Err(NotRemoved::Unknown),
            Some(WallState::Gone) => {
                self.remove(id);
                Ok(())
            }
            Some(_) => Err(NotRemoved::Connected),
        }
    }

    /// Returns the walls, by name.
    pub(crate) fn list(&self) -> Vec<Wall> {
        let mut walls: Vec<Wall> = self.walls.values().cloned().collect();
        walls.sort_by(|a, b| a.name.as_str().cmp(b.name.as_str()).then(a.id.cmp(&b.id)));
        walls
    }

    fn new_id(&mut self, name: &Name) -> Result<u32, TooManyWalls> {
        let is_former = |wall: &Wall| wall.state == WallState::Gone && wall.name == *name;
        self.walls.retain(|_, wall| !is_former(wall));
        if self.walls.len() >= MAX_WALLS {
            let gone = self
                .walls
                .values()
                .filter(|wall| wall.state == WallState::Gone);
            let oldest = gone.min_by_key(|wall| wall.since).ok_or(TooManyWalls)?.id;
            self.walls.remove(&oldest);
        }
        self.last_id = self.last_id.wrapping_add(1);
        Ok(self.last_id)
    }

    /// Removes walls that went away long ago.
    pub(crate) fn forget_old(&mut self, now: Instant) {
        self.walls.retain(|_, wall| {
            wall.state != WallState::Gone
                || now.saturating_duration_since(wall.since) < FORGET_AFTER
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(name: &str, state: WallState) -> WallReport {
        WallReport {
            name: Name::new(name).unwrap(),
            state,
            delay_ms: Some(90),
        }
    }

    const HOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn a_wall_keeps_its_place_until_it_is_back() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut walls = Walls::default();
        let north = report("North", WallState::Playing);
        let id = walls.report(None, north.clone(), HOST, at(0)).unwrap();
        assert_eq!(walls.report(Some(id), north.clone(), HOST, at(5)), Ok(id));
        assert_eq!(walls.list()[0].since, at(0), "nothing has changed");
        assert_eq!(walls.remove_gone(id), Err(NotRemoved::Connected));
        walls.end(id, at(10));
        let gone = &walls.list()[0];
        assert_eq!(
            (gone.state, gone.since, gone.delay_ms),
            (WallState::Gone, at(10), None)
        );
        let back = walls.report(None, north, HOST, at(20)).unwrap();
        assert_eq!(walls.list().len(), 1);
        assert_eq!(walls.list()[0].id, back);
        walls.end(back, at(30));
        assert_eq!(walls.remove_gone(back), Ok(()));
        assert_eq!(walls.remove_gone(back), Err(NotRemoved::Unknown));
    }

    #[test]
    fn walls_are_bounded_and_forgotten() {
        let start = Instant::now();
        let mut walls = Walls::default();
        let mut ids = Vec::new();
        for n in 0..MAX_WALLS {
            let report = report(&format!("Wall {n}"), WallState::Stopped);
            ids.push(walls.report(None, report, HOST, start).unwrap());
        }
        let more = report("One more", WallState::Playing);
        assert_eq!(
            walls.report(None, more.clone(), HOST, start),
            Err(TooManyWalls)
        );
        walls.end(ids[3], start);
        assert!(walls.report(None, more, HOST, start).is_ok());
        assert_eq!(walls.list().len(), MAX_WALLS);
        ids.iter().for_each(|&id| walls.end(id, start));
        walls.forget_old(start + FORGET_AFTER);
        assert_eq!(walls.list().len(), 1);
    }
}
