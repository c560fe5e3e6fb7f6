//! What producer state needs to know of a record batch.

use medallion_wire::records::{
    ControlRecordError, DecompressionLimits, EndTransactionMarker, NO_SEQUENCE, RecordBatch, RecordError,
    increment_sequence,
};
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
    EndTransaction(TransactionEnd),
    /// A control batch whose record was compacted away: the transaction is gone from the log.
    EmptyControl,
}

/// The end of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionEnd {
    /// What the control record says.
    pub marker: EndTransactionMarker,
    /// The control record's timestamp, in milliseconds.
    pub timestamp_ms: i64,
    /// The transaction version (KIP-890) under which a coordinator writes: from 2 on each transaction has its own
    /// epoch. 0 where it is not known, as on followers and in recovery.
    pub transaction_version: i16,
}

/// Why a batch's producer cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProducerBatchError {
    /// The control batch cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Its control record cannot be read.
    #[error(transparent)]
    Control(#[from] ControlRecordError),
}

impl ProducerBatch {
    /// What a batch says of its producer, with its first record at `base_offset`. Only a transaction's control record
    /// is decoded.
    ///
    /// # Errors
    /// [`ProducerBatchError`] for a control batch of a producer that holds no transaction marker.
    pub fn new(batch: &RecordBatch, base_offset: Offset) -> Result<Self, ProducerBatchError> {
        let is_transaction_end = batch.is_control() && batch.is_idempotent();
        let kind = match (is_transaction_end, batch.is_transactional()) {
            (true, _) => transaction_end(batch)?,
            (false, true) => BatchKind::TransactionalData,
            (false, false) => BatchKind::Data,
        };
        Ok(Self {
            producer_id: batch.producer_id,
            producer_epoch: batch.producer_epoch,
            base_sequence: batch.base_sequence,
            base_offset,
            last_offset: base_offset + i64::from(batch.last_offset_delta),
            max_timestamp_ms: batch.max_timestamp,
            kind,
        })
    }

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

/// A control record takes some tens of bytes.
const CONTROL_BATCH_LIMITS: DecompressionLimits = DecompressionLimits::new(1 << 20);

fn transaction_end(batch: &RecordBatch) -> Result<BatchKind, ProducerBatchError> {
    let decoded = batch.decode(CONTROL_BATCH_LIMITS)?;
    let Some(record) = decoded.iter().next() else { return Ok(BatchKind::EmptyControl) };
    let record = record?;
    let marker = EndTransactionMarker::parse(&record)?;
    Ok(BatchKind::EndTransaction(TransactionEnd {
        marker,
        timestamp_ms: record.timestamp,
        transaction_version: 0,
    }))
}

/// Whether `next` may follow `last`.
pub(super) fn in_sequence(last: i32, next: i32) -> bool {
    i64::from(next) == i64::from(last) + 1 || (next == 0 && last == i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_wrap_to_zero() {
        assert!(in_sequence(i32::MAX, 0));
        assert!(in_sequence(-1, 0));
        assert!(!in_sequence(i32::MAX, i32::MIN));
        assert!(!in_sequence(4, 6));
    }
}
