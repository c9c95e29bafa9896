//! Where settings come from: flags, environment and file at once, files of the forerunner, and files that are wrong or meant
//! to harm; `config print` and `config check`.

use crate::broker::{Broker, Ended, monolog, run, serve};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A file of settings.
pub fn write(dir: &Path, text: &str) -> PathBuf {
    let path = dir.join("monolog.yaml");
    std::fs::write(&path, text).unwrap();
    path
}

/// What the forerunner reads: all its keys, as its papers show them.
const FORERUNNER: &str = r#"# monolog configuration
server:
  kafka_addr: ":0"
  http_addr: "127.0.0.1:0"

storage:
  backend: sqlite
  data_dir: ./data
  sync_writes: false
  gc_interval: 5m

topics:
  auto_create: true

limits:
  max_connections: 100
  max_message_size: 1048576
  max_fetch_bytes: 10485760
  max_topics: 100

scheduler:
  tick_interval: 100ms

retention:
  enabled: true
  max_age: 24h
  check_interval: 1m

groups:
  session_timeout: 30s
  heartbeat_interval: 3s

security:
  enabled: false
  token: ""
  tls:
    enabled: false
    cert_file: ""
    key_file: ""

logging:
  level: info
  format: text
"#;

fn check(text: &str) -> Ended {
    let dir = TempDir::new().unwrap();
    let path = write(dir.path(), text);
    run(monolog(&["config", "check", "-config", path.to_str().unwrap()]))
}

/// The row of a setting in `config print`: value and source.
fn row<'a>(printed: &'a str, name: &str) -> (&'a str, &'a str) {
    let line = printed.lines().find(|line| line.split(' ').next() == Some(name)).unwrap_or_else(|| panic!("no {name} in {printed}"));
    line[name.len()..].trim().split_once("  ").map(|(value, source)| (value.trim(), source.trim())).unwrap()
}

#[test]
fn flag_variable_and_file_at_once() {
    let dir = TempDir::new().unwrap();
    let path = write(
        dir.path(),
        "server:\n  kafka_addr: :1\n  http_addr: :2\nstorage:\n  data_dir: /from/file\nsecurity:\n  enabled: true\n  token: hidden-token\n",
    );
    let path = path.to_str().unwrap();
    let mut command = monolog(&["config", "print", "-kafka-addr", ":9092", "--config", path]);
    command.env("MONOLOG_KAFKA_ADDR", ":3").env("MONOLOG_HTTP_ADDR", ":4");
    let ended = run(command);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let printed = &ended.stdout;
    for (name, value, source) in [
        ("server.kafka_addr", ":9092", "flag -kafka-addr"),
        ("server.http_addr", ":4", "environment variable MONOLOG_HTTP_ADDR"),
        ("storage.data_dir", "/from/file", &*format!("file {path}, line 5")),
        ("security.token", "(secret)", &format!("file {path}, line 8")),
        ("limits.max_topics", "20000", "default"),
        ("server.advertised_addr", "(none)", "default"),
        ("config", path, "flag -config"),
    ] {
        assert_eq!(row(printed, name), (value, source), "{name}");
    }
    // What depends on the machine is said as it is on this one.
    assert!(row(printed, "server.reactors").0.parse::<usize>().is_ok_and(|count| (1..=8).contains(&count)), "{printed}");
    assert!(row(printed, "limits.memory").0.starts_with(|c: char| c.is_ascii_digit()) && !printed.contains("a quarter"), "{printed}");
    assert!(!printed.contains("hidden-token") && !ended.stderr.contains("hidden-token"));
    let names = printed.lines().filter(|line| line.contains('.')).count();
    assert_eq!(names, monolog::config::settings::SETTINGS.len(), "one line for each");
}

#[test]
fn the_forerunners_file_loads_unchanged() {
    let ended = check(FORERUNNER);
    assert_eq!((ended.status.code(), ended.stdout.as_str()), (Some(0), "the settings are fine\n"), "{ended:?}");
    let warnings: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("line 9 (storage.sync_writes)") && warnings[0].contains("sqlite:memory"), "{warnings:?}");
    assert!(warnings[1].contains("line 22 (scheduler.tick_interval)"), "{warnings:?}");
    // And it serves.
    let dir = TempDir::new().unwrap();
    let path = write(dir.path(), FORERUNNER);
    let mut command = monolog(&["serve", "-data-dir"]);
    command.arg(dir.path().join("data")).env("MONOLOG_CONFIG", path);
    let ended = Broker::start(command).unwrap().stop();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("storage.sync_writes").count(), 1, "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("scheduler.tick_interval").count(), 1, "{}", ended.stderr);
}

#[test]
fn everything_wrong_in_a_file_is_told_with_its_line() {
    let ended = check(
        "server:\n  kafka_addr: 9092\n  kafka_addr: :1\nlimits:\n  max_topics: -1\n  max_conections: 5\n  memory: 99999999999999999999\n  max_request_size:\n    - 1\nretention:\n  max_age: soon\ntopics:\n  auto_create: 7\nsecurity:\n  enabled: true\n  tls:\n    enabled: true\n",
    );
    assert_eq!((ended.status.code(), ended.stdout.as_str()), (Some(2), ""));
    for words in [
        ["line 2 (server.kafka_addr)", "\"9092\"", "HOST:PORT"],
        ["line 3", "server.kafka_addr is there twice", "line 2"],
        ["line 5 (limits.max_topics)", "\"-1\"", "a whole number from 1"],
        ["line 6", "unknown setting limits.max_conections", "did you mean limits.max_connections?"],
        ["line 7 (limits.memory)", "\"99999999999999999999\"", "bytes from 4MiB"],
        ["line 9", "limits.max_request_size", "takes one value"],
        ["line 11 (retention.max_age)", "\"soon\"", "24h"],
        ["line 13 (topics.auto_create)", "\"7\"", "true or false"],
        ["line 15 (security.enabled)", "security.token", "MONOLOG_AUTH_TOKEN"],
        ["line 17 (security.tls.enabled)", "\"true\"", "no TLS"],
    ] {
        assert!(ended.stderr.lines().any(|line| words.iter().all(|word| line.contains(word))), "{words:?} in {}", ended.stderr);
    }
    assert_eq!(ended.stderr.lines().count(), 10, "{}", ended.stderr);
}

/// A start refuses the same, says the same, and leaves nothing behind.
#[test]
fn serve_refuses_what_check_refuses() {
    let dir = TempDir::new().unwrap();
    let path = write(dir.path(), "limit:\n  max_topics: 1\n");
    let data = dir.path().join("data");
    let refused = Broker::start(serve(&data, &["-config", path.to_str().unwrap()])).err().expect("it does not start");
    assert_eq!(refused.status.code(), Some(2));
    assert!(refused.stderr.contains("monolog.yaml, line 1: unknown setting limit"), "{}", refused.stderr);
    assert!(!data.exists());
    let said = run(monolog(&["serve", "-config", "/no/such/file.yaml"]));
    assert_eq!(said.status.code(), Some(2));
    assert!(said.stderr.contains("/no/such/file.yaml"), "{}", said.stderr);
}

#[test]
fn files_that_are_meant_to_harm() {
    let mut laughs = "a: &a [x, x]\n".to_string();
    for (name, before) in ["b", "c", "d", "e", "f", "g", "h", "i", "j", "k"].iter().zip(["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"])
    {
        laughs.push_str(&format!("{name}: &{name} [*{before}, *{before}, *{before}, *{before}, *{before}, *{before}, *{before}]\n"));
    }
    for (what, text) in [
        ("aliases", laughs),
        ("10 MB", "# padding\n".repeat(1 << 20)),
        ("10 MB in one value", format!("server:\n  kafka_addr: \"{}\"\n", "a".repeat(10 << 20))),
        ("nesting", format!("server: {}", "[".repeat(200_000))),
        ("a merge key", "server:\n  <<: {kafka_addr: \":1\"}\n".to_string()),
        ("an alias of a section", "server: &s {kafka_addr: \":1\"}\nlimits: *s\n".to_string()),
        ("two documents", "server: {}\n---\nserver: {}\n".to_string()),
        ("a list", "- server\n".to_string()),
        ("no YAML", "server: [\n".to_string()),
    ] {
        let ended = check(&text);
        assert_eq!(ended.status.code(), Some(2), "{what}: {}", ended.stderr);
        assert!(ended.stderr.contains("monolog.yaml") && !ended.stderr.contains("panicked"), "{what}: {}", ended.stderr);
        assert!(ended.stderr.len() < 20_000, "{what}");
    }
    assert_eq!(check("").status.code(), Some(0), "nothing is set, and nothing is wrong");
}

#[test]
fn config_wants_to_know_what_to_do() {
    for args in [&["config"][..], &["config", "show"], &["config", "check", "extra"], &["config", "print", "-kafka-adr", ":1"]] {
        let ended = run(monolog(args));
        assert_eq!((ended.status.code(), ended.stdout.as_str()), (Some(2), ""), "{args:?}");
        assert!(ended.stderr.lines().count() == 1, "{args:?}: {}", ended.stderr);
    }
    for topic in ["config", "health"] {
        for args in [["help", topic], [topic, "--help"]] {
            let ended = run(monolog(&args));
            assert!(ended.status.success() && ended.stdout.contains(&format!("monolog {topic}")), "{ended:?}");
        }
    }
}

/// Whether a secret is wrong, unknown or right, nobody sees it.
#[test]
fn secrets_are_never_printed() {
    let secret = "s3cret-value";
    let dir = TempDir::new().unwrap();
    let mut command = serve(&dir.path().join("data"), &["-log-level", "debug"]);
    command.env("MONOLOG_AUTH_TOKEN", secret);
    let ended = Broker::start(command).unwrap().stop();
    assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret), "{ended:?}");
    for wrong in [format!("{secret} two"), format!("{secret}\u{7}")] {
        let mut command = monolog(&["config", "print"]);
        command.env("MONOLOG_AUTH_TOKEN", wrong);
        let ended = run(command);
        assert_eq!(ended.status.code(), Some(2));
        assert!(ended.stderr.contains("MONOLOG_AUTH_TOKEN") && !ended.stderr.contains(secret), "{}", ended.stderr);
    }
}
