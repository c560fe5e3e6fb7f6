//! Control records: transaction markers and what the metadata quorum writes between its records.
//!
//! A control batch holds one control record (KIP-98, KIP-595). Its key is a version and a type (`i16` each).

use super::{Record, RecordRef};

/// What a control record says. Consumers never see any of them, compaction treats markers apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ControlRecordType {
    /// The producer's open transaction is aborted.
    Abort,
    /// The producer's open transaction is committed.
    Commit,
    /// A new leader of the metadata quorum.
    LeaderChange,
    /// The first record of a metadata snapshot.
    SnapshotHeader,
    /// The last record of a metadata snapshot.
    SnapshotFooter,
    /// The version of the quorum's protocol (KIP-853).
    KRaftVersion,
    /// The quorum's voters (KIP-853).
    KRaftVoters,
    /// A type of a later version, to be skipped.
    Unknown(i16),
}

/// Why a control record cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ControlRecordError {
    /// Key or value is null or too short.
    #[error("the control record at offset {offset} has a {field} of {size} bytes, {needed} are needed")]
    TooShort {
        /// The record's offset.
        offset: i64,
        /// `key` or `value`.
        field: &'static str,
        /// Its size.
        size: usize,
        /// The least size.
        needed: usize,
    },
    /// A version below 0.
    #[error("the control record at offset {offset} has a {field} of version {version}")]
    InvalidVersion {
        /// The record's offset.
        offset: i64,
        /// `key` or `value`.
        field: &'static str,
        /// The version found.
        version: i16,
    },
    /// A marker was asked of a control record that ends no transaction.
    #[error("the control record at offset {offset} is no transaction marker but {found:?}")]
    NoMarker {
        /// The record's offset.
        offset: i64,
        /// What it is.
        found: ControlRecordType,
    },
}

impl ControlRecordType {
    /// The type's number in the key.
    pub const fn code(self) -> i16 {
        match self {
            Self::Abort => 0,
            Self::Commit => 1,
            Self::LeaderChange => 2,
            Self::SnapshotHeader => 3,
            Self::SnapshotFooter => 4,
            Self::KRaftVersion => 5,
            Self::KRaftVoters => 6,
            Self::Unknown(code) => code,
        }
    }

    /// Reads [`ControlRecordType::code`].
    pub const fn from_code(code: i16) -> Self {
        match code {
            0 => Self::Abort,
            1 => Self::Commit,
            2 => Self::LeaderChange,
            3 => Self::SnapshotHeader,
            4 => Self::SnapshotFooter,
            5 => Self::KRaftVersion,
            6 => Self::KRaftVoters,
            code => Self::Unknown(code),
        }
    }

    /// The key of such a record (version 0).
    pub const fn key(self) -> [u8; 4] {
        let [high, low] = self.code().to_be_bytes();
        [0, 0, high, low]
    }

    /// Reads a control record's key; later versions of it may be longer.
    ///
    /// # Errors
    /// [`ControlRecordError::TooShort`] and [`ControlRecordError::InvalidVersion`].
    pub fn of(record: &RecordRef<'_>) -> Result<Self, ControlRecordError> {
        let [high, low] = versioned(record, "key", record.key)?;
        Ok(Self::from_code(i16::from_be_bytes([high, low])))
    }
}

/// The end of a transaction in one partition, written by its coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndTransactionMarker {
    /// Whether the transaction is committed; aborted otherwise.
    pub is_commit: bool,
    /// The coordinator's epoch, which fences older coordinators.
    pub coordinator_epoch: i32,
}

impl EndTransactionMarker {
    /// The type that goes into the key.
    pub const fn control_type(self) -> ControlRecordType {
        if self.is_commit { ControlRecordType::Commit } else { ControlRecordType::Abort }
    }

    /// The record's value: version 0 and the coordinator epoch.
    pub const fn value(self) -> [u8; 6] {
        let [a, b, c, d] = self.coordinator_epoch.to_be_bytes();
        [0, 0, a, b, c, d]
    }

    /// Reads a marker from a control record.
    ///
    /// # Errors
    /// [`ControlRecordError`] when the record is none or is malformed.
    pub fn parse(record: &RecordRef<'_>) -> Result<Self, ControlRecordError> {
        let is_commit = match ControlRecordType::of(record)? {
            ControlRecordType::Commit => true,
            ControlRecordType::Abort => false,
            found => return Err(ControlRecordError::NoMarker { offset: record.offset.get(), found }),
        };
        let coordinator_epoch = i32::from_be_bytes(versioned(record, "value", record.value)?);
        Ok(Self { is_commit, coordinator_epoch })
    }
}

impl Record {
    /// What the record says, when it comes from a control batch.
    ///
    /// # Errors
    /// Those of [`ControlRecordType::of`].
    pub fn control_type(&self) -> Result<ControlRecordType, ControlRecordError> {
        ControlRecordType::of(&self.as_ref())
    }
}

/// The `N` bytes behind the version (`i16`) of a control record's key or value.
fn versioned<const N: usize>(
    record: &RecordRef<'_>,
    field: &'static str,
    bytes: Option<&[u8]>,
) -> Result<[u8; N], ControlRecordError> {
    let offset = record.offset.get();
    let bytes = bytes.unwrap_or_default();
    let too_short = ControlRecordError::TooShort { offset, field, size: bytes.len(), needed: 2 + N };
    let Some((version, rest)) = bytes.split_first_chunk::<2>() else { return Err(too_short) };
    let version = i16::from_be_bytes(*version);
    if version < 0 {
        return Err(ControlRecordError::InvalidVersion { offset, field, version });
    }
    rest.first_chunk::<N>().copied().ok_or(too_short)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::HeadersRef;
    use crate::types::Offset;

    fn record<'a>(key: Option<&'a [u8]>, value: Option<&'a [u8]>) -> RecordRef<'a> {
        RecordRef { offset: Offset(9), timestamp: 0, key, value, headers: HeadersRef::default() }
    }

    #[test]
    fn every_type_is_read_from_its_own_key() {
        for code in -1..9 {
            let control_type = ControlRecordType::from_code(code);
            assert_eq!(control_type.code(), code);
            assert_eq!(ControlRecordType::of(&record(Some(&control_type.key()), None)), Ok(control_type));
        }
        assert_eq!(ControlRecordType::from_code(7), ControlRecordType::Unknown(7));
    }

    #[test]
    fn later_versions_are_read_as_far_as_they_are_known() {
        let key = [0, 3, 0, 1, 99, 99];
        let value = [0, 5, 0, 0, 0, 77, 1];
        let marker = EndTransactionMarker::parse(&record(Some(&key), Some(&value)));
        assert_eq!(marker, Ok(EndTransactionMarker { is_commit: true, coordinator_epoch: 77 }));
    }

    #[test]
    fn malformed_control_records_are_named() {
        let commit = ControlRecordType::Commit.key();
        let too_short = |field, size, needed| ControlRecordError::TooShort { offset: 9, field, size, needed };
        for (key, value, error) in [
            (None, None, too_short("key", 0, 4)),
            (Some(&commit[..3]), None, too_short("key", 3, 4)),
            (Some(&commit[..]), None, too_short("value", 0, 6)),
            (Some(&commit[..]), Some(&[0, 0, 0, 0, 1][..]), too_short("value", 5, 6)),
            (
                Some(&[0xff, 0xff, 0, 1][..]),
                None,
                ControlRecordError::InvalidVersion { offset: 9, field: "key", version: -1 },
            ),
            (
                Some(&[0, 0, 0, 2][..]),
                None,
                ControlRecordError::NoMarker { offset: 9, found: ControlRecordType::LeaderChange },
            ),
        ] {
            assert_eq!(EndTransactionMarker::parse(&record(key, value)), Err(error));
        }
    }
}
