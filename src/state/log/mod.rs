//! Partitions and what hangs on them: producers, tail cache, parked fetches, fetch sessions, retention.

use crate::base::ids::{ConnId, PartId};
use crate::base::time::Now;
use crate::state::broker::Broker;
use crate::state::effects::Effects;
use crate::state::timers::{Timer, Timers};
use crate::state::topics::Topics;
use crate::store::plan::{Image, Plan};

/// All partitions.
#[derive(Debug, Default)]
pub struct Log {}

#[allow(missing_docs, unused_variables, clippy::too_many_arguments)]
impl Log {
    pub fn load(image: &Image, topics: &Topics, broker: &Broker, timers: &mut Timers, now: Now) -> Log {
        Log {}
    }
    pub fn committed(&mut self, plan: &Plan, topics: &Topics, fx: &mut Effects, timers: &mut Timers, now: Now) {}
    pub fn reload(&mut self, image: &Image, refused: &[&Plan], topics: &Topics, fx: &mut Effects, timers: &mut Timers, now: Now) {}
    pub fn due(&mut self, timer: Timer, topics: &Topics, broker: &Broker, fx: &mut Effects, timers: &mut Timers, now: Now) {}
    pub fn expire_producers(&mut self, fx: &mut Effects, timers: &mut Timers, now: Now) {}
    pub fn retained(
        &mut self,
        part: PartId,
        cutoff_ms: i64,
        kept: Option<(i64, i64)>,
        until: i64,
        fx: &mut Effects,
        timers: &mut Timers,
        now: Now,
    ) {
    }
    pub fn add_partition(&mut self, row: &crate::store::plan::PartitionRow) {}
    pub fn remove_partitions(&mut self, parts: &[PartId]) {}
    pub fn disconnected(&mut self, conn: ConnId, timers: &mut Timers) {}
    pub fn answer_all_parked(&mut self, topics: &Topics, fx: &mut Effects, timers: &mut Timers, now: Now) {}
}
