//! The differences that are meant, read from DIFFERENCES.md. `*` in a column stands for anything, `#` alone for
//! a number above 0, ` / ` stands between alternatives.

use crate::compare::Difference;
use std::collections::BTreeSet;
use std::fmt;

const TABLE: &str = include_str!("DIFFERENCES.md");
const COLUMNS: usize = 7;

/// A row of the table.
pub struct Known {
    api: &'static str,
    versions: &'static str,
    case: &'static str,
    field: &'static str,
    kafka: &'static str,
    monolog: &'static str,
}

/// All rows.
pub fn known() -> Vec<Known> {
    let rows = TABLE.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| API "));
    let read = |line: &'static str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let [api, versions, case, field, kafka, monolog, why] = cells[..] else { panic!("not {COLUMNS} columns: {line}") };
        assert!(!why.is_empty(), "no reason: {line}");
        Known { api, versions, case, field, kafka, monolog }
    };
    rows.map(read).collect()
}

impl Known {
    /// Whether this is the difference that it tells of.
    pub fn is(&self, api: &str, version: i16, case: &str, difference: &Difference) -> bool {
        self.fit(api, version, case, difference).is_some()
    }

    /// Which of its alternatives tell of this difference, column by column; `None`: it does not. Those of field, Apache Kafka and monolog
    /// belong together in their order, where there are equally many of each.
    fn fit(&self, api: &str, version: i16, case: &str, difference: &Difference) -> Option<[Vec<bool>; 5]> {
        let texts = [api, case, &difference.field, &difference.kafka, &difference.monolog];
        let columns = self.columns();
        let mut fit: [Vec<bool>; 5] =
            std::array::from_fn(|column| columns[column].split(" / ").map(|pattern| matches(pattern, texts[column])).collect());
        let [_, _, fields, kafka, monolog] = &mut fit;
        if fields.len() == kafka.len() && kafka.len() == monolog.len() {
            for at in 0..fields.len() {
                let all = fields[at] && kafka[at] && monolog[at];
                (fields[at], kafka[at], monolog[at]) = (all, all, all);
            }
        }
        (covers(self.versions, version) && fit.iter().all(|column| column.contains(&true))).then_some(fit)
    }

    /// The columns that have alternatives.
    fn columns(&self) -> [&'static str; 5] {
        [self.api, self.case, self.field, self.kafka, self.monolog]
    }
}

/// What of a row has occurred.
#[derive(Clone, Default)]
pub struct Occurred {
    /// The alternatives, column by column; nothing before the first difference.
    columns: [Vec<bool>; 5],
    versions: BTreeSet<i16>,
}

impl Occurred {
    /// Notes a difference that the row tells of.
    pub fn note(&mut self, row: &Known, api: &str, version: i16, case: &str, difference: &Difference) {
        let Some(fit) = row.fit(api, version, case, difference) else { return };
        self.versions.insert(version);
        for (all, now) in self.columns.iter_mut().zip(fit) {
            all.resize(now.len(), false);
            all.iter_mut().zip(now).for_each(|(occurred, fits)| *occurred |= fits);
        }
    }

    /// What the row names and did not occur: all of it, alternatives, the first or the last of its versions.
    pub fn gone(&self, row: &Known) -> Vec<String> {
        if self.versions.is_empty() {
            return vec!["all of it".to_owned()];
        }
        let alternatives = row.columns().into_iter().zip(&self.columns).flat_map(|(column, occurred)| column.split(" / ").zip(occurred));
        let ends = if row.versions == "all" { Vec::new() } else { row.versions.split('-').map(number).collect() };
        let alternatives = alternatives.filter(|(_, occurred)| !**occurred).map(|(alternative, _)| alternative.to_owned());
        let versions = ends.into_iter().filter(|end| !self.versions.contains(end)).map(|end| format!("version {end}"));
        alternatives.chain(versions).collect()
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} | {} | {} | {} | {} | {}", self.api, self.versions, self.case, self.field, self.kafka, self.monolog)
    }
}

/// Versions as `all`, `3` or `4-7`.
fn covers(versions: &str, version: i16) -> bool {
    match versions.split_once('-') {
        _ if versions == "all" => true,
        Some((first, last)) => (number(first)..=number(last)).contains(&version),
        None => number(versions) == version,
    }
}

fn number(version: &str) -> i16 {
    version.parse().unwrap_or_else(|_| panic!("{version} is no version"))
}

fn matches(pattern: &str, text: &str) -> bool {
    if pattern == "#" {
        return text.parse::<u64>().is_ok_and(|number| number > 0);
    }
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut last = None;
    for piece in pieces {
        if let Some(middle) = last.replace(piece) {
            let Some(at) = rest.find(middle) else { return false };
            rest = &rest[at + middle.len()..];
        }
    }
    last.map_or(rest.is_empty(), |end| rest.ends_with(end))
}

#[test]
fn as_many_alternatives_of_each_belong_together() {
    let row = |kafka, monolog| Known { api: "Fetch", versions: "all", case: "*", field: "a / b", kafka, monolog };
    let is = |row: &Known, field: &str, kafka: &str, monolog: &str| {
        row.is("Fetch", 4, "any", &Difference { field: field.to_owned(), kafka: kafka.to_owned(), monolog: monolog.to_owned() })
    };
    let paired = row("1 / 2", "3 / 4*");
    assert!(is(&paired, "a", "1", "3") && is(&paired, "b", "2", "45"));
    assert!(!is(&paired, "a", "2", "4") && !is(&paired, "a", "1", "4") && !is(&paired, "b", "1", "3"));
    assert!(is(&row("1 / 2", "3"), "a", "2", "3"));
}

#[test]
fn every_alternative_must_occur() {
    let row = Known { api: "Fetch / Produce", versions: "3-4", case: "*", field: "a / b", kafka: "1 / 2", monolog: "3 / 4" };
    let mut occurred = Occurred::default();
    let mut note = |api: &str, version: i16, field: &str, kafka: &str, monolog: &str| {
        let difference = Difference { field: field.to_owned(), kafka: kafka.to_owned(), monolog: monolog.to_owned() };
        occurred.note(&row, api, version, "any", &difference);
        occurred.gone(&row)
    };
    assert_eq!(note("Fetch", 5, "a", "1", "3"), ["all of it"]);
    assert_eq!(note("Fetch", 3, "a", "1", "3"), ["Produce", "b", "2", "4", "version 4"]);
    assert_eq!(note("Fetch", 4, "b", "2", "4"), ["Produce"]);
    assert!(note("Produce", 4, "b", "2", "4").is_empty());
}

#[test]
fn a_star_stands_for_anything() {
    for (pattern, text, wanted) in [
        ("*", "", true),
        ("a*c", "abc", true),
        ("a*c", "ac", true),
        ("a*c", "abd", false),
        ("a*b*c", "a-b-b-c", true),
        ("a*b*c", "a-c", false),
        ("a", "ab", false),
        ("*b", "ab", true),
        ("#", "17", true),
        ("#", "0", false),
        ("#", "-1", false),
    ] {
        assert_eq!(matches(pattern, text), wanted, "{pattern} {text}");
    }
    assert!(covers("all", 3) && covers("2-4", 4) && covers("3", 3) && !covers("2-4", 5));
}
