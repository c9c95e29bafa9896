//! Metadata.

use super::{Scenario, alone, of};
use crate::run::Run;
use monolog::wire::api_key::ApiKey;

const API: ApiKey = ApiKey::Metadata;

/// The scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![alone("metadata-all", API, everything), of("metadata", API, named)]
}

fn everything(run: &mut Run, version: i16) {
    run.topic("one", 2, "{}");
    run.ask(API, version, "null", if version == 0 { "{topics: []}" } else { "{topics: null}" });
    run.ask(API, version, "empty", "{topics: []}");
}

fn named(run: &mut Run, version: i16) {
    run.topic("one", 1, "{}");
    run.topic("three", 3, "{retention.ms: 100000}");
    run.ask(API, version, "one", "{topics: [{name: $one}], allow_auto_topic_creation: false}");
    run.ask(API, version, "two", "{topics: [{name: $three}, {name: $one}], allow_auto_topic_creation: false}");
    run.ask(API, version, "twice", "{topics: [{name: $one}, {name: $one}], allow_auto_topic_creation: false}");
    run.ask(
        API,
        version,
        "operations",
        "{topics: [{name: $one}], include_topic_authorized_operations: true, include_cluster_authorized_operations: true}",
    );
    run.ask(API, version, "internal", "{topics: [{name: __consumer_offsets}], allow_auto_topic_creation: false}");
    if version >= 4 {
        run.ask(API, version, "unknown", "{topics: [{name: metadata-nowhere}], allow_auto_topic_creation: false}");
        run.ask(API, version, "unknown and known", "{topics: [{name: metadata-nowhere}, {name: $one}], allow_auto_topic_creation: false}");
    }
    for (name, topic) in [("no name", "''"), ("a dot", "."), ("two dots", ".."), ("a slash", "a/b"), ("a blank", "'a b'")] {
        run.ask(API, version, name, &format!("{{topics: [{{name: {topic}}}], allow_auto_topic_creation: false}}"));
        run.ask(API, version, &format!("{name}, to be made"), &format!("{{topics: [{{name: {topic}}}], allow_auto_topic_creation: true}}"));
    }
    run.set("long", "x".repeat(250));
    run.ask(API, version, "too long a name", "{topics: [{name: $long}], allow_auto_topic_creation: true}");
    run.set("fits", "y".repeat(245) + &format!("{version:04}"));
    if version >= 4 {
        run.ask(API, version, "a long name", "{topics: [{name: $fits}], allow_auto_topic_creation: false}");
    }
    run.ask(API, version, "null name", "{topics: [{name: null}], allow_auto_topic_creation: false}");
    if version >= 10 {
        run.ask(API, version, "by id", "{topics: [{name: null, topic_id: $one.id}]}");
        run.ask(API, version, "unknown id", "{topics: [{name: null, topic_id: abcdefghijklmnopqrstuA}]}");
        run.ask(
            API,
            version,
            "ids, known and unknown",
            "{topics: [{name: null, topic_id: abcdefghijklmnopqrstuA}, {name: null, topic_id: $three.id}]}",
        );
        run.ask(API, version, "id and name", "{topics: [{name: $one, topic_id: $one.id}]}");
        run.ask(API, version, "id and another name", "{topics: [{name: $three, topic_id: $one.id}]}");
        run.ask(API, version, "ids and names", "{topics: [{name: null, topic_id: $one.id}, {name: $three}]}");
        run.ask(API, version, "an id twice", "{topics: [{name: null, topic_id: $one.id}, {name: null, topic_id: $one.id}]}");
    }
}
