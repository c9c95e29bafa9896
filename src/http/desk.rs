//! One HTTP thread's way to the engine: it sends a request as a reactor does, under a connection of its own, and waits for the
//! answer in a mailbox of its own. Used by `serve`'s threads; the mailboxes stand behind those of the reactors.

use super::reply::Reply;
use crate::base::budget::Charge;
use crate::base::ids::ConnId;
use crate::base::limits::HTTP_ANSWER_MS;
use crate::base::text::Text;
use crate::mail::input::{Envelope, Input, Peer, ReplyTo};
use crate::mail::mailbox::{EngineSender, ReactorInbox, ReactorMail, ReactorSender, reactor_mailbox};
use crate::mail::view::{Question, View};
use crate::wire::batch::{BatchError, CheckedBatch};
use crate::wire::error_code::ErrorCode;
use crate::wire::message::{Request, Response};
use mio::{Events, Poll, Token};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

const MAIL: Token = Token(0);
/// Where HTTP clients come from, as far as the engine knows: the guard alone sees their addresses.
const HOST: Text = Text::from_static("/127.0.0.1");
/// What the requests of this side are called.
const CLIENT_ID: Text = Text::from_static("monolog-http");

/// One thread's place.
pub struct Desk {
    engine: EngineSender,
    poll: Poll,
    events: Events,
    inbox: ReactorInbox,
    conn: ConnId,
    seq: u64,
    peer: Arc<Peer>,
}

impl Desk {
    /// A desk whose mailbox has this number among those that the engine writes to, and the end to write to it.
    pub fn new(number: u16, engine: EngineSender) -> io::Result<(Desk, ReactorSender)> {
        let poll = Poll::new()?;
        let (sender, inbox) = reactor_mailbox(poll.registry(), MAIL)?;
        let peer = Arc::new(Peer { host: HOST, advertised_host: Text::default(), advertised_port: 0 });
        let conn = ConnId { reactor: number, slot: 0, generation: 1 };
        Ok((Desk { engine, poll, events: Events::with_capacity(4), inbox, conn, seq: 0, peer }, sender))
    }

    /// Has a request decided.
    pub fn ask(&mut self, api_version: i16, request: Request) -> Result<Response, Reply> {
        self.send(api_version, request, Vec::new())
    }

    /// Has batches appended, all of them in one commit or none.
    pub fn append(&mut self, api_version: i16, request: Request, batches: Vec<CheckedBatch>) -> Result<Response, Reply> {
        self.send(api_version, request, batches.into_iter().map(Ok).collect())
    }

    /// Has a question answered; with what pays for a long answer.
    pub fn look(&mut self, question: Question) -> Result<(View, Option<Charge>), Reply> {
        let to = self.next()?;
        self.engine.send(Input::Question { to, question });
        match self.wait(to)? {
            Heard::View(View::Refused, _) => {
                Err(Reply::kafka(ErrorCode::KAFKA_STORAGE_ERROR, "the store refused what the answer rests on"))
            }
            Heard::View(view, charge) => Ok((view, charge)),
            Heard::Answer(_) => Err(Reply::kafka(ErrorCode::UNKNOWN_SERVER_ERROR, "the broker answered something else")),
        }
    }

    fn send(&mut self, api_version: i16, request: Request, batches: Vec<Result<CheckedBatch, BatchError>>) -> Result<Response, Reply> {
        let to = self.next()?;
        let envelope = Envelope {
            to,
            api_version,
            correlation_id: to.seq as i32,
            client_id: Some(CLIENT_ID),
            peer: self.peer.clone(),
            request,
            batches,
            charge: None,
            is_atomic: true,
        };
        self.engine.send(Input::Request(Box::new(envelope)));
        match self.wait(to)? {
            Heard::Answer(Some(response)) => Ok(*response),
            _ => Err(Reply::kafka(ErrorCode::UNKNOWN_SERVER_ERROR, "the broker answered something else")),
        }
    }

    fn next(&mut self) -> Result<ReplyTo, Reply> {
        if !self.engine.has_room() {
            return Err(Reply::kafka(ErrorCode::REQUEST_TIMED_OUT, "too many requests wait for the broker"));
        }
        self.seq += 1;
        Ok(ReplyTo { conn: self.conn, seq: self.seq })
    }

    /// Waits for the answer. Who has waited too long is another connection from then on, so that it hears nothing of the past.
    fn wait(&mut self, to: ReplyTo) -> Result<Heard, Reply> {
        let deadline = Instant::now() + Duration::from_millis(HTTP_ANSWER_MS);
        loop {
            // Mail that is older than the question was for another.
            let heard = self.inbox.take().find_map(|mail| match mail {
                ReactorMail::Answer { to: whose, response, .. } if whose == to => Some(Heard::Answer(response.map(Box::new))),
                ReactorMail::View { to: whose, view, charge } if whose == to => Some(Heard::View(view, charge)),
                _ => None,
            });
            if let Some(heard) = heard {
                return Ok(heard);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.engine.send(Input::Disconnected(self.conn));
                self.conn.generation += 1;
                let message = "the broker did not answer in time; whether a write was done is not known";
                return Err(Reply::kafka(ErrorCode::REQUEST_TIMED_OUT, message));
            }
            // Interrupted or not: the mailbox says what there is.
            let _ = self.poll.poll(&mut self.events, Some(left));
        }
    }
}

/// What came.
enum Heard {
    Answer(Option<Box<Response>>),
    View(View, Option<Charge>),
}
