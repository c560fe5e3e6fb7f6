//! Seeing what a client does: counters, and hooks for whoever wants each event.
//!
//! Spans and events go to `tracing` as well; these here are for metrics.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use medallion_wire::messages::ApiKey;

use crate::error::Error;

/// What a client tells whoever listens. Every function does nothing unless told otherwise.
///
/// They are called by the client's own tasks: they must be quick, and must not wait.
pub trait Hooks: Send + Sync {
    /// A connection was opened, with TLS and SASL, or could not be.
    fn on_connect(&self, address: &str, took: Duration, outcome: Result<(), &Error>) {
        let _ = (address, took, outcome);
    }

    /// A connection ended.
    fn on_disconnect(&self, address: &str, reason: &Error) {
        let _ = (address, reason);
    }

    /// An answer came: its size and the time since the request was handed to the socket.
    fn on_answer(&self, address: &str, api: ApiKey, bytes: usize, took: Duration) {
        let _ = (address, api, bytes, took);
    }

    /// A broker asked us to slow down (`throttle_time_ms`, KIP-219).
    fn on_throttle(&self, address: &str, api: ApiKey, throttle: Duration) {
        let _ = (address, api, throttle);
    }
}

/// What a client has done since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientMetrics {
    /// Connections opened.
    pub connections_opened: u64,
    /// Attempts to open one that failed.
    pub connections_failed: u64,
    /// Connections that ended.
    pub connections_closed: u64,
    /// Requests sent, without those that open a connection.
    pub requests_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Answers that came.
    pub answers_received: u64,
    /// Their bytes.
    pub bytes_received: u64,
    /// Times that metadata came.
    pub metadata_updates: u64,
}

#[derive(Debug, Default)]
struct Counters {
    connections_opened: AtomicU64,
    connections_failed: AtomicU64,
    connections_closed: AtomicU64,
    requests_sent: AtomicU64,
    bytes_sent: AtomicU64,
    answers_received: AtomicU64,
    bytes_received: AtomicU64,
    metadata_updates: AtomicU64,
}

/// Counts, and tells the hooks.
#[derive(Clone, Default)]
pub(crate) struct Observer {
    counters: Arc<Counters>,
    hooks: Option<Arc<dyn Hooks>>,
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observer").field("metrics", &self.metrics()).finish_non_exhaustive()
    }
}

fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
}

impl Observer {
    pub(crate) fn new(hooks: Option<Arc<dyn Hooks>>) -> Self {
        Self { counters: Arc::default(), hooks }
    }

    pub(crate) fn metrics(&self) -> ClientMetrics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.counters;
        ClientMetrics {
            connections_opened: read(&counters.connections_opened),
            connections_failed: read(&counters.connections_failed),
            connections_closed: read(&counters.connections_closed),
            requests_sent: read(&counters.requests_sent),
            bytes_sent: read(&counters.bytes_sent),
            answers_received: read(&counters.answers_received),
            bytes_received: read(&counters.bytes_received),
            metadata_updates: read(&counters.metadata_updates),
        }
    }

    pub(crate) fn connected(&self, address: &str, took: Duration, outcome: Result<(), &Error>) {
        let counters = &self.counters;
        add(if outcome.is_ok() { &counters.connections_opened } else { &counters.connections_failed }, 1);
        if let Some(hooks) = &self.hooks {
            hooks.on_connect(address, took, outcome);
        }
    }

    pub(crate) fn disconnected(&self, address: &str, reason: &Error) {
        add(&self.counters.connections_closed, 1);
        if let Some(hooks) = &self.hooks {
            hooks.on_disconnect(address, reason);
        }
    }

    pub(crate) fn sent(&self, bytes: usize) {
        add(&self.counters.requests_sent, 1);
        add(&self.counters.bytes_sent, bytes);
    }

    pub(crate) fn answered(&self, address: &str, api: ApiKey, bytes: usize, took: Duration) {
        add(&self.counters.answers_received, 1);
        add(&self.counters.bytes_received, bytes);
        if let Some(hooks) = &self.hooks {
            hooks.on_answer(address, api, bytes, took);
        }
    }

    pub(crate) fn throttled(&self, address: &str, api: ApiKey, throttle_ms: i32) {
        let (Some(hooks), Ok(throttle @ 1..)) = (&self.hooks, u64::try_from(throttle_ms)) else { return };
        hooks.on_throttle(address, api, Duration::from_millis(throttle));
    }

    pub(crate) fn metadata_updated(&self) {
        add(&self.counters.metadata_updates, 1);
    }
}
