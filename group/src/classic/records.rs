//! A group's record, `GroupMetadataValue`.

use std::sync::Arc;

use medallion_wire::internal_records::group::group_metadata_value::MemberMetadata;
use medallion_wire::internal_records::group::{GroupMetadataKey, GroupMetadataValue};

use super::group::ClassicGroup;
use super::member::{ClassicMember, ClassicProtocol, MemberParts};
use super::state::Phase;
use crate::ids::{GroupId, InstanceId, MemberId};
use crate::record::Record;

/// The version that Kafka writes; 4 would not be read by older brokers.
const VERSION: i16 = 3;
/// Stands for a time or timeout that a record does not have.
const NONE: i64 = -1;

impl ClassicGroup {
    /// The group as it is, to be stored.
    pub(crate) fn to_record(&self) -> Record {
        let value = GroupMetadataValue {
            protocol_type: self.protocol_type().unwrap_or_default().to_owned(),
            generation: self.generation,
            protocol: self.protocol_name().map(ToOwned::to_owned),
            leader: self.leader.as_ref().map(ToString::to_string),
            current_state_timestamp: self.state_timestamp_ms.unwrap_or(NONE),
            members: self.members.values().map(|member| self.member_metadata(member)).collect(),
            ..GroupMetadataValue::default()
        };
        Record::set(key(&self.id), value, VERSION)
    }

    fn member_metadata(&self, member: &ClassicMember) -> MemberMetadata {
        let protocol = self.protocol_name().expect("a group with members is stored with its protocol");
        let subscription = member.metadata(protocol).expect("members support the chosen protocol");
        MemberMetadata {
            member_id: member.id.to_string(),
            group_instance_id: member.instance_id.as_ref().map(ToString::to_string),
            client_id: member.client_id.to_string(),
            client_host: member.client_host.to_string(),
            rebalance_timeout: member.rebalance_timeout_ms,
            session_timeout: member.session_timeout_ms,
            subscription: subscription.clone(),
            assignment: member.assignment.clone(),
            ..MemberMetadata::default()
        }
    }

    /// A group as a record has it: stable with its members, or empty.
    pub(super) fn from_record(id: GroupId, value: &GroupMetadataValue) -> Self {
        let mut group = Self::new(id, 0);
        group.state_timestamp_ms =
            (value.current_state_timestamp != NONE).then_some(value.current_state_timestamp);
        group.protocol_type =
            (!value.protocol_type.is_empty()).then(|| Arc::from(value.protocol_type.as_str()));
        group.protocol_name = value.protocol.as_deref().map(Arc::from);
        group.generation = value.generation;
        group.leader = value.leader.as_deref().map(MemberId::from);
        for metadata in &value.members {
            group.add_loaded(metadata, value);
        }
        let leads = |leader: &MemberId| group.members.contains_key(leader);
        if !group.members.is_empty() && !group.leader.as_ref().is_some_and(leads) {
            group.leader = group.members.keys().next().cloned();
        }
        group.phase = if group.members.is_empty() { Phase::Empty } else { Phase::Stable };
        group.subscribed_topics = group.compute_subscribed_topics();
        group
    }

    /// A record that has a member or an instance twice is not of Kafka; the first of them counts.
    fn add_loaded(&mut self, metadata: &MemberMetadata, value: &GroupMetadataValue) {
        let instance_id = metadata.group_instance_id.as_deref().map(InstanceId::from);
        let is_double = self.members.contains_key(metadata.member_id.as_str())
            || instance_id.as_ref().is_some_and(|instance| self.static_members.contains_key(instance));
        if is_double {
            return;
        }
        let rebalance_timeout_ms = match metadata.rebalance_timeout {
            -1 => metadata.session_timeout, // a record of version 0
            timeout_ms => timeout_ms,
        };
        let protocol = ClassicProtocol {
            name: Arc::from(value.protocol.as_deref().unwrap_or_default()),
            metadata: metadata.subscription.clone(),
        };
        let member = MemberParts {
            id: MemberId::from(metadata.member_id.as_str()),
            instance_id,
            client_id: Arc::from(metadata.client_id.as_str()),
            client_host: Arc::from(metadata.client_host.as_str()),
            rebalance_timeout_ms,
            session_timeout_ms: metadata.session_timeout,
            protocols: vec![protocol],
            assignment: metadata.assignment.clone(),
        };
        self.add(&value.protocol_type, member.into());
    }
}

/// The key of a group's record.
fn key(group: &GroupId) -> GroupMetadataKey {
    GroupMetadataKey { group: group.to_string() }
}

/// What takes a group away.
pub(super) fn tombstone(group: &GroupId) -> Record {
    Record::tombstone(key(group))
}

/// What notes that a group came to be, before anyone has joined it.
pub(super) fn created(group: &ClassicGroup) -> Record {
    let value = GroupMetadataValue {
        current_state_timestamp: group.state_timestamp_ms.unwrap_or(NONE),
        ..GroupMetadataValue::default()
    };
    Record::set(key(&group.id), value, VERSION)
}
