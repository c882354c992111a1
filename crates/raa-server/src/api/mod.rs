//! The REST API: what its JSON means, and the handlers of its paths.
//!
//! Knows no router: a handler takes the parts of the server that it needs as axum's state, and
//! `http` puts the handlers on their paths. Always: every refusal is JSON ([`error`]).

pub(crate) mod clients;
pub(crate) mod error;
pub(crate) mod listen;
pub(crate) mod model;
mod patch;
pub(crate) mod status;
