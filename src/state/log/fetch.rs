//! Reading: what a Fetch asks for, whether it can be answered, and its answer (`KafkaApis.handleFetchRequest`,
//! `ReplicaManager.fetchMessages` and `readFromLog`, `DelayedFetch`). Called by `api/fetch`, by commits and by the timer.

use super::sessions::{Cached, FINAL_EPOCH, INITIAL_EPOCH, NO_SESSION, Session, next_epoch};
use super::tail::{Run, Tail};
use super::waiters::Waiter;
use super::{Log, Partition, Partitions};
use crate::base::ids::{PartId, PlanNo, Uuid};
use crate::base::limits::FETCH_UNKNOWN_PARKED_MAX;
use crate::base::metrics::{FETCH_RANGES_COLD, FETCH_RANGES_TAIL};
use crate::base::text::Text;
use crate::base::time::Now;
use crate::mail::cold::{ColdFetch, ColdJob, ColdRange};
use crate::mail::input::ReplyTo;
use crate::state::effects::Effects;
use crate::state::timers::{Timer, Timers};
use crate::state::topics::Topics;
use crate::wire::batch::stored_prefix;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic, FetchableTopicResponse, PartitionData};
use crate::wire::records::{FRESH_PREFIX_BYTES, Records};
use std::collections::{BTreeSet, HashMap};

/// Up to so many partitions a request is searched for duplicates one by one.
const FEW: usize = 16;

/// How a fetch wants to be answered.
#[derive(Clone, Copy, Debug)]
pub struct FetchParams {
    /// Where the answer goes.
    pub to: ReplyTo,
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
    fn of(topic: &FetchTopic, uses_ids: bool) -> TopicKey {
        TopicKey::new(&topic.topic, topic.topic_id, uses_ids)
    }

    fn new(name: &Text, id: Uuid, uses_ids: bool) -> TopicKey {
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
    slot: u32,
    /// Bytes that count towards `min_bytes`.
    counted: usize,
}

impl Target {
    fn new(topic: TopicKey, partition: &FetchPartition) -> Target {
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

    fn of_session(slot: u32, cached: &Cached) -> Target {
        Target {
            topic: cached.topic.clone(),
            index: cached.index,
            place: cached.part.map_or(Place::Unknown(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION), Place::Live),
            fetch_offset: cached.fetch_offset,
            max_bytes: cached.max_bytes,
            current_leader_epoch: cached.current_leader_epoch,
            slot,
            counted: 0,
        }
    }

    /// The partition, where it was found.
    pub fn part(&self) -> Option<PartId> {
        if let Place::Live(part) = self.place { Some(part) } else { None }
    }

    fn room(&self) -> usize {
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

/// What there is for a target.
enum Look<'a> {
    Error(ErrorCode),
    Nothing(&'a Partition),
    Tail(&'a Partition, Run<'a>),
    Cold(&'a Partition),
}

fn look<'a>(partitions: &'a Partitions, tail: &'a Tail, target: &Target) -> Look<'a> {
    let part = match target.place {
        Place::Live(part) => part,
        Place::Unknown(code) => return Look::Error(code),
        Place::Replaced => return Look::Error(ErrorCode::INCONSISTENT_TOPIC_ID),
    };
    let Some(partition) = partitions.get(&part) else { return Look::Error(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) };
    let epoch_error = partition.check_leader_epoch(target.current_leader_epoch);
    let offset = target.fetch_offset;
    if epoch_error.is_error() {
        Look::Error(epoch_error)
    } else if offset < partition.log_start() || offset > partition.next_offset() {
        Look::Error(ErrorCode::OFFSET_OUT_OF_RANGE)
    } else if offset >= partition.high_watermark() {
        Look::Nothing(partition)
    } else if let Some(run) = tail.from(part, offset) {
        Look::Tail(partition, run)
    } else {
        Look::Cold(partition)
    }
}

impl Log {
    /// Answers a fetch, or parks it until there is enough for it.
    pub fn fetch(&mut self, request: FetchRequest, params: FetchParams, topics: &Topics, fx: &mut Effects, timers: &mut Timers, now: Now) {
        let (context, mut targets) = match self.enter(request, &params, now) {
            Ok(entered) => entered,
            Err(error_code) => return fx.reply(params.to, Response::Fetch(FetchResponse { error_code, ..FetchResponse::default() })),
        };
        let mut params = params;
        for target in &mut targets {
            params.after = params.after.max(self.resolve(target, params.uses_ids, topics, fx));
        }
        if let Context::Running { id, .. } = context {
            self.remember_places(id, &targets);
        }
        // As in Kafka, what is not there comes last, and wakes nobody.
        targets.sort_by_key(|target| matches!(target.place, Place::Unknown(_)));
        let unknown = targets.iter().rev().take_while(|target| matches!(target.place, Place::Unknown(_))).count();
        let (bytes, urgent) = self.survey(&mut targets);
        let waiter = Waiter { params, targets, context, bytes };
        let nothing_to_wait_for = unknown == waiter.targets.len() || unknown > FETCH_UNKNOWN_PARKED_MAX;
        if urgent || nothing_to_wait_for || params.max_wait_ms == 0 || bytes >= params.min_bytes {
            self.answer(waiter, fx, now);
        } else {
            let id = self.waiters.park(waiter);
            timers.set(Timer::Fetch(id), now.mono_ms.saturating_add(params.max_wait_ms));
        }
    }

    /// `FetchManager.newContext`: opens, continues or closes the session, and says what is to be fetched.
    fn enter(&mut self, request: FetchRequest, params: &FetchParams, now: Now) -> Result<(Context, Vec<Target>), ErrorCode> {
        let (id, epoch) = (request.session_id, request.session_epoch);
        if epoch == INITIAL_EPOCH || epoch == FINAL_EPOCH {
            self.sessions.close(id);
            let context = if epoch == FINAL_EPOCH { Context::Without } else { Context::Opening };
            return Ok((context, targets_of(&request.topics, params.uses_ids)));
        }
        let session = self.sessions.get(id).ok_or(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)?;
        if session.epoch != epoch {
            return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        }
        if session.uses_ids != params.uses_ids {
            return Err(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
        }
        for topic in &request.topics {
            let key = TopicKey::of(topic, params.uses_ids);
            topic.partitions.iter().for_each(|partition| session.put(&Target::new(key.clone(), partition)));
        }
        for topic in &request.forgotten_topics_data {
            session.forget(&TopicKey::new(&topic.topic, topic.topic_id, params.uses_ids), &topic.partitions);
        }
        if session.is_empty() {
            self.sessions.close(id);
            return Ok((Context::Without, targets_of(&request.topics, params.uses_ids)));
        }
        session.epoch = next_epoch(session.epoch);
        let context = Context::Running { id, epoch: session.epoch };
        let targets = session.partitions().map(|(slot, cached)| Target::of_session(slot, cached)).collect();
        // Too many partitions for the cache: the client begins anew, and will be served without a session.
        if self.sessions.touch(id, now.mono_ms) { Ok((context, targets)) } else { Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND) }
    }

    /// Finds the partition of a target; gives back the plan that "not there" rests on.
    fn resolve(&self, target: &mut Target, uses_ids: bool, topics: &Topics, fx: &Effects) -> PlanNo {
        if target.part().is_some_and(|part| self.is_live(part)) {
            return PlanNo::COMMITTED;
        }
        let committed = |topic: &&crate::state::topics::Topic| fx.is_committed(topic.created_in);
        if uses_ids && target.topic.name.is_empty() {
            let Some(topic) = topics.by_id(target.topic.id).filter(committed) else {
                target.place = Place::Unknown(ErrorCode::UNKNOWN_TOPIC_ID);
                return topics.missing_id(target.topic.id);
            };
            target.topic.name = topic.name.clone();
        }
        let found = topics.by_name(&target.topic.name).filter(committed);
        let missing = Place::Unknown(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        target.place = match found {
            Some(topic) if uses_ids && topic.id != target.topic.id => Place::Replaced,
            Some(topic) => topic.partition(target.index).map_or(missing, Place::Live),
            None => missing,
        };
        match found {
            Some(topic) => {
                target.topic.name = topic.name.clone();
                PlanNo::COMMITTED
            }
            None => topics.missing_name(&target.topic.name),
        }
    }

    fn is_live(&self, part: PartId) -> bool {
        self.partitions.get(&part).is_some_and(|partition| !partition.doomed)
    }

    fn remember_places(&mut self, id: i32, targets: &[Target]) {
        let Some(session) = self.sessions.get(id) else { return };
        for target in targets {
            if let Some(cached) = session.slot(target.slot)
                && cached.part != target.part()
            {
                cached.part = target.part();
                if target.part().is_some() {
                    cached.topic.name = target.topic.name.clone();
                }
            }
        }
    }

    /// Counts what can be read at once. Urgent is an error, and data that only the store has, as in Kafka an offset in an older
    /// segment is (`DelayedFetch`, case F).
    fn survey(&self, targets: &mut [Target]) -> (usize, bool) {
        let (mut bytes, mut urgent) = (0, false);
        for target in targets {
            match look(&self.partitions, &self.tail, target) {
                Look::Error(_) => urgent |= !matches!(target.place, Place::Unknown(_)),
                Look::Nothing(_) => {}
                Look::Cold(_) => urgent = true,
                Look::Tail(_, run) => {
                    let counted = target.count(run.bytes());
                    // The first batch of an answer is sent whatever its size.
                    bytes += if bytes == 0 { counted.max(run.first_bytes()) } else { counted };
                }
            }
        }
        (bytes, urgent)
    }

    /// The deadline of a parked fetch has come: it gets what there is.
    pub(super) fn fetch_due(&mut self, id: u64, fx: &mut Effects, now: Now) {
        if let Some(waiter) = self.waiters.take(id) {
            self.answer(waiter, fx, now);
        }
    }

    /// Answers the parked fetches that have become ready.
    pub(super) fn answer_ready(&mut self, fx: &mut Effects, timers: &mut Timers, now: Now) {
        while let Some((id, waiter)) = self.waiters.take_ready() {
            timers.cancel(&Timer::Fetch(id));
            self.answer(waiter, fx, now);
        }
    }

    fn answer(&mut self, waiter: Waiter, fx: &mut Effects, now: Now) {
        let Waiter { params, targets, context, .. } = waiter;
        let mut session = match context {
            Context::Running { id, .. } => self.sessions.get(id),
            _ => None,
        };
        if let (Context::Running { id, epoch }, Some(session)) = (context, &session)
            && session.epoch != epoch
        {
            let error_code = ErrorCode::INVALID_FETCH_SESSION_EPOCH;
            return fx.reply(params.to, Response::Fetch(FetchResponse { error_code, session_id: id, ..FetchResponse::default() }));
        }
        let mut sheet = Sheet::new(&params);
        for target in &targets {
            let (data, range) = sheet.read(target, look(&self.partitions, &self.tail, target));
            if sheet.is_news(target, &data, range.is_some(), context, session.as_deref_mut()) {
                sheet.write(target, data, range);
            }
        }
        if let Some(session) = session {
            session.served(&sheet.served);
        }
        sheet.response.session_id = match context {
            Context::Without => NO_SESSION,
            Context::Opening => self.sessions.open(params.session_wish, params.uses_ids, std::mem::take(&mut sheet.told), now.mono_ms),
            Context::Running { id, .. } => id,
        };
        sheet.send(fx);
    }
}

/// The partitions of a full request. Of one that is named twice the last wish counts, at the first place, as in Kafka's map.
fn targets_of(topics: &[FetchTopic], uses_ids: bool) -> Vec<Target> {
    let count: usize = topics.iter().map(|topic| topic.partitions.len()).sum();
    let mut targets: Vec<Target> = Vec::with_capacity(count);
    let mut places: HashMap<(TopicKey, i32), usize> = HashMap::new();
    for topic in topics {
        let key = TopicKey::of(topic, uses_ids);
        for partition in &topic.partitions {
            let target = Target::new(key.clone(), partition);
            let known = if count <= FEW {
                targets.iter().position(|other| other.index == target.index && other.topic == target.topic)
            } else {
                let place = *places.entry((key.clone(), target.index)).or_insert(targets.len());
                (place < targets.len()).then_some(place)
            };
            match known {
                Some(place) => targets[place] = target,
                None => targets.push(target),
            }
        }
    }
    targets
}

/// An answer that is being written.
struct Sheet<'a> {
    params: &'a FetchParams,
    response: FetchResponse,
    ranges: Vec<ColdRange>,
    // Bytes not given to anyone yet, and those that tail batches took.
    left: usize,
    tail_bytes: usize,
    // Some partition has records: from here on the bounds hold for first batches too.
    has_records: bool,
    served: BTreeSet<u32>,
    told: Vec<Cached>,
}

impl<'a> Sheet<'a> {
    fn new(params: &'a FetchParams) -> Sheet<'a> {
        Sheet {
            params,
            response: FetchResponse::default(),
            ranges: Vec::new(),
            left: params.max_bytes,
            tail_bytes: 0,
            has_records: false,
            served: BTreeSet::new(),
            told: Vec::new(),
        }
    }

    /// The entry of a target, and the range that the store must add to it.
    fn read(&mut self, target: &Target, look: Look) -> (PartitionData, Option<ColdRange>) {
        let mut data = PartitionData {
            partition_index: target.index,
            high_watermark: -1,
            aborted_transactions: self.params.read_committed.then(Vec::new),
            ..PartitionData::default()
        };
        let mut range = None;
        let partition = match look {
            Look::Error(error_code) => {
                data.error_code = error_code;
                return (data, None);
            }
            Look::Nothing(partition) => partition,
            Look::Tail(partition, run) => {
                data.records = self.take(run, target.room(), partition.leader_epoch());
                partition
            }
            Look::Cold(partition) => {
                range = self.reserve(target, partition);
                partition
            }
        };
        data.high_watermark = partition.high_watermark();
        data.last_stable_offset = partition.high_watermark();
        data.log_start_offset = partition.log_start();
        (data, range)
    }

    /// Whole batches up to the bounds; the first of the whole answer whatever its size.
    fn take(&mut self, run: Run, room: usize, leader_epoch: i32) -> Records {
        let room = room.min(self.left);
        let mut records = Records::default();
        for batch in run.batches() {
            let size = batch.data.len();
            let is_first = records.is_empty() && !self.has_records;
            if records.len() + size > room && !is_first {
                break;
            }
            records.push_batch(stored_prefix(batch.base, size, leader_epoch), batch.data.slice(FRESH_PREFIX_BYTES..));
        }
        if !records.is_empty() {
            FETCH_RANGES_TAIL.add(1);
            self.has_records = true;
            self.tail_bytes += records.len();
            self.left = self.left.saturating_sub(records.len());
        }
        records
    }

    /// A range for the store to read. It is given its bound whether it will need it or not, since nobody here knows.
    fn reserve(&mut self, target: &Target, partition: &Partition) -> Option<ColdRange> {
        let max_bytes = target.room().min(self.left);
        if max_bytes == 0 && self.has_records {
            return None;
        }
        FETCH_RANGES_COLD.add(1);
        self.has_records = true;
        self.left -= max_bytes;
        Some(ColdRange {
            topic: 0,
            partition: 0,
            part: target.part()?,
            from: target.fetch_offset,
            until: partition.high_watermark(),
            max_bytes,
            leader_epoch: partition.leader_epoch(),
        })
    }

    /// Whether the entry belongs into the answer; what it says is noted for the session.
    fn is_news(&mut self, target: &Target, data: &PartitionData, cold: bool, context: Context, session: Option<&mut Session>) -> bool {
        let has_records = cold || !data.records.is_empty();
        let tell = |cached: &mut Cached| cached.tell(data.error_code, data.high_watermark, data.log_start_offset, has_records);
        match (context, session) {
            (Context::Opening, _) => {
                let mut cached = Cached::new(target);
                tell(&mut cached);
                self.told.push(cached);
                true
            }
            (Context::Running { .. }, Some(session)) => {
                if has_records {
                    self.served.insert(target.slot);
                }
                session.slot(target.slot).is_none_or(tell)
            }
            // Also when the session was evicted while the fetch was parked: all entries is a true answer too.
            _ => true,
        }
    }

    /// Adds the entry; neighbours of one topic share its header.
    fn write(&mut self, target: &Target, data: PartitionData, range: Option<ColdRange>) {
        let TopicKey { name: topic, id: topic_id } = target.topic.key();
        let responses = &mut self.response.responses;
        if responses.last().is_none_or(|last| last.topic_id != topic_id || last.topic != topic) {
            responses.push(FetchableTopicResponse { topic, topic_id, partitions: Vec::new() });
        }
        let place = responses.len() - 1;
        if let Some(last) = responses.last_mut() {
            self.ranges.extend(range.map(|range| ColdRange { topic: place, partition: last.partitions.len(), ..range }));
            last.partitions.push(data);
        }
    }

    fn send(self, fx: &mut Effects) {
        let Sheet { params, response, ranges, tail_bytes, .. } = self;
        // An answer that waits for a deletion cannot go by the store; the client will ask again for what it lacks.
        if ranges.is_empty() || !fx.is_committed(params.after) {
            fx.reply_after(params.to, params.after, Response::Fetch(response));
        } else {
            let max_bytes = params.max_bytes.saturating_sub(tail_bytes);
            fx.cold(ColdJob::Fetch(Box::new(ColdFetch { to: params.to, response, ranges, max_bytes })));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::log::testing::{Rig, bases, by_ids, entries, plain, request, waiting};

    fn codes(response: &FetchResponse) -> Vec<(i32, ErrorCode)> {
        entries(response).iter().map(|(_, data)| (data.partition_index, data.error_code)).collect()
    }

    fn offsets(response: &FetchResponse) -> Vec<(i32, Vec<i64>)> {
        entries(response).iter().map(|(_, data)| (data.partition_index, bases(data))).collect()
    }

    fn bounded(mut request: FetchRequest, max_bytes: usize, partition_max_bytes: usize) -> FetchRequest {
        request.max_bytes = max_bytes as i32;
        for partition in request.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            partition.partition_max_bytes = partition_max_bytes as i32;
        }
        request
    }

    #[test]
    fn only_what_is_committed_is_read_and_each_partition_gets_an_entry() {
        let mut rig = Rig::new();
        let parts = rig.created("t", 3, &[]);
        rig.stored(parts[0], 2);
        rig.put(parts[0], 3);
        rig.put(parts[2], 1);
        let read = rig.read(request(&[("t", &[(2, 0), (0, 0), (1, 0)])]));
        assert_eq!(offsets(&read), [(2, vec![]), (0, vec![0]), (1, vec![])]);
        let first = entries(&read)[1].1;
        assert_eq!((first.high_watermark, first.last_stable_offset, first.log_start_offset), (2, 2, 0));
        assert_eq!((first.preferred_read_replica, &first.aborted_transactions), (-1, &None));
        assert_eq!((read.session_id, read.error_code, entries(&read)[0].0), (0, ErrorCode::NONE, "t"));
        rig.commit();
        assert_eq!(offsets(&rig.read(request(&[("t", &[(0, 1), (2, 0)])]))), [(0, vec![0, 2]), (2, vec![0])]);
    }

    #[test]
    fn read_committed_hears_of_no_aborted_transactions() {
        let mut rig = Rig::new();
        rig.created("t", 1, &[]);
        let to = rig.fetch(0, request(&[("t", &[(0, 0), (0, 5), (7, 0)])]), |params| params.read_committed = true);
        let read = rig.answer(to).unwrap();
        assert!(entries(&read).iter().all(|(_, data)| data.aborted_transactions == Some(vec![])), "on errors too");
    }

    #[test]
    fn offsets_beyond_both_ends_are_out_of_range() {
        let mut rig = Rig::new();
        let part = rig.created("t", 1, &[])[0];
        rig.stored(part, 4);
        rig.put(part, 2);
        let code = |rig: &mut Rig, offset| codes(&rig.read(request(&[("t", &[(0, offset)])])))[0].1;
        assert_eq!(code(&mut rig, 4), ErrorCode::NONE, "the end");
        assert_eq!(code(&mut rig, 6), ErrorCode::NONE, "between high watermark and log end");
        assert_eq!(code(&mut rig, 7), ErrorCode::OFFSET_OUT_OF_RANGE);
        assert_eq!(code(&mut rig, -1), ErrorCode::OFFSET_OUT_OF_RANGE);
        rig.fx.row(crate::store::plan::Op::SetLogStart { part, log_start: 3 });
        rig.commit();
        assert_eq!(code(&mut rig, 3), ErrorCode::NONE);
        assert_eq!(code(&mut rig, 2), ErrorCode::OFFSET_OUT_OF_RANGE);
        let read = rig.read(request(&[("t", &[(0, 2)])]));
        let error = entries(&read)[0].1;
        assert_eq!((error.high_watermark, error.last_stable_offset, error.log_start_offset), (-1, -1, -1));
    }

    #[test]
    fn leader_epochs_are_checked_before_offsets() {
        let mut rig = Rig::new();
        rig.created("t", 1, &[]);
        let mut request = request(&[("t", &[(0, 99)])]);
        request.topics[0].partitions[0].current_leader_epoch = 1;
        assert_eq!(codes(&rig.read(request)), [(0, ErrorCode::UNKNOWN_LEADER_EPOCH)]);
    }

    #[test]
    fn the_bounds_are_passed_by_the_first_batch_only() {
        let mut rig = Rig::new();
        let parts = rig.created("t", 3, &[]);
        let size = plain(1).size();
        for part in &parts {
            for _ in 0..3 {
                rig.put(*part, 1);
            }
        }
        rig.commit();
        let all: &[(&str, &[(i32, i64)])] = &[("t", &[(0, 0), (1, 0), (2, 0)])];
        let mut read = |max, partition_max| offsets(&rig.read(bounded(request(all), max, partition_max)));
        let none = Vec::new;
        assert_eq!(read(0, 0), [(0, vec![0]), (1, none()), (2, none())]);
        assert_eq!(read(size - 1, 1_000_000), [(0, vec![0]), (1, none()), (2, none())]);
        assert_eq!(read(1_000_000, 1), [(0, vec![0]), (1, none()), (2, none())]);
        assert_eq!(read(1_000_000, 2 * size), [(0, vec![0, 1]), (1, vec![0, 1]), (2, vec![0, 1])]);
        assert_eq!(read(4 * size, 1_000_000), [(0, vec![0, 1, 2]), (1, vec![0]), (2, none())]);
        assert_eq!(read(5 * size - 1, 2 * size), [(0, vec![0, 1]), (1, vec![0, 1]), (2, none())]);
    }

    #[test]
    fn what_the_tail_has_lost_is_left_to_the_cold_readers() {
        let mut rig = Rig::with(crate::state::broker::Broker { tail_bytes: 1_000, ..crate::state::topics::tests::broker() });
        let parts = rig.created("t", 3, &[]);
        let size = plain(1).size();
        for part in [0, 0, 0, 0, 0, 0, 1, 0] {
            rig.stored(parts[part], 1);
        }
        let to = rig.fetch(0, bounded(waiting(&[("t", &[(2, 0), (0, 0), (1, 0)])]), 10 * size, 4 * size), |_| {});
        assert!(rig.answer(to).is_none());
        let Some(ColdJob::Fetch(job)) = rig.cold.pop() else { panic!("a cold fetch") };
        let range = ColdRange { topic: 0, partition: 1, part: parts[0], from: 0, until: 7, max_bytes: 4 * size, leader_epoch: 0 };
        assert_eq!((job.to, job.ranges, job.max_bytes), (to, vec![range], 9 * size));
        assert_eq!(offsets(&job.response), [(2, vec![]), (0, vec![]), (1, vec![0])]);
        assert_eq!(entries(&job.response)[1].1.high_watermark, 7);
    }

    #[test]
    fn a_cold_range_counts_as_the_first_records() {
        let mut rig = Rig::with(crate::state::broker::Broker { tail_bytes: 500, ..crate::state::topics::tests::broker() });
        let parts = rig.created("t", 3, &[]);
        for part in [0, 1, 1, 2] {
            rig.stored(parts[part], 1);
        }
        rig.fetch(0, bounded(request(&[("t", &[(0, 0), (1, 0), (2, 0)])]), 100, 60), |_| {});
        let Some(ColdJob::Fetch(job)) = rig.cold.pop() else { panic!("a cold fetch") };
        assert_eq!(job.ranges.iter().map(|range| (range.partition, range.max_bytes)).collect::<Vec<_>>(), [(0, 60), (1, 40)]);
        assert_eq!(offsets(&job.response)[2].1, [0; 0], "the tail batch must not pass the bounds as well");
        rig.fetch(0, bounded(request(&[("t", &[(0, 0), (1, 0)])]), 0, 0), |_| {});
        let Some(ColdJob::Fetch(job)) = rig.cold.pop() else { panic!("a cold fetch") };
        assert_eq!(job.ranges.len(), 1, "nobody but the first");
    }

    #[test]
    fn unknown_topics_are_named_as_they_were_asked_for() {
        let mut rig = Rig::new();
        rig.created("t", 1, &[]);
        let by_name = rig.read(request(&[("u", &[(0, 0)]), ("t", &[(1, 0), (0, 0)])]));
        let missing = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        assert_eq!(codes(&by_name), [(0, ErrorCode::NONE), (0, missing), (1, missing)], "what is there comes first");
        assert_eq!(entries(&by_name).iter().map(|entry| entry.0).collect::<Vec<_>>(), ["t", "u", "t"]);
        let by_id = rig.read(by_ids(&[("u", &[(0, 0)]), ("t", &[(1, 0)])]));
        assert_eq!(codes(&by_id), [(0, ErrorCode::UNKNOWN_TOPIC_ID), (1, missing)]);
        assert_eq!(by_id.responses.iter().map(|topic| topic.topic_id).collect::<Vec<_>>(), [Uuid([b'u'; 16]), Uuid([b't'; 16])]);
    }

    #[test]
    fn a_partition_named_twice_is_answered_once() {
        let mut rig = Rig::new();
        let part = rig.created("t", 20, &[])[0];
        rig.stored(part, 2);
        rig.stored(part, 2);
        let few = rig.read(request(&[("t", &[(0, 0), (1, 0), (0, 2)])]));
        assert_eq!(offsets(&few), [(0, vec![2]), (1, vec![])]);
        let many: Vec<(i32, i64)> = (0..20).map(|index| (index, 0)).chain([(0, 2)]).collect();
        let many = rig.read(request(&[("t", &many)]));
        assert_eq!((offsets(&many)[0].clone(), entries(&many).len()), ((0, vec![2]), 20));
    }

    #[test]
    fn a_topic_that_is_not_committed_is_unknown() {
        let mut rig = Rig::new();
        rig.create("t", 1, &[]);
        let missing = [(0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)];
        assert_eq!(codes(&rig.read(request(&[("t", &[(0, 0)])]))), missing);
        assert_eq!(codes(&rig.read(by_ids(&[("t", &[(0, 0)])]))), [(0, ErrorCode::UNKNOWN_TOPIC_ID)]);
        rig.commit();
        assert_eq!(codes(&rig.read(by_ids(&[("t", &[(0, 0)])]))), [(0, ErrorCode::NONE)]);
        rig.delete("t");
        let to = rig.fetch(0, request(&[("t", &[(0, 0)])]), |_| {});
        assert!(rig.answer(to).is_none(), "that it is gone is said when it is");
        rig.commit();
        assert_eq!(codes(&rig.answer(to).unwrap()), missing);
    }
}
