//! Counters by topic.

use super::{count, names};
use parking_lot::RwLock;
use prometheus::{IntCounter, IntCounterVec, Registry};
use std::collections::HashMap;
use std::sync::Arc;

/// The counters of one topic; a clone counts into the same.
#[derive(Debug, Clone)]
pub(crate) struct TopicMetrics {
    received_bytes: IntCounter,
    received_records: IntCounter,
    sent_bytes: IntCounter,
}

impl TopicMetrics {
    /// A producer wrote a batch.
    pub(crate) fn received(&self, bytes: usize, records: usize) {
        self.received_bytes.inc_by(count(bytes));
        self.received_records.inc_by(count(records));
    }

    /// Batches were sent to a reader.
    pub(crate) fn sent(&self, bytes: usize) {
        self.sent_bytes.inc_by(count(bytes));
    }
}

/// The counters of all topics.
#[derive(Debug)]
pub(super) struct Topics {
    by_name: RwLock<HashMap<Arc<str>, TopicMetrics>>,
    received_bytes: IntCounterVec,
    received_records: IntCounterVec,
    sent_bytes: IntCounterVec,
}

impl Topics {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            by_name: RwLock::default(),
            received_bytes: names::TOPIC_RECEIVED_BYTES.counter(registry),
            received_records: names::TOPIC_RECEIVED_RECORDS.counter(registry),
            sent_bytes: names::TOPIC_SENT_BYTES.counter(registry),
        }
    }

    pub(super) fn get(&self, topic: &str) -> TopicMetrics {
        if let Some(metrics) = self.by_name.read().get(topic) {
            return metrics.clone();
        }
        let mut by_name = self.by_name.write();
        by_name
            .entry(topic.into())
            .or_insert_with(|| TopicMetrics {
                received_bytes: self.received_bytes.with_label_values(&[topic]),
                received_records: self.received_records.with_label_values(&[topic]),
                sent_bytes: self.sent_bytes.with_label_values(&[topic]),
            })
            .clone()
    }

    /// Forgets a topic; who still holds its counters counts for nobody.
    pub(super) fn remove(&self, topic: &str) {
        let mut by_name = self.by_name.write();
        if by_name.remove(topic).is_some() {
            for counter in [&self.received_bytes, &self.received_records, &self.sent_bytes] {
                // It is there: the map's entry was made together with it.
                let _ = counter.remove_label_values(&[topic]);
            }
        }
    }
}
