//! The programs that the matrix starts, stops and kills, by the crate rdkafka: a member of a group, and a producer that goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance};
use rdkafka::message::{BorrowedMessage, DeliveryResult, Message};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};

use crate::librdkafka::config;
use crate::shared::Res;

const MAX_UNACKED: usize = 1000;

fn asked_to_stop() -> Res<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGTERM, stop.clone())?;
    Ok(stop)
}

struct Told;

fn sorted(list: &TopicPartitionList) -> String {
    let mut names: Vec<(i32, String)> =
        list.elements().iter().map(|p| (p.partition(), format!(" {}-{}", p.topic(), p.partition()))).collect();
    names.sort();
    names.into_iter().map(|(_, name)| name).collect()
}

impl ClientContext for Told {}

impl ConsumerContext for Told {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(taken) = rebalance
            && taken.count() > 0
        {
            println!("revoked{}", sorted(taken));
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(_) => println!("assigned{}", consumer.assignment().map(|owned| sorted(&owned)).unwrap_or_default()),
            Rebalance::Revoke(_) => {}
            Rebalance::Error(e) => println!("error {e}"),
        }
    }
}

pub fn member(group: &str, topic: &str, options: &[&str]) -> Res<()> {
    let stop = asked_to_stop()?;
    let mut config = config(&[("group.id", group), ("auto.offset.reset", "earliest"), ("enable.auto.commit", "false")]);
    for option in options {
        match option.split_once('=') {
            Some(("session", ms)) => config.set("session.timeout.ms", ms),
            Some(("instance", id)) => config.set("group.instance.id", id),
            Some(("assignor", "cooperative")) => config.set("partition.assignment.strategy", "cooperative-sticky"),
            Some(("assignor", name)) => config.set("partition.assignment.strategy", name),
            _ => return Err(format!("no option {option}").into()),
        };
    }
    let consumer: BaseConsumer<Told> = config.create_with_context(Told)?;
    consumer.subscribe(&[topic])?;
    while !stop.load(Ordering::Relaxed) {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => handed(&consumer, &message)?,
            Some(Err(e)) => println!("error {e}"),
            None => {}
        }
    }
    drop(consumer); // it leaves the group
    println!("closed");
    Ok(())
}

fn handed(consumer: &BaseConsumer<Told>, message: &BorrowedMessage<'_>) -> Res<()> {
    let (partition, next) = (message.partition(), message.offset() + 1);
    println!("record {partition} {} {}", message.offset(), String::from_utf8_lossy(message.payload().unwrap_or_default()));
    println!("committing {partition} {next}");
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(message.topic(), partition, Offset::Offset(next))?;
    match consumer.commit(&offsets, CommitMode::Sync) {
        Ok(()) => println!("committed {partition} {next}"),
        Err(e) => println!("error {e}"),
    }
    Ok(())
}

/// Says what became of each value, which is its opaque.
struct Acks {
    unacked: Arc<AtomicUsize>,
}

impl ClientContext for Acks {}

impl ProducerContext for Acks {
    type DeliveryOpaque = Box<u64>;

    fn delivery(&self, result: &DeliveryResult<'_>, value: Self::DeliveryOpaque) {
        self.unacked.fetch_sub(1, Ordering::Relaxed);
        match result {
            Ok(_) => println!("acked {value}"),
            Err((e, _)) => println!("error {value} {e}"),
        }
    }
}

pub fn produce(topic: &str, per_second: u32) -> Res<()> {
    let stop = asked_to_stop()?;
    let unacked = Arc::new(AtomicUsize::new(0));
    let producer: ThreadedProducer<Acks> = config(&[]).create_with_context(Acks { unacked: unacked.clone() })?;
    let pause = Duration::from_secs(1) / per_second;
    let (mut value, mut due) = (0, Instant::now());
    while !stop.load(Ordering::Relaxed) {
        if unacked.load(Ordering::Relaxed) >= MAX_UNACKED {
            std::thread::sleep(Duration::from_millis(10));
            due = Instant::now(); // what could not be sent is not made up for
            continue;
        }
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        due += pause;
        value += 1;
        unacked.fetch_add(1, Ordering::Relaxed);
        let text = value.to_string();
        let record = BaseRecord::<(), _, _>::with_opaque_to(topic, Box::new(value)).payload(&text);
        producer.send(record).map_err(|(e, _)| e)?;
    }
    producer.flush(Duration::from_secs(300))?;
    println!("closed");
    Ok(())
}
