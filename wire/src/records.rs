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
//!
//! ```
//! use medallion_wire::records::{BatchBuilder, BatchOptions, Compression, DecompressionLimits, Header, RecordBatch};
//! use medallion_wire::{LeaderEpoch, Offset};
//!
//! // A producer's batch: offsets from 0, no leader epoch.
//! let options = BatchOptions { compression: Compression::Zstd.into(), ..BatchOptions::default() };
//! let mut builder = BatchBuilder::new(options);
//! let headers = [Header::new("trace", Some(b"7")), Header::new("trace", None)];
//! builder.append(1_700_000_000_000, Some(b"zone 132"), Some(b"12.50"), &headers)?;
//! let batch = builder.build()?;
//!
//! // The leader checks it and writes another header in front of the same body.
//! let batch = RecordBatch::parse(batch.into_bytes())?;
//! batch.verify_crc()?;
//! let header = batch.patch(Offset(500), LeaderEpoch(3), None);
//! let stored = RecordBatch::parse([&header[..], &batch.body()].concat().into())?;
//! stored.verify_crc()?;
//!
//! for record in stored.records(DecompressionLimits::default())? {
//!     let record = record?;
//!     assert_eq!(record.offset, Offset(500));
//!     assert_eq!(record.headers.iter().map(|header| header.value).collect::<Vec<_>>(), [Some(&b"7"[..]), None]);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
pub use compression::{
    Compression, CompressionSettings, DecompressionLimits, InvalidCompressionLevel, decompress_bytes,
};
pub use control::{ControlRecordError, ControlRecordType, EndTransactionMarker};
pub use error::{MessageSetProblem, RecordError, RecordProblem};
pub use header::{
    BATCH_HEADER_SIZE, BatchAttributes, BatchHeader, BatchHeaderBytes, LogEntryHeader, MAGIC_V2, NO_SEQUENCE,
    NO_TIMESTAMP, TimestampType, decrement_sequence, increment_sequence,
};
pub use legacy::{LegacyBatch, LegacyHeader};
pub use record::{
    DecodedRecords, Header, HeaderIterator, Headers, HeadersRef, Record, RecordIterator, RecordRef,
    RecordRefIterator,
};
