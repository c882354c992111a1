//! Workloads, meters and sockets that benches, tests and measuring programs share.

pub mod callgrind;
pub mod cpu;
pub mod instructions;
pub mod socket;
pub mod tone;
pub mod work;
