//! What can be wrong with bytes that claim to be record batches.

use super::Compression;

/// Why a batch, or a record in it, cannot be read.
///
/// Every variant that knows its batch carries the batch's offset as it stands in the bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The bytes end inside a batch. Legal at the end of a fetch response, damage elsewhere.
    #[error("a batch is cut off: {available} of {needed} bytes are there")]
    Truncated {
        /// The size of the batch, or of the part that is needed to know its size.
        needed: usize,
        /// The bytes that are there.
        available: usize,
    },
    /// Bytes lie behind the single batch that was expected.
    #[error("{bytes} bytes lie behind the batch at offset {base_offset}")]
    BytesBehindBatch {
        /// The batch's base offset.
        base_offset: i64,
        /// How many bytes lie behind it.
        bytes: usize,
    },
    /// Another format version than the one asked for; 0 and 1 are the message sets of before Kafka 0.11.
    #[error("the batch at offset {offset} has magic {magic}")]
    UnsupportedMagic {
        /// The offset field in front of it.
        offset: i64,
        /// The magic byte found.
        magic: i8,
    },
    /// The size field is below what a header takes.
    #[error("the batch at offset {offset} claims a size of {size} bytes, below the minimum of {minimum}")]
    InvalidSize {
        /// The offset field in front of it.
        offset: i64,
        /// The size field's value.
        size: i32,
        /// The least value that it can have.
        minimum: usize,
    },
    /// A header field has a value that no writer gives it.
    #[error("the batch at offset {base_offset} has {field} {value}")]
    InvalidHeader {
        /// The batch's base offset.
        base_offset: i64,
        /// The field's name.
        field: &'static str,
        /// The field's value.
        value: i64,
    },
    /// The checksum does not fit the bytes.
    #[error("the batch at offset {offset} is corrupt: stored CRC {stored:#010x}, computed {computed:#010x}")]
    CrcMismatch {
        /// The batch's offset field.
        offset: i64,
        /// The checksum in the header.
        stored: u32,
        /// The checksum of the bytes.
        computed: u32,
    },
    /// The attributes name a codec that does not exist (or not for this magic).
    #[error("the batch at offset {offset} names the unknown compression codec {code}")]
    UnknownCompression {
        /// The batch's offset field.
        offset: i64,
        /// The three codec bits.
        code: u8,
    },
    /// The compressed bytes do not decompress.
    #[error("the batch at offset {offset} does not decompress with {compression}: {reason}")]
    Decompression {
        /// The batch's offset field.
        offset: i64,
        /// The codec.
        compression: Compression,
        /// What the decompressor met.
        reason: String,
    },
    /// The decompressed records would take more than [`super::DecompressionLimits::max_bytes`].
    #[error("the batch at offset {offset} decompresses with {compression} to more than {max_bytes} bytes")]
    DecompressedTooLarge {
        /// The batch's offset field.
        offset: i64,
        /// The codec.
        compression: Compression,
        /// The limit.
        max_bytes: usize,
    },
    /// A record inside the batch is malformed.
    #[error("record {index} of the batch at offset {base_offset}: {problem}")]
    InvalidRecord {
        /// The batch's base offset.
        base_offset: i64,
        /// The record's position in the batch, from 0.
        index: i32,
        /// What is wrong with it.
        problem: RecordProblem,
    },
    /// The batch holds more bytes than its records take.
    #[error("{bytes} bytes lie behind the {record_count} records of the batch at offset {base_offset}")]
    BytesBehindRecords {
        /// The batch's base offset.
        base_offset: i64,
        /// The header's record count.
        record_count: i32,
        /// How many bytes are left.
        bytes: usize,
    },
    /// A wrapper message of magic 0 or 1 whose content is malformed.
    #[error("the message set at offset {offset}: {problem}")]
    InvalidMessageSet {
        /// The wrapper's offset field.
        offset: i64,
        /// What is wrong with it.
        problem: MessageSetProblem,
    },
}

impl RecordError {
    /// Whether more bytes could mend it: the end of a fetch response cuts through its last batch.
    pub const fn is_truncation(&self) -> bool {
        matches!(self, Self::Truncated { .. })
    }
}

/// What is wrong with one record of magic 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordProblem {
    /// The batch's bytes end inside the record: the header's record count is too high or the body is short.
    #[error("the batch ends inside it")]
    PastEnd,
    /// A variable-length number takes too many bytes or overflows its type.
    #[error("{field} is not a valid varint")]
    InvalidVarint {
        /// The field's name.
        field: &'static str,
    },
    /// A length below what is allowed for the field (-1 means null where null is allowed).
    #[error("{field} has the length {length}")]
    InvalidLength {
        /// The field's name.
        field: &'static str,
        /// The length found.
        length: i32,
    },
    /// More headers are claimed than bytes are left.
    #[error("it claims {count} headers")]
    InvalidHeaderCount {
        /// The count found.
        count: i32,
    },
    /// The fields take fewer or more bytes than the record's own length says.
    #[error("its fields take {actual} bytes, not the {expected} that it claims")]
    SizeMismatch {
        /// The record's length field.
        expected: usize,
        /// What its fields take, as far as they could be read.
        actual: usize,
    },
    /// The offset delta does not follow the one before, or passes the batch's last offset delta.
    #[error("its offset delta {delta} does not lie between {after} and {last}")]
    InvalidOffsetDelta {
        /// The delta found.
        delta: i32,
        /// The least delta allowed here.
        after: i32,
        /// The batch's last offset delta.
        last: i32,
    },
}

/// What is wrong with the inside of a compressed message set of magic 0 or 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageSetProblem {
    /// A key or value length that does not fit the message.
    #[error("{field} has the length {length}")]
    InvalidLength {
        /// The field's name.
        field: &'static str,
        /// The length found.
        length: i32,
    },
    /// The message ends before the length field of its key or value.
    #[error("it ends before the length of its {field}")]
    CutOff {
        /// The field's name.
        field: &'static str,
    },
    /// A compressed wrapper without a value, or with nothing in it.
    #[error("a compressed wrapper holds no messages")]
    EmptyWrapper,
    /// A message inside a wrapper is compressed again.
    #[error("a message inside a compressed wrapper is compressed again")]
    NestedCompression,
    /// The wrapper's offset is below the last relative offset inside.
    #[error("the last offset inside is {last_inner}, above the wrapper's")]
    InvalidWrapperOffset {
        /// The last relative offset inside the wrapper.
        last_inner: i64,
    },
}
