//! What benches, tests and measuring programs share: workloads, meters and sockets.

pub mod callgrind;
pub mod cpu;
pub mod instructions;
pub mod socket;
pub mod tone;
pub mod work;
