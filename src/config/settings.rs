//! THE table of settings: name, flag, environment variable, default, check and help of each, in one place. `layers` merges
//! flags and environment over it, `cli` prints it, `server` runs on what comes out.

use std::net::IpAddr;
use std::path::PathBuf;

/// One setting of the table.
pub struct Setting {
    /// Its name, as in the YAML file of the interface.
    pub name: &'static str,
    /// Its flag, without dashes.
    pub flag: Option<&'static str>,
    /// Its environment variable.
    pub env: Option<&'static str>,
    /// What applies when nobody sets it, as help shows it.
    pub default: &'static str,
    /// One line of help.
    pub help: &'static str,
    /// Checks a value and puts it into the settings; the error says what is allowed. `None`: the setting is part of the
    /// interface, this version does not have it yet, and whoever sets it is told so.
    pub set: Option<Set>,
}

/// Checks a value and puts it into the settings, or says what is allowed.
pub type Set = fn(&mut Settings, &str) -> Result<(), String>;

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
    /// Whether Metadata creates topics that are missing.
    pub auto_create: bool,
    /// Bytes for everything in flight and cached together; `None`: by the size of the machine.
    pub memory_bytes: Option<usize>,
    /// What is logged.
    pub log_level: log::LevelFilter,
}

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The host, an address or a name; `None`: all interfaces, IPv6 and IPv4.
    pub host: Option<String>,
    /// The port; 0 picks a free one.
    pub port: u16,
}

/// Where data is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// One SQLite file in the data directory; every ack is on disk first.
    Disk,
    /// In memory; gone when the broker ends.
    Memory,
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
            auto_create: true,
            memory_bytes: None,
            log_level: log::LevelFilter::Info,
        }
    }
}

/// All settings, in the order in which help shows them.
pub const SETTINGS: &[Setting] = &[
    Setting {
        name: "server.kafka_addr",
        flag: Some("kafka-addr"),
        env: Some("MONOLOG_KAFKA_ADDR"),
        default: ":9092",
        help: "where Kafka clients connect, HOST:PORT; without a host on all interfaces, port 0 picks a free one",
        set: Some(|settings, value| address(value).map(|it| settings.kafka_addr = it)),
    },
    Setting {
        name: "server.http_addr",
        flag: Some("http-addr"),
        env: Some("MONOLOG_HTTP_ADDR"),
        default: ":8080",
        help: "where HTTP is served, HOST:PORT; empty: no HTTP",
        set: Some(|settings, value| optional_address(value).map(|it| settings.http_addr = it)),
    },
    Setting {
        name: "server.advertised_addr",
        flag: Some("advertised-addr"),
        env: Some("MONOLOG_ADVERTISED_ADDR"),
        default: "",
        help: "HOST:PORT that clients are told to connect to; unset: the address on which each of them reached the broker",
        set: Some(|settings, value| advertised(value).map(|it| settings.advertised_addr = Some(it))),
    },
    Setting {
        name: "server.reactors",
        flag: Some("reactors"),
        env: Some("MONOLOG_REACTORS"),
        default: "cores, at most 8",
        help: "threads that read and write sockets",
        set: Some(|settings, value| reactors(value).map(|it| settings.reactors = Some(it))),
    },
    Setting {
        name: "storage.backend",
        flag: Some("storage"),
        env: Some("MONOLOG_STORAGE_BACKEND"),
        default: "sqlite",
        help: "sqlite (or sqlite:disk): every ack is on disk first; sqlite:memory: gone when the broker ends",
        set: Some(|settings, value| storage(value).map(|it| settings.storage = it)),
    },
    Setting {
        name: "storage.data_dir",
        flag: Some("data-dir"),
        env: Some("MONOLOG_DATA_DIR"),
        default: "./data",
        help: "the data directory; made when it is missing",
        set: Some(|settings, value| directory(value).map(|it| settings.data_dir = it)),
    },
    Setting {
        name: "topics.auto_create",
        flag: Some("auto-create"),
        env: Some("MONOLOG_AUTO_CREATE"),
        default: "true",
        help: "whether a topic is made when a client first asks for it, true or false",
        set: Some(|settings, value| boolean(value).map(|it| settings.auto_create = it)),
    },
    Setting {
        name: "limits.memory",
        flag: Some("memory"),
        env: Some("MONOLOG_MEMORY"),
        default: "32MiB, or a quarter of the machine",
        help: "bytes for everything in flight and cached together, as 16777216, 64MiB or 64MB",
        set: Some(|settings, value| memory(value).map(|it| settings.memory_bytes = Some(it))),
    },
    Setting {
        name: "logging.level",
        flag: Some("log-level"),
        env: Some("MONOLOG_LOG_LEVEL"),
        default: "info",
        help: "what is logged to stderr: debug, info, warn or error",
        set: Some(|settings, value| log_level(value).map(|it| settings.log_level = it)),
    },
    Setting {
        name: "topics.default_partitions",
        flag: Some("default-partitions"),
        env: None,
        default: "1",
        help: "partitions of a topic made without a number",
        set: None,
    },
    Setting { name: "topics.create", flag: None, env: Some("MONOLOG_CREATE_TOPICS"), default: "", help: "topics made at start", set: None },
    Setting {
        name: "security.token",
        flag: None,
        env: Some("MONOLOG_AUTH_TOKEN"),
        default: "",
        help: "the token that HTTP asks for",
        set: None,
    },
    Setting { name: "config", flag: Some("config"), env: Some("MONOLOG_CONFIG"), default: "", help: "a YAML file of settings", set: None },
];

/// Least memory budget that still takes a batch of Kafka's default size in parts: below it nothing would move.
const MEMORY_BYTES_MIN: usize = 4 * 1024 * 1024;

fn address(value: &str) -> Result<Address, String> {
    let (host, port) = host_and_port(value)?;
    Ok(Address { host: (!host.is_empty()).then_some(host), port })
}

fn optional_address(value: &str) -> Result<Option<Address>, String> {
    if value.is_empty() { Ok(None) } else { address(value).map(Some) }
}

fn advertised(value: &str) -> Result<(String, u16), String> {
    let (host, port) = host_and_port(value)?;
    if host.is_empty() {
        return Err("HOST:PORT with a host that clients can reach".to_string());
    }
    if port == 0 {
        return Err("HOST:PORT with a port from 1 to 65535".to_string());
    }
    if host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified()) {
        return Err("an address that clients can connect to, which a wildcard is not".to_string());
    }
    Ok((host, port))
}

/// Splits `HOST:PORT`, `:PORT`, `[V6]:PORT`.
fn host_and_port(value: &str) -> Result<(String, u16), String> {
    const ALLOWED: &str = "HOST:PORT, :PORT or [IPV6]:PORT";
    if value.contains(',') {
        return Err(format!("one address ({ALLOWED}), not a list"));
    }
    let (host, port) = value.rsplit_once(':').ok_or(ALLOWED)?;
    let port = port
        .parse::<u16>()
        .ok()
        .filter(|_| port.bytes().all(|b| b.is_ascii_digit()))
        .ok_or(format!("{ALLOWED} with a port from 0 to 65535"))?;
    let host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().map_err(|_| ALLOWED)?.to_string(),
        None if host.contains([':', '[', ']', '/', ' ']) => return Err(ALLOWED.to_string()),
        None => host.to_string(),
    };
    Ok((host, port))
}

fn reactors(value: &str) -> Result<usize, String> {
    const MAX: usize = crate::base::limits::REACTORS_MAX;
    value.parse().ok().filter(|n| (1..=MAX).contains(n)).ok_or(format!("a number from 1 to {MAX}"))
}

fn storage(value: &str) -> Result<Storage, String> {
    match value {
        "sqlite" | "sqlite:disk" => Ok(Storage::Disk),
        "sqlite:memory" => Ok(Storage::Memory),
        _ => Err("sqlite, sqlite:disk or sqlite:memory".to_string()),
    }
}

fn directory(value: &str) -> Result<PathBuf, String> {
    if value.is_empty() { Err("the path of a directory".to_string()) } else { Ok(PathBuf::from(value)) }
}

fn boolean(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" => Ok(true),
        "false" | "f" | "0" => Ok(false),
        _ => Err("true or false".to_string()),
    }
}

fn memory(value: &str) -> Result<usize, String> {
    let allowed = || format!("at least {}MiB, as 16777216, 64MiB or 64MB", MEMORY_BYTES_MIN >> 20);
    let bytes = size(value).ok_or_else(allowed)?;
    usize::try_from(bytes).ok().filter(|bytes| *bytes >= MEMORY_BYTES_MIN).ok_or_else(allowed)
}

/// A number of bytes, with or without a unit; `None` when it is neither or does not fit.
fn size(value: &str) -> Option<u64> {
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = value.split_at_checked(digits)?;
    let factor: u64 = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(address(":9092"), Ok(Address { host: None, port: 9092 }));
        assert_eq!(address("localhost:0"), Ok(Address { host: Some("localhost".to_string()), port: 0 }));
        assert_eq!(address("[::1]:80"), Ok(Address { host: Some("::1".to_string()), port: 80 }));
        for wrong in ["", "9092", "a:b", ":65536", ":+1", "::1:80", "[::1]", "[nope]:1", "a:1,b:2", "http://x:1"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
        assert!(address("a:1,b:2").unwrap_err().contains("not a list"));
    }

    #[test]
    fn what_is_advertised_must_be_reachable() {
        assert_eq!(advertised("broker.example:9092"), Ok(("broker.example".to_string(), 9092)));
        for wrong in [":9092", "a:0", "0.0.0.0:9092", "[::]:9092"] {
            assert!(advertised(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(size("16777216"), Some(16_777_216));
        assert_eq!(size("64MiB"), Some(64 << 20));
        assert_eq!(size("10 MB"), Some(10_000_000));
        for wrong in ["", "MiB", "-1", "1.5MiB", "99999999999GiB", "12Ki"] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
        assert!(memory("1MiB").is_err());
    }

    #[test]
    fn the_defaults_shown_are_the_defaults_used() {
        for setting in
            SETTINGS.iter().filter(|setting| !matches!(setting.name, "server.reactors" | "limits.memory" | "server.advertised_addr"))
        {
            let mut settings = Settings::default();
            if let Some(set) = setting.set {
                set(&mut settings, setting.default).unwrap();
            }
            assert_eq!(settings, Settings::default(), "{}", setting.name);
        }
    }
}
