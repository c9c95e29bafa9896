//! The report card of the client matrix: tables made of tests/clients/report/*.tsv, which `scripts/clients --store` writes.
//! A module of tests/tidy.rs, which holds README.md and tests/clients/report/README.md to it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// What came of one case: ok, skip, FAIL or as-kafka, and why.
type Results = BTreeMap<(String, String), (String, String)>;

/// Everything the tables are made of.
pub struct Card {
    monolog: Results,
    kafka: Results,
    /// Cases in the order of cases.tsv, and who plays each.
    cases: Vec<String>,
    by: Vec<String>,
    /// Client, title and version.
    clients: Vec<(String, String, String)>,
}

fn rows(path: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let fields = |line: &str| line.split('\t').map(str::to_owned).collect();
    text.lines().filter(|line| !line.starts_with('#')).map(fields).collect()
}

fn results(path: &Path) -> Results {
    rows(path).into_iter().map(|row| ((row[0].clone(), row[1].clone()), (row[2].clone(), row[3].clone()))).collect()
}

impl Card {
    /// Reads the stored results of the directory tests/clients.
    pub fn read(dir: &Path) -> Card {
        let (monolog, kafka) = (results(&dir.join("report/monolog.tsv")), results(&dir.join("report/kafka.tsv")));
        let versions = monolog.iter().filter(|((_, case), _)| case == "version");
        let clients = versions.map(|((client, _), (title, version))| (client.clone(), title.clone(), version.clone())).collect();
        let (cases, by) = rows(&dir.join("cases.tsv")).into_iter().map(|row| (row[0].clone(), row[2].clone())).unzip();
        Card { monolog, kafka, cases, by, clients }
    }

    fn areas(&self) -> Vec<&str> {
        let mut areas = Vec::new();
        for case in &self.cases {
            if !areas.contains(&area(case)) {
                areas.push(area(case));
            }
        }
        areas
    }

    /// Passed cases of an area, and of how many that are possible.
    fn passed(&self, of: &Results, client: &str, wanted: &str) -> String {
        let outcome = |case: &String| of.get(&(client.to_owned(), case.clone())).map(|(outcome, _)| outcome.as_str());
        let all: Vec<&str> = self.cases.iter().filter(|case| area(case) == wanted).filter_map(outcome).collect();
        let (ok, possible) = (all.iter().filter(|o| **o == "ok").count(), all.iter().filter(|o| **o != "skip").count());
        match possible {
            0 => "-".to_owned(),
            _ if ok == possible => ok.to_string(),
            _ => format!("{ok}/{possible}"),
        }
    }

    /// Clients by areas of cases, monolog's count before Kafka's.
    pub fn table(&self) -> String {
        let areas = self.areas();
        let mut table = format!("| client | version | {} |\n|---|---|{}\n", areas.join(" | "), "---|".repeat(areas.len()));
        for (client, title, version) in &self.clients {
            write!(table, "| {title} | {version} |").unwrap();
            for area in &areas {
                let (ours, theirs) = (self.passed(&self.monolog, client, area), self.passed(&self.kafka, client, area));
                write!(table, " {} |", if ours == "-" && theirs == "-" { "-".to_owned() } else { format!("{ours} · {theirs}") }).unwrap();
            }
            table.push('\n');
        }
        table
    }

    /// The cases with what they show, and everything that is not plainly ok, with its reason.
    pub fn details(&self, dir: &Path) -> String {
        let mut text =
            String::from("# Results of the client matrix, case by case\n\nGenerated from the files beside it; see ../README.md.\n\n");
        text.push_str("## The cases\n\n| case | must show |\n|---|---|\n");
        for row in rows(&dir.join("cases.tsv")) {
            writeln!(text, "| {} | {} |", row[0], row[3]).unwrap();
        }
        let not_ok = |results: &Results, outcome: &str| self.reasons(results, |o, why| o == outcome && !why.is_empty());
        for (title, list) in [
            ("Fails with monolog", not_ok(&self.monolog, "FAIL")),
            ("Fails with Apache Kafka in the same way: the client's own", not_ok(&self.monolog, "as-kafka")),
            ("Fails with Apache Kafka only", self.kafka_only()),
            ("Passes, but for what the client cannot do", not_ok(&self.monolog, "ok")),
            ("Impossible for the client", not_ok(&self.monolog, "skip")),
        ] {
            writeln!(text, "\n## {title}\n").unwrap();
            if list.is_empty() {
                text.push_str("Nothing.\n");
            } else {
                text.push_str("| what | where |\n|---|---|\n");
            }
            for (why, places) in list {
                let places: Vec<String> = places.iter().map(|(client, cases)| format!("{client} ({cases})")).collect();
                writeln!(text, "| {} | {} |", why.replace('|', "\\|"), places.join(", ")).unwrap();
            }
        }
        text.push_str("\n## Where the clients' own faults come from\n\n");
        text.push_str("Some come now and then: each was met in a run with Apache Kafka, which may not be its last.\n\n");
        text.push_str("| client | case | source | what Apache Kafka's runs told |\n|---|---|---|---|\n");
        let cell = |text: &str| text.replace('|', "\\|").replace('<', "&lt;");
        let met = rows(&dir.join("report/kafka.faults"));
        for row in rows(&dir.join("faults.tsv")) {
            let told: Vec<String> = met.iter().filter(|fault| fault[..2] == row[..2]).map(|fault| cell(&fault[2])).collect();
            writeln!(text, "| {} | {} | {} | {} |", row[0], row[1], row[3], told.join("<br>")).unwrap();
        }
        text.push_str(
            "\n## Warnings and errors logged with Apache Kafka in runs that were made to meet races\n\nBy `scripts/clients --races --broker kafka \
             --store`. They come now and then; none had been logged in that phase until then.\n\n| client | while | line |\n|---|---|---|\n",
        );
        for row in rows(&dir.join("report/kafka.logs")).iter().filter(|row| row[1].starts_with("races in ")) {
            writeln!(text, "| {} | {} | {} |", row[0], row[1], cell(&row[2])).unwrap();
        }
        text.push_str("\n## Warnings and errors that the clients logged, and log with Apache Kafka too\n\n");
        text.push_str(
            "Of the last run of each; what differs from run to run is masked, and long lines are cut (…). *cases* provoke errors.\n\n",
        );
        text.push_str("| client | while | line |\n|---|---|---|\n");
        for row in rows(&dir.join("report/monolog.logs")) {
            writeln!(text, "| {} | {} | {} |", row[0], row[1], cell(&row[2])).unwrap();
        }
        text.push_str("\n## Without a stored result\n\n");
        let missing = self.missing(dir);
        text.push_str(if missing.is_empty() { "Nothing.\n" } else { "| client | cases |\n|---|---|\n" });
        for (client, cases) in missing {
            writeln!(text, "| {client} | {cases} |").unwrap();
        }
        text
    }

    /// Reasons with the clients and cases that they stand for.
    fn reasons(&self, results: &Results, wanted: impl Fn(&str, &str) -> bool) -> BTreeMap<String, BTreeMap<String, String>> {
        let mut reasons: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for ((client, case), (outcome, why)) in results.iter().filter(|((_, case), _)| case != "version") {
            if wanted(outcome, why) {
                let cases = reasons.entry(why.clone()).or_default().entry(client.clone()).or_default();
                cases.push_str(if cases.is_empty() { "" } else { ", " });
                cases.push_str(case);
            }
        }
        reasons
    }

    fn kafka_only(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let ours = |client: &String, case: &String| self.monolog.get(&(client.clone(), case.clone())).map(|(o, _)| o.as_str());
        let failed = self.kafka.iter().filter(|((client, case), (outcome, _))| outcome == "FAIL" && ours(client, case) == Some("ok"));
        self.reasons(&failed.map(|(key, value)| (key.clone(), value.clone())).collect(), |_, _| true)
    }

    /// Whether a client plays a case: one that is named in cases.tsv plays what it is named for, the others the rest.
    fn plays(&self, client: &str, case: usize) -> bool {
        let named = self.by.iter().any(|by| by == client);
        self.cases[case] == "log.clean"
            || if named { self.by[case] == client } else { matches!(self.by[case].as_str(), "client" | "matrix") }
    }

    fn named(&self, dir: &Path) -> BTreeSet<String> {
        let projects = fs::read_dir(dir).unwrap().flatten();
        projects.flat_map(|project| rows(&project.path().join("clients"))).map(|row| row[0].clone()).collect()
    }

    /// What a project's clients play and no stored result tells of, by broker and client.
    pub fn missing(&self, dir: &Path) -> Vec<(String, String)> {
        let mut missing = Vec::new();
        for (kind, results) in [("monolog", &self.monolog), ("Apache Kafka", &self.kafka)] {
            for client in self.named(dir) {
                let wanted = (0..self.cases.len()).filter(|case| self.plays(&client, *case)).map(|case| &self.cases[case]);
                let cases: Vec<&str> =
                    wanted.filter(|case| !results.contains_key(&(client.clone(), (*case).clone()))).map(String::as_str).collect();
                if !cases.is_empty() {
                    missing.push((format!("{kind}: {client}"), cases.join(", ")));
                }
            }
        }
        missing
    }

    /// Faults that are named, and that no run with Apache Kafka met.
    pub fn unmet(&self, dir: &Path) -> Vec<String> {
        let met = rows(&dir.join("report/kafka.faults"));
        let named = rows(&dir.join("faults.tsv")).into_iter();
        named.filter(|row| met.iter().all(|fault| fault[..2] != row[..2])).map(|row| format!("{} {}", row[0], row[1])).collect()
    }

    /// Results of clients or cases that are no more.
    pub fn strays(&self, dir: &Path) -> Vec<String> {
        let here = self.named(dir);
        let known = |client: &String, case: &String| here.contains(client) && (case == "version" || self.cases.contains(case));
        let all = self.monolog.keys().chain(self.kafka.keys());
        all.filter(|(client, case)| !known(client, case)).map(|(client, case)| format!("{client} {case}")).collect()
    }
}

/// `groups` of `groups.join`.
fn area(case: &str) -> &str {
    case.split('.').next().unwrap_or_default()
}
