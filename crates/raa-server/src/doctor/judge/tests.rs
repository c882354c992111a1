//! Findings that no test can make on a real machine in a second or two.

use super::*;
use raa_doctor::processes::Process;
use raa_doctor::report::Verdict;

#[track_caller]
fn check(finding: &Finding, verdict: Verdict, words: &str) {
    assert_eq!(finding.verdict, verdict, "{finding:?}");
    assert!(finding.found.contains(words), "{finding:?}");
}

fn status(change: impl FnOnce(&mut Status)) -> Status {
    let mut status = Status {
        version: env!("CARGO_PKG_VERSION").into(),
        udp_port: 4010,
        ..Status::default()
    };
    change(&mut status);
    status
}

#[test]
fn alarms_of_the_server_are_passed_on() {
    use Verdict::{Attention, Ok};
    let quiet = status(|_| {});
    assert!(alarms(&quiet).iter().all(|finding| finding.verdict == Ok));
    let of = |skipped_slots, uptime_s| {
        skipped(&status(|status| {
            status.skipped_slots = skipped_slots;
            status.uptime_s = uptime_s;
        }))
    };
    check(&of(3, 3), Attention, "3 slots");
    check(&of(3, 3600), Ok, "0 in a minute");
    check(&of(6000, 600), Attention, "600 in a minute");
    check(
        &dropped(&status(|status| status.dropped_datagrams = 3)),
        Attention,
        "dropped 3",
    );
    check(
        &unsent(&status(|status| status.unsent_reports = 4)),
        Attention,
        "4 reports",
    );
    let sender = || ("192.0.2.1:5".to_owned(), "scream".to_owned());
    let many = status(|status| status.refused_senders = vec![sender(); 6]);
    check(&refused(&many), Attention, "6 senders");
}

fn port(holders: Vec<Holder>, opens: Result<(), String>) -> Port {
    Port {
        key: "udp_port",
        protocol: "UDP",
        number: 4010,
        holders,
        opens,
    }
}

#[test]
fn holders_are_named_as_far_as_they_are_seen() {
    let scream = || {
        Holder::Process(Process {
            pid: 7,
            name: "scream".into(),
        })
    };
    let silent = Server::Silent {
        at: "http://127.0.0.1:4011/".into(),
        reason: "refused".into(),
    };
    let hidden = vec![Holder::Hidden { uid: 994 }];
    check(
        &super::port(&port(vec![], Ok(())), &silent),
        Verdict::Ok,
        "is free",
    );
    let low = Err("ports below 1024 require privileges".to_owned());
    check(
        &super::port(&port(vec![], low), &silent),
        Verdict::Wrong,
        "below 1024",
    );
    let held = super::port(&port(hidden.clone(), Ok(())), &silent);
    check(&held, Verdict::Wrong, "a program of user 994");
    assert!(held.remedy.unwrap().contains("as root"));
    check(
        &super::port(&port(vec![scream()], Ok(())), &silent),
        Verdict::Wrong,
        "scream (pid 7)",
    );

    let running = Server::Running {
        status: Box::new(status(|_| {})),
        is_healthy: true,
        process: Some(Process {
            pid: 8,
            name: "raa-server".into(),
        }),
    };
    check(
        &super::port(&port(hidden, Ok(())), &running),
        Verdict::Ok,
        "running server's",
    );
    check(
        &super::port(&port(vec![scream()], Ok(())), &running),
        Verdict::Wrong,
        "scream",
    );
}

#[test]
fn what_this_user_cannot_see_gets_attention() {
    let folder = |access| Folder {
        path: "/var/lib/raa".into(),
        access,
        free_bytes: None,
    };
    let hidden = folder(Access::Hidden);
    check(&super::folder(&hidden), Verdict::Attention, "can't be seen");
    check(
        &database(&hidden, &Inspected::Hidden),
        Verdict::Attention,
        "can't be read",
    );
    let other = folder(Access::NotWritable("the server's user (994)".into()));
    check(
        &super::folder(&other),
        Verdict::Wrong,
        "user (994) can't write",
    );
}
