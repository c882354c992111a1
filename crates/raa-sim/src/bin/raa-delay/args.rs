//! The command line.
//!
//! Always: what is parsed is within its bounds.

use clap::Parser;

/// Measures how long an RAA server on this machine holds what it receives, and prints it as JSON.
///
/// It sends a click a second and listens to the mix, in which nobody else may be heard meanwhile.
/// The first 20 s are not counted.
#[derive(Debug, Clone, Parser)]
#[command(name = "raa-delay", version)]
pub(crate) struct Args {
    /// The server's name or address.
    pub host: String,
    /// How long to measure.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(10..=3600))]
    pub seconds: u64,
    /// The server's audio port.
    #[arg(long, default_value_t = 4010, value_parser = clap::value_parser!(u16).range(1..))]
    pub udp_port: u16,
    /// The server's API and web port.
    #[arg(long, default_value_t = 4011, value_parser = clap::value_parser!(u16).range(1..))]
    pub http_port: u16,
}
