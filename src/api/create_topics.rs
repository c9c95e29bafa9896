//! CreateTopics: makes topics, each on its own; one that is refused does not hinder the others.
//! Versions: 2 and 3 differ in nothing here; from 5 on the answer has the effective configs, from 7 on the topic id.

use super::Call;
use crate::base::ids::PlanNo;
use crate::base::text::Text;
use crate::base::time::Now;
use crate::state::State;
use crate::state::configs;
use crate::state::effects::Effects;
use crate::state::topics::change::{self, Denied, NewTopic};
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::create_topics::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
};
use std::collections::BTreeMap;

/// Kafka creates fewer than this many partitions in one request (`ReplicationControlManager.MAX_PARTITIONS_PER_BATCH`).
const PARTITIONS_PER_REQUEST_MAX: i64 = 10_000;

/// Answers once everything that was created is on disk.
pub fn handle(state: &mut State, fx: &mut Effects, now: Now, call: Call, request: CreateTopicsRequest) {
    let mut times: BTreeMap<Text, usize> = BTreeMap::new();
    for topic in &request.topics {
        *times.entry(topic.name.clone()).or_default() += 1;
    }
    let too_many = request.topics.iter().map(wanted_partitions).sum::<i64>() >= PARTITIONS_PER_REQUEST_MAX;
    let mut topics = Vec::with_capacity(request.topics.len());
    let mut after = PlanNo::COMMITTED;
    for wanted in request.topics {
        let decided = match times.get(&wanted.name) {
            _ if too_many => Err(denied(ErrorCode::POLICY_VIOLATION, "Excessively large number of partitions per request.")),
            // Of a name given more than once there is one answer.
            None => continue,
            Some(1) => decide(state, fx, now, &wanted, request.validate_only),
            Some(_) => Err(denied(ErrorCode::INVALID_REQUEST, "Duplicate topic name.")),
        };
        if !too_many {
            times.remove(&wanted.name);
        }
        topics.push(match decided {
            Ok(result) => {
                after = after.max(if request.validate_only { PlanNo::COMMITTED } else { fx.plan() });
                result
            }
            Err(denied) => {
                after = after.max(denied.after);
                failed(wanted.name, denied)
            }
        });
    }
    fx.reply_after(call.to, after, Response::CreateTopics(CreateTopicsResponse { topics, ..CreateTopicsResponse::default() }));
}

fn wanted_partitions(topic: &CreatableTopic) -> i64 {
    if topic.assignments.is_empty() { i64::from(topic.num_partitions.max(1)) } else { topic.assignments.len() as i64 }
}

fn denied(code: ErrorCode, message: &str) -> Denied {
    Denied { code, message: message.to_owned(), after: PlanNo::COMMITTED }
}

fn decide(
    state: &mut State,
    fx: &mut Effects,
    now: Now,
    wanted: &CreatableTopic,
    validate_only: bool,
) -> Result<CreatableTopicResult, Denied> {
    let new = change::check(state, wanted)?;
    if validate_only {
        return Ok(CreatableTopicResult { topic_id: state.rng.uuid(), ..created(state, &new) });
    }
    if state.read_only {
        return Err(denied(ErrorCode::KAFKA_STORAGE_ERROR, "The disk is full: nothing can be created until it has room again."));
    }
    let result = created(state, &new);
    let name = new.name.clone();
    change::create(state, fx, now, new);
    let topic_id = state.topics.by_name(&name).map(|topic| topic.id).unwrap_or_default();
    Ok(CreatableTopicResult { topic_id, ..result })
}

fn created(state: &State, new: &NewTopic) -> CreatableTopicResult {
    let config = |entry: configs::Entry| CreatableTopicConfigs {
        name: Text::from_static(entry.name),
        value: entry.value,
        read_only: false,
        config_source: entry.source as i8,
        is_sensitive: false,
    };
    CreatableTopicResult {
        name: new.name.clone(),
        error_message: None,
        num_partitions: new.partitions,
        replication_factor: 1,
        configs: Some(configs::of_topic(&new.configs, &state.broker).into_iter().map(config).collect()),
        ..CreatableTopicResult::default()
    }
}

fn failed(name: Text, denied: Denied) -> CreatableTopicResult {
    CreatableTopicResult {
        name,
        error_code: denied.code,
        error_message: Some(Text::from(denied.message)),
        ..CreatableTopicResult::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{World, answer, call, wanted};
    use crate::base::ids::{PartId, Uuid};
    use crate::base::limits::PARTITIONS_MAX;
    use crate::store::plan::{Counter, Op};
    use crate::wire::message::create_topics::{CreatableReplicaAssignment, CreatableTopicConfig};

    fn codes(response: &CreateTopicsResponse) -> Vec<(&str, i16)> {
        response.topics.iter().map(|topic| (topic.name.as_str(), topic.error_code.0)).collect()
    }

    fn message(response: &CreateTopicsResponse) -> &str {
        response.topics[0].error_message.as_deref().unwrap_or_default()
    }

    fn send(world: &mut World, topics: Vec<CreatableTopic>, validate_only: bool) {
        let request = CreateTopicsRequest { topics, validate_only, ..CreateTopicsRequest::default() };
        handle(&mut world.state, &mut world.fx, world.now, call(7), request);
    }

    fn assigned(rows: &[(i32, &[i32])]) -> CreatableTopic {
        let row = |(partition_index, ids): &(i32, &[i32])| CreatableReplicaAssignment {
            partition_index: *partition_index,
            broker_ids: ids.to_vec(),
        };
        CreatableTopic { assignments: rows.iter().map(row).collect(), ..wanted("t", -1, &[]) }
    }

    #[test]
    fn a_topic_is_created_durably_and_told_once_it_is_on_disk() {
        let mut world = World::new();
        send(&mut world, vec![wanted("a", 2, &[("retention.ms", " 7 "), ("cleanup.policy", "compact")])], false);
        assert_eq!(world.answered(), None);
        let ops = world.commit();
        let Op::PutTopic(row) = &ops[0] else { panic!("the topic comes first: {ops:?}") };
        let Op::SetCounter(Counter::Part, next) = ops[1] else { panic!("then the counter") };
        assert_eq!(row.configs, [("cleanup.policy".into(), "compact".into()), ("retention.ms".into(), "7".into())]);
        assert_eq!(row.created_ms, world.now.wall_ms);
        let parts: Vec<(PartId, i32)> = ops[2..]
            .iter()
            .map(|op| match op {
                Op::AddPartition(row) => (row.part, row.index),
                other => panic!("only partitions follow: {other:?}"),
            })
            .collect();
        assert_eq!(parts, [(PartId(next - 2), 0), (PartId(next - 1), 1)]);
        let response = answer!(world, CreateTopics);
        let told = &response.topics[0];
        assert_eq!((told.error_code, told.num_partitions, told.replication_factor, told.topic_id), (ErrorCode::NONE, 2, 1, row.id));
        let configs = told.configs.as_deref().unwrap();
        assert_eq!(configs.len(), 33);
        let retention = configs.iter().find(|config| config.name == "retention.ms").unwrap();
        assert_eq!((retention.value.as_deref(), retention.config_source), (Some("7"), 1));
        let topic = world.state.topics.by_name("a").unwrap();
        assert_eq!((topic.log_config.retention_ms, topic.log_config.compacted), (7, true));
        world.create(&[wanted("b", 1, &[])]);
        assert_eq!(world.state.topics.by_name("b").unwrap().partitions, [PartId(next)], "numbers are never given twice");
    }

    #[test]
    fn one_bad_topic_does_not_hinder_the_others() {
        let mut world = World::new();
        let asked = [
            wanted("d", 1, &[]),
            wanted("bad name", 1, &[]),
            wanted("d", 2, &[]),
            wanted("e", 1, &[]),
            wanted("__cluster_metadata", 1, &[]),
        ];
        let mut told = world.create(&asked);
        told.topics.sort_by(|a, b| a.name.cmp(&b.name));
        assert_eq!(codes(&told), [("__cluster_metadata", 42), ("bad name", 17), ("d", 42), ("e", 0)]);
        assert_eq!(world.state.topics.iter().count(), 1);
    }

    #[test]
    fn names_must_be_free() {
        let mut world = World::new();
        world.create(&[wanted("my.topic", 1, &[])]);
        let exists = world.create(&[wanted("my.topic", 0, &[("nope", "1")])]);
        assert_eq!((codes(&exists)[0].1, message(&exists)), (36, "Topic 'my.topic' already exists."));
        let collides = world.create(&[wanted("my_topic", 1, &[])]);
        assert_eq!((codes(&collides)[0].1, message(&collides)), (17, "Topic 'my_topic' collides with existing topic: my.topic"));
    }

    #[test]
    fn that_a_topic_exists_is_told_only_when_it_does_on_disk() {
        let mut world = World::new();
        send(&mut world, vec![wanted("a", 1, &[])], false);
        let creating = world.fx.seal();
        send(&mut world, vec![wanted("a", 1, &[])], false);
        assert_eq!(world.answered(), None);
        assert_eq!(world.fx.release(creating.no).len(), 2);
    }

    #[test]
    fn numbers_are_checked_after_configs() {
        let mut world = World::new();
        let rf = |replication_factor| CreatableTopic { replication_factor, ..wanted("t", 1, &[]) };
        let cases = [
            (wanted("t", 0, &[("nope", "1")]), 40, "Unknown topic config name: nope"),
            (wanted("t", 1, &[("retention.ms", "x")]), 40, "Invalid value x for configuration retention.ms: Not a number of type LONG"),
            (wanted("t", 0, &[]), 37, "Number of partitions was set to an invalid non-positive value."),
            (wanted("t", -2, &[]), 37, "Number of partitions was set to an invalid non-positive value."),
            (rf(0), 38, "Replication factor must be larger than 0, or -1 to use the default value."),
            (
                CreatableTopic { num_partitions: 0, ..rf(-2) },
                38,
                "Replication factor must be larger than 0, or -1 to use the default value.",
            ),
        ];
        for (topic, code, why) in cases {
            let told = world.create(&[topic]);
            assert_eq!((told.topics[0].error_code.0, message(&told)), (code, why));
        }
        let null = CreatableTopicConfig { name: "retention.ms".into(), value: None };
        let told = world.create(&[CreatableTopic { configs: vec![null], ..wanted("t", 1, &[]) }]);
        assert_eq!(message(&told), "Null value not supported for topic configs: retention.ms");
        assert!(world.state.topics.is_empty());
        let three = world.create(&[rf(3)]);
        assert_eq!((three.topics[0].error_code.0, three.topics[0].replication_factor), (0, 1), "accepted, and answered as one");
        assert_eq!(world.create(&[wanted("dflt", -1, &[])]).topics[0].num_partitions, 1);
    }

    #[test]
    fn assignments_must_cover_partitions_from_0_on_this_broker() {
        let mut world = World::new();
        let consecutive = "partitions should be a consecutive 0-based integer sequence";
        let cases = [
            (
                CreatableTopic { num_partitions: 2, ..assigned(&[(0, &[1])]) },
                42,
                "A manual partition assignment was specified, but numPartitions was not set to -1.",
            ),
            (
                CreatableTopic { replication_factor: 1, ..assigned(&[(0, &[1])]) },
                42,
                "A manual partition assignment was specified, but replication factor was not set to -1.",
            ),
            (assigned(&[(1, &[1])]), 39, consecutive),
            (assigned(&[(0, &[1]), (2, &[1])]), 39, consecutive),
            (assigned(&[(-1, &[1]), (0, &[1])]), 39, consecutive),
            (assigned(&[(0, &[1]), (0, &[1])]), 39, "Found multiple manual partition assignments for partition 0"),
            (assigned(&[(0, &[])]), 39, "The manual partition assignment includes an empty replica list."),
            (assigned(&[(0, &[1, 2])]), 39, "The manual partition assignment includes broker 2, but no such broker is registered."),
            (assigned(&[(0, &[1, 1])]), 39, "The manual partition assignment includes the broker 1 more than once."),
        ];
        for (topic, code, why) in cases {
            let told = world.create(&[topic]);
            assert_eq!((told.topics[0].error_code.0, message(&told)), (code, why));
        }
        assert_eq!(world.create(&[assigned(&[(1, &[1]), (0, &[1])])]).topics[0].num_partitions, 2);
    }

    #[test]
    fn validating_changes_nothing() {
        let mut world = World::new();
        send(&mut world, vec![wanted("v", 2, &[]), wanted("w", 1, &[("nope", "1")])], true);
        assert!(!world.fx.has_rows());
        let Some(Response::CreateTopics(told)) = world.answered() else { panic!("nothing to wait for") };
        assert_eq!(codes(&told), [("v", 0), ("w", 40)]);
        assert_eq!((told.topics[0].num_partitions, told.topics[0].configs.as_ref().map(Vec::len)), (2, Some(33)));
        assert_ne!(told.topics[0].topic_id, Uuid::ZERO);
        assert!(world.state.topics.is_empty());
    }

    #[test]
    fn there_are_bounds() {
        let mut world = World::new();
        assert_eq!(codes(&world.create(&[wanted("a", 10_000, &[])])), [("a", 44)], "in one request");
        for name in ["b", "c"] {
            assert_eq!(codes(&world.create(&[wanted(name, 9_999, &[])])), [(name, 0)]);
        }
        assert_eq!(world.state.topics.counts().1, PARTITIONS_MAX - 2);
        assert_eq!(codes(&world.create(&[wanted("d", 3, &[])])), [("d", 44)], "in all");
        assert_eq!(codes(&world.create(&[wanted("d", 2, &[])])), [("d", 0)]);
    }

    #[test]
    fn a_full_disk_takes_no_topic() {
        let mut world = World::new();
        world.state.read_only = true;
        assert_eq!(codes(&world.create(&[wanted("a", 1, &[])])), [("a", 56)]);
        assert!(!world.fx.has_rows() && world.state.topics.is_empty());
    }
}
