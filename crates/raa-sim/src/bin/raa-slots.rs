//! Runs slots with many speakers under a profiler: the work of the server's core from their packets
//! to the frame of the mix.
//!
//! ```text
//! cargo run --release -p raa-sim --bin raa-slots -- SPEAKERS SLOTS
//! ```
//!
//! Always: the work to be profiled happens within `measured_slot`, in the steady state.

use anyhow::{Context as _, ensure};
use raa_sim::measure::work::Speakers;

/// Slots until all speakers have joined and are in the mix.
const WARM_UP: u32 = 60;

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let mut number = |name: &str| {
        let text = args.next().with_context(|| format!("{name} is missing"))?;
        text.parse::<u32>()
            .with_context(|| format!("{name} is \"{text}\"; it must be a whole number"))
    };
    let (speakers, slots) = (number("SPEAKERS")? as usize, number("SLOTS")?);
    let mut work = Speakers::new(speakers)?;
    work.warm_up(WARM_UP);
    for _ in 0..slots {
        work.write();
        measured_slot(&mut work);
    }
    let active = work.hub.stats().active;
    ensure!(
        active == speakers,
        "only {active} of {speakers} speakers are in the mix"
    );
    println!("{slots} slots of {speakers} speakers");
    Ok(())
}

#[inline(never)]
fn measured_slot(work: &mut Speakers) {
    work.deliver();
    work.play();
}
