//! What both crates' cases share: the lines of the protocol, checks, and the records of the cross product.

use std::error::Error;
use std::fmt::Debug;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

pub type Failure = Box<dyn Error + Send + Sync>;
pub type Res<T> = Result<T, Failure>;
pub type Case = fn() -> Res<String>;

const CASE_TIME: Duration = Duration::from_secs(90);
pub const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

pub fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// A topic or group that nobody else uses.
pub fn named(name: &str) -> String {
    format!("{}{name}", env("PREFIX"))
}

/// What the client cannot do, as an outcome of its case.
#[derive(Debug)]
pub struct Skip(pub &'static str);

impl std::fmt::Display for Skip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}
impl Error for Skip {}

/// Runs the cases that are wanted, each on a thread of its own, so that one that hangs takes only itself along.
pub fn run_cases(cases: &[(&str, Case)]) {
    let wanted = env("CASES");
    for (name, case) in cases.iter().filter(|(name, _)| wanted.split_whitespace().any(|w| w == *name)) {
        let (sender, receiver) = mpsc::channel();
        let case = *case;
        std::thread::spawn(move || sender.send(case()));
        let outcome = match receiver.recv_timeout(CASE_TIME) {
            Ok(Ok(evidence)) => format!("ok {evidence}"),
            Ok(Err(e)) if e.is::<Skip>() => format!("skip {e}"),
            Ok(Err(e)) => format!("FAIL {e}"),
            Err(mpsc::RecvTimeoutError::Timeout) => format!("FAIL no end after {CASE_TIME:?}"),
            Err(mpsc::RecvTimeoutError::Disconnected) => "FAIL it panicked".into(),
        };
        println!("CASE {name} {}", outcome.replace('\n', " "));
    }
}

pub fn same<T: PartialEq + Debug>(what: &str, want: T, got: T) -> Res<()> {
    ensure(want == got, || format!("{what}: want {want:?}, got {got:?}"))
}

pub fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Res<()> {
    if holds { Ok(()) } else { Err(otherwise().into()) }
}

pub fn numbers(from: i64, to: i64) -> Vec<String> {
    (from..to).map(|n| n.to_string()).collect()
}

pub fn median<T: Ord + Copy>(mut of: Vec<T>) -> T {
    of.sort();
    of[of.len() / 2]
}

// --- The cross product --------------------------------------------------------------------------------------------------

/// A record as records.json has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    pub timestamp_ms: i64,
}

/// A topic that a client wrote, as topics.json has it.
pub struct Written {
    pub topic: String,
    pub who: String,
    pub without: Vec<String>,
}

fn file(name: &str) -> Res<Vec<Value>> {
    Ok(serde_json::from_slice(&std::fs::read(Path::new(&env("CROSS")).join(name))?)?)
}

fn bytes(base64: &Value) -> Option<Vec<u8>> {
    base64.as_str().map(|text| STANDARD.decode(text).expect("base64 of the matrix"))
}

pub fn shapes() -> Res<Vec<Shape>> {
    let header = |h: &Value| (h[0].as_str().unwrap_or_default().to_string(), bytes(&h[1]));
    let shape = |r: Value| Shape {
        key: bytes(&r["key"]),
        value: bytes(&r["value"]),
        headers: r["headers"].as_array().into_iter().flatten().map(header).collect(),
        timestamp_ms: r["timestamp"].as_i64().unwrap_or_default(),
    };
    Ok(file("records.json")?.into_iter().map(shape).collect())
}

pub fn written() -> Res<Vec<Written>> {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_string();
    let one = |t: Value| Written {
        topic: text(&t["topic"]),
        who: format!("{}/{}", text(&t["client"]), text(&t["codec"])),
        without: t["without"].as_array().into_iter().flatten().map(text).collect(),
    };
    Ok(file("topics.json")?.into_iter().map(one).collect())
}

/// What cannot be told apart in this record: a client may refuse one without key and value, and have both empty.
fn lost(want: &Shape, without: &[String]) -> Vec<String> {
    let pair = without.iter().any(|w| w == "null-pairs") && want.key.is_none() && want.value.is_none();
    let more: &[&str] = if pair { &["null-keys", "null-values"] } else { &[] };
    without.iter().cloned().chain(more.iter().map(|w| w.to_string())).collect()
}

/// The shape with what the writer or the reader cannot say made alike.
fn blurred(shape: &Shape, without: &[String]) -> Shape {
    let has = |what: &str| without.iter().any(|w| w == what);
    let field = |field: &Option<Vec<u8>>, name: &str| match field {
        Some(bytes) if bytes.is_empty() && (has(&format!("null-{name}")) || has(&format!("empty-{name}"))) => None,
        other => other.clone(),
    };
    Shape {
        key: field(&shape.key, "keys"),
        value: field(&shape.value, "values"),
        headers: if has("headers") { Vec::new() } else { shape.headers.iter().map(|(k, v)| (k.clone(), field(v, "headers"))).collect() },
        timestamp_ms: if has("timestamps") { 0 } else { shape.timestamp_ms },
    }
}

/// Reads each topic by the function and says what differs; left out is what the client cannot read, by what the writer was without.
pub fn compare(readable: impl Fn(&[String]) -> bool, read: impl Fn(&str, usize) -> Res<Vec<Shape>>, own_without: &[&str]) -> Res<()> {
    let want = shapes()?;
    let mut differing = Vec::new();
    let all = written()?.len();
    let topics: Vec<Written> = written()?.into_iter().filter(|topic| readable(&topic.without)).collect();
    let count = topics.len();
    let note = if count < all { " -- it cannot read what has a null header" } else { "" };
    for Written { topic, who, mut without } in topics {
        without.extend(own_without.iter().map(|w| w.to_string()));
        match read(&topic, want.len()) {
            Err(e) => differing.push(format!("{who}: {e}")),
            Ok(got) if got.len() != want.len() => differing.push(format!("{who}: want {} records, got {}", want.len(), got.len())),
            Ok(got) => {
                let pairs = want.iter().zip(&got).map(|(w, g)| {
                    let lost = lost(w, &without);
                    (blurred(w, &lost), blurred(g, &lost))
                });
                if let Some((at, (w, g))) = pairs.enumerate().find(|(_, (w, g))| w != g) {
                    differing.push(format!("{who}: record {at}: want {w:?}, got {g:?}"));
                }
            }
        }
    }
    match differing.is_empty() {
        true => println!("CASE cross.read ok {count} topics equal{note}"),
        false => println!("CASE cross.read FAIL {}", differing.join("; ")),
    }
    Ok(())
}
