//! `topics.create`: makes the topics of the settings before anybody is served, through the same door as every client, and has
//! them on disk. Called by `start`, which still holds engine and store in one hand.

use super::clock::Clock;
use super::failure::Failure;
use crate::base::ids::ConnId;
use crate::base::text::Text;
use crate::config::topic_list::TopicSpec;
use crate::engine::Engine;
use crate::mail::input::{Envelope, Input, Outcome, Peer, Refusal, ReplyTo};
use crate::mail::output::Output;
use crate::store::seam::{StoreError, Writer};
use crate::wire::error_code::ErrorCode;
use crate::wire::message::create_topics::{CreatableTopic, CreatableTopicConfig, CreatableTopicResult, CreateTopicsRequest};
use crate::wire::message::{Request, Response};
use log::{info, warn};
use std::sync::Arc;

/// Topics that are made in one commit.
const TOPICS_PER_COMMIT: usize = 100;

/// Makes what is missing. A topic that is there stays as it is; one that cannot be ends the start.
pub fn create(topics: &[TopicSpec], engine: &mut Engine, writer: &mut dyn Writer, clock: &Clock) -> Result<(), Failure> {
    for topics in topics.chunks(TOPICS_PER_COMMIT) {
        for topic in topics {
            engine.handle(clock.now(), Input::Request(Box::new(envelope(topic))));
        }
        for told in settle(engine, writer, clock)? {
            judge(&told, topics, engine)?;
        }
    }
    Ok(())
}

fn envelope(topic: &TopicSpec) -> Envelope {
    let config = |(name, value): &(&'static str, String)| CreatableTopicConfig {
        name: Text::from_static(name),
        value: Some(Text::from(value.as_str())),
    };
    let wanted = CreatableTopic {
        name: Text::from(topic.name.as_str()),
        num_partitions: topic.partitions.unwrap_or(-1),
        replication_factor: -1,
        configs: topic.configs.iter().map(config).collect(),
        ..CreatableTopic::default()
    };
    let request = CreateTopicsRequest { topics: vec![wanted], ..CreateTopicsRequest::default() };
    Envelope {
        to: ReplyTo { conn: ConnId { reactor: u16::MAX, slot: 0, generation: 0 }, seq: 0 },
        api_version: 7,
        correlation_id: 0,
        client_id: None,
        peer: Arc::new(Peer { host: Text::from_static("/"), advertised_host: Text::default(), advertised_port: 0 }),
        request: Request::CreateTopics(request),
        batches: Vec::new(),
        charge: None,
        is_atomic: false,
    }
}

/// Commits what the engine wants committed, until it wants nothing more; what it answered.
fn settle(engine: &mut Engine, writer: &mut dyn Writer, clock: &Clock) -> Result<Vec<CreatableTopicResult>, Failure> {
    let mut told = Vec::new();
    loop {
        let outputs = engine.take_outputs();
        if outputs.is_empty() {
            return Ok(told);
        }
        for output in outputs {
            match output {
                Output::Commit(plan) => {
                    let now = clock.now();
                    let result = match writer.commit(&plan, now.mono_ms) {
                        Ok(()) => Ok(()),
                        // As in the storage thread: a full disk is survived.
                        Err(StoreError::Full(_)) => Err(Refusal::Full(Box::new(writer.load()?))),
                        Err(error) => return Err(error.into()),
                    };
                    engine.handle(now, Input::Committed(Box::new(Outcome { plan, result, rest: None })));
                }
                Output::Answer { response: Some(Response::CreateTopics(answer)), .. } => told.extend(answer.topics),
                // Nobody has asked for anything else.
                _ => {}
            }
        }
    }
}

fn judge(told: &CreatableTopicResult, topics: &[TopicSpec], engine: &Engine) -> Result<(), Failure> {
    let name = &told.name;
    match told.error_code {
        ErrorCode::NONE => info!("made topic {name} with {} partitions (topics.create)", told.num_partitions),
        ErrorCode::TOPIC_ALREADY_EXISTS => {
            let there = engine.state().topics.by_name(name).map_or(0, |topic| topic.partitions.len());
            let wanted = topics.iter().find(|topic| topic.name == name.as_str()).and_then(|topic| topic.partitions);
            if let Some(wanted) = wanted.filter(|wanted| *wanted as usize != there) {
                warn!("topic {name} is there with {there} partitions and not {wanted} (topics.create); it stays as it is");
            }
        }
        ErrorCode::KAFKA_STORAGE_ERROR => warn!("topic {name} is not made: the disk is full (topics.create)"),
        code => {
            let why = told.error_message.as_deref().unwrap_or_default();
            return Err(Failure::Settings(format!("cannot make topic {name} (topics.create): {why} [error {}]", code.0)));
        }
    }
    Ok(())
}
