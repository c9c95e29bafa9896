//! The message schemas inside kafka-clients-4.3.1.jar, the same files from which Kafka's own codec is made: where the jar is
//! found, and the schemas as data.

use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

const VERSION: &str = "4.3.1";
const HOW_TO_GET_IT: &str = "set MONOLOG_KAFKA_CLIENTS_JAR to a kafka-clients-4.3.1.jar, or install Maven, with which \
    the test fetches org.apache.kafka:kafka-clients:4.3.1 itself";

/// A range of versions, as in `2-7` or `3+`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    pub min: i16,
    pub max: i16,
}

impl Versions {
    fn parse(text: &str) -> Option<Versions> {
        let number = |text: &str| text.parse::<i16>().ok();
        match (text.split_once('-'), text.strip_suffix('+')) {
            _ if text == "none" => None,
            (Some((min, max)), _) => Some(Versions { min: number(min)?, max: number(max)? }),
            (None, Some(min)) => Some(Versions { min: number(min)?, max: i16::MAX }),
            (None, None) => Some(Versions { min: number(text)?, max: number(text)? }),
        }
    }

    pub fn contains(&self, version: i16) -> bool {
        (self.min..=self.max).contains(&version)
    }
}

/// A field of a structure.
#[derive(Clone, Debug)]
pub struct FieldSchema {
    /// In snake case.
    pub name: String,
    /// Without the `[]` of an array.
    pub kind: String,
    pub is_array: bool,
    pub versions: Versions,
    pub nullable: Option<Versions>,
    pub tag: Option<(u32, Versions)>,
    /// As written; numbers may be hexadecimal.
    pub default: Option<String>,
    /// Of structures, and of arrays of them.
    pub fields: Vec<FieldSchema>,
    /// Whether it is part of a response.
    pub in_response: bool,
}

/// A request or response.
#[derive(Clone, Debug)]
pub struct MessageSchema {
    pub name: String,
    pub key: i16,
    pub valid: Versions,
    pub latest_is_unstable: bool,
    pub flexible_from: i16,
    pub fields: Vec<FieldSchema>,
}

/// All messages by name; `None` when there is no jar, which is printed, and in CI fails.
pub fn schemas() -> Option<&'static BTreeMap<String, MessageSchema>> {
    static SCHEMAS: OnceLock<Result<BTreeMap<String, MessageSchema>, String>> = OnceLock::new();
    match SCHEMAS.get_or_init(|| find_jar().map(read_schemas)) {
        Ok(schemas) => Some(schemas),
        Err(why) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("{why}; {HOW_TO_GET_IT}"),
        Err(why) => {
            let test = std::thread::current().name().unwrap_or("a test").to_string();
            eprintln!("SKIPPED {test}: {why}; {HOW_TO_GET_IT}");
            None
        }
    }
}

fn find_jar() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("MONOLOG_KAFKA_CLIENTS_JAR") {
        return Ok(PathBuf::from(path));
    }
    let jar = format!("kafka-clients-{VERSION}.jar");
    let copied_to = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let of_maven = std::env::home_dir().map(|home| home.join(".m2/repository/org/apache/kafka/kafka-clients").join(VERSION));
    if let Some(found) = of_maven.iter().chain([&copied_to]).map(|dir| dir.join(&jar)).find(|path| path.is_file()) {
        return Ok(found);
    }
    let output = Command::new("mvn")
        .args(["-q", "-B", "dependency:copy", "-DoutputDirectory=."])
        .arg(format!("-Dartifact=org.apache.kafka:kafka-clients:{VERSION}"))
        .current_dir(&copied_to)
        .output()
        .map_err(|e| format!("no {jar}, and mvn cannot be run: {e}"))?;
    let copied = copied_to.join(&jar);
    if copied.is_file() { Ok(copied) } else { Err(format!("no {jar}, and mvn failed: {}", String::from_utf8_lossy(&output.stdout))) }
}

fn read_schemas(jar: PathBuf) -> BTreeMap<String, MessageSchema> {
    let jar = std::fs::read(&jar).unwrap_or_else(|e| panic!("{}: {e}", jar.display()));
    let mut schemas = BTreeMap::new();
    for (name, content) in unzip(&jar, "common/message/") {
        // Their JSON has comments, each on lines of its own.
        let text = String::from_utf8(content).expect("schemas are UTF-8");
        let json: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| [line, "\n"]).collect();
        let json: Value = serde_json::from_str(&json).unwrap_or_else(|e| panic!("{name}: {e}"));
        if let Some(message) = message(&json) {
            schemas.insert(message.name.clone(), message);
        }
    }
    schemas
}

/// The schema of a request or response that has versions; `None` for headers and the like.
fn message(json: &Value) -> Option<MessageSchema> {
    let text = |key: &str| json[key].as_str();
    if !matches!(text("type")?, "request" | "response") {
        return None;
    }
    Some(MessageSchema {
        name: text("name")?.to_string(),
        key: json["apiKey"].as_i64()? as i16,
        valid: Versions::parse(text("validVersions")?)?,
        latest_is_unstable: json["latestVersionUnstable"].as_bool().unwrap_or(false),
        flexible_from: Versions::parse(text("flexibleVersions")?).map_or(i16::MAX, |versions| versions.min),
        fields: fields(&json["fields"], &json["commonStructs"], text("type")? == "response"),
    })
}

fn fields(json: &Value, common: &Value, in_response: bool) -> Vec<FieldSchema> {
    let field = |json: &Value| {
        let text = |key: &str| json[key].as_str().unwrap_or_else(|| panic!("{key} of {json}"));
        let versions_of = |key: &str| json[key].as_str().and_then(Versions::parse);
        let kind = text("type");
        let name_of_kind = kind.strip_prefix("[]").unwrap_or(kind);
        let shared = common.as_array().into_iter().flatten().find(|shared| shared["name"] == name_of_kind);
        FieldSchema {
            name: snake(text("name")),
            kind: name_of_kind.to_string(),
            is_array: kind.starts_with("[]"),
            versions: versions_of("versions").expect("versions"),
            nullable: versions_of("nullableVersions"),
            tag: json["tag"].as_u64().map(|tag| (tag as u32, versions_of("taggedVersions").expect("taggedVersions"))),
            default: match &json["default"] {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            },
            fields: fields(shared.map_or(&json["fields"], |shared| &shared["fields"]), common, in_response),
            in_response,
        }
    };
    json.as_array().into_iter().flatten().map(field).collect()
}

/// `TopicData` to `topic_data`. No name has two capitals in a row but those of versions that are not served.
pub fn snake(camel: &str) -> String {
    camel.chars().fold(String::new(), |mut name, c| {
        if c.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(c.to_lowercase());
        name
    })
}

/// The JSON files below a folder of a zip archive. Only what a jar needs: one disk, sizes of 32 bits, stored or deflated.
fn unzip(zip: &[u8], folder: &str) -> Vec<(String, Vec<u8>)> {
    let u16_at = |at: usize| usize::from(u16::from_le_bytes([zip[at], zip[at + 1]]));
    let u32_at = |at: usize| u32::from_le_bytes([zip[at], zip[at + 1], zip[at + 2], zip[at + 3]]) as usize;
    let end = zip.windows(4).rposition(|bytes| bytes == b"PK\x05\x06").expect("a zip archive");
    let (count, mut at) = (u16_at(end + 10), u32_at(end + 16));
    let mut files = Vec::new();
    for _ in 0..count {
        assert_eq!(&zip[at..at + 4], b"PK\x01\x02");
        let (method, packed, size) = (u16_at(at + 10), u32_at(at + 20), u32_at(at + 24));
        let (name_len, extra_len, comment_len, local) = (u16_at(at + 28), u16_at(at + 30), u16_at(at + 32), u32_at(at + 42));
        let name = String::from_utf8_lossy(&zip[at + 46..at + 46 + name_len]).into_owned();
        at += 46 + name_len + extra_len + comment_len;
        if !name.starts_with(folder) || !name.ends_with(".json") {
            continue;
        }
        let start = local + 30 + u16_at(local + 26) + u16_at(local + 28);
        let packed = &zip[start..start + packed];
        let mut content = Vec::with_capacity(size);
        match method {
            0 => content.extend_from_slice(packed),
            8 => drop(flate2::read::DeflateDecoder::new(packed).read_to_end(&mut content).expect("deflated")),
            other => panic!("{name}: method {other}"),
        }
        assert_eq!(content.len(), size, "{name}");
        files.push((name, content));
    }
    files
}
