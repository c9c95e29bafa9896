//! THE table of settings: name, flag, environment variable, default, check and help of each, in one place. `layers` merges
//! flags, environment and file over it, `cli` prints it, `server` runs on what comes out.

use super::kafka_keys::{RETENTION_CHECK_MS_DEFAULT, RETENTION_MS_DEFAULT};
use super::topic_list::{self, TOPIC_PARTITIONS_MAX, TopicSpec};
use super::values::{self as v, Address, Secret};
use crate::base::limits::{self, MIB};
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// One setting of the table.
pub struct Setting {
    /// Its name, and with dots between the parts its key in the YAML file. Without a dot: it cannot stand there.
    pub name: &'static str,
    /// Its flag, without dashes.
    pub flag: Option<&'static str>,
    /// Its environment variable.
    pub env: Option<&'static str>,
    /// What applies when nobody sets it, as help shows it.
    pub default: &'static str,
    /// One line of help.
    pub help: &'static str,
    /// Checks a value and puts it into the settings; the error says what is allowed.
    pub set: Set,
}

/// Checks a value and puts it into the settings, or says what is allowed.
pub type Set = fn(&mut Settings, &str) -> Result<(), String>;

impl Setting {
    /// Whether its value is never shown.
    pub fn is_secret(&self) -> bool {
        self.name == "security.token"
    }

    /// Whether its value is a list in the YAML file.
    pub fn is_list(&self) -> bool {
        self.name == "topics.create"
    }

    /// Whether SIGHUP changes it in a running broker.
    pub fn is_reloadable(&self) -> bool {
        matches!(self.name, "logging.level" | "logging.format")
    }
}

/// The settings of a broker, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where Kafka clients connect.
    pub kafka_addr: Address,
    /// Where HTTP is served; `None`: nowhere.
    pub http_addr: Option<Address>,
    /// What clients are told to connect to; `None`: the address on which each reached us.
    pub advertised_addr: Option<(String, u16)>,
    /// Reactor threads; `None`: as many as cores, capped.
    pub reactors: Option<usize>,
    /// Where data is kept.
    pub storage: Storage,
    /// The data directory, unused by [`Storage::Memory`].
    pub data_dir: PathBuf,
    /// Whether somebody believes that commits need not be synced.
    pub sync_writes: bool,
    /// How often free pages go back to the file system, ms.
    pub gc_interval_ms: u64,
    /// Whether Metadata creates topics that are missing.
    pub auto_create: bool,
    /// Partitions of a topic made without a number.
    pub default_partitions: i32,
    /// Topics made at start.
    pub create_topics: Vec<TopicSpec>,
    /// Connections of Kafka clients at once.
    pub connections_max: usize,
    /// The largest record batch, bytes.
    pub message_bytes_max: i32,
    /// The largest fetch answer, bytes.
    pub fetch_bytes_max: usize,
    /// Topics at most.
    pub topics_max: usize,
    /// Partitions of all topics at most.
    pub partitions_max: usize,
    /// The largest request, bytes.
    pub request_bytes_max: usize,
    /// Bytes for everything in flight and cached together; `None`: by the size of the machine.
    pub memory_bytes: Option<usize>,
    /// Whether a tick interval was given, which has no effect.
    pub tick_interval_given: bool,
    /// Whether records go by age and size where their topic does not say.
    pub retention_enabled: bool,
    /// How long records are kept, ms; -1: for ever.
    pub retention_ms: i64,
    /// How many bytes of a partition are kept; -1: all.
    pub retention_bytes: i64,
    /// How often old records are looked for, ms.
    pub retention_check_ms: u64,
    /// How long a new group waits for more members, ms.
    pub initial_rebalance_delay_ms: u64,
    /// Whether HTTP asks for the token.
    pub security_enabled: bool,
    /// The token, whether it is asked for or not; see [`Settings::http_token`].
    pub token: Option<Secret>,
    /// What is logged.
    pub log_level: log::LevelFilter,
    /// How it is logged.
    pub log_format: LogFormat,
    /// The YAML file.
    pub config: Option<PathBuf>,
}

/// Where data is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// One SQLite file in the data directory; every ack is on disk first.
    Disk,
    /// In memory; gone when the broker ends.
    Memory,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            kafka_addr: Address { host: None, port: 9092 },
            http_addr: Some(Address { host: None, port: 8080 }),
            advertised_addr: None,
            reactors: None,
            storage: Storage::Disk,
            data_dir: PathBuf::from("./data"),
            sync_writes: true,
            gc_interval_ms: limits::GC_INTERVAL_MS,
            auto_create: true,
            default_partitions: 1,
            create_topics: Vec::new(),
            connections_max: limits::CONNECTIONS_MAX,
            message_bytes_max: limits::BATCH_BYTES_MAX_DEFAULT,
            fetch_bytes_max: limits::FETCH_BYTES_MAX,
            topics_max: limits::TOPICS_MAX,
            partitions_max: limits::PARTITIONS_MAX,
            request_bytes_max: limits::REQUEST_BYTES_MAX,
            memory_bytes: None,
            tick_interval_given: false,
            retention_enabled: true,
            retention_ms: RETENTION_MS_DEFAULT,
            retention_bytes: -1,
            retention_check_ms: RETENTION_CHECK_MS_DEFAULT,
            initial_rebalance_delay_ms: 0,
            security_enabled: false,
            token: None,
            log_level: log::LevelFilter::Info,
            log_format: LogFormat::Text,
            config: None,
        }
    }
}

impl Settings {
    /// The token that HTTP asks for; `None`: everybody is let in.
    pub fn http_token(&self) -> Option<&Secret> {
        self.token.as_ref().filter(|_| self.security_enabled)
    }

    /// What the settings say together that is wrong: the name of the setting, and why.
    pub fn check_together(&self) -> Vec<(&'static str, String)> {
        let mut wrong = Vec::new();
        if self.security_enabled && self.token.is_none() {
            wrong.push(("security.enabled", "it needs security.token, or MONOLOG_AUTH_TOKEN, to ask for".to_string()));
        }
        if self.message_bytes_max as usize > self.request_bytes_max {
            wrong.push(("limits.max_message_size", "no message of that size fits in a request (limits.max_request_size)".to_string()));
        }
        if self.default_partitions as usize > self.partitions_max {
            wrong.push(("topics.default_partitions", "the broker holds fewer partitions (limits.max_partitions)".to_string()));
        }
        if let Some(what) = self.check_create_topics() {
            wrong.push(("topics.create", what));
        }
        wrong
    }

    /// Why the topics to be made at start cannot all be, if they cannot.
    fn check_create_topics(&self) -> Option<String> {
        if let Some(first) = self.create_topics.get(self.topics_max) {
            let (count, max) = (self.create_topics.len(), self.topics_max);
            return Some(format!("it names {count} topics, \"{}\" and others beyond the {max} of limits.max_topics", first.name));
        }
        let mut partitions = 0;
        let first = self.create_topics.iter().find(|topic| {
            partitions += topic.partitions.unwrap_or(self.default_partitions) as usize;
            partitions > self.partitions_max
        })?;
        let max = self.partitions_max;
        Some(format!("with \"{}\" it comes to {partitions} partitions, and limits.max_partitions is {max}", first.name))
    }

    /// What has no effect although somebody may count on it.
    pub fn warnings(&self) -> Vec<(&'static str, &'static str)> {
        let mut warnings = Vec::new();
        if !self.sync_writes {
            warnings.push(("storage.sync_writes", "every commit is synced all the same; for speed without a disk take sqlite:memory"));
        }
        if self.tick_interval_given {
            warnings.push(("scheduler.tick_interval", "it has no effect: there is no polling"));
        }
        warnings
    }
}

/// Least memory budget that still takes a batch of Kafka's default size in parts: below it nothing would move. At most what a
/// pointer can reach on any machine this runs on.
const MEMORY_BYTES: RangeInclusive<u64> = 4 * MIB as u64..=1 << 46;
/// From the smallest batch there is to the greatest number that Kafka's protocol has for it.
const BATCH_BYTES: RangeInclusive<u64> = limits::BATCH_HEADER_BYTES as u64..=i32::MAX as u64;
/// As Kafka's `fetch.max.bytes`.
const FETCH_BYTES: RangeInclusive<u64> = 1_024..=i32::MAX as u64;
/// What clients ask at start always fits.
const REQUEST_BYTES: RangeInclusive<u64> = 64 * 1_024..=i32::MAX as u64;
/// Of what happens again and again.
const INTERVAL_MS: RangeInclusive<u64> = 100..=LONGEST_MS;
/// As many milliseconds as Kafka's 32-bit configs hold: 24 days.
const LONGEST_MS: u64 = 24 * 24 * 3_600_000;

/// All settings, in the order in which help shows them.
pub const SETTINGS: &[Setting] = &[
    Setting {
        name: "server.kafka_addr",
        flag: Some("kafka-addr"),
        env: Some("MONOLOG_KAFKA_ADDR"),
        default: ":9092",
        help: "where Kafka clients connect, HOST:PORT; without a host on all interfaces, port 0 picks a free one",
        set: |it, value| v::address(value).map(|to| it.kafka_addr = to),
    },
    Setting {
        name: "server.http_addr",
        flag: Some("http-addr"),
        env: Some("MONOLOG_HTTP_ADDR"),
        default: ":8080",
        help: "where HTTP is served, HOST:PORT; empty: no HTTP",
        set: |it, value| v::optional_address(value).map(|to| it.http_addr = to),
    },
    Setting {
        name: "server.advertised_addr",
        flag: Some("advertised-addr"),
        env: Some("MONOLOG_ADVERTISED_ADDR"),
        default: "",
        help: "HOST:PORT that clients are told to connect to; unset: the address on which each of them reached the broker",
        set: |it, value| v::advertised(value).map(|to| it.advertised_addr = to),
    },
    Setting {
        name: "server.reactors",
        flag: Some("reactors"),
        env: Some("MONOLOG_REACTORS"),
        default: "cores, at most 8",
        help: "threads that read and write sockets",
        set: |it, value| v::number(value, 1..=limits::REACTORS_MAX).map(|to| it.reactors = Some(to)),
    },
    Setting {
        name: "storage.backend",
        flag: Some("storage"),
        env: Some("MONOLOG_STORAGE_BACKEND"),
        default: "sqlite",
        help: "sqlite (or sqlite:disk): every ack is on disk first; sqlite:memory: gone when the broker ends",
        set: |it, value| storage(value).map(|to| it.storage = to),
    },
    Setting {
        name: "storage.data_dir",
        flag: Some("data-dir"),
        env: Some("MONOLOG_DATA_DIR"),
        default: "./data",
        help: "the data directory; made when it is missing",
        set: |it, value| v::path(value).map(|to| it.data_dir = to),
    },
    Setting {
        name: "storage.sync_writes",
        flag: None,
        env: None,
        default: "true",
        help: "no effect: every commit is synced; for speed without a disk take sqlite:memory",
        set: |it, value| v::boolean(value).map(|to| it.sync_writes = to),
    },
    Setting {
        name: "storage.gc_interval",
        flag: None,
        env: None,
        default: "5m",
        help: "how often free pages beyond a tenth of the database go back to the file system",
        set: |it, value| v::duration_ms(value, INTERVAL_MS).map(|to| it.gc_interval_ms = to),
    },
    Setting {
        name: "topics.auto_create",
        flag: Some("auto-create"),
        env: Some("MONOLOG_AUTO_CREATE"),
        default: "true",
        help: "whether a topic is made when a client first asks for it, true or false",
        set: |it, value| v::boolean(value).map(|to| it.auto_create = to),
    },
    Setting {
        name: "topics.default_partitions",
        flag: Some("default-partitions"),
        env: None,
        default: "1",
        help: "partitions of a topic that is made without a number",
        set: |it, value| v::number(value, 1..=TOPIC_PARTITIONS_MAX).map(|to| it.default_partitions = to as i32),
    },
    Setting {
        name: "topics.create",
        flag: None,
        env: Some("MONOLOG_CREATE_TOPICS"),
        default: "",
        help: "topics made at start, name[:partitions[:key=value,...]], separated by ; or as a list in the file; a value with a comma is quoted",
        set: |it, value| topic_list::parse(value).map(|to| it.create_topics = to),
    },
    Setting {
        name: "limits.max_connections",
        flag: None,
        env: None,
        default: "20000",
        help: "connections of Kafka clients at once",
        set: |it, value| v::number(value, 1..=1_000_000).map(|to| it.connections_max = to),
    },
    Setting {
        name: "limits.max_message_size",
        flag: None,
        env: None,
        default: "1048588",
        help: "the largest record batch that is taken, as Kafka's message.max.bytes; a topic's max.message.bytes wins",
        set: |it, value| v::size(value, BATCH_BYTES).map(|to| it.message_bytes_max = to as i32),
    },
    Setting {
        name: "limits.max_fetch_bytes",
        flag: None,
        env: None,
        default: "10MiB",
        help: "the most bytes of one fetch answer, and never more than half of the memory",
        set: |it, value| v::size(value, FETCH_BYTES).map(|to| it.fetch_bytes_max = to as usize),
    },
    Setting {
        name: "limits.max_topics",
        flag: None,
        env: None,
        default: "20000",
        help: "topics, internal ones not counted",
        set: |it, value| v::number(value, 1..=1_000_000).map(|to| it.topics_max = to),
    },
    Setting {
        name: "limits.max_partitions",
        flag: None,
        env: None,
        default: "20000",
        help: "partitions of all topics together",
        set: |it, value| v::number(value, 1..=1_000_000).map(|to| it.partitions_max = to),
    },
    Setting {
        name: "limits.max_request_size",
        flag: None,
        env: None,
        default: "100MiB",
        help: "the largest request, as Kafka's socket.request.max.bytes",
        set: |it, value| v::size(value, REQUEST_BYTES).map(|to| it.request_bytes_max = to as usize),
    },
    Setting {
        name: "limits.memory",
        flag: Some("memory"),
        env: Some("MONOLOG_MEMORY"),
        default: "32MiB, or a quarter of the machine",
        help: "bytes for everything in flight and cached together, as 16777216, 64MiB or 64MB",
        set: |it, value| v::size(value, MEMORY_BYTES).map(|to| it.memory_bytes = Some(to as usize)),
    },
    Setting {
        name: "scheduler.tick_interval",
        flag: None,
        env: None,
        default: "100ms",
        help: "no effect: there is no polling",
        set: |it, value| v::duration_ms(value, 0..=LONGEST_MS).map(|_| it.tick_interval_given = true),
    },
    Setting {
        name: "retention.enabled",
        flag: None,
        env: None,
        default: "true",
        help: "false: records stay for ever, unless a topic's own retention.ms or retention.bytes says otherwise",
        set: |it, value| v::boolean(value).map(|to| it.retention_enabled = to),
    },
    Setting {
        name: "retention.max_age",
        flag: None,
        env: None,
        default: "24h",
        help: "how long records are kept, as Kafka's retention.ms, or unlimited; a topic's retention.ms wins",
        set: |it, value| v::duration_or_unlimited_ms(value).map(|to| it.retention_ms = to),
    },
    Setting {
        name: "retention.max_bytes",
        flag: None,
        env: None,
        default: "unlimited",
        help: "how much of each partition is kept, as Kafka's retention.bytes; a topic's retention.bytes wins",
        set: |it, value| v::size_or_unlimited(value).map(|to| it.retention_bytes = to),
    },
    Setting {
        name: "retention.check_interval",
        flag: None,
        env: None,
        default: "1m",
        help: "how often old records are looked for",
        set: |it, value| v::duration_ms(value, INTERVAL_MS).map(|to| it.retention_check_ms = to),
    },
    Setting {
        name: "groups.session_timeout",
        flag: None,
        env: None,
        default: "30s",
        help: "no effect: Kafka clients send their own",
        set: |_, value| v::duration_ms(value, 1..=LONGEST_MS).map(|_| ()),
    },
    Setting {
        name: "groups.heartbeat_interval",
        flag: None,
        env: None,
        default: "3s",
        help: "no effect: Kafka clients send their own",
        set: |_, value| v::duration_ms(value, 1..=LONGEST_MS).map(|_| ()),
    },
    Setting {
        name: "groups.initial_rebalance_delay",
        flag: None,
        env: None,
        default: "0s",
        help: "how long a new group waits for more members, as Kafka's group.initial.rebalance.delay.ms",
        set: |it, value| v::duration_ms(value, 0..=LONGEST_MS).map(|to| it.initial_rebalance_delay_ms = to),
    },
    Setting {
        name: "security.enabled",
        flag: None,
        env: None,
        default: "false",
        help: "whether HTTP asks for the token; true needs one",
        set: |it, value| v::boolean(value).map(|to| it.security_enabled = to),
    },
    Setting {
        name: "security.token",
        flag: None,
        env: Some("MONOLOG_AUTH_TOKEN"),
        default: "",
        help: "the token that HTTP asks for; the variable sets security.enabled as well",
        set: |it, value| v::token(value).map(|to| it.token = to),
    },
    Setting {
        name: "security.tls.enabled",
        flag: None,
        env: None,
        default: "false",
        help: "there is no TLS: true is refused",
        set: |_, value| no_tls(value),
    },
    Setting {
        name: "security.tls.cert_file",
        flag: None,
        env: None,
        default: "",
        help: "no effect without TLS",
        set: |_, value| v::optional_path(value).map(|_| ()),
    },
    Setting {
        name: "security.tls.key_file",
        flag: None,
        env: None,
        default: "",
        help: "no effect without TLS",
        set: |_, value| v::optional_path(value).map(|_| ()),
    },
    Setting {
        name: "logging.level",
        flag: Some("log-level"),
        env: Some("MONOLOG_LOG_LEVEL"),
        default: "info",
        help: "what is logged to stderr: debug, info, warn or error",
        set: |it, value| log_level(value).map(|to| it.log_level = to),
    },
    Setting {
        name: "logging.format",
        flag: None,
        env: None,
        default: "text",
        help: "how it is logged: text, or json with one object a line",
        set: |it, value| log_format(value).map(|to| it.log_format = to),
    },
    Setting {
        name: "config",
        flag: Some("config"),
        env: Some("MONOLOG_CONFIG"),
        default: "",
        help: "a YAML file with these settings",
        set: |it, value| v::path(value).map(|to| it.config = Some(to)),
    },
];

fn storage(value: &str) -> Result<Storage, String> {
    match value {
        "sqlite" | "sqlite:disk" => Ok(Storage::Disk),
        "sqlite:memory" => Ok(Storage::Memory),
        _ => Err("sqlite, sqlite:disk or sqlite:memory".to_string()),
    }
}

fn no_tls(value: &str) -> Result<(), String> {
    match v::boolean(value) {
        Ok(false) => Ok(()),
        _ => Err("false: this version has no TLS; put the HTTP port behind a proxy that has".to_string()),
    }
}

fn log_level(value: &str) -> Result<log::LevelFilter, String> {
    match value.to_ascii_lowercase().as_str() {
        "debug" => Ok(log::LevelFilter::Debug),
        "info" => Ok(log::LevelFilter::Info),
        "warn" => Ok(log::LevelFilter::Warn),
        "error" => Ok(log::LevelFilter::Error),
        _ => Err("debug, info, warn or error".to_string()),
    }
}

fn log_format(value: &str) -> Result<LogFormat, String> {
    match value.to_ascii_lowercase().as_str() {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("text or json".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, value: &str) -> Result<Settings, String> {
        let mut settings = Settings::default();
        (SETTINGS.iter().find(|setting| setting.name == name).unwrap().set)(&mut settings, value)?;
        Ok(settings)
    }

    #[test]
    fn the_defaults_shown_are_the_defaults_used() {
        let described = ["server.reactors", "limits.memory", "config", "scheduler.tick_interval"];
        for setting in SETTINGS.iter().filter(|setting| !described.contains(&setting.name)) {
            let mut settings = Settings::default();
            (setting.set)(&mut settings, setting.default).unwrap();
            assert_eq!(settings, Settings::default(), "{}", setting.name);
        }
        assert_eq!(Settings::default().check_together(), []);
        assert_eq!(Settings::default().warnings(), []);
    }

    #[test]
    fn names_flags_and_variables_are_there_once() {
        for names in [
            SETTINGS.iter().map(|setting| setting.name).collect::<Vec<_>>(),
            SETTINGS.iter().filter_map(|setting| setting.flag).collect(),
            SETTINGS.iter().filter_map(|setting| setting.env).collect(),
        ] {
            let mut once = names.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), names.len(), "{names:?}");
        }
    }

    /// Wrong types, too little, too much, less than nothing, nothing.
    #[test]
    fn every_setting_refuses_what_it_cannot_be() {
        for (name, values) in [
            ("server.kafka_addr", &["", "9092", ":65536", ":-1", "true"][..]),
            ("server.http_addr", &["8080", ":x"]),
            ("server.advertised_addr", &["9092", ":9092", "0.0.0.0:1"]),
            ("server.reactors", &["", "0", "9", "-1", "1.5", "99999999999999999999999"]),
            ("storage.backend", &["", "postgres", "true", "sqlite:"]),
            ("storage.data_dir", &["", "a\0b"]),
            ("storage.sync_writes", &["", "maybe", "2"]),
            ("storage.gc_interval", &["", "5", "-5m", "0s", "1000h"]),
            ("topics.auto_create", &["", "perhaps"]),
            ("topics.default_partitions", &["", "0", "-1", "10000", "2147483648"]),
            ("topics.create", &["a b", "a:x", "a:1:b"]),
            ("limits.max_connections", &["", "0", "-1", "many", "1000001"]),
            ("limits.max_message_size", &["", "-1", "60", "2GiB", "1.5MiB"]),
            ("limits.max_fetch_bytes", &["", "0", "1023", "2147483648"]),
            ("limits.max_topics", &["", "0", "-1", "1e3"]),
            ("limits.max_partitions", &["", "0", "-1"]),
            ("limits.max_request_size", &["", "1KiB", "4GiB"]),
            ("limits.memory", &["", "1MiB", "lots", "-64MiB", "18446744073709551615"]),
            ("scheduler.tick_interval", &["", "100", "-1ms"]),
            ("retention.enabled", &["", "24h"]),
            ("retention.max_age", &["", "24", "0s", "-2", "-1h", "9999999999999h"]),
            ("retention.max_bytes", &["", "-2", "all", "99999999999999999999"]),
            ("retention.check_interval", &["", "1ms", "true"]),
            ("groups.session_timeout", &["", "30", "0s"]),
            ("groups.heartbeat_interval", &["", "3", "0s"]),
            ("groups.initial_rebalance_delay", &["", "3", "-3s", "600h"]),
            ("security.enabled", &["", "secret"]),
            ("security.token", &["two words", "\u{1}"]),
            ("security.tls.enabled", &["", "true", "yes"]),
            ("security.tls.cert_file", &["a\0b"]),
            ("security.tls.key_file", &["a\0b"]),
            ("logging.level", &["", "loud", "trace"]),
            ("logging.format", &["", "xml"]),
            ("config", &[""]),
        ] {
            for value in values {
                assert!(set(name, value).is_err(), "{name}: {value:?}");
            }
        }
    }

    #[test]
    fn settings_that_contradict_each_other() {
        let names = |settings: &Settings| settings.check_together().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        let defaults = Settings::default();
        assert_eq!(names(&Settings { security_enabled: true, ..defaults.clone() }), ["security.enabled"]);
        assert_eq!(
            names(&Settings { message_bytes_max: 1 << 20, request_bytes_max: 1 << 16, ..defaults.clone() }),
            ["limits.max_message_size"]
        );
        assert_eq!(names(&Settings { default_partitions: 3, partitions_max: 2, ..defaults.clone() }), ["topics.default_partitions"]);
        let create_topics = topic_list::parse("a:3;b;c:2").unwrap();
        let created = Settings { create_topics, default_partitions: 2, topics_max: 3, partitions_max: 7, ..defaults };
        assert_eq!(created.check_together(), []);
        for (settings, words) in [
            (Settings { topics_max: 2, ..created.clone() }, ["3 topics", "\"c\"", "limits.max_topics"]),
            (Settings { partitions_max: 4, ..created.clone() }, ["with \"b\"", "5 partitions", "limits.max_partitions"]),
            (Settings { default_partitions: 3, ..created }, ["with \"c\"", "8 partitions", "limits.max_partitions"]),
        ] {
            let [(name, what)] = &settings.check_together()[..] else { panic!("one fault") };
            assert!(*name == "topics.create" && words.iter().all(|word| what.contains(word)), "{what}");
        }
    }

    #[test]
    fn a_token_counts_only_where_security_is_on() {
        let with = set("security.token", "abc").unwrap();
        assert_eq!(with.http_token(), None);
        assert_eq!(Settings { security_enabled: true, ..with }.http_token().unwrap().expose(), "abc");
    }

    #[test]
    fn what_has_no_effect_is_said() {
        assert_eq!(set("storage.sync_writes", "false").unwrap().warnings()[0].0, "storage.sync_writes");
        assert_eq!(set("scheduler.tick_interval", "100ms").unwrap().warnings()[0].0, "scheduler.tick_interval");
    }
}
