//! A real PulseAudio with null sinks for a single test, and tones played into the sinks.
//!
//! Always: it has a HOME and a socket of its own, so the computer's sound server is never touched; the
//! packages `pulseaudio` and `pulseaudio-utils` must be installed.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::PATIENCE;

/// A running sound server, killed on drop.
pub struct PulseServer {
    child: Child,
    folder: PathBuf,
}

impl PulseServer {
    /// Starts a sound server for clients with `folder` as XDG_RUNTIME_DIR. It requires the cookie in
    /// its HOME, and suspends idle sinks.
    pub fn start(folder: &Path, sinks: &[&str]) -> Self {
        Self::start_with(folder, sinks, "")
    }

    /// Like [`PulseServer::start`], but accepts every client and has no cookie.
    pub fn start_open(folder: &Path, sinks: &[&str]) -> Self {
        Self::start_with(folder, sinks, " auth-anonymous=1 auth-cookie-enabled=0")
    }

    fn start_with(folder: &Path, sinks: &[&str], access: &str) -> Self {
        std::fs::create_dir_all(folder.join("pulse")).unwrap();
        let mut command = Command::new("pulseaudio");
        command.args([
            "-n",
            "--daemonize=no",
            "--exit-idle-time=-1",
            "--disallow-exit",
        ]);
        command.args([
            "--log-level=error",
            "-L",
            "module-suspend-on-idle timeout=1",
            "-L",
        ]);
        command.arg(format!(
            "module-native-protocol-unix socket={}{access}",
            socket(folder).display()
        ));
        for sink in sinks {
            command.arg("-L");
            // "name channels channel-map"; stereo without them.
            let (name, channels) = sink.split_once(' ').unwrap_or((sink, "channels=2"));
            command.arg(format!(
                "module-null-sink sink_name={name} rate=44100 {channels}"
            ));
        }
        let child = own_settings(&mut command, folder)
            .stderr(Stdio::null())
            .spawn()
            .expect("the tests need the package pulseaudio");
        let server = Self {
            child,
            folder: folder.to_owned(),
        };
        server.wait_until_it_answers();
        server
    }

    /// Plays a sine with a peak of a quarter of full scale until the value is dropped.
    pub fn play(&self, sink: &str, frequency_hz: f64) -> Playing {
        self.play_in(sink, frequency_hz, "front-left,front-right")
    }

    /// Like [`PulseServer::play`], in these two channels of the sink only.
    pub fn play_in(&self, sink: &str, frequency_hz: f64, channels: &str) -> Playing {
        let mut command = Command::new("pacat");
        command.args([
            "--raw",
            "--format=float32le",
            "--rate=48000",
            "--channels=2",
        ]);
        command.args(["--latency-msec=50", "--no-remix", "-d", sink]);
        command.arg(format!("--channel-map={channels}"));
        let mut child = own_settings(&mut command, &self.folder)
            .stdin(Stdio::piped())
            .spawn()
            .expect("the tests need the package pulseaudio-utils");
        let mut stdin = child.stdin.take().unwrap();
        // Ends with pacat, which closes the pipe.
        std::thread::spawn(move || {
            let samples = (0..48_000 * 30).flat_map(|i| {
                let t = f64::from(i) / 48_000.0;
                let x = 0.25 * (t * frequency_hz * std::f64::consts::TAU).sin() as f32;
                [x.to_le_bytes(), x.to_le_bytes()]
            });
            let bytes: Vec<u8> = samples.flatten().collect();
            let _ = stdin.write_all(&bytes);
        });
        Playing { child }
    }

    pub fn set_default_sink(&self, sink: &str) {
        assert!(self.pactl(&["set-default-sink", sink]));
    }

    pub fn set_mute(&self, sink: &str, muted: bool) {
        let muted = if muted { "1" } else { "0" };
        assert!(self.pactl(&["set-sink-mute", sink, muted]));
    }

    /// Sets the volume, such as "0.1" (-20 dB) or "50%".
    pub fn set_volume(&self, sink: &str, volume: &str) {
        assert!(self.pactl(&["set-sink-volume", sink, volume]));
    }

    fn pactl(&self, arguments: &[&str]) -> bool {
        let mut command = Command::new("pactl");
        let status = own_settings(command.args(arguments), &self.folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status
            .expect("the tests need the package pulseaudio-utils")
            .success()
    }

    fn wait_until_it_answers(&self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.pactl(&["info"]) {
            assert!(Instant::now() < deadline, "pulseaudio does not answer");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
}

impl Drop for PulseServer {
    fn drop(&mut self) {
        end(&mut self.child);
        // It is left behind because the server was killed.
        let _ = std::fs::remove_file(socket(&self.folder));
    }
}

/// A tone that plays until the value is dropped.
pub struct Playing {
    child: Child,
}

impl Drop for Playing {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("pulse/native")
}

fn own_settings<'a>(command: &'a mut Command, folder: &Path) -> &'a mut Command {
    command
        .env_remove("PULSE_SERVER")
        .env_remove("PULSE_RUNTIME_PATH")
        .env_remove("PULSE_COOKIE");
    command.env("HOME", folder).env("XDG_RUNTIME_DIR", folder)
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}
