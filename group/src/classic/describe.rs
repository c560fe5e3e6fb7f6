//! Groups as `DescribeGroups` and `ListGroups` show them.

use medallion_wire::ResponseError;
use medallion_wire::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use medallion_wire::messages::list_groups_response::ListedGroup;

use super::group::ClassicGroup;
use super::member::ClassicMember;
use super::state::ClassicState;
use crate::ids::GroupId;
use crate::request::text;

/// What a group is that is not there.
const DEAD: &str = "Dead";
/// The first version that says so by an error (KIP-1043).
const NOT_FOUND_MIN: i16 = 6;
/// How `ListGroups` names the protocol (KIP-848).
pub(super) const GROUP_TYPE: &str = "classic";

impl ClassicGroup {
    /// The group with its members. What they say in the protocol is shown while the group is stable.
    pub(super) fn describe(&self) -> DescribedGroup {
        let protocol = self.protocol_name().filter(|_| self.state() == ClassicState::Stable);
        let members = self.members.values().map(|member| describe_member(member, protocol));
        DescribedGroup::default()
            .with_group_id(self.id.to_str_bytes().into())
            .with_group_state(text(self.state().as_str()))
            .with_protocol_type(text(self.protocol_type().unwrap_or_default()))
            .with_protocol_data(text(protocol.unwrap_or_default()))
            .with_members(members.collect())
    }

    /// The group in a list.
    pub(super) fn listed(&self) -> ListedGroup {
        ListedGroup::default()
            .with_group_id(self.id.to_str_bytes().into())
            .with_protocol_type(text(self.protocol_type().unwrap_or_default()))
            .with_group_state(text(self.state().as_str()))
            .with_group_type(text(GROUP_TYPE))
    }
}

fn describe_member(member: &ClassicMember, protocol: Option<&str>) -> DescribedGroupMember {
    let metadata = protocol.and_then(|protocol| member.metadata(protocol)).cloned().unwrap_or_default();
    DescribedGroupMember::default()
        .with_member_id(member.id.to_str_bytes())
        .with_group_instance_id(member.instance_id.as_ref().map(|instance| instance.to_str_bytes()))
        .with_client_id(text(&member.client_id))
        .with_client_host(text(&member.client_host))
        .with_member_assignment(member.assignment.clone())
        .with_member_metadata(metadata)
}

/// A group that is not there.
pub(super) fn describe_missing(group: &GroupId, version: i16) -> DescribedGroup {
    let described =
        DescribedGroup::default().with_group_id(group.to_str_bytes().into()).with_group_state(text(DEAD));
    if version < NOT_FOUND_MIN {
        return described;
    }
    described
        .with_error_code(ResponseError::GroupIdNotFound.code())
        .with_error_message(Some(text(&ClassicGroup::not_found(group))))
}
