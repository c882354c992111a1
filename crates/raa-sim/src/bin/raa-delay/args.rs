//! The command line.
//!
//! Always: what is parsed is within its bounds.

use clap::Parser;

/// Measures the delay that an RAA server on this machine adds, and prints it as JSON.
///
/// Sends one click per second and receives the mix. No other client may be in the mix at that
/// time. The first 20 s do not count.
#[derive(Debug, Clone, Parser)]
#[command(name = "raa-delay", version)]
pub(crate) struct Args {
    /// The server's name or address.
    pub host: String,
    /// How long to measure, in seconds.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(10..=3600))]
    pub seconds: u64,
    /// The server's audio port.
    #[arg(long, default_value_t = 4010, value_parser = clap::value_parser!(u16).range(1..))]
    pub udp_port: u16,
    /// The server's API and web port.
    #[arg(long, default_value_t = 4011, value_parser = clap::value_parser!(u16).range(1..))]
    pub http_port: u16,
}
