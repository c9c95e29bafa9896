//! ListOffsets (key 2): offsets by time (`ReplicaManager.fetchOffset`). Versions: 4 brought leader epochs, 7 the greatest timestamp,
//! 8 the local start, 9 the last tiered offset, 11 the first offset to be uploaded; without tiering the last two are never found.
//! All but lookups by time are answered at once, from committed state.

use super::Call;
use crate::base::ids::{PartId, PlanNo};
use crate::base::text::Text;
use crate::base::time::Now;
use crate::mail::cold::{ColdJob, ColdLookup, ColdOffsets};
use crate::state::State;
use crate::state::effects::Effects;
use crate::state::log::partition::Partition;
use crate::store::seam::TimestampTarget;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use std::collections::HashMap;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;

/// The first version that may ask this; times may be asked by all.
fn since(timestamp: i64) -> i16 {
    match timestamp {
        0.. | LATEST | EARLIEST => 1,
        MAX_TIMESTAMP => 7,
        EARLIEST_LOCAL => 8,
        LATEST_TIERED => 9,
        EARLIEST_PENDING_UPLOAD => 11,
        _ => i16::MAX,
    }
}

/// Answers at once, or hands lookups by time to the cold readers.
pub fn handle(state: &mut State, fx: &mut Effects, _now: Now, call: Call, request: ListOffsetsRequest) {
    let mut times: HashMap<(Text, i32), u32> = HashMap::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            *times.entry((topic.name.clone(), partition.partition_index)).or_default() += 1;
        }
    }
    let mut sheet = Sheet { response: ListOffsetsResponse::default(), lookups: Vec::new(), after: PlanNo::COMMITTED, doubtful: Vec::new() };
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for partition in &topic.partitions {
            let is_twice = times.get(&(topic.name.clone(), partition.partition_index)).is_some_and(|times| *times > 1);
            let answer = if is_twice {
                error(partition, ErrorCode::INVALID_REQUEST)
            } else if since(partition.timestamp) > call.api_version {
                error(partition, ErrorCode::UNSUPPORTED_VERSION)
            } else {
                sheet.answer(state, fx, &topic.name, partitions.len(), partition)
            };
            partitions.push(answer);
        }
        sheet.response.topics.push(ListOffsetsTopicResponse { name: topic.name, partitions });
    }
    sheet.send(call, fx);
}

fn error(partition: &ListOffsetsPartition, error_code: ErrorCode) -> ListOffsetsPartitionResponse {
    ListOffsetsPartitionResponse { partition_index: partition.partition_index, error_code, ..ListOffsetsPartitionResponse::default() }
}

/// An answer that is being written.
struct Sheet {
    response: ListOffsetsResponse,
    lookups: Vec<ColdLookup>,
    after: PlanNo,
    // Entries that say "not there" of what an uncommitted plan deleted: topic and partition by place.
    doubtful: Vec<(usize, usize)>,
}

impl Sheet {
    fn answer(
        &mut self,
        state: &State,
        fx: &Effects,
        name: &Text,
        place: usize,
        asked: &ListOffsetsPartition,
    ) -> ListOffsetsPartitionResponse {
        let topic = state.topics.by_name(name).filter(|topic| fx.is_committed(topic.created_in));
        let missing_in = if topic.is_none() { state.topics.missing_name(name) } else { PlanNo::COMMITTED };
        if !fx.is_committed(missing_in) {
            self.after = self.after.max(missing_in);
            self.doubtful.push((self.response.topics.len(), place));
        }
        let part = topic.and_then(|topic| topic.partition(asked.partition_index));
        let Some((part, partition)) = part.and_then(|part| Some((part, state.log.partition(part)?))) else {
            return error(asked, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        };
        let epoch_error = partition.check_leader_epoch(asked.current_leader_epoch);
        if epoch_error.is_error() {
            return error(asked, epoch_error);
        }
        let mut answer = error(asked, ErrorCode::NONE);
        match asked.timestamp {
            LATEST => (answer.offset, answer.leader_epoch) = (partition.high_watermark(), partition.leader_epoch()),
            EARLIEST | EARLIEST_LOCAL => (answer.offset, answer.leader_epoch) = (partition.log_start(), partition.leader_epoch()),
            LATEST_TIERED | EARLIEST_PENDING_UPLOAD => {}
            timestamp => self.look_up(part, partition, timestamp, place),
        }
        answer
    }

    /// Leaves "not found" to stand where the partition's own figures say so, and asks the store for the rest.
    fn look_up(&mut self, part: PartId, partition: &Partition, timestamp: i64, place: usize) {
        let (from, until) = (partition.log_start(), partition.high_watermark());
        let target = if timestamp == MAX_TIMESTAMP { TimestampTarget::Greatest } else { TimestampTarget::AtLeast(timestamp) };
        if from < until && timestamp <= partition.max_timestamp() {
            let topic = self.response.topics.len();
            self.lookups.push(ColdLookup { topic, partition: place, part, from, until, target, leader_epoch: partition.leader_epoch() });
        }
    }

    fn send(mut self, call: Call, fx: &mut Effects) {
        if self.lookups.is_empty() {
            return fx.reply_after(call.to, self.after, Response::ListOffsets(self.response));
        }
        // The cold readers wait for no plan: who asked for something that is being deleted asks again.
        for (topic, partition) in self.doubtful {
            self.response.topics[topic].partitions[partition].error_code = ErrorCode::LEADER_NOT_AVAILABLE;
        }
        fx.cold(ColdJob::Offsets(Box::new(ColdOffsets { to: call.to, response: self.response, lookups: self.lookups })));
    }
}
