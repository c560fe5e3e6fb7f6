//! Records of `__consumer_offsets`, decoded.

use bytes::Bytes;
use medallion_wire::internal_records::{EncodeError, GroupRecordKey, GroupRecordValue};

/// One record: what it is about, and what holds now; without a value what it was about is gone (a tombstone).
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// What it is about.
    pub key: GroupRecordKey,
    /// What holds now, and the version of the schema to write it in.
    pub value: Option<(GroupRecordValue, i16)>,
}

impl Record {
    /// A record that sets something.
    pub fn set(key: impl Into<GroupRecordKey>, value: impl Into<GroupRecordValue>, version: i16) -> Self {
        Self { key: key.into(), value: Some((value.into(), version)) }
    }

    /// A record that takes something away.
    pub fn tombstone(key: impl Into<GroupRecordKey>) -> Self {
        Self { key: key.into(), value: None }
    }

    /// Key and value as they stand in the log.
    ///
    /// # Errors
    /// A value that its version cannot hold.
    pub fn encode(&self) -> Result<(Bytes, Option<Bytes>), EncodeError> {
        let value = self.value.as_ref().map(|(value, version)| value.encode(*version)).transpose()?;
        Ok((self.key.encode()?, value))
    }
}
