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
        let texts = [
            (self.api, api),
            (self.case, case),
            (self.field, &difference.field),
            (self.kafka, &difference.kafka),
            (self.monolog, &difference.monolog),
        ];
        covers(self.versions, version) && texts.iter().all(|(patterns, text)| patterns.split(" / ").any(|pattern| matches(pattern, text)))
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
