//! The records that Kafka keeps in its own topics and files.
//!
//! The structures, decoders and encoders are generated from the tables in `wire/schema`. Around them stand the envelopes
//! that Kafka puts the bodies in:
//!
//! - [`MetadataRecord`], the values of `__cluster_metadata`: frame version, type, schema version, body;
//! - keys and values of coordinators' topics, [`GroupRecordKey`] (`__consumer_offsets`), [`TransactionRecordKey`]
//!   (`__transaction_state`), [`ShareRecordKey`] (`__share_group_state`): type or version as int16, then the body;
//! - [`ControlRecord`]s, which stand in control batches of any log;
//! - files: [`ProducerSnapshot`], [`QuorumStateData`].
//!
//! Decoding copies texts and bytes, since such records are kept as state for long and must not hold on to a segment's
//! buffer. Element counts are checked against the bytes that are left before memory is taken. Tagged fields that a schema
//! does not know are kept and written again.

pub(crate) mod codec;
mod control;
mod error;
mod generated;
mod metadata;
mod metadata_version;
mod producer_snapshot;

pub use codec::UnknownTaggedFields;
pub use control::ControlRecord;
pub use error::{DecodeError, EncodeError};
pub use generated::control::{
    EndTxnMarker, KRaftVersionRecord, LeaderChangeMessage, SnapshotFooterRecord, SnapshotHeaderRecord,
    VotersRecord,
};
pub use generated::files::{ProducerSnapshot, QuorumStateData};
pub use generated::group::{GroupRecordKey, GroupRecordValue};
pub use generated::metadata::MetadataRecord;
pub use generated::share::{ShareRecordKey, ShareRecordValue};
pub use generated::transaction::{TransactionRecordKey, TransactionRecordValue};
pub use generated::{
    control as control_records, files, group, metadata as metadata_records, share, transaction,
};
pub use metadata_version::{Feature, MetadataVersion, ParseMetadataVersionError};
