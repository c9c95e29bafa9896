//! One read slice: what a partition held at one moment, from the index and, above it, from the entries that are not folded.
//! Offsets by timestamp rest on `run_ts`, the greatest timestamp so far: it only rises, so it can be bisected. It goes on
//! through deletes, hence the one case in which a lookup scans: what raised it before the first batch asked for is gone.
//! Called by `reader`.

use super::recent::Entry;
use crate::base::ids::PartId;
use crate::base::limits::READ_SLICE_MS;
use crate::store::plan::BatchRow;
use crate::store::seam::{Kept, StoreError, TimestampTarget};
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::time::{Duration, Instant};

/// Index rows that are scanned between two looks at the clock.
const ROWS_PER_LOOK: usize = 256;

/// A partition inside a read transaction.
pub(super) struct Snapshot<'a> {
    db: &'a Connection,
    part: PartId,
    log_start: i64,
    // Below this offset the index knows every batch.
    folded_end: i64,
    folded_ts: i64,
    folded_cum: i64,
    end: Instant,
}

/// How far a lookup that looks at every batch has come.
pub(super) struct Scan {
    pub(super) from: i64,
    pub(super) best: Option<Place>,
}

/// What a slice of a timestamp lookup came to.
pub(super) enum Found {
    Nothing,
    Row(Box<BatchRow>),
    /// The slice is over: go on with the same scan in a new one.
    NotYet,
}

/// A batch as the index knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    base: i64,
    id: i64,
    run_ts: i64,
    max_ts: i64,
    // Bytes of the partition up to and including this batch.
    cum: i64,
}

impl<'a> Snapshot<'a> {
    /// `None` when there is no such partition.
    pub(super) fn of(db: &'a Connection, part: PartId) -> Result<Option<Snapshot<'a>>, StoreError> {
        let end = Instant::now() + Duration::from_millis(READ_SLICE_MS);
        let mut select = db.prepare_cached("SELECT log_start, next_offset, max_ts, cum FROM part WHERE part = ?1")?;
        let row = select.query_row([part.0], |row| row.try_into()).optional()?;
        Ok(row.map(|(log_start, folded_end, folded_ts, folded_cum)| Snapshot {
            db,
            part,
            log_start,
            folded_end,
            folded_ts,
            folded_cum,
            end,
        }))
    }

    /// The batches that hold offsets `from..until`, until the slice is full.
    pub(super) fn read(&self, from: i64, until: i64, max_bytes: usize, unfolded: &[Entry]) -> Result<Vec<BatchRow>, StoreError> {
        let from = from.max(self.log_start);
        let (mut found, mut bytes) = (Vec::new(), 0);
        if from >= until {
            return Ok(found);
        }
        let mut is_full = |found: &[BatchRow], size: usize| {
            bytes += size;
            !found.is_empty() && (bytes > max_bytes || self.is_over())
        };
        if let Some(first) = self.first(from, until)? {
            let mut select = self.db.prepare_cached(
                "SELECT bindex.base, batch.part, batch.base, last, max_ts, flags, pid, epoch, seq, size, data
                 FROM bindex LEFT JOIN batch USING (id) WHERE bindex.part = ?1 AND bindex.base >= ?2 AND bindex.base < ?3 ORDER BY bindex.base",
            )?;
            let mut rows = select.query([self.part.0, first.base, until.min(self.folded_end)])?;
            while let Some(row) = rows.next()? {
                // The size stands before the data, which is not touched when it does not fit.
                if is_full(&found, row.get::<_, u32>(9)? as usize) {
                    return Ok(found);
                }
                found.push(self.decode(row.get(0)?, row)?);
            }
        }
        for entry in unfolded.iter().filter(|entry| entry.base >= self.folded_end && entry.last >= from) {
            if is_full(&found, entry.size as usize) {
                break;
            }
            found.push(self.row(entry.base, entry.id)?);
        }
        Ok(found)
    }

    /// The batch that a timestamp lookup among `scan.from..until` must look into.
    pub(super) fn find_timestamp(
        &self,
        scan: &mut Scan,
        until: i64,
        target: TimestampTarget,
        unfolded: &[Entry],
    ) -> Result<Found, StoreError> {
        let from = scan.from.max(self.log_start);
        if from >= until {
            return self.end_of(scan);
        }
        let unfolded = self.places(unfolded, from);
        let (first, last) = (self.first(from, until)?, self.at(until.min(self.folded_end).saturating_sub(1))?);
        let Some(reach) = unfolded.last().or(first.and(last.as_ref())).map(|place| place.run_ts) else { return self.end_of(scan) };
        let wanted = match target {
            TimestampTarget::AtLeast(timestamp) => timestamp,
            TimestampTarget::Greatest => reach,
        };
        // Where the bisection ends behind the first batch, that batch itself raised `run_ts`; else what did may be gone.
        let start = match first {
            Some(first) => self.bisect(first, until, |place| place.run_ts >= wanted)?,
            None => None,
        };
        let is_better = |place: &Place, best: &Option<Place>| match target {
            TimestampTarget::AtLeast(_) => place.max_ts >= wanted,
            TimestampTarget::Greatest => best.is_none_or(|best| place.max_ts > best.max_ts),
        };
        if let Some(start) = start {
            let mut select = self.db.prepare_cached(
                "SELECT base, id, run_ts, lag, cum FROM bindex WHERE part = ?1 AND base >= ?2 AND base < ?3 ORDER BY base",
            )?;
            let mut rows = select.query([self.part.0, start.base, until.min(self.folded_end)])?;
            let mut seen = 0;
            while let Some(row) = rows.next()? {
                let place = Place::decode(row)?;
                if seen > 0 && seen % ROWS_PER_LOOK == 0 && self.is_over() {
                    scan.from = place.base;
                    return Ok(Found::NotYet);
                }
                seen += 1;
                if is_better(&place, &scan.best) {
                    scan.best = Some(place);
                }
                if place.max_ts >= wanted {
                    return self.end_of(scan);
                }
            }
        }
        for place in unfolded {
            if is_better(&place, &scan.best) {
                scan.best = Some(place);
            }
            if place.max_ts >= wanted {
                break;
            }
        }
        self.end_of(scan)
    }

    /// The first batch with a `run_ts` of at least `cutoff_ms` and fewer than `keep_bytes` behind it. Both only rise along the log.
    pub(super) fn retained_from(
        &self,
        from: i64,
        until: i64,
        cutoff_ms: i64,
        keep_bytes: i64,
        unfolded: &[Entry],
    ) -> Result<Option<Kept>, StoreError> {
        let from = from.max(self.log_start);
        if from >= until {
            return Ok(None);
        }
        let mut unfolded = self.places(unfolded, from);
        unfolded.retain(|place| place.base < until);
        let first = self.first(from, until)?;
        let last = match (unfolded.last(), first) {
            (Some(last), _) => Some(*last),
            (None, Some(_)) => self.at(until.min(self.folded_end).saturating_sub(1))?,
            (None, None) => None,
        };
        let Some(last) = last else { return Ok(None) };
        let is_kept = |place: &Place| place.run_ts >= cutoff_ms && last.cum.saturating_sub(place.cum) < keep_bytes;
        let folded = match first {
            Some(first) => self.bisect(first, until, is_kept)?,
            None => None,
        };
        let Some(place) = folded.or_else(|| unfolded.into_iter().find(is_kept)) else { return Ok(None) };
        let size: i64 = self.db.prepare_cached("SELECT size FROM batch WHERE id = ?1")?.query_row([place.id], |row| row.get(0))?;
        Ok(Some(Kept { base: place.base, run_ts: place.run_ts, bytes: last.cum.saturating_sub(place.cum).saturating_add(size) }))
    }

    fn end_of(&self, scan: &Scan) -> Result<Found, StoreError> {
        match scan.best {
            // Deleted since an earlier slice saw it.
            Some(place) if place.base < self.log_start && self.at(place.base)?.is_none_or(|at| at.id != place.id) => Ok(Found::Nothing),
            Some(place) => Ok(Found::Row(Box::new(self.row(place.base, place.id)?))),
            None => Ok(Found::Nothing),
        }
    }

    /// The first folded batch that holds any offset of `from..until`.
    fn first(&self, from: i64, until: i64) -> Result<Option<Place>, StoreError> {
        let until = until.min(self.folded_end);
        if from >= until {
            return Ok(None);
        }
        if let Some(holder) = self.at(from)? {
            let last: i64 = self.db.prepare_cached("SELECT last FROM batch WHERE id = ?1")?.query_row([holder.id], |row| row.get(0))?;
            if last >= from {
                return Ok(Some(holder));
            }
        }
        let mut select = self.db.prepare_cached(
            "SELECT base, id, run_ts, lag, cum FROM bindex WHERE part = ?1 AND base >= ?2 AND base < ?3 ORDER BY base LIMIT 1",
        )?;
        Ok(select.query_row([self.part.0, from, until], Place::decode).optional()?)
    }

    /// The folded batch that begins at this offset, or the last one before it.
    fn at(&self, offset: i64) -> Result<Option<Place>, StoreError> {
        let mut select = self
            .db
            .prepare_cached("SELECT base, id, run_ts, lag, cum FROM bindex WHERE part = ?1 AND base <= ?2 ORDER BY base DESC LIMIT 1")?;
        Ok(select.query_row([self.part.0, offset], Place::decode).optional()?)
    }

    /// The first folded batch from `first` on and below `until` that is wanted, as all behind it are.
    fn bisect(&self, first: Place, until: i64, is_wanted: impl Fn(&Place) -> bool) -> Result<Option<Place>, StoreError> {
        if is_wanted(&first) {
            return Ok(Some(first));
        }
        let Some(mut found) = self.at(until.min(self.folded_end).saturating_sub(1))?.filter(&is_wanted) else {
            return Ok(None);
        };
        let mut low = first.base.saturating_add(1);
        while low < found.base {
            let middle = low.midpoint(found.base);
            match self.at(middle)? {
                Some(place) if is_wanted(&place) => found = place,
                _ => low = middle.saturating_add(1),
            }
        }
        Ok(Some(found))
    }

    /// The unfolded batches as the index will know them, from the first that holds `from`.
    fn places(&self, unfolded: &[Entry], from: i64) -> Vec<Place> {
        let (mut run_ts, mut cum) = (self.folded_ts, self.folded_cum);
        let mut places = Vec::new();
        for entry in unfolded.iter().filter(|entry| entry.base >= self.folded_end) {
            run_ts = run_ts.max(entry.max_ts);
            cum = cum.saturating_add(i64::from(entry.size));
            if entry.last >= from {
                places.push(Place { base: entry.base, id: entry.id, run_ts, max_ts: entry.max_ts, cum });
            }
        }
        places
    }

    fn row(&self, base: i64, id: i64) -> Result<BatchRow, StoreError> {
        let mut select =
            self.db.prepare_cached("SELECT ?2, part, base, last, max_ts, flags, pid, epoch, seq, size, data FROM batch WHERE id = ?1")?;
        let mut rows = select.query(params![id, base])?;
        match rows.next()? {
            Some(row) => self.decode(base, row),
            None => Err(StoreError::Corrupt(format!("batch {id} of partition {}, at offset {base}, is missing", self.part.0))),
        }
    }

    /// A row of `batch`, from column 1 on, that must be the one at `base`.
    fn decode(&self, base: i64, row: &Row<'_>) -> Result<BatchRow, StoreError> {
        let data = row.get_ref(10)?.as_blob().map_err(rusqlite::Error::from)?;
        let decoded = BatchRow {
            part: PartId(row.get(1)?),
            base: row.get(2)?,
            last: row.get(3)?,
            max_ts: row.get(4)?,
            flags: row.get(5)?,
            pid: row.get(6)?,
            epoch: row.get(7)?,
            seq: row.get(8)?,
            data: Bytes::copy_from_slice(data),
        };
        let size: i64 = row.get(9)?;
        if decoded.part != self.part || decoded.base != base || decoded.last < base || size != data.len() as i64 {
            return Err(StoreError::Corrupt(format!(
                "the batch of partition {} at offset {base} is not what was stored there",
                self.part.0
            )));
        }
        Ok(decoded)
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }
}

impl Place {
    fn decode(row: &Row<'_>) -> rusqlite::Result<Place> {
        let run_ts: i64 = row.get(2)?;
        // Wraps as it did when it was written: a client may send any timestamp.
        Ok(Place { base: row.get(0)?, id: row.get(1)?, run_ts, max_ts: run_ts.wrapping_sub(row.get(3)?), cum: row.get(4)? })
    }
}
