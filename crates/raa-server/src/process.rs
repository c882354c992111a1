//! The process around the server: command line, log, signals, exit code.
//!
//! Always: the exit code is 0 after SIGTERM or SIGINT, 2 for an invalid configuration, and 1 when the
//! server can't start or continue; one line then gives the reason.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser as _;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::config::{self, Args, Loaded};
use crate::{Setup, Sockets, log, run};

const CONFIG_EXIT_CODE: u8 = 2;
/// Longest wait at the end for work that may be stuck, such as a write to the disk.
const RUNTIME_LIMIT: Duration = Duration::from_millis(100);

/// Runs the program from its command line to its exit code.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let loaded = match config::load(&args) {
        Ok(loaded) => loaded,
        Err(error) => {
            eprintln!("raa-server: {error}");
            return ExitCode::from(CONFIG_EXIT_CODE);
        }
    };
    if args.check_config {
        print!("{loaded}");
        return ExitCode::SUCCESS;
    }
    match serve(loaded) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("raa-server: {reason:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve(loaded: Loaded) -> anyhow::Result<()> {
    let _log = log::start(loaded.config.log_level)?;
    for warning in &loaded.warnings {
        warn!("{warning}");
    }
    let runtime = runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let served = runtime.block_on(serve_until_signal(loaded));
    runtime.shutdown_timeout(RUNTIME_LIMIT);
    match &served {
        Ok(()) => info!("stopped"),
        Err(reason) => error!(reason = format!("{reason:#}"), "the server stops"),
    }
    served
}

async fn serve_until_signal(loaded: Loaded) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    stop_on_signal(stop.clone())?;
    raise_descriptor_limit();
    let sockets = Sockets::bind(&loaded.config)?;
    let Loaded {
        config,
        state_dir,
        web_dir,
        ..
    } = loaded;
    run(
        Setup {
            config,
            state_dir,
            web_dir,
        },
        sockets,
        stop,
    )
    .await
}

fn stop_on_signal(stop: CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    });
    Ok(())
}

/// Raises the soft limit of file descriptors to the hard one: every listener needs a descriptor, and
/// the usual soft limit of 1,024 exists only for programs that use select(2).
fn raise_descriptor_limit() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // The server also runs with fewer.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
