//! What is meant to harm the HTTP port, against brokers of its own: neither Kafka's port nor the process may notice.

use crate::broker::{Broker, PATIENCE, clean, serve};
use crate::http::{assert_healthy, exchange, read_all, status};
use crate::target::{batch, until};
use monolog::client::Client;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use tempfile::TempDir;

fn broker(flags: &[&str]) -> (Broker, TempDir) {
    let dir = TempDir::new().unwrap();
    let broker = Broker::start(serve(&dir.path().join("data"), flags)).unwrap();
    (broker, dir)
}

/// Kafka's port takes a record and gives it back.
fn assert_kafka_serves(broker: &Broker, topic: &str) {
    let mut client = Client::connect(broker.kafka, PATIENCE).unwrap();
    let topic = client.find_topic(topic, true).unwrap();
    let offset = client.append(&topic, 0, batch(&["x"])).unwrap().base_offset;
    assert!(!client.read(&topic, 0, offset, 0).unwrap().records.is_empty());
}

fn post(broker: &Broker, topic: &str, body: &str) -> String {
    let head = format!("POST /api/topics/{topic}/messages HTTP/1.1\r\nHost: it\r\nContent-Length: {}\r\n\r\n", body.len());
    exchange(broker.http, [head.as_bytes(), body.as_bytes()].concat().as_slice())
}

/// More half-open connections than the port has places, heads without an end among them.
#[test]
fn two_thousand_half_open_connections() {
    let (broker, _dir) = broker(&["-storage", "sqlite:memory"]);
    let mut open = Vec::new();
    for index in 0..2_000 {
        let Ok(mut stream) = TcpStream::connect(broker.http) else { continue };
        let begun: &[u8] =
            [&b""[..], b"GET /api/topics HTTP/1.1\r\nX: ", b"POST /api/topics HTTP/1.1\r\nContent-Length: 1000\r\n\r\n{"][index % 3];
        let _ = stream.write_all(begun);
        open.push(stream);
        if index % 500 == 499 {
            assert_kafka_serves(&broker, "t");
            assert_healthy(broker.http);
        }
    }
    assert_eq!(status(&post(&broker, "t", r#"{"value":"x"}"#)), 201);
    drop(open);
    assert_healthy(broker.http);
    assert_eq!(broker.stop().status.code(), Some(0));
}

/// A head that never ends is cut at its bound; a length that nobody has is refused before anything is taken for it.
#[test]
fn endless_heads_and_huge_lengths() {
    let (broker, _dir) = broker(&["-storage", "sqlite:memory"]);
    let mut endless = TcpStream::connect(broker.http).unwrap();
    endless.set_read_timeout(Some(PATIENCE)).unwrap();
    let _ = endless.write_all(b"GET / HTTP/1.1\r\n");
    let sent = (0..10_000).take_while(|_| endless.write_all(b"X-Header: something that goes on and on\r\n").is_ok()).count();
    let answer = read_all(&mut endless);
    assert!(answer.is_empty() || status(&answer) == 431, "after {sent} lines: {answer}");
    for length in ["1000000000000000", "18446744073709551615", "99999999999999999999999999"] {
        for path in ["/api/topics", "/api/topics/t/messages", "/nothing"] {
            let request = format!("POST {path} HTTP/1.1\r\nHost: it\r\nContent-Length: {length}\r\n\r\n{{");
            assert_eq!(status(&exchange(broker.http, request.as_bytes())), 413);
        }
    }
    assert_kafka_serves(&broker, "t");
    assert_healthy(broker.http);
    assert_eq!(broker.stop().status.code(), Some(0));
}

/// With few files left both ports share what there is, and serve again when there are more.
#[test]
fn out_of_files() {
    let dir = TempDir::new().unwrap();
    let inner = serve(&dir.path().join("data"), &["-storage", "sqlite:memory"]);
    let mut command = Command::new("sh");
    command.arg("-c").arg("ulimit -n 160 && exec \"$0\" \"$@\"").arg(inner.get_program()).args(inner.get_args());
    let broker = Broker::start(clean(command)).unwrap();
    let open: Vec<TcpStream> = (0..300).filter_map(|_| TcpStream::connect(broker.http).ok()).collect();
    assert_kafka_serves(&broker, "t");
    let kafka: Vec<TcpStream> = (0..300).filter_map(|_| TcpStream::connect(broker.kafka).ok()).collect();
    assert_healthy(broker.http);
    drop((open, kafka));
    until("both ports serve again", || {
        let mut stream = TcpStream::connect(broker.http).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let _ = stream.write_all(b"GET /api/topics HTTP/1.1\r\nHost: it\r\n\r\n");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.1 200")
    });
    assert_kafka_serves(&broker, "t");
    assert_eq!(broker.stop().status.code(), Some(0));
}

/// Clients that take nothing of large answers hold neither the places behind the guard nor its memory for others.
#[test]
fn readers_that_do_not_read() {
    let (broker, _dir) = broker(&["-storage", "sqlite:memory"]);
    let list: Vec<String> = (0..1_000).map(|_| format!("{{\"value\":\"{}\"}}", "x".repeat(1_500))).collect();
    for _ in 0..3 {
        assert_eq!(status(&post(&broker, "large", &format!("[{}]", list.join(",")))), 201);
    }
    let stuck: Vec<TcpStream> = (0..40)
        .map(|_| {
            let mut stream = TcpStream::connect(broker.http).unwrap();
            stream.write_all(b"GET /api/topics/large/messages?limit=10000 HTTP/1.1\r\nHost: it\r\n\r\n").unwrap();
            stream
        })
        .collect();
    assert_healthy(broker.http);
    assert_kafka_serves(&broker, "t");
    let request = b"GET /api/topics HTTP/1.1\r\nHost: it\r\n\r\n";
    assert_eq!(status(&exchange(broker.http, request)), 200);
    assert_eq!(status(&post(&broker, "t", r#"{"value":"x"}"#)), 201);
    drop(stuck);
    assert_eq!(broker.stop().status.code(), Some(0));
}

/// What users of the broker's forerunner have in their scripts, by curl.
#[test]
fn a_first_session_by_curl() {
    let (broker, _dir) = broker(&[]);
    let curl = |arguments: &[&str]| {
        let (flags, path) = arguments.split_at(arguments.len() - 1);
        let url = format!("http://{}{}", broker.http, path[0]);
        let output = Command::new("curl").args(["-s", "-m", "20"]).args(flags).arg(url).output().expect("curl is installed");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let code = ["-o", "/dev/null", "-w", "%{http_code}"];
    let status = |arguments: &[&str]| curl(&[&code[..], arguments].concat());
    assert_eq!(status(&["/api/topics"]), "200", "the old health check");
    assert_eq!(curl(&["/health"]), r#"{"status":"ok"}"#);
    assert_eq!(curl(&["/api/topics"]), "[]");
    assert_eq!(curl(&["-X", "POST", "-d", r#"{"name":"titi"}"#, "/api/topics"]), r#"{"name":"titi"}"#);
    assert_eq!(status(&["-X", "POST", "-H", "Content-Type: application/json", "-d", r#"{"name":"titi"}"#, "/api/topics"]), "409");
    assert_eq!(curl(&["-d", r#"{"key":"k1","value":"hello"}"#, "/api/topics/titi/messages"]), r#"{"offset":0,"partition":0}"#);
    assert_eq!(curl(&["-d", r#"{"value":"made on the way"}"#, "/api/topics/other/messages"]), r#"{"offset":0,"partition":0}"#);
    let page: serde_json::Value = serde_json::from_str(&curl(&["/api/topics/titi/messages?offset=0&limit=10"])).unwrap();
    assert_eq!(
        (&page[0]["offset"], &page[0]["key"], &page[0]["value"], &page[0]["codec"]),
        (&0.into(), &"k1".into(), &"hello".into(), &0.into())
    );
    assert!(page[0]["timestamp"].as_i64() > Some(1_700_000_000_000));
    let topic: serde_json::Value = serde_json::from_str(&curl(&["/api/topics/titi"])).unwrap();
    assert_eq!((&topic["name"], &topic["latest_offset"]), (&"titi".into(), &0.into()));
    assert_eq!(curl(&["-d", r#"{"offset":1}"#, "/api/groups/g/offsets/titi"]), r#"{"offset":1}"#);
    assert_eq!(curl(&["/api/groups/g/offsets/titi"]), r#"{"offset":1}"#);
    let groups: serde_json::Value = serde_json::from_str(&curl(&["/api/groups"])).unwrap();
    assert_eq!(
        (&groups[0]["id"], &groups[0]["state"], &groups[0]["generation"], &groups[0]["members"]),
        (&"g".into(), &"Empty".into(), &0.into(), &0.into())
    );
    assert_eq!(curl(&["/api/pending"]), "[]");
    let stats: serde_json::Value = serde_json::from_str(&curl(&["/api/stats"])).unwrap();
    assert_eq!((&stats["topics"], &stats["groups"], &stats["pending"]), (&2.into(), &1.into(), &0.into()));
    assert_eq!(status(&["-X", "DELETE", "/api/groups/g"]), "204");
    assert_eq!(status(&["-X", "DELETE", "/api/topics/other"]), "204");
    assert_eq!(status(&["/api/topics/other"]), "404");
    assert_eq!(status(&["-I", "/api/topics"]), "200");
    assert_eq!(broker.stop().status.code(), Some(0));
}
