//! `DescribeLogDirs`, versions 1 to 5.

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};

use super::{MessageError, decode_by_crate, encode_by_crate};
use crate::internal_records::codec::Writer;
use crate::messages::describe_log_dirs_response::DescribeLogDirsResult;
use crate::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse};

/// The last version.
pub const LAST_VERSION: i16 = 5;

/// Reads a request: version 5 has the bytes of 4.
///
/// # Errors
///
/// For a version that does not exist and for bytes that are no such request.
pub fn decode_request(version: i16, buf: &mut Bytes) -> Result<DescribeLogDirsRequest, MessageError> {
    decode_by_crate("DescribeLogDirsRequest", if version == LAST_VERSION { 4 } else { version }, buf)
}

/// Appends a response. `is_cordoned` tells of each result whether its log directory takes no new replicas, which version 5
/// adds and the crate's type has no field for. Unknown tagged fields are not written in version 5.
///
/// # Errors
///
/// For a version that does not exist and for values that it cannot hold.
pub fn encode_response(
    version: i16,
    response: &DescribeLogDirsResponse,
    is_cordoned: impl Fn(&DescribeLogDirsResult) -> bool,
    buf: &mut BytesMut,
) -> Result<(), MessageError> {
    let message = "DescribeLogDirsResponse";
    if version != LAST_VERSION {
        return encode_by_crate(message, version, response, buf);
    }
    buf.put_i32(response.throttle_time_ms);
    buf.put_i16(response.error_code);
    Writer::new(buf).length(true, true, Some(response.results.len()), "DescribeLogDirsResponse.Results")?;
    for result in &response.results {
        encode_by_crate(message, 4, &result.clone().with_unknown_tagged_fields(BTreeMap::new()), buf)?;
        // The new field stands before the tagged fields, whose count (0) ends the structure of version 4.
        buf.truncate(buf.len() - 1);
        buf.put_u8(u8::from(is_cordoned(result)));
        buf.put_u8(0);
    }
    buf.put_u8(0);
    Ok(())
}
