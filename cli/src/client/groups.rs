//! Groups and their committed offsets.

use std::collections::BTreeMap;

use bytes::{Buf, Bytes};
use medallion_wire::kafka_protocol::protocol::{Request, StrBytes};
use medallion_wire::messages::consumer_group_describe_response as consumer;
use medallion_wire::messages::describe_groups_response::DescribedGroupMember;
use medallion_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use medallion_wire::messages::offset_fetch_request::OffsetFetchRequestGroup;
use medallion_wire::messages::{
    ConsumerGroupDescribeRequest, DeleteGroupsRequest, DescribeGroupsRequest, FindCoordinatorRequest,
    GroupId, ListGroupsRequest, OffsetCommitRequest, OffsetFetchRequest,
};
use medallion_wire::{BrokerId, Offset, ResponseError, TopicPartition};
use serde::Serialize;
use tokio::time::sleep;

use super::ClientError;
use super::cluster::{Client, RETRIES, RETRY_BACKOFF, topic_name};

/// The first version of `FindCoordinator` that asks for many groups.
const MANY_COORDINATORS_MIN: i16 = 4;
/// The first version of `OffsetFetch` that asks for many groups.
const MANY_GROUPS_MIN: i16 = 8;

/// A group in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ListedGroup {
    /// Its id.
    pub(crate) group: String,
    /// `classic`, `consumer`; empty where the broker does not say.
    pub(crate) r#type: String,
    /// `Stable`, `Empty`, ...
    pub(crate) state: String,
    /// What is assigned: `consumer`, `connect`; empty for a group that has offsets only.
    pub(crate) protocol_type: String,
}

/// A group with its members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct DescribedGroup {
    /// Its id.
    pub(crate) group: String,
    /// Its protocol: `classic`, `consumer`.
    pub(crate) r#type: &'static str,
    /// `Stable`, `Empty`, ...
    pub(crate) state: String,
    /// What is assigned.
    pub(crate) protocol_type: String,
    /// How it is assigned: `range`, `cooperative-sticky`, `uniform`.
    pub(crate) protocol: String,
    /// The group epoch of a consumer group.
    pub(crate) epoch: Option<i32>,
    /// The epoch that a consumer group's target was computed for.
    pub(crate) assignment_epoch: Option<i32>,
    /// The broker that coordinates it.
    pub(crate) coordinator: i32,
    /// Its members.
    pub(crate) members: Vec<Member>,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Member {
    /// Its id.
    pub(crate) member_id: String,
    /// `group.instance.id` of a static member.
    pub(crate) instance_id: Option<String>,
    /// Its `client.id`.
    pub(crate) client_id: String,
    /// Where it runs.
    pub(crate) host: String,
    /// The epoch that a member of a consumer group has reached.
    pub(crate) epoch: Option<i32>,
    /// What it reads.
    #[serde(serialize_with = "as_texts")]
    pub(crate) partitions: Vec<TopicPartition>,
    /// What a member of a consumer group is to read once all have given up what is not theirs.
    #[serde(serialize_with = "as_optional_texts")]
    pub(crate) target: Option<Vec<TopicPartition>>,
}

fn as_texts<S: serde::Serializer>(partitions: &[TopicPartition], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(partitions.iter().map(ToString::to_string))
}

#[allow(clippy::ref_option, reason = "serde passes the field")]
fn as_optional_texts<S: serde::Serializer>(
    partitions: &Option<Vec<TopicPartition>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match partitions {
        Some(partitions) => as_texts(partitions, serializer),
        None => serializer.serialize_none(),
    }
}

fn group_id(group: &str) -> GroupId {
    GroupId(StrBytes::from_string(group.to_owned()))
}

impl Client {
    /// The groups of every broker in `metadata`'s cluster, in the order of their ids.
    pub(crate) async fn list_groups(
        &mut self,
        brokers: &[BrokerId],
    ) -> Result<Vec<ListedGroup>, ClientError> {
        let mut groups = Vec::new();
        for broker in brokers {
            let response = self.call_broker(*broker, |_| ListGroupsRequest::default()).await?;
            ClientError::check(response.error_code, || format!("groups of broker {broker}"), None)?;
            groups.extend(response.groups.into_iter().map(|group| ListedGroup {
                group: group.group_id.to_string(),
                r#type: group.group_type.to_string(),
                state: group.group_state.to_string(),
                protocol_type: group.protocol_type.to_string(),
            }));
        }
        groups.sort_by(|one, other| one.group.cmp(&other.group));
        Ok(groups)
    }

    /// The broker that coordinates a group. One that is being found is waited for.
    pub(crate) async fn coordinator(&mut self, group: &str) -> Result<BrokerId, ClientError> {
        for _ in 0..RETRIES {
            match self.coordinator_once(group).await {
                Err(error) if error.is_retriable() && !error.is_unreachable() => sleep(RETRY_BACKOFF).await,
                other => return other,
            }
        }
        self.coordinator_once(group).await
    }

    async fn coordinator_once(&mut self, group: &str) -> Result<BrokerId, ClientError> {
        let key = StrBytes::from_string(group.to_owned());
        let response = self
            .call_any(|version| {
                let request = FindCoordinatorRequest::default();
                if version >= MANY_COORDINATORS_MIN {
                    request.with_coordinator_keys(vec![key.clone()])
                } else {
                    request.with_key(key.clone())
                }
            })
            .await?;
        let (node, code) = match response.coordinators.first() {
            Some(found) => (found.node_id, found.error_code),
            None => (response.node_id, response.error_code),
        };
        ClientError::check(code, || format!("the coordinator of group {group}"), None)?;
        let broker = BrokerId(node.0);
        if !self.knows(broker) {
            self.metadata(Some(&[]), false).await?;
        }
        Ok(broker)
    }

    /// Asks a group's coordinator; one that loads its groups or has moved is asked again.
    async fn call_coordinator<R: Request, T>(
        &mut self,
        group: &str,
        build: impl Fn(i16) -> R,
        read: impl Fn(R::Response) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let mut attempts = 0;
        loop {
            let coordinator = self.coordinator(group).await?;
            let result = self.call_broker(coordinator, &build).await.and_then(&read);
            match result {
                Err(error) if error.is_retriable() && !error.is_unreachable() && attempts < RETRIES => {
                    attempts += 1;
                    sleep(RETRY_BACKOFF).await;
                }
                other => return other,
            }
        }
    }

    /// A group of either protocol with its members; one that is not there is `Dead`, or refused.
    pub(crate) async fn describe_group(&mut self, group: &str) -> Result<DescribedGroup, ClientError> {
        let classic = self.describe_classic_group(group).await;
        let is_missing = match &classic {
            Ok(described) => described.state == "Dead",
            Err(error) => is_not_found(error),
        };
        if !is_missing {
            return classic;
        }
        match self.describe_consumer_group(group).await {
            Err(ClientError::UnsupportedApi { .. }) => classic,
            Err(error) if is_not_found(&error) => classic,
            other => other,
        }
    }

    async fn describe_consumer_group(&mut self, group: &str) -> Result<DescribedGroup, ClientError> {
        let coordinator = self.coordinator(group).await?;
        let build = |_| ConsumerGroupDescribeRequest::default().with_group_ids(vec![group_id(group)]);
        self.call_coordinator(group, build, |response| {
            let described = response.groups.into_iter().next().unwrap_or_default();
            let message = described.error_message.as_deref();
            ClientError::check(described.error_code, || format!("group {group}"), message)?;
            Ok(DescribedGroup {
                group: group.to_owned(),
                r#type: "consumer",
                state: described.group_state.to_string(),
                protocol_type: "consumer".to_owned(),
                protocol: described.assignor_name.to_string(),
                epoch: Some(described.group_epoch),
                assignment_epoch: Some(described.assignment_epoch),
                coordinator: coordinator.get(),
                members: described.members.iter().map(read_consumer_member).collect(),
            })
        })
        .await
    }

    async fn describe_classic_group(&mut self, group: &str) -> Result<DescribedGroup, ClientError> {
        let coordinator = self.coordinator(group).await?;
        let build = |_| DescribeGroupsRequest::default().with_groups(vec![group_id(group)]);
        self.call_coordinator(group, build, |response| {
            let described = response.groups.into_iter().next().unwrap_or_default();
            let message = described.error_message.as_deref();
            ClientError::check(described.error_code, || format!("group {group}"), message)?;
            let members = described.members.iter().map(read_member).collect::<Result<_, _>>()?;
            Ok(DescribedGroup {
                group: group.to_owned(),
                r#type: "classic",
                state: described.group_state.to_string(),
                protocol_type: described.protocol_type.to_string(),
                protocol: described.protocol_data.to_string(),
                epoch: None,
                assignment_epoch: None,
                coordinator: coordinator.get(),
                members,
            })
        })
        .await
    }

    /// Everything that a group has committed.
    pub(crate) async fn committed(
        &mut self,
        group: &str,
    ) -> Result<BTreeMap<TopicPartition, Offset>, ClientError> {
        let build = |version| {
            let request = OffsetFetchRequest::default();
            if version >= MANY_GROUPS_MIN {
                let group =
                    OffsetFetchRequestGroup::default().with_group_id(group_id(group)).with_topics(None);
                request.with_groups(vec![group.with_member_epoch(-1)])
            } else {
                request.with_group_id(group_id(group)).with_topics(None)
            }
        };
        self.call_coordinator(group, build, |response| {
            let mut committed = BTreeMap::new();
            let mut add = |topic: &str, partition: i32, offset: i64, code: i16| {
                let partition = TopicPartition::new(topic, partition);
                ClientError::check(code, || format!("offset of group {group} in {partition}"), None)?;
                if offset >= 0 {
                    let _ = committed.insert(partition, Offset(offset));
                }
                Ok::<_, ClientError>(())
            };
            ClientError::check(response.error_code, || format!("group {group}"), None)?;
            for topic in &response.topics {
                for at in &topic.partitions {
                    add(&topic.name, at.partition_index, at.committed_offset, at.error_code)?;
                }
            }
            for answer in &response.groups {
                ClientError::check(answer.error_code, || format!("group {group}"), None)?;
                for topic in &answer.topics {
                    for at in &topic.partitions {
                        add(&topic.name, at.partition_index, at.committed_offset, at.error_code)?;
                    }
                }
            }
            Ok(committed)
        })
        .await
    }

    /// Commits offsets for a group that has no members.
    pub(crate) async fn commit(
        &mut self,
        group: &str,
        offsets: &BTreeMap<TopicPartition, Offset>,
    ) -> Result<(), ClientError> {
        let mut topics: BTreeMap<&str, Vec<OffsetCommitRequestPartition>> = BTreeMap::new();
        for (partition, offset) in offsets {
            let commit = OffsetCommitRequestPartition::default()
                .with_partition_index(partition.partition.get())
                .with_committed_offset(offset.get())
                .with_committed_leader_epoch(-1)
                .with_committed_metadata(Some(StrBytes::default()));
            topics.entry(&partition.topic).or_default().push(commit);
        }
        let topics: Vec<_> = topics
            .into_iter()
            .map(|(topic, partitions)| {
                OffsetCommitRequestTopic::default().with_name(topic_name(topic)).with_partitions(partitions)
            })
            .collect();
        let build = |_| {
            OffsetCommitRequest::default()
                .with_group_id(group_id(group))
                .with_generation_id_or_member_epoch(-1)
                .with_retention_time_ms(-1)
                .with_topics(topics.clone())
        };
        self.call_coordinator(group, build, |response| {
            for topic in &response.topics {
                for partition in &topic.partitions {
                    let subject = || {
                        format!("offset of group {group} in {}-{}", topic.name.0, partition.partition_index)
                    };
                    ClientError::check(partition.error_code, subject, None)?;
                }
            }
            Ok(())
        })
        .await
    }

    /// Deletes a group that has no members, with its offsets.
    pub(crate) async fn delete_group(&mut self, group: &str) -> Result<(), ClientError> {
        let build = |_| DeleteGroupsRequest::default().with_groups_names(vec![group_id(group)]);
        self.call_coordinator(group, build, |response| {
            let code = response.results.first().map_or(0, |result| result.error_code);
            ClientError::check(code, || format!("group {group}"), None)
        })
        .await
    }
}

fn read_member(member: &DescribedGroupMember) -> Result<Member, ClientError> {
    let malformed = || ClientError::Malformed {
        what: format!("the assignment of member {}", member.member_id),
        reason: "it is no assignment of the consumer protocol".to_owned(),
    };
    let partitions = if member.member_assignment.is_empty() {
        Vec::new()
    } else {
        read_assignment(member.member_assignment.clone()).ok_or_else(malformed)?
    };
    Ok(Member {
        member_id: member.member_id.to_string(),
        instance_id: member.group_instance_id.as_ref().map(ToString::to_string),
        client_id: member.client_id.to_string(),
        host: member.client_host.trim_start_matches('/').to_owned(),
        epoch: None,
        partitions,
        target: None,
    })
}

fn read_consumer_member(member: &consumer::Member) -> Member {
    Member {
        member_id: member.member_id.to_string(),
        instance_id: member.instance_id.as_ref().map(ToString::to_string),
        client_id: member.client_id.to_string(),
        host: member.client_host.trim_start_matches('/').to_owned(),
        epoch: Some(member.member_epoch),
        partitions: partitions_of(&member.assignment),
        target: Some(partitions_of(&member.target_assignment)),
    }
}

fn partitions_of(assignment: &consumer::Assignment) -> Vec<TopicPartition> {
    let topics = assignment.topic_partitions.iter();
    topics
        .flat_map(|topic| {
            topic.partitions.iter().map(|index| TopicPartition::new(topic.topic_name.as_str(), *index))
        })
        .collect()
}

fn is_not_found(error: &ClientError) -> bool {
    matches!(error, ClientError::Refused { error: ResponseError::GroupIdNotFound, .. })
}

/// Reads the topics of a `ConsumerProtocolAssignment`: version, topics with their partitions, the user's data.
fn read_assignment(mut bytes: Bytes) -> Option<Vec<TopicPartition>> {
    let _version = bytes.try_get_i16().ok()?;
    let topics = bytes.try_get_i32().ok()?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_are_read_and_nonsense_is_not() {
        let bytes = [
            &[0, 1][..],         // version
            &[0, 0, 0, 1],       // one topic
            &[0, 2, b't', b'x'], // its name
            &[0, 0, 0, 2],       // two partitions
            &[0, 0, 0, 3, 0, 0, 0, 1],
            &[0xff, 0xff, 0xff, 0xff], // no user data
        ]
        .concat();
        let read = read_assignment(Bytes::from(bytes.clone())).expect("an assignment");
        assert_eq!(read, [TopicPartition::new("tx", 1), TopicPartition::new("tx", 3)]);
        assert_eq!(read_assignment(Bytes::from(bytes[..12].to_vec())), None);
        assert_eq!(read_assignment(Bytes::from_static(b"\0")), None);
        assert_eq!(read_assignment(Bytes::from_static(&[0, 0, 0x7f, 0xff, 0xff, 0xff])), None);
    }
}
