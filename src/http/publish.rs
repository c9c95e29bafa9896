//! `POST /api/topics/{t}/messages`: one message or a list of them, appended by Produce in one commit. Called by `routes`.

use super::desk::Desk;
use super::input::{Message, Object, Posted, from_json};
use super::partitioner::partition_of;
use super::reply::Reply;
use super::site::Site;
use super::topics::{missing, odd, refusal};
use crate::base::budget::Budget;
use crate::base::text::Text;
use crate::wire::batch::CheckedBatch;
use crate::wire::batch_builder::{BatchBuilder, HeaderPair};
use crate::wire::compress::Codec;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::metadata::{MetadataRequest, MetadataRequestTopic};
use crate::wire::message::produce::{PartitionProduceData, PartitionProduceResponse, ProduceRequest, TopicProduceData};
use crate::wire::message::{Request, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

const PRODUCE_VERSION: i16 = 12;
/// Batches of this size are tried, and when the topic takes no such large ones, smaller ones, in the end of one message each.
const BATCH_BYTES: [usize; 3] = [512 * 1024, 32 * 1024, 0];

/// Some messages for one partition, and their places in what was posted.
struct Bundle {
    partition: i32,
    builder: BatchBuilder,
    places: Vec<usize>,
}

/// Appends what is posted, all of it or nothing, and answers when it is on disk.
pub fn write(site: &Site, desk: &mut Desk, topic: &str, body: &[u8]) -> Result<Reply, Reply> {
    let (messages, is_list) = match from_json(body)? {
        Posted::One(message) => (vec![message], false),
        Posted::Many(messages) => (messages, true),
    };
    check(&messages)?;
    let count = partitions_of(site, desk, topic, &messages)?;
    let partitions = assign(site, &messages, count);
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(0));
    let mut written = Err(odd());
    for bytes in BATCH_BYTES {
        let bundles = pack(&messages, &partitions, now_ms, bytes);
        let is_split = bundles.len() == messages.len();
        written = append(desk, topic, &bundles, site.share.whole(), messages.len());
        let is_too_large = written.as_ref().is_err_and(|reply| reply.status == 413);
        if !is_too_large || is_split {
            break;
        }
    }
    let offsets = written?;
    let rows = partitions.iter().zip(offsets).map(|(partition, offset)| json!({"offset": offset, "partition": partition}));
    let mut rows: Vec<Value> = rows.collect();
    match rows.pop() {
        Some(only) if !is_list => Ok(Reply::json(201, &only)),
        last => Ok(Reply::json(201, &rows.into_iter().chain(last).collect())),
    }
}

/// What is wrong with them, whatever the topic.
fn check(messages: &[Message]) -> Result<(), Reply> {
    if messages.is_empty() {
        return Err(Reply::bad("the list is empty"));
    }
    for (index, message) in messages.iter().enumerate() {
        if let Some(timestamp) = message.timestamp.filter(|timestamp| *timestamp < 0) {
            return Err(Reply::bad(format!("message {index}: timestamp {timestamp} is below 0")));
        }
        if let Some(partition) = message.partition.filter(|partition| *partition < 0) {
            return Err(Reply::bad(format!("message {index}: partition {partition} is below 0")));
        }
    }
    Ok(())
}

/// How many partitions the topic has, all that are named among them. A topic that is missing is made, where that is allowed.
fn partitions_of(site: &Site, desk: &mut Desk, topic: &str, messages: &[Message]) -> Result<i32, Reply> {
    let greatest = messages.iter().filter_map(|message| message.partition).max().unwrap_or(0);
    let lacks = |count: i32| {
        let what = format!("{topic} has {count} partitions, and there is no partition {greatest}");
        if greatest < count { Ok(count) } else { Err(Reply::kafka(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, what)) }
    };
    let count = match find(desk, topic, false)? {
        Ok(count) => count,
        Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => {
            // Nothing is made for a message that the new topic could not take.
            lacks(site.default_partitions)?;
            find(desk, topic, true)?.map_err(|code| match code {
                ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => missing(topic),
                code => refusal(code, None, topic),
            })?
        }
        Err(code) => return Err(refusal(code, None, topic)),
    };
    lacks(count)
}

fn find(desk: &mut Desk, topic: &str, create: bool) -> Result<Result<i32, ErrorCode>, Reply> {
    let asked = MetadataRequestTopic { name: Some(Text::from(topic)), ..MetadataRequestTopic::default() };
    let request = MetadataRequest { topics: Some(vec![asked]), allow_auto_topic_creation: create, ..MetadataRequest::default() };
    let Response::Metadata(response) = desk.ask(12, Request::Metadata(request))? else { return Err(odd()) };
    let found = response.topics.into_iter().next().ok_or_else(odd)?;
    let count = i32::try_from(found.partitions.len()).unwrap_or(i32::MAX);
    Ok(if found.error_code.is_error() { Err(found.error_code) } else { Ok(count) })
}

/// Where each goes: where it says, by its key, or all together anywhere.
fn assign(site: &Site, messages: &[Message], count: i32) -> Vec<i32> {
    let anywhere = i32::try_from(site.turn() % u32::try_from(count).unwrap_or(1).max(1)).unwrap_or(0);
    let place = |message: &Message| match (message.partition, &message.key.0) {
        (Some(partition), _) => partition,
        (None, Some(key)) => partition_of(key, count),
        (None, None) => anywhere,
    };
    messages.iter().map(place).collect()
}

/// Batches of up to so many bytes, or of one message.
fn pack(messages: &[Message], partitions: &[i32], now_ms: i64, bytes_max: usize) -> Vec<Bundle> {
    let mut bundles: Vec<Bundle> = Vec::new();
    let mut open: BTreeMap<i32, usize> = BTreeMap::new();
    for (place, (message, partition)) in messages.iter().zip(partitions).enumerate() {
        let size = message.value.0.as_ref().map_or(0, Vec::len) + message.key.0.as_ref().map_or(0, Vec::len);
        let last = open.get(partition).and_then(|index| bundles.get(*index));
        if last.is_none_or(|bundle| bundle.builder.size() + size > bytes_max) {
            open.insert(*partition, bundles.len());
            bundles.push(Bundle { partition: *partition, builder: BatchBuilder::new(Codec::None), places: Vec::new() });
        }
        let Some(bundle) = open.get(partition).and_then(|index| bundles.get_mut(*index)) else { continue };
        let headers: Vec<HeaderPair> = message.headers.iter().map(|Object(header)| (&header.key[..], header.value.0.as_deref())).collect();
        bundle.builder.push(message.timestamp.unwrap_or(now_ms), message.key.0.as_deref(), message.value.0.as_deref(), &headers);
        bundle.places.push(place);
    }
    bundles
}

/// Appends them; gives back the offset of each message.
fn append(desk: &mut Desk, topic: &str, bundles: &[Bundle], budget: &Budget, count: usize) -> Result<Vec<i64>, Reply> {
    let mut batches = Vec::with_capacity(bundles.len());
    let mut partition_data = Vec::with_capacity(bundles.len());
    for bundle in bundles {
        let built = bundle.builder.build().map_err(|error| Reply::kafka(ErrorCode::UNKNOWN_SERVER_ERROR, error.to_string()))?;
        let charged = budget.charge(built.len()).attach(Vec::from(built));
        let batch = CheckedBatch::check(Some(charged), PRODUCE_VERSION);
        batches.push(batch.map_err(|error| refusal(error.error_code(), None, topic))?);
        partition_data.push(PartitionProduceData { index: bundle.partition, records: None });
    }
    let data = TopicProduceData { name: Text::from(topic), partition_data, ..TopicProduceData::default() };
    let request = ProduceRequest { acks: -1, topic_data: vec![data], ..ProduceRequest::default() };
    let Response::Produce(response) = desk.append(PRODUCE_VERSION, Request::Produce(request), batches)? else { return Err(odd()) };
    let entries: Vec<PartitionProduceResponse> = response.responses.into_iter().flat_map(|topic| topic.partition_responses).collect();
    let mut offsets = vec![-1; count];
    let is_to_blame = |code: ErrorCode| code.is_error() && code != ErrorCode::OPERATION_NOT_ATTEMPTED;
    if let Some((bundle, entry)) = bundles.iter().zip(&entries).find(|(_, entry)| is_to_blame(entry.error_code)) {
        return Err(blame(topic, bundle, entry));
    }
    for (bundle, entry) in bundles.iter().zip(&entries) {
        if entry.error_code.is_error() {
            return Err(refusal(entry.error_code, None, topic));
        }
        for (offset, place) in (entry.base_offset..).zip(&bundle.places) {
            offsets.get_mut(*place).into_iter().for_each(|slot| *slot = offset);
        }
    }
    Ok(offsets)
}

/// Says which message is to blame, where Kafka says which record.
fn blame(topic: &str, bundle: &Bundle, entry: &PartitionProduceResponse) -> Reply {
    let of_record = entry.record_errors.first().and_then(|error| {
        let place = bundle.places.get(usize::try_from(error.batch_index).ok()?)?;
        Some(format!("message {place}: {}", error.batch_index_error_message.as_deref().unwrap_or(entry.error_code.name())))
    });
    match of_record {
        Some(what) => Reply::kafka(entry.error_code, what),
        None => refusal(entry.error_code, entry.error_message.clone(), &format!("{topic}, partition {}", bundle.partition)),
    }
}
