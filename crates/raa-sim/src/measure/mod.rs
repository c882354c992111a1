//! What benches, tests and measuring programs share: the work that is measured, and the meters.

pub mod instructions;
pub mod socket;
pub mod tone;
pub mod work;
