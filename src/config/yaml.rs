//! The YAML file: sections of scalars, each with its line. What it may hold is known beforehand, so nothing is built but a list
//! of values: no nesting beyond the table's, no aliases but of single values. Called by `layers`.

use super::closest::did_you_mean;
use super::settings::{SETTINGS, Setting};
use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A file of settings has a few kilobytes; whatever is larger is something else.
const FILE_BYTES_MAX: u64 = 256 * 1024;
/// More mistakes than this are not one's own.
const WRONG_MAX: usize = 50;

/// A value of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The setting, its place in [`SETTINGS`].
    pub setting: usize,
    /// Its value; lists are joined by `;`.
    pub value: String,
    /// Where it stands, from 1.
    pub line: usize,
}

/// The text of a file of settings.
pub fn read(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    read.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("{} is no file of settings: it has more than {} KiB", path.display(), FILE_BYTES_MAX / 1024));
    }
    String::from_utf8(bytes).map_err(|error| {
        let line = 1 + error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        format!("{}, line {line}: not UTF-8", path.display())
    })
}

/// Whether others than the owner of a file and its group may read it.
pub fn is_open_to_others(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o004 != 0)
}

/// The values in a file, and everything in it that is wrong, each with its line.
pub fn parse(text: &str) -> (Vec<Entry>, Vec<(usize, String)>) {
    let mut reader = Reader {
        parser: Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text)),
        scalars: BTreeMap::new(),
        first_lines: BTreeMap::new(),
        entries: Vec::new(),
        wrong: Vec::new(),
    };
    if let Err(Stop(line, what)) = reader.file() {
        reader.wrong.push((line, what));
    }
    (reader.entries, reader.wrong)
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    /// What anchors stand for.
    scalars: BTreeMap<usize, Option<String>>,
    /// Where each key was seen first.
    first_lines: BTreeMap<String, usize>,
    entries: Vec<Entry>,
    wrong: Vec<(usize, String)>,
}

/// The rest of the file is not read.
struct Stop(usize, String);

/// What follows a key.
enum Node {
    /// `None`: it is null, which sets nothing.
    Scalar(Option<String>),
    Section,
    List,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, usize), Stop> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, span.start.line())),
            Some(Err(error)) => Err(Stop(error.marker().line(), format!("this is not YAML: {}", error.info()))),
            None => Ok((Event::StreamEnd, 0)),
        }
    }

    fn file(&mut self) -> Result<(), Stop> {
        let mut documents = 0;
        loop {
            let (event, line) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(()),
                Event::DocumentStart(_) if documents > 0 => {
                    return Err(Stop(line, "there is one document in a file of settings".to_string()));
                }
                Event::DocumentStart(_) => documents += 1,
                Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
                Event::MappingStart(..) => self.section("")?,
                Event::Scalar(text, style, ..) if is_null(&text, style) => {}
                _ => return Err(Stop(line, "settings are written as \"section:\", and in it \"key: value\"".to_string())),
            }
        }
    }

    /// Reads a section to its end; `prefix` is what goes in front of its keys.
    fn section(&mut self, prefix: &str) -> Result<(), Stop> {
        loop {
            let (event, line) = self.next()?;
            let key = match event {
                Event::MappingEnd => return Ok(()),
                Event::Scalar(text, ..) => format!("{prefix}{text}"),
                _ => return Err(Stop(line, "a key is a word".to_string())),
            };
            if let Some(first) = self.first_lines.get(&key) {
                let what = format!("{} is there twice, first on line {first}", shown(&key));
                self.refuse(line, what)?;
            } else {
                self.first_lines.insert(key.clone(), line);
            }
            self.value(&key, line)?;
        }
    }

    fn value(&mut self, key: &str, line: usize) -> Result<(), Stop> {
        let (node, value_line) = self.node()?;
        let section = format!("{key}.");
        let is_section = SETTINGS.iter().any(|setting| setting.name.starts_with(&section));
        let known = SETTINGS.iter().position(|setting| setting.name == key && is_file_key(setting));
        match (known, node) {
            (Some(_), Node::Scalar(None)) => Ok(()),
            (Some(setting), Node::Scalar(Some(value))) => {
                self.entries.push(Entry { setting, value, line: value_line });
                Ok(())
            }
            (Some(setting), Node::List) if SETTINGS[setting].is_list() => self.list(setting, value_line),
            (Some(_), node) => {
                self.refuse(value_line, format!("{key} takes one value"))?;
                self.skip(&node)
            }
            (None, Node::Section) if is_section => self.section(&section),
            (None, Node::Scalar(None)) if is_section => Ok(()),
            (None, node) if is_section => {
                self.refuse(value_line, format!("{key} is a section: its settings stand below it, indented"))?;
                self.skip(&node)
            }
            (None, node) => {
                let names = SETTINGS.iter().filter(|setting| is_file_key(setting)).map(|setting| setting.name);
                self.refuse(line, format!("unknown setting {}{}", shown(key), did_you_mean(key, names, "")))?;
                self.skip(&node)
            }
        }
    }

    fn node(&mut self) -> Result<(Node, usize), Stop> {
        let (event, line) = self.next()?;
        let node = match event {
            Event::Scalar(text, style, anchor, _) => Node::Scalar(self.scalar(&text, style, anchor)),
            Event::Alias(anchor) => Node::Scalar(self.alias(anchor, line)?),
            Event::MappingStart(..) => Node::Section,
            Event::SequenceStart(..) => Node::List,
            _ => return Err(Stop(line, "a value is missing".to_string())),
        };
        Ok((node, line))
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, anchor: usize) -> Option<String> {
        let value = (!is_null(text, style)).then(|| text.to_string());
        if anchor > 0 {
            self.scalars.insert(anchor, value.clone());
        }
        value
    }

    fn alias(&mut self, anchor: usize, line: usize) -> Result<Option<String>, Stop> {
        self.scalars.get(&anchor).cloned().ok_or_else(|| Stop(line, "an alias stands for a single value only".to_string()))
    }

    fn list(&mut self, setting: usize, list_line: usize) -> Result<(), Stop> {
        let mut items = Vec::new();
        loop {
            let (event, line) = self.next()?;
            match event {
                Event::SequenceEnd => break,
                Event::Scalar(text, style, anchor, _) => items.extend(self.scalar(&text, style, anchor)),
                Event::Alias(anchor) => items.extend(self.alias(anchor, line)?),
                _ => return Err(Stop(line, format!("{} is a list of single values", SETTINGS[setting].name))),
            }
        }
        self.entries.push(Entry { setting, value: items.join(";"), line: list_line });
        Ok(())
    }

    /// Passes over what belongs to a key that is wrong.
    fn skip(&mut self, node: &Node) -> Result<(), Stop> {
        let mut depth = usize::from(!matches!(node, Node::Scalar(_)));
        while depth > 0 {
            let (event, line) = self.next()?;
            match event {
                Event::MappingStart(..) | Event::SequenceStart(..) if depth > 8 => {
                    return Err(Stop(line, "sections in sections without end".to_string()));
                }
                Event::MappingStart(..) | Event::SequenceStart(..) => depth += 1,
                Event::MappingEnd | Event::SequenceEnd => depth -= 1,
                _ => {}
            }
        }
        Ok(())
    }

    fn refuse(&mut self, line: usize, what: String) -> Result<(), Stop> {
        self.wrong.push((line, what));
        if self.wrong.len() >= WRONG_MAX { Err(Stop(line, "there is more that is wrong".to_string())) } else { Ok(()) }
    }
}

/// Whether a setting may stand in a file: that names it cannot.
fn is_file_key(setting: &Setting) -> bool {
    setting.name.contains('.')
}

fn is_null(text: &str, style: ScalarStyle) -> bool {
    style == ScalarStyle::Plain && matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// A key of somebody's file, fit to be printed.
fn shown(key: &str) -> String {
    let cut: String = key.chars().take(80).collect();
    if cut.len() < key.len() {
        format!("{cut:?}...")
    } else if cut.chars().any(char::is_control) {
        format!("{cut:?}")
    } else {
        cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values(text: &str) -> Vec<(&'static str, String, usize)> {
        let (entries, wrong) = parse(text);
        assert_eq!(wrong, []);
        entries.into_iter().map(|entry| (SETTINGS[entry.setting].name, entry.value, entry.line)).collect()
    }

    fn wrong(text: &str) -> Vec<(usize, String)> {
        parse(text).1
    }

    #[test]
    fn values_come_with_their_lines() {
        let text = "# ours\nserver:\n  kafka_addr: \":9092\"\n  http_addr: ''\nsecurity:\n  enabled: no\n  tls:\n    enabled: false\nlimits: {max_topics: 7}\n";
        let expected = [
            ("server.kafka_addr", ":9092", 3),
            ("server.http_addr", "", 4),
            ("security.enabled", "no", 6),
            ("security.tls.enabled", "false", 8),
            ("limits.max_topics", "7", 9),
        ];
        assert_eq!(values(text), expected.map(|(name, value, line)| (name, value.to_string(), line)));
        assert_eq!(values("\u{feff}---\nlimits:\n  max_topics: 8\n...\n").len(), 1);
    }

    #[test]
    fn nothing_is_nothing() {
        for text in ["", "\n\n", "# only a comment\n", "---\n", "{}", "null", "server:\n", "server:\n  kafka_addr:\n", "server: ~\n"] {
            assert_eq!(values(text), [], "{text:?}");
        }
    }

    #[test]
    fn lists_of_topics() {
        let topics = |text: &str| values(text).remove(0).1;
        assert_eq!(topics("topics:\n  create:\n    - a:3\n    - b:1:retention.ms=5\n"), "a:3;b:1:retention.ms=5");
        assert_eq!(topics("topics: {create: ['a', b]}"), "a;b");
        assert_eq!(topics("topics:\n  create: a;b:2\n"), "a;b:2");
        assert_eq!(topics("topics: {create: []}"), "");
        assert!(wrong("topics:\n  create:\n    - [a]\n")[0].1.contains("list of single values"));
    }

    #[test]
    fn everything_wrong_is_told_with_its_line() {
        let text = "server:\n  kafka_adr: x\n  http_addr: :1\n  http_addr: :2\nlimit: {}\nlimits:\n  memory: [1]\nretention: 5\nstorage: [a, {b: c}]\nlogging:\n  level:\n    debug: 1\nconfig: x\n";
        let found = wrong(text);
        for (line, words) in [
            (2, "unknown setting server.kafka_adr; did you mean server.kafka_addr?"),
            (4, "server.http_addr is there twice, first on line 3"),
            (5, "unknown setting limit;"),
            (7, "limits.memory takes one value"),
            (8, "retention is a section"),
            (9, "storage is a section"),
            (12, "logging.level takes one value"),
            (13, "unknown setting config;"),
        ] {
            assert!(found.iter().any(|(at, what)| *at == line && what.contains(words)), "line {line}, {words}: {found:?}");
        }
        assert_eq!(found.len(), 8, "{found:?}");
    }

    #[test]
    fn what_is_no_yaml_or_no_settings_is_refused() {
        for text in [
            "server: [",
            "a: b: c",
            "- a\n- b\n",
            "just text",
            "a: 1\n---\nb: 2\n",
            "\tserver: 1",
            "? [a]\n: b\n",
            "\u{0}",
            "*x",
            "server: \"a",
        ] {
            assert!(!wrong(text).is_empty(), "{text:?}");
        }
    }

    #[test]
    fn anchors_name_single_values() {
        assert_eq!(values("server:\n  kafka_addr: &a \":1\"\n  http_addr: *a\n")[1].1, ":1");
        assert!(wrong("server: &s\n  kafka_addr: \":1\"\nlimits: *s\n")[0].1.contains("single value"));
        assert!(wrong("server:\n  <<: {kafka_addr: \":1\"}\n")[0].1.contains("unknown setting server.<<"));
        assert!(!wrong("server:\n  kafka_addr: *nobody\n").is_empty());
    }

    /// Each would be a gigabyte, an hour or a broken stack where somebody builds what it describes.
    #[test]
    fn bombs_do_not_go_off() {
        let mut laughs = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_string();
        for (name, before) in ["b", "c", "d", "e", "f", "g", "h", "i"].iter().zip(["a", "b", "c", "d", "e", "f", "g", "h"]) {
            laughs
                .push_str(&format!("{name}: &{name} [*{before},*{before},*{before},*{before},*{before},*{before},*{before},*{before}]\n"));
        }
        let half = FILE_BYTES_MAX as usize / 2;
        for text in [
            laughs,
            "[".repeat(half),
            "{a: ".repeat(half / 4),
            "x: ".to_string() + &"[".repeat(half),
            "a: &x ".repeat(half / 8),
            "- ".repeat(half / 2),
            "? ".repeat(half / 2),
            (0..half / 16).map(|n| format!("key-{n}: {n}\n")).collect(),
            format!("server:\n  kafka_addr: \"{}\n", "a".repeat(half)),
            "!".repeat(half),
            "&a ".repeat(half / 4),
            " ".repeat(half) + "x: |\n",
        ] {
            let found = wrong(&text);
            assert!((1..=WRONG_MAX + 1).contains(&found.len()), "{} mistakes in {:.20}", found.len(), text);
        }
    }

    #[test]
    fn a_file_too_large_or_not_text_is_refused_by_name() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("m.yaml");
        std::fs::write(&path, "# padding\n".repeat(1 << 20)).unwrap();
        let said = read(&path).unwrap_err();
        assert!(said.contains("m.yaml") && said.contains("256 KiB"), "{said}");
        std::fs::write(&path, b"a: 1\nb: \xff\n").unwrap();
        assert!(read(&path).unwrap_err().contains("m.yaml, line 2: not UTF-8"));
        assert!(read(&dir.path().join("none")).unwrap_err().contains("none: No such file"));
        assert!(read(dir.path()).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[\\[\\]{}:,&*!|>'\"%@#?\\-~a \n\t]{0,60}") {
            parse(&text);
        }
    }
}
