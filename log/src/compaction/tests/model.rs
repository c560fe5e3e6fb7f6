//! A log in memory that is compacted, beside a plain list of all that was ever written to it.

use std::collections::{BTreeMap, BTreeSet};

use medallion_wire::records::{
    AnyBatch, BatchBuilder, BatchOptions, Compression, ControlRecordType, DecompressionLimits,
    EndTransactionMarker, RecordBatch,
};
use medallion_wire::{Offset, ProducerEpoch, ProducerId};

use super::super::{
    Cleaned, Cleaner, CleanerSettings, CompactionLog, CompactionPlan, CompactionSegment, GroupLimits,
    OffsetMapBuilder, SegmentSizes, group_segments, plan,
};
use crate::append_origin::AppendOrigin;
use crate::config::{CleanupPolicy, LogConfig};
use crate::producer_state::{ProducerBatch, ProducerStateManager, Verdict};
use crate::transaction_index::{AbortedTransactionEntry, AbortedTransactionSearch};

pub(super) const DELETE_RETENTION_MS: i64 = 100;
pub(super) const LIMITS: DecompressionLimits = DecompressionLimits::new(1 << 20);

#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Producer 0 is plain, 1 and 2 are idempotent, 3 to 5 are transactional.
    Write {
        producer: usize,
        codec: Compression,
        records: Vec<(Option<u8>, Option<u8>)>,
    },
    End {
        producer: usize,
        is_commit: bool,
    },
    Roll,
    Compact {
        advance_ms: i64,
        memory_bytes: usize,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Open,
    Committed,
    Aborted,
}

/// A record as it was written.
#[derive(Debug, Clone)]
struct Written {
    key: Option<u8>,
    value: Option<u8>,
    timestamp: i64,
    producer: usize,
    fate: Fate,
    /// When a cleaning first passed it, which begins the delete horizon of its batch.
    first_passed_ms: Option<i64>,
}

#[derive(Debug, Default)]
struct Segment {
    base_offset: Offset,
    batches: Vec<AnyBatch>,
    aborted: Vec<AbortedTransactionEntry>,
}

impl Segment {
    fn size_bytes(&self) -> u64 {
        self.batches.iter().map(|batch| u64::try_from(batch.size_bytes()).unwrap()).sum()
    }
}

#[derive(Debug)]
pub(super) struct Log {
    segments: Vec<Segment>,
    producers: ProducerStateManager,
    next_sequence: [i32; 6],
    written: BTreeMap<i64, Written>,
    checkpoint: Offset,
    now_ms: i64,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            segments: vec![Segment::default()],
            producers: ProducerStateManager::default(),
            next_sequence: [0; 6],
            written: BTreeMap::new(),
            checkpoint: Offset::ZERO,
            now_ms: 1_000_000,
        }
    }
}

impl Log {
    pub(super) fn apply(&mut self, step: &Step) {
        match step {
            Step::Write { producer, codec, records } => self.write(*producer, *codec, records),
            Step::End { producer, is_commit } => self.end(*producer, *is_commit),
            Step::Roll => {
                let base_offset = self.producers.map_end_offset();
                if !self.segments.last().unwrap().batches.is_empty() {
                    self.segments.push(Segment { base_offset, ..Segment::default() });
                }
            }
            Step::Compact { advance_ms, memory_bytes } => {
                self.now_ms += advance_ms;
                self.compact(*memory_bytes);
            }
        }
    }

    /// The offsets of all records that are left.
    pub(super) fn offsets(&self) -> Vec<i64> {
        self.present().into_keys().collect()
    }

    /// The base offsets of all batches that are left.
    pub(super) fn batch_offsets(&self) -> Vec<i64> {
        self.batches().map(|batch| batch.base_offset.0).collect()
    }

    fn options(&self, producer: usize) -> BatchOptions {
        let base_offset = self.producers.map_end_offset();
        if producer == 0 {
            return BatchOptions { base_offset, ..BatchOptions::default() };
        }
        BatchOptions {
            base_offset,
            producer_id: ProducerId(i64::try_from(producer).unwrap()),
            producer_epoch: ProducerEpoch(0),
            base_sequence: self.next_sequence[producer],
            is_transactional: producer >= 3,
            ..BatchOptions::default()
        }
    }

    fn write(&mut self, producer: usize, codec: Compression, records: &[(Option<u8>, Option<u8>)]) {
        let mut builder =
            BatchBuilder::new(BatchOptions { compression: codec.into(), ..self.options(producer) });
        let fate = if producer >= 3 { Fate::Open } else { Fate::Committed };
        for (key, value) in records {
            let offset = builder.next_offset();
            let timestamp = self.now_ms - offset.0 % 7;
            let key_bytes = key.map(|key| [key]);
            let value_bytes = value.map(|value| [value]);
            builder
                .append(
                    timestamp,
                    key_bytes.as_ref().map(<[u8; 1]>::as_slice),
                    value_bytes.as_ref().map(<[u8; 1]>::as_slice),
                    &[],
                )
                .unwrap();
            let written =
                Written { key: *key, value: *value, timestamp, producer, fate, first_passed_ms: None };
            self.written.insert(offset.0, written);
        }
        self.append(builder.build().unwrap());
        self.next_sequence[producer] += i32::try_from(records.len()).unwrap();
    }

    fn end(&mut self, producer: usize, is_commit: bool) {
        let marker = EndTransactionMarker { is_commit, coordinator_epoch: 0 };
        let batch = BatchBuilder::end_transaction(self.options(producer), marker, self.now_ms).unwrap();
        self.append(batch);
        let fate = if is_commit { Fate::Committed } else { Fate::Aborted };
        let of_producer = self
            .written
            .values_mut()
            .filter(|written| written.producer == producer && written.fate == Fate::Open);
        of_producer.for_each(|written| written.fate = fate);
    }

    fn append(&mut self, batch: RecordBatch) {
        let of_producer = ProducerBatch::new(&batch, batch.base_offset).unwrap();
        let origin = if batch.is_control() { AppendOrigin::Coordinator } else { AppendOrigin::Client };
        let Verdict::Append(pending) = self.producers.check(&[of_producer], origin).unwrap() else {
            panic!("the model sends nothing twice");
        };
        let aborted = self.producers.apply(pending, of_producer.last_offset);
        self.producers.on_high_watermark_updated(self.producers.map_end_offset());
        let active = self.segments.last_mut().unwrap();
        active.aborted.extend(aborted);
        active.batches.push(AnyBatch::Batch(batch));
    }

    fn last_stable_offset(&self) -> Offset {
        self.producers.first_unstable_offset().unwrap_or(self.producers.map_end_offset())
    }

    fn plan(&self) -> Option<CompactionPlan> {
        let segments: Vec<_> = self
            .segments
            .iter()
            .map(|segment| CompactionSegment {
                base_offset: segment.base_offset,
                size_bytes: segment.size_bytes(),
                largest_timestamp_ms: 0,
                first_batch_timestamp_ms: None,
            })
            .collect();
        let log = CompactionLog {
            segments: &segments,
            log_start_offset: Offset::ZERO,
            last_stable_offset: self.last_stable_offset(),
            log_end_offset: self.producers.map_end_offset(),
        };
        let config = LogConfig {
            cleanup_policy: CleanupPolicy::COMPACT,
            min_cleanable_dirty_ratio: 0.0,
            ..LogConfig::default()
        };
        plan(log, Some(self.checkpoint), &config, self.now_ms)
    }

    fn aborted(&self, from: Offset, to: Offset) -> Vec<AbortedTransactionEntry> {
        let mut search = AbortedTransactionSearch::new(from, to);
        self.segments.iter().for_each(|segment| search.add_segment(&segment.aborted));
        search.into_entries()
    }

    fn compact(&mut self, memory_bytes: usize) {
        let Some(plan) = self.plan() else { return };
        let untouched: Vec<_> = self
            .batches()
            .filter(|batch| batch.base_offset >= plan.first_uncleanable_offset)
            .cloned()
            .collect();
        let before = self.cleaned_end(plan.first_uncleanable_offset);
        let cleaner = self.cleaner(&plan, memory_bytes);
        assert!(cleaner.end_offset() > plan.first_dirty_offset, "a cleaning gets on");
        let end_offset = cleaner.end_offset();
        let passed_end = self.replace_segments(cleaner, plan.first_uncleanable_offset);
        self.checkpoint = end_offset;

        let still: Vec<_> = self
            .batches()
            .filter(|batch| batch.base_offset >= plan.first_uncleanable_offset)
            .cloned()
            .collect();
        assert_eq!(still, untouched, "batches above the bound are untouched");
        assert_eq!(self.cleaned_end(plan.first_uncleanable_offset), before, "the last offset stays");
        self.check_records(passed_end);
        self.check_committed_reader();
        self.check_producers();
    }

    /// The offset behind the last batch below `bound`, if that is the bound.
    fn cleaned_end(&self, bound: Offset) -> bool {
        self.batches().any(|batch| batch.next_offset() == bound)
    }

    fn cleaner(&self, plan: &CompactionPlan, memory_bytes: usize) -> Cleaner {
        let (start, end) = (plan.first_dirty_offset, plan.first_uncleanable_offset);
        let mut builder = OffsetMapBuilder::new(start, end, memory_bytes, self.aborted(start, end), LIMITS);
        'segments: for (index, segment) in self.segments.iter().enumerate() {
            let next = self.segments.get(index + 1).map_or(end, |next| next.base_offset);
            if next <= start || segment.base_offset >= end {
                continue;
            }
            for batch in &segment.batches {
                if !builder.add(batch) {
                    break 'segments;
                }
            }
            builder.end_segment(next);
        }
        let settings = CleanerSettings {
            now_ms: self.now_ms,
            delete_retention_ms: DELETE_RETENTION_MS,
            first_uncleanable_offset: end,
            last_records: self.producers.last_records(),
            decompression: LIMITS,
        };
        Cleaner::new(settings, builder.finish())
    }

    /// Runs the cleaner over all segments that begin below its end; returns where the last of them ends.
    fn replace_segments(&mut self, mut cleaner: Cleaner, bound: Offset) -> Offset {
        let count = self.segments.partition_point(|segment| segment.base_offset < cleaner.end_offset());
        let sizes: Vec<_> = self.segments[..count]
            .iter()
            .map(|segment| SegmentSizes {
                base_offset: segment.base_offset,
                size_bytes: segment.size_bytes(),
                offset_index_bytes: 0,
                time_index_bytes: 0,
            })
            .collect();
        let passed_end = self.segments[count].base_offset;
        let limits = GroupLimits { segment_bytes: 600, index_bytes: 1 };
        let mut replaced = Vec::new();
        for group in group_segments(&sizes, limits, bound) {
            let mut new =
                Segment { base_offset: self.segments[group.start].base_offset, ..Segment::default() };
            for index in group {
                let segment = &self.segments[index];
                let end = self.segments[index + 1].base_offset;
                cleaner.begin_segment(self.aborted(segment.base_offset, end), true);
                for batch in &segment.batches {
                    if let Cleaned::Kept(batch) = cleaner.clean(batch) {
                        batch.verify_crc().unwrap();
                        new.batches.push(batch);
                    }
                }
            }
            new.aborted = cleaner.end_new_segment();
            replaced.push(new);
        }
        let statistics = cleaner.statistics();
        assert!(statistics.records_kept <= statistics.records_read);
        assert_eq!(statistics.undecodable_batches, 0);
        self.segments.splice(..count, replaced);
        passed_end
    }

    fn batches(&self) -> impl Iterator<Item = &RecordBatch> {
        self.segments.iter().flat_map(|segment| &segment.batches).map(|batch| match batch {
            AnyBatch::Batch(batch) => batch,
            AnyBatch::Legacy(_) => panic!("the model writes magic 2"),
        })
    }

    /// All data records that are left: key, value and timestamp by offset.
    fn present(&self) -> BTreeMap<i64, (Option<u8>, Option<u8>, i64)> {
        let mut present = BTreeMap::new();
        for batch in self.batches().filter(|batch| !batch.is_control()) {
            for record in batch.records(LIMITS).unwrap() {
                let record = record.unwrap();
                let byte = |bytes: Option<bytes::Bytes>| bytes.map(|bytes| bytes[0]);
                let fields = (byte(record.key), byte(record.value), record.timestamp);
                assert_eq!(
                    present.insert(record.offset.0, fields),
                    None,
                    "offset {} comes twice",
                    record.offset
                );
            }
        }
        present
    }

    fn check_records(&mut self, passed_end: Offset) {
        let present = self.present();
        let mut last_of_key = BTreeMap::new();
        for (offset, written) in self.written.range(..self.checkpoint.0) {
            if written.fate == Fate::Committed {
                last_of_key.insert(written.key, *offset);
            }
        }
        for (offset, written) in &mut self.written {
            let is_clean = *offset < self.checkpoint.0;
            let is_passed = *offset < passed_end.0;
            let horizon_passed = written
                .first_passed_ms
                .is_some_and(|passed_ms| self.now_ms >= passed_ms + DELETE_RETENTION_MS);
            let is_superseded = last_of_key.get(&written.key).is_some_and(|last| offset < last);
            let is_gone = match written.fate {
                Fate::Aborted => is_passed || !present.contains_key(offset),
                Fate::Open => false,
                Fate::Committed => {
                    is_clean
                        && (written.key.is_none()
                            || is_superseded
                            || (written.value.is_none() && horizon_passed))
                }
            };
            let expected = (!is_gone).then_some((written.key, written.value, written.timestamp));
            assert_eq!(present.get(offset).copied(), expected, "offset {offset}: {written:?}");
            if is_passed && !is_gone {
                written.first_passed_ms.get_or_insert(self.now_ms);
            }
        }
        assert!(present.keys().all(|offset| self.written.contains_key(offset)));
    }

    /// A reader of committed data, with the lists of aborted transactions that the indexes give it.
    fn check_committed_reader(&self) {
        let end = self.last_stable_offset();
        let mut coming: BTreeSet<_> = self
            .aborted(Offset::ZERO, end)
            .iter()
            .map(|entry| (entry.first_offset, entry.producer_id))
            .collect();
        let mut aborted = BTreeSet::new();
        for batch in self.batches().take_while(|batch| batch.base_offset < end) {
            while let Some(first) = coming.first().copied().filter(|first| first.0 <= batch.last_offset()) {
                coming.remove(&first);
                aborted.insert(first.1);
            }
            if batch.is_control() {
                let record = batch.records(LIMITS).unwrap().next().map(Result::unwrap);
                if record.is_some_and(|record| record.control_type() == Ok(ControlRecordType::Abort)) {
                    aborted.remove(&batch.producer_id);
                }
                continue;
            }
            let is_skipped = batch.is_transactional() && aborted.contains(&batch.producer_id);
            for record in batch.records(LIMITS).unwrap() {
                let offset = record.unwrap().offset.0;
                let is_committed = self.written[&offset].fate == Fate::Committed;
                assert_eq!(is_committed, !is_skipped, "offset {offset} of a reader of committed data");
            }
        }
    }

    /// A server that reads the compacted log knows the same sequences and open transactions.
    fn check_producers(&self) {
        let mut read = ProducerStateManager::default();
        for batch in self.batches() {
            let batch = ProducerBatch::new(batch, batch.base_offset).unwrap();
            let Verdict::Append(pending) = read.check(&[batch], AppendOrigin::Replication).unwrap() else {
                panic!("a follower sees no duplicates");
            };
            read.apply(pending, batch.last_offset);
        }
        for known in self.producers.producers().filter(|known| known.last_batch().is_some()) {
            let found = read.producer(known.producer_id()).expect("compaction leaves the last batch");
            assert_eq!(found.last_sequence(), known.last_sequence());
            assert_eq!(found.producer_epoch(), known.producer_epoch());
        }
        assert_eq!(read.first_undecided_offset(), self.producers.first_undecided_offset());
    }
}
