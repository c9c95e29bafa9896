//! What was sent, what was acked, and whether a log holds it: each acked record once, in order, at the offset that was told.
//! Filled by `load`; tried here on logs with a fault in them.

use std::collections::BTreeMap;

/// What one writer knows. Its records are numbered 0, 1, 2, ... and go to one partition.
#[derive(Clone, Debug)]
pub struct Writer {
    /// Its name.
    pub name: String,
    /// Its partition.
    pub partition: i32,
    /// Whether the broker removes what it sends twice.
    pub idempotent: bool,
    /// How many records it has begun to send.
    pub sent: u64,
    /// Number and offset of what was acked.
    pub acked: BTreeMap<u64, i64>,
    /// How often each number was sent without an answer or an error.
    pub unknown: BTreeMap<u64, u32>,
}

impl Writer {
    /// One that has sent nothing.
    pub fn new(name: &str, partition: i32, idempotent: bool) -> Writer {
        Writer { name: name.to_string(), partition, idempotent, sent: 0, acked: BTreeMap::new(), unknown: BTreeMap::new() }
    }

    /// The value of its record with this number.
    pub fn value(&self, number: u64) -> String {
        format!("{}/{number}", self.name)
    }
}

/// All that is wrong with a partition's values, which begin at offset 0.
pub fn faults(partition: i32, log: &[String], writers: &[Writer]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut found: BTreeMap<&str, Vec<(u64, i64)>> = BTreeMap::new();
    for (offset, value) in (0..).zip(log) {
        let numbered = value.split_once('/').and_then(|(name, number)| Some((name, number.parse::<u64>().ok()?)));
        let known =
            |(name, number): &(&str, u64)| writers.iter().any(|it| it.name == *name && it.partition == partition && *number < it.sent);
        match numbered.filter(known) {
            Some((name, number)) => found.entry(name).or_default().push((number, offset)),
            None => faults.push(format!("{value} at {offset}: nobody sent it here")),
        }
    }
    for writer in writers.iter().filter(|it| it.partition == partition) {
        for (number, &offset) in &writer.acked {
            let there = usize::try_from(offset).ok().and_then(|offset| log.get(offset));
            if there != Some(&writer.value(*number)) {
                faults.push(format!("{} was acked at {offset}, where {there:?} is", writer.value(*number)));
            }
        }
        faults.extend(order(writer, found.get(writer.name.as_str()).map_or(&[], Vec::as_slice)));
    }
    faults
}

/// What is wrong with the sequence of one writer's records.
fn order(writer: &Writer, found: &[(u64, i64)]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut times: BTreeMap<u64, u32> = BTreeMap::new();
    for &(number, offset) in found {
        let seen = times.entry(number).or_default();
        *seen += 1;
        let allowed = if writer.idempotent { 1 } else { 1 + writer.unknown.get(&number).copied().unwrap_or(0) };
        if *seen > allowed {
            faults.push(format!("{} again at {offset}", writer.value(number)));
        }
        if *seen == 1 && number > 0 && !times.contains_key(&(number - 1)) {
            faults.push(format!("{} at {offset}, before or without the one before it", writer.value(number)));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writers() -> Vec<Writer> {
        let mut plain = Writer::new("p", 0, false);
        (plain.sent, plain.acked, plain.unknown) = (3, BTreeMap::from([(0, 0), (1, 3)]), BTreeMap::from([(1, 1)]));
        let mut numbered = Writer::new("n", 0, true);
        (numbered.sent, numbered.acked, numbered.unknown) = (3, BTreeMap::from([(0, 1), (1, 4)]), BTreeMap::from([(1, 2)]));
        vec![plain, numbered]
    }

    fn log(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| value.to_string()).collect()
    }

    #[test]
    fn a_log_without_fault_passes() {
        assert_eq!(faults(0, &log(&["p/0", "n/0", "p/1", "p/1", "n/1"]), &writers()), [""; 0], "the second p/1 is a retry");
        assert_eq!(faults(0, &log(&["p/0", "n/0", "p/1", "p/1", "n/1", "n/2", "p/2"]), &writers()), [""; 0], "not acked, yet kept");
    }

    #[test]
    fn every_fault_is_found() {
        for (what, values) in [
            ("a lost end", &["p/0", "n/0", "p/1", "p/1"][..]),
            ("a lost record", &["p/0", "p/1", "p/1", "n/1"]),
            ("another order", &["p/0", "n/0", "p/1", "n/1", "p/1"]),
            ("a duplicate of an idempotent producer", &["p/0", "n/0", "p/1", "p/1", "n/1", "n/1"]),
            ("one duplicate too many", &["p/0", "n/0", "p/1", "p/1", "n/1", "p/1"]),
            ("a gap", &["p/0", "n/0", "p/2", "p/1", "n/1"]),
            ("a stranger", &["p/0", "n/0", "p/1", "p/1", "n/1", "x/0"]),
            ("what was never sent", &["p/0", "n/0", "p/1", "p/1", "n/1", "n/3"]),
            ("nothing at all", &[]),
        ] {
            assert!(!faults(0, &log(values), &writers()).is_empty(), "{what}");
        }
        assert!(!faults(1, &log(&["p/0"]), &writers()).is_empty(), "another partition's record");
    }
}
