//! A connection that speaks the protocol directly: typed calls, and bytes as they are.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use medallion_wire::kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use medallion_wire::messages::{ApiVersionsRequest, RequestHeader, ResponseHeader};

/// A TCP connection to a server.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    correlation_id: i32,
}

impl Connection {
    /// Connects; reads and writes wait for at most 30 seconds.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn open(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.set_write_timeout(Some(Duration::from_secs(30)))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, correlation_id: 0 })
    }

    /// The socket, for tests that use it in ways of their own.
    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Whether the server answers an `ApiVersions` request.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn is_ready(&mut self) -> io::Result<bool> {
        self.stream.set_read_timeout(Some(Duration::from_secs(3)))?;
        let answer = self.try_call(&ApiVersionsRequest::default(), 0)?;
        Ok(answer.error_code == 0)
    }

    /// Sends a request and decodes its answer.
    ///
    /// # Errors
    /// Those of the socket, and of an answer that does not decode.
    pub fn try_call<R: Request>(&mut self, request: &R, version: i16) -> io::Result<R::Response> {
        let mut body = BytesMut::new();
        request.encode(&mut body, version).map_err(io::Error::other)?;
        let mut answer = self.exchange(R::KEY, version, R::header_version(version), &body)?;
        ResponseHeader::decode(&mut answer, R::Response::header_version(version))
            .map_err(io::Error::other)?;
        R::Response::decode(&mut answer, version).map_err(io::Error::other)
    }

    /// As [`Self::try_call`], for a request that has to be answered.
    pub fn call<R: Request>(&mut self, request: &R, version: i16) -> R::Response {
        self.try_call(request, version)
            .unwrap_or_else(|error| panic!("API {} version {version}: {error}", R::KEY))
    }

    /// Sends a request with any body and returns the frame of the answer, from the correlation id on.
    ///
    /// # Errors
    /// Those of the socket; `UnexpectedEof` where the server closed the connection.
    pub fn exchange(
        &mut self,
        key: i16,
        version: i16,
        header_version: i16,
        body: &[u8],
    ) -> io::Result<Bytes> {
        self.send(key, version, header_version, body)?;
        self.receive()
    }

    /// Sends a request with any body.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn send(&mut self, key: i16, version: i16, header_version: i16, body: &[u8]) -> io::Result<()> {
        self.correlation_id += 1;
        let header = RequestHeader::default()
            .with_request_api_key(key)
            .with_request_api_version(version)
            .with_correlation_id(self.correlation_id)
            .with_client_id(Some(StrBytes::from_static_str("medallion-tests")));
        let mut frame = BytesMut::new();
        header.encode(&mut frame, header_version).map_err(io::Error::other)?;
        frame.extend_from_slice(body);
        self.send_frame(&frame)
    }

    /// Sends bytes behind their length.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn send_frame(&mut self, frame: &[u8]) -> io::Result<()> {
        let size = i32::try_from(frame.len()).map_err(io::Error::other)?;
        let mut bytes = Vec::with_capacity(frame.len() + 4);
        bytes.extend_from_slice(&size.to_be_bytes());
        bytes.extend_from_slice(frame);
        self.stream.write_all(&bytes)
    }

    /// Reads one frame.
    ///
    /// # Errors
    /// Those of the socket; `UnexpectedEof` where the server closed the connection.
    pub fn receive(&mut self) -> io::Result<Bytes> {
        let mut size = [0; 4];
        self.stream.read_exact(&mut size)?;
        let size = usize::try_from(i32::from_be_bytes(size)).map_err(io::Error::other)?;
        let mut frame = vec![0; size];
        self.stream.read_exact(&mut frame)?;
        Ok(frame.into())
    }
}
