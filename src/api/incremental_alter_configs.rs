//! IncrementalAlterConfigs: sets, deletes, appends to and subtracts from single configs of topics (KIP-339).
//! Versions: 0 and 1 differ on the wire only.

use super::Call;
use super::alter_configs::{check, decide, named_twice, outcome};
use crate::base::ids::PlanNo;
use crate::base::time::Now;
use crate::state::State;
use crate::state::effects::Effects;
use crate::state::topics::alter::{ConfigOp, Wanted};
use crate::state::topics::change::Denied;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::incremental_alter_configs::{
    AlterConfigsResource, AlterConfigsResourceResponse, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};

/// Answers once everything that was changed is on disk.
pub fn handle(state: &mut State, fx: &mut Effects, now: Now, call: Call, request: IncrementalAlterConfigsRequest) {
    let mut after = PlanNo::COMMITTED;
    let twice = named_twice(request.resources.iter().map(|resource| (resource.resource_type, &resource.resource_name)));
    let mut responses = Vec::with_capacity(request.resources.len());
    for resource in &request.resources {
        let key = (resource.resource_type, resource.resource_name.clone());
        let decided =
            changes(resource, twice.contains(&key)).and_then(|changes| decide(state, fx, now, &key, &changes, request.validate_only));
        let (error_code, error_message) = outcome(decided, &mut after);
        let (resource_type, resource_name) = key;
        responses.push(AlterConfigsResourceResponse { error_code, error_message, resource_type, resource_name });
    }
    let response = IncrementalAlterConfigsResponse { responses, ..IncrementalAlterConfigsResponse::default() };
    fx.reply_after(call.to, after, Response::IncrementalAlterConfigs(response));
}

fn changes(resource: &AlterConfigsResource, is_twice: bool) -> Result<Wanted<'_>, Denied> {
    let mut changes = Vec::with_capacity(resource.configs.len());
    for config in &resource.configs {
        let op = ConfigOp::from_i8(config.config_operation).ok_or_else(|| Denied {
            code: ErrorCode::INVALID_REQUEST,
            message: format!("Unknown operation {} on {}", config.config_operation, config.name),
            after: PlanNo::COMMITTED,
        })?;
        changes.push((config.name.as_str(), op, config.value.as_deref()));
    }
    let nulls = changes.iter().filter(|(_, op, value)| *op != ConfigOp::Delete && value.is_none()).map(|(name, ..)| *name).collect();
    check(is_twice, changes.iter().map(|(name, ..)| *name), nulls)?;
    Ok(Wanted::Changes(changes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{World, answer, call, wanted};
    use crate::base::text::Text;
    use crate::wire::message::incremental_alter_configs::AlterableConfig;

    fn ask(world: &mut World, changes: &[(&str, i8, Option<&str>)], validate_only: bool) -> (i16, String) {
        let config = |(name, config_operation, value): &(&str, i8, Option<&str>)| AlterableConfig {
            name: Text::from(*name),
            config_operation: *config_operation,
            value: value.map(Text::from),
        };
        let configs = changes.iter().map(config).collect();
        let resources = vec![AlterConfigsResource { resource_type: 2, resource_name: Text::from("a"), configs }];
        handle(&mut world.state, &mut world.fx, world.now, call(1), IncrementalAlterConfigsRequest { resources, validate_only });
        let one = answer!(world, IncrementalAlterConfigs).responses.remove(0);
        (one.error_code.0, one.error_message.as_deref().unwrap_or_default().to_owned())
    }

    fn overrides(world: &World) -> Vec<(&str, &str)> {
        world.state.topics.by_name("a").unwrap().configs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    #[test]
    fn single_configs_change_and_the_others_stay() {
        let mut world = World::new();
        world.create(&[wanted("a", 1, &[("retention.ms", "7"), ("flush.ms", "9")])]);
        let done = (0, String::new());
        let changes = [("retention.ms", 1, None), ("retention.bytes", 0, Some(" 100 ")), ("cleanup.policy", 2, Some("compact"))];
        assert_eq!(ask(&mut world, &changes, true), done);
        assert_eq!(overrides(&world), [("flush.ms", "9"), ("retention.ms", "7")], "a check changes nothing");
        assert_eq!(ask(&mut world, &changes, false), done);
        assert_eq!(overrides(&world), [("cleanup.policy", "delete,compact"), ("flush.ms", "9"), ("retention.bytes", "100")]);
        let config = &world.state.topics.by_name("a").unwrap().log_config;
        assert_eq!((config.compacted, config.deleted, config.retention_bytes), (true, true, 100));
        assert_eq!(ask(&mut world, &[("cleanup.policy", 3, Some("delete")), ("nope", 1, None)], false), done, "as Kafka");
        assert!(!world.state.topics.by_name("a").unwrap().log_config.deleted);
    }

    #[test]
    fn changes_that_cannot_be_are_refused_as_a_whole() {
        let mut world = World::new();
        world.create(&[wanted("a", 1, &[])]);
        let refused = [
            (("retention.ms", 2, Some("1")), 40, "Can't APPEND to key retention.ms because its type is not LIST."),
            (("nope", 0, Some("1")), 40, "Unknown topic config name: nope"),
            (("flush.ms", 0, None), 42, "Null value not supported for : flush.ms"),
            (("flush.ms", 4, Some("1")), 42, "Unknown operation 4 on flush.ms"),
            (("cleanup.policy", 2, Some("nope")), 40, "Invalid value nope for configuration cleanup.policy"),
        ];
        for (change, code, message) in refused {
            let told = ask(&mut world, &[("retention.bytes", 0, Some("5")), change], false);
            assert_eq!(told.0, code, "{told:?}");
            assert!(told.1.starts_with(message), "{told:?}");
        }
        let twice = [("flush.ms", 0, Some("1")), ("flush.ms", 1, None)];
        assert_eq!(ask(&mut world, &twice, false), (42, "Error due to duplicate config keys".to_owned()));
        assert!(overrides(&world).is_empty() && !world.fx.has_rows());
    }
}
