//! The setting `topics.create`: topics that are made at start, `name[:partitions[:key=value,...]]`, separated by `;`. Checked
//! here as far as that goes without the broker; `server` creates them.

use super::kafka_keys::parse_overrides;
use crate::base::topic_name::check_name;
use std::collections::BTreeMap;

/// A topic to be made at start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its name.
    pub name: String,
    /// How many partitions; `None`: `topics.default_partitions`.
    pub partitions: Option<i32>,
    /// Its overrides in canonical form, sorted by name.
    pub configs: Vec<(&'static str, String)>,
}

/// Partitions of one topic at most: Kafka creates fewer than 10,000 in one request.
pub const TOPIC_PARTITIONS_MAX: usize = 9_999;

/// Reads the whole list. The error names the topic that is wrong.
pub fn parse(list: &str) -> Result<Vec<TopicSpec>, String> {
    let mut topics: Vec<TopicSpec> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for item in split(list, ';')? {
        let item = item.trim();
        if item.is_empty() {
            continue;
        }
        let topic = parse_one(item).map_err(|what| format!("topics as name[:partitions[:key=value,...]] separated by \";\"; {what}"))?;
        // As when they are made; said here, so that not half of the list is made before.
        match places.insert(topic.name.replace('.', "_"), topics.len()).and_then(|place| topics.get(place)) {
            Some(other) if other.name == topic.name => return Err(format!("each topic once, and \"{}\" is there twice", topic.name)),
            Some(other) => {
                return Err(format!("names that differ in more than '.' and '_', and \"{}\" collides with \"{}\"", topic.name, other.name));
            }
            None => {}
        }
        topics.push(topic);
    }
    Ok(topics)
}

fn parse_one(item: &str) -> Result<TopicSpec, String> {
    let mut parts = item.splitn(3, ':');
    let name = parts.next().unwrap_or_default().trim();
    check_name(name)?;
    let partitions = match parts.next().map(str::trim) {
        None | Some("") => None,
        Some(text) => {
            let count = super::values::number(text, 1..=TOPIC_PARTITIONS_MAX);
            Some(count.map_err(|allowed| format!("the partitions of \"{name}\" are {allowed}"))? as i32)
        }
    };
    let mut pairs = Vec::new();
    for pair in split(parts.next().unwrap_or_default(), ',')? {
        if pair.trim().is_empty() {
            continue;
        }
        let (key, value) = pair.split_once('=').ok_or_else(|| format!("\"{}\" of \"{name}\" is no key=value", pair.trim()))?;
        pairs.push((key.trim().to_string(), unquote(value.trim())));
    }
    let wanted = pairs.iter().map(|(key, value)| (key.as_str(), Some(value.as_str())));
    let configs = parse_overrides(wanted).map_err(|message| format!("of \"{name}\": {message}"))?;
    Ok(TopicSpec { name: name.to_string(), partitions, configs })
}

/// Splits at a separator that is not within quotes.
fn split(text: &str, separator: char) -> Result<Vec<&str>, String> {
    let (mut parts, mut begin, mut quote) = (Vec::new(), 0, None);
    for (at, c) in text.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if matches!(c, '"' | '\'') => quote = Some(c),
            None if c == separator => {
                parts.push(&text[begin..at]);
                begin = at + c.len_utf8();
            }
            None => {}
        }
    }
    if quote.is_some() {
        return Err("closed quotes".to_string());
    }
    parts.push(&text[begin..]);
    Ok(parts)
}

fn unquote(value: &str) -> String {
    let inner = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    inner.unwrap_or(value).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_listed_with_partitions_and_configs() {
        let topics = parse("a; b:3 ;c:2:retention.ms=5,cleanup.policy='compact,delete';d::max.message.bytes=9;").unwrap();
        let names: Vec<_> = topics.iter().map(|topic| (topic.name.as_str(), topic.partitions)).collect();
        assert_eq!(names, [("a", None), ("b", Some(3)), ("c", Some(2)), ("d", None)]);
        assert_eq!(topics[2].configs, [("cleanup.policy", "compact,delete".to_string()), ("retention.ms", "5".to_string())]);
        assert_eq!(topics[3].configs, [("max.message.bytes", "9".to_string())]);
        assert_eq!(parse("").unwrap(), []);
        assert_eq!(parse(" ; ;").unwrap(), []);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (list, words) in [
            ("a b", "'a b' contains"),
            ("a:0", "the partitions of \"a\""),
            ("a:-1", "the partitions of \"a\""),
            ("a:10000", "from 1 to 9999"),
            ("a:2147483648", "the partitions of \"a\""),
            ("a:1:x", "\"x\" of \"a\" is no key=value"),
            ("a:1:nope=1", "Unknown topic config name: nope"),
            ("a:1:retention.ms=soon", "Invalid value soon"),
            ("a:1:cleanup.policy='delete", "closed quotes"),
            ("a;a", "\"a\" is there twice"),
            ("a.b;c;a_b", "\"a_b\" collides with \"a.b\""),
            (":3", "the empty string is not allowed"),
            (&"x".repeat(250), "longer than the max allowed length 249"),
        ] {
            let wrong = parse(list).unwrap_err();
            assert!(wrong.contains(words), "{list}: {wrong}");
        }
    }
}
