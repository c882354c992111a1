//! The rows of unconfigured clients, shared out among hosts.
//!
//! Always: when all rows are taken, the host with the most rows loses one, so that a flood from one host
//! costs the others nothing. A host without a row always gets one. A host loses the rows of its offline
//! clients first, and among these the one that has been silent longest; clients that have been connected
//! for over a minute go last of all. A new client never replaces a connected one of its own host, or
//! the two would take turns.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Instant;

use crate::client::Client;
use crate::host::Host;

/// The part of all rows, as a divisor, below which a host may also replace other hosts' offline clients
/// although these hosts have no more rows than it has.
const GUARANTEED_SHARE: usize = 100;

/// The host that a row counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Host(Host),
    /// An unknown host: the client, with this SSRC, is of an earlier run. Each is a host of its own.
    Unknown(u32),
}

/// One row, in the order in which rows of one host give way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    is_connected: bool,
    has_lasted: bool,
    last_packet: Option<Instant>,
    ssrc: u32,
}

/// See the module's text.
#[derive(Debug, Default)]
pub(super) struct Rows {
    count: usize,
    /// Each owner's rows; the last one goes first.
    owners: BTreeMap<Owner, Vec<Row>>,
}

impl Row {
    fn stays_longest(&self) -> bool {
        self.is_connected && self.has_lasted
    }
}

impl Rows {
    /// Returns the rows of those of these clients that are unconfigured.
    pub(super) fn of<'a>(clients: impl Iterator<Item = (&'a u32, &'a Client)>) -> Self {
        let mut rows = Self::default();
        for (&ssrc, client) in clients.filter(|(_, client)| !client.settings.is_configured()) {
            let host = client.address.map(|address| Owner::Host(address.into()));
            let row = Row {
                is_connected: client.is_connected(),
                has_lasted: client.has_lasted(),
                last_packet: client.last_packet,
                ssrc,
            };
            let owner = host.unwrap_or(Owner::Unknown(ssrc));
            rows.owners.entry(owner).or_default().push(row);
            rows.count += 1;
        }
        for rows in rows.owners.values_mut() {
            rows.sort_unstable_by_key(|&row| Reverse(row));
        }
        rows
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Adds the row of a client that connects.
    pub(super) fn add(&mut self, ssrc: u32, host: Host, now: Instant) {
        let row = Row {
            is_connected: true,
            has_lasted: false,
            last_packet: Some(now),
            ssrc,
        };
        let rows = self.owners.entry(Owner::Host(host)).or_default();
        let at = rows.partition_point(Row::stays_longest);
        rows.insert(at, row);
        self.count += 1;
    }

    /// Removes the row that a new client of this host replaces, when all `max` rows are taken. Returns
    /// its SSRC, or `None` if the new client may replace none.
    pub(super) fn take(&mut self, host: Host, max: usize) -> Option<u32> {
        let newcomer = Owner::Host(host);
        let own = self.owners.get(&newcomer).map_or(0, Vec::len);
        let is_small = own < max / GUARANTEED_SHARE;
        let gives_way = |owner: Owner, rows: usize, row: &Row| {
            own == 0 || rows > own + 1 || !row.is_connected && (is_small || owner == newcomer)
        };
        let firsts = self.owners.iter().filter_map(|(&owner, rows)| {
            let row = rows
                .last()
                .filter(|row| gives_way(owner, rows.len(), row))?;
            Some((row.stays_longest(), Reverse(rows.len()), *row, owner))
        });
        let (.., owner) = firsts.min()?;
        let rows = self.owners.get_mut(&owner)?;
        let gone = rows.pop()?;
        if rows.is_empty() {
            self.owners.remove(&owner);
        }
        self.count -= 1;
        Some(gone.ssrc)
    }
}
