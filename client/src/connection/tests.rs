//! Connections to a broker that does as it is told.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use medallion_wire::frame::FrameDecoder;
use medallion_wire::header::RequestPrefix;
use medallion_wire::kafka_protocol::protocol::Encodable;
use medallion_wire::messages::api_versions_response::ApiVersion;
use medallion_wire::messages::{ApiVersionsResponse, MetadataRequest, MetadataResponse, ProduceRequest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::*;
use crate::config::ClientSettings;
use crate::hooks::Observer;

const API_VERSIONS: i16 = 18;
const METADATA: i16 = 3;
const PATIENCE: Duration = Duration::from_secs(10);

/// What the broker does with a request for metadata.
#[derive(Debug, Clone)]
enum Reply {
    /// Answers this many requests, the oldest first, with the number of brokers given.
    Answer(Vec<i32>),
    /// Says nothing yet.
    Wait,
    /// Answers with another correlation id.
    WrongId,
    /// Begins an answer of this length.
    Length(i32),
    Close,
}

/// A broker that goes through `replies` on each connection, and knows `ApiVersions` up to a version.
async fn broker(replies: Vec<Reply>, api_versions_max: i16) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, replies.clone().into(), api_versions_max));
        }
    });
    Address { host: "127.0.0.1".into(), port }
}

async fn serve(mut stream: TcpStream, mut replies: VecDeque<Reply>, api_versions_max: i16) {
    let mut decoder = FrameDecoder::new(1 << 20);
    let mut unanswered = VecDeque::new();
    loop {
        while let Some(frame) = decoder.next_frame().unwrap() {
            let prefix = RequestPrefix::parse(&frame).unwrap();
            let mut out = BytesMut::new();
            if prefix.api_key == API_VERSIONS {
                answer_versions(prefix, api_versions_max, &mut out);
            } else {
                unanswered.push_back(prefix);
                match replies.pop_front().unwrap_or(Reply::Wait) {
                    Reply::Wait => {}
                    Reply::Close => return,
                    Reply::Length(length) => out.put_i32(length),
                    Reply::WrongId => {
                        let first = unanswered.pop_front().unwrap();
                        let other = first.correlation_id + 1000;
                        answer_metadata(RequestPrefix { correlation_id: other, ..first }, 0, &mut out);
                    }
                    Reply::Answer(brokers) => {
                        for count in brokers {
                            answer_metadata(unanswered.pop_front().unwrap(), count, &mut out);
                        }
                    }
                }
            }
            stream.write_all(&out).await.unwrap();
        }
        if stream.read_buf(decoder.buffer()).await.unwrap_or(0) == 0 {
            return;
        }
    }
}

fn frame(correlation_id: i32, body: &[u8], out: &mut BytesMut) {
    out.put_i32(i32::try_from(body.len()).unwrap() + 4);
    out.put_i32(correlation_id);
    out.put_slice(body);
}

fn answer_versions(prefix: RequestPrefix, max: i16, out: &mut BytesMut) {
    let is_known = prefix.api_version <= max;
    let api = |key: i16, max: i16| ApiVersion::default().with_api_key(key).with_max_version(max);
    let response = ApiVersionsResponse::default()
        .with_error_code(if is_known { 0 } else { 35 })
        .with_api_keys(vec![api(API_VERSIONS, max), api(METADATA, 12)]);
    let mut body = BytesMut::new();
    response.encode(&mut body, if is_known { prefix.api_version } else { 0 }).unwrap();
    frame(prefix.correlation_id, &body, out);
}

/// The number tells answers apart; from 1000 on, what is above that is the throttle time in milliseconds.
fn answer_metadata(prefix: RequestPrefix, controller: i32, out: &mut BytesMut) {
    let response = MetadataResponse::default()
        .with_controller_id(medallion_wire::messages::BrokerId(controller))
        .with_throttle_time_ms((controller - 1000).max(0));
    let mut body = BytesMut::new();
    body.put_u8(0);
    response.encode(&mut body, prefix.api_version).unwrap();
    frame(prefix.correlation_id, &body, out);
}

async fn connect_with(address: &Address, settings: ClientSettings) -> Result<Connection, Error> {
    let connector = Connector::new(Arc::new(settings), None, Observer::default()).unwrap();
    connector.connect(address, PATIENCE).await
}

async fn connect(address: &Address) -> Connection {
    connect_with(address, ClientSettings::default()).await.unwrap()
}

async fn ask(connection: &Connection, patience: Duration) -> Result<i32, Error> {
    let response = connection.call(patience, "me", MetadataRequest::default()).await?;
    Ok(response.controller_id.0)
}

async fn closed(connection: &Connection) {
    let wait = async {
        while !connection.is_closed() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, wait).await.expect("the connection ends");
}

#[tokio::test]
async fn requests_are_pipelined_and_each_gets_its_answer() {
    let address = broker(vec![Reply::Wait, Reply::Wait, Reply::Answer(vec![1, 2, 3])], 4).await;
    let connection = connect(&address).await;
    let calls =
        tokio::join!(ask(&connection, PATIENCE), ask(&connection, PATIENCE), ask(&connection, PATIENCE));
    assert_eq!((calls.0.unwrap(), calls.1.unwrap(), calls.2.unwrap()), (1, 2, 3));
}

#[tokio::test]
async fn a_call_that_is_given_up_costs_only_its_answer() {
    let address = broker(vec![Reply::Wait, Reply::Answer(vec![1, 2])], 4).await;
    let connection = connect(&address).await;
    let given_up = timeout(Duration::from_millis(20), ask(&connection, PATIENCE)).await;
    assert!(given_up.is_err());
    assert_eq!(ask(&connection, PATIENCE).await.unwrap(), 2);
}

#[tokio::test]
async fn a_late_answer_ends_the_connection_for_all() {
    let address = broker(vec![], 4).await;
    let connection = connect(&address).await;
    let short = Duration::from_millis(50);
    let (late, other) = tokio::join!(ask(&connection, short), ask(&connection, PATIENCE));
    for outcome in [late, other] {
        let error = outcome.unwrap_err();
        assert!(matches!(error, Error::RequestTimeout { after, .. } if after >= short), "{error}");
        assert!(error.is_retriable() && error.is_outcome_unknown());
    }
    closed(&connection).await;
    assert!(matches!(ask(&connection, short).await, Err(Error::Disconnected { .. })));
}

#[tokio::test]
async fn answers_that_cannot_be_are_errors() {
    for (reply, reason) in [
        (Reply::WrongId, "an answer to request 1001, not to 1"),
        (Reply::Length(-5), "a frame of -5 bytes"),
        (Reply::Length(5000), "an answer of 5000 bytes, above the 2000 of receive.message.max.bytes"),
        (Reply::Close, "closed by the broker"),
    ] {
        let address = broker(vec![reply], 4).await;
        let settings = ClientSettings::default().receive_message_max_bytes(2000_usize);
        let connection = connect_with(&address, settings).await.unwrap();
        let error = ask(&connection, PATIENCE).await.unwrap_err();
        assert!(matches!(error, Error::Disconnected { .. }), "{error:?}");
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[tokio::test]
async fn older_brokers_are_asked_again_in_their_version() {
    for max in [0, 2, 3] {
        let address = broker(vec![Reply::Answer(vec![7])], max).await;
        let connection = connect(&address).await;
        assert_eq!(ask(&connection, PATIENCE).await.unwrap(), 7);
        let error = connection.version_of::<ProduceRequest>(i16::MAX).unwrap_err();
        assert!(matches!(error, Error::UnsupportedVersion { .. }), "{error}");
    }
}

#[tokio::test]
async fn idle_connections_are_closed_and_busy_ones_are_not() {
    let address = broker(vec![Reply::Wait, Reply::Answer(vec![1, 2])], 4).await;
    let settings = ClientSettings::default().connections_max_idle(Duration::from_millis(60));
    let connection = connect_with(&address, settings).await.unwrap();
    let waiting = ask(&connection, PATIENCE);
    let later = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        ask(&connection, PATIENCE).await
    };
    let (first, second) = tokio::join!(waiting, later);
    assert_eq!((first.unwrap(), second.unwrap()), (1, 2));
    closed(&connection).await;
}

#[tokio::test]
async fn nobody_listens_or_somebody_else_does() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let error =
        connect_with(&Address { host: "127.0.0.1".into(), port: free }, ClientSettings::default()).await;
    assert!(matches!(error, Err(Error::Unreachable { .. })), "{error:?}");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address { host: "127.0.0.1".into(), port: listener.local_addr().unwrap().port() };
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
        }
    });
    let error = connect_with(&address, ClientSettings::default()).await.unwrap_err();
    assert!(matches!(error, Error::Disconnected { .. }), "{error}");
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address { host: "127.0.0.1".into(), port: silent.local_addr().unwrap().port() };
    let connector = Connector::new(Arc::default(), None, Observer::default()).unwrap();
    let error = connector.connect(&address, Duration::from_millis(50)).await.unwrap_err();
    assert!(error.to_string().contains("socket.connection.setup.timeout.ms"), "{error}");
}

#[tokio::test]
async fn a_broker_that_wants_to_be_left_alone_is() {
    let replies = vec![Reply::Answer(vec![1150]), Reply::Answer(vec![2]), Reply::Answer(vec![3])];
    let address = broker(replies, 3).await;
    let connection = connect(&address).await;
    let since = Instant::now();
    assert_eq!(ask(&connection, PATIENCE).await.unwrap(), 1150);
    assert!(connection.throttled_until().is_some_and(|until| until > since));
    assert_eq!(ask(&connection, PATIENCE).await.unwrap(), 2);
    assert!(since.elapsed() >= Duration::from_millis(150), "{:?}", since.elapsed());
    assert_eq!(ask(&connection, PATIENCE).await.unwrap(), 3);
    assert_eq!(connection.throttled_until(), None);
}
