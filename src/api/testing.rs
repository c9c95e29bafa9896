//! For the tests of handlers: a small world of state, effects and a clock, whose plans are committed by hand.

use super::Call;
use crate::base::budget::Budget;
use crate::base::ids::ConnId;
use crate::base::text::Text;
use crate::base::time::Now;
use crate::mail::cold::ColdJob;
use crate::mail::input::{Peer, ReplyTo};
use crate::mail::output::Output;
use crate::state::State;
use crate::state::broker::Broker;
use crate::state::effects::Effects;
use crate::store::plan::{Image, Op};
use crate::wire::batch::CheckedBatch;
use crate::wire::batch_builder::BatchBuilder;
use crate::wire::compress::Codec;
use crate::wire::message::Response;
use crate::wire::message::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest, CreateTopicsResponse};
use crate::wire::message::offset_commit::{OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use std::sync::Arc;

/// State, effects and a clock.
pub struct World {
    pub state: State,
    pub fx: Effects,
    pub now: Now,
}

impl World {
    pub fn new() -> World {
        World::with(crate::state::topics::tests::broker())
    }

    /// A world whose answers may take so much memory, in bytes.
    pub fn cramped(answer_bytes: usize) -> World {
        World::with(Broker { memory: Budget::new(answer_bytes), ..crate::state::topics::tests::broker() })
    }

    pub fn with(broker: Broker) -> World {
        let now = Now { wall_ms: 1_700_000_000_000, mono_ms: 1_000 };
        World { state: State::load(&Image::default(), broker, 7, now), fx: Effects::default(), now }
    }

    /// Commits the plan being filled, with everything that waited for it; gives back its operations.
    pub fn commit(&mut self) -> Vec<Op> {
        let plan = self.fx.seal();
        self.state.committed(&plan, &mut self.fx, self.now);
        for held in self.fx.release(plan.no) {
            self.fx.reply(held.to, held.response.expect("handlers of these tests answer"));
        }
        plan.ops
    }

    /// Appends a batch of `count` records of now, and commits it.
    pub fn fill(&mut self, topic: &str, partition: i32, count: i32) {
        self.fill_as(topic, partition, count, -1);
    }

    /// The same as this producer's first batch; -1: as no producer's.
    pub fn fill_as(&mut self, topic: &str, partition: i32, count: i32, pid: i64) {
        let topic = self.state.topics.by_name(topic).expect("a topic");
        let (part, config) = (topic.partition(partition).expect("a partition"), topic.log_config.clone());
        let mut builder = BatchBuilder::new(Codec::None);
        if pid >= 0 {
            builder = builder.producer(pid, 0, 0);
        }
        (0..count).for_each(|_| builder.push(self.now.wall_ms, Some(b"key"), Some(b"value"), &[]));
        let batch = CheckedBatch::check(Some(builder.build().expect("a batch")), 9).expect("a good batch");
        let State { log, timers, .. } = &mut self.state;
        log.append(part, batch, &config, false, &mut self.fx, timers, self.now).expect("a good batch");
        self.commit();
    }

    /// Commits an offset of a group for partition 0 of a topic, from outside of all groups.
    pub fn commit_offset(&mut self, group: &str, topic: &str, offset: i64) {
        let partition = OffsetCommitRequestPartition { committed_offset: offset, ..OffsetCommitRequestPartition::default() };
        let topic = OffsetCommitRequestTopic { name: Text::from(topic), partitions: vec![partition], ..Default::default() };
        let request = OffsetCommitRequest { group_id: Text::from(group), topics: vec![topic], ..OffsetCommitRequest::default() };
        super::offset_commit::handle(&mut self.state, &mut self.fx, self.now, call(9), request);
        answer!(self, OffsetCommit);
    }

    /// The one answer that has left, if one has.
    pub fn answered(&mut self) -> Option<Response> {
        let outputs = self.fx.take_outputs();
        assert!(outputs.len() <= 1, "one answer at a time: {outputs:?}");
        outputs.into_iter().next().map(|output| match output {
            Output::Answer { response: Some(response), .. } => response,
            Output::Cold(ColdJob::Volume(_, response, _)) => Response::DescribeLogDirs(*response),
            other => panic!("not an answer: {other:?}"),
        })
    }

    /// Creates topics and commits them.
    pub fn create(&mut self, topics: &[CreatableTopic]) -> CreateTopicsResponse {
        let request = CreateTopicsRequest { topics: topics.to_vec(), ..CreateTopicsRequest::default() };
        super::create_topics::handle(&mut self.state, &mut self.fx, self.now, call(7), request);
        answer!(self, CreateTopics)
    }
}

/// A call of this version from one client.
pub fn call(api_version: i16) -> Call {
    let peer = Peer { host: Text::from("/127.0.0.1"), advertised_host: Text::from("broker.test"), advertised_port: 9092 };
    let to = ReplyTo { conn: ConnId::default(), seq: 0 };
    Call { to, api_version, correlation_id: 77, client_id: Some(Text::from("test")), peer: Arc::new(peer) }
}

/// A topic to create.
pub fn wanted(name: &str, num_partitions: i32, configs: &[(&str, &str)]) -> CreatableTopic {
    let config = |(name, value): &(&str, &str)| CreatableTopicConfig { name: Text::from(*name), value: Some(Text::from(*value)) };
    CreatableTopic {
        name: Text::from(name),
        num_partitions,
        replication_factor: -1,
        configs: configs.iter().map(config).collect(),
        ..CreatableTopic::default()
    }
}

/// The answer of this kind, after a commit where it waits for one.
macro_rules! answer {
    ($world:expr, $kind:ident) => {{
        let answered = $world.answered();
        let response = answered.unwrap_or_else(|| {
            $world.commit();
            $world.answered().expect("an answer after the commit")
        });
        match response {
            crate::wire::message::Response::$kind(response) => response,
            other => panic!("another answer: {other:?}"),
        }
    }};
}
pub(crate) use answer;
