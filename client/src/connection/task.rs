//! The task that owns a connection's socket.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, Sleep, sleep_until, timeout, timeout_at};

use super::exchange::{Stream, bad_frame};
use super::in_flight::{InFlight, Sent};
use super::sasl::Authenticator;
use super::send_queue::SendQueue;
use super::{Outgoing, deadline};
use crate::error::Error;
use crate::hooks::Observer;

/// Requests are taken from the channel until so many bytes wait for the socket.
const SEND_QUEUE_BYTES_MAX: usize = 4 << 20;
/// How long the end of a TLS session may take to be told.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(1);
/// A timer far away, for when nothing is due.
const NOTHING_DUE: Duration = Duration::from_secs(365 * 86_400);

type Waiter = oneshot::Sender<Result<Bytes, Error>>;

/// A connection's socket, what is to be written to it and what is to come.
pub(super) struct Task<R, W> {
    pub(super) stream: Stream<R, W>,
    pub(super) requests: mpsc::Receiver<Outgoing>,
    pub(super) authenticator: Option<Authenticator>,
    pub(super) max_idle: Option<Duration>,
    pub(super) observer: Observer,
}

/// Why the task wakes up.
enum Wake {
    Request(Option<Outgoing>),
    /// Whether there is something to flush now.
    Written(bool),
    Read(usize),
    Due,
    Reauthenticate,
}

struct Inside {
    queue: SendQueue,
    in_flight: InFlight<Waiter>,
    /// Whether what was written must still be flushed (TLS).
    is_dirty: bool,
    /// Since when there is nothing to do.
    idle_since: Instant,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Task<R, W> {
    /// Works until nobody holds the connection, or it breaks; then all that wait are told.
    pub(super) async fn run(mut self) {
        let mut inside = Inside {
            queue: SendQueue::default(),
            in_flight: InFlight::new(self.stream.next_correlation_id),
            is_dirty: false,
            idle_since: Instant::now(),
        };
        let end = self.serve(&mut inside).await;
        self.requests.close();
        let error = match end {
            Ok(()) => Error::disconnected(&self.stream.address, "closed by us"),
            Err(error) => error,
        };
        tracing::debug!(address = %self.stream.address, %error, "connection ended");
        self.observer.disconnected(&self.stream.address, &error);
        for sent in inside.in_flight.drain() {
            let _ = sent.waiter.send(Err(error.clone()));
        }
        while let Ok(outgoing) = self.requests.try_recv() {
            // It was never sent, so that it may be tried elsewhere without a doubt.
            let _ = outgoing.answer.send(Err(unsent(&self.stream.address, &error)));
        }
        // A peer that does not read must not keep the socket open.
        let _ = timeout(SHUTDOWN_PATIENCE, self.stream.write.shutdown()).await;
    }

    async fn serve(&mut self, inside: &mut Inside) -> Result<(), Error> {
        let mut timer = std::pin::pin!(sleep_until(Instant::now() + NOTHING_DUE));
        self.arm(inside, timer.as_mut());
        loop {
            let lost = |error: std::io::Error| Error::disconnected(&self.stream.address, error);
            let reauthentication_due = self.authenticator.as_ref().is_some_and(Authenticator::is_due);
            let takes_requests = !reauthentication_due && inside.queue.remaining() < SEND_QUEUE_BYTES_MAX;
            let has_output = inside.queue.has_remaining() || inside.is_dirty;
            let is_quiet = inside.in_flight.is_empty() && !has_output;
            let wake = tokio::select! {
                biased;
                () = std::future::ready(()), if reauthentication_due && is_quiet => Wake::Reauthenticate,
                read = self.stream.read.read_buf(self.stream.decoder.buffer()) => Wake::Read(read.map_err(lost)?),
                request = self.requests.recv(), if takes_requests => Wake::Request(request),
                written = push_on(&mut self.stream.write, &mut inside.queue), if has_output => {
                    Wake::Written(written.map_err(lost)?)
                }
                () = timer.as_mut() => Wake::Due,
            };
            match wake {
                Wake::Request(None) => return self.finish(inside).await,
                Wake::Request(Some(first)) => self.take(inside, first, timer.as_mut()),
                Wake::Written(is_dirty) => inside.is_dirty = is_dirty,
                Wake::Read(0) => {
                    return Err(Error::disconnected(&self.stream.address, "closed by the broker"));
                }
                Wake::Read(_) => self.take_answers(inside)?,
                Wake::Due => self.handle_due(inside, timer.as_mut())?,
                Wake::Reauthenticate => self.reauthenticate(inside, timer.as_mut()).await?,
            }
        }
    }

    /// Queues a request, and those that stand behind it.
    fn take(&mut self, inside: &mut Inside, first: Outgoing, timer: Pin<&mut Sleep>) {
        let now = Instant::now();
        inside.idle_since = now;
        let mut next = Some(first);
        while let Some(outgoing) = next {
            self.queue(inside, outgoing, now);
            let has_room = inside.queue.remaining() < SEND_QUEUE_BYTES_MAX;
            next = if has_room { self.requests.try_recv().ok() } else { None };
        }
        if inside.in_flight.first_deadline().is_some_and(|first| first < timer.deadline()) {
            self.arm(inside, timer);
        }
    }

    fn queue(&mut self, inside: &mut Inside, outgoing: Outgoing, now: Instant) {
        self.observer.sent(outgoing.frame.len());
        let correlation_id = inside.in_flight.next_correlation_id();
        let (head, rest) = outgoing.frame.into_parts(correlation_id);
        inside.queue.push(head);
        for piece in rest {
            inside.queue.push(piece);
        }
        if outgoing.is_answered {
            let deadline = deadline(outgoing.timeout);
            let (api, waiter) = (outgoing.api, outgoing.answer);
            inside.in_flight.push(Sent { correlation_id, api, deadline, since: now, waiter });
        } else {
            let _ = outgoing.answer.send(Ok(Bytes::new()));
        }
    }

    fn take_answers(&mut self, inside: &mut Inside) -> Result<(), Error> {
        let address = &self.stream.address;
        while let Some(mut frame) =
            self.stream.decoder.next_frame().map_err(|error| bad_frame(address, error))?
        {
            let bytes = frame.len();
            let id = frame
                .try_get_i32()
                .map_err(|_| Error::disconnected(address, "an answer without a header"))?;
            let sent = inside.in_flight.answer(id).map_err(|error| Error::disconnected(address, error))?;
            self.observer.answered(address, sent.api, bytes, sent.since.elapsed());
            // Whoever gave up waiting does not need the answer.
            let _ = sent.waiter.send(Ok(frame));
        }
        if inside.in_flight.is_empty() {
            inside.idle_since = Instant::now();
            if self.stream.decoder.is_between_frames() {
                self.stream.decoder.release();
            }
        }
        Ok(())
    }

    /// The timer has run out: an answer is late, the connection idle, or the credentials old.
    fn handle_due(&mut self, inside: &mut Inside, timer: Pin<&mut Sleep>) -> Result<(), Error> {
        let now = Instant::now();
        if let Some(late) = inside.in_flight.late(now) {
            let (address, api, after) =
                (Arc::clone(&self.stream.address), late.api, late.deadline - late.since);
            return Err(Error::RequestTimeout { address, api, after });
        }
        if inside.in_flight.is_empty() {
            self.stream.decoder.forget();
        }
        let idle_for = now - inside.idle_since;
        if inside.in_flight.is_empty() && self.max_idle.is_some_and(|max| idle_for >= max) {
            return Err(Error::disconnected(&self.stream.address, "idle for connections.max.idle.ms"));
        }
        self.arm(inside, timer);
        Ok(())
    }

    /// Sets the timer to what is due first.
    fn arm(&self, inside: &Inside, timer: Pin<&mut Sleep>) {
        let now = Instant::now();
        // A busy connection is looked at again a whole time later.
        let idle = self
            .max_idle
            .map(|max| if inside.idle_since + max > now { inside.idle_since } else { now } + max);
        let session = self.authenticator.as_ref().and_then(Authenticator::due);
        let due = [inside.in_flight.first_deadline(), idle, session].into_iter().flatten();
        // What is due already is handled by the loop itself.
        let due = due.filter(|due| *due > now).min();
        timer.reset(due.unwrap_or(now + NOTHING_DUE));
    }

    /// Proves again who we are, before the broker ends the session (KIP-368). Nothing else is under way.
    async fn reauthenticate(&mut self, inside: &mut Inside, timer: Pin<&mut Sleep>) -> Result<(), Error> {
        self.stream.next_correlation_id = inside.in_flight.next_correlation_id();
        if let Some(authenticator) = &mut self.authenticator {
            authenticator.authenticate(&mut self.stream).await?;
            tracing::debug!(address = %self.stream.address, "authenticated again");
        }
        inside.in_flight = InFlight::new(self.stream.next_correlation_id);
        inside.idle_since = Instant::now();
        self.arm(inside, timer);
        Ok(())
    }

    /// Nobody holds the connection any more: what was taken is sent, and who holds a pending answer still gets it.
    async fn finish(&mut self, inside: &mut Inside) -> Result<(), Error> {
        let lost = |error: std::io::Error| Error::disconnected(&self.stream.address, error);
        self.stream.write.write_all_buf(&mut inside.queue).await.map_err(lost)?;
        self.stream.write.flush().await.map_err(lost)?;
        while !inside.in_flight.is_empty() {
            let read = self.stream.read.read_buf(self.stream.decoder.buffer());
            let until = inside.in_flight.first_deadline().unwrap_or_else(Instant::now);
            let read = timeout_at(until, read).await;
            let read = read.map_err(|_| Error::disconnected(&self.stream.address, "no answer in time"))?;
            if read.map_err(|error| Error::disconnected(&self.stream.address, error))? == 0 {
                return Err(Error::disconnected(&self.stream.address, "closed by the broker"));
            }
            self.take_answers(inside)?;
        }
        Ok(())
    }
}

/// Writes once, or flushes what was written; tells whether there is something to flush. Safe to be given up.
async fn push_on<W: AsyncWrite + Unpin>(write: &mut W, queue: &mut SendQueue) -> std::io::Result<bool> {
    if queue.has_remaining() {
        write.write_buf(queue).await?;
        return Ok(true);
    }
    write.flush().await?;
    Ok(false)
}

/// The error of a request that never left.
fn unsent(address: &Arc<str>, error: &Error) -> Error {
    Error::Unreachable {
        address: Arc::clone(address),
        reason: Arc::new(std::io::Error::other(error.to_string())),
    }
}
