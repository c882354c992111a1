//! The command line.
//!
//! Always: what is parsed is within its bounds.

use clap::Parser;

/// Sends the sound of many clients to an RAA server and reports what that cost the server.
///
/// The speaking clients send music as Opus at 64 kbit/s, the others what a silent client sends.
/// The server's figures come from its API; CPU is in percent of one core.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "raa-load",
    version,
    after_help = "Example: raa-load 40 10 127.0.0.1"
)]
pub(crate) struct Args {
    /// How many clients connect.
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub clients: u32,
    /// How many of them speak.
    #[arg(value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub speaking: u32,
    /// The server's name or address.
    pub host: String,
    /// How long to measure, after 5 s of warming up.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=86_400))]
    pub seconds: u64,
    /// The server's audio port.
    #[arg(long, default_value_t = 4010, value_parser = clap::value_parser!(u16).range(1..))]
    pub udp_port: u16,
    /// The server's API and web port.
    #[arg(long, default_value_t = 4011, value_parser = clap::value_parser!(u16).range(1..))]
    pub http_port: u16,
    /// How many listeners hear the mix over WebSocket.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=2000))]
    pub listeners: u32,
    /// Percent of the packets to lose on the way.
    #[arg(long, default_value_t = 0.0, value_parser = percent)]
    pub loss: f64,
    /// Print JSON instead of the table.
    #[arg(long)]
    pub json: bool,
}

fn percent(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("allowed are numbers from 0 to 100".into()),
    }
}

impl Args {
    /// No more clients can speak than there are.
    pub(crate) fn speaking(&self) -> u32 {
        self.speaking.min(self.clients)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(text.split(' '))
    }

    #[test]
    fn the_short_form_has_the_defaults_of_the_server() {
        let args = parse("raa-load 40 10 127.0.0.1").unwrap();
        assert_eq!((args.clients, args.speaking(), args.seconds), (40, 10, 60));
        assert_eq!(
            (args.udp_port, args.http_port, args.listeners),
            (4010, 4011, 0)
        );
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        for text in [
            "0 0 h",
            "1001 1 h",
            "1 1 h --loss 101",
            "1 1 h --seconds 4",
            "1 1 h --udp-port 0",
        ] {
            assert!(parse(&format!("raa-load {text}")).is_err(), "{text}");
        }
        assert_eq!(parse("raa-load 5 10 h").unwrap().speaking(), 5);
    }
}
