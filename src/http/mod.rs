//! The HTTP port: `guard` alone meets the network, tiny_http behind it sees complete and bounded requests on a private socket,
//! `routes` answers them. Composed by `server`.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::indexing_slicing)]

pub mod guard;
mod head;
pub mod health;
pub mod private;
mod routes;
pub mod serve;
mod visit;

#[cfg(test)]
mod tests;
