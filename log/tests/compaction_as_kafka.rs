//! Compaction against what Apache Kafka 4.3.1 made of the same segments.
//!
//! `fixtures/compaction/first`: three closed segments and the active one of a compacted topic with four codecs,
//! idempotent, transactional and plain producers, tombstones, commits and aborts; `expected.*` is what Kafka's cleaner
//! wrote, with `delete.retention.ms=4000`. `second`: a later cleaning, after the delete horizons had passed.

#![expect(clippy::unwrap_used, reason = "a test may panic anywhere")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use medallion_log::AppendOrigin;
use medallion_log::compaction::{Cleaned, Cleaner, CleanerSettings, OffsetMapBuilder};
use medallion_log::producer_state::{LastRecord, ProducerBatch, ProducerStateManager, Verdict};
use medallion_log::transaction_index::{self, AbortedTransactionEntry};
use medallion_wire::records::{AnyBatch, AnyBatches, Compression, DecompressionLimits, Record, RecordBatch};
use medallion_wire::{Offset, ProducerId};

const DELETE_RETENTION_MS: i64 = 4000;
const LIMITS: DecompressionLimits = DecompressionLimits::new(1 << 20);

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/compaction").join(name)
}

fn batches(path: &Path) -> Vec<AnyBatch> {
    let content = Bytes::from(std::fs::read(path).expect("the fixture is there"));
    AnyBatches::new(content).collect::<Result<_, _>>().expect("the fixture is sound")
}

fn segment(folder: &Path, base_offset: i64) -> Vec<AnyBatch> {
    batches(&folder.join(format!("{base_offset:020}.log")))
}

fn aborted(path: &Path) -> Vec<AbortedTransactionEntry> {
    let content = std::fs::read(path).unwrap_or_default();
    transaction_index::decode(&content, Offset::ZERO).expect("the fixture is sound")
}

fn v2(batch: &AnyBatch) -> &RecordBatch {
    match batch {
        AnyBatch::Batch(batch) => batch,
        AnyBatch::Legacy(_) => panic!("Kafka 4 writes magic 2"),
    }
}

fn last_records<'a>(log: impl IntoIterator<Item = &'a AnyBatch>) -> BTreeMap<ProducerId, LastRecord> {
    let mut producers = ProducerStateManager::default();
    for batch in log {
        let batch = ProducerBatch::new(v2(batch), v2(batch).base_offset).unwrap();
        match producers.check(&[batch], AppendOrigin::Replication).unwrap() {
            Verdict::Append(pending) => drop(producers.apply(pending, batch.last_offset)),
            Verdict::Duplicate(_) => panic!("a follower sees no duplicates"),
        }
        producers.check_invariants();
    }
    producers.last_records()
}

/// Cleans the segments at `bases`, which end at `end`.
fn clean(
    name: &str,
    bases: &[i64],
    first_dirty: i64,
    end: i64,
    now_ms: i64,
    last_records: BTreeMap<ProducerId, LastRecord>,
) -> (Vec<AnyBatch>, Vec<AbortedTransactionEntry>) {
    let folder = folder(name);
    let segments: Vec<_> = bases.iter().map(|base| segment(&folder, *base)).collect();
    let all_aborted: Vec<_> =
        bases.iter().flat_map(|base| aborted(&folder.join(format!("{base:020}.txnindex")))).collect();
    let mut builder =
        OffsetMapBuilder::new(Offset(first_dirty), Offset(end), 1 << 20, all_aborted.clone(), LIMITS);
    for (index, batches) in segments.iter().enumerate() {
        let next = bases.get(index + 1).copied().unwrap_or(end);
        if next <= first_dirty {
            continue;
        }
        assert!(batches.iter().all(|batch| builder.add(batch)));
        builder.end_segment(Offset(next));
    }
    let settings = CleanerSettings {
        now_ms,
        delete_retention_ms: DELETE_RETENTION_MS,
        first_uncleanable_offset: Offset(end),
        last_records,
        decompression: LIMITS,
    };
    let mut cleaner = Cleaner::new(settings, builder.finish());
    assert_eq!(cleaner.end_offset(), Offset(end));
    let mut kept = Vec::new();
    for batches in &segments {
        cleaner.begin_segment(all_aborted.iter().copied(), true);
        for batch in batches {
            if let Cleaned::Kept(batch) = cleaner.clean(batch) {
                kept.push(batch);
            }
        }
    }
    assert_eq!(cleaner.statistics().undecodable_batches, 0);
    let listed = cleaner.end_new_segment();
    (kept, listed)
}

fn records(batch: &AnyBatch) -> Vec<Record> {
    batch.records(LIMITS).unwrap().map(Result::unwrap).collect()
}

/// Codecs differ in their output, so compressed batches must hold the same records, all others the same bytes.
fn assert_same(found: &[AnyBatch], expected: &[AnyBatch]) {
    let offsets = |batches: &[AnyBatch]| {
        batches.iter().map(|batch| (v2(batch).base_offset, batch.last_offset())).collect::<Vec<_>>()
    };
    assert_eq!(offsets(found), offsets(expected));
    for (found, expected) in found.iter().zip(expected) {
        found.verify_crc().unwrap();
        let (header, expected_header) = (*v2(found).header(), *v2(expected).header());
        if expected_header.compression().unwrap() == Compression::None {
            assert_eq!(found.as_bytes(), expected.as_bytes(), "batch at {}", header.base_offset);
            continue;
        }
        let crc_and_size = (expected_header.crc, expected_header.batch_length);
        let comparable = medallion_wire::records::BatchHeader {
            crc: crc_and_size.0,
            batch_length: crc_and_size.1,
            ..header
        };
        assert_eq!(comparable, expected_header);
        assert_eq!(records(found), records(expected), "batch at {}", header.base_offset);
    }
}

/// When Kafka cleaned: the delete horizons that it set lie `delete.retention.ms` later.
fn cleaned_at_ms(batches: &[AnyBatch]) -> i64 {
    let horizon = batches.iter().filter_map(|batch| v2(batch).delete_horizon_ms()).max();
    horizon.expect("some batch has a horizon") - DELETE_RETENTION_MS
}

/// All that was ever written, before any cleaning.
fn first_log() -> Vec<AnyBatch> {
    [0, 59, 118, 177].iter().flat_map(|base| segment(&folder("first"), *base)).collect()
}

#[test]
fn a_first_cleaning_is_kafkas() {
    let expected = batches(&folder("first").join("expected.log"));
    let now_ms = cleaned_at_ms(&expected);
    let last_records = last_records(&first_log());
    let (found, listed) = clean("first", &[0, 59, 118], 0, 177, now_ms, last_records);
    assert_same(&found, &expected);
    assert_eq!(listed, aborted(&folder("first").join("expected.txnindex")));
}

#[test]
fn a_second_cleaning_is_kafkas() {
    let second = folder("second");
    let expected = batches(&second.join("expected.log"));
    // A server that has seen the markers knows more than one that finds the emptied batches.
    let mut log = first_log();
    let later = [0, 180, 182].iter().flat_map(|base| segment(&second, *base));
    log.extend(later.filter(|batch| v2(batch).base_offset >= Offset(178)));
    let last_records = last_records(&log);
    let (found, listed) = clean("second", &[0, 180], 180, 182, cleaned_at_ms(&expected), last_records);
    assert_same(&found, &expected);
    assert_eq!(listed, []);
}
