//! A request as the bytes that go out, in pieces that are never copied together.

use bytes::{BufMut, Bytes, BytesMut};
use medallion_wire::kafka_protocol::protocol::{Encodable, Request, StrBytes};
use medallion_wire::messages::{ApiKey, RequestHeader};

use crate::error::Error;

/// Where the correlation id lies, behind length, API and version.
const CORRELATION_ID_POSITION: usize = 8;
const LENGTH_BYTES: usize = 4;

/// A whole request: its head begins with the length, and pieces (batches of records) may follow.
#[derive(Debug)]
pub(crate) struct Frame {
    head: BytesMut,
    rest: Vec<Bytes>,
}

impl Frame {
    /// Encodes `request` in one piece.
    pub(crate) fn encode<R: Request>(request: &R, version: i16, client_id: &str) -> Result<Self, Error> {
        let mut frame = Self::begin::<R>(version, client_id)?;
        request.encode(&mut frame.head, version).map_err(|error| cannot::<R>(&error))?;
        frame.finish::<R>()
    }

    /// Length (still open) and header of a request of type `R`.
    pub(crate) fn begin<R: Request>(version: i16, client_id: &str) -> Result<Self, Error> {
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_client_id(Some(StrBytes::from_string(client_id.to_owned())));
        let mut head = BytesMut::with_capacity(256);
        head.put_i32(0);
        header.encode(&mut head, R::header_version(version)).map_err(|error| cannot::<R>(&error))?;
        Ok(Self { head, rest: Vec::new() })
    }

    /// Where the next bytes are written to.
    pub(crate) fn head(&mut self) -> &mut BytesMut {
        &mut self.head
    }

    /// Sets the length over head and `rest`.
    pub(crate) fn finish_with<R: Request>(mut self, rest: Vec<Bytes>) -> Result<Self, Error> {
        self.rest = rest;
        self.finish::<R>()
    }

    fn finish<R: Request>(mut self) -> Result<Self, Error> {
        let length = i32::try_from(self.len() - LENGTH_BYTES).map_err(|error| cannot::<R>(&error))?;
        self.head[..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
        Ok(self)
    }

    /// All bytes, the length field included.
    pub(crate) fn len(&self) -> usize {
        self.head.len() + self.rest.iter().map(Bytes::len).sum::<usize>()
    }

    /// All bytes in one piece.
    #[cfg(test)]
    pub(crate) fn into_bytes(self) -> Bytes {
        let mut bytes = self.head;
        self.rest.iter().for_each(|piece| bytes.extend_from_slice(piece));
        bytes.freeze()
    }

    /// The pieces, for good, with the connection's number for the request.
    pub(super) fn into_parts(mut self, correlation_id: i32) -> (Bytes, Vec<Bytes>) {
        let id = CORRELATION_ID_POSITION..CORRELATION_ID_POSITION + size_of::<i32>();
        self.head[id].copy_from_slice(&correlation_id.to_be_bytes());
        (self.head.freeze(), self.rest)
    }
}

/// The API of a request type.
pub(crate) fn api_key<R: Request>() -> ApiKey {
    ApiKey::try_from(R::KEY).expect("every request type has a key that the crate knows")
}

fn cannot<R: Request>(error: &impl std::fmt::Display) -> Error {
    Error::malformed(format!("cannot encode {:?}", api_key::<R>()), format!("{error:#}"))
}

#[cfg(test)]
mod tests {
    use medallion_wire::header::RequestPrefix;
    use medallion_wire::messages::MetadataRequest;

    use super::*;

    #[test]
    fn length_and_correlation_id_are_where_they_belong() {
        let frame = Frame::encode(&MetadataRequest::default(), 12, "me").unwrap();
        let length = frame.len();
        let (head, rest) = frame.into_parts(77);
        assert!(rest.is_empty());
        assert_eq!(head.len(), length);
        assert_eq!(i32::from_be_bytes(head[..4].try_into().unwrap()), i32::try_from(length - 4).unwrap());
        let prefix = RequestPrefix::parse(&head[4..]).unwrap();
        assert_eq!(prefix, RequestPrefix { api_key: 3, api_version: 12, correlation_id: 77 });
    }
}
