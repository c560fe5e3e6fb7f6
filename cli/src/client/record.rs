//! Records as this binary's commands see them.

use bytes::Bytes;
use medallion_wire::{Offset, TopicPartition};

/// A record to produce.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// The key; `None` is null.
    pub(crate) key: Option<Bytes>,
    /// The value; `None` is null, a tombstone.
    pub(crate) value: Option<Bytes>,
    /// Headers in order; a name may occur more than once.
    pub(crate) headers: Vec<(String, Option<Bytes>)>,
    /// Milliseconds since the epoch.
    pub(crate) timestamp_ms: i64,
}

impl Record {
    /// What the record takes in a batch, about; an upper bound.
    pub(crate) fn size_bytes(&self) -> usize {
        let bytes = |value: &Option<Bytes>| value.as_ref().map_or(0, Bytes::len);
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + bytes(value) + 10).sum();
        bytes(&self.key) + bytes(&self.value) + headers + 40
    }
}

/// A record that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConsumedRecord {
    /// Where it was read.
    pub(crate) partition: TopicPartition,
    /// Its offset there.
    pub(crate) offset: Offset,
    /// The record itself.
    pub(crate) record: Record,
}
