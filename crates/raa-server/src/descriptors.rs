//! File descriptors: every connection needs one, and the system limits their number.
//!
//! Always: connections never take the last descriptors, which the database, the page's files and
//! connections that are about to close need.

use std::fs;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tracing::warn;

/// Descriptors that the running server may open apart from its connections: 16 for connections that are
/// about to close or being refused, the others for the database's journal, the page's files and threads of listeners.
const RESERVE: usize = 24;
/// The usual limit, assumed where it can't be read.
const USUAL_LIMIT: u64 = 1024;

/// What a running server usually has open: the two ports, the log, the database, the runtime.
const USUALLY_OPEN: usize = 32;

/// Returns the limit of open files that leaves room for this many connections.
pub(crate) fn needed_for(connections: usize) -> usize {
    connections + USUALLY_OPEN + RESERVE
}

/// Raises the soft limit to the hard one: the usual soft limit of 1,024 exists only for programs that
/// use select(2).
pub(crate) fn raise_limit() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // The server also runs with fewer.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// Returns how many connections there may be at once: `most`, or as many as the limit leaves room for,
/// which is logged. To be called when the server has opened what it always needs.
pub(crate) fn max_connections(most: usize) -> usize {
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(USUAL_LIMIT, |(soft, _)| soft);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let open = fs::read_dir("/proc/self/fd").map_or(RESERVE, Iterator::count);
    let connections = room(limit, open).min(most);
    if connections < most {
        let needed = most + open + RESERVE;
        warn!(
            limit,
            connections,
            needed,
            "the limit of open files leaves room for {connections} connections instead of {most}; raise \
             it to {needed} (LimitNOFILE in systemd, ulimit -n)"
        );
    }
    connections
}

/// Returns the room for connections; a server that nobody can reach would be of no use.
fn room(limit: usize, open: usize) -> usize {
    limit.saturating_sub(open + RESERVE).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_a_reserve() {
        for (limit, open, expected) in [(64, 25, 15), (64, 64, 1), (10, 25, 1), (1024, 25, 975)] {
            assert_eq!(room(limit, open), expected, "{limit} {open}");
        }
    }
}
