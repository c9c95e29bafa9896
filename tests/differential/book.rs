//! The book of a run: what was asked, which answers differed, and whether that is known. At its end it says whether the run has shown
//! what it should.

use crate::compare::{Difference, Twins};
use crate::content;
use crate::errors;
use crate::known::{Known, Occurred, known};
use crate::seeds::Seeds;
use crate::times::Times;
use monolog::wire::api_key::ApiKey;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Fewer distinct requests than this have not asked everything.
const DISTINCT_MIN: usize = 1_500;
/// Where the correlation id lies in a frame.
const CORRELATION_ID: std::ops::Range<usize> = 8..12;

/// A request as it was sent.
pub struct Asked {
    /// Its API.
    pub api: ApiKey,
    /// Its version.
    pub version: i16,
    /// The scenario, and what is odd about it.
    pub case: String,
    /// What the names of its topics and groups begin with.
    pub stem: String,
    /// All of it, as monolog got it.
    pub frame: Vec<u8>,
}

/// What was asked of an API in a version.
#[derive(Default)]
struct Count {
    requests: usize,
    distinct: BTreeSet<Vec<u8>>,
    good: usize,
    errors: BTreeSet<i64>,
    closed: usize,
}

/// What has happened so far.
#[derive(Default)]
pub struct Book {
    twins: Twins,
    times: Times,
    counts: BTreeMap<(ApiKey, i16), Count>,
    differing: Vec<(String, i16, String, Difference)>,
    /// The requests to be kept.
    pub seeds: Seeds,
    /// Scenarios that could not go on.
    pub broken: Vec<String>,
}

impl Book {
    /// Compares two answers.
    pub fn enter(&mut self, asked: &Asked, kafka: &Value, monolog: &Value) {
        let count = self.counts.entry((asked.api, asked.version)).or_default();
        count.requests += 1;
        let mut bytes = asked.frame.clone();
        bytes[CORRELATION_ID].fill(0);
        count.distinct.insert(bytes);
        let content = content::of(asked.api, asked.version);
        let shows = |answer: &Value| !is_lost(answer) && content.is_in(answer, &errors_of(answer));
        count.closed += usize::from(is_lost(kafka));
        count.good += usize::from(shows(kafka) && shows(monolog));
        count.errors.extend(errors_of(kafka));
        self.seeds.offer(asked);
        for (side, answer) in [kafka, monolog].into_iter().enumerate() {
            self.broken.extend(self.times.note(side, asked.api.name(), answer));
        }
        for mut difference in self.twins.differences(asked.api.name(), kafka, monolog) {
            for text in [&mut difference.field, &mut difference.kafka, &mut difference.monolog] {
                *text = text.replace(&asked.stem, "STEM");
            }
            self.differing.push((asked.api.name().to_owned(), asked.version, asked.case.clone(), difference));
        }
    }

    /// Two topics that are the same one.
    pub fn same_topic(&mut self, kafka: &str, monolog: &str) {
        let are = self.twins.are("topic", kafka, monolog);
        assert!(are, "{kafka} and {monolog} were other topics before");
    }

    /// The table of counts.
    pub fn counts(&self) -> String {
        let mut text = String::from("API, version: requests, distinct ones, good and not empty, closed; errors of Apache Kafka\n");
        for ((api, version), count) in &self.counts {
            let errors = count.errors.iter().map(i64::to_string).collect::<Vec<_>>().join(" ");
            let (distinct, requests) = (count.distinct.len(), count.requests);
            writeln!(text, "{api} {version}: {requests}, {distinct}, {}, {}; {errors}", count.good, count.closed).expect("a text");
        }
        writeln!(text, "{} distinct requests, {} in all", self.distinct(), self.counts.values().map(|count| count.requests).sum::<usize>())
            .expect("a text");
        text
    }

    fn distinct(&self) -> usize {
        self.counts.values().map(|count| count.distinct.len()).sum()
    }

    /// Everything that is wrong with the run. `whole`: all scenarios took part.
    pub fn faults(&self, whole: bool) -> Vec<String> {
        let mut faults = self.broken.clone();
        let table = known();
        let mut occurred = vec![Occurred::default(); table.len()];
        let mut unknown: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (api, version, case, difference) in &self.differing {
            let is_it = |row: &Known| row.is(api, *version, case, difference);
            match table.iter().position(is_it) {
                Some(row) => occurred[row].note(&table[row], api, *version, case, difference),
                None => {
                    let what = format!("{api} | {case} | {} | {} | {}", difference.field, difference.kafka, difference.monolog);
                    unknown.entry(what).or_default().push(version.to_string());
                }
            }
        }
        faults.extend(unknown.iter().map(|(what, versions)| format!("differs: {what} | versions {}", versions.join(" "))));
        if whole {
            let gone = table.iter().zip(&occurred).flat_map(|(row, occurred)| occurred.gone(row).into_iter().map(move |what| (row, what)));
            faults.extend(gone.map(|(row, what)| format!("listed in DIFFERENCES.md, and does not occur: {what}; of the row {row}")));
            faults.extend(self.twins.unused().into_iter().map(|mask| format!("a mask that nothing was compared by: {mask}")));
            faults.extend(self.never_asked());
            if self.times.again() == 0 {
                faults.push("no time of a batch was told twice".to_owned());
            }
            if self.distinct() < DISTINCT_MIN {
                faults.push(format!("{} distinct requests, not {DISTINCT_MIN}", self.distinct()));
            }
        }
        faults
    }

    /// APIs and versions without a request that was answered well, and errors that were never met.
    fn never_asked(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for &api in ApiKey::ALL {
            let mut met = BTreeSet::<i64>::new();
            for version in api.row().min_decodable..=api.row().max {
                let count = self.counts.get(&(api, version));
                if count.is_none_or(|count| count.good == 0) {
                    faults.push(format!("{api} {version}: no request whose answer has no error and is not empty"));
                }
            }
            met.extend(self.counts.iter().filter(|((of, _), _)| *of == api).flat_map(|(_, count)| &count.errors));
            let wanted = errors::of(api).iter().filter(|code| !met.contains(*code));
            faults.extend(wanted.map(|code| format!("{api}: Apache Kafka never answered with error {code}")));
            let listed =
                errors::OUT_OF_REACH.iter().filter(|(of, codes, _)| of.contains(&api) && codes.iter().any(|code| met.contains(code)));
            faults.extend(
                listed.map(|(_, codes, why)| format!("{api}: an error of {codes:?} was met, which is said to be impossible: {why}")),
            );
        }
        faults
    }
}

/// Whether there is no answer, or none that can be read.
fn is_lost(answer: &Value) -> bool {
    ["connection", "undecodable", "bytes_after_the_end"].iter().any(|fault| answer.get(fault).is_some())
}

/// The error codes of an answer, wherever they stand, in their order.
fn errors_of(answer: &Value) -> Vec<i64> {
    let mut found = BTreeSet::new();
    collect_errors(answer, &mut found);
    found.into_iter().collect()
}

fn collect_errors(answer: &Value, found: &mut BTreeSet<i64>) {
    match answer {
        Value::Array(elements) => elements.iter().for_each(|element| collect_errors(element, found)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_i64() {
                    Some(code) if name.ends_with("error_code") && code != 0 => drop(found.insert(code)),
                    _ => collect_errors(value, found),
                }
            }
        }
        _ => {}
    }
}
