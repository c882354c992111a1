//! A bad network, and everybody on it, around RAA's core: seeded, on a simulated clock.
//!
//! [`World`] has one [`Hub`](raa_core::hub::Hub), senders behind links that lose, delay, repeat
//! and reorder, and one listener of the mix. It jumps from slot to slot, so nothing sleeps and
//! an hour passes in about a second. [`OneSource`] has one source alone. What a failed simulation needs to be told again is its seed.

pub mod clip;
pub mod ear;
pub mod in_flight;
pub mod instructions;
pub mod link;
pub mod one_source;
pub mod random;
pub mod sender;
pub mod socket;
pub mod sound;
pub mod tone;
pub mod work;
pub mod world;

pub use clip::Clip;
pub use link::{Jitter, Link};
pub use one_source::OneSource;
pub use sender::{Pause, Sender};
pub use world::World;
