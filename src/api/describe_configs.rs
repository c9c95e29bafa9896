//! DescribeConfigs: what topics and this broker are set to, and where each value comes from.
//! Versions: from 1 on with synonyms, from 3 on with kinds and documentation; the encoder leaves out what a version lacks.

use super::{AnswerRoom, Call, MALFORMED};
use crate::base::ids::PlanNo;
use crate::base::limits::DESCRIBED_AGAIN_MAX;
use crate::base::text::Text;
use crate::base::time::Now;
use crate::base::topic_name::check_name;
use crate::mail::input::Peer;
use crate::state::State;
use crate::state::broker::NODE_ID;
use crate::state::configs::{Entry, of_broker, of_topic};
use crate::state::effects::Effects;
use crate::state::topics::Topic;
use crate::wire::error_code::ErrorCode;
use crate::wire::field::Field;
use crate::wire::message::Response;
use crate::wire::message::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResponse, DescribeConfigsResult,
    DescribeConfigsSynonym,
};
use std::collections::BTreeSet;
use std::sync::Arc;

// The types of `ConfigResource.Type`.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const BROKER_LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;

type Refused = (ErrorCode, Option<String>);
type Configs = Arc<Vec<DescribeConfigsResourceResult>>;

/// Answers once everything that is told is on disk.
pub fn handle(state: &mut State, fx: &mut Effects, _now: Now, call: Call, request: DescribeConfigsRequest) {
    let known = [TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP];
    // A type that Kafka does not know spoils the whole request, as there.
    let unknown = request.resources.iter().find(|resource| !known.contains(&resource.resource_type)).map(|resource| resource.resource_type);
    let mut after = PlanNo::COMMITTED;
    let (mut seen, mut again) = (BTreeSet::new(), 0);
    let mut results = Vec::with_capacity(request.resources.len());
    let mut teller = Teller { state, peer: &call.peer, request: &request, room: AnswerRoom::new(state), plain: None };
    for resource in &request.resources {
        let found = match unknown {
            Some(_) => Err((ErrorCode::INVALID_REQUEST, Some(MALFORMED.to_owned()))),
            None => {
                again += usize::from(!seen.insert((resource.resource_type, resource.resource_name.clone())));
                // Kafka answers each; here a small request may not ask for the same large answer over and over.
                if again > DESCRIBED_AGAIN_MAX {
                    Err((ErrorCode::INVALID_REQUEST, Some("The same resources are asked for too often in one request.".to_owned())))
                } else {
                    find(state, resource, &mut after)
                }
            }
        };
        results.push(match found.and_then(|source| teller.configs(resource, source)) {
            Ok(configs) => DescribeConfigsResult {
                resource_type: resource.resource_type,
                resource_name: resource.resource_name.clone(),
                configs,
                ..DescribeConfigsResult::default()
            },
            Err((error_code, message)) => DescribeConfigsResult {
                error_code,
                // Kafka has an empty message where it has none.
                error_message: Some(Text::from(message.unwrap_or_default())),
                resource_type: resource.resource_type,
                resource_name: resource.resource_name.clone(),
                configs: Arc::default(),
            },
        });
    }
    fx.reply_after(call.to, after, Response::DescribeConfigs(DescribeConfigsResponse { results, ..DescribeConfigsResponse::default() }));
}

/// Whose configs are to be told.
enum Source<'a> {
    Topic(&'a Topic),
    Broker,
    /// The defaults of the whole cluster that were set while it ran: there are none.
    Cluster,
}

/// What the answer is made with.
struct Teller<'a> {
    state: &'a State,
    peer: &'a Peer,
    request: &'a DescribeConfigsRequest,
    room: AnswerRoom,
    /// What a topic without overrides shows, and its size on the wire: the same for all, and made once.
    plain: Option<(Configs, usize)>,
}

impl Teller<'_> {
    /// The configs that are asked for, or the error where they are too many.
    fn configs(&mut self, resource: &DescribeConfigsResource, source: Source) -> Result<Configs, Refused> {
        let wanted = resource.configuration_keys.as_deref().filter(|keys| !keys.is_empty());
        let is_plain = wanted.is_none() && matches!(source, Source::Topic(topic) if topic.configs.is_empty());
        let refused = || (ErrorCode::INVALID_REQUEST, Some(AnswerRoom::REFUSED.to_string()));
        if let Some((configs, bytes)) = self.plain.as_ref().filter(|_| is_plain) {
            return if self.room.take_bytes(*bytes) { Ok(configs.clone()) } else { Err(refused()) };
        }
        let entries = match source {
            Source::Topic(topic) => of_topic(&topic.configs, &self.state.broker),
            Source::Broker => of_broker(&self.state.broker, self.peer),
            Source::Cluster => Vec::new(),
        };
        let read_only = resource.resource_type == BROKER;
        let is_wanted = |entry: &Entry| wanted.is_none_or(|keys| keys.iter().any(|key| *key == *entry.name));
        let result = |entry| tell(entry, read_only, self.request.include_synonyms, self.request.include_documentation);
        let mut configs: Vec<_> = entries.into_iter().filter(is_wanted).map(result).collect();
        configs.shrink_to_fit();
        if !self.room.take(&configs) {
            return Err(refused());
        }
        let bytes = configs.iter().map(encoded_bytes).sum();
        let configs = Arc::new(configs);
        if is_plain {
            self.plain = Some((configs.clone(), bytes));
        }
        Ok(configs)
    }
}

/// About what an entry takes on the wire: its texts, and a few bytes beside each.
fn encoded_bytes(entry: &DescribeConfigsResourceResult) -> usize {
    const BESIDE_BYTES: usize = 10;
    let synonyms = entry.synonyms.iter().map(|synonym| synonym.heap_bytes() + BESIDE_BYTES).sum::<usize>();
    let texts = entry.name.heap_bytes() + entry.value.heap_bytes() + entry.documentation.heap_bytes();
    texts + synonyms + BESIDE_BYTES
}

fn find<'a>(state: &'a State, resource: &DescribeConfigsResource, after: &mut PlanNo) -> Result<Source<'a>, Refused> {
    let name = &resource.resource_name;
    let invalid = |message: String| (ErrorCode::INVALID_REQUEST, Some(message));
    match resource.resource_type {
        TOPIC => {
            check_name(name).map_err(|message| (ErrorCode::INVALID_TOPIC_EXCEPTION, Some(message)))?;
            let Some(topic) = state.topics.by_name(name) else {
                *after = (*after).max(state.topics.missing_name(name));
                return Err((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None));
            };
            *after = (*after).max(topic.changed_in);
            Ok(Source::Topic(topic))
        }
        BROKER if name.is_empty() => Ok(Source::Cluster),
        BROKER => match name.parse::<i32>() {
            Ok(NODE_ID) => Ok(Source::Broker),
            Ok(_) => Err(invalid(format!("Unexpected broker id, expected {NODE_ID} or empty string, but received {name}"))),
            Err(_) => Err(invalid(format!("Broker id must be an integer, but it is: {name}"))),
        },
        BROKER_LOGGER => Err(invalid("The log level is a setting of the broker's start, not a config.".to_owned())),
        CLIENT_METRICS => Err(invalid("Client metrics are not supported.".to_owned())),
        _ => Err(invalid("Groups have no configs of their own here.".to_owned())),
    }
}

fn tell(entry: Entry, read_only: bool, with_synonyms: bool, with_documentation: bool) -> DescribeConfigsResourceResult {
    let synonym = |(name, value, source): (&'static str, Text, _)| DescribeConfigsSynonym {
        name: Text::from_static(name),
        value: Some(value),
        source: source as i8,
    };
    DescribeConfigsResourceResult {
        name: Text::from_static(entry.name),
        value: entry.value,
        read_only,
        config_source: entry.source as i8,
        is_sensitive: false,
        synonyms: if with_synonyms { entry.synonyms.into_iter().map(synonym).collect() } else { Vec::new() },
        config_type: entry.kind as i8,
        documentation: with_documentation.then(|| Text::from_static(entry.doc)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{World, answer, call, wanted};

    fn resource(resource_type: i8, name: &str, keys: Option<&[&str]>) -> DescribeConfigsResource {
        let configuration_keys = keys.map(|keys| keys.iter().map(|key| Text::from(*key)).collect());
        DescribeConfigsResource { resource_type, resource_name: Text::from(name), configuration_keys }
    }

    fn ask(world: &mut World, resources: Vec<DescribeConfigsResource>, extras: bool) -> Vec<DescribeConfigsResult> {
        let request = DescribeConfigsRequest { resources, include_synonyms: extras, include_documentation: extras };
        handle(&mut world.state, &mut world.fx, world.now, call(4), request);
        answer!(world, DescribeConfigs).results
    }

    #[test]
    fn a_topic_shows_every_config_with_its_source() {
        let mut world = World::new();
        world.create(&[wanted("a", 1, &[("retention.ms", "7")])]);
        let all = ask(&mut world, vec![resource(2, "a", None)], true);
        assert_eq!(all[0].configs.len(), 33);
        assert_eq!(ask(&mut world, vec![resource(2, "a", Some(&[]))], true), all, "null and empty both mean all");
        let retention = all[0].configs.iter().find(|config| config.name == "retention.ms").unwrap();
        assert_eq!((retention.value.as_deref(), retention.config_source, retention.config_type), (Some("7"), 1, 5));
        let synonyms: Vec<_> = retention.synonyms.iter().map(|one| (one.name.as_str(), one.value.as_deref(), one.source)).collect();
        assert_eq!(synonyms, [("retention.ms", Some("7"), 1), ("log.retention.ms", Some("86400000"), 5)]);
        assert!(retention.documentation.as_deref().is_some_and(|doc| !doc.is_empty()));
        let some = ask(&mut world, vec![resource(2, "a", Some(&["cleanup.policy", "nope"]))], false);
        let [policy] = &some[0].configs[..] else { panic!("unknown keys are left out: {some:?}") };
        assert_eq!((policy.name.as_str(), policy.value.as_deref(), policy.config_source), ("cleanup.policy", Some("delete"), 5));
        assert_eq!((policy.synonyms.len(), &policy.documentation, policy.read_only), (0, &None, false));
    }

    #[test]
    fn the_broker_shows_itself_by_its_id_only() {
        let mut world = World::new();
        let told = ask(&mut world, vec![resource(4, "1", Some(&["num.partitions", "advertised.listeners"])), resource(4, "", None)], false);
        let values: Vec<_> = told[0].configs.iter().map(|config| (config.name.as_str(), config.value.as_deref().unwrap())).collect();
        assert_eq!(values, [("advertised.listeners", "PLAINTEXT://broker.test:9092"), ("num.partitions", "1")]);
        assert!(told[0].configs.iter().all(|config| config.read_only));
        let offsets = ask(&mut world, vec![resource(4, "1", Some(&["offsets.retention.minutes"]))], false);
        let [minutes] = &offsets[0].configs[..] else { panic!("one config: {offsets:?}") };
        assert_eq!((minutes.value.as_deref(), minutes.read_only), (Some("10080"), true), "as long as groups are kept");
        assert_eq!((told[1].error_code, told[1].configs.len()), (ErrorCode::NONE, 0));
    }

    #[test]
    fn what_is_not_there_gets_the_errors_of_kafka() {
        let mut world = World::new();
        let cases =
            [(2, "nope", 3), (2, "bad name", 17), (2, "", 17), (4, "2", 42), (4, "x", 42), (8, "1", 42), (16, "m", 42), (32, "g", 42)];
        let asked = cases.iter().map(|(kind, name, _)| resource(*kind, name, None)).collect();
        let told: Vec<_> =
            ask(&mut world, asked, false).iter().map(|one| (one.resource_type, one.resource_name.to_string(), one.error_code.0)).collect();
        assert_eq!(told, cases.map(|(kind, name, code)| (kind, name.to_owned(), code)));
    }

    #[test]
    fn a_resource_is_told_as_often_as_it_is_asked_for_within_bounds() {
        let mut world = World::new();
        let told =
            ask(&mut world, vec![resource(4, "1", Some(&["num.partitions"])), resource(4, "1", None), resource(2, "nope", None)], false);
        assert_eq!((told[0].configs.len(), told[1].error_code), (1, ErrorCode::NONE));
        assert!(told[1].configs.len() > 1, "each with its own keys");
        let told = ask(&mut world, vec![resource(4, "1", None); DESCRIBED_AGAIN_MAX + 2], false);
        let refused: Vec<_> = told.iter().map(|one| (one.error_code, one.configs.is_empty())).collect();
        assert!(refused[..=DESCRIBED_AGAIN_MAX].iter().all(|told| *told == (ErrorCode::NONE, false)));
        assert_eq!(refused[DESCRIBED_AGAIN_MAX + 1], (ErrorCode::INVALID_REQUEST, true));
    }

    #[test]
    fn a_type_that_nobody_knows_spoils_the_request() {
        let mut world = World::new();
        let told = ask(&mut world, vec![resource(4, "1", None), resource(77, "x", None)], false);
        assert!(told.iter().all(|one| one.error_code == ErrorCode::INVALID_REQUEST && one.configs.is_empty()));
    }

    #[test]
    fn configs_that_are_not_yet_on_disk_are_waited_for() {
        let mut world = World::new();
        let new = crate::state::topics::change::check(&world.state, &wanted("a", 1, &[])).unwrap();
        crate::state::topics::change::create(&mut world.state, &mut world.fx, world.now, new);
        let request = DescribeConfigsRequest { resources: vec![resource(2, "a", None)], ..DescribeConfigsRequest::default() };
        handle(&mut world.state, &mut world.fx, world.now, call(4), request);
        assert_eq!(world.answered(), None);
        world.commit();
        assert!(world.answered().is_some());
    }

    #[test]
    fn what_is_too_much_for_one_answer_is_refused_from_there_on() {
        let mut world = World::cramped(64 << 10);
        let names: Vec<String> = (0..20).map(|number| format!("t{number}")).collect();
        world.create(&names.iter().map(|name| wanted(name, 1, &[])).collect::<Vec<_>>());
        let all = || names.iter().map(|name| resource(2, name, None)).collect::<Vec<_>>();
        let told = ask(&mut world, all(), false);
        assert!(told.iter().all(|one| one.configs.len() == 33), "those without overrides share theirs");
        let mut other = World::cramped(64 << 10);
        other.create(&names.iter().map(|name| wanted(name, 1, &[("retention.ms", "7")])).collect::<Vec<_>>());
        let told = ask(&mut other, all(), false);
        let fitting = told.iter().take_while(|one| one.error_code == ErrorCode::NONE && one.configs.len() == 33).count();
        assert!((1..20).contains(&fitting), "{fitting}");
        assert!(told[fitting..].iter().all(|one| one.error_code == ErrorCode::INVALID_REQUEST && one.configs.is_empty()));
    }
}
