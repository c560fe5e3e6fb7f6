//! One request after another on a socket that nobody else uses: what opens a connection, and authenticates again.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use medallion_wire::frame::{FrameDecoder, FrameError};
use medallion_wire::kafka_protocol::protocol::{Message, Request, StrBytes};
use medallion_wire::messages::{ApiVersionsRequest, ApiVersionsResponse};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::send_queue::SendQueue;
use super::{ApiVersions, Frame, decode_answer};
use crate::error::Error;

const UNSUPPORTED_VERSION: i16 = 35;
/// The name under which brokers count this client (KIP-511).
const SOFTWARE_NAME: &str = "medallion-client";

/// A socket's two halves, with what has been read but not used.
#[derive(Debug)]
pub(super) struct Stream<R, W> {
    pub(super) read: R,
    pub(super) write: W,
    pub(super) decoder: FrameDecoder,
    pub(super) address: Arc<str>,
    pub(super) client_id: Arc<str>,
    pub(super) next_correlation_id: i32,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Stream<R, W> {
    /// Sends a request and waits for its answer.
    pub(super) async fn call<Q: Request>(&mut self, request: &Q, version: i16) -> Result<Q::Response, Error> {
        let mut body = self.exchange(request, version).await?;
        decode_answer::<Q>(&mut body, version)
    }

    /// What comes back, behind the correlation id.
    async fn exchange<Q: Request>(&mut self, request: &Q, version: i16) -> Result<Bytes, Error> {
        let correlation_id = self.next_correlation_id;
        self.next_correlation_id = correlation_id.wrapping_add(1) & i32::MAX;
        let (head, rest) = Frame::encode(request, version, &self.client_id)?.into_parts(correlation_id);
        let mut queue = SendQueue::default();
        queue.push(head);
        for piece in rest {
            queue.push(piece);
        }
        let lost = |error: std::io::Error| Error::disconnected(&self.address, error);
        self.write.write_all_buf(&mut queue).await.map_err(lost)?;
        self.write.flush().await.map_err(lost)?;
        let mut answer = self.next_frame().await?;
        if answer.len() < size_of::<i32>() || answer.get_i32() != correlation_id {
            return Err(Error::disconnected(&self.address, "it does not answer as a Kafka broker does"));
        }
        Ok(answer)
    }

    async fn next_frame(&mut self) -> Result<Bytes, Error> {
        loop {
            let frame = self.decoder.next_frame();
            if let Some(frame) = frame.map_err(|error| bad_frame(&self.address, error))? {
                return Ok(frame);
            }
            let read = self.read.read_buf(self.decoder.buffer()).await;
            if read.map_err(|error| Error::disconnected(&self.address, error))? == 0 {
                return Err(Error::disconnected(&self.address, "closed by the broker"));
            }
        }
    }

    /// Asks what the broker speaks. One that does not know our version of the question answers with its own in version
    /// 0, and is asked again in its highest.
    pub(super) async fn agree_on_versions(&mut self) -> Result<ApiVersions, Error> {
        let mut version = ApiVersionsRequest::VERSIONS.max;
        for _ in 0..2 {
            let mut request = ApiVersionsRequest::default();
            if version >= 3 {
                request = request
                    .with_client_software_name(StrBytes::from_static_str(SOFTWARE_NAME))
                    .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
            }
            let mut body = self.exchange(&request, version).await?;
            let refused = version > 0 && body.len() >= 2 && body[..2] == UNSUPPORTED_VERSION.to_be_bytes();
            let answered_in = if refused { 0 } else { version };
            let response: ApiVersionsResponse = decode_answer::<ApiVersionsRequest>(&mut body, answered_in)?;
            if !refused {
                Error::check(response.error_code, || self.address.to_string(), None)?;
                return Ok(ApiVersions::of(&response));
            }
            let theirs = response.api_keys.iter().find(|api| api.api_key == ApiVersionsRequest::KEY);
            version = theirs.map_or(0, |theirs| theirs.max_version.clamp(0, version - 1));
        }
        Err(Error::malformed(format!("the answers to ApiVersions of {}", self.address), "no version suits"))
    }
}

/// An answer that cannot be read.
pub(super) fn bad_frame(address: &Arc<str>, error: FrameError) -> Error {
    match error {
        FrameError::TooLarge { length, frame_bytes_max } => Error::disconnected(
            address,
            format!("an answer of {length} bytes, above the {frame_bytes_max} of receive.message.max.bytes"),
        ),
        error => Error::disconnected(address, error),
    }
}
