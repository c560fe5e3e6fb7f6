//! Responses of the classic protocol.

use std::sync::Arc;

use bytes::Bytes;
use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::join_group_response::JoinGroupResponseMember;
use medallion_wire::messages::{JoinGroupResponse, SyncGroupResponse};

use super::group::ClassicGroup;
use crate::request::text;

/// To a `JoinGroup`.
pub(crate) type JoinAnswer = JoinGroupResponse;
/// To a `SyncGroup`.
pub(crate) type SyncAnswer = SyncGroupResponse;

pub(super) fn optional_text(value: Option<&Arc<str>>) -> Option<StrBytes> {
    value.map(|value| text(value))
}

/// A refusal. Most name the member again, some must not: see Kafka's `GroupMetadataManager`.
pub(crate) fn join_refused(member: &str, error: ResponseError) -> JoinAnswer {
    JoinGroupResponse::default()
        .with_error_code(error.code())
        .with_member_id(text(member))
        .with_protocol_name(None)
}

pub(crate) fn sync_refused(error: ResponseError) -> SyncAnswer {
    SyncGroupResponse::default().with_error_code(error.code())
}

impl ClassicGroup {
    /// What a member of the current generation is told; the leader gets all members, to assign for them.
    pub(super) fn joined(&self, member: &str) -> JoinAnswer {
        let members = if self.is_leader(member) { self.metadata_of_all() } else { Vec::new() };
        self.joined_without_members(member).with_members(members)
    }

    /// The same, without the members.
    pub(super) fn joined_without_members(&self, member: &str) -> JoinAnswer {
        JoinGroupResponse::default()
            .with_member_id(text(member))
            .with_generation_id(self.generation)
            .with_protocol_type(optional_text(self.protocol_type.as_ref()))
            .with_protocol_name(optional_text(self.protocol_name.as_ref()))
            .with_leader(self.leader.as_ref().map(|leader| leader.to_str_bytes()).unwrap_or_default())
    }

    /// What each member says in the chosen protocol.
    pub(super) fn metadata_of_all(&self) -> Vec<JoinGroupResponseMember> {
        let protocol = self.protocol_name.as_deref().expect("a generation has a protocol");
        let members = self.members.values().map(|member| {
            let metadata = member.metadata(protocol).expect("members support the chosen protocol");
            JoinGroupResponseMember::default()
                .with_member_id(member.id.to_str_bytes())
                .with_group_instance_id(member.instance_id.as_ref().map(|instance| instance.to_str_bytes()))
                .with_metadata(metadata.clone())
        });
        members.collect()
    }

    /// A member's assignment.
    pub(super) fn assigned(&self, assignment: Bytes) -> SyncAnswer {
        SyncGroupResponse::default()
            .with_protocol_type(optional_text(self.protocol_type.as_ref()))
            .with_protocol_name(optional_text(self.protocol_name.as_ref()))
            .with_assignment(assignment)
    }
}
