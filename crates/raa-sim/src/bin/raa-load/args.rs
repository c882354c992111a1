//! The command line.
//!
//! Always: what is parsed is within its bounds.

use std::ffi::OsString;

use clap::builder::TypedValueParser as _;
use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser};

const MAX_CLIENTS: i64 = 10_000;
const MAX_LISTENERS: i64 = 20_000;
/// The most clients with `--ports`, because each of them needs its own socket.
const MAX_PORTS: u32 = 1000;

/// Sends the sound of many clients to an RAA server, and reports what that costs the server and
/// what listeners receive.
///
/// Speaking clients send music as Opus at 64 kbit/s, the others only keep-alives. The server's
/// figures come from its API; CPU is given in percent of one core.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "raa-load",
    version,
    override_usage = "raa-load [OPTIONS] CLIENTS SPEAKING HOST\n       raa-load [OPTIONS] HOST",
    after_help = "Examples: raa-load 40 10 127.0.0.1\n          \
                  raa-load --clients 40 --speaking 10 --listeners 100 --seconds 150 127.0.0.1"
)]
pub(crate) struct Args {
    /// The server's name or address, preceded by the numbers of clients and of speaking clients
    /// unless they are given as options
    #[arg(required = true, num_args = 1..=3, value_name = "HOST")]
    words: Vec<String>,
    /// How many clients connect (1 to 10,000; 0 with listeners only)
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(0..=MAX_CLIENTS))]
    pub clients: u32,
    /// How many of the clients speak
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=MAX_CLIENTS))]
    pub speaking: u32,
    /// The server's name or address.
    #[arg(skip)]
    pub host: String,
    /// How long to wait before measuring: after 5 s all of the server's figures are under load,
    /// after 35 s the delay of every client has settled
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(5..=600))]
    pub warm_up: u64,
    /// How long to measure
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=86_400))]
    pub seconds: u64,
    /// The server's audio port
    #[arg(long, default_value_t = 4010, value_parser = clap::value_parser!(u16).range(1..))]
    pub udp_port: u16,
    /// The server's API and web port
    #[arg(long, default_value_t = 4011, value_parser = clap::value_parser!(u16).range(1..))]
    pub http_port: u16,
    /// How many listeners receive the mix over WebSocket (up to 20,000)
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=MAX_LISTENERS))]
    pub listeners: u32,
    /// Percentage of packets that are lost
    #[arg(long, default_value_t = 0.0, value_parser = |text: &str| within(text, 0.0, 100.0))]
    pub loss: f64,
    /// Mean of an exponential delay of packets, in ms
    #[arg(long, value_name = "MS", default_value_t = 0.0, value_parser = |text: &str| within(text, 0.0, 200.0))]
    pub jitter: f64,
    /// Clock drift of the clients, spread evenly from -PPM to +PPM
    #[arg(long, value_name = "PPM", default_value_t = 0.0, value_parser = |text: &str| within(text, 0.0, 1000.0))]
    pub drift: f64,
    /// Speakers pause like people: some seconds of sound, some seconds of keep-alives
    #[arg(long)]
    pub dtx: bool,
    /// Client n (from 0) sends to the audio port + n and sends no RTCP, for mixers that receive
    /// one stream per port
    #[arg(long)]
    pub ports: bool,
    /// Do not read the API, for programs other than raa-server
    #[arg(long)]
    pub no_api: bool,
    /// Process ID of the server on this host, to measure its CPU time exactly
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub pid: Option<u32>,
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

fn within(text: &str, least: f64, most: f64) -> Result<f64, String> {
    match text.parse() {
        Ok(value) if (least..=most).contains(&value) => Ok(value),
        _ => Err(format!("it must be a number from {least} to {most}")),
    }
}

impl Args {
    /// Parses the arguments of this process. Ends it after help and errors.
    pub(crate) fn from_process() -> Self {
        Self::parse_words(std::env::args_os()).unwrap_or_else(|error| error.exit())
    }

    /// Parses both forms of the command line.
    ///
    /// # Errors
    /// Returns an error of clap that names the argument.
    pub(crate) fn parse_words(
        words: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        let mut args = Self::try_parse_from(words)?;
        match std::mem::take(&mut args.words).as_slice() {
            [host] => args.host.clone_from(host),
            [clients, speaking, host] => {
                args.clients = count("CLIENTS", clients)?;
                args.speaking = count("SPEAKING", speaking)?;
                args.host.clone_from(host);
            }
            _ => return Err(refusal("expected CLIENTS SPEAKING HOST, or only HOST")),
        }
        if args.clients == 0 && args.listeners == 0 {
            return Err(refusal("--clients and --listeners cannot both be 0"));
        }
        if args.ports && args.clients > MAX_PORTS.min(u32::from(u16::MAX - args.udp_port) + 1) {
            return Err(refusal(&format!(
                "{} clients need more ports than there are (at most {MAX_PORTS}, up to port 65535)",
                args.clients
            )));
        }
        Ok(args)
    }

    /// The number of speaking clients, which is at most the number of clients.
    pub(crate) fn speaking(&self) -> u32 {
        self.speaking.min(self.clients)
    }
}

fn count(name: &str, text: &str) -> Result<u32, clap::Error> {
    let parser = clap::value_parser!(u32).range(0..=MAX_CLIENTS);
    let value = parser.parse_ref(&Args::command(), None, text.as_ref());
    value.map_err(|_| {
        refusal(&format!(
            "{name} is \"{text}\"; it must be a whole number from 0 to {MAX_CLIENTS}"
        ))
    })
}

fn refusal(text: &str) -> clap::Error {
    Args::command().error(ErrorKind::ValueValidation, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Args, clap::Error> {
        Args::parse_words(text.split(' '))
    }

    #[test]
    fn the_short_form_uses_the_servers_default_ports() {
        let args = parse("raa-load 40 10 127.0.0.1").unwrap();
        assert_eq!((args.clients, args.speaking(), args.seconds), (40, 10, 60));
        assert_eq!(
            (args.udp_port, args.http_port, args.listeners),
            (4010, 4011, 0)
        );
        assert_eq!(args.host, "127.0.0.1");
    }

    #[test]
    fn the_long_form_sets_the_same_values() {
        let args =
            parse("raa-load --clients 300 --speaking 20 --listeners 100 --seconds 150 example.org")
                .unwrap();
        assert_eq!((args.clients, args.speaking()), (300, 20));
        assert_eq!((args.listeners, args.seconds), (100, 150));
        assert_eq!(args.host, "example.org");
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for text in [
            "0 0 h",
            "10001 1 h",
            "x 1 h",
            "1 h",
            "1 1 h more",
            "1 1 h --loss 101",
            "1 1 h --jitter -1",
            "1 1 h --seconds 4",
            "1 1 h --udp-port 0",
            "1001 1 h --ports",
            "100 1 h --ports --udp-port 65500",
            "h --listeners 20001",
        ] {
            assert!(parse(&format!("raa-load {text}")).is_err(), "{text}");
        }
        assert_eq!(parse("raa-load 5 10 h").unwrap().speaking(), 5);
        assert!(parse("raa-load 0 0 h --listeners 1").is_ok());
    }
}
