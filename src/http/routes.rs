//! What each path answers, and who may ask. `serve` asks here with a complete request; nothing here knows of sockets or of
//! tiny_http.

use super::desk::Desk;
use super::reply::Reply;
use super::site::Site;
use super::{backup, groups, messages, origin, publish, stats, target, topics};
use crate::base::limits::SMALL_FRAME_BYTES;
use serde_json::json;
use std::io::{self, Read};

/// A request.
pub struct Ask<'a> {
    /// GET, POST, ...
    pub method: &'a str,
    /// Path and parameters.
    pub target: &'a str,
    /// The header of this name, in small letters.
    pub header: &'a dyn Fn(&str) -> Option<&'a str>,
}

/// Its body, and how long that says it is.
pub struct Body<'a> {
    /// Bytes.
    pub len: usize,
    /// Where they come from.
    pub reader: &'a mut dyn Read,
}

/// The paths that exist.
enum Route {
    Index,
    Health,
    Readyz,
    Topics,
    Topic(String),
    Messages(String),
    Groups,
    Group(String),
    Offset(String, String),
    Pending,
    Stats,
    Backup,
}

const READ: &str = "GET, HEAD, OPTIONS";
const POST: &str = "POST, OPTIONS";
const READ_POST: &str = "GET, HEAD, POST, OPTIONS";
const READ_DELETE: &str = "GET, HEAD, DELETE, OPTIONS";

impl Route {
    /// The route of a path; `None`: there is none. A name that cannot be decoded is an error.
    fn of(path: &str) -> Option<Result<Route, Reply>> {
        let raw: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        let names = || target::segments(path).ok_or_else(|| Reply::bad(format!("{path} is not percent-encoded UTF-8")));
        let name = |at: usize| names().map(|mut names| if at < names.len() { names.swap_remove(at) } else { String::new() });
        Some(match raw.as_slice() {
            [""] => Ok(Route::Index),
            ["health" | "livez"] => Ok(Route::Health),
            ["readyz"] => Ok(Route::Readyz),
            ["api", "topics"] => Ok(Route::Topics),
            ["api", "topics", _] => name(2).map(Route::Topic),
            ["api", "topics", _, "messages"] => name(2).map(Route::Messages),
            ["api", "groups"] => Ok(Route::Groups),
            ["api", "groups", _] => name(2).map(Route::Group),
            ["api", "groups", _, "offsets", _] => name(2).and_then(|group| Ok(Route::Offset(group, name(4)?))),
            ["api", "pending"] => Ok(Route::Pending),
            ["api", "stats"] => Ok(Route::Stats),
            ["api", "backup"] => Ok(Route::Backup),
            _ => return None,
        })
    }

    /// The methods it takes, as `Allow` lists them.
    fn methods(&self) -> &'static str {
        match self {
            Route::Topics | Route::Messages(_) | Route::Offset(..) => READ_POST,
            Route::Backup => POST,
            Route::Topic(_) | Route::Group(_) => READ_DELETE,
            Route::Index | Route::Health | Route::Readyz | Route::Groups | Route::Pending | Route::Stats => READ,
        }
    }

    /// Whether parameters would go unnoticed. Those that read some look after theirs; probes and pages may be asked with any.
    fn takes_no_parameters(&self, method: &str) -> bool {
        match self {
            Route::Index | Route::Health | Route::Readyz | Route::Offset(..) => false,
            Route::Messages(_) => method == "POST",
            _ => true,
        }
    }
}

/// Answers a request. A HEAD is answered as the GET; whoever writes it leaves the body out.
pub fn answer(site: &Site, desk: &mut Desk, ask: &Ask, body: Body) -> Reply {
    decide(site, desk, ask, body).unwrap_or_else(|refused| refused)
}

fn decide(site: &Site, desk: &mut Desk, ask: &Ask, body: Body) -> Result<Reply, Reply> {
    let path = target::path(ask.target);
    if path == "*" && ask.method == "OPTIONS" {
        return Ok(Reply { allow: Some(READ), ..Reply::empty(204) });
    }
    // Who may not come in is not told what there is.
    if is_guarded(path) && !site.admits((ask.header)("authorization")) {
        let what = "this wants a token: Authorization: Bearer ...";
        return Err(Reply { challenges: true, ..Reply::error(401, "SASL_AUTHENTICATION_FAILED", what) });
    }
    let route = Route::of(path).ok_or_else(|| Reply::error(404, "INVALID_REQUEST", format!("there is nothing at {path}")))??;
    let methods = route.methods();
    if ask.method == "OPTIONS" {
        return Ok(Reply { allow: Some(methods), ..Reply::empty(204) });
    }
    if !methods.split(", ").any(|allowed| allowed == ask.method) {
        let what = format!("{path} does not take {}, only {methods}", ask.method);
        return Err(Reply { allow: Some(methods), ..Reply::error(405, "INVALID_REQUEST", what) });
    }
    if route.takes_no_parameters(ask.method) {
        target::Parameters::of(ask.target, &[])?;
    }
    if ask.method == "GET" || ask.method == "HEAD" {
        return read(site, desk, &route, ask.target);
    }
    origin::check(site, ask.header)?;
    if let Route::Backup = route {
        return Ok(backup::answer(site, ask.header));
    }
    if ask.method == "DELETE" {
        return match &route {
            Route::Topic(topic) => topics::delete(desk, topic),
            Route::Group(group) => groups::delete(desk, group),
            _ => Err(topics::odd()),
        };
    }
    // A large body is taken in when the one before it is done with.
    let _lane = (body.len > SMALL_FRAME_BYTES).then(|| site.writing());
    let _held = (body.len > SMALL_FRAME_BYTES).then(|| site.share.whole().charge(body.len * 3));
    let bytes = take(body).map_err(|error| Reply::bad(format!("the body did not come: {error}")))?;
    match &route {
        Route::Topics => topics::create(desk, &bytes),
        Route::Messages(topic) => publish::write(site, desk, topic, &bytes),
        Route::Offset(group, topic) => groups::commit(desk, group, topic, ask.target, &bytes),
        _ => Err(topics::odd()),
    }
}

fn read(site: &Site, desk: &mut Desk, route: &Route, target: &str) -> Result<Reply, Reply> {
    match route {
        Route::Index => Ok(stats::index()),
        Route::Health => Ok(healthy()),
        Route::Readyz => Ok(match site.health.trouble() {
            None => healthy(),
            Some((status, reason)) => Reply::json(503, &json!({"status": status, "reason": reason})),
        }),
        Route::Topics => topics::list(site, desk),
        Route::Topic(topic) => topics::describe(site, desk, topic),
        Route::Messages(topic) => messages::read(site, desk, topic, target),
        Route::Groups => groups::list(site, desk),
        Route::Group(group) => groups::describe(site, desk, group),
        Route::Offset(group, topic) => groups::offset(site, desk, group, topic, target),
        Route::Pending => groups::pending(site, desk),
        Route::Stats => stats::stats(site, desk),
        Route::Backup => Err(topics::odd()),
    }
}

fn healthy() -> Reply {
    Reply::json(200, &json!({"status": "ok"}))
}

/// Whether a path wants the token.
fn is_guarded(path: &str) -> bool {
    path.starts_with("/api/") || path == "/api" || path == "/metrics"
}

fn take(body: Body) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(body.len);
    body.reader.take(body.len as u64).read_to_end(&mut bytes)?;
    if bytes.len() < body.len { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::budget::Budget;
    use crate::http::share::Share;
    use crate::mail::mailbox::engine_mailbox;
    use std::sync::Arc;
    use std::sync::atomic::Ordering::Relaxed;

    /// What a site without an engine answers: none of these gets that far.
    fn ask(site: &Site, method: &str, target: &str, headers: &[(&str, &'static str)]) -> Reply {
        let (engine, _inbox) = engine_mailbox();
        let (mut desk, _sender) = Desk::new(0, engine).unwrap();
        let header = |name: &str| headers.iter().find(|(other, _)| *other == name).map(|(_, value)| *value);
        answer(site, &mut desk, &Ask { method, target, header: &header }, Body { len: 0, reader: &mut io::empty() })
    }

    fn site(token: Option<&str>) -> Site {
        Site::new(Arc::default(), Share::of(Budget::new(32 << 20)), token.map(str::to_owned), 1)
    }

    #[test]
    fn health_and_readiness() {
        let site = site(Some("secret"));
        for path in ["/health", "/livez", "/health?verbose=1"] {
            let reply = ask(&site, "GET", path, &[]);
            assert_eq!((reply.status, reply.body.as_slice()), (200, &b"{\"status\":\"ok\"}\n"[..]));
            assert_eq!(ask(&site, "HEAD", path, &[]).status, 200);
        }
        let reply = ask(&site, "GET", "/readyz", &[]);
        assert_eq!((reply.status, reply.body.starts_with(b"{\"reason\"")), (503, true));
        site.health.serving.store(true, Relaxed);
        assert_eq!(ask(&site, "GET", "/readyz", &[]).status, 200);
        assert_eq!(ask(&site, "GET", "/", &[]).content_type, "text/html; charset=utf-8");
    }

    #[test]
    fn wrong_methods_and_paths() {
        let site = site(None);
        for (path, allowed) in [
            ("/health", READ),
            ("/api/topics", READ_POST),
            ("/api/topics/t", READ_DELETE),
            ("/api/groups/g/offsets/t", READ_POST),
            ("/api/backup", POST),
        ] {
            for method in ["PUT", "PATCH", "TRACE", "get"] {
                let reply = ask(&site, method, path, &[]);
                assert_eq!((reply.status, reply.allow), (405, Some(allowed)), "{method} {path}");
            }
            let reply = ask(&site, "OPTIONS", path, &[("origin", "http://elsewhere")]);
            assert_eq!((reply.status, reply.allow), (204, Some(allowed)));
        }
        assert_eq!(ask(&site, "OPTIONS", "*", &[]).status, 204);
        for path in ["/health/", "/api", "/api/", "/api/topics/", "/api/topics/t/", "/api/topics/t/messages/1", "/metrics", "*", "/%"] {
            let status = ask(&site, "PUT", path, &[]).status;
            assert!(status == 404 || path == "/api/topics/" && status == 405, "{path}");
        }
        assert_eq!(ask(&site, "GET", "/api/topics/%zz", &[]).status, 400);
        assert_eq!(ask(&site, "GET", "/api/groups/%ff/offsets/t", &[]).status, 400);
    }

    #[test]
    fn parameters_that_nobody_reads_are_refused() {
        let site = site(None);
        for (method, path) in [
            ("POST", "/api/topics/t/messages?partition=3"),
            ("GET", "/api/topics?limit=1"),
            ("DELETE", "/api/topics/t?force=1"),
            ("GET", "/api/groups?state=Empty"),
            ("DELETE", "/api/groups/g?x"),
            ("GET", "/api/stats?x=1"),
            ("POST", "/api/backup?x=1"),
        ] {
            let reply = ask(&site, method, path, &[]);
            let said = String::from_utf8(reply.body).unwrap();
            assert!(reply.status == 400 && said.contains("no parameter"), "{method} {path}: {said}");
        }
    }

    #[test]
    fn the_token_is_asked_for_everywhere_but_at_the_door() {
        let site = site(Some("secret"));
        for path in ["/api/topics", "/api/nothing", "/api", "/metrics"] {
            for headers in [&[][..], &[("authorization", "Bearer other")]] {
                let reply = ask(&site, "PUT", path, headers);
                assert_eq!((reply.status, reply.challenges), (401, true), "{path}");
            }
            assert!([404, 405].contains(&ask(&site, "PUT", path, &[("authorization", "Bearer secret")]).status));
        }
        assert_eq!(ask(&site, "GET", "/", &[]).status, 200);
    }

    #[test]
    fn pages_of_other_hosts_may_not_write() {
        for headers in [
            [("origin", "http://evil"), ("host", "localhost")],
            [("origin", "http://evil.example"), ("host", "evil.example")],
            [("sec-fetch-site", "cross-site"), ("host", "localhost")],
        ] {
            for (method, path) in [("POST", "/api/topics"), ("DELETE", "/api/topics/g"), ("POST", "/api/backup")] {
                assert_eq!(ask(&site(None), method, path, &headers).status, 403, "{method} {path} {headers:?}");
            }
        }
    }
}
