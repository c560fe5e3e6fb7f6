//! What stays of each batch.

use std::collections::BTreeMap;

use medallion_wire::records::{
    AnyBatch, BatchBuilder, BatchOptions, BuildError, DecompressionLimits, LegacyBatch, Record, RecordBatch,
    RecordError, RecordRef, TimestampType,
};
use medallion_wire::{Offset, ProducerId};

use super::offset_map::OffsetMap;
use super::transactions::CleanedTransactions;
use crate::producer_state::LastRecord;
use crate::transaction_index::AbortedTransactionEntry;

/// What a cleaning needs besides the log.
#[derive(Debug, Clone)]
pub struct CleanerSettings {
    /// The wall clock at its start.
    pub now_ms: i64,
    /// `delete.retention.ms`.
    pub delete_retention_ms: i64,
    /// Where the cleaning ends ([`super::CompactionPlan::first_uncleanable_offset`]).
    pub first_uncleanable_offset: Offset,
    /// What must stay of each producer ([`crate::producer_state::ProducerStateManager::last_records`]).
    pub last_records: BTreeMap<ProducerId, LastRecord>,
    /// How large the decompressed records of a batch may get; a larger batch is kept as it is.
    pub decompression: DecompressionLimits,
}

/// What a cleaning has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CompactionStatistics {
    /// Bytes of batches that were read.
    pub bytes_read: u64,
    /// Bytes of batches that stay.
    pub bytes_kept: u64,
    /// Records that were read.
    pub records_read: u64,
    /// Records that stay.
    pub records_kept: u64,
    /// Records that went because they had no key.
    pub keyless_records: u64,
    /// Batches that stay because they do not decode.
    pub undecodable_batches: u64,
}

/// What stays of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cleaned {
    /// Nothing.
    Removed,
    /// This batch: the same one, one with fewer records, or an empty one.
    Kept(AnyBatch),
}

/// Goes over the batches of all segments below the end of the map, in order, and hands back what stays of each.
#[derive(Debug)]
pub struct Cleaner {
    settings: CleanerSettings,
    map: OffsetMap,
    transactions: CleanedTransactions,
    retain_legacy_tombstones: bool,
    statistics: CompactionStatistics,
}

/// The records of a batch that stay.
struct Retained<R> {
    records: Vec<R>,
    read: u64,
    has_tombstone: bool,
}

impl<R> Retained<R> {
    fn new() -> Self {
        Self { records: Vec::new(), read: 0, has_tombstone: false }
    }
}

impl Cleaner {
    /// A cleaner that keeps the records which `map` knows as the last of their keys.
    pub fn new(settings: CleanerSettings, map: OffsetMap) -> Self {
        Self {
            settings,
            map,
            transactions: CleanedTransactions::default(),
            retain_legacy_tombstones: true,
            statistics: CompactionStatistics::default(),
        }
    }

    /// Begins the next old segment. `aborted` are the aborted transactions that touch it.
    ///
    /// `retain_legacy_tombstones` stands for the delete horizon in messages of magic 0 and 1, which have no place for
    /// one: whether the segment was last changed later than `delete.retention.ms` before the last change of the newest
    /// clean segment.
    pub fn begin_segment(
        &mut self,
        aborted: impl IntoIterator<Item = AbortedTransactionEntry>,
        retain_legacy_tombstones: bool,
    ) {
        self.transactions.add_aborted(aborted);
        self.retain_legacy_tombstones = retain_legacy_tombstones;
    }

    /// Decides on the next batch.
    pub fn clean(&mut self, batch: &AnyBatch) -> Cleaned {
        self.statistics.bytes_read += byte_count(batch);
        let cleaned = match batch {
            AnyBatch::Batch(current) => self.clean_batch(current),
            AnyBatch::Legacy(legacy) => self.clean_legacy(legacy),
        };
        let cleaned = cleaned.unwrap_or_else(|_| {
            self.statistics.undecodable_batches += 1;
            Cleaned::Kept(batch.clone())
        });
        if let Cleaned::Kept(kept) = &cleaned {
            self.statistics.bytes_kept += byte_count(kept);
        }
        cleaned
    }

    /// Ends a new segment: the entries for its transaction index.
    pub fn end_new_segment(&mut self) -> Vec<AbortedTransactionEntry> {
        self.transactions.take_listed()
    }

    /// Behind the last offset that is clean now, for `cleaner-offset-checkpoint`.
    pub fn end_offset(&self) -> Offset {
        self.map.end_offset()
    }

    /// What was done so far.
    pub fn statistics(&self) -> CompactionStatistics {
        self.statistics
    }

    fn clean_batch(&mut self, batch: &RecordBatch) -> Result<Cleaned, BatchError> {
        let is_dead = if batch.is_control() {
            self.transactions.on_control_batch(batch)
        } else {
            self.transactions.on_batch(batch)
        };
        let horizon_passed = batch.delete_horizon_ms().is_some_and(|horizon| horizon <= self.settings.now_ms);
        if is_dead && (horizon_passed || !batch.is_control()) {
            self.statistics.records_read += u64::try_from(batch.record_count).unwrap_or(0);
            return Ok(self.emptied(batch));
        }
        let decoded = batch.decode(self.settings.decompression)?;
        let mut retained = Retained::new();
        let mut keyless = 0;
        for record in &decoded {
            let record = record?;
            retained.read += 1;
            keyless += u64::from(record.key.is_none());
            if batch.is_control() || self.retains(&record, !horizon_passed) {
                retained.has_tombstone |= record.value.is_none();
                retained.records.push(record);
            }
        }
        self.count(&retained, keyless);
        if retained.records.is_empty() {
            return Ok(self.emptied(batch));
        }
        let begins_horizon = (retained.has_tombstone || is_dead) && batch.delete_horizon_ms().is_none();
        if count_of(&retained.records) == retained.read && !begins_horizon {
            return Ok(Cleaned::Kept(AnyBatch::Batch(batch.clone())));
        }
        let options = BatchOptions::like(batch.header())?;
        let horizon = self.settings.now_ms.saturating_add(self.settings.delete_retention_ms);
        let options = BatchOptions {
            delete_horizon_ms: if begins_horizon { Some(horizon) } else { options.delete_horizon_ms },
            ..options
        };
        let rebuilt = rebuild(options, &retained.records, batch.last_offset())?;
        Ok(Cleaned::Kept(AnyBatch::Batch(rebuilt)))
    }

    /// Messages of magic 0 and 1 that lose records become a batch of magic 2, which every reader of today understands.
    fn clean_legacy(&mut self, legacy: &LegacyBatch) -> Result<Cleaned, BatchError> {
        let mut retained: Retained<Record> = Retained::new();
        let mut keyless = 0;
        for record in legacy.records(self.settings.decompression)? {
            let record = record?;
            retained.read += 1;
            keyless += u64::from(record.key.is_none());
            if self.retains(&record.as_ref(), self.retain_legacy_tombstones) {
                retained.records.push(record);
            }
        }
        self.count(&retained, keyless);
        let Some((first, last)) = retained.records.first().zip(retained.records.last()) else {
            return Ok(Cleaned::Removed);
        };
        if count_of(&retained.records) == retained.read {
            return Ok(Cleaned::Kept(AnyBatch::Legacy(legacy.clone())));
        }
        let header = legacy.header();
        let options = BatchOptions {
            base_offset: first.offset,
            compression: header.compression()?.into(),
            log_append_time: (header.timestamp_type() == TimestampType::LogAppendTime)
                .then_some(header.max_timestamp()),
            ..BatchOptions::default()
        };
        let records: Vec<RecordRef<'_>> = retained.records.iter().map(Record::as_ref).collect();
        Ok(Cleaned::Kept(AnyBatch::Batch(rebuild(options, &records, last.offset)?)))
    }

    fn retains(&self, record: &RecordRef<'_>, retains_tombstones: bool) -> bool {
        if record.offset >= self.map.end_offset() {
            return true;
        }
        let Some(key) = record.key else { return false };
        let is_last = self.map.get(key).is_none_or(|last| record.offset >= last);
        is_last && (record.value.is_some() || retains_tombstones)
    }

    /// A batch without records, where something hangs on its header, else nothing.
    fn emptied(&self, batch: &RecordBatch) -> Cleaned {
        let is_last_of_producer = self.settings.last_records.get(&batch.producer_id).is_some_and(|last| {
            match last.last_data_offset {
                Some(offset) => offset == batch.last_offset(),
                None => batch.is_control() && batch.producer_epoch == last.producer_epoch,
            }
        });
        if is_last_of_producer || batch.next_offset() == self.settings.first_uncleanable_offset {
            Cleaned::Kept(AnyBatch::Batch(batch.emptied()))
        } else {
            Cleaned::Removed
        }
    }

    fn count<R>(&mut self, retained: &Retained<R>, keyless: u64) {
        self.statistics.records_read += retained.read;
        self.statistics.records_kept += count_of(&retained.records);
        self.statistics.keyless_records += keyless;
    }
}

fn rebuild(
    options: BatchOptions,
    records: &[RecordRef<'_>],
    last_offset: Offset,
) -> Result<RecordBatch, BuildError> {
    let mut builder = BatchBuilder::new(options);
    for record in records {
        builder.append_record(record)?;
    }
    // The last sequence follows from the last offset, so a batch keeps it also when its last record went.
    builder.set_last_offset(last_offset)?;
    builder.build()
}

fn byte_count(batch: &AnyBatch) -> u64 {
    u64::try_from(batch.size_bytes()).unwrap_or(u64::MAX)
}

fn count_of<R>(records: &[R]) -> u64 {
    u64::try_from(records.len()).unwrap_or(u64::MAX)
}

/// Why a batch is left alone.
#[derive(Debug, thiserror::Error)]
enum BatchError {
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    Build(#[from] BuildError),
}
