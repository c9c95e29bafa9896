//! What settings do: each is set to something else than its default, and the broker behaves accordingly. Those of `server`,
//! `storage` and `logging` are in `cli` and `service`.

use crate::broker::{Broker, Ended, PATIENCE, monolog, run, serve};
use crate::member::Member;
use crate::settings_files::write;
use crate::target::{Target, batch, one, until, values};
use bytes::Bytes;
use monolog::client::{Client, ClientError, Topic, append_request};
use monolog::wire::batch_builder::BatchBuilder;
use monolog::wire::compress::Codec;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::Request;
use monolog::wire::message::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use monolog::wire::message::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource};
use monolog::wire::message::metadata::MetadataRequest;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

const HOUR_MS: i64 = 3_600_000;

/// A broker with this file of settings.
fn start(dir: &TempDir, yaml: &str) -> (Broker, Client) {
    let file = write(dir.path(), yaml);
    let broker = Broker::start(serve(&dir.path().join("data"), &["-config", file.to_str().unwrap()])).unwrap();
    let client = Client::connect(broker.kafka, PATIENCE).unwrap();
    (broker, client)
}

/// A config of the broker as clients see it: value and source (4: set at start, 5: default).
fn broker_config(client: &mut Client, key: &str) -> (String, i8) {
    let resources =
        vec![DescribeConfigsResource { resource_type: 4, resource_name: "1".into(), configuration_keys: Some(vec![key.into()]) }];
    let answer = client.describe_configs(DescribeConfigsRequest { resources, ..DescribeConfigsRequest::default() }).unwrap();
    let config = one(one(answer.results).configs.to_vec());
    (config.value.unwrap().as_str().to_string(), config.config_source)
}

fn partitions(client: &mut Client, name: &str) -> usize {
    let answer = client.metadata(MetadataRequest { topics: None, ..MetadataRequest::default() }).unwrap();
    answer.topics.iter().find(|topic| topic.name.as_deref() == Some(name)).map_or(0, |topic| topic.partitions.len())
}

fn code(refused: Result<Topic, ClientError>) -> ErrorCode {
    match refused {
        Err(ClientError::Refused(code, _)) => code,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn default_partitions() {
    let dir = TempDir::new().unwrap();
    let broker = Broker::start(serve(&dir.path().join("data"), &["-default-partitions", "3"])).unwrap();
    let mut client = Client::connect(broker.kafka, PATIENCE).unwrap();
    client.create_topic("asked", -1, &[]).unwrap();
    client.find_topic("by-itself", true).unwrap();
    client.create_topic("numbered", 2, &[]).unwrap();
    assert_eq!(["asked", "by-itself", "numbered"].map(|name| partitions(&mut client, name)), [3, 3, 2]);
    assert_eq!(broker_config(&mut client, "num.partitions"), ("3".to_string(), 4));
    broker.kill();
}

#[test]
fn topics_are_made_at_start() {
    let dir = TempDir::new().unwrap();
    let begin = |list: &str| {
        let mut command = serve(&dir.path().join("data"), &["-default-partitions", "2"]);
        command.env("MONOLOG_CREATE_TOPICS", list);
        Broker::start(command)
    };
    let broker = begin("plain; three:3 ;kept:1:retention.ms=-1,cleanup.policy='compact,delete'").unwrap();
    let mut client = Client::connect(broker.kafka, PATIENCE).unwrap();
    assert_eq!(["plain", "three", "kept"].map(|name| partitions(&mut client, name)), [2, 3, 1]);
    let resource = |keys: &[&str]| DescribeConfigsResource {
        resource_type: 2,
        resource_name: "kept".into(),
        configuration_keys: Some(keys.iter().map(|&key| key.into()).collect()),
    };
    let request = DescribeConfigsRequest { resources: vec![resource(&["cleanup.policy", "retention.ms"])], ..Default::default() };
    let mut configs: Vec<_> = one(client.describe_configs(request).unwrap().results)
        .configs
        .iter()
        .map(|config| (config.name.clone(), config.value.clone()))
        .collect();
    configs.sort();
    assert_eq!(configs, [("cleanup.policy".into(), Some("compact,delete".into())), ("retention.ms".into(), Some("-1".into()))]);
    let topic = client.find_topic("three", false).unwrap();
    client.append(&topic, 0, batch(&["x"])).unwrap();
    broker.kill();

    // What is there stays as it is, and was there after a crash: it is on disk before anybody is served.
    let broker = begin("three:5;new").unwrap();
    let mut client = Client::connect(broker.kafka, PATIENCE).unwrap();
    assert_eq!(["plain", "three", "new"].map(|name| partitions(&mut client, name)), [2, 3, 2]);
    assert_eq!(values(&mut client, &topic, 0), ["x"]);
    let ended = broker.stop();
    assert!(ended.stderr.contains("topic three is there with 3 partitions and not 5"), "{}", ended.stderr);

    let Err(Ended { status, stderr, .. }) = begin("late;t.hree:1;t_hree:1") else { panic!("names collide") };
    assert_eq!(status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("t_hree") && stderr.contains("topics.create"), "{stderr}");
    // What the limits do not allow is found before anything is made, and by config check as well.
    let file = write(dir.path(), "limits:\n  max_topics: 2\n  max_partitions: 9\n");
    let flags = ["-config", file.to_str().unwrap(), "-default-partitions", "2"];
    for (list, word) in
        [("early;two;late", "limits.max_topics"), ("early:9;late", "limits.max_partitions"), ("late:10000", "from 1 to 9999")]
    {
        let mut start = serve(&dir.path().join("data"), &flags);
        start.env("MONOLOG_CREATE_TOPICS", list);
        let Err(Ended { status, stderr, .. }) = Broker::start(start) else { panic!("{list} is beyond the limits") };
        assert_eq!(status.code(), Some(2), "{stderr}");
        let mut check = monolog(&["config", "check"]);
        check.args(flags).env("MONOLOG_CREATE_TOPICS", list);
        let checked = run(check);
        assert_eq!(checked.status.code(), Some(2), "{checked:?}");
        for said in [stderr, checked.stderr] {
            assert!(["MONOLOG_CREATE_TOPICS", "late", word].iter().all(|word| said.contains(word)), "{list}: {said}");
        }
    }
    // The directory was let go.
    assert_eq!(begin("").unwrap().stop().status.code(), Some(0));
}

#[test]
fn topics_of_a_file() {
    let dir = TempDir::new().unwrap();
    let (broker, mut client) = start(&dir, "topics:\n  create:\n    - one\n    - two:4\n");
    assert_eq!(["one", "two"].map(|name| partitions(&mut client, name)), [1, 4]);
    broker.kill();
}

#[test]
fn max_connections() {
    let dir = TempDir::new().unwrap();
    let (broker, mut first) = start(&dir, "limits:\n  max_connections: 2\n");
    let mut second = Client::connect(broker.kafka, PATIENCE).unwrap();
    first.negotiate().unwrap();
    second.negotiate().unwrap();
    // It connects, but nobody serves it before another one goes.
    let mut third = Client::connect(broker.kafka, Duration::from_millis(300)).unwrap();
    assert!(matches!(third.negotiate(), Err(ClientError::TimedOut)), "a third connection is served");
    let mut third = Client::connect(broker.kafka, PATIENCE).unwrap();
    drop((first, second));
    third.negotiate().unwrap();
    broker.kill();
}

#[test]
fn max_message_size() {
    let dir = TempDir::new().unwrap();
    let (broker, mut client) = start(&dir, "limits:\n  max_message_size: 2000\n");
    assert_eq!(broker_config(&mut client, "message.max.bytes"), ("2000".to_string(), 4));
    let (usual, own) =
        (client.create_topic("usual", 1, &[]).unwrap(), client.create_topic("own", 1, &[("max.message.bytes", "5000")]).unwrap());
    let (small, large) = ("x".repeat(1_000), "x".repeat(3_000));
    let mut send = |topic: &Topic, value: &str| client.append(topic, 0, batch(&[value])).unwrap().error_code;
    assert_eq!([send(&usual, &small), send(&usual, &large)], [ErrorCode::NONE, ErrorCode::MESSAGE_TOO_LARGE]);
    assert_eq!(send(&own, &large), ErrorCode::NONE);
    broker.kill();
}

/// Bytes of records in one fetch answer, of ten batches of 1,000 bytes.
fn fetched(client: &mut Client) -> usize {
    let topic = client.create_topic("t", 1, &[]).unwrap();
    for _ in 0..10 {
        client.append(&topic, 0, batch(&["x".repeat(930).as_str()])).unwrap();
    }
    client.read(&topic, 0, 0, 0).unwrap().records.len()
}

#[test]
fn max_fetch_bytes() {
    let (dir, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (broker, mut client) = start(&dir, "limits:\n  max_fetch_bytes: 2500\n");
    let (unbound, mut unbound_client) = start(&other, "");
    assert_eq!(broker_config(&mut client, "fetch.max.bytes"), ("2500".to_string(), 4));
    let (bound, all) = (fetched(&mut client), fetched(&mut unbound_client));
    assert!((1_000..=2_500).contains(&bound) && all > 9_000, "{bound} and {all} bytes");
    broker.kill();
    unbound.kill();
}

/// No answer takes more than half of it, whatever it may take otherwise.
#[test]
fn memory() {
    let dir = TempDir::new().unwrap();
    let broker = Broker::start(serve(&dir.path().join("data"), &["-memory", "4MiB"])).unwrap();
    let mut client = Client::connect(broker.kafka, PATIENCE).unwrap();
    assert_eq!(broker_config(&mut client, "fetch.max.bytes"), ((2 << 20).to_string(), 4));
    let ended = broker.stop();
    assert!(ended.stderr.contains("half of limits.memory"), "{}", ended.stderr);
}

#[test]
fn max_topics_and_partitions() {
    let dir = TempDir::new().unwrap();
    let (broker, mut client) = start(&dir, "limits:\n  max_topics: 2\n  max_partitions: 5\n");
    client.create_topic("a", 3, &[]).unwrap();
    assert_eq!(code(client.create_topic("b", 3, &[])), ErrorCode::POLICY_VIOLATION);
    client.create_topic("b", 1, &[]).unwrap();
    assert_eq!(code(client.create_topic("c", 1, &[])), ErrorCode::POLICY_VIOLATION);
    assert_ne!(client.find_topic("c", true).err().map(|error| error.to_string()), None, "nor by itself");
    // Internal ones are not counted.
    client.create_topic("__consumer_offsets", 1, &[]).unwrap();
    broker.kill();
}

#[test]
fn max_request_size() {
    let dir = TempDir::new().unwrap();
    let (broker, mut client) = start(&dir, "limits:\n  max_request_size: 1050000\n");
    assert_eq!(broker_config(&mut client, "socket.request.max.bytes"), ("1050000".to_string(), 4));
    let topic = client.create_topic("t", 1, &[("max.message.bytes", "10000000")]).unwrap();
    assert_eq!(client.append(&topic, 0, batch(&["x".repeat(1_000_000).as_str()])).unwrap().error_code, ErrorCode::NONE);
    let large = Request::Produce(append_request(&topic, 0, batch(&["x".repeat(1_060_000).as_str()]), -1));
    // The connection ends before the request is read; sending may fail already.
    assert!(client.call(&large).is_err());
    let mut client = Client::connect(broker.kafka, PATIENCE).unwrap();
    assert_eq!(client.offset_for(&topic, 0, -1).unwrap().offset, 1);
    broker.kill();
}

fn now(value: &str) -> Bytes {
    aged_batch(value, 0)
}

fn aged_batch(value: &str, age_ms: i64) -> Bytes {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let mut builder = BatchBuilder::new(Codec::None);
    builder.push(now_ms - age_ms, None, Some(value.as_bytes()), &[]);
    builder.build().unwrap()
}

/// A topic with one record of this age.
fn aged(client: &mut Client, name: &str, age_ms: i64, configs: &[(&str, &str)]) -> Topic {
    let topic = client.create_topic(name, 1, configs).unwrap();
    assert_eq!(client.append(&topic, 0, aged_batch("x", age_ms)).unwrap().error_code, ErrorCode::NONE);
    topic
}

fn until_gone(client: &mut Client, topic: &Topic) {
    until(&format!("{} is empty", topic.name), || client.offset_for(topic, 0, -2).unwrap().offset == 1);
}

#[test]
fn retention_by_age() {
    let dir = TempDir::new().unwrap();
    let (broker, mut client) = start(&dir, "retention:\n  max_age: 1h\n  check_interval: 100ms\n");
    assert_eq!(broker_config(&mut client, "log.retention.ms"), (HOUR_MS.to_string(), 4));
    assert_eq!(broker_config(&mut client, "log.retention.check.interval.ms"), ("100".to_string(), 4));
    let kept = aged(&mut client, "kept", 2 * HOUR_MS, &[("retention.ms", "-1")]);
    let young = aged(&mut client, "young", HOUR_MS / 2, &[]);
    let old = aged(&mut client, "old", 2 * HOUR_MS, &[]);
    until_gone(&mut client, &old);
    assert_eq!((values(&mut client, &kept, 0).len(), values(&mut client, &young, 0).len()), (1, 1));
    broker.kill();
}

#[test]
fn retention_can_be_off() {
    for yaml in ["retention:\n  enabled: false\n  check_interval: 100ms\n", "retention:\n  max_age: unlimited\n  check_interval: 100ms\n"] {
        let dir = TempDir::new().unwrap();
        let (broker, mut client) = start(&dir, yaml);
        assert_eq!(broker_config(&mut client, "log.retention.ms"), ("-1".to_string(), 4));
        let old = aged(&mut client, "old", 1_000 * HOUR_MS, &[]);
        let own = aged(&mut client, "own", 1_000 * HOUR_MS, &[("retention.ms", "1000")]);
        until_gone(&mut client, &own);
        assert_eq!(values(&mut client, &old, 0), ["x"]);
        broker.kill();
    }
}

#[test]
fn retention_by_size() {
    let dir = TempDir::new().unwrap();
    let (broker, mut client) = start(&dir, "retention:\n  max_bytes: 64KiB\n");
    assert_eq!(broker_config(&mut client, "log.retention.bytes"), ("65536".to_string(), 4));
    let (bound, own) =
        (client.create_topic("bound", 1, &[]).unwrap(), client.create_topic("own", 1, &[("retention.bytes", "-1")]).unwrap());
    for topic in [&own, &bound] {
        for _ in 0..10 {
            client.append(topic, 0, now(&"x".repeat(20_000))).unwrap();
        }
    }
    until("three of ten batches of 20,000 bytes are left", || client.offset_for(&bound, 0, -2).unwrap().offset == 6);
    assert_eq!(client.offset_for(&own, 0, -2).unwrap().offset, 0);
    broker.kill();
    let (broker, mut client) = start(&dir, "retention:\n  max_bytes: 64KiB\n  enabled: false\n");
    assert_eq!(broker_config(&mut client, "log.retention.bytes"), ("-1".to_string(), 5));
    broker.kill();
}

#[test]
fn initial_rebalance_delay() {
    let dir = TempDir::new().unwrap();
    let (broker, mut client) = start(&dir, "groups:\n  initial_rebalance_delay: 2s\n");
    assert_eq!(broker_config(&mut client, "group.initial.rebalance.delay.ms"), ("2000".to_string(), 4));
    let target = Target::elsewhere(&broker.kafka.to_string());
    let (mut first, mut second) = (Member::new(&target, "g"), Member::new(&target, "g"));
    first.send_join();
    second.send_join();
    // Without the delay the first one would have been generation 1 alone.
    let generations = [first.joined().generation_id, second.joined().generation_id];
    assert_eq!(generations, [1, 1]);
    broker.kill();
}

#[test]
fn security_that_cannot_be_is_refused() {
    for (yaml, words) in [
        ("security:\n  enabled: true\n", "line 2 (security.enabled)"),
        ("security:\n  enabled: true\n  token: \"\"\n", "security.token"),
        ("security:\n  tls:\n    enabled: true\n", "line 3 (security.tls.enabled)"),
        ("security:\n  tls:\n    enabled: true\n    cert_file: a.pem\n    key_file: b.pem\n", "no TLS"),
    ] {
        let dir = TempDir::new().unwrap();
        let file = write(dir.path(), yaml);
        let Err(ended) = Broker::start(serve(&dir.path().join("data"), &["-config", file.to_str().unwrap()])) else {
            panic!("it serves with {yaml}")
        };
        assert_eq!(ended.status.code(), Some(2), "{yaml}");
        assert!(ended.stderr.contains(words) && ended.stderr.lines().count() == 1, "{yaml}: {}", ended.stderr);
    }
}

/// The forerunner synced whatever this said, and so it goes on.
#[test]
fn sync_writes_false_syncs_all_the_same() {
    let dir = TempDir::new().unwrap();
    let (broker, mut client) = start(&dir, "storage:\n  sync_writes: false\n");
    let topic = client.create_topic("t", 1, &[]).unwrap();
    client.append(&topic, 0, batch(&["kept"])).unwrap();
    broker.kill();
    let (broker, mut client) = start(&dir, "storage:\n  sync_writes: false\n");
    assert_eq!(values(&mut client, &topic, 0), ["kept"]);
    assert!(broker.stop().stderr.contains("storage.sync_writes"));
}

/// With the default nothing would go back while this test waits.
#[test]
fn gc_interval() {
    let dir = TempDir::new().unwrap();
    let (broker, mut client) = start(&dir, "storage:\n  gc_interval: 100ms\n");
    let size = || std::fs::metadata(dir.path().join("data/monolog.db")).unwrap().len();
    let topic = client.create_topic("t", 1, &[]).unwrap();
    for _ in 0..24 {
        client.append(&topic, 0, now(&"x".repeat(1_000_000))).unwrap();
    }
    until("most of it is in the file", || size() > 8_000_000);
    let named = DeleteTopicState { name: Some("t".into()), ..DeleteTopicState::default() };
    client.delete_topics(DeleteTopicsRequest { topics: vec![named], timeout_ms: 30_000, ..DeleteTopicsRequest::default() }).unwrap();
    until("the file is small again", || size() < 2_000_000);
    assert_eq!(broker.stop().status.code(), Some(0));
}

#[test]
fn reactors() {
    let dir = TempDir::new().unwrap();
    let broker = Broker::start(serve(&dir.path().join("data"), &["-reactors", "3"])).unwrap();
    let reactors = || {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", broker.pid())).unwrap();
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
        names.filter(|name| name.starts_with("reactor-")).count()
    };
    // A thread names itself when it first runs.
    until("there are three", || reactors() == 3);
    broker.kill();
}
