//! Who votes in the quorum.

use std::path::Path;

use medallion_wire::internal_records::VotersRecord;
use medallion_wire::internal_records::control_records::voters_record::{
    Endpoint, KRaftVersionFeature, Voter,
};
use medallion_wire::types::{TopicId, Uuid};

use super::MetadataError;

/// The ids in `controller.quorum.voters`; empty where the setting is.
pub(crate) type StaticVoters = Vec<i32>;

/// The voters as the log's control records, or else the configuration, name them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum VoterSet {
    /// `kraft.version` 0: by `controller.quorum.voters`.
    Static(StaticVoters),
    /// `kraft.version` 1: by a `VotersRecord` (KIP-853).
    Dynamic(VotersRecord),
}

impl VoterSet {
    /// The only voter, with the endpoint of its controller listener, as `format --standalone` writes it.
    pub(crate) fn standalone(node: i32, directory: Uuid, listener: &str, host: &str, port: u16) -> Self {
        let endpoint =
            Endpoint { name: listener.to_owned(), host: host.to_owned(), port, ..Endpoint::default() };
        let kraft_version_feature = KRaftVersionFeature {
            min_supported_version: 0,
            max_supported_version: 1,
            ..KRaftVersionFeature::default()
        };
        let voter = Voter {
            voter_id: node,
            voter_directory_id: directory,
            endpoints: vec![endpoint],
            kraft_version_feature,
            ..Voter::default()
        };
        Self::Dynamic(VotersRecord { voters: vec![voter], ..VotersRecord::default() })
    }

    /// The level of `kraft.version` that goes with the way in which the voters are named.
    pub(crate) fn kraft_version(&self) -> i16 {
        match self {
            Self::Static(_) => 0,
            Self::Dynamic(_) => 1,
        }
    }

    /// The voters' ids.
    pub(crate) fn ids(&self) -> Vec<i32> {
        match self {
            Self::Static(ids) => ids.clone(),
            Self::Dynamic(record) => record.voters.iter().map(|voter| voter.voter_id).collect(),
        }
    }

    /// The directory id of one voter, where known.
    pub(crate) fn directory(&self, id: i32) -> Option<Uuid> {
        let Self::Dynamic(record) = self else { return None };
        record.voters.iter().find(|voter| voter.voter_id == id).map(|voter| voter.voter_directory_id)
    }

    /// Refuses every quorum but that of this node alone.
    ///
    /// # Errors
    /// [`MetadataError::Refused`], with what to do.
    pub(crate) fn check_sole(&self, folder: &Path, node: i32, directory: Uuid) -> Result<(), MetadataError> {
        let ids = self.ids();
        let refuse = |reason: String| Err(MetadataError::refused(folder, reason));
        if ids.is_empty() {
            return refuse(
                "the metadata quorum has no voters: set controller.quorum.voters as the server that wrote this \
                 directory had it, or format a new directory with --standalone"
                    .to_owned(),
            );
        }
        if ids != [node] {
            return refuse(format!(
                "the metadata quorum has the voters {ids:?}, but this server runs quorums of one voter only, itself \
                 (node.id={node}): remove the other controllers from the quorum with Kafka's tools first, or keep \
                 Apache Kafka for this directory"
            ));
        }
        match self.directory(node) {
            Some(found) if found != directory => refuse(format!(
                "voter {node} of the metadata quorum is the directory with id {}, but this one has id {}: it was \
                 formatted anew; use the directory that belongs to the quorum",
                TopicId(found),
                TopicId(directory)
            )),
            _ => Ok(()),
        }
    }
}
