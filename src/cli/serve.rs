//! `monolog serve`: settings from flags and environment, the log, and then the broker until it ends.

use super::help;
use crate::config::layers::{Merged, merge};
use crate::config::settings::SETTINGS;
use std::process::ExitCode;

/// Runs the broker with the arguments after `serve`.
pub fn run(args: &[String]) -> ExitCode {
    if args.iter().any(|arg| matches!(arg.as_str(), "-h" | "-help" | "--help")) {
        return super::say(format_args!("{}", help::serve()));
    }
    let Merged { settings, sources } = match merge(args, |name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())) {
        Ok(merged) => merged,
        Err(lines) => {
            for line in lines {
                super::complain(format_args!("monolog: {line}\n"));
            }
            return ExitCode::from(super::USAGE);
        }
    };
    // Other people's crates are heard only when something is wrong.
    env_logger::Builder::new().filter_level(log::LevelFilter::Warn).filter_module("monolog", settings.log_level).init();
    for (setting, source) in SETTINGS.iter().zip(sources) {
        log::debug!("{} comes from: {source}", setting.name);
    }
    match crate::server::run(&settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            super::complain(format_args!("monolog: {failure}\n"));
            ExitCode::from(failure.exit_code())
        }
    }
}
