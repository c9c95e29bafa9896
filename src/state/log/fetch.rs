//! Reading: what a Fetch asks for, and whether it can be answered yet (`KafkaApis.handleFetchRequest`,
//! `ReplicaManager.fetchMessages`, `DelayedFetch`). Called by `api/fetch`, by commits and by the timer.

use super::Log;
use super::answer::{Look, look};
use super::sessions::{FINAL_EPOCH, INITIAL_EPOCH, next_epoch};
use super::target::{Context, FetchParams, Place, Target, TopicKey};
use super::waiters::Waiter;
use crate::base::ids::{PartId, PlanNo};
use crate::base::limits::{ANSWER_FREE_BYTES, FETCH_UNKNOWN_PARKED_MAX, TOPIC_NAME_CHARS_MAX};
use crate::base::time::Now;
use crate::state::effects::Effects;
use crate::state::timers::{Timer, Timers};
use crate::state::topics::Topics;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::fetch::{FetchRequest, FetchResponse, FetchTopic};
use std::collections::HashMap;

/// Up to so many partitions a request is searched for duplicates one by one.
const FEW: usize = 16;

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
        let there = targets.partition_point(|target| !matches!(target.place, Place::Unknown(_)));
        let is_storable = targets.len() - there <= FETCH_UNKNOWN_PARKED_MAX
            && targets[there..].iter().all(|target| target.topic.name.len() <= TOPIC_NAME_CHARS_MAX);
        let (bytes, urgent) = self.survey(&mut targets);
        let is_due = urgent || there == 0 || !is_storable || params.max_wait_ms == 0 || bytes >= params.min_bytes;
        let mut waiter = Waiter { params, targets, context, bytes, charge: None };
        if is_due || !self.pay_for(&mut waiter) {
            self.answer(waiter, fx, now);
        } else {
            let Waiter { params, targets, .. } = &mut waiter;
            params.client_id = params.client_id.take().map(|client_id| client_id.detach());
            // Names that were found are those of the topics; the others would pin the frame.
            targets[there..].iter_mut().for_each(|target| target.topic = target.topic.detached());
            let max_wait_ms = params.max_wait_ms;
            let id = self.waiters.park(waiter);
            timers.set(Timer::Fetch(id), now.mono_ms.saturating_add(max_wait_ms));
        }
    }

    /// Has a long list paid for as long as it waits; false when there is no memory for that. The reserve is not for what may wait for
    /// hours.
    fn pay_for(&self, waiter: &mut Waiter) -> bool {
        let bytes = waiter.heap_bytes();
        if bytes > ANSWER_FREE_BYTES {
            let has_room = self.waiters.paid_bytes() + bytes <= self.memory.limit_bytes() / 4;
            waiter.charge = has_room.then(|| self.memory.try_charge_part(bytes, usize::MAX)).flatten();
            return waiter.charge.is_some();
        }
        true
    }

    /// `FetchManager.newContext`: opens, continues or closes the session, and says what is to be fetched.
    fn enter(&mut self, request: FetchRequest, params: &FetchParams, now: Now) -> Result<(Context, Vec<Target>), ErrorCode> {
        let (id, epoch) = (request.session_id, request.session_epoch);
        // Names that no topic can have are kept nowhere: whoever asks for them is served without a session.
        let is_storable = request.topics.iter().all(|topic| topic.topic.len() <= TOPIC_NAME_CHARS_MAX);
        if epoch == INITIAL_EPOCH || epoch == FINAL_EPOCH {
            self.sessions.close(id);
            let context = if epoch == INITIAL_EPOCH && is_storable { Context::Opening } else { Context::Without };
            return Ok((context, targets_of(&request.topics, params.uses_ids)));
        }
        let session = self.sessions.get(id).ok_or(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)?;
        if session.epoch != epoch {
            return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        }
        if session.uses_ids != params.uses_ids {
            return Err(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
        }
        if !is_storable {
            self.sessions.close(id);
            return Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
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
        let targets = session.partitions().map(|(slot, cached)| cached.target(slot)).collect();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::Uuid;
    use crate::state::log::testing::{Rig, by_ids, codes, entries, offsets, request};

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
