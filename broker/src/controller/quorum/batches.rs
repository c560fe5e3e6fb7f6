//! Metadata records in batches, as Kafka lays them out.

use bytes::Bytes;
use medallion_wire::internal_records::{
    ControlRecord, KRaftVersionRecord, LeaderChangeMessage, control_records::leader_change_message::Voter,
};
use medallion_wire::records::{BatchBuilder, BatchOptions, RecordBatch};
use medallion_wire::types::{LeaderEpoch, Offset};

use super::{MetadataError, VoterSet};
use crate::controller::records::{MetadataRecord, MetadataVersion};

/// No batch grows beyond this by itself (Kafka: `internal.metadata.max.batch.size.in.bytes`).
pub(crate) const MAX_BATCH_BYTES: u32 = 8 * 1024 * 1024;

/// One batch of metadata records, all with the time of the append.
///
/// # Errors
/// Records that their schema cannot hold.
pub(crate) fn records(
    records: &[MetadataRecord],
    version: MetadataVersion,
    base_offset: Offset,
    leader_epoch: LeaderEpoch,
    now_ms: i64,
) -> Result<RecordBatch, MetadataError> {
    let mut builder =
        BatchBuilder::new(BatchOptions { base_offset, leader_epoch, ..BatchOptions::default() });
    for record in records {
        builder.append(now_ms, None, Some(&record.encode_at(version)?), &[])?;
    }
    Ok(builder.build()?)
}

/// One batch of control records.
///
/// # Errors
/// Records that their schema cannot hold.
pub(crate) fn control(
    records: &[ControlRecord],
    base_offset: Offset,
    leader_epoch: LeaderEpoch,
    now_ms: i64,
) -> Result<RecordBatch, MetadataError> {
    let options = BatchOptions { base_offset, leader_epoch, is_control: true, ..BatchOptions::default() };
    let mut builder = BatchBuilder::new(options);
    for record in records {
        let key = record.record_type().key();
        let value: Bytes = record.encode_value()?;
        builder.append(now_ms, Some(&key), Some(&value), &[])?;
    }
    Ok(builder.build()?)
}

/// The first records of a leadership: who leads with whose votes.
pub(crate) fn leader_change(leader: i32) -> ControlRecord {
    let voter = Voter { voter_id: leader, ..Voter::default() };
    ControlRecord::LeaderChange(LeaderChangeMessage {
        leader_id: leader,
        voters: vec![voter.clone()],
        granting_voters: vec![voter],
        ..LeaderChangeMessage::default()
    })
}

/// What says who votes, in the log or in a snapshot; nothing with static voters.
pub(crate) fn voter_records(voters: &VoterSet) -> Vec<ControlRecord> {
    match voters {
        VoterSet::Static(_) => Vec::new(),
        VoterSet::Dynamic(record) => vec![
            ControlRecord::KRaftVersion(KRaftVersionRecord {
                kraft_version: 1,
                ..KRaftVersionRecord::default()
            }),
            ControlRecord::KRaftVoters(record.clone()),
        ],
    }
}
