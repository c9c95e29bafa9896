//! Merges flags over environment over defaults and remembers where each value came from. Called by `cli` once, at start;
//! every wrong setting is reported, not the first alone.

use super::settings::{SETTINGS, Setting, Settings};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// This environment variable.
    Env(&'static str),
    /// This flag, without dashes.
    Flag(&'static str),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::Env(name) => write!(f, "environment variable {name}"),
            Source::Flag(name) => write!(f, "flag -{name}"),
        }
    }
}

/// Checked settings, and the source of each row of [`SETTINGS`], in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The settings.
    pub settings: Settings,
    /// Where each came from.
    pub sources: Vec<Source>,
}

/// Merges the arguments after the subcommand over what `env` knows. The error is a list of lines, one for each thing that is wrong.
pub fn merge(args: &[String], env: impl Fn(&str) -> Option<String>) -> Result<Merged, Vec<String>> {
    let mut wrong = Vec::new();
    let flags = flags(args, &mut wrong);
    let mut merged = Merged { settings: Settings::default(), sources: vec![Source::Default; SETTINGS.len()] };
    for (setting, source) in SETTINGS.iter().zip(&mut merged.sources) {
        // As with the forerunner, a variable set to nothing is not set.
        let from_env = setting.env.and_then(|name| env(name).filter(|value| !value.is_empty()).map(|value| (Source::Env(name), value)));
        // The last of several equal flags wins, as in Go's flag package.
        let from_flag =
            flags.iter().rev().find(|(name, _)| setting.flag == Some(*name)).map(|(name, value)| (Source::Flag(name), value.clone()));
        if let Some((origin, value)) = from_flag.or(from_env) {
            if let Err(line) = apply(setting, &mut merged.settings, &origin, &value) {
                wrong.push(line);
            }
            *source = origin;
        }
    }
    if wrong.is_empty() { Ok(merged) } else { Err(wrong) }
}

fn apply(setting: &Setting, settings: &mut Settings, source: &Source, value: &str) -> Result<(), String> {
    let Some(set) = setting.set else {
        return Err(format!("{source} ({}): this version does not have that setting yet", setting.name));
    };
    set(settings, value).map_err(|allowed| format!("{source} ({}): \"{value}\" is not allowed; it takes {allowed}", setting.name))
}

/// Reads `-flag value`, `--flag value`, `-flag=value` and `--flag=value`.
fn flags(args: &[String], wrong: &mut Vec<String>) -> Vec<(&'static str, String)> {
    let mut flags = Vec::new();
    let mut args = args.iter().peekable();
    while let Some(arg) = args.next() {
        let Some(body) = arg.strip_prefix("--").or_else(|| arg.strip_prefix('-')).filter(|body| !body.is_empty()) else {
            wrong.push(format!("unexpected argument \"{arg}\": settings are given as flags"));
            continue;
        };
        let (name, value) = match body.split_once('=') {
            Some((name, value)) => (name, Some(value.to_string())),
            None => (body, None),
        };
        let Some(known) = SETTINGS.iter().filter_map(|setting| setting.flag).find(|flag| *flag == name) else {
            let known = SETTINGS.iter().filter_map(|setting| setting.flag);
            wrong.push(format!("unknown flag -{name}{}", did_you_mean(name, known, "-")));
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

/// `; did you mean ...?` with the closest of `known`.
pub fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>, prefix: &str) -> String {
    match known.min_by_key(|candidate| distance(name, candidate)) {
        Some(closest) => format!("; did you mean {prefix}{closest}?"),
        None => String::new(),
    }
}

/// Levenshtein distance in bytes. Names are short; an absurdly long one is cut, its rest cannot make it closer.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (&a.as_bytes()[..a.len().min(64)], b.as_bytes());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(!x.eq_ignore_ascii_case(y));
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::super::settings::Storage;
    use super::*;

    fn run(args: &[&str], env: &[(&str, &str)]) -> Result<Merged, Vec<String>> {
        let args: Vec<String> = args.iter().map(|arg| arg.to_string()).collect();
        merge(&args, |name| env.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_string()))
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
            assert!(merged.sources.contains(&Source::Flag("storage")));
        }
        // A flag equal to its default still wins.
        let merged = run(&["-storage", "sqlite"], &[("MONOLOG_STORAGE_BACKEND", "sqlite:memory")]).unwrap();
        assert_eq!(merged.settings.storage, Storage::Disk);
        assert_eq!(run(&["-http-addr="], &[]).unwrap().settings.http_addr, None);
        assert_eq!(run(&["-reactors", "1", "-reactors", "2"], &[]).unwrap().settings.reactors, Some(2));
    }

    #[test]
    fn everything_wrong_is_reported_at_once_by_name_and_source() {
        let wrong =
            run(&["-reactors", "0", "-kafka-adr", ":1", "-storage"], &[("MONOLOG_MEMORY", "lots"), ("MONOLOG_AUTH_TOKEN", "secret")])
                .unwrap_err();
        let all = wrong.join("\n");
        assert!(all.contains("flag -reactors (server.reactors): \"0\""), "{all}");
        assert!(all.contains("unknown flag -kafka-adr; did you mean -kafka-addr?"), "{all}");
        assert!(all.contains("flag -storage needs a value"), "{all}");
        assert!(all.contains("environment variable MONOLOG_MEMORY (limits.memory)"), "{all}");
        assert!(all.contains("MONOLOG_AUTH_TOKEN (security.token): this version does not have"), "{all}");
        assert!(!all.contains("secret"), "a secret is never printed");
        assert_eq!(wrong.len(), 5, "{all}");
    }

    #[test]
    fn settings_to_come_are_refused_by_name() {
        for flag in ["-config", "-default-partitions"] {
            let wrong = run(&[flag, "x"], &[]).unwrap_err();
            assert!(wrong[0].contains(flag) && wrong[0].contains("does not have that setting yet"), "{wrong:?}");
        }
    }
}
