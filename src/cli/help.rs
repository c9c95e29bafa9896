//! `monolog help` and `monolog help serve`: the usage, and every setting of the one table.

use crate::config::settings::SETTINGS;
use std::fmt::Write;

/// What `monolog help` prints.
pub fn usage() -> String {
    let mut text = String::from("monolog: a Kafka-compatible message broker in one small binary; every ack is on disk first\n\nusage:\n");
    for (command, what) in [
        ("serve [flags]", "start the broker; without flags: Kafka on :9092, HTTP on :8080, data in ./data"),
        ("version", "print the version"),
        ("help [serve]", "print this, or every flag of serve"),
    ] {
        let _ = writeln!(text, "  monolog {command:<15} {what}");
    }
    text
}

/// What `monolog help serve` prints.
pub fn serve() -> String {
    let mut text = String::from(
        "usage: monolog serve [flags]\n\nStarts the broker. A flag wins over its environment variable, the variable over the default.\nFlags are written -flag VALUE, --flag VALUE, -flag=VALUE or --flag=VALUE.\n",
    );
    for setting in SETTINGS.iter().filter(|setting| setting.set.is_some()) {
        let flag = setting.flag.map(|flag| format!("-{flag}"));
        let names: Vec<&str> = flag.as_deref().into_iter().chain(setting.env).collect();
        let default = if setting.default.is_empty() { "unset" } else { setting.default };
        let _ = write!(text, "\n  {}\n      {}\n      default: {default}\n", names.join(", "), setting.help);
    }
    text.push_str("\nexit codes: 0 orderly, 1 anything else, 2 usage or configuration, 3 data directory locked, 4 address in use,\n  5 storage failure, 6 newer schema, 7 data directory not usable\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_lists_every_setting_with_flag_variable_and_default() {
        let text = serve();
        for setting in SETTINGS.iter().filter(|setting| setting.set.is_some()) {
            assert!(setting.flag.is_none_or(|flag| text.contains(&format!("-{flag}"))));
            assert!(setting.env.is_none_or(|env| text.contains(env)));
            assert!(text.contains(setting.default));
        }
    }
}
