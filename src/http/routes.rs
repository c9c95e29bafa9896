//! What each path answers. `serve` asks here with a complete request; nothing here knows of sockets or of tiny_http.

use super::health::Health;
use serde_json::{Value, json};

/// What a request is answered with.
#[derive(Debug, PartialEq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The methods of this path, where the answer says so.
    pub allow: Option<&'static str>,
    /// JSON, or nothing.
    pub body: Option<Value>,
}

/// The paths that exist.
#[derive(Clone, Copy)]
enum Route {
    Health,
    Livez,
    Readyz,
}

impl Route {
    fn of(path: &str) -> Option<Route> {
        match path {
            "/health" => Some(Route::Health),
            "/livez" => Some(Route::Livez),
            "/readyz" => Some(Route::Readyz),
            _ => None,
        }
    }

    /// The methods it takes, as `Allow` lists them.
    fn methods(self) -> &'static str {
        match self {
            Route::Health | Route::Livez | Route::Readyz => "GET, HEAD, OPTIONS",
        }
    }
}

/// Answers a request. A HEAD is answered as the GET; whoever writes it leaves the body out.
pub fn answer(health: &Health, method: &str, target: &str) -> Reply {
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    if path == "*" && method == "OPTIONS" {
        return Reply { status: 204, allow: Some("GET, HEAD, OPTIONS"), body: None };
    }
    let Some(route) = Route::of(path) else {
        return error(404, None, format!("there is nothing at {path}"));
    };
    let methods = route.methods();
    if method == "OPTIONS" {
        return Reply { status: 204, allow: Some(methods), body: None };
    }
    if !methods.split(", ").any(|allowed| allowed == method) {
        return error(405, Some(methods), format!("{path} does not take {method}"));
    }
    match route {
        Route::Health | Route::Livez => ok(),
        Route::Readyz => match health.trouble() {
            None => ok(),
            Some((status, reason)) => Reply { status: 503, allow: None, body: Some(json!({"status": status, "reason": reason})) },
        },
    }
}

fn ok() -> Reply {
    Reply { status: 200, allow: None, body: Some(json!({"status": "ok"})) }
}

fn error(status: u16, allow: Option<&'static str>, what: String) -> Reply {
    Reply { status, allow, body: Some(json!({"error": what, "code": "INVALID_REQUEST"})) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering::Relaxed;

    #[test]
    fn health_and_readiness() {
        let health = Health::default();
        for path in ["/health", "/livez", "/health?verbose=1"] {
            assert_eq!(answer(&health, "GET", path), ok());
            assert_eq!(answer(&health, "HEAD", path), ok());
        }
        let reply = answer(&health, "GET", "/readyz");
        assert_eq!((reply.status, reply.body.unwrap()["status"].as_str()), (503, Some("starting")));
        health.serving.store(true, Relaxed);
        assert_eq!(answer(&health, "GET", "/readyz"), ok());
    }

    #[test]
    fn wrong_methods_and_paths() {
        let health = Health::default();
        for method in ["POST", "DELETE", "TRACE", "get"] {
            let reply = answer(&health, method, "/health");
            assert_eq!((reply.status, reply.allow), (405, Some("GET, HEAD, OPTIONS")));
        }
        assert_eq!(answer(&health, "OPTIONS", "/readyz").status, 204);
        assert_eq!(answer(&health, "OPTIONS", "*").status, 204);
        for path in ["/", "/health/", "/api/topics", "*"] {
            assert_eq!(answer(&health, "GET", path).status, 404);
        }
    }
}
