//! The house rules as a test: which room may use which, how long files and functions are, what no source may contain, and that
//! the README's tables say what the code says. A failure names the file and line; for a table it prints the wanted text.

#[path = "clients/card.rs"]
mod card;

use card::Card;
use monolog::config::settings::SETTINGS;
use monolog::wire::api_key::ApiKey;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

const FILE_LINES_MAX: usize = 800;
const FUNCTION_LINES_MAX: usize = 70;

/// Which room may use which, as in ARCHITECTURE.md; every room may use itself.
const ARROWS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("config", &["base"]),
    ("wire", &["base"]),
    ("store", &["base"]),
    ("mail", &["base", "wire", "store"]),
    ("client", &["base", "wire"]),
    ("state", &["base", "wire", "store", "config", "mail"]),
    ("net", &["base", "wire", "mail"]),
    ("http", &["base", "wire", "mail"]),
    ("cold", &["base", "wire", "store", "mail"]),
    ("api", &["base", "wire", "store", "mail", "state"]),
    ("engine", &["base", "wire", "store", "mail", "state", "api"]),
    ("server", &["base", "wire", "store", "config", "mail", "state", "net", "http", "cold", "api", "engine"]),
    ("cli", &["base", "wire", "store", "config", "mail", "client", "state", "net", "http", "cold", "api", "engine", "server"]),
    ("main", &["cli"]),
];

/// Rooms that see of the store only its plan, how timestamps are looked for and what retention leaves.
const PLAN_ONLY: &[&str] = &["mail", "state", "api", "engine"];
/// Clocks and threads belong to the shell; the store slices its work by time.
const MAY_ASK_THE_TIME: &[&str] = &["server", "net", "http", "cold", "cli", "client", "store"];
/// Rooms that the network talks to: their mod.rs denies whatever panics.
const NEVER_PANIC: &[&str] = &["wire", "net", "http"];
const NO_PANIC_LINT: &str =
    "#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable, clippy::indexing_slicing)]";
/// Rooms whose outputs a simulation compares: an unordered map may not lead their loops.
const IN_ORDER: &[&str] = &["state", "api", "engine"];
const IN_ORDER_LINT: &str = "#![deny(clippy::iter_over_hash_type)]";

const TOP_LEVEL: &[&str] = &[
    ".ci",
    ".clippy.toml",
    ".git",
    ".gitignore",
    ".rustfmt.toml",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "build.rs",
    "perf",
    "scripts",
    "src",
    "tests",
];

/// A Rust source.
struct Source {
    /// Relative to the package, with `/`.
    path: String,
    text: String,
    /// The room of `src` it belongs to; "" elsewhere.
    room: String,
    /// It is compiled for tests only.
    is_test: bool,
}

impl Source {
    /// The code that is compiled into the broker, line by line with its number; comments are left out.
    fn product_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_test = self.is_test;
        let code = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        let mut lines = code.collect::<Vec<_>>().into_iter();
        let mut in_tests = false;
        std::iter::from_fn(move || {
            loop {
                let (number, line) = lines.next()?;
                in_tests |= line == "#[cfg(test)]" && lines.as_slice().first().is_some_and(|(_, next)| next.ends_with('{'));
                if !in_tests && !is_test && !line.trim_start().starts_with("//") {
                    return Some((number, line));
                }
                // A module at the left margin ends with its brace there.
                in_tests &= line != "}";
            }
        })
    }

    fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path)
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn collect(dir: &Path, wanted: &dyn Fn(&str) -> bool, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(dir).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !matches!(name.as_str(), "target" | "node_modules" | "results") {
                collect(&path, wanted, found);
            }
        } else if wanted(&name) {
            found.push(path);
        }
    }
}

fn files(dirs: &[&str], wanted: &dyn Fn(&str) -> bool) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for dir in dirs {
        collect(&root().join(dir), wanted, &mut found);
    }
    let relative = |path: &Path| path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
    // What is not text was built here.
    found.iter().filter_map(|path| Some((relative(path), fs::read_to_string(path).ok()?))).collect()
}

/// All Rust sources of the package.
fn sources() -> Vec<Source> {
    let mut all: Vec<Source> = files(&["src", "tests", "perf"], &|name| name.ends_with(".rs"))
        .into_iter()
        .map(|(path, text)| {
            let inside = path.strip_prefix("src/").unwrap_or_default();
            let room = inside.split(['/', '.']).next().unwrap_or_default().to_owned();
            Source { is_test: room.is_empty(), room, path, text }
        })
        .collect();
    all.push(Source {
        path: "build.rs".into(),
        text: fs::read_to_string(root().join("build.rs")).unwrap(),
        room: String::new(),
        is_test: true,
    });
    // Modules that are declared for tests only, wherever their file lies.
    let mut test_only = Vec::new();
    for source in &all {
        let lines: Vec<&str> = source.text.lines().collect();
        for pair in lines.windows(2).filter(|pair| pair[0] == "#[cfg(test)]") {
            if let Some(name) = pair[1].strip_suffix(';').and_then(|line| line.rsplit(' ').next()) {
                let dir = source.path.strip_suffix("/mod.rs").or(source.path.strip_suffix(".rs")).unwrap();
                test_only.extend([format!("{dir}/{name}.rs"), format!("{dir}/{name}/")]);
            }
        }
    }
    for source in &mut all {
        source.is_test |= test_only.iter().any(|path| source.path.starts_with(path));
    }
    all
}

/// The paths that begin with `crate::` in a line, `{...}` opened out; braces over several lines give their common stem.
fn crate_paths(line: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for tail in line.split("crate::").skip(1) {
        let end = tail.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | ':' | '{' | '}' | ',' | ' '))).unwrap_or(tail.len());
        let tail = &tail[..end];
        match tail.split_once('{') {
            Some((stem, inner)) if stem.ends_with("::") || stem.is_empty() => {
                paths.extend(inner.split([',', '}']).map(str::trim).filter(|name| !name.is_empty()).map(|name| format!("{stem}{name}")));
                if inner.trim().is_empty() {
                    paths.push(stem.to_owned());
                }
            }
            _ => paths.push(tail.split([',', ' ', '{', '}']).next().unwrap_or_default().to_owned()),
        }
    }
    paths
}

fn report(rule: &str, faults: Vec<String>) {
    assert!(faults.is_empty(), "{rule}:\n  {}", faults.join("\n  "));
}

#[test]
fn rooms_use_only_what_lies_below_them() {
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| !source.room.is_empty() && source.room != "lib") {
        let Some((_, below)) = ARROWS.iter().find(|(room, _)| *room == source.room) else {
            faults.push(format!("{}: no room of this name", source.path));
            continue;
        };
        for (number, line) in source.product_lines() {
            let prefix = if source.room == "main" { line.replace("monolog::", "crate::") } else { line.to_owned() };
            for path in crate_paths(&prefix) {
                let (room, rest) = path.split_once("::").unwrap_or((&path, ""));
                let room_is_fine = room == source.room || below.contains(&room);
                let narrow = room == "store" && PLAN_ONLY.contains(&source.room.as_str());
                let store_is_fine = !narrow || rest.starts_with("plan") || matches!(rest, "seam::TimestampTarget" | "seam::Kept");
                let sqlite_is_fine = !path.starts_with("store::sqlite") || matches!(source.room.as_str(), "store" | "server" | "cli");
                if !(room_is_fine && store_is_fine && sqlite_is_fine) {
                    faults.push(format!("{}: {} uses {path}", source.at(number), source.room));
                }
            }
        }
    }
    report("imports run downhill, along the arrows of ARCHITECTURE.md", faults);
}

#[test]
fn files_and_functions_are_short_and_files_say_what_they_are() {
    let mut faults = Vec::new();
    for source in sources() {
        let lines: Vec<&str> = source.text.lines().collect();
        if lines.len() > FILE_LINES_MAX {
            faults.push(format!("{}: {} lines, at most {FILE_LINES_MAX}", source.path, lines.len()));
        }
        if !source.text.starts_with("//! ") {
            faults.push(format!("{}: does not open by saying what lives here", source.path));
        }
        for (start, length) in functions(&lines) {
            if length > FUNCTION_LINES_MAX {
                faults.push(format!("{}: a function of {length} lines, at most {FUNCTION_LINES_MAX}", source.at(start + 1)));
            }
        }
    }
    report("files and functions", faults);
}

/// Where each function starts, and its lines; formatted code ends a function with a brace below its `fn`.
fn functions(lines: &[&str]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let declared = ["fn ", "const fn ", "async fn ", "unsafe fn "];
        let visible = code.strip_prefix("pub(crate) ").or(code.strip_prefix("pub(super) ")).or(code.strip_prefix("pub ")).unwrap_or(code);
        if declared.iter().any(|word| visible.starts_with(word)) && !line.ends_with(['}', ';']) {
            let end = format!("{}}}", &line[..line.len() - code.len()]);
            let length = lines[start..].iter().position(|line| *line == end || *line == format!("{end};")).map_or(1, |at| at + 1);
            found.push((start, length));
        }
    }
    found
}

#[test]
fn what_reaches_the_network_never_panics_and_what_decides_is_ordered() {
    let mut faults = Vec::new();
    for (rooms, lint) in [(NEVER_PANIC, NO_PANIC_LINT), (IN_ORDER, IN_ORDER_LINT)] {
        for room in rooms {
            let path = format!("src/{room}/mod.rs");
            if !fs::read_to_string(root().join(&path)).unwrap_or_default().contains(lint) {
                faults.push(format!("{path}: wants {lint}"));
            }
        }
    }
    for source in sources().iter().filter(|source| NEVER_PANIC.contains(&source.room.as_str())) {
        for (number, line) in source.product_lines() {
            let code = line.replace("debug_assert", "");
            if ["assert!(", "assert_eq!(", "assert_ne!(", ".unwrap()", ".expect(", "panic!("].iter().any(|word| code.contains(word)) {
                faults.push(format!("{}: can panic: {}", source.at(number), line.trim()));
            }
        }
    }
    report("lints of rooms", faults);
}

#[test]
fn clocks_threads_and_chance_belong_to_the_shell() {
    let asks = ["Instant::now", "SystemTime", "thread::", "RandomState", "getrandom", "::elapsed()", ".elapsed()"];
    // They put the thread that waits to sleep, and decide nothing.
    let sleepers = ["src/mail/channel.rs", "src/mail/followers.rs"];
    let may_ask = |source: &Source| MAY_ASK_THE_TIME.contains(&source.room.as_str()) || sleepers.contains(&source.path.as_str());
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| !source.room.is_empty() && !may_ask(source)) {
        for (number, line) in source.product_lines() {
            if let Some(word) = asks.iter().find(|word| line.contains(**word)) {
                faults.push(format!("{}: {word}: {}", source.at(number), line.trim()));
            }
        }
    }
    report("determinism", faults);
}

#[test]
fn unsafe_is_allowed_in_two_files() {
    let allows = ["allow(", "unsafe_code)"].concat();
    let sources = sources();
    let found = sources.iter().filter(|source| source.product_lines().any(|(_, line)| line.contains(&allows)));
    assert_eq!(found.map(|source| source.path.as_str()).collect::<Vec<_>>(), ["src/server/slice.rs", "src/store/sqlite/vfs.rs"]);
}

#[test]
fn nobody_but_sqlite_opens_the_database_file() {
    let opens = ["File::open", "OpenOptions::new", "File::create", "File::options", "fs::read(", "fs::write(", "fs::copy(", "fs::rename("];
    // A backup elsewhere; the lock file, the directory, the reserve, the -wal before SQLite opens it; and the VFS, which closes after SQLite.
    let known =
        ["cli/backup", "store/sqlite/data_dir", "store/sqlite/direct", "store/sqlite/reserve", "store/sqlite/vfs", "store/sqlite/wal_scan"];
    let known = known.map(|path| format!("src/{path}.rs"));
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| !source.room.is_empty() && !known.contains(&source.path)) {
        let near_data = matches!(source.room.as_str(), "store" | "server" | "cli");
        for (number, line) in source.product_lines().filter(|(_, line)| near_data && opens.iter().any(|word| line.contains(word))) {
            faults.push(format!("{}: closing such a file would release SQLite's lock: {}", source.at(number), line.trim()));
        }
    }
    report("the database file", faults);
}

#[test]
fn nothing_is_left_for_later() {
    // Put together here, so that this file does not find itself.
    let words: Vec<String> =
        [("TO", "DO"), ("FIX", "ME"), ("XX", "X"), ("HA", "CK"), ("for ", "now"), ("db", "g!("), ("unimple", "mented!")]
            .map(|(head, tail)| format!("{head}{tail}"))
            .to_vec();
    let text =
        |name: &str| [".rs", ".md", ".sh", ".toml", ".java", ".go", ".py"].iter().any(|end| name.ends_with(end)) || !name.contains('.');
    let mut all = files(&["src", "tests", "scripts", "perf", ".ci"], &text);
    for name in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "Cargo.toml", "build.rs"] {
        all.push((name.to_owned(), fs::read_to_string(root().join(name)).unwrap_or_default()));
    }
    let mut faults = Vec::new();
    for (path, text) in &all {
        for (index, line) in text.lines().enumerate() {
            if let Some(word) = words.iter().find(|word| has_word(line, word)) {
                faults.push(format!("{path}:{}: {word}", index + 1));
            }
        }
    }
    report("nothing is left for later", faults);
}

/// Whether the line has the word, not as a part of another one.
fn has_word(line: &str, word: &str) -> bool {
    let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    line.match_indices(word).any(|(at, _)| !is_letter(line[..at].chars().next_back()) && !is_letter(line[at + word.len()..].chars().next()))
}

#[test]
fn the_top_level_holds_what_it_should() {
    let ignored = fs::read_to_string(root().join(".gitignore")).unwrap();
    let ignored = |name: &str| ignored.lines().any(|line| line.strip_prefix('/') == Some(name));
    let strange = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let faults = strange.filter(|name| !TOP_LEVEL.contains(&name.as_str()) && !ignored(name)).collect();
    report("entries that do not belong at the top level", faults);
}

/// The README's table of APIs.
fn api_table() -> String {
    let mut table = String::from("| key | API | versions |\n|---|---|---|\n");
    for api in ApiKey::ALL {
        let row = api.row();
        let note = if row.min < row.min_decodable {
            format!(" ({} to {} advertised only)", row.min, row.min_decodable - 1)
        } else {
            String::new()
        };
        let versions = if row.min == row.max { row.max.to_string() } else { format!("{} to {}", row.min, row.max) };
        writeln!(table, "| {} | {} | {versions}{note} |", row.key, row.name).unwrap();
    }
    table
}

/// The README's table of settings.
fn settings_table() -> String {
    let mut table = String::from("| key in the file | flag | environment | default | |\n|---|---|---|---|---|\n");
    for setting in SETTINGS {
        let code = |text: &str| if text.is_empty() { String::new() } else { format!("`{text}`") };
        let flag = setting.flag.map(|flag| format!("`-{flag}`")).unwrap_or_default();
        let env = setting.env.map(code).unwrap_or_default();
        // What has no dot is no key of the file.
        let name = if setting.name.contains('.') { code(setting.name) } else { String::new() };
        writeln!(table, "| {} | {flag} | {env} | {} | {} |", name, code(setting.default), setting.help).unwrap();
    }
    table
}

#[test]
fn the_readme_says_what_the_code_says() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for (name, wanted) in [("apis", api_table()), ("settings", settings_table())] {
        let (begin, end) = (format!("<!-- {name}, from the code -->\n"), format!("<!-- end of {name} -->"));
        let found = readme.split_once(&begin).and_then(|(_, rest)| rest.split_once(&end)).map(|(table, _)| table.trim());
        assert_eq!(found, Some(wanted.trim()), "README.md, between `{}` and `{end}`, should say:\n\n{wanted}\n", begin.trim());
    }
}

/// With MONOLOG_WRITE_CARD in the environment (`scripts/clients --card`) they are written first.
#[test]
fn the_report_card_says_what_the_stored_results_say() {
    let (dir, path) = (root().join("tests/clients"), root().join("README.md"));
    let card = Card::read(&dir);
    report("results in tests/clients/report of clients or cases that are no more", card.strays(&dir));
    let missing = card.missing(&dir).into_iter().map(|(client, cases)| format!("{client}: {cases}"));
    report("cases without a result in tests/clients/report: scripts/clients --store, with both brokers", missing.collect());
    report("faults in tests/clients/faults.tsv that no run with Apache Kafka met: report/kafka.faults", card.unmet(&dir));
    let (begin, end) = ("<!-- clients, from tests/clients/report -->\n", "<!-- end of clients -->");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(begin).expect("README.md has a place for the report card");
    let (_, after) = rest.split_once(end).expect("the report card ends");
    let wanted = [(path, format!("{before}{begin}{}{end}{after}", card.table())), (dir.join("report/README.md"), card.details(&dir))];
    for (path, text) in wanted {
        if std::env::var_os("MONOLOG_WRITE_CARD").is_some() {
            fs::write(&path, &text).unwrap();
        }
        let same = fs::read_to_string(&path).unwrap_or_default() == text;
        assert!(same, "{} is not what the stored results say: scripts/clients --card", path.display());
    }
}

#[test]
fn the_rules_see_what_they_look_for() {
    assert_eq!(crate_paths("use crate::base::{ids::PartId, text::Text};"), ["base::ids::PartId", "base::text::Text"]);
    assert_eq!(crate_paths("    let x: crate::net::Conn = crate::http::f(1);"), ["net::Conn", "http::f"]);
    assert_eq!(crate_paths("use crate::wire::message::metadata::{"), ["wire::message::metadata::"]);
    assert_eq!(crate_paths("use crate::{net, state::State};"), ["net", "state::State"]);
    assert!(has_word("// say it so far.", "so far") && !has_word("also farther", "so far"));
    let code = ["impl A {", "    pub fn a(", "        b: i32,", "    ) {", "        b", "    }", "", "    fn c() {}", "}"];
    assert_eq!(functions(&code), [(1, 5)]);
    let text = "fn a() {}\n// crate::x\n#[cfg(test)]\nmod tests {\n    use crate::y;\n}\nfn b() {}\n".to_owned();
    let source = Source { path: "src/x.rs".into(), text, room: "x".into(), is_test: false };
    assert_eq!(source.product_lines().map(|(number, _)| number).collect::<Vec<_>>(), [1, 7]);
}
