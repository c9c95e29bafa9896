//! Binds the two ports: IPv6 and IPv4 together where no host is named, IPv4 where there is no IPv6.

use super::failure::Failure;
use crate::config::values::Address;
use mio::net::TcpListener;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

/// Connections that the system holds until they are accepted.
const BACKLOG: i32 = 1024;

/// A listener on this address. `what` names the port in errors.
pub fn bind(address: &Address, what: &str) -> Result<TcpListener, Failure> {
    let shown = format!("{}:{}", address.host.as_deref().unwrap_or_default(), address.port);
    let listener = match &address.host {
        None => open(SocketAddr::from((Ipv6Addr::UNSPECIFIED, address.port))).or_else(|error| match error.kind() {
            ErrorKind::AddrInUse | ErrorKind::PermissionDenied => Err(error),
            _ => open(SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port))),
        }),
        Some(host) => resolve(host, address.port).and_then(open),
    };
    listener.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => {
            Failure::AddressInUse(format!("cannot listen for {what} on {shown}: the address is in use by another process"))
        }
        _ => Failure::Other(format!("cannot listen for {what} on {shown}: {error}")),
    })
}

/// The first address of a name, IPv4 ones first: that is what most clients try first for "localhost".
fn resolve(host: &str, port: u16) -> io::Result<SocketAddr> {
    let mut all: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
    all.sort_by_key(SocketAddr::is_ipv6);
    all.first().copied().ok_or_else(|| io::Error::new(ErrorKind::NotFound, "the name has no address"))
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // A restart need not wait for the connections of the last run to be forgotten.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(TcpListener::from_std(socket.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;

    fn address(host: Option<&str>, port: u16) -> Address {
        Address { host: host.map(str::to_string), port }
    }

    #[test]
    fn without_a_host_ipv4_reaches_it_and_the_port_is_then_taken() {
        let listener = bind(&address(None, 0), "Kafka").unwrap();
        let port = listener.local_addr().unwrap().port();
        TcpStream::connect(("127.0.0.1", port)).unwrap();
        let error = bind(&address(None, port), "HTTP").unwrap_err();
        assert_eq!(error.exit_code(), 4);
        assert!(error.to_string().contains(&format!("HTTP on :{port}")), "{error}");
    }

    #[test]
    fn names_and_addresses_are_bound_as_they_are_given() {
        assert_eq!(bind(&address(Some("localhost"), 0), "Kafka").unwrap().local_addr().unwrap().ip(), Ipv4Addr::LOCALHOST);
        assert!(bind(&address(Some("no.such.host.invalid"), 0), "Kafka").unwrap_err().to_string().contains("no.such.host.invalid:0"));
    }
}
