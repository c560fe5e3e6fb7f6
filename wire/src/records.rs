//! Record batches: what topics hold, on the wire and on disk.
//!
//! ```text
//! Bytes -> RecordBatches -> RecordBatch -> decode -> DecodedRecords -> RecordRef
//!              |                |  \                       \-> RecordIterator -> Record
//!              |                |   \-> patch -> the 61 bytes that the leader puts in front of the untouched body
//!              |                 \-> BatchHeader (also parsed from 61 bytes of a file)
//!               \-> AnyBatches -> AnyBatch -> LegacyBatch, for segments with magic 0 and 1
//! BatchBuilder -> RecordBatch
//! ```
//!
//! Nothing here copies a record: keys, values and headers are slices of the bytes that came in, or of the buffer that
//! they were decompressed into, which never grows beyond [`DecompressionLimits`].

mod any_batch;
mod batch;
mod builder;
mod compression;
mod control;
mod error;
pub mod header;
pub mod legacy;
mod record;
mod varint;

pub use any_batch::{AnyBatch, AnyBatches};
pub use batch::{RecordBatch, RecordBatches};
pub use builder::{BatchBuilder, BatchOptions, BuildError};
pub use compression::{Compression, CompressionSettings, DecompressionLimits, InvalidCompressionLevel};
pub use control::{ControlRecordError, ControlRecordType, EndTransactionMarker};
pub use error::{MessageSetProblem, RecordError, RecordProblem};
pub use header::{
    BATCH_HEADER_SIZE, BatchAttributes, BatchHeader, BatchHeaderBytes, LogEntryHeader, NO_SEQUENCE,
    NO_TIMESTAMP, TimestampType, decrement_sequence, increment_sequence,
};
pub use legacy::{LegacyBatch, LegacyHeader};
pub use record::{
    DecodedRecords, Header, HeaderIterator, Headers, HeadersRef, Record, RecordIterator, RecordRef,
    RecordRefIterator,
};
