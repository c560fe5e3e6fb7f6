//! The 61-byte header of a magic-2 batch: fixed offsets, big endian.
//!
//! Source: KIP-98, Kafka's `DefaultRecordBatch`. The CRC-32C covers everything from the attributes to the end of the
//! batch, so that a broker can set the base offset and the leader epoch without touching it.

use super::{Compression, RecordError};
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};

/// Where the base offset (`i64`) lies.
pub const BASE_OFFSET_POSITION: usize = 0;
/// Where the batch length (`i32`, the bytes behind this field) lies.
pub const BATCH_LENGTH_POSITION: usize = 8;
/// Where the partition leader epoch (`i32`) lies.
pub const LEADER_EPOCH_POSITION: usize = 12;
/// Where the magic byte lies, in every format version.
pub const MAGIC_POSITION: usize = 16;
/// Where the CRC-32C (`u32`) lies.
pub const CRC_POSITION: usize = 17;
/// Where the attributes (`i16`) lie, and what the CRC covers begins.
pub const ATTRIBUTES_POSITION: usize = 21;
/// Where the last offset delta (`i32`) lies.
pub const LAST_OFFSET_DELTA_POSITION: usize = 23;
/// Where the base timestamp (`i64`) lies; the delete horizon when the attributes say so.
pub const BASE_TIMESTAMP_POSITION: usize = 27;
/// Where the maximum timestamp (`i64`) lies.
pub const MAX_TIMESTAMP_POSITION: usize = 35;
/// Where the producer id (`i64`) lies.
pub const PRODUCER_ID_POSITION: usize = 43;
/// Where the producer epoch (`i16`) lies.
pub const PRODUCER_EPOCH_POSITION: usize = 51;
/// Where the base sequence (`i32`) lies.
pub const BASE_SEQUENCE_POSITION: usize = 53;
/// Where the record count (`i32`) lies.
pub const RECORD_COUNT_POSITION: usize = 57;
/// The size of the header; the records begin here.
pub const BATCH_HEADER_SIZE: usize = 61;

/// The size of the offset and length fields in front of every batch and message, which the length does not count.
pub const LOG_OVERHEAD: usize = 12;
/// How many bytes tell the size and the format version of what follows, see [`LogEntryHeader`].
pub const HEADER_SIZE_UP_TO_MAGIC: usize = 17;

/// The timestamp of a record that has none (magic 0).
pub const NO_TIMESTAMP: i64 = -1;
/// The base sequence of a batch without idempotence, and of control batches.
pub const NO_SEQUENCE: i32 = -1;

/// The format version of record batches.
pub const MAGIC_V2: i8 = 2;

const TIMESTAMP_TYPE_BIT: i16 = 0x08;
const TRANSACTIONAL_BIT: i16 = 0x10;
const CONTROL_BIT: i16 = 0x20;
const DELETE_HORIZON_BIT: i16 = 0x40;
const COMPRESSION_BITS: i16 = 0x07;

/// The bytes of a batch header.
pub type BatchHeaderBytes = [u8; BATCH_HEADER_SIZE];

/// Who set the timestamps of a batch (`message.timestamp.type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TimestampType {
    /// The producer, record by record.
    #[default]
    CreateTime,
    /// The broker at append; all records have the batch's maximum timestamp.
    LogAppendTime,
}

impl TimestampType {
    /// The name as `message.timestamp.type` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreateTime => "CreateTime",
            Self::LogAppendTime => "LogAppendTime",
        }
    }

    /// Reads [`TimestampType::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::CreateTime, Self::LogAppendTime].into_iter().find(|candidate| candidate.name() == name)
    }
}

/// The attribute bits of a batch: 0-2 compression, 3 timestamp type, 4 transactional, 5 control, 6 delete horizon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BatchAttributes(pub i16);

impl BatchAttributes {
    /// The three codec bits, 0 to 7.
    pub const fn compression_code(self) -> u8 {
        self.0.to_be_bytes()[1] & 0x07
    }

    /// The codec; `None` for a code that stands for none.
    pub const fn compression(self) -> Option<Compression> {
        Compression::from_code(self.compression_code())
    }

    /// Who set the timestamps.
    pub const fn timestamp_type(self) -> TimestampType {
        if self.0 & TIMESTAMP_TYPE_BIT == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Whether the batch is part of a transaction.
    pub const fn is_transactional(self) -> bool {
        self.0 & TRANSACTIONAL_BIT != 0
    }

    /// Whether the batch holds control records, which consumers never see.
    pub const fn is_control(self) -> bool {
        self.0 & CONTROL_BIT != 0
    }

    /// Whether the base timestamp is the time after which tombstones and markers may go (KIP-534).
    pub const fn has_delete_horizon(self) -> bool {
        self.0 & DELETE_HORIZON_BIT != 0
    }

    /// The same with another codec.
    #[must_use]
    pub fn with_compression(self, compression: Compression) -> Self {
        Self((self.0 & !COMPRESSION_BITS) | i16::from(compression.code()))
    }

    /// The same with another timestamp type.
    #[must_use]
    pub const fn with_timestamp_type(self, timestamp_type: TimestampType) -> Self {
        self.with_bit(TIMESTAMP_TYPE_BIT, matches!(timestamp_type, TimestampType::LogAppendTime))
    }

    /// The same, part of a transaction or not.
    #[must_use]
    pub const fn with_transactional(self, transactional: bool) -> Self {
        self.with_bit(TRANSACTIONAL_BIT, transactional)
    }

    /// The same, with control records or not.
    #[must_use]
    pub const fn with_control(self, control: bool) -> Self {
        self.with_bit(CONTROL_BIT, control)
    }

    /// The same, with the base timestamp as delete horizon or not.
    #[must_use]
    pub const fn with_delete_horizon(self, delete_horizon: bool) -> Self {
        self.with_bit(DELETE_HORIZON_BIT, delete_horizon)
    }

    const fn with_bit(self, bit: i16, set: bool) -> Self {
        Self(if set { self.0 | bit } else { self.0 & !bit })
    }
}

/// The decoded header of a magic-2 batch. Timestamps are milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// The offset of the first record (of the first that there was, when compaction took some).
    pub base_offset: Offset,
    /// The bytes behind the length field, at least 49.
    pub batch_length: i32,
    /// The epoch of the leader that appended the batch; -1 from producers.
    pub partition_leader_epoch: LeaderEpoch,
    /// The stored CRC-32C of everything from the attributes on.
    pub crc: u32,
    /// Codec and flags.
    pub attributes: BatchAttributes,
    /// The last offset minus the base offset; compaction keeps it.
    pub last_offset_delta: i32,
    /// What the records' timestamp deltas add to; the delete horizon when the attributes say so.
    pub base_timestamp: i64,
    /// The highest timestamp; with [`TimestampType::LogAppendTime`] the timestamp of all records.
    pub max_timestamp: i64,
    /// The producer's id, or -1.
    pub producer_id: ProducerId,
    /// The producer's epoch, or -1.
    pub producer_epoch: ProducerEpoch,
    /// The sequence number of the first record, or -1.
    pub base_sequence: i32,
    /// How many records the batch holds now.
    pub record_count: i32,
}

impl BatchHeader {
    /// Reads a header from the first 61 bytes of `bytes`; the body need not be there.
    ///
    /// # Errors
    /// [`RecordError::Truncated`] below 61 bytes, [`RecordError::UnsupportedMagic`] for another magic than 2,
    /// [`RecordError::InvalidSize`] and [`RecordError::InvalidHeader`] for values that no writer writes (a negative
    /// last offset delta or record count).
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        LogEntryHeader::parse(bytes)?.require_v2()?;
        let Some(bytes) = bytes.first_chunk::<BATCH_HEADER_SIZE>() else {
            return Err(RecordError::Truncated { needed: BATCH_HEADER_SIZE, available: bytes.len() });
        };
        let header = Self::decode(bytes);
        for (field, value) in
            [("last offset delta", header.last_offset_delta), ("record count", header.record_count)]
        {
            if value < 0 {
                let base_offset = header.base_offset.get();
                return Err(RecordError::InvalidHeader { base_offset, field, value: i64::from(value) });
            }
        }
        Ok(header)
    }

    /// Compares the CRC-32C that the header of `batch` stores with that of the bytes, whatever else is in the header.
    /// `batch` is one whole batch, header first.
    ///
    /// # Errors
    /// [`RecordError::CrcMismatch`], and [`RecordError::Truncated`] below 61 bytes.
    pub fn verify_crc(batch: &[u8]) -> Result<(), RecordError> {
        let Some(header) = batch.first_chunk::<BATCH_HEADER_SIZE>() else {
            return Err(RecordError::Truncated { needed: BATCH_HEADER_SIZE, available: batch.len() });
        };
        let computed = crc32c::crc32c(&batch[ATTRIBUTES_POSITION..]);
        let Self { base_offset, crc: stored, .. } = Self::decode(header);
        if computed == stored {
            return Ok(());
        }
        Err(RecordError::CrcMismatch { offset: base_offset.get(), stored, computed })
    }

    fn decode(bytes: &BatchHeaderBytes) -> Self {
        Self {
            base_offset: Offset(i64::from_be_bytes(field(bytes, BASE_OFFSET_POSITION))),
            batch_length: i32::from_be_bytes(field(bytes, BATCH_LENGTH_POSITION)),
            partition_leader_epoch: LeaderEpoch(i32::from_be_bytes(field(bytes, LEADER_EPOCH_POSITION))),
            crc: u32::from_be_bytes(field(bytes, CRC_POSITION)),
            attributes: BatchAttributes(i16::from_be_bytes(field(bytes, ATTRIBUTES_POSITION))),
            last_offset_delta: i32::from_be_bytes(field(bytes, LAST_OFFSET_DELTA_POSITION)),
            base_timestamp: i64::from_be_bytes(field(bytes, BASE_TIMESTAMP_POSITION)),
            max_timestamp: i64::from_be_bytes(field(bytes, MAX_TIMESTAMP_POSITION)),
            producer_id: ProducerId(i64::from_be_bytes(field(bytes, PRODUCER_ID_POSITION))),
            producer_epoch: ProducerEpoch(i16::from_be_bytes(field(bytes, PRODUCER_EPOCH_POSITION))),
            base_sequence: i32::from_be_bytes(field(bytes, BASE_SEQUENCE_POSITION)),
            record_count: i32::from_be_bytes(field(bytes, RECORD_COUNT_POSITION)),
        }
    }

    /// The header's bytes, with magic 2 and the CRC as it stands in [`BatchHeader::crc`].
    pub fn encode(&self) -> BatchHeaderBytes {
        let mut bytes = [0; BATCH_HEADER_SIZE];
        let mut put = |position: usize, value: &[u8]| {
            bytes[position..position + value.len()].copy_from_slice(value);
        };
        put(BASE_OFFSET_POSITION, &self.base_offset.get().to_be_bytes());
        put(BATCH_LENGTH_POSITION, &self.batch_length.to_be_bytes());
        put(LEADER_EPOCH_POSITION, &self.partition_leader_epoch.get().to_be_bytes());
        put(MAGIC_POSITION, &MAGIC_V2.to_be_bytes());
        put(CRC_POSITION, &self.crc.to_be_bytes());
        put(ATTRIBUTES_POSITION, &self.attributes.0.to_be_bytes());
        put(LAST_OFFSET_DELTA_POSITION, &self.last_offset_delta.to_be_bytes());
        put(BASE_TIMESTAMP_POSITION, &self.base_timestamp.to_be_bytes());
        put(MAX_TIMESTAMP_POSITION, &self.max_timestamp.to_be_bytes());
        put(PRODUCER_ID_POSITION, &self.producer_id.get().to_be_bytes());
        put(PRODUCER_EPOCH_POSITION, &self.producer_epoch.get().to_be_bytes());
        put(BASE_SEQUENCE_POSITION, &self.base_sequence.to_be_bytes());
        put(RECORD_COUNT_POSITION, &self.record_count.to_be_bytes());
        bytes
    }

    /// Computes the CRC over this header's attributes and following fields and `body`, and keeps it.
    pub fn seal(&mut self, body: &[u8]) {
        let crc = crc32c::crc32c(&self.encode()[ATTRIBUTES_POSITION..]);
        self.crc = crc32c::crc32c_append(crc, body);
    }

    /// The whole batch's size, header included.
    pub fn size_bytes(&self) -> usize {
        LOG_OVERHEAD + usize::try_from(self.batch_length).unwrap_or(0)
    }

    /// The offset of the last record (of the last that there was, when compaction took some).
    pub fn last_offset(&self) -> Offset {
        Offset(self.base_offset.get().saturating_add(i64::from(self.last_offset_delta)))
    }

    /// The offset behind the last record.
    pub fn next_offset(&self) -> Offset {
        Offset(self.last_offset().get().saturating_add(1))
    }

    /// The sequence number of the last record; it wraps to 0 behind `i32::MAX`. [`NO_SEQUENCE`] stays itself.
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence == NO_SEQUENCE {
            return NO_SEQUENCE;
        }
        increment_sequence(self.base_sequence, self.last_offset_delta)
    }

    /// The time after which compaction may drop the batch's tombstones and markers, when one is set.
    pub fn delete_horizon_ms(&self) -> Option<i64> {
        self.attributes.has_delete_horizon().then_some(self.base_timestamp)
    }

    /// Whether an idempotent producer wrote the batch.
    pub fn is_idempotent(&self) -> bool {
        self.producer_id.get() > ProducerId::NONE.get()
    }

    /// Who set the timestamps.
    pub const fn timestamp_type(&self) -> TimestampType {
        self.attributes.timestamp_type()
    }

    /// Whether the batch is part of a transaction.
    pub const fn is_transactional(&self) -> bool {
        self.attributes.is_transactional()
    }

    /// Whether the batch holds control records.
    pub const fn is_control(&self) -> bool {
        self.attributes.is_control()
    }

    /// The codec.
    ///
    /// # Errors
    /// [`RecordError::UnknownCompression`] for the codes 5 to 7.
    pub fn compression(&self) -> Result<Compression, RecordError> {
        let code = self.attributes.compression_code();
        let offset = self.base_offset.get();
        self.attributes.compression().ok_or(RecordError::UnknownCompression { offset, code })
    }
}

/// `sequence` moved on by `increment`, wrapping to 0 behind `i32::MAX` as Kafka's producers do.
pub const fn increment_sequence(sequence: i32, increment: i32) -> i32 {
    if sequence > i32::MAX - increment { increment - (i32::MAX - sequence) - 1 } else { sequence + increment }
}

/// `sequence` moved back by `decrement`, wrapping to `i32::MAX` below 0.
pub const fn decrement_sequence(sequence: i32, decrement: i32) -> i32 {
    if sequence < decrement { i32::MAX - (decrement - sequence) + 1 } else { sequence - decrement }
}

/// What every batch and every message of any format version begins with, enough to step through a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogEntryHeader {
    /// The base offset (magic 2), or the offset of the last message (magic 0 and 1).
    pub offset: Offset,
    /// The size of the whole entry, these bytes included.
    pub size_bytes: usize,
    /// The format version: 0, 1 or 2.
    pub magic: i8,
}

impl LogEntryHeader {
    /// Reads the first [`HEADER_SIZE_UP_TO_MAGIC`] bytes.
    ///
    /// # Errors
    /// [`RecordError::Truncated`] when fewer are there, [`RecordError::UnsupportedMagic`] for a magic outside 0 to 2,
    /// [`RecordError::InvalidSize`] for a size below that of the version's header.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        let Some(bytes) = bytes.first_chunk::<HEADER_SIZE_UP_TO_MAGIC>() else {
            return Err(RecordError::Truncated { needed: HEADER_SIZE_UP_TO_MAGIC, available: bytes.len() });
        };
        let offset = i64::from_be_bytes(field(bytes, BASE_OFFSET_POSITION));
        let size = i32::from_be_bytes(field(bytes, BATCH_LENGTH_POSITION));
        let magic = i8::from_be_bytes([bytes[MAGIC_POSITION]]);
        let minimum = match magic {
            0 => super::legacy::MESSAGE_OVERHEAD_V0,
            1 => super::legacy::MESSAGE_OVERHEAD_V1,
            2 => BATCH_HEADER_SIZE - LOG_OVERHEAD,
            _ => return Err(RecordError::UnsupportedMagic { offset, magic }),
        };
        match usize::try_from(size) {
            Ok(length) if length >= minimum => {
                Ok(Self { offset: Offset(offset), size_bytes: LOG_OVERHEAD + length, magic })
            }
            _ => Err(RecordError::InvalidSize { offset, size, minimum }),
        }
    }

    pub(super) fn require_v2(self) -> Result<Self, RecordError> {
        if self.magic == MAGIC_V2 {
            return Ok(self);
        }
        Err(RecordError::UnsupportedMagic { offset: self.offset.get(), magic: self.magic })
    }
}

/// The `N` bytes at `position`, which the caller knows to lie inside the array.
pub(super) fn field<const N: usize, const SIZE: usize>(bytes: &[u8; SIZE], position: usize) -> [u8; N] {
    let mut value = [0; N];
    value.copy_from_slice(&bytes[position..position + N]);
    value
}
