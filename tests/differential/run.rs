//! What a scenario has in hand: connections to both brokers, variables whose values differ between them, and the book in which
//! everything that was asked and answered is written.

use crate::book::{Asked, Book};
use crate::codec::{encode, hex};
use crate::link::{Link, frame};
use crate::notation::{fill, parse};
use crate::schema::{MessageSchema, schemas};
use monolog::wire::api_key::ApiKey;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How long something that happens by itself is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks whether it has happened.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// By when a request that no answer tells of has surely been read.
const A_WHILE: Duration = Duration::from_millis(60);

/// Both brokers.
pub struct World {
    /// Apache Kafka's address, and monolog's.
    pub addresses: [String; 2],
    /// What was found so far.
    pub book: Mutex<Book>,
}

/// One scenario in one version.
pub struct Run<'a> {
    world: &'a World,
    /// The name of the scenario.
    scenario: &'static str,
    /// Scenario and version: the beginning of all names it uses.
    pub stem: String,
    links: BTreeMap<String, [Link; 2]>,
    who: String,
    variables: BTreeMap<String, [Value; 2]>,
    sent: BTreeMap<String, Vec<Asked>>,
    last: [Value; 2],
    fences: usize,
}

/// The schemas of an API.
fn schema_of(api: ApiKey, kind: &str) -> &'static MessageSchema {
    let schemas = schemas().expect("the jar is there: the run is of no use without");
    &schemas[&format!("{api}{kind}")]
}

impl<'a> Run<'a> {
    /// With connections of its own.
    pub fn new(world: &'a World, scenario: &'static str, version: i16) -> Run<'a> {
        let mut run = Run {
            world,
            scenario,
            stem: format!("{scenario}-{version}"),
            links: BTreeMap::new(),
            who: "first".to_owned(),
            variables: BTreeMap::new(),
            sent: BTreeMap::new(),
            last: Default::default(),
            fences: 0,
        };
        run.set("stem", run.stem.clone());
        run
    }

    /// The same for both brokers.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        let value = value.into();
        self.variables.insert(name.to_owned(), [value.clone(), value]);
    }

    /// One value for each broker.
    pub fn set_each(&mut self, name: &str, make: impl FnMut(usize) -> Value) {
        self.variables.insert(name.to_owned(), [0, 1].map(make));
    }

    /// A batch that is the same for both.
    pub fn batch(&mut self, name: &str, batch: &[u8]) {
        self.set(name, hex(batch));
    }

    /// What a variable is for a broker.
    pub fn value(&self, name: &str, side: usize) -> Value {
        self.variables.get(name).unwrap_or_else(|| panic!("{}: no ${name}", self.stem))[side].clone()
    }

    /// A number that a variable is for a broker.
    pub fn number(&self, name: &str, side: usize) -> i64 {
        self.value(name, side).as_i64().unwrap_or(-1)
    }

    /// Keeps a field of the last answers, as `topics.0.topic_id`, as a variable.
    pub fn keep(&mut self, name: &str, path: &str) {
        let found = [0, 1].map(|side| at(&self.last[side], path).clone());
        self.variables.insert(name.to_owned(), found);
    }

    /// From now on over connections of this name.
    pub fn on(&mut self, who: &str) -> &mut Self {
        self.who = who.to_owned();
        self
    }

    /// Closes the connections in use.
    pub fn hang_up(&mut self) {
        self.links.remove(&self.who);
    }

    fn links(&mut self) -> &mut [Link; 2] {
        let addresses = &self.world.addresses;
        self.links.entry(self.who.clone()).or_insert_with(|| [0, 1].map(|side| Link::new(&addresses[side])))
    }

    /// Sends a request to both and compares what they answer. `name` says what is odd about it.
    pub fn ask(&mut self, api: ApiKey, version: i16, name: &str, body: &str) {
        self.send(api, version, name, body);
        self.receive();
    }

    /// Sends a request to both, without waiting for their answers.
    pub fn send(&mut self, api: ApiKey, version: i16, name: &str, body: &str) {
        self.send_altered(api, version, name, body, &|_| {});
    }

    /// Sends a request whose bytes were altered once they were made, and compares.
    pub fn ask_altered(&mut self, api: ApiKey, version: i16, name: &str, body: &str, alter: &dyn Fn(&mut Vec<u8>)) {
        self.send_altered(api, version, name, body, alter);
        self.receive();
    }

    fn send_altered(&mut self, api: ApiKey, version: i16, name: &str, body: &str, alter: &dyn Fn(&mut Vec<u8>)) {
        let schema = schema_of(api, "Request");
        let parsed = parse(body);
        let mut asked = Asked { api, version, case: format!("{}: {name}", self.scenario), stem: self.stem.clone(), frame: Vec::new() };
        for side in [0, 1] {
            let filled = fill(&parsed, &|name| self.value(name, side));
            let mut bytes = encode(schema, version, &filled);
            alter(&mut bytes);
            let link = &mut self.links()[side];
            let whole = frame(api.number(), version, link.next_correlation_id(), version >= schema.flexible_from, &bytes);
            link.send(&whole);
            asked.frame = whole;
        }
        let who = self.who.clone();
        self.sent.entry(who).or_default().push(asked);
    }

    /// Waits for the answers to the oldest request on these connections, and compares them.
    pub fn receive(&mut self) {
        let who = self.who.clone();
        let asked = self.sent.get_mut(&who).filter(|sent| !sent.is_empty()).map(|sent| sent.remove(0)).expect("something was sent");
        let schema = schema_of(asked.api, "Response");
        self.last = [0, 1].map(|side| self.links()[side].receive(schema, asked.version));
        let closed = |answer: &Value| answer.get("connection").is_some();
        if self.last.iter().any(closed) {
            self.hang_up();
            self.sent.remove(&who);
        }
        let [kafka, monolog] = &self.last;
        self.world.book.lock().expect("the book").enter(&asked, kafka, monolog);
    }

    /// The last request sent has no answer, as a Produce with acks=0.
    pub fn no_answer(&mut self) {
        self.links().iter_mut().for_each(Link::expect_none);
        if let Some(asked) = self.sent.get_mut(&self.who).and_then(Vec::pop) {
            let none = json!({});
            self.world.book.lock().expect("the book").enter(&asked, &none, &none);
        }
    }

    /// Asks one broker, off the record.
    fn ask_one(&mut self, side: usize, api: ApiKey, version: i16, body: &Value) -> Value {
        let schema = schema_of(api, "Request");
        let bytes = encode(schema, version, &fill(body, &|name| self.value(name, side)));
        let link = &mut self.links()[side];
        let whole = frame(api.number(), version, link.next_correlation_id(), version >= schema.flexible_from, &bytes);
        link.send(&whole);
        link.receive(schema_of(api, "Response"), version)
    }

    /// Asks each broker until a field of its answer is this; then asks once more, for the record.
    pub fn ask_until(&mut self, api: ApiKey, version: i16, name: &str, body: &str, path: &str, wanted: impl Into<Value>) {
        let (parsed, wanted) = (parse(body), wanted.into());
        for side in [0, 1] {
            self.until_one(side, api, version, &parsed, |answer| *at(answer, path) == wanted);
        }
        self.ask(api, version, name, body);
    }

    #[expect(clippy::disallowed_methods, reason = "another process does not tell when it happens")]
    fn until_one(&mut self, side: usize, api: ApiKey, version: i16, body: &Value, happened: impl Fn(&Value) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !happened(&self.ask_one(side, api, version, body)) && Instant::now() < deadline {
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// Lets what was sent arrive, where no answer tells that it has.
    #[expect(clippy::disallowed_methods, reason = "a request that waits has no answer yet")]
    pub fn let_it_arrive(&self) {
        std::thread::sleep(A_WHILE);
    }

    /// Makes a topic, off the record, whose name is `$name` and whose id is `$name.id`. Configs as in `{retention.ms: 5}`; without
    /// that one records stay for ever, since most of them are of 1970.
    pub fn topic(&mut self, name: &str, partitions: i32, configs: &str) {
        let full = format!("{}-{name}", self.stem);
        let Value::Object(mut configs) = parse(configs) else { panic!("{configs} are no configs") };
        configs.entry("retention.ms").or_insert(json!(-1));
        let configs: Vec<Value> = configs.iter().map(|(name, value)| json!({ "name": name, "value": text_of(value) })).collect();
        let body = json!({
            "topics": [{ "name": full, "num_partitions": partitions, "replication_factor": 1, "configs": configs }], "timeout_ms": 30_000,
        });
        self.set(name, full.clone());
        for side in [0, 1] {
            let answer = self.ask_one(side, ApiKey::CreateTopics, 7, &body);
            assert_eq!(*at(&answer, "topics.0.error_code"), 0, "{full}: {answer}");
        }
        self.settle(name, partitions);
    }

    /// Waits until Apache Kafka serves a topic that was made; monolog's answer to CreateTopics means that it does.
    pub fn settle(&mut self, name: &str, partitions: i32) {
        let full = self.value(name, 0);
        let metadata = json!({ "topics": [{ "name": full }], "allow_auto_topic_creation": false });
        let asked: Vec<Value> = (0..partitions).map(|index| json!({ "partition_index": index, "timestamp": -1 })).collect();
        let offsets = json!({ "replica_id": -1, "topics": [{ "name": full, "partitions": asked }], "timeout_ms": 1_000 });
        let mut ids = [Value::Null, Value::Null];
        for side in [0, 1] {
            let all = |answer: &Value, list: &str| {
                let partitions_of = at(answer, list).as_array();
                partitions_of.is_some_and(|found| found.len() == partitions as usize && found.iter().all(|one| one["error_code"] == 0))
            };
            self.until_one(side, ApiKey::Metadata, 12, &metadata, |answer| all(answer, "topics.0.partitions"));
            self.until_one(side, ApiKey::ListOffsets, 9, &offsets, |answer| all(answer, "topics.0.partitions"));
            ids[side] = at(&self.ask_one(side, ApiKey::Metadata, 12, &metadata), "topics.0.topic_id").clone();
        }
        let [kafka, monolog] = &ids;
        let (kafka, monolog) = (kafka.as_str().expect("an id"), monolog.as_str().expect("an id"));
        self.world.book.lock().expect("the book").same_topic(kafka, monolog);
        self.set_each(&format!("{name}.id"), |side| ids[side].clone());
    }

    /// Waits until Apache Kafka's broker shows all that was changed before. It hears of changes from its controller, in their order and
    /// after they were answered: when it shows a topic that is made now, it shows them.
    pub fn catch_up(&mut self) {
        self.fences += 1;
        self.topic(&format!("fence-{}", self.fences), 1, "{}");
    }

    /// Waits until both hand out producer ids and coordinate groups: Apache Kafka makes a topic of its own for that when it is first asked.
    pub fn await_coordinators(&mut self) {
        let producer = json!({ "transactional_id": null, "transaction_timeout_ms": 1_000 });
        for side in [0, 1] {
            self.until_one(side, ApiKey::InitProducerId, 4, &producer, |answer| at(answer, "error_code") == &json!(0));
        }
        for index in 0..100 {
            let body = json!({ "groups": [{ "group_id": format!("warm-{index}"), "topics": [] }] });
            for side in [0, 1] {
                let find = json!({ "key_type": 0, "coordinator_keys": [format!("warm-{index}")] });
                self.until_one(side, ApiKey::FindCoordinator, 4, &find, |answer| at(answer, "coordinators.0.error_code") == &json!(0));
                self.until_one(side, ApiKey::OffsetFetch, 9, &body, |answer| at(answer, "groups.0.error_code") == &json!(0));
            }
        }
    }
}

/// The field of an answer at a path as `topics.0.name`; null where there is none.
pub fn at<'v>(answer: &'v Value, path: &str) -> &'v Value {
    path.split('.').fold(answer, |value, step| match value {
        Value::Array(elements) => step.parse::<usize>().ok().and_then(|index| elements.get(index)).unwrap_or(&Value::Null),
        other => other.get(step).unwrap_or(&Value::Null),
    })
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
