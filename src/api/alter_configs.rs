//! AlterConfigs: replaces all overrides of topics; and what it shares with IncrementalAlterConfigs (`ConfigAdminManager`).
//! Versions: 0 to 2 differ on the wire only.

use super::Call;
use crate::base::ids::PlanNo;
use crate::base::text::Text;
use crate::base::time::Now;
use crate::base::topic_name::check_name;
use crate::state::State;
use crate::state::broker::NODE_ID;
use crate::state::effects::Effects;
use crate::state::topics::alter::{self, Wanted};
use crate::state::topics::change::Denied;

use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::alter_configs::{AlterConfigsRequest, AlterConfigsResourceResponse, AlterConfigsResponse};
use std::collections::{BTreeMap, BTreeSet};

// The types of `ConfigResource.Type`.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const BROKER_LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;

/// Answers once everything that was changed is on disk.
pub fn handle(state: &mut State, fx: &mut Effects, now: Now, call: Call, request: AlterConfigsRequest) {
    let mut after = PlanNo::COMMITTED;
    let twice = named_twice(request.resources.iter().map(|resource| (resource.resource_type, &resource.resource_name)));
    let mut responses = Vec::with_capacity(request.resources.len());
    for resource in &request.resources {
        let key = (resource.resource_type, resource.resource_name.clone());
        let only: Vec<_> = resource.configs.iter().map(|config| (config.name.as_str(), config.value.as_deref())).collect();
        let nulls = only.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| *name).collect();
        let decided = check(twice.contains(&key), only.iter().map(|(name, _)| *name), nulls)
            .and_then(|()| decide(state, fx, now, &key, &Wanted::Only(only), request.validate_only));
        let (error_code, error_message) = outcome(decided, &mut after);
        let (resource_type, resource_name) = key;
        responses.push(AlterConfigsResourceResponse { error_code, error_message, resource_type, resource_name });
    }
    fx.reply_after(call.to, after, Response::AlterConfigs(AlterConfigsResponse { responses, ..AlterConfigsResponse::default() }));
}

/// What is named more than once in one request: all of it is refused.
pub(super) fn named_twice<'a>(resources: impl Iterator<Item = (i8, &'a Text)>) -> BTreeSet<(i8, Text)> {
    let mut times: BTreeMap<(i8, Text), usize> = BTreeMap::new();
    for (resource_type, name) in resources {
        *times.entry((resource_type, name.clone())).or_default() += 1;
    }
    times.into_iter().filter(|(_, count)| *count > 1).map(|(key, _)| key).collect()
}

fn invalid(message: impl Into<String>) -> Denied {
    Denied { code: ErrorCode::INVALID_REQUEST, message: message.into(), after: PlanNo::COMMITTED }
}

/// What is wrong with a resource whatever it is.
pub(super) fn check<'a>(is_twice: bool, mut names: impl Iterator<Item = &'a str>, nulls: Vec<&str>) -> Result<(), Denied> {
    if is_twice {
        return Err(invalid("Each resource must appear at most once."));
    }
    let mut seen = BTreeSet::new();
    if !names.all(|name| seen.insert(name)) {
        return Err(invalid("Error due to duplicate config keys"));
    }
    if nulls.is_empty() { Ok(()) } else { Err(invalid(format!("Null value not supported for : {}", nulls.join(", ")))) }
}

/// Changes one resource, or only checks it. Topics alone have configs that change while the broker runs.
pub(super) fn decide(
    state: &mut State,
    fx: &mut Effects,
    now: Now,
    (resource_type, name): &(i8, Text),
    wanted: &Wanted,
    only_check: bool,
) -> Result<PlanNo, Denied> {
    match *resource_type {
        TOPIC if name.is_empty() => Err(invalid("Default topic resources are not allowed.")),
        TOPIC => {
            check_name(name).map_err(|message| Denied { code: ErrorCode::INVALID_TOPIC_EXCEPTION, ..invalid(message) })?;
            alter::configs(state, fx, now, name, wanted, only_check)
        }
        BROKER => {
            check_broker(name)?;
            let names: Vec<&str> = match wanted {
                Wanted::Only(only) => only.iter().map(|(name, _)| *name).collect(),
                Wanted::Changes(changes) => changes.iter().map(|(name, ..)| *name).collect(),
            };
            if names.is_empty() {
                return Ok(PlanNo::COMMITTED);
            }
            let names = names.join(", ");
            Err(invalid(format!("Cannot update these configs dynamically: [{names}]")))
        }
        BROKER_LOGGER => Err(invalid("The log level is a setting of the broker's start, not a config.")),
        CLIENT_METRICS => Err(invalid("Client metrics are not supported.")),
        GROUP => Err(invalid("Groups have no configs of their own here.")),
        other => Err(invalid(format!("Unknown resource type {other}"))),
    }
}

/// Whether this names this broker, or all of them.
fn check_broker(name: &Text) -> Result<(), Denied> {
    match name.parse::<i32>() {
        _ if name.is_empty() => Ok(()),
        Ok(NODE_ID) => Ok(()),
        Ok(_) => Err(invalid(format!("Unexpected broker id, expected {NODE_ID}, but received {name}"))),
        Err(_) => Err(invalid(format!("Node id must be an integer, but it is: {name}"))),
    }
}

/// An entry's error and message; `after` rises to the plan that it rests on.
pub(super) fn outcome(decided: Result<PlanNo, Denied>, after: &mut PlanNo) -> (ErrorCode, Option<Text>) {
    match decided {
        Ok(plan) => {
            *after = (*after).max(plan);
            (ErrorCode::NONE, None)
        }
        Err(denied) => {
            *after = (*after).max(denied.after);
            (denied.code, Some(Text::from(denied.message)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{World, answer, call, wanted};
    use crate::store::plan::Op;
    use crate::wire::message::alter_configs::{AlterConfigsResource, AlterableConfig};

    fn resource(resource_type: i8, name: &str, configs: &[(&str, Option<&str>)]) -> AlterConfigsResource {
        let config = |(name, value): &(&str, Option<&str>)| AlterableConfig { name: Text::from(*name), value: value.map(Text::from) };
        AlterConfigsResource { resource_type, resource_name: Text::from(name), configs: configs.iter().map(config).collect() }
    }

    fn ask(world: &mut World, resources: Vec<AlterConfigsResource>, validate_only: bool) -> Vec<(i16, String)> {
        handle(&mut world.state, &mut world.fx, world.now, call(2), AlterConfigsRequest { resources, validate_only });
        let told = |one: &AlterConfigsResourceResponse| (one.error_code.0, one.error_message.as_deref().unwrap_or_default().to_owned());
        answer!(world, AlterConfigs).responses.iter().map(told).collect()
    }

    fn overrides(world: &World) -> Vec<(&str, &str)> {
        world.state.topics.by_name("a").unwrap().configs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    #[test]
    fn what_is_not_named_falls_back_to_its_default() {
        let mut world = World::new();
        world.create(&[wanted("a", 1, &[("retention.ms", "7"), ("flush.ms", "9")])]);
        let request = || vec![resource(2, "a", &[("max.message.bytes", Some("77"))])];
        assert_eq!(ask(&mut world, request(), true), [(0, String::new())]);
        assert_eq!(overrides(&world), [("flush.ms", "9"), ("retention.ms", "7")], "a check changes nothing");
        assert_eq!(ask(&mut world, request(), false), [(0, String::new())]);
        assert_eq!(overrides(&world), [("max.message.bytes", "77")]);
        let config = &world.state.topics.by_name("a").unwrap().log_config;
        assert_eq!((config.max_message_bytes, config.retention_ms), (77, 86_400_000), "it counts at once");
        assert_eq!(ask(&mut world, vec![resource(2, "a", &[])], false), [(0, String::new())]);
        assert!(overrides(&world).is_empty());
        assert_eq!(world.state.topics.by_name("a").unwrap().partitions.len(), 1);
    }

    #[test]
    fn the_answer_waits_for_the_disk_and_a_change_to_the_same_writes_nothing() {
        let mut world = World::new();
        world.create(&[wanted("a", 1, &[])]);
        let request = || AlterConfigsRequest { resources: vec![resource(2, "a", &[("flush.ms", Some("9"))])], validate_only: false };
        handle(&mut world.state, &mut world.fx, world.now, call(2), request());
        assert_eq!(world.answered(), None);
        handle(&mut world.state, &mut world.fx, world.now, call(2), request());
        assert_eq!(world.answered(), None, "what it finds is not on disk yet");
        let ops = world.commit();
        assert!(matches!(&ops[..], [Op::PutTopic(row)] if row.configs.len() == 1), "{ops:?}");
    }

    #[test]
    fn what_cannot_be_is_refused_entry_by_entry_and_nothing_half_done() {
        let mut world = World::new();
        world.create(&[wanted("a", 1, &[])]);
        let cases = [
            (resource(2, "nope", &[]), 3, "The topic 'nope' does not exist."),
            (resource(2, "", &[]), 42, "Default topic resources are not allowed."),
            (resource(2, "a b", &[]), 17, "Topic name is invalid"),
            (resource(2, "a", &[("flush.ms", Some("1")), ("nope", Some("1"))]), 40, "Unknown topic config name: nope"),
            (
                resource(2, "a", &[("flush.ms", Some("1")), ("retention.ms", Some("x"))]),
                40,
                "Invalid value x for configuration retention.ms",
            ),
            (resource(2, "a", &[("flush.ms", None)]), 42, "Null value not supported for : flush.ms"),
            (resource(2, "a", &[("flush.ms", Some("1")), ("flush.ms", Some("1"))]), 42, "Error due to duplicate config keys"),
            (resource(4, "1", &[("num.partitions", Some("3"))]), 42, "Cannot update these configs dynamically: [num.partitions]"),
            (resource(4, "", &[("log.retention.ms", Some("3"))]), 42, "Cannot update these configs dynamically: [log.retention.ms]"),
            (resource(4, "2", &[]), 42, "Unexpected broker id, expected 1, but received 2"),
            (resource(4, "x", &[]), 42, "Node id must be an integer, but it is: x"),
            (resource(8, "1", &[]), 42, "The log level"),
            (resource(16, "m", &[]), 42, "Client metrics"),
            (resource(32, "g", &[]), 42, "Groups have no"),
            (resource(7, "x", &[]), 42, "Unknown resource type 7"),
        ];
        for (resource, code, message) in cases {
            let told = ask(&mut world, vec![resource], false);
            assert_eq!(told[0].0, code, "{told:?}");
            assert!(told[0].1.starts_with(message), "{told:?}");
        }
        assert_eq!(ask(&mut world, vec![resource(4, "1", &[]), resource(4, "", &[])], false), [(0, String::new()), (0, String::new())]);
        let twice = vec![resource(2, "a", &[("flush.ms", Some("1"))]), resource(2, "a", &[("flush.ms", Some("1"))])];
        assert_eq!(ask(&mut world, twice, false), vec![(42, "Each resource must appear at most once.".to_owned()); 2]);
        assert!(overrides(&world).is_empty() && !world.fx.has_rows());
    }

    #[test]
    fn without_room_on_the_disk_configs_stay() {
        let mut world = World::new();
        world.create(&[wanted("a", 1, &[])]);
        world.state.read_only = true;
        assert_eq!(ask(&mut world, vec![resource(2, "a", &[("flush.ms", Some("1"))])], false)[0].0, 56);
        assert!(overrides(&world).is_empty() && !world.fx.has_rows());
    }
}
