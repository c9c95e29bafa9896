//! The log on stderr: as text for people, or as one JSON object a line with the keys `time`, `level`, `target` and `message`. Level
//! and format may change while the broker runs.

use crate::config::settings::{LogFormat, Settings};
use log::{LevelFilter, Record};
use serde_json::json;
use std::borrow::Cow;
use std::fmt::Display;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

static JSON: AtomicBool = AtomicBool::new(false);

/// Starts the log. Other people's crates are heard only when something is wrong.
pub fn start(settings: &Settings) {
    let mut builder = env_logger::Builder::new();
    builder.filter_level(LevelFilter::Warn).filter_module("monolog", LevelFilter::Debug);
    builder.format(|out, record| {
        let time = out.timestamp_millis();
        writeln!(out, "{}", line(&time, record, JSON.load(Relaxed)))
    });
    builder.init();
    apply(settings);
}

/// Level and format from here on.
pub fn apply(settings: &Settings) {
    JSON.store(settings.log_format == LogFormat::Json, Relaxed);
    log::set_max_level(settings.log_level);
}

fn line(time: &impl Display, record: &Record, as_json: bool) -> String {
    let (level, target, message) = (record.level(), record.target(), record.args().to_string());
    if as_json {
        let level = level.as_str().to_ascii_lowercase();
        json!({ "time": time.to_string(), "level": level, "target": target, "message": message }).to_string()
    } else {
        format!("[{time} {level:<5} {target}] {}", on_one_line(&message))
    }
}

/// What clients call themselves may not look like a line of ours.
fn on_one_line(message: &str) -> Cow<'_, str> {
    if !message.contains(char::is_control) {
        return Cow::Borrowed(message);
    }
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(message.chars().map(escaped).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use log::Level;

    #[test]
    fn a_record_is_one_line_in_either_format() {
        let args = format_args!("client \"x\"\n[time INFO] forged");
        let record = Record::builder().level(Level::Warn).target("monolog::net").args(args).build();
        assert_eq!(line(&"12:00", &record, false), "[12:00 WARN  monolog::net] client \"x\"\\n[time INFO] forged");
        let text = line(&"12:00", &record, true);
        let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(text.lines().count(), 1);
        let expected = json!({"time": "12:00", "level": "warn", "target": "monolog::net", "message": "client \"x\"\n[time INFO] forged"});
        assert_eq!(parsed, expected);
    }
}
