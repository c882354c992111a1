//! `raa-server doctor`: looks at the machine and at the running server, and says what to do.
//!
//! [`probes`] gathers [`facts`], [`judge`] turns them into findings; the report is in `raa-doctor`, which
//! the client's doctor shares. Always: nothing is changed, not even the state's folder; what this user can't
//! see is said to be unknown; the ids of checks stay the same.

mod ask;
mod facts;
mod firewall;
mod judge;
mod machine;
mod probes;

use std::process::ExitCode;

use raa_doctor::report::{Finding, Report};

use crate::config::{Args, Config, ConfigError, DoctorArgs, Loaded};

/// Examines, prints the report, and returns the exit code: 1 if anything is wrong, otherwise 0.
pub(crate) fn run(how: &DoctorArgs, args: &Args, loaded: Result<Loaded, ConfigError>) -> ExitCode {
    let checks = match loaded {
        Ok(loaded) if how.running => vec![judge::running(&probes::health(&loaded.config))],
        Ok(loaded) => judge::all(&probes::gather(args, &loaded)),
        Err(error) => invalid(&error, how.running),
    };
    Report::new("raa-server", env!("CARGO_PKG_VERSION"), checks).print(how.json)
}

/// Without a configuration, the ports and the folder are unknown. The rest of the machine is not.
fn invalid(error: &ConfigError, only_running: bool) -> Vec<Finding> {
    let configuration = judge::invalid_configuration(&error.to_string());
    if only_running {
        return vec![configuration];
    }
    let mut checks = vec![configuration];
    checks.extend(judge::machine(&probes::machine(&Config::default(), None)));
    checks
}
