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
