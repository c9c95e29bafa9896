//! One connection: frames in, requests to the engine one at a time (Produce after Produce may overlap), answers out in the
//! order of the requests. Kafka mutes a connection the same way until its answer is written. Driven by `reactor`.

use super::decode::{Decoded, decode, guess, is_produce};
use super::frame::{FrameReader, Means, ReadEnd};
use super::output::{Output, WriteEnd};
use super::shared::Shared;
use super::slots::Slots;
use crate::base::ids::ConnId;
use crate::base::limits::SMALL_FRAME_BYTES;
use crate::mail::input::{Envelope, Input, Peer, ReplyTo};
use crate::mail::mailbox::Urgency;
use crate::wire::frame::encode_response;
use crate::wire::message::Response;
use bytes::Bytes;
use mio::event::Event;
use mio::net::TcpStream;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What one connection may read before the others get their turn.
const TURN_BYTES: usize = 1024 * 1024;
/// A queue of frames that once was longer gives its memory back when it is empty.
const INBOX_KEPT: usize = 8;
/// At the bound, an answer of which the peer takes nothing for so long is given up.
const STALLED_OUTPUT: Duration = Duration::from_secs(10);

/// A connection of a reactor.
pub struct Conn {
    /// Its id; the slot is its place in the reactor's table.
    pub id: ConnId,
    /// Its socket.
    pub socket: TcpStream,
    /// Where it comes from, for the log.
    pub address: SocketAddr,
    /// Whether it is in the reactor's queue of connections that have something to do.
    pub queued: bool,
    /// Whether it waits for memory or for room in the engine's mailbox.
    pub starved: bool,
    /// Whether the peer has finished sending and a deadline for the rest was set.
    pub lingering: bool,
    /// Whether its output is looked at from time to time.
    pub watched: bool,
    peer: Arc<Peer>,
    /// Whether the peer sends no more.
    finished: bool,
    readable: bool,
    writable: bool,
    reader: FrameReader,
    inbox: VecDeque<Bytes>,
    /// An answer of `None` gets no bytes.
    slots: Slots<Asked, Option<Response>>,
    output: Output,
    output_progress: Instant,
    /// Reading has ended; when all is answered and written, the connection closes for this reason.
    ending: Option<Ending>,
}

/// What the answer to a request is written with.
struct Asked {
    version: i16,
    correlation_id: i32,
}

/// Why a connection closes.
#[derive(Debug)]
pub enum Ending {
    /// The peer left. Nobody needs to hear of it.
    Left,
    /// The peer did something that a line in the log is due for.
    Fault(String),
}

/// What a turn came to.
pub enum After {
    /// Nothing to do until something happens.
    Waits,
    /// There is more to do.
    Again,
    /// There is no memory, or no room in the engine's mailbox.
    Starved,
    /// It is over.
    Closes(Ending),
}

impl Conn {
    /// A connection that was just accepted.
    pub fn new(id: ConnId, socket: TcpStream, address: SocketAddr, peer: Arc<Peer>, now: Instant) -> Conn {
        Conn {
            id,
            socket,
            address,
            queued: false,
            starved: false,
            lingering: false,
            watched: false,
            peer,
            finished: false,
            readable: false,
            writable: false,
            reader: FrameReader::default(),
            inbox: VecDeque::new(),
            slots: Slots::default(),
            output: Output::default(),
            output_progress: now,
            ending: None,
        }
    }

    /// Notes what the system says of the socket. False: both directions are closed.
    pub fn note(&mut self, event: &Event) -> bool {
        self.readable |= event.is_readable() || event.is_read_closed();
        self.finished |= event.is_read_closed();
        self.writable |= event.is_writable();
        !event.is_write_closed() && !event.is_error()
    }

    /// Takes the answer to a request. What is first in line goes to the output; `turn` writes it.
    pub fn answer(&mut self, seq: u64, response: Option<Response>, shared: &Shared) {
        self.slots.answer(seq, response);
        self.release(shared);
    }

    /// Does all that can be done now. Whoever calls it rings the engine's bell, as `urgency` says.
    pub fn turn(&mut self, shared: &Shared, means: &mut Means, draining: bool, urgency: &mut Urgency) -> After {
        let mut left = TURN_BYTES;
        loop {
            if let Some(ending) = self.write(means.now) {
                return After::Closes(ending);
            }
            if !self.output.is_empty() || draining {
                self.reader.pause(means.now);
                return After::Waits;
            }
            if !self.dispatch(shared, urgency) {
                return After::Starved;
            }
            if !self.output.is_empty() {
                continue;
            }
            if self.slots.is_empty()
                && self.inbox.is_empty()
                && let Some(ending) = self.ending.take()
            {
                return After::Closes(ending);
            }
            if self.inbox.is_empty() && self.inbox.capacity() > INBOX_KEPT {
                self.inbox = VecDeque::new();
            }
            if !self.wants_frames() {
                self.reader.pause(means.now);
                return After::Waits;
            }
            if !self.readable {
                return After::Waits;
            }
            if left == 0 {
                return After::Again;
            }
            left = left.saturating_sub(TURN_BYTES / 8);
            let inbox = &mut self.inbox;
            match self.reader.read(&mut self.socket, means, TURN_BYTES / 8, &mut |frame| inbox.push_back(frame)) {
                ReadEnd::Paused => {}
                ReadEnd::Drained => self.readable = false,
                ReadEnd::Short => self.readable = self.finished,
                ReadEnd::Starved => return After::Starved,
                ReadEnd::Eof | ReadEnd::Failed(_) => self.ending = Some(Ending::Left),
                ReadEnd::BadLength(length) => self.ending = Some(Ending::Fault(format!("a frame of {length} bytes{}", guess(length)))),
            }
        }
    }

    /// Whether everything answered is written.
    pub fn is_flushed(&self) -> bool {
        self.output.is_empty()
    }

    /// How many requests of it were taken.
    pub fn requests(&self) -> u64 {
        self.slots.taken()
    }

    /// Whether the peer has finished sending and something is still to be answered or written: a parked fetch of somebody who
    /// has left looks the same as the last produce of somebody in a hurry.
    pub fn is_abandoned(&self) -> bool {
        self.finished && (!self.slots.is_empty() || !self.output.is_empty())
    }

    /// Whether its frame comes too slowly to be kept when memory is short.
    pub fn is_slow(&self, now: Instant) -> bool {
        self.reader.is_slow(now)
    }

    /// Whether the peer has taken nothing of its answers for too long to keep them when memory is short.
    pub fn is_stalled(&self, now: Instant) -> bool {
        !self.output.is_empty() && now.saturating_duration_since(self.output_progress) >= STALLED_OUTPUT
    }

    /// Of a frame in a lane: when its last byte came.
    pub fn lane_progress(&self) -> Option<Instant> {
        self.reader.lane_progress()
    }

    fn write(&mut self, now: Instant) -> Option<Ending> {
        if self.writable && !self.output.is_empty() {
            match self.output.write(&mut self.socket) {
                WriteEnd::Done => {}
                WriteEnd::Blocked(wrote) => {
                    self.writable = false;
                    if wrote {
                        self.output_progress = now;
                    }
                }
                WriteEnd::Failed(_) => return Some(Ending::Left),
            }
        }
        None
    }

    /// Whether another frame could be used: not while an answer is due, unless it is that of a Produce and another may follow.
    fn wants_frames(&self) -> bool {
        self.ending.is_none() && self.inbox.is_empty() && self.slots.admits(true)
    }

    /// Posts what may be decided now. False when the engine has no room.
    fn dispatch(&mut self, shared: &Shared, urgency: &mut Urgency) -> bool {
        while let Some(frame) = self.inbox.front() {
            let produce = is_produce(frame);
            if !self.slots.admits(produce) {
                return true;
            }
            if !shared.engine.has_room() {
                return false;
            }
            let Some(frame) = self.inbox.pop_front() else { return true };
            match decode(frame, &shared.budget) {
                Decoded::Request(header, request, batches, charge) => {
                    let asked = Asked { version: header.version, correlation_id: header.correlation_id };
                    let to = ReplyTo { conn: self.id, seq: self.slots.push(produce, asked) };
                    let peer = self.peer.clone();
                    let envelope = Envelope {
                        to,
                        api_version: header.version,
                        correlation_id: header.correlation_id,
                        client_id: header.client_id,
                        peer,
                        request,
                        batches,
                        charge,
                        is_atomic: false,
                    };
                    *urgency = (*urgency).max(if produce { Urgency::Produce } else { Urgency::Now });
                    shared.engine.post(Input::Request(Box::new(envelope)));
                }
                Decoded::AskLower(correlation_id, response) => {
                    let seq = self.slots.push(false, Asked { version: 0, correlation_id });
                    self.answer(seq, Some(response), shared);
                    return true;
                }
                Decoded::Fault(error) => {
                    // Requests before it are still answered; nothing after it is looked at.
                    self.inbox.clear();
                    self.ending = Some(Ending::Fault(error.to_string()));
                }
            }
        }
        true
    }

    /// Encodes answers that are first in line.
    fn release(&mut self, shared: &Shared) {
        while let Some((Asked { version, correlation_id }, response)) = self.slots.pop() {
            let Some(response) = response else { continue };
            let encoded = encode_response(correlation_id, version, &response);
            if self.output.is_empty() {
                self.output_progress = Instant::now();
            }
            // Record batches are paid for by the frame, the cache or the read they come from; an answer of one piece has none.
            let charge = (encoded.chunks.len() == 1 && encoded.len > SMALL_FRAME_BYTES).then(|| shared.budget.charge(encoded.len));
            let mut chunks = encoded.chunks.into_iter();
            if let Some(first) = chunks.next() {
                self.output.push(first, charge);
            }
            chunks.for_each(|chunk| self.output.push(chunk, None));
        }
    }
}
