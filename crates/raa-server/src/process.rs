//! The process around the server: command line, log, signals, exit code.
//!
//! Always: the exit code is 0 after SIGTERM or SIGINT, 2 for an invalid configuration, and 1 when the
//! server can't start or continue; one line then gives the reason.

use std::num::NonZero;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser as _;
use tokio::runtime;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::config::{self, Args, Command, Loaded};
use crate::supervisor::Supervisor;
use crate::{Setup, Sockets, descriptors, doctor, log, run_supervised, signals};

const CONFIG_EXIT_CODE: u8 = 2;
/// Longest wait at the end for work that may be stuck, such as a write to the disk.
const RUNTIME_LIMIT: Duration = Duration::from_millis(100);

/// Runs the program from its command line to its exit code.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let loaded = config::load(&args);
    if let Some(Command::Doctor(how)) = &args.command {
        return doctor::run(how, &args, loaded);
    }
    let loaded = match loaded {
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
    signals::unblock();
    // Left to itself, the runtime panics if a variable of its own has an odd value.
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(cores)
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
    signals::handle(&stop)?;
    descriptors::raise_limit();
    let sockets = Sockets::bind(&loaded.config)?;
    let Loaded {
        config,
        state_dir,
        web_dir,
        ..
    } = loaded;
    run_supervised(
        Setup {
            config,
            state_dir,
            web_dir,
        },
        sockets,
        stop,
        Supervisor::of_process(),
    )
    .await
}
