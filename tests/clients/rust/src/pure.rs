//! The cases of the crate rskafka, a client in Rust alone: topics, and records of a partition; it has no groups.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use rskafka::client::controller::ControllerClient;
use rskafka::client::error::{Error, ProtocolError};
use rskafka::client::partition::{Compression, OffsetAt, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder};
use rskafka::record::{Record, RecordAndOffset};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use crate::shared::{CODECS, Case, Res, Shape, Skip, compare, ensure, env, median, named, numbers, run_cases, same, shapes};

const TIMEOUT_MS: i32 = 10_000;
/// A map of names to values: a name comes once, and no value is null.
const WITHOUT: [&str; 1] = ["headers"];
const BYTES: Range<i32> = 1..10_000_000;

pub fn cases() {
    const NO_GROUPS: Case = || Err(Skip("no groups").into());
    let cases: [(&str, Case); 28] = [
        ("connect.versions", || on(connect)),
        ("topics.create", || on(create)),
        ("topics.errors", || on(errors)),
        ("topics.list", || on(list)),
        ("topics.delete", || on(delete)),
        ("topics.auto", || on(auto)),
        ("produce.default", || on(defaults)),
        ("produce.codecs", || on(codecs)),
        ("produce.acks", || Err(Skip("it always asks for all acks").into())),
        ("produce.idempotent", || Err(Skip("it has no idempotent producer").into())),
        ("keys.partitioner", || Err(Skip("no partitioner").into())),
        ("sizes.limit", || on(limit)),
        ("sizes.large", || on(large)),
        ("many.partitions", || Err(Skip("no consumer of more than one partition").into())),
        ("offsets.ends", || on(ends)),
        ("offsets.seek", || on(seek)),
        ("offsets.time", || on(time)),
        ("offsets.range", || on(range)),
        ("commits.resume", NO_GROUPS),
        ("commits.metadata", NO_GROUPS),
        ("commits.reset", NO_GROUPS),
        ("poll.idle", || on(idle)),
        ("poll.wakes", || on(wakes)),
        ("admin.configs", || Err(Skip("it has no call that describes or changes configs").into())),
        ("admin.partitions", || Err(Skip("it has no call that adds partitions").into())),
        ("admin.records", || on(records)),
        ("admin.groups", NO_GROUPS),
        ("admin.logdirs", || Err(Skip("it has no call that describes log directories").into())),
    ];
    run_cases(&cases);
}

// --- Steps --------------------------------------------------------------------------------------------------------------

fn on<F: Future<Output = Res<String>>>(case: fn() -> F) -> Res<String> {
    Runtime::new()?.block_on(case())
}

async fn client() -> Res<Client> {
    Ok(ClientBuilder::new(vec![env("BOOTSTRAP")]).build().await?)
}

async fn controller() -> Res<ControllerClient> {
    Ok(client().await?.controller_client()?)
}

async fn partition(topic: &str, index: i32) -> Res<PartitionClient> {
    Ok(client().await?.partition_client(topic, index, UnknownTopicHandling::Error).await?)
}

async fn new_topic(name: &str, partitions: i32) -> Res<String> {
    let topic = named(name);
    controller().await?.create_topic(&topic, partitions, 1, TIMEOUT_MS).await?;
    Ok(topic)
}

fn record(value: &str) -> Record {
    Record { key: None, value: Some(value.as_bytes().to_vec()), headers: BTreeMap::new(), timestamp: Utc::now() }
}

/// A new topic of one partition with these values, and its client.
async fn partition_with(name: &str, from: i64, to: i64) -> Res<PartitionClient> {
    let client = partition(&new_topic(name, 1).await?, 0).await?;
    client.produce(numbers(from, to).iter().map(|v| record(v)).collect(), Compression::NoCompression).await?;
    Ok(client)
}

/// The next so many from an offset; an idle partition ends it early.
async fn take(client: &PartitionClient, mut offset: i64, count: usize) -> Res<Vec<RecordAndOffset>> {
    let mut all = Vec::new();
    while all.len() < count {
        let (records, _) = client.fetch_records(offset, BYTES, TIMEOUT_MS).await?;
        let Some(last) = records.last() else { break };
        offset = last.offset + 1;
        all.extend(records);
    }
    Ok(all)
}

fn value(record: &RecordAndOffset) -> String {
    String::from_utf8_lossy(record.record.value.as_deref().unwrap_or_default()).into_owned()
}

async fn take_values(client: &PartitionClient, offset: i64, count: usize) -> Res<Vec<String>> {
    Ok(take(client, offset, count).await?.iter().map(value).collect())
}

fn refused<T>(want: ProtocolError, got: Result<T, Error>) -> Res<()> {
    match got {
        Err(Error::ServerError { protocol_error, .. }) => same("error", want, protocol_error),
        Err(other) => Err(format!("want {want}, got {other}").into()),
        Ok(_) => Err(format!("want {want}, got an answer without error").into()),
    }
}

async fn partitions_of(topic: &str) -> Res<Option<Vec<i32>>> {
    let topics = client().await?.list_topics().await?;
    Ok(topics.into_iter().find(|t| t.name == topic).map(|t| t.partitions.into_iter().collect()))
}

// --- Cases --------------------------------------------------------------------------------------------------------------

async fn connect() -> Res<String> {
    client().await?.list_topics().await?;
    Ok("connected -- brokers and cluster are not told".into())
}

async fn create() -> Res<String> {
    let topic = new_topic("create", 3).await?;
    // Apache Kafka lists it a little after it has said that it is made.
    let mut found = partitions_of(&topic).await?;
    for _ in 0..600 {
        if found.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        found = partitions_of(&topic).await?;
    }
    same("partitions", Some(vec![0, 1, 2]), found)?;
    Ok("3 partitions -- it shows no replicas".into())
}

async fn errors() -> Res<String> {
    let topic = new_topic("errors", 1).await?;
    let controller = controller().await?;
    refused(ProtocolError::TopicAlreadyExists, controller.create_topic(&topic, 1, 1, TIMEOUT_MS).await)?;
    refused(ProtocolError::InvalidTopicException, controller.create_topic(named("with a space"), 1, 1, TIMEOUT_MS).await)?;
    refused(ProtocolError::InvalidPartitions, controller.create_topic(named("errors-none"), 0, 1, TIMEOUT_MS).await)?;
    Ok("TopicAlreadyExists, InvalidTopic, InvalidPartitions -- no call describes a topic without making it".into())
}

async fn list() -> Res<String> {
    let topic = new_topic("list", 1).await?;
    ensure(partitions_of(&topic).await?.is_some(), || "not listed".into())?;
    Ok("listed".into())
}

async fn delete() -> Res<String> {
    let topic = new_topic("delete", 2).await?;
    let controller = controller().await?;
    controller.delete_topic(&topic, TIMEOUT_MS).await?;
    same("listed", None, partitions_of(&topic).await?)?;
    refused(ProtocolError::UnknownTopicOrPartition, controller.delete_topic(&topic, TIMEOUT_MS).await)?;
    Ok("gone; again: UnknownTopicOrPartition".into())
}

async fn auto() -> Res<String> {
    let client = client().await?.partition_client(named("auto"), 0, UnknownTopicHandling::Retry).await?;
    client.produce(vec![record("first")], Compression::default()).await?;
    same("records", vec!["first".to_string()], take_values(&client, 0, 1).await?)?;
    Ok("made by asking for its metadata".into())
}

async fn defaults() -> Res<String> {
    let client = partition(&new_topic("default", 1).await?, 0).await?;
    let now = DateTime::from_timestamp_millis(Utc::now().timestamp_millis()).ok_or("no time")?;
    let text = |name: &str, i: i64| format!("{name}{i}").into_bytes();
    let one = |i| Record {
        key: Some(text("k", i)),
        value: Some(text("v", i)),
        headers: BTreeMap::from([("h".into(), text("h", i))]),
        timestamp: now,
    };
    let sent: Vec<Record> = (0..100).map(one).collect();
    for some in sent.chunks(10) {
        client.produce(some.to_vec(), Compression::default()).await?;
    }
    let got: Vec<Record> = take(&client, 0, 100).await?.into_iter().map(|r| r.record).collect();
    same("records", sent, got)?;
    Ok("100 records in order, with key, value, header".into())
}

fn compression(codec: &str) -> Compression {
    match codec {
        "gzip" => Compression::Gzip,
        "snappy" => Compression::Snappy,
        "lz4" => Compression::Lz4,
        "zstd" => Compression::Zstd,
        _ => Compression::NoCompression,
    }
}

async fn codecs() -> Res<String> {
    for codec in CODECS {
        let client = partition(&new_topic(&format!("codec-{codec}"), 1).await?, 0).await?;
        client.produce(numbers(0, 500).iter().map(|v| record(v)).collect(), compression(codec)).await?;
        same(codec, numbers(0, 500), take_values(&client, 0, 500).await?)?;
    }
    Ok(format!("500 records each: {}", CODECS.join(" ")))
}

/// The topic is made by the matrix (../../topics.tsv): no call here sets max.message.bytes.
async fn limit() -> Res<String> {
    let client = partition(&named("limit"), 0).await?;
    // A batch of one record without key and headers is its value and 72 bytes.
    client.produce(vec![record(&"x".repeat(10_000 - 72))], Compression::NoCompression).await?;
    refused(ProtocolError::MessageTooLarge, client.produce(vec![record(&"x".repeat(10_000 - 71))], Compression::NoCompression).await)?;
    same("latest", 1, client.get_offset(OffsetAt::Latest).await?)?;
    Ok("10000 bytes taken, 10001 refused: MessageTooLarge".into())
}

async fn large() -> Res<String> {
    let client = partition(&new_topic("large", 1).await?, 0).await?;
    let value = "0123456789".repeat(90_000);
    client.produce(vec![record(&value)], Compression::default()).await?;
    ensure(take_values(&client, 0, 1).await? == [value], || "read something else".into())?;
    Ok("900000 bytes".into())
}

async fn ends() -> Res<String> {
    let topic = new_topic("ends", 2).await?;
    let (written, empty) = (partition(&topic, 0).await?, partition(&topic, 1).await?);
    written.produce(numbers(0, 5).iter().map(|v| record(v)).collect(), Compression::default()).await?;
    for (client, want) in [(&written, (0, 5)), (&empty, (0, 0))] {
        same("ends", want, (client.get_offset(OffsetAt::Earliest).await?, client.get_offset(OffsetAt::Latest).await?))?;
    }
    Ok("0 and 5, 0 and 0".into())
}

async fn seek() -> Res<String> {
    let client = partition_with("seek", 0, 100).await?;
    same("from 42", "42".to_string(), take_values(&client, 42, 1).await?.remove(0))?;
    same("from the beginning", numbers(0, 100), take_values(&client, 0, 100).await?)?;
    let (records, high) = client.fetch_records(100, BYTES, 200).await?;
    same("at the end", (0, 100), (records.len(), high))?;
    Ok("42, beginning, end".into())
}

async fn time() -> Res<String> {
    let client = partition(&new_topic("time", 1).await?, 0).await?;
    let start = Utc::now().timestamp_millis() - 60_000;
    let at = |ms: i64| DateTime::from_timestamp_millis(start + ms).unwrap_or_default();
    client.produce((0..10).map(|i| Record { timestamp: at(i * 1000), ..record("v") }).collect(), Compression::default()).await?;
    let mut found = Vec::new();
    for ms in [-5000, 3500, 7000, 60_000] {
        found.push(client.get_offset(OffsetAt::Timestamp(at(ms))).await?);
    }
    same("offsets", vec![0, 4, 7, -1], found)?;
    Ok("before all, between, exactly, after all".into())
}

async fn range() -> Res<String> {
    let client = partition_with("range", 0, 10).await?;
    refused(ProtocolError::OffsetOutOfRange, client.fetch_records(1000, BYTES, TIMEOUT_MS).await)?;
    Ok("an error -- it goes to no end by itself".into())
}

async fn idle() -> Res<String> {
    let client = partition_with("idle", 0, 1).await?;
    let mut took = Vec::new();
    for _ in 0..10 {
        let begun = Instant::now();
        ensure(client.fetch_records(1, BYTES, 200).await?.0.is_empty(), || "a record from nowhere".into())?;
        took.push(begun.elapsed().as_millis());
    }
    let median = median(took.clone());
    ensure((195..=300).contains(&median), || format!("fetches of 200 ms took {took:?}"))?;
    Ok(format!("200 ms took {median} ms"))
}

async fn wakes() -> Res<String> {
    let mut series = Vec::new();
    while series.len() < 3 {
        let late = lateness(&format!("wakes-{}", series.len())).await?;
        series.push(late);
        if series.iter().any(|late| late[17] <= 50) {
            return Ok(format!("18 of 20 within 50 ms of the ack, in series {}", series.len()));
        }
    }
    Err(format!("ms behind the ack: {series:?}").into())
}

/// By how many ms behind its ack each of 20 records is there, in order.
async fn lateness(topic: &str) -> Res<Vec<u128>> {
    let client = Arc::new(partition_with(topic, 0, 1).await?);
    let writer = partition(client.topic(), 0).await?;
    let mut late = Vec::new();
    for i in 1..=20 {
        let reader = client.clone();
        let waiting =
            tokio::spawn(
                async move { reader.fetch_records(i, BYTES, TIMEOUT_MS).await.map(|(records, _)| (records.len(), Instant::now())) },
            );
        tokio::time::sleep(Duration::from_millis(20)).await; // the fetch is in its wait
        writer.produce(vec![record("wake")], Compression::default()).await?;
        let acked = Instant::now();
        let (count, woken) = waiting.await??;
        same("records", 1, count)?;
        late.push(woken.saturating_duration_since(acked).as_millis());
    }
    late.sort_unstable();
    Ok(late)
}

async fn records() -> Res<String> {
    let client = partition_with("records", 0, 10).await?;
    client.delete_records(6, TIMEOUT_MS).await?;
    same("earliest", 6, client.get_offset(OffsetAt::Earliest).await?)?;
    same("left", numbers(6, 10), take_values(&client, 6, 4).await?)?;
    Ok("before 6".into())
}

// --- Who wrote and who reads, and the producer that goes on ----------------------------------------------------------------

fn to_send(shape: &Shape) -> Record {
    Record {
        key: shape.key.clone(),
        value: shape.value.clone(),
        headers: BTreeMap::new(),
        timestamp: DateTime::from_timestamp_millis(shape.timestamp_ms).unwrap_or_default(),
    }
}

pub fn write() -> Res<()> {
    let all = shapes()?;
    println!("WITHOUT {}", WITHOUT.join(" "));
    Runtime::new()?.block_on(async {
        for codec in CODECS {
            let client = partition(&new_topic(&format!("x-{codec}"), 1).await?, 0).await?;
            client.produce(all.iter().map(to_send).collect(), compression(codec)).await?;
            println!("WROTE {codec}");
        }
        println!("CASE cross.write ok {} records with each of {}", all.len(), CODECS.join(" "));
        Ok(())
    })
}

pub fn read() -> Res<()> {
    let runtime = Runtime::new()?;
    let shape = |r: RecordAndOffset| Shape {
        key: r.record.key,
        value: r.record.value,
        headers: vec![],
        timestamp_ms: r.record.timestamp.timestamp_millis(),
    };
    // It takes a null header for a length that it cannot have, so that it reads only what was written without one.
    let readable = |without: &[String]| without.iter().any(|w| w == "headers" || w == "null-headers");
    compare(
        readable,
        |topic, count| runtime.block_on(async { Ok(take(&partition(topic, 0).await?, 0, count).await?.into_iter().map(shape).collect()) }),
        &WITHOUT,
    )
}

pub fn produce(topic: &str, per_second: u32) -> Res<()> {
    Runtime::new()?.block_on(async {
        let client = Arc::new(partition(topic, 0).await?);
        let room = Arc::new(Semaphore::new(1000));
        let mut stop = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_second);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut value = 0_u64;
        loop {
            tokio::select! {
                _ = stop.recv() => break,
                _ = ticks.tick() => {}
            }
            let permit = room.clone().acquire_owned().await?;
            value += 1;
            let (client, number) = (client.clone(), value);
            tokio::spawn(async move {
                match client.produce(vec![record(&number.to_string())], Compression::default()).await {
                    Ok(_) => println!("acked {number}"),
                    Err(e) => println!("error {number} {e}"),
                }
                drop(permit);
            });
        }
        let _all = room.acquire_many(1000).await?;
        println!("closed");
        Ok(())
    })
}
