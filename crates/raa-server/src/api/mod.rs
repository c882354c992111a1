//! The REST API: its JSON, and the handlers of its paths.
//!
//! Handlers take the parts of the server that they need as axum state; `http` routes requests to
//! them. Always: every error is JSON ([`error`]).

pub(crate) mod body;
pub(crate) mod clients;
pub(crate) mod desk;
pub(crate) mod error;
pub(crate) mod forget;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
pub(crate) mod groups;
pub(crate) mod listen;
pub(crate) mod log;
pub(crate) mod model;
mod patch;
pub(crate) mod refusals;
pub(crate) mod refused;
pub(crate) mod sdp;
pub(crate) mod several;
pub(crate) mod shared_body;
pub(crate) mod status;
mod texts;
pub(crate) mod walls;
