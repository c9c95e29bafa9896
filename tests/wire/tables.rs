//! Every field table and the table of versions against the schemas inside Kafka's jar: names, types, versions, nullability,
//! tags and defaults.

use crate::messages;
use crate::schema::{FieldSchema, MessageSchema, schemas, snake};
use crate::schema_walk::{Walk, default_structure};
use bytes::Bytes;
use monolog::base::rng::Rng;
use monolog::wire::api_key::ApiKey;
use monolog::wire::message::{Request, Response};
use monolog::wire::primitive::{DecodeError, Fault, Reader, Writer};
use std::collections::{BTreeMap, BTreeSet};

/// Random messages for each API, direction and version.
const SEEDS: u64 = 25;

/// Reads and writes the body of a request or response: how it prints, and its bytes.
fn through_ours(api: ApiKey, version: i16, is_response: bool, bytes: &[u8]) -> Result<(String, Vec<u8>), DecodeError> {
    let mut r = Reader::of_response(Bytes::copy_from_slice(bytes));
    let mut w = Writer::new();
    let print = if is_response {
        let response = Response::decode(&mut r, api, version).map_err(|fault| r.explain(fault))?;
        response.encode(&mut w, version);
        format!("{response:?}")
    } else {
        let request = Request::decode(&mut r, api, version).map_err(|fault| r.explain(fault))?;
        request.encode(&mut w, version);
        format!("{request:?}")
    };
    assert_eq!(r.remaining(), 0, "{api} {version}: bytes are left");
    Ok((print, w.finish().to_vec().split_off(4)))
}

/// A message made from its schema.
struct Made<'a> {
    api: ApiKey,
    version: i16,
    schema: &'a MessageSchema,
    bytes: Vec<u8>,
    /// How it must print.
    print: String,
    /// Where a null was planted that must be refused.
    planted: Option<String>,
}

impl Made<'_> {
    fn through_ours(&self) -> Result<(String, Vec<u8>), DecodeError> {
        through_ours(self.api, self.version, self.schema.name.ends_with("Response"), &self.bytes)
    }
}

/// Random messages of each API, direction and version.
fn for_all(unknown_tags: bool, plant_null: bool, check: impl Fn(Made)) {
    let Some(schemas) = schemas() else { return };
    for &api in ApiKey::ALL {
        for schema in ["Request", "Response"].map(|kind| &schemas[&format!("{api}{kind}")]) {
            for version in api.row().min_decodable..=api.row().max {
                for seed in 0..SEEDS {
                    let rng = &mut Rng::new(seed);
                    let flexible = version >= schema.flexible_from;
                    let mut walk = Walk { rng, version, max_version: api.row().max, flexible, unknown_tags, plant_null, planted: None };
                    let (bytes, print) = walk.message(schema);
                    let planted = walk.planted;
                    check(Made { api, version, schema, bytes, print: format!("{api}({print})"), planted });
                }
            }
        }
    }
}

#[test]
fn what_the_schemas_make_is_read_and_written_alike() {
    for_all(false, false, |made| {
        let (print, again) = made.through_ours().unwrap_or_else(|e| panic!("{} {}: {e}", made.schema.name, made.version));
        assert_eq!(print, made.print, "{} {}", made.schema.name, made.version);
        assert!(again == made.bytes, "{} {}: other bytes for {print}", made.schema.name, made.version);
    });
}

#[test]
fn unknown_tagged_fields_are_skipped() {
    for_all(true, false, |made| {
        let (print, _) = made.through_ours().unwrap_or_else(|e| panic!("{} {}: {e}", made.schema.name, made.version));
        assert_eq!(print, made.print, "{} {}", made.schema.name, made.version);
    });
}

#[test]
fn a_null_where_the_version_has_none_is_refused_by_name() {
    for_all(false, true, |made| {
        let Some(planted) = &made.planted else { return };
        let error = made.through_ours().expect_err(planted);
        assert_eq!((error.fault, error.field), (Fault::NullNotAllowed, planted.as_str()), "version {}", made.version);
    });
}

#[test]
fn the_table_of_versions_is_kafkas() {
    let Some(schemas) = schemas() else { return };
    for &api in ApiKey::ALL {
        let row = api.row();
        let request = &schemas[&format!("{api}Request")];
        let response = &schemas[&format!("{api}Response")];
        let stable_max = request.valid.max - i16::from(request.latest_is_unstable);
        assert_eq!((row.min_decodable, row.max), (request.valid.min, stable_max), "{api}");
        assert_eq!(request.valid, response.valid, "{api}");
        assert_eq!((row.key, row.key), (request.key, response.key), "{api}");
        assert_eq!((row.flexible_from, row.flexible_from), (request.flexible_from, response.flexible_from), "{api}");
        // Kafka's PRODUCE_API_VERSIONS_RESPONSE_MIN_VERSION is the one difference between advertised and served.
        assert_eq!(row.min, if api == ApiKey::Produce { 0 } else { row.min_decodable }, "{api}");
    }
}

#[test]
fn every_structure_has_the_defaults_of_its_schema() {
    fn collect(module: &str, name: &str, fields: &[FieldSchema], max: i16, into: &mut BTreeMap<String, String>) {
        into.insert(format!("{module}::{name}"), default_structure(name, fields, max));
        for field in fields.iter().filter(|field| field.versions.min <= max && !field.fields.is_empty()) {
            collect(module, &field.kind, &field.fields, max, into);
        }
    }
    let Some(schemas) = schemas() else { return };
    let mut expected = BTreeMap::new();
    for &api in ApiKey::ALL {
        for kind in ["Request", "Response"] {
            let schema = &schemas[&format!("{api}{kind}")];
            collect(&snake(api.name()), &schema.name, &schema.fields, api.row().max, &mut expected);
        }
    }
    let ours: BTreeMap<String, String> = messages::defaults().into_iter().map(|(name, print)| (name.to_string(), print)).collect();
    let names = |map: &BTreeMap<String, String>| map.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&ours), names(&expected));
    for (name, print) in &expected {
        assert_eq!(&ours[name], print, "{name}");
    }
}
