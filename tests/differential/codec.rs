//! Requests and answers as trees of fields, written and read by the schemas of Kafka's own jar: independent of the broker's codec,
//! and able to write what that never would (nulls where none may stand, tagged fields with their default).
//!
//! Bytes are texts that begin with `0x`, uuids texts as Kafka prints them. Everything that an answer holds becomes a field, tags that
//! no schema knows and bytes after the end included.

use crate::records;
#[cfg(test)]
use crate::schema::Versions;
use crate::schema::{FieldSchema, MessageSchema};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// Why an answer cannot be read.
pub type Fault = &'static str;

/// The bytes of a request's body.
pub fn encode(schema: &MessageSchema, version: i16, value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    Writer { version, flexible: version >= schema.flexible_from }.structure(&schema.name, &schema.fields, value, &mut out);
    out
}

/// The tree of an answer's body.
pub fn decode(schema: &MessageSchema, version: i16, body: &[u8]) -> Result<Value, Fault> {
    let mut reader = Reader { rest: body, version, flexible: version >= schema.flexible_from };
    let mut fields = reader.structure(&schema.fields)?;
    if !reader.rest.is_empty() {
        fields.insert("bytes_after_the_end".to_owned(), reader.rest.len().into());
    }
    Ok(Value::Object(fields))
}

/// Bytes as cases and trees have them.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::from("0x"), |text, byte| text + &format!("{byte:02x}"))
}

/// The bytes of a text of the tree.
pub fn bytes_of(text: &str) -> Vec<u8> {
    let Some(digits) = text.strip_prefix("0x") else { return text.as_bytes().to_vec() };
    let digit = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits");
    (0..digits.len()).step_by(2).map(digit).collect()
}

/// Appends a number in groups of seven bits.
pub fn uvarint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

struct Writer {
    version: i16,
    flexible: bool,
}

impl Writer {
    fn structure(&self, name: &str, fields: &[FieldSchema], value: &Value, out: &mut Vec<u8>) {
        let given = value.as_object().unwrap_or_else(|| panic!("{name} is no structure: {value}"));
        let unknown = given.keys().find(|key| fields.iter().all(|field| field.name != **key));
        assert!(unknown.is_none(), "{name} has no field {unknown:?}");
        let mut tags = Vec::new();
        for field in fields.iter().filter(|field| field.versions.contains(self.version)) {
            let tag = field.tag.filter(|(_, versions)| versions.contains(self.version));
            match (given.get(&field.name), tag) {
                (None, Some(_)) => {}
                (Some(value), Some((tag, _))) => {
                    let mut content = Vec::new();
                    self.field(field, value, &mut content);
                    tags.push((tag, content));
                }
                (value, None) => self.field(field, value.unwrap_or(&default(field)), out),
            }
        }
        if self.flexible {
            tags.sort();
            uvarint(out, tags.len() as u32);
            for (tag, content) in tags {
                uvarint(out, tag);
                uvarint(out, content.len() as u32);
                out.extend(content);
            }
        }
    }

    fn field(&self, field: &FieldSchema, value: &Value, out: &mut Vec<u8>) {
        let nullable_here = field.nullable.is_some_and(|versions| versions.contains(self.version));
        match value {
            Value::Null if field.is_array => self.len(None, 4, out),
            Value::Null if field.fields.is_empty() => self.len(None, width(field), out),
            Value::Null => out.push(0xff),
            Value::Array(elements) if field.is_array => {
                self.len(Some(elements.len()), 4, out);
                elements.iter().for_each(|element| self.value(field, element, out));
            }
            value => {
                assert!(!field.is_array, "{} is an array: {value}", field.name);
                if nullable_here && !field.fields.is_empty() {
                    out.push(1);
                }
                self.value(field, value, out);
            }
        }
    }

    fn value(&self, field: &FieldSchema, value: &Value, out: &mut Vec<u8>) {
        let number = || value.as_i64().unwrap_or_else(|| panic!("{} is a number: {value}", field.name));
        let text = || value.as_str().map(str::to_owned).unwrap_or_else(|| value.to_string());
        match field.kind.as_str() {
            "bool" => out.push(value.as_bool().unwrap_or_else(|| panic!("{} is a bool: {value}", field.name)).into()),
            "int8" => out.push(number() as u8),
            "int16" | "uint16" => out.extend((number() as i16).to_be_bytes()),
            "int32" => out.extend((number() as i32).to_be_bytes()),
            "int64" => out.extend(number().to_be_bytes()),
            "float64" => out.extend(value.as_f64().unwrap_or_default().to_be_bytes()),
            "uuid" => out.extend(uuid_of(&text())),
            "string" | "bytes" | "records" if value.is_null() => self.len(None, width(field), out),
            "string" | "bytes" | "records" => {
                let bytes = if field.kind == "string" { text().into_bytes() } else { bytes_of(&text()) };
                self.len(Some(bytes.len()), width(field), out);
                out.extend(bytes);
            }
            structure => self.structure(structure, &field.fields, value, out),
        }
    }

    fn len(&self, len: Option<usize>, width: usize, out: &mut Vec<u8>) {
        match width {
            _ if self.flexible => uvarint(out, len.map_or(0, |len| len as u32 + 1)),
            2 => out.extend(len.map_or(-1, |len| len as i16).to_be_bytes()),
            _ => out.extend(len.map_or(-1, |len| len as i32).to_be_bytes()),
        }
    }
}

/// Bytes of the length of a text or of bytes, where that is not compact. In front of an array are always 4.
fn width(field: &FieldSchema) -> usize {
    if field.kind == "string" { 2 } else { 4 }
}

#[test]
fn texts_in_a_list_have_short_lengths() {
    let names = FieldSchema {
        name: "names".to_owned(),
        kind: "string".to_owned(),
        is_array: true,
        versions: Versions { min: 0, max: 0 },
        nullable: None,
        tag: None,
        default: None,
        fields: Vec::new(),
        in_response: false,
    };
    let list = serde_json::json!(["ab", null]);
    let mut bytes = Vec::new();
    Writer { version: 0, flexible: false }.field(&names, &list, &mut bytes);
    assert_eq!(bytes, [0, 0, 0, 2, 0, 2, b'a', b'b', 0xff, 0xff]);
    assert_eq!(Reader { rest: &bytes, version: 0, flexible: false }.field(&names), Ok(list));
}

fn default(field: &FieldSchema) -> Value {
    let given = field.default.as_deref().unwrap_or_default();
    let number = || {
        let (negative, digits) = given.strip_prefix('-').map_or((1, given), |digits| (-1, digits));
        let parsed = digits.strip_prefix("0x").map_or_else(|| digits.parse(), |digits| i64::from_str_radix(digits, 16));
        negative * parsed.unwrap_or_default()
    };
    match field.kind.as_str() {
        _ if given == "null" => Value::Null,
        _ if field.is_array => Value::Array(Vec::new()),
        "bool" => Value::Bool(given == "true"),
        "string" | "bytes" | "records" => Value::from(given),
        "uuid" => Value::from(uuid_text(&[0; 16])),
        "int8" | "int16" | "uint16" | "int32" | "int64" | "float64" => Value::from(number()),
        _ => Value::Object(Map::new()),
    }
}

fn uuid_of(text: &str) -> [u8; 16] {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.unwrap_or_else(|| panic!("{text} is no uuid"))
}

fn uuid_text(bytes: &[u8; 16]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

struct Reader<'a> {
    rest: &'a [u8],
    version: i16,
    flexible: bool,
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, len: usize) -> Result<&'a [u8], Fault> {
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or("it ends early")?;
        self.rest = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        self.bytes(N).map(|bytes| bytes.try_into().expect("as long as asked for"))
    }

    fn uvarint(&mut self) -> Result<u32, Fault> {
        let mut value = 0;
        for shift in (0..35).step_by(7) {
            let [byte] = self.array()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err("a number does not end")
    }

    fn len(&mut self, width: usize) -> Result<Option<usize>, Fault> {
        let len = match width {
            _ if self.flexible => i64::from(self.uvarint()?) - 1,
            2 => i64::from(i16::from_be_bytes(self.array()?)),
            _ => i64::from(i32::from_be_bytes(self.array()?)),
        };
        if len < -1 { Err("a negative length") } else { Ok(usize::try_from(len).ok()) }
    }

    fn structure(&mut self, fields: &[FieldSchema]) -> Result<Map<String, Value>, Fault> {
        let mut found = Map::new();
        let mut tagged = Vec::new();
        let version = self.version;
        for field in fields.iter().filter(|field| field.versions.contains(version)) {
            match field.tag.filter(|(_, versions)| versions.contains(version)) {
                Some((tag, _)) => tagged.push((tag, field)),
                None => drop(found.insert(field.name.clone(), self.field(field)?)),
            }
        }
        let tags = if self.flexible { self.uvarint()? } else { 0 };
        for _ in 0..tags {
            let (tag, len) = (self.uvarint()?, self.uvarint()?);
            let mut inner = Reader { rest: self.bytes(len as usize)?, ..*self };
            let (name, value) = match tagged.iter().find(|(known, _)| *known == tag) {
                Some((_, field)) => (field.name.clone(), inner.field(field)?),
                None => (format!("tag_{tag}"), Value::from(hex(inner.bytes(inner.rest.len())?))),
            };
            if !inner.rest.is_empty() {
                return Err("bytes are left in a tagged field");
            }
            found.insert(name, value);
        }
        Ok(found)
    }

    fn field(&mut self, field: &FieldSchema) -> Result<Value, Fault> {
        let nullable_here = field.nullable.is_some_and(|versions| versions.contains(self.version));
        if !field.is_array {
            if nullable_here && !field.fields.is_empty() && self.array::<1>()?[0] >= 0x80 {
                return Ok(Value::Null);
            }
            return self.value(field);
        }
        let Some(count) = self.len(4)? else { return Ok(Value::Null) };
        let mut elements = Vec::new();
        for _ in 0..count {
            elements.push(self.value(field)?);
        }
        Ok(Value::Array(elements))
    }

    fn value(&mut self, field: &FieldSchema) -> Result<Value, Fault> {
        Ok(match field.kind.as_str() {
            "bool" => (self.array::<1>()? != [0]).into(),
            "int8" => i8::from_be_bytes(self.array()?).into(),
            "int16" => i16::from_be_bytes(self.array()?).into(),
            "uint16" => u16::from_be_bytes(self.array()?).into(),
            "int32" => i32::from_be_bytes(self.array()?).into(),
            "int64" => i64::from_be_bytes(self.array()?).into(),
            "float64" => f64::from_be_bytes(self.array()?).into(),
            "uuid" => uuid_text(&self.array()?).into(),
            kind @ ("string" | "bytes" | "records") => {
                let Some(len) = self.len(width(field))? else { return Ok(Value::Null) };
                let bytes = self.bytes(len)?;
                match kind {
                    "string" => std::str::from_utf8(bytes).map_err(|_| "a text is not UTF-8")?.into(),
                    "bytes" => hex(bytes).into(),
                    _ => records::tree(bytes),
                }
            }
            _ => Value::Object(self.structure(&field.fields)?),
        })
    }
}
