//! DescribeProducers: the idempotent producers that partitions remember (KIP-664).
//! Versions: there is one. There are no transactions, hence no coordinator epoch and no open transaction.

use super::{AnswerRoom, Call};
use crate::base::ids::PlanNo;
use crate::base::text::Text;
use crate::base::time::Now;
use crate::base::topic_name::check_name;
use crate::state::State;
use crate::state::effects::Effects;
use crate::store::plan::ProducerRow;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::describe_producers::{
    DescribeProducersRequest, DescribeProducersResponse, PartitionResponse, ProducerState, TopicResponse,
};

/// Answers once everything that is told is on disk.
pub fn handle(state: &mut State, fx: &mut Effects, _now: Now, call: Call, request: DescribeProducersRequest) {
    let mut after = PlanNo::COMMITTED;
    let mut topics = Vec::with_capacity(request.topics.len());
    let mut room = AnswerRoom::new(state);
    for asked in request.topics {
        let topic = state.topics.by_name(&asked.name);
        after = after.max(topic.map_or_else(|| state.topics.missing_name(&asked.name), |topic| topic.created_in));
        let describe = |partition_index: i32| {
            let partition = topic.and_then(|topic| state.log.partition(topic.partition(partition_index)?));
            let Some(partition) = partition else { return unknown(&asked.name, topic.is_some(), partition_index) };
            after = after.max(partition.written_in());
            let active_producers = partition.producer_rows().iter().map(describe).collect();
            let described = PartitionResponse { partition_index, active_producers, ..PartitionResponse::default() };
            if room.take(&described) { described } else { failed(partition_index, ErrorCode::INVALID_REQUEST, Some(AnswerRoom::REFUSED)) }
        };
        topics.push(TopicResponse { partitions: asked.partition_indexes.into_iter().map(describe).collect(), name: asked.name });
    }
    let response = DescribeProducersResponse { topics, ..DescribeProducersResponse::default() };
    fx.reply_after(call.to, after, Response::DescribeProducers(response));
}

/// Of a partition that its topic does not have Kafka says so without a word.
fn unknown(topic: &Text, is_there: bool, partition_index: i32) -> PartitionResponse {
    let (error_code, message) = match check_name(topic) {
        Err(message) => (ErrorCode::INVALID_TOPIC_EXCEPTION, Some(Text::from(message))),
        Ok(()) if is_there => (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None),
        Ok(()) => (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Some(Text::from_static("This server does not host this topic-partition."))),
    };
    failed(partition_index, error_code, message)
}

fn failed(partition_index: i32, error_code: ErrorCode, error_message: Option<Text>) -> PartitionResponse {
    PartitionResponse { partition_index, error_code, error_message, ..PartitionResponse::default() }
}

fn describe(row: &ProducerRow) -> ProducerState {
    let newest = row.batches.back();
    ProducerState {
        producer_id: row.pid,
        producer_epoch: i32::from(row.epoch),
        last_sequence: newest.map_or(-1, |batch| batch.last_seq),
        last_timestamp: newest.map_or(-1, |batch| batch.max_ts),
        coordinator_epoch: -1,
        ..ProducerState::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{World, answer, call, wanted};
    use crate::wire::message::describe_producers::TopicRequest;

    fn ask(world: &mut World, topic: &str, indices: &[i32]) -> Vec<PartitionResponse> {
        let topics = vec![TopicRequest { name: topic.into(), partition_indexes: indices.to_vec() }];
        handle(&mut world.state, &mut world.fx, world.now, call(0), DescribeProducersRequest { topics });
        answer!(world, DescribeProducers).topics.remove(0).partitions
    }

    #[test]
    fn producers_are_told_by_partition() {
        let mut world = World::new();
        world.create(&[wanted("t", 2, &[])]);
        world.fill_as("t", 0, 3, 77);
        world.fill("t", 1, 3);
        let told = ask(&mut world, "t", &[0, 1, 2]);
        let expected = ProducerState {
            producer_id: 77,
            producer_epoch: 0,
            last_sequence: 2,
            last_timestamp: world.now.wall_ms,
            coordinator_epoch: -1,
            current_txn_start_offset: -1,
        };
        assert_eq!(told[0].active_producers, [expected]);
        assert!(told[1].active_producers.is_empty());
        assert_eq!(told.iter().map(|one| one.error_code.0).collect::<Vec<_>>(), [0, 0, 3]);
        assert_eq!(told[2].error_message, None);
        let nowhere = ask(&mut world, "nope", &[0]).remove(0);
        assert_eq!((nowhere.error_code, nowhere.error_message.is_some()), (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, true));
        assert_eq!(ask(&mut world, "a b", &[0])[0].error_code, ErrorCode::INVALID_TOPIC_EXCEPTION);
    }

    #[test]
    fn a_partition_cannot_be_named_until_the_answer_is_beyond_all_memory() {
        let mut world = World::cramped(8 << 10);
        world.create(&[wanted("t", 1, &[])]);
        world.fill_as("t", 0, 1, 7);
        let told = ask(&mut world, "t", &[0; 200]);
        let fitting = told.iter().take_while(|partition| partition.active_producers.len() == 1).count();
        assert!((1..200).contains(&fitting), "{fitting}");
        assert!(told[fitting..].iter().all(|one| one.error_code == ErrorCode::INVALID_REQUEST && one.active_producers.is_empty()));
    }
}
