//! Request heads: parsed and bounded here, and written anew for tiny_http, with the few headers that the routes look at.
//! Called by `visit`.

use crate::base::limits::{HTTP_BODY_BYTES_MAX, HTTP_HEAD_BYTES_MAX};

/// Headers in one request; browsers send twenty.
const HEADERS_MAX: usize = 100;
/// What is sent on. Nothing of the connection itself: that is between the guard and its client.
const FORWARDED: &[&str] = &["host", "origin", "authorization", "content-type", "accept", "if-none-match", "sec-fetch-site"];

/// A head that may be sent on.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    /// How many bytes it took.
    pub len: usize,
    /// How many bytes follow.
    pub body_len: usize,
    /// Whether the client waits for "100 Continue" before it sends them.
    pub expects_continue: bool,
    /// The head as tiny_http gets it.
    pub forwarded: Vec<u8>,
    /// Which places behind the guard it may take.
    pub lane: Lane,
}

/// What a request may wait for, behind the guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Nobody.
    Health,
    /// The engine, and readers of old data.
    Read,
    /// The disk.
    Write,
    /// A copy of everything, for long.
    Copy,
}

impl Lane {
    fn of(method: &str, target: &str) -> Lane {
        match target.split('?').next() {
            Some("/health" | "/livez" | "/readyz") => Lane::Health,
            _ if matches!(method, "GET" | "HEAD" | "OPTIONS") => Lane::Read,
            Some("/api/backup") => Lane::Copy,
            _ => Lane::Write,
        }
    }
}

/// Why a request is answered by the guard itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// HTTP status and its phrase.
    pub status: &'static str,
    /// What was wrong.
    pub reason: &'static str,
}

const fn refused(status: &'static str, reason: &'static str) -> Refused {
    Refused { status, reason }
}

/// The head is larger than [`HTTP_HEAD_BYTES_MAX`].
pub const HEAD_TOO_LARGE: Refused = refused("431 Request Header Fields Too Large", "the head of the request is larger than 16 KiB");
/// The head or the body did not come in time.
pub const TOO_SLOW: Refused = refused("408 Request Timeout", "the request did not come in time");
/// There is no memory for the body.
pub const NO_MEMORY: Refused = refused("503 Service Unavailable", "no memory is left for the body of the request");
/// Whoever stands behind the guard does not answer.
pub const NOBODY_BEHIND: Refused = refused("502 Bad Gateway", "the request could not be handed on");

/// Reads the head at the front of `bytes`; `Ok(None)` when it is not complete yet. `seen` bytes were looked at before.
pub fn parse(bytes: &[u8], seen: usize) -> Result<Option<Head>, Refused> {
    if !ends_somewhere(bytes, seen) {
        return if bytes.len() >= HTTP_HEAD_BYTES_MAX { Err(HEAD_TOO_LARGE) } else { Ok(None) };
    }
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let len = match request.parse(bytes) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) if bytes.len() < HTTP_HEAD_BYTES_MAX => return Ok(None),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => return Err(HEAD_TOO_LARGE),
        Err(_) => return Err(refused("400 Bad Request", "this is not HTTP/1")),
    };
    if len > HTTP_HEAD_BYTES_MAX {
        return Err(HEAD_TOO_LARGE);
    }
    let body_len = body_len(request.headers)?;
    let expects_continue = match value(request.headers, "expect") {
        None => false,
        Some(value) if value.eq_ignore_ascii_case(b"100-continue") => true,
        Some(_) => return Err(refused("417 Expectation Failed", "only 100-continue can be expected")),
    };
    let forwarded = forward(&request, body_len)?;
    let lane = Lane::of(request.method.unwrap_or_default(), path_of(request.path.unwrap_or_default()));
    Ok(Some(Head { len, body_len, expects_continue, forwarded, lane }))
}

/// Whether an empty line is among the bytes that are new.
fn ends_somewhere(bytes: &[u8], seen: usize) -> bool {
    let new = bytes.get(seen.saturating_sub(3)..).unwrap_or_default();
    new.windows(2).any(|pair| pair == b"\n\n") || new.windows(3).any(|three| three == b"\n\r\n")
}

fn value<'a>(headers: &[httparse::Header<'a>], name: &str) -> Option<&'a [u8]> {
    headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
}

fn body_len(headers: &[httparse::Header]) -> Result<usize, Refused> {
    if value(headers, "transfer-encoding").is_some() {
        return Err(refused("411 Length Required", "chunked requests are not taken, send Content-Length"));
    }
    let mut lengths = headers.iter().filter(|header| header.name.eq_ignore_ascii_case("content-length")).map(|header| header.value);
    let Some(first) = lengths.next() else { return Ok(0) };
    if lengths.any(|other| other != first) {
        return Err(refused("400 Bad Request", "two values of Content-Length"));
    }
    if first.is_empty() || !first.iter().all(u8::is_ascii_digit) {
        return Err(refused("400 Bad Request", "Content-Length is not a number"));
    }
    // A number too large for the type is too large for the limit.
    let length = std::str::from_utf8(first).ok().and_then(|digits| digits.parse().ok()).unwrap_or(usize::MAX);
    if length > HTTP_BODY_BYTES_MAX {
        return Err(refused("413 Content Too Large", "the body of the request is larger than 2 MiB"));
    }
    Ok(length)
}

/// "GET http://host/path" is what proxies are asked; the path is what we look at.
fn path_of(target: &str) -> &str {
    match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"),
        None => target,
    }
}

fn forward(request: &httparse::Request, body_len: usize) -> Result<Vec<u8>, Refused> {
    let (method, target) = (request.method.unwrap_or_default(), path_of(request.path.unwrap_or_default()));
    if !target.is_ascii() || !(target.starts_with('/') || target == "*") {
        return Err(refused("400 Bad Request", "the target of the request is no path"));
    }
    let mut forwarded = format!("{method} {target} HTTP/1.{}\r\nConnection: close\r\n", request.version.unwrap_or(1)).into_bytes();
    for header in request.headers.iter() {
        let wanted = FORWARDED.iter().any(|name| header.name.eq_ignore_ascii_case(name));
        // To leave one out would be to decide without it.
        if wanted && !header.value.is_ascii() {
            return Err(refused("400 Bad Request", "a header that matters here is not ASCII"));
        }
        if wanted {
            forwarded.extend_from_slice(&[header.name.as_bytes(), b": ", header.value, b"\r\n"].concat());
        }
    }
    if body_len > 0 {
        forwarded.extend_from_slice(format!("Content-Length: {body_len}\r\n").as_bytes());
    }
    forwarded.extend_from_slice(b"\r\n");
    Ok(forwarded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Result<Option<Head>, Refused> {
        parse(text.as_bytes(), 0)
    }

    fn status(text: &str) -> &'static str {
        whole(text).unwrap_err().status.split_at(3).0
    }

    #[test]
    fn what_is_sent_on_is_written_anew() {
        let text = "POST /api/topics?x=1 HTTP/1.1\r\nHost: h\r\nX-Evil: \u{e9}\r\nTE: chunked\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc";
        let head = whole(text).unwrap().unwrap();
        assert_eq!((head.len, head.body_len, head.expects_continue, head.lane), (text.len() - 3, 3, true, Lane::Write));
        assert_eq!(whole("GET /readyz?x HTTP/1.1\r\n\r\n").unwrap().unwrap().lane, Lane::Health);
        assert_eq!(whole("GET /healthy HTTP/1.1\r\n\r\n").unwrap().unwrap().lane, Lane::Read);
        assert_eq!(whole("POST http://h/api/backup HTTP/1.1\r\n\r\n").unwrap().unwrap().lane, Lane::Copy);
        let expected = "POST /api/topics?x=1 HTTP/1.1\r\nConnection: close\r\nHost: h\r\nContent-Length: 3\r\n\r\n";
        assert_eq!(String::from_utf8(head.forwarded).unwrap(), expected);
        let head = whole("GET http://h:1/health HTTP/1.0\n\n").unwrap().unwrap();
        assert!(head.forwarded.starts_with(b"GET /health HTTP/1.0\r\n"));
    }

    #[test]
    fn heads_may_come_byte_by_byte() {
        let text = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
        for len in 1..text.len() {
            assert_eq!(parse(&text[..len], len - 1), Ok(None));
        }
        assert!(parse(text, text.len() - 1).unwrap().is_some());
    }

    #[test]
    fn what_is_refused() {
        let head = |line: &str| format!("GET / HTTP/1.1\r\n{line}\r\n\r\n");
        assert_eq!(status(&head("Content-Length: 1000000000000000")), "413");
        assert_eq!(status(&head("Content-Length: 99999999999999999999999999")), "413");
        assert_eq!(status(&head("Content-Length: 2097153")), "413");
        assert_eq!(status(&head("Content-Length: -1")), "400");
        assert_eq!(status(&head("Content-Length: 1\r\nContent-Length: 2")), "400");
        assert_eq!(status(&head("Transfer-Encoding: chunked")), "411");
        assert_eq!(status(&head("Expect: miracles")), "417");
        assert_eq!(status(&head("Origin: http://\u{e9}vil")), "400");
        assert_eq!(status(&head(&"a: b\r\n".repeat(200))), "431");
        assert_eq!(status(&format!("GET / HTTP/1.1\r\nA: {}", "x".repeat(HTTP_HEAD_BYTES_MAX))), "431");
        assert_eq!(status("\u{16}\u{3}\u{1}\n\n"), "400");
        assert_eq!(status("GET / HTTP/2.0\r\n\r\n"), "400");
        assert_eq!(status("CONNECT h:1 HTTP/1.1\r\n\r\n"), "400");
    }
}
