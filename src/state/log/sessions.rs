//! Fetch sessions (KIP-227; Kafka's `FetchSession.scala`): what a client fetches is remembered, so that requests name only
//! changes and answers only news. Asked by `fetch`; bounded in number and in partitions.

use super::fetch::{Target, TopicKey};
use crate::base::ids::PartId;
use crate::base::limits::{FETCH_SESSION_PARTITIONS_MAX, FETCH_SESSIONS_MAX};
use crate::wire::error_code::ErrorCode;
use std::collections::{BTreeSet, HashMap};

/// Kafka's `FetchSession.MIN_INCREMENTAL_FETCH_SESSION_EVICTION_MS`: a session unused for so long is stale, and one younger
/// than this is not given up for a bigger one.
const EVICTION_MS: u64 = 120_000;

/// No session.
pub const NO_SESSION: i32 = 0;
/// Opens a session.
pub const INITIAL_EPOCH: i32 = 0;
/// Closes the session and does without.
pub const FINAL_EPOCH: i32 = -1;

/// The epoch after `epoch`: 2147483647 is followed by 1 (`FetchMetadata.nextEpoch`).
pub fn next_epoch(epoch: i32) -> i32 {
    match epoch {
        i32::MAX => 1,
        epoch if epoch < 0 => FINAL_EPOCH,
        epoch => epoch + 1,
    }
}

/// A partition of a session (`CachedPartition`): what was asked for, and the figures the client was last told.
#[derive(Clone, Debug)]
pub struct Cached {
    /// The topic, by id or by name; the name of an id is filled in when it is first known.
    pub topic: TopicKey,
    /// Index of the partition.
    pub index: i32,
    /// Which partition that was, when it was last looked up.
    pub part: Option<PartId>,
    /// Where to read from.
    pub fetch_offset: i64,
    /// How many bytes of it an answer may have.
    pub max_bytes: i32,
    /// The leader epoch the client believes in.
    pub current_leader_epoch: i32,
    high_watermark: i64,
    log_start: i64,
}

impl Cached {
    /// A partition that the client has been told nothing of.
    pub fn new(target: &Target) -> Cached {
        Cached {
            topic: if target.part().is_some() { target.topic.clone() } else { target.topic.detached() },
            index: target.index,
            part: target.part(),
            fetch_offset: target.fetch_offset,
            max_bytes: target.max_bytes,
            current_leader_epoch: target.current_leader_epoch,
            high_watermark: -1,
            log_start: -1,
        }
    }

    /// Notes what an answer says of the partition; false when it would say nothing new and can leave it out
    /// (`maybeUpdateResponseData`).
    pub fn tell(&mut self, error_code: ErrorCode, high_watermark: i64, log_start: i64, has_records: bool) -> bool {
        let is_news = has_records || error_code.is_error() || self.high_watermark != high_watermark || self.log_start != log_start;
        // After an error it is told again, once the error is over.
        self.high_watermark = if error_code.is_error() { -1 } else { high_watermark };
        self.log_start = log_start;
        is_news
    }
}

/// One session.
#[derive(Debug)]
pub struct Session {
    /// Whether its requests name topics by id (Fetch v13).
    pub uses_ids: bool,
    /// What the next request must carry.
    pub epoch: i32,
    created_ms: u64,
    used_ms: u64,
    counted: usize,
    // Partitions keep their slot; `order` is the order of answers, and names every slot in use once.
    slots: Vec<Option<Cached>>,
    free: Vec<u32>,
    order: Vec<u32>,
    by_key: HashMap<(TopicKey, i32), u32>,
}

impl Session {
    fn new(uses_ids: bool, now_ms: u64) -> Session {
        Session {
            uses_ids,
            epoch: next_epoch(INITIAL_EPOCH),
            created_ms: now_ms,
            used_ms: now_ms,
            counted: 0,
            slots: Vec::new(),
            free: Vec::new(),
            order: Vec::new(),
            by_key: HashMap::new(),
        }
    }

    /// How many partitions it has.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Adds a partition, or takes over what is now asked of it.
    pub fn put(&mut self, target: &Target) {
        let known = self.by_key.get(&(target.topic.key(), target.index)).copied();
        if let Some(cached) = known.and_then(|slot| self.slot(slot)) {
            cached.fetch_offset = target.fetch_offset;
            cached.max_bytes = target.max_bytes;
            cached.current_leader_epoch = target.current_leader_epoch;
        } else {
            self.insert(Cached::new(target));
        }
    }

    fn insert(&mut self, cached: Cached) {
        let key = (cached.topic.key(), cached.index);
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            (self.slots.len() - 1) as u32
        });
        self.slots[slot as usize] = Some(cached);
        self.by_key.insert(key, slot);
        self.order.push(slot);
    }

    /// Drops partitions; `topic` as the request names it.
    pub fn forget(&mut self, topic: &TopicKey, indexes: &[i32]) {
        let mut gone = BTreeSet::new();
        for index in indexes {
            if let Some(slot) = self.by_key.remove(&(topic.clone(), *index)) {
                self.slots[slot as usize] = None;
                self.free.push(slot);
                gone.insert(slot);
            }
        }
        if !gone.is_empty() {
            self.order.retain(|slot| !gone.contains(slot));
        }
    }

    /// Its partitions with their slots, in the order of answers.
    pub fn partitions(&self) -> impl Iterator<Item = (u32, &Cached)> {
        self.order.iter().filter_map(|slot| Some((*slot, self.slots[*slot as usize].as_ref()?)))
    }

    /// The partition in a slot that `partitions` gave out, as long as the epoch is the same.
    pub fn slot(&mut self, slot: u32) -> Option<&mut Cached> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    /// Puts these slots last: who was served waits for the others next time.
    pub fn served(&mut self, slots: &BTreeSet<u32>) {
        if !slots.is_empty() {
            self.order.sort_by_key(|slot| slots.contains(slot));
        }
    }
}

/// All sessions.
#[derive(Debug, Default)]
pub struct Sessions {
    by_id: HashMap<i32, Session>,
    // When and how big, for eviction: stale ones first, else the smallest that is not young.
    by_use: BTreeSet<(u64, i32)>,
    evictable: BTreeSet<(usize, i32)>,
    partitions: usize,
}

impl Sessions {
    /// The session with this id.
    pub fn get(&mut self, id: i32) -> Option<&mut Session> {
        self.by_id.get_mut(&id)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Opens a session over the partitions of an answer and gives its id: `wish`, or the next number that is free. [`NO_SESSION`]
    /// when the cache is full of sessions that are worth more.
    pub fn open(&mut self, wish: i32, uses_ids: bool, cached: Vec<Cached>, now_ms: u64) -> i32 {
        if self.partitions + cached.len() > FETCH_SESSION_PARTITIONS_MAX {
            return NO_SESSION;
        }
        if self.by_id.len() >= FETCH_SESSIONS_MAX && !self.evict_for(cached.len(), now_ms) {
            return NO_SESSION;
        }
        let mut id = wish.max(1);
        while self.by_id.contains_key(&id) {
            id = next_epoch(id);
        }
        let mut session = Session::new(uses_ids, now_ms);
        cached.into_iter().for_each(|cached| session.insert(cached));
        self.by_use.insert((now_ms, id));
        self.by_id.insert(id, session);
        self.touch(id, now_ms);
        id
    }

    // `FetchSessionCacheShard.tryEvict`, without the sessions of followers.
    fn evict_for(&mut self, size: usize, now_ms: u64) -> bool {
        let Some(&(used_ms, oldest)) = self.by_use.first() else { return false };
        if now_ms.saturating_sub(used_ms) > EVICTION_MS {
            return self.close(oldest);
        }
        match self.evictable.first() {
            Some(&(smallest, id)) if size > smallest => self.close(id),
            _ => false,
        }
    }

    /// Notes that a session was used, and how big it has become. False when that is too much for the cache: it is closed.
    pub fn touch(&mut self, id: i32, now_ms: u64) -> bool {
        let Some(session) = self.by_id.get_mut(&id) else { return false };
        self.by_use.remove(&(session.used_ms, id));
        self.evictable.remove(&(session.counted, id));
        self.partitions = self.partitions - session.counted + session.len();
        session.used_ms = now_ms;
        session.counted = session.len();
        self.by_use.insert((now_ms, id));
        if now_ms.saturating_sub(session.created_ms) > EVICTION_MS {
            self.evictable.insert((session.counted, id));
        }
        if self.partitions > FETCH_SESSION_PARTITIONS_MAX {
            self.close(id);
            return false;
        }
        true
    }

    /// Closes a session; false when there is none.
    pub fn close(&mut self, id: i32) -> bool {
        let Some(session) = self.by_id.remove(&id) else { return false };
        self.by_use.remove(&(session.used_ms, id));
        self.evictable.remove(&(session.counted, id));
        self.partitions -= session.counted;
        true
    }
}
