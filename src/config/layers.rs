//! Merges flags over environment over file over defaults and remembers where each value came from. Called by `cli` at start
//! and again on SIGHUP; every wrong setting is reported, not the first alone.

use super::closest::{did_you_mean, distance};
use super::settings::{SETTINGS, Setting, Settings};
use super::yaml;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// This file, and the line in it.
    File(Arc<PathBuf>, usize),
    /// This environment variable.
    Env(&'static str),
    /// This flag, without dashes.
    Flag(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::File(path, line) => write!(f, "file {}, line {line}", path.display()),
            Source::Env(name) => write!(f, "environment variable {name}"),
            Source::Flag(name) => write!(f, "flag -{name}"),
        }
    }
}

/// A value as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Where it came from.
    pub source: Source,
    /// As it was written there.
    text: String,
}

impl Given {
    /// Whether this is not only said elsewhere.
    pub fn is_other_value(&self, other: &Given) -> bool {
        self.text != other.text
    }

    /// What may be shown of it, on one line.
    pub fn shown(&self, setting: &Setting) -> String {
        match self.text.as_str() {
            "" => "(none)".to_string(),
            _ if setting.is_secret() => "(secret)".to_string(),
            text => printable(text, usize::MAX),
        }
    }
}

/// Checked settings, and what was given for each row of [`SETTINGS`], in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The settings.
    pub settings: Settings,
    /// What was given for each.
    pub given: Vec<Given>,
    /// What is allowed, and likely not what was meant.
    pub warnings: Vec<String>,
}

/// Merges the arguments after the subcommand over the environment over the file that one of them names. The error is a list of
/// lines, one for each thing that is wrong.
pub fn merge(args: &[String], env: &[(String, String)]) -> Result<Merged, Vec<String>> {
    let mut merge = Merge {
        merged: Merged {
            settings: Settings::default(),
            given: SETTINGS.iter().map(|row| Given { source: Source::Default, text: row.default.to_string() }).collect(),
            warnings: Vec::new(),
        },
        wrong: Vec::new(),
    };
    let flags = flags(args, &mut merge.wrong);
    // As with the forerunner, a variable set to nothing is not set.
    let env: Vec<_> = env.iter().filter(|(_, value)| !value.is_empty()).collect();
    // What is lowest is applied first, and the file is named by what is above it.
    let in_env = |row: &Setting| env.iter().find(|(name, _)| row.env == Some(name)).map(|(_, value)| value.as_str());
    let in_flags = |row: &Setting| flags.iter().rev().find(|(name, _)| row.flag == Some(*name)).map(|(_, value)| value.as_str());
    if let Some(path) = SETTINGS.iter().find(|row| row.name == "config").and_then(|row| in_flags(row).or(in_env(row))) {
        merge.apply_file(path);
    }
    for (index, row) in SETTINGS.iter().enumerate() {
        if let Some((name, value)) = row.env.zip(in_env(row)) {
            merge.apply(index, Source::Env(name), value);
        }
        // The last of several equal flags wins, as in Go's flag package.
        if let Some((name, value)) = row.flag.zip(in_flags(row)) {
            merge.apply(index, Source::Flag(name), value);
        }
    }
    merge.token_of_the_environment();
    merge.warn(&env);
    merge.finish()
}

struct Merge {
    merged: Merged,
    wrong: Vec<String>,
}

impl Merge {
    fn apply_file(&mut self, path: &str) {
        let file = Arc::new(PathBuf::from(path));
        let text = match yaml::read(&file) {
            Ok(text) => text,
            Err(what) => return self.wrong.push(what),
        };
        let (entries, wrong) = yaml::parse(&text);
        let holds_secret = entries.iter().any(|entry| SETTINGS[entry.setting].is_secret() && !entry.value.is_empty());
        if holds_secret && yaml::is_open_to_others(&file) {
            self.merged.warnings.push(format!("file {} holds a secret, and others may read it: chmod 600", file.display()));
        }
        self.wrong.extend(wrong.into_iter().map(|(line, what)| format!("{}: {what}", Source::File(file.clone(), line))));
        for entry in entries {
            self.apply(entry.setting, Source::File(file.clone(), entry.line), &entry.value);
        }
    }

    /// What stands above wins; what stands below is checked all the same.
    fn apply(&mut self, index: usize, source: Source, text: &str) {
        let row = &SETTINGS[index];
        match (row.set)(&mut self.merged.settings, text) {
            Ok(()) => self.merged.given[index] = Given { source, text: text.to_string() },
            Err(allowed) if row.is_secret() => self.wrong.push(format!("{source} ({}): it takes {allowed}", row.name)),
            Err(allowed) => {
                let text = printable(text, 80);
                self.wrong.push(format!("{source} ({}): \"{text}\" is not allowed; it takes {allowed}", row.name));
            }
        }
    }

    /// The variable with the token says that there is to be one, too.
    fn token_of_the_environment(&mut self) {
        let place = |name| SETTINGS.iter().position(|row| row.name == name).unwrap_or_default();
        if let source @ Source::Env(_) = &self.merged.given[place("security.token")].source {
            self.merged.given[place("security.enabled")] = Given { source: source.clone(), text: "true".to_string() };
            self.merged.settings.security_enabled = true;
        }
    }

    fn warn(&mut self, env: &[&(String, String)]) {
        for (name, what) in self.merged.settings.warnings() {
            self.merged.warnings.push(format!("{} ({name}): {what}", self.source_of(name)));
        }
        // Container platforms set variables of their own that begin like ours; only what is nearly a known name is a slip.
        let known = || SETTINGS.iter().filter_map(|row| row.env);
        for (name, _) in env.iter().filter(|(name, _)| name.starts_with("MONOLOG_") && known().all(|known| known != name)) {
            if let Some(close) = known().find(|known| distance(name, known) <= 2) {
                self.merged.warnings.push(format!("environment variable {name} is not known; did you mean {close}?"));
            }
        }
    }

    fn source_of(&self, name: &str) -> &Source {
        let index = SETTINGS.iter().position(|row| row.name == name).unwrap_or_default();
        &self.merged.given[index].source
    }

    fn finish(mut self) -> Result<Merged, Vec<String>> {
        for (name, what) in self.merged.settings.check_together() {
            self.wrong.push(format!("{} ({name}): {what}", self.source_of(name)));
        }
        if self.wrong.is_empty() { Ok(self.merged) } else { Err(self.wrong) }
    }
}

/// Reads `-flag value`, `--flag value`, `-flag=value` and `--flag=value`.
fn flags(args: &[String], wrong: &mut Vec<String>) -> Vec<(&'static str, String)> {
    let mut flags = Vec::new();
    let mut args = args.iter().peekable();
    while let Some(arg) = args.next() {
        let Some(body) = arg.strip_prefix("--").or_else(|| arg.strip_prefix('-')).filter(|body| !body.is_empty()) else {
            wrong.push(format!("unexpected argument \"{}\": settings are given as flags", printable(arg, 80)));
            continue;
        };
        let (name, value) = match body.split_once('=') {
            Some((name, value)) => (name, Some(value.to_string())),
            None => (body, None),
        };
        let Some(known) = SETTINGS.iter().filter_map(|row| row.flag).find(|flag| *flag == name) else {
            let known = SETTINGS.iter().filter_map(|row| row.flag);
            wrong.push(format!("unknown flag -{}{}", printable(name, 80), did_you_mean(name, known, "-")));
            // What follows is most likely its value, and not wrong as well.
            args.next_if(|next| value.is_none() && !next.starts_with('-'));
            continue;
        };
        match value.or_else(|| args.next().cloned()) {
            Some(value) => flags.push((known, value)),
            None => wrong.push(format!("flag -{known} needs a value")),
        }
    }
    flags
}

/// Somebody's text on one line, cut to so many characters.
fn printable(text: &str, chars_max: usize) -> String {
    let mut shown = String::new();
    for c in text.chars().take(chars_max) {
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    if text.chars().nth(chars_max).is_some() { shown + "..." } else { shown }
}

#[cfg(test)]
mod tests {
    use super::super::settings::Storage;
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn run(args: &[&str], env: &[(&str, &str)]) -> Result<Merged, Vec<String>> {
        let args: Vec<String> = args.iter().map(|arg| arg.to_string()).collect();
        let env: Vec<_> = env.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        merge(&args, &env)
    }

    fn given<'a>(merged: &'a Merged, name: &str) -> &'a Given {
        &merged.given[SETTINGS.iter().position(|row| row.name == name).unwrap()]
    }

    fn file(text: &str) -> (tempfile::TempDir, String) {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("m.yaml");
        std::fs::write(&path, text).unwrap();
        (dir, path.to_str().unwrap().to_string())
    }

    #[test]
    fn flags_win_over_the_environment_and_are_spelled_as_one_likes() {
        for args in [
            ["-storage", "sqlite:memory"].as_slice(),
            &["--storage", "sqlite:memory"],
            &["-storage=sqlite:memory"],
            &["--storage=sqlite:memory"],
        ] {
            let merged = run(args, &[("MONOLOG_STORAGE_BACKEND", "sqlite")]).unwrap();
            assert_eq!(merged.settings.storage, Storage::Memory);
            assert_eq!(given(&merged, "storage.backend").source, Source::Flag("storage"));
        }
        assert_eq!(run(&["-http-addr="], &[]).unwrap().settings.http_addr, None);
        assert_eq!(run(&["-reactors", "1", "-reactors", "2"], &[]).unwrap().settings.reactors, Some(2));
    }

    /// Every setting that all four can give, and one layer less each time.
    #[test]
    fn flags_over_environment_over_file_over_defaults() {
        let (_dir, path) = file("server:\n  kafka_addr: :1\nstorage:\n  backend: sqlite:memory\nlimits:\n  max_topics: 7\n");
        let env = [("MONOLOG_KAFKA_ADDR", ":2"), ("MONOLOG_CONFIG", path.as_str())];
        let merged = run(&["-kafka-addr", ":9092", "-storage", "sqlite"], &env).unwrap();
        // A flag equal to its default still wins.
        assert_eq!((merged.settings.kafka_addr.port, merged.settings.storage), (9092, Storage::Disk));
        assert_eq!(given(&merged, "server.kafka_addr").source, Source::Flag("kafka-addr"));
        assert_eq!(given(&merged, "limits.max_topics").source.to_string(), format!("file {path}, line 6"));
        assert_eq!(given(&merged, "limits.max_partitions").source, Source::Default);
        let merged = run(&[], &env).unwrap();
        assert_eq!((merged.settings.kafka_addr.port, merged.settings.storage), (2, Storage::Memory));
        assert_eq!(given(&merged, "server.kafka_addr").source, Source::Env("MONOLOG_KAFKA_ADDR"));
        let merged = run(&["-config", &path], &[]).unwrap();
        assert_eq!((merged.settings.kafka_addr.port, merged.settings.topics_max), (1, 7));
        // A flag names the file before the variable does, and a variable set to nothing is not set.
        let nowhere = [("MONOLOG_CONFIG", "/no/such/file"), ("MONOLOG_KAFKA_ADDR", "")];
        assert_eq!(run(&["-config", &path], &nowhere).unwrap().settings.kafka_addr.port, 1);
        assert!(run(&[], &nowhere).unwrap_err()[0].contains("/no/such/file"));
    }

    #[test]
    fn everything_wrong_is_reported_at_once_by_name_and_source() {
        let (_dir, path) = file("limits:\n  max_topics: lots\n  memroy: 1\nsecurity:\n  token: two words\n");
        let args = ["-reactors", "0", "-kafka-adr", ":1", "-config", &path, "-storage"];
        let wrong = run(&args, &[("MONOLOG_MEMORY", "much\nmore"), ("MONOLOG_AUTH_TOKEN", "se cret")]).unwrap_err();
        let all = wrong.join("\n");
        for words in [
            "flag -reactors (server.reactors): \"0\" is not allowed; it takes a whole number from 1 to 8",
            "unknown flag -kafka-adr; did you mean -kafka-addr?",
            "flag -storage needs a value",
            "environment variable MONOLOG_MEMORY (limits.memory): \"much\\nmore\" is not allowed",
            "m.yaml, line 2 (limits.max_topics): \"lots\"",
            "m.yaml, line 3: unknown setting limits.memroy; did you mean limits.memory?",
            "m.yaml, line 5 (security.token): it takes",
            "MONOLOG_AUTH_TOKEN (security.token): it takes",
        ] {
            assert!(all.contains(words), "{words}: {all}");
        }
        assert!(!all.contains("cret") && !all.contains("two words"), "a secret is never printed");
        assert_eq!(wrong.len(), 8, "{all}");
    }

    #[test]
    fn a_value_that_another_one_hides_is_checked_all_the_same() {
        let wrong = run(&["-reactors", "1"], &[("MONOLOG_REACTORS", "none")]).unwrap_err();
        assert!(wrong.len() == 1 && wrong[0].contains("MONOLOG_REACTORS"), "{wrong:?}");
    }

    #[test]
    fn the_token_of_the_environment_switches_security_on() {
        let (_dir, path) = file("security:\n  enabled: false\n  token: of-the-file\n");
        let merged = run(&["-config", &path], &[]).unwrap();
        assert_eq!(merged.settings.http_token(), None);
        let merged = run(&["-config", &path], &[("MONOLOG_AUTH_TOKEN", "of-the-variable")]).unwrap();
        assert_eq!(merged.settings.http_token().unwrap().expose(), "of-the-variable");
        assert_eq!(given(&merged, "security.enabled").source, Source::Env("MONOLOG_AUTH_TOKEN"));
        let token = given(&merged, "security.token");
        let row = SETTINGS.iter().find(|row| row.name == "security.token").unwrap();
        assert_eq!(token.shown(row), "(secret)");
        let (_dir, path) = file("security:\n  enabled: true\n");
        let wrong = run(&["-config", &path], &[]).unwrap_err();
        assert!(wrong[0].contains("line 2 (security.enabled)") && wrong[0].contains("MONOLOG_AUTH_TOKEN"), "{wrong:?}");
    }

    #[test]
    fn warnings_name_the_source() {
        let (_dir, path) = file("storage:\n  sync_writes: false\nscheduler:\n  tick_interval: 10ms\nsecurity:\n  token: x\n");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o604)).unwrap();
        let env = [("MONOLOG_KAFKA_ADRR", ":1"), ("MONOLOG_PORT_9092_TCP", "tcp://10.0.0.1"), ("OTHER", "x")];
        let warnings = run(&["-config", &path], &env).unwrap().warnings;
        assert_eq!(warnings.len(), 4, "{warnings:?}");
        assert!(warnings[0].contains("m.yaml holds a secret"), "{warnings:?}");
        let warnings = &warnings[1..];
        assert!(warnings[0].contains("line 2 (storage.sync_writes)") && warnings[1].contains("line 4 (scheduler.tick_interval)"));
        assert!(warnings[2].contains("MONOLOG_KAFKA_ADRR is not known; did you mean MONOLOG_KAFKA_ADDR?"), "{warnings:?}");
    }
}
