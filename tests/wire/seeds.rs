//! Requests as they were sent in a run of tests/differential and by the clients of tests/clients, which keep them: a few of each API and
//! version. Each file of `seeds` holds frames as on the wire, one after another; they are seeds for fuzzing too.

use bytes::Bytes;
use monolog::wire::api_key::ApiKey;
use monolog::wire::frame::{RequestError, decode_request};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// All of them may have this many bytes.
const SEEDS_BYTES_MAX: usize = 300_000;

/// The frames that clients sent.
const CLIENTS: &str = "clients";

/// The frames of a file, without their lengths.
fn frames(name: &str) -> Vec<Bytes> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/wire/seeds/{name}.frames"));
    let mut rest = Bytes::from(fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())));
    let mut frames = Vec::new();
    while let Some(length) = rest.first_chunk() {
        let mut frame = rest.split_to(4 + u32::from_be_bytes(*length) as usize);
        frames.push(frame.split_off(4));
    }
    assert!(rest.is_empty(), "{name}: a frame is cut short");
    frames
}

#[test]
fn what_was_sent_is_read_in_every_version_that_is_served() {
    let mut bytes = 0;
    for &api in ApiKey::ALL {
        let mut read = BTreeSet::new();
        for frame in frames(&api.to_string()) {
            bytes += frame.len();
            match decode_request(frame) {
                Ok((header, request)) => {
                    assert_eq!(request.api(), api);
                    read.insert(header.version);
                }
                // Cases of bodies that cannot be read are among them.
                Err(RequestError::Body(..)) => {}
                Err(other) => panic!("{api}: {other}"),
            }
        }
        assert!((api.row().min_decodable..=api.row().max).all(|version| read.contains(&version)), "{api}: only {read:?}");
    }
    assert!(bytes <= SEEDS_BYTES_MAX, "{bytes} bytes are too many");
}

#[test]
fn what_clients_sent_is_read() {
    let mut apis = BTreeSet::new();
    for frame in frames(CLIENTS) {
        match decode_request(frame) {
            Ok((_, request)) => {
                apis.insert(request.api());
            }
            // A client that asks for more than there is asks again.
            Err(RequestError::UnsupportedVersion(..) | RequestError::UnknownApiKey(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert!(apis.len() > 25, "only {apis:?}");
}

#[test]
fn what_was_sent_may_be_cut_anywhere_and_each_byte_be_another() {
    for frame in ApiKey::ALL.iter().map(ApiKey::to_string).chain([CLIENTS.to_owned()]).flat_map(|name| frames(&name)) {
        for at in 0..frame.len() {
            let _ = decode_request(frame.slice(..at));
            for bits in [0x01, 0x80, 0xff] {
                let mut bytes = frame.to_vec();
                bytes[at] ^= bits;
                let _ = decode_request(bytes.into());
            }
        }
    }
}
