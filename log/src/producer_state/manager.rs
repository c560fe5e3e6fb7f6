//! The machine: all producers of one partition.

use std::collections::BTreeMap;

use medallion_wire::{Offset, ProducerEpoch, ProducerId};

use super::append::{PendingAppend, ProducerAppend, ProducerStateError, Verdict};
use super::batch::{BatchKind, ProducerBatch};
use super::entry::ProducerStateEntry;
use super::snapshot::{self, SnapshotError};
use crate::append_origin::AppendOrigin;
use crate::transaction_index::AbortedTransactionEntry;

/// A transaction that a marker has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompletedTransaction {
    /// Who wrote it.
    pub producer_id: ProducerId,
    /// Its first record.
    pub first_offset: Offset,
    /// Its marker.
    pub last_offset: Offset,
    /// Whether readers of committed data skip it.
    pub is_aborted: bool,
}

/// The record that compaction must leave of a producer so that its sequence and epoch survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastRecord {
    /// The offset of its last data record, `None` when only a marker is left of it.
    pub last_data_offset: Option<Offset>,
    /// Its epoch.
    pub producer_epoch: ProducerEpoch,
}

/// The producers of one partition and their transactions.
///
/// Worked example, high watermark 20: producer 7 opens a transaction at offset 10 and aborts it with a marker at 25.
/// Up to the marker the first unstable offset is 10 because the transaction is *ongoing*; behind it still 10, because
/// the marker is *unreplicated*; once the high watermark passes 25 there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProducerStateManager {
    producers: BTreeMap<ProducerId, ProducerStateEntry>,
    /// Open transactions by their first offset.
    ongoing: BTreeMap<Offset, ProducerId>,
    /// Ended transactions whose markers lie at or above the high watermark: first offset to the marker's.
    unreplicated: BTreeMap<Offset, Offset>,
    map_end_offset: Offset,
}

impl ProducerStateManager {
    /// No producer is known of a log that ends at `map_end_offset`.
    pub fn new(map_end_offset: Offset) -> Self {
        Self { map_end_offset, ..Self::default() }
    }

    /// Judges the batches of one append, in order, without changing anything.
    ///
    /// Only a client's batches are looked up as duplicates and must follow their producer's sequence. A follower takes
    /// what its leader took: old epochs are no error there.
    ///
    /// # Errors
    /// [`ProducerStateError`] of the first batch that is refused; then nothing of the append may be written.
    pub fn check(
        &self,
        batches: &[ProducerBatch],
        origin: AppendOrigin,
    ) -> Result<Verdict, ProducerStateError> {
        let mut pending = PendingAppend::default();
        let leaves_trace =
            |batch: &&ProducerBatch| batch.has_producer_id() && batch.kind != BatchKind::EmptyControl;
        for batch in batches.iter().filter(leaves_trace) {
            let current = self.producers.get(&batch.producer_id);
            if origin == AppendOrigin::Client {
                let duplicate = current.and_then(|entry| {
                    entry.find_duplicate(batch.producer_epoch, batch.base_sequence, batch.last_sequence())
                });
                if let Some(duplicate) = duplicate {
                    return Ok(Verdict::Duplicate(duplicate));
                }
            }
            let updated = pending.entries.entry(batch.producer_id).or_insert_with(|| {
                current.cloned().unwrap_or_else(|| ProducerStateEntry::empty(batch.producer_id))
            });
            let completed =
                ProducerAppend { origin, current, updated }.append(batch, &mut pending.started)?;
            pending.completed.extend(completed);
        }
        Ok(Verdict::Append(pending))
    }

    /// Takes over an append whose last record is at `last_offset`. Returns the aborted transactions that it ended, for
    /// the transaction index of the segment that holds the markers.
    pub fn apply(&mut self, pending: PendingAppend, last_offset: Offset) -> Vec<AbortedTransactionEntry> {
        self.producers.extend(pending.entries);
        self.ongoing.extend(pending.started);
        let mut aborted = Vec::new();
        for completed in pending.completed {
            let last_stable_offset = self.last_stable_offset_behind(completed);
            if completed.is_aborted {
                aborted.push(AbortedTransactionEntry {
                    producer_id: completed.producer_id,
                    first_offset: completed.first_offset,
                    last_offset: completed.last_offset,
                    last_stable_offset,
                });
            }
            self.ongoing.remove(&completed.first_offset);
            self.unreplicated.insert(completed.first_offset, completed.last_offset);
        }
        self.map_end_offset = last_offset.next();
        aborted
    }

    /// The last stable offset once `completed` has ended: where the next open transaction begins, else behind the
    /// marker.
    fn last_stable_offset_behind(&self, completed: CompletedTransaction) -> Offset {
        let other = self.ongoing.iter().find(|(_, producer_id)| **producer_id != completed.producer_id);
        other.map_or(completed.last_offset.next(), |(first_offset, _)| *first_offset)
    }

    /// Notes that the log has grown to `map_end_offset` without producers (batches of old formats).
    pub fn set_map_end_offset(&mut self, map_end_offset: Offset) {
        self.map_end_offset = map_end_offset;
    }

    /// The log's end as far as this state has followed it; what a snapshot of it is named after.
    pub fn map_end_offset(&self) -> Offset {
        self.map_end_offset
    }

    /// The first offset whose fate is open: of an open transaction, or of one whose marker is not below the high
    /// watermark yet. The last stable offset is this or the high watermark.
    pub fn first_unstable_offset(&self) -> Option<Offset> {
        let unreplicated = self.unreplicated.first_key_value().map(|(first, _)| *first);
        match (self.first_undecided_offset(), unreplicated) {
            (Some(undecided), Some(unreplicated)) => Some(undecided.min(unreplicated)),
            (undecided, unreplicated) => undecided.or(unreplicated),
        }
    }

    /// The first offset of an open transaction. Compaction stops here.
    pub fn first_undecided_offset(&self) -> Option<Offset> {
        self.ongoing.first_key_value().map(|(first, _)| *first)
    }

    /// Lets go of ended transactions whose markers are below the high watermark.
    pub fn on_high_watermark_updated(&mut self, high_watermark: Offset) {
        self.unreplicated.retain(|_, marker| *marker >= high_watermark);
    }

    /// The log begins at `log_start_offset` now. Producers stay known, though their records are gone.
    pub fn on_log_start_offset_incremented(&mut self, log_start_offset: Offset) {
        self.on_high_watermark_updated(log_start_offset);
        self.map_end_offset = self.map_end_offset.max(log_start_offset);
    }

    /// Forgets producers that have been silent for `expiration_ms` (`producer.id.expiration.ms`) and have no open
    /// transaction.
    pub fn remove_expired(&mut self, now_ms: i64, expiration_ms: i64) {
        self.producers.retain(|_, entry| !is_expired(entry, now_ms, expiration_ms));
    }

    /// Forgets everything; the log now ends at `offset`. Snapshot files are to be removed as well.
    pub fn truncate_fully_and_start_at(&mut self, offset: Offset) {
        *self = Self::new(offset);
    }

    /// Puts the content of the snapshot file at `offset` in the place of what was known. Producers that have expired
    /// are left out.
    ///
    /// # Errors
    /// [`SnapshotError`] when the content is damaged; nothing has changed then. The file is to be removed and the one
    /// before it tried.
    pub fn load_snapshot(
        &mut self,
        offset: Offset,
        content: &[u8],
        now_ms: i64,
        expiration_ms: i64,
    ) -> Result<(), SnapshotError> {
        let entries = snapshot::decode(content)?;
        let mut loaded = Self::new(offset);
        for entry in entries.into_iter().filter(|entry| !is_expired(entry, now_ms, expiration_ms)) {
            if let Some(first_offset) = entry.current_transaction_first_offset() {
                loaded.ongoing.insert(first_offset, entry.producer_id());
            }
            loaded.producers.insert(entry.producer_id(), entry);
        }
        *self = loaded;
        Ok(())
    }

    /// The content of a snapshot file named after [`Self::map_end_offset`].
    pub fn to_snapshot(&self) -> Vec<u8> {
        snapshot::encode(self.producers.values())
    }

    /// All producers that are known, by id.
    pub fn producers(&self) -> impl ExactSizeIterator<Item = &ProducerStateEntry> {
        self.producers.values()
    }

    /// What is known of one producer.
    pub fn producer(&self, producer_id: ProducerId) -> Option<&ProducerStateEntry> {
        self.producers.get(&producer_id)
    }

    /// Whether nothing is known of any producer.
    pub fn is_empty(&self) -> bool {
        self.producers.is_empty() && self.unreplicated.is_empty()
    }

    /// What compaction must leave of each producer.
    pub fn last_records(&self) -> BTreeMap<ProducerId, LastRecord> {
        let last_record = |entry: &ProducerStateEntry| LastRecord {
            last_data_offset: entry.last_batch().map(|batch| batch.last_offset),
            producer_epoch: entry.producer_epoch(),
        };
        self.producers.iter().map(|(id, entry)| (*id, last_record(entry))).collect()
    }

    /// Panics when producers, transactions and offsets contradict one another.
    pub fn check_invariants(&self) {
        for (id, entry) in &self.producers {
            assert_eq!(*id, entry.producer_id(), "a producer is filed under another id");
            entry.check_invariants();
            if let Some(first_offset) = entry.current_transaction_first_offset() {
                let owner = self.ongoing.get(&first_offset);
                assert_eq!(owner, Some(id), "the open transaction of producer {id} is not listed");
            }
            if let Some(last) = entry.last_batch() {
                assert!(
                    last.last_offset < self.map_end_offset,
                    "producer {id} has offset {} at or above the end {}",
                    last.last_offset,
                    self.map_end_offset
                );
            }
        }
        for (first_offset, id) in &self.ongoing {
            let entry = self.producers.get(id);
            let listed = entry.and_then(ProducerStateEntry::current_transaction_first_offset);
            assert_eq!(listed, Some(*first_offset), "producer {id} does not know its transaction");
            assert!(!self.unreplicated.contains_key(first_offset), "{first_offset} is open and ended");
        }
        for (first_offset, marker) in &self.unreplicated {
            assert!(first_offset < marker, "the transaction at {first_offset} ends at {marker}");
        }
    }
}

fn is_expired(entry: &ProducerStateEntry, now_ms: i64, expiration_ms: i64) -> bool {
    entry.current_transaction_first_offset().is_none()
        && now_ms.saturating_sub(entry.last_timestamp_ms()) >= expiration_ms
}
