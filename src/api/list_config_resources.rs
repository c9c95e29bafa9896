//! ListConfigResources: what has configs: topics and this broker (KIP-1142). Groups and client metrics have none.
//! Versions: 0 asks for sets of client metrics, of which there are none; from 1 on for kinds of resources, all when none is named.

use super::Call;
use crate::base::ids::PlanNo;
use crate::base::text::Text;
use crate::base::time::Now;
use crate::state::State;
use crate::state::broker::NODE_ID;
use crate::state::effects::Effects;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;
use crate::wire::message::list_config_resources::{ConfigResource, ListConfigResourcesRequest, ListConfigResourcesResponse};

// The types of `ConfigResource.Type`.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const BROKER_LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;

/// Answers once everything that is told is on disk.
pub fn handle(state: &mut State, fx: &mut Effects, _now: Now, call: Call, request: ListConfigResourcesRequest) {
    let known = [TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP];
    let asked = match (call.api_version, request.resource_types) {
        (0, _) => vec![CLIENT_METRICS],
        (_, types) if types.is_empty() => known.to_vec(),
        (_, types) => types,
    };
    if asked.iter().any(|asked| !known.contains(asked)) {
        let response = ListConfigResourcesResponse { error_code: ErrorCode::UNSUPPORTED_VERSION, ..ListConfigResourcesResponse::default() };
        return fx.reply(call.to, Response::ListConfigResources(response));
    }
    let named = |resource_type, resource_name| ConfigResource { resource_name, resource_type };
    let mut config_resources = Vec::new();
    let mut after = PlanNo::COMMITTED;
    if asked.contains(&TOPIC) {
        after = state.topics.listing();
        config_resources.extend(state.topics.iter().map(|topic| named(TOPIC, topic.name.clone())));
    }
    for broker in [BROKER, BROKER_LOGGER].into_iter().filter(|kind| asked.contains(kind)) {
        config_resources.push(named(broker, Text::from(NODE_ID.to_string())));
    }
    let response = ListConfigResourcesResponse { config_resources, ..ListConfigResourcesResponse::default() };
    fx.reply_after(call.to, after, Response::ListConfigResources(response));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{World, answer, call, wanted};

    #[test]
    fn kinds_are_listed_as_they_are_asked_for() {
        let mut world = World::new();
        world.create(&[wanted("t", 1, &[])]);
        let mut ask = |version, resource_types: &[i8]| {
            let request = ListConfigResourcesRequest { resource_types: resource_types.to_vec() };
            handle(&mut world.state, &mut world.fx, world.now, call(version), request);
            let response = answer!(world, ListConfigResources);
            let told = |one: &ConfigResource| (one.resource_type, one.resource_name.to_string());
            (response.error_code.0, response.config_resources.iter().map(told).collect::<Vec<_>>())
        };
        let (topic, broker, logger) = ((2, "t".to_owned()), (4, "1".to_owned()), (8, "1".to_owned()));
        assert_eq!(ask(0, &[]), (0, vec![]));
        assert_eq!(ask(1, &[]), (0, vec![topic.clone(), broker, logger]));
        assert_eq!(ask(1, &[2, 16, 32]), (0, vec![topic]));
        assert_eq!(ask(1, &[2, 3]), (35, vec![]));
    }
}
