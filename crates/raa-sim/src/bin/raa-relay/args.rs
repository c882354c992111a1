//! The command line.
//!
//! Always: what is parsed is within its bounds.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use raa_sim::{Jitter, Link};

use crate::relay::Plan;

/// The server's port if none is given.
const DEFAULT_PORT: u16 = 4010;

/// Forwards datagrams between RAA clients and their server as a bad network does.
///
/// Both directions have the same properties, but independent random numbers. Without options,
/// everything is forwarded at once.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "raa-relay",
    version,
    after_help = "Example, 10 % loss and 30 ms of jitter:\n  \
        raa-relay 192.0.2.7 --loss 10 --jitter 30\n  \
        raa-client --server 127.0.0.1:4020"
)]
pub(crate) struct Args {
    /// The server: HOST or HOST:PORT (default port 4010).
    pub server: String,
    /// The address that clients send to. Port 0 takes a free port and prints it.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:4020")]
    pub listen: SocketAddr,
    /// Percentage of datagrams that are lost.
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = percent)]
    pub loss: f64,
    /// Mean number of datagrams lost in a row; without it, losses are independent.
    #[arg(long, value_name = "DATAGRAMS", value_parser = burst)]
    pub burst: Option<f64>,
    /// Delay of every datagram in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=10_000))]
    pub delay: u64,
    /// 99th percentile of an additional exponential delay, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=10_000))]
    pub jitter: u64,
    /// Percentage of datagrams that take 25 ms longer, so that the next one overtakes them.
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = percent)]
    pub reorder: f64,
    /// Percentage of datagrams that arrive twice.
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = percent)]
    pub duplicate: f64,
    /// Seconds after the first datagram from which everything is forwarded at once.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub calm_after: Option<u64>,
    /// Seed of the random numbers.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

fn percent(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("it must be a number from 0 to 100".into()),
    }
}

fn burst(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(burst) if (1.0..=1000.0).contains(&burst) => Ok(burst),
        _ => Err("it must be a number from 1 to 1000".into()),
    }
}

impl Args {
    pub(crate) fn server_address(&self) -> anyhow::Result<SocketAddr> {
        let with_port = self.server.to_socket_addrs().ok();
        let mut all = match with_port {
            Some(all) => all,
            None => (self.server.as_str(), DEFAULT_PORT)
                .to_socket_addrs()
                .with_context(|| format!("the host \"{}\" is unknown", self.server))?,
        };
        all.next()
            .with_context(|| format!("the host \"{}\" has no address", self.server))
    }

    pub(crate) fn plan(&self) -> Plan {
        Plan {
            link: Link {
                delay: Duration::from_millis(self.delay),
                jitter: Jitter::exponential_with_p99(Duration::from_millis(self.jitter)),
                loss: self.loss / 100.0,
                burst: self.burst.unwrap_or(0.0),
                duplicate: self.duplicate / 100.0,
                reorder: self.reorder / 100.0,
            },
            calm_after: self.calm_after.map(Duration::from_secs),
            seed: self.seed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(text.split(' '))
    }

    #[test]
    fn without_options_nothing_is_lost() {
        let args = parse("raa-relay 127.0.0.1").unwrap();
        let address = args.server_address().unwrap();
        assert_eq!(address, SocketAddr::from(([127, 0, 0, 1], 4010)));
        let Link { loss, jitter, .. } = args.plan().link;
        assert!(loss == 0.0 && matches!(jitter, Jitter::None));
    }

    #[test]
    fn percents_become_shares() {
        let args = parse("raa-relay [::1]:99 --loss 10 --burst 3 --reorder 1").unwrap();
        assert_eq!(args.server_address().unwrap().port(), 99);
        let Link {
            loss,
            burst,
            reorder,
            ..
        } = args.plan().link;
        assert_eq!((loss, burst, reorder), (0.1, 3.0, 0.01));
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for text in [
            "h --loss 101",
            "h --burst 0.5",
            "h --jitter 10001",
            "h --calm-after 0",
            "h --listen nowhere",
        ] {
            assert!(parse(&format!("raa-relay {text}")).is_err(), "{text}");
        }
    }
}
