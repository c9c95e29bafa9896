//! The data directory between processes: who gets it, and who can see into it. In a program of its own, one test at a time,
//! because a process that is being started holds the locks of its parent for a moment.

use monolog::base::ids::Uuid;
use monolog::store::sqlite::open::open;
use monolog::store::sqlite::options::Options;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// Set in a process that a test starts with itself as the program: the directory to open.
const CHILD_DIR: &str = "MONOLOG_TEST_CHILD_DIR";
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn options() -> Options {
    Options::new(Uuid([7; 16]))
}

/// Names, modes and contents of everything in a directory.
fn listing(dir: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    let describe = |entry: fs::DirEntry| {
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        (entry.file_name().into_string().unwrap(), (mode, fs::read(entry.path()).unwrap()))
    };
    entries.map(describe).collect()
}

/// Not a test of its own: what the tests below run in another process.
#[test]
fn child_opens() {
    let Ok(dir) = std::env::var(CHILD_DIR) else { return };
    match open(Path::new(&dir), &options()) {
        Ok(writer) => {
            let _reader = writer.reader().unwrap();
            println!("opened {:?}", listing(Path::new(&dir)).keys());
        }
        Err(error) => println!("{error:?}"),
    }
}

fn open_in_child(dir: &Path, umask: &str) -> String {
    let this = std::env::current_exe().unwrap();
    let run = format!("umask {umask}; exec \"$0\" --exact child_opens --nocapture");
    let output = Command::new("sh").arg("-c").arg(run).arg(this).env(CHILD_DIR, dir).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_second_process_is_told_at_once() {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = tempfile::tempdir().unwrap();
    let writer = open(dir.path(), &options()).unwrap();
    let before = listing(dir.path());
    let said = open_in_child(dir.path(), "022");
    assert!(said.contains("Locked(") && said.contains("in use by another monolog"), "{said}");
    assert_eq!(listing(dir.path()), before);
    drop(writer);
    let said = open_in_child(dir.path(), "022");
    assert!(said.contains("opened"), "{said}");
}

#[test]
fn sqlite_itself_keeps_other_programs_out() {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = tempfile::tempdir().unwrap();
    let _writer = open(dir.path(), &options()).unwrap();
    // The lock file gone, as after a careless clean-up.
    fs::remove_file(dir.path().join("lock")).unwrap();
    let said = open_in_child(dir.path(), "022");
    assert!(said.contains("Locked("), "{said}");
}

#[test]
fn files_are_the_owners_alone_whatever_the_umask() {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    for umask in ["000", "022", "077"] {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("a/b");
        let said = open_in_child(&dir, umask);
        assert!(said.contains(r#"opened ["lock", "monolog.db", "monolog.db-wal"]"#), "no -shm file, nothing else: {said}");
        assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
        for (name, (mode, _)) in listing(&dir) {
            assert_eq!(mode, 0o600, "{name} with umask {umask}");
        }
    }
}
