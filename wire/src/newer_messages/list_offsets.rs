//! `ListOffsets`, versions 1 to 11.

use bytes::{Bytes, BytesMut};

use super::{MessageError, decode_by_crate, encode_by_crate};
use crate::messages::{ListOffsetsRequest, ListOffsetsResponse};

/// The last version.
pub const LAST_VERSION: i16 = 11;

/// The version whose bytes stand for `version`: 11 only allows another timestamp, its bytes are those of 10.
fn bytes_of(version: i16) -> i16 {
    if version == LAST_VERSION { 10 } else { version }
}

/// Reads a request.
///
/// # Errors
///
/// For a version that does not exist and for bytes that are no such request.
pub fn decode_request(version: i16, buf: &mut Bytes) -> Result<ListOffsetsRequest, MessageError> {
    decode_by_crate("ListOffsetsRequest", bytes_of(version), buf)
}

/// Appends a request.
///
/// # Errors
///
/// For a version that does not exist and for values that it cannot hold.
pub fn encode_request(
    version: i16,
    request: &ListOffsetsRequest,
    buf: &mut BytesMut,
) -> Result<(), MessageError> {
    encode_by_crate("ListOffsetsRequest", bytes_of(version), request, buf)
}

/// Reads a response.
///
/// # Errors
///
/// For a version that does not exist and for bytes that are no such response.
pub fn decode_response(version: i16, buf: &mut Bytes) -> Result<ListOffsetsResponse, MessageError> {
    decode_by_crate("ListOffsetsResponse", bytes_of(version), buf)
}

/// Appends a response.
///
/// # Errors
///
/// For a version that does not exist and for values that it cannot hold.
pub fn encode_response(
    version: i16,
    response: &ListOffsetsResponse,
    buf: &mut BytesMut,
) -> Result<(), MessageError> {
    encode_by_crate("ListOffsetsResponse", bytes_of(version), response, buf)
}
