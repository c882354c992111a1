//! The groups in which a room arranges its computers, and the place of each computer in its group. Pure.
//!
//! Always: a computer has at most one place; a place stays when its computer goes away, because places
//! never move by themselves; the number of groups is bounded.

use std::collections::{BTreeMap, BTreeSet};

use raa_core::settings::Name;

/// The most groups.
pub(crate) const MAX_GROUPS: usize = 100;

/// One group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) id: u32,
    pub(crate) name: Name,
    /// The clients in the order of their places.
    pub(crate) clients: Vec<u32>,
}

/// A group as an operator wants it; a new one has no id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WantedGroup {
    pub(crate) id: Option<u32>,
    pub(crate) name: Name,
    pub(crate) clients: Vec<u32>,
}

/// All groups in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Arrangement {
    /// Grows with each change.
    pub(crate) revision: u64,
    groups: Vec<Group>,
    places: BTreeMap<u32, (u32, u32)>,
}

impl Arrangement {
    /// Arranges clients; of a client with several places, the first one counts.
    pub(crate) fn new(revision: u64, mut groups: Vec<Group>) -> Self {
        let mut places = BTreeMap::new();
        for group in &mut groups {
            let mut place = 0;
            group.clients.retain(|&ssrc| {
                let is_first = !places.contains_key(&ssrc);
                if is_first {
                    places.insert(ssrc, (group.id, place));
                    place += 1;
                }
                is_first
            });
        }
        Self {
            revision,
            groups,
            places,
        }
    }

    /// Returns the groups in their order.
    pub(crate) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Returns the group of a client and its place in it.
    pub(crate) fn place(&self, ssrc: u32) -> Option<(u32, u32)> {
        self.places.get(&ssrc).copied()
    }

    /// Returns the clients that have a place.
    pub(crate) fn placed(&self) -> impl Iterator<Item = u32> {
        self.places.keys().copied()
    }

    /// Returns the arrangement that an operator wants. Ids of groups that do not exist become new ones.
    pub(crate) fn changed(&self, wanted: Vec<WantedGroup>) -> Self {
        let mut known: BTreeSet<u32> = self.groups.iter().map(|group| group.id).collect();
        let mut next = known.last().copied().unwrap_or_default();
        let groups = wanted.into_iter().map(|group| {
            let id = group.id.filter(|id| known.remove(id));
            let id = id.unwrap_or_else(|| {
                next += 1;
                next
            });
            Group {
                id,
                name: group.name,
                clients: group.clients,
            }
        });
        Self::new(self.revision + 1, groups.collect())
    }

    /// Returns the arrangement without these clients.
    pub(crate) fn without(&self, ssrcs: &[u32]) -> Self {
        let mut groups = self.groups.clone();
        for group in &mut groups {
            group.clients.retain(|ssrc| !ssrcs.contains(ssrc));
        }
        Self::new(self.revision + 1, groups)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(id: Option<u32>, name: &str, clients: &[u32]) -> WantedGroup {
        WantedGroup {
            id,
            name: Name::new(name).unwrap(),
            clients: clients.into(),
        }
    }

    #[test]
    fn groups_keep_their_ids_in_a_new_order() {
        let first = Arrangement::new(5, Vec::new());
        let first = first.changed(vec![wanted(None, "A", &[1, 2]), wanted(None, "B", &[3])]);
        assert_eq!(
            (first.revision, first.place(2), first.place(3)),
            (6, Some((1, 1)), Some((2, 0)))
        );
        let second = first.changed(vec![
            wanted(Some(2), "B", &[2, 3]),
            wanted(None, "C", &[]),
            wanted(Some(1), "A", &[1]),
        ]);
        let ids: Vec<u32> = second.groups().iter().map(|group| group.id).collect();
        assert_eq!(ids, [2, 3, 1]);
        assert_eq!(second.place(2), Some((2, 0)));
        assert_eq!(second.without(&[2, 1]).place(3), Some((2, 0)));
        assert_eq!(second.without(&[2, 1]).placed().collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn a_client_has_one_place() {
        let arrangement = Arrangement::default();
        let groups = vec![
            wanted(Some(9), "A", &[1, 1, 2]),
            wanted(Some(9), "B", &[2, 3]),
        ];
        let arrangement = arrangement.changed(groups);
        assert_eq!(arrangement.place(2), Some((1, 1)));
        assert_eq!(arrangement.place(3), Some((2, 0)));
    }
}
