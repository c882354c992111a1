//! One measurement: look, load, look again and again, stop, compare.

use std::net::{ToSocketAddrs as _, UdpSocket};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use crate::api::{Api, Status};
use crate::args::Args;
use crate::report::{Report, Sample};
use crate::senders::{self, Progress, Senders, Sent};
use crate::{listeners, own, sound};

/// The server sums its timings up every 5 s: after so long all that it tells is under load.
const WARM_UP: Duration = Duration::from_secs(5);
const WINDOW: Duration = Duration::from_secs(5);

/// Loads the server as `args` say and reports.
pub(crate) fn run(args: &Args) -> anyhow::Result<Report> {
    let api = Api::new(args);
    // Before anything is sent: whether there is a server at all.
    api.status()?;
    let socket = connect(args)?;
    let pieces = sound::pieces()?;
    let senders = Senders::new(
        socket,
        args.clients,
        args.speaking(),
        &pieces,
        args.loss / 100.0,
    );
    let end = Instant::now() + WARM_UP + Duration::from_secs(args.seconds);
    let url = api.mix_url();
    let progress = Progress::default();
    thread::scope(|scope| {
        let sending = scope.spawn(|| senders.run(&progress));
        let listening = (args.listeners > 0)
            .then(|| scope.spawn(|| listeners::listen(&url, args.listeners, end)));
        let measured = measure(&api, args, &progress, end);
        progress.stop.store(true, Ordering::Relaxed);
        let sent = join(sending)?;
        let heard = listening.map(join).transpose()?.transpose()?;
        let (before, windows, after) = measured?;
        check_arrival(args, &sent, &before, &after)?;
        Ok(Report::new(args, &sent, &before, &windows, &after, heard))
    })
}

/// One look at the server after the warm-up, one in every window, and one at the end.
fn measure(
    api: &Api,
    args: &Args,
    progress: &Progress,
    end: Instant,
) -> anyhow::Result<(Sample, Vec<Status>, Sample)> {
    thread::sleep(WARM_UP);
    let before = sample(api, args, progress)?;
    let mut windows = Vec::new();
    while Instant::now() + WINDOW <= end {
        thread::sleep(WINDOW);
        windows.push(api.status()?);
    }
    thread::sleep(end.saturating_duration_since(Instant::now()));
    let after = sample(api, args, progress)?;
    windows.push(after.status.clone());
    Ok((before, windows, after))
}

fn sample(api: &Api, args: &Args, progress: &Progress) -> anyhow::Result<Sample> {
    Ok(Sample {
        status: api.status()?,
        reception: api.reception(|ssrc| senders::is_ours(ssrc, args.clients))?,
        packets_sent: progress.packets.load(Ordering::Relaxed),
        own_cpu_s: own::cpu_s(),
        at: Instant::now(),
    })
}

fn connect(args: &Args) -> anyhow::Result<UdpSocket> {
    let to = (args.host.as_str(), args.udp_port);
    let address = to.to_socket_addrs().ok().and_then(|mut all| all.next());
    let address = address.with_context(|| format!("no host is called {}", args.host))?;
    let any = if address.is_ipv4() {
        "0.0.0.0:0"
    } else {
        "[::]:0"
    };
    let socket = UdpSocket::bind(any).context("cannot open a UDP socket")?;
    socket
        .connect(address)
        .with_context(|| format!("there is no way to {address}"))?;
    Ok(socket)
}

/// A measurement of nothing is none.
fn check_arrival(args: &Args, sent: &Sent, before: &Sample, after: &Sample) -> anyhow::Result<()> {
    let received = after.reception.since(before.reception).received;
    ensure!(
        received > 0 || args.loss >= 100.0,
        "the server received none of {} packets sent to UDP port {} of {} ({} were refused at once); \
         name its audio port with --udp-port, and look for a firewall in between",
        after.packets_sent,
        args.udp_port,
        args.host,
        sent.errors,
    );
    Ok(())
}

fn join<T>(thread: thread::ScopedJoinHandle<'_, T>) -> anyhow::Result<T> {
    match thread.join() {
        Ok(value) => Ok(value),
        Err(_) => bail!("a thread has panicked"),
    }
}
