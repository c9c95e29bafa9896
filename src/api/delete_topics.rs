//! DeleteTopics: deletes topics with all they hold; whoever waits for their records is told.
//! Versions: up to 5 topics are named, from 6 on by name or id; from 5 on errors have messages.

use super::Call;
use crate::base::ids::{PlanNo, Uuid};
use crate::base::text::Text;
use crate::base::time::Now;
use crate::state::State;
use crate::state::effects::Effects;
use crate::state::topics::change;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::delete_topics::{DeletableTopicResult, DeleteTopicsRequest, DeleteTopicsResponse};
use std::collections::BTreeMap;

/// What was asked for, sorted out: how often each name and each id was given.
#[derive(Default)]
struct Asked {
    names: BTreeMap<Text, usize>,
    ids: BTreeMap<Uuid, usize>,
}

/// Answers once everything that was deleted is gone from the disk's list of topics.
pub fn handle(state: &mut State, fx: &mut Effects, now: Now, call: Call, request: DeleteTopicsRequest) {
    let mut responses = Vec::new();
    let asked = sort_out(request, &mut responses);
    let mut after = PlanNo::COMMITTED;
    let doomed = resolve(state, &asked, &mut responses, &mut after);
    for (id, name) in doomed {
        // On a full disk too: this is how it gets room.
        after = fx.plan();
        change::delete(state, fx, now, &name);
        responses.push(DeletableTopicResult { name: Some(name), topic_id: id, ..DeletableTopicResult::default() });
    }
    fx.reply_after(call.to, after, Response::DeleteTopics(DeleteTopicsResponse { responses, ..DeleteTopicsResponse::default() }));
}

/// Counts names and ids; what is neither or both is answered right away.
fn sort_out(request: DeleteTopicsRequest, responses: &mut Vec<DeletableTopicResult>) -> Asked {
    let mut asked = Asked::default();
    for name in request.topic_names {
        *asked.names.entry(name).or_default() += 1;
    }
    for topic in request.topics {
        match (topic.name, topic.topic_id) {
            (None, Uuid::ZERO) => {
                responses.push(failed(None, Uuid::ZERO, ErrorCode::INVALID_REQUEST, "Neither topic name nor id were specified."));
            }
            (Some(name), Uuid::ZERO) => *asked.names.entry(name).or_default() += 1,
            (None, id) => *asked.ids.entry(id).or_default() += 1,
            (name, id) => {
                responses.push(failed(name, id, ErrorCode::INVALID_REQUEST, "You may not specify both topic name and topic id."));
            }
        }
    }
    asked
}

/// Finds the topics to delete; everything else is answered. `after` rises to the plan that "unknown" rests on.
fn resolve(state: &State, asked: &Asked, responses: &mut Vec<DeletableTopicResult>, after: &mut PlanNo) -> BTreeMap<Uuid, Text> {
    let mut doomed = BTreeMap::new();
    for (&id, &times) in &asked.ids {
        match state.topics.by_id(id) {
            _ if times > 1 => responses.push(failed(None, id, ErrorCode::INVALID_REQUEST, "Duplicate topic id.")),
            Some(topic) => drop(doomed.insert(id, topic.name.clone())),
            None => {
                *after = (*after).max(state.topics.missing_id(id));
                responses.push(failed(None, id, ErrorCode::UNKNOWN_TOPIC_ID, "This server does not host this topic ID."));
            }
        }
    }
    for (name, &times) in &asked.names {
        match state.topics.by_name(name) {
            _ if times > 1 => responses.push(failed(Some(name.clone()), Uuid::ZERO, ErrorCode::INVALID_REQUEST, "Duplicate topic name.")),
            Some(topic) if asked.ids.contains_key(&topic.id) => {
                doomed.remove(&topic.id);
                let message = "The provided topic name maps to an ID that was already supplied.";
                responses.push(failed(Some(name.clone()), topic.id, ErrorCode::INVALID_REQUEST, message));
            }
            Some(topic) => drop(doomed.insert(topic.id, topic.name.clone())),
            None => {
                *after = (*after).max(state.topics.missing_name(name));
                let message = "This server does not host this topic-partition.";
                responses.push(failed(Some(name.clone()), Uuid::ZERO, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message));
            }
        }
    }
    doomed
}

fn failed(name: Option<Text>, topic_id: Uuid, error_code: ErrorCode, message: &'static str) -> DeletableTopicResult {
    DeletableTopicResult { name, topic_id, error_code, error_message: Some(Text::from_static(message)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{World, answer, call, wanted};
    use crate::store::plan::Op;
    use crate::wire::message::delete_topics::DeleteTopicState;

    fn world(names: &[&str]) -> World {
        let mut world = World::new();
        world.create(&names.iter().map(|name| wanted(name, 1, &[])).collect::<Vec<_>>());
        world
    }

    fn send(world: &mut World, topics: &[(Option<&str>, Uuid)]) {
        let topic = |(name, topic_id): &(Option<&str>, Uuid)| DeleteTopicState { name: name.map(Text::from), topic_id: *topic_id };
        let request = DeleteTopicsRequest { topics: topics.iter().map(topic).collect(), ..DeleteTopicsRequest::default() };
        handle(&mut world.state, &mut world.fx, world.now, call(6), request);
    }

    fn ask(world: &mut World, topics: &[(Option<&str>, Uuid)]) -> Vec<(Option<String>, i16)> {
        send(world, topics);
        let mut told: Vec<_> =
            answer!(world, DeleteTopics).responses.iter().map(|one| (one.name.as_deref().map(str::to_owned), one.error_code.0)).collect();
        told.sort();
        told
    }

    fn name(name: &str) -> Option<String> {
        Some(name.to_owned())
    }

    #[test]
    fn a_topic_is_deleted_durably_and_told_once_that_is_on_disk() {
        let mut world = world(&["a"]);
        let id = world.state.topics.by_name("a").unwrap().id;
        send(&mut world, &[(Some("a"), Uuid::ZERO)]);
        assert_eq!(world.answered(), None);
        assert_eq!(world.commit(), [Op::DeleteTopic(id)]);
        let told = answer!(world, DeleteTopics);
        let only = &told.responses[0];
        assert_eq!((only.name.as_deref(), only.topic_id, only.error_code, &only.error_message), (Some("a"), id, ErrorCode::NONE, &None));
        assert!(world.state.topics.is_empty());
    }

    #[test]
    fn by_id_the_answer_has_the_name_too() {
        let mut world = world(&["a"]);
        let id = world.state.topics.by_name("a").unwrap().id;
        assert_eq!(ask(&mut world, &[(None, id)]), [(name("a"), 0)]);
    }

    #[test]
    fn before_version_6_topics_are_named_in_a_list_of_their_own() {
        let mut world = world(&["a", "b"]);
        let request = DeleteTopicsRequest { topic_names: vec!["a".into(), "nope".into()], ..DeleteTopicsRequest::default() };
        handle(&mut world.state, &mut world.fx, world.now, call(5), request);
        let codes: Vec<i16> = answer!(world, DeleteTopics).responses.iter().map(|one| one.error_code.0).collect();
        assert_eq!(codes, [3, 0]);
        assert!(world.state.topics.by_name("b").is_some());
    }

    #[test]
    fn what_is_unclear_deletes_nothing() {
        let mut world = world(&["a", "b", "c"]);
        let id = |name: &str| world.state.topics.by_name(name).unwrap().id;
        let (a, b, other) = (id("a"), id("b"), Uuid([5; 16]));
        assert_eq!(ask(&mut world, &[(None, Uuid::ZERO), (None, Uuid::ZERO)]), [(None, 42), (None, 42)]);
        assert_eq!(ask(&mut world, &[(Some("a"), a)]), [(name("a"), 42)]);
        assert_eq!(ask(&mut world, &[(Some("a"), Uuid::ZERO), (None, a)]), [(name("a"), 42)]);
        assert_eq!(ask(&mut world, &[(None, b), (None, b), (Some("b"), Uuid::ZERO)]), [(None, 42), (name("b"), 42)]);
        assert_eq!(ask(&mut world, &[(Some("c"), Uuid::ZERO), (Some("c"), Uuid::ZERO)]), [(name("c"), 42)]);
        assert_eq!(ask(&mut world, &[(None, other)]), [(None, 100)]);
        assert_eq!(
            ask(&mut world, &[(Some("bad name"), Uuid::ZERO), (Some("nope"), Uuid::ZERO)]),
            [(name("bad name"), 3), (name("nope"), 3)]
        );
        assert_eq!(world.state.topics.len(), 3);
    }

    #[test]
    fn that_a_topic_is_gone_is_told_only_when_it_is_gone_on_disk() {
        let mut world = world(&["a"]);
        send(&mut world, &[(Some("a"), Uuid::ZERO)]);
        let deleting = world.fx.seal();
        send(&mut world, &[(Some("a"), Uuid::ZERO)]);
        assert_eq!(world.answered(), None);
        assert_eq!(world.fx.release(deleting.no).len(), 2);
    }

    #[test]
    fn a_full_disk_is_no_reason_to_keep_a_topic() {
        let mut world = world(&["a"]);
        world.state.read_only = true;
        send(&mut world, &[(Some("a"), Uuid::ZERO)]);
        assert_eq!(world.state.topics.len(), 0);
    }
}
