//! The differences that are meant, read from DIFFERENCES.md. `*` in a column stands for anything, ` / ` stands
//! between alternatives.

use crate::compare::Difference;
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
        let one_of = |patterns: &str, text: &str| patterns.split(" / ").any(|pattern| matches(pattern, text));
        covers(self.versions, version) && one_of(self.api, api) && one_of(self.case, case) && self.has(difference)
    }

    /// Whether its alternatives have this difference: together in their order, where there are equally many of each.
    fn has(&self, difference: &Difference) -> bool {
        let columns = [(self.field, &difference.field), (self.kafka, &difference.kafka), (self.monolog, &difference.monolog)];
        let fit = columns.map(|(patterns, text)| patterns.split(" / ").map(|pattern| matches(pattern, text)).collect::<Vec<_>>());
        let [fields, kafka, monolog] = &fit;
        if fields.len() == kafka.len() && kafka.len() == monolog.len() {
            return (0..fields.len()).any(|at| fields[at] && kafka[at] && monolog[at]);
        }
        fit.iter().all(|column| column.contains(&true))
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} | {} | {} | {} | {} | {}", self.api, self.versions, self.case, self.field, self.kafka, self.monolog)
    }
}

/// Versions as `all`, `3` or `4-7`.
fn covers(versions: &str, version: i16) -> bool {
    let number = |text: &str| text.parse::<i16>().unwrap_or_else(|_| panic!("{versions} are no versions"));
    match versions.split_once('-') {
        _ if versions == "all" => true,
        Some((first, last)) => (number(first)..=number(last)).contains(&version),
        None => number(versions) == version,
    }
}

fn matches(pattern: &str, text: &str) -> bool {
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
    ] {
        assert_eq!(matches(pattern, text), wanted, "{pattern} {text}");
    }
    assert!(covers("all", 3) && covers("2-4", 4) && covers("3", 3) && !covers("2-4", 5));
}
