//! What records of Kafka's own topics say.

use std::path::Path;

use bytes::Bytes;
use medallion_wire::internal_records::{
    ControlRecord, GroupRecordKey, GroupRecordValue, MetadataRecord, ShareRecordKey, ShareRecordValue,
    TransactionRecordKey, TransactionRecordValue,
};
use medallion_wire::records::Record;

/// A topic whose records have a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InternalTopic {
    Metadata,
    Groups,
    Transactions,
    ShareGroups,
}

impl InternalTopic {
    /// What the folder of a segment says.
    pub(super) fn of_segment(path: &Path) -> Option<Self> {
        if path.extension().is_some_and(|extension| extension == "checkpoint") {
            return Some(Self::Metadata);
        }
        let folder = path.parent()?.file_name()?.to_str()?;
        match folder.rsplit_once('-')?.0 {
            "__cluster_metadata" => Some(Self::Metadata),
            "__consumer_offsets" => Some(Self::Groups),
            "__transaction_state" => Some(Self::Transactions),
            "__share_group_state" => Some(Self::ShareGroups),
            _ => None,
        }
    }

    /// A record in words; `None` when it cannot be read.
    pub(super) fn describe(self, record: &Record) -> Option<String> {
        let (key, value) = (record.key.as_ref(), record.value.as_ref());
        match self {
            Self::Metadata => MetadataRecord::decode(value?).ok().map(|record| format!("{record:?}")),
            Self::Groups => {
                let key = GroupRecordKey::decode(key?).ok()?;
                Some(pair(&key, value, |value| GroupRecordValue::decode(key.key(), value).ok()))
            }
            Self::Transactions => {
                let key = TransactionRecordKey::decode(key?).ok()?;
                Some(pair(&key, value, |value| TransactionRecordValue::decode(key.key(), value).ok()))
            }
            Self::ShareGroups => {
                let key = ShareRecordKey::decode(key?).ok()?;
                Some(pair(&key, value, |value| ShareRecordValue::decode(key.key(), value).ok()))
            }
        }
    }
}

/// A control record in words, in any topic; `None` when it cannot be read.
pub(super) fn describe_control(record: &Record) -> Option<String> {
    let control = ControlRecord::decode(record.key.as_ref()?, record.value.as_ref()?).ok()?;
    Some(format!("{control:?}"))
}

fn pair<V: std::fmt::Debug>(
    key: &impl std::fmt::Debug,
    value: Option<&Bytes>,
    decode: impl FnOnce(&Bytes) -> Option<V>,
) -> String {
    match value.map(decode) {
        None => format!("{key:?} -> deleted"),
        Some(Some(value)) => format!("{key:?} -> {value:?}"),
        Some(None) => format!("{key:?} -> (cannot be read)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_tell_topics() {
        let of = |path: &str| InternalTopic::of_segment(Path::new(path));
        assert_eq!(of("data/__cluster_metadata-0/00.log"), Some(InternalTopic::Metadata));
        assert_eq!(of("data/__consumer_offsets-12/00.log"), Some(InternalTopic::Groups));
        assert_eq!(of("data/bootstrap.checkpoint"), Some(InternalTopic::Metadata));
        assert_eq!(of("data/trips-0/00.log"), None);
        assert_eq!(of("00.log"), None);
    }
}
