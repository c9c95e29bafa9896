//! A disk as it may be found after the power went: replays what `shim.c` wrote down, and builds the directories that a cut at
//! any moment may leave. Used by `power`.

use monolog::base::rng::Rng;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A sector is written whole or not at all.
const SECTOR: usize = 512;

/// One thing that happened, by `shim.c` or by the client under test.
#[derive(Clone, Debug)]
pub struct Event {
    /// W, T, B, E, U as in `shim.c`; others are the client's.
    pub kind: char,
    /// Who did it.
    pub thread: u32,
    /// Where in the file, or the client's number.
    pub offset: u64,
    /// Which file, or the client's word.
    pub name: String,
    /// The bytes.
    pub data: Vec<u8>,
}

impl Event {
    /// As `shim.c` writes it.
    pub fn encode(&self) -> Vec<u8> {
        let numbers = [self.kind as u32, self.thread].map(u32::to_ne_bytes).concat();
        let lengths = [self.name.len() as u32, self.data.len() as u32].map(u32::to_ne_bytes).concat();
        [&numbers[..], &self.offset.to_ne_bytes(), &lengths, self.name.as_bytes(), &self.data].concat()
    }

    /// All events of a log.
    pub fn decode_all(mut log: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        let u32_at = |log: &[u8], at: usize| u32::from_ne_bytes(log[at..at + 4].try_into().unwrap());
        while !log.is_empty() {
            let (name, data) = (24 + u32_at(log, 16) as usize, u32_at(log, 20) as usize);
            events.push(Event {
                kind: u32_at(log, 0) as u8 as char,
                thread: u32_at(log, 4),
                offset: u64::from_ne_bytes(log[8..16].try_into().unwrap()),
                name: String::from_utf8(log[24..name].to_vec()).unwrap(),
                data: log[name..name + data].to_vec(),
            });
            log = &log[name + data..];
        }
        events
    }
}

/// What happened to a file and is not safe yet.
#[derive(Clone)]
enum Change {
    Write(u64, Vec<u8>),
    Cut(u64),
}

#[derive(Default)]
struct File {
    safe: Vec<u8>,
    unsafe_yet: Vec<(usize, Change)>,
}

/// The disk under a data directory.
#[derive(Default)]
pub struct Disk {
    files: Vec<File>,
    names: BTreeMap<String, usize>,
    safe_names: BTreeMap<String, usize>,
    /// Syncs under way: what they cover, by thread.
    syncs: BTreeMap<u32, (usize, BTreeMap<String, usize>)>,
    now: usize,
    /// A disk that lies says that it has synced and has not.
    pub lies: bool,
}

/// What of the unsafe changes a cut leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Nothing.
    Nothing,
    /// Everything.
    Everything,
    /// What came first.
    Beginning,
    /// Any sectors.
    Anything,
}

impl Disk {
    /// Takes the next event.
    pub fn apply(&mut self, event: &Event) {
        self.now += 1;
        match event.kind {
            'W' => self.change(&event.name, Change::Write(event.offset, event.data.clone())),
            'T' => self.change(&event.name, Change::Cut(event.offset)),
            'U' => drop(self.names.remove(&event.name)),
            'B' => drop(self.syncs.insert(event.thread, (self.now, self.names.clone()))),
            'E' => {
                let (since, names) = self.syncs.remove(&event.thread).expect("a sync begins before it ends");
                if !self.lies {
                    self.sync(&event.name, since, names);
                }
            }
            _ => {}
        }
    }

    fn change(&mut self, name: &str, change: Change) {
        let next = self.files.len();
        let file = *self.names.entry(name.to_string()).or_insert(next);
        if file == next {
            self.files.push(File::default());
        }
        self.files[file].unsafe_yet.push((self.now, change));
    }

    fn sync(&mut self, name: &str, since: usize, names: BTreeMap<String, usize>) {
        if name.is_empty() {
            self.safe_names = names;
        } else if let Some(&file) = names.get(name) {
            let file = &mut self.files[file];
            let covered = file.unsafe_yet.partition_point(|(at, _)| *at < since);
            for (_, change) in file.unsafe_yet.drain(..covered) {
                redo(&mut file.safe, &change);
            }
        }
    }

    /// Writes the directory as it may be found if the power went now.
    pub fn build(&self, dir: &Path, left: Left, rng: &mut Rng) {
        let first =
            self.names.values().chain(self.safe_names.values()).flat_map(|&file| &self.files[file].unsafe_yet).map(|(at, _)| *at).min();
        let first = first.unwrap_or(self.now);
        let end = first + rng.below((self.now + 1 - first) as u64) as usize;
        let names: std::collections::BTreeSet<&String> = self.names.keys().chain(self.safe_names.keys()).collect();
        for name in names {
            let new = match left {
                Left::Nothing => false,
                Left::Everything => true,
                Left::Beginning | Left::Anything => rng.below(2) == 0,
            };
            let Some(&file) = (if new { self.names.get(name) } else { self.safe_names.get(name) }) else { continue };
            let file = &self.files[file];
            let mut content = file.safe.clone();
            for (at, change) in &file.unsafe_yet {
                match left {
                    Left::Nothing => {}
                    Left::Everything => redo(&mut content, change),
                    Left::Beginning if *at < end => redo(&mut content, change),
                    Left::Beginning => {}
                    Left::Anything => redo_some(&mut content, change, rng),
                }
            }
            fs::write(dir.join(name), content).unwrap();
        }
    }
}

fn redo(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Cut(length) => content.resize(*length as usize, 0),
        Change::Write(offset, data) => {
            let (from, to) = (*offset as usize, *offset as usize + data.len());
            content.resize(content.len().max(to), 0);
            content[from..to].copy_from_slice(data);
        }
    }
}

/// Of a write, any of its sectors.
fn redo_some(content: &mut Vec<u8>, change: &Change, rng: &mut Rng) {
    match change {
        Change::Cut(_) if rng.below(2) == 0 => {}
        Change::Cut(_) => redo(content, change),
        Change::Write(offset, data) => {
            let mut at = *offset as usize;
            let end = at + data.len();
            while at < end {
                let next = (at / SECTOR * SECTOR + SECTOR).min(end);
                if rng.below(2) == 0 {
                    let begin = *offset as usize;
                    redo(content, &Change::Write(at as u64, data[at - begin..next - begin].to_vec()));
                }
                at = next;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: char, name: &str, offset: u64, data: &[u8]) -> Event {
        Event { kind, thread: 1, offset, name: name.to_string(), data: data.to_vec() }
    }

    /// The content of a file after a cut; `None` when its name is gone.
    fn found(disk: &Disk, name: &str, left: Left) -> Option<Vec<u8>> {
        let dir = tempfile::TempDir::new().unwrap();
        disk.build(dir.path(), left, &mut Rng::new(7));
        fs::read(dir.path().join(name)).ok()
    }

    #[test]
    fn what_is_synced_is_safe_and_nothing_else() {
        let mut disk = Disk::default();
        for event in [event('W', "f", 0, b"abc"), event('B', "f", 0, b""), event('W', "f", 1, b"X"), event('E', "f", 0, b"")] {
            disk.apply(&event);
        }
        assert_eq!(found(&disk, "f", Left::Nothing), None, "its name is not safe");
        assert_eq!(found(&disk, "f", Left::Everything).unwrap(), b"aXc");
        disk.apply(&event('B', "", 0, b""));
        disk.apply(&event('E', "", 0, b""));
        assert_eq!(found(&disk, "f", Left::Nothing).unwrap(), b"abc", "the X came while the sync was under way");
        disk.apply(&event('T', "f", 1, b""));
        disk.apply(&event('U', "f", 0, b""));
        assert_eq!(found(&disk, "f", Left::Nothing).unwrap(), b"abc");
        assert_eq!(found(&disk, "f", Left::Everything), None);
    }

    #[test]
    fn events_are_read_as_they_are_written() {
        let log = [event('W', "monolog.db", 7, b"data"), event('E', "", 0, b"")];
        let bytes: Vec<u8> = log.iter().flat_map(Event::encode).collect();
        let read = Event::decode_all(&bytes);
        assert_eq!(format!("{read:?}"), format!("{log:?}"));
    }
}
