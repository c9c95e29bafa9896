//! What an operator lives with: `monolog health`, the start-up lines, logs as JSON, SIGHUP, and data in memory.

use crate::broker::{Broker, PATIENCE, clean, monolog, run, serve};
use crate::settings_files::write;
use crate::target::until;
use monolog::client::Client;
use monolog::config::settings::SETTINGS;
use rustix::process::Signal;
use std::net::TcpListener;
use std::process::Command;
use tempfile::TempDir;

/// Exit code and the one line of `monolog health`.
fn health(args: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = monolog(&["health"]);
    command.args(args).envs(env.iter().copied());
    let ended = run(command);
    let said = ended.stdout + &ended.stderr;
    assert_eq!(said.lines().count(), 1, "{said}");
    (ended.status.code(), said)
}

#[test]
fn health_says_whether_a_broker_is_ready() {
    let dir = TempDir::new().unwrap();
    let broker = Broker::start(serve(&dir.path().join("data"), &[])).unwrap();
    let address = broker.http.to_string();
    let url = format!("http://{address}");
    let ready = (Some(0), "ready\n".to_string());
    assert_eq!(health(&[&url], &[]), ready);
    assert_eq!(health(&[&format!("{url}/health")], &[]), ready);
    assert_eq!(health(&[&address], &[]), ready);
    // Without a URL the settings say where: flag, variable, file; all interfaces are reached on this machine.
    assert_eq!(health(&["-http-addr", &address], &[]), ready);
    assert_eq!(health(&[], &[("MONOLOG_HTTP_ADDR", &address)]), ready);
    assert_eq!(health(&[], &[("MONOLOG_HTTP_ADDR", &format!(":{}", broker.http.port()))]), ready);
    let file = write(dir.path(), &format!("server:\n  http_addr: {address}\n"));
    assert_eq!(health(&["-config", file.to_str().unwrap()], &[]), ready);

    let (code, said) = health(&[&format!("{url}/no-such-route")], &[]);
    assert_eq!(code, Some(1));
    assert!(said.starts_with("not ready: ") && said.contains("404"), "{said}");
    assert_eq!(broker.stop().status.code(), Some(0));
    let (code, said) = health(&[&url], &[]);
    assert_eq!(code, Some(1));
    assert!(said.starts_with("not ready: ") && said.contains(&broker_port(&address)), "{said}");
}

fn broker_port(address: &str) -> String {
    address.rsplit(':').next().unwrap().to_string()
}

#[test]
fn health_of_what_is_no_broker() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        let mut client = silent.accept().unwrap().0;
        assert!(client.read(&mut [0; 4096]).unwrap() > 0);
        client.write_all(b"220 mail.example ready\r\n").unwrap();
    });
    let (code, said) = health(&[&format!("localhost:{port}")], &[]);
    assert!(code == Some(1) && said.contains("does not speak HTTP"), "{said}");
    for (args, env, words) in [
        (&["https://localhost:1"][..], "", "no TLS"),
        (&["http://"], "", "http://HOST:PORT"),
        (&["-http-addr", ""], "", "HTTP is off"),
        (&[], ":0", "leaves the port open"),
        (&[], "nonsense", "MONOLOG_HTTP_ADDR"),
    ] {
        let (code, said) = health(args, &[("MONOLOG_HTTP_ADDR", env)]);
        assert!(code == Some(2) && said.contains(words), "{args:?}: {said}");
    }
}

#[test]
fn logs_are_json_where_that_is_wanted() {
    let dir = TempDir::new().unwrap();
    let file = write(dir.path(), "logging:\n  format: json\n  level: debug\nscheduler:\n  tick_interval: 1s\n");
    let broker = Broker::start(serve(&dir.path().join("data"), &["-config", file.to_str().unwrap()])).unwrap();
    let ended = broker.stop();
    let lines: Vec<serde_json::Value> =
        ended.stderr.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect();
    assert!(lines.len() >= 2, "{}", ended.stderr);
    for line in &lines {
        let keys: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["level", "message", "target", "time"]);
        assert!(["debug", "info", "warn", "error"].contains(&line["level"].as_str().unwrap()), "{line}");
        assert!(line["time"].as_str().unwrap().ends_with('Z'), "{line}");
    }
    assert!(lines.iter().any(|line| line["message"].as_str().unwrap().contains("scheduler.tick_interval")));
}

#[test]
fn the_level_decides_what_is_logged() {
    let log = |level: &str| {
        let dir = TempDir::new().unwrap();
        let mut command = serve(&dir.path().join("data"), &["-log-level", level]);
        command.env("MONOLOG_CREATE_TOPICS", "t");
        Broker::start(command).unwrap().stop().stderr
    };
    assert!(log("info").contains("made topic t"));
    assert_eq!(log("warn"), "");
}

#[test]
fn sighup_reads_the_settings_again() {
    let dir = TempDir::new().unwrap();
    let file = write(dir.path(), "logging:\n  level: warn\nlimits:\n  max_topics: 5\n");
    let broker = Broker::start(serve(&dir.path().join("data"), &["-config", file.to_str().unwrap()])).unwrap();
    let mut client = Client::connect(broker.kafka, PATIENCE).unwrap();
    client.create_topic("before", 1, &[]).unwrap();
    let hang_up = |text: &str, words: &[&str]| {
        write(dir.path(), text);
        broker.signal(Signal::HUP);
        until(&format!("the log says {words:?}, and not only {}", broker.log()), || {
            broker.log().lines().any(|line| words.iter().all(|word| line.contains(word)))
        });
    };
    hang_up("logging:\n  level: debug\nlimits:\n  max_topics: 6\n", &["logging.level is debug from here on", "line 2"]);
    assert!(broker.log().contains("limits.max_topics is 6 from the next start on"), "{}", broker.log());
    hang_up("logging:\n  level: [\n", &["SIGHUP", "this is not YAML"]);
    hang_up("logging:\n  level: loud\n", &["line 2 (logging.level)", "\"loud\""]);
    hang_up("logging:\n  level: debug\n  format: json\nlimits:\n  max_topics: 5\n", &["logging.format is json from here on"]);
    hang_up("logging:\n  level: debug\n  format: json\nlimits:\n  max_topics: 5\n", &["\"message\":\"SIGHUP: no setting has changed\""]);
    // It has served all the while.
    client.create_topic("after", 1, &[]).unwrap();
    // The token stays what it was; what it is to be is not shown.
    hang_up(
        "logging:\n  level: debug\nlimits:\n  max_topics: 5\nsecurity:\n  enabled: true\n  token: new-one\n",
        &["security.token is (secret) from the next start on", "line 7"],
    );
    assert!(
        broker.log().contains("security.enabled is true from the next start on") && !broker.log().contains("new-one"),
        "{}",
        broker.log()
    );
    let health = |path: &str| health(&[&format!("http://{}{path}", broker.http)], &[]);
    assert_eq!(health("/api/topics").0, Some(0), "nobody is asked for the new one");
    hang_up("logging:\n  level: debug\n  format: json\n", &["limits.max_topics is 20000 from the next start on"]);
    let ended = broker.stop();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert!(ended.stderr.lines().last().unwrap().starts_with('{'), "{}", ended.stderr);
}

/// Everything as on a disk, but nothing on the disk, and nobody has to share a lock.
#[test]
fn memory_keeps_nothing_and_locks_nothing() {
    let dir = TempDir::new().unwrap();
    let brokers = [(), ()].map(|()| Broker::start(serve(&dir.path().join("data"), &["-storage", "sqlite:memory"])).unwrap());
    for broker in brokers {
        let mut client = Client::connect(broker.kafka, PATIENCE).unwrap();
        client.create_topic("t", 1, &[]).unwrap();
        let ended = broker.stop();
        assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
        assert_eq!(ended.stdout.lines().filter(|line| line.contains("sqlite:memory")).count(), 1, "{}", ended.stdout);
        assert!(!ended.stdout.contains("Data directory"), "{}", ended.stdout);
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn what_an_operator_had_better_know_is_said_at_start() {
    let dir = TempDir::new().unwrap();
    let mut shell = clean(Command::new("sh"));
    let binary = env!("CARGO_BIN_EXE_monolog");
    shell
        .args(["-c", "ulimit -n 300; exec \"$0\" serve -kafka-addr :0 -http-addr :0 -data-dir \"$1\"", binary])
        .arg(dir.path().join("data"));
    let said = Broker::start(shell).unwrap().stop().stdout;
    assert!(said.contains("The ports are open to the network without a token"), "{said}");
    assert!(said.contains("The limit of open files allows ") && said.contains("of limits.max_connections 20000"), "{said}");
    let quiet = Broker::start(serve(&dir.path().join("data"), &[])).unwrap().stop().stdout;
    assert!(!quiet.contains("open to the network"), "{quiet}");
}

#[test]
fn without_http_there_is_only_kafka() {
    let dir = TempDir::new().unwrap();
    let broker = Broker::start(serve(&dir.path().join("data"), &["-http-addr", ""])).unwrap();
    assert!(broker.http.ip().is_unspecified());
    Client::connect(broker.kafka, PATIENCE).unwrap().create_topic("t", 1, &[]).unwrap();
    assert_eq!(broker.stop().status.code(), Some(0));
}

/// Where no systemd runs, what the unit does is done by hand: its variables, its reload, its end.
#[test]
fn the_unit_says_what_the_broker_understands() {
    let unit = include_str!("../../scripts/monolog.service");
    let values = |key: &str| unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect::<Vec<_>>();
    assert_eq!(values("ExecStart"), ["/usr/local/bin/monolog serve"]);
    assert_eq!((values("ExecReload"), values("KillSignal")), (vec!["/bin/kill -HUP $MAINPID"], vec!["SIGTERM"]));
    assert_eq!((values("StateDirectory"), values("WorkingDirectory")), (vec!["monolog"], vec!["%S/monolog"]));
    let dir = TempDir::new().unwrap();
    let state = dir.path().join("state");
    std::fs::create_dir(&state).unwrap();
    let file = write(dir.path(), "server:\n  kafka_addr: 127.0.0.1:0\n  http_addr: 127.0.0.1:0\n");
    let mut command = monolog(&["serve"]);
    for variable in values("Environment") {
        let (name, value) = variable.split_once('=').unwrap();
        assert!(SETTINGS.iter().any(|setting| setting.env == Some(name)), "{name}");
        command.env(name, value.replace("%S", state.to_str().unwrap()));
    }
    let broker = Broker::start({
        command.current_dir(&state).env("MONOLOG_CONFIG", file);
        command
    })
    .unwrap();
    assert_eq!(health(&[&broker.http.to_string()], &[]).0, Some(0));
    broker.signal(Signal::HUP);
    until("it has read its settings again", || broker.log().contains("SIGHUP: no setting has changed"));
    let ended = broker.stop();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert!(state.join("monolog/monolog.db").exists());
    // What another start would not change is not started again.
    for code in values("RestartPreventExitStatus").join(" ").split(' ') {
        assert!(monolog_exit_codes().contains(&format!("{code} ")), "{code}");
    }
}

fn monolog_exit_codes() -> String {
    let help = run(monolog(&["help", "serve"])).stdout;
    help.split("exit codes: ").nth(1).unwrap().to_string()
}
