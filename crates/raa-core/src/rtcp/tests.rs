//! Written packets are read back, and wrong lengths are refused.

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
fn sender_packets_are_read_back() {
    // The names cover every length of padding after the items.
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
fn cname_replaces_a_missing_name() {
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
fn truncated_sender_packets_are_refused() {
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
fn empty_receiver_reports_and_unknown_types_are_ignored() {
    let mut datagram = vec![0x80, 201, 0, 1, 0, 0, 0, 1, 0x80, 204, 0, 0];
    write_goodbye(3, &mut datagram);
    assert_eq!(items(&datagram), [Item::Goodbye { ssrc: 3 }]);
}

const RECEPTION: ReceptionReport = ReceptionReport {
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
fn receiver_report_has_the_rfcs_layout() {
    let bytes = receiver_report(&[RECEPTION]);
    assert_eq!(bytes[..8], [0x81, 201, 0, 7, 0, 0, 0, 1]);
    assert_eq!(bytes[8..16], [0, 0, 0, 7, 13, 0xff, 0xff, 0xfe]);
    let extended = [
        0x80, 207, 0, 4, 0, 0, 0, 1, 4, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8,
    ];
    assert!(bytes.ends_with(&extended), "{bytes:?}");
}

#[test]
fn receiver_reports_are_read_back() {
    let other = ReceptionReport {
        ssrc: 8,
        cumulative_lost: 3,
        ..RECEPTION
    };
    let expected = [
        Item::ReceptionReport {
            from: 1,
            report: RECEPTION,
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
    assert_eq!(items(&receiver_report(&[RECEPTION, other])), expected);
    assert_eq!(items(&receiver_report(&[])), expected[2..]);
}

#[test]
fn excess_reports_are_left_out() {
    let datagram = receiver_report(&[RECEPTION; MAX_RECEPTION_REPORTS + 1]);
    let is_reception = |item: &Item<'_>| matches!(item, Item::ReceptionReport { .. });
    let read = items(&datagram).into_iter().filter(is_reception).count();
    assert_eq!(read, MAX_RECEPTION_REPORTS);
}

#[test]
fn cumulative_loss_is_limited_to_24_bits() {
    for (lost, expected) in [
        (i32::MAX, 0x7f_ffff),
        (i32::MIN, -0x80_0000),
        (-1, -1),
        (5, 5),
    ] {
        let report = ReceptionReport {
            cumulative_lost: lost,
            ..RECEPTION
        };
        let datagram = receiver_report(&[report]);
        let Item::ReceptionReport { report, .. } = items(&datagram)[0] else {
            panic!("no report")
        };
        assert_eq!(report.cumulative_lost, expected);
    }
}

#[test]
fn sender_reports_carry_receptions_and_echoes() {
    let mut datagram = vec![0x81, 200, 0, 12];
    datagram.extend([0; 24]);
    datagram.extend(&receiver_report(&[RECEPTION])[8..32]);
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
            report: RECEPTION
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
fn truncated_receiver_reports_are_refused() {
    let whole = receiver_report(&[RECEPTION]);
    let whole_packets = [0, 32, whole.len() - 20];
    for len in 0..whole.len() {
        let read = parse(&whole[..len], |_| ());
        assert_eq!(read.is_ok(), whole_packets.contains(&len), "{len}");
    }
}

#[test]
fn wrong_counts_and_block_lengths_are_refused() {
    let malformed: [&[u8]; 6] = [
        // Missing report blocks: a receiver's, a sender's.
        &[0x81, 201, 0, 1, 0, 0, 0, 1],
        &[[0x81, 200, 0, 6].as_slice(), &[0; 24]].concat(),
        // No SSRC; a truncated block header; a block longer than the packet.
        &[0x80, 207, 0, 0],
        &[0x80, 207, 0, 2, 0, 0, 0, 1, 4, 0, 0, 2],
        // A reference time of one word, an echo of two.
        &[0x80, 207, 0, 3, 0, 0, 0, 1, 4, 0, 0, 1, 0, 0, 0, 0],
        &[
            0x80, 207, 0, 4, 0, 0, 0, 1, 5, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0,
        ],
    ];
    for datagram in malformed {
        let mut items = 0;
        assert_eq!(
            parse(datagram, |_| items += 1),
            Err(Malformed),
            "{datagram:?}"
        );
        assert_eq!(items, 0, "{datagram:?}");
    }
}

#[test]
fn unknown_extended_blocks_are_ignored() {
    let datagram = [
        0x80, 207, 0, 8, 0, 0, 0, 1, 7, 0, 0, 1, 9, 9, 9, 9, 4, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 5,
        99, 0, 0, 0, // The last block is empty.
        99, 0, 0, 0,
    ];
    assert_eq!(items(&datagram), [Item::ReferenceTime { ssrc: 1, ntp: 5 }]);
}

#[test]
fn capture_troubles_are_read_back() {
    let troubles = [
        None,
        Some(CaptureTrouble::Muted),
        Some(CaptureTrouble::TurnedDown),
        Some(CaptureTrouble::NoDevice),
        Some(CaptureTrouble::Reopening),
    ];
    for trouble in troubles {
        let mut datagram = describe("name");
        let start = datagram.len();
        write_capture_trouble(7, trouble, &mut datagram);
        let own = &datagram[start..];
        // RFC 3550 section 6.7: subtype 1, the length in words, SSRC, name, data.
        assert_eq!(own[..12], *b"\x81\xcc\0\x03\0\0\0\x07RAA ", "{own:?}");
        assert_eq!(own.len(), 16);
        assert_eq!(
            items(&datagram).last(),
            Some(&Item::Capture { ssrc: 7, trouble })
        );
    }
}

#[test]
fn unknown_application_packets_are_ignored() {
    let other_name = *b"\x81\xcc\0\x03\0\0\0\x07PING\x01\0\0\0";
    let other_subtype = *b"\x82\xcc\0\x03\0\0\0\x07RAA \x01\0\0\0";
    for datagram in [other_name, other_subtype] {
        assert_eq!(items(&datagram), []);
    }
    // A later version may add states and data.
    let later = *b"\x81\xcc\0\x04\0\0\0\x07RAA \xc8\x01\x02\x03more";
    let trouble = None;
    assert_eq!(items(&later), [Item::Capture { ssrc: 7, trouble }]);
    for truncated in [
        &b"\x81\xcc\0\x01\0\0\0\x07"[..],
        b"\x81\xcc\0\x02\0\0\0\x07RAA ",
    ] {
        assert_eq!(items(truncated), []);
    }
}

#[test]
fn a_taken_ssrc_is_read_back() {
    let taken = SsrcTaken {
        ssrc: 7,
        sequence_number: 0xabcd,
        timestamp: 0x0102_0304,
    };
    let mut datagram = Vec::new();
    write_ssrc_taken(1, "raa-00000001", taken, &mut datagram);
    assert_eq!(
        datagram[datagram.len() - 24..],
        *b"\x82\xcc\0\x05\0\0\0\x01RAA \0\0\0\x07\xab\xcd\0\0\x01\x02\x03\x04"
    );
    assert_eq!(datagram.len(), 56, "docs/protocol.md says so");
    assert_eq!(items(&datagram).last(), Some(&Item::SsrcTaken(taken)));
    // A shorter one names no packet.
    let short = *b"\x82\xcc\0\x04\0\0\0\x01RAA \0\0\0\x07\xab\xcd\0\0";
    assert_eq!(items(&short), []);
}
