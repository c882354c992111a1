//! Slots of many speakers, for a profiler: what the server's core does from their packets to the
//! mix's frame.
//!
//! ```text
//! cargo run --release -p raa-sim --bin raa-slots -- SPEAKERS SLOTS
//! ```
//!
//! Always: what is to be measured happens within `measured_slots`, in the steady state.

use anyhow::{Context as _, ensure};
use raa_sim::measure::work::Speakers;

/// Slots until all have joined and are heard.
const WARM_UP: u32 = 60;

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let mut number = |name: &str| {
        let text = args.next().with_context(|| format!("{name} is missing"))?;
        text.parse::<u32>()
            .with_context(|| format!("{name} is \"{text}\", which is no number"))
    };
    let (speakers, slots) = (number("SPEAKERS")? as usize, number("SLOTS")?);
    let mut work = Speakers::new(speakers)?;
    work.warm_up(WARM_UP);
    for _ in 0..slots {
        work.write();
        measured_slots(&mut work);
    }
    let active = work.hub.stats().active;
    ensure!(active == speakers, "{active} of {speakers} are heard");
    println!("{slots} slots of {speakers} speakers");
    Ok(())
}

#[inline(never)]
fn measured_slots(work: &mut Speakers) {
    work.take();
    work.play();
}
