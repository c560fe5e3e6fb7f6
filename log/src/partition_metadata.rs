//! `partition.metadata`: the id of the topic that a partition's folder belongs to.
//!
//! ```text
//! version: 0
//! topic_id: MkU3OEVBNTcwNTJENDM2Qg
//! ```
//!
//! Kafka writes no line feed behind the id. Source: Kafka's `PartitionMetadataFile` (KIP-516).

use std::path::Path;

use medallion_os::FileSystem;
use medallion_wire::TopicId;

use crate::checkpoint_file::{CheckpointError, read_file, write_atomically};

/// The file's name, in a partition's folder.
pub const PARTITION_METADATA: &str = "partition.metadata";

/// Reads the topic id in a partition's folder; `None` when the file is absent or empty, as a crash right after the
/// folder was made leaves it.
///
/// # Errors
/// [`CheckpointError`] when the file cannot be read, or names file and line when it is damaged.
pub fn read(file_system: &dyn FileSystem, folder: &Path) -> Result<Option<TopicId>, CheckpointError> {
    let path = folder.join(PARTITION_METADATA);
    match read_file(file_system, &path)? {
        Some(content) if !content.is_empty() => parse(&path, &content).map(Some),
        _ => Ok(None),
    }
}

/// Writes the topic id into a partition's folder, durably.
///
/// # Errors
/// [`CheckpointError::Io`].
pub fn write(file_system: &dyn FileSystem, folder: &Path, topic_id: TopicId) -> Result<(), CheckpointError> {
    write_atomically(file_system, &folder.join(PARTITION_METADATA), format(topic_id).as_bytes())
}

/// The topic id in the file's content; `path` is for the error alone.
///
/// # Errors
/// [`CheckpointError::Malformed`] with the line.
pub fn parse(path: &Path, content: &[u8]) -> Result<TopicId, CheckpointError> {
    let text =
        std::str::from_utf8(content).map_err(|_| CheckpointError::malformed(path, 1, "not text in UTF-8"))?;
    let mut lines = text.lines();
    let mut field = |line: usize, name: &str| {
        lines
            .next()
            .and_then(|text| text.strip_prefix(name)?.strip_prefix(':'))
            .map(str::trim)
            .ok_or_else(|| CheckpointError::malformed(path, line, format!("expected \"{name}: ...\"")))
    };
    let version = field(1, "version")?;
    // As Kafka does, any later version is taken: fields are only ever added.
    if version.parse::<u32>().is_err() {
        return Err(CheckpointError::malformed(path, 1, format!("unknown version {version:?}")));
    }
    let topic_id = field(2, "topic_id")?;
    TopicId::parse(topic_id)
        .filter(|id| !id.is_none())
        .ok_or_else(|| CheckpointError::malformed(path, 2, format!("{topic_id:?} is not a topic id")))
}

/// The file's content.
pub fn format(topic_id: TopicId) -> String {
    format!("version: 0\ntopic_id: {topic_id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_survives_a_round_trip() {
        let text = "version: 0\ntopic_id: MkU3OEVBNTcwNTJENDM2Qg";
        let topic_id = parse(Path::new("partition.metadata"), text.as_bytes()).unwrap();
        assert_eq!(topic_id.to_string(), "MkU3OEVBNTcwNTJENDM2Qg");
        assert_eq!(format(topic_id), text);
    }

    #[test]
    fn damage_is_named_by_line() {
        for (content, place) in [
            ("", "line 1"),
            ("version: x\ntopic_id: MkU3OEVBNTcwNTJENDM2Qg", "line 1: unknown version"),
            ("version: 0", "line 2: expected"),
            ("version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA", "line 2: \"AAAAAAAAAAAAAAAAAAAAAA\" is not"),
            ("version: 0\ntopic_id: short", "line 2"),
        ] {
            let message = parse(Path::new("partition.metadata"), content.as_bytes()).unwrap_err().to_string();
            assert!(message.contains(place), "{content:?} gave {message:?}");
        }
    }
}
