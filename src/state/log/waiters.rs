//! Parked fetches: requests that found too little to be worth an answer. Woken by commits through a per-partition index, by
//! their deadline in the timer table, or dropped with their connection. Part of `Log`; filled and emptied by `fetch`.

use super::fetch::{Context, FetchParams, Target};
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

    /// How many wait.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}
