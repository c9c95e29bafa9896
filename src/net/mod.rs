//! The Kafka port: mio reactors that frame, decode, check and encode. Composed by `server`; talks to the engine by mail only.
//! `accept` deals connections out; a `reactor` owns its `conn`s, each with a frame reader, answer slots and an output queue.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::indexing_slicing)]

mod accept;
mod conn;
mod decode;
mod faults;
mod frame;
mod output;
pub mod reactor;
pub mod shared;
pub mod slots;

#[cfg(test)]
mod tests;
