//! The records of consumer groups: written, and read back into a group.

use std::collections::BTreeSet;
use std::sync::Arc;

use medallion_wire::TopicId;
use medallion_wire::internal_records::group::consumer_group_current_member_assignment_value::TopicPartitions;
use medallion_wire::internal_records::group::consumer_group_member_metadata_value as metadata_value;
use medallion_wire::internal_records::group::consumer_group_target_assignment_member_value::TopicPartition;
use medallion_wire::internal_records::group::{
    ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupCurrentMemberAssignmentValue,
    ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue, ConsumerGroupMetadataKey,
    ConsumerGroupMetadataValue, ConsumerGroupPartitionMetadataKey, ConsumerGroupRegularExpressionKey,
    ConsumerGroupRegularExpressionValue, ConsumerGroupTargetAssignmentMemberKey,
    ConsumerGroupTargetAssignmentMemberValue, ConsumerGroupTargetAssignmentMetadataKey,
    ConsumerGroupTargetAssignmentMetadataValue,
};

use super::group::{ConsumerGroup, ResolvedRegex};
use super::member::{ClassicPart, ConsumerMember, MemberState, PartitionEpochs};
use crate::assignor::Assignment;
use crate::classic::ClassicProtocol;
use crate::ids::{GroupId, InstanceId, MemberId};
use crate::record::Record;

/// All of them have one version.
const VERSION: i16 = 0;

/// What a member says.
pub(super) fn member(group: &GroupId, member: &ConsumerMember) -> Record {
    let key =
        ConsumerGroupMemberMetadataKey { group_id: group.to_string(), member_id: member.id.to_string() };
    let classic = member.classic.as_ref().map(|classic| {
        Box::new(metadata_value::ClassicMemberMetadata {
            session_timeout_ms: classic.session_timeout_ms,
            supported_protocols: classic.protocols.iter().map(protocol_of).collect(),
            ..Default::default()
        })
    });
    let value = ConsumerGroupMemberMetadataValue {
        instance_id: member.instance_id.as_ref().map(ToString::to_string),
        rack_id: member.rack.as_ref().map(ToString::to_string),
        client_id: member.client_id.to_string(),
        client_host: member.client_host.to_string(),
        subscribed_topic_names: member.topics.iter().map(ToString::to_string).collect(),
        subscribed_topic_regex: Some(member.regex.to_string()),
        rebalance_timeout_ms: member.rebalance_timeout_ms,
        server_assignor: member.assignor.as_ref().map(ToString::to_string),
        classic_member_metadata: classic,
        ..Default::default()
    };
    Record::set(key, value, VERSION)
}

fn protocol_of(protocol: &ClassicProtocol) -> metadata_value::ClassicProtocol {
    metadata_value::ClassicProtocol {
        name: protocol.name.to_string(),
        metadata: protocol.metadata.clone(),
        ..Default::default()
    }
}

/// What a member has.
pub(super) fn current(group: &GroupId, member: &ConsumerMember) -> Record {
    let value = ConsumerGroupCurrentMemberAssignmentValue {
        member_epoch: member.epoch,
        previous_member_epoch: member.previous_epoch,
        state: member.state.code(),
        assigned_partitions: with_epochs(&member.assigned),
        partitions_pending_revocation: with_epochs(&member.revoking),
        ..Default::default()
    };
    Record::set(current_key(group, &member.id), value, VERSION)
}

fn with_epochs(partitions: &PartitionEpochs) -> Vec<TopicPartitions> {
    let topics = partitions.iter().map(|(topic, partitions)| TopicPartitions {
        topic_id: topic.0,
        partitions: partitions.keys().copied().collect(),
        assignment_epochs: Some(partitions.values().copied().collect()),
        ..Default::default()
    });
    topics.collect()
}

fn current_key(group: &GroupId, member: &MemberId) -> ConsumerGroupCurrentMemberAssignmentKey {
    ConsumerGroupCurrentMemberAssignmentKey { group_id: group.to_string(), member_id: member.to_string() }
}

/// What a member is to have.
pub(super) fn target(group: &GroupId, member: &MemberId, assignment: &Assignment) -> Record {
    let topics = assignment.iter().map(|(topic, partitions)| TopicPartition {
        topic_id: topic.0,
        partitions: partitions.iter().copied().collect(),
        ..Default::default()
    });
    let value =
        ConsumerGroupTargetAssignmentMemberValue { topic_partitions: topics.collect(), ..Default::default() };
    Record::set(target_key(group, member), value, VERSION)
}

fn target_key(group: &GroupId, member: &MemberId) -> ConsumerGroupTargetAssignmentMemberKey {
    ConsumerGroupTargetAssignmentMemberKey { group_id: group.to_string(), member_id: member.to_string() }
}

/// Which epoch the target is of.
pub(super) fn target_epoch(group: &GroupId, epoch: i32, timestamp_ms: i64) -> Record {
    let value = ConsumerGroupTargetAssignmentMetadataValue {
        assignment_epoch: epoch,
        assignment_timestamp: timestamp_ms,
        ..Default::default()
    };
    Record::set(ConsumerGroupTargetAssignmentMetadataKey { group_id: group.to_string() }, value, VERSION)
}

/// The group's epoch.
pub(super) fn epoch(group: &GroupId, epoch: i32, metadata_hash: i64) -> Record {
    let value = ConsumerGroupMetadataValue { epoch, metadata_hash, ..Default::default() };
    Record::set(ConsumerGroupMetadataKey { group_id: group.to_string() }, value, VERSION)
}

/// What a regular expression describes.
pub(super) fn regex(group: &GroupId, regex: &str, resolved: &ResolvedRegex) -> Record {
    let value = ConsumerGroupRegularExpressionValue {
        topics: resolved.topics.iter().map(ToString::to_string).collect(),
        version: resolved.version,
        timestamp: resolved.timestamp_ms,
        ..Default::default()
    };
    Record::set(regex_key(group, regex), value, VERSION)
}

fn regex_key(group: &GroupId, regex: &str) -> ConsumerGroupRegularExpressionKey {
    ConsumerGroupRegularExpressionKey { group_id: group.to_string(), regular_expression: regex.to_owned() }
}

/// Takes a regular expression away.
pub(super) fn no_regex(group: &GroupId, regex: &str) -> Record {
    Record::tombstone(regex_key(group, regex))
}

/// Takes a record of Kafka 4.0 away.
pub(super) fn no_partition_metadata(group: &GroupId) -> Record {
    Record::tombstone(ConsumerGroupPartitionMetadataKey { group_id: group.to_string() })
}

/// Takes a member away, in the order that Kafka insists on.
pub(super) fn no_member(group: &GroupId, member: &MemberId) -> [Record; 3] {
    let key = ConsumerGroupMemberMetadataKey { group_id: group.to_string(), member_id: member.to_string() };
    [
        Record::tombstone(current_key(group, member)),
        Record::tombstone(target_key(group, member)),
        Record::tombstone(key),
    ]
}

/// Takes a group away with all that it has, in the order that Kafka insists on.
pub(super) fn no_group(group: &ConsumerGroup) -> Vec<Record> {
    let id = &group.id;
    let mut records: Vec<Record> =
        group.members.keys().map(|member| Record::tombstone(current_key(id, member))).collect();
    records.extend(group.members.keys().map(|member| Record::tombstone(target_key(id, member))));
    records.push(Record::tombstone(ConsumerGroupTargetAssignmentMetadataKey { group_id: id.to_string() }));
    records.extend(group.members.keys().map(|member| {
        Record::tombstone(ConsumerGroupMemberMetadataKey {
            group_id: id.to_string(),
            member_id: member.to_string(),
        })
    }));
    records.extend(group.regexes.keys().map(|regex| no_regex(id, regex)));
    records.push(no_partition_metadata(id));
    records.push(Record::tombstone(ConsumerGroupMetadataKey { group_id: id.to_string() }));
    records
}

impl ConsumerMember {
    /// Takes over what a record says of it.
    pub(super) fn read_metadata(&mut self, value: &ConsumerGroupMemberMetadataValue) {
        let text = |text: &Option<String>| text.as_deref().map(Arc::from);
        self.instance_id = value.instance_id.as_deref().map(InstanceId::from);
        self.rack = text(&value.rack_id);
        self.client_id = Arc::from(value.client_id.as_str());
        self.client_host = Arc::from(value.client_host.as_str());
        let topics: BTreeSet<Arc<str>> =
            value.subscribed_topic_names.iter().map(|topic| Arc::from(topic.as_str())).collect();
        self.topics = Arc::new(topics);
        self.regex = Arc::from(value.subscribed_topic_regex.as_deref().unwrap_or_default());
        self.rebalance_timeout_ms = value.rebalance_timeout_ms;
        self.assignor = text(&value.server_assignor);
        self.classic = value.classic_member_metadata.as_ref().map(|classic| ClassicPart {
            session_timeout_ms: classic.session_timeout_ms,
            protocols: classic
                .supported_protocols
                .iter()
                .map(|protocol| ClassicProtocol {
                    name: Arc::from(protocol.name.as_str()),
                    metadata: protocol.metadata.clone(),
                })
                .collect(),
        });
    }

    /// Takes over what a record gives it.
    pub(super) fn read_current(&mut self, value: &ConsumerGroupCurrentMemberAssignmentValue) {
        self.epoch = value.member_epoch;
        self.previous_epoch = value.previous_member_epoch;
        self.state = MemberState::from_code(value.state);
        self.assigned = read_epochs(&value.assigned_partitions, value.member_epoch);
        self.revoking = read_epochs(&value.partitions_pending_revocation, value.member_epoch);
    }
}

/// Records of Kafka 4.0 to 4.2 have no epochs of partitions; the member's counts then.
fn read_epochs(topics: &[TopicPartitions], member_epoch: i32) -> PartitionEpochs {
    let mut partitions = PartitionEpochs::new();
    for topic in topics {
        let epochs = topic.assignment_epochs.as_ref().filter(|epochs| epochs.len() == topic.partitions.len());
        let of = partitions.entry(TopicId(topic.topic_id)).or_default();
        for (index, partition) in topic.partitions.iter().enumerate() {
            let epoch = epochs.map_or(member_epoch.max(0), |epochs| epochs[index]);
            let _ = of.insert(*partition, epoch);
        }
    }
    partitions.retain(|_, partitions| !partitions.is_empty());
    partitions
}

/// A target as a record has it.
pub(super) fn read_target(value: &ConsumerGroupTargetAssignmentMemberValue) -> Assignment {
    let topics = value.topic_partitions.iter().filter(|topic| !topic.partitions.is_empty());
    topics.map(|topic| (TopicId(topic.topic_id), topic.partitions.iter().copied().collect())).collect()
}

/// What a regular expression describes, as a record has it.
pub(super) fn read_regex(value: &ConsumerGroupRegularExpressionValue) -> ResolvedRegex {
    let topics: BTreeSet<Arc<str>> = value.topics.iter().map(|topic| Arc::from(topic.as_str())).collect();
    ResolvedRegex { topics: Arc::new(topics), version: value.version, timestamp_ms: value.timestamp }
}
