//! Batches that Apache Kafka wrote are read as Kafka reads them, and ours are written as Kafka writes them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use bytes::Bytes;
use medallion_wire::records::{
    AnyBatch, AnyBatches, BatchBuilder, BatchOptions, Compression, ControlRecordType, DecompressionLimits,
    EndTransactionMarker, Header, Record, RecordBatch, RecordBatches, RecordError, RecordRef, TimestampType,
    legacy,
};
use medallion_wire::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};

const TIME: i64 = 1_700_000_000_000;
const LIMITS: DecompressionLimits = DecompressionLimits::new(1 << 20);

fn fixture(name: &str) -> Bytes {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/records/{name}.bin"));
    Bytes::from(std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

fn batch(name: &str) -> RecordBatch {
    let batch = RecordBatch::parse(fixture(name)).unwrap();
    batch.verify_crc().unwrap();
    batch
}

fn options() -> BatchOptions {
    BatchOptions {
        base_offset: Offset(100),
        leader_epoch: LeaderEpoch(5),
        producer_id: ProducerId(4711),
        producer_epoch: ProducerEpoch(3),
        base_sequence: 17,
        ..BatchOptions::default()
    }
}

/// What `GenerateRecords.java` writes as the record at index `i`.
struct Expected {
    key: Option<String>,
    value: Option<String>,
    headers: Vec<(String, Option<String>)>,
    timestamp: i64,
}

impl Expected {
    fn at(i: usize) -> Self {
        let key = (!i.is_multiple_of(5)).then(|| format!("key-{i}"));
        let value = (i % 7 != 3).then(|| format!("{}{i}", "value-".repeat(i % 4)));
        let header = |key: &str, value: Option<&str>| (key.to_owned(), value.map(str::to_owned));
        let headers = if i.is_multiple_of(3) {
            vec![
                header("a", Some("1")),
                header("a", None),
                header("", Some("")),
                header("ü", Some(&i.to_string())),
            ]
        } else {
            Vec::new()
        };
        let timestamp = TIME + i64::try_from(i * 13 % 20).unwrap();
        Self { key, value, headers, timestamp }
    }

    fn assert_is(&self, record: &Record) {
        assert_eq!(record.key.as_deref(), self.key.as_deref().map(str::as_bytes), "key of {record:?}");
        assert_eq!(record.value.as_deref(), self.value.as_deref().map(str::as_bytes), "value of {record:?}");
    }

    fn headers(&self) -> Vec<Header<'_>> {
        self.headers
            .iter()
            .map(|(key, value)| Header::new(key, value.as_deref().map(str::as_bytes)))
            .collect()
    }
}

#[test]
fn every_codec_of_magic_2_is_read() {
    for compression in Compression::ALL {
        let batch = batch(&format!("v2-{compression}"));
        assert_eq!(batch.compression(), Ok(compression));
        assert_eq!((batch.base_offset, batch.last_offset()), (Offset(100), Offset(119)));
        assert_eq!((batch.base_timestamp, batch.max_timestamp), (TIME, TIME + 19));
        assert_eq!((batch.producer_id, batch.producer_epoch), (ProducerId(4711), ProducerEpoch(3)));
        assert_eq!((batch.base_sequence, batch.last_sequence()), (17, 36));
        assert_eq!((batch.partition_leader_epoch, batch.record_count), (LeaderEpoch(5), 20));
        assert!(batch.is_idempotent() && !batch.is_transactional() && !batch.is_control());

        let records: Vec<Record> = batch.records(LIMITS).unwrap().map(Result::unwrap).collect();
        assert_eq!(records.len(), 20, "{compression}");
        for (i, record) in records.iter().enumerate() {
            let expected = Expected::at(i);
            expected.assert_is(record);
            assert_eq!(record.offset, Offset(100 + i64::try_from(i).unwrap()));
            assert_eq!(record.timestamp, expected.timestamp);
            assert_eq!(record.headers.iter().collect::<Vec<_>>(), expected.headers());
        }
    }
}

#[test]
fn streams_of_several_blocks_are_read() {
    for name in ["gzip", "snappy", "lz4", "lz4-level-17", "zstd", "zstd-level-22"] {
        let batch = batch(&format!("v2-large-{name}"));
        let decoded = batch.decode(LIMITS).unwrap();
        let records: Vec<RecordRef<'_>> = decoded.iter().map(Result::unwrap).collect();
        assert_eq!(records.len(), 5, "{name}");
        for (i, record) in records.iter().enumerate() {
            let value: Vec<u8> = (0..60_000_usize).map(|j| (j / 50 * (i + 1)).to_le_bytes()[0]).collect();
            assert_eq!(record.key, None);
            assert!(record.value == Some(&value), "value {i} of {name}");
        }
    }
}

#[test]
fn message_sets_of_magic_0_and_1_are_read() {
    for magic in 0..=1_i8 {
        for compression in ["none", "gzip", "snappy", "lz4"] {
            let batches: Vec<AnyBatch> =
                AnyBatches::new(fixture(&format!("v{magic}-{compression}"))).map(Result::unwrap).collect();
            assert_eq!(batches.len(), if compression == "none" { 20 } else { 1 }, "v{magic}-{compression}");
            assert_eq!(batches[0].base_offset(LIMITS), Ok(Offset(100)));
            assert_eq!(batches.last().map(AnyBatch::last_offset), Some(Offset(119)));
            let max_timestamp = batches.iter().map(AnyBatch::max_timestamp).max();
            assert_eq!(max_timestamp, Some(if magic == 0 { -1 } else { TIME + 19 }));
            assert!(batches.iter().all(|batch| batch.magic() == magic && batch.verify_crc().is_ok()));

            let records = batches.iter().flat_map(|batch| batch.records(LIMITS).unwrap());
            let records: Vec<Record> = records.map(Result::unwrap).collect();
            assert_eq!(records.len(), 20);
            for (i, record) in records.iter().enumerate() {
                let expected = Expected::at(i);
                expected.assert_is(record);
                assert_eq!(record.offset, Offset(100 + i64::try_from(i).unwrap()));
                assert_eq!(record.timestamp, if magic == 0 { -1 } else { expected.timestamp });
                assert!(record.headers.is_empty());
            }
        }
    }
}

#[test]
fn append_time_is_every_record_s_timestamp() {
    for name in ["v1-gzip-log-append-time", "v2-gzip-log-append-time"] {
        let batch = AnyBatches::new(fixture(name)).next().unwrap().unwrap();
        assert_eq!(batch.timestamp_type(), TimestampType::LogAppendTime);
        assert_eq!(batch.max_timestamp(), TIME + 1_000_000);
        for record in batch.records(LIMITS).unwrap() {
            assert_eq!(record.unwrap().timestamp, TIME + 1_000_000, "{name}");
        }
    }
}

#[test]
fn old_message_sets_are_told_apart_from_batches() {
    for magic in 0..=1_i8 {
        let error = RecordBatches::new(fixture(&format!("v{magic}-none"))).next().unwrap().unwrap_err();
        assert_eq!(error, RecordError::UnsupportedMagic { offset: 100, magic });
    }
}

#[test]
fn up_converted_messages_keep_what_they_say() {
    for name in ["v0-none", "v0-lz4", "v1-none", "v1-gzip", "v1-snappy", "v1-gzip-log-append-time"] {
        let mut next_offset = Offset(100);
        for old in AnyBatches::new(fixture(name)) {
            let AnyBatch::Legacy(old) = old.unwrap() else { panic!("{name} holds only messages") };
            let new = legacy::up_convert(&old, LeaderEpoch(8), LIMITS).unwrap();
            new.verify_crc().unwrap();
            assert_eq!(new.compression(), old.header().compression());
            assert_eq!(new.timestamp_type(), old.header().timestamp_type());
            assert_eq!(new.max_timestamp, old.header().max_timestamp());
            assert_eq!((new.base_offset, new.last_offset()), (next_offset, old.header().last_offset()));
            next_offset = new.next_offset();
            let old: Vec<Record> = old.records(LIMITS).unwrap().map(Result::unwrap).collect();
            let new: Vec<Record> = new.records(LIMITS).unwrap().map(Result::unwrap).collect();
            assert_eq!(new, old, "{name}");
        }
        assert_eq!(next_offset, Offset(120));
    }
}

#[test]
fn compaction_s_gaps_and_delete_horizon_are_read_and_written() {
    let batch = batch("v2-compacted");
    assert_eq!(batch.delete_horizon_ms(), Some(TIME + 500));
    assert_eq!((batch.base_offset, batch.last_offset()), (Offset(100), Offset(110)));
    let records: Vec<Record> = batch.records(LIMITS).unwrap().map(Result::unwrap).collect();
    let read: Vec<_> = records.iter().map(|r| (r.offset.get(), r.timestamp, r.value.as_deref())).collect();
    assert_eq!(read, [(103, TIME, Some(&b"1"[..])), (107, TIME + 600, None)]);

    let horizon = BatchOptions { delete_horizon_ms: Some(TIME + 500), ..options() };
    assert_eq!(BatchOptions { max_bytes: horizon.max_bytes, ..BatchOptions::like(&batch).unwrap() }, horizon);
    let mut builder = BatchBuilder::new(horizon);
    for record in &records {
        builder.append_record(&record.as_ref()).unwrap();
    }
    builder.set_last_offset(Offset(110)).unwrap();
    assert_eq!(builder.build().unwrap(), batch);
}

#[test]
fn a_plain_batch_is_written_byte_for_byte() {
    let mut builder = BatchBuilder::new(options());
    for i in 0..20 {
        let expected = Expected::at(i);
        let key = expected.key.as_deref().map(str::as_bytes);
        let value = expected.value.as_deref().map(str::as_bytes);
        builder.append(expected.timestamp, key, value, &expected.headers()).unwrap();
    }
    assert_eq!(builder.build().unwrap(), batch("v2-none"));
}

#[test]
fn an_emptied_batch_is_written_byte_for_byte() {
    let mut builder = BatchBuilder::new(BatchOptions {
        is_transactional: true,
        compression: Compression::Zstd.into(),
        delete_horizon_ms: Some(TIME + 7),
        ..options()
    });
    for i in 0..20 {
        builder.append(TIME + i, None, None, &[]).unwrap();
    }
    assert_eq!(builder.build().unwrap().emptied(), batch("v2-empty"));
}

#[test]
fn control_batches_are_read_and_markers_written() {
    let batches: Vec<RecordBatch> = RecordBatches::new(fixture("v2-control")).map(Result::unwrap).collect();
    let mut types = Vec::new();
    for batch in &batches {
        batch.verify_crc().unwrap();
        assert!(batch.is_control());
        let record = batch.records(LIMITS).unwrap().next().unwrap().unwrap();
        types.push(record.control_type().unwrap());
        if batch.is_transactional() {
            let marker = EndTransactionMarker::parse(&record.as_ref()).unwrap();
            assert_eq!(marker.coordinator_epoch, 77);
            let options = BatchOptions { base_offset: batch.base_offset, ..options() };
            let written = BatchBuilder::end_transaction(options, marker, TIME).unwrap();
            assert_eq!(written, *batch);
        } else {
            EndTransactionMarker::parse(&record.as_ref()).unwrap_err();
        }
    }
    let expected = [
        ControlRecordType::Commit,
        ControlRecordType::Abort,
        ControlRecordType::LeaderChange,
        ControlRecordType::SnapshotHeader,
        ControlRecordType::SnapshotFooter,
    ];
    assert_eq!(types, expected);
}
