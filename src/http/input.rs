//! Bodies of requests: JSON into structs that name what they take, and messages in their forms. Called by the routes.

use super::reply::Reply;
use super::text::from_base64;
use crate::base::limits::HTTP_MESSAGES_MAX;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// Reads a body; what is wrong with it is said with its line and column.
pub fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Reply> {
    if body.is_empty() {
        return Err(Reply::bad("the body is empty; JSON is expected"));
    }
    serde_json::from_slice(body).map_err(|error| Reply::bad(format!("the body is not the JSON that is expected: {error}")))
}

/// What is written as a JSON object; a list is not taken for its fields in their order.
#[derive(Debug)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object<T>, D::Error> {
        struct Fields<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = Object<T>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(Fields(PhantomData))
    }
}

/// What is posted as messages: one, or a list.
#[derive(Debug)]
pub enum Posted {
    /// One; so is the answer.
    One(Message),
    /// A list, at most [`HTTP_MESSAGES_MAX`] of them.
    Many(Vec<Message>),
}

/// One message.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// The key.
    #[serde(default)]
    pub key: Payload,
    /// The value; it must be said, if only that it is null.
    pub value: Payload,
    /// Where it goes; by its key if that is not said.
    pub partition: Option<i32>,
    /// Its headers in their order.
    #[serde(default)]
    pub headers: Vec<Object<Header>>,
    /// When it was made, ms since 1970; now if that is not said.
    pub timestamp: Option<i64>,
}

/// A header.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Its key, which cannot be null.
    #[serde(deserialize_with = "not_null")]
    pub key: Vec<u8>,
    /// Its value.
    #[serde(default)]
    pub value: Payload,
}

/// Bytes, or null: a text, `{"base64":"..."}`, or null.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Payload(pub Option<Vec<u8>>);

fn not_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    Payload::deserialize(deserializer)?.0.ok_or_else(|| D::Error::custom("the key of a header cannot be null"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Encoded {
    base64: String,
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Payload, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Payload;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a string, {\"base64\":\"...\"} or null")
            }
            fn visit_unit<E: Error>(self) -> Result<Payload, E> {
                Ok(Payload(None))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Payload, E> {
                Ok(Payload(Some(text.as_bytes().to_vec())))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Payload, A::Error> {
                let Encoded { base64 } = Encoded::deserialize(MapAccessDeserializer::new(map))?;
                from_base64(&base64).map(|bytes| Payload(Some(bytes))).ok_or_else(|| A::Error::custom("this is not base64"))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl<'de> Deserialize<'de> for Posted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Posted, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Posted;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a message or a list of messages")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Posted, A::Error> {
                Message::deserialize(MapAccessDeserializer::new(map)).map(Posted::One)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Posted, A::Error> {
                let mut messages = Vec::new();
                while let Some(Object(message)) = list.next_element()? {
                    if messages.len() == HTTP_MESSAGES_MAX {
                        return Err(A::Error::custom(format!("a list takes at most {HTTP_MESSAGES_MAX} messages")));
                    }
                    messages.push(message);
                }
                Ok(Posted::Many(messages))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(body: &str) -> String {
        let reply = from_json::<Posted>(body.as_bytes()).unwrap_err();
        assert_eq!(reply.status, 400);
        String::from_utf8(reply.body).unwrap()
    }

    #[test]
    fn messages_come_in_several_forms() {
        let Posted::One(message) = from_json(
            br#"{"key":"k","value":{"base64":"/wA="},"headers":[{"key":"h","value":null},{"key":"h"}],"timestamp":5,"partition":2}"#,
        )
        .unwrap() else {
            panic!("one")
        };
        assert_eq!((message.key.0.as_deref(), message.value.0.as_deref()), (Some(&b"k"[..]), Some(&b"\xff\x00"[..])));
        assert_eq!((message.headers.len(), message.timestamp, message.partition), (2, Some(5), Some(2)));
        let Posted::Many(messages) = from_json(br#"[{"value":null},{"value":""}]"#).unwrap() else { panic!("many") };
        assert_eq!(messages.iter().map(|message| message.value.0.as_deref()).collect::<Vec<_>>(), [None, Some(&b""[..])]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        assert!(error("{\n\"value\": \"x\",,}").contains("line 2 column 14"));
        assert!(error(r#"{"key":"k"}"#).contains("missing field `value`"));
        assert!(error(r#"{"value":1}"#).contains("line 1 column 10"));
        assert!(error(r#"{"value":"x","partion":1}"#).contains("unknown field `partion`"));
        assert!(error(r#"{"value":"x","value":"y"}"#).contains("duplicate field"));
        assert!(error(r#"{"value":{"base64":"?"}}"#).contains("not base64"));
        assert!(error(r#"{"value":"x","partition":2147483648}"#).contains("line 1"));
        assert!(error(r#"{"value":"","headers":[{"key":null}]}"#).contains("cannot be null"));
        for bad in [
            "",
            "1",
            "\"x\"",
            "null",
            "[1]",
            r#"[[null,"x",0,[],5]]"#,
            r#"{"value":"","headers":[["k","v"]]}"#,
            "[{\"value\":\"x\"}",
            "{\"value\":\"\u{1}\"}",
            "{\"value\":\"x\"} y",
            "\u{feff}{}",
        ] {
            error(bad);
        }
        let listed = from_json::<Object<Header>>(br#"["k","v"]"#).unwrap_err();
        assert!(String::from_utf8(listed.body).unwrap().contains("invalid type: sequence, expected an object"));
        assert!(from_json::<Posted>(b"{\"value\":\"\xff\"}").is_err());
        assert!(error(&"[".repeat(100_000)).contains("line 1"));
        assert!(error(&format!("[{}]", vec![r#"{"value":""}"#; 10_001].join(","))).contains("at most 10000"));
    }
}
