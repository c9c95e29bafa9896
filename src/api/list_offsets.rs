//! ListOffsets (key 2): offsets by time (`ReplicaManager.fetchOffset`). Versions: 4 brought leader epochs, 7 the greatest timestamp,
//! 8 the local start, 9 the last tiered offset, 11 the first offset to be uploaded; without tiering the last two are never found.
//! All but lookups by time are answered at once, from committed state.

use super::Call;
use super::named::named;
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
    let entries = request.topics.iter().flat_map(|topic| topic.partitions.iter().map(|asked| (&topic.name, asked.partition_index)));
    let mut named = named(entries).into_iter();
    let mut sheet = Sheet::default();
    for topic in &request.topics {
        for partition in &topic.partitions {
            // As in Kafka there is one entry of each topic and partition, however often they were asked for.
            let Some(named) = named.next().filter(|named| named.is_first) else { continue };
            let place = sheet.place(&topic.name);
            let answer = if !named.is_last {
                error(partition, ErrorCode::INVALID_REQUEST)
            } else if since(partition.timestamp) > call.api_version {
                error(partition, ErrorCode::UNSUPPORTED_VERSION)
            } else {
                sheet.answer(state, fx, &topic.name, place, partition)
            };
            sheet.response.topics[place.0].partitions.push(answer);
        }
    }
    sheet.send(call, fx);
}

fn error(partition: &ListOffsetsPartition, error_code: ErrorCode) -> ListOffsetsPartitionResponse {
    ListOffsetsPartitionResponse { partition_index: partition.partition_index, error_code, ..ListOffsetsPartitionResponse::default() }
}

/// An answer that is being written.
#[derive(Default)]
struct Sheet {
    response: ListOffsetsResponse,
    // Where each topic stands in it.
    topics: HashMap<Text, usize>,
    lookups: Vec<ColdLookup>,
    after: PlanNo,
    // Entries that say "not there" of what an uncommitted plan deleted: topic and partition by place.
    doubtful: Vec<(usize, usize)>,
}

impl Sheet {
    /// Where the next entry of a topic goes: its topic and partition by place.
    fn place(&mut self, name: &Text) -> (usize, usize) {
        let topics = &mut self.response.topics;
        let topic = *self.topics.entry(name.clone()).or_insert_with(|| {
            topics.push(ListOffsetsTopicResponse { name: name.clone(), ..ListOffsetsTopicResponse::default() });
            topics.len() - 1
        });
        (topic, topics[topic].partitions.len())
    }

    fn answer(
        &mut self,
        state: &State,
        fx: &Effects,
        name: &Text,
        place: (usize, usize),
        asked: &ListOffsetsPartition,
    ) -> ListOffsetsPartitionResponse {
        let topic = state.topics.by_name(name).filter(|topic| fx.is_committed(topic.created_in));
        let missing_in = if topic.is_none() { state.topics.missing_name(name) } else { PlanNo::COMMITTED };
        if !fx.is_committed(missing_in) {
            self.after = self.after.max(missing_in);
            self.doubtful.push(place);
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
    fn look_up(&mut self, part: PartId, partition: &Partition, timestamp: i64, (topic, place): (usize, usize)) {
        let (from, until) = (partition.log_start(), partition.high_watermark());
        let target = if timestamp == MAX_TIMESTAMP { TimestampTarget::Greatest } else { TimestampTarget::AtLeast(timestamp) };
        if from < until && timestamp <= partition.max_timestamp() {
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
        fx.cold(ColdJob::Offsets(Box::new(ColdOffsets { to: call.to, response: self.response, lookups: self.lookups, charge: None })));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{World, answer, call, wanted};
    use crate::mail::output::Output;
    use crate::store::plan::Op;
    use crate::wire::message::list_offsets::ListOffsetsTopic;

    const UNKNOWN: ErrorCode = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;

    fn request(asked: &[(&str, i32, i64)]) -> ListOffsetsRequest {
        let topic = |&(name, partition_index, timestamp): &(&str, i32, i64)| ListOffsetsTopic {
            name: Text::from(name),
            partitions: vec![ListOffsetsPartition { partition_index, current_leader_epoch: -1, timestamp }],
        };
        ListOffsetsRequest { topics: asked.iter().map(topic).collect(), ..ListOffsetsRequest::default() }
    }

    fn send(world: &mut World, api_version: i16, asked: &[(&str, i32, i64)]) {
        handle(&mut world.state, &mut world.fx, world.now, call(api_version), request(asked));
    }

    fn list(world: &mut World, api_version: i16, asked: &[(&str, i32, i64)]) -> Vec<(ErrorCode, i64, i64, i32)> {
        send(world, api_version, asked);
        figures(&answer!(world, ListOffsets))
    }

    fn figures(response: &ListOffsetsResponse) -> Vec<(ErrorCode, i64, i64, i32)> {
        let entries = response.topics.iter().flat_map(|topic| &topic.partitions);
        entries.map(|entry| (entry.error_code, entry.offset, entry.timestamp, entry.leader_epoch)).collect()
    }

    fn cold(world: &mut World) -> ColdOffsets {
        match world.fx.take_outputs().pop() {
            Some(Output::Cold(ColdJob::Offsets(job))) => *job,
            other => panic!("{other:?}"),
        }
    }

    fn world() -> World {
        let mut world = World::new();
        world.create(&[wanted("t", 2, &[])]);
        world.fill("t", 0, 5);
        world
    }

    #[test]
    fn both_ends_are_known_at_once() {
        let mut world = world();
        let part = world.state.topics.by_name("t").unwrap().partitions[0];
        world.fx.row(Op::SetLogStart { part, log_start: 2 });
        world.commit();
        let asked = [("t", 0, LATEST), ("t", 1, LATEST)];
        assert_eq!(list(&mut world, 1, &asked), [(ErrorCode::NONE, 5, -1, 0), (ErrorCode::NONE, 0, -1, 0)]);
        assert_eq!(list(&mut world, 1, &[("t", 0, EARLIEST)]), [(ErrorCode::NONE, 2, -1, 0)]);
        assert_eq!(list(&mut world, 8, &[("t", 0, EARLIEST_LOCAL)]), [(ErrorCode::NONE, 2, -1, 0)]);
        let tiered = [("t", 0, LATEST_TIERED), ("t", 1, EARLIEST_PENDING_UPLOAD)];
        assert_eq!(list(&mut world, 11, &tiered), [(ErrorCode::NONE, -1, -1, -1); 2]);
    }

    #[test]
    fn questions_need_their_version() {
        let mut world = world();
        for (timestamp, since) in [(MAX_TIMESTAMP, 7), (EARLIEST_LOCAL, 8), (LATEST_TIERED, 9), (EARLIEST_PENDING_UPLOAD, 11)] {
            let unsupported = (ErrorCode::UNSUPPORTED_VERSION, -1, -1, -1);
            assert_eq!(list(&mut world, since - 1, &[("t", 1, timestamp)]), [unsupported]);
            assert_eq!(list(&mut world, since, &[("t", 1, timestamp)])[0].0, ErrorCode::NONE);
            assert_eq!(list(&mut world, 11, &[("t", 1, -7)]), [unsupported]);
        }
    }

    #[test]
    fn lookups_go_to_the_store_unless_the_figures_answer_them() {
        let mut world = world();
        let newest = world.now.wall_ms;
        let nothing = (ErrorCode::NONE, -1, -1, -1);
        assert_eq!(list(&mut world, 7, &[("t", 1, 0), ("t", 0, newest + 1)]), [nothing; 2], "empty; beyond the greatest timestamp");
        send(&mut world, 7, &[("t", 1, MAX_TIMESTAMP), ("t", 0, newest)]);
        let job = cold(&mut world);
        let part = world.state.topics.by_name("t").unwrap().partitions[0];
        let target = TimestampTarget::AtLeast(newest);
        assert_eq!(job.lookups, [ColdLookup { topic: 0, partition: 1, part, from: 0, until: 5, target, leader_epoch: 0 }]);
        assert_eq!(figures(&job.response), [nothing; 2]);
        send(&mut world, 7, &[("t", 0, MAX_TIMESTAMP)]);
        assert_eq!(cold(&mut world).lookups[0].target, TimestampTarget::Greatest);
    }

    #[test]
    fn what_is_wrong_is_said_for_each_partition() {
        let mut world = world();
        let asked = [("t", 0, LATEST), ("t", 9, LATEST), ("u", 0, LATEST), ("t", 0, EARLIEST), ("t", 1, LATEST)];
        let codes: Vec<ErrorCode> = list(&mut world, 4, &asked).iter().map(|figures| figures.0).collect();
        assert_eq!(codes, [ErrorCode::INVALID_REQUEST, UNKNOWN, ErrorCode::NONE, UNKNOWN]);
        for (epoch, code) in [(1, ErrorCode::UNKNOWN_LEADER_EPOCH), (-2, ErrorCode::FENCED_LEADER_EPOCH), (-1, ErrorCode::NONE)] {
            let mut asked = request(&[("t", 0, LATEST)]);
            asked.topics[0].partitions[0].current_leader_epoch = epoch;
            handle(&mut world.state, &mut world.fx, world.now, call(4), asked);
            assert_eq!(figures(&answer!(world, ListOffsets))[0].0, code, "{epoch}");
        }
    }

    #[test]
    fn each_topic_and_partition_is_answered_once() {
        let mut world = world();
        let mut asked = request(&[("t", 0, LATEST), ("u", 0, LATEST), ("t", 1, LATEST), ("t", 0, EARLIEST), ("v", 0, LATEST)]);
        asked.topics[4].partitions.clear();
        handle(&mut world.state, &mut world.fx, world.now, call(4), asked);
        let answered = answer!(world, ListOffsets);
        let indices = |topic: &ListOffsetsTopicResponse| topic.partitions.iter().map(|entry| entry.partition_index).collect();
        let told: Vec<(&str, Vec<i32>)> = answered.topics.iter().map(|topic| (topic.name.as_str(), indices(topic))).collect();
        assert_eq!(told, [("t", vec![0, 1]), ("u", vec![0])], "and a topic without partitions not at all");
    }

    #[test]
    fn a_topic_is_there_from_its_commit_to_that_of_its_deletion() {
        let mut world = world();
        let plan = world.fx.plan();
        world.state.topics.remove("t", plan);
        world.create(&[wanted("v", 1, &[])]);
        world.fill("v", 0, 1);
        let plan = world.fx.plan();
        let gone = world.state.topics.remove("v", plan).unwrap();
        world.fx.row(Op::DeleteTopic(gone.id));
        send(&mut world, 4, &[("v", 0, LATEST)]);
        assert!(world.answered().is_none(), "that it is gone is said when it is");
        assert_eq!(figures(&answer!(world, ListOffsets)), [(UNKNOWN, -1, -1, -1)]);
        world.create(&[wanted("w", 1, &[])]);
        world.fill("w", 0, 1);
        let plan = world.fx.plan();
        world.state.topics.put(crate::state::topics::Topic { created_in: plan, ..gone.clone() });
        assert_eq!(list(&mut world, 4, &[("v", 0, LATEST)])[0].0, UNKNOWN, "not before it is on disk");
        world.state.topics.remove("v", plan);
        send(&mut world, 4, &[("v", 0, LATEST), ("w", 0, 0)]);
        let codes: Vec<ErrorCode> = figures(&cold(&mut world).response).iter().map(|figures| figures.0).collect();
        assert_eq!(codes, [ErrorCode::LEADER_NOT_AVAILABLE, ErrorCode::NONE], "cold readers wait for no plan");
    }
}
