//! Who may use the server over HTTP: under which names, from which pages, through which proxies.
//!
//! A browser lends its user's place in the network to every page that is open in it. A page of another
//! site can give the server a name of its own (DNS rebinding), or connect a WebSocket to it. The
//! headers `Host` and `Origin` show both. Always: pure, except for [`own_names`]; nothing in a request
//! is trusted unless it comes from a listed proxy.

mod address;
mod forwarded;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod host;
mod names;
mod policy;

pub(crate) use address::Address;
pub use address::Network;
pub use host::{Host, WebOrigin};
pub(crate) use names::own_names;
pub(crate) use policy::{Access, Refusal};
