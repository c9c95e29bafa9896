//! What the engine can be told: requests that reactors (and the HTTP front) decoded, the outcome of plans, and what cold
//! readers found. The simulator speaks the same language.

use crate::base::budget::Charge;
use crate::base::ids::{ConnId, PartId};
use crate::base::text::Text;
use crate::mail::view::Question;
use crate::store::plan::{Image, Plan};
use crate::store::seam::Kept;
use crate::wire::batch::{BatchError, CheckedBatch};
use crate::wire::message::Request;
use std::sync::Arc;
use std::time::Duration;

/// Where an answer belongs: the connection, and the request's number on it. A connection's answers leave in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReplyTo {
    /// The connection.
    pub conn: ConnId,
    /// Requests of this connection count up from 0.
    pub seq: u64,
}

/// What the engine may need to know of a connection; made once, when it is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Where it comes from, as Kafka prints it in group descriptions ("/127.0.0.1").
    pub host: Text,
    /// The host that this client is told to connect to: `server.advertised_addr`, else the address it reached us on.
    pub advertised_host: Text,
    /// The port that goes with it.
    pub advertised_port: i32,
}

/// One decoded request.
#[derive(Debug)]
pub struct Envelope {
    /// Where the answer goes.
    pub to: ReplyTo,
    /// The version of the request, within the range that is advertised for its key.
    pub api_version: i16,
    /// The number by which the client finds the answer.
    pub correlation_id: i32,
    /// `client_id` of the header.
    pub client_id: Option<Text>,
    /// The connection it came by.
    pub peer: Arc<Peer>,
    /// The request itself. A Produce has had its records taken out (`None`), they are in `batches`.
    pub request: Request,
    /// Of a Produce: what became of each partition's records when the reactor checked them, in the order of the request
    /// (topics, then partitions). Empty for all else.
    pub batches: Vec<Result<CheckedBatch, BatchError>>,
    /// What pays for the lists of the request while it waits for the engine, where they are long.
    pub charge: Option<Charge>,
    /// Of a Produce: take all of it in one plan, or none. Otherwise each partition is judged for itself.
    pub is_atomic: bool,
}

/// A plan comes back from the storage thread.
#[derive(Debug)]
pub struct Outcome {
    /// The plan, as it was sent.
    pub plan: Plan,
    /// What became of it.
    pub result: Result<(), Refusal>,
    /// How long the storage thread rests at most, so that those who are answered now may be part of the next plan; it takes none before it
    /// has said [`Input::Rested`].
    pub rest: Option<Duration>,
}

/// Why a plan was not committed.
#[derive(Debug)]
pub enum Refusal {
    /// No room on the disk. The durable state was loaded again, for the engine to start over from.
    Full(Box<Image>),
    /// The store is broken: the broker answers what waits and ends.
    Fatal,
}

/// The closed list of what the engine reacts to.
#[derive(Debug)]
pub enum Input {
    /// A request.
    Request(Box<Envelope>),
    /// A question of the HTTP side; answered by `Output::View`.
    Question {
        /// Where the answer goes.
        to: ReplyTo,
        /// What is asked.
        question: Question,
    },
    /// A connection is gone; what it waits for can be forgotten.
    Disconnected(ConnId),
    /// A plan was committed or refused.
    Committed(Box<Outcome>),
    /// The storage thread takes plans again.
    Rested,
    /// Whether the disk has room: the answer to `Output::Probe`, or what the store found out by itself.
    Room(bool),
    /// The answer to a retention job of cold.
    Retained {
        /// The partition that was looked at.
        part: PartId,
        /// What is to be kept; `None`: nothing of the range asked for.
        kept: Option<Kept>,
        /// The end of the range asked for.
        until: i64,
    },
    /// Orderly end: take no new work, answer what waits, commit, then say `Output::Stopped`.
    Stop,
}

impl Input {
    /// Whether it says that the storage thread takes a plan.
    pub fn is_storage_free(&self) -> bool {
        match self {
            Input::Committed(outcome) => outcome.rest.is_none(),
            Input::Rested => true,
            _ => false,
        }
    }
}
