//! Requests of the run as seeds for fuzzing: a few of each API and version that is served, from all over its cases. tests/wire
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
const FRAMES_MAX: usize = 6;

/// What was offered so far: for each API and version, by the name of the case.
#[derive(Default)]
pub struct Seeds {
    frames: BTreeMap<(ApiKey, i16), BTreeMap<String, Vec<u8>>>,
}

impl Seeds {
    /// Keeps a request, if it is small and of a case that is not there yet.
    pub fn offer(&mut self, asked: &Asked) {
        if asked.api.decodes(asked.version) && asked.frame.len() <= FRAME_BYTES_MAX {
            let frames = self.frames.entry((asked.api, asked.version)).or_default();
            frames.entry(asked.case.clone()).or_insert_with(|| asked.frame.clone());
        }
    }

    /// One file for each API, in which frames follow one another as on the wire.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)?;
        for &api in ApiKey::ALL {
            let of_api = self.frames.iter().filter(|((of, _), _)| *of == api);
            let frames: Vec<u8> = of_api.flat_map(|(_, frames)| few_of(frames)).flatten().copied().collect();
            fs::write(dir.join(format!("{api}.frames")), frames)?;
        }
        Ok(())
    }
}

/// Some of the frames, equally far from each other among the names of their cases: those do not depend on who came first.
fn few_of(frames: &BTreeMap<String, Vec<u8>>) -> impl Iterator<Item = &Vec<u8>> {
    let count = frames.len().min(FRAMES_MAX);
    let chosen: Vec<usize> = (0..count).map(|nth| nth * frames.len() / count).collect();
    frames.values().enumerate().filter(move |(index, _)| chosen.contains(index)).map(|(_, frame)| frame)
}

#[test]
fn seeds_are_few_and_from_all_over() {
    let frames = |count: u8| (0..count).map(|nth| (format!("{nth:02}"), vec![nth])).collect::<BTreeMap<_, _>>();
    let few = |count: u8| few_of(&frames(count)).map(|frame| frame[0]).collect::<Vec<_>>();
    assert_eq!((few(0), few(3), few(12)), (vec![], vec![0, 1, 2], vec![0, 2, 4, 6, 8, 10]));
}
