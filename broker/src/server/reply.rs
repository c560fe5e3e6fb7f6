//! What a handler gives back: bytes to send, some of them still in files.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use medallion_os::File;
use medallion_wire::kafka_protocol::protocol::{Encodable, HeaderVersion};

/// A piece of a response.
#[derive(Debug)]
pub(crate) enum Chunk {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A range of a segment file, sent without passing through this process's memory where the socket allows it.
    File(FileRange),
}

/// Some bytes of a file.
#[derive(Debug, Clone)]
pub(crate) struct FileRange {
    /// The file.
    pub(crate) file: Arc<dyn File>,
    /// The first byte.
    pub(crate) position: u64,
    /// How many bytes.
    pub(crate) len: usize,
}

/// The outcome of a request.
#[derive(Debug)]
pub(crate) enum Reply {
    /// Chunks to send, the frame's length included.
    Send(Vec<Chunk>),
    /// Nothing to send (`acks=0`).
    Silent,
    /// The connection has to be closed; the reason is logged.
    Close(String),
    /// The broker stops before there is an answer: the connection is closed.
    Stopped,
    /// A reply to send at once, behind which nothing is read from the connection for a while (KIP-219).
    Throttled(Box<Reply>, Duration),
}

impl Reply {
    /// Encodes a whole response with its length and header.
    pub(crate) fn encode<R: Encodable + HeaderVersion>(
        response: &R,
        version: i16,
        correlation_id: i32,
    ) -> Self {
        Self::encode_by(R::header_version(version), version, correlation_id, |frame| {
            frame.reserve(response.compute_size(version).map_err(|error| error.to_string())?);
            response.encode(frame, version).map_err(|error| error.to_string())
        })
    }

    /// As [`Reply::encode`] with a body that `body` appends, behind a header of this version.
    pub(crate) fn encode_by(
        header_version: i16,
        version: i16,
        correlation_id: i32,
        body: impl FnOnce(&mut BytesMut) -> Result<(), String>,
    ) -> Self {
        match encode_frame(header_version, correlation_id, body) {
            Ok(frame) => Self::Send(vec![Chunk::Bytes(frame)]),
            Err(error) => Self::Close(format!("response of version {version} cannot be encoded: {error}")),
        }
    }

    /// The same reply to a client that must wait for so many milliseconds; 0 or less for no wait.
    pub(crate) fn throttled(self, throttle_ms: i32) -> Self {
        match u64::try_from(throttle_ms) {
            Ok(0) | Err(_) => self,
            Ok(throttle_ms) => Self::Throttled(Box::new(self), Duration::from_millis(throttle_ms)),
        }
    }

    /// How many bytes the reply sends.
    pub(crate) fn len(&self) -> usize {
        let len = |chunk: &Chunk| match chunk {
            Chunk::Bytes(bytes) => bytes.len(),
            Chunk::File(range) => range.len,
        };
        match self {
            Self::Send(chunks) => chunks.iter().map(len).sum(),
            Self::Throttled(reply, _) => reply.len(),
            Self::Silent | Self::Close(_) | Self::Stopped => 0,
        }
    }
}

fn encode_frame(
    header_version: i16,
    correlation_id: i32,
    body: impl FnOnce(&mut BytesMut) -> Result<(), String>,
) -> Result<Bytes, String> {
    let mut frame = BytesMut::with_capacity(64);
    frame.put_i32(0);
    frame.put_i32(correlation_id);
    if header_version >= 1 {
        frame.put_u8(0); // no tagged fields
    }
    body(&mut frame)?;
    let len =
        i32::try_from(frame.len() - 4).map_err(|_| format!("{} bytes do not fit a frame", frame.len()))?;
    frame[..4].copy_from_slice(&len.to_be_bytes());
    Ok(frame.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;
    use medallion_wire::messages::{ApiVersionsResponse, MetadataResponse};

    fn frame(reply: Reply) -> Bytes {
        match reply {
            Reply::Send(mut chunks) => match chunks.remove(0) {
                Chunk::Bytes(bytes) => bytes,
                Chunk::File(_) => panic!("a file chunk"),
            },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn api_versions_answers_with_header_version_0_in_every_version() {
        for version in 0..=4 {
            let bytes = frame(Reply::encode(&ApiVersionsResponse::default(), version, 7));
            assert_eq!(bytes[4..8], 7_i32.to_be_bytes());
            assert_eq!(bytes[8..10], [0, 0], "the error code follows the correlation id at once");
        }
    }

    #[test]
    fn flexible_responses_carry_an_empty_tag_section() {
        let bytes = frame(Reply::encode(&MetadataResponse::default(), 9, 1));
        assert_eq!(
            usize::try_from(i32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])).ok(),
            Some(bytes.len() - 4)
        );
        assert_eq!(bytes[8], 0);
    }
}
