//! The state of one producer.

use medallion_wire::records::{NO_SEQUENCE, decrement_sequence};
use medallion_wire::{Offset, ProducerEpoch, ProducerId};

/// Batches that are remembered, because clients have up to five requests in flight.
const BATCHES_MAX: usize = 5;

/// One of a producer's last batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchMetadata {
    /// The sequence of its last record.
    pub last_sequence: i32,
    /// The offset of its last record.
    pub last_offset: Offset,
    /// The last offset less the first.
    pub offset_delta: i32,
    /// Its largest timestamp, in milliseconds.
    pub timestamp_ms: i64,
}

impl BatchMetadata {
    /// The sequence of its first record, -1 when the batch has none.
    pub fn first_sequence(&self) -> i32 {
        match self.last_sequence {
            last if last < 0 => NO_SEQUENCE,
            last => decrement_sequence(last, self.offset_delta.max(0)),
        }
    }

    /// The offset of its first record.
    pub fn first_offset(&self) -> Offset {
        self.last_offset + -i64::from(self.offset_delta)
    }
}

/// The state of one producer in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerStateEntry {
    producer_id: ProducerId,
    producer_epoch: ProducerEpoch,
    coordinator_epoch: i32,
    last_timestamp_ms: i64,
    current_transaction_first_offset: Option<Offset>,
    /// Oldest first, all of the current epoch.
    batches: Vec<BatchMetadata>,
}

impl ProducerStateEntry {
    /// A producer of which nothing is known.
    pub(super) fn empty(producer_id: ProducerId) -> Self {
        Self {
            producer_id,
            producer_epoch: ProducerEpoch::NONE,
            coordinator_epoch: -1,
            last_timestamp_ms: -1,
            current_transaction_first_offset: None,
            batches: Vec::new(),
        }
    }

    /// A producer as a snapshot describes it: only the last batch survives a restart.
    pub(super) fn from_snapshot(
        producer_id: ProducerId,
        producer_epoch: ProducerEpoch,
        coordinator_epoch: i32,
        last_timestamp_ms: i64,
        current_transaction_first_offset: Option<Offset>,
        last_batch: Option<BatchMetadata>,
    ) -> Self {
        Self {
            producer_id,
            producer_epoch,
            coordinator_epoch,
            last_timestamp_ms,
            current_transaction_first_offset,
            batches: last_batch.into_iter().collect(),
        }
    }

    /// The producer.
    pub fn producer_id(&self) -> ProducerId {
        self.producer_id
    }

    /// Its newest epoch here.
    pub fn producer_epoch(&self) -> ProducerEpoch {
        self.producer_epoch
    }

    /// The epoch of the transaction coordinator that wrote the last marker, -1 for none.
    pub fn coordinator_epoch(&self) -> i32 {
        self.coordinator_epoch
    }

    /// The timestamp of its last batch or marker in milliseconds, -1 for none.
    pub fn last_timestamp_ms(&self) -> i64 {
        self.last_timestamp_ms
    }

    /// Where its open transaction begins.
    pub fn current_transaction_first_offset(&self) -> Option<Offset> {
        self.current_transaction_first_offset
    }

    /// Its last batches in the current epoch, oldest first, at most five.
    pub fn batches(&self) -> &[BatchMetadata] {
        &self.batches
    }

    /// Its newest batch in the current epoch.
    pub fn last_batch(&self) -> Option<BatchMetadata> {
        self.batches.last().copied()
    }

    /// The sequence of its last record in the current epoch, -1 for none.
    pub fn last_sequence(&self) -> i32 {
        self.last_batch().map_or(NO_SEQUENCE, |batch| batch.last_sequence)
    }

    /// The remembered batch of exactly these sequences and this epoch.
    pub(super) fn find_duplicate(
        &self,
        epoch: ProducerEpoch,
        first_sequence: i32,
        last_sequence: i32,
    ) -> Option<BatchMetadata> {
        if epoch != self.producer_epoch {
            return None;
        }
        let same = |batch: &&BatchMetadata| {
            (batch.first_sequence(), batch.last_sequence) == (first_sequence, last_sequence)
        };
        self.batches.iter().find(same).copied()
    }

    pub(super) fn add_batch(&mut self, epoch: ProducerEpoch, batch: BatchMetadata) {
        self.update_epoch(epoch);
        if self.batches.len() == BATCHES_MAX {
            self.batches.remove(0);
        }
        self.batches.push(batch);
        self.last_timestamp_ms = batch.timestamp_ms;
    }

    pub(super) fn begin_transaction(&mut self, first_offset: Offset) {
        self.current_transaction_first_offset = Some(first_offset);
    }

    pub(super) fn end_transaction(
        &mut self,
        epoch: ProducerEpoch,
        coordinator_epoch: i32,
        timestamp_ms: i64,
    ) {
        self.update_epoch(epoch);
        self.coordinator_epoch = coordinator_epoch;
        self.last_timestamp_ms = timestamp_ms;
        self.current_transaction_first_offset = None;
    }

    /// Another epoch begins its sequences anew, so the batches of the one before say nothing any more.
    fn update_epoch(&mut self, epoch: ProducerEpoch) {
        if epoch != self.producer_epoch {
            self.producer_epoch = epoch;
            self.batches.clear();
        }
    }

    pub(super) fn check_invariants(&self) {
        let id = self.producer_id;
        assert!(id > ProducerId::NONE, "producer id {id} is negative");
        assert!(self.batches.len() <= BATCHES_MAX, "producer {id} has {} batches", self.batches.len());
        for pair in self.batches.windows(2) {
            let ordered = pair[0].last_offset < pair[1].first_offset();
            assert!(ordered, "producer {id}: batches overlap: {:?}", self.batches);
        }
    }
}
