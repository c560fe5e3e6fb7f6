//! One connection to one broker.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use medallion_wire::kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use medallion_wire::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, RequestHeader, ResponseHeader,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::ClientError;

const CLIENT_ID: &str = "medallion-cli";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(40);
/// A response longer than this is taken for somebody else's protocol.
const RESPONSE_BYTES_MAX: usize = 256 << 20;
const UNSUPPORTED_VERSION: i16 = 35;

/// An open connection, with the versions that its broker speaks. One request at a time.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    address: String,
    versions: HashMap<i16, (i16, i16)>,
    next_correlation_id: i32,
}

impl Connection {
    /// Connects to `address` (`host:port`) and asks for the versions.
    pub(crate) async fn open(address: &str) -> Result<Self, ClientError> {
        let unreachable = |reason| ClientError::Unreachable { address: address.to_owned(), reason };
        let stream = timeout(CONNECT_TIMEOUT, TcpStream::connect(address))
            .await
            .map_err(|_| unreachable(io::Error::from(io::ErrorKind::TimedOut)))?
            .map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let mut connection =
            Self { stream, address: address.to_owned(), versions: HashMap::new(), next_correlation_id: 0 };
        connection.agree_on_versions().await?;
        Ok(connection)
    }

    /// The highest version of `R` that both sides speak, at most `cap`.
    pub(crate) fn version_of<R: Request>(&self, cap: i16) -> Result<i16, ClientError> {
        let ours = R::VERSIONS;
        let theirs = self.versions.get(&R::KEY).copied();
        let (min, max) = theirs.unwrap_or((0, -1));
        let version = ours.max.min(max).min(cap);
        if version < ours.min.max(min) {
            return Err(ClientError::UnsupportedApi {
                address: self.address.clone(),
                api: api_key::<R>(),
                ours: ours.to_string(),
                theirs: theirs.map_or_else(|| "none".to_owned(), |(min, max)| format!("{min}..{max}")),
            });
        }
        Ok(version)
    }

    /// Sends what `build` makes for the agreed version and waits for the answer.
    pub(crate) async fn call<R: Request>(
        &mut self,
        build: impl FnOnce(i16) -> R,
    ) -> Result<R::Response, ClientError> {
        let version = self.version_of::<R>(i16::MAX)?;
        self.call_at(&build(version), version).await
    }

    /// Sends `request` without waiting: the broker does not answer a produce request with `acks=0`.
    pub(crate) async fn send<R: Request>(&mut self, request: &R) -> Result<(), ClientError> {
        let version = self.version_of::<R>(i16::MAX)?;
        let frame = self.encode(request, version)?;
        self.stream.write_all(&frame).await.map_err(|reason| self.lost(api_key::<R>(), reason))
    }

    async fn call_at<R: Request>(&mut self, request: &R, version: i16) -> Result<R::Response, ClientError> {
        let mut body = self.exchange(request, version).await?;
        R::Response::decode(&mut body, version).map_err(|reason| malformed::<R>("the answer to", &reason))
    }

    /// One request and the body of its answer.
    async fn exchange<R: Request>(&mut self, request: &R, version: i16) -> Result<Bytes, ClientError> {
        let api = api_key::<R>();
        let correlation_id = self.next_correlation_id;
        let frame = self.encode(request, version)?;
        let work = async {
            self.stream.write_all(&frame).await?;
            read_frame(&mut self.stream).await
        };
        let mut answer = match timeout(REQUEST_TIMEOUT, work).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(reason)) => return Err(self.lost(api, reason)),
            Err(_) => {
                return Err(ClientError::Timeout {
                    address: self.address.clone(),
                    api,
                    after: REQUEST_TIMEOUT,
                });
            }
        };
        let header = ResponseHeader::decode(&mut answer, R::Response::header_version(version))
            .map_err(|reason| malformed::<R>("the header of the answer to", &reason))?;
        if header.correlation_id != correlation_id {
            let reason = format!("it answers request {}, not {correlation_id}", header.correlation_id);
            return Err(malformed::<R>("the answer to", &reason));
        }
        Ok(answer)
    }

    fn encode<R: Request>(&mut self, request: &R, version: i16) -> Result<BytesMut, ClientError> {
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(self.next_correlation_id)
            .with_client_id(Some(StrBytes::from_static_str(CLIENT_ID)));
        self.next_correlation_id = self.next_correlation_id.wrapping_add(1);
        let mut frame = BytesMut::new();
        frame.put_i32(0);
        header
            .encode(&mut frame, R::header_version(version))
            .and_then(|()| request.encode(&mut frame, version))
            .map_err(|reason| malformed::<R>("cannot encode", &reason))?;
        let length =
            i32::try_from(frame.len() - 4).map_err(|reason| malformed::<R>("cannot send", &reason))?;
        frame[..4].copy_from_slice(&length.to_be_bytes());
        Ok(frame)
    }

    /// Asks with version 3; a broker that is older answers in version 0 with its own range, which is then taken.
    async fn agree_on_versions(&mut self) -> Result<(), ClientError> {
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str(CLIENT_ID))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        let body = self.exchange(&request, 3).await?;
        let refused = body.len() >= 2 && body[..2] == UNSUPPORTED_VERSION.to_be_bytes();
        let version = if refused { 0 } else { 3 };
        let response = ApiVersionsResponse::decode(&mut body.clone(), version)
            .map_err(|reason| malformed::<ApiVersionsRequest>("the answer to", &reason))?;
        if !refused {
            ClientError::check(response.error_code, || self.address.clone(), None)?;
        }
        self.versions =
            response.api_keys.iter().map(|api| (api.api_key, (api.min_version, api.max_version))).collect();
        Ok(())
    }

    fn lost(&self, api: ApiKey, reason: io::Error) -> ClientError {
        ClientError::ConnectionLost { address: self.address.clone(), api, reason }
    }
}

async fn read_frame(stream: &mut TcpStream) -> io::Result<Bytes> {
    let mut length = [0_u8; 4];
    stream.read_exact(&mut length).await?;
    let length = usize::try_from((&length[..]).get_i32()).unwrap_or(usize::MAX);
    if length > RESPONSE_BYTES_MAX {
        return Err(io::Error::other("the answer is no Kafka frame"));
    }
    // `take` grows the buffer with what arrives, not with what the length claims.
    let mut frame = Vec::new();
    let read = stream.take(length as u64).read_to_end(&mut frame).await?;
    if read < length {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
    }
    Ok(Bytes::from(frame))
}

fn api_key<R: Request>() -> ApiKey {
    ApiKey::try_from(R::KEY).expect("every request type has a key that the crate knows")
}

fn malformed<R: Request>(what: &str, reason: &impl std::fmt::Display) -> ClientError {
    ClientError::Malformed { what: format!("{what} {:?}", api_key::<R>()), reason: reason.to_string() }
}
