//! Parked fetches: requests that found too little to be worth an answer. Woken by commits through a per-partition index, by
//! their deadline in the timer table, or dropped with their connection. Part of `Log`; filled and emptied by `fetch`.

use super::target::{Context, FetchParams, Target};
use crate::base::budget::Charge;
use crate::base::ids::{ConnId, PartId};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A fetch that waits.
#[derive(Debug)]
pub struct Waiter {
    /// How it is to be answered.
    pub params: FetchParams,
    /// What it asks for.
    pub targets: Vec<Target>,
    /// Its session.
    pub context: Context,
    /// Bytes it would get now, each partition counted up to its own bound.
    pub bytes: usize,
    /// What pays for the list of partitions while it waits, where that is long.
    pub charge: Option<Charge>,
}

impl Waiter {
    /// What the list of partitions, and what names them in the index, takes in memory, in bytes.
    pub fn heap_bytes(&self) -> usize {
        const INDEX_BYTES: usize = 32;
        self.targets.capacity() * (size_of::<Target>() + INDEX_BYTES)
    }
}

/// All fetches that wait.
#[derive(Debug, Default)]
pub struct Waiters {
    last_id: u64,
    by_id: BTreeMap<u64, Waiter>,
    // For each partition the fetches that wait for it, in the order in which they came, and the place in their targets.
    by_part: HashMap<PartId, Vec<(u64, u32)>>,
    by_conn: BTreeSet<(ConnId, u64)>,
    ready: BTreeSet<u64>,
    paid_bytes: usize,
}

impl Waiters {
    /// Parks a fetch and gives it a number.
    pub fn park(&mut self, waiter: Waiter) -> u64 {
        self.last_id += 1;
        let id = self.last_id;
        for (place, target) in waiter.targets.iter().enumerate() {
            if let Some(part) = target.part() {
                self.by_part.entry(part).or_default().push((id, place as u32));
            }
        }
        self.by_conn.insert((waiter.params.to.conn, id));
        self.paid_bytes += waiter.charge.as_ref().map_or(0, Charge::bytes);
        self.by_id.insert(id, waiter);
        id
    }

    /// A batch up to offset `last` of `size` bytes can now be read: who has enough with it becomes ready.
    pub fn appended(&mut self, part: PartId, last: i64, size: usize) {
        for (id, place) in self.by_part.get(&part).into_iter().flatten() {
            let waiter = self.by_id.get_mut(id).expect("the index names waiters only");
            let target = &mut waiter.targets[*place as usize];
            if last >= target.fetch_offset {
                waiter.bytes += target.count(size);
                if waiter.bytes >= waiter.params.min_bytes {
                    self.ready.insert(*id);
                }
            }
        }
    }

    /// The log of a partition now begins at `log_start`: who waits below it becomes ready.
    pub fn cut(&mut self, part: PartId, log_start: i64) {
        for (id, place) in self.by_part.get(&part).into_iter().flatten() {
            if self.by_id[id].targets[*place as usize].fetch_offset < log_start {
                self.ready.insert(*id);
            }
        }
    }

    /// A partition is gone: who waits for it becomes ready.
    pub fn gone(&mut self, part: PartId) {
        self.ready.extend(self.by_part.get(&part).into_iter().flatten().map(|(id, _)| *id));
    }

    /// Makes everybody ready.
    pub fn all(&mut self) {
        self.ready.extend(self.by_id.keys());
    }

    /// Takes one that is ready, oldest first.
    pub fn take_ready(&mut self) -> Option<(u64, Waiter)> {
        let id = *self.ready.first()?;
        Some((id, self.take(id).expect("who is ready waits")))
    }

    /// Takes a fetch out, if it still waits.
    pub fn take(&mut self, id: u64) -> Option<Waiter> {
        let waiter = self.by_id.remove(&id)?;
        self.paid_bytes -= waiter.charge.as_ref().map_or(0, Charge::bytes);
        self.ready.remove(&id);
        self.by_conn.remove(&(waiter.params.to.conn, id));
        for part in waiter.targets.iter().filter_map(Target::part) {
            if let Some(waiting) = self.by_part.get_mut(&part) {
                waiting.retain(|(other, _)| *other != id);
                if waiting.is_empty() {
                    self.by_part.remove(&part);
                }
            }
        }
        Some(waiter)
    }

    /// Drops what a connection waits for, and names it.
    pub fn disconnected(&mut self, conn: ConnId) -> Vec<u64> {
        let ids: Vec<u64> = self.by_conn.range((conn, 0)..=(conn, u64::MAX)).map(|(_, id)| *id).collect();
        ids.iter().for_each(|id| drop(self.take(*id)));
        ids
    }

    /// All that wait with their numbers, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Waiter)> {
        self.by_id.iter().map(|(id, waiter)| (*id, waiter))
    }

    /// What long lists of those that wait are charged with, in bytes.
    pub fn paid_bytes(&self) -> usize {
        self.paid_bytes
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use crate::base::ids::ConnId;
    use crate::state::log::testing::{Rig, bases, entries, plain, request, waiting};
    use crate::state::timers::Timer;
    use crate::store::plan::Op;
    use crate::wire::error_code::ErrorCode;
    use crate::wire::message::fetch::{FetchRequest, FetchResponse};

    fn offsets(response: FetchResponse) -> Vec<Vec<i64>> {
        entries(&response).iter().map(|(_, data)| bases(data)).collect()
    }

    #[test]
    fn a_commit_wakes_who_waits_and_nobody_else() {
        let mut rig = Rig::new();
        let parts = rig.created("t", 2, &[]);
        let first = rig.fetch(1, waiting(&[("t", &[(0, 0)])]), |_| {});
        let second = rig.fetch(2, waiting(&[("t", &[(1, 0)])]), |_| {});
        rig.put(parts[0], 1);
        assert!(rig.answer(first).is_none(), "not before the commit");
        rig.put(parts[0], 1);
        rig.commit();
        assert_eq!(offsets(rig.answer(first).unwrap()), [[0, 1]], "all of the plan");
        assert!(rig.answer(second).is_none());
        assert_eq!((rig.log.parked(), rig.timers.next_ms()), (1, Some(rig.now.mono_ms + 500)));
        rig.stored(parts[1], 1);
        assert_eq!(offsets(rig.answer(second).unwrap()), [[0]]);
        assert_eq!(rig.log.parked(), 0);
        assert!(!matches!(rig.timers.pop_due(rig.now.mono_ms + 500), Some(Timer::Fetch(_))), "its deadline goes with it");
    }

    #[test]
    fn the_deadline_brings_an_answer_with_every_entry() {
        let mut rig = Rig::new();
        rig.created("t", 2, &[]);
        let to = rig.fetch(1, waiting(&[("t", &[(0, 0), (1, 0)])]), |_| {});
        rig.pass(499);
        assert!(rig.answer(to).is_none());
        rig.pass(1);
        assert_eq!(offsets(rig.answer(to).unwrap()), [[0_i64; 0], []]);
        assert_eq!(rig.log.parked(), 0);
    }

    #[test]
    fn min_bytes_gather_over_partitions_each_up_to_its_own_bound() {
        let mut rig = Rig::new();
        let parts = rig.created("t", 2, &[]);
        let size = plain(1).size();
        rig.stored(parts[0], 1);
        let mut request = FetchRequest { min_bytes: 3 * size as i32, ..waiting(&[("t", &[(0, 0), (1, 0)])]) };
        request.topics[0].partitions[0].partition_max_bytes = 2 * size as i32;
        let to = rig.fetch(1, request, |_| {});
        rig.stored(parts[0], 1);
        rig.stored(parts[0], 1);
        assert!(rig.answer(to).is_none(), "the third batch of a partition that may give two does not count");
        rig.stored(parts[1], 1);
        assert_eq!(offsets(rig.answer(to).unwrap()), [vec![0, 1], vec![0]]);
    }

    #[test]
    fn what_is_there_already_counts_and_its_first_batch_whole() {
        let mut rig = Rig::new();
        let part = rig.created("t", 1, &[])[0];
        let size = rig.stored(part, 5);
        let wish = |min_bytes: usize, max: usize| {
            let mut request = FetchRequest { min_bytes: min_bytes as i32, ..waiting(&[("t", &[(0, 0)])]) };
            request.topics[0].partitions[0].partition_max_bytes = max as i32;
            request
        };
        let enough = rig.fetch(1, wish(size, 10), |_| {});
        assert_eq!(offsets(rig.answer(enough).unwrap()), [[0]]);
        let more = rig.fetch(1, wish(size + 1, 1_000_000), |_| {});
        assert!(rig.answer(more).is_none());
        rig.stored(part, 1);
        assert_eq!(offsets(rig.answer(more).unwrap()), [[0, 5]]);
    }

    #[test]
    fn nobody_waits_for_nothing() {
        let mut rig = Rig::new();
        rig.created("t", 1, &[]);
        for request in [
            FetchRequest { max_wait_ms: 0, ..waiting(&[("t", &[(0, 0)])]) },
            FetchRequest { min_bytes: 0, ..waiting(&[("t", &[(0, 0)])]) },
            waiting(&[]),
            waiting(&[("t", &[(0, 9)])]),
            waiting(&[("u", &[(0, 0)])]),
        ] {
            rig.read(request);
        }
        let to = rig.fetch(1, waiting(&[("t", &[(0, 0)]), ("u", &[(0, 0)])]), |_| {});
        assert!(rig.answer(to).is_none(), "as in Kafka a missing partition does not hurry the others");
        rig.pass(500);
        let codes: Vec<ErrorCode> = entries(&rig.answer(to).unwrap()).iter().map(|(_, data)| data.error_code).collect();
        assert_eq!(codes, [ErrorCode::NONE, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION]);
    }

    #[test]
    fn deletion_and_retention_wake_with_an_error_once_they_are_committed() {
        let mut rig = Rig::new();
        let part = rig.created("t", 1, &[])[0];
        rig.created("d", 1, &[]);
        rig.stored(part, 4);
        let code = |response: FetchResponse| entries(&response)[0].1.error_code;
        let deleted = rig.fetch(1, waiting(&[("d", &[(0, 0)])]), |_| {});
        let cut = rig.fetch(2, waiting(&[("t", &[(0, 4)])]), |_| {});
        rig.delete("d");
        assert!(rig.answer(deleted).is_none());
        rig.fx.row(Op::SetLogStart { part, log_start: 4 });
        rig.commit();
        assert_eq!(code(rig.answer(deleted).unwrap()), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        assert!(rig.answer(cut).is_none(), "it waits at the new start, not below it");
        rig.fx.row(Op::SetLogStart { part, log_start: 5 });
        rig.commit();
        assert_eq!(code(rig.answer(cut).unwrap()), ErrorCode::OFFSET_OUT_OF_RANGE);
    }

    #[test]
    fn a_lost_connection_takes_its_fetch_with_it() {
        let mut rig = Rig::new();
        let part = rig.created("t", 1, &[])[0];
        let gone = rig.fetch(1, waiting(&[("t", &[(0, 0)])]), |_| {});
        let stays = rig.fetch(2, waiting(&[("t", &[(0, 0)])]), |_| {});
        rig.log.disconnected(gone.conn, &mut rig.timers);
        rig.log.disconnected(ConnId { slot: 3, ..ConnId::default() }, &mut rig.timers);
        assert_eq!(rig.log.parked(), 1);
        rig.stored(part, 1);
        assert!(rig.answer(stays).is_some() && rig.answer(gone).is_none());
        assert!(rig.answers.is_empty());
    }

    #[test]
    fn the_end_of_the_broker_answers_everybody_in_their_order() {
        let mut rig = Rig::new();
        rig.created("t", 1, &[]);
        let asked: Vec<_> = (1..4).map(|conn| rig.fetch(conn, waiting(&[("t", &[(0, 0)])]), |_| {})).collect();
        rig.log.answer_all_parked(&mut rig.fx, &mut rig.timers, rig.now);
        rig.collect();
        assert_eq!(rig.answers.iter().map(|(to, _)| *to).collect::<Vec<_>>(), asked);
        assert_eq!(rig.timers.next_ms(), None);
    }

    #[test]
    fn a_fetch_beyond_the_high_watermark_waits_for_its_own_offset() {
        let mut rig = Rig::new();
        let part = rig.created("t", 1, &[])[0];
        rig.put(part, 1);
        let sealed = rig.fx.seal();
        rig.put(part, 1);
        let to = rig.fetch(1, waiting(&[("t", &[(0, 1)])]), |_| {});
        rig.commit_sealed(&sealed);
        assert!(rig.answer(to).is_none());
        rig.commit();
        assert_eq!(offsets(rig.answer(to).unwrap()), [[1]]);
        assert!(offsets(rig.read(request(&[("t", &[(0, 2)])])))[0].is_empty());
    }

    #[test]
    fn long_lists_wait_as_long_as_there_is_memory_for_them() {
        let mut rig = Rig::new();
        rig.created("t", 10_000, &[]);
        let all: Vec<(i32, i64)> = (0..10_000).map(|index| (index, 0)).collect();
        let memory = rig.log.memory.clone();
        let first = rig.fetch(1, waiting(&[("t", &all)]), |_| {});
        assert!(rig.answer(first).is_none());
        let each = memory.used_bytes();
        assert!(each > 10_000 * 64, "{each}");
        let fitting = memory.limit_bytes() / 4 / each;
        let mut parked = 1_usize;
        loop {
            let next = rig.fetch(10 + parked as u32, waiting(&[("t", &all)]), |_| {});
            if rig.answer(next).is_some() {
                break;
            }
            parked += 1;
        }
        assert_eq!((parked, rig.log.parked()), (fitting, fitting));
        let short = rig.fetch(2, waiting(&[("t", &[(0, 0)])]), |_| {});
        assert!(rig.answer(short).is_none(), "a short one always waits");
        rig.pass(1_000);
        assert_eq!((rig.log.parked(), memory.used_bytes()), (0, 0));
    }
}
