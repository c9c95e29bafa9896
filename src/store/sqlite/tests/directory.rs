//! The data directory: who may have it, who may see it, and what is refused untouched.

use super::*;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

/// Names, modes and contents of everything in a directory.
fn listing(dir: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    let describe = |entry: fs::DirEntry| {
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        (entry.file_name().into_string().unwrap(), (mode, fs::read(entry.path()).unwrap()))
    };
    entries.map(describe).collect()
}

fn names(dir: &Path) -> Vec<String> {
    listing(dir).into_keys().collect()
}

#[test]
fn the_lock_is_held_as_long_as_any_connection_is_open() {
    let dir = tempfile::tempdir().unwrap();
    let writer = open(dir.path(), &options()).unwrap();
    assert!(matches!(open(dir.path(), &options()), Err(OpenError::Locked(_))), "nor may this process have it twice");
    let reader = writer.reader().unwrap();
    drop(writer);
    assert!(matches!(open(dir.path(), &options()), Err(OpenError::Locked(_))));
    drop(reader);
    open(dir.path(), &options()).unwrap();
}

#[test]
fn a_directory_with_other_things_in_it_keeps_its_mode() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("notes"), "mine").unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let _writer = open(dir.path(), &options()).unwrap();
    assert_eq!(fs::metadata(dir.path()).unwrap().permissions().mode() & 0o777, 0o755);
    assert_eq!(listing(dir.path())["monolog.db"].0, 0o600);
}

#[test]
fn a_closed_store_is_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path(), &options()).unwrap();
    let mut reader = writer.reader().unwrap();
    writer.commit(&birth(), 0).unwrap();
    writer.commit(&plan(1, 50), 0).unwrap();
    assert_eq!(read_all(&mut reader).unwrap().len(), 3);
    assert_eq!(names(dir.path()), ["lock", "monolog.db", "monolog.db-wal"]);
    drop(reader);
    Box::new(writer).close().unwrap();
    assert_eq!(names(dir.path()), ["lock", "monolog.db"]);
}

#[test]
fn a_newer_schema_is_refused_by_name_and_untouched() {
    for left_by in ["orderly", "killed"] {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = open(dir.path(), &options()).unwrap();
        writer.commit(&birth(), 0).unwrap();
        writer.db().pragma_update(None, "user_version", 2).unwrap();
        match left_by {
            "orderly" => Box::new(writer).close().unwrap(),
            _ => drop(writer),
        }
        let before = listing(dir.path());
        let refused = open(dir.path(), &options());
        assert!(matches!(&refused, Err(OpenError::Newer(what)) if what.contains("schema 2")), "{refused:?}");
        assert_eq!(listing(dir.path()), before);
    }
}

#[test]
fn what_is_not_ours_is_refused_and_untouched() {
    let text = tempfile::tempdir().unwrap();
    fs::write(text.path().join("monolog.db"), "these are my notes, and they are longer than nothing\n".repeat(50)).unwrap();
    let foreign = tempfile::tempdir().unwrap();
    let other = Connection::open(foreign.path().join("monolog.db")).unwrap();
    other.execute_batch("CREATE TABLE notes(line); INSERT INTO notes VALUES ('mine')").unwrap();
    let foreign_wal = tempfile::tempdir().unwrap();
    let other_wal = Connection::open(foreign_wal.path().join("monolog.db")).unwrap();
    other_wal.execute_batch("PRAGMA journal_mode = wal; CREATE TABLE notes(line)").unwrap();
    other.close().unwrap();
    other_wal.close().unwrap();
    for dir in [&text, &foreign, &foreign_wal] {
        let before = listing(dir.path());
        let refused = open(dir.path(), &options());
        assert!(matches!(refused, Err(OpenError::Unusable(_))), "{refused:?}");
        assert_eq!(listing(dir.path()), before);
    }
}

#[test]
fn a_path_that_cannot_be_a_directory_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    for path in [dir.path().join("file"), dir.path().join("file/below")] {
        let refused = open(&path, &options());
        assert!(matches!(&refused, Err(OpenError::Unusable(what)) if what.contains("file")), "{refused:?}");
    }
}

#[test]
fn an_interrupted_birth_is_repeated() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("monolog.db"), "").unwrap();
    let mut writer = open(dir.path(), &options()).unwrap();
    assert_eq!(writer.load().unwrap().cluster_id, CLUSTER);
    let again = Options { birth_cluster_id: Uuid([9; 16]), ..options() };
    Box::new(writer).close().unwrap();
    assert_eq!(open(dir.path(), &again).unwrap().load().unwrap().cluster_id, CLUSTER);
}

#[test]
fn a_copy_of_a_directory_in_use_is_refused_by_name() {
    let copy_all = |from: &Path| {
        let to = tempfile::tempdir().unwrap();
        for name in names(from) {
            fs::copy(from.join(&name), to.path().join(&name)).unwrap();
        }
        to
    };
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path(), &options()).unwrap();
    writer.commit(&birth(), 0).unwrap();
    for no in 1..=50 {
        writer.commit(&plan(no, 9_000), no).unwrap();
    }
    let copy = copy_all(dir.path());
    let before = listing(copy.path());
    let refused = open(copy.path(), &options());
    assert!(matches!(&refused, Err(OpenError::Unusable(what)) if what.contains("copied from a running broker")), "{refused:?}");
    assert_eq!(listing(copy.path()), before);
    // Killed, it comes back where it was and where it is moved to; a copy has to be let in by hand.
    drop(writer);
    let moved = dir.path().with_extension("moved");
    fs::rename(dir.path(), &moved).unwrap();
    let copy = copy_all(&moved);
    assert!(matches!(open(copy.path(), &options()), Err(OpenError::Unusable(_))));
    fs::remove_file(copy.path().join("lock")).unwrap();
    assert_eq!(open(copy.path(), &options()).unwrap().load().unwrap().next_producer_id, 50);
    let writer = open(&moved, &options()).unwrap();
    // Stopped in order, it may be copied.
    Box::new(writer).close().unwrap();
    let copy = copy_all(&moved);
    assert_eq!(open(copy.path(), &options()).unwrap().load().unwrap().next_producer_id, 50);
    fs::remove_dir_all(moved).unwrap();
}
