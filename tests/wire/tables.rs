//! Every field table and the table of versions against the schemas inside Kafka's jar: names, types, versions, nullability,
//! tags and defaults.

use crate::messages;
use crate::schema::{FieldSchema, MessageSchema, schemas, snake};
use crate::schema_walk::{Walk, default_structure};
use bytes::Bytes;
use monolog::base::rng::Rng;
use monolog::wire::api_key::ApiKey;
use monolog::wire::message::{Request, Response};
use monolog::wire::primitive::{Reader, Writer};
use std::collections::{BTreeMap, BTreeSet};

/// Random messages for each API, direction and version.
const SEEDS: u64 = 60;

/// Reads and writes the body of a request or response: how it prints, and its bytes.
fn through_ours(api: ApiKey, version: i16, is_response: bool, bytes: &[u8]) -> Result<(String, Vec<u8>), String> {
    let mut r = Reader::of_response(Bytes::copy_from_slice(bytes));
    let mut w = Writer::new();
    let print = if is_response {
        let response = Response::decode(&mut r, api, version).map_err(|fault| r.explain(fault).to_string())?;
        response.encode(&mut w, version);
        format!("{response:?}")
    } else {
        let request = Request::decode(&mut r, api, version).map_err(|fault| r.explain(fault).to_string())?;
        request.encode(&mut w, version);
        format!("{request:?}")
    };
    if r.remaining() > 0 {
        return Err(format!("{} bytes are left", r.remaining()));
    }
    Ok((print, w.finish().to_vec().split_off(4)))
}

/// Each API, direction and version with its schema and random bytes made from it.
fn for_all(unknown_tags: bool, check: impl Fn(ApiKey, i16, &MessageSchema, &[u8], &str)) {
    let Some(schemas) = schemas() else { return };
    for &api in ApiKey::ALL {
        for kind in ["Request", "Response"] {
            let schema = &schemas[&format!("{api}{kind}")];
            for version in api.row().min_decodable..=api.row().max {
                for seed in 0..SEEDS {
                    let rng = &mut Rng::new(seed);
                    let flexible = version >= schema.flexible_from;
                    let mut walk = Walk { rng, version, max_version: api.row().max, flexible, unknown_tags };
                    let (bytes, print) = walk.message(schema);
                    check(api, version, schema, &bytes, &format!("{api}({print})"));
                }
            }
        }
    }
}

#[test]
fn what_the_schemas_make_is_read_and_written_alike() {
    for_all(false, |api, version, schema, bytes, expected| match through_ours(api, version, schema.name.ends_with("Response"), bytes) {
        Ok((print, again)) => {
            assert_eq!(print, expected, "{} {version}", schema.name);
            assert!(again == bytes, "{} {version}: other bytes for {expected}", schema.name);
        }
        Err(why) => panic!("{} {version}: {why}: {expected}", schema.name),
    });
}

#[test]
fn unknown_tagged_fields_are_skipped() {
    for_all(true, |api, version, schema, bytes, expected| match through_ours(api, version, schema.name.ends_with("Response"), bytes) {
        Ok((print, _)) => assert_eq!(print, expected, "{} {version}", schema.name),
        Err(why) => panic!("{} {version}: {why}: {expected}", schema.name),
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
