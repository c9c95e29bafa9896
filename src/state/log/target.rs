//! What a fetch asks for: how it wants to be answered, its partitions, and what it means for sessions. Filled by `fetch`, kept by
//! `sessions` and `waiters`, read by `answer`.

use crate::base::ids::{PartId, PlanNo, Uuid};
use crate::base::text::Text;
use crate::mail::input::ReplyTo;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::fetch::{FetchPartition, FetchTopic};

/// How a fetch wants to be answered.
#[derive(Clone, Debug)]
pub struct FetchParams {
    /// Where the answer goes.
    pub to: ReplyTo,
    /// The number by which the client finds the answer.
    pub correlation_id: i32,
    /// The client's name for itself.
    pub client_id: Option<Text>,
    /// Topics are named by id (v13), not by name.
    pub uses_ids: bool,
    /// How long it may wait, ms.
    pub max_wait_ms: u64,
    /// What is worth an answer, at most `max_bytes`.
    pub min_bytes: usize,
    /// What the answer may hold: the request's bound and the broker's.
    pub max_bytes: usize,
    /// Whether it must hear of aborted transactions.
    pub read_committed: bool,
    /// A random number above 0: the id of a session that this request may open.
    pub session_wish: i32,
    /// The plan that the answer rests on: a deletion that made a topic unknown.
    pub after: PlanNo,
}

/// A topic as requests name it: by id, or by name while the id is zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TopicKey {
    /// The name. Beside an id: empty as long as nobody knows it.
    pub name: Text,
    /// The id.
    pub id: Uuid,
}

impl TopicKey {
    /// As a request names it.
    pub fn of(topic: &FetchTopic, uses_ids: bool) -> TopicKey {
        TopicKey::new(&topic.topic, topic.topic_id, uses_ids)
    }

    /// By its id or by its name.
    pub fn new(name: &Text, id: Uuid, uses_ids: bool) -> TopicKey {
        if uses_ids { TopicKey { name: Text::default(), id } } else { TopicKey { name: name.clone(), id: Uuid::ZERO } }
    }

    /// What two requests for the same topic have in common.
    pub fn key(&self) -> TopicKey {
        TopicKey { name: if self.id.is_zero() { self.name.clone() } else { Text::default() }, id: self.id }
    }

    /// The same, with a name that pins no frame.
    pub fn detached(&self) -> TopicKey {
        TopicKey { name: self.name.detach(), id: self.id }
    }
}

/// Where a partition of a request was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Here.
    Live(PartId),
    /// Nowhere. As in Kafka the request waits for its other partitions, if it has any.
    Unknown(ErrorCode),
    /// It has become another topic of the same name (INCONSISTENT_TOPIC_ID).
    Replaced,
}

/// One partition of a fetch.
#[derive(Clone, Debug)]
pub struct Target {
    /// The topic.
    pub topic: TopicKey,
    /// Index of the partition.
    pub index: i32,
    /// Where it was found.
    pub place: Place,
    /// Where to read from.
    pub fetch_offset: i64,
    /// How many bytes of it the answer may have.
    pub max_bytes: i32,
    /// The leader epoch the client believes in, below 0 for none.
    pub current_leader_epoch: i32,
    /// Its slot in the session.
    pub slot: u32,
    /// Bytes that count towards `min_bytes`.
    pub(super) counted: usize,
}

impl Target {
    /// What a request says of it; it has not been looked up yet.
    pub fn new(topic: TopicKey, partition: &FetchPartition) -> Target {
        Target {
            topic,
            index: partition.partition,
            place: Place::Unknown(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
            fetch_offset: partition.fetch_offset,
            max_bytes: partition.partition_max_bytes,
            current_leader_epoch: partition.current_leader_epoch,
            slot: 0,
            counted: 0,
        }
    }

    /// The partition, where it was found.
    pub fn part(&self) -> Option<PartId> {
        if let Place::Live(part) = self.place { Some(part) } else { None }
    }

    /// How many bytes of it the answer may have.
    pub fn room(&self) -> usize {
        usize::try_from(self.max_bytes).unwrap_or_default()
    }

    /// Counts bytes that can be read, up to the bound of the partition; gives back how many of them count.
    pub fn count(&mut self, size: usize) -> usize {
        let counts = size.min(self.room().saturating_sub(self.counted));
        self.counted += counts;
        counts
    }
}

/// What a request means for sessions (`FetchContext`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// None.
    Without,
    /// A full request that opens one.
    Opening,
    /// An incremental request.
    Running {
        /// The session.
        id: i32,
        /// The epoch after this request; if the session has moved on when it is answered, it was sent twice.
        epoch: i32,
    },
}
