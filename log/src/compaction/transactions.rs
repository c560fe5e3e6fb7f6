//! Which batches belong to aborted transactions, and which markers have outlived their transactions.

use std::collections::{BTreeMap, BTreeSet};

use medallion_wire::records::{ControlRecordType, DecompressionLimits, RecordBatch};
use medallion_wire::{Offset, ProducerId};

use crate::transaction_index::AbortedTransactionEntry;

/// Follows the transactions while the batches of a log go by in order.
#[derive(Debug, Default)]
pub(super) struct CleanedTransactions {
    /// Aborted transactions that begin further on, by first offset and producer.
    coming: BTreeMap<(Offset, ProducerId), AbortedTransactionEntry>,
    /// Aborted transactions that have begun, and whether data of them was seen.
    aborted: BTreeMap<ProducerId, (AbortedTransactionEntry, bool)>,
    /// Producers whose committed data was seen since their last marker.
    committed: BTreeSet<ProducerId>,
    /// Aborted transactions whose markers must stay listed in the index of the new segment.
    listed: Vec<AbortedTransactionEntry>,
}

/// A control record takes some tens of bytes.
const CONTROL_BATCH_LIMITS: DecompressionLimits = DecompressionLimits::new(1 << 20);

impl CleanedTransactions {
    /// Adds the aborted transactions that touch the batches to come; one that is over already does no harm.
    pub(super) fn add_aborted(&mut self, entries: impl IntoIterator<Item = AbortedTransactionEntry>) {
        self.coming.extend(entries.into_iter().map(|entry| ((entry.first_offset, entry.producer_id), entry)));
    }

    /// Passes a data batch; whether it belongs to an aborted transaction.
    pub(super) fn on_batch(&mut self, batch: &RecordBatch) -> bool {
        self.begin_up_to(batch.last_offset());
        if !batch.is_transactional() {
            return false;
        }
        if let Some((_, has_data)) = self.aborted.get_mut(&batch.producer_id) {
            *has_data = true;
            return true;
        }
        self.committed.insert(batch.producer_id);
        false
    }

    /// Passes a control batch; whether nothing is left of what it ends, so that it may go one day.
    pub(super) fn on_control_batch(&mut self, batch: &RecordBatch) -> bool {
        self.begin_up_to(batch.last_offset());
        let Ok(decoded) = batch.decode(CONTROL_BATCH_LIMITS) else { return false };
        let Some(record) = decoded.iter().next() else { return true };
        match record.ok().and_then(|record| ControlRecordType::of(&record).ok()) {
            Some(ControlRecordType::Abort) => match self.aborted.remove(&batch.producer_id) {
                Some((entry, true)) => {
                    self.listed.push(entry);
                    false
                }
                _ => true,
            },
            Some(ControlRecordType::Commit) => !self.committed.remove(&batch.producer_id),
            _ => false,
        }
    }

    /// Takes the entries for the index of the segment that is finished now.
    pub(super) fn take_listed(&mut self) -> Vec<AbortedTransactionEntry> {
        std::mem::take(&mut self.listed)
    }

    fn begin_up_to(&mut self, offset: Offset) {
        while let Some(coming) = self.coming.first_entry().filter(|coming| coming.key().0 <= offset) {
            let entry = coming.remove();
            // One that ended before this batch must not swallow the producer's next transaction.
            if entry.last_offset >= offset {
                self.aborted.entry(entry.producer_id).or_insert((entry, false));
            }
        }
    }
}
