//! CreatePartitions: gives topics more partitions, each on its own. Consumers find the new ones when they next ask for metadata.
//! Versions: 0 to 3 differ on the wire only.

use super::Call;
use super::alter_configs::outcome;
use crate::base::ids::PlanNo;
use crate::base::text::Text;
use crate::base::time::Now;
use crate::state::State;
use crate::state::effects::Effects;
use crate::state::topics::alter;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::create_partitions::{CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopicResult};
use std::collections::BTreeMap;

/// Answers once everything that was created is on disk.
pub fn handle(state: &mut State, fx: &mut Effects, _now: Now, call: Call, request: CreatePartitionsRequest) {
    let mut after = PlanNo::COMMITTED;
    let mut times: BTreeMap<Text, usize> = BTreeMap::new();
    for topic in &request.topics {
        *times.entry(topic.name.clone()).or_default() += 1;
    }
    let mut results = Vec::with_capacity(times.len());
    for wanted in request.topics {
        let (error_code, error_message) = match times.remove(&wanted.name) {
            // Of a name given more than once there is one answer.
            None => continue,
            Some(1) => outcome(alter::add_partitions(state, fx, &wanted, request.validate_only), &mut after),
            Some(_) => (ErrorCode::INVALID_REQUEST, Some(Text::from_static("Duplicate topic name."))),
        };
        // That a topic is not there Kafka says without a word.
        let error_message = error_message.filter(|message| !message.is_empty());
        results.push(CreatePartitionsTopicResult { name: wanted.name, error_code, error_message });
    }
    let response = CreatePartitionsResponse { results, ..CreatePartitionsResponse::default() };
    fx.reply_after(call.to, after, Response::CreatePartitions(response));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{World, answer, call, wanted};
    use crate::base::ids::PartId;
    use crate::base::limits::PARTITIONS_MAX;
    use crate::store::plan::{Counter, Op};
    use crate::wire::message::create_partitions::{CreatePartitionsAssignment, CreatePartitionsTopic};

    fn more(name: &str, count: i32, assignments: Option<&[&[i32]]>) -> CreatePartitionsTopic {
        let assignment = |ids: &&[i32]| CreatePartitionsAssignment { broker_ids: ids.to_vec() };
        CreatePartitionsTopic {
            name: Text::from(name),
            count,
            assignments: assignments.map(|assignments| assignments.iter().map(assignment).collect()),
        }
    }

    fn send(world: &mut World, topics: Vec<CreatePartitionsTopic>, validate_only: bool) {
        let request = CreatePartitionsRequest { topics, validate_only, ..CreatePartitionsRequest::default() };
        handle(&mut world.state, &mut world.fx, world.now, call(3), request);
    }

    fn ask(world: &mut World, topics: Vec<CreatePartitionsTopic>, validate_only: bool) -> Vec<(i16, String)> {
        send(world, topics, validate_only);
        let told = |one: &CreatePartitionsTopicResult| (one.error_code.0, one.error_message.as_deref().unwrap_or("no message").to_owned());
        answer!(world, CreatePartitions).results.iter().map(told).collect()
    }

    #[test]
    fn new_partitions_are_there_once_they_are_on_disk() {
        let mut world = World::new();
        world.create(&[wanted("a", 2, &[]), wanted("b", 1, &[])]);
        world.fill("a", 1, 3);
        assert_eq!(ask(&mut world, vec![more("a", 4, None)], true), [(0, "no message".to_owned())]);
        assert_eq!(world.state.topics.by_name("a").unwrap().partitions.len(), 2, "a check changes nothing");
        send(&mut world, vec![more("a", 4, None)], false);
        assert_eq!(world.answered(), None);
        let ops = world.commit();
        assert_eq!(answer!(world, CreatePartitions).results[0].error_code, ErrorCode::NONE);
        let added: Vec<(i64, i32)> =
            ops.iter().filter_map(|op| if let Op::AddPartition(row) = op { Some((row.part.0, row.index)) } else { None }).collect();
        assert_eq!((ops[0].clone(), added), (Op::SetCounter(Counter::Part, 5), vec![(3, 2), (4, 3)]));
        let topic = world.state.topics.by_name("a").unwrap();
        assert_eq!(topic.partitions, [PartId(0), PartId(1), PartId(3), PartId(4)]);
        assert_eq!(world.state.topics.owner(PartId(4)).map(|(topic, index)| (topic.name.to_string(), index)), Some(("a".to_owned(), 3)));
        world.fill("a", 3, 1);
        assert_eq!(ask(&mut world, vec![more("b", 3, Some(&[&[1], &[1]]))], false)[0].0, 0);
    }

    #[test]
    fn what_cannot_be_is_refused_topic_by_topic() {
        let mut world = World::new();
        world.create(&[wanted("a", 2, &[])]);
        let cases = [
            (more("nope", 2, None), 3, "no message"),
            (more("a", 2, None), 37, "Topic already has 2 partition(s)."),
            (more("a", 1, None), 37, "The topic a currently has 2 partition(s); 1 would not be an increase."),
            (more("a", i32::MIN, None), 37, "The topic a currently has"),
            (more("a", 4, Some(&[&[1]])), 39, "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified."),
            (more("a", 3, Some(&[&[2]])), 39, "The manual partition assignment includes broker 2"),
            (more("a", 3, Some(&[&[]])), 39, "The manual partition assignment includes an empty replica list."),
            (more("a", i32::MAX, None), 44, "This broker holds at most"),
            (more("a", PARTITIONS_MAX as i32 + 1, None), 44, "This broker holds at most"),
        ];
        for (topic, code, message) in cases {
            let told = ask(&mut world, vec![topic], false);
            assert_eq!(told[0].0, code, "{told:?}");
            assert!(told[0].1.starts_with(message), "{told:?}");
        }
        let told = ask(&mut world, vec![more("a", 3, None), more("nope", 3, None), more("a", 4, None)], false);
        assert_eq!(told.iter().map(|one| one.0).collect::<Vec<_>>(), [42, 3]);
        assert!(!world.fx.has_rows());
        world.state.read_only = true;
        assert_eq!(ask(&mut world, vec![more("a", 3, None)], false)[0].0, 56);
        assert_eq!(world.state.topics.by_name("a").unwrap().partitions.len(), 2);
    }
}
