//! Message sets of magic 0 and 1, as segments from before Kafka 0.11 hold them.
//!
//! Each message has a header of its own. A compressed set is one "wrapper" message whose value is the compressed set;
//! inside it the offsets are absolute (magic 0) or relative (magic 1, KIP-31), and the wrapper has the offset of the
//! last message. Brokers of today neither take these from producers nor write them; a Kafka 4 broker sends the bytes
//! of such segments to consumers as they are, conversion is gone (KIP-724).
//!
//! Source: Kafka's `LegacyRecord` and `AbstractLegacyRecordBatch`, KIP-31, KIP-32.

mod convert;

use bytes::Bytes;

use super::header::{HEADER_SIZE_UP_TO_MAGIC, LOG_OVERHEAD, LogEntryHeader, MAGIC_POSITION, field};
use super::{
    Compression, DecompressionLimits, Headers, MessageSetProblem, NO_TIMESTAMP, Record, RecordError,
    TimestampType, compression,
};
use crate::types::Offset;

pub use convert::{UpConvertError, up_convert};

/// The least that a message of magic 0 takes behind its size field: CRC, magic, attributes, two lengths.
pub const MESSAGE_OVERHEAD_V0: usize = 14;
/// The same for magic 1, which has a timestamp.
pub const MESSAGE_OVERHEAD_V1: usize = 22;
/// What [`LegacyHeader::parse`] needs of a message of either magic.
pub const LEGACY_HEADER_SIZE_MAX: usize = 26;

const CRC_POSITION: usize = 12;
const ATTRIBUTES_POSITION: usize = 17;
const TIMESTAMP_POSITION: usize = 18;
const TIMESTAMP_TYPE_BIT: u8 = 0x08;
const COMPRESSION_BITS: u8 = 0x07;

/// The fields in front of a message's key and value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LegacyHeader {
    /// The message's offset; for a wrapper that of the last message inside.
    pub offset: Offset,
    /// The bytes behind the size field.
    pub message_size: i32,
    /// The stored CRC-32 (zlib's) of everything from the magic on.
    pub crc: u32,
    /// 0 or 1.
    pub magic: i8,
    /// Bits 0-2: codec; 3: timestamp type (magic 1).
    pub attributes: u8,
    /// Milliseconds since 1970, -1 with magic 0; for a wrapper the highest inside, or the append time.
    pub timestamp: i64,
}

impl LegacyHeader {
    /// Reads the first 18 (magic 0) or 26 (magic 1) bytes of a message.
    ///
    /// # Errors
    /// Those of [`LogEntryHeader::parse`], and [`RecordError::UnsupportedMagic`] for magic 2.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        let entry = LogEntryHeader::parse(bytes)?;
        let needed = match entry.magic {
            0 => TIMESTAMP_POSITION,
            1 => LEGACY_HEADER_SIZE_MAX,
            magic => return Err(RecordError::UnsupportedMagic { offset: entry.offset.get(), magic }),
        };
        if bytes.len() < needed {
            return Err(RecordError::Truncated { needed, available: bytes.len() });
        }
        let mut head = [0_u8; LEGACY_HEADER_SIZE_MAX];
        head[..needed].copy_from_slice(&bytes[..needed]);
        let timestamp = if entry.magic == 0 {
            NO_TIMESTAMP
        } else {
            i64::from_be_bytes(field(&head, TIMESTAMP_POSITION))
        };
        Ok(Self {
            offset: entry.offset,
            message_size: i32::from_be_bytes(field(&head, 8)),
            crc: u32::from_be_bytes(field(&head, CRC_POSITION)),
            magic: entry.magic,
            attributes: head[ATTRIBUTES_POSITION],
            timestamp,
        })
    }

    /// The size of the whole message, offset and size fields included.
    pub fn size_bytes(&self) -> usize {
        LOG_OVERHEAD + usize::try_from(self.message_size).unwrap_or(0)
    }

    /// The codec.
    ///
    /// # Errors
    /// [`RecordError::UnknownCompression`]; zstd, too, is none that these versions know.
    pub fn compression(&self) -> Result<Compression, RecordError> {
        let code = self.attributes & COMPRESSION_BITS;
        Compression::from_code(code)
            .filter(|compression| *compression != Compression::Zstd)
            .ok_or(RecordError::UnknownCompression { offset: self.offset.get(), code })
    }

    /// Whether the message is a wrapper.
    pub const fn is_compressed(&self) -> bool {
        self.attributes & COMPRESSION_BITS != 0
    }

    /// Who set the timestamp.
    pub const fn timestamp_type(&self) -> TimestampType {
        if self.magic == 0 || self.attributes & TIMESTAMP_TYPE_BIT == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// The offset of the last message.
    pub const fn last_offset(&self) -> Offset {
        self.offset
    }

    /// The highest timestamp, or -1.
    pub const fn max_timestamp(&self) -> i64 {
        self.timestamp
    }

    /// Where the key's length field lies.
    const fn key_position(&self) -> usize {
        if self.magic == 0 { TIMESTAMP_POSITION } else { LEGACY_HEADER_SIZE_MAX }
    }
}

/// One message, or one wrapper with the compressed messages inside, as a view over shared bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyBatch {
    header: LegacyHeader,
    bytes: Bytes,
}

impl LegacyBatch {
    /// Takes the first message off `bytes`, which is left as it was on error.
    ///
    /// # Errors
    /// Those of [`LegacyHeader::parse`], and [`RecordError::Truncated`] when the message is cut off.
    pub fn split_from(bytes: &mut Bytes) -> Result<Self, RecordError> {
        let header = LegacyHeader::parse(bytes)?;
        let needed = header.size_bytes();
        if bytes.len() < needed {
            return Err(RecordError::Truncated { needed, available: bytes.len() });
        }
        Ok(Self { header, bytes: bytes.split_to(needed) })
    }

    /// The decoded header.
    pub const fn header(&self) -> &LegacyHeader {
        &self.header
    }

    /// The whole message, offset and size first.
    pub const fn as_bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The offset of the first message: for a wrapper this decompresses.
    ///
    /// # Errors
    /// Those of [`LegacyBatch::records`].
    pub fn base_offset(&self, limits: DecompressionLimits) -> Result<Offset, RecordError> {
        if !self.header.is_compressed() {
            return Ok(self.header.offset);
        }
        let first = self.records(limits)?.next();
        first
            .unwrap_or_else(|| Err(self.problem(MessageSetProblem::EmptyWrapper)))
            .map(|record| record.offset)
    }

    /// Compares the stored CRC-32 with that of the bytes. A wrapper's covers all that is inside.
    ///
    /// # Errors
    /// [`RecordError::CrcMismatch`].
    pub fn verify_crc(&self) -> Result<(), RecordError> {
        let mut crc = flate2::Crc::new();
        crc.update(&self.bytes[MAGIC_POSITION..]);
        let (stored, computed) = (self.header.crc, crc.sum());
        if stored == computed {
            return Ok(());
        }
        Err(RecordError::CrcMismatch { offset: self.header.offset.get(), stored, computed })
    }

    /// The record, or the records inside the wrapper, with absolute offsets. They have no headers.
    ///
    /// # Errors
    /// Those of decompression, and [`RecordError::InvalidMessageSet`] for an empty wrapper or one whose offset does
    /// not fit; malformed messages are errors of the iterator.
    pub fn records(&self, limits: DecompressionLimits) -> Result<LegacyRecords, RecordError> {
        let compression = self.header.compression()?;
        if compression == Compression::None {
            return Ok(LegacyRecords::single(self));
        }
        let (_, value) = self.key_and_value().map_err(|problem| self.problem(problem))?;
        let value = value.ok_or_else(|| self.problem(MessageSetProblem::EmptyWrapper))?;
        let data = compression::decompress_legacy(compression, self.header.magic, &value, limits)
            .map_err(|error| error.at(self.header.offset, compression, limits))?;
        LegacyRecords::inside(self, data)
    }

    fn key_and_value(&self) -> Result<(Option<Bytes>, Option<Bytes>), MessageSetProblem> {
        let mut rest = self.bytes.slice(self.header.key_position()..);
        let key = take_nullable(&mut rest, "key")?;
        let value = take_nullable(&mut rest, "value")?;
        Ok((key, value))
    }

    fn problem(&self, problem: MessageSetProblem) -> RecordError {
        RecordError::InvalidMessageSet { offset: self.header.offset.get(), problem }
    }
}

fn take_nullable(rest: &mut Bytes, field: &'static str) -> Result<Option<Bytes>, MessageSetProblem> {
    let Some(length) = rest.first_chunk::<4>() else {
        return Err(MessageSetProblem::CutOff { field });
    };
    let length = i32::from_be_bytes(*length);
    let _ = rest.split_to(4);
    match usize::try_from(length) {
        Ok(size) if size <= rest.len() => Ok(Some(rest.split_to(size))),
        Err(_) if length == -1 => Ok(None),
        _ => Err(MessageSetProblem::InvalidLength { field, length }),
    }
}

/// The records of a [`LegacyBatch`]; ends behind the first error.
#[derive(Debug, Clone)]
pub struct LegacyRecords {
    /// What has not been read yet of the message or the decompressed set.
    rest: Bytes,
    wrapper: Option<Wrapper>,
    /// The offset to name in errors.
    batch_offset: Offset,
}

/// What a wrapper says about the messages inside.
#[derive(Debug, Clone, Copy)]
struct Wrapper {
    /// What relative offsets add to (magic 1).
    base_offset: Option<Offset>,
    /// The timestamp of all messages, where the broker set it.
    log_append_time: Option<i64>,
}

impl LegacyRecords {
    fn single(message: &LegacyBatch) -> Self {
        Self { rest: message.bytes.clone(), wrapper: None, batch_offset: message.header.offset }
    }

    fn inside(wrapper: &LegacyBatch, data: Bytes) -> Result<Self, RecordError> {
        let header = &wrapper.header;
        let last_inner = last_inner_offset(&data)?;
        let last_inner = last_inner.ok_or_else(|| wrapper.problem(MessageSetProblem::EmptyWrapper))?;
        let base_offset = match (header.magic, header.offset.get()) {
            (0, _) => None,
            // Some versions of librdkafka left the wrapper's offset at 0.
            (_, 0) => Some(Offset::ZERO),
            (_, last) => match last.checked_sub(last_inner) {
                Some(base) if last_inner <= last => Some(Offset(base)),
                _ => return Err(wrapper.problem(MessageSetProblem::InvalidWrapperOffset { last_inner })),
            },
        };
        let log_append_time =
            (header.timestamp_type() == TimestampType::LogAppendTime).then_some(header.timestamp);
        let facts = Wrapper { base_offset, log_append_time };
        Ok(Self { rest: data, wrapper: Some(facts), batch_offset: header.offset })
    }

    fn read(&mut self) -> Result<Record, RecordError> {
        let message = LegacyBatch::split_from(&mut self.rest)?;
        let header = message.header;
        let mut offset = header.offset;
        let mut timestamp = header.timestamp;
        if let Some(wrapper) = self.wrapper {
            if header.is_compressed() {
                return Err(self.problem(MessageSetProblem::NestedCompression));
            }
            offset = wrapper
                .base_offset
                .map_or(offset, |base| Offset(base.get().saturating_add(header.offset.get())));
            timestamp = wrapper.log_append_time.filter(|_| header.magic == 1).unwrap_or(timestamp);
        }
        let (key, value) = message.key_and_value().map_err(|problem| self.problem(problem))?;
        Ok(Record { offset, timestamp, key, value, headers: Headers::default() })
    }

    fn problem(&self, problem: MessageSetProblem) -> RecordError {
        RecordError::InvalidMessageSet { offset: self.batch_offset.get(), problem }
    }
}

impl Iterator for LegacyRecords {
    type Item = Result<Record, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        // A message that is cut off at the end of a wrapper is overlooked, as Kafka's reader does.
        if !holds_message(&self.rest) {
            return None;
        }
        let record = self.read();
        if record.is_err() {
            self.rest.clear();
        }
        Some(record)
    }
}

impl std::iter::FusedIterator for LegacyRecords {}

/// Whether `bytes` begin with a message that is all there, or with something that is no message.
fn holds_message(bytes: &[u8]) -> bool {
    match LogEntryHeader::parse(bytes) {
        Ok(entry) => entry.size_bytes <= bytes.len(),
        Err(error) => bytes.len() >= HEADER_SIZE_UP_TO_MAGIC && !error.is_truncation(),
    }
}

/// The offset field of the last message of a decompressed set; `None` when there is none.
fn last_inner_offset(data: &Bytes) -> Result<Option<i64>, RecordError> {
    let mut rest = data.clone();
    let mut last = None;
    while holds_message(&rest) {
        last = Some(LegacyBatch::split_from(&mut rest)?.header.offset.get());
    }
    Ok(last)
}
