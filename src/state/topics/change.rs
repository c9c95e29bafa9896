//! Creating and deleting topics. Called by CreateTopics, DeleteTopics and, for topics that are named and missing, by Metadata.
//! Whatever is decided here rests on a plan: the answer must wait for it.

use super::{CLUSTER_METADATA, OFFSETS_TOPIC, Topic, is_internal};
use crate::base::ids::{PartId, PlanNo, Uuid};
use crate::base::text::Text;
use crate::base::time::Now;
use crate::base::topic_name::check_name;
use crate::config::kafka_keys::parse_overrides;
use crate::state::State;
use crate::state::broker::NODE_ID;
use crate::state::configs::LogConfig;
use crate::state::effects::Effects;
use crate::store::plan::{Counter, Op, PartitionRow, TopicRow};
use crate::wire::error_code::ErrorCode;
use crate::wire::message::create_topics::{CreatableReplicaAssignment, CreatableTopic};
use std::ops::Range;

/// Kafka's default `offsets.topic.num.partitions`.
const OFFSETS_TOPIC_PARTITIONS: i32 = 50;

/// A topic that may be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: Text,
    /// How many partitions it gets.
    pub partitions: i32,
    /// Its overrides in canonical form, sorted by name.
    pub configs: Vec<(Text, Text)>,
}

/// Why a topic may not be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The error.
    pub code: ErrorCode,
    /// What is wrong, in Kafka's words where Kafka has some.
    pub message: String,
    /// The plan that this rests on.
    pub after: PlanNo,
}

fn denied(code: ErrorCode, message: impl Into<String>) -> Denied {
    Denied { code, message: message.into(), after: PlanNo::COMMITTED }
}

/// Whether this topic may be created now; the order of the checks is that of `ReplicationControlManager.createTopics`. A replication
/// factor above 1 is accepted and becomes 1, so that clients which ask for three replicas work unchanged.
pub fn check(state: &State, wanted: &CreatableTopic) -> Result<NewTopic, Denied> {
    check_free(state, &wanted.name)?;
    let configs = wanted.configs.iter().map(|config| (config.name.as_str(), config.value.as_deref()));
    let configs = parse_overrides(configs).map_err(|message| denied(ErrorCode::INVALID_CONFIG, message))?;
    let partitions = if wanted.assignments.is_empty() { count_partitions(state, wanted)? } else { count_assigned(wanted)? };
    let topics_max = state.broker.topics_max;
    if state.topics.counts().0 >= topics_max && !is_internal(&wanted.name) {
        let message = format!("This broker holds at most {topics_max} topics (limits.max_topics).");
        return Err(denied(ErrorCode::POLICY_VIOLATION, message));
    }
    check_room(state, partitions as usize)?;
    let configs = configs.into_iter().map(|(name, value)| (Text::from_static(name), Text::from(value))).collect();
    Ok(NewTopic { name: wanted.name.detach(), partitions, configs })
}

/// Whether so many partitions may be added.
pub(super) fn check_room(state: &State, partitions: usize) -> Result<(), Denied> {
    let ((_, present), most) = (state.topics.counts(), state.broker.partitions_max);
    if present + partitions > most {
        let message = format!("This broker holds at most {most} partitions (limits.max_partitions), {present} are there.");
        return Err(denied(ErrorCode::POLICY_VIOLATION, message));
    }
    Ok(())
}

/// The disk is full.
pub(super) fn no_room() -> Denied {
    denied(ErrorCode::KAFKA_STORAGE_ERROR, "The disk is full: nothing can be changed until it has room again.")
}

/// One line for each topic whose records shall be compacted from now on, for they are not.
pub(super) fn say_if_compacted(name: &Text, config: &LogConfig, before: Option<&LogConfig>) {
    if config.compacted && !is_internal(name) && !before.is_some_and(|before| before.compacted) {
        log::warn!("topic {name}: cleanup.policy=compact is kept and shown, but records are not compacted away: all stay");
    }
}

/// Whether the name is one, and free.
fn check_free(state: &State, name: &Text) -> Result<(), Denied> {
    if *name == CLUSTER_METADATA {
        return Err(denied(ErrorCode::INVALID_REQUEST, format!("Creation of internal topic {CLUSTER_METADATA} is prohibited.")));
    }
    check_name(name).map_err(|message| denied(ErrorCode::INVALID_TOPIC_EXCEPTION, message))?;
    if let Some(topic) = state.topics.by_name(name) {
        let message = format!("Topic '{name}' already exists.");
        return Err(Denied { after: topic.created_in, ..denied(ErrorCode::TOPIC_ALREADY_EXISTS, message) });
    }
    if let Some(other) = state.topics.colliding(name) {
        let message = format!("Topic '{name}' collides with existing topic: {}", other.name);
        return Err(Denied { after: other.created_in, ..denied(ErrorCode::INVALID_TOPIC_EXCEPTION, message) });
    }
    Ok(())
}

fn count_partitions(state: &State, wanted: &CreatableTopic) -> Result<i32, Denied> {
    if wanted.replication_factor < -1 || wanted.replication_factor == 0 {
        let message = "Replication factor must be larger than 0, or -1 to use the default value.";
        return Err(denied(ErrorCode::INVALID_REPLICATION_FACTOR, message));
    }
    match wanted.num_partitions {
        -1 => Ok(state.broker.default_partitions),
        count if count < 1 => Err(denied(ErrorCode::INVALID_PARTITIONS, "Number of partitions was set to an invalid non-positive value.")),
        count => Ok(count),
    }
}

/// The number of partitions that a manual assignment has: indices from 0 without gaps, each on this broker once.
fn count_assigned(wanted: &CreatableTopic) -> Result<i32, Denied> {
    if wanted.replication_factor != -1 {
        let message = "A manual partition assignment was specified, but replication factor was not set to -1.";
        return Err(denied(ErrorCode::INVALID_REQUEST, message));
    }
    if wanted.num_partitions != -1 {
        let message = "A manual partition assignment was specified, but numPartitions was not set to -1.";
        return Err(denied(ErrorCode::INVALID_REQUEST, message));
    }
    let wrong = |message: String| denied(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message);
    for assignment in &wanted.assignments {
        check_replicas(assignment).map_err(wrong)?;
    }
    let mut indices: Vec<i32> = wanted.assignments.iter().map(|assignment| assignment.partition_index).collect();
    indices.sort_unstable();
    if let Some(pair) = indices.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(wrong(format!("Found multiple manual partition assignments for partition {}", pair[0])));
    }
    if !indices.iter().copied().eq(0..indices.len() as i32) {
        return Err(wrong("partitions should be a consecutive 0-based integer sequence".to_owned()));
    }
    Ok(indices.len() as i32)
}

/// What is wrong with the replicas that a client wants for a partition: it is on this broker, once.
pub fn check_replicas(assignment: &CreatableReplicaAssignment) -> Result<(), String> {
    match assignment.broker_ids.as_slice() {
        [] => Err("The manual partition assignment includes an empty replica list.".to_owned()),
        [NODE_ID] => Ok(()),
        ids => match ids.iter().find(|id| **id != NODE_ID) {
            Some(other) => Err(format!("The manual partition assignment includes broker {other}, but no such broker is registered.")),
            None => Err(format!("The manual partition assignment includes the broker {NODE_ID} more than once.")),
        },
    }
}

/// Creates it, as part of the plan being filled.
pub fn create(state: &mut State, fx: &mut Effects, now: Now, new: NewTopic) {
    let id = state.rng.uuid();
    let log_config = LogConfig::new(&new.configs, &state.broker);
    say_if_compacted(&new.name, &log_config, None);
    fx.row(Op::PutTopic(TopicRow { id, name: new.name.clone(), created_ms: now.wall_ms, configs: new.configs.clone() }));
    let partitions = new_partitions(state, fx, id, 0..new.partitions).map(PartId).collect();
    state.topics.put(Topic {
        id,
        name: new.name,
        created_ms: now.wall_ms,
        log_config,
        configs: new.configs,
        partitions,
        created_in: fx.plan(),
        changed_in: fx.plan(),
    });
}

/// Creates the topic of group offsets unless it is there, as Kafka does when someone first asks for a coordinator.
pub fn ensure_offsets_topic(state: &mut State, fx: &mut Effects, now: Now) {
    if state.topics.by_name(OFFSETS_TOPIC).is_some() || state.read_only {
        return;
    }
    let configs = [("cleanup.policy", "compact"), ("compression.type", "producer"), ("segment.bytes", "104857600")];
    let configs = configs.map(|(name, value)| (Text::from_static(name), Text::from_static(value))).to_vec();
    create(state, fx, now, NewTopic { name: Text::from_static(OFFSETS_TOPIC), partitions: OFFSETS_TOPIC_PARTITIONS, configs });
}

/// Adds empty partitions with these indices to a topic; gives back their numbers.
pub(super) fn new_partitions(state: &mut State, fx: &mut Effects, topic: Uuid, indices: Range<i32>) -> Range<i64> {
    let first_part = state.next_part;
    state.next_part += i64::from(indices.end - indices.start);
    fx.row(Op::SetCounter(Counter::Part, state.next_part));
    for (part, index) in (first_part..).zip(indices) {
        let part = PartId(part);
        let row = PartitionRow { part, topic, index, log_start: 0, next_offset: 0, bytes: 0, max_ts: -1, leader_epoch: 0 };
        state.log.add_partition(&row);
        fx.row(Op::AddPartition(row));
    }
    first_part..state.next_part
}

/// Deletes the topic of this name with its records, offsets and producers, as part of the plan being filled.
pub fn delete(state: &mut State, fx: &mut Effects, now: Now, name: &str) {
    if let Some(topic) = state.topics.remove(name, fx.plan()) {
        fx.row(Op::DeleteTopic(topic.id));
        state.log.remove_partitions(&topic.partitions);
        let (groups, mut turn) = state.group_turn(fx, now);
        groups.forget_partitions(&topic.partitions, &mut turn);
    }
}
