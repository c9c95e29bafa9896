//! Requests of the run as seeds for fuzzing: a few of each API and version that is served. tests/wire
//! reads them.

use crate::book::Asked;
use monolog::wire::api_key::ApiKey;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// Larger requests are no good seeds.
const FRAME_BYTES_MAX: usize = 400;
/// Of each API and version.
const FRAMES_MAX: usize = 8;

/// What was offered so far: for each API and version, by the name of the case.
#[derive(Default)]
pub struct Seeds {
    frames: BTreeMap<(ApiKey, i16), BTreeMap<String, Vec<u8>>>,
}

impl Seeds {
    /// Keeps a request, if it is small and of a case that is not there yet.
    pub fn offer(&mut self, asked: &Asked) {
        let frames = self.frames.entry((asked.api, asked.version)).or_default();
        if asked.api.decodes(asked.version) && asked.frame.len() <= FRAME_BYTES_MAX && frames.len() < FRAMES_MAX {
            frames.entry(asked.case.clone()).or_insert_with(|| asked.frame.clone());
        }
    }

    /// One file for each API, in which frames follow one another as on the wire.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)?;
        for &api in ApiKey::ALL {
            let of_api = self.frames.iter().filter(|((of, _), _)| *of == api);
            let frames: Vec<u8> = of_api.flat_map(|(_, frames)| frames.values().flatten().copied()).collect();
            fs::write(dir.join(format!("{api}.frames")), frames)?;
        }
        Ok(())
    }
}
