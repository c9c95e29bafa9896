//! What `POST /api/backup` calls: one copy at a time, whose file has no name any more when it is handed on, so that nothing of
//! it stays behind.

use crate::http::copied::{Copied, Copier, NoCopy};
use crate::store::seam::StoreError;
use crate::store::sqlite::backup::Backup;
use log::{info, warn};
use std::sync::Mutex;
use std::time::Instant;

/// Makes copies of the store of `backup`.
pub fn copier(backup: Backup) -> Copier {
    let turn = Mutex::new(());
    Box::new(move |is_wanted| {
        let Ok(_turn) = turn.try_lock() else { return Err(NoCopy::Busy) };
        let begun = Instant::now();
        let copied = backup.write(is_wanted).map(|(file, len)| Copied { file, len });
        match &copied {
            Ok(Copied { len, .. }) => info!("a backup of {len} bytes was made in {:.1} s", begun.elapsed().as_secs_f64()),
            Err(error) => warn!("no backup was made: {error}"),
        }
        copied.map_err(|error| match error {
            StoreError::Full(what) => NoCopy::NoRoom(what),
            StoreError::Corrupt(what) | StoreError::Fatal(what) => NoCopy::Failed(what),
        })
    })
}
