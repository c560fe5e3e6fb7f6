//! One connection to one broker: requests in, answers out, in order.
//!
//! [`Connector::connect`] tries all addresses of a name, puts TLS around the socket, agrees on versions and authenticates.
//! What comes of it is a [`Connection`], a cheap handle of a task ([`task`]) that owns the socket. Requests are pipelined:
//! each gets a correlation id, and answers come in the order of the requests. A call that is given up (its future is dropped)
//! costs nothing but the answer, which is thrown away.

mod address;
mod connector;
mod exchange;
mod frame;
mod in_flight;
mod older;
mod sasl;
mod send_queue;
mod task;
#[cfg(test)]
mod tests;
mod throttle;
#[cfg(feature = "tls")]
mod tls;
mod versions;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use medallion_wire::kafka_protocol::protocol::{Decodable, Request};
use medallion_wire::messages::ApiKey;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

pub(crate) use address::Address;
pub(crate) use connector::Connector;
pub(crate) use frame::{Frame, api_key};
pub(crate) use sasl::ScramHash;
pub use sasl::{Token, TokenFuture, TokenProvider};
pub(crate) use throttle::{Ask, Throttling};
pub(crate) use versions::ApiVersions;

use crate::error::Error;
use crate::hooks::Observer;
use throttle::Throttle;

/// How many requests may wait for the task of a connection.
const QUEUED_REQUESTS_MAX: usize = 256;

/// A handle of an open connection. Once nobody holds one, the connection is closed.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    address: Arc<str>,
    versions: ApiVersions,
    requests: mpsc::Sender<Outgoing>,
    throttle: Throttle,
    observer: Observer,
}

/// A request on its way to the connection's task.
#[derive(Debug)]
struct Outgoing {
    frame: Frame,
    api: ApiKey,
    timeout: Duration,
    /// Whether the broker answers: it does not with `acks=0`.
    is_answered: bool,
    answer: oneshot::Sender<Result<Bytes, Error>>,
}

/// An answer that is still to come.
#[derive(Debug)]
pub(crate) struct Pending {
    address: Arc<str>,
    answer: oneshot::Receiver<Result<Bytes, Error>>,
}

impl Pending {
    /// The answer's bytes behind its correlation id. Giving up is free, and it can be waited for again.
    pub(crate) async fn wait(&mut self) -> Result<Bytes, Error> {
        (&mut self.answer).await.unwrap_or_else(|_| Err(Error::disconnected(&self.address, "it is closed")))
    }
}

impl Connection {
    /// `host:port` as it was asked for.
    pub(crate) fn address(&self) -> &Arc<str> {
        &self.shared.address
    }

    /// Whether the task has ended, so that no request can succeed.
    pub(crate) fn is_closed(&self) -> bool {
        self.shared.requests.is_closed()
    }

    /// The highest version of `R` that both sides speak, at most `cap`.
    pub(crate) fn version_of<R: Request>(&self, cap: i16) -> Result<i16, Error> {
        self.shared.versions.agree::<R>(&self.shared.address, cap)
    }

    /// Notes that the broker wants to be left alone for so long (KIP-219).
    pub(crate) fn throttle(&self, api: ApiKey, answer: &impl Throttling) {
        let throttle_ms = answer.throttle_time_ms();
        if let Ok(throttle @ 1..) = u64::try_from(throttle_ms) {
            self.shared.throttle.extend(Duration::from_millis(throttle), Instant::now());
            self.shared.observer.throttled(self.address(), api, throttle_ms);
        }
    }

    /// Until when nothing is sent, where the broker has asked for that.
    pub(crate) fn throttled_until(&self) -> Option<Instant> {
        self.shared.throttle.until(Instant::now())
    }

    /// Sends `request` in the agreed version, and waits for the answer.
    pub(crate) async fn call<R: Ask>(
        &self,
        timeout: Duration,
        client_id: &str,
        request: R,
    ) -> Result<R::Response, Error> {
        self.call_capped(timeout, client_id, request, i16::MAX).await
    }

    /// The same, in no version above `cap`.
    pub(crate) async fn call_capped<R: Ask>(
        &self,
        timeout: Duration,
        client_id: &str,
        mut request: R,
        cap: i16,
    ) -> Result<R::Response, Error> {
        let version = self.version_of::<R>(cap)?;
        let lack = || self.shared.versions.lack::<R>(self.address(), cap);
        let asked = older::fit(&mut request, version).ok_or_else(lack)?;
        let frame = Frame::encode(&request, version, client_id);
        // What is set is not in an older version.
        let frame = frame.map_err(|error| if version < R::VERSIONS.max.min(cap) { lack() } else { error })?;
        let mut pending = self.submit(frame, api_key::<R>(), timeout, true).await?;
        let mut body = pending.wait().await?;
        let mut answer = decode_answer::<R>(&mut body, version)?;
        asked.complete(&mut answer);
        self.throttle(api_key::<R>(), &answer);
        Ok(answer)
    }

    /// Hands a request over to the connection's task, once the broker takes one; the order of calls is the order on the wire.
    pub(crate) async fn submit(
        &self,
        frame: Frame,
        api: ApiKey,
        timeout: Duration,
        is_answered: bool,
    ) -> Result<Pending, Error> {
        self.shared.throttle.wait().await;
        let (sender, receiver) = oneshot::channel();
        let outgoing = Outgoing { frame, api, timeout, is_answered, answer: sender };
        let address = Arc::clone(&self.shared.address);
        match self.shared.requests.send(outgoing).await {
            Ok(()) => Ok(Pending { address, answer: receiver }),
            Err(_) => Err(Error::disconnected(&address, "it is closed")),
        }
    }
}

/// Reads an answer, its header's tagged fields first.
pub(crate) fn decode_answer<R: Request>(body: &mut Bytes, version: i16) -> Result<R::Response, Error> {
    let malformed = |reason: String| Error::malformed(format!("the answer to {:?}", api_key::<R>()), reason);
    versions::skip_header_tags::<R>(body, version).map_err(malformed)?;
    R::Response::decode(body, version).map_err(|error| malformed(format!("{error:#}")))
}

/// When something that may take `timeout` from now on is late.
fn deadline(timeout: Duration) -> Instant {
    // A century is as good as never, and does not overflow.
    Instant::now() + timeout.min(Duration::from_secs(100 * 365 * 86_400))
}
