//! The envelope of metadata records.

use bytes::{Bytes, BytesMut};

use super::codec::{Reader, Writer};
use super::{DecodeError, EncodeError, MetadataRecord, MetadataVersion};

/// The only version of the envelope. Kafka refuses 0 and anything above.
const FRAME_VERSION: u32 = 1;

impl MetadataRecord {
    /// Reads the value of a record of `__cluster_metadata`.
    ///
    /// A record of an unknown type becomes [`MetadataRecord::Unknown`]: Kafka refuses to load such a log, and only the
    /// caller knows whether it loads one or prints it.
    ///
    /// # Errors
    ///
    /// For another frame version than 1, a version of the schema that Kafka 4.3.1 does not know, bytes that are no such
    /// record, and bytes behind it.
    pub fn decode(value: &Bytes) -> Result<Self, DecodeError> {
        Self::decode_versioned(value).map(|(record, _)| record)
    }

    /// Like [`MetadataRecord::decode`], with the version of the schema in which the record was written.
    ///
    /// # Errors
    ///
    /// As [`MetadataRecord::decode`].
    pub fn decode_versioned(value: &Bytes) -> Result<(Self, i16), DecodeError> {
        let mut reader = Reader::new(value);
        let frame_version = reader.unsigned_varint("frame version")?;
        if frame_version != FRAME_VERSION {
            return Err(DecodeError::FrameVersion { version: frame_version });
        }
        let key = small_varint(&mut reader, "record type")?;
        let version = small_varint(&mut reader, "record version")?;
        let record = Self::read_body(key, version, &mut reader)?;
        reader.end(record.name())?;
        Ok((record, version))
    }

    /// The record as the value of a record of `__cluster_metadata`, in `version` of its schema.
    ///
    /// # Errors
    ///
    /// For a version that the record does not have, and for values that it cannot hold.
    pub fn encode(&self, version: i16) -> Result<Bytes, EncodeError> {
        let mut buf = BytesMut::with_capacity(64);
        let mut writer = Writer::new(&mut buf);
        writer.unsigned_varint(FRAME_VERSION);
        writer.unsigned_varint(u32::from(self.key().cast_unsigned()));
        writer.unsigned_varint(u32::from(version.cast_unsigned()));
        self.write_body(version, &mut writer)?;
        Ok(buf.freeze())
    }

    /// The record in the version that a controller writes while `metadata_version` is finalized.
    ///
    /// # Errors
    ///
    /// As [`MetadataRecord::encode`].
    pub fn encode_at(&self, metadata_version: MetadataVersion) -> Result<Bytes, EncodeError> {
        self.encode(metadata_version.record_version(self))
    }
}

/// A type or version: an unsigned varint that fits into an int16.
fn small_varint(reader: &mut Reader<'_>, field: &'static str) -> Result<i16, DecodeError> {
    i16::try_from(reader.unsigned_varint(field)?).map_err(|_| DecodeError::InvalidVarint { field })
}

#[cfg(test)]
mod tests {
    use super::super::metadata_records::{FeatureLevelRecord, NoOpRecord, PartitionRecord};
    use super::*;

    #[test]
    fn a_record_stands_in_its_envelope() {
        let record: MetadataRecord =
            FeatureLevelRecord { name: "f".to_owned(), feature_level: 7, ..Default::default() }.into();
        let bytes = record.encode(0).unwrap();
        assert_eq!(&bytes[..], b"\x01\x0c\x00\x02f\x00\x07\x00");
        assert_eq!(MetadataRecord::decode_versioned(&bytes), Ok((record, 0)));
    }

    #[test]
    fn frames_of_other_versions_are_refused() {
        for version in [0, 2] {
            let error = MetadataRecord::decode(&Bytes::from(vec![version, 20, 0, 0]));
            assert_eq!(error, Err(DecodeError::FrameVersion { version: u32::from(version) }));
        }
    }

    #[test]
    fn unknown_records_are_kept_and_unknown_versions_named() {
        let bytes = Bytes::from_static(b"\x01\x63\x05body");
        let record = MetadataRecord::decode(&bytes).unwrap();
        assert_eq!(
            record,
            MetadataRecord::Unknown { key: 99, version: 5, bytes: Bytes::from_static(b"body") }
        );
        assert_eq!(record.encode(5).unwrap(), bytes);
        let error = MetadataRecord::decode(&Bytes::from_static(b"\x01\x03\x09")).unwrap_err();
        assert_eq!(error.to_string(), "PartitionRecord has versions 0 to 2, not 9");
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let mut bytes = BytesMut::from(&MetadataRecord::from(NoOpRecord::default()).encode(0).unwrap()[..]);
        bytes.extend_from_slice(b"x");
        let error = MetadataRecord::decode(&bytes.freeze()).unwrap_err();
        assert_eq!(error, DecodeError::TrailingBytes { record: "NoOpRecord", left: 1 });
    }

    #[test]
    fn a_field_that_the_version_lacks_is_not_dropped_silently() {
        let record: MetadataRecord =
            PartitionRecord { eligible_leader_replicas: Some(vec![1]), ..Default::default() }.into();
        let error = record.encode(1).unwrap_err();
        let field = "PartitionRecord.EligibleLeaderReplicas";
        assert_eq!(error, EncodeError::NotInVersion { field, version: 1 });
        assert!(record.encode(2).is_ok());
    }
}
