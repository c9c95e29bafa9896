//! What configs mean: the overrides of a topic and the settings of the broker, taken together. Asked when a topic is made, by
//! DescribeConfigs and by CreateTopics, which tell clients each value and where it comes from.

use super::broker::{Broker, NODE_ID};
use crate::base::limits::{FETCH_BYTES_MAX, REQUEST_BYTES_MAX};
use crate::base::text::Text;
use crate::config::kafka_keys::{BROKER_KEYS, BrokerValue, Kind, RETENTION_CHECK_MS_DEFAULT, TOPIC_KEYS, TopicKey, topic_key};
use crate::mail::input::Peer;
use crate::wire::compress::Codec;

/// The topic configs that rules act on, parsed (`LogConfig`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// retention.ms; -1: for ever.
    pub retention_ms: i64,
    /// retention.bytes of each partition; below 0: without limit.
    pub retention_bytes: i64,
    /// max.message.bytes.
    pub max_message_bytes: i32,
    /// segment.bytes: no batch is larger, though logs are not kept in segments.
    pub segment_bytes: i32,
    /// compression.type where it is not "producer": how batches are stored.
    pub codec: Option<Codec>,
    /// message.timestamp.type is LogAppendTime.
    pub log_append_time: bool,
    /// message.timestamp.before.max.ms.
    pub timestamp_before_max_ms: i64,
    /// message.timestamp.after.max.ms.
    pub timestamp_after_max_ms: i64,
    /// cleanup.policy contains compact: records without a key are refused.
    pub compacted: bool,
    /// cleanup.policy contains delete.
    pub deleted: bool,
}

/// Where a value comes from: the numbers of DescribeConfigs (`ConfigEntry.ConfigSource`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// An override of the topic.
    Topic = 1,
    /// A setting given at start.
    StaticBroker = 4,
    /// Nobody set it.
    Default = 5,
}

/// One config as clients are told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Its value in canonical form; `None` when it has none.
    pub value: Option<Text>,
    /// Where the value comes from.
    pub source: Source,
    /// The kind of its value.
    pub kind: Kind,
    /// What it is for.
    pub doc: &'static str,
    /// All that could give the value, the strongest first: name, value, source.
    pub synonyms: Vec<(&'static str, Text, Source)>,
}

impl LogConfig {
    /// Parses the overrides of a topic, which were checked when they were set, over the broker's defaults.
    pub fn new(overrides: &[(Text, Text)], broker: &Broker) -> LogConfig {
        let value = |name: &str| -> Text {
            let given = overrides.iter().find(|(known, _)| *known == *name).map(|(_, value)| value.clone());
            given.or_else(|| topic_key(name).map(|key| default_of(key, broker).0)).unwrap_or_default()
        };
        let number = |name: &str| -> i64 {
            let fallback = || topic_key(name).and_then(|key| key.default.parse().ok());
            value(name).parse().ok().or_else(fallback).unwrap_or_default()
        };
        let policy = value("cleanup.policy");
        LogConfig {
            retention_ms: number("retention.ms"),
            retention_bytes: number("retention.bytes"),
            max_message_bytes: number("max.message.bytes") as i32,
            segment_bytes: number("segment.bytes") as i32,
            codec: codec_of(&value("compression.type")),
            log_append_time: value("message.timestamp.type") == "LogAppendTime",
            timestamp_before_max_ms: number("message.timestamp.before.max.ms"),
            timestamp_after_max_ms: number("message.timestamp.after.max.ms"),
            compacted: policy.split(',').any(|part| part == "compact"),
            deleted: policy.split(',').any(|part| part == "delete"),
        }
    }
}

/// `BrokerCompressionType`; `None`: as the producer compressed it.
fn codec_of(compression_type: &str) -> Option<Codec> {
    let all = [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];
    if compression_type == "uncompressed" { Some(Codec::None) } else { all.into_iter().find(|codec| codec.name() == compression_type) }
}

/// A topic config's value where the topic does not override it, and where that comes from.
fn default_of(key: &TopicKey, broker: &Broker) -> (Text, Source) {
    let set = match key.name {
        "retention.ms" => broker.retention_ms,
        "retention.bytes" => broker.retention_bytes,
        "max.message.bytes" => i64::from(broker.message_bytes_max),
        _ => return (Text::from_static(key.default), Source::Default),
    };
    let set = set.to_string();
    if set == key.default { (Text::from_static(key.default), Source::Default) } else { (Text::from(set), Source::StaticBroker) }
}

/// All configs of a topic with these overrides, sorted by name.
pub fn of_topic(overrides: &[(Text, Text)], broker: &Broker) -> Vec<Entry> {
    let entry = |key: &TopicKey| {
        let given = overrides.iter().find(|(name, _)| *name == key.name).map(|(_, value)| value.clone());
        let (default, default_source) = default_of(key, broker);
        let mut synonyms = Vec::new();
        if let Some(value) = &given {
            synonyms.push((key.name, value.clone(), Source::Topic));
        }
        if !key.broker_key.is_empty() {
            synonyms.extend(of_default(key, default.clone(), default_source));
        }
        let source = if given.is_some() { Source::Topic } else { default_source };
        Entry { name: key.name, value: Some(given.unwrap_or(default)), source, kind: key.kind, doc: key.doc, synonyms }
    };
    TOPIC_KEYS.iter().map(entry).collect()
}

/// The broker config behind a topic config: what it is set to, and what it would be if it were not set.
fn of_default(key: &TopicKey, value: Text, source: Source) -> Vec<(&'static str, Text, Source)> {
    let shipped = (key.broker_key, Text::from_static(key.default), Source::Default);
    if source == Source::Default { vec![shipped] } else { vec![(key.broker_key, value, source), shipped] }
}

/// The configs of the broker that tools read, sorted by name.
pub fn of_broker(broker: &Broker, peer: &Peer) -> Vec<Entry> {
    let own = BROKER_KEYS.iter().map(|key| {
        let (value, source) = broker_value(key.value, broker, peer);
        let synonyms = value.iter().map(|value| (key.name, value.clone(), source)).collect();
        Entry { name: key.name, value, source, kind: key.kind, doc: key.doc, synonyms }
    });
    let behind_topics = TOPIC_KEYS.iter().filter(|key| !key.broker_key.is_empty()).map(|key| {
        let (value, source) = default_of(key, broker);
        let synonyms = of_default(key, value.clone(), source);
        Entry { name: key.broker_key, value: Some(value), source, kind: key.kind, doc: key.doc, synonyms }
    });
    let mut entries: Vec<Entry> = own.chain(behind_topics).collect();
    entries.sort_by_key(|entry| entry.name);
    entries
}

fn broker_value(value: BrokerValue, broker: &Broker, peer: &Peer) -> (Option<Text>, Source) {
    let number = |number: i64| Some(Text::from(number.to_string()));
    let set_unless = |default: bool| if default { Source::Default } else { Source::StaticBroker };
    match value {
        BrokerValue::Fixed(value) => (Some(Text::from_static(value)), Source::Default),
        BrokerValue::Unset => (None, Source::Default),
        BrokerValue::NodeId => (number(i64::from(NODE_ID)), Source::StaticBroker),
        BrokerValue::AdvertisedListeners => {
            let host = &peer.advertised_host;
            let host = if host.contains(':') { format!("[{host}]") } else { host.to_string() };
            (Some(Text::from(format!("PLAINTEXT://{host}:{}", peer.advertised_port))), Source::StaticBroker)
        }
        BrokerValue::AutoCreate => (Some(Text::from(if broker.auto_create { "true" } else { "false" })), set_unless(broker.auto_create)),
        BrokerValue::DefaultPartitions => (number(i64::from(broker.default_partitions)), set_unless(broker.default_partitions == 1)),
        BrokerValue::FetchBytesMax => (number(broker.fetch_bytes_max as i64), set_unless(broker.fetch_bytes_max == FETCH_BYTES_MAX)),
        BrokerValue::RequestBytesMax => {
            (number(broker.request_bytes_max as i64), set_unless(broker.request_bytes_max == REQUEST_BYTES_MAX))
        }
        BrokerValue::InitialRebalanceDelay => {
            (number(broker.initial_rebalance_delay_ms as i64), set_unless(broker.initial_rebalance_delay_ms == 0))
        }
        BrokerValue::RetentionCheckInterval => {
            (number(broker.retention_check_ms as i64), set_unless(broker.retention_check_ms == RETENTION_CHECK_MS_DEFAULT))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::topics::tests::broker;

    fn overrides(pairs: &[(&str, &str)]) -> Vec<(Text, Text)> {
        pairs.iter().map(|(name, value)| (Text::from(*name), Text::from(*value))).collect()
    }

    #[test]
    fn a_topic_without_overrides_has_the_defaults() {
        let config = LogConfig::new(&[], &broker());
        let expected = LogConfig {
            retention_ms: 86_400_000,
            retention_bytes: -1,
            max_message_bytes: 1_048_588,
            segment_bytes: 1_073_741_824,
            codec: None,
            log_append_time: false,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 3_600_000,
            compacted: false,
            deleted: true,
        };
        assert_eq!(config, expected);
        assert_eq!(LogConfig::new(&[], &Broker { retention_ms: -1, ..broker() }).retention_ms, -1);
    }

    #[test]
    fn overrides_win() {
        let given = overrides(&[
            ("cleanup.policy", "compact"),
            ("compression.type", "uncompressed"),
            ("max.message.bytes", "10"),
            ("message.timestamp.after.max.ms", "3"),
            ("message.timestamp.before.max.ms", "4"),
            ("message.timestamp.type", "LogAppendTime"),
            ("retention.bytes", "6"),
            ("retention.ms", "5"),
            ("segment.bytes", "2000000"),
        ]);
        let expected = LogConfig {
            retention_ms: 5,
            retention_bytes: 6,
            max_message_bytes: 10,
            segment_bytes: 2_000_000,
            codec: Some(Codec::None),
            log_append_time: true,
            timestamp_before_max_ms: 4,
            timestamp_after_max_ms: 3,
            compacted: true,
            deleted: false,
        };
        assert_eq!(LogConfig::new(&given, &broker()), expected);
    }

    #[test]
    fn every_topic_config_says_where_it_comes_from() {
        let find = |entries: Vec<Entry>, name: &str| entries.into_iter().find(|entry| entry.name == name).unwrap();
        let entries = of_topic(&overrides(&[("retention.ms", "5")]), &broker());
        assert_eq!(entries.len(), TOPIC_KEYS.len());
        let retention = find(entries.clone(), "retention.ms");
        assert_eq!((retention.value, retention.source), (Some(Text::from("5")), Source::Topic));
        let (own, shipped) = (Text::from("5"), Text::from("86400000"));
        assert_eq!(retention.synonyms, [("retention.ms", own, Source::Topic), ("log.retention.ms", shipped.clone(), Source::Default)]);
        let flush = find(entries, "flush.ms");
        assert_eq!((flush.source, flush.synonyms), (Source::Default, vec![]));

        let hour = Broker { retention_ms: 3_600_000, ..broker() };
        let retention = find(of_topic(&[], &hour), "retention.ms");
        let set = Text::from("3600000");
        assert_eq!((retention.value, retention.source), (Some(set.clone()), Source::StaticBroker));
        let chain = [("log.retention.ms", set, Source::StaticBroker), ("log.retention.ms", shipped, Source::Default)];
        assert_eq!(retention.synonyms, chain);
    }

    #[test]
    fn the_broker_tells_what_tools_read() {
        let peer = Peer { host: Text::from("/::1"), advertised_host: Text::from("::1"), advertised_port: 9092 };
        let entries = of_broker(&Broker { auto_create: false, ..broker() }, &peer);
        assert!(entries.is_sorted_by(|a, b| a.name < b.name), "sorted, and no name twice");
        let value = |name: &str| entries.iter().find(|entry| entry.name == name).and_then(|entry| entry.value.clone()).unwrap();
        assert_eq!(value("advertised.listeners"), "PLAINTEXT://[::1]:9092");
        assert_eq!(value("auto.create.topics.enable"), "false");
        assert_eq!(value("num.partitions"), "1");
        assert_eq!(value("default.replication.factor"), "1");
        assert_eq!(value("log.retention.ms"), "86400000");
        assert_eq!(value("message.max.bytes"), "1048588");
        assert_eq!(value("min.insync.replicas"), "1");
        assert_eq!(value("log.cleanup.policy"), "delete");
        assert_eq!(value("node.id"), "1");
    }
}
