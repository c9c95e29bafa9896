//! The guard: the only thing of the HTTP side that meets the network. A mio thread that lets in 256 clients, takes complete
//! and bounded requests from them, hands at most eight at a time to tiny_http behind it, and brings the answers back.

use super::head::Lane;
use super::share::Share;
use super::visit::{Means, Phase, Visit};
use super::waiting::Waiting;
use crate::base::limits::{HTTP_CONNECTIONS_MAX, HTTP_HEALTH_IN_FLIGHT_MAX, HTTP_IN_FLIGHT_MAX, HTTP_WRITES_IN_FLIGHT_MAX};
use log::warn;
use mio::event::Event;
use mio::net::{TcpListener, TcpStream, UnixStream};
use mio::{Events, Interest, Poll, Token, Waker};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

const LISTENER: Token = Token(usize::MAX);
const STOP: Token = Token(usize::MAX - 1);
/// What is read from one client at a time.
const SCRATCH_BYTES: usize = 16 * 1024;
/// When accepting failed for want of files, it is tried again after so long, or when a client has left.
const RETRY: Duration = Duration::from_secs(1);
/// How long clients that are being answered have at the end.
const FINISH: Duration = Duration::from_millis(300);

/// The guard, to be run on a thread of its own.
pub struct Guard {
    poll: Poll,
    listener: Option<TcpListener>,
    ready: bool,
    paused_until: Option<Instant>,
    behind: PathBuf,
    share: Share,
    waiting: Waiting,
    clients_max: usize,
    visits: Vec<Option<Box<Visit>>>,
    /// Slots in order of arrival.
    order: VecDeque<usize>,
    /// Slots whose request is complete and waits for a place.
    queued: VecDeque<usize>,
    scratch: Vec<u8>,
    stop: Arc<AtomicBool>,
    finish_by: Option<Instant>,
}

/// Ends a guard.
pub struct GuardStop {
    stop: Arc<AtomicBool>,
    waker: Waker,
}

impl GuardStop {
    /// Takes no more clients; those that are being answered have a moment.
    pub fn stop(&self) {
        self.stop.store(true, Relaxed);
        let _ = self.waker.wake();
    }
}

impl Guard {
    /// A guard before the private socket `behind`, for at most `clients_max` clients, itself at most [`HTTP_CONNECTIONS_MAX`];
    /// `share` and `waiting` are those of the site behind it.
    pub fn new(
        mut listener: TcpListener,
        behind: PathBuf,
        share: Share,
        waiting: Waiting,
        clients_max: usize,
    ) -> io::Result<(Guard, GuardStop)> {
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let stop = Arc::new(AtomicBool::new(false));
        let handle = GuardStop { stop: stop.clone(), waker: Waker::new(poll.registry(), STOP)? };
        let guard = Guard {
            poll,
            listener: Some(listener),
            ready: false,
            paused_until: None,
            behind,
            share,
            waiting,
            clients_max: clients_max.clamp(1, HTTP_CONNECTIONS_MAX),
            visits: Vec::new(),
            order: VecDeque::new(),
            queued: VecDeque::new(),
            scratch: vec![0; SCRATCH_BYTES],
            stop,
            finish_by: None,
        };
        Ok((guard, handle))
    }

    /// Runs until it is stopped. The error is one of the poll itself, and means that this guard cannot go on.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(256);
        loop {
            let timeout = self.next_deadline(Instant::now());
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                result => result?,
            }
            let now = Instant::now();
            for event in &events {
                match event.token() {
                    LISTENER => self.ready = true,
                    STOP => {}
                    token => self.note(token, event, now),
                }
            }
            self.expire(now);
            if self.stop.load(Relaxed) && self.is_finished(now) {
                return Ok(());
            }
            self.accept(now);
            self.hand_on(now);
        }
    }

    fn note(&mut self, token: Token, event: &Event, now: Instant) {
        let slot = token.0 / 2;
        let Some(Some(visit)) = self.visits.get_mut(slot) else { return };
        if token.0.is_multiple_of(2) {
            visit.ready.readable |= event.is_readable() || event.is_read_closed();
            visit.ready.writable |= event.is_writable();
            if event.is_write_closed() || event.is_error() {
                visit.phase = Phase::Gone;
            }
        } else {
            visit.ready.upstream_readable |= event.is_readable() || event.is_read_closed();
            visit.ready.upstream_writable |= event.is_writable();
        }
        self.advance(slot, now);
    }

    fn advance(&mut self, slot: usize, now: Instant) {
        let Some(Some(visit)) = self.visits.get_mut(slot) else { return };
        let before = visit.phase;
        visit.advance(&mut Means { scratch: &mut self.scratch, share: &self.share, waiting: &self.waiting, now });
        match visit.phase {
            Phase::Gone => self.close(slot),
            Phase::Queued if before != Phase::Queued => self.queued.push_back(slot),
            _ => {}
        }
    }

    /// Closing the sockets takes them out of the poll.
    fn close(&mut self, slot: usize) {
        if let Some(place) = self.visits.get_mut(slot) {
            *place = None;
        }
        self.order.retain(|other| *other != slot);
        self.queued.retain(|other| *other != slot);
        self.paused_until = None;
    }

    fn accept(&mut self, now: Instant) {
        while self.ready && self.paused_until.is_none() {
            if self.order.len() >= self.clients_max && !self.make_room() {
                // Everybody is being served; the next to leave makes room.
                self.paused_until = Some(now + RETRY);
                return;
            }
            let Some(listener) = &self.listener else { return };
            match listener.accept() {
                Ok((socket, _)) => self.admit(socket, now),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.ready = false,
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => {}
                Err(error) => {
                    warn!("new HTTP connections wait: {error}");
                    self.paused_until = Some(now + RETRY);
                }
            }
        }
    }

    /// When all places are taken, the client that has been at its request for longest goes: slow ones cannot lock others out.
    fn make_room(&mut self) -> bool {
        let unfinished = |slot: &&usize| {
            let visit = self.visits.get(**slot).and_then(Option::as_ref);
            visit.is_some_and(|visit| matches!(visit.phase, Phase::Head | Phase::Body | Phase::Parting))
        };
        match self.order.iter().find(unfinished).copied() {
            Some(slot) => {
                self.close(slot);
                true
            }
            None => false,
        }
    }

    fn admit(&mut self, mut socket: TcpStream, now: Instant) {
        let slot = self.visits.iter().position(Option::is_none).unwrap_or(self.visits.len());
        if self.poll.registry().register(&mut socket, Token(slot * 2), Interest::READABLE | Interest::WRITABLE).is_err() {
            return;
        }
        let _ = socket.set_nodelay(true);
        let visit = Some(Box::new(Visit::new(socket, now)));
        match self.visits.get_mut(slot) {
            Some(place) => *place = visit,
            None => self.visits.push(visit),
        }
        self.order.push_back(slot);
    }

    /// Hands complete requests to tiny_http, as many as have a place, the oldest first.
    fn hand_on(&mut self, now: Instant) {
        while let Some(slot) = self.next_in_line() {
            self.queued.retain(|other| *other != slot);
            let Some(Some(visit)) = self.visits.get_mut(slot) else { continue };
            let upstream = UnixStream::connect(&self.behind).and_then(|mut upstream| {
                self.poll.registry().register(&mut upstream, Token(slot * 2 + 1), Interest::READABLE | Interest::WRITABLE)?;
                Ok(upstream)
            });
            match upstream {
                Ok(upstream) => {
                    visit.ready.upstream_readable = false;
                    visit.ready.upstream_writable = false;
                    visit.forward(upstream);
                }
                Err(error) => {
                    warn!("an HTTP request could not be handed on: {error}");
                    visit.refuse_forwarding(now);
                    self.advance(slot, now);
                }
            }
        }
        if !self.queued.is_empty() {
            self.cut_slow_readers(now);
        }
    }

    /// The first in line that has a place.
    fn next_in_line(&self) -> Option<usize> {
        if self.queued.is_empty() {
            return None;
        }
        let lanes = self.visits.iter().flatten().filter(|visit| visit.upstream.is_some()).map(|visit| visit.lane);
        let (mut health, mut writes, mut others) = (0, 0, 0);
        lanes.for_each(|lane| match lane {
            Lane::Health => health += 1,
            Lane::Read => others += 1,
            Lane::Write | Lane::Copy => writes += 1,
        });
        let has_place = |lane| match lane {
            Lane::Health => health < HTTP_HEALTH_IN_FLIGHT_MAX,
            Lane::Read => others + writes < HTTP_IN_FLIGHT_MAX,
            Lane::Write | Lane::Copy => others + writes < HTTP_IN_FLIGHT_MAX && writes < HTTP_WRITES_IN_FLIGHT_MAX,
        };
        let lane_of = |slot: usize| self.visits.get(slot).and_then(Option::as_ref).map(|visit| visit.lane);
        // Whoever is gone has every place.
        self.queued.iter().copied().find(|slot| lane_of(*slot).is_none_or(has_place))
    }

    /// Others wait: who takes an answer slowly gives its place up.
    fn cut_slow_readers(&mut self, now: Instant) {
        for slot in 0..self.visits.len() {
            if self.visits.get(slot).and_then(Option::as_ref).is_some_and(|visit| visit.is_slow_reader(now)) {
                self.close(slot);
            }
        }
    }

    /// How long to sleep; `None`: until something happens.
    fn next_deadline(&self, now: Instant) -> Option<Duration> {
        let visits = self.visits.iter().flatten().filter_map(|visit| visit.deadline);
        let paused = self.paused_until.filter(|_| self.ready);
        // Slow readers are looked at again while somebody waits for a place.
        let queued = (!self.queued.is_empty()).then(|| now + RETRY);
        visits.chain(paused).chain(self.finish_by).chain(queued).min().map(|at| at.saturating_duration_since(now))
    }

    fn expire(&mut self, now: Instant) {
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = None;
        }
        for slot in 0..self.visits.len() {
            if let Some(Some(visit)) = self.visits.get_mut(slot)
                && visit.deadline.is_some_and(|deadline| deadline <= now)
            {
                visit.expire(now);
                self.advance(slot, now);
            }
        }
    }

    /// After it was told to stop: whether everybody has an answer, or the time for it is over.
    fn is_finished(&mut self, now: Instant) -> bool {
        self.listener = None;
        self.ready = false;
        let by = *self.finish_by.get_or_insert(now + FINISH);
        let served = |visit: &Visit| matches!(visit.phase, Phase::Queued | Phase::Forwarding | Phase::Answering);
        now >= by || !self.visits.iter().flatten().any(|visit| served(visit))
    }
}
