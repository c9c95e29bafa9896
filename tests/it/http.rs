//! The HTTP port: health routes, wrong methods and paths, and requests that are meant to harm.

use crate::broker::{Broker, PATIENCE, serve};
use crate::target::{Target, cases, until};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use tempfile::TempDir;

cases! {
    kafka: ;
    ours: health_routes, heads_and_options, wrong_methods_and_paths, hostile_lengths, hostile_heads, chunks_are_not_taken, many_requests_on_a_connection
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// All that is answered to these bytes before the server closes. A reset after an answer is a close.
pub(crate) fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = connect(address);
    let _ = stream.write_all(request);
    read_all(&mut stream)
}

pub(crate) fn read_all(stream: &mut TcpStream) -> String {
    let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{error}, after {}", String::from_utf8_lossy(&answer)),
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

pub(crate) fn ask(address: SocketAddr, method: &str, path: &str) -> String {
    exchange(address, format!("{method} {path} HTTP/1.1\r\nHost: it\r\nConnection: close\r\n\r\n").as_bytes())
}

pub(crate) fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("no status: {answer:?}"))
}

pub(crate) fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next()?;
    head.lines().filter_map(|line| line.split_once(": ")).find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

pub(crate) fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

pub(crate) fn assert_healthy(address: SocketAddr) {
    let answer = ask(address, "GET", "/health");
    assert_eq!((status(&answer), body(&answer).trim()), (200, r#"{"status":"ok"}"#), "{answer}");
}

fn health_routes(target: &Target) {
    for path in ["/health", "/livez", "/readyz", "/health?x=1"] {
        let answer = ask(target.http(), "GET", path);
        assert_eq!(status(&answer), 200, "{path}: {answer}");
        assert!(header(&answer, "content-type").is_some_and(|it| it.starts_with("application/json")), "{answer}");
        assert_eq!(body(&answer).trim(), r#"{"status":"ok"}"#);
    }
    let old = exchange(target.http(), b"GET /health HTTP/1.0\r\n\r\n");
    assert_eq!(status(&old), 200, "{old}");
}

fn heads_and_options(target: &Target) {
    for path in ["/health", "/livez", "/readyz"] {
        let head = ask(target.http(), "HEAD", path);
        assert_eq!((status(&head), body(&head)), (200, ""), "{head}");
        let options = ask(target.http(), "OPTIONS", path);
        assert!([200, 204].contains(&status(&options)), "{options}");
        assert!(header(&options, "allow").is_some_and(|it| it.contains("GET")), "{options}");
        assert!(header(&options, "access-control-allow-origin").is_none());
    }
}

fn wrong_methods_and_paths(target: &Target) {
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let answer = exchange(
            target.http(),
            format!("{method} /health HTTP/1.1\r\nHost: it\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}").as_bytes(),
        );
        assert_eq!(status(&answer), 405, "{answer}");
        assert!(header(&answer, "allow").is_some_and(|it| it.contains("GET")), "{answer}");
        assert!(body(&answer).contains("error"), "{answer}");
    }
    for path in ["/nothing", "/health/more", "/%00", "/../etc/passwd", "/%2e%2e/x"] {
        assert_eq!(status(&ask(target.http(), "GET", path)), 404, "{path}");
    }
}

/// tiny_http alone aborts the process on the first of them.
fn hostile_lengths(target: &Target) {
    for (length, expected) in [("1000000000000000", 413), ("99999999999999999999999999", 413), ("-1", 400), ("abc", 400), ("3000000", 413)]
    {
        let request = format!("POST /health HTTP/1.1\r\nHost: it\r\nContent-Length: {length}\r\n\r\nx");
        let answer = exchange(target.http(), request.as_bytes());
        assert_eq!(status(&answer), expected, "{length}: {answer}");
    }
    let twice = exchange(target.http(), b"POST /health HTTP/1.1\r\nHost: it\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy");
    assert_eq!(status(&twice), 400, "{twice}");
    assert_healthy(target.http());
}

fn hostile_heads(target: &Target) {
    let long_line = format!("GET /health HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    assert_eq!(status(&exchange(target.http(), long_line.as_bytes())), 431);
    let long_path = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(20_000));
    assert!([414, 431].contains(&status(&exchange(target.http(), long_path.as_bytes()))));
    let many = format!("GET /health HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(2_000));
    assert_eq!(status(&exchange(target.http(), many.as_bytes())), 431);
    for garbage in [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nNo colon\r\n\r\n",
    ] {
        let answer = exchange(target.http(), garbage);
        assert!(answer.is_empty() || status(&answer) == 400, "{garbage:?}: {answer}");
    }
    assert_healthy(target.http());
}

fn chunks_are_not_taken(target: &Target) {
    let request = b"POST /health HTTP/1.1\r\nHost: it\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    assert_eq!(status(&exchange(target.http(), request)), 411);
    assert_healthy(target.http());
}

fn many_requests_on_a_connection(target: &Target) {
    let mut stream = connect(target.http());
    for _ in 0..3 {
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: it\r\n\r\n").unwrap();
    }
    stream.write_all(b"GET /nothing HTTP/1.1\r\nHost: it\r\nConnection: close\r\n\r\n").unwrap();
    let answers = read_all(&mut stream);
    // A server may close after any answer; what it does answer is whole and in order.
    assert!(answers.starts_with("HTTP/1.1 200"), "{answers}");
}

/// 300 connections that say nothing, or little, while somebody asks how the broker is.
#[test]
fn idle_and_slow_connections_do_not_lock_others_out() {
    let dir = TempDir::new().unwrap();
    let broker = Broker::start(serve(&dir.path().join("data"), &["-storage", "sqlite:memory"])).unwrap();
    let mut slow: Vec<TcpStream> = (0..300)
        .filter_map(|index| {
            let mut stream = TcpStream::connect(broker.http).ok()?;
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            if index % 2 == 0 {
                let _ = stream.write_all(b"GET /health HTTP/1.1\r\nX: ");
            }
            Some(stream)
        })
        .collect();
    // Kafka's port has nothing to do with it.
    assert!(monolog::client::Client::connect(broker.kafka, PATIENCE).unwrap().negotiate().is_ok());
    // The slow ones are cut after the time that a head may take; then there is room.
    until("the slow connections are cut", || {
        let Ok(mut stream) = TcpStream::connect(broker.http) else { return false };
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let _ = stream.write_all(b"GET /health HTTP/1.1\r\nHost: it\r\nConnection: close\r\n\r\n");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.1 200")
    });
    for stream in &mut slow {
        let answer = read_all(stream);
        assert!(answer.is_empty() || [408, 503].contains(&status(&answer)), "{answer}");
    }
    assert_healthy(broker.http);
    assert_eq!(broker.stop().status.code(), Some(0));
}
