//! The real program and a name with two addresses, in a network namespace with its own hosts file.

#![cfg(target_os = "linux")]

mod support;

#[path = "../../raa-server/tests/common/namespace.rs"]
mod namespace;

use std::time::Duration;

use support::{Client, Received, Receiver};

const SECOND: Duration = Duration::from_secs(1);
/// An empty receiver report.
const REPORT: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 7];
/// The resolver prefers IPv6.
const HOSTS: &str = "printf '::1 raa.test\\n127.0.0.2 raa.test\\n' >/tmp/raa-test-hosts-$$
    mount --bind /tmp/raa-test-hosts-$$ /etc/hosts
    rm /tmp/raa-test-hosts-$$";

fn number_of(received: &Received) -> Option<u16> {
    match received {
        Received::Rtp {
            sequence_number, ..
        } => Some(*sequence_number),
        _ => None,
    }
}

#[test]
fn a_name_is_left_by_its_swallowing_address_only() {
    if !namespace::is_inside("a_name_is_left_by_its_swallowing_address_only", HOSTS) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut swallowing = Receiver::at("[::1]:4010");
    let mut server = Receiver::at("127.0.0.2:4010");
    let options = ["--source", "tone"];
    let (_client, log) = Client::start_logging(folder.path(), "raa.test", &options);
    swallowing.expect("a packet", number_of);
    let first = server.expect("a packet after some seconds", number_of);
    // Nothing has been cut off: the first address gets the same packets until the other one answers.
    swallowing.expect("the same packet", |received| {
        number_of(received).filter(|number| *number == first)
    });
    server.reply(&REPORT);
    log.wait_for("sending to 127.0.0.2:4010, which answers", 1);
    swallowing.receive_for(SECOND);
    let late = swallowing.receive_for(SECOND);
    assert_eq!(late.iter().find_map(number_of), None, "it is left");
    server.receive_for(SECOND / 2);
    let received = server.receive_for(SECOND);
    let numbers: Vec<u16> = received.iter().filter_map(number_of).collect();
    assert!(numbers.len() > 30, "{numbers:?}");
    let is_next = |pair: &[u16]| pair[1] == pair[0].wrapping_add(1);
    assert!(numbers.windows(2).all(is_next), "{numbers:?}");
}
