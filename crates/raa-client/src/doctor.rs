//! `raa-client doctor` on Linux: what would keep this computer's sound from being heard.
//!
//! Sound goes out by UDP, which nobody acknowledges to a bystander. So the doctor sends none, and asks the
//! server's page what the server receives of this computer. Always: nothing is changed, no file is written;
//! the ids of checks stay the same.

use std::process::ExitCode;
use std::time::Duration;

use raa_doctor::clock::{self, Clock};
use raa_doctor::processes::{self, Process};
use raa_doctor::report::{Finding, Report};

use crate::capture::{SeenSink, look_at_sound_server};
use crate::settings::{self, DoctorOptions, LinuxOptions, Looked, Source, Ssrc, default_page};
use crate::status::SoundServerTrouble;
use crate::ui::server_test::{self, ClientState, NoServer, RaaServer, TestResult};

/// The limit for each step of asking the server.
const LIMIT: Duration = Duration::from_secs(3);

/// Examines, prints the report, and returns the exit code: 1 if anything is wrong, otherwise 0.
pub(crate) fn run(how: &DoctorOptions, options: LinuxOptions) -> ExitCode {
    let checks = match settings::look(options) {
        Ok(looked) => all(how, &looked),
        Err(fault) => {
            let configuration = Finding::wrong(
                "configuration",
                fault.to_string(),
                "mend it; the server is asked once the settings are valid",
            );
            vec![
                configuration,
                sound_server(&look_at_sound_server()),
                clock::judge(clock::look()),
            ]
        }
    };
    Report::new("raa-client", env!("CARGO_PKG_VERSION"), checks).print(how.json)
}

fn all(how: &DoctorOptions, looked: &Looked) -> Vec<Finding> {
    let settings = looked.stored.settings();
    let others = others();
    let mut checks = vec![configuration(looked)];
    if let Some(server) = &settings.server {
        let page = default_page(server).replace(":4011/", &format!(":{}/", how.page_port));
        let ssrc = looked.stored.ssrc.unwrap_or(Ssrc(0));
        let tested = server_test::test(server, &page, ssrc, LIMIT);
        checks.push(server_name(&server.to_string(), &tested));
        checks.push(server_page(&page, &tested));
        let is_known = looked.stored.ssrc.is_some();
        checks.push(received(&tested, is_known, !others.is_empty()));
    }
    checks.push(clients(&others));
    if settings.source == Source::Pulse {
        checks.push(sound_server(&look_at_sound_server()));
    }
    let clock: Clock = clock::look();
    checks.push(clock::judge(clock));
    checks
}

/// Returns the other clients that run here.
fn others() -> Vec<Process> {
    let own = std::process::id();
    let is_client = |process: &Process| process.name == "raa-client" && process.pid != own;
    processes::all().filter(is_client).collect()
}

fn configuration(looked: &Looked) -> Finding {
    const ID: &str = "configuration";
    let file = looked.path.display();
    match (&looked.text, looked.stored.ssrc) {
        (None, _) => Finding::ok(ID, format!("no file yet; the first start makes {file}")),
        (Some(_), None) => Finding::ok(
            ID,
            format!("{file} is valid; the first start adds the SSRC"),
        ),
        (Some(_), Some(ssrc)) => Finding::ok(ID, format!("{file} is valid; this client is {ssrc}")),
    }
}

fn server_name(server: &str, tested: &TestResult) -> Finding {
    const ID: &str = "server_name";
    match &tested.addresses {
        Ok(addresses) => {
            let texts: Vec<String> = addresses.iter().map(|one| one.ip().to_string()).collect();
            Finding::ok(ID, format!("{server} has the address {}", texts.join(", ")))
        }
        Err(error) => Finding::wrong(
            ID,
            format!("{server} has no address: {error}"),
            "check the name with getent hosts, and this computer's DNS; or set the server's IP address",
        ),
    }
}

fn server_page(page: &str, tested: &TestResult) -> Finding {
    const ID: &str = "server";
    match &tested.server {
        Ok(RaaServer { version, .. }) => {
            Finding::ok(ID, format!("{page} is an RAA server, version {version}"))
        }
        Err(NoServer::NotRaa | NoServer::Status(_)) => Finding::wrong(
            ID,
            format!("{page} is answered by something that is not an RAA server"),
            "check the server's name, and --page-port if its http_port is not 4011",
        ),
        Err(error) => Finding::attention(
            ID,
            format!("{page} can't be asked: {error}"),
            "run raa-server doctor on the server. If only the page's port is closed from here, sound may arrive anyway",
        ),
    }
}

fn received(tested: &TestResult, is_known: bool, is_running: bool) -> Finding {
    const ID: &str = "received";
    let firewall = "check that UDP from this computer to the server's port passes every firewall, and that the \
        port is the server's udp_port; on the server: raa-server doctor";
    let start = "start it: systemctl --user start raa-client, or raa-client";
    let state = match &tested.server {
        Ok(server) if is_known => server.client,
        Ok(_) => ClientState::Unlisted,
        Err(_) => {
            let found = "unknown, because the server's page can't be asked";
            return Finding::attention(ID, found, "look at the page on another computer");
        }
    };
    match (state, is_running) {
        (ClientState::Sounding, _) => {
            Finding::ok(ID, "the server receives sound from this computer")
        }
        (ClientState::Connected, _) => {
            Finding::ok(ID, "the server receives this computer, which is silent now")
        }
        (ClientState::Taken(other), _) => Finding::wrong(
            ID,
            format!(
                "another computer, at {other}, uses this client's number, and the server plays that one"
            ),
            "RAA's clients heal this within some seconds while they run; if it lasts, stop the client, delete the line \
             ssrc in its configuration, and start it again",
        ),
        (ClientState::Elsewhere(other), _) => Finding::attention(
            ID,
            format!(
                "the server receives this client's number from {other}, which is not this computer's own address"
            ),
            "right if a router translates this computer's address into that one; otherwise another computer has a copy \
             of the configuration",
        ),
        (ClientState::Unknown, _) => Finding::attention(
            ID,
            "the server's list can't be read",
            "look at the server's page",
        ),
        (ClientState::Offline | ClientState::Unlisted, true) => Finding::wrong(
            ID,
            "a client runs here, but the server receives nothing from it",
            firewall,
        ),
        (ClientState::Offline | ClientState::Unlisted, false) => Finding::wrong(
            ID,
            "the server receives nothing, because no client runs here",
            start,
        ),
    }
}

fn clients(others: &[Process]) -> Finding {
    const ID: &str = "clients";
    let pids: Vec<String> = others
        .iter()
        .map(|process| process.pid.to_string())
        .collect();
    let pids = pids.join(" and ");
    match others.len() {
        0 => Finding::ok(ID, "no raa-client runs on this computer"),
        1 => Finding::ok(ID, format!("raa-client runs (pid {pids})")),
        count => Finding::attention(
            ID,
            format!("{count} clients run on this computer (pid {pids})"),
            "with the same configuration they send as one, and one of them is refused: stop all but one, or give \
             each its own --config",
        ),
    }
}

fn sound_server(looked: &Result<SeenSink, SoundServerTrouble>) -> Finding {
    const ID: &str = "sound_server";
    match looked {
        Ok(SeenSink {
            name,
            trouble: None,
        }) => Finding::ok(
            ID,
            format!("the monitor of {name} is captured, which is neither muted nor turned down"),
        ),
        Ok(SeenSink {
            trouble: Some(trouble),
            ..
        }) => Finding::attention(
            ID,
            trouble.to_string(),
            "turn it up (pactl set-sink-mute @DEFAULT_SINK@ 0; pactl set-sink-volume @DEFAULT_SINK@ 100%). \
             PulseAudio takes the sound behind this control; with PipeWire it is in front, and this does not matter",
        ),
        Err(trouble) => Finding::wrong(
            ID,
            format!("nothing can be captured: {trouble}"),
            "run the doctor as the user who works at this computer, in that user's session; `pactl info` shows whether the sound server answers",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raa_doctor::report::Verdict;

    fn tested(client: ClientState) -> TestResult {
        TestResult {
            addresses: Ok(vec!["192.0.2.1:4010".parse().unwrap()]),
            page_host: None,
            server: Ok(RaaServer {
                version: "1.2.3".into(),
                address: "192.0.2.1".parse().unwrap(),
                client,
            }),
        }
    }

    #[test]
    fn sound_that_does_not_arrive_is_wrong() {
        use ClientState::{Connected, Elsewhere, Offline, Sounding, Taken, Unknown, Unlisted};
        let other = "192.0.2.9".parse().unwrap();
        use Verdict::{Attention, Ok, Wrong};
        for (state, is_running, verdict, words) in [
            (Sounding, true, Ok, "receives sound"),
            (Connected, true, Ok, "silent now"),
            (Offline, true, Wrong, "receives nothing from it"),
            (Unlisted, true, Wrong, "receives nothing from it"),
            (Offline, false, Wrong, "no client runs"),
            (Unknown, true, Attention, "can't be read"),
            (Taken(other), true, Wrong, "uses this client's number"),
            (Elsewhere(other), true, Attention, "192.0.2.9"),
        ] {
            let finding = received(&tested(state), true, is_running);
            assert_eq!(finding.verdict, verdict, "{finding:?}");
            assert!(finding.found.contains(words), "{finding:?}");
        }
        // Without an SSRC of its own, nothing in the list is this client.
        assert_eq!(received(&tested(Sounding), false, false).verdict, Wrong);
    }

    #[test]
    fn two_clients_get_attention() {
        let process = |pid| Process {
            pid,
            name: "raa-client".into(),
        };
        assert_eq!(clients(&[]).verdict, Verdict::Ok);
        assert_eq!(clients(&[process(7)]).verdict, Verdict::Ok);
        let two = clients(&[process(7), process(8)]);
        assert_eq!(two.verdict, Verdict::Attention);
        assert!(two.found.contains("7 and 8"), "{two:?}");
    }
}
