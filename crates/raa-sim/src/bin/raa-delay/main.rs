//! `raa-delay HOST` measures how much delay a running server adds.
//!
//! It sends one click per second over a quiet tone to the server's audio port, and receives the mix
//! over WebSocket. The sound of a packet counts from the moment at which it was sent, that of a
//! frame from the moment at which it arrived; the time between a click in the one and in the other
//! is the delay of the server, if both run on one machine.
//! Always: no other client may be in the mix, because its sound would hide the clicks.

mod args;
mod clicks;
mod listen;
mod send;

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use clap::Parser as _;
use raa_sim::measure::socket;

use crate::args::Args;
use crate::clicks::{CLICK_EVERY, ClickTimes};

/// The time until the server's delay has settled.
const WARM_UP: Duration = Duration::from_secs(20);
/// The least number of clicks for a result.
const MIN_CLICKS: usize = 5;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(delays_ms) => {
            println!("{}", report(delays_ms));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("raa-delay: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Measures the delay of each click that comes back, in ms.
fn run(args: &Args) -> anyhow::Result<Vec<f64>> {
    let origin = Instant::now();
    let end = origin + WARM_UP + Duration::from_secs(args.seconds);
    let url = format!("ws://{}:{}/ws?mix=main", args.host, args.http_port);
    let to = socket::resolve(&args.host, args.udp_port)?;
    let (sent, received) = thread::scope(|scope| {
        let sent = scope.spawn(|| send::send(to, origin, end));
        let received = listen::listen(&url, origin, end);
        (sent.join(), received)
    });
    let sent = sent.map_err(|_| anyhow::anyhow!("the sending thread has panicked"))??;
    let delays_ms = delays_ms(&sent, &received?);
    ensure!(
        delays_ms.len() >= MIN_CLICKS,
        "only {} clicks came back; no other client may be in the mix",
        delays_ms.len()
    );
    Ok(delays_ms)
}

/// Returns the time from the last click sent before it to each click received, in ms.
fn delays_ms(sent: &ClickTimes, received: &ClickTimes) -> Vec<f64> {
    let measured = received
        .iter()
        .filter(|&&received_s| received_s > WARM_UP.as_secs_f64());
    measured
        .filter_map(|received_s| {
            let before = sent.iter().rev().find(|&sent_s| sent_s < received_s)?;
            let delay_s = received_s - before;
            (delay_s < CLICK_EVERY.as_secs_f64()).then_some(delay_s * 1000.0)
        })
        .collect()
}

fn report(mut delays_ms: Vec<f64>) -> serde_json::Value {
    delays_ms.sort_by(f64::total_cmp);
    let count = delays_ms.len();
    let ms = |x: f64| (x * 100.0).round() / 100.0;
    serde_json::json!({
        "clicks": count,
        "mean_ms": ms(delays_ms.iter().sum::<f64>() / count as f64),
        "median_ms": ms(delays_ms[count / 2]),
        "least_ms": ms(delays_ms[0]),
        "most_ms": ms(delays_ms[count - 1]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clicks_match_the_last_one_sent() {
        let sent = vec![19.5, 20.5, 21.5, 22.5];
        // The first one belongs to the warm-up, and one is missing.
        let received = vec![19.525, 20.525, 22.530];
        let delays: Vec<i64> = delays_ms(&sent, &received)
            .iter()
            .map(|ms| ms.round() as i64)
            .collect();
        assert_eq!(delays, [25, 30]);
    }

    #[test]
    fn the_report_is_rounded_to_10_us() {
        let report = report(vec![3.0, 1.0, 2.456]);
        assert_eq!(report["clicks"], 3);
        assert_eq!(report["mean_ms"], 2.15);
        assert_eq!(report["median_ms"], 2.46);
        assert_eq!(
            (&report["least_ms"], &report["most_ms"]),
            (&1.0.into(), &3.0.into())
        );
    }
}
