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
