//! The way to one broker: frames over a socket. A closed connection, and silence, are answers too.

use crate::codec::{decode, uvarint};
use crate::schema::MessageSchema;
use serde_json::{Value, json};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long an answer is waited for; far longer than anything that is asked here takes.
const PATIENCE: Duration = Duration::from_secs(40);
/// Largest answer.
const FRAME_BYTES_MAX: usize = 128 << 20;
/// Who asks.
pub const CLIENT_ID: &str = "differential";
/// ApiVersions: its answer never has tagged fields in the header (KIP-511).
const API_VERSIONS: i16 = 18;

/// A connection, made again when it was closed.
pub struct Link {
    address: String,
    stream: Option<TcpStream>,
    next_correlation_id: i32,
    in_flight: Vec<i32>,
}

/// The frame of a request, its length in front.
pub fn frame(key: i16, version: i16, correlation_id: i32, flexible: bool, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; 4];
    frame.extend(key.to_be_bytes());
    frame.extend(version.to_be_bytes());
    frame.extend(correlation_id.to_be_bytes());
    frame.extend((CLIENT_ID.len() as i16).to_be_bytes());
    frame.extend(CLIENT_ID.as_bytes());
    if flexible {
        uvarint(&mut frame, 0);
    }
    frame.extend(body);
    let length = (frame.len() - 4) as i32;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame
}

impl Link {
    /// Connects when it is first used.
    pub fn new(address: &str) -> Link {
        Link { address: address.to_owned(), stream: None, next_correlation_id: 1, in_flight: Vec::new() }
    }

    /// The number that the next request must have.
    pub fn next_correlation_id(&self) -> i32 {
        self.next_correlation_id
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        let address = &self.address;
        let stream = self.stream.get_or_insert_with(|| {
            let stream = TcpStream::connect(address).unwrap_or_else(|error| panic!("{address}: {error}"));
            stream.set_nodelay(true).expect("a socket");
            stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
            stream
        });
        // A broker that has closed already will be noticed when its answer is read.
        let _ = stream.write_all(bytes);
        self.in_flight.push(self.next_correlation_id);
        self.next_correlation_id += 1;
    }

    /// The next answer, read by the schema of its API.
    pub fn receive(&mut self, schema: &MessageSchema, version: i16) -> Value {
        let expected = if self.in_flight.is_empty() { 0 } else { self.in_flight.remove(0) };
        let frame = match self.receive_frame() {
            Ok(frame) => frame,
            Err(error) => {
                self.close();
                let silent = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                return json!({ "connection": if silent { "silent" } else { "closed" } });
            }
        };
        let tags = usize::from(version >= schema.flexible_from && schema.key != API_VERSIONS);
        let Some((header, body)) = frame.split_at_checked(4 + tags) else { return json!({ "undecodable": "no header" }) };
        let found = i32::from_be_bytes([header[0], header[1], header[2], header[3]]);
        if found != expected || header[4..].iter().any(|&tags| tags != 0) {
            return json!({ "undecodable": format!("header {header:?} for request {expected}") });
        }
        // The answer to an ApiVersions request of a version that the broker does not know is of version 0.
        let version = if schema.key == API_VERSIONS && body.first_chunk() == Some(&35i16.to_be_bytes()) { 0 } else { version };
        decode(schema, version, body).unwrap_or_else(|fault| json!({ "undecodable": fault, "bytes": body.len() }))
    }

    fn receive_frame(&mut self) -> std::io::Result<Vec<u8>> {
        let stream = self.stream.as_mut().ok_or(ErrorKind::NotConnected)?;
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let length = usize::try_from(i32::from_be_bytes(length)).ok().filter(|&length| length <= FRAME_BYTES_MAX);
        let mut frame = vec![0; length.ok_or(ErrorKind::InvalidData)?];
        stream.read_exact(&mut frame)?;
        Ok(frame)
    }

    /// The request that was sent last has no answer.
    pub fn expect_none(&mut self) {
        self.in_flight.pop();
    }

    /// Closes it.
    pub fn close(&mut self) {
        self.stream = None;
        self.in_flight.clear();
    }
}
