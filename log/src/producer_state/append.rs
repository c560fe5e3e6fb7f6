//! The judgement on an append: duplicate, in order, or refused.

use std::collections::BTreeMap;

use medallion_wire::records::NO_SEQUENCE;
use medallion_wire::{Offset, ProducerEpoch, ProducerId};

use super::batch::{BatchKind, ProducerBatch, TransactionEnd, in_sequence};
use super::entry::{BatchMetadata, ProducerStateEntry};
use super::manager::CompletedTransaction;
use crate::append_origin::AppendOrigin;

/// Why a producer's batch is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProducerStateError {
    /// A batch between the last one and this is missing (`OUT_OF_ORDER_SEQUENCE_NUMBER`).
    #[error(
        "out of order sequence number for producer {producer_id}: {found}, the last one was {last_sequence}"
    )]
    OutOfOrderSequence {
        /// The producer.
        producer_id: ProducerId,
        /// The batch's first sequence.
        found: i32,
        /// The last sequence in the log, -1 for none.
        last_sequence: i32,
    },
    /// A new epoch must begin at sequence 0 (`OUT_OF_ORDER_SEQUENCE_NUMBER`).
    #[error(
        "producer {producer_id} begins epoch {producer_epoch} with sequence {found} after epoch {current}"
    )]
    NewEpochNotFromZero {
        /// The producer.
        producer_id: ProducerId,
        /// The batch's epoch.
        producer_epoch: ProducerEpoch,
        /// The batch's first sequence.
        found: i32,
        /// The epoch in the log.
        current: ProducerEpoch,
    },
    /// A newer instance of the producer has written here (`INVALID_PRODUCER_EPOCH`).
    #[error("epoch {producer_epoch} of producer {producer_id} is over: the log has seen epoch {current}")]
    InvalidProducerEpoch {
        /// The producer.
        producer_id: ProducerId,
        /// The batch's epoch.
        producer_epoch: ProducerEpoch,
        /// The epoch in the log.
        current: ProducerEpoch,
    },
    /// A batch outside of a transaction while the producer has one open here (`INVALID_TXN_STATE`).
    #[error(
        "producer {producer_id} has a transaction open since offset {first_offset}: other records are refused"
    )]
    InvalidTransactionState {
        /// The producer.
        producer_id: ProducerId,
        /// Where its transaction begins.
        first_offset: Offset,
    },
    /// A newer transaction coordinator has written a marker (`TRANSACTION_COORDINATOR_FENCED`).
    #[error("coordinator epoch {found} for producer {producer_id} is over: the log has seen epoch {current}")]
    CoordinatorFenced {
        /// The producer.
        producer_id: ProducerId,
        /// The marker's coordinator epoch.
        found: i32,
        /// The coordinator epoch in the log.
        current: i32,
    },
}

/// The judgement on an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The client sends again what is in the log already: nothing is appended, this batch's offsets and timestamp
    /// are the answer.
    Duplicate(BatchMetadata),
    /// To be appended, and then handed to [`super::ProducerStateManager::apply`].
    Append(PendingAppend),
}

/// The changes that an append brings once it is in the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct PendingAppend {
    pub(super) entries: BTreeMap<ProducerId, ProducerStateEntry>,
    pub(super) started: Vec<(Offset, ProducerId)>,
    pub(super) completed: Vec<CompletedTransaction>,
}

/// One producer's batches within an append. `current` is what the log knew before it.
pub(super) struct ProducerAppend<'a> {
    pub(super) origin: AppendOrigin,
    pub(super) current: Option<&'a ProducerStateEntry>,
    pub(super) updated: &'a mut ProducerStateEntry,
}

impl ProducerAppend<'_> {
    /// Adds one batch; returns the transaction that it ends.
    pub(super) fn append(
        &mut self,
        batch: &ProducerBatch,
        started: &mut Vec<(Offset, ProducerId)>,
    ) -> Result<Option<CompletedTransaction>, ProducerStateError> {
        match batch.kind {
            // Only its offsets are left of it.
            BatchKind::EmptyControl => Ok(None),
            BatchKind::EndTransaction(end) => self.append_marker(batch, end),
            BatchKind::Data | BatchKind::TransactionalData => {
                self.append_data(batch, started)?;
                Ok(None)
            }
        }
    }

    fn append_data(
        &mut self,
        batch: &ProducerBatch,
        started: &mut Vec<(Offset, ProducerId)>,
    ) -> Result<(), ProducerStateError> {
        self.check_epoch(batch.producer_epoch)?;
        if self.origin == AppendOrigin::Client {
            self.check_sequence(batch)?;
        }
        let is_transactional = batch.kind == BatchKind::TransactionalData;
        match self.updated.current_transaction_first_offset() {
            Some(first_offset) if !is_transactional => {
                let producer_id = batch.producer_id;
                return Err(ProducerStateError::InvalidTransactionState { producer_id, first_offset });
            }
            None if is_transactional => {
                self.updated.begin_transaction(batch.base_offset);
                started.push((batch.base_offset, batch.producer_id));
            }
            _ => {}
        }
        let metadata = BatchMetadata {
            last_sequence: batch.last_sequence(),
            last_offset: batch.last_offset,
            offset_delta: batch.offset_delta(),
            timestamp_ms: batch.max_timestamp_ms,
        };
        self.updated.add_batch(batch.producer_epoch, metadata);
        Ok(())
    }

    fn append_marker(
        &mut self,
        batch: &ProducerBatch,
        end: TransactionEnd,
    ) -> Result<Option<CompletedTransaction>, ProducerStateError> {
        let marker = end.marker;
        self.check_marker_epoch(batch.producer_epoch, end.transaction_version)?;
        let current = self.updated.coordinator_epoch();
        if marker.coordinator_epoch < current && self.origin != AppendOrigin::Replication {
            let (producer_id, found) = (batch.producer_id, marker.coordinator_epoch);
            return Err(ProducerStateError::CoordinatorFenced { producer_id, found, current });
        }
        // A marker without data holds nobody back, so it leaves no trace in the transaction index.
        let first_offset = self.updated.current_transaction_first_offset();
        self.updated.end_transaction(batch.producer_epoch, marker.coordinator_epoch, end.timestamp_ms);
        Ok(first_offset.map(|first_offset| CompletedTransaction {
            producer_id: batch.producer_id,
            first_offset,
            last_offset: batch.base_offset,
            is_aborted: !marker.is_commit,
        }))
    }

    /// A follower takes what its leader took, whatever the epoch.
    fn check_epoch(&self, producer_epoch: ProducerEpoch) -> Result<(), ProducerStateError> {
        let current = self.updated.producer_epoch();
        if producer_epoch >= current || self.origin == AppendOrigin::Replication {
            return Ok(());
        }
        let producer_id = self.updated.producer_id();
        Err(ProducerStateError::InvalidProducerEpoch { producer_id, producer_epoch, current })
    }

    /// From transaction version 2 on the coordinator raises the epoch with every marker. The same epoch again is a
    /// repeated marker when no transaction is open (or the epochs have run out), else one from the past.
    fn check_marker_epoch(
        &self,
        epoch: ProducerEpoch,
        transaction_version: i16,
    ) -> Result<(), ProducerStateError> {
        let current = self.updated.producer_epoch();
        let is_open = self.updated.current_transaction_first_offset().is_some();
        let is_repeated = epoch == current && (!is_open || epoch.0 == i16::MAX);
        if transaction_version >= 2
            && epoch <= current
            && !is_repeated
            && self.origin != AppendOrigin::Replication
        {
            let producer_id = self.updated.producer_id();
            return Err(ProducerStateError::InvalidProducerEpoch {
                producer_id,
                producer_epoch: epoch,
                current,
            });
        }
        self.check_epoch(epoch)
    }

    /// A producer that the log does not know (any more) may begin with any sequence: its state may have expired, or
    /// gone with retention.
    fn check_sequence(&self, batch: &ProducerBatch) -> Result<(), ProducerStateError> {
        let (producer_id, found) = (batch.producer_id, batch.base_sequence);
        let current = self.updated.producer_epoch();
        if batch.producer_epoch != current {
            if found != 0 && current != ProducerEpoch::NONE {
                let producer_epoch = batch.producer_epoch;
                return Err(ProducerStateError::NewEpochNotFromZero {
                    producer_id,
                    producer_epoch,
                    found,
                    current,
                });
            }
            return Ok(());
        }
        let is_unknown = self.current.is_none_or(|entry| entry.producer_epoch() == ProducerEpoch::NONE);
        let last_sequence = self.updated.last_batch().map_or(NO_SEQUENCE, |last| last.last_sequence);
        if is_unknown || in_sequence(last_sequence, found) {
            return Ok(());
        }
        Err(ProducerStateError::OutOfOrderSequence { producer_id, found, last_sequence })
    }
}
