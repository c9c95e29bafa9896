//! Request and response headers. A request header tells enough to answer an ApiVersions request of a version from the future.
//! Called by `frame`.

use crate::base::text::Text;
use crate::wire::api_key::ApiKey;
use crate::wire::field::{Field, Form};
use crate::wire::primitive::{Fault, Reader, Writer};

/// The first eight bytes of every request, the same in all versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestStart {
    /// The number of the API, served or not.
    pub api_key: i16,
    /// The version of the request, served or not.
    pub api_version: i16,
    /// The number by which the client finds the answer.
    pub correlation_id: i32,
}

impl RequestStart {
    /// Reads it.
    pub fn decode(r: &mut Reader) -> Result<RequestStart, Fault> {
        let start = RequestStart { api_key: r.i16()?, api_version: r.i16()?, correlation_id: r.i32()? };
        Ok(start)
    }
}

/// What stands before the body of a request that is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHeader {
    /// The API.
    pub api: ApiKey,
    /// The version of request and response.
    pub version: i16,
    /// The number by which the client finds the answer.
    pub correlation_id: i32,
    /// The client's name for itself.
    pub client_id: Option<Text>,
}

// The client id keeps its two-byte length in header version 2 (KIP-482), so that a broker can read any header.
const CLIENT_ID_FORM: Form = Form { version: 1, flexible: false };

impl RequestHeader {
    /// Reads what follows the start: header version 1, or 2 for flexible versions.
    pub fn decode_rest(r: &mut Reader, api: ApiKey, start: RequestStart) -> Result<RequestHeader, Fault> {
        let client_id = Option::<Text>::decode(r, CLIENT_ID_FORM).inspect_err(|_| r.blame("RequestHeader.client_id"))?;
        if api.is_flexible(start.api_version) {
            r.skip_tagged_fields().inspect_err(|_| r.blame("RequestHeader.tagged_fields"))?;
        }
        Ok(RequestHeader { api, version: start.api_version, correlation_id: start.correlation_id, client_id })
    }

    /// Appends it.
    pub fn encode(&self, w: &mut Writer) {
        w.put(&self.api.number().to_be_bytes());
        w.put(&self.version.to_be_bytes());
        w.put(&self.correlation_id.to_be_bytes());
        self.client_id.encode(w, CLIENT_ID_FORM);
        if self.api.is_flexible(self.version) {
            w.uvarint(0);
        }
    }
}

/// Whether the response header has tagged fields (header version 1). ApiVersions never has them: its client does not know yet
/// what the broker speaks (KIP-511).
fn response_header_is_flexible(api: ApiKey, version: i16) -> bool {
    api != ApiKey::ApiVersions && api.is_flexible(version)
}

/// Appends a response header.
pub fn encode_response_header(w: &mut Writer, api: ApiKey, version: i16, correlation_id: i32) {
    w.put(&correlation_id.to_be_bytes());
    if response_header_is_flexible(api, version) {
        w.uvarint(0);
    }
}

/// Reads a response header: its correlation id.
pub fn decode_response_header(r: &mut Reader, api: ApiKey, version: i16) -> Result<i32, Fault> {
    let correlation_id = r.i32()?;
    if response_header_is_flexible(api, version) {
        r.skip_tagged_fields()?;
    }
    Ok(correlation_id)
}
