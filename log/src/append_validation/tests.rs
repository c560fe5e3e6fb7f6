//! Tests of the rules, by what a client sends.

use bytes::{Bytes, BytesMut};
use medallion_wire::records::{
    BatchBuilder, BatchHeader, BatchOptions, Compression, DecompressionLimits, EndTransactionMarker,
    RecordBatch, TimestampType,
};
use medallion_wire::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};
use proptest::prelude::*;

use super::*;
use crate::config::{CleanupPolicy, CompressionSetting, LogConfig, MessageTimestampType};

const NOW_MS: i64 = 1_700_000_000_000;

fn options() -> ValidationOptions {
    ValidationOptions {
        origin: AppendOrigin::Client,
        transactional_writes: false,
        decompression: DecompressionLimits::default(),
        now_ms: NOW_MS,
    }
}

type Sent<'a> = (i64, Option<&'a str>, Option<&'a str>);

fn build(batch: BatchOptions, records: &[Sent<'_>]) -> RecordBatch {
    let mut builder = BatchBuilder::new(batch);
    for (timestamp, key, value) in records {
        builder.append(*timestamp, key.map(str::as_bytes), value.map(str::as_bytes), &[]).unwrap();
    }
    builder.build().unwrap()
}

fn plain() -> RecordBatch {
    build(BatchOptions::default(), &[(NOW_MS - 5, Some("a"), Some("1")), (NOW_MS - 9, None, Some("2"))])
}

/// The batch with its header changed and its checksum made to fit.
fn lying(batch: &RecordBatch, change: impl FnOnce(&mut BatchHeader)) -> Bytes {
    let mut header = *batch.header();
    change(&mut header);
    header.seal(&batch.body());
    join(&header.encode(), &batch.body())
}

fn join(header: &[u8], body: &Bytes) -> Bytes {
    let mut bytes = BytesMut::from(header);
    bytes.extend_from_slice(body);
    bytes.freeze()
}

fn check(batch: &RecordBatch, config: &LogConfig) -> Result<ValidatedBatch, ValidationError> {
    validate(batch.as_bytes().clone(), config, &options())
}

/// The batch as it will stand in the log.
fn stored(validated: &ValidatedBatch) -> RecordBatch {
    let header = validated.header_at(Offset(100), LeaderEpoch(7));
    let batch = RecordBatch::parse(join(&header, &validated.body())).unwrap();
    batch.verify_crc().unwrap();
    assert_eq!((batch.base_offset, batch.partition_leader_epoch), (Offset(100), LeaderEpoch(7)));
    assert_eq!(batch.max_timestamp, validated.max_timestamp_ms());
    assert_eq!(batch.as_bytes().len(), validated.size_bytes());
    batch
}

fn values(batch: &RecordBatch) -> Vec<(i64, i64, Option<Bytes>, Option<Bytes>)> {
    batch
        .records(DecompressionLimits::default())
        .unwrap()
        .map(Result::unwrap)
        .map(|record| (record.offset.0, record.timestamp, record.key, record.value))
        .collect()
}

fn is_invalid(result: Result<ValidatedBatch, ValidationError>, part: &str) {
    match result {
        Err(ValidationError::InvalidRecord { reason, .. }) if reason.contains(part) => {}
        other => panic!("expected {part:?}, found {other:?}"),
    }
}

#[test]
fn a_batch_is_stored_as_it_came() {
    let batch = plain();
    let validated = check(&batch, &LogConfig::default()).unwrap();
    assert_eq!(validated.body().as_ptr(), batch.body().as_ptr(), "the body is not copied");
    assert_eq!((validated.offset_count(), validated.log_append_time_ms()), (2, None));
    let stored = stored(&validated);
    assert_eq!(stored.crc, batch.crc);
    assert_eq!(values(&stored)[1].0, 101);
}

#[test]
fn exactly_one_batch_of_magic_2_is_taken() {
    let one = plain().into_bytes();
    let two = join(&one, &one);
    let config = LogConfig::default();
    is_invalid(validate(two, &config, &options()), "not the only batch");
    is_invalid(validate(Bytes::new(), &config, &options()), "cut off");
    is_invalid(validate(one.slice(..one.len() - 1), &config, &options()), "cut off");
    let with_magic = |magic| {
        let mut other = BytesMut::from(&one[..]);
        other[16] = magic;
        validate(other.freeze(), &config, &options())
    };
    is_invalid(with_magic(0), "magic 0");
    is_invalid(with_magic(1), "magic 1");
    assert!(matches!(with_magic(3), Err(ValidationError::Corrupt(_))));
}

#[test]
fn a_part_of_a_batch_behind_the_first_is_dropped() {
    let one = plain().into_bytes();
    for behind in [3, 12, 30, one.len() - 1] {
        let sent = join(&one, &one.slice(..behind));
        let validated = validate(sent, &LogConfig::default(), &options()).unwrap();
        assert_eq!(validated.size_bytes(), one.len());
        assert_eq!(validated.body(), plain().body());
    }
}

#[test]
fn damage_is_corruption() {
    let mut damaged = BytesMut::from(&plain().into_bytes()[..]);
    *damaged.last_mut().unwrap() ^= 1;
    let result = validate(damaged.freeze(), &LogConfig::default(), &options());
    assert!(matches!(result, Err(ValidationError::Corrupt(_))), "{result:?}");
}

#[test]
fn damage_counts_before_what_the_header_says() {
    let refused = |change: fn(&mut BatchHeader)| {
        let mut header = *plain().header();
        change(&mut header);
        validate(join(&header.encode(), &plain().body()), &LogConfig::default(), &options())
    };
    for change in [
        |header: &mut BatchHeader| header.record_count = -1,
        |header: &mut BatchHeader| {
            header.last_offset_delta = -2;
        },
    ] {
        let result = refused(change);
        assert!(matches!(result, Err(ValidationError::Corrupt(_))), "{result:?}");
    }
    is_invalid(
        refused(|header| (header.base_offset, header.record_count) = (Offset(3), -1)),
        "base offset is 3",
    );
    let small = LogConfig { max_message_bytes: 20, ..LogConfig::default() };
    let negative = lying(&plain(), |header| header.record_count = -1);
    let result = validate(negative.clone(), &small, &options());
    assert!(matches!(result, Err(ValidationError::TooLarge { .. })), "{result:?}");
    is_invalid(validate(negative, &LogConfig::default(), &options()), "record count");
}

#[test]
fn headers_must_agree_with_themselves() {
    let config = LogConfig::default();
    let refused = |change: fn(&mut BatchHeader), part: &str| {
        is_invalid(validate(lying(&plain(), change), &config, &options()), part);
    };
    refused(|header| header.base_offset = Offset(4), "base offset is 4");
    refused(|header| header.record_count = 3, "last offset delta is 1");
    refused(|header| header.last_offset_delta = 2, "last offset delta is 2");
    refused(|header| header.last_offset_delta = -1, "last offset delta");
    refused(|header| header.record_count = 0, "0 records");
    refused(|header| header.attributes = header.attributes.with_control(true), "control records");
    refused(|header| header.producer_id = ProducerId(5), "sequence -1");
}

/// A batch with a right checksum around any body.
fn around(count: i32, body: &[u8]) -> Bytes {
    let batch = plain();
    let body = Bytes::copy_from_slice(body);
    let mut header = *batch.header();
    header.record_count = count;
    header.last_offset_delta = count - 1;
    header.batch_length = i32::try_from(49 + body.len()).unwrap();
    header.seal(&body);
    join(&header.encode(), &body)
}

#[test]
fn records_that_are_not_compressed_must_have_their_fields() {
    // Length 7, attributes, deltas of timestamp and offset, no key, the value `a`, no headers.
    let record: &[u8] = &[0x0e, 0, 0, 0, 1, 2, 0x61, 0];
    let config = LogConfig::default();
    let of = |count, body: &[u8]| validate(around(count, body), &config, &options());
    assert_eq!(of(1, record).unwrap().offset_count(), 1);
    // As Kafka does: offset deltas are not looked at.
    assert_eq!(of(2, &record.repeat(2)).unwrap().offset_count(), 2);
    is_invalid(of(2, record), "");
    is_invalid(of(1, &record.repeat(2)), "");
    is_invalid(of(1, &[record, &[0]].concat()), "");
    is_invalid(of(1, &record[..7]), "");
    for (at, byte) in [(0, 0x0c), (0, 0x10), (0, 0x01), (5, 0x7e), (7, 0x02), (7, 0x01)] {
        let mut damaged = record.to_vec();
        damaged[at] = byte;
        is_invalid(of(1, &damaged), "");
    }
}

#[test]
fn the_largest_timestamp_is_that_of_the_records() {
    let sent = lying(&plain(), |header| header.max_timestamp = NOW_MS + 1);
    let validated = validate(sent, &LogConfig::default(), &options()).unwrap();
    assert_eq!(stored(&validated).max_timestamp, NOW_MS - 5);
    let ahead = build(BatchOptions::default(), &[(NOW_MS + 11, None, None)]);
    let hidden = lying(&ahead, |header| header.max_timestamp = NOW_MS);
    let config = LogConfig { message_timestamp_after_max_ms: 10, ..LogConfig::default() };
    let error = validate(hidden, &config, &options()).unwrap_err();
    assert!(matches!(error, ValidationError::InvalidTimestamp { .. }), "{error:?}");
}

#[test]
fn an_unknown_codec_is_refused_by_number() {
    let sent = lying(&plain(), |header| header.attributes.0 |= 5);
    let error = validate(sent, &LogConfig::default(), &options()).unwrap_err();
    assert_eq!(error, ValidationError::UnknownCompression { code: 5 });
}

#[test]
fn sizes_are_limited_by_topic_and_segment() {
    let batch = plain();
    let size_bytes = batch.as_bytes().len();
    let size = u32::try_from(size_bytes).unwrap();
    let limited = |max_message_bytes, segment_bytes| {
        check(&batch, &LogConfig { segment_bytes, max_message_bytes, ..LogConfig::default() }).map(drop)
    };
    assert_eq!(limited(size, size), Ok(()));
    let too_large = ValidationError::TooLarge { size_bytes, max_message_bytes: size - 1 };
    assert_eq!(limited(size - 1, size), Err(too_large));
    let larger = ValidationError::LargerThanSegment { size_bytes, segment_bytes: size - 1 };
    assert_eq!(limited(size, size - 1), Err(larger));
}

#[test]
fn transactional_records_are_refused_until_they_work() {
    let transactional = BatchOptions {
        producer_id: ProducerId(5),
        producer_epoch: ProducerEpoch(0),
        base_sequence: 0,
        is_transactional: true,
        ..BatchOptions::default()
    };
    let batch = build(transactional, &[(NOW_MS, None, Some("1"))]);
    let config = LogConfig::default();
    let refused = ValidationError::TransactionalWrite { producer_id: ProducerId(5) };
    assert_eq!(check(&batch, &config).unwrap_err(), refused);
    let allowed = ValidationOptions { transactional_writes: true, ..options() };
    validate(batch.into_bytes(), &config, &allowed).unwrap();
}

#[test]
fn a_coordinator_may_write_markers() {
    let marker = EndTransactionMarker { is_commit: true, coordinator_epoch: 1 };
    let batch = BatchOptions { producer_id: ProducerId(5), ..BatchOptions::default() };
    let batch = BatchBuilder::end_transaction(batch, marker, NOW_MS).unwrap();
    let config = LogConfig {
        cleanup_policy: CleanupPolicy::COMPACT,
        compression: CompressionSetting::Zstd(None),
        ..LogConfig::default()
    };
    is_invalid(check(&batch, &config), "control records");
    let coordinator = ValidationOptions { origin: AppendOrigin::Coordinator, ..options() };
    let validated = validate(batch.as_bytes().clone(), &config, &coordinator).unwrap();
    assert_eq!(validated.body(), batch.body());
    assert_eq!(validated.producer_batch(Offset(3)).unwrap().base_offset, Offset(3));
}

#[test]
fn a_compacted_topic_names_the_records_without_key() {
    let config = LogConfig { cleanup_policy: CleanupPolicy::COMPACT, ..LogConfig::default() };
    let error = check(&plain(), &config).unwrap_err();
    assert!(matches!(error, ValidationError::InvalidRecord { .. }), "{error:?}");
    assert_eq!(error.failures().iter().map(|failure| failure.batch_index).collect::<Vec<_>>(), [1]);
    let keyed = build(BatchOptions::default(), &[(NOW_MS, Some(""), None)]);
    check(&keyed, &config).unwrap();
}

#[test]
fn timestamps_too_far_ahead_are_named() {
    let config = LogConfig { message_timestamp_after_max_ms: 10, ..LogConfig::default() };
    let sent = [(NOW_MS + 10, None, None), (NOW_MS + 11, None, None), (-1, None, None)];
    let error = check(&build(BatchOptions::default(), &sent), &config).unwrap_err();
    let ValidationError::InvalidTimestamp { failures } = error else { panic!("{error:?}") };
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].batch_index, 1);
    check(&build(BatchOptions::default(), &sent[..1]), &config).unwrap();
}

#[test]
fn timestamps_too_far_back_are_named() {
    let config = LogConfig { message_timestamp_before_max_ms: 10, ..LogConfig::default() };
    let sent = [(NOW_MS, None, None), (NOW_MS - 10, None, None), (NOW_MS - 11, None, None), (-1, None, None)];
    let error = check(&build(BatchOptions::default(), &sent), &config).unwrap_err();
    assert_eq!(error.failures().iter().map(|failure| failure.batch_index).collect::<Vec<_>>(), [2]);
    let unlimited = LogConfig { message_timestamp_before_max_ms: i64::MAX, ..LogConfig::default() };
    check(&build(BatchOptions::default(), &[(0, None, None)]), &unlimited).unwrap();
}

#[test]
fn limits_do_not_hold_for_the_brokers_own_time() {
    let config = LogConfig {
        message_timestamp_before_max_ms: 10,
        message_timestamp_type: MessageTimestampType::LogAppendTime,
        ..LogConfig::default()
    };
    let validated = check(&build(BatchOptions::default(), &[(5, None, Some("x"))]), &config).unwrap();
    assert_eq!(validated.log_append_time_ms(), Some(NOW_MS));
    let stored = stored(&validated);
    assert_eq!(stored.timestamp_type(), TimestampType::LogAppendTime);
    assert_eq!(values(&stored)[0].1, NOW_MS);
    assert_eq!(validated.producer_batch(Offset(0)).unwrap().max_timestamp_ms, NOW_MS);
}

#[test]
fn a_client_must_not_set_the_brokers_time() {
    let stamped = build(
        BatchOptions { log_append_time: Some(NOW_MS), ..BatchOptions::default() },
        &[(NOW_MS, None, None)],
    );
    let config =
        LogConfig { message_timestamp_type: MessageTimestampType::LogAppendTime, ..LogConfig::default() };
    let error = check(&stamped, &config).unwrap_err();
    assert!(matches!(error, ValidationError::InvalidTimestamp { .. }), "{error:?}");
}

#[test]
fn the_brokers_time_set_by_a_client_counts_as_the_clients_own() {
    let options = BatchOptions { log_append_time: Some(NOW_MS), ..BatchOptions::default() };
    let stamped = build(options, &[(NOW_MS - 3, None, None)]);
    let stored = stored(&check(&stamped, &LogConfig::default()).unwrap());
    assert_eq!((stored.timestamp_type(), stored.max_timestamp), (TimestampType::CreateTime, NOW_MS));
}

#[test]
fn a_largest_timestamp_that_was_left_out_is_found() {
    let sent = lying(&plain(), |header| header.max_timestamp = -1);
    let validated = validate(sent, &LogConfig::default(), &options()).unwrap();
    assert_eq!(validated.max_timestamp_ms(), NOW_MS - 5);
    assert_eq!(
        values(&stored(&validated)),
        values(&stored(&check(&plain(), &LogConfig::default()).unwrap()))
    );
}

#[test]
fn records_are_decoded_only_where_a_rule_needs_them() {
    let garbage = lying(&plain(), |header| {
        header.attributes = header.attributes.with_compression(Compression::Zstd);
    });
    validate(garbage.clone(), &LogConfig::default(), &options()).unwrap();
    let config = LogConfig { cleanup_policy: CleanupPolicy::COMPACT, ..LogConfig::default() };
    is_invalid(validate(garbage, &config, &options()), "does not decompress");
}

#[test]
fn nulls_and_offsets_are_as_free_as_in_kafka_where_a_rule_looks_at_records() {
    // Nulls of the length -2, and the offset deltas 5 and 5.
    let record = [0x0e, 0, 0, 0x0a, 0x03, 2, 0x61, 0];
    let body = Bytes::copy_from_slice(&record.repeat(2));
    let limited = LogConfig { message_timestamp_before_max_ms: 10_000, ..LogConfig::default() };
    let sent = |compression: Compression, body: Bytes| {
        let mut header = *plain().header();
        header.attributes = header.attributes.with_compression(compression);
        header.batch_length = i32::try_from(body.len() + 49).unwrap();
        header.seal(&body);
        join(&header.encode(), &body)
    };
    let kept = validate(sent(Compression::None, body.clone()), &limited, &options()).unwrap();
    assert_eq!(kept.body(), body);
    let compressed = compress(&body);
    let rewritten = validate(sent(Compression::Gzip, compressed), &limited, &options()).unwrap();
    let offsets: Vec<_> = values(&stored(&rewritten)).into_iter().map(|(offset, ..)| offset).collect();
    assert_eq!(offsets, [100, 101], "compressed records get offsets that follow one another");
}

fn compress(body: &[u8]) -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, body).unwrap();
    encoder.finish().unwrap().into()
}

#[test]
fn a_bomb_is_stopped() {
    let value = "0".repeat(100_000);
    let zstd = BatchOptions { compression: Compression::Zstd.into(), ..BatchOptions::default() };
    let batch = build(zstd, &[(NOW_MS, Some("key"), Some(&value))]);
    let config = LogConfig { cleanup_policy: CleanupPolicy::COMPACT, ..LogConfig::default() };
    let limited = ValidationOptions { decompression: DecompressionLimits::new(50_000), ..options() };
    let error = validate(batch.into_bytes(), &config, &limited).unwrap_err();
    assert_eq!(error, ValidationError::DecompressedTooLarge { max_bytes: 50_000 });
}

#[test]
fn the_size_counts_again_after_recompression() {
    let value = "0".repeat(10_000);
    let zstd = BatchOptions { compression: Compression::Zstd.into(), ..BatchOptions::default() };
    let batch = build(zstd, &[(NOW_MS, None, Some(&value))]);
    let config = LogConfig {
        compression: CompressionSetting::Uncompressed,
        max_message_bytes: 5000,
        ..LogConfig::default()
    };
    assert!(batch.as_bytes().len() < 5000);
    let error = check(&batch, &config).unwrap_err();
    assert!(matches!(error, ValidationError::TooLarge { max_message_bytes: 5000, .. }), "{error:?}");
}

fn settings() -> impl Strategy<Value = (CompressionSetting, Option<Compression>)> {
    prop::sample::select(vec![
        (CompressionSetting::Producer, None),
        (CompressionSetting::Uncompressed, Some(Compression::None)),
        (CompressionSetting::Gzip(Some(1)), Some(Compression::Gzip)),
        (CompressionSetting::Snappy, Some(Compression::Snappy)),
        (CompressionSetting::Lz4(Some(9)), Some(Compression::Lz4)),
        (CompressionSetting::Zstd(None), Some(Compression::Zstd)),
    ])
}

proptest! {
    /// Whatever codec came in and whatever the topic wants, the records are the same.
    #[test]
    fn recompression_keeps_the_records(
        source in prop::sample::select(Compression::ALL.to_vec()),
        (compression, expected) in settings(),
        records in prop::collection::vec((-1000..1000_i64, "[a-c]{0,3}", "[a-z]{0,40}"), 1..20),
        is_log_append_time in any::<bool>(),
    ) {
        let sent: Vec<Sent<'_>> = records
            .iter()
            .map(|(age, key, value)| (NOW_MS - age, Some(key.as_str()), Some(value.as_str())))
            .collect();
        let producer = BatchOptions {
            compression: source.into(),
            producer_id: ProducerId(9),
            producer_epoch: ProducerEpoch(2),
            base_sequence: 77,
            ..BatchOptions::default()
        };
        let batch = build(producer, &sent);
        let message_timestamp_type = if is_log_append_time {
            MessageTimestampType::LogAppendTime
        } else {
            MessageTimestampType::CreateTime
        };
        let config = LogConfig { message_timestamp_type, compression, ..LogConfig::default() };
        let stored = stored(&check(&batch, &config).unwrap());
        prop_assert_eq!(stored.compression().unwrap(), expected.unwrap_or(source));
        prop_assert_eq!((stored.producer_id, stored.producer_epoch, stored.base_sequence),
            (ProducerId(9), ProducerEpoch(2), 77));
        let expected: Vec<_> = values(&batch)
            .into_iter()
            .map(|(offset, timestamp, key, value)| {
                (offset + 100, if is_log_append_time { NOW_MS } else { timestamp }, key, value)
            })
            .collect();
        prop_assert_eq!(values(&stored), expected);
    }
}
