//! The command line and the start: help, wrong flags and values, exit codes, and data directories that cannot be used.

use crate::broker::{Broker, Ended, PATIENCE, monolog, run, serve};
use monolog::client::{Client, ClientError};
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::find_coordinator::FindCoordinatorRequest;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use tempfile::TempDir;

fn wrong(args: &[&str]) -> String {
    let ended = run(monolog(args));
    assert_eq!(ended.status.code(), Some(2), "{args:?}: {ended:?}");
    assert!(ended.stdout.is_empty(), "{args:?}: {}", ended.stdout);
    ended.stderr
}

/// A start that must fail with this exit code; what it said.
fn refused(data_dir: &Path, more: &[&str], code: i32) -> String {
    match Broker::start(serve(data_dir, more)) {
        Ok(_) => panic!("it serves {}", data_dir.display()),
        Err(Ended { status, stderr, stdout }) => {
            assert_eq!(status.code(), Some(code), "{stdout}{stderr}");
            assert!(!stderr.contains("panicked"), "{stderr}");
            stderr
        }
    }
}

/// Every name below a directory with what is in the file.
fn contents(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap_or_default()))
        .collect();
    found.sort();
    found
}

#[test]
fn version_and_help() {
    let version = run(monolog(&["version"]));
    assert_eq!(version.status.code(), Some(0));
    let line = version.stdout.strip_prefix(concat!("monolog ", env!("CARGO_PKG_VERSION"), " (")).unwrap();
    assert!(line.ends_with(")\n") && line.lines().count() == 1, "{line}");
    for args in [&["help"][..], &["-h"], &["--help"]] {
        let help = run(monolog(args));
        assert_eq!((help.status.code(), help.stderr.as_str()), (Some(0), ""));
        for command in ["serve", "health", "backup FILE", "config print", "config check", "version", "help"] {
            assert!(help.stdout.contains(command), "{}", help.stdout);
        }
    }
    for args in [["help", "serve"], ["serve", "--help"], ["serve", "-h"]] {
        let help = run(monolog(&args));
        assert_eq!(help.status.code(), Some(0));
        for word in [
            "-kafka-addr",
            "MONOLOG_KAFKA_ADDR",
            ":9092",
            "-http-addr",
            "-data-dir",
            "-storage",
            "-log-level",
            "-reactors",
            "MONOLOG_AUTO_CREATE",
            "MONOLOG_CREATE_TOPICS",
            "retention.max_age",
            "24h",
        ] {
            assert!(help.stdout.contains(word), "no {word} in {}", help.stdout);
        }
    }
}

#[test]
fn unknown_commands_and_flags_are_named_with_the_closest_known_one() {
    let said = wrong(&["serv"]);
    assert!(said.contains("\"serv\"") && said.contains("monolog serve") && said.lines().count() == 1, "{said}");
    let said = wrong(&["serve", "-kafka-adr", ":1"]);
    assert!(said.contains("-kafka-adr") && said.contains("-kafka-addr") && said.lines().count() == 1, "{said}");
    let url = "http://localhost:1";
    for args in [
        &["serve", "extra"][..],
        &["version", "extra"],
        &["help", "serve", "extra"],
        &["help", "extra"],
        &["config", "check", "extra"],
        &["health", url, "extra"],
        &["health", url, "http://extra:2"],
        &["health", url, "-extra", "x"],
        &["backup", "file", url, "extra"],
        &["backup", "file", "-extra", "x", url],
    ] {
        let said = wrong(args);
        assert!(said.contains("extra") && said.lines().count() == 1, "{args:?}: {said}");
    }
    assert!(wrong(&["serve", "-storage"]).contains("-storage"));
    assert!(wrong(&[]).contains("serve"));
}

#[test]
fn all_wrong_values_are_told_at_once_with_their_source() {
    let mut command = monolog(&["serve", "-kafka-addr", "nonsense", "--storage=postgres", "-reactors", "0"]);
    command.env("MONOLOG_LOG_LEVEL", "loud").env("MONOLOG_AUTO_CREATE", "perhaps").env("MONOLOG_HTTP_ADDR", "a:1,b:2");
    let ended = run(command);
    assert_eq!(ended.status.code(), Some(2));
    for words in [
        ["-kafka-addr", "nonsense", "HOST:PORT"],
        ["-storage", "postgres", "sqlite:memory"],
        ["-reactors", "0", "from 1"],
        ["MONOLOG_LOG_LEVEL", "loud", "debug"],
        ["MONOLOG_AUTO_CREATE", "perhaps", "true or false"],
        ["MONOLOG_HTTP_ADDR", "a:1,b:2", "not a list"],
    ] {
        assert!(ended.stderr.lines().any(|line| words.iter().all(|word| line.contains(word))), "{words:?} in {}", ended.stderr);
    }
}

#[test]
fn a_start_says_where_it_listens_and_keeps_its_files_to_itself() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("a/b/data");
    let broker = Broker::start(serve(&data, &[])).unwrap();
    for name in ["monolog.db", "lock"] {
        assert_eq!(fs::metadata(data.join(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    let (kafka, ended) = (broker.kafka, broker.stop());
    assert_eq!(ended.status.code(), Some(0));
    assert!(ended.stdout.contains(data.to_str().unwrap()), "{}", ended.stdout);
    assert!(ended.stdout.contains(&kafka.to_string()), "{}", ended.stdout);
}

#[test]
fn a_second_process_is_told_and_the_first_goes_on() {
    let dir = TempDir::new().unwrap();
    let first = Broker::start(serve(dir.path(), &[])).unwrap();
    let said = refused(dir.path(), &[], 3);
    assert!(said.contains(dir.path().to_str().unwrap()) && said.contains("in use"), "{said}");
    // By another name of the directory as well.
    let other = TempDir::new().unwrap();
    symlink(dir.path(), other.path().join("link")).unwrap();
    refused(&other.path().join("link"), &[], 3);
    let mut client = Client::connect(first.kafka, PATIENCE).unwrap();
    let topic = client.create_topic("t", 1, &[]).unwrap();
    assert_eq!(client.append(&topic, 0, crate::target::batch(&["x"])).unwrap().base_offset, 0);
    assert_eq!(first.stop().status.code(), Some(0));
    // It is free again.
    assert_eq!(Broker::start(serve(dir.path(), &[])).unwrap().stop().status.code(), Some(0));
}

#[test]
fn an_address_in_use_is_named() {
    let dir = TempDir::new().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for flag in ["-kafka-addr", "-http-addr"] {
        let said = refused(dir.path(), &[flag, &address], 4);
        assert!(said.contains(&address), "{said}");
    }
}

#[test]
fn what_is_no_data_directory_is_not_touched() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "mine").unwrap();
    assert!(refused(&file, &[], 7).contains(file.to_str().unwrap()));
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    let below = file.join("data");
    assert!(refused(&below, &[], 7).contains(below.to_str().unwrap()));
    // Nobody makes a directory there, not even root.
    assert!(refused(Path::new("/proc/monolog-data"), &[], 7).contains("/proc/monolog-data"));
}

#[test]
fn somebody_elses_database_is_not_touched() {
    let dir = TempDir::new().unwrap();
    let garbage = dir.path().join("garbage");
    fs::create_dir(&garbage).unwrap();
    fs::write(garbage.join("monolog.db"), "this is no database at all, but it has the name of one".repeat(100)).unwrap();
    let other = dir.path().join("other");
    fs::create_dir(&other).unwrap();
    rusqlite::Connection::open(other.join("monolog.db"))
        .unwrap()
        .execute_batch("CREATE TABLE mine(x); INSERT INTO mine VALUES (1)")
        .unwrap();
    for place in [garbage, other] {
        let before = contents(&place);
        let said = refused(&place, &[], 7);
        assert!(said.contains(place.to_str().unwrap()), "{said}");
        assert_eq!(contents(&place), before, "{}", place.display());
    }
}

#[test]
fn a_newer_schema_is_refused_by_its_number() {
    let dir = TempDir::new().unwrap();
    assert_eq!(Broker::start(serve(dir.path(), &[])).unwrap().stop().status.code(), Some(0));
    let database = rusqlite::Connection::open(dir.path().join("monolog.db")).unwrap();
    let version: i64 = database.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    database.execute_batch("PRAGMA user_version = 4711").unwrap();
    drop(database);
    let before = contents(dir.path());
    let said = refused(dir.path(), &[], 6);
    assert!(said.contains("4711") && said.contains(dir.path().to_str().unwrap()), "{said}");
    assert_eq!(contents(dir.path()), before);
    rusqlite::Connection::open(dir.path().join("monolog.db")).unwrap().execute_batch(&format!("PRAGMA user_version = {version}")).unwrap();
    assert_eq!(Broker::start(serve(dir.path(), &[])).unwrap().stop().status.code(), Some(0));
}

#[test]
fn topics_are_not_made_by_themselves_where_that_is_switched_off() {
    let dir = TempDir::new().unwrap();
    let mut command = serve(dir.path(), &[]);
    command.env("MONOLOG_AUTO_CREATE", "false");
    let broker = Broker::start(command).unwrap();
    let mut client = Client::connect(broker.kafka, PATIENCE).unwrap();
    for _ in 0..2 {
        let refused = client.find_topic("t", true).unwrap_err();
        assert!(matches!(refused, ClientError::Refused(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, _)), "{refused}");
    }
    client.create_topic("t", 1, &[]).unwrap();
    broker.kill();
}

/// Host and port as Metadata, FindCoordinator and DescribeCluster tell them.
fn told(client: &mut Client) -> (String, i32) {
    let metadata = client.metadata(Default::default()).unwrap().brokers.remove(0);
    let coordinator = client.find_coordinator(FindCoordinatorRequest { coordinator_keys: vec!["g".into()], ..Default::default() });
    let coordinator = coordinator.unwrap().coordinators.remove(0);
    let cluster = client.describe_cluster(Default::default()).unwrap().brokers.remove(0);
    assert_eq!((&metadata.host, metadata.port), (&coordinator.host, coordinator.port));
    assert_eq!((&metadata.host, metadata.port), (&cluster.host, cluster.port));
    (metadata.host.as_str().to_string(), metadata.port)
}

#[test]
fn clients_are_told_the_advertised_address() {
    let dir = TempDir::new().unwrap();
    let broker = Broker::start(serve(dir.path(), &["-advertised-addr", "broker.example:4711"])).unwrap();
    let mut client = Client::connect(broker.kafka, PATIENCE).unwrap();
    assert_eq!(told(&mut client), ("broker.example".to_string(), 4711));
    assert!(broker.stop().stdout.contains("broker.example:4711"));
}

/// Without a host it listens everywhere, and each client is told the address on which it came.
#[test]
fn without_a_host_it_listens_on_all_interfaces() {
    let dir = TempDir::new().unwrap();
    let broker = Broker::start(serve(dir.path(), &["-kafka-addr", ":0"])).unwrap();
    let port = broker.kafka.port();
    assert!(broker.kafka.ip().is_unspecified());
    for host in [Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 0, 0, 2)] {
        let mut client = Client::connect((host, port), PATIENCE).unwrap();
        assert_eq!(told(&mut client), (host.to_string(), port.into()));
    }
    if TcpListener::bind("[::1]:0").is_ok() {
        let mut client = Client::connect(("::1", port), PATIENCE).unwrap();
        assert_eq!(told(&mut client), ("::1".to_string(), port.into()));
    }
    broker.kill();
}
