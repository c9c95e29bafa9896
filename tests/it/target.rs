//! What the cases run against: one broker, and the few things that every case needs to talk to it.

use crate::broker::{Broker, PATIENCE, serve};
use bytes::Bytes;
use monolog::base::ids::Uuid;
use monolog::client::{Client, FetchedRecord, Topic, fetched_records};
use monolog::wire::api_key::ApiKey;
use monolog::wire::batch::batch_crc;
use monolog::wire::batch_builder::BatchBuilder;
use monolog::wire::compress::Codec;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::find_coordinator::FindCoordinatorRequest;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The broker under test.
pub struct Target {
    /// Where Kafka clients connect.
    pub kafka: String,
    ours: Option<(Broker, TempDir)>,
    names: AtomicU32,
}

/// One thing that must hold of a broker.
pub struct Case {
    /// Module and function.
    pub name: &'static str,
    /// Panics where it does not hold.
    pub run: fn(&Target),
    /// It is about monolog, not about any Kafka broker.
    pub ours: bool,
}

/// Lists the cases of a module: those that hold for Apache Kafka as well, and those of monolog alone.
macro_rules! cases {
    (kafka: $($shared:ident),* $(,)?; ours: $($own:ident),* $(,)?) => {
        /// The cases of this module.
        pub const CASES: &[crate::target::Case] = &[
            $(crate::target::Case { name: concat!(module_path!(), "::", stringify!($shared)), run: $shared, ours: false },)*
            $(crate::target::Case { name: concat!(module_path!(), "::", stringify!($own)), run: $own, ours: true },)*
        ];
    };
}
pub(crate) use cases;

impl Target {
    /// A new monolog.
    pub fn start(storage: &str, reactors: u32) -> Target {
        Target::with(&["-storage", storage, "-reactors", &reactors.to_string()])
    }

    /// A new monolog with these flags.
    pub fn with(flags: &[&str]) -> Target {
        let dir = TempDir::new().unwrap();
        let broker = Broker::start(serve(&dir.path().join("data"), flags)).unwrap_or_else(|ended| panic!("no broker: {ended:?}"));
        Target { kafka: broker.kafka.to_string(), ours: Some((broker, dir)), names: AtomicU32::new(0) }
    }

    /// A broker that runs already, which need not be ours.
    pub fn elsewhere(kafka: &str) -> Target {
        // Apart from what earlier runs have left there.
        let names = AtomicU32::new(std::process::id().wrapping_mul(1_000));
        Target { kafka: kafka.to_string(), ours: None, names }
    }

    /// Waits until Apache Kafka coordinates groups: it makes a topic of its own for that when it is first asked who does.
    pub fn await_coordinators(&self) {
        let mut client = self.client();
        client.pin(ApiKey::OffsetFetch, 9);
        let topic = Topic { name: "none".into(), id: Uuid::ZERO };
        for index in 0..100 {
            let group = format!("warm-{index}");
            until("the group has a coordinator", || {
                let coordinator_keys = vec![group.as_str().into()];
                let answer = client.find_coordinator(FindCoordinatorRequest { coordinator_keys, ..Default::default() }).unwrap();
                answer.coordinators.iter().all(|it| it.error_code == ErrorCode::NONE)
            });
            until("the group is coordinated", || client.committed(&group, &topic, 0).is_ok());
        }
    }

    /// The process under test.
    pub fn broker(&self) -> &Broker {
        &self.ours.as_ref().expect("only cases of monolog ask").0
    }

    /// Where HTTP is served.
    pub fn http(&self) -> SocketAddr {
        self.broker().http
    }

    /// Stops it in order, which must succeed.
    pub fn stop(self) {
        if let Some((broker, _dir)) = self.ours {
            let ended = broker.stop();
            assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
            assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        }
    }

    /// A connection that uses the newest versions.
    pub fn client(&self) -> Client {
        Client::connect(&self.kafka[..], PATIENCE).unwrap()
    }

    /// A name that nothing else here has.
    pub fn name(&self, stem: &str) -> String {
        format!("{stem}-{}", self.names.fetch_add(1, Ordering::Relaxed))
    }

    /// A new topic.
    pub fn topic(&self, partitions: i32) -> Topic {
        self.topic_with(partitions, &[])
    }

    /// A new topic with these configs.
    pub fn topic_with(&self, partitions: i32, configs: &[(&str, &str)]) -> Topic {
        let mut client = self.client();
        let topic = client.create_topic(&self.name("topic"), partitions, configs).unwrap();
        self.settle(&topic, partitions);
        topic
    }

    /// Waits until Apache Kafka serves a topic that it has created. Monolog's answer to CreateTopics means that it does.
    pub fn settle(&self, topic: &Topic, partitions: i32) {
        if self.ours.is_none() {
            let mut client = self.client();
            for partition in 0..partitions {
                until("the new topic is served", || {
                    client.offset_for(topic, partition, -1).is_ok_and(|found| found.error_code == ErrorCode::NONE)
                        && client.read(topic, partition, 0, 0).is_ok_and(|found| found.error_code == ErrorCode::NONE)
                });
            }
        }
    }
}

/// Waits for something that happens by itself.
#[expect(clippy::disallowed_methods, reason = "another process does not tell when it happens")]
pub fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !happened() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A batch of records without keys, with timestamps 1000, 1001, ...
pub fn batch(values: &[&str]) -> Bytes {
    batch_of(BatchBuilder::new(Codec::None), values)
}

/// The same in a batch that was begun elsewhere.
pub fn batch_of(mut builder: BatchBuilder, values: &[&str]) -> Bytes {
    for (index, value) in values.iter().enumerate() {
        builder.push(1_000 + index as i64, None, Some(value.as_bytes()), &[]);
    }
    builder.build().unwrap()
}

/// The same of an idempotent producer.
pub fn numbered(producer: (i64, i16), base_sequence: i32, values: &[&str]) -> Bytes {
    batch_of(BatchBuilder::new(Codec::None).producer(producer.0, producer.1, base_sequence), values)
}

/// A batch with other bytes at a place, and the CRC that fits them.
pub fn patched(batch: &Bytes, at: usize, bytes: &[u8]) -> Bytes {
    let mut batch = batch.to_vec();
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    let crc = batch_crc(&batch);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch.into()
}

/// All records of a partition, from an offset to its high watermark.
pub fn records_from(client: &mut Client, topic: &Topic, partition: i32, mut offset: i64) -> Vec<FetchedRecord> {
    let mut found = Vec::new();
    loop {
        let answer = client.read(topic, partition, offset, 0).unwrap();
        assert_eq!(answer.error_code, ErrorCode::NONE);
        let records = fetched_records(&answer.records, offset).unwrap();
        let Some(last) = records.last() else {
            assert_eq!(offset, answer.high_watermark, "nothing is read below the high watermark");
            return found;
        };
        offset = last.offset + 1;
        found.extend(records);
    }
}

/// The values of a partition, and a proof that its offsets are 0, 1, 2, ...
pub fn values(client: &mut Client, topic: &Topic, partition: i32) -> Vec<String> {
    let records = records_from(client, topic, partition, 0);
    assert!(records.iter().map(|record| record.offset).eq(0..records.len() as i64), "a gap in the offsets");
    records.into_iter().map(|record| String::from_utf8(record.value.unwrap_or_default()).unwrap()).collect()
}

/// The one element of a list that must have one.
pub fn one<T>(list: Vec<T>) -> T {
    let [it]: [T; 1] = list.try_into().unwrap_or_else(|list: Vec<T>| panic!("{} elements, not one", list.len()));
    it
}
