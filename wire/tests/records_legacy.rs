//! Message sets of magic 0 and 1 at their edges; what ordinary ones hold is tested on Kafka's own bytes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;
use std::path::Path;

use bytes::Bytes;
use medallion_wire::records::{
    AnyBatches, BuildError, Compression, DecompressionLimits, LegacyBatch, LegacyHeader, MessageSetProblem,
    Record, RecordError, legacy,
};
use medallion_wire::{LeaderEpoch, Offset};
use proptest::prelude::*;

const LIMITS: DecompressionLimits = DecompressionLimits::new(1 << 20);
const GZIP: u8 = 1;
const LZ4: u8 = 3;
const LOG_APPEND_TIME: u8 = 8;

fn nullable(bytes: Option<&[u8]>, out: &mut Vec<u8>) {
    let length = bytes.map_or(-1, |bytes| i32::try_from(bytes.len()).unwrap());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes.unwrap_or_default());
}

/// A message with a timestamp of 7 (magic 1) and the given bytes behind it.
fn message_around(magic: u8, attributes: u8, offset: i64, key_and_value: &[u8]) -> Vec<u8> {
    let mut covered = vec![magic, attributes];
    if magic == 1 {
        covered.extend_from_slice(&7_i64.to_be_bytes());
    }
    covered.extend_from_slice(key_and_value);
    let mut crc = flate2::Crc::new();
    crc.update(&covered);
    let mut message = offset.to_be_bytes().to_vec();
    message.extend_from_slice(&i32::try_from(covered.len() + 4).unwrap().to_be_bytes());
    message.extend_from_slice(&crc.sum().to_be_bytes());
    message.extend_from_slice(&covered);
    message
}

fn message(magic: u8, attributes: u8, offset: i64, key: Option<&[u8]>, value: Option<&[u8]>) -> Vec<u8> {
    let mut key_and_value = Vec::new();
    nullable(key, &mut key_and_value);
    nullable(value, &mut key_and_value);
    message_around(magic, attributes, offset, &key_and_value)
}

fn gzip_wrapper(magic: u8, offset: i64, inner: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(inner).unwrap();
    message(magic, GZIP, offset, None, Some(&encoder.finish().unwrap()))
}

fn parse(bytes: Vec<u8>) -> LegacyBatch {
    let mut rest = Bytes::from(bytes);
    let batch = LegacyBatch::split_from(&mut rest).unwrap();
    assert!(rest.is_empty(), "one message is all there is");
    batch.verify_crc().unwrap();
    batch
}

fn read(batch: &LegacyBatch) -> Result<Vec<Record>, RecordError> {
    batch.records(LIMITS)?.collect()
}

fn offsets(batch: &LegacyBatch) -> Vec<i64> {
    read(batch).unwrap().iter().map(|record| record.offset.get()).collect()
}

fn fault(batch: &LegacyBatch) -> MessageSetProblem {
    match read(batch).unwrap_err() {
        RecordError::InvalidMessageSet { offset, problem } if offset == batch.header().offset.get() => {
            problem
        }
        other => panic!("{other}"),
    }
}

/// Two messages of `magic` at the given offsets.
fn pair(magic: u8, first: i64, second: i64) -> Vec<u8> {
    [message(magic, 0, first, None, Some(b"a")), message(magic, 0, second, Some(b"k"), None)].concat()
}

#[test]
fn offsets_inside_are_relative_from_magic_1_on() {
    assert_eq!(offsets(&parse(gzip_wrapper(0, 41, &pair(0, 40, 41)))), [40, 41]);
    assert_eq!(offsets(&parse(gzip_wrapper(1, 41, &pair(1, 0, 1)))), [40, 41]);
    // After compaction the first ones are gone.
    assert_eq!(offsets(&parse(gzip_wrapper(1, 41, &pair(1, 5, 9)))), [37, 41]);
    // Some versions of librdkafka left the wrapper's offset at 0.
    assert_eq!(offsets(&parse(gzip_wrapper(1, 0, &pair(1, 0, 1)))), [0, 1]);
    let problem = MessageSetProblem::InvalidWrapperOffset { last_inner: 9 };
    assert_eq!(fault(&parse(gzip_wrapper(1, 8, &pair(1, 5, 9)))), problem);
}

#[test]
fn wrappers_hold_plain_messages() {
    let nested = gzip_wrapper(1, 0, &pair(1, 0, 1));
    assert_eq!(fault(&parse(gzip_wrapper(1, 3, &nested))), MessageSetProblem::NestedCompression);
    assert_eq!(fault(&parse(gzip_wrapper(1, 3, &[]))), MessageSetProblem::EmptyWrapper);
    assert_eq!(fault(&parse(message(1, GZIP, 3, None, None))), MessageSetProblem::EmptyWrapper);
    let batch = parse(gzip_wrapper(1, 3, &[0; 40]));
    assert_eq!(read(&batch), Err(RecordError::InvalidSize { offset: 0, size: 0, minimum: 14 }));
}

#[test]
fn a_message_cut_off_inside_a_wrapper_is_overlooked() {
    let inner = pair(1, 0, 1);
    let first = message(1, 0, 0, None, Some(b"a")).len();
    for end in first..inner.len() {
        assert_eq!(offsets(&parse(gzip_wrapper(1, 40, &inner[..end]))), [40], "cut at {end}");
    }
    assert_eq!(fault(&parse(gzip_wrapper(1, 40, &inner[..first - 1]))), MessageSetProblem::EmptyWrapper);
}

#[test]
fn lengths_that_do_not_fit_are_named() {
    let fault = |key_and_value: &[u8]| fault(&parse(message_around(0, 0, 3, key_and_value)));
    let too_long = MessageSetProblem::InvalidLength { field: "key", length: 5 };
    assert_eq!(fault(&[0, 0, 0, 5, 1, 1, 1, 1]), too_long);
    let negative = MessageSetProblem::InvalidLength { field: "value", length: -2 };
    assert_eq!(fault(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]), negative);
    assert_eq!(fault(&[0, 0, 0, 4, 1, 1, 1, 1]), MessageSetProblem::CutOff { field: "value" });
}

#[test]
fn codecs_are_those_of_their_time() {
    let batch = parse(message(1, 4, 3, None, Some(b"")));
    assert_eq!(read(&batch), Err(RecordError::UnknownCompression { offset: 3, code: 4 }));

    // The wrong header checksum of magic 0 is overlooked there, and only there.
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/records/v0-lz4.bin");
    let old = std::fs::read(path).unwrap();
    let frame = &old[26..];
    assert_eq!(read(&parse(message(0, LZ4, 119, None, Some(frame)))).unwrap().len(), 20);
    let error = read(&parse(message(1, LZ4, 119, None, Some(frame)))).unwrap_err();
    assert!(error.to_string().contains("header's checksum"), "{error}");
}

#[test]
fn a_bomb_in_a_wrapper_is_refused() {
    let batch = parse(gzip_wrapper(1, 3, &vec![0; 2 << 20]));
    let compression = Compression::Gzip;
    let error = RecordError::DecompressedTooLarge { offset: 3, compression, max_bytes: LIMITS.max_bytes };
    assert_eq!(read(&batch), Err(error));
}

#[test]
fn every_flipped_bit_behind_the_size_breaks_the_crc() {
    let bytes = message(1, 0, 3, Some(b"key"), Some(b"value"));
    for position in 12..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[position] ^= 1 << (position % 8);
        let damaged = LegacyBatch::split_from(&mut Bytes::from(bytes));
        assert!(damaged.and_then(|batch| batch.verify_crc()).is_err(), "byte {position}");
    }
}

#[test]
fn a_cut_at_every_byte_is_a_truncation() {
    for magic in 0..=1 {
        let bytes = Bytes::from(message(magic, 0, 3, Some(b"key"), Some(b"value")));
        for end in 1..bytes.len() {
            let error = AnyBatches::new(bytes.slice(..end)).next().unwrap().unwrap_err();
            assert!(error.is_truncation(), "magic {magic} cut at {end}: {error}");
        }
        let header_size = if magic == 0 { 18 } else { 26 };
        assert_eq!(LegacyHeader::parse(&bytes[..header_size]).unwrap().size_bytes(), bytes.len());
        assert!(LegacyHeader::parse(&bytes[..header_size - 1]).unwrap_err().is_truncation());
    }
}

#[test]
fn offsets_that_go_back_cannot_be_converted() {
    let batch = parse(gzip_wrapper(0, 41, &pair(0, 41, 40)));
    let error = legacy::up_convert(&batch, LeaderEpoch(1), LIMITS).unwrap_err();
    let expected = BuildError::InvalidOffset { offset: 40, base_offset: 41, next_offset: 42 };
    assert_eq!(error, legacy::UpConvertError::Build(expected));
}

proptest! {
    #[test]
    fn messages_are_read_as_they_were_written(
        magic in 0..=1_u8,
        compressed: bool,
        append_time: bool,
        records in prop::collection::vec(any::<(Option<Vec<u8>>, Option<Vec<u8>>)>(), 1..5),
    ) {
        let base_offset = 1000;
        let last_offset = base_offset + i64::try_from(records.len()).unwrap() - 1;
        let first = if compressed && magic == 1 { 0 } else { base_offset };
        let messages = (first..).zip(&records).map(|(offset, (key, value))| {
            let attributes = if append_time && !compressed { LOG_APPEND_TIME } else { 0 };
            message(magic, attributes, offset, key.as_deref(), value.as_deref())
        });
        let set = messages.collect::<Vec<_>>().concat();
        let set = if compressed { gzip_wrapper(magic, last_offset, &set) } else { set };
        let read: Result<Vec<Record>, RecordError> = AnyBatches::new(Bytes::from(set))
            .flat_map(|batch| batch.unwrap().records(LIMITS).unwrap())
            .collect();
        let read = read.unwrap();
        prop_assert_eq!(read.len(), records.len());
        for (offset, (record, (key, value))) in (base_offset..).zip(read.iter().zip(&records)) {
            prop_assert_eq!(record.offset, Offset(offset));
            prop_assert_eq!(record.timestamp, if magic == 0 { -1 } else { 7 });
            prop_assert_eq!(record.key.as_deref(), key.as_deref());
            prop_assert_eq!(record.value.as_deref(), value.as_deref());
        }
    }
}
