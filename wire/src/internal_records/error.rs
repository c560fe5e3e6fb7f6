//! Why a record cannot be read or written.

use thiserror::Error;

/// Why bytes are not the record that they should be. Fields are named as in Kafka's schema, `Structure.Field`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The record's schema has no such version (a newer Kafka wrote it).
    #[error("{record} has versions {first} to {last}, not {version}")]
    UnsupportedVersion {
        /// The schema's name.
        record: &'static str,
        /// The version found.
        version: i16,
        /// The first version known.
        first: i16,
        /// The last version known.
        last: i16,
    },
    /// The envelope of a metadata record has an unknown version.
    #[error("metadata records are framed in version 1, not {version}")]
    FrameVersion {
        /// The version found.
        version: u32,
    },
    /// The bytes end within a field.
    #[error("{field} needs {needed} bytes, {left} are left")]
    Truncated {
        /// The field.
        field: &'static str,
        /// What it needs, in bytes.
        needed: usize,
        /// What is there, in bytes.
        left: usize,
    },
    /// A length or count is below zero, and not the -1 of a null.
    #[error("{field} has a length of {length}")]
    InvalidLength {
        /// The field.
        field: &'static str,
        /// The length found.
        length: i64,
    },
    /// An array claims more elements than the bytes left could hold.
    #[error("{field} claims {count} elements in {left} bytes")]
    CountTooLarge {
        /// The field.
        field: &'static str,
        /// The elements claimed.
        count: usize,
        /// What is there, in bytes.
        left: usize,
    },
    /// A null where the version has none.
    #[error("{field} is null")]
    Null {
        /// The field.
        field: &'static str,
    },
    /// A text that is not UTF-8.
    #[error("{field} is not UTF-8")]
    InvalidUtf8 {
        /// The field.
        field: &'static str,
    },
    /// A varint longer than its type, or a type or version that does not fit into 16 bits.
    #[error("{field} is not a valid varint")]
    InvalidVarint {
        /// The field.
        field: &'static str,
    },
    /// A known tagged field in a version that does not have it.
    #[error("{field} is not valid in version {version}")]
    MisplacedTag {
        /// The field.
        field: &'static str,
        /// The record's version.
        version: i16,
    },
    /// A tagged field that is longer than its content.
    #[error("tag {tag} of {structure} has {left} bytes too many")]
    TaggedFieldTooLong {
        /// The structure.
        structure: &'static str,
        /// The tag.
        tag: u32,
        /// The bytes that nothing read.
        left: usize,
    },
    /// Bytes after the end of the record.
    #[error("{record} is followed by {left} bytes that do not belong to it")]
    TrailingBytes {
        /// The schema's name.
        record: &'static str,
        /// How many bytes follow.
        left: usize,
    },
    /// A control record of a type that Kafka does not know.
    #[error("{type_id} is no type of control record")]
    UnknownControlRecord {
        /// The type found.
        type_id: i16,
    },
    /// The checksum does not match.
    #[error("{record} has the checksum {found:#010x}, its bytes have {computed:#010x}")]
    Checksum {
        /// The schema's name.
        record: &'static str,
        /// The checksum that stands there.
        found: u32,
        /// The checksum of the bytes.
        computed: u32,
    },
}

/// Why a record cannot be written in a version.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The record's schema has no such version.
    #[error("{record} has versions {first} to {last}, not {version}")]
    UnsupportedVersion {
        /// The schema's name.
        record: &'static str,
        /// The version asked for.
        version: i16,
        /// The first version known.
        first: i16,
        /// The last version known.
        last: i16,
    },
    /// A field is set that the version does not have.
    #[error("{field} cannot be written in version {version}")]
    NotInVersion {
        /// The field.
        field: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// A null where the version has none.
    #[error("{field} is null, which the version does not allow")]
    Null {
        /// The field.
        field: &'static str,
    },
    /// A text above 32,767 bytes or an array or byte field above 2^31 - 2.
    #[error("{field} is too long: {length}")]
    TooLong {
        /// The field.
        field: &'static str,
        /// Its length, in bytes or elements.
        length: usize,
    },
}
