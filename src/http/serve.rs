//! tiny_http behind the guard: takes complete requests from the private socket and answers them by `routes`, on a few threads that
//! sleep until somebody asks. Each has a desk of its own, so each can wait for the engine.

use super::copied::{Copied, give_back};
use super::desk::Desk;
use super::reply::Reply;
use super::routes::{Ask, Body, answer};
use super::site::Site;
use crate::base::limits::{HTTP_HEALTH_IN_FLIGHT_MAX, HTTP_IN_FLIGHT_MAX};
use log::error;
use std::io;
use std::os::unix::net::UnixListener;
use tiny_http::{Header, Request, Response, Server, StatusCode};

/// Threads that answer: one for each request that the guard lets through at once.
pub const THREADS: usize = HTTP_IN_FLIGHT_MAX + HTTP_HEALTH_IN_FLIGHT_MAX;

/// Starts tiny_http's own threads on the private socket.
pub fn start(listener: UnixListener) -> io::Result<Server> {
    Server::from_listener(listener, None).map_err(io::Error::other)
}

/// Answers requests, for as long as the process lives; one of [`THREADS`].
pub fn run(server: &Server, site: &Site, mut desk: Desk) {
    loop {
        match server.recv() {
            Ok(request) => respond(request, site, &mut desk),
            Err(error) => return error!("HTTP has ended: {error}"),
        }
    }
}

fn respond(mut request: Request, site: &Site, desk: &mut Desk) {
    let (method, target) = (request.method().as_str().to_owned(), request.url().to_owned());
    let headers: Vec<(String, String)> =
        request.headers().iter().map(|header| (header.field.as_str().as_str().to_ascii_lowercase(), header.value.to_string())).collect();
    let header = |name: &str| headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
    let len = request.body_length().unwrap_or(0);
    let ask = Ask { method: &method, target: &target, header: &header };
    let Reply { status, allow, challenges, content_type, body, file, held } =
        answer(site, desk, &ask, Body { len, reader: request.as_reader() });
    let content_type = (!body.is_empty() || file.is_some()).then_some(content_type);
    let copied = file.as_ref().and_then(|copied| Some((copied.file.try_clone().ok()?, copied.len)));
    let response = match file {
        Some(Copied { file, len }) => Response::new(StatusCode(status), Vec::new(), file, usize::try_from(len).ok(), None).boxed(),
        None => Response::from_data(body).with_status_code(StatusCode(status)).boxed(),
    };
    // A length tells the client how much is missing when something breaks; chunks would not.
    let mut response = response.with_chunked_threshold(usize::MAX);
    let headers = [
        ("Content-Type", content_type),
        ("Cache-Control", Some("no-store")),
        ("X-Content-Type-Options", Some("nosniff")),
        ("Server", Some("monolog")),
        ("Allow", allow),
        ("WWW-Authenticate", challenges.then_some("Bearer")),
    ];
    for (name, value) in headers {
        if let Some(header) = value.and_then(|value| Header::from_bytes(name, value).ok()) {
            response.add_header(header);
        }
    }
    // Whoever asked is gone when this fails.
    let _ = request.respond(response);
    drop(held);
    if let Some((file, len)) = copied {
        give_back(&file, len);
    }
}
