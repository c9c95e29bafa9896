//! The routes of topics: list, create, look at one, delete. Called by `routes`.

use super::desk::Desk;
use super::input::{Object, from_json};
use super::list::{rows, show};
use super::reply::Reply;
use super::site::Site;
use super::text::rfc3339;
use crate::base::text::Text;
use crate::mail::view::{PartitionView, Question, TopicView, View};
use crate::wire::error_code::ErrorCode;
use crate::wire::message::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use crate::wire::message::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use crate::wire::message::{Request, Response};
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

#[derive(Serialize)]
struct ListedTopic<'a> {
    name: &'a str,
    latest_offset: i64,
    created_at: Value,
    earliest_offset: i64,
    partitions: usize,
    messages: i64,
    bytes: i64,
}

#[derive(Serialize)]
struct DescribedTopic<'a, P> {
    name: &'a str,
    latest_offset: i64,
    earliest_offset: i64,
    created_at: Value,
    messages: i64,
    bytes: i64,
    partitions: P,
    config: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
struct DescribedPartition {
    partition: usize,
    earliest_offset: i64,
    latest_offset: i64,
    messages: i64,
    bytes: i64,
}

/// What is posted to make a topic.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTopic {
    name: String,
    partitions: Option<i32>,
    #[serde(default, deserialize_with = "each_once")]
    config: BTreeMap<String, ConfigValue>,
}

/// Kafka's configs are texts; numbers and truth values are taken for what they look like.
#[derive(Deserialize)]
#[serde(untagged)]
enum ConfigValue {
    Default(()),
    Truth(bool),
    Number(serde_json::Number),
    Text(String),
}

impl ConfigValue {
    fn into_text(self) -> Option<Text> {
        match self {
            ConfigValue::Default(()) => None,
            ConfigValue::Truth(value) => Some(Text::from(value.to_string())),
            ConfigValue::Number(value) => Some(Text::from(value.to_string())),
            ConfigValue::Text(value) => Some(Text::from(value)),
        }
    }
}

/// An object in which no key is there twice: one of the two values would go unnoticed.
fn each_once<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, ConfigValue>, D::Error> {
    struct Configs;
    impl<'de> Visitor<'de> for Configs {
        type Value = BTreeMap<String, ConfigValue>;
        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("an object of configs")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut configs = BTreeMap::new();
            while let Some(name) = map.next_key::<String>()? {
                match configs.entry(name) {
                    Entry::Vacant(place) => {
                        place.insert(map.next_value()?);
                    }
                    Entry::Occupied(place) => return Err(A::Error::custom(format!("duplicate config `{}`", place.key()))),
                }
            }
            Ok(configs)
        }
    }
    deserializer.deserialize_map(Configs)
}

/// `GET /api/topics`
pub fn list(site: &Site, desk: &mut Desk) -> Result<Reply, Reply> {
    show(site, desk, Question::Topics, |view, sheet| {
        let View::Topics(topics) = view else { return Err(odd()) };
        sheet.put(&rows(topics, listed))
    })
}

/// `POST /api/topics`
pub fn create(desk: &mut Desk, body: &[u8]) -> Result<Reply, Reply> {
    let Object(NewTopic { name, partitions, config }) = from_json(body)?;
    if partitions.is_some_and(|count| count < 1) {
        return Err(Reply::kafka(ErrorCode::INVALID_PARTITIONS, "Number of partitions must be larger than 0."));
    }
    let configs = config.into_iter().map(|(name, value)| CreatableTopicConfig { name: Text::from(name), value: value.into_text() });
    let topic = CreatableTopic {
        name: Text::from(name.as_str()),
        num_partitions: partitions.unwrap_or(-1),
        replication_factor: -1,
        configs: configs.collect(),
        ..CreatableTopic::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], ..CreateTopicsRequest::default() };
    let Response::CreateTopics(response) = desk.ask(7, Request::CreateTopics(request))? else { return Err(odd()) };
    let result = response.topics.into_iter().next().ok_or_else(odd)?;
    if result.error_code.is_error() {
        return Err(refusal(result.error_code, result.error_message, &name));
    }
    Ok(Reply::json(201, &json!({"name": name})))
}

/// `GET /api/topics/{t}`
pub fn describe(site: &Site, desk: &mut Desk, name: &str) -> Result<Reply, Reply> {
    show(site, desk, Question::Topic(Text::from(name)), |view, sheet| {
        let View::Topics(topics) = view else { return Err(odd()) };
        let topic = topics.first().ok_or_else(|| missing(name))?;
        let ListedTopic { name, latest_offset, created_at, earliest_offset, messages, bytes, .. } = listed(topic);
        let partitions: Vec<(usize, &PartitionView)> = topic.partitions.iter().enumerate().collect();
        let partitions = rows(&partitions, described);
        let config = topic.configs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        sheet.put(&DescribedTopic { name, latest_offset, earliest_offset, created_at, messages, bytes, partitions, config })
    })
}

fn described((partition, view): &(usize, &PartitionView)) -> DescribedPartition {
    DescribedPartition {
        partition: *partition,
        earliest_offset: view.log_start,
        latest_offset: latest(view),
        messages: view.high_watermark - view.log_start,
        bytes: view.bytes,
    }
}

/// `DELETE /api/topics/{t}`
pub fn delete(desk: &mut Desk, name: &str) -> Result<Reply, Reply> {
    let topic = DeleteTopicState { name: Some(Text::from(name)), ..DeleteTopicState::default() };
    let request = DeleteTopicsRequest { topics: vec![topic], timeout_ms: 60_000, ..DeleteTopicsRequest::default() };
    let Response::DeleteTopics(response) = desk.ask(6, Request::DeleteTopics(request))? else { return Err(odd()) };
    let result = response.responses.into_iter().next().ok_or_else(odd)?;
    match result.error_code {
        ErrorCode::NONE => Ok(Reply::empty(204)),
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => Err(missing(name)),
        code => Err(refusal(code, result.error_message, name)),
    }
}

/// There is no such topic.
pub fn missing(name: &str) -> Reply {
    Reply::kafka(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, format!("there is no topic {name:?}"))
}

/// What Kafka says, or else the name of what is wrong.
pub fn refusal(code: ErrorCode, message: Option<Text>, about: &str) -> Reply {
    let said = message.filter(|message| !message.is_empty()).map(|message| message.to_string());
    Reply::kafka(code, said.unwrap_or_else(|| format!("{about}: {}", code.name())))
}

/// An answer to something that was not asked.
pub fn odd() -> Reply {
    Reply::kafka(ErrorCode::UNKNOWN_SERVER_ERROR, "the broker answered something else")
}

fn latest(partition: &PartitionView) -> i64 {
    if partition.high_watermark > partition.log_start { partition.high_watermark - 1 } else { -1 }
}

/// Of several partitions the figures of the topic are the least, the greatest and the sums.
fn listed(topic: &TopicView) -> ListedTopic<'_> {
    let partitions = topic.partitions.iter();
    ListedTopic {
        name: &topic.name,
        latest_offset: partitions.clone().map(latest).max().unwrap_or(-1),
        created_at: rfc3339(topic.created_ms),
        earliest_offset: partitions.clone().map(|partition| partition.log_start).min().unwrap_or(0),
        partitions: topic.partitions.len(),
        messages: partitions.clone().map(|partition| partition.high_watermark - partition.log_start).sum(),
        bytes: partitions.map(|partition| partition.bytes).sum(),
    }
}
