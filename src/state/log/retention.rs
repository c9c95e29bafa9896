//! Retention by age: what is older than its topic's retention.ms goes, from the front of each partition (Kafka's
//! `UnifiedLog.deleteRetentionMsBreachedSegments`, batch by batch). Woken by the timer, which is set only while something can expire.

use super::Log;
use super::partition::Partition;
use crate::base::ids::PartId;
use crate::base::limits::{RETENTION_ASKS_MAX, RETENTION_SLICE_PARTITIONS};
use crate::base::time::Now;
use crate::mail::cold::ColdJob;
use crate::state::effects::Effects;
use crate::state::timers::{Timer, Timers};
use crate::state::topics::Topics;
use crate::store::plan::{BatchRow, Op};

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
}

/// What retention finds of a partition.
enum Finding {
    /// Nothing that could ever expire.
    Nothing,
    /// The oldest batch expires at this time, ms since 1970.
    Later(i64),
    /// All that is committed has expired.
    All,
    /// Some may have; the store must be asked with this cut-off, ms since 1970.
    Ask(i64),
}

impl Retention {
    /// Looks at most every `check_ms`.
    pub fn new(check_ms: u64) -> Retention {
        Retention { check_ms, from: None, next_wall_ms: None, asked: 0 }
    }

    /// A partition that was empty has its first batch on disk.
    pub fn first_batch(&self, partition: &mut Partition, row: &BatchRow, topics: &Topics, timers: &mut Timers, now: Now) {
        // A batch without timestamps ages from its arrival on, as Kafka's segments do by their file time.
        let timestamp = if row.max_ts < 0 { now.wall_ms } else { row.max_ts };
        partition.oldest_timestamp = Some(timestamp);
        if let Some(retention_ms) = retention_ms(row.part, topics) {
            self.wake_at(expires_ms(timestamp, retention_ms), timers, now);
        }
    }

    /// Sets the timer for a moment of the wall clock, ms since 1970, but not before the next regular look.
    fn wake_at(&self, wall_ms: i64, timers: &mut Timers, now: Now) {
        let wait_ms = u64::try_from(wall_ms.saturating_sub(now.wall_ms)).unwrap_or_default();
        timers.set_earlier(Timer::Retention, now.mono_ms.saturating_add(wait_ms.max(self.check_ms)));
    }
}

/// The retention of a partition's topic, ms; `None`: for ever.
fn retention_ms(part: PartId, topics: &Topics) -> Option<i64> {
    let (topic, _) = topics.owner(part)?;
    (topic.log_config.deleted && topic.log_config.retention_ms >= 0).then_some(topic.log_config.retention_ms)
}

/// The first moment at which a batch is older than its retention.
fn expires_ms(timestamp: i64, retention_ms: i64) -> i64 {
    timestamp.saturating_add(retention_ms).saturating_add(1)
}

fn examine(partition: &mut Partition, retention_ms: Option<i64>, now: Now) -> Finding {
    let Some(retention_ms) = retention_ms else { return Finding::Nothing };
    if partition.decided_log_start >= partition.high_watermark() || partition.doomed || partition.asked_cold {
        return Finding::Nothing;
    }
    let cutoff_ms = now.wall_ms.saturating_sub(retention_ms);
    let newest = if partition.max_timestamp() < 0 {
        // Nothing in it has a timestamp: it ages from its arrival on, or from the load.
        *partition.oldest_timestamp.get_or_insert(now.wall_ms)
    } else {
        partition.max_timestamp()
    };
    match partition.oldest_timestamp {
        _ if newest < cutoff_ms => Finding::All,
        Some(oldest) if oldest >= cutoff_ms => Finding::Later(expires_ms(oldest, retention_ms)),
        _ => Finding::Ask(cutoff_ms),
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
            if looked_at == RETENTION_SLICE_PARTITIONS || self.retention.asked == RETENTION_ASKS_MAX {
                self.retention.from = Some(*part);
                break;
            }
            match examine(partition, retention_ms(*part, topics), now) {
                Finding::Nothing => {}
                Finding::Later(wall_ms) => {
                    self.retention.next_wall_ms = Some(self.retention.next_wall_ms.map_or(wall_ms, |next| next.min(wall_ms)))
                }
                Finding::All => {
                    let log_start = partition.high_watermark();
                    partition.cut(log_start, None, fx);
                }
                Finding::Ask(cutoff_ms) => {
                    self.retention.asked += 1;
                    partition.asked_cold = true;
                    let (from, until) = (partition.decided_log_start, partition.high_watermark());
                    fx.cold(ColdJob::Retention { part: *part, from, until, cutoff_ms });
                }
            }
        }
        match (self.retention.from, self.retention.next_wall_ms) {
            // With all questions asked, the next answer goes on.
            (Some(_), _) if self.retention.asked == RETENTION_ASKS_MAX => {}
            (Some(_), _) => timers.set(Timer::Retention, now.mono_ms + 1),
            (None, Some(wall_ms)) => self.retention.wake_at(wall_ms, timers, now),
            (None, None) => {}
        }
    }

    /// The answer to a question of retention: `kept` is the first offset to keep of everything below `until`, and the greatest
    /// timestamp up to there; `None` when nothing of it is to be kept.
    pub fn retained(&mut self, part: PartId, kept: Option<(i64, i64)>, until: i64, fx: &mut Effects, timers: &mut Timers, now: Now) {
        self.retention.asked = self.retention.asked.saturating_sub(1);
        if self.retention.from.is_some() {
            timers.set(Timer::Retention, now.mono_ms + 1);
        }
        let Some(partition) = self.partitions.get_mut(&part) else { return };
        partition.asked_cold = false;
        let (log_start, oldest) = kept.map_or((until, None), |(base, timestamp)| (base.min(until), Some(timestamp)));
        partition.cut(log_start, oldest, fx);
        if !partition.is_empty() {
            // The next regular look finds out when the rest expires.
            self.retention.wake_at(now.wall_ms, timers, now);
        }
    }
}

impl Partition {
    /// Decides a new log start; `oldest`: timestamp of the first batch that stays, if it is known.
    fn cut(&mut self, log_start: i64, oldest: Option<i64>, fx: &mut Effects) {
        self.oldest_timestamp = oldest;
        if log_start > self.decided_log_start && !self.doomed {
            self.decided_log_start = log_start;
            fx.row(Op::SetLogStart { part: self.part(), log_start });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::PartId;
    use crate::state::log::testing::{Rig, WALL_MS, at, entries, request};
    use crate::wire::error_code::ErrorCode;

    const DAY_MS: u64 = 86_400_000;

    fn log_start(rig: &Rig, part: PartId) -> i64 {
        rig.log.partition(part).unwrap().log_start()
    }

    fn asked(rig: &mut Rig) -> Vec<(PartId, i64, i64, i64)> {
        let question = |job| match job {
            ColdJob::Retention { part, from, until, cutoff_ms } => (part, from, until, cutoff_ms),
            other => panic!("{other:?}"),
        };
        rig.cold.drain(..).map(question).collect()
    }

    fn answer(rig: &mut Rig, part: PartId, kept: Option<(i64, i64)>, until: i64) {
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
}
