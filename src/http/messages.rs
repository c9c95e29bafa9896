//! `GET /api/topics/{t}/messages`: a page of decoded records, read by Fetch like any consumer's. Called by `routes`.

use super::desk::Desk;
use super::reply::Reply;
use super::share::Held;
use super::site::{Site, no_memory};
use super::target::Parameters;
use super::text::put_bytes;
use super::topics::{odd, refusal};
use crate::base::limits::{HTTP_MESSAGES_MAX, MIB};
use crate::base::text::Text;
use crate::wire::batch::BatchHeader;
use crate::wire::browse::{Shown, browse};
use crate::wire::error_code::ErrorCode;
use crate::wire::message::fetch::{FetchPartition, FetchRequest, FetchTopic, PartitionData};
use crate::wire::message::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use crate::wire::message::{Request, Response};
use crate::wire::record::Record;
use crate::wire::stored::batches;
use std::io::Write;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const LIMIT_DEFAULT: i64 = 100;
/// Bytes of one fetch: at least, for each message wanted, at most.
const FETCH_BYTES: (usize, usize, usize) = (64 * 1024, 1024, MIB);
/// Memory for a page is taken in steps of this size.
const STEP_BYTES: usize = 256 * 1024;
/// How often a log may lose its beginning while somebody looks for it.
const TRIES: usize = 5;

/// One partition of a topic, by name.
struct Place<'a> {
    topic: &'a str,
    partition: i32,
}

/// Answers with the messages from an offset, or from a time, on.
pub fn read(site: &Site, desk: &mut Desk, topic: &str, target: &str) -> Result<Reply, Reply> {
    let parameters = Parameters::of(target, &["offset", "limit", "partition", "timestamp"])?;
    let place = Place { topic, partition: parameters.partition()? };
    let limit = parameters.number("limit")?.unwrap_or(LIMIT_DEFAULT);
    let limit = usize::try_from(limit).map_err(|_| Reply::bad(format!("limit={limit} is below 0")))?.min(HTTP_MESSAGES_MAX);
    let from = match (parameters.number("offset")?, parameters.number("timestamp")?) {
        (Some(_), Some(_)) => return Err(Reply::bad("offset and timestamp cannot be given both")),
        (_, Some(timestamp)) if timestamp < 0 => return Err(Reply::bad(format!("timestamp={timestamp} is below 0"))),
        (_, Some(timestamp)) => place.offset_for(desk, timestamp)?,
        (offset, None) => Some(offset.unwrap_or(0).max(0)),
    };
    let mut page = Page::new(site, place.partition, limit)?;
    if let Some(from) = from {
        place.fill(desk, &mut page, from)?;
    }
    Ok(page.finish())
}

impl Place<'_> {
    fn refusal(&self, code: ErrorCode) -> Reply {
        match code {
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => {
                Reply::kafka(code, format!("there is no topic {:?} with a partition {}", self.topic, self.partition))
            }
            code => refusal(code, None, &format!("{}, partition {}", self.topic, self.partition)),
        }
    }

    /// The first offset at this time or later, or an end of the log; `None` when there is none.
    fn offset_for(&self, desk: &mut Desk, timestamp: i64) -> Result<Option<i64>, Reply> {
        let partition = ListOffsetsPartition { partition_index: self.partition, current_leader_epoch: -1, timestamp };
        let topic = ListOffsetsTopic { name: Text::from(self.topic), partitions: vec![partition] };
        let request = ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..ListOffsetsRequest::default() };
        let Response::ListOffsets(response) = desk.ask(7, Request::ListOffsets(request))? else { return Err(odd()) };
        let found = response.topics.into_iter().flat_map(|topic| topic.partitions).next().ok_or_else(odd)?;
        if found.error_code.is_error() {
            return Err(self.refusal(found.error_code));
        }
        Ok((found.offset >= 0).then_some(found.offset))
    }

    fn fetch(&self, desk: &mut Desk, from: i64, bytes: usize) -> Result<PartitionData, Reply> {
        let bytes = i32::try_from(bytes).unwrap_or(i32::MAX);
        let partition =
            FetchPartition { partition: self.partition, fetch_offset: from, partition_max_bytes: bytes, ..FetchPartition::default() };
        let topic = FetchTopic { topic: Text::from(self.topic), partitions: vec![partition], ..FetchTopic::default() };
        let request = FetchRequest { max_bytes: bytes, topics: vec![topic], ..FetchRequest::default() };
        let Response::Fetch(response) = desk.ask(12, Request::Fetch(request))? else { return Err(odd()) };
        if response.error_code.is_error() {
            return Err(self.refusal(response.error_code));
        }
        response.responses.into_iter().flat_map(|topic| topic.partitions).next().ok_or_else(odd)
    }

    /// Fetches until the page is full or the log ends.
    fn fill(&self, desk: &mut Desk, page: &mut Page, mut from: i64) -> Result<(), Reply> {
        let (least, each, most) = FETCH_BYTES;
        let bytes = page.limit.saturating_mul(each).clamp(least, most);
        let mut tries = 0;
        loop {
            let data = self.fetch(desk, from, bytes)?;
            match data.error_code {
                ErrorCode::NONE => {}
                ErrorCode::OFFSET_OUT_OF_RANGE if tries < TRIES => {
                    tries += 1;
                    let (earliest, latest) = (self.offset_for(desk, EARLIEST)?, self.offset_for(desk, LATEST)?);
                    match (earliest, latest) {
                        (Some(earliest), Some(latest)) if from < earliest && earliest <= latest => from = earliest,
                        _ => return Ok(()),
                    }
                    continue;
                }
                code => return Err(self.refusal(code)),
            }
            let next = page.take(&data, from)?;
            if next <= from || page.is_full {
                return Ok(());
            }
            from = next;
        }
    }
}

/// A page that is being written.
struct Page<'a> {
    site: &'a Site,
    partition: i32,
    limit: usize,
    count: usize,
    body: Vec<u8>,
    held: Held,
    is_full: bool,
}

impl<'a> Page<'a> {
    fn new(site: &'a Site, partition: i32, limit: usize) -> Result<Page<'a>, Reply> {
        let held = site.share.wait_hold(STEP_BYTES.min(limit * 64)).ok_or_else(no_memory)?;
        Ok(Page { site, partition, limit, count: 0, body: vec![b'['], held, is_full: limit == 0 })
    }

    /// Adds the records of a fetch answer from an offset on; gives back the offset behind what was looked at.
    fn take(&mut self, data: &PartitionData, from: i64) -> Result<i64, Reply> {
        let _lane = self.site.reading();
        let mut next = from;
        for (base, batch) in batches(data.records.to_bytes()) {
            if self.is_full {
                break;
            }
            let Some(header) = BatchHeader::read(&batch) else { break };
            next = base.saturating_add(i64::from(header.last_offset_delta)).saturating_add(1);
            if header.is_control() {
                continue;
            }
            let codec = header.attributes & 7;
            let mut no_room = false;
            let visited = browse(&batch, from.saturating_sub(base), self.site.record_bytes_max(), |shown| {
                no_room = !self.make_room(&shown);
                if !no_room {
                    self.put(base, codec, &shown);
                }
                !self.is_full && !no_room
            });
            if no_room && self.count == 0 {
                return Err(no_memory());
            }
            self.is_full |= no_room;
            visited
                .map_err(|error| Reply::kafka(ErrorCode::CORRUPT_MESSAGE, format!("the batch at offset {base} cannot be read: {error}")))?;
        }
        Ok(next)
    }

    /// Takes memory for a record in its longest form; false when there is none.
    fn make_room(&mut self, shown: &Shown) -> bool {
        let bytes = 200
            + match shown {
                Shown::Record(record) => json_bytes(record),
                Shown::TooLarge { .. } => 200,
            };
        let missing = (self.body.len() + bytes).saturating_sub(self.body.capacity());
        if missing == 0 {
            return true;
        }
        let step = missing.max(STEP_BYTES.min(self.limit * 64));
        // The first record is waited for; without memory for another the page ends.
        if self.count == 0 && step > STEP_BYTES {
            match self.site.share.wait_hold(step) {
                Some(held) => self.held = held,
                None => return false,
            }
        } else if !self.held.try_grow(step, step) {
            return false;
        }
        self.body.reserve_exact(self.body.capacity() - self.body.len() + step);
        true
    }

    fn put(&mut self, base: i64, codec: i16, shown: &Shown) {
        let out = &mut self.body;
        if self.count > 0 {
            out.push(b',');
        }
        // Writing to memory does not fail.
        let (delta, timestamp) = match shown {
            Shown::Record(record) => (record.offset_delta, record.timestamp),
            Shown::TooLarge { timestamp, fields } => (fields.offset_delta, *timestamp),
        };
        let _ = write!(out, "{{\"offset\":{},\"timestamp\":{timestamp},\"key\":", base.saturating_add(i64::from(delta)));
        match shown {
            Shown::Record(record) => {
                put_bytes(out, record.key);
                out.extend_from_slice(b",\"value\":");
                put_bytes(out, record.value);
            }
            Shown::TooLarge { fields, .. } => {
                put_size(out, fields.key.as_ref().map(ExactSizeIterator::len));
                out.extend_from_slice(b",\"value\":");
                put_size(out, fields.value.as_ref().map(ExactSizeIterator::len));
            }
        }
        let _ = write!(out, ",\"codec\":{codec},\"partition\":{},\"headers\":", self.partition);
        match shown {
            Shown::Record(record) => put_headers(out, record),
            Shown::TooLarge { fields, .. } => put_size(out, Some(fields.headers.len())),
        }
        out.push(b'}');
        self.count += 1;
        self.is_full = self.count >= self.limit || out.len() >= self.site.page_bytes_max();
    }

    fn finish(mut self) -> Reply {
        self.body.extend_from_slice(b"]\n");
        Reply { body: self.body, held: Some(Box::new(self.held)), ..Reply::empty(200) }
    }
}

/// What stands for contents that are too large to be shown.
fn put_size(out: &mut Vec<u8>, bytes: Option<usize>) {
    let _ = match bytes {
        None => write!(out, "null"),
        Some(bytes) => write!(out, "{{\"bytes\":{bytes}}}"),
    };
}

fn put_headers(out: &mut Vec<u8>, record: &Record) {
    out.push(b'[');
    for (index, (key, value)) in record.headers().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"key\":");
        put_bytes(out, Some(key));
        out.extend_from_slice(b",\"value\":");
        put_bytes(out, value);
        out.push(b'}');
    }
    out.push(b']');
}

/// At least what a record takes in JSON.
fn json_bytes(record: &Record) -> usize {
    let fields = [record.key, record.value].into_iter().map(Option::unwrap_or_default);
    let headers = record.headers().flat_map(|(key, value)| [key, value.unwrap_or_default(), &[0; 8]]);
    fields.chain(headers).map(field_bytes).sum()
}

/// At least what bytes take in JSON: escapes of control characters are six long, base64 four for three.
fn field_bytes(bytes: &[u8]) -> usize {
    let escaped = bytes.iter().map(|byte| match byte {
        0..=0x1f => 6,
        b'"' | b'\\' => 2,
        _ => 1,
    });
    escaped.sum::<usize>().max(bytes.len() / 3 * 4 + 4) + 16
}
