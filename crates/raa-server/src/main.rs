//! The program raa-server. All of it is in the library, where tests can reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    raa_server::process::main()
}
