//! What is not Kafka's protocol: each is closed or answered as Kafka does, and nobody else notices.

use crate::target::{Target, batch, cases, until, values};
use monolog::client::{Client, ClientError};
use std::io::{Read, Write};
use std::net::TcpStream;

cases! {
    kafka: frames_of_impossible_length_close, unknown_keys_and_versions_close, bodies_that_cannot_be_read_close, impossible_counts_close,
        other_protocols_on_the_port_close, unknown_tagged_fields_are_skipped, half_open_and_slow_connections_harm_nobody,
        what_follows_a_bad_frame_is_not_done;
    ours: claims_without_bytes_take_no_memory, an_unread_answer_harms_nobody
}

/// A frame of this body, with the length that it has.
fn framed(body: &[u8]) -> Vec<u8> {
    [&(body.len() as i32).to_be_bytes(), body].concat()
}

/// A request: key, version, correlation id 1, client id "it", and the rest.
fn request(key: i16, version: i16, rest: &[u8]) -> Vec<u8> {
    framed(&[&key.to_be_bytes()[..], &version.to_be_bytes(), &[0, 0, 0, 1, 0, 2], b"it", rest].concat())
}

fn assert_closed(target: &Target, bytes: &[u8], what: &str) {
    let mut client = target.client();
    match client.send_raw(bytes) {
        Ok(()) | Err(ClientError::Closed) => {}
        Err(error) => panic!("{what}: {error}"),
    }
    match client.receive_frame() {
        Err(ClientError::Closed) => {}
        other => panic!("{what}: {other:?}"),
    }
    target.client().negotiate().unwrap_or_else(|error| panic!("after {what}: {error}"));
}

fn frames_of_impossible_length_close(target: &Target) {
    for length in [-1, i32::MIN, 100 * 1024 * 1024 + 1, i32::MAX] {
        assert_closed(target, &length.to_be_bytes(), &format!("a frame of {length} bytes"));
    }
    for short in [0, 1, 2, 4, 7] {
        assert_closed(target, &framed(&[0, 3, 0, 1, 0, 0, 0][..short]), &format!("a frame of {short} bytes"));
    }
}

fn unknown_keys_and_versions_close(target: &Target) {
    for (key, version) in [(-1, 0), (4711, 0), (i16::MAX, 0), (3, 99), (3, -1), (0, 14), (1, 3), (11, 10), (4, 0), (7, 0)] {
        assert_closed(target, &request(key, version, &[0; 20]), &format!("key {key} version {version}"));
    }
}

fn bodies_that_cannot_be_read_close(target: &Target) {
    for (key, version, rest) in [
        (3, 1, &[0, 0, 0, 1][..]),                     // one topic, none there
        (3, 1, &[0, 0, 0, 1, 0, 9, b'x']),             // a name that is cut
        (3, 9, &[0, 0x80]),                            // a number that does not end
        (3, 9, &[0, 0xff, 0xff, 0xff, 0xff, 0xff, 1]), // a number of too many bits
        (11, 0, &[0xff, 0xfe]),                        // a negative length that means nothing
        (1, 4, &[0; 3]),
        (0, 3, &[]),
    ] {
        assert_closed(target, &request(key, version, rest), &format!("key {key} version {version} {rest:?}"));
    }
}

fn impossible_counts_close(target: &Target) {
    let counts: [(i16, i16, &[u8]); 7] = [
        (3, 1, &[0x7f, 0xff, 0xff, 0xff]),                               // Metadata: 2^31-1 topics
        (3, 9, &[0, 0xff, 0xff, 0xff, 0xff, 0x0f]),                      // the same, compact
        (0, 3, &[0xff, 0xff, 0, 1, 0, 0, 0, 1, 0x7f, 0xff, 0xff, 0xff]), // Produce: topics
        (2, 1, &[0xff, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]),       // ListOffsets: topics
        (11, 0, &[0x7f, 0xff]),                                          // JoinGroup: a group id of 32 kB
        (15, 0, &[0x7f, 0xff, 0xff, 0xff, 0, 1, b'g']),                  // DescribeGroups
        (19, 2, &[0x10, 0, 0, 0]),                                       // CreateTopics
    ];
    for (key, version, rest) in counts {
        assert_closed(target, &request(key, version, rest), &format!("key {key} version {version} {rest:?}"));
    }
}

fn other_protocols_on_the_port_close(target: &Target) {
    let tls_hello = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 7, 7, 7, 7];
    assert_closed(target, &tls_hello, "TLS");
    assert_closed(target, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP");
    assert_closed(target, b"SSH-2.0-OpenSSH_9.6\r\n", "SSH");
    let garbage: Vec<u8> = (0..4_096u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8 | 0x80).collect();
    assert_closed(target, &garbage, "garbage");
}

/// KIP-482: a newer client may send fields that we do not know, in the header as in the body.
fn unknown_tagged_fields_are_skipped(target: &Target) {
    let mut client = target.client();
    let tagged = [2, 0, 3, b'a', b'b', b'c', 99, 1, b'd'];
    // Metadata 9: no topics, three booleans.
    let rest = [&tagged[..], &[1, 0, 0, 0], &tagged].concat();
    client.send_raw(&request(3, 9, &rest)).unwrap();
    assert_eq!(client.receive_frame().unwrap()[..4], [0, 0, 0, 1]);
}

fn half_open_and_slow_connections_harm_nobody(target: &Target) {
    let connect = || TcpStream::connect(&target.kafka[..]).unwrap();
    let silent: Vec<TcpStream> = (0..100).map(|_| connect()).collect();
    let started: Vec<TcpStream> = (0..50)
        .map(|index| {
            let mut stream = connect();
            stream.write_all(&request(3, 1, &[0, 0, 0, 1, 0, 9, b'x'])[..3 + index % 8]).unwrap();
            stream
        })
        .collect();
    let cut_off: Vec<TcpStream> = (0..50)
        .map(|_| {
            let mut stream = connect();
            stream.write_all(&[0, 0, 4, 0, 0, 3]).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            stream
        })
        .collect();
    let (topic, mut client) = (target.topic(1), target.client());
    for offset in 0..50 {
        assert_eq!(client.append(&topic, 0, batch(&["x"])).unwrap().base_offset, offset);
    }
    // An unfinished request whose sender has finished will never be one.
    for mut stream in cut_off {
        stream.set_read_timeout(Some(crate::broker::PATIENCE)).unwrap();
        assert!(matches!(stream.read(&mut [0; 1]), Ok(0) | Err(_)));
    }
    drop((silent, started));
    assert_eq!(values(&mut client, &topic, 0).len(), 50);
}

fn what_follows_a_bad_frame_is_not_done(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    let produce = monolog::wire::message::Request::Produce(monolog::client::append_request(&topic, 0, batch(&["x"]), -1));
    client.send_raw(&request(4711, 0, &[])).unwrap();
    let _ = client.send(&produce);
    assert!(client.receive().is_err());
    assert_eq!(target.client().offset_for(&topic, 0, -1).unwrap().offset, 0);
}

/// Bytes are charged as they arrive, not as they are claimed: 300 claims of 100 MB each.
fn claims_without_bytes_take_no_memory(target: &Target) {
    let before = target.broker().peak_memory();
    let claimed: Vec<TcpStream> = (0..300)
        .map(|_| {
            let mut stream = TcpStream::connect(&target.kafka[..]).unwrap();
            stream.write_all(&[&(100 * 1024 * 1024i32).to_be_bytes()[..], &[0, 0, 0, 13, 0, 0, 0, 1, 0, 2, b'i', b't']].concat()).unwrap();
            stream
        })
        .collect();
    target.client().negotiate().unwrap();
    // The other cases run meanwhile; 300 claims would be 30 GB.
    assert!(target.broker().peak_memory() < before + 256 * 1024 * 1024, "{before} -> {}", target.broker().peak_memory());
    drop(claimed);
}

/// Fetchers that ask for megabytes and never read: the broker neither keeps all of that nor stops serving others.
fn an_unread_answer_harms_nobody(target: &Target) {
    let (topic, mut client) = (target.topic(1), target.client());
    for _ in 0..4 {
        client.append(&topic, 0, batch(&[&"x".repeat(1_000_000)])).unwrap();
    }
    let mut greedy: Vec<Client> = (0..20).map(|_| target.client()).collect();
    for reader in &mut greedy {
        for _ in 0..10 {
            let fetch = crate::fetch::request(&topic, vec![crate::fetch::from(0, 0)]);
            reader.send(&monolog::wire::message::Request::Fetch(fetch)).unwrap();
        }
    }
    until("another reader has its turn", || values(&mut target.client(), &topic, 0).len() == 4);
    assert_eq!(client.append(&topic, 0, batch(&["x"])).unwrap().base_offset, 4);
    // They can still read all that they asked for.
    let mut late = greedy.pop().unwrap();
    for _ in 0..10 {
        late.receive().unwrap();
    }
}
