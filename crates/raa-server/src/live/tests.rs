//! The messages of the events, applied as a page applies them.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use raa_core::client::{ClientView, Status};
use raa_core::hub::HubStats;
use raa_core::level::Level;
use raa_core::quality::{Quality, QualityReport};
use raa_core::source::SourceStats;
use serde_json::{Value, json};

use super::pace::{Pace, Published};
use super::row::{ClientRow, RefusedRow, ServerRow};
use crate::api::model::StatusWord;
use crate::clock::ServerClock;
use crate::engine::{Histogram, Snapshot, Timing};
use crate::test_client::client;
use crate::watch::Details;

/// What a page knows, in the words of the messages.
#[derive(Debug, Clone, Default, PartialEq)]
struct Page {
    revision: u64,
    now_ms: i64,
    clients: BTreeMap<String, Value>,
    server: Value,
}

impl Page {
    fn take(&mut self, message: &str) {
        let message: Value = serde_json::from_str(message).unwrap();
        if message["type"] == "whole" {
            *self = Self::default();
        } else {
            assert_eq!(message["type"], "changes");
            assert_eq!(message["from"], self.revision, "a message is missing");
        }
        self.revision = message["revision"].as_u64().unwrap();
        self.now_ms = message["now_ms"].as_i64().unwrap();
        for row in list(&message["clients"]) {
            let id = row["id"].as_str().unwrap().to_owned();
            merge(self.clients.entry(id).or_default(), row);
        }
        for id in list(&message["gone"]) {
            assert!(self.clients.remove(id.as_str().unwrap()).is_some());
        }
        merge(&mut self.server, &message["server"]);
    }

    fn whole(published: &Published) -> Self {
        let mut page = Self::default();
        page.take(&published.whole());
        page
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn merge(old: &mut Value, new: &Value) {
    for (name, value) in new.as_object().into_iter().flatten() {
        old[name] = value.clone();
    }
}

fn view(ssrc: u32) -> ClientView {
    ClientView {
        level: Level {
            rms_dbfs: -23.08,
            peak_dbfs: -12.0,
        },
        last_packet_ago: Some(Duration::from_millis(7)),
        last_sound_ago: Some(Duration::from_millis(4000)),
        ..client(ssrc)
    }
}

fn row(ssrc: u32) -> ClientRow {
    let start = Instant::now();
    let at = start + Duration::from_secs(10);
    ClientRow::of(
        &view(ssrc),
        Details::default(),
        at,
        ServerClock::new(start),
        0,
    )
}

fn server(listeners: usize) -> ServerRow {
    ServerRow {
        version: "0.1.0",
        udp_port: 4010,
        listeners,
        epoch_ms: 0,
        groups_revision: 0,
        groups: Vec::new(),
        walls: Vec::new(),
        refused_senders: Vec::new(),
    }
}

/// Gives states to a `Pace`, 100 ms apart.
struct Bench {
    pace: Pace,
    start: Instant,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let start = Instant::now();
        Self {
            pace: Pace::default(),
            start,
            now: start,
        }
    }

    fn give(&mut self, clients: Vec<ClientRow>, server: ServerRow) -> Option<Arc<Published>> {
        self.now += Duration::from_millis(100);
        let now_ms = ServerClock::new(self.start).ms(self.now);
        assert!(self.pace.is_state_due(self.now));
        self.pace.state(self.now, now_ms, clients, server)
    }
}

/// Volume, mute and name of a client that exists.
type Looks = Option<(u8, bool, u8)>;

/// Random states: the looks of a few clients, and the number of listeners.
fn states() -> impl Strategy<Value = Vec<(Vec<Looks>, usize)>> {
    let client = prop::option::weighted(0.8, (0..4u8, any::<bool>(), 0..3u8));
    vec((vec(client, 5), 0..3usize), 1..20)
}

fn rows(looks: &[Looks]) -> Vec<ClientRow> {
    let row = |(ssrc, looks): (usize, &Looks)| {
        let (volume, muted, name) = (*looks)?;
        Some(ClientRow {
            volume,
            muted,
            name: ["", "Ward 3", "病棟 3"][usize::from(name)].into(),
            last_sound_at_ms: (volume > 2).then_some(-7),
            ..row(ssrc as u32 * 0x1234_5678)
        })
    };
    looks.iter().enumerate().filter_map(row).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Three readers: one keeps up, one takes messages at random, and one is new at random.
    #[test]
    fn changes_lead_to_the_whole(states in states(), reads in vec(0..3u8, 20)) {
        let mut bench = Bench::new();
        let (mut fast, mut slow) = (None, None);
        for ((looks, listeners), reads) in states.iter().zip(reads) {
            let Some(published) = bench.give(rows(looks), server(*listeners)) else { continue };
            let whole = Page::whole(&published);
            let check = |reader: &mut Option<(Arc<Published>, Page)>| {
                let (has, mut page) = reader.take().unwrap_or_else(|| (published.clone(), whole.clone()));
                page.take(&published.changes_since(&has));
                assert_eq!(page, whole);
                *reader = Some((published.clone(), page));
            };
            check(&mut fast);
            if reads > 0 {
                check(&mut slow);
            }
            if reads > 1 {
                slow = None;
            }
        }
    }
}

#[test]
fn a_message_has_only_the_changed_fields() {
    let mut bench = Bench::new();
    let first = bench.give(vec![row(1), row(2)], server(0)).unwrap();
    let renamed = ClientRow {
        name: "Ward 3".into(),
        ..row(2)
    };
    let second = bench.give(vec![renamed, row(3)], server(1)).unwrap();
    let message: Value = serde_json::from_str(&second.changes_since(&first)).unwrap();
    let whole: Value = serde_json::from_str(&second.whole()).unwrap();
    let expected = json!({"type": "changes", "from": 1, "revision": 2, "now_ms": 200,
        "clients": [{"id": "00000002", "name": "Ward 3"}, whole["clients"][1]],
        "gone": ["00000001"], "server": {"listeners": 1}});
    assert_eq!(message, expected);
}

#[test]
fn readers_that_keep_up_share_one_text() {
    let mut bench = Bench::new();
    let first = bench.give(vec![row(1)], server(0)).unwrap();
    let second = bench.give(vec![row(1), row(2)], server(0)).unwrap();
    let [a, b] = [0, 1].map(|_| second.changes_since(&first));
    assert_eq!(a.as_str().as_ptr(), b.as_str().as_ptr());
    let [a, b] = [0, 1].map(|_| second.whole());
    assert_eq!(a.as_str().as_ptr(), b.as_str().as_ptr());
}

#[test]
fn an_unchanged_state_is_one_short_message_a_second() {
    let mut bench = Bench::new();
    let mut shown = bench.give(vec![row(1)], server(0)).unwrap();
    let mut messages = Vec::new();
    for _ in 0..50 {
        if let Some(published) = bench.give(vec![row(1)], server(0)) {
            messages.push(published.changes_since(&shown));
            shown = published;
        }
    }
    assert_eq!(messages.len(), 5);
    assert_eq!(
        messages[4].as_str(),
        r#"{"type":"changes","from":1,"revision":1,"now_ms":5100}"#
    );
}

#[test]
fn busy_figures_change_as_fast_as_people_read() {
    let mut bench = Bench::new();
    let report = |concealed_percent| QualityReport {
        quality: Quality::Bad,
        loss_percent: 9.0,
        concealed_percent,
    };
    let refused = |packets| RefusedRow {
        address: SocketAddr::from(([192, 0, 2, 9], 5004)),
        reason: "payload_type",
        payload_type: Some(96),
        ssrc: Some(1),
        packets,
        since_at_ms: 0,
        last_at_ms: 100,
    };
    let mut changes = BTreeMap::<String, u32>::new();
    let mut shown: Option<Arc<Published>> = None;
    for i in 0..50_u32 {
        let mut client = view(1);
        client.quality = Some(report(f64::from(i)));
        let row = ClientRow::of(
            &client,
            Details::default(),
            bench.now,
            ServerClock::new(bench.start),
            0,
        );
        let row = ClientRow {
            last_sound_at_ms: None,
            ..row
        };
        let server = ServerRow {
            refused_senders: vec![refused(u64::from(i))],
            ..server(i as usize)
        };
        let Some(published) = bench.give(vec![row], server) else {
            continue;
        };
        if let Some(shown) = shown {
            let message: Value = serde_json::from_str(&published.changes_since(&shown)).unwrap();
            let fields = [&message["clients"][0], &message["server"]];
            for (name, _) in fields
                .into_iter()
                .flat_map(|f| f.as_object().into_iter().flatten())
            {
                *changes.entry(name.clone()).or_default() += 1;
            }
        }
        shown = Some(published);
    }
    let count = |name: &str| changes.get(name).copied().unwrap_or_default();
    // In five seconds.
    assert_eq!(count("concealed_percent"), 3, "{changes:?}");
    assert_eq!(count("refused_senders"), 5, "{changes:?}");
    assert_eq!(count("listeners"), 17, "{changes:?}");
}

#[test]
fn a_change_of_quality_brings_its_measurement() {
    let mut bench = Bench::new();
    let start = bench.start;
    let with = |quality, concealed_percent| {
        let mut client = view(1);
        client.stats.delay_ms = 300.4;
        client.quality = Some(QualityReport {
            quality,
            loss_percent: 9.0,
            concealed_percent,
        });
        ClientRow::of(
            &client,
            Details::default(),
            start,
            ServerClock::new(start),
            0,
        )
    };
    let mut look = |row| {
        let published = bench.give(vec![row], server(0))?;
        let row = published.state.clients[0].clone();
        Some((row.concealed_percent, row.delay_ms))
    };
    assert_eq!(look(with(Quality::Good, 0.1)), Some((None, None)));
    assert_eq!(look(with(Quality::Fair, 2.04)), Some((Some(2.0), None)));
    assert_eq!(look(with(Quality::Fair, 2.1)), None);
    assert_eq!(look(with(Quality::Good, 0.4)), Some((None, None)));
    assert_eq!(look(with(Quality::Fair, 0.4)), Some((None, Some(300))));
}

#[test]
fn a_row_of_a_quiet_client_stays_the_same() {
    let start = Instant::now();
    let clock = ServerClock::new(start);
    let event = start + Duration::from_micros(1_234_567);
    let mut before: BTreeMap<&str, ClientRow> = BTreeMap::new();
    for ms in (0..3000_u32).step_by(7) {
        let taken = event + Duration::from_micros(u64::from(ms) * 1001);
        let counted = ClientView {
            stats: SourceStats {
                received: ms.into(),
                jitter_ms: ms.into(),
                delay_ms: ms.into(),
                ..SourceStats::default()
            },
            round_trip: Some(Duration::from_millis(ms.into())),
            level: Level {
                rms_dbfs: -70.0 - ms as f32 / 1000.0,
                peak_dbfs: -65.0,
            },
            ..view(1)
        };
        let connected = ClientView {
            last_packet_ago: Some(Duration::from_millis(ms.into())),
            last_sound_ago: Some(taken - event),
            ..counted.clone()
        };
        let offline = ClientView {
            status: Status::Offline,
            last_packet_ago: Some(taken - event),
            ..connected.clone()
        };
        let sounding = ClientView {
            status: Status::Sounding,
            last_sound_ago: Some(Duration::from_millis(u64::from(ms) % 1000)),
            ..connected.clone()
        };
        for (name, client) in [
            ("connected", connected),
            ("offline", offline),
            ("sounding", sounding),
        ] {
            let row = ClientRow::of(&client, Details::default(), taken, clock, 0);
            let first = before.entry(name).or_insert_with(|| row.clone());
            assert_eq!(&row, first, "{name}");
        }
    }
    assert_eq!(before["offline"].last_packet_at_ms, Some(1234));
    assert_eq!(before["connected"].last_sound_at_ms, Some(1234));
}

#[test]
fn only_sounding_clients_have_levels() {
    let sounding = ClientView {
        status: Status::Sounding,
        ..view(1)
    };
    let snapshot = |clients| Snapshot {
        taken: Instant::now(),
        clients,
        stats: HubStats::default(),
        refused_senders: Vec::new(),
        mix_cycle: Timing::default(),
        slot_lateness: Timing::default(),
        mix_cycles: Histogram::default(),
        slot_latenesses: Histogram::default(),
        avg_active: 0.0,
        dropped_datagrams: 0,
        unsent_reports: 0,
    };
    let (mut pace, now) = (Pace::default(), Instant::now());
    assert_eq!(pace.levels(now, &snapshot(vec![view(2)])), None);
    let text = pace
        .levels(now, &snapshot(vec![sounding, view(2)]))
        .unwrap();
    assert_eq!(
        text.as_str(),
        r#"{"type":"levels","levels":{"00000001":[-23.1,-12.0]}}"#
    );
    assert!(!pace.are_levels_due(now + Duration::from_millis(20)));
    assert!(pace.are_levels_due(now + Duration::from_millis(100)));
}

/// The page's own test applies the same messages (`tests/web/feed.test.js`).
#[test]
fn the_page_is_tested_with_real_messages() {
    let mut bench = Bench::new();
    let named = |ssrc, name: &str| ClientRow {
        name: name.into(),
        ..row(ssrc)
    };
    let sounding = ClientRow {
        status: StatusWord::Sounding,
        last_sound_at_ms: None,
        ..named(2, "Ward 3")
    };
    let offline = ClientRow {
        status: StatusWord::Offline,
        last_packet_at_ms: Some(9500),
        ..row(1)
    };
    let states = [
        (vec![row(1), row(2)], 0),
        (vec![row(1), named(2, "Ward 3")], 0),
        (vec![row(1), sounding.clone(), row(3)], 1),
        (vec![offline.clone(), sounding, row(3)], 1),
        (vec![offline, row(3)], 0),
    ];
    let mut recorded = Vec::new();
    let mut shown: Option<Arc<Published>> = None;
    for (clients, listeners) in states {
        bench.now += Duration::from_millis(900);
        let published = bench.give(clients, server(listeners)).unwrap();
        let message = match shown {
            Some(shown) => published.changes_since(&shown),
            None => published.whole(),
        };
        let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        recorded.push(json!({"message": parse(&message), "whole": parse(&published.whole())}));
        shown = Some(published);
    }
    let text = serde_json::to_string_pretty(&recorded).unwrap() + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/web/feed.json");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, &text).unwrap();
    }
    let golden = fs::read_to_string(path).unwrap();
    assert!(
        golden == text,
        "the messages have changed; if that is intended, run the test with UPDATE_GOLDEN=1"
    );
}
