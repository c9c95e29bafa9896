//! How the cases write messages: JSON without its quotes. `{topics: [{name: $topic, partitions: [0, -1]}], key: null}`; words are
//! texts, `'...'` too, `$name` is a variable, whose value differs from broker to broker.

use serde_json::{Map, Value};

/// The key under which an object stands for a variable.
const VARIABLE: &str = "$";

/// Reads a message. Panics where it cannot be read: the cases are wrong then.
pub fn parse(text: &str) -> Value {
    let mut parser = Parser { text, at: 0 };
    let value = parser.value();
    assert!(parser.peek().is_none(), "more after the message: {text}");
    value
}

/// The same with every variable replaced.
pub fn fill(value: &Value, variable: &dyn Fn(&str) -> Value) -> Value {
    match value {
        Value::Array(elements) => elements.iter().map(|element| fill(element, variable)).collect(),
        Value::Object(fields) => match fields.get(VARIABLE) {
            Some(name) => variable(name.as_str().unwrap_or_default()),
            None => fields.iter().map(|(name, value)| (name.clone(), fill(value, variable))).collect::<Map<_, _>>().into(),
        },
        other => other.clone(),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn peek(&mut self) -> Option<char> {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        self.text[self.at..].chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn must(&mut self, wanted: char) {
        assert!(self.take(wanted), "no {wanted} at {:?} of {}", &self.text[self.at..], self.text);
    }

    fn word(&mut self) -> &str {
        self.peek();
        let rest = &self.text[self.at..];
        let len = rest.find(|c: char| c.is_whitespace() || "{}[],:'".contains(c)).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    fn value(&mut self) -> Value {
        match self.peek() {
            Some('{') => self.object(),
            Some('[') => {
                self.must('[');
                let mut elements = Vec::new();
                while !self.take(']') {
                    elements.push(self.value());
                    let _ = self.take(',');
                }
                Value::Array(elements)
            }
            Some('\'') => {
                self.must('\'');
                let rest = &self.text[self.at..];
                let len = rest.find('\'').unwrap_or_else(|| panic!("no end of a text in {}", self.text));
                self.at += len + 1;
                Value::from(&rest[..len])
            }
            Some('$') => {
                self.must('$');
                Value::Object(Map::from_iter([(VARIABLE.to_owned(), Value::from(self.word()))]))
            }
            _ => match self.word() {
                "" => panic!("no value at {:?} of {}", &self.text[self.at..], self.text),
                "null" => Value::Null,
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                word => word.parse::<i64>().map_or_else(|_| Value::from(word), Value::from),
            },
        }
    }

    fn object(&mut self) -> Value {
        self.must('{');
        let mut fields = Map::new();
        while !self.take('}') {
            let name = self.word().to_owned();
            self.must(':');
            let value = self.value();
            assert!(fields.insert(name, value).is_none(), "a field twice in {}", self.text);
            let _ = self.take(',');
        }
        Value::Object(fields)
    }
}

#[test]
fn messages_are_json_without_quotes() {
    let parsed = parse("{a: [1, -2, x-1.y], b: 'two words', c: {d: $id, e: null}, f: [], g: true}");
    let filled = fill(&parsed, &|name| Value::from(format!("<{name}>")));
    let wanted = serde_json::json!({
        "a": [1, -2, "x-1.y"], "b": "two words", "c": {"d": "<id>", "e": null}, "f": [], "g": true
    });
    assert_eq!(filled, wanted);
}
