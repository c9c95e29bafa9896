//! `monolog config print` and `monolog config check`: the settings that `serve` would run with, and where each comes from.

use super::help;
use crate::config::layers::{Given, Merged, Source, merge};
use crate::config::settings::{SETTINGS, Setting};
use crate::config::values::show_size;
use crate::server::machine;
use std::fmt::Write;
use std::process::ExitCode;

/// Prints or checks the settings given by the arguments after `config`.
pub fn run(args: &[String]) -> ExitCode {
    if super::asks_for_help(args) {
        return super::say(format_args!("{}", help::config()));
    }
    let Some((what, flags)) = args.split_first().filter(|(what, _)| matches!(what.as_str(), "print" | "check")) else {
        return super::wrong("config wants print or check");
    };
    let merged = match merge(flags, &super::environment()) {
        Ok(merged) => merged,
        Err(lines) => return super::wrong_settings(&lines),
    };
    for warning in &merged.warnings {
        super::complain(format_args!("monolog: warning: {warning}\n"));
    }
    if what == "print" { super::say(format_args!("{}", table(&merged))) } else { super::say(format_args!("the settings are fine\n")) }
}

/// One line for each setting: name, value, source.
fn table(merged: &Merged) -> String {
    let value = |row: &Setting, given: &Given| effective(row, given).unwrap_or_else(|| given.shown(row));
    let rows = SETTINGS.iter().zip(&merged.given).map(|(row, given)| (row.name, value(row, given), given.source.to_string()));
    let rows: Vec<_> = rows.collect();
    // A single long value does not push all sources out of sight.
    let width = rows.iter().map(|(_, value, _)| value.chars().count()).filter(|width| *width <= 48).max().unwrap_or_default();
    let mut text = String::new();
    for (name, value, source) in rows {
        let _ = writeln!(text, "{name:<31} {value:<width$}  {source}");
    }
    text
}

/// What a default that depends on the machine comes to on this one.
fn effective(row: &Setting, given: &Given) -> Option<String> {
    match row.name {
        _ if given.source != Source::Default => None,
        "server.reactors" => Some(machine::reactors().to_string()),
        "limits.memory" => Some(show_size(machine::memory_budget() as u64)),
        _ => None,
    }
}
