//! What a consumer hands out: records of one partition, as slices of what was fetched.

use std::iter::FusedIterator;

use medallion_wire::records::{
    DecodedRecords, Record, RecordBatch, RecordIterator, RecordRef, RecordRefIterator, TimestampType,
};
use medallion_wire::{LeaderEpoch, Offset, TopicPartition};

use super::position::Position;

/// Records of one partition that were written together, or the part of them that one poll may return.
///
/// Keys, values and headers are slices of the buffer that was fetched, or of the decompressed batch. Walk by reference
/// (`for record in &batch`) where the records are done with at once; by value each has counted references
/// ([`bytes::Bytes`]) that keep the buffer alive.
#[derive(Debug, Clone)]
pub struct Batch {
    partition: TopicPartition,
    records: DecodedRecords,
    next: Position,
    timestamp_type: TimestampType,
}

impl Batch {
    pub(super) fn new(
        partition: &TopicPartition,
        source: &RecordBatch,
        records: DecodedRecords,
        next: Position,
    ) -> Self {
        Self { partition: partition.clone(), records, next, timestamp_type: source.timestamp_type() }
    }

    /// Where the records are from.
    pub fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    /// How many there are; at least one.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none, which never is.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Where to go on behind these records: what is to be committed or stored once they are done with.
    pub fn next_position(&self) -> Position {
        self.next
    }

    /// The offset in [`Batch::next_position`].
    pub fn next_offset(&self) -> Offset {
        self.next.offset
    }

    /// The epoch of the leader that wrote them.
    pub fn leader_epoch(&self) -> Option<LeaderEpoch> {
        self.next.leader_epoch
    }

    /// Whether timestamps are the producer's or the broker's.
    pub fn timestamp_type(&self) -> TimestampType {
        self.timestamp_type
    }

    /// The records, in order, borrowed.
    pub fn iter(&self) -> Records<'_> {
        Records { inner: self.records.iter(), left: self.len() }
    }
}

impl<'a> IntoIterator for &'a Batch {
    type Item = RecordRef<'a>;
    type IntoIter = Records<'a>;

    fn into_iter(self) -> Records<'a> {
        self.iter()
    }
}

impl IntoIterator for Batch {
    type Item = Record;
    type IntoIter = IntoRecords;

    fn into_iter(self) -> IntoRecords {
        IntoRecords { left: self.len(), inner: self.records.into_iter() }
    }
}

/// Yields borrowed records.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    inner: RecordRefIterator<'a>,
    left: usize,
}

/// Yields records that keep their buffer alive.
#[derive(Debug, Clone)]
pub struct IntoRecords {
    inner: RecordIterator,
    left: usize,
}

macro_rules! records {
    ($name:ty, $item:ty $(, $lifetime:lifetime)?) => {
        impl$(<$lifetime>)? Iterator for $name {
            type Item = $item;

            fn next(&mut self) -> Option<$item> {
                // All were checked when they were polled.
                let record = self.inner.next()?.ok()?;
                self.left = self.left.saturating_sub(1);
                Some(record)
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                (self.left, Some(self.left))
            }
        }

        impl$(<$lifetime>)? ExactSizeIterator for $name {}
        impl$(<$lifetime>)? FusedIterator for $name {}
    };
}

records!(Records<'a>, RecordRef<'a>, 'a);
records!(IntoRecords, Record);
