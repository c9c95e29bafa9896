//! Compares two answers, field by field.

use crate::masks::{MASKS, Mask, UNORDERED, Unordered};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

/// How far a time of now may be from now, ms.
const NOW_MS: i64 = 3_600_000;

/// A field that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Its path without the numbers of arrays.
    pub field: String,
    /// What Apache Kafka says there; `-` for nothing.
    pub kafka: String,
    /// What monolog says there.
    pub monolog: String,
}

/// Which id of one broker stands for which of the other, and which masks were of use.
#[derive(Default)]
pub struct Twins {
    of_kafka: BTreeMap<(&'static str, String), String>,
    of_monolog: BTreeMap<(&'static str, String), String>,
    used: BTreeSet<usize>,
}

impl Twins {
    /// The masks that nothing was compared by.
    pub fn unused(&self) -> Vec<String> {
        let unused = (0..MASKS.len()).filter(|index| !self.used.contains(index));
        unused.map(|index| format!("{} {}", MASKS[index].0, MASKS[index].1)).collect()
    }

    /// Whether these two stand for each other; the first time they are seen, from then on they do.
    pub fn are(&mut self, kind: &'static str, kafka: &str, monolog: &str) -> bool {
        let there = self.of_kafka.entry((kind, kafka.to_owned())).or_insert_with(|| monolog.to_owned());
        let back = self.of_monolog.entry((kind, monolog.to_owned())).or_insert_with(|| kafka.to_owned());
        there == monolog && back == kafka
    }

    /// A text of Apache Kafka as monolog would write it, with its own ids.
    fn translated(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for ((_, kafka), monolog) in &self.of_kafka {
            if kafka.len() >= 4 && text.contains(kafka.as_str()) {
                text = text.replace(kafka.as_str(), monolog);
            }
        }
        text
    }

    /// All differences of two answers of an API.
    pub fn differences(&mut self, api: &str, kafka: &Value, monolog: &Value) -> Vec<Difference> {
        let mut found = Vec::new();
        self.walk(api, "", "", kafka, monolog, &mut found);
        found
    }

    /// `path` is where this stands, without names and numbers; `field` is how that is shown.
    fn walk(&mut self, api: &str, path: &str, field: &str, kafka: &Value, monolog: &Value, found: &mut Vec<Difference>) {
        let differ = |kafka: String, monolog: String| Difference { field: field.to_owned(), kafka, monolog };
        match (kafka, monolog) {
            (Value::Object(left), Value::Object(right)) => {
                let names: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
                for name in names {
                    let (path, field) = (below(path, name), below(field, name));
                    match (left.get(name), right.get(name)) {
                        (Some(left), Some(right)) => self.walk(api, &path, &field, left, right, found),
                        (left, right) => found.push(Difference { field, kafka: shown(left), monolog: shown(right) }),
                    }
                }
            }
            (Value::Array(left), Value::Array(right)) => {
                let list = UNORDERED.iter().find(|list| (list.api, list.path) == (api, path));
                let (left, right) = list.map_or_else(|| (left.clone(), right.clone()), |list| self.alike(list, field, left, right, found));
                if left.len() != right.len() {
                    found.push(differ(format!("{} of {}", left.len(), brief(&left)), format!("{} of {}", right.len(), brief(&right))));
                    return;
                }
                for (left, right) in left.iter().zip(&right) {
                    let name = list.filter(|list| list.named).map(|list| format!("[{}]", plain(&left[list.key])));
                    self.walk(api, path, &format!("{field}{}", name.unwrap_or_default()), left, right, found);
                }
            }
            (left, right) if !self.agree(api, path, left, right) => found.push(differ(shown(Some(left)), shown(Some(right)))),
            _ => {}
        }
    }

    /// Two lists sorted by their keys, without what only one of them has, which then is a difference of its own. Keys that are ids go by
    /// their twins; those that have none yet become twins in the order in which they stand.
    fn alike(
        &mut self,
        list: &Unordered,
        field: &str,
        kafka: &[Value],
        monolog: &[Value],
        found: &mut Vec<Difference>,
    ) -> (Vec<Value>, Vec<Value>) {
        // Newer versions have an id in place of a topic's name.
        let key = if kafka.iter().chain(monolog).any(|one| one.get(list.key).is_some()) { list.key } else { "topic_id" };
        let path = below(list.path, key);
        let kind = MASKS.iter().find_map(|(of, field, mask)| match mask {
            Mask::Id(kind) if (*of, *field) == (list.api, &*path) => Some(*kind),
            _ => None,
        });
        let id = |one: &Value| plain(&one[key]);
        let mut left: Vec<(String, Value)> = kafka.iter().map(|one| (id(one), one.clone())).collect();
        let known = |one: &Value| kind.and_then(|kind| self.of_monolog.get(&(kind, id(one))).cloned());
        let mut right: Vec<(String, Value)> = monolog.iter().map(|one| (known(one).unwrap_or_else(|| id(one)), one.clone())).collect();
        if kind.is_some() {
            let mut new: Vec<String> = only(&left, &right).into_iter().rev().collect();
            for name in only(&right, &left) {
                let Some(twin) = new.pop() else { break };
                right.iter_mut().filter(|one| one.0 == name).for_each(|one| one.0.clone_from(&twin));
            }
        }
        left.sort_by(|one, other| one.0.cmp(&other.0));
        right.sort_by(|one, other| one.0.cmp(&other.0));
        let (only_left, only_right) = (only(&left, &right), only(&right, &left));
        left.retain(|one| !only_left.contains(&one.0));
        right.retain(|one| !only_right.contains(&one.0));
        let field = below(field, key);
        let differs =
            |kafka: &str, monolog: &str| Difference { field: field.clone(), kafka: kafka.to_owned(), monolog: monolog.to_owned() };
        found.extend(only_left.iter().map(|name| differs(name, "-")));
        found.extend(only_right.iter().map(|name| differs("-", name)));
        let elements = |keyed: Vec<(String, Value)>| keyed.into_iter().map(|one| one.1).collect();
        (elements(left), elements(right))
    }

    /// Whether two values that are no lists or structures are the same, as far as they have to be.
    fn agree(&mut self, api: &str, path: &str, kafka: &Value, monolog: &Value) -> bool {
        let Some(index) = MASKS.iter().position(|(of, field, _)| (*of, *field) == (api, path)) else {
            return kafka == monolog || path.ends_with("error_message") && self.say_the_same(kafka, monolog);
        };
        self.used.insert(index);
        match MASKS[index].2 {
            Mask::Id(kind) => {
                if is_special(kafka) || is_special(monolog) {
                    return kafka == monolog;
                }
                let (left, right) = (plain(kafka), plain(monolog));
                shape(kafka) == shape(monolog) && self.are(kind, &left, &right)
            }
            Mask::Time => kafka == monolog || is_now(kafka) && is_now(monolog),
            Mask::Room => kafka.is_i64() && monolog.is_i64() && kafka.as_i64().map(i64::signum) == monolog.as_i64().map(i64::signum),
            Mask::Place => {
                let (left, right) = (plain(kafka), plain(monolog));
                left.starts_with('/') && right.starts_with('/') && self.are("place", &left, &right)
            }
        }
    }

    fn say_the_same(&self, kafka: &Value, monolog: &Value) -> bool {
        kafka.as_str().zip(monolog.as_str()).is_some_and(|(kafka, monolog)| self.translated(kafka) == monolog)
    }
}

/// The keys that only the first of two lists has.
fn only(here: &[(String, Value)], there: &[(String, Value)]) -> Vec<String> {
    here.iter().map(|one| one.0.clone()).filter(|name| there.iter().all(|one| one.0 != *name)).collect()
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Ids that mean none.
fn is_special(id: &Value) -> bool {
    matches!(id, Value::Null) || matches!(plain(id).as_str(), "" | "0" | "-1" | "AAAAAAAAAAAAAAAAAAAAAA" | "AAAAAAAAAAAAAAAAAAAAAQ")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What two ids must have in common: their type, and of texts the part before the uuid at their end, and its form.
fn shape(id: &Value) -> String {
    let Value::String(text) = id else { return "number".to_owned() };
    match text.len().checked_sub(36).map(|at| text.split_at(at)) {
        Some((stem, uuid))
            if uuid.chars().enumerate().all(|(at, c)| if [8, 13, 18, 23].contains(&at) { c == '-' } else { c.is_ascii_hexdigit() }) =>
        {
            format!("{stem}uuid")
        }
        _ => format!("{} characters", text.len()),
    }
}

/// Whether it is a time of this hour.
pub fn is_now(time: &Value) -> bool {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64;
    time.as_i64().is_some_and(|time| (now_ms - time).abs() < NOW_MS)
}

fn brief(list: &[Value]) -> String {
    let named = |element: &Value| match element {
        Value::Object(fields) => {
            let name = ["name", "group_id", "topic_name", "key", "partition_index", "api_key"].iter().find_map(|name| fields.get(*name));
            name.map_or_else(|| element.to_string(), Value::to_string)
        }
        other => other.to_string(),
    };
    format!("[{}]", list.iter().map(named).collect::<Vec<_>>().join(" "))
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "-".to_owned(), Value::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_same_id_stands_for_the_same_id() {
        let mut twins = Twins::default();
        let answer = |id: i64| json!({ "producer_id": id, "producer_epoch": 0 });
        let mut differ = |kafka, monolog| twins.differences("InitProducerId", &answer(kafka), &answer(monolog)).len();
        assert_eq!([differ(1_000, 7), differ(1_001, 8), differ(1_000, 7)], [0, 0, 0]);
        assert_eq!([differ(1_000, 8), differ(1_002, 7), differ(-1, 9), differ(-1, -1)], [1, 1, 1, 0]);
    }

    #[test]
    fn ids_have_one_shape_and_times_are_of_now() {
        let mut twins = Twins::default();
        let join = |id: &str| json!({ "member_id": id });
        let uuid = |last: char| format!("0123abcd-0123-0123-0123-0123456789a{last}");
        let mut differ = |kafka: &str, monolog: &str| twins.differences("JoinGroup", &join(kafka), &join(monolog)).len();
        assert_eq!(differ(&format!("a-{}", uuid('b')), &format!("a-{}", uuid('c'))), 0);
        assert_eq!(differ(&format!("a-{}", uuid('d')), &format!("b-{}", uuid('e'))), 1);
        let produced = |time: i64| json!({ "responses": [{ "partition_responses": [{ "log_append_time_ms": time }] }] });
        assert_eq!(twins.differences("Produce", &produced(-1), &produced(1_000)).len(), 1);
    }

    #[test]
    fn a_place_stands_for_a_place() {
        let mut twins = Twins::default();
        let lies_in = |dir: &str| json!({ "results": [{ "log_dir": dir }] });
        let mut differ = |kafka, monolog| twins.differences("DescribeLogDirs", &lies_in(kafka), &lies_in(monolog)).len();
        assert_eq!([differ("/a", "/b"), differ("/a", "/b"), differ("/a", "/c"), differ("/d", "/b"), differ("/e", "f")], [0, 0, 1, 1, 1]);
    }

    #[test]
    fn whatever_is_missing_differs() {
        let mut twins = Twins::default();
        let found = twins.differences("Fetch", &json!({ "a": [1, { "b": null }] }), &json!({ "a": [1, { "c": null }] }));
        let fields: Vec<_> = found.iter().map(|one| (one.field.as_str(), one.kafka.as_str(), one.monolog.as_str())).collect();
        assert_eq!(fields, [("a.b", "null", "-"), ("a.c", "-", "null")]);
        assert_eq!(twins.differences("Fetch", &json!([1, 2]), &json!([2, 1])).len(), 2);
        assert_eq!(twins.differences("Fetch", &json!([1]), &json!([1, 1])).len(), 1);
    }
}
