//! Records of control batches.

use bytes::{BufMut, Bytes, BytesMut};

use super::codec::Reader;
use super::{
    DecodeError, EncodeError, EndTxnMarker, KRaftVersionRecord, LeaderChangeMessage, SnapshotFooterRecord,
    SnapshotHeaderRecord, VotersRecord,
};
use crate::records::ControlRecordType;

/// The version of the key's schema, and of every value's: Kafka 4.3.1 writes no other, and parses newer ones as this.
const VERSION: i16 = 0;

/// A record of a control batch.
///
/// Values stand in version 0 of their schemas, whatever their own `Version` field says: that is how Kafka writes and
/// reads them. Only the value of a transaction's marker has the version before it.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "named as ControlRecordType")]
pub enum ControlRecord {
    Abort(EndTxnMarker),
    Commit(EndTxnMarker),
    LeaderChange(LeaderChangeMessage),
    SnapshotHeader(SnapshotHeaderRecord),
    SnapshotFooter(SnapshotFooterRecord),
    KRaftVersion(KRaftVersionRecord),
    KRaftVoters(VotersRecord),
}

impl ControlRecord {
    /// What the record says.
    pub fn record_type(&self) -> ControlRecordType {
        match self {
            Self::Abort(_) => ControlRecordType::Abort,
            Self::Commit(_) => ControlRecordType::Commit,
            Self::LeaderChange(_) => ControlRecordType::LeaderChange,
            Self::SnapshotHeader(_) => ControlRecordType::SnapshotHeader,
            Self::SnapshotFooter(_) => ControlRecordType::SnapshotFooter,
            Self::KRaftVersion(_) => ControlRecordType::KRaftVersion,
            Self::KRaftVoters(_) => ControlRecordType::KRaftVoters,
        }
    }

    /// Reads a control record's key and value.
    ///
    /// # Errors
    ///
    /// For an unknown type and for bytes that are no such record.
    pub fn decode(key: &[u8], value: &Bytes) -> Result<Self, DecodeError> {
        let mut value = value.clone();
        let value = &mut value;
        Ok(match decode_type(key)? {
            ControlRecordType::Abort => Self::Abort(decode_marker(value)?),
            ControlRecordType::Commit => Self::Commit(decode_marker(value)?),
            ControlRecordType::LeaderChange => {
                Self::LeaderChange(LeaderChangeMessage::decode(VERSION, value)?)
            }
            ControlRecordType::SnapshotHeader => {
                Self::SnapshotHeader(SnapshotHeaderRecord::decode(VERSION, value)?)
            }
            ControlRecordType::SnapshotFooter => {
                Self::SnapshotFooter(SnapshotFooterRecord::decode(VERSION, value)?)
            }
            ControlRecordType::KRaftVersion => {
                Self::KRaftVersion(KRaftVersionRecord::decode(VERSION, value)?)
            }
            ControlRecordType::KRaftVoters => Self::KRaftVoters(VotersRecord::decode(VERSION, value)?),
            ControlRecordType::Unknown(type_id) => return Err(DecodeError::UnknownControlRecord { type_id }),
        })
    }

    /// The record's value; its key is [`ControlRecordType::key`].
    ///
    /// # Errors
    ///
    /// For values that the format cannot hold.
    pub fn encode_value(&self) -> Result<Bytes, EncodeError> {
        let mut buf = BytesMut::new();
        match self {
            Self::Abort(marker) | Self::Commit(marker) => {
                buf.put_i16(VERSION);
                marker.encode(VERSION, &mut buf)?;
            }
            Self::LeaderChange(message) => message.encode(VERSION, &mut buf)?,
            Self::SnapshotHeader(header) => header.encode(VERSION, &mut buf)?,
            Self::SnapshotFooter(footer) => footer.encode(VERSION, &mut buf)?,
            Self::KRaftVersion(record) => record.encode(VERSION, &mut buf)?,
            Self::KRaftVoters(record) => record.encode(VERSION, &mut buf)?,
        }
        Ok(buf.freeze())
    }
}

/// Reads a control record's key: version, then type, both int16.
fn decode_type(key: &[u8]) -> Result<ControlRecordType, DecodeError> {
    let mut reader = Reader::new(key);
    let version = reader.int16("ControlRecordType.Version")?;
    if version < VERSION {
        let record = "ControlRecordType";
        return Err(DecodeError::UnsupportedVersion { record, version, first: VERSION, last: i16::MAX });
    }
    reader.int16("ControlRecordType.Type").map(ControlRecordType::from_code)
}

/// Reads a transaction's marker. Versions above 0 are parsed as 0, since newer ones only append fields.
fn decode_marker(value: &Bytes) -> Result<EndTxnMarker, DecodeError> {
    let version = Reader::new(value).int16("EndTxnMarker.Version")?;
    if version < VERSION {
        let record = EndTxnMarker::NAME;
        return Err(DecodeError::UnsupportedVersion { record, version, first: VERSION, last: i16::MAX });
    }
    EndTxnMarker::decode(VERSION, &mut value.slice(2..))
}

#[cfg(test)]
mod tests {
    use super::super::control_records::leader_change_message::Voter;
    use super::*;

    #[test]
    fn a_commit_marker_is_read_as_kafka_writes_it() {
        let value = Bytes::from_static(b"\0\0\0\0\0\x07");
        let record = ControlRecord::decode(b"\0\0\0\x01", &value).unwrap();
        assert_eq!(record, ControlRecord::Commit(EndTxnMarker { coordinator_epoch: 7 }));
        assert_eq!(record.encode_value().unwrap(), value);
        assert_eq!(record.record_type().key(), *b"\0\0\0\x01");
    }

    #[test]
    fn every_type_survives_a_round_trip() {
        let voter = Voter { voter_id: 3, ..Default::default() };
        for record in [
            ControlRecord::Abort(EndTxnMarker { coordinator_epoch: -1 }),
            ControlRecord::LeaderChange(LeaderChangeMessage {
                leader_id: 3,
                voters: vec![voter.clone()],
                granting_voters: vec![voter],
                ..Default::default()
            }),
            ControlRecord::SnapshotHeader(SnapshotHeaderRecord {
                last_contained_log_timestamp: 5,
                ..Default::default()
            }),
            ControlRecord::SnapshotFooter(SnapshotFooterRecord::default()),
            ControlRecord::KRaftVersion(KRaftVersionRecord { kraft_version: 1, ..Default::default() }),
            ControlRecord::KRaftVoters(VotersRecord::default()),
        ] {
            let (key, value) = (record.record_type().key(), record.encode_value().unwrap());
            assert_eq!(ControlRecord::decode(&key, &value), Ok(record));
        }
    }

    #[test]
    fn unknown_types_and_short_keys_are_refused() {
        let decode = |key: &[u8]| ControlRecord::decode(key, &Bytes::from_static(b"\0\0\0\0\0\0"));
        assert_eq!(decode(b"\0\0\0\x09"), Err(DecodeError::UnknownControlRecord { type_id: 9 }));
        assert!(decode(b"\0\0\0").is_err());
        assert!(decode(b"\xff\xff\0\0").is_err());
    }
}
