//! The ways of a mix to its listeners, one module for each protocol.

pub(crate) mod ws;
