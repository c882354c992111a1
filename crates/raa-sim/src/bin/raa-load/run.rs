//! One measurement: starts the load, samples the server before, during and after it, and reports.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use raa_sim::measure::socket;
use raa_sim::world::sound;

use crate::api::{Api, ServerState, Status};
use crate::args::Args;
use crate::client;
use crate::cpu;
use crate::listeners::Listeners;
use crate::plan::{self, Plan};
use crate::progress::Progress;
use crate::report::{Report, Sample};
use crate::senders::{SendReport, Senders};

/// The interval at which the server summarises its timings.
const WINDOW: Duration = Duration::from_secs(5);

/// Loads the server as `args` describe, and returns the report.
pub(crate) fn run(args: &Args) -> anyhow::Result<Report> {
    let api = (!args.no_api).then(|| Api::new(args));
    // Fails before anything is sent if there is no server.
    api.as_ref().map(Api::status).transpose()?;
    let sockets = plan::sockets(socket::resolve(&args.host, args.udp_port)?, args)?;
    let pieces = sound::pieces()?;
    let plan = Plan::from_args(args);
    let starting_time = plan.starting_time();
    let http = socket::resolve(&args.host, args.http_port)?;
    let listeners = (args.listeners > 0)
        .then(|| Listeners::new(http, args.listeners))
        .transpose()?;
    let progress = Progress::default();
    thread::scope(|scope| {
        let sending = (args.clients > 0)
            .then(|| scope.spawn(|| Senders::new(plan, sockets, &pieces).run(&progress)));
        let listening = listeners.map(|all| scope.spawn(|| all.run(&progress)));
        let started = Instant::now();
        while listening
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
            && !progress.listening.load(Ordering::Relaxed)
        {
            thread::sleep(Duration::from_millis(10));
        }
        thread::sleep((started + starting_time).saturating_duration_since(Instant::now()));
        let measured = measure(api.as_ref(), args, &progress);
        progress.stop.store(true, Ordering::Relaxed);
        let sent = sending.map(join).transpose()?;
        let received = listening.map(join).transpose()?.transpose()?;
        let (before, windows, after) = measured?;
        if let Some(sent) = &sent {
            check_arrival(args, sent, &before, &after)?;
        }
        Ok(Report::new(
            args,
            sent.as_ref(),
            &before,
            &windows,
            &after,
            received,
        ))
    })
}

/// Samples the server after the warm-up, in every window, and at the end.
fn measure(
    api: Option<&Api>,
    args: &Args,
    progress: &Progress,
) -> anyhow::Result<(Sample, Vec<Status>, Sample)> {
    thread::sleep(Duration::from_secs(args.warm_up));
    let end = Instant::now() + Duration::from_secs(args.seconds);
    let before = sample(api, args, progress)?;
    progress.measuring.store(true, Ordering::Relaxed);
    let mut windows = Vec::new();
    while Instant::now() + WINDOW <= end {
        thread::sleep(WINDOW);
        windows.extend(api.map(Api::status).transpose()?);
    }
    thread::sleep(end.saturating_duration_since(Instant::now()));
    progress.measuring.store(false, Ordering::Relaxed);
    let after = sample(api, args, progress)?;
    windows.extend(after.server.as_ref().map(|state| state.status.clone()));
    Ok((before, windows, after))
}

fn sample(api: Option<&Api>, args: &Args, progress: &Progress) -> anyhow::Result<Sample> {
    let state = |api: &Api| -> anyhow::Result<ServerState> {
        let clients = api.clients()?;
        Ok(ServerState {
            all: clients.reception(|ssrc| client::is_ours(ssrc, args.clients)),
            speakers: clients.reception(|ssrc| client::is_ours(ssrc, args.speaking())),
            status: api.status()?,
        })
    };
    Ok(Sample {
        server: api.map(state).transpose()?,
        process_cpu_s: args.pid.map(cpu::of_process_s).transpose()?,
        packets_sent: progress.packets.load(Ordering::Relaxed),
        own_cpu_s: cpu::own_s(),
        at: Instant::now(),
    })
}

/// Fails if the server has received nothing, because then nothing was measured.
fn check_arrival(
    args: &Args,
    sent: &SendReport,
    before: &Sample,
    after: &Sample,
) -> anyhow::Result<()> {
    let (Some(before), Some(now)) = (&before.server, &after.server) else {
        return Ok(());
    };
    let received = now.all.since(before.all).received;
    ensure!(
        received > 0 || args.loss >= 100.0,
        "the server received none of the {} packets sent to UDP port {} of {} ({} were refused \
         at once); set its audio port with --udp-port, and check for a firewall in between",
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
