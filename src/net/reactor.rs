//! The loop of one reactor thread: events from sockets, mail from the engine and the cold readers, and the few deadlines that
//! exist only while something is short. Without any of these it sleeps, without a time-out.

use super::accept::Acceptor;
use super::conn::{After, Conn, Ending};
use super::decode::java_host;
use super::faults::Faults;
use super::frame::{Means, SCRATCH_BYTES};
use super::shared::Shared;
use crate::base::ids::ConnId;
use crate::base::limits::OVERSIZE_STALL_MS;
use crate::base::metrics;
use crate::base::text::Text;
use crate::mail::input::{Input, Peer};
use crate::mail::mailbox::{ReactorInbox, ReactorMail, ReactorSender, Urgency, reactor_mailbox};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, SeqCst};
use std::time::{Duration, Instant};

const MAIL: Token = Token(usize::MAX);
const LISTENER: Token = Token(usize::MAX - 1);
/// How often those who wait for memory look again, when neither mail nor an event comes: memory is given back on any thread,
/// without a word. Doubles up to the second figure while nothing is to be had.
const STARVED_RETRY: [Duration; 2] = [Duration::from_millis(2), Duration::from_millis(64)];
/// How often the other reactors are asked to close what is slow, while somebody waits for memory.
const SQUEEZE_EVERY: Duration = Duration::from_secs(1);
/// How long a peer that has finished sending may wait for its last answers.
const LINGER: Duration = Duration::from_secs(1);
/// How often output that waits for its peer is looked at.
const WATCH_EVERY: Duration = Duration::from_secs(2);
/// How long the last answers may take to be written at the end.
const FINISH: Duration = Duration::from_millis(500);

/// One reactor, to be run on a thread of its own.
pub struct Reactor {
    index: u16,
    poll: Poll,
    inbox: ReactorInbox,
    shared: Arc<Shared>,
    conns: Vec<Option<Box<Conn>>>,
    free: Vec<u32>,
    generation: u64,
    acceptor: Option<Acceptor>,
    reactors: Arc<[ReactorSender]>,
    /// Connections that have something to do now.
    queue: VecDeque<ConnId>,
    /// Connections that wait for memory or room.
    starved: VecDeque<ConnId>,
    starved_retry: Option<(Instant, Duration)>,
    squeezed_at: Option<Instant>,
    /// Connections whose peer has finished sending: when to look again, and how many requests had been taken then.
    lingering: VecDeque<(Instant, ConnId, u64)>,
    /// Connections with unwritten output: when to look at them again, and how often somebody had found too little memory until then.
    watched: VecDeque<(Instant, ConnId, usize)>,
    /// Connections with a frame in a lane.
    in_lane: Vec<ConnId>,
    faults: Faults,
    scratch: Vec<u8>,
    draining: bool,
    finish_by: Option<Instant>,
}

/// Makes reactors and the ends to write to them, in order.
pub fn build(count: usize, shared: &Arc<Shared>) -> io::Result<(Vec<Reactor>, Arc<[ReactorSender]>)> {
    let mut parts = Vec::with_capacity(count);
    let mut senders = Vec::with_capacity(count);
    for _ in 0..count {
        let poll = Poll::new()?;
        let (sender, inbox) = reactor_mailbox(poll.registry(), MAIL)?;
        senders.push(sender);
        parts.push((poll, inbox));
    }
    let senders: Arc<[ReactorSender]> = senders.into();
    let reactors = parts.into_iter().zip(0..).map(|((poll, inbox), index)| Reactor {
        index,
        poll,
        inbox,
        shared: shared.clone(),
        conns: Vec::new(),
        free: Vec::new(),
        generation: 0,
        acceptor: None,
        reactors: senders.clone(),
        queue: VecDeque::new(),
        starved: VecDeque::new(),
        starved_retry: None,
        squeezed_at: None,
        lingering: VecDeque::new(),
        watched: VecDeque::new(),
        in_lane: Vec::new(),
        faults: Faults::default(),
        scratch: vec![0; SCRATCH_BYTES],
        draining: false,
        finish_by: None,
    });
    Ok((reactors.collect(), senders.clone()))
}

impl Reactor {
    /// Lets this reactor accept from `listener` and deal to all. For the first one only.
    pub fn listen(&mut self, listener: TcpListener) -> io::Result<()> {
        let mut acceptor = Acceptor::new(listener);
        self.poll.registry().register(acceptor.listener(), LISTENER, Interest::READABLE)?;
        self.acceptor = Some(acceptor);
        Ok(())
    }

    /// Runs until told to finish. The error is one of the poll itself, and means that this reactor cannot go on.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(256);
        loop {
            let timeout = self.next_deadline(Instant::now());
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            }
            let now = Instant::now();
            let mut mail = false;
            for event in &events {
                match event.token() {
                    MAIL => mail = true,
                    LISTENER => self.acceptor.iter_mut().for_each(Acceptor::note),
                    Token(slot) => self.note(slot, event),
                }
            }
            if mail {
                let letters: Vec<ReactorMail> = self.inbox.take().collect();
                letters.into_iter().for_each(|letter| self.read_mail(letter, now));
            }
            self.accept(now);
            self.deadlines(now);
            self.turns(now);
            if self.is_finished(now) {
                return Ok(());
            }
        }
    }

    fn note(&mut self, slot: usize, event: &mio::event::Event) {
        let Some(Some(conn)) = self.conns.get_mut(slot) else { return };
        let id = conn.id;
        if conn.note(event) {
            self.enqueue(id);
        } else {
            self.close(id, Ending::Left);
        }
    }

    fn read_mail(&mut self, letter: ReactorMail, now: Instant) {
        match letter {
            ReactorMail::Connection(socket) => self.adopt(socket, now),
            ReactorMail::Answer { to, response, charge } => {
                let shared = self.shared.clone();
                if let Some(conn) = self.conn(to.conn) {
                    conn.answer(to.seq, response, charge, &shared);
                    self.enqueue(to.conn);
                }
            }
            ReactorMail::View { .. } => {}
            ReactorMail::Close(id) => self.close(id, Ending::Left),
            ReactorMail::Squeeze => self.squeeze(now),
            ReactorMail::Accept => self.acceptor.iter_mut().for_each(Acceptor::resume),
            ReactorMail::Drain(done) => {
                self.acceptor = None;
                self.draining = true;
                // What was read is with the engine, nothing more will be: that is all the other side waits for.
                drop(done);
            }
            ReactorMail::Finish => self.finish_by = Some(now + FINISH),
        }
    }

    /// Takes in a connection that was dealt to this reactor.
    fn adopt(&mut self, mut socket: TcpStream, now: Instant) {
        metrics::CONNECTIONS_ACCEPTED.add(1);
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.conns.push(None);
                (self.conns.len() - 1) as u32
            }
        };
        let both = Interest::READABLE | Interest::WRITABLE;
        let made = socket.peer_addr().and_then(|address| {
            let peer = self.peer(&socket, address)?;
            self.poll.registry().register(&mut socket, Token(slot as usize), both)?;
            Ok((address, peer))
        });
        let place = self.conns.get_mut(slot as usize);
        match (made, place) {
            (Ok((address, peer)), Some(place)) if !self.draining => {
                self.generation += 1;
                let id = ConnId { reactor: self.index, slot, generation: self.generation };
                *place = Some(Box::new(Conn::new(id, socket, address, peer, now)));
            }
            // It is gone already, or came too late.
            _ => {
                self.free.push(slot);
                drop(socket);
                self.count_out();
            }
        }
    }

    fn peer(&self, socket: &TcpStream, address: std::net::SocketAddr) -> io::Result<Arc<Peer>> {
        let (advertised_host, advertised_port) = match &self.shared.advertised {
            Some((host, port)) => (host.clone(), *port),
            None => {
                let local = socket.local_addr()?;
                (Text::from(local.ip().to_canonical().to_string()), i32::from(local.port()))
            }
        };
        Ok(Arc::new(Peer { host: java_host(address.ip()), advertised_host, advertised_port }))
    }

    fn accept(&mut self, now: Instant) {
        let Some(mut acceptor) = self.acceptor.take() else { return };
        let (shared, reactors) = (self.shared.clone(), self.reactors.clone());
        acceptor.turn(&shared, reactors.len(), now, |reactor, socket| match reactors.get(reactor) {
            Some(other) if reactor != usize::from(self.index) => other.send(ReactorMail::Connection(socket)),
            _ => self.adopt(socket, now),
        });
        self.acceptor = Some(acceptor);
    }

    fn conn(&mut self, id: ConnId) -> Option<&mut Conn> {
        self.conns.get_mut(id.slot as usize)?.as_deref_mut().filter(|conn| conn.id == id)
    }

    fn enqueue(&mut self, id: ConnId) {
        if let Some(conn) = self.conn(id)
            && !std::mem::replace(&mut conn.queued, true)
        {
            self.queue.push_back(id);
        }
    }

    /// Gives every connection that has something to do one turn.
    fn turns(&mut self, now: Instant) {
        let mut urgency = Urgency::None;
        for _ in 0..self.queue.len() {
            let Some(id) = self.queue.pop_front() else { break };
            let Some(Some(conn)) = self.conns.get_mut(id.slot as usize) else { continue };
            if conn.id != id {
                continue;
            }
            conn.queued = false;
            let Shared { budget, oversize, rescue, request_bytes_max, .. } = &*self.shared;
            let mut means = Means { scratch: &mut self.scratch, budget, oversize, rescue, frame_bytes_max: *request_bytes_max, now };
            let after = conn.turn(&self.shared, &mut means, self.draining, &mut urgency);
            if conn.lane_progress().is_some() && !self.in_lane.contains(&id) {
                self.in_lane.push(id);
            }
            match after {
                After::Waits => {
                    if !conn.is_flushed() && !std::mem::replace(&mut conn.watched, true) {
                        self.watched.push_back((now + WATCH_EVERY, id, budget.refusals()));
                    }
                    if conn.is_abandoned() && !std::mem::replace(&mut conn.lingering, true) {
                        self.lingering.push_back((now + LINGER, id, conn.requests()));
                    }
                }
                After::Again => self.enqueue(id),
                After::Starved => {
                    if !std::mem::replace(&mut conn.starved, true) {
                        self.starved.push_back(id);
                    }
                }
                After::Closes(ending) => self.close(id, ending),
            }
        }
        self.shared.engine.ring(urgency);
    }

    fn close(&mut self, id: ConnId, ending: Ending) {
        let place = self.conns.get_mut(id.slot as usize);
        let Some(mut conn) = place.and_then(|place| place.take_if(|conn| conn.id == id)) else { return };
        // Closing the file takes it out of the poll as well.
        let _ = self.poll.registry().deregister(&mut conn.socket);
        self.free.push(id.slot);
        if conn.requests() > 0 {
            self.shared.engine.send(Input::Disconnected(id));
        }
        if let Ending::Fault(why) = ending {
            metrics::CONNECTIONS_FAULTED.add(1);
            self.faults.closed(&conn.address, &why, Instant::now());
        }
        drop(conn);
        self.count_out();
    }

    fn count_out(&self) {
        self.shared.connections.fetch_sub(1, SeqCst);
        if self.shared.accept_paused.swap(false, AcqRel)
            && let Some(first) = self.reactors.first()
        {
            first.send(ReactorMail::Accept);
        }
    }

    fn is_memory_short(&self) -> bool {
        self.shared.budget.left_bytes() < SCRATCH_BYTES
    }

    /// Closes frames that come too slowly; where only a lane is wanted, those that are slow in there.
    fn squeeze(&mut self, now: Instant) {
        let is_short = self.is_memory_short();
        let burdens = self.conns.iter().flatten().filter(|conn| conn.is_slow(now) && (is_short || conn.lane_progress().is_some()));
        let burdens: Vec<ConnId> = burdens.map(|conn| conn.id).collect();
        for id in burdens {
            self.close(id, Ending::Fault("too slow, while others wait for memory".to_string()));
        }
    }

    /// How long to sleep; `None`: until something happens.
    fn next_deadline(&self, now: Instant) -> Option<Duration> {
        if !self.queue.is_empty() {
            return Some(Duration::ZERO);
        }
        let lane = self.in_lane.iter().filter_map(|id| self.lane_deadline(*id)).min();
        let accept = self.acceptor.as_ref().and_then(|acceptor| acceptor.due(now));
        let linger = self.lingering.front().map(|(at, ..)| *at);
        let watch = self.watched.front().map(|(at, ..)| *at);
        let starved = (!self.starved.is_empty()).then(|| self.starved_retry.map_or(now + STARVED_RETRY[0], |(at, _)| at));
        [lane, accept, linger, watch, starved, self.finish_by].into_iter().flatten().min().map(|at| at.saturating_duration_since(now))
    }

    fn lane_deadline(&self, id: ConnId) -> Option<Instant> {
        let conn = self.conns.get(id.slot as usize)?.as_ref().filter(|conn| conn.id == id)?;
        Some(conn.lane_progress()? + Duration::from_millis(OVERSIZE_STALL_MS))
    }

    fn deadlines(&mut self, now: Instant) {
        let mut in_lane = std::mem::take(&mut self.in_lane);
        in_lane.retain(|id| match self.lane_deadline(*id) {
            Some(deadline) if deadline <= now => {
                self.close(*id, Ending::Fault("a large frame that stopped coming".to_string()));
                false
            }
            deadline => deadline.is_some(),
        });
        self.in_lane = in_lane;
        while let Some((_, id, requests)) = self.lingering.pop_front_if(|(at, ..)| *at <= now) {
            let Some(conn) = self.conn(id) else { continue };
            if conn.is_abandoned() && conn.requests() == requests {
                self.close(id, Ending::Left);
            } else {
                // It got on meanwhile; its next turn says whether to look again.
                conn.lingering = false;
                self.enqueue(id);
            }
        }
        while let Some((_, id, refusals)) = self.watched.pop_front_if(|(at, ..)| *at <= now) {
            let refusals_now = self.shared.budget.refusals();
            let Some(conn) = self.conn(id) else { continue };
            if conn.is_flushed() {
                conn.watched = false;
            } else if refusals != refusals_now && conn.is_stalled(now) {
                self.close(id, Ending::Fault("does not take its answers, while others wait for memory".to_string()));
            } else {
                self.watched.push_back((now + WATCH_EVERY, id, refusals_now));
            }
        }
        self.retry_starved(now);
    }

    /// Lets those who wait for memory try again: with every turn of the loop, since an answer that left may have freed some.
    fn retry_starved(&mut self, now: Instant) {
        if self.starved.is_empty() {
            self.starved_retry = None;
            return;
        }
        let (at, pause) = self.starved_retry.unwrap_or((now, STARVED_RETRY[0]));
        let pause = if at <= now { (pause * 2).min(STARVED_RETRY[1]) } else { pause };
        self.starved_retry = Some((now + pause, pause));
        if self.squeezed_at.is_none_or(|last| now.saturating_duration_since(last) >= SQUEEZE_EVERY) {
            self.squeezed_at = Some(now);
            self.squeeze(now);
            let others = self.reactors.iter().zip(0..).filter(|(_, index)| *index != self.index);
            others.for_each(|(other, _)| other.send(ReactorMail::Squeeze));
        }
        for id in std::mem::take(&mut self.starved) {
            if let Some(conn) = self.conn(id) {
                conn.starved = false;
            }
            self.enqueue(id);
        }
    }

    /// Whether it was told to finish and has written everything, or the time for it is over.
    fn is_finished(&self, now: Instant) -> bool {
        self.finish_by.is_some_and(|by| now >= by || self.conns.iter().flatten().all(|conn| conn.is_flushed()))
    }
}
