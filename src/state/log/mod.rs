//! The log: all partitions, with what is decided and what is committed of them; the tail cache, parked fetches, fetch sessions and
//! retention around them. Called by the produce, fetch and offset handlers of `api`, and by the hooks of `State`.

mod answer;
mod fetch;
pub mod partition;
pub mod producers;
mod retention;
pub mod sessions;
pub mod tail;
pub mod target;
#[cfg(test)]
mod testing;
pub mod waiters;

use self::partition::{Appended, Partition, Rejection, Terms};
use self::producers::PRODUCER_EXPIRY_MS;
use self::retention::Retention;
use self::sessions::Sessions;
use self::tail::Tail;
use self::waiters::{Waiter, Waiters};
use super::broker::Broker;
use super::configs::LogConfig;
use super::effects::Effects;
use super::timers::{Timer, Timers};
use super::topics::Topics;
use crate::base::budget::Budget;
use crate::base::ids::{ConnId, PartId, Uuid};
use crate::base::limits::{EXPIRY_SLICE_PRODUCERS, FENCES_MAX, PRODUCERS_FORGOTTEN, PRODUCERS_MAX};
use crate::base::planted::{self, Bug};
use crate::base::time::Now;
use crate::store::plan::{Image, Op, PartitionRow, Plan, ProducerRow};
use crate::wire::batch::CheckedBatch;
use crate::wire::error_code::ErrorCode;
use std::collections::{BTreeMap, BTreeSet};

/// By number, so that whoever goes over all of them does so in one order.
type Partitions = BTreeMap<PartId, Partition>;

/// All partitions and what hangs on them.
#[derive(Debug)]
pub struct Log {
    memory: Budget,
    partitions: Partitions,
    tail: Tail,
    waiters: Waiters,
    sessions: Sessions,
    retention: Retention,
    expiry: Expiry,
    // How many producers all partitions remember, or more: counted again where that is too many.
    producers: usize,
    // Producers that had a batch refused for want of room, and since when (monotonic ms): see `Producers::judge`.
    fences: BTreeMap<(PartId, i64), u64>,
    // Partitions whose deletion is decided, by topic.
    doomed: BTreeMap<Uuid, Vec<PartId>>,
}

/// Where the search for expired producers stands.
#[derive(Debug, Default)]
struct Expiry {
    // From here on, when the last turn was cut short.
    from: Option<PartId>,
    // When the longest unused producer that was met expires, monotonic ms.
    next_ms: Option<u64>,
}

impl Log {
    /// The log as the store holds it.
    pub fn load(image: &Image, broker: &Broker, timers: &mut Timers, now: Now) -> Log {
        let mut log = Log {
            memory: broker.memory.clone(),
            partitions: image.partitions.iter().map(|row| (row.part, Partition::new(row))).collect(),
            tail: Tail::new(broker.tail_bytes),
            waiters: Waiters::default(),
            sessions: Sessions::default(),
            retention: Retention::new(broker.retention_check_ms),
            expiry: Expiry::default(),
            producers: image.producers.len(),
            fences: BTreeMap::new(),
            doomed: BTreeMap::new(),
        };
        for row in &image.producers {
            log.load_producer(row, now.mono_ms, timers);
        }
        log.retention_loaded(timers, now);
        log
    }

    /// `used_ms`: monotonic ms. The store does not know when a producer was last used; a restart counts as a use.
    fn load_producer(&mut self, row: &ProducerRow, used_ms: u64, timers: &mut Timers) {
        if let Some(partition) = self.partitions.get_mut(&row.part) {
            partition.producers.insert(row.clone(), used_ms);
            timers.set_earlier(Timer::Expiry, used_ms + PRODUCER_EXPIRY_MS);
        }
    }

    /// Takes in a partition that was just decided.
    pub fn add_partition(&mut self, row: &PartitionRow) {
        self.partitions.insert(row.part, Partition::new(row));
    }

    /// Notes that the plan being filled deletes partitions. They go, and their parked fetches are answered, when it commits.
    pub fn remove_partitions(&mut self, parts: &[PartId]) {
        for part in parts {
            if let Some(partition) = self.partitions.get_mut(part) {
                partition.doomed = true;
                self.doomed.entry(partition.topic()).or_default().push(*part);
            }
        }
    }

    /// A partition.
    pub fn partition(&self, part: PartId) -> Option<&Partition> {
        self.partitions.get(&part)
    }

    /// All partitions by number.
    pub fn partitions(&self) -> impl Iterator<Item = (PartId, &Partition)> {
        self.partitions.iter().map(|(part, partition)| (*part, partition))
    }

    /// All parked fetches with the numbers of their timers, oldest first.
    pub fn waiters(&self) -> impl Iterator<Item = (u64, &Waiter)> {
        self.waiters.iter()
    }

    /// How many fetches are parked.
    pub fn parked(&self) -> usize {
        self.waiters.len()
    }

    /// Decides one batch of a Produce.
    #[allow(clippy::too_many_arguments)] // The parts of State that a handler holds apart.
    pub fn append(
        &mut self,
        part: PartId,
        batch: CheckedBatch,
        config: &LogConfig,
        read_only: bool,
        fx: &mut Effects,
        timers: &mut Timers,
        now: Now,
    ) -> Result<Appended, Box<Rejection>> {
        let pid = batch.header().producer_id;
        let fenced = !self.fences.is_empty() && self.fences.contains_key(&(part, pid)) && !planted::is(Bug::NoFence);
        let Some(partition) = self.partitions.get_mut(&part) else {
            return Err(Box::new(Rejection::code(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)));
        };
        let is_new = pid >= 0 && !partition.producers.knows(pid);
        let appended = partition.append(batch, Terms { config, read_only, fenced }, fx, now);
        if is_new && appended.is_ok() {
            self.producers += 1;
            if self.producers > PRODUCERS_MAX {
                self.forget_longest_unused(fx);
            }
        }
        if pid >= 0 {
            timers.set_earlier(Timer::Expiry, now.mono_ms + PRODUCER_EXPIRY_MS);
            let had_no_room = appended.as_ref().is_err_and(|error| error.error_code == ErrorCode::KAFKA_STORAGE_ERROR);
            if had_no_room && self.fences.len() < FENCES_MAX {
                // What follows it on the wire may be decided when there is room again.
                self.fences.insert((part, pid), now.mono_ms);
            }
        }
        appended
    }

    /// Whether a batch of a producer without an id would be taken in, or why not.
    pub fn check(&self, part: PartId, batch: &CheckedBatch, config: &LogConfig, read_only: bool, now: Now) -> Result<(), Box<Rejection>> {
        let partition = self.partitions.get(&part);
        let partition = partition.ok_or_else(|| Box::new(Rejection::code(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)))?;
        partition.check(batch, config, read_only, now)
    }

    /// A plan is on disk: what it holds can be read.
    pub fn committed(&mut self, plan: &Plan, topics: &Topics, fx: &mut Effects, timers: &mut Timers, now: Now) {
        for row in &plan.batches {
            let Some(partition) = self.partitions.get_mut(&row.part) else { continue };
            let was_empty = partition.decided_log_start >= partition.high_watermark();
            partition.committed_batch(row);
            if was_empty {
                self.retention.first_batch(partition, row, topics, timers, now);
            }
            self.retention.grown(partition, topics, timers, now);
            self.tail.push(row.part, row.base, row.last, row.data.clone());
            if !planted::is(Bug::LostParkedFetch) {
                self.waiters.appended(row.part, row.last, row.data.len());
            }
            if row.pid >= 0 && !self.fences.is_empty() {
                self.fences.remove(&(row.part, row.pid));
            }
        }
        for op in &plan.ops {
            match op {
                Op::SetLogStart { part, log_start } => {
                    self.partitions.get_mut(part).into_iter().for_each(|partition| partition.committed_log_start(*log_start));
                    self.waiters.cut(*part, *log_start);
                }
                Op::DeleteTopic(id) => self.bury(*id),
                _ => {}
            }
        }
        self.answer_ready(fx, timers, now);
    }

    /// The deletion of a topic is on disk: its partitions are gone.
    fn bury(&mut self, topic: Uuid) {
        let parts = self.doomed.remove(&topic).unwrap_or_default();
        for part in &parts {
            self.partitions.remove(part);
            self.waiters.gone(*part);
        }
        self.fences.retain(|(part, _), _| !parts.contains(part));
        self.tail.forget(&parts);
    }

    /// Starts over from what the store holds, after `refused` plans. What rests on committed state stays: the tail cache, sessions
    /// and parked fetches. Their producers are fenced until one of their batches commits.
    pub fn reload(&mut self, image: &Image, refused: &[&Plan], timers: &mut Timers, now: Now) {
        let known: BTreeSet<PartId> = image.partitions.iter().map(|row| row.part).collect();
        self.partitions.retain(|part, _| known.contains(part));
        let mut used_ms = BTreeMap::new();
        for row in &image.partitions {
            let partition = self.partitions.entry(row.part).or_insert_with(|| Partition::new(row));
            used_ms.extend(partition.producers.uses().map(|(pid, used_ms)| ((row.part, pid), used_ms)));
            partition.producers = Default::default();
            partition.reload(row);
        }
        for row in &image.producers {
            self.load_producer(row, used_ms.get(&(row.part, row.pid)).copied().unwrap_or(now.mono_ms), timers);
        }
        for row in refused.iter().flat_map(|plan| &plan.batches).filter(|row| row.pid >= 0 && known.contains(&row.part)) {
            self.fences.insert((row.part, row.pid), now.mono_ms);
            timers.set_earlier(Timer::Expiry, now.mono_ms + PRODUCER_EXPIRY_MS);
        }
        self.doomed.clear();
        self.retention_loaded(timers, now);
    }

    /// A timer of the log is due.
    pub fn due(&mut self, timer: Timer, topics: &Topics, fx: &mut Effects, timers: &mut Timers, now: Now) {
        match timer {
            Timer::Fetch(id) => self.fetch_due(id, fx, now),
            Timer::Retention => self.retention_due(topics, fx, timers, now),
            Timer::Excess => self.excess_due(topics, fx, timers, now),
            _ => unreachable!("not a timer of the log"),
        }
    }

    /// Forgets producers that wrote nothing for a day, a bounded number in one turn. To be called when [`Timer::Expiry`] is due,
    /// which others use too: sets it again for what is left.
    pub fn expire_producers(&mut self, fx: &mut Effects, timers: &mut Timers, now: Now) {
        let before_ms = (now.mono_ms + 1).saturating_sub(PRODUCER_EXPIRY_MS);
        let first = self.expiry.from.take().unwrap_or_else(|| {
            self.expiry.next_ms = None;
            PartId::default()
        });
        let mut looked_at = 0;
        for (part, partition) in self.partitions.range_mut(first..) {
            if looked_at >= EXPIRY_SLICE_PRODUCERS {
                self.expiry.from = Some(*part);
                break;
            }
            looked_at += partition.producers.count() + 1;
            let (expired, oldest_ms) = partition.producers.expire(before_ms);
            expired.into_iter().for_each(|pid| fx.row(Op::DeleteProducer { part: *part, pid }));
            let expires_ms = oldest_ms.map(|used_ms| used_ms + PRODUCER_EXPIRY_MS);
            self.expiry.next_ms = [self.expiry.next_ms, expires_ms].into_iter().flatten().min();
        }
        self.fences.retain(|_, since_ms| *since_ms >= before_ms);
        let fence_ms = self.fences.values().min().map(|since_ms| since_ms + PRODUCER_EXPIRY_MS);
        let next_ms = [self.expiry.next_ms, fence_ms].into_iter().flatten().min();
        let next_ms = if self.expiry.from.is_some() { Some(now.mono_ms + 1) } else { next_ms };
        next_ms.into_iter().for_each(|at_ms| timers.set_earlier(Timer::Expiry, at_ms));
    }

    /// Where all partitions together remember too many producers, forgets those that were unused for longest. A store deletes first and
    /// appends then, so those with a batch in the plan being filled stay.
    fn forget_longest_unused(&mut self, fx: &mut Effects) {
        self.producers = self.partitions.values().map(|partition| partition.producers.count()).sum();
        if self.producers <= PRODUCERS_MAX {
            return;
        }
        let filling = fx.plan();
        let idle = |(part, partition): (&PartId, &Partition)| {
            let part = *part;
            partition.producers.idle(filling).map(move |(used_ms, pid)| (used_ms, part, pid)).collect::<Vec<_>>()
        };
        let mut by_use: Vec<(u64, PartId, i64)> = self.partitions.iter().flat_map(idle).collect();
        by_use.sort_unstable();
        for (_, part, pid) in by_use.into_iter().take(PRODUCERS_FORGOTTEN) {
            self.partitions.get_mut(&part).into_iter().for_each(|partition| partition.producers.forget(pid));
            fx.row(Op::DeleteProducer { part, pid });
            self.producers -= 1;
        }
    }

    /// A connection is gone, and with it what it waits for. Sessions stay: they belong to the client, not to the connection.
    pub fn disconnected(&mut self, conn: ConnId, timers: &mut Timers) {
        self.waiters.disconnected(conn).into_iter().for_each(|id| timers.cancel(&Timer::Fetch(id)));
    }

    /// Answers every parked fetch with what there is: the broker is about to end.
    pub fn answer_all_parked(&mut self, fx: &mut Effects, timers: &mut Timers, now: Now) {
        self.waiters.all();
        self.answer_ready(fx, timers, now);
    }
}

#[cfg(test)]
mod tests {
    use super::producers::PRODUCER_EXPIRY_MS;
    use super::testing::{Rig, entries, idempotent, request};
    use super::*;
    use crate::base::limits::PRODUCERS_PER_PARTITION_MAX;

    const OUT_OF_ORDER: ErrorCode = ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER;

    fn send(rig: &mut Rig, part: PartId, epoch: i16, seq: i32) -> Result<i64, ErrorCode> {
        rig.append(part, idempotent(9, epoch, seq, 1)).map(|done| done.base_offset).map_err(|rejection| rejection.error_code)
    }

    #[test]
    fn after_a_refused_plan_a_successor_is_not_taken_for_a_beginning() {
        let mut rig = Rig::new();
        let part = rig.created("t", 1, &[])[0];
        assert_eq!(send(&mut rig, part, 0, 0), Ok(0));
        let sealed = rig.fx.seal();
        assert_eq!(send(&mut rig, part, 0, 1), Ok(1));
        rig.refuse(&[&sealed]);
        assert_eq!(send(&mut rig, part, 0, 1), Err(OUT_OF_ORDER));
        assert_eq!(send(&mut rig, part, 0, 2), Err(OUT_OF_ORDER));
        assert_eq!(send(&mut rig, part, 1, 3), Err(OUT_OF_ORDER));
        assert_eq!(send(&mut rig, part, 0, 0), Ok(0), "the retry, at the offset that was never shown");
        assert_eq!(send(&mut rig, part, 0, 1), Ok(1));
        // Refused once more before anything committed: the fence holds on.
        rig.refuse(&[]);
        assert_eq!(send(&mut rig, part, 0, 1), Err(OUT_OF_ORDER));
        assert_eq!(send(&mut rig, part, 1, 0), Ok(0), "or 0 with another epoch");
        rig.commit();
        assert_eq!(send(&mut rig, part, 1, 1), Ok(1));
    }

    #[test]
    fn what_was_refused_on_a_full_disk_is_fenced_too() {
        let mut rig = Rig::new();
        let part = rig.created("t", 1, &[])[0];
        rig.read_only = true;
        assert_eq!(send(&mut rig, part, 0, 0), Err(ErrorCode::KAFKA_STORAGE_ERROR));
        rig.read_only = false;
        assert_eq!(send(&mut rig, part, 0, 1), Err(OUT_OF_ORDER), "it was sent behind the refused one");
        assert_eq!(send(&mut rig, part, 0, 0), Ok(0));
        assert_eq!(send(&mut rig, part, 0, 1), Ok(1));
    }

    #[test]
    fn a_fence_ends_with_the_first_commit_of_its_producer() {
        let mut rig = Rig::new();
        let parts = rig.created("t", 2, &[]);
        for part in &parts {
            send(&mut rig, *part, 0, 0).unwrap();
        }
        rig.refuse(&[]);
        assert_eq!(rig.log.fences.len(), 2);
        send(&mut rig, parts[0], 0, 0).unwrap();
        rig.commit();
        assert_eq!(rig.log.fences.keys().collect::<Vec<_>>(), [&(parts[1], 9)]);
        rig.pass(PRODUCER_EXPIRY_MS - 1);
        assert_eq!(send(&mut rig, parts[1], 0, 5), Err(OUT_OF_ORDER));
        rig.pass(1);
        rig.commit();
        assert_eq!(rig.image.producers, []);
        assert_eq!(send(&mut rig, parts[0], 0, 5), Ok(1), "forgotten, not fenced");
        assert_eq!(send(&mut rig, parts[1], 0, 5), Ok(0), "fences grow old too");
    }

    #[test]
    fn with_committed_state_a_refused_plan_leaves_the_committed_sequence() {
        let mut rig = Rig::new();
        let part = rig.created("t", 1, &[])[0];
        send(&mut rig, part, 4, 0).unwrap();
        rig.commit();
        send(&mut rig, part, 4, 1).unwrap();
        let sealed = rig.fx.seal();
        send(&mut rig, part, 5, 0).unwrap();
        rig.refuse(&[&sealed]);
        assert_eq!(send(&mut rig, part, 4, 2), Err(OUT_OF_ORDER));
        assert_eq!(send(&mut rig, part, 5, 1), Err(OUT_OF_ORDER));
        assert_eq!(send(&mut rig, part, 4, 0), Ok(0), "a duplicate of what is on disk");
        assert_eq!(send(&mut rig, part, 4, 1), Ok(1));
    }

    #[test]
    fn a_reload_takes_back_partitions_and_deletions_that_were_refused() {
        let mut rig = Rig::new();
        let kept = rig.created("k", 1, &[])[0];
        rig.stored(kept, 3);
        let new = rig.create("n", 1, &[])[0];
        rig.append(new, idempotent(9, 0, 0, 1)).unwrap();
        rig.put(kept, 2);
        rig.log.remove_partitions(&[kept]);
        rig.refuse(&[]);
        assert!(rig.log.partition(new).is_none() && rig.log.fences.is_empty(), "its number may be given again");
        let partition = rig.log.partition(kept).unwrap();
        assert_eq!((partition.high_watermark(), partition.next_offset()), (3, 3));
        let read = rig.read(request(&[("k", &[(0, 0)])]));
        assert!(!entries(&read)[0].1.records.is_empty() && rig.cold.is_empty(), "the tail cache has stayed");
        rig.stored(kept, 1);
        assert_eq!(rig.log.partition(kept).unwrap().high_watermark(), 4, "the deletion is forgotten");
    }

    #[test]
    fn nothing_of_a_deleted_topic_stays() {
        let mut rig = Rig::new();
        let part = rig.created("d", 1, &[])[0];
        rig.append(part, idempotent(9, 0, 0, 1)).unwrap();
        rig.refuse(&[]);
        rig.stored(part, 1);
        assert!(rig.log.tail.used_bytes() > 0 && rig.log.fences.len() == 1);
        rig.delete("d");
        assert!(rig.log.partition(part).is_some());
        rig.commit();
        assert!(rig.log.partition(part).is_none() && rig.log.fences.is_empty() && rig.log.tail.used_bytes() == 0);
    }

    #[test]
    fn producers_are_the_same_after_a_restart() {
        let mut rig = Rig::new();
        let part = rig.created("t", 1, &[])[0];
        for seq in 0..7 {
            send(&mut rig, part, 0, seq).unwrap();
        }
        rig.commit();
        let mut again = Rig::load(rig.broker.clone(), rig.image.clone());
        again.topics = rig.topics.clone();
        for rig in [&mut rig, &mut again] {
            assert_eq!(send(rig, part, 0, 1), Err(OUT_OF_ORDER));
            assert_eq!(send(rig, part, 0, 2), Ok(2));
            assert_eq!(send(rig, part, 0, 6), Ok(6));
            assert_eq!(send(rig, part, 0, 8), Err(OUT_OF_ORDER));
            assert_eq!(send(rig, part, 0, 7), Ok(7));
        }
    }

    #[test]
    fn an_idle_producer_is_forgotten_after_a_day_and_wakes_nobody_until_then() {
        let mut rig = Rig::new();
        let part = rig.created("t", 1, &[("retention.ms", "-1")])[0];
        assert_eq!(rig.timers.get(&Timer::Expiry), None);
        send(&mut rig, part, 0, 0).unwrap();
        let set_ms = rig.timers.get(&Timer::Expiry);
        assert_eq!(set_ms, Some(rig.now.mono_ms + PRODUCER_EXPIRY_MS));
        rig.pass(1_000);
        send(&mut rig, part, 0, 1).unwrap();
        assert_eq!(rig.timers.get(&Timer::Expiry), set_ms);
        rig.commit();
        rig.pass(PRODUCER_EXPIRY_MS - 1);
        assert!(!rig.fx.has_rows());
        rig.pass(1);
        assert_eq!(rig.commit().ops, [Op::DeleteProducer { part, pid: 9 }]);
        assert_eq!(rig.timers.get(&Timer::Expiry), None);
    }

    #[test]
    fn expiry_goes_on_in_slices() {
        let mut rig = Rig::new();
        let parts = rig.created("t", 3, &[]);
        for part in &parts {
            for pid in 0..4_000 {
                rig.append(*part, idempotent(pid, 0, 0, 1)).unwrap();
            }
        }
        rig.commit();
        rig.now.mono_ms += PRODUCER_EXPIRY_MS;
        rig.log.expire_producers(&mut rig.fx, &mut rig.timers, rig.now);
        assert_eq!(rig.fx.seal().ops.len(), 12_000, "the slice ends behind the partition that fills it");
        for pid in 0..PRODUCERS_PER_PARTITION_MAX as i64 {
            rig.append(parts[0], idempotent(pid, 0, 0, 1)).unwrap();
        }
        rig.append(parts[1], idempotent(1, 0, 0, 1)).unwrap();
        rig.now.mono_ms += PRODUCER_EXPIRY_MS;
        rig.timers.cancel(&Timer::Expiry);
        rig.log.expire_producers(&mut rig.fx, &mut rig.timers, rig.now);
        assert_eq!(rig.fx.seal().ops.len(), PRODUCERS_PER_PARTITION_MAX);
        assert_eq!(rig.timers.get(&Timer::Expiry), Some(rig.now.mono_ms + 1));
        rig.log.expire_producers(&mut rig.fx, &mut rig.timers, rig.now);
        assert_eq!(rig.fx.seal().ops, [Op::DeleteProducer { part: parts[1], pid: 1 }]);
    }

    #[test]
    fn at_the_cap_of_all_partitions_the_longest_unused_anywhere_are_forgotten() {
        let mut rig = Rig::new();
        let parts = rig.created("t", 10, &[]);
        for (number, pid) in (0..PRODUCERS_MAX as i64).enumerate() {
            rig.append(parts[number % 10], idempotent(pid, 0, 0, 1)).unwrap();
        }
        rig.fx.seal();
        rig.now.mono_ms += 1;
        rig.append(parts[0], idempotent(0, 0, 1, 1)).unwrap();
        assert!(rig.fx.seal().ops.is_empty());
        rig.append(parts[3], idempotent(1_000_000, 0, 0, 1)).unwrap();
        let plan = rig.fx.seal();
        assert_eq!(plan.ops.len(), PRODUCERS_FORGOTTEN);
        let gone = |op: &Op| matches!(op, Op::DeleteProducer { part, pid } if *part == parts[0] && *pid % 10 == 0 && *pid > 0);
        assert!(plan.ops.iter().all(gone), "{:?}", plan.ops[0]);
        assert!(rig.append(parts[0], idempotent(0, 0, 5, 1)).is_err(), "0 was used since");
        rig.append(parts[0], idempotent(10, 0, 5, 1)).unwrap();
        for pid in 2_000_000..2_000_998 {
            rig.append(parts[3], idempotent(pid, 0, 0, 1)).unwrap();
        }
        assert!(rig.fx.seal().ops.is_empty(), "there is room again");
    }

    #[test]
    fn at_the_cap_a_partition_forgets_the_longest_unused() {
        let mut rig = Rig::new();
        let part = rig.created("t", 1, &[])[0];
        for pid in 0..PRODUCERS_PER_PARTITION_MAX as i64 {
            rig.append(part, idempotent(pid, 0, 0, 1)).unwrap();
        }
        rig.fx.seal();
        rig.now.mono_ms += 1;
        rig.append(part, idempotent(0, 0, 1, 1)).unwrap();
        rig.append(part, idempotent(-1, -1, -1, 1)).unwrap();
        assert!(rig.fx.seal().ops.is_empty());
        rig.append(part, idempotent(1_000_000, 0, 0, 1)).unwrap();
        let plan = rig.fx.seal();
        assert_eq!(plan.ops.len(), PRODUCERS_PER_PARTITION_MAX / 10);
        assert_eq!(plan.ops[0], Op::DeleteProducer { part, pid: 1 }, "0 was used since");
    }
}
