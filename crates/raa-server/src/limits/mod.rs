//! How much of the server one address may take: connections, and changes.
//!
//! Always: pure; `now` is an argument; every table is bounded.

pub(crate) mod changes;
pub(crate) mod places;
