//! Fetch sessions (KIP-227; Kafka's `FetchSession.scala`): what a client fetches is remembered, so that requests name only
//! changes and answers only news. Asked by `fetch`; bounded in number and in partitions.

use super::target::{Place, Target, TopicKey};
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

    /// What is asked of it now, in this slot of its session.
    pub fn target(&self, slot: u32) -> Target {
        Target {
            topic: self.topic.clone(),
            index: self.index,
            place: self.part.map_or(Place::Unknown(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION), Place::Live),
            fetch_offset: self.fetch_offset,
            max_bytes: self.max_bytes,
            current_leader_epoch: self.current_leader_epoch,
            slot,
            counted: 0,
        }
    }

    /// Notes what an answer says of the partition; false when it would say nothing new and can leave it out
    /// (`maybeUpdateResponseData`).
    pub fn tell(&mut self, error_code: ErrorCode, high_watermark: i64, log_start: i64, has_records: bool) -> bool {
        let is_news = has_records || error_code.is_error() || self.high_watermark != high_watermark || self.log_start != log_start;
        // With an error both are -1, so that the partition is told again once the error is over.
        (self.high_watermark, self.log_start) = (high_watermark, log_start);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::Uuid;
    use crate::base::limits::TOPIC_NAME_CHARS_MAX;
    use crate::state::log::testing::{Rig, bases, by_ids, entries, request, waiting};
    use crate::wire::message::fetch::{FetchRequest, FetchResponse, ForgottenTopic};

    /// The next request of a session: what changes, and what is dropped.
    fn incremental(id: i32, epoch: i32, changes: FetchRequest, drops: &[(&str, &[i32])]) -> FetchRequest {
        let by_id = changes.topics.iter().any(|topic| !topic.topic_id.is_zero());
        let drop = |&(name, partitions): &(&str, &[i32])| ForgottenTopic {
            topic: name.into(),
            topic_id: if by_id { Uuid([name.as_bytes()[0]; 16]) } else { Uuid::ZERO },
            partitions: partitions.to_vec(),
        };
        FetchRequest { session_id: id, session_epoch: epoch, forgotten_topics_data: drops.iter().map(drop).collect(), ..changes }
    }

    fn open(topics: &[(&str, &[(i32, i64)])]) -> FetchRequest {
        FetchRequest { session_epoch: INITIAL_EPOCH, ..request(topics) }
    }

    fn told(response: &FetchResponse) -> Vec<(i32, Vec<i64>)> {
        entries(response).iter().map(|(_, data)| (data.partition_index, bases(data))).collect()
    }

    fn next(rig: &mut Rig, epoch: i32, changes: &[(&str, &[(i32, i64)])], drops: &[(&str, &[i32])]) -> FetchResponse {
        rig.read(incremental(77, epoch, request(changes), drops))
    }

    #[test]
    fn an_incremental_answer_tells_only_news() {
        let mut rig = Rig::new();
        let parts = rig.created("t", 3, &[]);
        rig.stored(parts[1], 2);
        let full = rig.read(open(&[("t", &[(0, 0), (1, 0), (2, 0)])]));
        assert_eq!((full.session_id, told(&full)), (77, vec![(0, vec![]), (1, vec![0]), (2, vec![])]));
        let quiet = next(&mut rig, 1, &[("t", &[(1, 2)])], &[]);
        assert_eq!((quiet.session_id, quiet.error_code, told(&quiet)), (77, ErrorCode::NONE, vec![]));
        rig.stored(parts[2], 1);
        assert_eq!(told(&next(&mut rig, 2, &[], &[])), [(2, vec![0])]);
        assert_eq!(told(&next(&mut rig, 3, &[], &[])), [(2, vec![0])], "records are told as long as the offset stays");
        // A changed high watermark is news even where no record fits, as is a log start.
        rig.stored(parts[0], 1);
        let mut cramped = incremental(77, 4, request(&[("t", &[(2, 1), (0, 1)])]), &[]);
        cramped.max_bytes = 0;
        assert_eq!(told(&rig.read(cramped)), [(0, vec![])]);
        assert_eq!(told(&next(&mut rig, 5, &[], &[])), []);
        rig.fx.row(crate::store::plan::Op::SetLogStart { part: parts[0], log_start: 1 });
        rig.commit();
        assert_eq!(told(&next(&mut rig, 6, &[], &[])), [(0, vec![])]);
        assert_eq!(told(&next(&mut rig, 7, &[], &[])), []);
    }

    #[test]
    fn partitions_come_and_go() {
        let mut rig = Rig::new();
        let parts = rig.created("t", 3, &[]);
        for part in &parts {
            rig.stored(*part, 1);
        }
        rig.read(open(&[("t", &[(0, 0)])]));
        assert_eq!(told(&next(&mut rig, 1, &[("t", &[(1, 0)])], &[("t", &[0, 9])])), [(1, vec![0])]);
        assert_eq!(told(&next(&mut rig, 2, &[("t", &[(2, 0), (0, 0)])], &[])), [(1, vec![0]), (2, vec![0]), (0, vec![0])]);
        assert_eq!(told(&next(&mut rig, 3, &[], &[("t", &[2])])), [(1, vec![0]), (0, vec![0])]);
        let last = next(&mut rig, 4, &[], &[("t", &[0, 1])]);
        assert_eq!((last.session_id, told(&last)), (0, vec![]), "an empty session is closed");
        assert_eq!(next(&mut rig, 5, &[], &[]).error_code, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    }

    #[test]
    fn who_was_served_goes_last() {
        let mut rig = Rig::new();
        let parts = rig.created("t", 3, &[]);
        rig.read(open(&[("t", &[(0, 0), (1, 0), (2, 0)])]));
        let size = rig.stored(parts[0], 1);
        rig.stored(parts[1], 1);
        rig.stored(parts[2], 1);
        let mut served = |epoch| {
            let mut request = incremental(77, epoch, request(&[]), &[]);
            request.max_bytes = size as i32;
            let answer = rig.read(request);
            told(&answer).into_iter().find(|(_, bases)| !bases.is_empty()).map(|(index, _)| index)
        };
        assert_eq!([1, 2, 3, 4].map(&mut served), [Some(0), Some(1), Some(2), Some(0)]);
    }

    #[test]
    fn epochs_must_follow_one_another() {
        let mut rig = Rig::new();
        rig.created("t", 1, &[]);
        rig.read(open(&[("t", &[(0, 0)])]));
        let wrong = next(&mut rig, 2, &[], &[]);
        assert_eq!((wrong.error_code, wrong.session_id), (ErrorCode::INVALID_FETCH_SESSION_EPOCH, 0));
        assert_eq!(next(&mut rig, 1, &[], &[]).error_code, ErrorCode::NONE);
        assert_eq!(next(&mut rig, 1, &[], &[]).error_code, ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        assert_eq!(next(&mut rig, -7, &[], &[]).error_code, ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        assert_eq!(rig.read(incremental(78, 1, request(&[]), &[])).error_code, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
        assert_eq!(rig.read(incremental(0, 1, request(&[]), &[])).error_code, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
        assert_eq!(next_epoch(i32::MAX), 1);
        assert_eq!(next_epoch(FINAL_EPOCH), FINAL_EPOCH);
    }

    #[test]
    fn a_full_request_closes_the_session_it_names() {
        let mut rig = Rig::new();
        rig.created("t", 1, &[]);
        rig.read(open(&[("t", &[(0, 0)])]));
        let again = rig.read(FetchRequest { session_id: 77, ..open(&[("t", &[(0, 0)])]) });
        assert_eq!((again.session_id, again.error_code), (77, ErrorCode::NONE), "the id is free again");
        let last = rig.read(incremental(77, FINAL_EPOCH, request(&[("t", &[(0, 0)])]), &[]));
        assert_eq!((last.session_id, told(&last)), (0, vec![(0, vec![])]));
        assert_eq!(next(&mut rig, 1, &[], &[]).error_code, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    }

    #[test]
    fn a_session_speaks_of_ids_or_of_names() {
        let mut rig = Rig::new();
        rig.created("t", 1, &[]);
        rig.read(open(&[("t", &[(0, 0)])]));
        let mixed = rig.read(incremental(77, 1, by_ids(&[("t", &[(0, 0)])]), &[]));
        assert_eq!((mixed.error_code, mixed.session_id), (ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR, 0));
    }

    #[test]
    fn errors_are_told_each_time_and_their_end_too() {
        let mut rig = Rig::new();
        rig.create("t", 1, &[]);
        let full = rig.read(open(&[("t", &[(0, 0)])]));
        let code = |response: &FetchResponse| entries(response).first().map(|(_, data)| data.error_code);
        assert_eq!(code(&full), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
        assert_eq!(code(&next(&mut rig, 1, &[], &[])), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
        rig.commit();
        assert_eq!(code(&next(&mut rig, 2, &[], &[])), Some(ErrorCode::NONE));
        assert_eq!(code(&next(&mut rig, 3, &[], &[])), None);
    }

    #[test]
    fn an_id_that_became_another_topic_is_told_as_inconsistent() {
        let mut rig = Rig::new();
        rig.created("t", 1, &[]);
        let read = |rig: &mut Rig, epoch: i32, topics: &[(&str, &[(i32, i64)])]| {
            let request = incremental(if epoch == INITIAL_EPOCH { 0 } else { 77 }, epoch, by_ids(topics), &[]);
            let to = rig.fetch(0, request, |params| params.uses_ids = true);
            let answer = rig.answer(to).unwrap();
            // As in Kafka, whose answer to what is not looked up is made by other hands.
            let is_unlisted = |code| code == ErrorCode::NONE || code == ErrorCode::INCONSISTENT_TOPIC_ID;
            assert!(entries(&answer).iter().all(|(_, data)| data.aborted_transactions.is_none() == is_unlisted(data.error_code)));
            entries(&answer).iter().map(|(_, data)| data.error_code).collect::<Vec<_>>()
        };
        assert_eq!(read(&mut rig, 0, &[("t", &[(0, 0)]), ("u", &[(0, 0)])]), [ErrorCode::NONE, ErrorCode::UNKNOWN_TOPIC_ID]);
        assert_eq!(read(&mut rig, 1, &[]), [ErrorCode::UNKNOWN_TOPIC_ID], "an id nobody ever knew");
        rig.delete("t");
        rig.commit();
        let missing = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        assert_eq!(read(&mut rig, 2, &[]), [missing, ErrorCode::UNKNOWN_TOPIC_ID], "its name is known");
        rig.topic("t", Uuid([5; 16]), vec![PartId(99)], &[]);
        rig.commit();
        assert_eq!(read(&mut rig, 3, &[]), [ErrorCode::INCONSISTENT_TOPIC_ID, ErrorCode::UNKNOWN_TOPIC_ID]);
    }

    #[test]
    fn a_parked_request_that_was_overtaken_is_refused() {
        let mut rig = Rig::new();
        let part = rig.created("t", 1, &[])[0];
        rig.read(open(&[("t", &[(0, 0)])]));
        let parked = rig.fetch(1, incremental(77, 1, waiting(&[]), &[]), |_| {});
        assert_eq!(rig.answer(parked), None);
        next(&mut rig, 2, &[], &[]);
        rig.stored(part, 1);
        let answer = rig.answer(parked).unwrap();
        assert_eq!((answer.error_code, answer.session_id), (ErrorCode::INVALID_FETCH_SESSION_EPOCH, 77));
        // One whose session is gone gets all there is.
        let parked = rig.fetch(1, incremental(77, 3, waiting(&[("t", &[(0, 1)])]), &[]), |_| {});
        rig.log.sessions.close(77);
        rig.stored(part, 1);
        assert_eq!(told(&rig.answer(parked).unwrap()), [(0, vec![1])]);
    }

    #[test]
    fn names_that_no_topic_can_have_are_not_remembered() {
        let mut rig = Rig::new();
        rig.created("t", 1, &[]);
        let long = "x".repeat(TOPIC_NAME_CHARS_MAX + 1);
        assert_eq!(rig.read(open(&[(&long, &[(0, 0)])])).session_id, NO_SESSION);
        assert_eq!(rig.read(open(&[("t", &[(0, 0)])])).session_id, 77);
        assert_eq!(next(&mut rig, 1, &[(&long, &[(0, 0)])], &[]).error_code, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
        assert!(rig.log.sessions.is_empty());
        let to = rig.fetch(1, waiting(&[("t", &[(0, 0)]), (&long, &[(0, 0)])]), |_| {});
        assert!(rig.answer(to).is_some(), "nor does anybody wait with them");
    }

    fn cached(count: usize) -> Vec<Cached> {
        let topic = TopicKey { name: "t".into(), id: Uuid::ZERO };
        let one = |index| Cached {
            topic: topic.clone(),
            index,
            part: None,
            fetch_offset: 0,
            max_bytes: 0,
            current_leader_epoch: -1,
            high_watermark: 0,
            log_start: 0,
        };
        (0..count as i32).map(one).collect()
    }

    #[test]
    fn a_full_cache_gives_up_the_stale_then_the_small_but_none_that_is_young() {
        let mut sessions = Sessions::default();
        let ids: Vec<i32> = (0..FETCH_SESSIONS_MAX).map(|n| sessions.open(5, false, cached(2 + n % 3), 0)).collect();
        assert_eq!((ids[0], ids[1], sessions.len()), (5, 6, FETCH_SESSIONS_MAX));
        assert_eq!(sessions.open(5, false, cached(50), EVICTION_MS), NO_SESSION, "all are young");
        for id in &ids {
            assert!(sessions.touch(*id, EVICTION_MS + 1));
        }
        assert_eq!(sessions.open(5, false, cached(2), EVICTION_MS + 2), NO_SESSION, "no bigger than the smallest");
        assert_eq!(sessions.open(5, false, cached(3), EVICTION_MS + 2), 5, "it takes the place of the smallest");
        assert_eq!(sessions.get(5).map(|session| session.len()), Some(3));
        assert!(sessions.touch(6, EVICTION_MS + 3));
        let stale = 2 * EVICTION_MS + 2;
        assert_eq!(sessions.open(9_999, false, cached(1), stale), 9_999, "whoever is stale goes for anybody");
        assert!(sessions.get(7).is_none(), "the longest unused");
        assert_eq!(sessions.len(), FETCH_SESSIONS_MAX);
    }

    #[test]
    fn the_partitions_of_all_sessions_are_bounded() {
        let mut sessions = Sessions::default();
        let half = FETCH_SESSION_PARTITIONS_MAX / 2;
        assert_eq!(sessions.open(1, false, cached(half), 0), 1);
        assert_eq!(sessions.open(2, false, cached(half), 0), 2);
        assert_eq!(sessions.open(3, false, cached(1), 0), NO_SESSION);
        let session = sessions.get(2).unwrap();
        session.insert(Cached { index: -1, ..cached(1).remove(0) });
        assert!(!sessions.touch(2, 1), "one that grows beyond is closed");
        assert_eq!(sessions.open(3, false, cached(half), 2), 3);
    }

    #[test]
    fn slots_are_used_again() {
        let mut sessions = Sessions::default();
        sessions.open(1, false, cached(4), 0);
        let session = sessions.get(1).unwrap();
        let topic = TopicKey { name: "t".into(), id: Uuid::ZERO };
        session.forget(&topic, &[1, 2]);
        session.insert(Cached { index: 8, ..cached(1).remove(0) });
        session.insert(Cached { index: 9, ..cached(1).remove(0) });
        let order: Vec<(u32, i32)> = session.partitions().map(|(slot, cached)| (slot, cached.index)).collect();
        assert_eq!(order, [(0, 0), (3, 3), (2, 8), (1, 9)]);
    }
}
