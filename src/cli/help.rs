//! `monolog help` and what goes with each subcommand: the usage, and every setting of the one table.

use crate::config::settings::{SETTINGS, Setting};
use std::fmt::Write;

/// What `monolog help` prints.
pub fn usage() -> String {
    let mut text = String::from("monolog: a Kafka-compatible message broker in one small binary; every ack is on disk first\n\nusage:\n");
    for (command, what) in [
        ("serve [flags]", "start the broker; without flags: Kafka on :9092, HTTP on :8080, data in ./data"),
        ("health [URL]", "exit 0 when the broker is ready, 1 when not"),
        ("backup FILE [URL]", "copy all that a running broker holds into one file that serve can start from"),
        ("config print", "print every setting with its value and where it comes from"),
        ("config check", "check the settings and nothing else"),
        ("version", "print the version"),
        ("help [COMMAND]", "print this, or what a command takes; help serve lists every setting"),
    ] {
        let _ = writeln!(text, "  monolog {command:<17} {what}");
    }
    text
}

/// What `monolog help serve` prints.
pub fn serve() -> String {
    let mut text = String::from(
        "usage: monolog serve [flags]\n\nStarts the broker. A flag wins over its environment variable, the variable over the YAML file that -config names, the\nfile over the default. Flags are written -flag VALUE, --flag VALUE, -flag=VALUE or --flag=VALUE; the key of the file comes last:\na.b is the key b in the section a. Durations are written 24h, 1m30s or 500ms, sizes 16777216, 64MiB or 64MB.\n",
    );
    for setting in SETTINGS {
        let default = if setting.default.is_empty() { "unset" } else { setting.default };
        let _ = write!(text, "\n  {}\n      {}\n      default: {default}\n", names(setting).join(", "), setting.help);
    }
    text.push_str("\nSIGTERM and SIGINT end the broker in order, a second one at once. SIGHUP reads the settings again: logging.* changes, of\nwhat else has changed the log says that it waits for the next start. On a terminal SIGHUP ends the broker.\n");
    text.push_str("\nexit codes: 0 orderly, 1 anything else, 2 usage or configuration, 3 data directory locked, 4 address in use,\n  5 storage failure, 6 newer schema, 7 data directory not usable\n");
    text
}

/// Flag, variable, key of the file.
fn names(setting: &Setting) -> Vec<String> {
    let flag = setting.flag.map(|flag| format!("-{flag}"));
    let key = setting.name.contains('.').then(|| setting.name.to_string());
    flag.into_iter().chain(setting.env.map(str::to_string)).chain(key).collect()
}

/// What `monolog help health` prints.
pub fn health() -> String {
    "usage: monolog health [URL]\n       monolog health [flags of serve]\n\nAsks a broker whether it is ready: exit code 0 when it is, 1 when not, and one line that says why. Without a URL, as\nhttp://localhost:8080, the address comes from the settings, found as serve finds them.\n".to_string()
}

/// What `monolog help backup` prints.
pub fn backup() -> String {
    "usage: monolog backup FILE [URL]\n       monolog backup FILE [flags of serve]\n\nCopies all that a running broker holds, topics, records, offsets, groups and configs as of one moment, into FILE, which is\ncomplete and synced when this ends with 0, and not touched otherwise. Without a URL, as http://localhost:8080, address and token\ncome from the settings, found as serve finds them; with one the token comes from MONOLOG_AUTH_TOKEN. To start from the copy\nput it into an empty directory as monolog.db:\n\n  mkdir data && cp FILE data/monolog.db && monolog serve -data-dir data\n".to_string()
}

/// What `monolog help config` prints.
pub fn config() -> String {
    "usage: monolog config print [flags of serve]\n       monolog config check [flags of serve]\n\nReads the settings as serve does. print says what each of them is and where it comes from, secrets left out; check says only\nwhether they are right. Exit code 2 when they are not.\n".to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_lists_every_setting_with_flag_variable_and_default() {
        let text = serve();
        for setting in SETTINGS {
            assert!(setting.flag.is_none_or(|flag| text.contains(&format!("-{flag}"))));
            assert!(setting.env.is_none_or(|env| text.contains(env)));
            assert!(text.contains(setting.name) && text.contains(setting.help));
            assert!(text.contains(setting.default));
        }
    }
}
