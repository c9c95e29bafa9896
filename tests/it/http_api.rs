//! The HTTP API: every route, its errors, and that what goes in over HTTP comes out over Kafka's protocol and the other way round.

use crate::broker::{Broker, serve};
use crate::http::{ask, body, exchange, header, status};
use crate::member::Member;
use crate::target::{Target, batch_of, cases, records_from, until};
use monolog::client::Topic;
use monolog::wire::batch_builder::BatchBuilder;
use monolog::wire::compress::Codec;
use serde_json::{Value, json};
use std::net::SocketAddr;
use tempfile::TempDir;

cases! {
    kafka: ;
    ours: topics_come_and_go, bad_topics, written_over_http_read_by_kafka, written_by_kafka_read_over_http, pages, times, lists_are_all_or_nothing,
        keys_go_where_java_puts_them, bad_messages, large_messages_and_lists, offsets_of_groups, an_active_group, fetches_that_wait, figures,
        names_are_percent_encoded, origins, bodies_and_methods
}

/// What is answered to a request with a body.
fn send(address: SocketAddr, method: &str, path: &str, text: &str) -> String {
    let head = format!("{method} {path} HTTP/1.1\r\nHost: it\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", text.len());
    exchange(address, &[head.as_bytes(), text.as_bytes()].concat())
}

fn parsed(answer: &str) -> Value {
    serde_json::from_str(body(answer)).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

fn get(target: &Target, path: &str) -> (u16, Value) {
    let answer = ask(target.http(), "GET", path);
    assert_eq!(header(&answer, "content-type"), Some("application/json"), "{answer}");
    (status(&answer), parsed(&answer))
}

fn found(target: &Target, path: &str) -> Value {
    let (status, value) = get(target, path);
    assert_eq!(status, 200, "{path}: {value}");
    value
}

fn post(target: &Target, path: &str, posted: &Value) -> (u16, Value) {
    let answer = send(target.http(), "POST", path, &posted.to_string());
    (status(&answer), parsed(&answer))
}

fn posted(target: &Target, path: &str, posted: &Value) -> Value {
    let (status, value) = post(target, path, posted);
    assert_eq!(status, 201, "{path}: {value}");
    value
}

/// Status and code of an error, which always says what is wrong.
fn refused((status, value): (u16, Value)) -> (u16, String) {
    assert!(value["error"].as_str().is_some_and(|what| !what.is_empty()), "{value}");
    (status, value["code"].as_str().unwrap().to_owned())
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

fn messages(name: &str) -> String {
    format!("/api/topics/{name}/messages")
}

fn values(page: &Value) -> Vec<&str> {
    page.as_array().unwrap().iter().map(|message| message["value"].as_str().unwrap()).collect()
}

fn offsets(page: &Value) -> Vec<i64> {
    page.as_array().unwrap().iter().map(|message| message["offset"].as_i64().unwrap()).collect()
}

fn topics_come_and_go(target: &Target) {
    let name = target.name("http");
    let path = format!("/api/topics/{name}");
    assert_eq!(refused(get(target, &path)), is(404, "UNKNOWN_TOPIC_OR_PARTITION"));
    let wish = json!({"name": name, "partitions": 3, "config": {"retention.ms": 60_000, "cleanup.policy": "delete", "preallocate": true}});
    assert_eq!(posted(target, "/api/topics", &wish), json!({"name": name}));
    assert_eq!(refused(post(target, "/api/topics", &wish)), is(409, "TOPIC_ALREADY_EXISTS"));
    assert_eq!(target.client().find_topic(&name, false).unwrap().name, *name);
    posted(target, &messages(&name), &json!({"value": "x", "partition": 2}));
    let topic = found(target, &path);
    assert_eq!((&topic["name"], &topic["latest_offset"], &topic["earliest_offset"]), (&json!(name), &json!(0), &json!(0)));
    assert_eq!(topic["config"], json!({"retention.ms": "60000", "cleanup.policy": "delete", "preallocate": "true"}));
    let partitions = topic["partitions"].as_array().unwrap();
    let latest: Vec<i64> = partitions.iter().map(|partition| partition["latest_offset"].as_i64().unwrap()).collect();
    assert_eq!(latest, [-1, -1, 0]);
    let created = topic["created_at"].as_str().unwrap();
    assert!(created.len() == 24 && created.starts_with("20") && created.ends_with('Z'), "{created}");

    let list = found(target, "/api/topics");
    let listed = list.as_array().unwrap().iter().find(|topic| topic["name"] == *name).unwrap();
    assert_eq!((&listed["partitions"], &listed["messages"], &listed["latest_offset"]), (&json!(3), &json!(1), &json!(0)));
    assert!(listed["bytes"].as_i64().unwrap() > 61 && listed["created_at"] == topic["created_at"]);

    let deleted = ask(target.http(), "DELETE", &path);
    assert_eq!((status(&deleted), body(&deleted)), (204, ""));
    assert_eq!(status(&ask(target.http(), "DELETE", &path)), 404);
    assert_eq!(refused(get(target, &path)), is(404, "UNKNOWN_TOPIC_OR_PARTITION"));
    assert!(target.client().find_topic(&name, false).is_err());
}

fn bad_topics(target: &Target) {
    let topics = |posted: Value| refused(post(target, "/api/topics", &posted));
    for name in ["", ".", "..", "a b", "a/b", "\u{e9}", "x\u{0}", &"x".repeat(250), &"x".repeat(10_000)] {
        assert_eq!(topics(json!({"name": name})), is(400, "INVALID_TOPIC_EXCEPTION"), "{name}");
        assert_eq!(refused(post(target, "/api/topics", &json!({"name": name, "partitions": 1}))).0, 400);
    }
    let name = target.name("never");
    for partitions in [json!(0), json!(-1), json!(i32::MIN)] {
        assert_eq!(topics(json!({"name": name, "partitions": partitions})), is(400, "INVALID_PARTITIONS"));
    }
    assert_eq!(topics(json!({"name": name, "partitions": i32::MAX})).0, 400);
    assert_eq!(topics(json!({"name": name, "config": {"no.such.config": "1"}})), is(400, "INVALID_CONFIG"));
    assert_eq!(topics(json!({"name": name, "config": {"retention.ms": "x"}})), is(400, "INVALID_CONFIG"));
    let twice = format!(r#"{{"name":"{name}","config":{{"retention.ms":"5","retention.ms":"6"}}}}"#);
    let said = send(target.http(), "POST", "/api/topics", &twice);
    assert!(status(&said) == 400 && said.contains("duplicate config `retention.ms` at line 1 column"), "{said}");
    for bad in [
        json!({}),
        json!([]),
        json!("x"),
        json!(null),
        json!({"name": 5}),
        json!({"name": null}),
        json!({"name": name, "partitions": "2"}),
        json!({"name": name, "partitions": 2_147_483_648_i64}),
        json!({"name": name, "partition": 1}),
        json!({"name": name, "config": [1]}),
        json!({"name": name, "config": {"retention.ms": [1]}}),
    ] {
        assert_eq!(topics(bad.clone()), is(400, "INVALID_REQUEST"), "{bad}");
    }
    assert_eq!(get(target, &format!("/api/topics/{name}")).0, 404, "nothing half done");
}

fn written_over_http_read_by_kafka(target: &Target) {
    let topic = target.topic(1);
    let list = json!([
        {"key": "k", "value": "v", "timestamp": 1_700_000_000_000_i64, "headers": [{"key": "h", "value": "1"}, {"key": "h", "value": null}, {"key": {"base64": "/w=="}, "value": {"base64": "AP8="}}]},
        {"key": {"base64": "/wE="}, "value": {"base64": "/wA="}},
        {"key": null, "value": null},
        {"value": ""},
        {"value": "\u{1F600} \u{0}\n\"\\"},
    ]);
    let path = messages(&topic.name);
    assert_eq!(posted(target, &path, &list), json!((0..5).map(|offset| json!({"offset": offset, "partition": 0})).collect::<Vec<_>>()));
    assert_eq!(posted(target, &path, &json!({"value": "last"})), json!({"offset": 5, "partition": 0}));
    let records = records_from(&mut target.client(), &topic, 0, 0);
    let contents: Vec<_> = records.iter().map(|record| (record.key.as_deref(), record.value.as_deref())).collect();
    type Pair<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);
    let expected: [Pair; 6] = [
        (Some(b"k"), Some(b"v")),
        (Some(b"\xff\x01"), Some(b"\xff\0")),
        (None, None),
        (None, Some(b"")),
        (None, Some("\u{1F600} \u{0}\n\"\\".as_bytes())),
        (None, Some(b"last")),
    ];
    assert_eq!(contents, expected);
    let headers = [(b"h".to_vec(), Some(b"1".to_vec())), (b"h".to_vec(), None), (b"\xff".to_vec(), Some(b"\0\xff".to_vec()))];
    assert_eq!((records[0].headers.as_slice(), records[0].timestamp), (&headers[..], 1_700_000_000_000));
    assert!(records[5].timestamp > 1_700_000_000_000, "now, where nothing is said");
    // And back as it went in.
    let page = found(target, &path);
    for (read, written) in page.as_array().unwrap().iter().zip(list.as_array().unwrap()) {
        assert_eq!((&read["key"], &read["value"]), (&written["key"], &written["value"]));
    }
    assert_eq!(page[0]["headers"], list[0]["headers"]);
}

fn written_by_kafka_read_over_http(target: &Target) {
    let topic = target.topic(2);
    let mut client = target.client();
    let codecs = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];
    for codec in codecs {
        client.append(&topic, 1, batch_of(BatchBuilder::new(codec), &["one", "two"])).unwrap();
    }
    let page = found(target, &format!("{}?partition=1", messages(&topic.name)));
    assert_eq!(values(&page), ["one", "two"].repeat(5));
    let seen: Vec<u64> = page.as_array().unwrap().iter().map(|message| message["codec"].as_u64().unwrap()).collect();
    assert_eq!(seen, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
    let first = json!({"offset": 0, "timestamp": 1000, "key": null, "value": "one", "codec": 0, "partition": 1, "headers": []});
    assert_eq!(page[0], first);
    // From inside of a compressed batch, and on.
    assert_eq!(offsets(&found(target, &format!("{}?partition=1&offset=3&limit=2", messages(&topic.name)))), [3, 4]);
}

fn pages(target: &Target) {
    let topic = target.topic_with(1, &[]);
    let mut client = target.client();
    let many: Vec<String> = (0..12_000).map(|index| format!("value {index}")).collect();
    for part in many.chunks(500) {
        let part: Vec<&str> = part.iter().map(String::as_str).collect();
        client.append(&topic, 0, batch_of(BatchBuilder::new(Codec::None), &part)).unwrap();
    }
    let path = messages(&topic.name);
    let page = |query: &str| offsets(&found(target, &format!("{path}?{query}")));
    assert_eq!(page(""), (0..100).collect::<Vec<_>>(), "100 unless more are wanted");
    assert_eq!(page("offset=-9223372036854775808&limit=1"), [0]);
    assert_eq!(page("offset=11990&limit=100"), (11_990..12_000).collect::<Vec<_>>());
    assert_eq!(page("offset=12000"), [0; 0]);
    assert_eq!(page("offset=9223372036854775807"), [0; 0]);
    assert_eq!(page("limit=0"), [0; 0]);
    for limit in ["10000", "10001", "9223372036854775807"] {
        // A page may end early while others hold the memory for it.
        let mut read = Vec::new();
        until("there is memory for a whole page", || {
            read = page(&format!("offset=1000&limit={limit}"));
            assert!(read.iter().copied().eq((1_000..).take(read.len())), "a gap");
            read.len() >= 10_000
        });
        assert_eq!(read.len(), 10_000, "never more");
    }
    for bad in [
        "offset=x",
        "limit=-1",
        "limit=1e3",
        "partition=x",
        "offset=1&timestamp=1",
        "ofset=1",
        "offset=1&offset=1",
        "timestamp=-1",
        "offset=%ff",
    ] {
        assert_eq!(refused(get(target, &format!("{path}?{bad}"))), is(400, "INVALID_REQUEST"), "{bad}");
    }
    for missing in ["partition=1", "partition=-1", "partition=2147483647", "partition=1&timestamp=5"] {
        assert_eq!(refused(get(target, &format!("{path}?{missing}"))), is(404, "UNKNOWN_TOPIC_OR_PARTITION"), "{missing}");
    }
}

fn times(target: &Target) {
    let topic = target.topic(1);
    let path = messages(&topic.name);
    for timestamp in [1_000, 3_000, 2_000] {
        posted(target, &path, &json!({"value": "x", "timestamp": timestamp}));
    }
    let from = |timestamp: i64| offsets(&found(target, &format!("{path}?timestamp={timestamp}")));
    assert_eq!((from(0), from(1_001), from(3_000)), (vec![0, 1, 2], vec![1, 2], vec![1, 2]));
    assert_eq!(from(3_001), [0; 0]);
    assert_eq!(from(i64::MAX), [0; 0]);
}

fn lists_are_all_or_nothing(target: &Target) {
    let topic = target.topic_with(3, &[("max.message.bytes", "500")]);
    let path = messages(&topic.name);
    let count = |partition: i32| target.client().offset_for(&topic, partition, -1).unwrap().offset;
    let good = |partition: i32| json!({"value": "good", "partition": partition});
    let list = json!([good(0), good(1), {"value": "x".repeat(600), "partition": 2}]);
    assert_eq!(refused(post(target, &path, &list)), is(413, "MESSAGE_TOO_LARGE"));
    assert_eq!((count(0), count(1), count(2)), (0, 0, 0));
    let compacted = target.topic_with(2, &[("cleanup.policy", "compact")]);
    let list = json!([{"key": "k", "value": "", "partition": 0}, {"key": "k", "value": "", "partition": 1}, {"value": "", "partition": 1}]);
    let (status, value) = post(target, &messages(&compacted.name), &list);
    assert_eq!((status, &value["code"]), (400, &json!("INVALID_RECORD")));
    assert!(value["error"].as_str().unwrap().starts_with("message 2: "), "{value}");
    assert_eq!(found(target, &format!("/api/topics/{}", compacted.name))["messages"], 0);
    // Together too large for a batch of this topic, one by one not.
    let written = posted(target, &path, &json!((0..50).map(|_| good(1)).collect::<Vec<_>>()));
    assert_eq!(offsets(&written), (0..50).collect::<Vec<_>>());
    assert_eq!(count(1), 50);
}

fn keys_go_where_java_puts_them(target: &Target) {
    let topic = target.topic(7);
    // Kafka's murmur2 of these, as its own test has it: -973932308, -790332482, 479470107.
    for (key, hash) in [("21", -973932308_i32), ("foobar", -790332482), ("abc", 479470107)] {
        let written = posted(target, &messages(&topic.name), &json!({"key": key, "value": "x"}));
        assert_eq!(written["partition"], (hash & 0x7fff_ffff) % 7, "{key}");
    }
    let list = posted(target, &messages(&topic.name), &json!([{"value": "a"}, {"value": "b"}, {"value": "c", "partition": 6}]));
    assert_eq!((&list[0]["partition"], &list[2]["partition"]), (&list[1]["partition"], &json!(6)), "without keys they stay together");
}

fn bad_messages(target: &Target) {
    let topic = target.topic(1);
    let path = messages(&topic.name);
    for bad in [
        json!({}),
        json!([]),
        json!([1]),
        json!({"key": "k"}),
        json!({"value": 1}),
        json!({"value": {}}),
        json!({"value": {"base64": "*"}}),
        json!({"value": "", "partition": -1}),
        json!({"value": "", "partition": "0"}),
        json!({"value": "", "timestamp": -5}),
        json!({"value": "", "timestamp": "now"}),
        json!({"value": "", "headers": {"k": "v"}}),
        json!({"value": "", "headers": [{"value": "v"}]}),
        json!({"value": "", "offset": 1}),
    ] {
        assert_eq!(refused(post(target, &path, &bad)), is(400, "INVALID_REQUEST"), "{bad}");
    }
    let answer = send(target.http(), "POST", &path, "{\"value\":\n \"x\",, }");
    assert!(status(&answer) == 400 && body(&answer).contains("line 2 column 6"), "{answer}");
    assert_eq!(status(&send(target.http(), "POST", &path, "")), 400);
    assert_eq!(refused(post(target, &path, &json!({"value": "", "partition": 1}))), is(404, "UNKNOWN_TOPIC_OR_PARTITION"));
    assert_eq!(refused(post(target, &path, &json!({"value": "", "timestamp": i64::MAX}))), is(400, "INVALID_TIMESTAMP"));
    assert_eq!(found(target, &path), json!([]));
    for name in [".", "a%20b", "a%2Fb", "%C3%A9"] {
        assert_eq!(refused(post(target, &messages(name), &json!({"value": ""}))), is(400, "INVALID_TOPIC_EXCEPTION"), "{name}");
    }
    assert_eq!(refused(post(target, &messages("__consumer_offsets"), &json!({"value": ""}))).0 / 100, 4);
    let name = target.name("unmade");
    assert_eq!(post(target, &messages(&name), &json!({"value": "", "partition": 7})).0, 404);
    assert_eq!(get(target, &format!("/api/topics/{name}")).0, 404, "not made for a message that it cannot take");
    assert_eq!(posted(target, &messages(&name), &json!({"value": "", "partition": 0})), json!({"offset": 0, "partition": 0}));
}

fn large_messages_and_lists(target: &Target) {
    let topic = target.topic(1);
    let path = messages(&topic.name);
    let large = "\u{e9}".repeat(500_000);
    posted(target, &path, &json!({"value": large}));
    assert_eq!(refused(post(target, &path, &json!({"value": "x".repeat(1_100_000)}))), is(413, "MESSAGE_TOO_LARGE"));
    let answer = send(target.http(), "POST", &path, &json!({"value": "x".repeat(2_200_000)}).to_string());
    assert_eq!(status(&answer), 413, "{}", &answer[..300]);
    let list: Vec<Value> = (0..10_000).map(|index| json!({"value": format!("{index:0>150}")})).collect();
    let written = posted(target, &path, &Value::from(list.clone()));
    assert_eq!(offsets(&written), (1..10_001).collect::<Vec<_>>());
    let one_more = [list, vec![json!({"value": ""})]].concat();
    assert_eq!(refused(post(target, &path, &Value::from(one_more))), is(400, "INVALID_REQUEST"));
    // A page ends where it has too many bytes; what is left is on the next ones.
    (0..5).for_each(|_| drop(posted(target, &path, &json!({"value": large}))));
    let (mut read, mut next, mut pages) = (0, 0, 0);
    while next < 10_006 {
        let page = found(target, &format!("{path}?limit=10000&offset={next}"));
        let page = offsets(&page);
        assert!(page.first() == Some(&next) && page.is_sorted());
        (read, next, pages) = (read + page.len(), page.last().unwrap() + 1, pages + 1);
    }
    assert_eq!(read, 10_006);
    assert!(pages > 1, "7.5 MB are no one page");
}

fn offsets_of_groups(target: &Target) {
    let topic = target.topic(2);
    let group = target.name("group");
    let path = format!("/api/groups/{group}/offsets/{}", topic.name);
    assert_eq!(refused(get(target, &format!("/api/groups/{group}"))), is(404, "GROUP_ID_NOT_FOUND"));
    assert_eq!(refused(get(target, &path)), is(404, "GROUP_ID_NOT_FOUND"));
    posted(
        target,
        &messages(&topic.name),
        &json!([{"value": "a", "partition": 1}, {"value": "b", "partition": 1}, {"value": "c", "partition": 1}]),
    );
    let commit = |path: &str, offset: Value| post(target, path, &json!({"offset": offset}));
    assert_eq!(commit(&format!("{path}?partition=1"), json!(1)), (200, json!({"offset": 1})));
    assert_eq!(found(target, &format!("{path}?partition=1")), json!({"offset": 1}));
    assert_eq!(refused(get(target, &path)), is(404, "UNKNOWN_TOPIC_OR_PARTITION"), "nothing of partition 0");
    assert_eq!(target.client().committed(&group, &topic, 1).unwrap(), 1);
    target.client().commit(&group, &topic, 0, 5).unwrap();
    assert_eq!(found(target, &path), json!({"offset": 5}));
    let described = found(target, &format!("/api/groups/{group}"));
    let expected = json!([
        {"topic": topic.name.as_str(), "partition": 0, "offset": 5, "end_offset": 0, "lag": 0, "metadata": ""},
        {"topic": topic.name.as_str(), "partition": 1, "offset": 1, "end_offset": 3, "lag": 2, "metadata": ""},
    ]);
    assert_eq!((&described["id"], &described["state"], &described["offsets"]), (&json!(group), &json!("Empty"), &expected));
    let list = found(target, "/api/groups");
    let listed = list.as_array().unwrap().iter().find(|listed| listed["id"] == *group).unwrap();
    assert_eq!(*listed, json!({"id": group, "state": "Empty", "generation": 0, "members": 0, "protocol": "", "lag": 2}));
    for bad in [json!(-1), json!("1"), json!(1.5), json!(null)] {
        assert_eq!(refused(commit(&path, bad.clone())), is(400, "INVALID_REQUEST"), "{bad}");
    }
    assert_eq!(refused(commit(&format!("{path}?partition=2"), json!(1))), is(404, "UNKNOWN_TOPIC_OR_PARTITION"));
    assert_eq!(refused(commit(&format!("/api/groups/{group}/offsets/missing"), json!(1))), is(404, "UNKNOWN_TOPIC_OR_PARTITION"));
}

fn an_active_group(target: &Target) {
    let topic = target.topic(1);
    let group = target.name("active");
    let mut member = Member::new(target, &group);
    member.join();
    let id = member.id.clone();
    member.sync(&[(&id, &[0, 0, 0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 1, 0, 0, 0, 3, 0xff, 0xff, 0xff, 0xff])]);
    let path = format!("/api/groups/{group}/offsets/{}", topic.name);
    assert_eq!(refused(post(target, &path, &json!({"offset": 0}))), is(409, "NON_EMPTY_GROUP"));
    let described = found(target, &format!("/api/groups/{group}"));
    let members = described["members"].as_array().unwrap();
    assert_eq!((described["state"].as_str(), described["generation"].as_i64(), members.len()), (Some("Stable"), Some(1), 1));
    assert_eq!((&members[0]["id"], &members[0]["assignment"]), (&json!(id.as_str()), &json!([{"topic": "t", "partitions": [3]}])));
    assert!(members[0]["host"].as_str().unwrap().contains("127.0.0.1"), "{described}");
    assert_eq!(status(&ask(target.http(), "DELETE", &format!("/api/groups/{group}"))), 409);
    member.leave();
    assert_eq!(post(target, &path, &json!({"offset": 0})).0, 200, "once nobody is in it");
    let deleted = ask(target.http(), "DELETE", &format!("/api/groups/{group}"));
    assert_eq!((status(&deleted), body(&deleted)), (204, ""));
    assert_eq!(status(&ask(target.http(), "DELETE", &format!("/api/groups/{group}"))), 404);
}

fn fetches_that_wait(target: &Target) {
    let topic = target.topic(1);
    let mine = |list: &Value| list.as_array().unwrap().iter().find(|waiting| waiting["topic"] == *topic.name.as_str()).cloned();
    let asked = Topic { name: topic.name.clone(), id: topic.id };
    let kafka = target.kafka.clone();
    let reader = std::thread::spawn(move || {
        let mut client = monolog::client::Client::connect(&kafka[..], crate::broker::PATIENCE).unwrap();
        client.set_client_id(Some("patient"));
        client.read(&asked, 0, 0, 20_000).unwrap()
    });
    let mut waiting = None;
    until("the fetch waits", || {
        waiting = mine(&found(target, "/api/pending"));
        waiting.is_some()
    });
    let waiting = waiting.unwrap();
    assert_eq!((&waiting["partition"], &waiting["offset"], &waiting["client_id"]), (&json!(0), &json!(0), &json!("patient")));
    assert!(waiting["deadline"].as_str().unwrap().ends_with('Z') && waiting["correlation_id"].is_i64(), "{waiting}");
    posted(target, &messages(&topic.name), &json!({"value": "x"}));
    assert!(!reader.join().unwrap().records.is_empty(), "woken by what came over HTTP");
    assert_eq!(mine(&found(target, "/api/pending")), None);
}

fn figures(target: &Target) {
    let topic = target.topic(1);
    let mut after = found(target, "/api/stats");
    for name in ["commits", "batches_appended", "messages", "bytes"] {
        // Others may delete theirs meanwhile, and more of it; not each time.
        let mut grows = || {
            let before = after[name].as_i64();
            posted(target, &messages(&topic.name), &json!({"value": "x"}));
            after = found(target, "/api/stats");
            after[name].as_i64() > before
        };
        assert!((0..100).any(|_| grows()), "{name}: {after}");
    }
    assert!(
        after["topics"].as_i64() >= Some(1)
            && after["memory_limit_bytes"].as_i64() > Some(0)
            && after["commit_max_ms"].as_f64() > Some(0.0)
    );
    for name in ["groups", "pending", "uptime_seconds", "memory_used_bytes", "commit_mean_ms", "commits_failed", "partitions"] {
        assert!(after[name].is_number(), "{name}");
    }
    let page = ask(target.http(), "GET", "/");
    assert!(
        status(&page) == 200 && header(&page, "content-type").unwrap().starts_with("text/html") && page.contains("/api/topics"),
        "{page}"
    );
}

fn names_are_percent_encoded(target: &Target) {
    let topic = target.topic(1);
    let encoded: String = topic.name.bytes().map(|byte| format!("%{byte:02x}")).collect();
    assert_eq!(found(target, &format!("/api/topics/{encoded}"))["name"], *topic.name.as_str());
    posted(target, &messages(&encoded), &json!({"value": "x"}));
    // Groups may be called anything.
    let group = format!("{}/\u{e9} ?#%", target.name("odd"));
    target.client().commit(&group, &topic, 0, 3).unwrap();
    let path: String = group.bytes().map(|byte| format!("%{byte:02X}")).collect();
    assert_eq!(found(target, &format!("/api/groups/{path}"))["id"], *group);
    assert_eq!(found(target, &format!("/api/groups/{path}/offsets/{encoded}")), json!({"offset": 3}));
    for path in ["/api/topics/%", "/api/topics/%zz/messages", "/api/groups/%ff", "/api/groups/a/offsets/%c3"] {
        assert_eq!(refused(get(target, path)), is(400, "INVALID_REQUEST"), "{path}");
    }
    let long = "x".repeat(10_000);
    assert_eq!(get(target, &format!("/api/topics/{long}")).0, 404);
    assert_eq!(get(target, &format!("/api/groups/{long}")).0, 404);
}

fn origins(target: &Target) {
    let topic = target.topic(1);
    let write = |origin: &str| {
        let head = format!("POST {} HTTP/1.1\r\nHost: it:80\r\nOrigin: {origin}\r\nContent-Length: 12\r\n\r\n", messages(&topic.name));
        exchange(target.http(), [head.as_bytes(), br#"{"value":""}"#].concat().as_slice())
    };
    for elsewhere in ["http://evil.example", "null", "http://it", "http://it:8080"] {
        let answer = write(elsewhere);
        assert_eq!(status(&answer), 403, "{elsewhere}: {answer}");
        assert!(!answer.to_ascii_lowercase().contains("access-control"), "{answer}");
    }
    let rebound = "POST /api/topics HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\nContent-Length: 0\r\n\r\n";
    let answer = exchange(target.http(), rebound.as_bytes());
    assert!(status(&answer) == 403 && answer.contains("security.token"), "a name that was pointed here: {answer}");
    let form = "POST /api/topics HTTP/1.1\r\nHost: it:80\r\nSec-Fetch-Site: cross-site\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(status(&exchange(target.http(), form.as_bytes())), 403);
    assert_eq!(status(&write("http://it:80")), 201);
    assert_eq!(found(target, &messages(&topic.name)).as_array().unwrap().len(), 1);
    let read = exchange(target.http(), b"GET /api/topics HTTP/1.1\r\nHost: it\r\nOrigin: http://evil.example\r\n\r\n");
    assert!(status(&read) == 200 && !read.to_ascii_lowercase().contains("access-control"), "nobody elsewhere is let at it");
}

fn bodies_and_methods(target: &Target) {
    let routes = [
        ("/api/topics", "GET, HEAD, POST, OPTIONS"),
        ("/api/topics/x", "GET, HEAD, DELETE, OPTIONS"),
        ("/api/topics/x/messages", "GET, HEAD, POST, OPTIONS"),
        ("/api/groups", "GET, HEAD, OPTIONS"),
        ("/api/groups/x", "GET, HEAD, DELETE, OPTIONS"),
        ("/api/groups/x/offsets/x", "GET, HEAD, POST, OPTIONS"),
        ("/api/pending", "GET, HEAD, OPTIONS"),
        ("/api/stats", "GET, HEAD, OPTIONS"),
        ("/", "GET, HEAD, OPTIONS"),
    ];
    for (path, allowed) in routes {
        for method in ["PUT", "PATCH", "TRACE"] {
            let answer = send(target.http(), method, path, "{}");
            assert_eq!((status(&answer), header(&answer, "allow")), (405, Some(allowed)), "{method} {path}");
            assert_eq!(parsed(&answer)["code"], "INVALID_REQUEST");
        }
        let options = ask(target.http(), "OPTIONS", path);
        assert_eq!((status(&options), header(&options, "allow")), (204, Some(allowed)));
        let (head, whole) = (ask(target.http(), "HEAD", path), ask(target.http(), "GET", path));
        assert_eq!((status(&head), body(&head)), (status(&whole), ""));
    }
    for path in ["/api", "/api/", "/api/nothing", "/api/topics/", "/api/topics/x/messages/", "/api/topics/x/nothing", "//api/topics"] {
        assert_eq!(status(&ask(target.http(), "GET", path)), 404, "{path}");
    }
}

#[test]
fn the_token_is_asked_for_and_auto_create_is_obeyed() {
    let dir = TempDir::new().unwrap();
    let mut command = serve(&dir.path().join("data"), &["-storage", "sqlite:memory"]);
    command.env("MONOLOG_AUTH_TOKEN", "s3cret").env("MONOLOG_AUTO_CREATE", "false");
    let broker = Broker::start(command).unwrap();
    let get = |path: &str, authorization: &str| {
        let answer = exchange(broker.http, format!("GET {path} HTTP/1.1\r\nHost: it\r\n{authorization}\r\n").as_bytes());
        (status(&answer), header(&answer, "www-authenticate").map(str::to_owned))
    };
    for path in ["/api/topics", "/api/nothing", "/metrics"] {
        for authorization in ["", "Authorization: Bearer other\r\n", "Authorization: Basic s3cret\r\n", "Authorization: s3cret\r\n"] {
            assert_eq!(get(path, authorization), (401, Some("Bearer".to_owned())), "{path} {authorization}");
        }
    }
    for path in ["/health", "/livez", "/readyz", "/"] {
        assert_eq!(get(path, "").0, 200, "{path}");
    }
    let token = "Authorization: Bearer s3cret\r\n";
    assert_eq!(get("/api/topics", token).0, 200);
    let write = format!("POST /api/topics/t/messages HTTP/1.1\r\nHost: it\r\n{token}Content-Length: 12\r\n\r\n{{\"value\":\"\"}}");
    let answer = exchange(broker.http, write.as_bytes());
    assert_eq!((status(&answer), &parsed(&answer)["code"]), (404, &json!("UNKNOWN_TOPIC_OR_PARTITION")));
    let ended = broker.stop();
    assert!(ended.status.code() == Some(0) && !ended.stderr.contains("s3cret") && !ended.stdout.contains("s3cret"), "{ended:?}");
}
