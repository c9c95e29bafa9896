//! Durability. `plan` is the language (rows and the closed list of write operations), `seam` the two traits, `memory` and
//! `sqlite` the two engines behind them. Batches are opaque bytes with a few columns: nothing here knows Kafka's wire.

pub mod memory;
pub mod plan;
pub mod seam;
pub mod sqlite;

#[cfg(test)]
mod conformance;
