//! Headers of requests and responses.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use thiserror::Error;

use crate::api::Api;
use crate::kafka_protocol::protocol::StrBytes;

/// The most tagged fields in a header.
const TAGGED_FIELDS_MAX: u32 = 10_000;

/// What stands first in every request, in every version of the header: enough to answer or refuse it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestPrefix {
    /// The API's number.
    pub api_key: i16,
    /// The version of the request (and of its response).
    pub api_version: i16,
    /// The client's number for the request, given back in the response.
    pub correlation_id: i32,
}

impl RequestPrefix {
    /// Reads the first eight bytes of a frame.
    ///
    /// # Errors
    ///
    /// For a frame below eight bytes.
    pub fn parse(frame: &[u8]) -> Result<Self, HeaderError> {
        let mut bytes = frame.get(..8).ok_or(HeaderError::TooShort { frame_bytes: frame.len() })?;
        Ok(Self { api_key: bytes.get_i16(), api_version: bytes.get_i16(), correlation_id: bytes.get_i32() })
    }
}

/// The header of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHeader {
    /// API, version and correlation id.
    pub prefix: RequestPrefix,
    /// The client's name for itself. Kafka takes a null as an empty text.
    pub client_id: Option<StrBytes>,
}

impl RequestHeader {
    /// Reads the header at the start of `frame` and leaves the body there.
    ///
    /// A version that the API does not have is no error here: the header of `ApiVersions` must be readable in any
    /// version. Tagged fields of the header are skipped, since none is defined.
    ///
    /// # Errors
    ///
    /// For an API that does not exist and for bytes that are no header; `frame` is then in an unspecified state.
    pub fn parse(frame: &mut Bytes) -> Result<Self, HeaderError> {
        let prefix = RequestPrefix::parse(frame)?;
        let api = Api::of(prefix.api_key).ok_or(HeaderError::UnknownApi { api_key: prefix.api_key })?;
        frame.advance(8);
        let client_id = client_id(frame)?;
        if api.request_header_version(prefix.api_version) >= 2 {
            skip_tagged_fields(frame)?;
        }
        Ok(Self { prefix, client_id })
    }

    /// The API; present in every header that [`RequestHeader::parse`] returned.
    pub fn api(&self) -> Option<&'static Api> {
        Api::of(self.prefix.api_key)
    }
}

/// The client id, whose length is an int16 also where the rest of the header is flexible.
fn client_id(frame: &mut Bytes) -> Result<Option<StrBytes>, HeaderError> {
    let length = frame.try_get_i16().map_err(|_| HeaderError::ClientId)?;
    let Ok(length) = usize::try_from(length) else {
        return if length == -1 { Ok(None) } else { Err(HeaderError::ClientId) };
    };
    if length > frame.len() {
        return Err(HeaderError::ClientId);
    }
    StrBytes::from_utf8(frame.split_to(length)).map(Some).map_err(|_| HeaderError::ClientId)
}

fn skip_tagged_fields(frame: &mut Bytes) -> Result<(), HeaderError> {
    let count = unsigned_varint(frame)?;
    if count > TAGGED_FIELDS_MAX {
        return Err(HeaderError::TaggedFields);
    }
    for _ in 0..count {
        unsigned_varint(frame)?;
        let size = usize::try_from(unsigned_varint(frame)?).unwrap_or(usize::MAX);
        if size > frame.len() {
            return Err(HeaderError::TaggedFields);
        }
        frame.advance(size);
    }
    Ok(())
}

fn unsigned_varint(frame: &mut Bytes) -> Result<u32, HeaderError> {
    let mut value = 0;
    for shift in [0, 7, 14, 21, 28] {
        let byte = frame.try_get_u8().map_err(|_| HeaderError::TaggedFields)?;
        value |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(HeaderError::TaggedFields)
}

/// Why a frame has no readable request header. Kafka closes the connection for all of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The frame cannot hold API, version and correlation id.
    #[error("a request of {frame_bytes} bytes has no header")]
    TooShort {
        /// The frame's length without its length field.
        frame_bytes: usize,
    },
    /// Kafka 4.3.1 has no such API.
    #[error("there is no API {api_key}")]
    UnknownApi {
        /// The number found.
        api_key: i16,
    },
    /// The client id is cut, of a negative length or not UTF-8.
    #[error("the client id is malformed")]
    ClientId,
    /// The tagged fields are cut or too many.
    #[error("the tagged fields of the header are malformed")]
    TaggedFields,
}

/// Appends the header of a response to `api` in `version`: the correlation id, and no tagged fields where there may be.
pub fn put_response_header(api: &Api, version: i16, correlation_id: i32, buf: &mut BytesMut) {
    buf.put_i32(correlation_id);
    if api.response_header_version(version) >= 1 {
        buf.put_u8(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka_protocol::protocol::Encodable;
    use crate::messages;

    fn frame(api_key: i16, version: i16, client_id: Option<&'static str>) -> Bytes {
        let header = messages::RequestHeader::default()
            .with_request_api_key(api_key)
            .with_request_api_version(version)
            .with_correlation_id(7)
            .with_client_id(client_id.map(StrBytes::from_static_str))
            .with_unknown_tagged_field(3, Bytes::from_static(b"tag"));
        let mut buf = BytesMut::new();
        header.encode(&mut buf, Api::of(api_key).unwrap().request_header_version(version)).unwrap();
        buf.put_slice(b"body");
        buf.freeze()
    }

    #[test]
    fn headers_of_both_versions_are_read() {
        for (api_key, version) in [(0, 3), (0, 9), (18, 0), (18, 4), (1, 18), (17, 1)] {
            for client_id in [None, Some(""), Some("me")] {
                let mut bytes = frame(api_key, version, client_id);
                let header = RequestHeader::parse(&mut bytes).unwrap();
                assert_eq!(header.prefix, RequestPrefix { api_key, api_version: version, correlation_id: 7 });
                assert_eq!(header.client_id.as_deref(), client_id);
                assert_eq!(bytes, &b"body"[..]);
            }
        }
    }

    #[test]
    fn an_unknown_version_of_api_versions_has_a_readable_header() {
        let mut bytes = frame(18, 99, Some("new"));
        assert_eq!(RequestHeader::parse(&mut bytes).unwrap().prefix.api_version, 99);
    }

    #[test]
    fn cut_headers_are_refused() {
        let whole = frame(18, 3, Some("client"));
        for end in 0..whole.len() - b"body".len() {
            assert!(RequestHeader::parse(&mut whole.slice(..end)).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn unknown_apis_and_malformed_fields_are_named() {
        let parse = |bytes: &'static [u8]| RequestHeader::parse(&mut Bytes::from_static(bytes)).unwrap_err();
        assert_eq!(parse(b"\0\x63\0\0\0\0\0\0\0\0"), HeaderError::UnknownApi { api_key: 99 });
        assert_eq!(parse(b"\xff\xff\0\0\0\0\0\0\0\0"), HeaderError::UnknownApi { api_key: -1 });
        assert_eq!(parse(b"\0\x12\0\0\0\0\0\0\xff\xfe"), HeaderError::ClientId);
        assert_eq!(parse(b"\0\x12\0\0\0\0\0\0\0\x01\xff"), HeaderError::ClientId);
        assert_eq!(parse(b"\0\x12\0\x03\0\0\0\0\xff\xff\xff\xff\xff\xff\x0f"), HeaderError::TaggedFields);
        assert_eq!(parse(b"\0\x12"), HeaderError::TooShort { frame_bytes: 2 });
    }

    #[test]
    fn response_headers_go_by_api_and_version() {
        for (api_key, version, expected) in
            [(18, 4, &b"\0\0\0\x05"[..]), (1, 11, b"\0\0\0\x05"), (1, 12, b"\0\0\0\x05\0")]
        {
            let api = Api::of(api_key).unwrap();
            let mut buf = BytesMut::new();
            put_response_header(api, version, 5, &mut buf);
            assert_eq!(&buf[..], expected);
        }
    }
}
