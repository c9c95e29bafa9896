//! Topics: names, ids, partitions, configs. Asked by every handler that names a topic; changed by CreateTopics, DeleteTopics and
//! auto-creation only (see `change`).

pub mod alter;
pub mod change;

use super::broker::Broker;
use super::configs::LogConfig;
use crate::base::ids::{PartId, PlanNo, Uuid};
use crate::base::text::Text;
use crate::store::plan::{Image, TopicRow};
use std::collections::BTreeMap;
use std::ops::Bound;

/// Names that Kafka keeps for itself; the broker keeps nothing in such topics.
const INTERNAL_NAMES: [&str; 3] = [OFFSETS_TOPIC, "__transaction_state", "__share_group_state"];

/// The topic in which Kafka keeps groups and their offsets. Here it is there to be seen, and always empty: they are in tables.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// The name that nobody may create: Kafka's own metadata log.
pub const CLUSTER_METADATA: &str = "__cluster_metadata";

/// Whether a topic of this name is marked internal (`Topic.isInternal`): patterns of consumers pass it over.
pub fn is_internal(name: &str) -> bool {
    INTERNAL_NAMES.contains(&name)
}

/// What two names share that collide: Kafka's metric names have '_' for '.'. `None`: it collides with nothing.
fn folded(name: &str) -> Option<String> {
    name.contains(['.', '_']).then(|| name.replace('.', "_"))
}

/// One topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: Text,
    /// When it was created, ms since 1970.
    pub created_ms: i64,
    /// Its overrides (name, value), sorted by name.
    pub configs: Vec<(Text, Text)>,
    /// Overrides and defaults, parsed.
    pub log_config: LogConfig,
    /// Its partitions by index.
    pub partitions: Vec<PartId>,
    /// The plan that created it: until that is committed nobody may see it without waiting for it.
    pub created_in: PlanNo,
    /// The plan that last changed it.
    pub changed_in: PlanNo,
}

impl Topic {
    /// The topic as it is stored.
    pub fn to_row(&self) -> TopicRow {
        TopicRow { id: self.id, name: self.name.clone(), created_ms: self.created_ms, configs: self.configs.clone() }
    }

    /// The partition with this index.
    pub fn partition(&self, index: i32) -> Option<PartId> {
        self.partitions.get(usize::try_from(index).ok()?).copied()
    }
}

/// All topics. Lists come out sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topics {
    by_name: BTreeMap<Text, Topic>,
    names: BTreeMap<Uuid, Text>,
    owners: BTreeMap<PartId, (Text, i32)>,
    /// The one topic that has each folded name.
    folded: BTreeMap<String, Text>,
    /// Names and ids whose deletion is decided but not yet committed: who misses one must wait for that plan before saying so.
    gone_names: BTreeMap<Text, PlanNo>,
    gone_ids: BTreeMap<Uuid, PlanNo>,
    changed_in: PlanNo,
}

impl Topics {
    /// Builds them from what a store holds.
    pub fn load(image: &Image, broker: &Broker) -> Topics {
        let mut indexed: BTreeMap<Uuid, BTreeMap<i32, PartId>> = BTreeMap::new();
        for row in &image.partitions {
            indexed.entry(row.topic).or_default().insert(row.index, row.part);
        }
        let mut topics = Topics::default();
        for row in &image.topics {
            let partitions = indexed.remove(&row.id).unwrap_or_default();
            assert!(partitions.keys().copied().eq(0..partitions.len() as i32), "partitions of {} have gaps: {partitions:?}", row.name);
            topics.put(Topic {
                id: row.id,
                name: row.name.detach(),
                created_ms: row.created_ms,
                log_config: LogConfig::new(&row.configs, broker),
                configs: row.configs.clone(),
                partitions: partitions.into_values().collect(),
                created_in: PlanNo::COMMITTED,
                changed_in: PlanNo::COMMITTED,
            });
        }
        topics
    }

    /// Starts over from what a store holds, after plans were refused: none of what they held was ever seen.
    pub fn reload(&mut self, image: &Image, broker: &Broker) {
        *self = Topics::load(image, broker);
    }

    /// The topic of this name.
    pub fn by_name(&self, name: &str) -> Option<&Topic> {
        self.by_name.get(name)
    }

    /// The topic with this id.
    pub fn by_id(&self, id: Uuid) -> Option<&Topic> {
        self.by_name.get(self.names.get(&id)?.as_str())
    }

    /// Which topic a partition belongs to, and its index there.
    pub fn owner(&self, part: PartId) -> Option<(&Topic, i32)> {
        let (name, index) = self.owners.get(&part)?;
        Some((self.by_name.get(name.as_str())?, *index))
    }

    /// The topic whose name differs from this one in '.' and '_' only.
    pub fn colliding(&self, name: &str) -> Option<&Topic> {
        let other = self.folded.get(&folded(name)?)?;
        if *other == *name { None } else { self.by_name.get(other.as_str()) }
    }

    /// All topics, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &Topic> {
        self.by_name.values()
    }

    /// All topics from this name on, sorted by name.
    pub fn iter_from<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Topic> + use<'a> {
        self.by_name.range::<str, _>((Bound::Included(name), Bound::Unbounded)).map(|(_, topic)| topic)
    }

    /// How many topics there are.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// How many topics there are and how many partitions they have together, internal ones not counted.
    pub fn counts(&self) -> (usize, usize) {
        let internal = || INTERNAL_NAMES.iter().filter_map(|name| self.by_name.get(*name));
        let internal_partitions: usize = internal().map(|topic| topic.partitions.len()).sum();
        (self.by_name.len() - internal().count(), self.owners.len() - internal_partitions)
    }

    /// The plan that an answer "no topic of this name" rests on.
    pub fn missing_name(&self, name: &str) -> PlanNo {
        self.gone_names.get(name).copied().unwrap_or_default()
    }

    /// The plan that an answer "no topic with this id" rests on.
    pub fn missing_id(&self, id: Uuid) -> PlanNo {
        self.gone_ids.get(&id).copied().unwrap_or_default()
    }

    /// The plan that a list of all topics rests on.
    pub fn listing(&self) -> PlanNo {
        self.changed_in
    }

    /// Takes in a new topic with its partitions, or replaces the configs of a known one.
    pub fn put(&mut self, topic: Topic) {
        for (index, part) in topic.partitions.iter().enumerate() {
            self.owners.insert(*part, (topic.name.clone(), index as i32));
        }
        self.changed_in = self.changed_in.max(topic.changed_in);
        self.names.insert(topic.id, topic.name.clone());
        if let Some(folded) = folded(&topic.name) {
            self.folded.insert(folded, topic.name.clone());
        }
        self.by_name.insert(topic.name.clone(), topic);
    }

    /// Takes a topic out in plan `deleted_in`.
    pub fn remove(&mut self, name: &str, deleted_in: PlanNo) -> Option<Topic> {
        let topic = self.by_name.remove(name)?;
        self.names.remove(&topic.id);
        if let Some(folded) = folded(name) {
            self.folded.remove(&folded);
        }
        for part in &topic.partitions {
            self.owners.remove(part);
        }
        self.changed_in = self.changed_in.max(deleted_in);
        self.gone_names.insert(topic.name.clone(), deleted_in);
        self.gone_ids.insert(topic.id, deleted_in);
        Some(topic)
    }

    /// Forgets deletions that are on disk.
    pub fn committed(&mut self, plan: PlanNo) {
        self.gone_names.retain(|_, deleted_in| *deleted_in > plan);
        self.gone_ids.retain(|_, deleted_in| *deleted_in > plan);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::store::plan::PartitionRow;

    /// A broker with all defaults.
    pub fn broker() -> Broker {
        Broker {
            cluster_id: Uuid([9; 16]),
            log_dir: Text::from_static("/data"),
            auto_create: true,
            default_partitions: 1,
            initial_rebalance_delay_ms: 0,
            retention_ms: crate::config::kafka_keys::RETENTION_MS_DEFAULT,
            retention_check_ms: 60_000,
            retention_bytes: -1,
            message_bytes_max: crate::base::limits::BATCH_BYTES_MAX_DEFAULT,
            request_bytes_max: crate::base::limits::REQUEST_BYTES_MAX,
            topics_max: crate::base::limits::TOPICS_MAX,
            partitions_max: crate::base::limits::PARTITIONS_MAX,
            memory: crate::base::budget::Budget::new(32 << 20),
            tail_bytes: 1 << 20,
            fetch_bytes_max: 10 << 20,
        }
    }

    fn topic(name: &str, id: u8, parts: &[i64]) -> Topic {
        Topic {
            id: Uuid([id; 16]),
            name: Text::from(name),
            created_ms: 5,
            configs: Vec::new(),
            log_config: LogConfig::new(&[], &broker()),
            partitions: parts.iter().map(|part| PartId(*part)).collect(),
            created_in: PlanNo(3),
            changed_in: PlanNo(3),
        }
    }

    #[test]
    fn names_collide_in_dots_and_underscores_until_the_other_is_gone() {
        let mut topics = Topics::default();
        topics.put(topic("my.topic", 1, &[1]));
        assert_eq!(topics.colliding("my_topic").unwrap().name, "my.topic");
        assert!(topics.colliding("my.topic").is_none(), "not with itself");
        assert!(topics.colliding("mytopic").is_none());
        topics.remove("my.topic", PlanNo(4));
        assert!(topics.colliding("my_topic").is_none());
    }

    #[test]
    fn what_is_missing_rests_on_the_plan_that_deleted_it() {
        let mut topics = Topics::default();
        topics.put(topic("a", 1, &[1, 2]));
        assert_eq!(topics.listing(), PlanNo(3));
        assert_eq!(topics.owner(PartId(2)).map(|(topic, index)| (topic.name.clone(), index)), Some((Text::from("a"), 1)));
        topics.remove("a", PlanNo(5));
        assert_eq!((topics.missing_name("a"), topics.missing_id(Uuid([1; 16])), topics.listing()), (PlanNo(5), PlanNo(5), PlanNo(5)));
        assert!(topics.owner(PartId(2)).is_none());
        topics.committed(PlanNo(5));
        assert_eq!(topics.missing_name("a"), PlanNo::COMMITTED);
    }

    #[test]
    fn loading_gives_each_topic_its_partitions_by_index() {
        let row = |part, topic, index| PartitionRow {
            part: PartId(part),
            topic: Uuid([topic; 16]),
            index,
            log_start: 0,
            next_offset: 0,
            bytes: 0,
            max_ts: -1,
            leader_epoch: 0,
        };
        let row_of = |name: &str, id| TopicRow {
            id: Uuid([id; 16]),
            name: Text::from(name),
            created_ms: 5,
            configs: vec![(Text::from("retention.ms"), Text::from("7"))],
        };
        let image = Image {
            topics: vec![row_of("b", 2), row_of("a.x", 1)],
            partitions: vec![row(7, 2, 1), row(3, 1, 0), row(4, 2, 0)],
            ..Image::default()
        };
        let topics = Topics::load(&image, &broker());
        assert_eq!(topics.by_name("b").unwrap().partitions, [PartId(4), PartId(7)]);
        assert_eq!(topics.by_id(Uuid([1; 16])).unwrap().log_config.retention_ms, 7);
        assert_eq!(topics.iter().map(|topic| topic.name.as_str()).collect::<Vec<_>>(), ["a.x", "b"]);
        assert_eq!(topics.iter_from("b").count(), 1);
        assert!(topics.colliding("a_x").is_some());
        assert_eq!((topics.len(), topics.counts().1, topics.listing()), (2, 3, PlanNo::COMMITTED));
        let mut other = Topics::default();
        other.put(topic("gone", 8, &[9]));
        other.reload(&image, &broker());
        assert_eq!(other, topics);
    }
}
