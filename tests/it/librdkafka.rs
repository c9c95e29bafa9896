//! The broker under a real client library, librdkafka: producers with every codec, idempotent ones, groups, administration.

use crate::target::{Target, cases, until};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

cases! {
    kafka: every_codec_arrives, an_idempotent_producer, two_consumers_share_and_hand_over, committed_offsets_are_resumed, cooperative_consumers_share,
        topics_are_administered, offsets_by_time_and_watermarks;
    ours:
}

const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(30);

fn config(target: &Target) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &target.kafka);
    config
}

/// Keeps what became of every record.
#[derive(Clone, Default)]
struct Deliveries(Arc<Mutex<Vec<Result<i64, String>>>>);

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let outcome = result.as_ref().map(|message| message.offset()).map_err(|(error, _)| error.to_string());
        self.0.lock().unwrap().push(outcome);
    }
}

/// Sends these to partition 0, and gives their offsets.
fn produce(target: &Target, topic: &str, settings: &[(&str, &str)], values: &[String]) -> Vec<i64> {
    let mut config = config(target);
    settings.iter().for_each(|(name, value)| {
        config.set(*name, *value);
    });
    let deliveries = Deliveries::default();
    let producer: BaseProducer<Deliveries> = config.create_with_context(deliveries.clone()).unwrap();
    for value in values {
        let headers = OwnedHeaders::new().insert(Header { key: "h", value: Some("v") });
        producer.send(BaseRecord::to(topic).partition(0).key(value).payload(value).headers(headers)).map_err(|(error, _)| error).unwrap();
        producer.poll(Duration::ZERO);
    }
    producer.flush(LONG).unwrap();
    let outcomes = deliveries.0.lock().unwrap();
    outcomes.iter().map(|outcome| outcome.clone().unwrap()).collect()
}

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("value {index}")).collect()
}

fn consumer(target: &Target, settings: &[(&str, &str)]) -> BaseConsumer {
    let mut config = config(target);
    config.set("auto.offset.reset", "earliest").set("enable.auto.commit", "false");
    settings.iter().for_each(|(name, value)| {
        config.set(*name, *value);
    });
    config.create().unwrap()
}

/// Takes so many records: partition, offset, value.
fn take(consumer: &BaseConsumer, count: usize) -> Vec<(i32, i64, String)> {
    let mut found = Vec::new();
    until("the records arrive", || {
        if let Some(message) = consumer.poll(SHORT) {
            let message = message.unwrap();
            assert_eq!(message.headers().unwrap().get(0).key, "h");
            found.push((message.partition(), message.offset(), String::from_utf8(message.payload().unwrap().to_vec()).unwrap()));
        }
        found.len() >= count
    });
    found
}

fn every_codec_arrives(target: &Target) {
    let topic = target.topic(1);
    let values = numbers(200);
    let mut next = 0;
    for codec in ["none", "gzip", "snappy", "lz4"] {
        let offsets = produce(target, &topic.name, &[("compression.codec", codec), ("linger.ms", "20")], &values);
        assert_eq!(offsets, (next..next + 200).collect::<Vec<_>>(), "{codec}");
        next += 200;
    }
    let reader = consumer(target, &[("group.id", &target.name("group")), ("check.crcs", "true")]);
    let mut all = TopicPartitionList::new();
    all.add_partition_offset(&topic.name, 0, Offset::Beginning).unwrap();
    reader.assign(&all).unwrap();
    for (index, (partition, offset, value)) in take(&reader, 800).into_iter().enumerate() {
        assert_eq!((partition, offset, &value), (0, index as i64, &values[index % 200]));
    }
}

fn an_idempotent_producer(target: &Target) {
    let topic = target.topic(1);
    let settings = [("enable.idempotence", "true"), ("batch.num.messages", "7"), ("max.in.flight.requests.per.connection", "5")];
    for round in 0..2 {
        assert_eq!(produce(target, &topic.name, &settings, &numbers(500)), (round * 500..round * 500 + 500).collect::<Vec<_>>());
    }
}

/// Polls both until their assignments are these many partitions of the four.
fn settle(consumers: &[(&BaseConsumer, usize)]) {
    until("the group is settled", || {
        for (consumer, _) in consumers {
            if let Some(message) = consumer.poll(SHORT) {
                panic!("a record in an empty topic: {message:?}");
            }
        }
        consumers.iter().all(|(consumer, count)| consumer.assignment().unwrap().count() == *count)
    });
}

fn share(target: &Target, strategy: &str) {
    let (topic, group) = (target.topic(4), target.name("group"));
    let settings = [("group.id", &group[..]), ("partition.assignment.strategy", strategy)];
    let (first, second) = (consumer(target, &settings), consumer(target, &settings));
    first.subscribe(&[&topic.name]).unwrap();
    settle(&[(&first, 4)]);
    second.subscribe(&[&topic.name]).unwrap();
    settle(&[(&first, 2), (&second, 2)]);
    let owned = |consumer: &BaseConsumer| consumer.assignment().unwrap().elements().iter().map(|it| it.partition()).collect::<Vec<_>>();
    let mut all = [owned(&first), owned(&second)].concat();
    all.sort();
    assert_eq!(all, [0, 1, 2, 3]);
    // It leaves in order; the other takes over.
    drop(second);
    settle(&[(&first, 4)]);
}

fn two_consumers_share_and_hand_over(target: &Target) {
    share(target, "range");
}

fn cooperative_consumers_share(target: &Target) {
    share(target, "cooperative-sticky");
}

fn committed_offsets_are_resumed(target: &Target) {
    let (topic, group) = (target.topic(1), target.name("group"));
    produce(target, &topic.name, &[], &numbers(100));
    for from in [0, 30, 60] {
        let reader = consumer(target, &[("group.id", &group)]);
        reader.subscribe(&[&topic.name]).unwrap();
        let found = take(&reader, 1);
        assert_eq!(found[0].1, from, "resumes where it committed");
        let mut next = TopicPartitionList::new();
        next.add_partition_offset(&topic.name, 0, Offset::Offset(from + 30)).unwrap();
        reader.commit(&next, CommitMode::Sync).unwrap();
        let committed = reader.committed(LONG).unwrap();
        assert_eq!(committed.find_partition(&topic.name, 0).unwrap().offset(), Offset::Offset(from + 30));
    }
}

fn topics_are_administered(target: &Target) {
    let admin: AdminClient<DefaultClientContext> = config(target).create().unwrap();
    let name = target.name("admin");
    let new = NewTopic::new(&name, 3, TopicReplication::Fixed(1)).set("retention.ms", "60000");
    let options = AdminOptions::new().operation_timeout(Some(LONG));
    let created = block_on(admin.create_topics([&new], &options)).unwrap();
    assert_eq!(created, [Ok(name.clone())]);
    let again = block_on(admin.create_topics([&new], &options)).unwrap();
    assert_eq!(again, [Err((name.clone(), RDKafkaErrorCode::TopicAlreadyExists))]);
    until("the topic is described", || {
        let metadata = admin.inner().fetch_metadata(Some(&name), LONG).unwrap();
        metadata.topics()[0].partitions().len() == 3
    });
    let deleted = block_on(admin.delete_topics(&[&name], &options)).unwrap();
    assert_eq!(deleted, [Ok(name.clone())]);
}

fn offsets_by_time_and_watermarks(target: &Target) {
    let topic = target.topic(1);
    let producer: BaseProducer = config(target).create().unwrap();
    for index in 0..10i64 {
        let payload = index.to_string();
        producer
            .send(BaseRecord::<(), _>::to(&topic.name).payload(&payload).timestamp(1_000 + index * 10))
            .map_err(|(error, _)| error)
            .unwrap();
    }
    producer.flush(LONG).unwrap();
    let reader = consumer(target, &[("group.id", &target.name("group"))]);
    assert_eq!(reader.fetch_watermarks(&topic.name, 0, LONG).unwrap(), (0, 10));
    let ask = |time: i64| {
        let asked = BTreeMap::from([(topic.name.as_str(), time)]);
        let mut list = TopicPartitionList::new();
        asked.iter().for_each(|(name, time)| list.add_partition_offset(name, 0, Offset::Offset(*time)).unwrap());
        reader.offsets_for_times(list, LONG).unwrap().elements()[0].offset()
    };
    assert_eq!((ask(0), ask(1_041), ask(5_000)), (Offset::Offset(0), Offset::Offset(5), Offset::End));
}

/// Runs one future to its end on this thread.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}
