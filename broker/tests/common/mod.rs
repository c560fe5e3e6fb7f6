//! A broker in this process and a plain connection to it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use medallion_broker::config::{Origin, Settings};
use medallion_broker::loggers::Loggers;
use medallion_broker::{Broker, StartError};
use medallion_wire::kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request};
use medallion_wire::messages::RequestHeader;

pub(crate) mod quotas;
pub(crate) mod topics;

/// Loggers that stay as they are.
#[derive(Debug)]
pub(crate) struct FixedLoggers;

impl Loggers for FixedLoggers {
    fn levels(&self) -> Vec<(String, String)> {
        vec![("root".into(), "INFO".into())]
    }

    fn check(&self, _: &[(&str, Option<&str>)]) -> Result<(), String> {
        Ok(())
    }

    fn change(&self, _: &[(&str, Option<&str>)]) -> Result<(), String> {
        Ok(())
    }
}

/// Starts a broker on free loopback ports with its data in `directory`.
///
/// # Errors
/// What the broker says.
pub(crate) async fn start(directory: &std::path::Path, more: &[(&str, &str)]) -> Result<Broker, StartError> {
    let mut settings = Settings::new();
    let log_dirs = directory.join("data").display().to_string();
    let fixed = [
        ("process.roles", "broker,controller"),
        ("node.id", "1"),
        ("listeners", "PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0"),
        ("controller.listener.names", "CONTROLLER"),
        ("controller.quorum.voters", "1@127.0.0.1:9093"),
        ("log.dirs", log_dirs.as_str()),
        ("medallion.metrics.listener", "127.0.0.1:0"),
        ("medallion.disk.reserve.bytes", "0"),
    ];
    for (name, value) in fixed.iter().chain(more) {
        settings.set(*name, *value, Origin::CommandLine);
    }
    Broker::start(settings, Arc::new(FixedLoggers)).await
}

/// The clients' address.
pub(crate) fn clients_address(broker: &Broker) -> SocketAddr {
    let listener = broker.listeners().iter().find(|listener| !listener.is_controller);
    listener.expect("a listener for clients").address
}

/// A connection that sends one request at a time.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    client_id: &'static str,
    correlation_id: i32,
}

impl Connection {
    /// Connects.
    pub(crate) fn open(address: SocketAddr) -> Self {
        Self::open_as(address, "test")
    }

    /// Connects, to send requests with this client id.
    pub(crate) fn open_as(address: SocketAddr, client_id: &'static str) -> Self {
        let stream = TcpStream::connect(address).expect("the broker listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout can be set");
        Self { stream, client_id, correlation_id: 0 }
    }

    /// Sends a request and reads its response, all of it.
    pub(crate) fn ask<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        self.send(version, request);
        self.read::<R>(version)
    }

    /// Sends a request; its response is to be read by [`Connection::read`].
    pub(crate) fn send<R: Request>(&mut self, version: i16, request: &R) {
        self.correlation_id += 1;
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(self.correlation_id)
            .with_client_id(Some(self.client_id.into()));
        let mut frame = BytesMut::new();
        frame.put_i32(0);
        header.encode(&mut frame, R::header_version(version)).expect("a header");
        request
            .encode(&mut frame, version)
            .unwrap_or_else(|error| panic!("API {} v{version}: {error}", R::KEY));
        let len = u32::try_from(frame.len() - 4).expect("small");
        frame[..4].copy_from_slice(&len.to_be_bytes());
        self.stream.write_all(&frame).expect("sent");
    }

    /// Reads the response to the last request, all of it.
    pub(crate) fn read<R: Request>(&mut self, version: i16) -> R::Response {
        let mut body = self.read_frame(R::KEY, version);
        assert_eq!(body.get_i32(), self.correlation_id);
        if R::Response::header_version(version) >= 1 {
            assert_eq!(body.get_u8(), 0, "no tagged fields");
        }
        let response = R::Response::decode(&mut body, version)
            .unwrap_or_else(|error| panic!("response of API {} v{version}: {error}", R::KEY));
        assert!(body.is_empty(), "API {} v{version}: {} bytes too many", R::KEY, body.len());
        response
    }

    /// All bytes that come until the broker closes the connection.
    #[allow(dead_code, reason = "not all test programs need it")]
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).expect("the broker closes the connection");
        rest
    }

    fn read_frame(&mut self, key: i16, version: i16) -> Bytes {
        let mut len = [0; 4];
        self.stream
            .read_exact(&mut len)
            .unwrap_or_else(|error| panic!("API {key} v{version} is not answered: {error}"));
        let mut body = vec![0; usize::try_from(u32::from_be_bytes(len)).expect("fits")];
        self.stream.read_exact(&mut body).expect("a whole frame");
        Bytes::from(body)
    }
}
