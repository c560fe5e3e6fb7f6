//! `quorum-state`: the last leader epoch and vote, in Kafka's JSON.
//!
//! With static voters (`kraft.version` 0):
//! `{"clusterId":"","leaderId":1,"leaderEpoch":1,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":1}],"data_version":0}`;
//! with dynamic ones:
//! `{"leaderId":1,"leaderEpoch":1,"votedId":-1,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1}`.
//! Source: Kafka's `FileQuorumStateStore` and `QuorumStateData`.

use std::path::Path;

use medallion_log::checkpoint_file::{read_file, write_atomically};
use medallion_os::FileSystem;
use medallion_wire::types::{LeaderEpoch, TopicId};
use serde::{Deserialize, Serialize};

use super::MetadataError;

/// The file's name, in the folder of the metadata log.
pub(crate) const QUORUM_STATE: &str = "quorum-state";

/// Who led last, and whom this node voted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QuorumState {
    /// The leader of the epoch; -1 where none is known.
    pub(crate) leader_id: i32,
    /// The newest epoch seen.
    pub(crate) leader_epoch: LeaderEpoch,
    /// Whom this node voted for in that epoch; -1 for nobody.
    pub(crate) voted_id: i32,
    /// The static voters, where `kraft.version` is 0.
    pub(crate) static_voters: Option<Vec<i32>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Voter {
    voter_id: i32,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cluster_id: Option<String>,
    #[serde(default = "none")]
    leader_id: i32,
    leader_epoch: i32,
    #[serde(default = "none")]
    voted_id: i32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    voted_directory_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    applied_offset: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    current_voters: Option<Vec<Voter>>,
    #[serde(rename = "data_version")]
    data_version: i16,
}

fn none() -> i32 {
    -1
}

impl QuorumState {
    /// The file's content.
    pub(crate) fn format(&self) -> String {
        let is_static = self.static_voters.is_some();
        let voters = self.static_voters.as_ref();
        let content = Content {
            cluster_id: is_static.then(String::new),
            leader_id: self.leader_id,
            leader_epoch: self.leader_epoch.get(),
            voted_id: self.voted_id,
            voted_directory_id: (!is_static).then(|| TopicId::NONE.to_string()),
            applied_offset: is_static.then_some(0),
            current_voters: voters.map(|ids| ids.iter().map(|id| Voter { voter_id: *id }).collect()),
            data_version: i16::from(!is_static),
        };
        serde_json::to_string(&content).expect("numbers and texts are JSON")
    }

    /// Reads the file's content.
    fn parse(path: &Path, content: &[u8]) -> Result<Self, MetadataError> {
        let parsed: Content = serde_json::from_slice(content)
            .map_err(|error| MetadataError::refused(path, format!("not a quorum state: {error}")))?;
        if !(0..=1).contains(&parsed.data_version) {
            let reason = format!("quorum state of unknown version {}", parsed.data_version);
            return Err(MetadataError::refused(path, reason));
        }
        let voters = parsed.current_voters.map(|voters| voters.into_iter().map(|v| v.voter_id).collect());
        Ok(Self {
            leader_id: parsed.leader_id,
            leader_epoch: LeaderEpoch(parsed.leader_epoch),
            voted_id: parsed.voted_id,
            static_voters: if parsed.data_version == 0 { voters } else { None },
        })
    }
}

/// Reads the file in the metadata log's folder; `None` before the first election.
pub(crate) fn read(fs: &dyn FileSystem, folder: &Path) -> Result<Option<QuorumState>, MetadataError> {
    let path = folder.join(QUORUM_STATE);
    match read_file(fs, &path)? {
        Some(content) if !content.is_empty() => QuorumState::parse(&path, &content).map(Some),
        _ => Ok(None),
    }
}

/// Replaces the file, durably: an epoch must be on disk before anything is written in it.
pub(crate) fn write(fs: &dyn FileSystem, folder: &Path, state: &QuorumState) -> Result<(), MetadataError> {
    Ok(write_atomically(fs, &folder.join(QUORUM_STATE), state.format().as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_kafkas_bytes() {
        let of_kafka = [
            r#"{"clusterId":"","leaderId":1,"leaderEpoch":7,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":1}],"data_version":0}"#,
            r#"{"leaderId":1,"leaderEpoch":7,"votedId":-1,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1}"#,
        ];
        for text in of_kafka {
            let state = QuorumState::parse(Path::new("quorum-state"), text.as_bytes()).unwrap();
            assert_eq!(state.leader_epoch, LeaderEpoch(7));
            assert_eq!(state.format(), text);
        }
    }

    #[test]
    fn an_unknown_version_is_refused() {
        let text = br#"{"leaderId":1,"leaderEpoch":7,"votedId":-1,"data_version":2}"#;
        assert!(QuorumState::parse(Path::new("quorum-state"), text).is_err());
    }
}
