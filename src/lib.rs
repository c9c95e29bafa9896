//! monolog: a Kafka-compatible message broker in one small binary, durable in one SQLite file.
//!
//! The rooms, from the ground up; imports run downhill only (held by `tests/tidy.rs`):
//!
//! ```text
//! 8  cli                          one file per subcommand
//! 7  server                       composition: queues, threads, signals; chooses the store
//! 6  engine                       when things happen
//! 5  api                          what each Kafka key does
//! 4  state   net   http   cold    the rules | three kinds of I/O, strangers to each other
//! 3  mail    client               what threads say to one another | a small blocking Kafka client
//! 2  wire    store   config       bytes | durability | settings
//! 1  base                         ids, times, limits, budget, metrics
//! ```

pub mod api;
pub mod base;
pub mod cli;
pub mod client;
pub mod cold;
pub mod config;
pub mod engine;
pub mod http;
pub mod mail;
pub mod net;
pub mod server;
pub mod state;
pub mod store;
pub mod wire;
