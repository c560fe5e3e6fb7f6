//! Groups with their members.

use bytes::{Buf, Bytes};
use medallion_wire::messages::consumer_group_describe_response as consumer;
use medallion_wire::messages::describe_groups_response as classic;
use medallion_wire::messages::{ConsumerGroupDescribeRequest, DescribeGroupsRequest};
use medallion_wire::{BrokerId, ResponseError, TopicPartition};

use super::super::ask::{CoordinatorOf, ask_coordinators};
use super::{Admin, Each, GroupState, group, group_id, outcome};
use crate::error::Error;

/// A group, by its protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupDescription {
    /// Members assign.
    Classic(ClassicGroup),
    /// The broker assigns (KIP-848).
    Consumer(ConsumerGroup),
}

/// A group whose members assign.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClassicGroup {
    /// Its id.
    pub id: String,
    /// What it does.
    pub state: GroupState,
    /// The broker that coordinates it.
    pub coordinator: BrokerId,
    /// What its members agree on: `consumer`, `connect`; empty where it has offsets only.
    pub protocol_type: String,
    /// How it is done: `range`, `cooperative-sticky`; empty while nobody has agreed.
    pub protocol: String,
    /// Its members.
    pub members: Vec<ClassicMember>,
}

/// A member of a group whose members assign.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClassicMember {
    /// The id that its coordinator has given to it.
    pub id: String,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<String>,
    /// Its `client.id`.
    pub client_id: String,
    /// Where it runs, as the broker writes it.
    pub client_host: String,
    /// What it told when it joined, in its protocol's form.
    pub metadata: Bytes,
    /// What it was given, in its protocol's form; see [`ClassicMember::partitions`].
    pub assignment: Bytes,
}

/// A group whose broker assigns (KIP-848).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumerGroup {
    /// Its id.
    pub id: String,
    /// What it does.
    pub state: GroupState,
    /// The broker that coordinates it.
    pub coordinator: BrokerId,
    /// Its epoch: how often something has changed that assignments depend on.
    pub epoch: i32,
    /// The epoch that the target was computed for.
    pub assignment_epoch: i32,
    /// Who computes targets: `uniform`, `range`.
    pub assignor: String,
    /// Its members.
    pub members: Vec<ConsumerGroupMember>,
}

/// A member of a group whose broker assigns.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumerGroupMember {
    /// The id that it has given to itself.
    pub id: String,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<String>,
    /// Its `client.rack`.
    pub rack_id: Option<String>,
    /// Its `client.id`.
    pub client_id: String,
    /// Where it runs, as the broker writes it.
    pub client_host: String,
    /// The epoch that it has reached.
    pub epoch: i32,
    /// The topics that it names.
    pub subscribed_topics: Vec<String>,
    /// The regular expression that it subscribes by.
    pub subscribed_regex: Option<String>,
    /// What it reads.
    pub partitions: Vec<TopicPartition>,
    /// What it is to read once all have given up what is not theirs.
    pub target: Vec<TopicPartition>,
    /// Whether it speaks the classic protocol; `None` from brokers before 4.0.
    pub is_classic: Option<bool>,
}

impl GroupDescription {
    /// The group's id.
    pub fn id(&self) -> &str {
        match self {
            Self::Classic(group) => &group.id,
            Self::Consumer(group) => &group.id,
        }
    }

    /// What the group does.
    pub fn state(&self) -> &GroupState {
        match self {
            Self::Classic(group) => &group.state,
            Self::Consumer(group) => &group.state,
        }
    }

    /// The broker that coordinates the group.
    pub fn coordinator(&self) -> BrokerId {
        match self {
            Self::Classic(group) => group.coordinator,
            Self::Consumer(group) => group.coordinator,
        }
    }
}

impl ClassicMember {
    fn of_wire(member: &classic::DescribedGroupMember) -> Self {
        Self {
            id: member.member_id.to_string(),
            instance_id: member.group_instance_id.as_ref().map(ToString::to_string),
            client_id: member.client_id.to_string(),
            client_host: member.client_host.to_string(),
            metadata: member.member_metadata.clone(),
            assignment: member.member_assignment.clone(),
        }
    }

    /// What it was given, where its assignment is one of consumers: none while there is none, `None` for other protocols' bytes.
    pub fn partitions(&self) -> Option<Vec<TopicPartition>> {
        if self.assignment.is_empty() { Some(Vec::new()) } else { read_assignment(self.assignment.clone()) }
    }
}

impl ClassicGroup {
    fn of_wire(described: &classic::DescribedGroup, coordinator: BrokerId) -> Self {
        Self {
            id: described.group_id.to_string(),
            state: state(&described.group_state),
            coordinator,
            protocol_type: described.protocol_type.to_string(),
            protocol: described.protocol_data.to_string(),
            members: described.members.iter().map(ClassicMember::of_wire).collect(),
        }
    }
}

impl ConsumerGroupMember {
    fn of_wire(member: &consumer::Member) -> Self {
        Self {
            id: member.member_id.to_string(),
            instance_id: member.instance_id.as_ref().map(ToString::to_string),
            rack_id: member.rack_id.as_ref().map(ToString::to_string),
            client_id: member.client_id.to_string(),
            client_host: member.client_host.to_string(),
            epoch: member.member_epoch,
            subscribed_topics: member.subscribed_topic_names.iter().map(|name| name.to_string()).collect(),
            subscribed_regex: member.subscribed_topic_regex.as_ref().map(ToString::to_string),
            partitions: partitions(&member.assignment),
            target: partitions(&member.target_assignment),
            is_classic: match member.member_type {
                0 => Some(true),
                1 => Some(false),
                _ => None,
            },
        }
    }
}

impl ConsumerGroup {
    fn of_wire(described: &consumer::DescribedGroup, coordinator: BrokerId) -> Self {
        Self {
            id: described.group_id.to_string(),
            state: state(&described.group_state),
            coordinator,
            epoch: described.group_epoch,
            assignment_epoch: described.assignment_epoch,
            assignor: described.assignor_name.to_string(),
            members: described.members.iter().map(ConsumerGroupMember::of_wire).collect(),
        }
    }
}

impl Admin {
    /// Groups of either protocol with their members. One that nobody has heard of fails with `GROUP_ID_NOT_FOUND`; from brokers
    /// before 4.0 it is a classic group that is [`GroupState::Dead`].
    ///
    /// # Errors
    /// Where no broker answers within `default.api.timeout.ms`.
    pub async fn describe_groups(&self, groups: &[&str]) -> Result<Each<String, GroupDescription>, Error> {
        let mut each = self.describe_consumer_groups(groups).await?;
        let is_other = |outcome: &Result<_, Error>| match outcome {
            Err(Error::UnsupportedVersion { .. }) => true,
            Err(error) => error.code() == Some(ResponseError::GroupIdNotFound),
            Ok(_) => false,
        };
        let others: Vec<String> =
            each.iter().filter(|(_, outcome)| is_other(outcome)).map(|(id, _)| id.clone()).collect();
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        each.extend(self.describe_classic_groups(&others).await?);
        Ok(each)
    }

    async fn describe_consumer_groups(
        &self,
        groups: &[&str],
    ) -> Result<Each<String, GroupDescription>, Error> {
        let question = |ids: &[String]| {
            ConsumerGroupDescribeRequest::default()
                .with_group_ids(ids.iter().map(|id| group_id(id)).collect())
        };
        ask_coordinators(&self.client, CoordinatorOf::Group, groups, question, |coordinator, response| {
            let each = response.groups.iter().map(|described| {
                let read = GroupDescription::Consumer(ConsumerGroup::of_wire(described, coordinator));
                let message = described.error_message.as_ref();
                let id = &described.group_id;
                (id.to_string(), outcome(described.error_code, &group(id), message, read))
            });
            each.collect()
        })
        .await
    }

    async fn describe_classic_groups(
        &self,
        groups: &[&str],
    ) -> Result<Each<String, GroupDescription>, Error> {
        let question = |ids: &[String]| {
            DescribeGroupsRequest::default().with_groups(ids.iter().map(|id| group_id(id)).collect())
        };
        ask_coordinators(&self.client, CoordinatorOf::Group, groups, question, |coordinator, response| {
            let each = response.groups.iter().map(|described| {
                let read = GroupDescription::Classic(ClassicGroup::of_wire(described, coordinator));
                let message = described.error_message.as_ref();
                let id = &described.group_id;
                (id.to_string(), outcome(described.error_code, &group(id), message, read))
            });
            each.collect()
        })
        .await
    }
}

fn state(word: &str) -> GroupState {
    GroupState::read(word).unwrap_or_else(|| GroupState::Other(word.to_owned()))
}

fn partitions(assignment: &consumer::Assignment) -> Vec<TopicPartition> {
    let mut partitions = Vec::new();
    for topic in &assignment.topic_partitions {
        partitions.extend(
            topic.partitions.iter().map(|index| TopicPartition::new(topic.topic_name.as_str(), *index)),
        );
    }
    partitions.sort();
    partitions
}

/// The partitions in an assignment of the classic consumer protocol, of any version; `None` where it is none.
pub fn read_assignment(mut bytes: Bytes) -> Option<Vec<TopicPartition>> {
    let version = bytes.try_get_i16().ok()?;
    let topics = bytes.try_get_i32().ok()?;
    if version < 0 || topics < 0 {
        return None;
    }
    let mut partitions = Vec::new();
    for _ in 0..topics {
        let len = usize::try_from(bytes.try_get_i16().ok()?).ok()?;
        if bytes.len() < len {
            return None;
        }
        let topic = String::from_utf8(bytes.split_to(len).to_vec()).ok()?;
        for _ in 0..bytes.try_get_i32().ok()? {
            partitions.push(TopicPartition::new(topic.as_str(), bytes.try_get_i32().ok()?));
        }
    }
    partitions.sort();
    Some(partitions)
}
