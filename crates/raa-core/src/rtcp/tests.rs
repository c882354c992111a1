//! What is written is read again, and what lies is refused.

use super::*;

const REPORT: SenderReport = SenderReport {
    ssrc: 7,
    ntp: 0x0102_0304_0506_0708,
    rtp_timestamp: 9,
    packets: 10,
    octets: 11,
};

fn describe(name: &str) -> Vec<u8> {
    describe_and_echo(name, None)
}

fn describe_and_echo(name: &str, echo: Option<TimeEcho>) -> Vec<u8> {
    let description = Description {
        ssrc: 7,
        cname: "raa@host",
        name,
        tool: "raa-client 1.0",
    };
    let mut datagram = Vec::new();
    write_report(&REPORT, &description, echo, &mut datagram);
    datagram
}

#[track_caller]
fn items(datagram: &[u8]) -> Vec<Item<'_>> {
    let mut items = Vec::new();
    parse(datagram, |item| items.push(item)).unwrap();
    items
}

#[test]
fn what_is_written_is_read_again() {
    // Every length of padding behind the items.
    for name in ["a", "ab", "abc", "第2監視室 PC-07"] {
        let mut datagram = describe(name);
        write_goodbye(7, &mut datagram);
        let expected = [
            Item::SenderReport(REPORT),
            Item::Name {
                ssrc: 7,
                text: name.as_bytes(),
            },
            Item::Goodbye { ssrc: 7 },
        ];
        assert_eq!(items(&datagram), expected);
    }
}

#[test]
fn without_a_name_the_cname_serves() {
    let datagram = describe("");
    assert_eq!(
        items(&datagram)[1],
        Item::Name {
            ssrc: 7,
            text: b"raa@host"
        }
    );
}

#[test]
fn texts_are_cut_between_characters() {
    let datagram = describe(&"é".repeat(200));
    let Item::Name { text, .. } = items(&datagram)[1] else {
        panic!("no name")
    };
    assert_eq!(text, "é".repeat(127).as_bytes());
}

#[test]
fn every_truncation_is_refused_or_read_but_never_panics() {
    let whole = describe("name");
    for len in 0..whole.len() {
        let whole_packets = [0, 28];
        assert_eq!(
            parse(&whole[..len], |_| ()).is_ok(),
            whole_packets.contains(&len),
            "{len}"
        );
    }
}

#[test]
fn empty_receiver_reports_and_unknown_types_are_stepped_over() {
    let mut datagram = vec![0x80, 201, 0, 1, 0, 0, 0, 1, 0x80, 204, 0, 0];
    write_goodbye(3, &mut datagram);
    assert_eq!(items(&datagram), [Item::Goodbye { ssrc: 3 }]);
}

const HEARD: ReceptionReport = ReceptionReport {
    ssrc: 7,
    fraction_lost: 13,
    cumulative_lost: -2,
    highest_sequence: 0x0001_ffff,
    jitter: 96,
    last_sender_report: 0x0304_0506,
    delay_since_last_sender_report: 0x0001_8000,
};

fn receiver_report(reports: &[ReceptionReport]) -> Vec<u8> {
    let mut datagram = Vec::new();
    write_receiver_report(
        1,
        reports,
        "server@host",
        0x0102_0304_0506_0708,
        &mut datagram,
    );
    datagram
}

#[test]
fn a_receiver_report_reads_as_the_rfcs_draw_it() {
    let bytes = receiver_report(&[HEARD]);
    assert_eq!(bytes[..8], [0x81, 201, 0, 7, 0, 0, 0, 1]);
    assert_eq!(bytes[8..16], [0, 0, 0, 7, 13, 0xff, 0xff, 0xfe]);
    let extended = [
        0x80, 207, 0, 4, 0, 0, 0, 1, 4, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8,
    ];
    assert!(bytes.ends_with(&extended), "{bytes:?}");
}

#[test]
fn a_receiver_report_that_is_written_is_read_again() {
    let other = ReceptionReport {
        ssrc: 8,
        cumulative_lost: 3,
        ..HEARD
    };
    let expected = [
        Item::ReceptionReport {
            from: 1,
            report: HEARD,
        },
        Item::ReceptionReport {
            from: 1,
            report: other,
        },
        Item::Name {
            ssrc: 1,
            text: b"server@host",
        },
        Item::ReferenceTime {
            ssrc: 1,
            ntp: 0x0102_0304_0506_0708,
        },
    ];
    assert_eq!(items(&receiver_report(&[HEARD, other])), expected);
    assert_eq!(items(&receiver_report(&[])), expected[2..]);
}

#[test]
fn more_reports_than_fit_are_left_out() {
    let datagram = receiver_report(&[HEARD; MAX_RECEPTION_REPORTS + 1]);
    let heard = |item: &Item<'_>| matches!(item, Item::ReceptionReport { .. });
    let read = items(&datagram).into_iter().filter(heard).count();
    assert_eq!(read, MAX_RECEPTION_REPORTS);
}

#[test]
fn losses_are_held_at_the_ends_of_24_bits() {
    for (lost, expected) in [
        (i32::MAX, 0x7f_ffff),
        (i32::MIN, -0x80_0000),
        (-1, -1),
        (5, 5),
    ] {
        let report = ReceptionReport {
            cumulative_lost: lost,
            ..HEARD
        };
        let datagram = receiver_report(&[report]);
        let Item::ReceptionReport { report, .. } = items(&datagram)[0] else {
            panic!("no report")
        };
        assert_eq!(report.cumulative_lost, expected);
    }
}

#[test]
fn a_sender_reports_what_it_hears_and_echoes() {
    let mut datagram = vec![0x81, 200, 0, 12];
    datagram.extend([0; 24]);
    datagram.extend(&receiver_report(&[HEARD])[8..32]);
    let echo = TimeEcho {
        ssrc: 1,
        last: 0x0304_0506,
        delay: 0x8000,
    };
    datagram.extend(describe_and_echo("a", Some(echo)));
    let read = items(&datagram);
    assert_eq!(
        read[1],
        Item::ReceptionReport {
            from: 0,
            report: HEARD
        }
    );
    let echoed = Item::ReferenceTimeEcho {
        from: 7,
        ssrc: 1,
        last: 0x0304_0506,
        delay: 0x8000,
    };
    assert_eq!(read.last(), Some(&echoed));
}

#[test]
fn every_truncation_of_a_receiver_report_is_refused() {
    let whole = receiver_report(&[HEARD]);
    let whole_packets = [0, 32, whole.len() - 20];
    for len in 0..whole.len() {
        let read = parse(&whole[..len], |_| ());
        assert_eq!(read.is_ok(), whole_packets.contains(&len), "{len}");
    }
}

#[test]
fn counts_and_block_lengths_that_lie_are_refused() {
    let lies: [&[u8]; 6] = [
        // Reports that are not there: a receiver's, a sender's.
        &[0x81, 201, 0, 1, 0, 0, 0, 1],
        &[[0x81, 200, 0, 6].as_slice(), &[0; 24]].concat(),
        // No SSRC; a block's head cut off; a block longer than the packet.
        &[0x80, 207, 0, 0],
        &[0x80, 207, 0, 2, 0, 0, 0, 1, 4, 0, 0, 2],
        // A reference time of one word, an echo of two.
        &[0x80, 207, 0, 3, 0, 0, 0, 1, 4, 0, 0, 1, 0, 0, 0, 0],
        &[
            0x80, 207, 0, 4, 0, 0, 0, 1, 5, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0,
        ],
    ];
    for lie in lies {
        let mut said = 0;
        assert_eq!(parse(lie, |_| said += 1), Err(Malformed), "{lie:?}");
        assert_eq!(said, 0, "{lie:?}");
    }
}

#[test]
fn other_extended_blocks_are_stepped_over() {
    let datagram = [
        0x80, 207, 0, 8, 0, 0, 0, 1, 7, 0, 0, 1, 9, 9, 9, 9, 4, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 5,
        99, 0, 0, 0, // Nothing is in the last block.
        99, 0, 0, 0,
    ];
    assert_eq!(items(&datagram), [Item::ReferenceTime { ssrc: 1, ntp: 5 }]);
}
