//! The doctor, on real machines' states: each wrong one is made, and must be named.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::Command;

use common::namespace::is_inside;
use common::program::{Program, output};
use common::stopped_thread::StoppedThread;
use nix::sys::signal::Signal;
use rusqlite::Connection;
use serde_json::{Value, json};

/// States of the oldest schema and of the newest one.
const RELEASED: [&[u8]; 2] = [
    include_bytes!("fixtures/raa-schema-1.sqlite"),
    include_bytes!("fixtures/raa-schema-3.sqlite"),
];

/// The ids of all checks, in their order. Programs may rely on them.
const IDS: [&str; 16] = [
    "configuration",
    "server",
    "udp_port",
    "http_port",
    "firewall",
    "receive_buffer",
    "real_time",
    "descriptors",
    "clock",
    "state_folder",
    "state_space",
    "database",
    "skipped_slots",
    "dropped_datagrams",
    "unsent_reports",
    "refused_senders",
];

/// What a doctor has reported.
struct Report {
    code: Option<i32>,
    json: Value,
}

impl Report {
    /// Runs the doctor with these options, and a state folder unless they name one.
    async fn of(options: &[&str]) -> Self {
        let args = [&["doctor", "--json"], options].concat();
        let said = output(&args, &[("HOME", "/nowhere")]).await;
        let json = serde_json::from_slice(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"));
        Self {
            code: said.status.code(),
            json,
        }
    }

    /// Examines the machine of a server that runs with this state.
    async fn of_server(program: &Program, dir: &Path) -> Self {
        let (udp, http) = (
            program.udp.port().to_string(),
            program.http.port().to_string(),
        );
        let state = dir.to_str().unwrap();
        Self::of(&[
            "--udp-port",
            &udp,
            "--http-port",
            &http,
            "--state-dir",
            state,
        ])
        .await
    }

    /// Examines a state without a server.
    async fn of_state(dir: &Path) -> Self {
        let http = free_port();
        let state = dir.to_str().unwrap();
        Self::of(&["--udp-port=0", "--http-port", &http, "--state-dir", state]).await
    }

    fn check(&self, id: &str) -> &Value {
        let mut checks = self.json["checks"].as_array().unwrap().iter();
        let found = checks.find(|check| check["id"] == id);
        found.unwrap_or_else(|| panic!("no {id}: {}", self.json))
    }

    /// Asserts this verdict, and that the finding has all words in what was found or in what to do.
    #[track_caller]
    fn expect(&self, id: &str, verdict: &str, words: &[&str]) {
        let check = self.check(id);
        assert_eq!(check["verdict"], verdict, "{check}");
        for word in words {
            assert!(
                check.to_string().contains(word),
                "{word:?} is missing in {check}"
            );
        }
        assert_eq!(check["do"].is_null(), verdict == "ok", "{check}");
        if verdict == "wrong" {
            assert_eq!(
                (self.code, &self.json["verdict"]),
                (Some(1), &json!("wrong"))
            );
        }
    }
}

fn free_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port().to_string()
}

async fn exit_code_of_running(http: u16) -> Option<i32> {
    let http = http.to_string();
    let args = ["doctor", "--running", "--http-port", &http];
    output(&args, &[("HOME", "/nowhere")]).await.status.code()
}

#[tokio::test]
async fn a_working_server_has_nothing_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let mut program = Program::start(dir.path()).await;
    let report = Report::of_server(&program, dir.path()).await;
    let checks = report.json["checks"].as_array().unwrap().iter();
    let ids: Vec<&str> = checks.map(|check| check["id"].as_str().unwrap()).collect();
    assert_eq!(ids, IDS);
    let pid = format!(
        "raa-server {} (pid {})",
        env!("CARGO_PKG_VERSION"),
        program.pid()
    );
    report.expect("server", "ok", &[&pid]);
    for (id, words) in [
        ("configuration", "no file"),
        ("udp_port", "the running server's"),
        ("http_port", "the running server's"),
        ("state_folder", "can write"),
        ("database", "healthy; clients in it: 0"),
        ("descriptors", "the server may open"),
        ("unsent_reports", "all reports"),
    ] {
        report.expect(id, "ok", &[words]);
    }
    assert_eq!(report.code, Some(0), "{}", report.json);
    assert_eq!(exit_code_of_running(program.http.port()).await, Some(0));
    // The line about the priority may come after that about the ports.
    assert!(program.end(Signal::SIGTERM).await.success());
    program.line("stopped").await;
    let has_priority = program
        .lines
        .iter()
        .any(|line| line["msg"] == "the engine and its workers run with real-time priority");
    let verdict = if has_priority { "ok" } else { "attention" };
    report.expect("real_time", verdict, &["the engine runs with"]);
}

#[tokio::test]
async fn a_hanging_engine_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let program = Program::start(dir.path()).await;
    let stopped = StoppedThread::stop(program.pid(), "engine");
    let started = std::time::Instant::now();
    while common::get(program.http, "/healthz").await.status == 200 {
        assert!(started.elapsed() < common::PATIENCE);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let report = Report::of_server(&program, dir.path()).await;
    report.expect("server", "wrong", &["plays no slots", "systemctl restart"]);
    assert_eq!(exit_code_of_running(program.http.port()).await, Some(1));
    drop(stopped);
}

#[tokio::test]
async fn a_missing_server_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let report = Report::of_state(dir.path()).await;
    report.expect("server", "wrong", &["nothing answers", "systemctl start"]);
    assert_eq!(
        exit_code_of_running(free_port().parse().unwrap()).await,
        Some(1)
    );
}

#[tokio::test]
async fn the_program_that_holds_a_port_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let [udp_port, http_port] =
        [udp.local_addr(), tcp.local_addr()].map(|at| at.unwrap().port().to_string());
    // A server of another kind, which answers once for each question of the doctor.
    std::thread::spawn(move || {
        for stream in tcp.incoming().take(2) {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1000]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
        }
    });
    let state = dir.path().to_str().unwrap();
    let options = [
        "--udp-port",
        &udp_port,
        "--http-port",
        &http_port,
        "--state-dir",
        state,
    ];
    let report = Report::of(&options).await;
    let own = format!("(pid {})", std::process::id());
    report.expect("udp_port", "wrong", &["is held by", &own]);
    report.expect("http_port", "wrong", &["is held by", &own]);
    report.expect("server", "wrong", &["another program"]);
}

#[tokio::test]
async fn another_version_gets_attention() {
    let dir = tempfile::tempdir().unwrap();
    let program = Program::start(dir.path()).await;
    let mut status = common::status(program.http).await;
    status["version"] = json!("0.0.9");
    // An older server does not say which process it is.
    status["process"].as_object_mut().unwrap().remove("pid");
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let http = tcp.local_addr().unwrap().port().to_string();
    std::thread::spawn(move || {
        for stream in tcp.incoming().take(2) {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1000]);
            let body = status.to_string();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            let _ = stream.write_all((head + &body).as_bytes());
        }
    });
    let state = dir.path().to_str().unwrap();
    let report = Report::of(&["--udp-port=1", "--http-port", &http, "--state-dir", state]).await;
    report.expect(
        "server",
        "attention",
        &["0.0.9", env!("CARGO_PKG_VERSION"), "restart"],
    );
    report.expect("udp_port", "attention", &["the configuration 1"]);
}

#[tokio::test]
async fn a_wrong_configuration_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("raa-server.toml");
    common::write(&file, "http_prot = 8080\n");
    let file = file.to_str().unwrap();
    let report = Report::of(&["--config", file]).await;
    report.expect(
        "configuration",
        "wrong",
        &["http_prot", file, "--check-config"],
    );
    // The machine is examined anyway.
    assert!(report.check("clock")["found"].is_string());

    common::write(Path::new(file), "max_unnamed_clients = 7\n");
    let report = Report::of(&["--config", file, "--state-dir", "/nowhere"]).await;
    report.expect(
        "configuration",
        "attention",
        &["rename it to max_unconfigured_clients"],
    );
}

#[tokio::test]
async fn states_that_a_server_cannot_use_are_wrong() {
    let mut damaged = RELEASED[1].to_vec();
    damaged[4096..].fill(0xa5);
    for (content, sql, verdict, words) in [
        (RELEASED[1].to_vec(), "", "ok", "clients in it: 7"),
        (RELEASED[0].to_vec(), "", "ok", "the next start upgrades"),
        (
            RELEASED[1].to_vec(),
            "PRAGMA user_version = 4",
            "wrong",
            "schema 4; raa-server",
        ),
        (damaged, "", "wrong", "it is damaged"),
        (b"text".repeat(2000), "", "wrong", "no SQLite database"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("raa.sqlite");
        fs::write(&path, content).unwrap();
        if !sql.is_empty() {
            Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        }
        let before = fs::read(&path).unwrap();
        Report::of_state(dir.path())
            .await
            .expect("database", verdict, &[words]);
        assert_eq!(fs::read(&path).unwrap(), before);
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "nothing is made"
        );
    }
}

#[tokio::test]
async fn folders_that_cannot_be_used_are_wrong() {
    let setup = "mount -t tmpfs -o size=2m tmpfs /mnt && mkdir /mnt/state";
    if !is_inside("folders_that_cannot_be_used_are_wrong", setup) {
        return;
    }
    let state = Path::new("/mnt/state");
    let report = Report::of_state(state).await;
    report.expect("state_folder", "ok", &["can write"]);
    report.expect("state_space", "wrong", &["2 MB free", "make room"]);
    let mount = |options| {
        let status = Command::new("mount").args(["-o", options, "/mnt"]).status();
        assert!(status.unwrap().success());
    };
    mount("remount,size=100m");
    Report::of_state(state)
        .await
        .expect("state_space", "attention", &["make room"]);
    mount("remount,ro");
    Report::of_state(state)
        .await
        .expect("state_folder", "wrong", &["can't write"]);
    let file = Path::new("/mnt/state/no/folder");
    Report::of_state(file)
        .await
        .expect("state_folder", "ok", &["does not exist yet"]);
}

#[tokio::test]
async fn few_descriptors_are_named() {
    for (limit, verdict) in [("64", "wrong"), ("1000", "attention")] {
        let dir = tempfile::tempdir().unwrap();
        let program = Program::start_limited(dir.path(), &format!("ulimit -n {limit}")).await;
        let report = Report::of_server(&program, dir.path()).await;
        let words = format!("the server may open {limit} files");
        report.expect("descriptors", verdict, &[&words, "LimitNOFILE"]);
    }
}

#[tokio::test]
async fn an_engine_without_priority_gets_attention() {
    // Root has a right of its own, which is taken away first.
    let limits = "ulimit -r 0
        test $(id -u) != 0 || exec setpriv --bounding-set=-sys_nice --inh-caps=-sys_nice \"$0\" \"$@\"";
    let dir = tempfile::tempdir().unwrap();
    let program = Program::start_limited(dir.path(), limits).await;
    let report = Report::of_server(&program, dir.path()).await;
    report.expect(
        "real_time",
        "attention",
        &["the engine runs without", "LimitRTPRIO=10"],
    );
}

#[tokio::test]
async fn a_small_receive_buffer_gets_attention() {
    let setup = "echo 212992 > /tmp/raa-rmem-$$; mount --bind /tmp/raa-rmem-$$ /proc/sys/net/core/rmem_max; \
        rm /tmp/raa-rmem-$$";
    if !is_inside("a_small_receive_buffer_gets_attention", setup) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let report = Report::of_state(dir.path()).await;
    let words = [
        "net.core.rmem_max is 212992",
        "332 packets",
        "sysctl -w net.core.rmem_max=8388608",
    ];
    report.expect("receive_buffer", "attention", &words);
    fs::write("/proc/sys/net/core/rmem_max", "8388608\n").unwrap();
    Report::of_state(dir.path())
        .await
        .expect("receive_buffer", "ok", &["8388608"]);
}

#[tokio::test]
async fn a_firewall_that_drops_a_port_is_named() {
    let setup = "nft add table inet f
        nft add chain inet f input '{ type filter hook input priority 0; policy drop; }'
        nft add rule inet f input iif lo tcp dport 4011 accept";
    if !is_inside("a_firewall_that_drops_a_port_is_named", setup) {
        return;
    }
    let nft = |rule: &str| {
        let words = ["add", "rule", "inet", "f", "input"];
        let status = Command::new("nft")
            .args(words)
            .args(rule.split(' '))
            .status();
        assert!(status.unwrap().success());
    };
    let options = [
        "--udp-port=4010",
        "--http-port=4011",
        "--state-dir=/nowhere",
    ];
    let report = Report::of(&options).await;
    report.expect(
        "firewall",
        "attention",
        &["no rule names 4010/udp,", "add rules"],
    );
    nft("udp dport 4000-4020 accept");
    Report::of(&options)
        .await
        .expect("firewall", "ok", &["nothing seen"]);
    nft("udp dport 4010 drop");
    Report::of(&options)
        .await
        .expect("firewall", "wrong", &["drops what goes to 4010/udp"]);
}

#[tokio::test]
async fn senders_that_are_refused_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let program = Program::start(dir.path()).await;
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for number in 0..3_u8 {
        // Payload type 96, which the server does not play.
        let packet = [
            0x80, 96, 0, number, 0, 0, 0, 0, 1, 2, 3, 4, 0xf8, 0xff, 0xfe,
        ];
        socket.send_to(&packet, program.udp).unwrap();
    }
    common::status_when(program.http, |status| {
        status["refused_packets"]["payload_type"] == 3
    })
    .await;
    let report = Report::of_server(&program, dir.path()).await;
    let address = socket.local_addr().unwrap().to_string();
    report.expect("refused_senders", "attention", &[&address, "payload_type"]);
}
