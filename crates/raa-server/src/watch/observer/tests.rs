//! What clients do, and the entries of it.

use super::*;
use crate::test_client::client;
use raa_core::quality::QualityReport;

const SECOND: Duration = Duration::from_secs(1);

/// Observes clients at ten snapshots a second.
struct Bench {
    observer: Observer,
    log: Log,
    start: Instant,
    now: Instant,
    clients: Vec<ClientView>,
}

impl Bench {
    fn new(clients: Vec<ClientView>) -> Self {
        let start = Instant::now();
        let mut bench = Self {
            observer: Observer::new(Vec::new()),
            log: Log::new(1, Vec::new()),
            start,
            now: start,
            clients,
        };
        bench.pass(SECOND);
        bench.log.take_pending();
        bench
    }

    fn at(&self) -> Moment {
        Moment {
            now: self.now,
            unix_ms: self.now.duration_since(self.start).as_millis() as i64,
        }
    }

    fn pass(&mut self, time: Duration) {
        for _ in 0..time.as_millis() / 100 {
            self.now += Duration::from_millis(100);
            self.observer
                .observe(self.at(), &self.clients, &mut self.log);
        }
    }

    /// Lets a client sound for this long, as the core reports it: it is shown as sounding for a second
    /// longer.
    fn sound(&mut self, index: usize, time: Duration, peak_dbfs: f32) {
        let began = self.now;
        let hold = time + SECOND;
        for tenth in 1..=hold.as_millis() as u32 / 100 {
            let passed = Duration::from_millis(100) * tenth;
            self.now = began + passed;
            let client = &mut self.clients[index];
            client.status = if passed < hold {
                Status::Sounding
            } else {
                Status::Connected
            };
            client.sound_began_ago = Some(passed);
            client.sound_peak_dbfs = Some(peak_dbfs);
            client.last_sound_ago = Some(passed.saturating_sub(time));
            self.observer
                .observe(self.at(), &self.clients, &mut self.log);
        }
    }

    fn flap(&mut self, index: usize) {
        for status in [Status::Offline, Status::Connected] {
            self.clients[index].status = status;
            self.pass(SECOND);
        }
    }

    /// The entries that wait for the disk, as kind and count.
    fn entries(&mut self) -> Vec<(Kind, u64)> {
        let pending = self.log.take_pending();
        pending
            .iter()
            .map(|entry| (entry.kind, entry.count))
            .collect()
    }
}

#[test]
fn a_sound_is_one_entry_with_begin_end_and_peak() {
    let mut bench = Bench::new(vec![client(7)]);
    bench.sound(0, Duration::from_millis(100), -12.34);
    let pending = bench.log.take_pending();
    assert_eq!(pending.len(), 1);
    let sound = &pending[0];
    assert_eq!((sound.kind, sound.client), (Kind::Sound, Some(ClientId(7))));
    assert_eq!((sound.at_ms, sound.ended_ms), (1000, Some(1100)));
    assert!(
        sound
            .peak_dbfs
            .is_some_and(|peak| (peak - -12.3).abs() < 0.01),
        "{sound:?}"
    );
    assert_eq!(bench.observer.last_sound(7), Some(sound));
}

#[test]
fn a_sound_is_in_the_log_while_it_goes_on() {
    let mut bench = Bench::new(vec![client(7)]);
    bench.clients[0].status = Status::Sounding;
    bench.clients[0].sound_began_ago = Some(Duration::from_millis(40));
    bench.clients[0].sound_peak_dbfs = Some(-12.0);
    bench.now += Duration::from_millis(100);
    bench
        .observer
        .observe(bench.at(), &bench.clients, &mut bench.log);
    let open = bench.log.take_pending();
    assert_eq!(
        (open[0].at_ms, open[0].ended_ms, open[0].peak_dbfs),
        (1060, None, None)
    );
    bench.observer.end(bench.at(), &mut bench.log);
    assert_eq!(bench.log.take_pending()[0].ended_ms, Some(1100));
}

#[test]
fn a_sound_that_no_snapshot_has_shown_is_noted() {
    let mut bench = Bench::new(vec![client(7)]);
    bench.now += Duration::from_secs(5);
    bench.clients[0].sound_began_ago = Some(Duration::from_secs(3));
    bench.clients[0].last_sound_ago = Some(Duration::from_secs(2));
    bench.clients[0].sound_peak_dbfs = Some(-3.0);
    bench
        .observer
        .observe(bench.at(), &bench.clients, &mut bench.log);
    let sound = &bench.log.take_pending()[0];
    assert_eq!(
        (sound.at_ms, sound.ended_ms, sound.peak_dbfs),
        (3000, Some(4000), Some(-3.0))
    );
}

#[test]
fn a_beeping_client_gets_a_few_entries_and_then_one_that_counts() {
    let mut bench = Bench::new(vec![client(7)]);
    for beep in 0..40 {
        bench.sound(
            0,
            Duration::from_millis(200),
            if beep == 20 { -3.0 } else { -20.0 },
        );
    }
    let entries = bench.entries();
    assert_eq!(entries[..9], [(Kind::Sound, 1); 9]);
    assert_eq!(entries[9..], [(Kind::Sound, 31)]);
    let last = bench.observer.last_sound(7).unwrap();
    assert_eq!(
        (last.peak_dbfs, last.ended_ms),
        (Some(-3.0), Some(1000 + 39 * 1200 + 200))
    );
}

#[test]
fn a_seen_sound_takes_in_no_later_one() {
    let mut bench = Bench::new(vec![client(7)]);
    for _ in 0..12 {
        bench.sound(0, Duration::from_millis(200), -20.0);
    }
    let seen = bench.observer.last_sound(7).unwrap().id;
    let by = By::host([192, 0, 2, 7].into(), None);
    bench.observer.mark_seen(&[seen].into(), &by, 0);
    bench.entries();
    bench.sound(0, Duration::from_millis(200), -20.0);
    assert_eq!(bench.entries(), [(Kind::Sound, 1)]);
    let last = bench.observer.last_sound(7).unwrap();
    assert!(last.id > seen && last.seen_by.is_none());
}

#[test]
fn flapping_clients_cannot_fill_the_log() {
    let mut bench = Bench::new((0..300).map(client).collect());
    let mut ids = std::collections::BTreeSet::new();
    // An hour: each of them goes and comes back every ten seconds.
    for _ in 0..360 {
        for index in 0..300 {
            bench.clients[index].status = Status::Offline;
        }
        bench.now += Duration::from_secs(5);
        bench.pass(Duration::from_millis(100));
        for index in 0..300 {
            bench.clients[index].status = Status::Connected;
        }
        bench.now += Duration::from_secs(5);
        bench.pass(Duration::from_millis(100));
        ids.extend(bench.log.take_pending().iter().map(|entry| entry.id));
    }
    // Ten at once and twelve an hour for each client, and what all may have together.
    assert!(ids.len() <= 300 * 23, "{}", ids.len());
    assert!(ids.len() >= 300 * 10, "{}", ids.len());
    assert_eq!(bench.log.lost(), 0);
}

#[test]
fn a_flood_of_clients_is_counted() {
    let mut bench = Bench::new(Vec::new());
    bench.clients = (0..5000).map(client).collect();
    bench.pass(Duration::from_millis(100));
    let pending = bench.log.take_pending();
    assert_eq!(pending.len(), OF_ALL.0 as usize + 1);
    let suppressed = pending
        .iter()
        .find(|entry| entry.kind == Kind::Suppressed)
        .unwrap();
    assert_eq!(suppressed.count, 3000);
    // Clients with settings are noted all the same, and so are sounds.
    let configured = raa_core::settings::ClientSettings {
        placed: true,
        ..Default::default()
    };
    bench.clients.push(ClientView {
        settings: configured,
        ..client(9000)
    });
    bench.pass(Duration::from_millis(100));
    bench.sound(0, SECOND, -3.0);
    let kinds: Vec<Kind> = bench.entries().iter().map(|entry| entry.0).collect();
    assert_eq!(kinds, [Kind::Connected, Kind::Sound]);
}

#[test]
fn coming_and_going_is_noted() {
    let mut bench = Bench::new(vec![client(7)]);
    bench.flap(0);
    assert_eq!(bench.entries(), [(Kind::Offline, 1), (Kind::Connected, 1)]);
    for _ in 0..20 {
        bench.flap(0);
    }
    let newest = bench.entries().pop().unwrap();
    assert_eq!(
        newest.0,
        Kind::Connected,
        "the newest state is the one that is shown"
    );
    assert!(newest.1 > 20, "{newest:?}");
}

#[test]
fn a_bad_network_begins_and_ends_once() {
    let mut bench = Bench::new(vec![client(7)]);
    let report = |quality| {
        Some(QualityReport {
            quality,
            loss_percent: 0.0,
            concealed_percent: 0.0,
        })
    };
    for quality in [
        Quality::Bad,
        Quality::Fair,
        Quality::Bad,
        Quality::Good,
        Quality::Bad,
    ] {
        bench.clients[0].quality = report(quality);
        bench.pass(Duration::from_secs(5));
    }
    bench.clients[0].quality = report(Quality::Good);
    bench.pass(Duration::from_secs(20));
    let pending = bench.log.take_pending();
    assert_eq!(pending.len(), 1, "{pending:?}");
    assert_eq!(
        (pending[0].at_ms, pending[0].ended_ms),
        (1100, Some(26_100))
    );
}

#[test]
fn trouble_of_the_capture_is_noted() {
    let mut bench = Bench::new(vec![client(7)]);
    bench.clients[0].capture_trouble = Some(CaptureTrouble::NoDevice);
    bench.pass(SECOND);
    bench.clients[0].capture_trouble = None;
    bench.pass(SECOND);
    let to: Vec<_> = bench
        .log
        .take_pending()
        .into_iter()
        .map(|entry| entry.to)
        .collect();
    assert_eq!(
        to,
        [serde_json::json!("no_device"), serde_json::Value::Null]
    );
}

#[test]
fn clients_that_are_gone_are_forgotten() {
    let mut bench = Bench::new(vec![client(7), client(8)]);
    bench.clients[0].status = Status::Sounding;
    bench.clients[0].sound_began_ago = Some(Duration::ZERO);
    bench.pass(Duration::from_millis(100));
    bench.clients.remove(0);
    bench.pass(Duration::from_millis(100));
    assert_eq!(bench.observer.clients.len(), 1);
    assert_eq!(bench.log.take_pending()[0].ended_ms, Some(1200));
}
