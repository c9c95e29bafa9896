//! How values are written: addresses, sizes, Go's durations, numbers, words. Each function takes the text and gives the value,
//! or says what is allowed. Used by the table in `settings`.

use std::net::{IpAddr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The host, an address or a name; `None`: all interfaces, IPv6 and IPv4.
    pub host: Option<String>,
    /// The port; 0 picks a free one.
    pub port: u16,
}

/// A secret: what prints it prints stars.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret itself, to be compared and never shown.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// `HOST:PORT`, `:PORT` or `[IPV6]:PORT`.
pub fn address(value: &str) -> Result<Address, String> {
    let (host, port) = host_and_port(value)?;
    Ok(Address { host: (!host.is_empty()).then_some(host), port })
}

/// An address, or nothing.
pub fn optional_address(value: &str) -> Result<Option<Address>, String> {
    if value.is_empty() { Ok(None) } else { address(value).map(Some) }
}

/// What clients are told to connect to, or nothing.
pub fn advertised(value: &str) -> Result<Option<(String, u16)>, String> {
    if value.is_empty() {
        return Ok(None);
    }
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
    Ok(Some((host, port)))
}

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
        Some(inner) => inner.parse::<Ipv6Addr>().map_err(|_| ALLOWED)?.to_string(),
        None if host.contains([':', '[', ']', '/']) || host.contains(|c: char| c.is_whitespace() || c.is_control()) => {
            return Err(ALLOWED.to_string());
        }
        None => host.to_string(),
    };
    Ok((host, port))
}

/// The path of a file or directory.
pub fn path(value: &str) -> Result<PathBuf, String> {
    if value.is_empty() || value.contains('\0') { Err("a path".to_string()) } else { Ok(PathBuf::from(value)) }
}

/// A path, or nothing.
pub fn optional_path(value: &str) -> Result<Option<PathBuf>, String> {
    if value.is_empty() { Ok(None) } else { path(value).map(Some) }
}

/// Yes or no, in the spellings of Go and of YAML 1.1.
pub fn boolean(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" | "yes" | "on" => Ok(true),
        "false" | "f" | "0" | "no" | "off" => Ok(false),
        _ => Err("true or false".to_string()),
    }
}

/// A whole number.
pub fn number(value: &str, allowed: RangeInclusive<usize>) -> Result<usize, String> {
    let digits = value.bytes().all(|b| b.is_ascii_digit());
    let number = value.parse().ok().filter(|number| digits && allowed.contains(number));
    number.ok_or_else(|| format!("a whole number from {} to {}", allowed.start(), allowed.end()))
}

/// A number of bytes, with or without a unit.
pub fn size(value: &str, allowed: RangeInclusive<u64>) -> Result<u64, String> {
    let bytes = parse_size(value).filter(|bytes| allowed.contains(bytes));
    bytes.ok_or_else(|| {
        let most = if *allowed.end() >= i64::MAX as u64 { String::new() } else { format!(" to {}", show_size(*allowed.end())) };
        format!("bytes from {}{most}, as 16777216, 64MiB or 64MB", show_size(*allowed.start()))
    })
}

/// A number of bytes as Kafka's `retention.bytes`; `unlimited` or -1: no bound.
pub fn size_or_unlimited(value: &str) -> Result<i64, String> {
    if value == "-1" || value.eq_ignore_ascii_case("unlimited") {
        return Ok(-1);
    }
    size(value, 0..=i64::MAX as u64).map(|bytes| bytes as i64).map_err(|allowed| format!("unlimited, or {allowed}"))
}

fn parse_size(value: &str) -> Option<u64> {
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = value.split_at_checked(digits)?;
    let factor: u64 = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "t" | "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// A number of bytes in the largest unit that fits.
pub fn show_size(bytes: u64) -> String {
    match bytes {
        0 => "0".to_string(),
        _ if bytes.is_multiple_of(1 << 40) => format!("{}TiB", bytes >> 40),
        _ if bytes.is_multiple_of(1 << 30) => format!("{}GiB", bytes >> 30),
        _ if bytes.is_multiple_of(1 << 20) => format!("{}MiB", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{}KiB", bytes >> 10),
        _ => bytes.to_string(),
    }
}

/// A duration in milliseconds, written as Go's `time.ParseDuration` reads it; what goes beyond milliseconds is cut.
pub fn duration_ms(value: &str, allowed: RangeInclusive<u64>) -> Result<u64, String> {
    let ms = parse_duration_ns(value).and_then(|ns| u64::try_from(ns / 1_000_000).ok()).filter(|ms| allowed.contains(ms));
    ms.ok_or_else(|| {
        format!("a duration from {} to {}, as 24h, 1m30s or 500ms", show_duration(*allowed.start()), show_duration(*allowed.end()))
    })
}

/// A duration as Kafka's `retention.ms`; `unlimited` or -1: for ever.
pub fn duration_or_unlimited_ms(value: &str) -> Result<i64, String> {
    const YEAR_MS: u64 = 365 * 24 * 3_600_000;
    if value == "-1" || value.eq_ignore_ascii_case("unlimited") {
        return Ok(-1);
    }
    duration_ms(value, 1..=1_000 * YEAR_MS).map(|ms| ms as i64).map_err(|allowed| format!("unlimited, or {allowed}"))
}

fn parse_duration_ns(value: &str) -> Option<u128> {
    let mut rest = value.strip_prefix('+').unwrap_or(value);
    if rest == "0" {
        return Some(0);
    }
    // Go's own bound is 2^63 ns; figures longer than that mean nothing here.
    if rest.is_empty() || rest.len() > 64 {
        return None;
    }
    let mut sum = 0u128;
    while !rest.is_empty() {
        let end = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let (figure, tail) = rest.split_at_checked(end)?;
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, next) = tail.split_at_checked(unit_end)?;
        let unit_ns: u128 = match unit {
            "ns" => 1,
            "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let (whole, part) = figure.split_once('.').unwrap_or((figure, ""));
        if whole.is_empty() && part.is_empty() {
            return None;
        }
        let digits = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<u128>().ok() };
        sum = sum.checked_add(digits(whole)?.checked_mul(unit_ns)?)?;
        // More than 18 places are less than a nanosecond of any unit.
        let part = part.get(..part.len().min(18))?;
        sum = sum.checked_add(digits(part)?.checked_mul(unit_ns)? / 10u128.pow(part.len() as u32))?;
        rest = next;
    }
    Some(sum)
}

fn show_duration(ms: u64) -> String {
    match ms {
        0 => "0s".to_string(),
        _ if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
        _ if ms.is_multiple_of(1_000) => format!("{}s", ms / 1_000),
        _ => format!("{ms}ms"),
    }
}

/// A bearer token, or nothing.
pub fn token(value: &str) -> Result<Option<Secret>, String> {
    const CHARS_MAX: usize = 4_096;
    match value {
        "" => Ok(None),
        _ if value.len() <= CHARS_MAX && value.bytes().all(|b| b.is_ascii_graphic()) => Ok(Some(Secret(value.to_string()))),
        _ => Err(format!("at most {CHARS_MAX} letters, figures and signs of ASCII, no spaces")),
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
        for wrong in ["", "9092", "a:b", ":65536", ":+1", ":-1", "::1:80", "[::1]", "[nope]:1", "a:1,b:2", "http://x:1", "a b:1", "a\n:1"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
        assert!(address("a:1,b:2").unwrap_err().contains("not a list"));
    }

    #[test]
    fn what_is_advertised_must_be_reachable() {
        assert_eq!(advertised("broker.example:9092"), Ok(Some(("broker.example".to_string(), 9092))));
        assert_eq!(advertised(""), Ok(None));
        for wrong in [":9092", "a:0", "0.0.0.0:9092", "[::]:9092"] {
            assert!(advertised(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes() {
        let any = 0..=u64::MAX;
        assert_eq!(size("16777216", any.clone()), Ok(16_777_216));
        assert_eq!(size("64MiB", any.clone()), Ok(64 << 20));
        assert_eq!(size("10 MB", any.clone()), Ok(10_000_000));
        for wrong in ["", "MiB", "-1", "+1", "1.5MiB", "99999999999GiB", "18446744073709551616", "12Ki", "1 MiB x"] {
            assert!(size(wrong, any.clone()).is_err(), "{wrong}");
        }
        assert_eq!([0, 5, 3 << 10, 3 << 20, 3 << 30, 3 << 40].map(show_size), ["0", "5", "3KiB", "3MiB", "3GiB", "3TiB"]);
        assert_eq!(size("3MiB", 4 << 20..=8 << 20), Err("bytes from 4MiB to 8MiB, as 16777216, 64MiB or 64MB".to_string()));
        assert_eq!([size_or_unlimited("-1"), size_or_unlimited("unlimited"), size_or_unlimited("5")], [Ok(-1), Ok(-1), Ok(5)]);
        assert!(size_or_unlimited("-2").is_err() && size_or_unlimited("9223372036854775808").is_err());
    }

    #[test]
    fn durations_are_those_of_go() {
        let any = 0..=u64::MAX;
        for (text, ms) in [
            ("0", 0),
            ("24h", 86_400_000),
            ("1m30s", 90_000),
            ("500ms", 500),
            ("1.5h", 5_400_000),
            (".5s", 500),
            ("1.s", 1_000),
            ("1500us", 1),
            ("1500\u{b5}s", 1),
            ("2000000ns", 2),
            ("+1s", 1_000),
            ("1h0m0.001s", 3_600_001),
            ("0.3333333333333333333h", 1_199_999),
        ] {
            assert_eq!(duration_ms(text, any.clone()), Ok(ms), "{text}");
        }
        let long = "9".repeat(40) + "h";
        for wrong in ["", "5", "-1s", "1 s", "1d", "s", ".s", "1h2", "1..5s", "1e3s", "24H", &long, "99999999999999999999999h"] {
            assert!(duration_ms(wrong, any.clone()).is_err(), "{wrong}");
        }
        assert_eq!(duration_ms("1ms", 1_000..=7_200_000), Err("a duration from 1s to 2h, as 24h, 1m30s or 500ms".to_string()));
        assert_eq!([duration_or_unlimited_ms("-1"), duration_or_unlimited_ms("1ms")], [Ok(-1), Ok(1)]);
        assert!(duration_or_unlimited_ms("0s").is_err());
    }

    #[test]
    fn numbers_and_words() {
        assert_eq!(number("7", 1..=8), Ok(7));
        for wrong in ["", "0", "9", "-1", "+1", "1.0", "0x1", "99999999999999999999"] {
            assert_eq!(number(wrong, 1..=8), Err("a whole number from 1 to 8".to_string()), "{wrong}");
        }
        assert_eq!([boolean("TRUE"), boolean("off")], [Ok(true), Ok(false)]);
        assert!(boolean("").is_err() && boolean("2").is_err());
    }

    #[test]
    fn a_secret_shows_itself_to_nobody() {
        let secret = token("s3cret").unwrap().unwrap();
        assert_eq!((format!("{secret:?}"), secret.expose()), ("***".to_string(), "s3cret"));
        assert_eq!(token(""), Ok(None));
        for wrong in ["two words", "line\nbreak", "\u{e9}"] {
            assert!(token(wrong).is_err());
        }
    }
}
