//! Accepts on the Kafka port and deals connections out in turn. When files or connections run out it stops, and tries again
//! when one has closed or a second has passed; those who wait stay in the system's backlog. Driven by reactor 0.

use super::shared::Shared;
use log::warn;
use mio::net::{TcpListener, TcpStream};
use socket2::{SockRef, TcpKeepalive};
use std::io::{self, ErrorKind};
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::time::{Duration, Instant};

/// Connections accepted before others get their turn.
const TURN_MAX: usize = 256;
const RETRY: Duration = Duration::from_secs(1);

/// The accepting side.
pub struct Acceptor {
    listener: TcpListener,
    ready: bool,
    paused_until: Option<Instant>,
    next: usize,
    warned: Option<Instant>,
}

impl Acceptor {
    /// Accepts from this listener.
    pub fn new(listener: TcpListener) -> Acceptor {
        Acceptor { listener, ready: false, paused_until: None, next: 0, warned: None }
    }

    /// The listener, to be registered.
    pub fn listener(&mut self) -> &mut TcpListener {
        &mut self.listener
    }

    /// Notes that somebody waits.
    pub fn note(&mut self) {
        self.ready = true;
    }

    /// Notes that there may be room again.
    pub fn resume(&mut self) {
        self.paused_until = None;
    }

    /// When it wants to go on; `None`: when somebody comes.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        self.ready.then(|| self.paused_until.unwrap_or(now))
    }

    /// Accepts, and gives each connection with the number of the reactor that gets it.
    pub fn turn(&mut self, shared: &Shared, reactors: usize, now: Instant, mut deal: impl FnMut(usize, TcpStream)) {
        if !self.ready || self.paused_until.is_some_and(|until| now < until) {
            return;
        }
        self.paused_until = None;
        for _ in 0..TURN_MAX {
            if shared.connections.load(Relaxed) >= shared.connections_max {
                return self.pause(shared, now, &format!("all {} connections are taken", shared.connections_max));
            }
            match self.listener.accept() {
                Ok((socket, _)) => {
                    tune(&socket);
                    shared.connections.fetch_add(1, Relaxed);
                    deal(self.next % reactors.max(1), socket);
                    self.next = self.next.wrapping_add(1);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.ready = false;
                    return;
                }
                Err(error) if is_exhausted(&error) => return self.pause(shared, now, &error.to_string()),
                // The peer was gone before we looked, or a signal came: on to the next.
                Err(_) => {}
            }
        }
    }

    fn pause(&mut self, shared: &Shared, now: Instant, why: &str) {
        self.paused_until = Some(now + RETRY);
        shared.accept_paused.store(true, Release);
        if self.warned.is_none_or(|last| now.saturating_duration_since(last) >= Duration::from_secs(10)) {
            self.warned = Some(now);
            warn!("new connections wait: {why}");
        }
    }
}

/// Kafka sets both as well. Peers that vanish without a word are noticed after two minutes, by the system.
fn tune(socket: &TcpStream) {
    let socket = SockRef::from(socket);
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(10)).with_retries(6);
    // A peer that is gone already makes these fail; reading will say so.
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_tcp_keepalive(&keepalive);
}

/// Out of files, of the process or the system, or of memory for sockets.
fn is_exhausted(error: &io::Error) -> bool {
    const EXHAUSTED: [rustix::io::Errno; 4] =
        [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE, rustix::io::Errno::NOBUFS, rustix::io::Errno::NOMEM];
    error.raw_os_error().is_some_and(|code| EXHAUSTED.iter().any(|errno| errno.raw_os_error() == code))
}
