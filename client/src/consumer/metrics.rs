//! What a consumer has done.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a consumer has done since it was made, and holds now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumerMetrics {
    /// Records that were polled.
    pub records_polled: u64,
    /// Answers to fetches.
    pub fetches: u64,
    /// Their bytes.
    pub bytes_fetched: u64,
    /// What waits to be polled, in bytes as fetched.
    pub buffered_bytes: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    records_polled: AtomicU64,
    fetches: AtomicU64,
    bytes_fetched: AtomicU64,
}

fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
}

impl Counters {
    pub(super) fn fetched(&self, bytes: usize) {
        add(&self.fetches, 1);
        add(&self.bytes_fetched, bytes);
    }

    pub(super) fn polled(&self, records: usize) {
        add(&self.records_polled, records);
    }

    pub(super) fn snapshot(&self, buffered_bytes: usize) -> ConsumerMetrics {
        ConsumerMetrics {
            records_polled: self.records_polled.load(Ordering::Relaxed),
            fetches: self.fetches.load(Ordering::Relaxed),
            bytes_fetched: self.bytes_fetched.load(Ordering::Relaxed),
            buffered_bytes: u64::try_from(buffered_bytes).unwrap_or(u64::MAX),
        }
    }
}
