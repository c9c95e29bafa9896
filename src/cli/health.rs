//! `monolog health [URL]`: whether a broker is ready, for scripts and container platforms. Exit code 0 when it is, 1 when not.

use super::help;
use crate::config::layers::merge;
use crate::config::values::Address;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// A broker that takes longer to say that it is ready is not.
const PATIENCE: Duration = Duration::from_secs(5);
/// An answer of a health route is much shorter.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Asks the broker that the arguments after `health` name.
pub fn run(args: &[String]) -> ExitCode {
    if super::asks_for_help(args) {
        return super::say(format_args!("{}", help::health()));
    }
    let (hosts, place) = match find(args, "/readyz") {
        Ok(found) => found,
        Err(code) => return code,
    };
    match ask(&hosts, &place) {
        Ok(()) => super::say(format_args!("ready\n")),
        Err(why) => {
            super::say(format_args!("not ready: {why}\n"));
            ExitCode::FAILURE
        }
    }
}

/// The broker that these arguments mean: a URL, or the settings as serve finds them. `path` is asked where the URL has none.
pub(super) fn find(args: &[String], path: &str) -> Result<(Vec<String>, Place), ExitCode> {
    let (url, flags) = split_url(args);
    match url {
        Some(url) => {
            // They have no say in where to ask, and are not taken for anything else either.
            merge(flags, &[]).map_err(|lines| super::wrong_settings(&lines))?;
            match parse_url(url, path) {
                Ok(place) => Ok((vec![place.host.clone()], place)),
                Err(what) => Err(super::wrong(&format!("\"{url}\" is no address to ask: {what}"))),
            }
        }
        None => {
            let settings = match merge(flags, &super::environment()) {
                Ok(merged) => merged.settings,
                Err(lines) => return Err(super::wrong_settings(&lines)),
            };
            match settings.http_addr {
                None => Err(super::wrong("HTTP is off by server.http_addr: there is nobody to ask")),
                Some(Address { port: 0, .. }) => {
                    Err(super::wrong("server.http_addr leaves the port open: name it, as http://localhost:8080"))
                }
                Some(Address { host, port }) => Ok((hosts_of(host), Place { host: String::new(), port, path: path.to_string() })),
            }
        }
    }
}

/// The address to ask, which comes first, or last behind flags; and the flags of serve. Whatever it is, a flag's value has no scheme.
pub(super) fn split_url(args: &[String]) -> (Option<&String>, &[String]) {
    let is_url = |arg: &String| arg.starts_with("http://") || arg.starts_with("https://");
    match (args.split_first(), args.split_last()) {
        (Some((first, flags)), _) if !first.starts_with('-') => (Some(first), flags),
        (_, Some((last, flags))) if is_url(last) => (Some(last), flags),
        _ => (None, args),
    }
}

/// What is asked, and where.
pub(super) struct Place {
    /// The host of a URL.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) path: String,
}

/// `http://HOST[:PORT][/PATH]`, with or without the scheme.
fn parse_url(url: &str, default_path: &str) -> Result<Place, &'static str> {
    const WANTED: &str = "it is written http://HOST:PORT";
    if url.starts_with("https://") {
        return Err("there is no TLS, ask by http://");
    }
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    if url.contains(|c: char| c.is_control() || c.is_whitespace()) || authority.contains('@') {
        return Err(WANTED);
    }
    let (host, port) = match authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
        Some((host, port)) => (host, port.parse::<u16>().map_err(|_| WANTED)?),
        None => (authority, 80),
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if host.is_empty() || port == 0 {
        return Err(WANTED);
    }
    let path = if matches!(path, "" | "/") { default_path } else { path };
    Ok(Place { host: host.to_string(), port, path: path.to_string() })
}

/// Where one reaches a broker that listens here; all interfaces are reached by the loopback ones.
fn hosts_of(host: Option<String>) -> Vec<String> {
    match host.as_deref() {
        None | Some("0.0.0.0" | "::") => vec!["127.0.0.1".to_string(), "::1".to_string()],
        Some(host) => vec![host.to_string()],
    }
}

fn ask(hosts: &[String], place: &Place) -> Result<(), String> {
    let until = Instant::now() + PATIENCE;
    let mut why = String::new();
    for host in hosts {
        match exchange(host, place, until) {
            Ok(answer) => return judge(&answer),
            Err(error) if why.is_empty() => why = format!("{host}:{} does not answer: {error}", place.port),
            Err(_) => {}
        }
    }
    Err(why)
}

fn exchange(host: &str, place: &Place, until: Instant) -> io::Result<String> {
    let left = || until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    let mut error = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (host, place.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, left()) {
            Ok(mut stream) => {
                stream.set_write_timeout(Some(left()))?;
                let request = format!("GET {} HTTP/1.1\r\nHost: {host}:{}\r\nConnection: close\r\n\r\n", place.path, place.port);
                stream.write_all(request.as_bytes())?;
                let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
                while (answer.len() as u64) < ANSWER_BYTES_MAX {
                    stream.set_read_timeout(Some(left()))?;
                    match stream.read(&mut piece) {
                        Ok(0) => break,
                        Ok(count) => answer.extend_from_slice(&piece[..count]),
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        // A reset behind the answer is only an unfriendly close.
                        Err(_) if answer.windows(4).any(|bytes| bytes == b"\r\n\r\n") => break,
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                            return Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {} s", PATIENCE.as_secs())));
                        }
                        Err(error) => return Err(error),
                    }
                }
                return Ok(String::from_utf8_lossy(&answer).into_owned());
            }
            Err(refused) => error = refused,
        }
    }
    Err(error)
}

/// What an answer says.
fn judge(answer: &str) -> Result<(), String> {
    let status = answer.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).and_then(|code| code.parse::<u16>().ok());
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body).trim();
    let said = |key: &str| serde_json::from_str::<serde_json::Value>(body).ok()?.get(key)?.as_str().map(str::to_string);
    match status {
        Some(200..=299) => Ok(()),
        Some(status) => match (said("status"), said("reason")) {
            (Some(status), Some(reason)) => Err(format!("{status}: {reason}")),
            _ => Err(format!("the answer is HTTP {status}")),
        },
        None => Err("what answers does not speak HTTP".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_to_ask() {
        let place = |url| parse_url(url, "/readyz").map(|place| (place.host, place.port, place.path));
        let is = |host: &str, port, path: &str| Ok((host.to_string(), port, path.to_string()));
        assert_eq!(place("http://a:8080"), is("a", 8080, "/readyz"));
        assert_eq!(place("a:8080/"), is("a", 8080, "/readyz"));
        assert_eq!(place("http://a/health"), is("a", 80, "/health"));
        assert_eq!(place("http://[::1]:1/x"), is("::1", 1, "/x"));
        for wrong in ["", "http://", "https://a", "http://a:x", "a:0", "http://u@a:1", "http://a:1/ x", "a:1\r\nX: y"] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn answers() {
        assert_eq!(judge("HTTP/1.1 200 OK\r\n\r\n{}"), Ok(()));
        let full = "HTTP/1.1 503 Service Unavailable\r\nA: b\r\n\r\n{\"status\":\"read-only\",\"reason\":\"the disk is full\"}";
        assert_eq!(judge(full), Err("read-only: the disk is full".to_string()));
        assert_eq!(judge("HTTP/1.1 404 Not Found\r\n\r\n"), Err("the answer is HTTP 404".to_string()));
        assert!(judge("\x15\x03").is_err() && judge("").is_err() && judge("HTTP/1.").is_err());
    }
}
