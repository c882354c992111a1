//! A whole server in the process of a benchmark.

use std::net::{Ipv4Addr, SocketAddr};

use raa_server::config::Config;
use raa_server::{Setup, Sockets};
use tokio_util::sync::CancellationToken;

/// Runs a server on free ports and in a folder of its own while `act` works with its UDP and its HTTP address.
pub(crate) fn with_server<T>(test_music: bool, act: impl FnOnce(SocketAddr, SocketAddr) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        udp_port: 0,
        http_port: 0,
        test_music,
        ..Config::default()
    };
    let setup = Setup {
        config,
        state_dir: folder.path().join("state"),
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
