//! Properties of record batches: what is built is read, damage is met with an error, and limits hold.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::{Bytes, BytesMut};
use medallion_wire::records::header::{ATTRIBUTES_POSITION, MAGIC_POSITION};
use medallion_wire::records::{
    BATCH_HEADER_SIZE, BatchBuilder, BatchHeader, BatchOptions, BuildError, Compression, CompressionSettings,
    DecompressionLimits, Header, Record, RecordBatch, RecordBatches, RecordError, RecordProblem,
    TimestampType, increment_sequence,
};
use medallion_wire::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

const LIMITS: DecompressionLimits = DecompressionLimits::new(1 << 20);
const TIME: i64 = 1_700_000_000_000;

#[derive(Debug, Clone)]
struct Source {
    gap: i64,
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

fn bytes(size_max: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..size_max),
        (any::<u8>(), 0..size_max).prop_map(|(byte, size)| vec![byte; size])
    ]
}

fn source() -> impl Strategy<Value = Source> {
    let header = (prop_oneof![Just("a".to_owned()), "[a-z]{0,3}"], option::of(bytes(6)));
    let timestamp = prop_oneof![9 => TIME - 1000..TIME + 1000, 1 => any::<i64>()];
    let gap = prop_oneof![4 => Just(0_i64), 1 => 0..70_000_i64];
    (gap, timestamp, option::of(bytes(20)), option::of(bytes(300)), vec(header, 0..4))
        .prop_map(|(gap, timestamp, key, value, headers)| Source { gap, timestamp, key, value, headers })
}

fn compression() -> impl Strategy<Value = Compression> {
    proptest::sample::select(Compression::ALL.to_vec())
}

fn options() -> impl Strategy<Value = BatchOptions> {
    let horizon = option::weighted(0.2, TIME - 5..TIME + 5);
    (compression(), 0..1_i64 << 40, -1..i32::MAX, any::<(bool, bool)>(), horizon, option::of(TIME..TIME + 9))
        .prop_map(
            |(
                compression,
                base_offset,
                base_sequence,
                (is_transactional, is_idempotent),
                horizon,
                append_time,
            )| {
                BatchOptions {
                    base_offset: Offset(base_offset),
                    leader_epoch: LeaderEpoch(7),
                    compression: compression.into(),
                    log_append_time: append_time,
                    producer_id: if is_idempotent { ProducerId(3) } else { ProducerId::NONE },
                    producer_epoch: ProducerEpoch(i16::from(is_idempotent) - 1),
                    base_sequence,
                    is_transactional,
                    delete_horizon_ms: horizon,
                    ..BatchOptions::default()
                }
            },
        )
}

fn build(options: BatchOptions, sources: &[Source]) -> RecordBatch {
    let mut builder = BatchBuilder::new(options);
    for source in sources {
        let headers: Vec<Header<'_>> =
            source.headers.iter().map(|(key, value)| Header::new(key, value.as_deref())).collect();
        let offset = builder.next_offset() + source.gap;
        let (key, value) = (source.key.as_deref(), source.value.as_deref());
        builder.append_at(offset, source.timestamp, key, value, &headers).unwrap();
    }
    builder.build().unwrap()
}

fn sample(compression: Compression) -> RecordBatch {
    let mut builder = BatchBuilder::new(BatchOptions {
        base_offset: Offset(40),
        compression: compression.into(),
        ..BatchOptions::default()
    });
    for i in 0..10_u8 {
        let header = Header::new("h", Some(&[1, 2, 3]));
        builder.append(TIME, Some(&[i]), Some(&[i; 100]), &[header]).unwrap();
    }
    builder.build().unwrap()
}

fn read(batch: &RecordBatch, limits: DecompressionLimits) -> Result<Vec<Record>, RecordError> {
    batch.records(limits)?.collect()
}

proptest! {
    #[test]
    fn what_is_built_is_read(options in options(), sources in vec(source(), 0..12)) {
        let batch = build(options, &sources);
        let parsed = RecordBatch::parse(batch.as_bytes().clone()).unwrap();
        prop_assert_eq!(&parsed, &batch);
        parsed.verify_crc().unwrap();
        prop_assert_eq!(BatchHeader::parse(&batch.as_bytes()[..BATCH_HEADER_SIZE]).unwrap(), *batch.header());

        let records = read(&parsed, LIMITS).unwrap();
        prop_assert_eq!(records.len(), sources.len());
        let mut next_offset = options.base_offset;
        for (record, source) in records.iter().zip(&sources) {
            prop_assert_eq!(record.offset, next_offset + source.gap);
            next_offset = record.offset.next();
            prop_assert_eq!(record.timestamp, options.log_append_time.unwrap_or(source.timestamp));
            prop_assert_eq!(record.key.as_deref(), source.key.as_deref());
            prop_assert_eq!(record.value.as_deref(), source.value.as_deref());
            let headers: Vec<_> = record
                .headers
                .iter()
                .map(|header| (header.key_text().into_owned(), header.value.map(<[u8]>::to_vec)))
                .collect();
            prop_assert_eq!(&headers, &source.headers);
        }
        if !sources.is_empty() {
            prop_assert_eq!(parsed.next_offset(), next_offset);
        }
        let decoded = parsed.decode(LIMITS).unwrap();
        let borrowed: Vec<_> = decoded.iter().map(Result::unwrap).collect();
        prop_assert!(borrowed.iter().zip(&records).all(|(borrowed, shared)| *borrowed == shared.as_ref()));
    }

    #[test]
    fn a_patched_header_keeps_the_crc_valid(
        options in options(),
        sources in vec(source(), 1..4),
        base_offset in 0..i64::MAX / 2,
        epoch in 0..i32::MAX,
        append_time in option::of(TIME..TIME + 5),
    ) {
        let batch = build(options, &sources);
        let timestamp = append_time.map(|time| (TimestampType::LogAppendTime, time));
        let head = batch.patch(Offset(base_offset), LeaderEpoch(epoch), timestamp);
        let mut bytes = BytesMut::from(&head[..]);
        bytes.extend_from_slice(&batch.body());
        let patched = RecordBatch::parse(bytes.freeze()).unwrap();
        patched.verify_crc().unwrap();
        prop_assert_eq!(patched.base_offset, Offset(base_offset));
        prop_assert_eq!(patched.partition_leader_epoch, LeaderEpoch(epoch));
        let time = append_time.or(options.log_append_time);
        for (record, source) in read(&patched, LIMITS).unwrap().iter().zip(&sources) {
            prop_assert_eq!(record.timestamp, time.unwrap_or(source.timestamp));
        }
    }

    #[test]
    fn levels_change_nothing_but_the_size(compression in compression(), level in -20..25, value in bytes(3000)) {
        let Ok(settings) = CompressionSettings::with_level(compression, level) else {
            prop_assert!(!compression.allows_level(level));
            return Ok(());
        };
        let options = BatchOptions { compression: settings, ..BatchOptions::default() };
        let mut builder = BatchBuilder::new(options);
        builder.append(TIME, None, Some(&value), &[]).unwrap();
        let records = read(&builder.build().unwrap(), LIMITS).unwrap();
        prop_assert_eq!(records[0].value.as_deref(), Some(&value[..]));
    }

    #[test]
    fn sequences_wrap_behind_the_largest(sequence in 0..=i32::MAX, increment in 0..=i32::MAX) {
        let wide = (i64::from(sequence) + i64::from(increment)) % (1 << 31);
        prop_assert_eq!(i64::from(increment_sequence(sequence, increment)), wide);
    }
}

#[test]
fn a_cut_at_every_byte_is_a_truncation() {
    for compression in Compression::ALL {
        let batch = sample(compression);
        let mut two = BytesMut::from(&batch.as_bytes()[..]);
        two.extend_from_slice(batch.as_bytes());
        let two = two.freeze();
        for end in 0..two.len() {
            let mut batches = RecordBatches::new(two.slice(..end));
            let whole = end / batch.size_bytes();
            for _ in 0..whole {
                assert_eq!(batches.next().unwrap().as_ref(), Ok(&batch), "cut at {end}");
            }
            match batches.next() {
                None => assert_eq!(end % batch.size_bytes(), 0, "cut at {end}"),
                Some(result) => assert!(result.unwrap_err().is_truncation(), "cut at {end}"),
            }
            assert_eq!(batches.next(), None);
        }
    }
}

/// The batch with another body, its length and CRC set right.
fn with_body(batch: &RecordBatch, body: &[u8]) -> RecordBatch {
    let batch_length = i32::try_from(BATCH_HEADER_SIZE - 12 + body.len()).unwrap();
    let mut header = BatchHeader { batch_length, ..*batch.header() };
    header.seal(body);
    let mut bytes = header.encode().to_vec();
    bytes.extend_from_slice(body);
    RecordBatch::parse(Bytes::from(bytes)).unwrap()
}

#[test]
fn a_body_cut_at_every_byte_is_an_error() {
    for compression in Compression::ALL {
        let batch = sample(compression);
        let body = batch.body();
        for end in 0..body.len() {
            let cut = with_body(&batch, &body[..end]);
            assert!(read(&cut, LIMITS).is_err(), "{compression} cut at {end} of {}", body.len());
        }
    }
}

#[test]
fn every_flipped_bit_behind_the_epoch_breaks_the_crc() {
    let batch = sample(Compression::None);
    for position in ATTRIBUTES_POSITION..batch.size_bytes() {
        let mut bytes = batch.as_bytes().to_vec();
        bytes[position] ^= 1 << (position % 8);
        let damaged = RecordBatch::parse(Bytes::from(bytes));
        assert!(damaged.and_then(|batch| batch.verify_crc()).is_err(), "byte {position}");
    }
}

#[test]
fn the_output_limit_is_exact() {
    for compression in Compression::ALL {
        let batch = sample(compression);
        let size = batch.decode(LIMITS).unwrap().data().len();
        assert_eq!(read(&batch, DecompressionLimits::new(size)).unwrap().len(), 10, "{compression}");
        if compression != Compression::None {
            let max_bytes = size - 1;
            let error = read(&batch, DecompressionLimits::new(max_bytes)).unwrap_err();
            assert_eq!(error, RecordError::DecompressedTooLarge { offset: 40, compression, max_bytes });
        }
    }
}

#[test]
fn concatenated_streams_are_one() {
    for compression in [Compression::Gzip, Compression::Snappy, Compression::Zstd] {
        let batch = sample(compression);
        let plain = sample(Compression::None).body();
        let (head, tail) = plain.split_at(plain.len() / 3);
        let mut body = compressed(compression, head);
        body.extend_from_slice(&compressed(compression, tail));
        assert_eq!(read(&with_body(&batch, &body), LIMITS), read(&batch, LIMITS), "{compression}");
    }
}

/// `data` in the codec's own format.
fn compressed(compression: Compression, data: &[u8]) -> Vec<u8> {
    use std::io::Write;
    match compression {
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Snappy => {
            let mut out = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01".to_vec();
            let block = snap::raw::Encoder::new().compress_vec(data).unwrap();
            out.extend_from_slice(&u32::try_from(block.len()).unwrap().to_be_bytes());
            out.extend_from_slice(&block);
            out
        }
        Compression::Zstd => zstd::bulk::compress(data, 1).unwrap(),
        Compression::None | Compression::Lz4 => panic!("{compression} has no streams to put together"),
    }
}

#[test]
fn a_bare_snappy_block_is_read() {
    let batch = sample(Compression::Snappy);
    let plain = sample(Compression::None).body();
    let block = snap::raw::Encoder::new().compress_vec(&plain).unwrap();
    assert_eq!(read(&with_body(&batch, &block), LIMITS), read(&batch, LIMITS));
}

#[test]
fn bytes_behind_a_gzip_stream_are_overlooked() {
    let batch = sample(Compression::Gzip);
    let mut body = batch.body().to_vec();
    body.extend_from_slice(&[0; 30]);
    assert_eq!(read(&with_body(&batch, &body), LIMITS), read(&batch, LIMITS));
}

#[test]
fn lz4_checksums_of_header_and_blocks_count() {
    let batch = sample(Compression::Lz4);
    let mut body = batch.body().to_vec();
    body[6] ^= 1;
    let error = read(&with_body(&batch, &body), LIMITS).unwrap_err();
    assert!(error.to_string().contains("header's checksum"), "{error}");

    let frame = lz4_flex::frame::FrameInfo::new()
        .block_size(lz4_flex::frame::BlockSize::Max64KB)
        .block_checksums(true)
        .content_checksum(true);
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(frame, Vec::new());
    std::io::Write::write_all(&mut encoder, &sample(Compression::None).body()).unwrap();
    let mut body = encoder.finish().unwrap();
    assert_eq!(read(&with_body(&batch, &body), LIMITS), read(&batch, LIMITS));
    body[11] ^= 1;
    let error = read(&with_body(&batch, &body), LIMITS).unwrap_err();
    assert!(error.to_string().contains("block's checksum"), "{error}");
}

#[test]
fn faults_of_the_header_are_named() {
    let bytes = sample(Compression::None).into_bytes().to_vec();
    let fault = |position: usize, value: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[position..position + value.len()].copy_from_slice(value);
        RecordBatch::parse(Bytes::from(bytes)).unwrap_err()
    };
    let magic = |magic| RecordError::UnsupportedMagic { offset: 40, magic };
    assert_eq!(fault(MAGIC_POSITION, &[3]), magic(3));
    assert_eq!(fault(MAGIC_POSITION, &[0xff]), magic(-1));
    assert_eq!(fault(MAGIC_POSITION, &[1]), magic(1));
    let size = |size| RecordError::InvalidSize { offset: 40, size, minimum: 49 };
    assert_eq!(fault(8, &48_i32.to_be_bytes()), size(48));
    assert_eq!(fault(8, &(-1_i32).to_be_bytes()), size(-1));
    let negative = |field| RecordError::InvalidHeader { base_offset: 40, field, value: -2 };
    assert_eq!(fault(23, &(-2_i32).to_be_bytes()), negative("last offset delta"));
    assert_eq!(fault(57, &(-2_i32).to_be_bytes()), negative("record count"));

    let mut longer = bytes.clone();
    longer.push(0);
    let error = RecordBatch::parse(Bytes::from(longer)).unwrap_err();
    assert_eq!(error, RecordError::BytesBehindBatch { base_offset: 40, bytes: 1 });
    let mut unknown = bytes.clone();
    unknown[22] = 5;
    let error = read(&RecordBatch::parse(Bytes::from(unknown)).unwrap(), LIMITS).unwrap_err();
    assert_eq!(error, RecordError::UnknownCompression { offset: 40, code: 5 });
}

/// Reads a batch with `count` records up to offset delta `last` whose body is `body`.
fn fault_in_body(count: i32, last: i32, body: &[u8]) -> RecordError {
    let template = sample(Compression::None);
    let mut header = BatchHeader {
        batch_length: i32::try_from(49 + body.len()).unwrap(),
        last_offset_delta: last,
        record_count: count,
        ..*template.header()
    };
    header.seal(body);
    let mut bytes = header.encode().to_vec();
    bytes.extend_from_slice(body);
    read(&RecordBatch::parse(Bytes::from(bytes)).unwrap(), LIMITS).unwrap_err()
}

#[test]
fn faults_of_records_are_named() {
    let fault = |body: &[u8]| match fault_in_body(1, 0, body) {
        RecordError::InvalidRecord { base_offset: 40, index: 0, problem } => problem,
        other => panic!("{other}"),
    };
    // length, attributes, timestamp delta, offset delta, key length, value length, header count
    let good = [12, 0, 0, 0, 1, 1, 0];
    let with = |position: usize, byte: u8| {
        let mut body = good;
        body[position] = byte;
        fault(&body)
    };
    assert_eq!(with(0, 14), RecordProblem::PastEnd);
    assert_eq!(with(0, 1), RecordProblem::InvalidLength { field: "record", length: -1 });
    assert_eq!(with(0, 10), RecordProblem::SizeMismatch { expected: 5, actual: 6 });
    assert_eq!(fault(&[14, 0, 0, 0, 1, 1, 0, 9]), RecordProblem::SizeMismatch { expected: 7, actual: 6 });
    assert_eq!(with(3, 1), RecordProblem::InvalidOffsetDelta { delta: -1, after: 0, last: 0 });
    assert_eq!(with(3, 2), RecordProblem::InvalidOffsetDelta { delta: 1, after: 0, last: 0 });
    assert_eq!(with(4, 3), RecordProblem::InvalidLength { field: "key", length: -2 });
    assert_eq!(with(5, 3), RecordProblem::InvalidLength { field: "value", length: -2 });
    assert_eq!(with(6, 1), RecordProblem::InvalidHeaderCount { count: -1 });
    assert_eq!(with(6, 2), RecordProblem::InvalidHeaderCount { count: 1 });
    let null_header_key = [16, 0, 0, 0, 1, 1, 2, 1, 1];
    let problem = RecordProblem::InvalidLength { field: "header key", length: -1 };
    assert_eq!(fault(&null_header_key), problem);
    assert_eq!(
        fault(&[0xff, 0xff, 0xff, 0xff, 0x7f]),
        RecordProblem::InvalidVarint { field: "record length" }
    );

    let twice = [good, good].concat();
    let behind = RecordError::BytesBehindRecords { base_offset: 40, record_count: 1, bytes: 7 };
    assert_eq!(fault_in_body(1, 0, &twice), behind);
    let problem = RecordProblem::InvalidOffsetDelta { delta: 0, after: 1, last: 1 };
    assert_eq!(
        fault_in_body(2, 1, &twice),
        RecordError::InvalidRecord { base_offset: 40, index: 1, problem }
    );
    let problem = RecordProblem::PastEnd;
    assert_eq!(fault_in_body(2, 1, &good), RecordError::InvalidRecord { base_offset: 40, index: 1, problem });
}

#[test]
fn the_builder_keeps_its_limit_and_order() {
    let options = BatchOptions { base_offset: Offset(5), max_bytes: 100, ..BatchOptions::default() };
    let mut builder = BatchBuilder::new(options);
    builder.append(TIME, None, Some(&[0; 20]), &[]).unwrap();
    let size = builder.estimated_size();
    let error = builder.append(TIME, None, Some(&[0; 20]), &[]).unwrap_err();
    assert!(matches!(error, BuildError::Full { needed, max_bytes: 100 } if needed > 100), "{error}");
    assert_eq!((builder.estimated_size(), builder.record_count()), (size, 1));
    for offset in [-1, 4, 5, i64::MAX] {
        let error = builder.append_at(Offset(offset), TIME, None, None, &[]).unwrap_err();
        assert_eq!(error, BuildError::InvalidOffset { offset, base_offset: 5, next_offset: 6 });
    }
    builder.set_last_offset(Offset(4)).unwrap_err();
    let batch = builder.build().unwrap();
    assert_eq!(batch.size_bytes(), size);
    assert_eq!(batch.last_offset(), Offset(5));
}

/// An idempotent producer numbers its batch when it sends it, and anew in another epoch.
#[test]
fn batches_are_numbered_late_and_anew() {
    for compression in Compression::ALL {
        let options =
            BatchOptions { compression: compression.into(), max_bytes: 100, ..BatchOptions::default() };
        let mut builder = BatchBuilder::with_capacity(options, 100);
        builder.append(TIME, Some(b"k"), Some(b"v"), &[Header::new("h", Some(b"x"))]).unwrap();
        let large = [7; 200];
        let refused = builder.append(TIME, None, Some(&large), &[]);
        assert!(matches!(refused, Err(BuildError::Full { max_bytes: 100, .. })), "{refused:?}");
        builder.set_max_bytes(400);
        builder.append(TIME, None, Some(&large), &[]).unwrap();
        builder.set_producer(ProducerId(7), ProducerEpoch(1), 40);
        let batch = builder.build().unwrap();
        assert_eq!((batch.producer_id, batch.base_sequence, batch.record_count), (ProducerId(7), 40, 2));
        let header = batch.renumbered(ProducerId(8), ProducerEpoch(2), 0);
        let renumbered = RecordBatch::parse(Bytes::from([&header, &batch.body()[..]].concat())).unwrap();
        renumbered.verify_crc().unwrap();
        assert_eq!((renumbered.producer_id, renumbered.producer_epoch), (ProducerId(8), ProducerEpoch(2)));
        let records: Vec<Record> = renumbered.records(LIMITS).unwrap().map(Result::unwrap).collect();
        let headers: Vec<_> =
            records[0].headers.iter().map(|header| header.key_text().into_owned()).collect();
        assert_eq!((headers, records[1].value.as_deref()), (vec!["h".to_owned()], Some(&large[..])));
    }
}

/// Whoever reads from the middle of a batch, and a part at a time, sees each record once.
#[test]
fn batches_are_taken_in_parts() {
    for compression in Compression::ALL {
        let options = BatchOptions {
            base_offset: Offset(10),
            compression: compression.into(),
            ..BatchOptions::default()
        };
        let mut builder = BatchBuilder::new(options);
        // Compaction has left gaps.
        for offset in (10..50).filter(|offset| offset % 3 != 0) {
            builder.append_at(Offset(offset), TIME, None, Some(offset.to_string().as_bytes()), &[]).unwrap();
        }
        let mut records = builder.build().unwrap().decode(LIMITS).unwrap();
        assert_eq!(records.len(), 27);
        records.skip_below(Offset(15)).unwrap();
        records.skip_below(Offset(12)).unwrap();
        let mut seen = Vec::new();
        while !records.is_empty() {
            let before = records.len();
            let (front, last) = records.take_front(4).unwrap();
            assert_eq!((front.len() + records.len(), front.iter().count()), (before, front.len()));
            seen.extend(front.iter().map(|record| record.unwrap().offset.get()));
            assert_eq!(seen.last().copied(), last.map(Offset::get));
        }
        assert_eq!(seen, (15..50).filter(|offset| offset % 3 != 0).collect::<Vec<_>>());
        let (front, last) = records.take_front(4).unwrap();
        assert!(front.is_empty() && last.is_none() && front.iter().next().is_none());
    }
    // Damage that the header hides is met where it lies.
    let mut builder = BatchBuilder::new(BatchOptions::default());
    for _ in 0..10 {
        builder.append(TIME, None, Some(b"value"), &[]).unwrap();
    }
    let mut bytes = builder.build().unwrap().into_bytes().to_vec();
    let last = bytes.len() - 1;
    bytes[last] = 0x7e;
    let mut records = RecordBatch::parse(bytes.into()).unwrap().decode(LIMITS).unwrap();
    assert_eq!(records.take_front(9).unwrap().0.iter().count(), 9);
    assert!(records.take_front(1).is_err());
}
