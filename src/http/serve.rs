//! tiny_http behind the guard: takes complete requests from the private socket and answers them by `routes`, on one thread
//! that sleeps until somebody asks.

use super::health::Health;
use super::routes::{Reply, answer};
use log::error;
use std::io;
use std::os::unix::net::UnixListener;
use tiny_http::{Header, Request, Response, Server, StatusCode};

/// Starts tiny_http's own threads on the private socket.
pub fn start(listener: UnixListener) -> io::Result<Server> {
    Server::from_listener(listener, None).map_err(io::Error::other)
}

/// Answers requests, for as long as the process lives.
pub fn run(server: &Server, health: &Health) {
    loop {
        match server.recv() {
            Ok(request) => respond(request, health),
            Err(error) => return error!("HTTP has ended: {error}"),
        }
    }
}

fn respond(request: Request, health: &Health) {
    let Reply { status, allow, body } = answer(health, request.method().as_str(), request.url());
    let text = body.map(|body| format!("{body}\n")).unwrap_or_default();
    let mut response = Response::from_data(text.into_bytes()).with_status_code(StatusCode(status));
    let headers =
        [("Content-Type", Some("application/json")), ("Cache-Control", Some("no-store")), ("Server", Some("monolog")), ("Allow", allow)];
    for (name, value) in headers {
        if let Some(header) = value.and_then(|value| Header::from_bytes(name, value).ok()) {
            response.add_header(header);
        }
    }
    // Whoever asked is gone when this fails.
    let _ = request.respond(response);
}
