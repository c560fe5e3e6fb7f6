//! Compaction against a plain model: random logs, random cleanings, and what readers must find afterwards.

mod model;

use bytes::Bytes;
use medallion_wire::Offset;
use medallion_wire::records::{AnyBatch, BatchBuilder, BatchHeader, BatchOptions, Compression, RecordBatch};
use proptest::prelude::*;

use super::*;
use model::{LIMITS, Log, Step};

fn step() -> impl Strategy<Value = Step> {
    let record = (prop::option::weighted(0.95, 0..6_u8), prop::option::weighted(0.75, any::<u8>()));
    let records = prop::collection::vec(record, 1..5);
    let codec = prop::sample::select(vec![Compression::None, Compression::None, Compression::Lz4]);
    prop_oneof![
        8 => (0..6_usize, codec, records).prop_map(|(producer, codec, records)| Step::Write {
            producer,
            codec,
            records
        }),
        3 => (3..6_usize, any::<bool>()).prop_map(|(producer, is_commit)| Step::End { producer, is_commit }),
        3 => Just(Step::Roll),
        2 => (1..4_usize).prop_map(|keys| Step::Compact { advance_ms: 60, memory_bytes: keys * 72 }),
        1 => Just(Step::Compact { advance_ms: 500, memory_bytes: 1 << 16 }),
    ]
}

proptest! {
    #[test]
    fn readers_find_what_the_model_says(steps in prop::collection::vec(step(), 1..60)) {
        let mut log = Log::default();
        for step in &steps {
            log.apply(step);
        }
        log.apply(&Step::Roll);
        log.apply(&Step::Compact { advance_ms: 1, memory_bytes: 1 << 16 });
    }
}

fn write(producer: usize, records: &[(u8, Option<u8>)]) -> Step {
    let records = records.iter().map(|(key, value)| (Some(*key), *value)).collect();
    Step::Write { producer, codec: Compression::None, records }
}

const COMPACT: Step = Step::Compact { advance_ms: 1, memory_bytes: 1 << 16 };

#[test]
fn a_tombstone_stays_for_its_retention() {
    let mut log = Log::default();
    for step in [
        write(0, &[(1, Some(1)), (2, Some(2))]),
        write(0, &[(1, None)]),
        write(0, &[(3, Some(3))]),
        Step::Roll,
    ] {
        log.apply(&step);
    }
    log.apply(&COMPACT);
    assert_eq!(log.offsets(), [1, 2, 3]);
    for later in [write(0, &[(4, Some(4))]), Step::Roll] {
        log.apply(&later);
    }
    log.apply(&Step::Compact { advance_ms: model::DELETE_RETENTION_MS, memory_bytes: 1 << 16 });
    assert_eq!(log.offsets(), [1, 3, 4]);
}

#[test]
fn the_last_batch_of_a_producer_stays_though_empty() {
    let mut log = Log::default();
    for step in [write(1, &[(1, Some(1))]), write(2, &[(1, Some(2))]), write(0, &[(9, Some(9))]), Step::Roll]
    {
        log.apply(&step);
    }
    log.apply(&COMPACT);
    assert_eq!(log.offsets(), [1, 2]);
    assert_eq!(log.batch_offsets(), [0, 1, 2], "the emptied batch of producer 1 keeps its sequence");
}

#[test]
fn a_map_that_is_full_leaves_the_rest_dirty() {
    let mut log = Log::default();
    for step in [write(0, &[(1, Some(1)), (2, Some(2)), (1, Some(3))]), write(0, &[(2, Some(4))]), Step::Roll]
    {
        log.apply(&step);
    }
    log.apply(&Step::Compact { advance_ms: 1, memory_bytes: 48 });
    assert_eq!(log.offsets(), [0, 1, 2, 3]);
    log.apply(&COMPACT);
    assert_eq!(log.offsets(), [2, 3]);
}

/// One batch through a cleaner whose map knows it.
fn clean_alone(batch: &AnyBatch) -> (Cleaned, CompactionStatistics) {
    let end = batch.last_offset().next();
    let mut builder = OffsetMapBuilder::new(Offset(0), end, 1 << 16, Vec::new(), LIMITS);
    assert!(builder.add(batch));
    builder.end_segment(end);
    let settings = CleanerSettings {
        now_ms: 0,
        delete_retention_ms: 0,
        first_uncleanable_offset: Offset(i64::MAX),
        last_records: std::collections::BTreeMap::new(),
        decompression: LIMITS,
    };
    let mut cleaner = Cleaner::new(settings, builder.finish());
    cleaner.begin_segment([], true);
    (cleaner.clean(batch), cleaner.statistics())
}

#[test]
fn a_batch_that_does_not_decode_is_left_alone() {
    let mut builder = BatchBuilder::new(BatchOptions::default());
    for value in [b"1", b"2"] {
        builder.append(0, Some(b"key"), Some(value), &[]).unwrap();
    }
    let sound = builder.build().unwrap();
    let header =
        BatchHeader { attributes: sound.attributes.with_compression(Compression::Zstd), ..*sound.header() };
    let mut bytes = header.encode().to_vec();
    bytes.extend_from_slice(&sound.body());
    let damaged = AnyBatch::Batch(RecordBatch::parse(Bytes::from(bytes)).unwrap());
    let (cleaned, statistics) = clean_alone(&damaged);
    assert_eq!(cleaned, Cleaned::Kept(damaged));
    assert_eq!(statistics.undecodable_batches, 1);
}

#[test]
fn old_messages_are_compacted_one_by_one() {
    let message = |key: &[u8], value: Option<&[u8]>| {
        let mut message = vec![0_u8; 8];
        let mut fields = vec![0, 0];
        for field in [Some(key), value] {
            let len = field.map_or(-1, |field| i32::try_from(field.len()).unwrap());
            fields.extend_from_slice(&len.to_be_bytes());
            fields.extend_from_slice(field.unwrap_or_default());
        }
        let size = i32::try_from(fields.len() + 4).unwrap();
        message.extend_from_slice(&size.to_be_bytes());
        message.extend_from_slice(&[0; 4]);
        message.extend_from_slice(&fields);
        AnyBatch::split_from(&mut Bytes::from(message)).unwrap()
    };
    let kept = message(b"key", Some(b"value"));
    assert_eq!(clean_alone(&kept).0, Cleaned::Kept(kept));
    let tombstone = message(b"key", None);
    assert_eq!(clean_alone(&tombstone).0, Cleaned::Kept(tombstone), "as long as it is retained");
}
