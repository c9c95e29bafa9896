//! The guard and tiny_http on real sockets: plain requests, hostile ones, more of both than there are places.

use super::copied::{Copier, NoCopy};
use super::desk::Desk;
use super::guard::{Guard, GuardStop};
use super::health::Health;
use super::private::{PrivateSocket, bind};
use super::serve;
use super::share::Share;
use super::site::Site;
use crate::base::budget::Budget;
use crate::mail::mailbox::engine_mailbox;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

struct Http {
    address: SocketAddr,
    stop: GuardStop,
    guard: JoinHandle<std::io::Result<()>>,
    health: Arc<Health>,
    budget: Budget,
    _socket: PrivateSocket,
}

impl Http {
    fn new(clients_max: usize) -> Http {
        Http::with(clients_max, Box::new(|_| Err(NoCopy::NothingOnDisk)))
    }

    fn with(clients_max: usize, copier: Copier) -> Http {
        let (socket, listener) = bind(None).unwrap();
        let server = serve::start(listener).unwrap();
        let health = Arc::new(Health::default());
        health.serving.store(true, Relaxed);
        let budget = Budget::new(8 << 20);
        let share = Share::of(budget.clone());
        let mut site = Site::new(health.clone(), share.clone(), None, 1);
        site.copier = copier;
        let (server, site) = (Arc::new(server), Arc::new(site));
        for number in 0..serve::THREADS {
            let (server, site, (engine, _)) = (server.clone(), site.clone(), engine_mailbox());
            let (desk, _) = Desk::new(number as u16, engine).unwrap();
            std::thread::spawn(move || serve::run(&server, &site, desk));
        }
        let listener = mio::net::TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let (guard, stop) = Guard::new(listener, socket.path.clone(), share, site.waiting.clone(), clients_max).unwrap();
        let guard = std::thread::spawn(move || guard.run());
        Http { address, stop, guard, health, budget, _socket: socket }
    }

    fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        socket
    }

    /// Sends bytes, and reads until the other side closes.
    fn ask(&self, request: &[u8]) -> String {
        let mut socket = self.connect();
        socket.write_all(request).unwrap();
        rest(&mut socket)
    }

    fn end(self) {
        self.stop.stop();
        self.guard.join().unwrap().unwrap();
        assert_eq!(self.budget.used_bytes(), 0);
    }
}

fn rest(socket: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").into_bytes()
}

#[test]
fn the_health_routes_answer() {
    let http = Http::new(256);
    for path in ["/health", "/livez", "/readyz"] {
        let answer = http.ask(&get(path));
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\nConnection: close\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\n{\"status\":\"ok\"}\n"), "{answer}");
    }
    let answer = http.ask(b"HEAD /health HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(answer.contains("Content-Length: 16\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
    let answer = http.ask(b"DELETE /health HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("Allow: GET, HEAD, OPTIONS\r\n"), "{answer}");
    assert!(http.ask(b"GET /nothing HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 404 "));
    http.health.read_only.store(true, Relaxed);
    assert!(http.ask(&get("/readyz")).starts_with("HTTP/1.1 503 "));
    assert!(http.ask(&get("/health")).starts_with("HTTP/1.1 200 "));
    http.end();
}

#[test]
fn requests_come_byte_by_byte_with_bodies_and_half_closed() {
    let http = Http::new(256);
    let mut socket = http.connect();
    for byte in get("/health") {
        socket.write_all(&[byte]).unwrap();
    }
    assert!(rest(&mut socket).starts_with("HTTP/1.1 200 "));

    let mut socket = http.connect();
    socket.write_all(&get("/health")).unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    assert!(rest(&mut socket).starts_with("HTTP/1.1 200 "));

    let mut socket = http.connect();
    socket.write_all(b"POST /health HTTP/1.1\r\nHost: h\r\nContent-Length: 2000000\r\nExpect: 100-continue\r\n\r\n").unwrap();
    let mut line = [0; 25];
    socket.read_exact(&mut line).unwrap();
    assert_eq!(&line, b"HTTP/1.1 100 Continue\r\n\r\n");
    socket.write_all(&vec![b'x'; 2_000_000]).unwrap();
    assert!(rest(&mut socket).starts_with("HTTP/1.1 405 "));
    http.end();
}

#[test]
fn what_would_abort_tiny_http_never_reaches_it() {
    let http = Http::new(256);
    for (request, status) in [
        ("GET / HTTP/1.1\r\nContent-Length: 1000000000000000\r\n\r\n", "413"),
        ("POST /health HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", "411"),
        ("GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", "400"),
        ("\u{16}\u{3}\u{1}\u{2}\0\u{1}\n\n", "400"),
    ] {
        let answer = http.ask(request.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(20_000));
    assert!(http.ask(long.as_bytes()).starts_with("HTTP/1.1 431 "));
    assert!(http.ask(&get("/health")).starts_with("HTTP/1.1 200 "));
    http.end();
}

#[test]
fn slow_clients_do_not_lock_others_out() {
    let http = Http::new(10);
    let slow: Vec<TcpStream> = (0..40)
        .map(|_| {
            let mut socket = http.connect();
            socket.write_all(b"GET /heal").unwrap();
            socket
        })
        .collect();
    for _ in 0..20 {
        assert!(http.ask(&get("/health")).starts_with("HTTP/1.1 200 "));
    }
    drop(slow);
    http.end();
}

#[test]
fn many_at_once_wait_for_a_place_and_all_are_answered() {
    let http = Http::new(256);
    let mut sockets: Vec<TcpStream> = (0..100).map(|_| http.connect()).collect();
    for socket in &mut sockets {
        socket.write_all(&get("/health")).unwrap();
    }
    for socket in &mut sockets {
        assert!(rest(socket).starts_with("HTTP/1.1 200 "));
    }
    http.end();
}

#[test]
fn a_copy_ends_when_the_client_that_asked_for_it_leaves() {
    let (say, said) = channel();
    let turn = Mutex::new(());
    let http = Http::with(
        256,
        Box::new(move |is_wanted| {
            let Ok(held) = turn.try_lock() else { return Err(NoCopy::Busy) };
            say.send("begun").unwrap();
            while is_wanted() {
                std::thread::yield_now();
            }
            drop(held);
            say.send("given up").unwrap();
            Err(NoCopy::Failed("nobody waits".to_owned()))
        }),
    );
    let ask = |more: &str| {
        let mut socket = http.connect();
        socket.write_all(format!("POST /api/backup HTTP/1.1\r\nHost: h\r\n{more}\r\n").as_bytes()).unwrap();
        socket
    };
    let hear = || said.recv_timeout(Duration::from_secs(20)).unwrap();
    for _ in 0..2 {
        // Nobody can speak for others.
        let client = ask("X-Waiting: 1\r\n");
        assert_eq!(hear(), "begun");
        // Whoever is refused meanwhile, and leaves, takes nothing from the one who waits.
        assert!(rest(&mut ask("")).starts_with("HTTP/1.1 409 "));
        assert!(said.try_recv().is_err());
        drop(client);
        assert_eq!(hear(), "given up");
    }
    http.end();
}
