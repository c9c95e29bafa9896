//! Changing topics that are there: their configs, and how many partitions they have. Called by AlterConfigs,
//! IncrementalAlterConfigs and CreatePartitions. Whatever is decided here rests on a plan: the answer must wait for it.

use super::Topic;
use super::change::{self, Denied};
use crate::base::ids::{PartId, PlanNo};
use crate::base::text::Text;
use crate::base::time::Now;
use crate::config::kafka_keys::{Kind, parse_overrides, topic_key};
use crate::state::State;
use crate::state::configs::LogConfig;
use crate::state::effects::Effects;
use crate::store::plan::Op;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::create_partitions::CreatePartitionsTopic;
use crate::wire::message::create_topics::CreatableReplicaAssignment;
use std::collections::BTreeMap;

/// What is to become of one config (`AlterConfigOp.OpType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigOp {
    /// It gets this value.
    Set,
    /// It falls back to its default.
    Delete,
    /// These items are added to its list.
    Append,
    /// These items are taken out of its list.
    Subtract,
}

impl ConfigOp {
    /// The operation with this number.
    pub fn from_i8(number: i8) -> Option<ConfigOp> {
        [ConfigOp::Set, ConfigOp::Delete, ConfigOp::Append, ConfigOp::Subtract].get(usize::try_from(number).ok()?).copied()
    }

    fn name(self) -> &'static str {
        match self {
            ConfigOp::Set => "SET",
            ConfigOp::Delete => "DELETE",
            ConfigOp::Append => "APPEND",
            ConfigOp::Subtract => "SUBTRACT",
        }
    }
}

/// What a client wants of the configs of a topic. A value may be null only where an operation needs none.
#[derive(Clone, Debug)]
pub enum Wanted<'a> {
    /// These overrides and no others.
    Only(Vec<(&'a str, Option<&'a str>)>),
    /// Changes of those that are there.
    Changes(Vec<(&'a str, ConfigOp, Option<&'a str>)>),
}

/// Changes the configs of the topic of this name, or only checks whether they could be (`ConfigurationControlManager`). Gives back
/// the plan that the answer rests on.
pub fn configs(state: &mut State, fx: &mut Effects, now: Now, name: &Text, wanted: &Wanted, only_check: bool) -> Result<PlanNo, Denied> {
    let Some(topic) = state.topics.by_name(name) else {
        let message = format!("The topic '{name}' does not exist.");
        return Err(Denied { code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message, after: state.topics.missing_name(name) });
    };
    let invalid = |message: String| Denied { code: ErrorCode::INVALID_CONFIG, message, after: topic.changed_in };
    let overrides = match wanted {
        Wanted::Only(only) => parse_overrides(only.iter().copied()),
        Wanted::Changes(changes) => changed(&topic.configs, changes).and_then(|merged| {
            let merged = merged.iter().map(|(name, value)| (name.as_str(), Some(value.as_str())));
            parse_overrides(merged)
        }),
    };
    let overrides: Vec<(Text, Text)> =
        overrides.map_err(invalid)?.into_iter().map(|(name, value)| (Text::from_static(name), Text::from(value))).collect();
    if only_check || overrides == topic.configs {
        return Ok(topic.changed_in);
    }
    if state.read_only {
        return Err(change::no_room());
    }
    let log_config = LogConfig::new(&overrides, &state.broker);
    let topic = Topic { configs: overrides, log_config, changed_in: fx.plan(), ..topic.clone() };
    change::say_if_compacted(name, &topic.log_config, state.topics.by_name(name).map(|before| &before.log_config));
    fx.row(Op::PutTopic(topic.to_row()));
    state.log.reconfigured(&topic.partitions, &mut state.timers, now);
    state.topics.put(topic);
    Ok(fx.plan())
}

/// The overrides after these changes, not yet checked.
fn changed(overrides: &[(Text, Text)], changes: &[(&str, ConfigOp, Option<&str>)]) -> Result<BTreeMap<String, String>, String> {
    let mut merged: BTreeMap<String, String> = overrides.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    for (name, op, value) in changes {
        let key = topic_key(name);
        match op {
            ConfigOp::Set => drop(merged.insert((*name).to_owned(), value.unwrap_or_default().to_owned())),
            ConfigOp::Delete => drop(merged.remove(*name)),
            ConfigOp::Append | ConfigOp::Subtract => {
                let Some(key) = key.filter(|key| key.kind == Kind::List) else {
                    return Err(format!("Can't {} to key {name} because its type is not LIST.", op.name()));
                };
                let before = merged.get(*name).map_or(key.default, String::as_str);
                let mut items: Vec<&str> = before.split(',').filter(|item| !item.is_empty()).collect();
                for item in value.unwrap_or_default().split(',') {
                    match op {
                        ConfigOp::Append if !items.contains(&item) => items.push(item),
                        ConfigOp::Subtract => items.retain(|known| *known != item),
                        _ => {}
                    }
                }
                let items = items.join(",");
                merged.insert((*name).to_owned(), items);
            }
        }
    }
    Ok(merged)
}

/// Gives a topic more partitions, or only checks whether it could have them (`ReplicationControlManager.createPartitions`). Gives
/// back the plan that the answer rests on.
pub fn add_partitions(state: &mut State, fx: &mut Effects, wanted: &CreatePartitionsTopic, only_check: bool) -> Result<PlanNo, Denied> {
    let Some(topic) = state.topics.by_name(&wanted.name) else {
        let after = state.topics.missing_name(&wanted.name);
        return Err(Denied { code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message: String::new(), after });
    };
    let denied = |code, message| Denied { code, message, after: topic.changed_in };
    let present = topic.partitions.len() as i32;
    if wanted.count == present {
        return Err(denied(ErrorCode::INVALID_PARTITIONS, format!("Topic already has {present} partition(s).")));
    }
    if wanted.count < present {
        let name = &wanted.name;
        let message = format!("The topic {name} currently has {present} partition(s); {} would not be an increase.", wanted.count);
        return Err(denied(ErrorCode::INVALID_PARTITIONS, message));
    }
    let added = wanted.count - present;
    if let Some(assignments) = &wanted.assignments {
        let wrong = |message| denied(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message);
        if assignments.len() != added as usize {
            let given = assignments.len();
            return Err(wrong(format!("Attempted to add {added} additional partition(s), but only {given} assignment(s) were specified.")));
        }
        for (index, assignment) in (present..).zip(assignments) {
            let broker_ids = assignment.broker_ids.clone();
            change::check_replicas(&CreatableReplicaAssignment { partition_index: index, broker_ids }).map_err(wrong)?;
        }
    }
    change::check_room(state, added as usize)?;
    if only_check {
        return Ok(topic.changed_in);
    }
    if state.read_only {
        return Err(change::no_room());
    }
    let mut topic = Topic { changed_in: fx.plan(), ..topic.clone() };
    let parts = change::new_partitions(state, fx, topic.id, present..wanted.count);
    topic.partitions.extend(parts.map(PartId));
    state.topics.put(topic);
    Ok(fx.plan())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(before: &[(&str, &str)], changes: &[(&str, ConfigOp, Option<&str>)]) -> Result<Vec<(String, String)>, String> {
        let before: Vec<(Text, Text)> = before.iter().map(|(name, value)| (Text::from(*name), Text::from(*value))).collect();
        changed(&before, changes).map(|merged| merged.into_iter().collect())
    }

    fn one(before: &[(&str, &str)], name: &str, op: ConfigOp, value: &str) -> Option<String> {
        let merged = merged(before, &[(name, op, Some(value))]).unwrap();
        merged.into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    #[test]
    fn lists_are_appended_to_and_subtracted_from() {
        let policy = "cleanup.policy";
        assert_eq!(one(&[], policy, ConfigOp::Append, "compact").as_deref(), Some("delete,compact"), "its default counts");
        assert_eq!(one(&[(policy, "compact")], policy, ConfigOp::Append, "compact,delete").as_deref(), Some("compact,delete"));
        assert_eq!(one(&[(policy, "compact,delete")], policy, ConfigOp::Subtract, "compact").as_deref(), Some("delete"));
        assert_eq!(one(&[(policy, "compact")], policy, ConfigOp::Subtract, "nope").as_deref(), Some("compact"));
        assert_eq!(one(&[(policy, "compact")], policy, ConfigOp::Delete, "").as_deref(), None);
        let refused = merged(&[], &[("retention.ms", ConfigOp::Append, Some("1"))]).unwrap_err();
        assert_eq!(refused, "Can't APPEND to key retention.ms because its type is not LIST.");
        assert!(merged(&[], &[("nope", ConfigOp::Subtract, Some("1"))]).is_err());
    }

    #[test]
    fn operations_have_the_numbers_of_kafka() {
        let ops: Vec<_> = (-1..=4).map(ConfigOp::from_i8).collect();
        let known = [ConfigOp::Set, ConfigOp::Delete, ConfigOp::Append, ConfigOp::Subtract].map(Some);
        assert_eq!(ops[1..5], known);
        assert_eq!((ops[0], ops[5]), (None, None));
    }
}
