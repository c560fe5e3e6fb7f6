//! A connection on which any number of requests wait for their answers.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf, Bytes, BytesMut};
use medallion_wire::kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use medallion_wire::messages::{RequestHeader, ResponseHeader};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::{mpsc, oneshot};

/// Requests that wait, by correlation id. `None` once the connection is over.
type Waiting = Arc<Mutex<Option<HashMap<i32, oneshot::Sender<Bytes>>>>>;

/// A connection. It is closed when it is dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    requests: mpsc::UnboundedSender<Bytes>,
    waiting: Waiting,
    correlation_id: Mutex<i32>,
}

impl Connection {
    pub(crate) async fn open(address: &str) -> io::Result<Arc<Self>> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (reader, mut writer) = stream.into_split();
        let waiting: Waiting = Arc::new(Mutex::new(Some(HashMap::new())));
        let (requests, mut queue) = mpsc::unbounded_channel::<Bytes>();
        drop(tokio::spawn(async move {
            while let Some(frame) = queue.recv().await {
                if writer.write_all(&frame).await.is_err() {
                    return;
                }
            }
        }));
        let reading = Arc::clone(&waiting);
        drop(tokio::spawn(async move {
            let _ = read(reader, &reading).await;
            // Whoever still waits is told that the connection is over.
            drop(reading.lock().unwrap_or_else(PoisonError::into_inner).take());
        }));
        Ok(Arc::new(Self { requests, waiting, correlation_id: Mutex::new(0) }))
    }

    /// Sends a request and waits for its answer.
    pub(crate) async fn call<R: Request>(&self, request: &R, version: i16) -> io::Result<R::Response> {
        let correlation_id = {
            let mut last = self.correlation_id.lock().unwrap_or_else(PoisonError::into_inner);
            *last += 1;
            *last
        };
        let frame = frame_of(request, version, correlation_id)?;
        let (answer, answered) = oneshot::channel();
        match self.waiting.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(waiting) => drop(waiting.insert(correlation_id, answer)),
            None => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
        self.requests.send(frame).map_err(io::Error::other)?;
        let mut body = answered.await.map_err(|_| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        let header_version = R::Response::header_version(version);
        let _ = ResponseHeader::decode(&mut body, header_version).map_err(io::Error::other)?;
        R::Response::decode(&mut body, version).map_err(io::Error::other)
    }
}

fn frame_of<R: Request>(request: &R, version: i16, correlation_id: i32) -> io::Result<Bytes> {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(StrBytes::from_static_str("group-load")));
    let mut frame = BytesMut::zeroed(4);
    header.encode(&mut frame, R::header_version(version)).map_err(io::Error::other)?;
    request.encode(&mut frame, version).map_err(io::Error::other)?;
    let size = u32::try_from(frame.len() - 4).map_err(io::Error::other)?;
    frame[..4].copy_from_slice(&size.to_be_bytes());
    Ok(frame.freeze())
}

async fn read(mut reader: OwnedReadHalf, waiting: &Waiting) -> io::Result<()> {
    let mut buffer = BytesMut::new();
    loop {
        while let Some(mut size) = buffer.get(..4) {
            let size = usize::try_from(size.get_u32()).map_err(io::Error::other)?;
            if buffer.len() < 4 + size {
                buffer.reserve(4 + size - buffer.len());
                break;
            }
            buffer.advance(4);
            let frame = buffer.split_to(size).freeze();
            let correlation_id =
                frame.get(..4).map(|mut id| id.get_i32()).ok_or(io::ErrorKind::InvalidData)?;
            let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(answer) = waiting.as_mut().and_then(|waiting| waiting.remove(&correlation_id)) {
                let _ = answer.send(frame); // whoever asked may have given up
            }
        }
        if reader.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
}
