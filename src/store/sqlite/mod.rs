//! The durable engine: one SQLite file in WAL mode, one plan = one transaction = one fsync. `open` is the way in (called by
//! `server`); it gives a `SqliteWriter` for the storage thread, which makes a `SqliteReader` for each cold thread.
//!
//! The batch rows are the only truth of the log. The index (`bindex`), the partitions' summaries and the producers are folds
//! of them, written every few dozen commits; what is not folded yet is in memory (`recent`) and found again at open.
//! The threads of this room are the checkpointer (`checkpoint`) and, once something is deleted, the one that reads ahead of the
//! deletes (`toucher`); they sleep unless they are asked.

mod ahead;
pub mod backup;
mod cached;
mod checkpoint;
mod codec;
mod connection;
mod data_dir;
mod direct;
mod fault;
mod fold;
mod gate;
mod holder;
mod loader;
pub mod open;
pub mod open_error;
mod ops;
pub mod options;
mod pace;
pub mod reader;
mod recent;
mod reserve;
mod schema;
mod shared;
mod shrink;
mod snapshot;
mod toucher;
mod trim;
mod vfs;
mod wal_scan;
pub mod writer;

#[cfg(test)]
mod tests;
