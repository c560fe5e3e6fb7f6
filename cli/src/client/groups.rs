//! Groups and their committed offsets.

use std::collections::BTreeMap;

use medallion_client::admin::{ClassicGroup, ConsumerGroup, GroupDescription, GroupFilter, GroupOffset};
use medallion_wire::{Offset, TopicPartition};
use serde::Serialize;

use super::ClientError;
use super::cluster::{Client, only};

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

impl Client {
    /// The groups of every broker, in the order of their ids.
    pub(crate) async fn list_groups(&self) -> Result<Vec<ListedGroup>, ClientError> {
        let groups = self.admin.list_groups(&GroupFilter::default()).await?;
        let listed = groups.into_iter().map(|group| ListedGroup {
            group: group.id,
            r#type: group.group_type.map(|kind| kind.to_string()).unwrap_or_default(),
            state: group.state.map(|state| state.to_string()).unwrap_or_default(),
            protocol_type: group.protocol_type,
        });
        Ok(listed.collect())
    }

    /// A group of either protocol with its members; one that is not there is `Dead`, or refused.
    pub(crate) async fn describe_group(&self, group: &str) -> Result<DescribedGroup, ClientError> {
        match only(self.admin.describe_groups(&[group]).await?)? {
            GroupDescription::Classic(group) => Ok(classic(group)),
            GroupDescription::Consumer(group) => Ok(consumer(group)),
            _ => Err(ClientError::Malformed {
                what: format!("group {group}"),
                reason: "it is of a kind that these commands do not know".to_owned(),
            }),
        }
    }

    /// Everything that a group has committed.
    pub(crate) async fn committed(
        &self,
        group: &str,
    ) -> Result<BTreeMap<TopicPartition, Offset>, ClientError> {
        let asked = BTreeMap::from([(group, None)]);
        let mut committed = BTreeMap::new();
        for (partition, offset) in only(self.admin.list_group_offsets(&asked, false).await?)? {
            let about = |error| ClientError::about(error, format!("offset of group {group} in {partition}"));
            if let Some(offset) = offset.map_err(about)? {
                committed.insert(partition, offset.offset);
            }
        }
        Ok(committed)
    }

    /// Commits offsets for a group that has no members.
    pub(crate) async fn commit(
        &self,
        group: &str,
        offsets: &BTreeMap<TopicPartition, Offset>,
    ) -> Result<(), ClientError> {
        let offsets = offsets.iter();
        let offsets = offsets.map(|(partition, offset)| (partition.clone(), GroupOffset::new(*offset)));
        for (partition, outcome) in self.admin.alter_group_offsets(group, &offsets.collect()).await? {
            let about = |error| ClientError::about(error, format!("offset of group {group} in {partition}"));
            outcome.map_err(about)?;
        }
        Ok(())
    }

    /// Deletes a group that has no members, with its offsets.
    pub(crate) async fn delete_group(&self, group: &str) -> Result<(), ClientError> {
        Ok(only(self.admin.delete_groups(&[group]).await?)?)
    }
}

fn host(host: &str) -> String {
    host.trim_start_matches('/').to_owned()
}

fn classic(group: ClassicGroup) -> DescribedGroup {
    let members = group.members.into_iter().map(|member| Member {
        // Groups of Connect assign other things.
        partitions: member.partitions().unwrap_or_default(),
        member_id: member.id,
        instance_id: member.instance_id,
        client_id: member.client_id,
        host: host(&member.client_host),
        epoch: None,
        target: None,
    });
    DescribedGroup {
        members: members.collect(),
        group: group.id,
        r#type: "classic",
        state: group.state.to_string(),
        protocol_type: group.protocol_type,
        protocol: group.protocol,
        epoch: None,
        assignment_epoch: None,
        coordinator: group.coordinator.get(),
    }
}

fn consumer(group: ConsumerGroup) -> DescribedGroup {
    let members = group.members.into_iter().map(|member| Member {
        member_id: member.id,
        instance_id: member.instance_id,
        client_id: member.client_id,
        host: host(&member.client_host),
        epoch: Some(member.epoch),
        partitions: member.partitions,
        target: Some(member.target),
    });
    DescribedGroup {
        members: members.collect(),
        group: group.id,
        r#type: "consumer",
        state: group.state.to_string(),
        protocol_type: "consumer".to_owned(),
        protocol: group.assignor,
        epoch: Some(group.epoch),
        assignment_epoch: Some(group.assignment_epoch),
        coordinator: group.coordinator.get(),
    }
}
