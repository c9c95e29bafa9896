//! The configs that Kafka clients set on topics and read from brokers: one table of topic keys, as `LogConfig` of Apache Kafka
//! 4.3.1 defines them, and one of broker keys. Used by `state` when topics are created, and by DescribeConfigs.

/// The default of retention.ms here: 24 hours (Kafka: seven days), see the setting `retention.max_age`.
pub const RETENTION_MS_DEFAULT: i64 = 86_400_000;
/// The default of log.retention.check.interval.ms here: a minute (Kafka: five), see the setting `retention.check_interval`.
pub const RETENTION_CHECK_MS_DEFAULT: u64 = 60_000;

/// What kind of value a key has. The numbers are those of DescribeConfigs (`ConfigEntry.ConfigType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// true or false.
    Boolean = 1,
    /// Text.
    String = 2,
    /// 32 bits.
    Int = 3,
    /// 16 bits.
    Short = 4,
    /// 64 bits.
    Long = 5,
    /// Floating point.
    Double = 6,
    /// Texts separated by commas.
    List = 7,
}

/// Which values of its kind a key takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Check {
    /// All of them.
    Any,
    /// A number of at least this.
    AtLeast(i64),
    /// A number between these two, both included.
    Between(i64, i64),
    /// A level of gzip: 1 to 9, or -1.
    GzipLevel,
    /// One of these; each item, when the kind is a list.
    OneOf(&'static [&'static str]),
    /// `*`, or a list of partition:broker.
    ThrottledReplicas,
}

/// A config of topics.
#[derive(Debug)]
pub struct TopicKey {
    /// Its name.
    pub name: &'static str,
    /// The kind of its values.
    pub kind: Kind,
    /// Its value where neither topic nor broker says otherwise, in canonical form.
    pub default: &'static str,
    /// Which values it takes.
    pub check: Check,
    /// The broker config that its default comes from (`ServerTopicConfigSynonyms`), "" for none.
    pub broker_key: &'static str,
    /// What it is for.
    pub doc: &'static str,
}

/// A config of the broker that is no default of a topic config.
#[derive(Debug)]
pub struct BrokerKey {
    /// Its name.
    pub name: &'static str,
    /// The kind of its value.
    pub kind: Kind,
    /// Its value.
    pub value: BrokerValue,
    /// What it is for.
    pub doc: &'static str,
}

/// Where the value of a broker config comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokerValue {
    /// It never changes.
    Fixed(&'static str),
    /// It has none.
    Unset,
    /// The node id.
    NodeId,
    /// The address that the asking client is told to connect to.
    AdvertisedListeners,
    /// `topics.auto_create`.
    AutoCreate,
    /// `topics.default_partitions`.
    DefaultPartitions,
    /// `limits.max_fetch_bytes`.
    FetchBytesMax,
    /// `limits.max_request_size`.
    RequestBytesMax,
    /// `groups.initial_rebalance_delay`.
    InitialRebalanceDelay,
    /// `retention.check_interval`.
    RetentionCheckInterval,
}

const fn topic(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    check: Check,
    broker_key: &'static str,
    doc: &'static str,
) -> TopicKey {
    TopicKey { name, kind, default, check, broker_key, doc }
}

const fn broker(name: &'static str, kind: Kind, value: BrokerValue, doc: &'static str) -> BrokerKey {
    BrokerKey { name, kind, value, doc }
}

use BrokerValue::{Fixed, Unset};
use Check::{Any, AtLeast, Between, GzipLevel, OneOf, ThrottledReplicas};
use Kind::{Boolean, Double, Int, List, Long, Short, String as Str};

const COMPRESSIONS: &[&str] = &["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"];
const FOR_EVER: &str = "9223372036854775807";
const NO_EFFECT: &str = "Accepted and shown; it has no effect here.";

/// All configs of topics, sorted by name.
#[rustfmt::skip]
pub static TOPIC_KEYS: &[TopicKey] = &[
    topic("cleanup.policy", List, "delete", OneOf(&["compact", "delete"]), "log.cleanup.policy",
        "What becomes of old records: delete drops them by age, compact wants a key in every record."),
    topic("compression.gzip.level", Int, "-1", GzipLevel, "compression.gzip.level", NO_EFFECT),
    topic("compression.lz4.level", Int, "9", Between(1, 17), "compression.lz4.level", NO_EFFECT),
    topic("compression.type", Str, "producer", OneOf(COMPRESSIONS), "compression.type",
        "How batches are stored: as their producer compressed them, or compressed anew, at the default level."),
    topic("compression.zstd.level", Int, "3", Between(-131_072, 22), "compression.zstd.level", NO_EFFECT),
    topic("delete.retention.ms", Long, "86400000", AtLeast(0), "log.cleaner.delete.retention.ms", NO_EFFECT),
    topic("file.delete.delay.ms", Long, "60000", AtLeast(0), "log.segment.delete.delay.ms", NO_EFFECT),
    topic("flush.messages", Long, FOR_EVER, AtLeast(1), "log.flush.interval.messages",
        "Accepted and shown; every commit is synced before it is answered."),
    topic("flush.ms", Long, FOR_EVER, AtLeast(0), "",
        "Accepted and shown; every commit is synced before it is answered."),
    topic("follower.replication.throttled.replicas", List, "", ThrottledReplicas, "", NO_EFFECT),
    topic("index.interval.bytes", Int, "4096", AtLeast(0), "log.index.interval.bytes", NO_EFFECT),
    topic("leader.replication.throttled.replicas", List, "", ThrottledReplicas, "", NO_EFFECT),
    topic("local.retention.bytes", Long, "-2", AtLeast(-2), "log.local.retention.bytes", NO_EFFECT),
    topic("local.retention.ms", Long, "-2", AtLeast(-2), "log.local.retention.ms", NO_EFFECT),
    topic("max.compaction.lag.ms", Long, FOR_EVER, AtLeast(1), "log.cleaner.max.compaction.lag.ms", NO_EFFECT),
    topic("max.message.bytes", Int, "1048588", AtLeast(0), "message.max.bytes",
        "The largest record batch that is taken, compressed as it comes, in bytes."),
    topic("message.timestamp.after.max.ms", Long, "3600000", AtLeast(0), "log.message.timestamp.after.max.ms",
        "How far a record's timestamp may be ahead of the broker's clock, in ms."),
    topic("message.timestamp.before.max.ms", Long, FOR_EVER, AtLeast(0), "log.message.timestamp.before.max.ms",
        "How far a record's timestamp may be behind the broker's clock, in ms."),
    topic("message.timestamp.type", Str, "CreateTime", OneOf(&["CreateTime", "LogAppendTime"]), "log.message.timestamp.type",
        "Whose clock stamps records: the producer's or the broker's."),
    topic("min.cleanable.dirty.ratio", Double, "0.5", Between(0, 1), "log.cleaner.min.cleanable.ratio", NO_EFFECT),
    topic("min.compaction.lag.ms", Long, "0", AtLeast(0), "log.cleaner.min.compaction.lag.ms", NO_EFFECT),
    topic("min.insync.replicas", Int, "1", AtLeast(1), "min.insync.replicas",
        "Accepted and shown; there is one replica, and an ack means that it is on disk."),
    topic("preallocate", Boolean, "false", Any, "log.preallocate", NO_EFFECT),
    topic("remote.log.copy.disable", Boolean, "false", Any, "", NO_EFFECT),
    topic("remote.log.delete.on.disable", Boolean, "false", Any, "", NO_EFFECT),
    topic("remote.storage.enable", Boolean, "false", Any, "", "Whether old records move to remote storage; only false is taken."),
    topic("retention.bytes", Long, "-1", Any, "log.retention.bytes", "How many bytes a partition keeps; -1: no bound."),
    topic("retention.ms", Long, "86400000", AtLeast(-1), "log.retention.ms",
        "How long records are kept, in ms; -1: for ever."),
    topic("segment.bytes", Int, "1073741824", AtLeast(1_048_576), "log.segment.bytes",
        "The largest batch that is taken, in bytes; logs are not kept in segments."),
    topic("segment.index.bytes", Int, "10485760", AtLeast(4), "log.index.size.max.bytes", NO_EFFECT),
    topic("segment.jitter.ms", Long, "0", AtLeast(0), "", NO_EFFECT),
    topic("segment.ms", Long, "604800000", AtLeast(1), "", NO_EFFECT),
    topic("unclean.leader.election.enable", Boolean, "false", Any, "unclean.leader.election.enable", NO_EFFECT),
];

/// The configs of the broker that tools read, sorted by name; the `broker_key`s of [`TOPIC_KEYS`] come on top.
#[rustfmt::skip]
pub static BROKER_KEYS: &[BrokerKey] = &[
    broker("advertised.listeners", List, BrokerValue::AdvertisedListeners, "The address that this client is told to connect to."),
    broker("auto.create.topics.enable", Boolean, BrokerValue::AutoCreate, "Whether a topic that is named and missing is created."),
    broker("broker.id", Int, BrokerValue::NodeId, "The id of this broker."),
    broker("default.replication.factor", Int, Fixed("1"), "Replicas of a topic: always one."),
    broker("delete.topic.enable", Boolean, Fixed("true"), "Whether topics may be deleted."),
    broker("fetch.max.bytes", Int, BrokerValue::FetchBytesMax, "The most bytes that one fetch answer has."),
    broker("group.initial.rebalance.delay.ms", Int, BrokerValue::InitialRebalanceDelay, "How long a new group waits for more members."),
    broker("group.max.session.timeout.ms", Int, Fixed("1800000"), "The longest session timeout of a group's member."),
    broker("group.max.size", Int, Fixed("10000"), "The most members of a group."),
    broker("group.min.session.timeout.ms", Int, Fixed("6000"), "The shortest session timeout of a group's member."),
    broker("log.flush.interval.ms", Long, Unset, "Unset: every commit is synced before it is answered."),
    broker("log.retention.check.interval.ms", Long, BrokerValue::RetentionCheckInterval, "How often retention looks."),
    broker("log.retention.hours", Int, Fixed("168"), "Not used: log.retention.ms is set."),
    broker("log.retention.minutes", Int, Unset, "Not used: log.retention.ms is set."),
    broker("log.roll.hours", Int, Fixed("168"), NO_EFFECT),
    broker("log.roll.ms", Long, Unset, NO_EFFECT),
    broker("max.incremental.fetch.session.cache.slots", Int, Fixed("1000"), "The most fetch sessions."),
    broker("max.request.partition.size.limit", Int, Fixed("2000"), "The most partitions in one DescribeTopicPartitions answer."),
    broker("node.id", Int, BrokerValue::NodeId, "The id of this node."),
    broker("num.partitions", Int, BrokerValue::DefaultPartitions, "Partitions of a topic that is created without a number."),
    broker("offset.metadata.max.bytes", Int, Fixed("4096"), "The most bytes of metadata with a committed offset."),
    broker("offsets.retention.minutes", Int, Fixed("10080"), "How long offsets of a group without members are kept."),
    broker("offsets.topic.num.partitions", Int, Fixed("50"), "Partitions of the topic of group offsets."),
    broker("offsets.topic.replication.factor", Short, Fixed("1"), "Replicas of group offsets: always one."),
    broker("process.roles", List, Fixed("broker,controller"), "What this node does."),
    broker("producer.id.expiration.ms", Int, Fixed("86400000"), "How long an idle producer id is remembered."),
    broker("socket.request.max.bytes", Int, BrokerValue::RequestBytesMax, "The largest request."),
    broker("transaction.max.timeout.ms", Int, Fixed("900000"), "The longest transaction timeout."),
    broker("transaction.state.log.min.isr", Int, Fixed("1"), "Replicas of transaction state: always one."),
    broker("transaction.state.log.replication.factor", Short, Fixed("1"), "Replicas of transaction state: always one."),
];

/// The topic config of this name.
pub fn topic_key(name: &str) -> Option<&'static TopicKey> {
    let index = TOPIC_KEYS.binary_search_by(|key| key.name.cmp(name)).ok()?;
    TOPIC_KEYS.get(index)
}

/// Takes what a client wants to set on a topic and gives the overrides in canonical form, sorted by name. The error is the message
/// for INVALID_CONFIG, worded as Kafka's. Of a name given twice the last counts, as in `ReplicationControlManager`.
pub fn parse_overrides<'a>(
    wanted: impl Iterator<Item = (&'a str, Option<&'a str>)> + Clone,
) -> Result<Vec<(&'static str, String)>, String> {
    let nulls: Vec<&str> = wanted.clone().filter(|(_, value)| value.is_none()).map(|(name, _)| name).collect();
    if !nulls.is_empty() {
        return Err(format!("Null value not supported for topic configs: {}", nulls.join(",")));
    }
    if let Some((unknown, _)) = wanted.clone().find(|(name, _)| topic_key(name).is_none()) {
        return Err(format!("Unknown topic config name: {unknown}"));
    }
    let mut overrides: Vec<(&'static str, String)> = Vec::new();
    for (name, value) in wanted {
        if let (Some(key), Some(value)) = (topic_key(name), value) {
            let value = key.parse(value)?;
            match overrides.binary_search_by(|(known, _)| known.cmp(&key.name)) {
                Ok(at) => overrides[at].1 = value,
                Err(at) => overrides.insert(at, (key.name, value)),
            }
        }
    }
    check_together(&overrides)?;
    Ok(overrides)
}

/// The rules that concern more than one config (`LogConfig.validateValues`).
fn check_together(overrides: &[(&'static str, String)]) -> Result<(), String> {
    let value = |name: &str| {
        let given = overrides.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
        given.or_else(|| topic_key(name).map(|key| key.default)).unwrap_or_default()
    };
    let number = |name| value(name).parse::<i64>().unwrap_or_default();
    let (min_lag, max_lag) = (number("min.compaction.lag.ms"), number("max.compaction.lag.ms"));
    if min_lag > max_lag {
        return Err(format!("conflict topic config setting min.compaction.lag.ms ({min_lag}) > max.compaction.lag.ms ({max_lag})"));
    }
    if value("remote.storage.enable") == "true" {
        return Err(
            "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.".to_owned()
        );
    }
    Ok(())
}

impl TopicKey {
    /// Reads a value as `ConfigDef.parseType` does and gives its canonical form; the error is Kafka's message.
    pub fn parse(&self, value: &str) -> Result<String, String> {
        // Java's String.trim takes off everything up to the space.
        let value = value.trim_matches(|c| c <= ' ');
        match self.kind {
            Boolean if value.eq_ignore_ascii_case("true") => Ok("true".to_owned()),
            Boolean if value.eq_ignore_ascii_case("false") => Ok("false".to_owned()),
            Boolean => Err(self.invalid(value, "Expected value to be either true or false")),
            Int => self.parse_integer(value, i64::from(i32::MIN)..=i64::from(i32::MAX), "INT"),
            Short => self.parse_integer(value, i64::from(i16::MIN)..=i64::from(i16::MAX), "SHORT"),
            Long => self.parse_integer(value, i64::MIN..=i64::MAX, "LONG"),
            Double => self.parse_double(value),
            Str => self.check_item(value).map(|()| value.to_owned()),
            List => self.parse_list(value),
        }
    }

    fn parse_integer(&self, value: &str, range: std::ops::RangeInclusive<i64>, kind: &str) -> Result<String, String> {
        let number = value.parse::<i64>().ok().filter(|number| range.contains(number));
        let number = number.ok_or_else(|| self.invalid(value, &format!("Not a number of type {kind}")))?;
        match self.check {
            AtLeast(min) | Between(min, _) if number < min => Err(self.invalid(value, &format!("Value must be at least {min}"))),
            Between(_, max) if number > max => Err(self.invalid(value, &format!("Value must be no more than {max}"))),
            GzipLevel if number != -1 && !(1..=9).contains(&number) => {
                Err(self.invalid(value, "Value must be between 1 and 9 or equal to -1"))
            }
            _ => Ok(number.to_string()),
        }
    }

    fn parse_double(&self, value: &str) -> Result<String, String> {
        // Java takes a trailing type letter. It also takes NaN, which no comparison refuses; it is no ratio, so it is refused here.
        let digits = value.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(value);
        let number = digits.parse::<f64>().ok().filter(|number| number.is_finite());
        let number = number.ok_or_else(|| self.invalid(value, "Not a number of type DOUBLE"))?;
        match self.check {
            Between(min, _) if number < min as f64 => Err(self.invalid(&format!("{number:?}"), &format!("Value must be at least {min}"))),
            Between(_, max) if number > max as f64 => {
                Err(self.invalid(&format!("{number:?}"), &format!("Value must be no more than {max}")))
            }
            _ => Ok(format!("{number:?}")),
        }
    }

    fn parse_list(&self, value: &str) -> Result<String, String> {
        if value.is_empty() {
            return Ok(String::new());
        }
        let mut items: Vec<&str> = Vec::new();
        for item in value.split(',').map(|item| item.trim_matches(|c: char| c.is_ascii_whitespace())) {
            if !items.contains(&item) {
                items.push(item);
            }
        }
        if self.check == ThrottledReplicas {
            let replica = |item: &&str| item.split_once(':').is_some_and(|(partition, broker)| is_digits(partition) && is_digits(broker));
            if items != ["*"] && !items.iter().all(replica) {
                let wants = "must be the literal '*' or a list of replicas in the following format: \
                    [partitionId]:[brokerId],[partitionId]:[brokerId],...";
                return Err(self.invalid(&format!("[{}]", items.join(", ")), &format!("{} {wants}", self.name)));
            }
        } else if items.contains(&"") {
            return Err(format!("Configuration '{}' values must not be empty.", self.name));
        } else {
            items.iter().try_for_each(|item| self.check_item(item))?;
        }
        Ok(items.join(","))
    }

    fn check_item(&self, item: &str) -> Result<(), String> {
        match self.check {
            OneOf(choices) if !choices.contains(&item) => {
                Err(self.invalid(item, &format!("String must be one of: {}", choices.join(", "))))
            }
            _ => Ok(()),
        }
    }

    fn invalid(&self, value: &str, why: &str) -> String {
        format!("Invalid value {value} for configuration {}: {why}", self.name)
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::limits::{self, BATCH_BYTES_MAX_DEFAULT};

    fn parse(name: &str, value: &str) -> Result<String, String> {
        topic_key(name).unwrap().parse(value)
    }

    fn overrides(wanted: &[(&str, Option<&str>)]) -> Result<Vec<(&'static str, String)>, String> {
        parse_overrides(wanted.iter().copied())
    }

    #[test]
    fn both_tables_are_sorted_and_every_default_is_valid_and_canonical() {
        assert_eq!(TOPIC_KEYS.len(), 33, "as many as LogConfig of 4.3.1 shows");
        assert!(TOPIC_KEYS.is_sorted_by(|a, b| a.name < b.name));
        assert!(BROKER_KEYS.is_sorted_by(|a, b| a.name < b.name));
        for key in TOPIC_KEYS {
            assert_eq!(key.parse(key.default).as_deref(), Ok(key.default), "{}", key.name);
            assert!(BROKER_KEYS.iter().all(|broker| broker.name != key.broker_key), "{} is there twice", key.broker_key);
        }
        assert_eq!(topic_key("retention.ms").unwrap().default, RETENTION_MS_DEFAULT.to_string());
        assert_eq!(topic_key("max.message.bytes").unwrap().default, BATCH_BYTES_MAX_DEFAULT.to_string());
        assert!(topic_key("message.format.version").is_none(), "4.x refuses it");
    }

    #[test]
    fn the_broker_tells_its_real_bounds() {
        let bounds = [
            ("group.max.size", limits::GROUP_MEMBERS_MAX),
            ("max.incremental.fetch.session.cache.slots", limits::FETCH_SESSIONS_MAX),
            ("max.request.partition.size.limit", limits::DESCRIBE_PARTITIONS_MAX),
            ("offset.metadata.max.bytes", limits::OFFSET_METADATA_BYTES_MAX),
        ];
        for (name, bound) in bounds {
            let told = BROKER_KEYS.iter().find(|key| key.name == name).map(|key| key.value);
            let bound = bound.to_string();
            assert!(matches!(told, Some(Fixed(value)) if value == bound), "{name}: {told:?}, is {bound}");
        }
    }

    #[test]
    fn values_are_read_as_java_reads_them() {
        assert_eq!(parse("max.message.bytes", " +5 ").as_deref(), Ok("5"));
        assert_eq!(parse("preallocate", "TRUE").as_deref(), Ok("true"));
        assert_eq!(parse("cleanup.policy", " compact , delete,compact ").as_deref(), Ok("compact,delete"));
        assert_eq!(parse("cleanup.policy", "").as_deref(), Ok(""));
        assert_eq!(parse("min.cleanable.dirty.ratio", "1d").as_deref(), Ok("1.0"));
        assert_eq!(parse("leader.replication.throttled.replicas", "*").as_deref(), Ok("*"));
        assert_eq!(parse("leader.replication.throttled.replicas", "0:1, 1:1").as_deref(), Ok("0:1,1:1"));
        assert_eq!(parse("compression.gzip.level", "-1").as_deref(), Ok("-1"));
        assert_eq!(parse("retention.bytes", "-100").as_deref(), Ok("-100"));
    }

    #[test]
    fn wrong_values_are_refused_in_the_words_of_kafka() {
        let cases = [
            ("retention.ms", "abc", "Invalid value abc for configuration retention.ms: Not a number of type LONG"),
            ("retention.ms", "", "Invalid value  for configuration retention.ms: Not a number of type LONG"),
            ("retention.ms", "-2", "Invalid value -2 for configuration retention.ms: Value must be at least -1"),
            ("max.message.bytes", "99999999999", "Invalid value 99999999999 for configuration max.message.bytes: Not a number of type INT"),
            ("cleanup.policy", "Delete", "Invalid value Delete for configuration cleanup.policy: String must be one of: compact, delete"),
            ("cleanup.policy", "compact,", "Configuration 'cleanup.policy' values must not be empty."),
            ("preallocate", "maybe", "Invalid value maybe for configuration preallocate: Expected value to be either true or false"),
            (
                "min.cleanable.dirty.ratio",
                "2",
                "Invalid value 2.0 for configuration min.cleanable.dirty.ratio: Value must be no more than 1",
            ),
            ("min.cleanable.dirty.ratio", "x", "Invalid value x for configuration min.cleanable.dirty.ratio: Not a number of type DOUBLE"),
            (
                "compression.gzip.level",
                "0",
                "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1",
            ),
            ("compression.zstd.level", "23", "Invalid value 23 for configuration compression.zstd.level: Value must be no more than 22"),
            ("compression.lz4.level", "0", "Invalid value 0 for configuration compression.lz4.level: Value must be at least 1"),
        ];
        for (name, value, message) in cases {
            assert_eq!(parse(name, value).as_ref().map_err(String::as_str), Err(message));
        }
        let throttled = parse("leader.replication.throttled.replicas", "*,0:1").unwrap_err();
        assert!(throttled.starts_with("Invalid value [*, 0:1] for configuration leader.replication.throttled.replicas: leader.repl"));
        assert!(parse("compression.type", "none").is_err());
        assert!(parse("min.cleanable.dirty.ratio", "NaN").is_err());
    }

    #[test]
    fn overrides_are_sorted_and_the_last_of_a_name_counts() {
        let wanted = [("retention.ms", Some("1")), ("cleanup.policy", Some("compact")), ("retention.ms", Some("2"))];
        assert_eq!(overrides(&wanted), Ok(vec![("cleanup.policy", "compact".to_owned()), ("retention.ms", "2".to_owned())]));
    }

    #[test]
    fn overrides_are_refused_as_a_whole() {
        let refused = |wanted: &[(&str, Option<&str>)]| overrides(wanted).unwrap_err();
        let null = refused(&[("nope", Some("1")), ("retention.ms", None), ("flush.ms", None)]);
        assert_eq!(null, "Null value not supported for topic configs: retention.ms,flush.ms");
        assert_eq!(refused(&[("retention.ms", Some("x")), ("nope", Some("1"))]), "Unknown topic config name: nope");
        let lags = refused(&[("min.compaction.lag.ms", Some("10")), ("max.compaction.lag.ms", Some("5"))]);
        assert_eq!(lags, "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)");
        assert!(refused(&[("remote.storage.enable", Some("true"))]).starts_with("Tiered Storage"));
    }
}
