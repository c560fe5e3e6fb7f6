//! Fuzz targets for everything that reads record batches: they take any bytes and must neither panic nor allocate
//! beyond the limit. A test runs them seeded and bounded; a coverage-guided fuzzer can call them as they are.

use bytes::Bytes;

use crate::records::header::LOG_OVERHEAD;
use crate::records::{
    AnyBatch, AnyBatches, BATCH_HEADER_SIZE, BatchAttributes, BatchBuilder, BatchHeader, BatchOptions,
    Compression, ControlRecordType, DecompressionLimits, EndTransactionMarker, LegacyHeader, Record,
    RecordBatch, RecordBatches, RecordError, TimestampType, legacy,
};
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};

/// The limit that every target decompresses with.
pub const LIMITS: DecompressionLimits = DecompressionLimits::new(256 << 10);

/// Reads `data` as a run of batches, as Produce gets and the log's recovery finds it.
pub fn fuzz_batches(data: &[u8]) {
    if let Ok(header) = BatchHeader::parse(data) {
        assert_eq!(header.encode()[..], data[..BATCH_HEADER_SIZE], "a header is written as it was read");
    }
    let mut batches = RecordBatches::new(Bytes::copy_from_slice(data));
    for batch in batches.by_ref().flatten() {
        read_batch(&batch);
    }
    assert!(batches.next().is_none(), "the walk ends");
}

/// Reads what follows the first byte as the body of one batch; the byte chooses codec and flags.
pub fn fuzz_records(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else { return };
    let compression = Compression::from_code(choice % 5).unwrap_or_default();
    let record_count = i32::from(choice / 5 % 32);
    let attributes =
        BatchAttributes::default().with_compression(compression).with_control(choice & 0x80 != 0);
    let Ok(batch_length) = i32::try_from(BATCH_HEADER_SIZE - LOG_OVERHEAD + body.len()) else { return };
    let mut header = BatchHeader {
        base_offset: Offset(1000),
        batch_length,
        partition_leader_epoch: LeaderEpoch(1),
        crc: 0,
        attributes,
        last_offset_delta: 100,
        base_timestamp: 0,
        max_timestamp: 0,
        producer_id: ProducerId::NONE,
        producer_epoch: ProducerEpoch::NONE,
        base_sequence: -1,
        record_count,
    };
    header.seal(body);
    let mut bytes = header.encode().to_vec();
    bytes.extend_from_slice(body);
    let batch = RecordBatch::parse(Bytes::from(bytes)).expect("header and body were put together rightly");
    batch.verify_crc().expect("the header was sealed");
    read_batch(&batch);
}

/// Reads `data` as a segment of any age, and as what is inside of compressed wrappers of magic 0 and 1.
pub fn fuzz_legacy(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    read_any(bytes);
    let Some((choice, value)) = data.split_first() else { return };
    for magic in 0..=1 {
        let compression = choice % 4;
        read_any(wrapper(magic, compression, i64::from(choice >> 2), value));
    }
}

/// A wrapper message around `value`.
fn wrapper(magic: u8, compression: u8, offset: i64, value: &[u8]) -> Bytes {
    let mut message = vec![magic, compression];
    if magic == 1 {
        message.extend_from_slice(&7_i64.to_be_bytes());
    }
    message.extend_from_slice(&(-1_i32).to_be_bytes());
    message.extend_from_slice(&i32::try_from(value.len()).unwrap_or(0).to_be_bytes());
    message.extend_from_slice(value);
    let mut crc = flate2::Crc::new();
    crc.update(&message);
    let mut bytes = offset.to_be_bytes().to_vec();
    bytes.extend_from_slice(&i32::try_from(message.len() + 4).unwrap_or(0).to_be_bytes());
    bytes.extend_from_slice(&crc.sum().to_be_bytes());
    bytes.extend_from_slice(&message);
    Bytes::from(bytes)
}

fn read_batch(batch: &RecordBatch) {
    let _ = batch.verify_crc();
    let _ = (batch.last_offset(), batch.next_offset(), batch.last_sequence(), batch.delete_horizon_ms());
    let emptied = batch.emptied();
    assert_eq!(emptied.last_offset(), batch.last_offset(), "an emptied batch keeps its offsets");
    emptied.verify_crc().expect("an emptied batch is sealed");
    let head = batch.patch(Offset(5), LeaderEpoch(6), Some((TimestampType::LogAppendTime, 7)));
    let patched = BatchHeader::parse(&head).expect("a patched header is a header");
    assert_eq!(patched.size_bytes(), batch.size_bytes(), "patching keeps the size");

    let Ok(decoded) = batch.decode(LIMITS) else { return };
    let borrowed = decoded.iter().count();
    let records: Result<Vec<Record>, RecordError> = decoded.into_iter().collect();
    let Ok(records) = records else { return };
    assert_eq!(borrowed, records.len(), "both walks meet the same records");
    for record in &records {
        assert_eq!(
            record.headers.iter().count(),
            record.headers.len(),
            "headers were checked with their record"
        );
        let _ = ControlRecordType::of(&record.as_ref());
        let _ = EndTransactionMarker::parse(&record.as_ref());
    }
    build_again(batch, &records);
}

/// What was read can be written, and is then read again as the same.
fn build_again(batch: &RecordBatch, records: &[Record]) {
    let Ok(options) = BatchOptions::like(batch.header()) else { return };
    let mut builder = BatchBuilder::new(BatchOptions { compression: Compression::None.into(), ..options });
    for record in records {
        // Offsets at the edge of the number's range do not go on.
        if builder.append_record(&record.as_ref()).is_err() {
            return;
        }
    }
    let again = builder.build().expect("records that fit the limit fit a batch");
    let records_again = again.records(LIMITS).expect("nothing is compressed");
    assert!(records_again.map(|record| record.expect("it was just written")).eq(records.iter().cloned()));
}

fn read_any(bytes: Bytes) {
    let _ = LegacyHeader::parse(&bytes);
    for batch in AnyBatches::new(bytes).flatten() {
        let _ = (batch.verify_crc(), batch.base_offset(LIMITS), batch.last_offset(), batch.max_timestamp());
        if let Ok(records) = batch.records(LIMITS) {
            let size: usize =
                records.flatten().map(|record| record.value.map_or(0, |value| value.len())).sum();
            assert!(size <= LIMITS.max_bytes.max(batch.size_bytes()), "no more comes out than the limit");
        }
        if let AnyBatch::Legacy(old) = &batch
            && let Ok(new) = legacy::up_convert(old, LeaderEpoch(1), LIMITS)
        {
            new.verify_crc().expect("a converted batch is sealed");
        }
    }
}
