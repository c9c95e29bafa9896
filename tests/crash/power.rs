//! Power cuts: the unchanged binary works under load while `shim.c` writes down what it does to its files. From that, `replay`
//! builds what the disk may hold after a cut at any moment; each such directory must open and hold all that was acked by then.
//! `MONOLOG_POWER_CUTS` says how many are tried.

use crate::broker::{Broker, serve};
use crate::load::connect;
use crate::replay::{Disk, Event, Left};
use crate::{skip, works};
use monolog::base::ids::Uuid;
use monolog::base::rng::Rng;
use monolog::client::Topic;
use monolog::store::plan::Image;
use monolog::store::seam::{Reader, Writer};
use monolog::store::sqlite::open::open;
use monolog::store::sqlite::options::Options;
use monolog::wire::batch::BatchHeader;
use monolog::wire::batch_builder::BatchBuilder;
use monolog::wire::compress::Codec;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::stored::{inflate_records, records};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// Cuts inside plain `cargo test`.
const CUTS: usize = 300;
/// Records acked before the broker is killed, each time: enough for checkpoints and folds.
const ACKS: u64 = 2_500;
const PARTITIONS: i32 = 2;

/// What was acked: value by partition and offset, and the group's offset.
#[derive(Clone, Default)]
struct Acked {
    values: BTreeMap<(i32, i64), Vec<u8>>,
    committed: i64,
}

#[test]
fn what_was_acked_survives_a_power_cut() {
    if !works("cc", &["--version"]) {
        return skip("power cuts: there is no C compiler");
    }
    let cuts = std::env::var("MONOLOG_POWER_CUTS").map_or(CUTS, |count| count.parse().expect("MONOLOG_POWER_CUTS is a number"));
    let events = record_a_run();
    let syncs = events.iter().filter(|event| event.kind == 'E').count();
    let checkpointed = events.iter().any(|event| event.kind == 'E' && event.name == "monolog.db");
    assert!(syncs > 100 && checkpointed, "{} events, {syncs} syncs", events.len());
    let faults = cut(&events, cuts, None);
    assert!(faults.is_empty(), "{} of {cuts} cuts: {:#?}", faults.len(), &faults[..faults.len().min(5)]);
    // The same eyes see what they should: from its middle on, this disk lies.
    let control = cut(&events, 40, Some(events.len() / 2));
    assert!(!control.is_empty(), "a disk that does not sync loses nothing?");
    assert!(events.iter().filter(|event| starts_log(event)).count() > STARTS as usize, "no log started over");
    println!("{cuts} cuts in {} events with {syncs} syncs", events.len());
}

/// Where bytes are cheap.
fn scratch() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap()
}

/// Starts of the broker, each with load until kill -9. With its second one it finds a log that another process has left.
const STARTS: u64 = 2;

/// From the first start of a broker to the last kill -9.
fn record_a_run() -> Vec<Event> {
    let dir = TempDir::new().unwrap();
    let (data, log, shim) = (dir.path().join("data"), dir.path().join("log"), dir.path().join("shim.so"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crash/shim.c");
    let built = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&shim).arg(source).args(["-ldl", "-lpthread"]).status();
    assert!(built.unwrap().success());
    std::fs::create_dir(&data).unwrap();
    File::create(&log).unwrap();
    let mut made = None;
    for start in 0..STARTS {
        let mut command = serve(&data, &[]);
        command.env("LD_PRELOAD", &shim).env("SHIM_LOG", &log).env("SHIM_DIR", &data);
        let broker = Broker::start(command).unwrap_or_else(|ended| panic!("{ended:?}"));
        let topic = made.get_or_insert_with(|| connect(broker.kafka).create_topic("t", PARTITIONS, &[]).unwrap());
        std::thread::scope(|scope| {
            for writer in start * 4..start * 4 + 4 {
                let (topic, log, kafka) = (&*topic, &log, broker.kafka);
                scope.spawn(move || write(kafka, topic, writer, log));
            }
            commit(broker.kafka, topic, start, &log);
        });
        broker.kill();
    }
    Event::decode_all(&std::fs::read(log).unwrap())
}

/// Notes an ack among the events. It stands there after the ack, so that nothing is asked of a cut that was not promised.
fn note(log: &mut File, kind: char, partition: i32, offset: i64, value: &str) {
    let event = Event { kind, thread: partition as u32, offset: offset as u64, name: String::new(), data: value.into() };
    log.write_all(&event.encode()).unwrap();
}

fn write(kafka: SocketAddr, topic: &Topic, writer: u64, log: &Path) {
    let (mut client, mut log) = (connect(kafka), OpenOptions::new().append(true).open(log).unwrap());
    let partition = writer as i32 % PARTITIONS;
    for number in 0..ACKS / 4 {
        let value = format!("{writer}/{number}/").repeat(1 + number as usize % 60);
        let mut batch = BatchBuilder::new(Codec::None);
        batch.push(1_000, None, Some(value.as_bytes()), &[]);
        let answer = client.append(topic, partition, batch.build().unwrap()).unwrap();
        assert_eq!(answer.error_code, ErrorCode::NONE);
        note(&mut log, 'A', partition, answer.base_offset, &value);
    }
}

fn commit(kafka: SocketAddr, topic: &Topic, start: u64, log: &Path) {
    let (mut client, mut log) = (connect(kafka), OpenOptions::new().append(true).open(log).unwrap());
    let first = 1 + start as i64 * 200;
    for offset in first..first + 200 {
        client.commit("group", topic, 0, offset).unwrap();
        note(&mut log, 'C', 0, offset, "");
    }
}

/// Cuts the power so often, at moments spread over the run, and each time that a log starts over, and says what is wrong afterwards.
fn cut(events: &[Event], cuts: usize, lies_from: Option<usize>) -> Vec<String> {
    let (mut disk, mut acked, mut faults, mut rng) = (Disk::default(), Acked::default(), Vec::new(), Rng::new(1));
    // Around syncs and acks most is at stake, so half of the moments are there.
    let tense = |event: &Event| "EA".contains(event.kind);
    let odds = |count: usize| (count as u64 / (cuts as u64 / 2).max(1)).max(1);
    let (often, seldom) = (odds(events.iter().filter(|event| tense(event)).count()), odds(events.len()));
    for (at, event) in events.iter().enumerate() {
        disk.lies = lies_from.is_some_and(|from| at >= from);
        disk.apply(event);
        match event.kind {
            'A' => drop(acked.values.insert((event.thread as i32, event.offset as i64), event.data.clone())),
            'C' => acked.committed = event.offset as i64,
            _ => {}
        }
        let mut lefts = Vec::new();
        if starts_log(event) {
            lefts.extend([Left::Anything; 8]);
        }
        if rng.below(seldom) == 0 || tense(event) && rng.below(often) == 0 {
            lefts.push([Left::Nothing, Left::Everything, Left::Beginning, Left::Anything][rng.below(4) as usize]);
        }
        for left in lefts {
            let dir = scratch();
            disk.build(dir.path(), left, &mut rng);
            if let Err(fault) = inspect(dir.path(), &acked) {
                faults.push(format!("after event {at} of {}, {left:?} left: {fault}", events.len()));
            }
        }
    }
    faults
}

/// Whether a log starts over with this: its old content still counts until that is synced.
fn starts_log(event: &Event) -> bool {
    event.kind == 'W' && event.name == "monolog.db-wal" && event.offset == 0
}

/// Opens what was left, as a start would, and looks for what was acked.
fn inspect(dir: &Path, acked: &Acked) -> Result<(), String> {
    let mut store = open(dir, &Options::new(Uuid([1; 16]))).map_err(|error| error.to_string())?;
    let image = store.load().map_err(|error| error.to_string())?;
    let mut reader = store.reader().map_err(|error| error.to_string())?;
    for partition in &image.partitions {
        let log = partition_log(&mut reader, &image, partition.index)?;
        for ((_, offset), value) in acked.values.range((partition.index, 0)..(partition.index + 1, 0)) {
            let found = usize::try_from(*offset).ok().and_then(|offset| log.get(offset));
            if found != Some(value) {
                return Err(format!("partition {} offset {offset} of {} records: {found:?}", partition.index, log.len()));
            }
        }
    }
    if image.partitions.is_empty() && !acked.values.is_empty() {
        return Err("the topic is gone".to_string());
    }
    let committed = image.offsets.first().map_or(0, |row| row.offset);
    if committed < acked.committed {
        return Err(format!("{committed} is committed, {} was acked", acked.committed));
    }
    drop((reader, store));
    let db = rusqlite::Connection::open(dir.join("monolog.db")).map_err(|error| error.to_string())?;
    let verdict: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).map_err(|error| error.to_string())?;
    if verdict == "ok" { Ok(()) } else { Err(verdict) }
}

/// The values of a partition, without a gap and without a torn batch.
fn partition_log(reader: &mut impl Reader, image: &Image, index: i32) -> Result<Vec<Vec<u8>>, String> {
    let partition = image.partitions.iter().find(|it| it.index == index).expect("it was found before");
    let mut log = Vec::new();
    while (log.len() as i64) < partition.next_offset {
        let next = log.len() as i64;
        let rows = reader.read(partition.part, next, partition.next_offset, 1 << 20).map_err(|error| error.to_string())?;
        if rows.first().is_none_or(|row| row.base != next) {
            return Err(format!("a gap at {next} of partition {index}, which ends at {}", partition.next_offset));
        }
        for row in rows {
            let header = BatchHeader::read(&row.data).ok_or("a torn batch")?;
            let section = inflate_records(&row.data).map_err(|error| error.to_string())?;
            for record in records(&header, &section) {
                log.push(record.map_err(|error| error.to_string())?.value.unwrap_or_default().to_vec());
            }
        }
    }
    Ok(log)
}
