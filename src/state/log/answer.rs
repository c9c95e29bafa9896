//! The answer to a fetch: what there is for each partition, within the bounds of size, and what the session is told of it
//! (`ReplicaManager.readFromLog`, `FetchResponse.of`). Written by `fetch`.

use super::partition::{NO_LEADER_EPOCH, Partition};
use super::sessions::{Cached, NO_SESSION, Session};
use super::tail::{Run, Tail};
use super::target::{Context, FetchParams, Place, Target, TopicKey};
use super::waiters::Waiter;
use super::{Log, Partitions};
use crate::base::metrics::{FETCH_RANGES_COLD, FETCH_RANGES_TAIL};
use crate::base::planted::{self, Bug};
use crate::base::time::Now;
use crate::mail::cold::{ColdFetch, ColdJob, ColdRange};
use crate::state::effects::Effects;
use crate::wire::batch::stored_prefix;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::fetch::{FetchResponse, FetchableTopicResponse, PartitionData};
use crate::wire::records::{FRESH_PREFIX_BYTES, Records};
use std::collections::BTreeSet;

/// What there is for a target.
pub(super) enum Look<'a> {
    Error(ErrorCode),
    Nothing(&'a Partition),
    Tail(&'a Partition, Run<'a>),
    Cold(&'a Partition),
}

/// Looks up what there is, in committed state.
pub(super) fn look<'a>(partitions: &'a Partitions, tail: &'a Tail, target: &Target) -> Look<'a> {
    let part = match target.place {
        Place::Live(part) => part,
        Place::Unknown(code) => return Look::Error(code),
        Place::Replaced => return Look::Error(ErrorCode::INCONSISTENT_TOPIC_ID),
    };
    let Some(partition) = partitions.get(&part) else { return Look::Error(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) };
    // Here every negative one means that none is given (`FetchRequest.optionalEpoch`).
    let epoch_error = partition.check_leader_epoch(target.current_leader_epoch.max(NO_LEADER_EPOCH));
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
    /// Writes the answer to a fetch, with what there is.
    pub(super) fn answer(&mut self, waiter: Waiter, fx: &mut Effects, now: Now) {
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
                // As in Kafka, what is refused without a look at its log has the schema's default, an empty list, whatever was asked.
                let is_unknown = matches!(error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::UNKNOWN_TOPIC_ID);
                data.aborted_transactions = is_unknown.then(Vec::new);
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
                let is_news = session.slot(target.slot).is_none_or(tell);
                if !is_news && planted::is(Bug::LostSessionPartition) {
                    session.forget(&target.topic.key(), &[target.index]);
                }
                is_news
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
            fx.cold(ColdJob::Fetch(Box::new(ColdFetch { to: params.to, response, ranges, max_bytes, charge: None })));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::log::testing::{Rig, codes, entries, offsets, plain, request, waiting};
    use crate::wire::message::fetch::FetchRequest;

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
        rig.created("t", 2, &[]);
        let lists = |read: &FetchResponse| -> Vec<(i32, Option<usize>)> {
            entries(read).iter().map(|(_, data)| (data.partition_index, data.aborted_transactions.as_ref().map(Vec::len))).collect()
        };
        let asked = || request(&[("t", &[(0, 0), (1, 5), (7, 0)])]);
        let to = rig.fetch(0, asked(), |params| params.read_committed = true);
        let committed = rig.answer(to).unwrap();
        assert_eq!(lists(&committed), [(0, Some(0)), (1, None), (7, Some(0))], "out of range none, as in Kafka");
        assert_eq!(lists(&rig.read(asked())), [(0, None), (1, None), (7, Some(0))], "what is not there has an empty list");
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
}
