//! Retention: what is older than its topic's retention.ms, or lies in front of retention.bytes, goes from the front of each
//! partition (Kafka's `UnifiedLog.deleteRetentionMsBreachedSegments` and `deleteRetentionSizeBreachedSegments`, batch by batch), and
//! DeleteRecords. Age is woken by the timer, which is set only while something can expire; size is looked at as data arrive.

use super::Log;
use super::partition::{Asked, Partition};
use crate::base::ids::{PartId, PlanNo};
use crate::base::limits::{RETENTION_ASKS_MAX, RETENTION_SLICE_PARTITIONS};
use crate::base::time::Now;
use crate::mail::cold::ColdJob;
use crate::state::configs::LogConfig;
use crate::state::effects::Effects;
use crate::state::timers::{Timer, Timers};
use crate::state::topics::Topics;
use crate::store::plan::{BatchRow, Op};
use crate::store::seam::Kept;
use crate::wire::error_code::ErrorCode;
use std::collections::BTreeSet;

/// While data arrive, a partition passes its retention.bytes by this part of them before something is cut off; cutting off with
/// every batch would have the store fold its index each time. A regular look follows that is exact.
const SLACK_DIVISOR: i64 = 16;

/// Where retention stands.
#[derive(Debug)]
pub struct Retention {
    check_ms: u64,
    // From here on, when the last turn was cut short.
    from: Option<PartId>,
    // When the oldest batch that was met expires, ms since 1970.
    next_wall_ms: Option<i64>,
    // Questions that the cold readers have not answered yet.
    asked: usize,
    // Partitions to look at before the next regular look.
    wanted: BTreeSet<PartId>,
}

/// What retention finds of a partition.
enum Finding {
    /// Nothing that could ever expire.
    Nothing,
    /// The oldest batch expires at this time, ms since 1970.
    Later(i64),
    /// All that is committed has expired.
    All,
    /// Some may have to go; the store must be asked with this cut-off, ms since 1970, and this number of bytes to keep.
    Ask(i64, i64),
}

/// What a topic keeps: for how long, ms, and how many bytes; `None`: without limit.
#[derive(Clone, Copy)]
struct Keeps {
    ms: Option<i64>,
    bytes: Option<i64>,
}

impl Keeps {
    fn of(part: PartId, topics: &Topics) -> Keeps {
        let config = topics.owner(part).map(|(topic, _)| &topic.log_config).filter(|config| config.deleted);
        let limit = |value: fn(&LogConfig) -> i64| config.map(value).filter(|limit| *limit >= 0);
        Keeps { ms: limit(|config| config.retention_ms), bytes: limit(|config| config.retention_bytes) }
    }
}

impl Retention {
    /// Looks at most every `check_ms`.
    pub fn new(check_ms: u64) -> Retention {
        Retention { check_ms, from: None, next_wall_ms: None, asked: 0, wanted: BTreeSet::new() }
    }

    /// A partition that was empty has its first batch on disk.
    pub fn first_batch(&self, partition: &mut Partition, row: &BatchRow, topics: &Topics, timers: &mut Timers, now: Now) {
        // A batch without timestamps ages from its arrival on, as Kafka's segments do by their file time.
        let timestamp = if row.max_ts < 0 { now.wall_ms } else { row.max_ts };
        partition.oldest_timestamp = Some(timestamp);
        if let Some(retention_ms) = Keeps::of(row.part, topics).ms {
            self.wake_at(expires_ms(timestamp, retention_ms), timers, now);
        }
    }

    /// A batch of this partition is on disk: it may hold too much now.
    pub fn grown(&mut self, partition: &Partition, topics: &Topics, timers: &mut Timers, now: Now) {
        let Some(keep_bytes) = Keeps::of(partition.part(), topics).bytes else { return };
        if partition.bytes <= keep_bytes {
            return;
        }
        if partition.appended - partition.looked_at > keep_bytes / SLACK_DIVISOR {
            self.want(partition.part(), timers, now);
        } else if partition.asked_cold.is_none() {
            self.wake_at(now.wall_ms, timers, now);
        }
    }

    /// Has a partition looked at as soon as this turn of the engine is over.
    fn want(&mut self, part: PartId, timers: &mut Timers, now: Now) {
        self.wanted.insert(part);
        timers.set_earlier(Timer::Excess, now.mono_ms + 1);
    }

    /// Sets the timer for a moment of the wall clock, ms since 1970, but not before the next regular look.
    fn wake_at(&self, wall_ms: i64, timers: &mut Timers, now: Now) {
        let wait_ms = u64::try_from(wall_ms.saturating_sub(now.wall_ms)).unwrap_or_default();
        timers.set_earlier(Timer::Retention, now.mono_ms.saturating_add(wait_ms.max(self.check_ms)));
    }

    /// Does what was found; gives back when the oldest batch expires, ms since 1970, if it does.
    fn act(&mut self, finding: Finding, partition: &mut Partition, fx: &mut Effects) -> Option<i64> {
        match finding {
            Finding::Nothing => None,
            Finding::Later(wall_ms) => Some(wall_ms),
            Finding::All => {
                partition.bytes = 0;
                partition.cut(partition.high_watermark(), None, fx);
                None
            }
            Finding::Ask(cutoff_ms, keep_bytes) => {
                self.asked += 1;
                let (part, from, until) = (partition.part(), partition.decided_log_start, partition.high_watermark());
                partition.asked_cold = Some(Asked { appended: partition.appended, log_start: from });
                partition.looked_at = partition.appended;
                fx.cold(ColdJob::Retention { part, from, until, cutoff_ms, keep_bytes });
                None
            }
        }
    }
}

/// The first moment at which a batch is older than its retention.
fn expires_ms(timestamp: i64, retention_ms: i64) -> i64 {
    timestamp.saturating_add(retention_ms).saturating_add(1)
}

fn examine(partition: &mut Partition, keeps: Keeps, now: Now) -> Finding {
    if partition.doomed || partition.asked_cold.is_some() {
        return Finding::Nothing;
    }
    if partition.decided_log_start >= partition.high_watermark() {
        (partition.bytes, partition.unmeasured) = (0, false);
        return Finding::Nothing;
    }
    let cutoff_ms = keeps.ms.map_or(i64::MIN, |retention_ms| now.wall_ms.saturating_sub(retention_ms));
    let newest = if partition.max_timestamp() < 0 {
        // Nothing in it has a timestamp: it ages from its arrival on, or from the load.
        *partition.oldest_timestamp.get_or_insert(now.wall_ms)
    } else {
        partition.max_timestamp()
    };
    // What the store was asked about before, and said that it must stay, is not asked about again.
    let is_too_large = keeps.bytes.is_some_and(|bytes| partition.bytes > bytes) && partition.looked_at != partition.appended;
    let ask = Finding::Ask(cutoff_ms, keeps.bytes.unwrap_or(i64::MAX));
    match (keeps.ms, partition.oldest_timestamp) {
        (Some(_), _) if newest < cutoff_ms => Finding::All,
        _ if is_too_large || partition.unmeasured => ask,
        (None, _) => Finding::Nothing,
        (Some(retention_ms), Some(oldest)) if oldest >= cutoff_ms => Finding::Later(expires_ms(oldest, retention_ms)),
        (Some(_), _) => ask,
    }
}

impl Log {
    /// After a load: nobody knows how old the oldest batches are, so the first regular look finds out.
    pub(super) fn retention_loaded(&mut self, timers: &mut Timers, now: Now) {
        if self.partitions.values().any(|partition| !partition.is_empty()) {
            timers.set_earlier(Timer::Retention, now.mono_ms + self.retention.check_ms);
        }
    }

    /// Looks over partitions, a bounded number in one turn.
    pub(super) fn retention_due(&mut self, topics: &Topics, fx: &mut Effects, timers: &mut Timers, now: Now) {
        let first = self.retention.from.take().unwrap_or_else(|| {
            self.retention.next_wall_ms = None;
            PartId::default()
        });
        for (looked_at, (part, partition)) in self.partitions.range_mut(first..).enumerate() {
            if looked_at == RETENTION_SLICE_PARTITIONS || self.retention.asked >= RETENTION_ASKS_MAX {
                self.retention.from = Some(*part);
                break;
            }
            let finding = examine(partition, Keeps::of(*part, topics), now);
            if let Some(wall_ms) = self.retention.act(finding, partition, fx) {
                self.retention.next_wall_ms = Some(self.retention.next_wall_ms.map_or(wall_ms, |next| next.min(wall_ms)));
            }
        }
        match (self.retention.from, self.retention.next_wall_ms) {
            // With all questions asked, the next answer goes on.
            (Some(_), _) if self.retention.asked >= RETENTION_ASKS_MAX => {}
            (Some(_), _) => timers.set(Timer::Retention, now.mono_ms + 1),
            (None, Some(wall_ms)) => self.retention.wake_at(wall_ms, timers, now),
            (None, None) => {}
        }
    }

    /// Looks at the partitions that cannot wait for the next regular look. With all questions asked, the next answer goes on.
    pub(super) fn excess_due(&mut self, topics: &Topics, fx: &mut Effects, timers: &mut Timers, now: Now) {
        let mut asked_already = Vec::new();
        while self.retention.asked < RETENTION_ASKS_MAX
            && let Some(part) = self.retention.wanted.pop_first()
        {
            let Some(partition) = self.partitions.get_mut(&part) else { continue };
            if partition.asked_cold.is_some() {
                asked_already.push(part);
                continue;
            }
            let finding = examine(partition, Keeps::of(part, topics), now);
            if let Some(wall_ms) = self.retention.act(finding, partition, fx) {
                self.retention.wake_at(wall_ms, timers, now);
            }
        }
        // They have grown since they were asked about; the answer has them looked at again.
        self.retention.wanted.extend(asked_already);
    }

    /// The answer to a question of retention: what is to be kept of everything below `until`; `None` when nothing of it is.
    pub fn retained(&mut self, part: PartId, kept: Option<Kept>, until: i64, fx: &mut Effects, timers: &mut Timers, now: Now) {
        self.retention.asked = self.retention.asked.saturating_sub(1);
        if self.retention.from.is_some() {
            timers.set(Timer::Retention, now.mono_ms + 1);
        }
        if !self.retention.wanted.is_empty() {
            timers.set_earlier(Timer::Excess, now.mono_ms + 1);
        }
        let Some(partition) = self.partitions.get_mut(&part) else { return };
        let Some(asked) = partition.asked_cold.take() else { return };
        let since = partition.appended - asked.appended;
        match kept {
            Some(kept) if kept.bytes < 0 => {}
            Some(kept) => partition.bytes = kept.bytes + since,
            None => partition.bytes = since,
        }
        // Records that were deleted in the meantime were counted.
        partition.unmeasured = partition.decided_log_start != asked.log_start;
        let (log_start, oldest) = kept.map_or((until, None), |kept| (kept.base.min(until), Some(kept.run_ts)));
        partition.cut(log_start, oldest, fx);
        if partition.unmeasured {
            self.retention.want(part, timers, now);
        }
        if !partition.is_empty() {
            // The next regular look finds out when the rest expires, and whether it has grown too large.
            self.retention.wake_at(now.wall_ms, timers, now);
        }
    }

    /// DeleteRecords: records before `offset` go, all of them when it is -1. Gives back the first offset that is left, and the plan
    /// that this rests on. OFFSET_OUT_OF_RANGE beyond the high watermark, POLICY_VIOLATION where records are not deleted.
    pub fn delete_records(
        &mut self,
        part: PartId,
        offset: i64,
        config: &LogConfig,
        fx: &mut Effects,
        timers: &mut Timers,
        now: Now,
    ) -> Result<(i64, PlanNo), ErrorCode> {
        let partition = self.partitions.get_mut(&part).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        if !config.deleted {
            return Err(ErrorCode::POLICY_VIOLATION);
        }
        let offset = if offset == -1 { partition.high_watermark() } else { offset };
        if offset < 0 || offset > partition.high_watermark() {
            return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
        }
        if offset > partition.decided_log_start {
            partition.unmeasured = true;
            partition.cut(offset, None, fx);
            self.retention.want(part, timers, now);
        }
        Ok((partition.decided_log_start, partition.cut_in))
    }

    /// The configs of these partitions' topic have changed: what they keep is looked at anew.
    pub fn reconfigured(&mut self, parts: &[PartId], timers: &mut Timers, now: Now) {
        for part in parts {
            if let Some(partition) = self.partitions.get_mut(part) {
                partition.looked_at = -1;
                self.retention.want(*part, timers, now);
            }
        }
    }
}

impl Partition {
    /// Decides a new log start; `oldest`: timestamp of the first batch that stays, if it is known.
    fn cut(&mut self, log_start: i64, oldest: Option<i64>, fx: &mut Effects) {
        self.oldest_timestamp = oldest;
        if log_start > self.decided_log_start && !self.doomed {
            self.decided_log_start = log_start;
            self.cut_in = fx.plan();
            fx.row(Op::SetLogStart { part: self.part(), log_start });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::PartId;
    use crate::state::log::testing::{Rig, WALL_MS, at, entries, plain, request};
    use crate::wire::error_code::ErrorCode;

    const DAY_MS: u64 = 86_400_000;

    fn log_start(rig: &Rig, part: PartId) -> i64 {
        rig.log.partition(part).unwrap().log_start()
    }

    fn asked(rig: &mut Rig) -> Vec<(PartId, i64, i64, i64)> {
        let question = |job| match job {
            ColdJob::Retention { part, from, until, cutoff_ms, .. } => (part, from, until, cutoff_ms),
            other => panic!("{other:?}"),
        };
        rig.cold.drain(..).map(question).collect()
    }

    fn answer(rig: &mut Rig, part: PartId, kept: Option<(i64, i64)>, until: i64) {
        let kept = kept.map(|(base, run_ts)| Kept { base, run_ts, bytes: 1 });
        rig.log.retained(part, kept, until, &mut rig.fx, &mut rig.timers, rig.now);
    }

    #[test]
    fn an_idle_broker_is_woken_once_when_its_data_expires() {
        let mut rig = Rig::new();
        let part = rig.created("t", 1, &[("retention.ms", "86400000")])[0];
        assert_eq!(rig.timers.next_ms(), None, "nothing to expire, nothing to wake for");
        rig.append(part, at(&[WALL_MS])).unwrap();
        rig.commit();
        assert_eq!(rig.timers.get(&Timer::Retention), Some(rig.now.mono_ms + DAY_MS + 1));
        rig.pass(DAY_MS);
        assert!(!rig.fx.has_rows());
        rig.pass(1);
        assert!(rig.cold.is_empty(), "all of it is too old, nobody needs to look");
        assert_eq!(log_start(&rig, part), 0, "visible when it is committed");
        assert_eq!(rig.commit().ops, [Op::SetLogStart { part, log_start: 1 }]);
        assert_eq!(log_start(&rig, part), 1);
        assert_eq!(rig.timers.next_ms(), None);
        let read = rig.read(request(&[("t", &[(0, 0)])]));
        assert_eq!(entries(&read)[0].1.error_code, ErrorCode::OFFSET_OUT_OF_RANGE);
        rig.append(part, at(&[rig.now.wall_ms])).unwrap();
        assert_eq!(rig.commit().batches[0].base, 1, "offsets go on");
        assert_eq!(rig.timers.get(&Timer::Retention), Some(rig.now.mono_ms + DAY_MS + 1));
    }

    #[test]
    fn the_store_is_asked_when_only_the_oldest_has_expired() {
        let mut rig = Rig::new();
        let part = rig.created("t", 1, &[("retention.ms", "100000")])[0];
        for later in [0, 50_000, 40_000, 90_000] {
            rig.append(part, at(&[WALL_MS + later])).unwrap();
        }
        rig.commit();
        let other = rig.created("u", 1, &[("retention.ms", "160000")])[0];
        rig.append(other, at(&[WALL_MS])).unwrap();
        rig.commit();
        rig.pass(100_001);
        assert_eq!(asked(&mut rig), [(part, 0, 4, WALL_MS + 1)]);
        rig.pass(60_000);
        assert_eq!(rig.commit().ops, [Op::SetLogStart { part: other, log_start: 1 }]);
        assert!(rig.cold.is_empty(), "one question at a time");
        rig.append(part, at(&[WALL_MS])).unwrap();
        answer(&mut rig, part, Some((1, WALL_MS + 50_000)), 4);
        assert_eq!(rig.fx.seal().ops, [Op::SetLogStart { part, log_start: 1 }]);
        rig.pass(60_000);
        assert_eq!(rig.fx.seal().ops, [Op::SetLogStart { part, log_start: 4 }], "by now all that is committed is too old");
    }

    #[test]
    fn what_is_exactly_as_old_as_it_may_be_stays() {
        let mut rig = Rig::new();
        let parts = rig.created("t", 2, &[("retention.ms", "100000")]);
        rig.append(parts[0], at(&[WALL_MS])).unwrap();
        rig.append(parts[1], at(&[WALL_MS + 1])).unwrap();
        rig.commit();
        rig.pass(100_001);
        assert_eq!(rig.commit().ops, [Op::SetLogStart { part: parts[0], log_start: 1 }]);
        assert!(rig.cold.is_empty());
    }

    #[test]
    fn the_answer_tells_when_to_look_again() {
        let mut rig = Rig::new();
        let part = rig.created("t", 1, &[("retention.ms", "100000")])[0];
        rig.append(part, at(&[WALL_MS])).unwrap();
        rig.append(part, at(&[WALL_MS + 90_000])).unwrap();
        rig.commit();
        rig.pass(100_001);
        assert_eq!(asked(&mut rig).len(), 1);
        answer(&mut rig, part, Some((1, WALL_MS + 90_000)), 2);
        rig.commit();
        // The next regular look finds nothing to do and knows the moment.
        rig.pass(60_000);
        assert!(rig.cold.is_empty() && !rig.fx.has_rows());
        assert_eq!(rig.timers.get(&Timer::Retention), Some(rig.now.mono_ms + 60_000), "not more often than that");
        rig.pass(60_000);
        assert_eq!(rig.commit().ops, [Op::SetLogStart { part, log_start: 2 }]);
    }

    #[test]
    fn what_was_asked_for_may_be_gone_whole_or_deleted() {
        let mut rig = Rig::new();
        let parts = rig.created("t", 1, &[("retention.ms", "100000")]);
        rig.append(parts[0], at(&[WALL_MS])).unwrap();
        rig.append(parts[0], at(&[WALL_MS + 90_000])).unwrap();
        rig.commit();
        rig.pass(100_001);
        answer(&mut rig, parts[0], None, 2);
        assert_eq!(rig.commit().ops, [Op::SetLogStart { part: parts[0], log_start: 2 }]);
        rig.append(parts[0], at(&[rig.now.wall_ms])).unwrap();
        rig.commit();
        rig.delete("t");
        answer(&mut rig, parts[0], None, 3);
        assert!(!rig.commit().ops.iter().any(|op| matches!(op, Op::SetLogStart { .. })));
        answer(&mut rig, parts[0], None, 3);
    }

    #[test]
    fn for_ever_compacted_and_future_data_stay() {
        let mut rig = Rig::new();
        let kept = rig.created("k", 1, &[("retention.ms", "-1")])[0];
        let compacted = rig.created("c", 1, &[("cleanup.policy", "compact")])[0];
        rig.stored(kept, 1);
        rig.stored(compacted, 1);
        assert_eq!(rig.timers.get(&Timer::Retention), None);
        let future = rig.created("f", 1, &[("retention.ms", "1000"), ("message.timestamp.after.max.ms", "99999999999")])[0];
        rig.append(future, at(&[WALL_MS + 10 * DAY_MS as i64])).unwrap();
        rig.commit();
        rig.pass(10 * DAY_MS + 1_000);
        assert!(!rig.fx.has_rows() && rig.cold.is_empty());
        rig.pass(1);
        assert_eq!(rig.commit().ops, [Op::SetLogStart { part: future, log_start: 1 }]);
    }

    #[test]
    fn data_without_timestamps_ages_from_its_arrival() {
        let mut rig = Rig::new();
        let part = rig.created("t", 1, &[("retention.ms", "100000")])[0];
        rig.append(part, at(&[-1])).unwrap();
        rig.commit();
        rig.pass(100_000);
        assert!(!rig.fx.has_rows());
        rig.pass(1);
        assert_eq!(rig.commit().ops, [Op::SetLogStart { part, log_start: 1 }]);
    }

    #[test]
    fn after_a_load_the_first_regular_look_finds_out() {
        let mut rig = Rig::new();
        let old = rig.created("o", 1, &[("retention.ms", "1000")])[0];
        let mixed = rig.created("m", 1, &[("retention.ms", "500000")])[0];
        let timeless = rig.created("n", 1, &[("retention.ms", "1000")])[0];
        rig.append(old, at(&[WALL_MS])).unwrap();
        rig.append(mixed, at(&[WALL_MS])).unwrap();
        rig.append(timeless, at(&[-1])).unwrap();
        rig.commit();
        let mut again = Rig::load(rig.broker.clone(), rig.image.clone());
        again.topics = rig.topics.clone();
        assert_eq!(again.timers.next_ms(), Some(again.now.mono_ms + 60_000));
        again.pass(60_000);
        assert_eq!(again.fx.seal().ops, [Op::SetLogStart { part: old, log_start: 1 }]);
        assert_eq!(asked(&mut again), [(mixed, 0, 1, again.now.wall_ms - 500_000)]);
        again.pass(60_000);
        assert_eq!(again.fx.seal().ops, [Op::SetLogStart { part: timeless, log_start: 1 }], "it aged from the load on");
        assert_eq!(Rig::load(again.broker.clone(), Default::default()).timers.next_ms(), None);
    }

    #[test]
    fn many_partitions_are_looked_at_in_slices_and_asked_about_few_at_a_time() {
        let mut rig = Rig::new();
        let count = RETENTION_SLICE_PARTITIONS + 10;
        let parts = rig.created("t", count as i32, &[("retention.ms", "100000")]);
        for part in &parts {
            rig.append(*part, at(&[WALL_MS])).unwrap();
        }
        rig.commit();
        rig.now.mono_ms += 100_001;
        rig.now.wall_ms += 100_001;
        let look = |rig: &mut Rig| {
            assert_eq!(rig.timers.pop_due(rig.now.mono_ms), Some(Timer::Retention));
            rig.log.due(Timer::Retention, &rig.topics, &mut rig.fx, &mut rig.timers, rig.now);
            rig.fx.seal().ops.len()
        };
        assert_eq!(look(&mut rig), RETENTION_SLICE_PARTITIONS);
        assert_eq!(rig.timers.pop_due(rig.now.mono_ms), None, "others come in between");
        rig.now.mono_ms += 1;
        assert_eq!(look(&mut rig), 10);

        let asking = rig.created("u", RETENTION_ASKS_MAX as i32 + 1, &[("retention.ms", "100000")]);
        for part in &asking {
            rig.append(*part, at(&[rig.now.wall_ms])).unwrap();
            rig.append(*part, at(&[rig.now.wall_ms + 50_000])).unwrap();
        }
        rig.commit();
        rig.pass(100_002);
        assert_eq!(asked(&mut rig).len(), RETENTION_ASKS_MAX);
        rig.pass(10_000);
        assert!(rig.cold.is_empty());
        let wall_ms = rig.now.wall_ms;
        answer(&mut rig, asking[0], Some((1, wall_ms)), 2);
        rig.pass(1);
        assert_eq!(asked(&mut rig).iter().map(|question| question.0).collect::<Vec<_>>(), [asking[RETENTION_ASKS_MAX]]);
    }
    /// What the store would answer, from the batches' sizes: the questions asked so far are answered.
    fn answer_by_size(rig: &mut Rig, sizes: &[i64]) -> Vec<(i64, i64)> {
        let jobs: Vec<ColdJob> = rig.cold.drain(..).collect();
        let mut told = Vec::new();
        for job in jobs {
            let ColdJob::Retention { part, from, until, keep_bytes, .. } = job else { panic!("{job:?}") };
            let behind = |base: i64| sizes[base as usize + 1..until as usize].iter().sum::<i64>();
            let base = (from..until).find(|base| behind(*base) < keep_bytes);
            let kept = base.map(|base| Kept { base, run_ts: WALL_MS, bytes: sizes[base as usize] + behind(base) });
            told.push((from, keep_bytes));
            rig.log.retained(part, kept, until, &mut rig.fx, &mut rig.timers, rig.now);
        }
        told
    }

    #[test]
    fn what_is_too_much_goes_as_data_arrive() {
        let mut rig = Rig::new();
        let size = plain(1).size() as i64;
        let keep = 20 * size;
        let part = rig.created("t", 1, &[("retention.bytes", &keep.to_string()), ("retention.ms", "-1")])[0];
        let sizes = vec![size; 100];
        for _ in 0..20 {
            rig.stored(part, 1);
        }
        assert_eq!((rig.timers.next_ms(), rig.log.partition(part).unwrap().bytes()), (None, keep));
        rig.stored(part, 1);
        rig.pass(1);
        assert_eq!(answer_by_size(&mut rig, &sizes), [(0, keep)]);
        assert_eq!(rig.commit().ops, [Op::SetLogStart { part, log_start: 1 }]);
        assert_eq!(rig.log.partition(part).unwrap().bytes(), keep);
        rig.stored(part, 1);
        rig.pass(1);
        assert!(rig.cold.is_empty(), "a sixteenth may come on top while data arrive");
        rig.stored(part, 1);
        rig.pass(1);
        assert_eq!(answer_by_size(&mut rig, &sizes), [(1, keep)]);
        assert_eq!(rig.commit().ops, [Op::SetLogStart { part, log_start: 3 }]);
        rig.stored(part, 1);
        rig.pass(60_000);
        assert_eq!(answer_by_size(&mut rig, &sizes), [(3, keep)], "a regular look is exact");
        assert_eq!(rig.commit().ops, [Op::SetLogStart { part, log_start: 4 }]);
        rig.pass(60_000);
        rig.pass(60_000);
        assert!(rig.cold.is_empty() && !rig.fx.has_rows());
        assert_eq!(rig.timers.next_ms(), None, "and then all is quiet");
    }

    #[test]
    fn a_smaller_limit_takes_effect_at_once_and_a_larger_batch_stays() {
        let mut rig = Rig::new();
        let size = plain(1).size() as i64;
        let parts = rig.created("t", 1, &[("retention.ms", "-1")]);
        let sizes = vec![size; 10];
        for _ in 0..10 {
            rig.stored(parts[0], 1);
        }
        let limit = 3 * size - 1;
        let id = rig.topics.by_name("t").unwrap().id;
        rig.topic("t", id, parts.clone(), &[("retention.bytes", &limit.to_string()), ("retention.ms", "-1")]);
        rig.log.reconfigured(&parts, &mut rig.timers, rig.now);
        rig.pass(1);
        assert_eq!(answer_by_size(&mut rig, &sizes), [(0, limit)]);
        assert_eq!(rig.commit().ops, [Op::SetLogStart { part: parts[0], log_start: 7 }], "without the first there would be too little");
        assert_eq!(rig.log.partition(parts[0]).unwrap().bytes(), 3 * size);
        for _ in 0..3 {
            rig.pass(60_000);
        }
        assert!(rig.cold.is_empty(), "nobody asks the same again");
        assert_eq!(rig.timers.next_ms(), None);
    }

    #[test]
    fn what_grows_while_the_store_is_asked_is_looked_at_again() {
        let mut rig = Rig::new();
        let size = plain(1).size() as i64;
        let keep = 20 * size;
        let part = rig.created("t", 1, &[("retention.bytes", &keep.to_string()), ("retention.ms", "-1")])[0];
        for _ in 0..22 {
            rig.stored(part, 1);
        }
        rig.pass(1);
        assert_eq!(rig.cold.len(), 1);
        for _ in 0..4 {
            rig.stored(part, 1);
        }
        rig.pass(1);
        assert_eq!(rig.cold.len(), 1, "one question at a time");
        let sizes = vec![size; 100];
        assert_eq!(answer_by_size(&mut rig, &sizes), [(0, keep)]);
        rig.commit();
        rig.pass(1);
        assert_eq!(answer_by_size(&mut rig, &sizes).len(), 1);
        rig.commit();
        assert_eq!(rig.log.partition(part).unwrap().bytes(), keep);
    }

    #[test]
    fn deleted_records_are_gone_once_committed_and_no_longer_counted() {
        let mut rig = Rig::new();
        let size = plain(1).size() as i64;
        let part = rig.created("t", 1, &[])[0];
        let sizes = vec![size; 5];
        for _ in 0..5 {
            rig.stored(part, 1);
        }
        let delete = |rig: &mut Rig, offset| {
            let config = rig.topics.by_name("t").unwrap().log_config.clone();
            rig.log.delete_records(part, offset, &config, &mut rig.fx, &mut rig.timers, rig.now)
        };
        assert_eq!(delete(&mut rig, 6), Err(ErrorCode::OFFSET_OUT_OF_RANGE));
        assert_eq!(delete(&mut rig, -2), Err(ErrorCode::OFFSET_OUT_OF_RANGE));
        let plan = rig.fx.plan();
        assert_eq!(delete(&mut rig, 3), Ok((3, plan)));
        assert_eq!(delete(&mut rig, 2), Ok((3, plan)), "nothing comes back, and the answer waits for what it tells");
        assert_eq!(log_start(&rig, part), 0);
        assert_eq!(rig.commit().ops, [Op::SetLogStart { part, log_start: 3 }]);
        assert_eq!(log_start(&rig, part), 3);
        rig.pass(1);
        assert_eq!(answer_by_size(&mut rig, &sizes), [(3, i64::MAX)]);
        assert_eq!(rig.log.partition(part).unwrap().bytes(), 2 * size);
        assert!(!rig.fx.has_rows());
        assert_eq!(delete(&mut rig, -1).map(|done| done.0), Ok(5));
        rig.commit();
        rig.pass(1);
        assert_eq!((rig.log.partition(part).unwrap().bytes(), rig.cold.len()), (0, 0));
        let compacted = LogConfig { deleted: false, ..LogConfig::new(&[], &rig.broker) };
        let refused = rig.log.delete_records(part, -1, &compacted, &mut rig.fx, &mut rig.timers, rig.now);
        assert_eq!(refused, Err(ErrorCode::POLICY_VIOLATION));
    }
}
