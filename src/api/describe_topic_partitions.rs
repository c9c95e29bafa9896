//! DescribeTopicPartitions: topics with their partitions, sorted by name, page by page (KIP-966).
//! Versions: there is one. The page ends at so many partitions; the cursor says where the next begins.

use super::{Call, operations};
use crate::base::ids::PlanNo;
use crate::base::limits::DESCRIBE_PARTITIONS_MAX;
use crate::base::text::Text;
use crate::base::time::Now;
use crate::base::topic_name::check_name;
use crate::state::State;
use crate::state::broker::NODE_ID;
use crate::state::effects::Effects;
use crate::state::topics::{Topic, is_internal};
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic,
};
use std::collections::BTreeSet;

/// A page being filled.
struct Page {
    cursor: Cursor,
    partitions_left: usize,
    topics: Vec<DescribeTopicPartitionsResponseTopic>,
    next_cursor: Option<Cursor>,
    after: PlanNo,
}

/// Answers once everything that is told is on disk.
pub fn handle(state: &mut State, fx: &mut Effects, _now: Now, call: Call, request: DescribeTopicPartitionsRequest) {
    let names: BTreeSet<Text> = request.topics.into_iter().map(|topic| topic.name).collect();
    let listed = names.is_empty() || request.cursor.as_ref().is_none_or(|cursor| names.contains(&cursor.topic_name));
    let cursor = request.cursor.unwrap_or_default();
    if !listed || cursor.partition_index < 0 {
        let response = DescribeTopicPartitionsResponse { topics: names.into_iter().map(refused).collect(), ..Default::default() };
        return fx.reply(call.to, Response::DescribeTopicPartitions(response));
    }
    let limit = usize::try_from(request.response_partition_limit).unwrap_or_default();
    let mut page = Page {
        partitions_left: limit.clamp(1, DESCRIBE_PARTITIONS_MAX),
        topics: Vec::new(),
        next_cursor: None,
        after: PlanNo::COMMITTED,
        cursor,
    };
    if names.is_empty() {
        page.after = state.topics.listing();
        let from = page.cursor.topic_name.clone();
        let mut all = state.topics.iter_from(&from);
        while page.next_cursor.is_none()
            && let Some(topic) = all.next()
        {
            page.add(state, &topic.name, Some(topic));
        }
    } else {
        let from = page.cursor.topic_name.clone();
        let mut wanted = names.range(from..);
        while page.next_cursor.is_none()
            && let Some(name) = wanted.next()
        {
            page.add(state, name, state.topics.by_name(name));
        }
    }
    let Page { topics, next_cursor, after, .. } = page;
    fx.reply_after(
        call.to,
        after,
        Response::DescribeTopicPartitions(DescribeTopicPartitionsResponse { topics, next_cursor, ..Default::default() }),
    );
}

impl Page {
    /// Adds a topic as far as there is room, and sets the next cursor where there is none.
    fn add(&mut self, state: &State, name: &Text, topic: Option<&Topic>) {
        if self.partitions_left == 0 {
            self.next_cursor = Some(Cursor { topic_name: name.clone(), partition_index: 0 });
            return;
        }
        let Some(topic) = topic else {
            let valid = check_name(name).is_ok();
            self.after = self.after.max(state.topics.missing_name(name));
            let error_code = if valid { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION } else { ErrorCode::INVALID_TOPIC_EXCEPTION };
            self.topics.push(DescribeTopicPartitionsResponseTopic {
                error_code,
                name: Some(name.clone()),
                is_internal: is_internal(name),
                topic_authorized_operations: operations::TOPIC,
                ..Default::default()
            });
            return;
        };
        self.after = self.after.max(topic.changed_in);
        let count = topic.partitions.len();
        let from = if *name == self.cursor.topic_name { self.cursor.partition_index as usize } else { 0 };
        let until = from.saturating_add(self.partitions_left).min(count);
        self.topics.push(DescribeTopicPartitionsResponseTopic {
            name: Some(name.clone()),
            topic_id: topic.id,
            is_internal: is_internal(name),
            partitions: (from..until).map(|index| partition(state, topic, index)).collect(),
            topic_authorized_operations: operations::TOPIC,
            ..Default::default()
        });
        self.partitions_left -= until.saturating_sub(from);
        if until < count && from < count {
            self.next_cursor = Some(Cursor { topic_name: name.clone(), partition_index: until as i32 });
        }
    }
}

fn partition(state: &State, topic: &Topic, index: usize) -> DescribeTopicPartitionsResponsePartition {
    let known = topic.partitions.get(index).and_then(|part| state.log.partition(*part));
    DescribeTopicPartitionsResponsePartition {
        partition_index: index as i32,
        leader_id: NODE_ID,
        leader_epoch: known.map_or(-1, |partition| partition.leader_epoch()),
        replica_nodes: vec![NODE_ID],
        isr_nodes: vec![NODE_ID],
        eligible_leader_replicas: Some(Vec::new()),
        last_known_elr: Some(Vec::new()),
        ..Default::default()
    }
}

/// The answer to a cursor that is not in the list or negative, for each topic of the list.
fn refused(name: Text) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic { error_code: ErrorCode::INVALID_REQUEST, name: Some(name), ..Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{World, answer, call, wanted};
    use crate::wire::message::describe_topic_partitions::TopicRequest;

    /// What Kafka 4.3.1 answered was asked of two topics like these.
    fn world() -> World {
        let mut world = World::new();
        world.create(&[wanted("b", 1, &[]), wanted("a", 3, &[])]);
        world
    }

    type Told = (Vec<(String, i16, Vec<i32>)>, Option<(String, i32)>);

    fn ask(limit: i32, cursor: Option<(&str, i32)>, names: &[&str]) -> Told {
        let mut world = world();
        let request = DescribeTopicPartitionsRequest {
            topics: names.iter().map(|name| TopicRequest { name: Text::from(*name) }).collect(),
            response_partition_limit: limit,
            cursor: cursor.map(|(name, partition_index)| Cursor { topic_name: Text::from(name), partition_index }),
        };
        handle(&mut world.state, &mut world.fx, world.now, call(0), request);
        let response = answer!(world, DescribeTopicPartitions);
        let indices = |topic: &DescribeTopicPartitionsResponseTopic| topic.partitions.iter().map(|one| one.partition_index).collect();
        let told =
            response.topics.iter().map(|topic| (topic.name.as_deref().unwrap().to_owned(), topic.error_code.0, indices(topic))).collect();
        (told, response.next_cursor.map(|cursor| (cursor.topic_name.to_string(), cursor.partition_index)))
    }

    fn told(name: &str, code: i16, indices: &[i32]) -> (String, i16, Vec<i32>) {
        (name.to_owned(), code, indices.to_vec())
    }

    fn next(name: &str, index: i32) -> Option<(String, i32)> {
        Some((name.to_owned(), index))
    }

    #[test]
    fn topics_come_sorted_and_once_with_errors_in_between() {
        let all = vec![told("a", 0, &[0, 1, 2]), told("b", 0, &[0]), told("bad name", 17, &[]), told("nope", 3, &[])];
        assert_eq!(ask(2_000, None, &["b", "a", "nope", "a", "bad name"]), (all, None));
        assert_eq!(ask(2_000, None, &[]), (vec![told("a", 0, &[0, 1, 2]), told("b", 0, &[0])], None));
    }

    #[test]
    fn a_page_ends_at_the_limit_and_the_cursor_goes_on() {
        assert_eq!(ask(2, None, &["b", "a"]), (vec![told("a", 0, &[0, 1])], next("a", 2)));
        assert_eq!(ask(2, Some(("a", 2)), &["b", "a"]), (vec![told("a", 0, &[2]), told("b", 0, &[0])], None));
        assert_eq!(ask(3, None, &["b", "a"]), (vec![told("a", 0, &[0, 1, 2])], next("b", 0)));
        assert_eq!(ask(3, None, &["a"]), (vec![told("a", 0, &[0, 1, 2])], None));
        assert_eq!(ask(3, None, &["a", "nope"]), (vec![told("a", 0, &[0, 1, 2])], next("nope", 0)));
        assert_eq!(ask(0, None, &["a"]), (vec![told("a", 0, &[0])], next("a", 1)));
        assert_eq!(ask(-5, None, &[]), (vec![told("a", 0, &[0])], next("a", 1)));
        assert_eq!(ask(1, Some(("aa", 1)), &[]), (vec![told("b", 0, &[0])], None), "a topic that went in between");
        assert_eq!(ask(2, Some(("a", 3)), &["b", "a"]), (vec![told("a", 0, &[]), told("b", 0, &[0])], None));
    }

    #[test]
    fn a_cursor_must_be_in_the_list_and_not_negative() {
        let both = vec![told("a", 42, &[]), told("b", 42, &[])];
        assert_eq!(ask(2, Some(("c", 0)), &["a", "b"]), (both.clone(), None));
        assert_eq!(ask(2, Some(("a", -1)), &["a", "b"]), (both, None));
        assert_eq!(ask(2, Some(("a", -1)), &[]), (vec![], None));
    }
}
