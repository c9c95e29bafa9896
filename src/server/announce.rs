//! What is said on stdout once the ports are open: where the broker listens, where its data is, what clients are told, and what
//! an operator had better know.

use super::machine::Connections;
use crate::config::settings::{Settings, Storage};
use mio::net::TcpListener;

/// The lines, in order. Scripts read the first two.
pub fn lines(settings: &Settings, kafka: &TcpListener, http: Option<&TcpListener>, connections: &Connections) -> Vec<String> {
    let at = |listener: &TcpListener| {
        listener.local_addr().map_or_else(|error| format!("an unknown address ({error})"), |address| address.to_string())
    };
    let mut lines = vec![format!("Kafka server listening on {}", at(kafka))];
    match http {
        Some(listener) => lines.push(format!("HTTP server listening on {}", at(listener))),
        None => lines.push("HTTP server off".to_string()),
    }
    lines.push(match settings.storage {
        Storage::Disk => {
            let dir = &settings.data_dir;
            format!("Data directory {}", std::path::absolute(dir).unwrap_or_else(|_| dir.clone()).display())
        }
        Storage::Memory => "Data in memory only (sqlite:memory): it is gone when the broker ends".to_string(),
    });
    lines.push(match &settings.advertised_addr {
        Some((host, port)) if host.contains(':') => format!("Clients are told to connect to [{host}]:{port}"),
        Some((host, port)) => format!("Clients are told to connect to {host}:{port}"),
        None => "Clients are told to connect to the address on which they reached this broker".to_string(),
    });
    let is_open = |listener: &TcpListener| listener.local_addr().is_ok_and(|address| !address.ip().to_canonical().is_loopback());
    let http_is_open = http.is_some_and(is_open) && settings.http_token().is_none();
    match (is_open(kafka), http_is_open) {
        (true, true) => lines.push("The ports are open to the network without a token".to_string()),
        (true, false) => lines.push("The Kafka port is open to the network without a token".to_string()),
        (false, true) => lines.push("The HTTP port is open to the network without a token".to_string()),
        (false, false) => {}
    }
    if connections.kafka < settings.connections_max {
        lines.push(format!(
            "The limit of open files allows {} of limits.max_connections {} connections; raise it (ulimit -n, LimitNOFILE)",
            connections.kafka, settings.connections_max
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::layers::merge;

    fn said(env: &[(&str, &str)], kafka: &str, http: Option<&str>, connections: usize) -> String {
        let env: Vec<_> = env.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let settings = merge(&[], &env).unwrap().settings;
        let listen = |address: &str| TcpListener::bind(address.parse().unwrap()).unwrap();
        let (kafka, http) = (listen(kafka), http.map(listen));
        lines(&settings, &kafka, http.as_ref(), &Connections { kafka: connections, http: 9 }).join("\n")
    }

    #[test]
    fn what_is_open_without_a_token_is_said() {
        let (inside, outside) = ("127.0.0.1:0", "0.0.0.0:0");
        let none: &[_] = &[];
        let token: &[_] = &[("MONOLOG_AUTH_TOKEN", "s3cret")];
        for (env, kafka, http, line) in [
            (none, outside, Some(outside), Some("The ports are open to the network without a token")),
            (none, outside, Some(inside), Some("The Kafka port is open")),
            (none, outside, None, Some("The Kafka port is open")),
            (none, inside, Some(outside), Some("The HTTP port is open")),
            (none, inside, Some(inside), None),
            (token, outside, Some(outside), Some("The Kafka port is open")),
            (token, inside, Some(outside), None),
        ] {
            let said = said(env, kafka, http, 20_000);
            assert_eq!(said.contains("open to the network"), line.is_some(), "{said}");
            assert!(said.contains(line.unwrap_or_default()) && !said.contains("s3cret"), "{said}");
        }
    }

    #[test]
    fn memory_and_few_files_are_said() {
        let said = said(&[("MONOLOG_STORAGE_BACKEND", "sqlite:memory")], "127.0.0.1:0", None, 500);
        assert!(said.contains("in memory only (sqlite:memory)") && said.contains("HTTP server off"), "{said}");
        assert!(said.contains("allows 500 of limits.max_connections 20000 connections"), "{said}");
    }
}
