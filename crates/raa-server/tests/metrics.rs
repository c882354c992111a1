//! `/metrics`: what Prometheus reads, over real sockets, judged by its own promtool.
//!
//! Always: fails if promtool is missing; the Debian package `prometheus` has it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use common::sender::{self, Sender};
use common::{PATIENCE, Server, build, client_when, get, patch, request, status};
use hyper::Method;
use hyper::header::{ACCEPT, HeaderValue};
use raa_core::codec::{Encoder, EncoderSettings};
use serde_json::json;
use tokio::time::sleep;

const NAMES: [&str; 6] = [
    r#"said "stop""#,
    r"C:\alarms\",
    r#"\"} 1"#,
    "🚨 第3病棟",
    "{}=,#",
    "x\u{2028}y",
];

async fn scrape(to: SocketAddr) -> String {
    let reply = get(to, "/metrics").await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    String::from_utf8(reply.body.to_vec()).unwrap()
}

/// What promtool has to say: nothing, if all is well.
fn complaints(text: &str) -> String {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is missing: install the Debian package prometheus");
    let mut input = promtool.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success() || !said.is_empty());
    said
}

/// The value of a sample, named as in the text.
fn sample(text: &str, name: &str) -> Option<f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.rsplit_once(' '))
        .find(|(sample, _)| *sample == name)
        .map(|(_, value)| value.parse().unwrap())
}

/// Makes computers known to the server. Each sends until it is: a slot admits only some newcomers.
async fn introduce(server: &Server, ssrcs: RangeInclusive<u32>) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut encoder = Encoder::new(EncoderSettings::default()).unwrap();
    let known = async || status(server.http).await["clients"].as_u64().unwrap();
    let wanted = known().await + ssrcs.clone().count() as u64;
    let started = Instant::now();
    for number in 0.. {
        let mut packet = sender::datagram(0, number, &mut encoder);
        for ssrc in ssrcs.clone() {
            packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
            socket.send_to(&packet, server.udp).unwrap();
        }
        sleep(Duration::from_millis(100)).await;
        if known().await == wanted {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "{wanted} wanted");
    }
}

#[tokio::test]
async fn promtool_has_nothing_to_say_whatever_clients_are_called() {
    let server = Server::start().await;
    let text = scrape(server.http).await;
    assert_eq!(complaints(&text), "");
    assert_eq!(sample(&text, r#"raa_clients{status="offline"}"#), Some(0.0));
    assert!(!text.contains("raa_client_"), "no client is known");

    for (ssrc, name) in (1..).zip(NAMES) {
        introduce(&server, ssrc..=ssrc).await;
        let id = format!("{ssrc:08x}");
        let reply = patch(server.http, &id, json!({ "name": name }).to_string()).await;
        assert_eq!(reply.status, 200);
        let kept = reply.json()["name"].as_str().unwrap().to_owned();
        let escaped = kept.replace('\\', r"\\").replace('"', r#"\""#);
        let text = scrape(server.http).await;
        assert_eq!(complaints(&text), "", "{name}");
        let info = format!(r#"raa_client_info{{ssrc="{ssrc}",id="{id}",name="{escaped}"}}"#);
        assert_eq!(sample(&text, &info), Some(1.0), "{info}\n{text}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_thousand_clients_have_a_series_each_and_nothing_else_grows() {
    let server = Server::start().await;
    introduce(&server, 1..=1).await;
    let one = scrape(server.http).await;
    introduce(&server, 2..=1000).await;
    let text = scrape(server.http).await;
    assert_eq!(complaints(&text), "");
    let samples = |text: &str, per_client: bool| -> BTreeSet<String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| line.rsplit_once(' ').unwrap().0)
            .filter(|name| name.contains("ssrc=") == per_client)
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(samples(&one, false), samples(&text, false));
    let of_one = samples(&one, true);
    assert!(of_one.len() > 20, "{of_one:?}");
    for name in of_one {
        let (metric, labels) = name.split_once('{').unwrap();
        let labels: Vec<&str> = labels
            .split(',')
            .map(|l| l.split('=').next().unwrap())
            .collect();
        let wanted: &[&str] = match metric {
            "raa_client_info" => &["ssrc", "id", "name"],
            _ => &["ssrc"],
        };
        assert_eq!(labels, wanted, "{name}");
        let count = samples(&text, true)
            .iter()
            .filter(|name| name.split_once('{').unwrap().0 == metric)
            .count();
        assert_eq!(count, 1000, "{metric}");
    }
    server.stop().await;
}

#[tokio::test]
async fn figures_are_those_of_the_api() {
    let server = Server::start().await;
    let _sender = Sender::start(server.udp);
    let client = client_when(server.http, sender::ID, |client| {
        client["quality"] == "good" && client["status"] == "sounding"
    })
    .await;
    let text = scrape(server.http).await;
    let of = |name: &str| sample(&text, &format!(r#"{name}{{ssrc="{}"}}"#, sender::SSRC));
    assert_eq!(of("raa_client_connected"), Some(1.0));
    assert_eq!(of("raa_client_sounding"), Some(1.0));
    assert_eq!(of("raa_client_quality"), Some(2.0));
    assert_eq!(of("raa_client_volume_ratio"), Some(1.0));
    assert_eq!(
        of("raa_client_round_trip_seconds"),
        None,
        "it sends no reports"
    );
    let peak = of("raa_client_peak_level_dbfs").unwrap();
    assert!((peak + 12.0).abs() < 1.5, "{peak}");
    let delay = of("raa_client_target_delay_seconds").unwrap();
    assert!((0.02..0.4).contains(&delay), "{delay}");
    let before = client["stats"]["received"].as_f64().unwrap();
    let received = of("raa_client_packets_received_total").unwrap();
    let after = common::client(server.http, sender::ID).await;
    let after = after["stats"]["received"].as_f64().unwrap();
    assert!(
        (before..=after).contains(&received),
        "{before} {received} {after}"
    );
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    let last = of("raa_client_last_packet_timestamp_seconds").unwrap();
    assert!((now - 10.0..=now).contains(&last), "{last} {now}");

    assert_eq!(
        sample(&text, r#"raa_clients{status="sounding"}"#),
        Some(1.0)
    );
    let version = status(server.http).await["version"]
        .as_str()
        .unwrap()
        .to_owned();
    let build = format!(r#"raa_build_info{{version="{version}"}}"#);
    assert_eq!(sample(&text, &build), Some(1.0));
    assert!(sample(&text, "process_resident_memory_bytes").unwrap() > 1e6);
    server.stop().await;
}

#[tokio::test]
async fn histograms_count_every_slot_and_counters_every_refusal() {
    let server = Server::start().await;
    let garbage = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    garbage.send_to(b"no RTP at all", server.udp).unwrap();
    let refused = r#"raa_refused_packets_total{reason="not_rtp"}"#;
    let started = Instant::now();
    let text = loop {
        let text = scrape(server.http).await;
        let slots = sample(&text, "raa_slots_total").unwrap();
        if sample(&text, refused) == Some(1.0) && slots >= 20.0 {
            break text;
        }
        assert!(started.elapsed() < PATIENCE, "{text}");
        sleep(Duration::from_millis(50)).await;
    };
    let slots = sample(&text, "raa_slots_total").unwrap();
    for name in ["raa_mix_cycle_seconds", "raa_slot_lateness_seconds"] {
        assert_eq!(
            sample(&text, &format!("{name}_count")),
            Some(slots),
            "{name}"
        );
        let last = format!(r#"{name}_bucket{{le="+Inf"}}"#);
        assert_eq!(sample(&text, &last), Some(slots), "{name}");
        let sum = sample(&text, &format!("{name}_sum")).unwrap();
        assert!(
            sum > 0.0 && sum < started.elapsed().as_secs_f64() * 2.0,
            "{sum}"
        );
        let buckets: Vec<f64> = text
            .lines()
            .filter(|line| line.starts_with(&format!("{name}_bucket{{")))
            .map(|line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
            .collect();
        assert!(buckets.len() > 5 && buckets.is_sorted(), "{buckets:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn openmetrics_comes_on_request() {
    let server = Server::start().await;
    let mut wanted = build(Method::GET, "/metrics", "");
    let accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.3";
    wanted
        .headers_mut()
        .insert(ACCEPT, HeaderValue::from_static(accept));
    let reply = request(server.http, wanted).await;
    assert_eq!(
        reply.header("content-type"),
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    assert_eq!(reply.header("vary"), "accept");
    let text = String::from_utf8(reply.body.to_vec()).unwrap();
    assert!(text.ends_with("\n# EOF\n"));
    assert!(text.contains("# UNIT raa_mix_cycle_seconds seconds\n"));
    assert!(text.contains("# TYPE raa_build info\n"));
    server.stop().await;
}

#[tokio::test]
async fn alerts_and_dashboard_use_figures_that_exist() {
    let server = Server::start().await;
    introduce(&server, 1..=1).await;
    let text = scrape(server.http).await;
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let known: BTreeSet<&str> = types.filter_map(|line| line.split(' ').next()).collect();
    let is_known = |name: &str| {
        let parts = ["_bucket", "_sum", "_count"].map(|part| name.strip_suffix(part));
        known.contains(name) || parts.into_iter().flatten().any(|name| known.contains(name))
    };
    for file in [
        include_str!("../../../contrib/prometheus/raa-alerts.yml"),
        include_str!("../../../contrib/grafana/raa.json"),
    ] {
        let words = file.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let used: BTreeSet<&str> = words
            .filter(|word| word.starts_with("raa_") || word.starts_with("process_"))
            .collect();
        assert!(used.len() > 10, "{used:?}");
        let unknown: Vec<_> = used.into_iter().filter(|name| !is_known(name)).collect();
        assert!(unknown.is_empty(), "{unknown:?} of {known:?}");
    }
    server.stop().await;
}
