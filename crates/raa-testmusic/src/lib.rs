//! The test music that the server plays as a built-in client: a score and an instrument.
//!
//! [`variation_1`] is Bach's Goldberg Variation 1 as a list of notes, and [`Harpsichord`] renders
//! such a list block by block as 48 kHz mono samples. Nothing here knows RTP, Opus or the server.
//! Always: the same notes give the same samples, bit for bit, whatever the size of the blocks.

mod score;
mod synth;

pub use score::{Note, variation_1};
pub use synth::Harpsichord;
