//! DescribeLogDirs: the one data directory, and the bytes of each partition in it.
//! Versions: from 3 on with an error of the whole request, from 4 on with the size of the volume, which the cold readers fill in,
//! from 5 on with whether new replicas are kept out, which they never are.

use super::Call;
use crate::base::text::Text;
use crate::base::time::Now;
use crate::state::State;
use crate::state::effects::Effects;
use crate::state::topics::Topic;
use crate::wire::message::Response;
use crate::wire::message::describe_log_dirs::{
    DescribeLogDirsPartition, DescribeLogDirsRequest, DescribeLogDirsResponse, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use std::collections::{BTreeMap, BTreeSet};

/// Answers once everything that is told is on disk. What is asked for and not there is left out.
pub fn handle(state: &mut State, fx: &mut Effects, _now: Now, call: Call, request: DescribeLogDirsRequest) {
    let topics = match request.topics {
        None => state.topics.iter().filter_map(|topic| describe(state, topic, None)).collect(),
        Some(asked) => {
            let mut wanted: BTreeMap<Text, BTreeSet<i32>> = BTreeMap::new();
            for topic in asked {
                wanted.entry(topic.topic).or_default().extend(topic.partitions);
            }
            let known = wanted.iter().filter_map(|(name, indices)| Some((state.topics.by_name(name)?, indices)));
            known.filter_map(|(topic, indices)| describe(state, topic, Some(indices))).collect()
        }
    };
    let result = DescribeLogDirsResult { log_dir: state.broker.log_dir.clone(), topics, ..DescribeLogDirsResult::default() };
    let response = DescribeLogDirsResponse { results: vec![result], ..DescribeLogDirsResponse::default() };
    fx.reply_after(call.to, state.topics.listing(), Response::DescribeLogDirs(response));
}

fn describe(state: &State, topic: &Topic, wanted: Option<&BTreeSet<i32>>) -> Option<DescribeLogDirsTopic> {
    let partitions: Vec<DescribeLogDirsPartition> = (0..)
        .zip(&topic.partitions)
        .filter(|(index, _)| wanted.is_none_or(|wanted| wanted.contains(index)))
        .map(|(partition_index, part)| DescribeLogDirsPartition {
            partition_index,
            partition_size: state.log.partition(*part).map_or(0, |partition| partition.bytes()),
            ..DescribeLogDirsPartition::default()
        })
        .collect();
    (!partitions.is_empty()).then(|| DescribeLogDirsTopic { name: topic.name.clone(), partitions })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{World, answer, call, wanted};
    use crate::wire::message::describe_log_dirs::DescribableLogDirTopic;

    fn ask(world: &mut World, topics: Option<&[(&str, &[i32])]>) -> Vec<(String, i32, i64)> {
        let topic = |(name, partitions): &(&str, &[i32])| DescribableLogDirTopic { topic: (*name).into(), partitions: partitions.to_vec() };
        let topics = topics.map(|topics| topics.iter().map(topic).collect());
        handle(&mut world.state, &mut world.fx, world.now, call(5), DescribeLogDirsRequest { topics });
        let response = answer!(world, DescribeLogDirs);
        let [dir] = &response.results[..] else { panic!("{response:?}") };
        assert_eq!((dir.log_dir.as_str(), dir.total_bytes, dir.is_cordoned), ("/data", -1, false));
        let of = |topic: &DescribeLogDirsTopic| {
            let one = |it: &DescribeLogDirsPartition| (topic.name.to_string(), it.partition_index, it.partition_size);
            topic.partitions.iter().map(one).collect::<Vec<_>>()
        };
        dir.topics.iter().flat_map(of).collect()
    }

    #[test]
    fn every_partition_is_told_with_its_bytes() {
        let mut world = World::new();
        world.create(&[wanted("a", 2, &[]), wanted("b", 1, &[])]);
        world.fill("a", 1, 3);
        let part = world.state.topics.by_name("a").unwrap().partitions[1];
        let bytes = world.state.log.partition(part).unwrap().bytes();
        assert!(bytes > 60);
        let all = [("a", 0, 0), ("a", 1, bytes), ("b", 0, 0)].map(|(name, index, bytes)| (name.to_owned(), index, bytes));
        assert_eq!(ask(&mut world, None), all);
        assert_eq!(ask(&mut world, Some(&[("nope", &[0]), ("a", &[1, 7]), ("a", &[1])])), all[1..2]);
        assert_eq!(ask(&mut world, Some(&[])), []);
    }
}
