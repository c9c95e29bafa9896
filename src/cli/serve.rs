//! `monolog serve`: the settings, the log, and then the broker until it ends. On SIGHUP the settings are read again.

use super::{help, logging};
use crate::config::layers::{Merged, merge};
use crate::config::settings::SETTINGS;
use log::{error, info, warn};
use std::process::ExitCode;

/// Runs the broker with the arguments after `serve`.
pub fn run(args: &[String]) -> ExitCode {
    if super::asks_for_help(args) {
        return super::say(format_args!("{}", help::serve()));
    }
    let mut merged = match merge(args, &super::environment()) {
        Ok(merged) => merged,
        Err(lines) => return super::wrong_settings(&lines),
    };
    logging::start(&merged.settings);
    for warning in &merged.warnings {
        warn!("{warning}");
    }
    let settings = merged.settings.clone();
    let ended = crate::server::run(&settings, || match merge(args, &super::environment()) {
        Ok(new) => reload(&mut merged, new),
        Err(lines) => {
            error!("SIGHUP: the settings stay as they are, since these are wrong:");
            lines.iter().for_each(|line| error!("SIGHUP: {line}"));
        }
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            super::complain(format_args!("monolog: {failure}\n"));
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Takes over what a running broker can take over, and says what it cannot.
fn reload(running: &mut Merged, new: Merged) {
    let changed: Vec<usize> = (0..SETTINGS.len()).filter(|index| running.given[*index] != new.given[*index]).collect();
    // What is said about the log is said to those who listened before, and to those who listen from here on.
    log::set_max_level(running.settings.log_level.max(new.settings.log_level));
    for warning in new.warnings.iter().filter(|warning| !running.warnings.contains(warning)) {
        warn!("SIGHUP: {warning}");
    }
    let mut said = false;
    for index in changed {
        let (row, given) = (&SETTINGS[index], &new.given[index]);
        let (value, source) = (given.shown(row), &given.source);
        if row.is_reloadable() {
            info!("SIGHUP: {} is {value} from here on ({source})", row.name);
            running.given[index] = given.clone();
        } else if running.given[index].is_other_value(given) {
            warn!("SIGHUP: {} is {value} from the next start on ({source})", row.name);
        } else {
            continue;
        }
        said = true;
    }
    if !said {
        info!("SIGHUP: no setting has changed");
    }
    running.settings.log_level = new.settings.log_level;
    running.settings.log_format = new.settings.log_format;
    logging::apply(&running.settings);
}
