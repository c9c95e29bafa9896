//! Metadata: this broker and the topics asked for. A topic that is named and missing is created, and the answer has it complete.
//! Versions: 0 takes an empty list for "all topics", later ones null; from 12 on topics may be asked for by id, and one id in the
//! request makes all names count for nothing, as in Kafka.

use super::{Call, operations};
use crate::base::ids::{PartId, PlanNo, Uuid};
use crate::base::text::Text;
use crate::base::time::Now;
use crate::base::topic_name::check_name;
use crate::state::State;
use crate::state::broker::NODE_ID;
use crate::state::effects::Effects;
use crate::state::topics::{Topic, change, is_internal};
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::create_topics::CreatableTopic;
use crate::wire::message::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use std::collections::BTreeSet;

/// Answers once everything that is told is on disk.
pub fn handle(state: &mut State, fx: &mut Effects, now: Now, call: Call, request: MetadataRequest) {
    let asked = match request.topics {
        Some(topics) if !(topics.is_empty() && call.api_version == 0) => Some(topics),
        _ => None,
    };
    if asked.iter().flatten().any(|topic| !can_be_asked(topic, call.api_version)) {
        let response = refused(asked.unwrap_or_default(), call.api_version);
        return fx.reply(call.to, Response::Metadata(response));
    }
    let (mut topics, after) = match asked {
        None => (state.topics.iter().map(|topic| describe(state, topic)).collect(), state.topics.listing()),
        Some(asked) if asked.iter().any(|topic| !topic.topic_id.is_zero()) => by_id(state, &asked),
        Some(asked) => by_name(state, fx, now, asked, request.allow_auto_topic_creation),
    };
    if request.include_topic_authorized_operations {
        for topic in topics.iter_mut().filter(|topic| topic.name.is_some()) {
            topic.topic_authorized_operations = operations::TOPIC;
        }
    }
    let response = MetadataResponse {
        brokers: vec![MetadataResponseBroker {
            node_id: NODE_ID,
            host: call.peer.advertised_host.clone(),
            port: call.peer.advertised_port,
            rack: None,
        }],
        cluster_id: Some(Text::from(state.broker.cluster_id.to_string())),
        controller_id: NODE_ID,
        topics,
        cluster_authorized_operations: if request.include_cluster_authorized_operations { operations::CLUSTER } else { i32::MIN },
        ..MetadataResponse::default()
    };
    fx.reply_after(call.to, after, Response::Metadata(response));
}

/// Before version 12 a topic has a name and no id; from then on it has one of the two.
fn can_be_asked(topic: &MetadataRequestTopic, version: i16) -> bool {
    if version < 12 { topic.name.is_some() && topic.topic_id.is_zero() } else { topic.name.is_some() || !topic.topic_id.is_zero() }
}

/// The answer to a malformed request (`MetadataRequest.getErrorResponse`).
fn refused(asked: Vec<MetadataRequestTopic>, version: i16) -> MetadataResponse {
    let topic = |topic: MetadataRequestTopic| MetadataResponseTopic {
        error_code: ErrorCode::INVALID_REQUEST,
        name: Some(topic.name.unwrap_or_default()),
        topic_id: topic.topic_id,
        ..MetadataResponseTopic::default()
    };
    MetadataResponse {
        topics: asked.into_iter().map(topic).collect(),
        error_code: if version < 13 { ErrorCode::NONE } else { ErrorCode::INVALID_REQUEST },
        ..MetadataResponse::default()
    }
}

fn by_id(state: &State, asked: &[MetadataRequestTopic]) -> (Vec<MetadataResponseTopic>, PlanNo) {
    let ids: BTreeSet<Uuid> = asked.iter().map(|topic| topic.topic_id).filter(|id| !id.is_zero()).collect();
    let mut after = PlanNo::COMMITTED;
    let answers = ids.into_iter().map(|id| match state.topics.by_id(id) {
        Some(topic) => {
            after = after.max(topic.changed_in);
            describe(state, topic)
        }
        None => {
            after = after.max(state.topics.missing_id(id));
            MetadataResponseTopic { topic_id: id, name: None, ..failed(ErrorCode::UNKNOWN_TOPIC_ID, Text::default()) }
        }
    });
    (answers.collect(), after)
}

fn by_name(
    state: &mut State,
    fx: &mut Effects,
    now: Now,
    asked: Vec<MetadataRequestTopic>,
    may_create: bool,
) -> (Vec<MetadataResponseTopic>, PlanNo) {
    let mut seen = BTreeSet::new();
    let mut answers = Vec::with_capacity(asked.len());
    let mut after = PlanNo::COMMITTED;
    for name in asked.into_iter().filter_map(|topic| topic.name) {
        if !seen.insert(name.clone()) {
            continue;
        }
        if state.topics.by_name(&name).is_none() && may_create && state.broker.auto_create && !is_internal(&name) {
            create_missing(state, fx, now, &name);
        }
        let (answer, rests_on) = match state.topics.by_name(&name) {
            Some(topic) => (describe(state, topic), topic.changed_in),
            None if check_name(&name).is_err() => (failed(ErrorCode::INVALID_TOPIC_EXCEPTION, name), PlanNo::COMMITTED),
            None => {
                let rests_on = state.topics.missing_name(&name);
                // While the disk is full it could not be created; later it can.
                let waits = state.read_only && may_create && state.broker.auto_create;
                let code = if waits { ErrorCode::LEADER_NOT_AVAILABLE } else { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION };
                (failed(code, name), rests_on)
            }
        };
        answers.push(answer);
        after = after.max(rests_on);
    }
    (answers, after)
}

/// Creates a topic with the broker's defaults. Where a rule forbids it nothing happens: the topic stays unknown, as in Kafka.
fn create_missing(state: &mut State, fx: &mut Effects, now: Now, name: &Text) {
    let wanted = CreatableTopic { name: name.clone(), num_partitions: -1, replication_factor: -1, ..CreatableTopic::default() };
    if !state.read_only
        && let Ok(new) = change::check(state, &wanted)
    {
        change::create(state, fx, now, new);
    }
}

fn failed(error_code: ErrorCode, name: Text) -> MetadataResponseTopic {
    let is_internal = is_internal(&name);
    MetadataResponseTopic { error_code, name: Some(name), is_internal, ..MetadataResponseTopic::default() }
}

fn describe(state: &State, topic: &Topic) -> MetadataResponseTopic {
    let partition = |(index, part): (usize, &PartId)| MetadataResponsePartition {
        partition_index: index as i32,
        leader_id: NODE_ID,
        leader_epoch: state.log.partition(*part).map_or(-1, |partition| partition.leader_epoch()),
        replica_nodes: vec![NODE_ID],
        isr_nodes: vec![NODE_ID],
        ..MetadataResponsePartition::default()
    };
    MetadataResponseTopic {
        name: Some(topic.name.clone()),
        topic_id: topic.id,
        is_internal: is_internal(&topic.name),
        partitions: topic.partitions.iter().enumerate().map(partition).collect(),
        ..MetadataResponseTopic::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{World, answer, call, wanted};
    use crate::state::broker::Broker;
    use crate::state::topics::tests::broker;
    use crate::store::plan::Op;

    fn named(name: &str) -> MetadataRequestTopic {
        MetadataRequestTopic { name: Some(Text::from(name)), topic_id: Uuid::ZERO }
    }

    fn with_id(topic_id: Uuid) -> MetadataRequestTopic {
        MetadataRequestTopic { name: None, topic_id }
    }

    fn send(world: &mut World, version: i16, topics: Option<Vec<MetadataRequestTopic>>, auto: bool) {
        let request = MetadataRequest { topics, allow_auto_topic_creation: auto, ..MetadataRequest::default() };
        handle(&mut world.state, &mut world.fx, world.now, call(version), request);
    }

    fn ask(world: &mut World, version: i16, topics: Option<Vec<MetadataRequestTopic>>, auto: bool) -> MetadataResponse {
        send(world, version, topics, auto);
        answer!(world, Metadata)
    }

    fn summary(response: &MetadataResponse) -> Vec<(Option<&str>, i16, usize)> {
        response.topics.iter().map(|topic| (topic.name.as_deref(), topic.error_code.0, topic.partitions.len())).collect()
    }

    #[test]
    fn a_missing_topic_is_created_and_told_complete_once_it_is_on_disk() {
        let mut world = World::with(Broker { default_partitions: 3, ..broker() });
        send(&mut world, 13, Some(vec![named("new")]), true);
        assert_eq!(world.answered(), None, "nothing is told before the commit");
        let ops = world.commit();
        assert!(
            matches!(&ops[..], [Op::PutTopic(topic), Op::SetCounter(..), Op::AddPartition(_), Op::AddPartition(_), Op::AddPartition(_)]
            if topic.name == "new")
        );
        let Some(Response::Metadata(response)) = world.answered() else { panic!("no answer") };
        assert_eq!(summary(&response), [(Some("new"), 0, 3)]);
        let topic = &response.topics[0];
        assert!(!topic.topic_id.is_zero());
        let last = &topic.partitions[2];
        assert_eq!((last.partition_index, last.leader_id, last.leader_epoch), (2, 1, 0));
        assert_eq!((&last.replica_nodes[..], &last.isr_nodes[..]), (&[1][..], &[1][..]));
        assert_eq!((response.controller_id, response.brokers.len(), response.brokers[0].node_id), (1, 1, 1));
        assert_eq!((response.brokers[0].host.as_str(), response.brokers[0].port), ("broker.test", 9092));
        assert_eq!(response.cluster_id.map(|id| id.len()), Some(22));
    }

    #[test]
    fn nothing_is_created_unless_client_and_broker_want_it() {
        let mut world = World::new();
        assert_eq!(summary(&ask(&mut world, 13, Some(vec![named("a")]), false)), [(Some("a"), 3, 0)]);
        world.state.broker.auto_create = false;
        assert_eq!(summary(&ask(&mut world, 13, Some(vec![named("a")]), true)), [(Some("a"), 3, 0)]);
        assert!(world.state.topics.is_empty());
    }

    #[test]
    fn what_may_not_be_created_stays_unknown_or_invalid() {
        let mut world = World::new();
        world.create(&[wanted("my.topic", 1, &[])]);
        let asked = ["", "bad name", "my_topic", "__consumer_offsets", "__cluster_metadata"].map(named).to_vec();
        let response = ask(&mut world, 13, Some(asked), true);
        let codes: Vec<i16> = response.topics.iter().map(|topic| topic.error_code.0).collect();
        assert_eq!(codes, [17, 17, 3, 3, 3]);
        assert!(response.topics[3].is_internal);
        assert_eq!(world.state.topics.len(), 1);
        world.state.read_only = true;
        assert_eq!(summary(&ask(&mut world, 13, Some(vec![named("later")]), true)), [(Some("later"), 5, 0)], "clients try again");
    }

    #[test]
    fn null_means_all_and_empty_means_none_but_in_version_0_all() {
        let mut world = World::new();
        world.create(&[wanted("b", 1, &[]), wanted("a", 2, &[])]);
        let all = [(Some("a"), 0, 2), (Some("b"), 0, 1)];
        assert_eq!(summary(&ask(&mut world, 13, None, true)), all);
        assert_eq!(summary(&ask(&mut world, 13, Some(vec![]), true)), []);
        assert_eq!(summary(&ask(&mut world, 1, Some(vec![]), true)), []);
        assert_eq!(summary(&ask(&mut world, 0, Some(vec![]), true)), all);
        assert_eq!(summary(&ask(&mut world, 1, None, true)), all);
    }

    #[test]
    fn ids_find_topics_and_make_names_count_for_nothing() {
        let mut world = World::new();
        let id = world.create(&[wanted("a", 1, &[])]).topics[0].topic_id;
        let other = Uuid([5; 16]);
        let response = ask(&mut world, 12, Some(vec![with_id(id), with_id(other), with_id(other), named("x")]), true);
        let mut told: Vec<_> = response.topics.iter().map(|topic| (topic.name.as_deref(), topic.topic_id, topic.error_code.0)).collect();
        told.sort();
        assert_eq!(told, [(None, other, 100), (Some("a"), id, 0)]);
        assert!(world.state.topics.by_name("x").is_none());
    }

    #[test]
    fn a_name_given_twice_is_answered_once() {
        let mut world = World::new();
        assert_eq!(summary(&ask(&mut world, 9, Some(vec![named("n"), named("n")]), false)), [(Some("n"), 3, 0)]);
    }

    #[test]
    fn malformed_topics_refuse_the_request() {
        let mut world = World::new();
        let early = MetadataRequestTopic { name: Some(Text::from("a")), topic_id: Uuid([5; 16]) };
        for (version, topic) in [(10, with_id(Uuid([5; 16]))), (10, early), (13, with_id(Uuid::ZERO))] {
            let response = ask(&mut world, version, Some(vec![topic, named("fine")]), true);
            assert!(response.topics.iter().all(|topic| topic.error_code == ErrorCode::INVALID_REQUEST && topic.name.is_some()));
            assert_eq!(response.error_code.is_error(), version == 13);
        }
        assert!(world.state.topics.is_empty());
    }

    #[test]
    fn operations_are_told_when_asked_for() {
        let mut world = World::new();
        world.create(&[wanted("a", 1, &[])]);
        let request = MetadataRequest {
            include_topic_authorized_operations: true,
            include_cluster_authorized_operations: true,
            ..MetadataRequest { topics: Some(vec![named("a"), named("nope")]), allow_auto_topic_creation: false, ..Default::default() }
        };
        handle(&mut world.state, &mut world.fx, world.now, call(10), request);
        let response = answer!(world, Metadata);
        assert!(response.topics.iter().all(|topic| topic.topic_authorized_operations == 3_576), "as Kafka 4.3.1 answers");
        assert_eq!(response.cluster_authorized_operations, 8_096);
        let unasked = ask(&mut world, 10, None, false);
        assert_eq!((unasked.topics[0].topic_authorized_operations, unasked.cluster_authorized_operations), (i32::MIN, i32::MIN));
    }

    #[test]
    fn what_is_not_yet_on_disk_is_waited_for() {
        let mut world = World::new();
        send(&mut world, 13, Some(vec![named("a")]), true);
        world.fx.take_outputs();
        let creating = world.fx.seal();
        send(&mut world, 13, Some(vec![named("a")]), false);
        send(&mut world, 13, None, false);
        assert_eq!(world.answered(), None, "the topic it tells of is not on disk");
        assert_eq!(world.fx.release(creating.no).len(), 3);
        change::delete(&mut world.state, &mut world.fx, world.now, "a");
        send(&mut world, 13, Some(vec![named("a")]), false);
        assert_eq!(world.answered(), None, "the deletion it tells of is not on disk");
        world.commit();
        assert_eq!(summary(&answer!(world, Metadata)), [(Some("a"), 3, 0)]);
    }
}
