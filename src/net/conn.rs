//! One connection: frames in, requests to the engine one at a time (Produce after Produce may overlap), answers out in the
//! order of the requests. Kafka mutes a connection the same way until its answer is written. Driven by `reactor`.

use super::decode::{Decoded, decode, guess};
use super::frame::{Frame, FrameReader, Means, ReadEnd, api_of};
use super::output::{Output, WriteEnd};
use super::shared::Shared;
use super::slots::Slots;
use crate::base::budget::Charge;
use crate::base::ids::ConnId;
use crate::base::limits::{ENVELOPE_BYTES, LISTS_FREE_BYTES, SLOW_FRAME_BYTES_PER_S, SMALL_FRAME_BYTES};
use crate::mail::input::{Envelope, Input, Peer, ReplyTo};
use crate::mail::mailbox::Urgency;
use crate::wire::api_key::ApiKey;
use crate::wire::frame::encode_response;
use crate::wire::message::Response;
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
/// Where memory is short, an answer of which the peer takes nothing for so long is given up, or after so long less than is asked of
/// frames too.
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
    inbox: VecDeque<Frame>,
    /// What the lists of the first frame in the inbox need, when there was no memory for them.
    wanted_bytes: usize,
    slots: Slots<Asked, Answer>,
    output: Output,
    output_since: Instant,
    output_progress: Instant,
    /// Reading has ended; when all is answered and written, the connection closes for this reason.
    ending: Option<Ending>,
}

/// What the answer to a request is written with.
struct Asked {
    version: i16,
    correlation_id: i32,
}

/// An answer, and what pays for it where it is long. `None` gets no bytes.
type Answer = (Option<Response>, Option<Charge>);

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
            wanted_bytes: 0,
            slots: Slots::default(),
            output: Output::default(),
            output_since: now,
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

    /// Takes the answer to a request, and what pays for it. What is first in line goes to the output; `turn` writes it.
    pub fn answer(&mut self, seq: u64, response: Option<Response>, charge: Option<Charge>, shared: &Shared) {
        self.slots.answer(seq, (response, charge));
        self.release(shared);
    }

    /// Does all that can be done now. Whoever calls it rings the engine's bell, as `urgency` says.
    pub fn turn(&mut self, shared: &Shared, means: &mut Means, draining: bool, urgency: &mut Urgency) -> After {
        let mut left = TURN_BYTES;
        loop {
            if let Some(ending) = self.write(shared, means.now) {
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

    /// Whether the peer takes its answers too slowly to keep them when memory is short: nothing for a while, or a trickle. What the
    /// system has room for is taken at once, and counts.
    pub fn is_stalled(&self, now: Instant) -> bool {
        let age = now.saturating_duration_since(self.output_since).saturating_sub(STALLED_OUTPUT);
        let is_trickle = u128::from(self.output.written()) * 1000 < age.as_millis() * SLOW_FRAME_BYTES_PER_S as u128;
        !self.output.is_empty() && (is_trickle || now.saturating_duration_since(self.output_progress) >= STALLED_OUTPUT)
    }

    /// Of a frame in a lane: when its last byte came.
    pub fn lane_progress(&self) -> Option<Instant> {
        self.reader.lane_progress()
    }

    fn write(&mut self, shared: &Shared, now: Instant) -> Option<Ending> {
        if self.writable && !self.output.is_empty() {
            match self.output.write(&mut self.socket, &shared.budget) {
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

    /// Posts what may be decided now. False when there is no memory for it, or the engine has no room.
    fn dispatch(&mut self, shared: &Shared, urgency: &mut Urgency) -> bool {
        while let Some(frame) = self.inbox.front() {
            let api = api_of(&frame.bytes);
            let produce = api == Some(ApiKey::Produce);
            if !self.slots.admits(produce) {
                return true;
            }
            // What answers at length waits before the reserve, which is for those that do not.
            let whole_bytes = if api.is_some_and(ApiKey::is_listing) { usize::MAX } else { ENVELOPE_BYTES };
            if !shared.engine.has_room() || (self.wanted_bytes > SMALL_FRAME_BYTES && !shared.budget.admits(self.wanted_bytes)) {
                return false;
            }
            let Some(charge) = shared.budget.charge_or_pass(ENVELOPE_BYTES, whole_bytes) else { return false };
            match decode(frame, &shared.budget) {
                Decoded::Request(header, request, batches, lists_bytes) => {
                    let Some(charge) = with_lists(charge, lists_bytes, whole_bytes, shared) else {
                        self.wanted_bytes = lists_bytes;
                        return false;
                    };
                    self.next_frame();
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
                        charge: Some(charge),
                        is_atomic: false,
                    };
                    *urgency = (*urgency).max(if produce { Urgency::Produce } else { Urgency::Now });
                    shared.engine.post(Input::Request(Box::new(envelope)));
                }
                Decoded::AskLower(correlation_id, response) => {
                    self.next_frame();
                    let seq = self.slots.push(false, Asked { version: 0, correlation_id });
                    self.answer(seq, Some(response), None, shared);
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

    fn next_frame(&mut self) {
        self.inbox.pop_front();
        self.wanted_bytes = 0;
    }

    /// Encodes answers that are first in line.
    fn release(&mut self, shared: &Shared) {
        while let Some((Asked { version, correlation_id }, (response, mut charge))) = self.slots.pop() {
            let Some(response) = response else { continue };
            let encoded = encode_response(correlation_id, version, &response);
            if self.output.is_empty() {
                self.output_progress = Instant::now();
                self.output_since = self.output_progress;
            }
            // Record batches are paid for by the frame, the cache or the read they come from.
            let is_fetch = matches!(response, Response::Fetch(_));
            let fresh_bytes = if is_fetch { encoded.fresh_bytes } else { encoded.fresh_bytes.max(encoded.len) };
            drop(response);
            match &mut charge {
                Some(charge) => charge.resize(fresh_bytes),
                None if fresh_bytes > SMALL_FRAME_BYTES => charge = Some(shared.budget.charge_answer(fresh_bytes)),
                None => {}
            }
            self.output.push(encoded.chunks, fresh_bytes, charge);
        }
    }
}

/// What pays for a request and its lists.
fn with_lists(mut charge: Charge, lists_bytes: usize, whole_bytes: usize, shared: &Shared) -> Option<Charge> {
    let whole_bytes = whole_bytes.max(lists_bytes);
    if lists_bytes <= LISTS_FREE_BYTES || charge.try_grow(lists_bytes, whole_bytes) {
        return Some(charge);
    }
    // Its own turn to pass the bound may be the one that it has.
    drop(charge);
    shared.budget.charge_or_pass(ENVELOPE_BYTES + lists_bytes, whole_bytes)
}
