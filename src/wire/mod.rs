//! Bytes: Kafka's wire protocol. Frames are decoded without copying and encoded into shared pieces; no state, no I/O.
//! `net`, `mail`, `state`, `api` and the client speak in `message` and `batch`; the rest is how those get on the wire.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::indexing_slicing)]

pub mod api_key;
pub mod batch;
pub mod batch_builder;
pub mod browse;
pub mod compress;
pub mod error_code;
pub mod field;
pub mod frame;
pub mod header;
pub mod message;
pub mod primitive;
pub mod record;
pub mod records;
pub mod stored;
pub(crate) mod table;
