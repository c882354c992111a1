//! Simulated networks around RAA's core, and programs that load and measure a server.
//!
//! [`world`] has the seeded simulation: a hub with its senders, their links and a listener on one
//! simulated clock. [`measure`] has what benches and measuring programs share. The programs
//! themselves are in `src/bin`.

pub mod measure;
pub mod world;

pub use world::{Clip, Forged, Jitter, Link, OneSource, Pause, Random, Sender, World};
