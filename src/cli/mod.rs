//! The command line: one file per subcommand. Called by `main`; says on stderr what is wrong and picks the exit code.

mod backup;
mod config;
mod health;
mod help;
mod logging;
mod serve;

use crate::config::closest::did_you_mean;
use std::ffi::OsString;
use std::process::ExitCode;

/// Exit code of a wrong command line or setting.
const USAGE: u8 = 2;

/// What can be asked for.
const COMMANDS: &[&str] = &["serve", "health", "backup", "config", "version", "help"];

/// Runs one command line, without the program's name.
pub fn run(args: impl Iterator<Item = OsString>) -> ExitCode {
    let Ok(args) = args.map(OsString::into_string).collect::<Result<Vec<String>, OsString>>() else {
        return wrong("the command line is not UTF-8");
    };
    let Some((command, rest)) = args.split_first() else {
        complain(format_args!("{}", help::usage()));
        return ExitCode::from(USAGE);
    };
    match command.as_str() {
        "serve" => serve::run(rest),
        "health" => health::run(rest),
        "backup" => backup::run(rest),
        "config" => config::run(rest),
        "version" | "-version" | "--version" if rest.is_empty() => {
            say(format_args!("monolog {} ({})\n", env!("CARGO_PKG_VERSION"), env!("MONOLOG_COMMIT")))
        }
        "version" | "-version" | "--version" if asks_for_help(rest) => say(format_args!("{}", help::usage())),
        "version" | "-version" | "--version" => unexpected(rest),
        "help" | "-h" | "-help" | "--help" if rest.len() > 1 => unexpected(rest.get(1..).unwrap_or_default()),
        "help" | "-h" | "-help" | "--help" => match rest.first().map(String::as_str) {
            None => say(format_args!("{}", help::usage())),
            Some("serve") => say(format_args!("{}", help::serve())),
            Some("health") => say(format_args!("{}", help::health())),
            Some("backup") => say(format_args!("{}", help::backup())),
            Some("config") => say(format_args!("{}", help::config())),
            Some(topic) if COMMANDS.contains(&topic) => say(format_args!("{}", help::usage())),
            Some(topic) => unknown(topic),
        },
        other => unknown(other),
    }
}

fn unknown(command: &str) -> ExitCode {
    wrong(&format!("unknown command \"{command}\"{}", did_you_mean(command, COMMANDS.iter().copied(), "monolog ")))
}

fn unexpected(args: &[String]) -> ExitCode {
    let shown: Vec<String> = args.iter().take(3).map(|arg| format!("{arg:?}")).collect();
    wrong(&format!("unexpected argument {}", shown.join(", ")))
}

fn wrong(line: &str) -> ExitCode {
    complain(format_args!("monolog: {line}\n"));
    ExitCode::from(USAGE)
}

fn wrong_settings(lines: &[String]) -> ExitCode {
    for line in lines {
        complain(format_args!("monolog: {line}\n"));
    }
    ExitCode::from(USAGE)
}

fn asks_for_help(args: &[String]) -> bool {
    args.iter().any(|arg| matches!(arg.as_str(), "-h" | "-help" | "--help"))
}

/// The environment; what is not UTF-8 is no setting of ours.
fn environment() -> Vec<(String, String)> {
    std::env::vars_os().map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())).collect()
}

/// Prints to stderr, if anybody reads it.
fn complain(text: std::fmt::Arguments) {
    use std::io::Write;
    let _ = std::io::stderr().write_fmt(text);
}

/// Prints to stdout; a reader that has gone away (`monolog help | head -1`) is no reason to panic.
fn say(text: std::fmt::Arguments) -> ExitCode {
    use std::io::Write;
    match std::io::stdout().write_fmt(text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
