//! The command line.

use std::net::{Ipv4Addr, SocketAddr};

use clap::Parser;

/// Attacks an RAA server on this computer in every known way at once, and prints what was sent and
/// answered as JSON.
#[derive(Debug, Clone, Parser)]
#[command(name = "raa-attack", version)]
pub(crate) struct Args {
    /// The SSRC of a connected client that is to be silenced, as in the server's API; another
    /// client's with each further use
    #[arg(long = "victim", value_name = "ID", value_parser = ssrc, required = true)]
    pub victims: Vec<u32>,
    /// The SSRC of a client that comes and goes during the attack
    #[arg(long, value_name = "ID", value_parser = ssrc)]
    pub newcomer: u32,
    /// How long to attack
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// The server's audio port
    #[arg(long, default_value_t = 4010, value_parser = clap::value_parser!(u16).range(1..))]
    udp_port: u16,
    /// The server's API and web port
    #[arg(long, default_value_t = 4011, value_parser = clap::value_parser!(u16).range(1..))]
    http_port: u16,
}

fn ssrc(text: &str) -> Result<u32, String> {
    u32::from_str_radix(text, 16).map_err(|_| "it must be up to 8 hexadecimal digits".to_owned())
}

impl Args {
    pub(crate) fn audio(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.udp_port).into()
    }

    pub(crate) fn http(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.http_port).into()
    }
}

/// Returns the address of an attacking host.
pub(crate) fn host(number: u8) -> SocketAddr {
    (Ipv4Addr::new(127, 6, 6, number), 0).into()
}
