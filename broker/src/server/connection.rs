//! One client connection: frames in, replies out in the same order.
//!
//! Requests are started in the order in which they came, as soon as they are read; replies are awaited and sent in
//! that order too. A connection holds at most `in_flight_max` requests; while a reply is being sent nothing is read,
//! so a peer that does not read stops its own requests. Behind a reply to a client that is above its quota nothing is
//! read for a while either: the connection is muted.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use medallion_wire::frame::FrameDecoder;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tracing::debug;

use super::memory::{MemoryBudget, MemoryLease, SMALL_FRAME_BYTES};
use super::reply::Reply;
use super::transmit::send_chunks;

/// A started request.
pub(crate) type PendingReply = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// What bounds a connection.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionLimits {
    /// The largest frame (`socket.request.max.bytes`).
    pub(crate) frame_bytes_max: usize,
    /// Requests that were read and not yet answered.
    pub(crate) in_flight_max: usize,
    /// A connection without traffic is closed after this time (`connections.max.idle.ms`).
    pub(crate) idle_max: Duration,
    /// A frame that has begun must be complete after this time.
    pub(crate) frame_time_max: Duration,
    /// A peer that takes nothing of its response for this long is dropped.
    pub(crate) write_stall_max: Duration,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectionEnd {
    /// The peer closed it.
    #[error("closed by the peer")]
    Peer,
    /// Nothing was heard for too long.
    #[error("idle for {0:?}")]
    Idle(Duration),
    /// A frame began and did not end in time.
    #[error("a frame was not complete after {0:?}")]
    SlowFrame(Duration),
    /// The bytes make no sense.
    #[error("refused: {0}")]
    Refused(String),
    /// The socket failed.
    #[error("socket: {0}")]
    Socket(#[from] io::Error),
    /// The broker stops.
    #[error("the broker stops")]
    Shutdown,
}

impl ConnectionEnd {
    /// The reason in a word, where the broker ended the connection.
    pub(crate) fn label(&self) -> Option<&'static str> {
        match self {
            Self::Peer | Self::Socket(_) => None,
            Self::Idle(_) => Some("idle"),
            Self::SlowFrame(_) => Some("slow_frame"),
            Self::Refused(_) => Some("refused"),
            Self::Shutdown => Some("shutdown"),
        }
    }
}

struct InFlight {
    reply: PendingReply,
    /// Given back when the reply is sent.
    _lease: MemoryLease,
}

/// Reads whole frames from a socket.
struct FrameReader {
    stream: Arc<TcpStream>,
    decoder: FrameDecoder,
    budget: MemoryBudget,
    lease: Option<MemoryLease>,
    /// A frame that waits for its lease.
    complete: Option<Bytes>,
    /// What a complete frame takes in memory beside its own bytes, once it is decoded.
    weigh: fn(&Bytes) -> usize,
    /// When the first byte of an unfinished frame came, or when reading went on after a pause that was not the peer's.
    frame_began: Option<Instant>,
    /// The peer has done its part: memory is waited for.
    waits_for_memory: bool,
}

impl FrameReader {
    /// The next frame with the memory that it takes; `None` at the end of the stream. Cancel safe: whatever was
    /// read or taken stays here.
    async fn next(&mut self) -> Result<Option<(Bytes, MemoryLease)>, ConnectionEnd> {
        loop {
            if self.complete.is_none() {
                let next = self.decoder.next_frame();
                self.complete = next.map_err(|error| ConnectionEnd::Refused(error.to_string()))?;
                if self.complete.is_some() {
                    // What came behind the frame is the beginning of another one.
                    self.frame_began = (!self.decoder.is_between_frames()).then(Instant::now);
                }
                let extra = self.complete.as_ref().map_or(0, self.weigh);
                if extra > SMALL_FRAME_BYTES {
                    // Taken as one: who held a part while waiting for the rest could wait for somebody who does too.
                    self.lease = None;
                }
            }
            if let Some(frame) = &self.complete
                && self.lease.is_none()
            {
                let bytes = frame.len() + (self.weigh)(frame);
                self.take_memory(bytes).await;
            }
            if let Some(frame) = self.complete.take() {
                let lease = self.lease.take().expect("a complete frame has its lease");
                self.decoder.release();
                return Ok(Some((frame, lease)));
            }
            // An announced length costs nobody anything: only a frame that has really begun to come takes its bytes.
            if let Some(bytes) = self.decoder.frame_bytes()
                && self.lease.is_none()
                && bytes > SMALL_FRAME_BYTES
                && self.decoder.buffer().len() >= SMALL_FRAME_BYTES / 2
            {
                self.take_memory(bytes).await;
            }
            self.stream.readable().await?;
            match self.stream.try_read_buf(self.decoder.buffer()) {
                Ok(0) => return Ok(None),
                Ok(_) => {
                    self.frame_began.get_or_insert_with(Instant::now);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.decoder.release(),
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn take_memory(&mut self, bytes: usize) {
        self.waits_for_memory = true;
        self.lease = Some(self.budget.take(bytes).await);
        self.waits_for_memory = false;
        self.restart_clock();
    }

    /// Gives an unfinished frame its whole time again, after a pause in which nothing was read.
    fn restart_clock(&mut self) {
        self.frame_began = self.frame_began.map(|_| Instant::now());
    }

    /// Since when the peer has owed the rest of a frame.
    fn owed_since(&self) -> Option<Instant> {
        self.frame_began.filter(|_| !self.waits_for_memory)
    }
}

/// Serves one connection until it ends; after `shutdown` what was begun is answered and nothing more is read. `start`
/// begins a request and must not block; `weigh` tells what a request takes in memory beside its own bytes.
pub(crate) async fn serve(
    stream: Arc<TcpStream>,
    limits: ConnectionLimits,
    budget: MemoryBudget,
    weigh: fn(&Bytes) -> usize,
    mut start: impl FnMut(Bytes) -> Result<PendingReply, String>,
    shutdown: impl Future<Output = ()>,
) -> ConnectionEnd {
    let mut reader = FrameReader {
        stream: Arc::clone(&stream),
        decoder: FrameDecoder::new(limits.frame_bytes_max),
        budget,
        lease: None,
        complete: None,
        weigh,
        frame_began: None,
        waits_for_memory: false,
    };
    let mut in_flight: VecDeque<InFlight> = VecDeque::new();
    let mut last_activity = Instant::now();
    let mut stopping = false;
    tokio::pin!(shutdown);
    let timer = tokio::time::sleep(limits.idle_max.min(limits.frame_time_max));
    tokio::pin!(timer);
    let mut muted_until: Option<Instant> = None;
    while !stopping || !in_flight.is_empty() {
        let may_read = !stopping && muted_until.is_none() && in_flight.len() < limits.in_flight_max;
        tokio::select! {
            biased;
            // First, so that a peer who never pauses cannot keep the connection.
            () = &mut shutdown, if !stopping => stopping = true,
            reply = front(&mut in_flight), if !in_flight.is_empty() => {
                let done = in_flight.pop_front();
                let throttle = match send(&stream, reply, limits.write_stall_max).await {
                    Ok(throttle) => throttle,
                    Err(end) => return end,
                };
                drop(done);
                last_activity = Instant::now();
                reader.restart_clock();
                muted_until = muted_until.max(throttle.map(|throttle| last_activity + throttle));
            }
            () = passed(muted_until), if muted_until.is_some() => {
                muted_until = None;
                reader.restart_clock();
            }
            frame = reader.next(), if may_read => {
                last_activity = Instant::now();
                let (frame, lease) = match frame {
                    Ok(Some(frame)) => frame,
                    Ok(None) => return ConnectionEnd::Peer,
                    Err(end) => return end,
                };
                match start(frame) {
                    Ok(reply) => in_flight.push_back(InFlight { reply, _lease: lease }),
                    Err(reason) => return ConnectionEnd::Refused(reason),
                }
            }
            () = &mut timer => {
                let owed_since = reader.owed_since().filter(|_| may_read);
                if let Some(end) = overdue(&limits, last_activity, owed_since, in_flight.is_empty()) {
                    return end;
                }
                timer.as_mut().reset(Instant::now() + limits.idle_max.min(limits.frame_time_max) / 2);
            }
        }
    }
    ConnectionEnd::Shutdown
}

async fn front(in_flight: &mut VecDeque<InFlight>) -> Reply {
    match in_flight.front_mut() {
        Some(first) => (&mut first.reply).await,
        None => std::future::pending().await,
    }
}

/// Waits until a time has come; for ever without one.
async fn passed(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Sends a reply; for how long nothing may be read after it.
async fn send(
    stream: &Arc<TcpStream>,
    reply: Reply,
    stall_max: Duration,
) -> Result<Option<Duration>, ConnectionEnd> {
    let (reply, throttle) = match reply {
        Reply::Throttled(reply, throttle) => (*reply, Some(throttle)),
        reply => (reply, None),
    };
    match reply {
        Reply::Send(chunks) => send_chunks(stream, chunks, stall_max).await.map_err(ConnectionEnd::Socket)?,
        Reply::Silent => {}
        Reply::Stopped => return Err(ConnectionEnd::Shutdown),
        Reply::Throttled(..) => unreachable!("a reply is throttled once"),
        Reply::Close(reason) => {
            debug!(%reason, "connection closed instead of an answer");
            return Err(ConnectionEnd::Refused(reason));
        }
    }
    Ok(throttle)
}

fn overdue(
    limits: &ConnectionLimits,
    last_activity: Instant,
    owed_since: Option<Instant>,
    nothing_in_flight: bool,
) -> Option<ConnectionEnd> {
    if owed_since.is_some_and(|began| began.elapsed() >= limits.frame_time_max) {
        return Some(ConnectionEnd::SlowFrame(limits.frame_time_max));
    }
    (nothing_in_flight && last_activity.elapsed() >= limits.idle_max)
        .then_some(ConnectionEnd::Idle(limits.idle_max))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::reply::Chunk;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;

    fn limits() -> ConnectionLimits {
        ConnectionLimits {
            frame_bytes_max: 1 << 20,
            in_flight_max: 4,
            idle_max: Duration::from_secs(30),
            frame_time_max: Duration::from_secs(30),
            write_stall_max: Duration::from_secs(30),
        }
    }

    /// A connection whose requests are answered by `start`, and the client's end of it.
    async fn connect(
        limits: ConnectionLimits,
        budget: MemoryBudget,
        start: impl FnMut(Bytes) -> Result<PendingReply, String> + Send + 'static,
    ) -> (TcpStream, JoinHandle<ConnectionEnd>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let client = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("listening");
        let (server, _) = listener.accept().await.expect("connected");
        let serving = serve(Arc::new(server), limits, budget, |_| 0, start, std::future::pending());
        (client, tokio::spawn(serving))
    }

    fn frame(body: &[u8]) -> Vec<u8> {
        let len = u32::try_from(body.len()).expect("small");
        [&len.to_be_bytes()[..], body].concat()
    }

    fn echo_after(body: Bytes, delay: Duration) -> PendingReply {
        Box::pin(async move {
            tokio::time::sleep(delay).await;
            Reply::Send(vec![Chunk::Bytes(body)])
        })
    }

    async fn ended(serving: JoinHandle<ConnectionEnd>) -> ConnectionEnd {
        tokio::time::timeout(Duration::from_secs(20), serving).await.expect("ends in time").expect("no panic")
    }

    #[tokio::test]
    async fn replies_keep_the_order_of_requests() {
        let start = |body: Bytes| {
            let delay = if body[0] == b'a' { 50 } else { 0 };
            Ok(echo_after(body, Duration::from_millis(delay)))
        };
        let (mut client, _serving) = connect(limits(), MemoryBudget::new(1 << 20), start).await;
        client.write_all(&[frame(b"a"), frame(b"b"), frame(b"c")].concat()).await.expect("sent");
        let mut replies = [0; 3];
        client.read_exact(&mut replies).await.expect("answered");
        assert_eq!(&replies, b"abc");
    }

    #[tokio::test]
    async fn no_more_requests_are_begun_than_may_be_in_flight() {
        let begun = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&begun);
        let start = move |_| {
            counter.fetch_add(1, Ordering::SeqCst);
            let pending: PendingReply = Box::pin(std::future::pending());
            Ok(pending)
        };
        let (mut client, _serving) = connect(limits(), MemoryBudget::new(1 << 20), start).await;
        client.write_all(&frame(b"x").repeat(20)).await.expect("sent");
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(begun.load(Ordering::SeqCst), 4);
    }

    #[tokio::test]
    async fn a_frame_above_the_limit_closes_the_connection() {
        let (mut client, serving) =
            connect(limits(), MemoryBudget::new(1 << 20), |_| Err("not reached".into())).await;
        client.write_all(&i32::MAX.to_be_bytes()).await.expect("sent");
        assert!(
            matches!(ended(serving).await, ConnectionEnd::Refused(reason) if reason.contains("socket.request.max.bytes"))
        );
    }

    #[tokio::test]
    async fn half_a_frame_and_silence_are_ended_by_their_timeouts() {
        let slow = ConnectionLimits { frame_time_max: Duration::from_millis(100), ..limits() };
        let (mut client, serving) =
            connect(slow, MemoryBudget::new(1 << 20), |_| Err("not reached".into())).await;
        client.write_all(&frame(b"abc")[..5]).await.expect("sent");
        assert!(matches!(ended(serving).await, ConnectionEnd::SlowFrame(_)));

        let idle = ConnectionLimits { idle_max: Duration::from_millis(100), ..limits() };
        let (_client, serving) =
            connect(idle, MemoryBudget::new(1 << 20), |_| Err("not reached".into())).await;
        assert!(matches!(ended(serving).await, ConnectionEnd::Idle(_)));
    }

    /// What has come of a frame together with the frame before it must be completed in time as well.
    #[tokio::test]
    async fn half_a_frame_behind_a_whole_one_is_ended_by_its_timeout() {
        let slow = ConnectionLimits { frame_time_max: Duration::from_millis(100), ..limits() };
        let start = |body: Bytes| Ok(echo_after(body, Duration::ZERO));
        let (mut client, serving) = connect(slow, MemoryBudget::new(1 << 20), start).await;
        client.write_all(&[&frame(b"whole")[..], &frame(b"half")[..6]].concat()).await.expect("sent");
        assert!(matches!(ended(serving).await, ConnectionEnd::SlowFrame(_)));
    }

    /// A peer is not to blame for a frame that it cannot send on because nothing is read.
    #[tokio::test]
    async fn half_a_frame_has_time_while_nothing_is_read() {
        let slow = ConnectionLimits { frame_time_max: Duration::from_millis(100), ..limits() };
        let start = |body: Bytes| Ok(echo_after(body, Duration::from_millis(400)));
        let (mut client, _serving) = connect(slow, MemoryBudget::new(1 << 20), start).await;
        let whole = frame(b"x").repeat(4);
        client.write_all(&[&whole[..], &frame(b"y")[..2]].concat()).await.expect("sent");
        tokio::time::sleep(Duration::from_millis(300)).await;
        client.write_all(&frame(b"y")[2..]).await.expect("sent");
        let mut replies = [0; 5];
        client.read_exact(&mut replies).await.expect("all are answered");
        assert_eq!(&replies, b"xxxxy");
    }

    /// KIP-219: the answer comes at once, the next request is begun when the client's time is over.
    #[tokio::test]
    async fn a_throttled_client_is_answered_at_once_and_then_not_read_for_a_while() {
        let start = |body: Bytes| {
            let throttle_ms = if body[0] == b'a' { 300 } else { 0 };
            let pending: PendingReply =
                Box::pin(std::future::ready(Reply::Send(vec![Chunk::Bytes(body)]).throttled(throttle_ms)));
            Ok(pending)
        };
        let one_at_a_time = ConnectionLimits { in_flight_max: 1, ..limits() };
        let (mut client, _serving) = connect(one_at_a_time, MemoryBudget::new(1 << 20), start).await;
        let began = Instant::now();
        client.write_all(&[frame(b"a"), frame(b"b"), frame(b"c")].concat()).await.expect("sent");
        let mut reply = [0; 1];
        client.read_exact(&mut reply).await.expect("answered");
        assert!(began.elapsed() < Duration::from_millis(250), "{:?}", began.elapsed());
        client.read_exact(&mut reply).await.expect("answered");
        assert_eq!(&reply, b"b");
        assert!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());
        client.read_exact(&mut reply).await.expect("answered");
        assert_eq!(&reply, b"c");
        assert!(began.elapsed() < Duration::from_millis(550), "muted once: {:?}", began.elapsed());
    }

    /// Half a frame that came before the pause is not held against a client that could not send on.
    #[tokio::test]
    async fn a_muted_client_is_not_ended_for_half_a_frame() {
        let slow = ConnectionLimits { frame_time_max: Duration::from_millis(150), ..limits() };
        let start = |body: Bytes| {
            let pending: PendingReply =
                Box::pin(std::future::ready(Reply::Send(vec![Chunk::Bytes(body)]).throttled(400)));
            Ok(pending)
        };
        let (mut client, _serving) = connect(slow, MemoryBudget::new(1 << 20), start).await;
        client.write_all(&[&frame(b"x")[..], &frame(b"y")[..2]].concat()).await.expect("sent");
        tokio::time::sleep(Duration::from_millis(300)).await;
        client.write_all(&frame(b"y")[2..]).await.expect("sent");
        let mut replies = [0; 2];
        client.read_exact(&mut replies).await.expect("both are answered");
        assert_eq!(&replies, b"xy");
    }

    #[tokio::test]
    async fn a_frame_waits_for_memory_and_is_not_lost_when_a_reply_goes_out_meanwhile() {
        let budget = MemoryBudget::new(80); // ten bytes for small frames
        let start = |body: Bytes| Ok(echo_after(body, Duration::from_millis(50)));
        let (mut client, _serving) = connect(limits(), budget.clone(), start).await;
        client.write_all(&[frame(b"12345678"), frame(b"abcdefgh")].concat()).await.expect("sent");
        let mut replies = [0; 16];
        client.read_exact(&mut replies).await.expect("both are answered");
        assert_eq!(&replies, b"12345678abcdefgh");
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(budget.used_bytes(), 0);
    }
}
