//! Random bytes of a message made from its schema alone, with what our codec must read from them. Nothing here knows our
//! tables: what is expected is text, as `{:?}` prints our structures, so names, order, types and defaults are compared too.

use crate::messages::Fill;
use crate::schema::{FieldSchema, MessageSchema};
use bytes::Bytes;
use monolog::base::ids::Uuid;
use monolog::base::rng::Rng;
use monolog::base::text::Text;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::records::Records;

/// A random message in one version.
pub struct Walk<'a> {
    pub rng: &'a mut Rng,
    pub version: i16,
    /// The highest version served; fields that come later do not exist for us.
    pub max_version: i16,
    pub flexible: bool,
    /// Whether to put in tagged fields that no version has.
    pub unknown_tags: bool,
    /// Whether to plant a null where this version has none.
    pub plant_null: bool,
    /// `Structure.field` of the planted null.
    pub planted: Option<String>,
}

impl Walk<'_> {
    /// The bytes, and how our structure prints.
    pub fn message(&mut self, schema: &MessageSchema) -> (Vec<u8>, String) {
        let mut out = Vec::new();
        let print = self.structure(&schema.name, &schema.fields, &mut out);
        (out, print)
    }

    fn structure(&mut self, name: &str, fields: &[FieldSchema], out: &mut Vec<u8>) -> String {
        let max_version = self.max_version;
        let mut prints = Vec::new();
        let mut tags = Vec::new();
        for field in fields.iter().filter(|field| field.versions.min <= max_version) {
            let default = default_print(field, max_version);
            let is_tagged = field.tag.is_some_and(|(_, versions)| versions.contains(self.version));
            let print = if !field.versions.contains(self.version) || (is_tagged && self.rng.below(3) == 0) {
                default
            } else if self.plants_null_at(field) {
                self.planted = Some(format!("{name}.{}", field.name));
                let mut null = Vec::new();
                self.null(field, &mut null);
                match field.tag {
                    Some((tag, _)) => tags.push((tag, null)),
                    None => out.extend(null),
                }
                "planted".to_string()
            } else if is_tagged {
                let mut content = Vec::new();
                let print = self.field(field, &mut content);
                if print != default {
                    tags.extend(field.tag.map(|(tag, _)| (tag, content)));
                }
                print
            } else {
                self.field(field, out)
            };
            prints.push(format!("{}: {print}", field.name));
        }
        if self.flexible {
            self.tags(tags, out);
        }
        format!("{name} {{ {} }}", prints.join(", "))
    }

    /// Now and then, once: at a field whose type could be null, in a version in which it must not.
    fn plants_null_at(&mut self, field: &FieldSchema) -> bool {
        let may_be_null = field.nullable.is_some_and(|versions| versions.contains(self.version));
        let has_length = field.is_array || matches!(field.kind.as_str(), "string" | "bytes");
        self.plant_null && self.planted.is_none() && has_length && !may_be_null && self.rng.below(3) == 0
    }

    fn tags(&mut self, mut tags: Vec<(u32, Vec<u8>)>, out: &mut Vec<u8>) {
        if self.unknown_tags {
            // Tags that Kafka has not given away; the last has the greatest number there is.
            for tag in [50, 128, 16_384, u32::MAX] {
                if self.rng.below(4) == 0 {
                    tags.push((tag, Bytes::fill(self.rng).to_vec()));
                }
            }
        }
        tags.sort();
        uvarint(out, tags.len() as u32);
        for (tag, content) in tags {
            uvarint(out, tag);
            uvarint(out, content.len() as u32);
            out.extend(content);
        }
    }

    fn field(&mut self, field: &FieldSchema, out: &mut Vec<u8>) -> String {
        // A fetched batch list is the one nullable type that we never make null; `frames` has its test.
        let may_be_null = field.nullable.is_some_and(|versions| versions.contains(self.version)) && !is_fetched_records(field);
        if may_be_null && self.rng.below(4) == 0 {
            self.null(field, out);
            return "None".to_string();
        }
        let print = if field.is_array {
            let count = self.rng.below(4) as usize;
            self.len(count, 4, out);
            let elements: Vec<String> = (0..count).map(|_| self.value(field, out)).collect();
            format!("[{}]", elements.join(", "))
        } else {
            if may_be_null && !field.fields.is_empty() {
                out.push(1);
            }
            self.value(field, out)
        };
        if is_option(field) { format!("Some({print})") } else { print }
    }

    fn null(&mut self, field: &FieldSchema, out: &mut Vec<u8>) {
        match field.kind.as_str() {
            _ if !field.is_array && !field.fields.is_empty() => out.push(0xff),
            _ if self.flexible => out.push(0),
            "string" if !field.is_array => out.extend([0xff; 2]),
            _ => out.extend([0xff; 4]),
        }
    }

    fn len(&mut self, len: usize, width: usize, out: &mut Vec<u8>) {
        match width {
            _ if self.flexible => uvarint(out, len as u32 + 1),
            2 => out.extend((len as i16).to_be_bytes()),
            _ => out.extend((len as i32).to_be_bytes()),
        }
    }

    /// One value that is not null, without the mark of a nullable structure.
    fn value(&mut self, field: &FieldSchema, out: &mut Vec<u8>) -> String {
        macro_rules! number {
            ($ty:ty) => {{
                let value = <$ty>::fill(self.rng);
                out.extend(value.to_be_bytes());
                value
            }};
        }
        match field.kind.as_str() {
            "bool" => {
                let value = bool::fill(self.rng);
                out.push(value.into());
                format!("{value:?}")
            }
            "int8" => format!("{:?}", number!(i8)),
            "int16" if is_error_code(field) => format!("{:?}", ErrorCode(number!(i16))),
            "int16" => format!("{:?}", number!(i16)),
            "int32" => format!("{:?}", number!(i32)),
            "int64" => format!("{:?}", number!(i64)),
            "uint16" => format!("{:?}", number!(u16)),
            "float64" => format!("{:?}", number!(f64)),
            "uuid" => {
                let value = Uuid::fill(self.rng);
                out.extend(value.0);
                format!("{value:?}")
            }
            "string" => {
                let value = Text::fill(self.rng);
                self.len(value.len(), 2, out);
                out.extend(value.as_bytes());
                format!("{value:?}")
            }
            "bytes" | "records" => {
                let value = Bytes::fill(self.rng);
                self.len(value.len(), 4, out);
                out.extend(&value);
                if is_fetched_records(field) { format!("{:?}", Records::from(value)) } else { format!("{value:?}") }
            }
            structure => self.structure(structure, &field.fields, out),
        }
    }
}

/// How the default of a structure prints.
pub fn default_structure(name: &str, fields: &[FieldSchema], max_version: i16) -> String {
    let fields = fields.iter().filter(|field| field.versions.min <= max_version);
    let prints: Vec<String> = fields.map(|field| format!("{}: {}", field.name, default_print(field, max_version))).collect();
    format!("{name} {{ {} }}", prints.join(", "))
}

/// How the default of a field prints: what the schema says, else zero, empty or false, and for records null.
fn default_print(field: &FieldSchema, max_version: i16) -> String {
    let given = field.default.as_deref();
    if given == Some("null") || (field.kind == "records" && !is_fetched_records(field)) {
        return "None".to_string();
    }
    let number = given.map_or(0, |text| match text.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).expect("a number"),
        None => text.parse().unwrap_or(0),
    });
    let print = match field.kind.as_str() {
        _ if field.is_array => "[]".to_string(),
        "bool" => (given == Some("true")).to_string(),
        "int16" if is_error_code(field) => format!("{:?}", ErrorCode(number as i16)),
        "int8" | "int16" | "int32" | "int64" | "uint16" => number.to_string(),
        "float64" => format!("{:?}", number as f64),
        "uuid" => Uuid::ZERO.to_string(),
        "string" => format!("{:?}", given.unwrap_or_default()),
        "bytes" => format!("{:?}", Bytes::new()),
        "records" => format!("{:?}", Records::default()),
        structure => default_structure(structure, &field.fields, max_version),
    };
    if is_option(field) { format!("Some({print})") } else { print }
}

fn is_error_code(field: &FieldSchema) -> bool {
    field.name.ends_with("error_code")
}

/// Of the two fields of type `records`, the one in a response.
fn is_fetched_records(field: &FieldSchema) -> bool {
    field.kind == "records" && field.in_response
}

fn is_option(field: &FieldSchema) -> bool {
    field.nullable.is_some() && !is_fetched_records(field)
}

fn uvarint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
