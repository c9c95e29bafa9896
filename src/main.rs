//! The binary: hands the command line to `cli`, and the exit code back to the system.

use std::process::ExitCode;

fn main() -> ExitCode {
    monolog::cli::run(std::env::args_os().skip(1))
}
