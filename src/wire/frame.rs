//! Whole frames to messages and back. `net` decodes requests and encodes responses here, the client the other two.

use crate::base::limits::DECODED_BYTES_MAX;
use crate::wire::api_key::ApiKey;
use crate::wire::header::{RequestHeader, RequestStart, decode_response_header, encode_response_header};
use crate::wire::message::{Request, Response};
use crate::wire::primitive::{DecodeError, Encoded, Reader, Writer};
use bytes::Bytes;
use std::fmt;

/// Why a request cannot be served. Kafka closes the connection for all of these but one, see `UnsupportedVersion`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// The header cannot be read.
    Header(DecodeError),
    /// An API that is not served.
    UnknownApiKey(RequestStart),
    /// A version that is not served. For ApiVersions the answer is its version 0 with UNSUPPORTED_VERSION and all ranges, from
    /// which the client learns what to ask for (KIP-511).
    UnsupportedVersion(ApiKey, RequestStart),
    /// The body cannot be read.
    Body(RequestHeader, DecodeError),
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestError::Header(error) => write!(f, "undecodable request header: {error}"),
            RequestError::UnknownApiKey(start) => write!(f, "API key {} (version {}) is not served", start.api_key, start.api_version),
            RequestError::UnsupportedVersion(api, start) => {
                let row = api.row();
                write!(f, "{api} version {} is not served, {} to {} are", start.api_version, row.min_decodable, row.max)
            }
            RequestError::Body(header, error) => {
                write!(f, "undecodable {} version {} of client {:?}: {error}", header.api, header.version, header.client_id.as_deref())
            }
        }
    }
}

impl std::error::Error for RequestError {}

/// Reads a request from a complete frame, without its length. Strings and record batches of the result share the frame.
/// Bytes after the body are ignored, as Kafka does.
pub fn decode_request(frame: Bytes) -> Result<(RequestHeader, Request), RequestError> {
    let (header, request, _) = decode_and_measure(frame, DECODED_BYTES_MAX)?;
    Ok((header, request))
}

/// The same, and what the arrays of the request take in memory, in bytes beside the frame: at most `lists_bytes_max`.
pub fn decode_and_measure(frame: Bytes, lists_bytes_max: usize) -> Result<(RequestHeader, Request, usize), RequestError> {
    let mut r = Reader::of_request(frame, lists_bytes_max);
    let start = RequestStart::decode(&mut r).map_err(|fault| RequestError::Header(r.explain(fault)))?;
    let api = ApiKey::from_i16(start.api_key).ok_or(RequestError::UnknownApiKey(start))?;
    if !api.decodes(start.api_version) {
        return Err(RequestError::UnsupportedVersion(api, start));
    }
    let header = RequestHeader::decode_rest(&mut r, api, start).map_err(|fault| RequestError::Header(r.explain(fault)))?;
    match Request::decode(&mut r, api, start.api_version) {
        Ok(request) => Ok((header, request, r.allocated())),
        Err(fault) => Err(RequestError::Body(header, r.explain(fault))),
    }
}

/// The frame of a response, its length in front. `version` is that of the request; 0 for an ApiVersions request of a version
/// that is not served.
pub fn encode_response(correlation_id: i32, version: i16, response: &Response) -> Encoded {
    let mut w = Writer::new();
    encode_response_header(&mut w, response.api(), version, correlation_id);
    response.encode(&mut w, version);
    w.finish()
}

/// The frame of a request, its length in front. The API of the header and of the request are the same.
pub fn encode_request(header: &RequestHeader, request: &Request) -> Encoded {
    debug_assert_eq!(header.api, request.api());
    let mut w = Writer::new();
    header.encode(&mut w);
    request.encode(&mut w, header.version);
    w.finish()
}

/// Reads the response to a request of this API and version from a complete frame, without its length: the correlation id and
/// the response.
pub fn decode_response(frame: Bytes, api: ApiKey, version: i16) -> Result<(i32, Response), DecodeError> {
    let mut r = Reader::of_response(frame);
    let correlation_id = decode_response_header(&mut r, api, version).map_err(|fault| r.explain(fault))?;
    let response = Response::decode(&mut r, api, version).map_err(|fault| r.explain(fault))?;
    Ok((correlation_id, response))
}
