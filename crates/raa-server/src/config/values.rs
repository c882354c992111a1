//! The configuration itself: a field for each key, and the defaults.

use std::net::{IpAddr, Ipv6Addr};

use raa_core::settings::SoundingFrom;
use tracing::Level;

use crate::access::{Host, Network, WebOrigin};

/// The value of every key of raa-server.toml.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// UDP port that senders send to; 0 takes any free one.
    pub udp_port: u16,
    /// TCP port of the page, the API and the listeners; 0 takes any free one.
    pub http_port: u16,
    /// Address to listen on, for both ports; `::` means every IPv6 and IPv4 address.
    pub listen_address: IpAddr,
    /// RTP payload types that are decoded as Opus, 0 to 127; at least one.
    pub payload_types: Vec<u8>,
    /// Upper limit of a client's playout delay, which follows the network; 20 to 400 ms.
    pub max_playout_delay_ms: u16,
    /// Time without packets after which a client is offline, 1 to 3600 s.
    pub offline_after_s: u16,
    /// Number of remembered clients without operator settings, 1 to 10,000.
    pub max_unconfigured_clients: u16,
    /// Number of clients with operator settings, 1 to 100,000.
    pub max_configured_clients: u32,
    /// Hours after which an unconfigured client that went away is forgotten, 0 to 8,760; 0: never.
    pub forget_unconfigured_after_h: u16,
    /// Peak level from which a client counts as sounding, unless it has its own setting.
    pub sounding_from_dbfs: SoundingFrom,
    /// Names under which browsers may open the page, in addition to the machine's own.
    pub allowed_hosts: Vec<Host>,
    /// Pages of other origins that may listen, follow the clients, and show the page in a frame.
    pub allowed_origins: Vec<WebOrigin>,
    /// A path under which everything is served as well, for a reverse proxy that does not strip it: empty,
    /// or like `/raa`.
    pub base_path: String,
    /// Reverse proxies that are believed whom they forward a request for.
    pub trusted_proxies: Vec<Network>,
    /// Connections of one address that are not WebSockets, 1 to 8,192.
    pub max_connections_per_address: u16,
    /// WebSockets of one address, 1 to 8,192.
    pub max_listeners_per_address: u16,
    /// Changes per second that one address may make in the long run, 1 to 1,000.
    pub changes_per_second: u16,
    /// Changes that one address may make at once, 1 to 10,000.
    pub changes_burst: u16,
    /// Days after which entries of the log are deleted, 1 to 3,650.
    pub log_days: u16,
    /// The most entries of the log, 1,000 to 10,000,000.
    pub log_entries: u32,
    /// Whether the built-in test client plays.
    pub test_music: bool,
    /// Bit rate of the mix, 6,000 to 510,000 bit/s.
    pub bitrate: u32,
    /// Complexity of the mix's Opus encoder, 0 to 10; more sounds better and costs more CPU time.
    pub complexity: u8,
    /// Least severe level that is logged.
    pub log_level: Level,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            udp_port: 4010,
            http_port: 4011,
            listen_address: Ipv6Addr::UNSPECIFIED.into(),
            payload_types: vec![111],
            max_playout_delay_ms: 400,
            offline_after_s: 5,
            max_unconfigured_clients: 1000,
            max_configured_clients: 10_000,
            forget_unconfigured_after_h: 24,
            sounding_from_dbfs: SoundingFrom::default(),
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            base_path: String::new(),
            trusted_proxies: Vec::new(),
            max_connections_per_address: 64,
            max_listeners_per_address: 128,
            changes_per_second: 5,
            changes_burst: 20,
            log_days: 30,
            log_entries: 200_000,
            test_music: true,
            bitrate: 64_000,
            complexity: 9,
            log_level: Level::INFO,
        }
    }
}
