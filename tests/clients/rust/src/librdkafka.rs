//! The cases of the crate rdkafka, which brings a librdkafka of its own.

use std::time::{Duration, Instant};

use futures::executor::block_on;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

use crate::shared::{CODECS, Case, Res, Shape, Skip, compare, ensure, env, median, named, numbers, run_cases, same, shapes};

const WAIT: Duration = Duration::from_secs(30);

pub fn cases() {
    let cases: [(&str, Case); 28] = [
        ("connect.versions", connect),
        ("topics.create", create),
        ("topics.errors", errors),
        ("topics.list", list),
        ("topics.delete", delete),
        ("topics.auto", auto),
        ("produce.default", defaults),
        ("produce.codecs", codecs),
        ("produce.acks", acks),
        ("produce.idempotent", idempotent),
        ("keys.partitioner", partitioner),
        ("sizes.limit", limit),
        ("sizes.large", large),
        ("many.partitions", many),
        ("offsets.ends", ends),
        ("offsets.seek", seek),
        ("offsets.time", time),
        ("offsets.range", range),
        ("commits.resume", resume),
        ("commits.metadata", metadata),
        ("commits.reset", reset),
        ("poll.idle", idle),
        ("poll.wakes", wakes),
        ("admin.configs", configs),
        ("admin.partitions", partitions),
        ("admin.records", records),
        ("admin.groups", groups),
        ("admin.logdirs", || Err(Skip("its admin client has no call that describes log directories").into())),
    ];
    run_cases(&cases);
}

// --- Steps --------------------------------------------------------------------------------------------------------------

pub fn config(pairs: &[(&str, &str)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", env("BOOTSTRAP"));
    for (key, value) in pairs {
        config.set(*key, *value);
    }
    config
}

fn admin() -> Res<AdminClient<DefaultClientContext>> {
    Ok(config(&[]).create()?)
}

fn producer(pairs: &[(&str, &str)]) -> Res<FutureProducer> {
    Ok(config(pairs).create()?)
}

fn consumer(pairs: &[(&str, &str)]) -> Res<BaseConsumer> {
    let mut all = vec![("group.id", "none"), ("enable.auto.commit", "false"), ("auto.offset.reset", "earliest")];
    all.extend(pairs);
    Ok(config(&all).create()?)
}

/// The one answer of an admin call of one thing: Kafka's error is the outer one.
fn only<T, N>(answers: Vec<Result<T, (N, RDKafkaErrorCode)>>) -> Result<T, RDKafkaErrorCode> {
    answers.into_iter().next().expect("one answer").map_err(|(_, code)| code)
}

fn make(topic: &str, partitions: i32, configs: &[(&str, &str)]) -> Res<Result<String, RDKafkaErrorCode>> {
    let new = configs.iter().fold(NewTopic::new(topic, partitions, TopicReplication::Fixed(1)), |new, (k, v)| new.set(k, v));
    Ok(only(block_on(admin()?.create_topics([&new], &AdminOptions::new()))?))
}

fn new_topic(name: &str, partitions: i32, configs: &[(&str, &str)]) -> Res<String> {
    let topic = named(name);
    make(&topic, partitions, configs)??;
    Ok(topic)
}

fn remove(topic: &str) -> Res<Result<String, RDKafkaErrorCode>> {
    Ok(only(block_on(admin()?.delete_topics(&[topic], &AdminOptions::new()))?))
}

/// A new topic of one partition with these values.
fn topic_with(name: &str, from: i64, to: i64) -> Res<String> {
    let topic = new_topic(name, 1, &[])?;
    send(&producer(&[])?, &topic, 0, &numbers(from, to))?;
    Ok(topic)
}

fn send(producer: &FutureProducer, topic: &str, partition: i32, values: &[String]) -> Res<()> {
    let queue =
        |value: &String| producer.send_result(FutureRecord::<(), _>::to(topic).partition(partition).payload(value)).map_err(|(e, _)| e);
    let acks = values.iter().map(queue).collect::<Result<Vec<_>, _>>()?;
    for ack in acks {
        block_on(ack)?.map_err(|(e, _)| e)?;
    }
    Ok(())
}

fn send_one(producer: &FutureProducer, record: FutureRecord<'_, [u8], [u8]>) -> Res<Result<i64, KafkaError>> {
    let ack = producer.send_result(record).map_err(|(e, _)| e)?;
    Ok(block_on(ack)?.map(|delivery| delivery.offset).map_err(|(e, _)| e))
}

/// The next so many; fewer when nothing has come for thirty seconds.
fn take(consumer: &BaseConsumer, count: usize) -> Res<Vec<OwnedMessage>> {
    let mut messages = Vec::new();
    let mut deadline = Instant::now() + WAIT;
    while messages.len() < count && Instant::now() < deadline {
        // A rebalance ends a poll early, without a message.
        if let Some(message) = consumer.poll(Duration::from_millis(500)) {
            messages.push(message?.detach());
            deadline = Instant::now() + WAIT;
        }
    }
    Ok(messages)
}

fn value(message: &OwnedMessage) -> String {
    String::from_utf8_lossy(message.payload().unwrap_or_default()).into_owned()
}

fn take_values(consumer: &BaseConsumer, count: usize) -> Res<Vec<String>> {
    Ok(take(consumer, count)?.iter().map(value).collect())
}

fn at(topic: &str, partition: i32, offset: Offset) -> Res<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, offset)?;
    Ok(list)
}

/// All records of partition 0.
fn read_all(topic: &str) -> Res<Vec<OwnedMessage>> {
    let consumer = consumer(&[])?;
    let (low, high) = consumer.fetch_watermarks(topic, 0, WAIT)?;
    consumer.assign(&at(topic, 0, Offset::Beginning)?)?;
    take(&consumer, (high - low) as usize)
}

fn read_values(topic: &str) -> Res<Vec<String>> {
    Ok(read_all(topic)?.iter().map(value).collect())
}

/// A topic's partitions with the count of their replicas; Kafka's error where it has one. By a consumer: another client that asks
/// for a topic's metadata has the topic made.
fn describe(topic: &str) -> Res<Result<Vec<(i32, usize)>, RDKafkaErrorCode>> {
    let metadata = consumer(&[])?.fetch_metadata(Some(topic), WAIT)?;
    let topic = &metadata.topics()[0];
    match topic.error() {
        Some(error) => Ok(Err(error.into())),
        None => Ok(Ok(topic.partitions().iter().map(|p| (p.id(), p.replicas().len())).collect())),
    }
}

fn topics() -> Res<Vec<String>> {
    let metadata = admin()?.inner().fetch_metadata(None, WAIT)?;
    Ok(metadata.topics().iter().map(|topic| topic.name().to_string()).collect())
}

// --- Topics -------------------------------------------------------------------------------------------------------------

fn connect() -> Res<String> {
    let admin = admin()?;
    same("brokers", 1, admin.inner().fetch_metadata(None, WAIT)?.brokers().len())?;
    let cluster = admin.inner().fetch_cluster_id(WAIT).ok_or("no cluster id")?;
    Ok(format!("one broker, cluster {cluster}"))
}

fn create() -> Res<String> {
    let topic = new_topic("create", 3, &[])?;
    same("partitions and replicas", vec![(0, 1), (1, 1), (2, 1)], describe(&topic)??)?;
    Ok("3 partitions, one replica each".into())
}

fn errors() -> Res<String> {
    let topic = new_topic("errors", 1, &[])?;
    same("again", Err(RDKafkaErrorCode::TopicAlreadyExists), make(&topic, 1, &[])?)?;
    same("a space", Err(RDKafkaErrorCode::InvalidTopic), make(&named("with a space"), 1, &[])?)?;
    same("no partition", Err(RDKafkaErrorCode::InvalidPartitions), make(&named("errors-none"), 0, &[])?)?;
    same("described", Err(RDKafkaErrorCode::UnknownTopicOrPartition), describe(&named("errors-not-there"))?)?;
    Ok("TopicAlreadyExists, InvalidTopic, InvalidPartitions, UnknownTopicOrPartition".into())
}

fn list() -> Res<String> {
    let topic = new_topic("list", 1, &[])?;
    ensure(topics()?.contains(&topic), || "not listed".into())?;
    Ok("listed".into())
}

fn delete() -> Res<String> {
    let topic = new_topic("delete", 2, &[])?;
    remove(&topic)??;
    ensure(!topics()?.contains(&topic), || "still listed".into())?;
    same("again", Err(RDKafkaErrorCode::UnknownTopicOrPartition), remove(&topic)?)?;
    Ok("gone; again: UnknownTopicOrPartition".into())
}

fn auto() -> Res<String> {
    let topic = named("auto");
    send_one(&producer(&[])?, FutureRecord::to(&topic).payload(b"first"))??;
    same("records", vec!["first".to_string()], read_values(&topic)?)?;
    Ok("made by the first record".into())
}

// --- Producing ----------------------------------------------------------------------------------------------------------

fn shape(message: &OwnedMessage) -> Shape {
    let header = |h: Header<'_, &[u8]>| (h.key.to_string(), h.value.map(<[u8]>::to_vec));
    Shape {
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: message.headers().map(|headers| headers.iter().map(header).collect()).unwrap_or_default(),
        timestamp_ms: message.timestamp().to_millis().unwrap_or_default(),
    }
}

/// Queues all, in order, into partition 0 and waits for the acks; without timestamps the client has its own.
fn send_shapes(producer: &FutureProducer, topic: &str, shapes: &[Shape], timed: bool) -> Res<()> {
    let mut acks = Vec::new();
    for shape in shapes {
        let headers = shape.headers.iter().fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: value.as_ref() }));
        let mut record = FutureRecord::<[u8], [u8]>::to(topic).partition(0).headers(headers);
        record.key = shape.key.as_deref();
        record.payload = shape.value.as_deref();
        record.timestamp = timed.then_some(shape.timestamp_ms);
        acks.push(producer.send_result(record).map_err(|(e, _)| e)?);
    }
    for ack in acks {
        block_on(ack)?.map_err(|(e, _)| e)?;
    }
    Ok(())
}

fn defaults() -> Res<String> {
    let topic = new_topic("default", 1, &[])?;
    let text = |name: &str, i: i64| Some(format!("{name}{i}").into_bytes());
    let sent: Vec<Shape> = (0..100)
        .map(|i| Shape { key: text("k", i), value: text("v", i), headers: vec![("h".into(), text("h", i))], timestamp_ms: 0 })
        .collect();
    send_shapes(&producer(&[])?, &topic, &sent, false)?;
    let got: Vec<Shape> = read_all(&topic)?.iter().map(|m| Shape { timestamp_ms: 0, ..shape(m) }).collect();
    same("records", sent, got)?;
    Ok("100 records in order, with key, value, header".into())
}

fn codecs() -> Res<String> {
    for codec in CODECS {
        let topic = new_topic(&format!("codec-{codec}"), 1, &[])?;
        send(&producer(&[("compression.type", codec)])?, &topic, 0, &numbers(0, 500))?;
        same(codec, numbers(0, 500), read_values(&topic)?)?;
    }
    Ok(format!("500 records each: {}", CODECS.join(" ")))
}

fn acks() -> Res<String> {
    let topic = new_topic("acks", 1, &[])?;
    let mut told = Vec::new();
    for acks in ["0", "1", "all"] {
        let producer = producer(&[("acks", acks)])?;
        told.push(send_one(&producer, FutureRecord::to(&topic).partition(0).payload(format!("acks {acks}").as_bytes()))??);
        producer.flush(WAIT)?;
    }
    same("offsets told of 1 and all", &[1, 2][..], &told[1..])?;
    let got: Vec<String> = read_all(&topic)?.iter().map(|m| format!("{} {}", m.offset(), value(m))).collect();
    same("records", vec!["0 acks 0".into(), "1 acks 1".into(), "2 acks all".into()], got)?;
    Ok("0, 1, all".into())
}

fn idempotent() -> Res<String> {
    let topic = new_topic("idempotent", 3, &[])?;
    let producer = producer(&[("enable.idempotence", "true"), ("batch.num.messages", "50")])?;
    let mut acks = Vec::new();
    for i in 0..1000 {
        acks.push(producer.send_result(FutureRecord::<(), _>::to(&topic).partition(i % 3).payload(&i.to_string())).map_err(|(e, _)| e)?);
    }
    for ack in acks {
        block_on(ack)?.map_err(|(e, _)| e)?;
    }
    let consumer = consumer(&[])?;
    let mut list = TopicPartitionList::new();
    (0..3).try_for_each(|p| list.add_partition_offset(&topic, p, Offset::Beginning))?;
    consumer.assign(&list)?;
    let messages = take(&consumer, 1000)?;
    same("records", 1000, messages.len())?;
    for m in &messages {
        same("value", (m.offset() * 3 + i64::from(m.partition())).to_string(), value(m))?;
    }
    Ok("1000 over 3 partitions, once and in order".into())
}

fn partitioner() -> Res<String> {
    let topic = new_topic("keys", 7, &[])?;
    let producer = producer(&[("partitioner", "murmur2_random")])?;
    let keys = std::fs::read_to_string(env("KEYS"))?;
    let mut count = 0;
    for (key, partition) in keys.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t')) {
        let ack = producer.send_result(FutureRecord::to(&topic).key(key).payload("v")).map_err(|(e, _)| e)?;
        same(key, partition.parse()?, block_on(ack)?.map_err(|(e, _)| e)?.partition)?;
        count += 1;
    }
    Ok(format!("{count} keys"))
}

/// A batch of one record without key is 72 bytes and the value, for values of this size.
fn limit() -> Res<String> {
    let topic = new_topic("limit", 1, &[("max.message.bytes", "10000")])?;
    let producer = producer(&[])?;
    send_one(&producer, FutureRecord::to(&topic).partition(0).payload(&[0; 10_000 - 72]))??;
    match send_one(&producer, FutureRecord::to(&topic).partition(0).payload(&[0; 10_000 - 71]))? {
        Err(KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge)) => {}
        other => return Err(format!("10001 bytes: {other:?}").into()),
    }
    same("records stored", (0, 1), consumer(&[])?.fetch_watermarks(&topic, 0, WAIT)?)?;
    Ok("10000 bytes taken, 10001 refused: MessageSizeTooLarge".into())
}

fn large() -> Res<String> {
    let topic = new_topic("large", 1, &[])?;
    let value = "0123456789".repeat(90_000);
    send_one(&producer(&[])?, FutureRecord::to(&topic).payload(value.as_bytes()))??;
    ensure(read_values(&topic)? == [value], || "read something else".into())?;
    Ok("900000 bytes".into())
}

fn many() -> Res<String> {
    let topic = new_topic("many", 1000, &[])?;
    let producer = producer(&[])?;
    for i in 0..10 {
        send(&producer, &topic, i * 111, &[format!("v{i}")])?;
    }
    let group = named("many");
    let consumer = consumer(&[("group.id", &group)])?;
    consumer.subscribe(&[&topic])?;
    let mut got: Vec<(i32, i64, String)> = take(&consumer, 10)?.iter().map(|m| (m.partition(), m.offset(), value(m))).collect();
    got.sort();
    same("records", (0..10).map(|i| (i * 111, 0, format!("v{i}"))).collect(), got)?;
    same("partitions", 1000, consumer.assignment()?.count())?;
    Ok("ten records of 1000 partitions".into())
}

// --- Consuming ----------------------------------------------------------------------------------------------------------

fn ends() -> Res<String> {
    let topic = new_topic("ends", 2, &[])?;
    send(&producer(&[])?, &topic, 0, &numbers(0, 5))?;
    let consumer = consumer(&[])?;
    same("low and high of 0", (0, 5), consumer.fetch_watermarks(&topic, 0, WAIT)?)?;
    same("low and high of 1", (0, 0), consumer.fetch_watermarks(&topic, 1, WAIT)?)?;
    Ok("0 and 5, 0 and 0".into())
}

fn seek() -> Res<String> {
    let topic = topic_with("seek", 0, 100)?;
    let consumer = consumer(&[])?;
    consumer.assign(&at(&topic, 0, Offset::Beginning)?)?;
    take(&consumer, 1)?;
    consumer.seek(&topic, 0, Offset::Offset(42), WAIT)?;
    same("from 42", vec!["42".to_string()], take_values(&consumer, 1)?)?;
    consumer.seek(&topic, 0, Offset::Beginning, WAIT)?;
    same("from the beginning", numbers(0, 100), take_values(&consumer, 100)?)?;
    consumer.seek(&topic, 0, Offset::End, WAIT)?;
    ensure(consumer.poll(Duration::from_millis(500)).is_none(), || "a record behind the end".into())?;
    Ok("42, beginning, end".into())
}

fn time() -> Res<String> {
    let topic = new_topic("time", 1, &[])?;
    let start = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis() as i64 - 60_000;
    let sent: Vec<Shape> =
        (0..10).map(|i| Shape { key: None, value: Some(b"v".to_vec()), headers: vec![], timestamp_ms: start + i * 1000 }).collect();
    send_shapes(&producer(&[])?, &topic, &sent, true)?;
    let consumer = consumer(&[])?;
    let mut found = Vec::new();
    for time in [start - 5000, start + 3500, start + 7000, start + 60_000] {
        let list = consumer.offsets_for_times(at(&topic, 0, Offset::Offset(time))?, WAIT)?;
        found.push(list.elements()[0].offset());
    }
    same("offsets", vec![Offset::Offset(0), Offset::Offset(4), Offset::Offset(7), Offset::End], found)?;
    Ok("before all, between, exactly, after all".into())
}

fn range() -> Res<String> {
    let topic = topic_with("range", 0, 10)?;
    let from_1000 = |reset| -> Res<BaseConsumer> {
        let consumer = consumer(&[("auto.offset.reset", reset)])?;
        consumer.assign(&at(&topic, 0, Offset::Offset(1000))?)?;
        Ok(consumer)
    };
    same("earliest", numbers(0, 10), take_values(&from_1000("earliest")?, 10)?)?;
    let latest = from_1000("latest")?;
    ensure(latest.poll(Duration::from_secs(1)).is_none(), || "latest: a record from nowhere".into())?;
    send(&producer(&[])?, &topic, 0, &["new".to_string()])?;
    same("latest", vec!["new".to_string()], take_values(&latest, 1)?)?;
    match from_1000("error")?.poll(WAIT) {
        Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset))) => {
            Ok("earliest, latest, error: AutoOffsetReset".into())
        }
        other => Err(format!("error: {other:?}").into()),
    }
}

fn resume() -> Res<String> {
    let (topic, group) = (topic_with("resume", 0, 20)?, named("resume"));
    {
        let first = consumer(&[("group.id", &group)])?;
        first.subscribe(&[&topic])?;
        same("first", numbers(0, 10), take_values(&first, 10)?)?;
        first.commit(&at(&topic, 0, Offset::Offset(10))?, CommitMode::Sync)?;
    }
    let second = consumer(&[("group.id", &group)])?;
    second.subscribe(&[&topic])?;
    same("second", numbers(10, 20), take_values(&second, 10)?)?;
    Ok("0 to 9, then 10 to 19".into())
}

/// Set back by a consumer that is no member, once the group is empty.
fn reset() -> Res<String> {
    let (topic, group) = (topic_with("reset", 0, 10)?, named("reset"));
    {
        let first = consumer(&[("group.id", &group)])?;
        first.subscribe(&[&topic])?;
        same("first", numbers(0, 10), take_values(&first, 10)?)?;
        first.commit(&at(&topic, 0, Offset::Offset(10))?, CommitMode::Sync)?;
    }
    consumer(&[("group.id", &group)])?.commit(&at(&topic, 0, Offset::Offset(4))?, CommitMode::Sync)?;
    let second = consumer(&[("group.id", &group)])?;
    second.subscribe(&[&topic])?;
    same("after the reset", numbers(4, 10), take_values(&second, 6)?)?;
    Ok("set back from 10 to 4 -- its admin client has no call for it: a consumer that is no member commits it".into())
}

fn metadata() -> Res<String> {
    let (topic, group) = (topic_with("metadata", 0, 10)?, named("metadata"));
    let consumer = consumer(&[("group.id", &group)])?;
    let list = at(&topic, 0, Offset::Offset(7))?;
    list.find_partition(&topic, 0).ok_or("no partition")?.set_metadata("seven, with a note ü");
    consumer.commit(&list, CommitMode::Sync)?;
    let committed = consumer.committed_offsets(at(&topic, 0, Offset::Invalid)?, WAIT)?;
    let partition = &committed.elements()[0];
    same("committed", (Offset::Offset(7), "seven, with a note ü"), (partition.offset(), partition.metadata()))?;
    Ok("7 with its note".into())
}

fn idle() -> Res<String> {
    let topic = topic_with("idle", 0, 1)?;
    let consumer = consumer(&[])?;
    consumer.assign(&at(&topic, 0, Offset::End)?)?;
    let mut took = Vec::new();
    for _ in 0..10 {
        let begun = Instant::now();
        ensure(consumer.poll(Duration::from_millis(200)).is_none(), || "a record from nowhere".into())?;
        took.push(begun.elapsed().as_millis());
    }
    let median = median(took.clone());
    ensure((195..=300).contains(&median), || format!("polls of 200 ms took {took:?}"))?;
    Ok(format!("200 ms took {median} ms"))
}

fn wakes() -> Res<String> {
    let mut series = Vec::new();
    while series.len() < 3 {
        let late = lateness(&topic_with(&format!("wakes-{}", series.len()), 0, 1)?)?;
        series.push(late);
        if series.iter().any(|late| late[17] <= 50) {
            return Ok(format!("18 of 20 within 50 ms of the ack, in series {}", series.len()));
        }
    }
    Err(format!("ms behind the ack: {series:?}").into())
}

/// By how many ms behind its ack each of 20 records is there, in order.
fn lateness(topic: &str) -> Res<Vec<u128>> {
    let consumer = consumer(&[])?;
    consumer.assign(&at(topic, 0, Offset::Beginning)?)?;
    take(&consumer, 1)?;
    let polling = std::thread::spawn(move || -> Res<Vec<Instant>> {
        (0..20)
            .map(|_| take(&consumer, 1).and_then(|got| if got.is_empty() { Err("nothing came".into()) } else { Ok(Instant::now()) }))
            .collect()
    });
    let producer = producer(&[])?;
    let mut acked = Vec::new();
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(20)); // the fetch before this one is back in its wait
        send(&producer, topic, 0, &["wake".to_string()])?;
        acked.push(Instant::now());
    }
    let woken = polling.join().map_err(|_| "the poll panicked")??;
    let mut late: Vec<u128> = woken.iter().zip(&acked).map(|(w, a)| w.saturating_duration_since(*a).as_millis()).collect();
    late.sort_unstable();
    same("records", 20, late.len())?;
    Ok(late)
}

// --- Admin --------------------------------------------------------------------------------------------------------------

fn retention(topic: &str) -> Res<Option<String>> {
    let answer = block_on(admin()?.describe_configs([&ResourceSpecifier::Topic(topic)], &AdminOptions::new()))?;
    let resource = answer.into_iter().next().ok_or("no answer")??;
    Ok(resource.get("retention.ms").ok_or("no retention.ms")?.value.clone())
}

/// AlterConfigs replaces all of a topic's own configs.
fn alter(config: AlterConfig<'_>) -> Res<()> {
    only(block_on(admin()?.alter_configs([&config], &AdminOptions::new()))?)?;
    Ok(())
}

fn configs() -> Res<String> {
    let topic = new_topic("configs", 1, &[])?;
    let before = retention(&topic)?;
    alter(AlterConfig::new(ResourceSpecifier::Topic(&topic)).set("retention.ms", "123456"))?;
    same("changed", Some("123456".to_string()), retention(&topic)?)?;
    alter(AlterConfig::new(ResourceSpecifier::Topic(&topic)))?;
    same("taken back", before, retention(&topic)?)?;
    Ok("retention.ms read, changed, taken back".into())
}

fn partitions() -> Res<String> {
    let topic = new_topic("partitions", 2, &[])?;
    let grow =
        |count| -> Res<_> { Ok(only(block_on(admin()?.create_partitions([&NewPartitions::new(&topic, count)], &AdminOptions::new()))?)) };
    grow(5)??;
    same("partitions", 5, describe(&topic)??.len())?;
    same("fewer", Err(RDKafkaErrorCode::InvalidPartitions), grow(3)?)?;
    Ok("2 to 5; 3: InvalidPartitions".into())
}

fn records() -> Res<String> {
    let topic = topic_with("records", 0, 10)?;
    block_on(admin()?.delete_records(&at(&topic, 0, Offset::Offset(6))?, &AdminOptions::new()))?;
    same("low and high", (6, 10), consumer(&[])?.fetch_watermarks(&topic, 0, WAIT)?)?;
    same("left", numbers(6, 10), read_values(&topic)?)?;
    Ok("before 6".into())
}

/// State and count of the members of a group.
fn group_state(group: &str) -> Res<(String, usize)> {
    let list = admin()?.inner().fetch_group_list(Some(group), WAIT)?;
    let found = list.groups().first().ok_or("no such group")?;
    Ok((found.state().to_string(), found.members().len()))
}

fn remove_group(group: &str) -> Res<Result<String, RDKafkaErrorCode>> {
    Ok(only(block_on(admin()?.delete_groups(&[group], &AdminOptions::new()))?))
}

fn groups() -> Res<String> {
    let (topic, group) = (topic_with("groups", 0, 1)?, named("groups"));
    {
        let member = consumer(&[("group.id", &group)])?;
        member.subscribe(&[&topic])?;
        same("records", 1, take(&member, 1)?.len())?;
        let list = admin()?.inner().fetch_group_list(None, WAIT)?;
        ensure(list.groups().iter().any(|g| g.name() == group), || "not listed".into())?;
        same("described", ("Stable".to_string(), 1), group_state(&group)?)?;
        same("deleted with a member", Err(RDKafkaErrorCode::NonEmptyGroup), remove_group(&group)?)?;
    }
    same("described when empty", ("Empty".to_string(), 0), group_state(&group)?)?;
    remove_group(&group)??;
    same("deleted again", Err(RDKafkaErrorCode::GroupIdNotFound), remove_group(&group)?)?;
    Ok("Stable with one member, Empty, deleted; again: GroupIdNotFound -- its assignment comes as bytes that are not read".into())
}

// --- Who wrote and who reads --------------------------------------------------------------------------------------------

pub fn write() -> Res<()> {
    let all = shapes()?;
    for codec in CODECS {
        let topic = new_topic(&format!("x-{codec}"), 1, &[])?;
        send_shapes(&producer(&[("compression.type", codec)])?, &topic, &all, true)?;
        println!("WROTE {codec}");
    }
    println!("CASE cross.write ok {} records with each of {}", all.len(), CODECS.join(" "));
    Ok(())
}

pub fn read() -> Res<()> {
    compare(|_| true, |topic, _| Ok(read_all(topic)?.iter().map(shape).collect()), &[])
}
