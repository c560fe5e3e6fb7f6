//! Consumer groups as others see them: described, listed, and asked whether offsets may be committed, read and deleted.

use medallion_wire::ResponseError;
use medallion_wire::TopicId;
use medallion_wire::messages::TopicName;
use medallion_wire::messages::consumer_group_describe_response::{
    Assignment as DescribedAssignment, DescribedGroup, Member, TopicPartitions,
};
use medallion_wire::messages::list_groups_response::ListedGroup;
use medallion_wire::types::Uuid;

use super::group::ConsumerGroup;
use super::member::{ConsumerMember, without_epochs};
use crate::assignor::Assignment;
use crate::classic::{CONSUMER_PROTOCOL_TYPE, Commit};
use crate::environment::Topics;
use crate::request::text;

/// How `ListGroups` names the protocol (KIP-848).
pub(crate) const GROUP_TYPE: &str = "consumer";
/// The first version of `OffsetCommit` that members of the consumer protocol may use.
const COMMIT_MIN: i16 = 9;

impl ConsumerGroup {
    /// The group with its members; `default_assignor` where no member likes one best.
    pub(crate) fn describe(&self, default_assignor: &str, topics: &dyn Topics) -> DescribedGroup {
        let assignor = self.preferred_assignor().map_or(default_assignor, |assignor| assignor);
        let members = self.members().map(|member| self.describe_member(member, topics));
        DescribedGroup::default()
            .with_group_id(self.id.to_str_bytes().into())
            .with_group_state(text(self.state().as_str()))
            .with_group_epoch(self.epoch)
            .with_assignment_epoch(self.assignment_epoch)
            .with_assignor_name(text(assignor))
            .with_members(members.collect())
    }

    fn describe_member(&self, member: &ConsumerMember, topics: &dyn Topics) -> Member {
        let mut owned = without_epochs(&member.assigned);
        for (topic, partitions) in without_epochs(&member.revoking) {
            owned.entry(topic).or_default().extend(partitions);
        }
        let target = self.target_of(member.id.as_str());
        Member::default()
            .with_member_id(member.id.to_str_bytes())
            .with_instance_id(member.instance_id.as_ref().map(|instance| instance.to_str_bytes()))
            .with_rack_id(member.rack.as_deref().map(text))
            .with_member_epoch(member.epoch)
            .with_client_id(text(&member.client_id))
            .with_client_host(text(&member.client_host))
            .with_subscribed_topic_names(member.topics.iter().map(|topic| TopicName(text(topic))).collect())
            .with_subscribed_topic_regex(Some(text(&member.regex)))
            .with_assignment(described(&owned, topics))
            .with_target_assignment(described(&target, topics))
            .with_member_type(i8::from(!member.is_classic()))
    }

    /// The group in a list.
    pub(crate) fn listed(&self) -> ListedGroup {
        ListedGroup::default()
            .with_group_id(self.id.to_str_bytes().into())
            .with_protocol_type(text(CONSUMER_PROTOCOL_TYPE))
            .with_group_state(text(self.state().as_str()))
            .with_group_type(text(GROUP_TYPE))
    }

    /// Whether a commit may be made; of a member that is behind each partition is looked at too, see
    /// [`ConsumerGroup::validate_commit_of`]. Source: Kafka's `ConsumerGroup.validateOffsetCommit`.
    pub(crate) fn validate_commit(&self, commit: &Commit<'_>) -> Result<(), ResponseError> {
        if commit.generation < 0 && self.is_empty() {
            return Ok(());
        }
        if commit.is_transactional
            && commit.generation == -1
            && commit.member_id.is_empty()
            && commit.instance_id.is_none()
        {
            return Ok(());
        }
        let member = self.member(commit.member_id).ok_or(ResponseError::UnknownMemberId)?;
        if !commit.is_transactional && !member.is_classic() && commit.version < COMMIT_MIN {
            return Err(ResponseError::UnsupportedVersion);
        }
        if commit.generation > member.epoch { Err(stale(member)) } else { Ok(()) }
    }

    /// Whether the commit of a member may touch a partition: in the epoch in which it got the partition, or later.
    pub(crate) fn validate_commit_of(
        &self,
        commit: &Commit<'_>,
        topic: TopicId,
        partition: i32,
    ) -> Result<(), ResponseError> {
        let Some(member) = self.member(commit.member_id) else { return Ok(()) };
        if commit.generation == member.epoch {
            return Ok(());
        }
        let given = member.partition_epoch(topic, partition);
        if given.is_some_and(|epoch| commit.generation >= epoch) { Ok(()) } else { Err(stale(member)) }
    }

    /// Whether offsets may be read by who says to be a member.
    pub(crate) fn validate_fetch(&self, member: Option<&str>, epoch: i32) -> Result<(), ResponseError> {
        if member.is_none() && epoch < 0 {
            return Ok(());
        }
        let member = self.member(member.unwrap_or_default()).ok_or(ResponseError::UnknownMemberId)?;
        if epoch == member.epoch { Ok(()) } else { Err(stale(member)) }
    }
}

/// The error for an epoch that is not the member's, as its protocol knows it.
fn stale(member: &ConsumerMember) -> ResponseError {
    if member.is_classic() { ResponseError::IllegalGeneration } else { ResponseError::StaleMemberEpoch }
}

fn described(assignment: &Assignment, topics: &dyn Topics) -> DescribedAssignment {
    let named = assignment.iter().filter_map(|(id, partitions)| {
        let topic = topics.by_id(*id)?;
        let id: Uuid = id.0;
        Some(
            TopicPartitions::default()
                .with_topic_id(id)
                .with_topic_name(TopicName(text(&topic.name)))
                .with_partitions(partitions.iter().copied().collect()),
        )
    });
    DescribedAssignment::default().with_topic_partitions(named.collect())
}
