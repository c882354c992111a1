//! `raa-delay HOST`: how long a running server holds what it receives.
//!
//! A click a second over a quiet tone goes to the server's audio port, and the mix comes back by
//! WebSocket. A packet's sound is reckoned from the moment at which it was sent, a frame's from
//! the moment at which it came: what lies between the same click in both is the delay that the
//! server adds. On one machine the ways between are nothing.
//! Always: nobody else may be heard in the mix meanwhile; with others the clicks are not found.

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

/// Until the server has made up its mind about the sender.
const WARM_UP: Duration = Duration::from_secs(20);
/// With fewer clicks than this there is nothing to say.
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

/// The delay of each click that was heard, in ms.
fn run(args: &Args) -> anyhow::Result<Vec<f64>> {
    let origin = Instant::now();
    let end = origin + WARM_UP + Duration::from_secs(args.seconds);
    let url = format!("ws://{}:{}/ws?mix=main", args.host, args.http_port);
    let to = socket::resolve(&args.host, args.udp_port)?;
    let (sent, heard) = thread::scope(|scope| {
        let sent = scope.spawn(|| send::send(to, origin, end));
        let heard = listen::listen(&url, origin, end);
        (sent.join(), heard)
    });
    let sent = sent.map_err(|_| anyhow::anyhow!("the sending thread has panicked"))??;
    let delays_ms = delays_ms(&sent, &heard?);
    ensure!(
        delays_ms.len() >= MIN_CLICKS,
        "only {} clicks came back; is anybody else in the mix?",
        delays_ms.len()
    );
    Ok(delays_ms)
}

/// Of each click that was heard, since the last one that was sent before it.
fn delays_ms(sent: &ClickTimes, heard: &ClickTimes) -> Vec<f64> {
    let warm = heard
        .iter()
        .filter(|&&heard_s| heard_s > WARM_UP.as_secs_f64());
    warm.filter_map(|heard_s| {
        let before = sent.iter().rev().find(|&sent_s| sent_s < heard_s)?;
        let delay_s = heard_s - before;
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
    fn each_click_is_matched_with_the_one_that_was_sent_last() {
        let sent = vec![19.5, 20.5, 21.5, 22.5];
        // The first is of the warm-up, and one was not heard.
        let heard = vec![19.525, 20.525, 22.530];
        let delays: Vec<i64> = delays_ms(&sent, &heard)
            .iter()
            .map(|ms| ms.round() as i64)
            .collect();
        assert_eq!(delays, [25, 30]);
    }

    #[test]
    fn the_report_is_exact_to_a_hundredth_of_a_millisecond() {
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
