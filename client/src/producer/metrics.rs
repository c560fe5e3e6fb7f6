//! What a producer has done.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a producer has done since it was made, and holds now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProducerMetrics {
    /// Records that brokers acknowledged (sent ones with `acks=0`).
    pub records_acknowledged: u64,
    /// Records that failed for good.
    pub records_failed: u64,
    /// Batches that brokers acknowledged.
    pub batches_acknowledged: u64,
    /// Bytes of batches that were sent, compressed, every attempt counted.
    pub batch_bytes_sent: u64,
    /// Produce requests that were sent.
    pub requests: u64,
    /// Batches that were sent again.
    pub retries: u64,
    /// Batches that a broker found too large, and that went again in parts.
    pub splits: u64,
    /// Times that a partition moved to a new producer epoch.
    pub epoch_bumps: u64,
    /// What `buffer.memory` has left, in bytes.
    pub buffer_bytes_free: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) records_acknowledged: AtomicU64,
    pub(super) records_failed: AtomicU64,
    pub(super) batches_acknowledged: AtomicU64,
    pub(super) batch_bytes_sent: AtomicU64,
    pub(super) requests: AtomicU64,
    pub(super) retries: AtomicU64,
    pub(super) splits: AtomicU64,
    pub(super) epoch_bumps: AtomicU64,
}

impl Counters {
    pub(super) fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn snapshot(&self, buffer_bytes_free: usize) -> ProducerMetrics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ProducerMetrics {
            records_acknowledged: read(&self.records_acknowledged),
            records_failed: read(&self.records_failed),
            batches_acknowledged: read(&self.batches_acknowledged),
            batch_bytes_sent: read(&self.batch_bytes_sent),
            requests: read(&self.requests),
            retries: read(&self.retries),
            splits: read(&self.splits),
            epoch_bumps: read(&self.epoch_bumps),
            buffer_bytes_free: u64::try_from(buffer_bytes_free).unwrap_or(u64::MAX),
        }
    }
}
