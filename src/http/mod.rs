//! The HTTP port: `guard` alone meets the network, tiny_http behind it sees complete and bounded requests on a private socket,
//! `routes` answers them, by mail to the engine like any Kafka client's. Composed by `server`.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::indexing_slicing)]

mod backup;
pub mod copied;
pub mod desk;
mod groups;
pub mod guard;
mod head;
pub mod health;
mod input;
mod list;
mod messages;
mod origin;
mod partitioner;
pub mod private;
mod publish;
mod queue;
mod reply;
mod routes;
pub mod serve;
pub mod share;
pub mod site;
mod stats;
mod target;
mod text;
mod topics;
mod visit;
pub mod waiting;

#[cfg(test)]
mod tests;
