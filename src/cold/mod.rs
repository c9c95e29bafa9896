//! Old data: ranges that are no longer in the tail cache, offsets by timestamp, and where retention ends. `pool` runs the reader
//! threads of the server; the simulator calls [`complete`] itself.

pub mod fetch;
pub mod lookup;
pub mod pool;
#[cfg(test)]
mod testing;
mod volume;

use crate::base::budget::{Budget, Charge};
use crate::mail::cold::ColdJob;
use crate::mail::input::{Input, ReplyTo};
use crate::store::plan::BatchRow;
use crate::store::seam::{Kept, Reader, StoreError};
use crate::wire::batch::batch_crc;
use crate::wire::error_code::ErrorCode;
use crate::wire::message::Response;

/// What became of a job.
#[derive(Debug)]
pub enum Answered {
    /// A request is answered: for the reactor that owns its connection, with what pays for the answer where it is long.
    Reactor(ReplyTo, Response, Option<Charge>),
    /// Mail for the engine.
    Engine(Input),
}

/// Does a job.
pub fn complete(reader: &mut dyn Reader, job: ColdJob, budget: &Budget) -> Answered {
    match job {
        ColdJob::Fetch(mut job) => {
            let charge = job.charge.take();
            Answered::Reactor(job.to, fetch::complete(reader, *job, budget), charge)
        }
        ColdJob::Offsets(mut job) => {
            let charge = job.charge.take();
            Answered::Reactor(job.to, lookup::complete(reader, *job), charge)
        }
        ColdJob::Volume(to, response, charge) => Answered::Reactor(to, volume::complete(reader, *response), charge),
        ColdJob::Retention { part, from, until, cutoff_ms, keep_bytes } => {
            let kept = reader.retained_from(part, from, until, cutoff_ms, keep_bytes).unwrap_or_else(|error| {
                log::error!("retention cannot read internal partition {}, everything in it is kept: {error}", part.0);
                Some(Kept { base: from, run_ts: cutoff_ms, bytes: -1 })
            });
            Answered::Engine(Input::Retained { part, kept, until })
        }
    }
}

/// Whether a stored batch is what was written: large enough for its header, and its CRC is right.
fn is_intact(row: &BatchRow) -> bool {
    let crc = row.data.get(17..21).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
    crc == Some(batch_crc(&row.data)) && row.data.len() >= crate::base::limits::BATCH_HEADER_BYTES
}

/// Tells the log and gives the error for the partition.
fn damaged(row: &BatchRow, why: &str) -> ErrorCode {
    log::error!("the stored batch of internal partition {} at offset {} is damaged: {why}", row.part.0, row.base);
    ErrorCode::CORRUPT_MESSAGE
}

/// Tells the log of a store fault and gives the error for the partition.
fn unreadable(what: &str, part: i64, error: &StoreError) -> ErrorCode {
    log::error!("{what} cannot read internal partition {part}: {error}");
    match error {
        StoreError::Corrupt(_) => ErrorCode::CORRUPT_MESSAGE,
        StoreError::Full(_) | StoreError::Fatal(_) => ErrorCode::KAFKA_STORAGE_ERROR,
    }
}
