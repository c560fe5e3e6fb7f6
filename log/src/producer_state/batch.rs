//! What producer state needs to know of a record batch.

use medallion_wire::{Offset, ProducerEpoch, ProducerId};

/// The header fields of a record batch that concern its producer, with its offsets as they are in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerBatch {
    /// The producer; [`ProducerId::NONE`] for a batch without idempotence, which leaves no trace here.
    pub producer_id: ProducerId,
    /// The producer's epoch.
    pub producer_epoch: ProducerEpoch,
    /// The sequence of the first record; -1 in control batches.
    pub base_sequence: i32,
    /// The offset of the first record.
    pub base_offset: Offset,
    /// The offset of the last record.
    pub last_offset: Offset,
    /// The largest timestamp, in milliseconds.
    pub max_timestamp_ms: i64,
    /// What the batch holds.
    pub kind: BatchKind,
}

/// What a batch holds, as far as its producer's state is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchKind {
    /// Records outside of a transaction.
    Data,
    /// Records of a transaction, which begins here unless it is open already.
    TransactionalData,
    /// The end of a transaction.
    EndTransaction(EndTransactionMarker),
    /// A control batch whose record was compacted away: the transaction is gone from the log.
    EmptyControl,
}

/// The control record that ends a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndTransactionMarker {
    /// Whether the transaction is committed; otherwise it is aborted.
    pub is_commit: bool,
    /// The epoch of the transaction coordinator that wrote the marker.
    pub coordinator_epoch: i32,
    /// The marker's own timestamp, in milliseconds.
    pub timestamp_ms: i64,
    /// The transaction version (KIP-890) under which a coordinator writes: from 2 on each transaction has its own
    /// epoch. 0 where it is not known, as on followers.
    pub transaction_version: i16,
}

impl ProducerBatch {
    /// Whether an idempotent producer wrote the batch.
    pub fn has_producer_id(&self) -> bool {
        self.producer_id > ProducerId::NONE
    }

    /// The last offset less the first.
    pub fn offset_delta(&self) -> i32 {
        i32::try_from(self.last_offset - self.base_offset).unwrap_or(i32::MAX)
    }

    /// The sequence of the last record.
    pub fn last_sequence(&self) -> i32 {
        match self.base_sequence {
            NO_SEQUENCE => NO_SEQUENCE,
            base => increment_sequence(base, self.offset_delta()),
        }
    }
}

/// The sequence of batches that have none.
pub(super) const NO_SEQUENCE: i32 = -1;

/// Sequences count from 0 to `i32::MAX` and then again from 0. Wrapping, because a damaged file may hold anything.
fn increment_sequence(sequence: i32, by: i32) -> i32 {
    if sequence > i32::MAX.wrapping_sub(by) {
        by.wrapping_sub(i32::MAX.wrapping_sub(sequence)).wrapping_sub(1)
    } else {
        sequence.wrapping_add(by)
    }
}

/// The reverse of [`increment_sequence`].
pub(super) fn decrement_sequence(sequence: i32, by: i32) -> i32 {
    if sequence < by {
        i32::MAX.wrapping_sub(by.wrapping_sub(sequence)).wrapping_add(1)
    } else {
        sequence.wrapping_sub(by)
    }
}

/// Whether `next` may follow `last`.
pub(super) fn in_sequence(last: i32, next: i32) -> bool {
    i64::from(next) == i64::from(last) + 1 || (next == 0 && last == i32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sequences_wrap_to_zero() {
        assert_eq!(increment_sequence(i32::MAX, 1), 0);
        assert_eq!(increment_sequence(i32::MAX - 1, 4), 2);
        assert_eq!(decrement_sequence(0, 1), i32::MAX);
        assert!(in_sequence(i32::MAX, 0));
        assert!(in_sequence(-1, 0));
        assert!(!in_sequence(i32::MAX, i32::MIN));
        assert!(!in_sequence(4, 6));
    }

    proptest! {
        #[test]
        fn decrement_reverses_increment(sequence in 0..=i32::MAX, by in 0..=i32::MAX) {
            prop_assert_eq!(decrement_sequence(increment_sequence(sequence, by), by), sequence);
        }
    }
}
