//! What a broker says of the time of one batch: Produce, when it stamps it, Fetch and ListOffsets later. The times of the two brokers
//! differ; each must say the same one again. And the times of the one voter of the quorum, which is always caught up.

use crate::compare::is_now;
use serde_json::Value;
use std::collections::BTreeMap;

/// A batch: which broker, topic as it is named, partition, base offset.
type Place = (usize, String, i64, i64);

/// All times that were told of batches which the broker stamped.
#[derive(Default)]
pub struct Times {
    told: BTreeMap<Place, i64>,
    again: usize,
    /// The last time of the voter, by broker.
    voted: [Option<i64>; 2],
}

impl Times {
    /// Notes what an answer of a broker tells, and gives back what contradicts an earlier one.
    pub fn note(&mut self, side: usize, api: &str, answer: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        let (topics, partitions) = match api {
            "Produce" => ("responses", "partition_responses"),
            "Fetch" => ("responses", "partitions"),
            "ListOffsets" => ("topics", "partitions"),
            "DescribeQuorum" => return self.voters(side, answer),
            _ => return faults,
        };
        for topic in list(answer, topics) {
            let name = ["name", "topic", "topic_id"].iter().find_map(|field| topic[*field].as_str()).unwrap_or_default();
            for partition in list(topic, partitions) {
                let index = ["index", "partition_index"].iter().find_map(|field| partition[*field].as_i64()).unwrap_or(-1);
                for (offset, time) in told_of(api, partition) {
                    let place = (side, name.to_owned(), index, offset);
                    match self.told.get(&place) {
                        Some(before) if *before != time => {
                            faults.push(format!("{api}: {place:?} was told to be of {before} and now of {time}"))
                        }
                        Some(_) => self.again += 1,
                        // Records of a batch of theirs have times of their own: only stamped ones begin a row.
                        None if api != "ListOffsets" => drop(self.told.insert(place, time)),
                        None => {}
                    }
                }
            }
        }
        faults
    }

    /// The leader's fetch is now, and so is its being caught up: one time, not before that of an earlier answer.
    fn voters(&mut self, side: usize, answer: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        let partitions = list(answer, "topics").iter().flat_map(|topic| list(topic, "partitions"));
        for voter in partitions.flat_map(|partition| list(partition, "current_voters")) {
            let [fetched, caught_up] = ["last_fetch_timestamp", "last_caught_up_timestamp"].map(|time| voter[time].as_i64());
            if fetched.is_none() && caught_up.is_none() {
                continue; // version 0 has neither
            }
            let before = std::mem::replace(&mut self.voted[side], fetched);
            if fetched != caught_up || fetched < before {
                faults
                    .push(format!("DescribeQuorum: broker {side}: fetched at {fetched:?}, caught up at {caught_up:?}, before {before:?}"));
            }
        }
        faults
    }

    /// How often a time was told again.
    pub fn again(&self) -> usize {
        self.again
    }
}

/// Offsets and times of now that an answer tells of a partition.
fn told_of(api: &str, partition: &Value) -> Vec<(i64, i64)> {
    let pair = |of: &Value, offset: &str, time: &str| is_now(&of[time]).then(|| Some((of[offset].as_i64()?, of[time].as_i64()?))).flatten();
    match api {
        "Produce" => pair(partition, "base_offset", "log_append_time_ms").into_iter().collect(),
        "Fetch" => {
            let stamped = |batch: &&Value| batch["attributes"].as_i64().is_some_and(|attributes| attributes & 0x08 != 0);
            list(partition, "records").iter().filter(stamped).filter_map(|batch| pair(batch, "base_offset", "max_timestamp")).collect()
        }
        _ => pair(partition, "offset", "timestamp").into_iter().collect(),
    }
}

fn list<'v>(value: &'v Value, field: &str) -> &'v [Value] {
    value.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::{SystemTime, UNIX_EPOCH};

    #[test]
    fn a_voter_is_always_caught_up() {
        let voter = |fetched: Option<i64>, caught_up: i64| {
            let voter = json!({ "last_fetch_timestamp": fetched, "last_caught_up_timestamp": caught_up });
            json!({ "topics": [{ "partitions": [{ "current_voters": [voter] }] }] })
        };
        let mut times = Times::default();
        let mut note = |side, fetched, caught_up| times.note(side, "DescribeQuorum", &voter(fetched, caught_up)).len();
        assert_eq!([note(0, Some(5), 5), note(1, Some(4), 4), note(0, Some(5), 5)], [0, 0, 0]);
        assert_eq!([note(0, Some(7), 6), note(1, Some(3), 3)], [1, 1]);
    }

    #[test]
    fn a_batch_has_one_time() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64;
        let produced = |time: i64| json!({ "responses": [{ "name": "t", "partition_responses": [{ "index": 0, "base_offset": 3, "log_append_time_ms": time }] }] });
        let fetched = |time: i64| {
            let batch = json!({ "base_offset": 3, "attributes": 8, "max_timestamp": time });
            json!({ "responses": [{ "topic": "t", "partitions": [{ "partition_index": 0, "records": [batch] }] }] })
        };
        let listed =
            |time: i64| json!({ "topics": [{ "name": "t", "partitions": [{ "partition_index": 0, "offset": 3, "timestamp": time }] }] });
        let mut times = Times::default();
        assert!(times.note(0, "Produce", &produced(now)).is_empty());
        assert!(times.note(1, "Produce", &produced(now - 5)).is_empty(), "the other broker has its own");
        assert!(times.note(0, "Fetch", &fetched(now)).is_empty());
        assert!(times.note(1, "ListOffsets", &listed(now - 5)).is_empty());
        assert_eq!(times.again(), 2);
        assert_eq!(times.note(1, "Fetch", &fetched(now)).len(), 1);
        assert_eq!(times.note(0, "ListOffsets", &listed(now - 1)).len(), 1);
    }
}
