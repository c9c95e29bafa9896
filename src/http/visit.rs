//! One connection on the HTTP port: a head, a body, a place behind the guard, an answer, good-bye. One request each: both
//! sides close after it. Driven by `guard`.

use super::head::{Lane, NO_MEMORY, NOBODY_BEHIND, Refused, TOO_SLOW, parse};
use super::share::{Held, Share};
use super::waiting::{HEADER, Wait, Waiting};
use crate::base::limits::{HTTP_BODY_MS, HTTP_HEAD_MS};
use mio::net::{TcpStream, UnixStream};
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

/// Bytes of an answer that wait for the client without being charged. What is beyond is charged, so that a slow reader keeps
/// nobody from a place behind the guard; where nothing is left to charge, tiny_http waits.
const OUTPUT_FREE: usize = 16 * 1024;
/// A client that takes its answer more slowly than this per second is cut, when it has had a moment and others wait for its place.
const SLOW_READER_BYTES_PER_S: usize = 64 * 1024;
/// That moment.
const SLOW_READER_GRACE: Duration = Duration::from_secs(1);
/// A client that takes nothing of its answer for so long is cut.
const STALLED: Duration = Duration::from_secs(10);
/// How long what the client still sends is read and thrown away after the answer; closing at once could make the system of
/// the client throw the answer away instead.
const PARTING: Duration = Duration::from_secs(1);

/// One client.
pub struct Visit {
    /// Its socket.
    pub socket: TcpStream,
    /// Its place behind the guard.
    pub upstream: Option<UnixStream>,
    /// What the system said of both.
    pub ready: Ready,
    /// Where it stands.
    pub phase: Phase,
    /// When its time is over.
    pub deadline: Option<Instant>,
    /// The request, as it comes and then as it is sent on.
    input: Vec<u8>,
    /// Of the head: bytes that were looked at. Of the request: bytes that were sent on.
    done: usize,
    /// Length of the complete request.
    complete_len: usize,
    charge: Option<Held>,
    /// Which places behind the guard it may take.
    pub lane: Lane,
    /// Says to the one who makes a copy for it that it is still there.
    wait: Option<Wait>,
    output: Vec<u8>,
    written: usize,
    output_charge: Option<Held>,
    output_charged: usize,
    /// When the answer began to come, and how much of it was written since.
    answered: Option<Instant>,
    taken: usize,
    /// Whether the first line of the answer has come from behind, and the client may have it.
    begun: bool,
}

/// What the system said.
#[derive(Default)]
pub struct Ready {
    /// The client has sent something, or finished.
    pub readable: bool,
    /// The client takes something.
    pub writable: bool,
    /// An answer is coming.
    pub upstream_readable: bool,
    /// The request can be sent on.
    pub upstream_writable: bool,
}

/// Where a visit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The head is coming.
    Head,
    /// The body is coming.
    Body,
    /// The request is complete and waits for a place.
    Queued,
    /// It has a place: the request goes in, the answer comes out.
    Forwarding,
    /// The answer is complete, and is being written.
    Answering,
    /// Everything is said.
    Parting,
    /// It is over.
    Gone,
}

/// What a visit is advanced with.
pub struct Means<'a> {
    /// To read into.
    pub scratch: &'a mut [u8],
    /// What bodies and answers are charged to.
    pub share: &'a Share,
    /// Who waits for a copy.
    pub waiting: &'a Waiting,
    /// The time of this turn.
    pub now: Instant,
}

impl Visit {
    /// A client that was just accepted.
    pub fn new(socket: TcpStream, now: Instant) -> Visit {
        Visit {
            socket,
            upstream: None,
            ready: Ready::default(),
            phase: Phase::Head,
            deadline: Some(now + Duration::from_millis(HTTP_HEAD_MS)),
            input: Vec::new(),
            done: 0,
            complete_len: 0,
            charge: None,
            lane: Lane::Read,
            wait: None,
            output: Vec::new(),
            written: 0,
            output_charge: None,
            output_charged: 0,
            answered: None,
            taken: 0,
            begun: false,
        }
    }

    /// Does all that can be done now.
    pub fn advance(&mut self, means: &mut Means) {
        while self.step(means) {}
    }

    /// Gives it a place behind the guard.
    pub fn forward(&mut self, upstream: UnixStream) {
        self.upstream = Some(upstream);
        self.done = 0;
        self.phase = Phase::Forwarding;
    }

    /// There is no way to go behind the guard.
    pub fn refuse_forwarding(&mut self, now: Instant) {
        self.refuse(&NOBODY_BEHIND, now);
    }

    /// Whether it keeps a place behind the guard by taking its answer slowly.
    pub fn is_slow_reader(&self, now: Instant) -> bool {
        let since = self.answered.filter(|_| self.upstream.is_some()).map(|begun| now.saturating_duration_since(begun));
        since.is_some_and(|since| since >= SLOW_READER_GRACE && self.taken < SLOW_READER_BYTES_PER_S * since.as_secs() as usize)
    }

    /// Its time is over.
    pub fn expire(&mut self, now: Instant) {
        match self.phase {
            Phase::Head | Phase::Body if !self.input.is_empty() => self.refuse(&TOO_SLOW, now),
            _ => self.phase = Phase::Gone,
        }
    }

    /// One step; false when nothing could be done.
    fn step(&mut self, means: &mut Means) -> bool {
        if self.ready.writable && self.written < self.output.len() && (self.begun || self.phase != Phase::Forwarding) {
            return self.write(means.now);
        }
        match self.phase {
            Phase::Head | Phase::Body => match self.read(means.scratch) {
                Some(0) => self.gone(),
                Some(count) => {
                    self.take(count, means);
                    true
                }
                None => false,
            },
            Phase::Forwarding => self.send_on(means.now) || self.bring_back(means) || self.leaves(means.scratch),
            Phase::Answering if self.output.is_empty() => {
                let _ = self.socket.shutdown(Shutdown::Write);
                self.phase = Phase::Parting;
                self.deadline = Some(means.now + PARTING);
                true
            }
            Phase::Parting => match self.read(means.scratch) {
                Some(0) => self.gone(),
                more => more.is_some(),
            },
            Phase::Answering | Phase::Queued | Phase::Gone => false,
        }
    }

    fn gone(&mut self) -> bool {
        self.phase = Phase::Gone;
        false
    }

    /// A copy takes long: who closes his side before it has begun to come does not wait for it any more.
    fn leaves(&mut self, scratch: &mut [u8]) -> bool {
        if self.wait.is_none() || self.begun {
            return false;
        }
        match self.read(scratch) {
            Some(0) => self.gone(),
            more => more.is_some(),
        }
    }

    /// Reads from the client; 0 when it has finished or failed.
    fn read(&mut self, scratch: &mut [u8]) -> Option<usize> {
        if !self.ready.readable {
            return None;
        }
        match self.socket.read(scratch) {
            Ok(count) => Some(count),
            Err(error) if error.kind() == ErrorKind::Interrupted => self.read(scratch),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.ready.readable = false;
                None
            }
            Err(_) => Some(0),
        }
    }

    /// Takes what was read into the request.
    fn take(&mut self, count: usize, means: &Means) {
        let bytes = means.scratch.get(..count).unwrap_or_default();
        if let Some(charge) = &mut self.charge
            && !charge.try_grow(count, self.complete_len)
        {
            return self.refuse(&NO_MEMORY, means.now);
        }
        self.input.extend_from_slice(bytes);
        if self.phase == Phase::Head {
            match parse(&self.input, self.done) {
                Ok(None) => self.done = self.input.len(),
                Ok(Some(head)) => {
                    let mut request = head.forwarded;
                    if head.lane == Lane::Copy {
                        let wait = means.waiting.begin();
                        request.truncate(request.len() - 2);
                        request.extend_from_slice(format!("{HEADER}: {}\r\n\r\n", wait.number).as_bytes());
                        self.wait = Some(wait);
                    }
                    self.complete_len = request.len() + head.body_len;
                    request.extend_from_slice(self.input.get(head.len..).unwrap_or_default());
                    self.input = request;
                    self.charge = Some(means.share.hold(self.input.len()));
                    self.lane = head.lane;
                    self.phase = Phase::Body;
                    self.deadline = Some(means.now + Duration::from_millis(HTTP_BODY_MS));
                    if head.expects_continue && self.input.len() < self.complete_len {
                        self.output.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
                    }
                }
                Err(refused) => return self.refuse(&refused, means.now),
            }
        }
        if self.phase == Phase::Body && self.input.len() >= self.complete_len {
            self.input.truncate(self.complete_len);
            self.phase = Phase::Queued;
            self.deadline = None;
        }
    }

    /// The guard answers by itself.
    fn refuse(&mut self, refused: &Refused, now: Instant) {
        let body = format!("{}\n", serde_json::json!({"error": refused.reason, "code": "INVALID_REQUEST"}));
        let head = format!(
            "HTTP/1.1 {}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            refused.status,
            body.len()
        );
        self.output.extend_from_slice(head.as_bytes());
        self.output.extend_from_slice(body.as_bytes());
        self.give_back();
        self.upstream = None;
        self.phase = Phase::Answering;
        self.deadline = Some(now + STALLED);
    }

    /// Gives the memory of the request back.
    fn give_back(&mut self) {
        self.input = Vec::new();
        self.charge = None;
        self.done = 0;
    }

    fn write(&mut self, now: Instant) -> bool {
        match self.socket.write(self.output.get(self.written..).unwrap_or_default()) {
            Ok(count) if count > 0 => {
                self.written += count;
                self.taken += count;
                let all = self.written == self.output.len();
                if all {
                    self.output = Vec::new();
                    self.written = 0;
                    (self.output_charge, self.output_charged) = (None, 0);
                }
                match self.phase {
                    Phase::Forwarding if all => self.deadline = None,
                    Phase::Forwarding | Phase::Answering => self.deadline = Some(now + STALLED),
                    _ => {}
                }
                true
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.ready.writable = false;
                true
            }
            _ => self.gone(),
        }
    }

    /// Sends the request on.
    fn send_on(&mut self, now: Instant) -> bool {
        let rest = self.input.get(self.done..).unwrap_or_default();
        let Some(upstream) = self.upstream.as_mut().filter(|_| self.ready.upstream_writable && !rest.is_empty()) else { return false };
        match upstream.write(rest) {
            Ok(count) => {
                self.done += count;
                if self.done == self.input.len() {
                    self.give_back();
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.ready.upstream_writable = false,
            Err(_) => self.refuse(&NOBODY_BEHIND, now),
        }
        true
    }

    /// Brings the answer back, as fast as the client takes it.
    fn bring_back(&mut self, means: &mut Means) -> bool {
        if !self.ready.upstream_readable || !self.has_room(means) {
            return false;
        }
        let Some(upstream) = self.upstream.as_mut() else { return false };
        match upstream.read(means.scratch) {
            Ok(count) if count > 0 => {
                if self.output.is_empty() {
                    self.deadline = Some(means.now + STALLED);
                }
                self.answered.get_or_insert(means.now);
                self.output.extend_from_slice(means.scratch.get(..count).unwrap_or_default());
                self.begin();
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.ready.upstream_readable = false,
            // The end of the answer, or of whoever gave it.
            _ if self.begun => {
                self.give_back();
                self.upstream = None;
                self.phase = Phase::Answering;
                self.deadline = Some(means.now + STALLED);
            }
            _ => self.refuse(&NOBODY_BEHIND, means.now),
        }
        true
    }

    /// Whether the output may grow by what is read at once.
    fn has_room(&mut self, means: &Means) -> bool {
        let wanted = self.output.len() + means.scratch.len();
        if wanted <= OUTPUT_FREE.max(means.scratch.len()) + self.output_charged {
            return true;
        }
        let more = self.output.capacity().max(means.scratch.len());
        let granted = match &mut self.output_charge {
            Some(charge) => charge.try_grow(more, usize::MAX),
            None => {
                self.output_charge = means.share.try_hold(more);
                self.output_charge.is_some()
            }
        };
        if granted {
            self.output_charged += more;
        }
        granted
    }

    /// Writes behind the first line of the answer that the connection will close, as only the guard knows.
    fn begin(&mut self) {
        if self.begun {
            return;
        }
        let unwritten = self.output.get(self.written..).unwrap_or_default();
        if let Some(end) = unwritten.windows(2).position(|pair| pair == b"\r\n") {
            let at = self.written + end + 2;
            self.output.splice(at..at, *b"Connection: close\r\n");
            self.begun = true;
        }
    }
}
