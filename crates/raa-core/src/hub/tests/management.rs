//! The list of clients as an operator sees it: who leaves, who sounds, who is refused.

use super::*;
use crate::client::KnownClient;
use crate::red;
use crate::refused_senders::RefusedSender;
use crate::settings::SoundingFrom;

const DAY: Duration = Duration::from_hours(24);

impl Bench {
    /// Lets time pass without slots, and then plays the slots of a second.
    fn pass(&mut self, time: Duration) {
        self.now += time;
        (0..QUALITY_SLOTS).for_each(|_| self.play());
    }

    fn ssrcs(&self) -> Vec<u32> {
        self.hub
            .clients(self.now)
            .map(|client| client.ssrc)
            .collect()
    }

    fn expired(&mut self) -> Vec<u32> {
        let outputs = std::mem::take(&mut self.outputs);
        let expired = outputs.into_iter().filter_map(|output| match output {
            Output::Event(ClientEvent::Expired { ssrc }) => Some(ssrc),
            _ => None,
        });
        expired.collect()
    }

    fn refused(&self) -> Vec<RefusedSender> {
        self.hub.refused_senders(self.now)
    }
}

fn known(ssrc: u32, last_seen_ago: Option<Duration>) -> KnownClient {
    KnownClient {
        ssrc,
        settings: ClientSettings::default(),
        sender_name: None,
        seen_before: true,
        last_seen_ago,
        last_sound_ago: None,
    }
}

fn muted() -> ClientSettings {
    ClientSettings {
        muted: true,
        ..Default::default()
    }
}

/// A packet of another payload type.
fn foreign(payload_type: u8, payload: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::new();
    let packet = Packet {
        marker: false,
        payload_type,
        sequence_number: 1,
        timestamp: 960,
        ssrc: SSRC,
        payload,
    };
    packet.write(&mut datagram);
    datagram
}

#[test]
fn unconfigured_clients_leave_a_day_after_they_went() {
    let mut bench = Bench::new();
    bench.run_tones(&[SSRC, 7], 50);
    bench.configure(7, muted());
    bench.pass(Duration::from_secs(10));
    assert_eq!(bench.view(SSRC).status, Status::Offline);
    bench.pass(DAY - Duration::from_secs(20));
    assert_eq!(bench.ssrcs(), [7, SSRC]);
    bench.pass(Duration::from_secs(20));
    assert_eq!((bench.ssrcs(), bench.expired()), (vec![7], vec![SSRC]));
    bench.pass(400 * DAY);
    assert_eq!(bench.ssrcs(), [7], "an operator has set something");
    // Without its setting, it has been gone for long enough.
    bench.configure(7, ClientSettings::default());
    bench.pass(Duration::ZERO);
    assert_eq!((bench.ssrcs(), bench.expired()), (vec![], vec![7]));
}

#[test]
fn connected_clients_never_leave() {
    let mut bench = Bench::new();
    bench.hub.config.forget_unconfigured_after = Some(Duration::from_secs(1));
    bench.run_tones(&[SSRC], 200);
    assert_eq!(bench.ssrcs(), [SSRC]);
    bench.pass(Duration::from_secs(10));
    bench.pass(Duration::ZERO);
    assert_eq!(bench.ssrcs(), [0; 0]);
}

#[test]
fn unconfigured_clients_stay_if_the_setting_says_so() {
    let mut bench = Bench::new();
    bench.hub.config.forget_unconfigured_after = None;
    bench.run_tones(&[SSRC], 10);
    bench.pass(4000 * DAY);
    bench.pass(DAY);
    assert_eq!(bench.ssrcs(), [SSRC]);
}

#[test]
fn clients_of_an_earlier_run_leave_by_their_age() {
    let mut bench = Bench::new();
    bench.now += 3 * DAY;
    let restored = [
        known(1, Some(2 * DAY)),
        known(2, Some(DAY / 2)),
        known(3, None),
    ];
    restored
        .into_iter()
        .for_each(|known| bench.hub.restore(bench.now, known));
    bench.pass(Duration::ZERO);
    assert_eq!(bench.ssrcs(), [2, 3]);
    bench.pass(DAY / 2);
    assert_eq!(bench.ssrcs(), [3], "nobody knows when it was seen");
    bench.pass(DAY / 2);
    assert_eq!((bench.ssrcs(), bench.expired()), (vec![], vec![1, 2, 3]));
}

#[test]
fn clients_leave_in_bounded_numbers() {
    let mut bench = Bench::new();
    for ssrc in 0..250 {
        bench
            .hub
            .restore(bench.now, known(ssrc, Some(Duration::ZERO)));
    }
    for left in [150, 50, 0] {
        bench.pass(if left == 150 { DAY } else { Duration::ZERO });
        assert_eq!(bench.ssrcs().len(), left);
    }
}

#[test]
fn many_offline_clients_are_forgotten_at_once() {
    let mut bench = Bench::new();
    bench.run_tones(&[SSRC], 10);
    for ssrc in 1..=4 {
        bench.hub.restore(bench.now, known(ssrc, None));
    }
    let ssrcs = vec![1, 3, 9, SSRC];
    let command = Command::ForgetOffline { ssrcs };
    assert_eq!(bench.hub.handle_command(command), Ok(()));
    assert_eq!(bench.ssrcs(), [2, 4, SSRC], "the last one is connected");
}

#[test]
fn a_clients_own_threshold_decides_whether_it_sounds() {
    let mut bench = Bench::new();
    bench.run_tones(&[SSRC], 50);
    // The tone has -12 dBFS.
    assert_eq!(bench.view(SSRC).status, Status::Sounding);
    assert_eq!(bench.view(SSRC).sounding_from, SoundingFrom::default());
    let from = |dbfs| ClientSettings {
        sounding_from: SoundingFrom::new(dbfs).ok(),
        ..Default::default()
    };
    bench.configure(SSRC, from(-6.0));
    bench.run_tones(&[SSRC], 60);
    assert_eq!(bench.view(SSRC).status, Status::Connected);
    assert_eq!(
        Some(bench.view(SSRC).sounding_from),
        from(-6.0).sounding_from
    );
    bench.configure(SSRC, from(-20.0));
    bench.run_tones(&[SSRC], 5);
    assert_eq!(bench.view(SSRC).status, Status::Sounding);
    bench.configure(SSRC, ClientSettings::default());
    assert_eq!(bench.view(SSRC).sounding_from, SoundingFrom::default());
}

#[test]
fn the_servers_threshold_holds_for_all_others() {
    let mut bench = Bench::new();
    bench.hub.config.sounding_from = SoundingFrom::new(-6.0).unwrap();
    bench.run_tones(&[SSRC], 50);
    assert_eq!(bench.view(SSRC).status, Status::Connected);
    assert_eq!(bench.view(SSRC).last_sound_ago, None);
}

#[test]
fn the_end_of_the_last_sound_outlives_a_restart() {
    let mut bench = Bench::new();
    bench.now += DAY;
    let (early, late) = (Duration::from_secs(104), Duration::from_secs(100));
    for (ssrc, last_sound_ago) in [(1, Some(early)), (2, Some(late)), (3, None)] {
        let known = KnownClient {
            last_sound_ago,
            ..known(ssrc, Some(late))
        };
        bench.hub.restore(bench.now, known);
    }
    for _ in 0..20 {
        bench.play();
        let [first, second, third] = [1, 2, 3].map(|ssrc| bench.view(ssrc).last_sound_ago);
        let apart = first.unwrap() - second.unwrap();
        assert_eq!((apart, third), (Duration::from_secs(4), None));
    }
    assert_eq!(bench.view(3).status, Status::Offline);
}

#[test]
fn sounds_keep_their_distance_in_every_view() {
    let mut bench = Bench::new();
    bench.run_tones(&[1, 2], 50);
    let both_end = bench.now;
    bench.run_tones(&[2], 200);
    bench.pass(Duration::from_secs(10));
    let mut views = (0..20).map(|_| {
        bench.now += Duration::from_millis(37);
        let [early, late] = [1, 2].map(|ssrc| bench.view(ssrc).last_sound_ago.unwrap());
        (early - late, bench.now - early)
    });
    let (apart, end) = views.next().unwrap();
    // What is concealed after the last packet sounds as well.
    assert!((3800..=4000).contains(&apart.as_millis()), "{apart:?}");
    assert!(end < both_end + Duration::from_millis(300));
    assert!(views.all(|view| view == (apart, end)));
}

#[test]
fn clients_without_a_known_time_were_seen_before() {
    let mut bench = Bench::new();
    bench.hub.restore(bench.now, known(1, None));
    bench.configure(2, muted());
    let seen = |ssrc| {
        (
            bench.view(ssrc).seen_before,
            bench.view(ssrc).last_packet_ago,
        )
    };
    assert_eq!(seen(1), (true, None));
    assert_eq!(seen(2), (false, None), "it was only configured");
    bench.run_tones(&[2], 1);
    assert!(bench.view(2).seen_before && bench.view(2).last_packet_ago.is_some());
}

#[test]
fn a_hum_is_steady_until_it_stops() {
    let mut bench = Bench::new();
    bench.run_tones(&[SSRC], 119 * 50);
    assert!(!bench.view(SSRC).steady);
    bench.run_tones(&[SSRC], 4 * 50);
    let view = bench.view(SSRC);
    assert_eq!((view.steady, view.status), (true, Status::Sounding));
    bench.pass(Duration::from_secs(6));
    assert!(!bench.view(SSRC).steady);
}

#[test]
fn a_refused_sender_is_listed_with_its_payload_type() {
    let mut bench = Bench::new();
    for packet in 1..=3 {
        let refused = bench
            .hub
            .handle_packet(bench.now, FROM, &foreign(96, b"sound"));
        assert_eq!(refused, Err(Refused::PayloadType));
        let [sender] = bench.refused()[..] else {
            panic!("{:?}", bench.refused());
        };
        assert_eq!(Some(sender.address), FROM.address());
        assert_eq!(
            (
                sender.reason,
                sender.payload_type,
                sender.ssrc,
                sender.packets
            ),
            (Refused::PayloadType, Some(96), Some(SSRC), packet)
        );
    }
    bench.pass(Duration::from_secs(61));
    assert_eq!(bench.refused(), []);
}

#[test]
fn redundant_audio_shows_the_type_of_its_blocks() {
    let mut bench = Bench::new();
    let datagram = foreign(red::PAYLOAD_TYPE, &[97, 1, 2, 3]);
    let refused = bench.hub.handle_packet(bench.now, FROM, &datagram);
    assert_eq!(refused, Err(Refused::PayloadType));
    assert_eq!(bench.refused()[0].payload_type, Some(97));
}

#[test]
fn odd_packets_of_a_heard_client_list_no_sender() {
    let mut bench = Bench::new();
    bench.run_tones(&[SSRC], 10);
    let mut refuse = |from, datagram: &[u8]| {
        assert!(bench.hub.handle_packet(bench.now, from, datagram).is_err());
        bench.hub.refused_senders(bench.now).len()
    };
    // Comfort noise.
    assert_eq!(refuse(FROM, &foreign(13, b"noise")), 0);
    let elsewhere = SocketAddr::from(([192, 0, 2, 8], 5000)).into();
    assert_eq!(refuse(elsewhere, &foreign(13, b"noise")), 1);
    assert_eq!(refuse(Origin::Internal, &foreign(13, b"noise")), 1);
}
