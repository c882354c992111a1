//! A whole server in the process of a benchmark.

#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use raa_server::config::Config;
use raa_server::{Setup, Sockets};
use tokio_util::sync::CancellationToken;

/// Runs a server on free ports and in a folder of its own while `act` works with its UDP and its HTTP address.
pub(crate) fn with_server<T>(test_music: bool, act: impl FnOnce(SocketAddr, SocketAddr) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        test_music,
        ..Config::default()
    };
    with_config(config, folder.path(), act)
}

/// The same with these settings, and the state in `folder`.
pub(crate) fn with_config<T>(
    config: Config,
    folder: &Path,
    act: impl FnOnce(SocketAddr, SocketAddr) -> T,
) -> T {
    let setup = Setup {
        config: Config {
            udp_port: 0,
            http_port: 0,
            ..config
        },
        state_dir: folder.join("state"),
        web_dir: None,
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stop = CancellationToken::new();
    let sockets = {
        let _inside = runtime.enter();
        Sockets::bind(&setup.config).unwrap()
    };
    let (udp, http) = sockets.addresses().unwrap();
    let [udp, http] = [udp, http].map(|at| SocketAddr::from((Ipv4Addr::LOCALHOST, at.port())));
    let server = runtime.spawn(raa_server::run(setup, sockets, stop.clone()));
    let result = act(udp, http);
    stop.cancel();
    runtime.block_on(server).unwrap().unwrap();
    result
}
