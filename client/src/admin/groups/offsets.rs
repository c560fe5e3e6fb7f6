//! The offsets that groups have committed.

use std::collections::BTreeMap;
use std::sync::Arc;

use medallion_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use medallion_wire::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use medallion_wire::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use medallion_wire::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions,
};
use medallion_wire::messages::{OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest};
use medallion_wire::{LeaderEpoch, Offset, TopicPartition};

use super::super::ask::{CoordinatorOf, ask_coordinator, ask_coordinators, by_topic};
use super::super::{text, topic_name};
use super::{Admin, Each, group_id, outcome};
use crate::error::Error;

/// The generation of who is no member.
const NO_GENERATION: i32 = -1;

/// An offset that a group has committed, or is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupOffset {
    /// The next record's offset that the group reads.
    pub offset: Offset,
    /// The leader epoch of the record before it, where it is known.
    pub leader_epoch: Option<LeaderEpoch>,
    /// A text that the consumer has kept with it.
    pub metadata: String,
}

impl GroupOffset {
    /// An offset alone.
    pub fn new(offset: Offset) -> Self {
        Self { offset, leader_epoch: None, metadata: String::new() }
    }

    fn of_wire(found: &OffsetFetchResponsePartitions) -> Option<Self> {
        (found.committed_offset >= 0).then(|| Self {
            offset: Offset(found.committed_offset),
            leader_epoch: Some(LeaderEpoch(found.committed_leader_epoch)).filter(|epoch| epoch.get() >= 0),
            metadata: found.metadata.as_deref().unwrap_or_default().to_owned(),
        })
    }
}

/// Partitions and what each group has committed for them; `None` where that is nothing.
type Committed = Each<TopicPartition, Option<GroupOffset>>;

impl Admin {
    /// What groups have committed: for these partitions, or with `None` for all. With `is_stable`, offsets of transactions that
    /// are still open are waited for.
    ///
    /// # Errors
    /// Where no broker answers within `default.api.timeout.ms`.
    pub async fn list_group_offsets(
        &self,
        groups: &BTreeMap<&str, Option<Vec<TopicPartition>>>,
        is_stable: bool,
    ) -> Result<Each<String, Committed>, Error> {
        let ids: Vec<&str> = groups.keys().copied().collect();
        let asked = |id: &String| {
            let partitions = groups.get(id.as_str()).and_then(Option::as_ref);
            let topics = partitions.map(|partitions| {
                let topics = by_topic(partitions).into_iter();
                let topic = |(name, indexes): (Arc<str>, _)| {
                    OffsetFetchRequestTopics::default()
                        .with_name(topic_name(&name))
                        .with_partition_indexes(indexes)
                };
                topics.map(topic).collect()
            });
            OffsetFetchRequestGroup::default().with_group_id(group_id(id)).with_topics(topics)
        };
        let question = |ids: &[String]| {
            OffsetFetchRequest::default()
                .with_groups(ids.iter().map(asked).collect())
                .with_require_stable(is_stable)
        };
        ask_coordinators(&self.client, CoordinatorOf::Group, &ids, question, |_, response| {
            let groups = response.groups.iter();
            groups.map(|group| (group.group_id.to_string(), committed(group))).collect()
        })
        .await
    }

    /// Sets what a group has committed. The group must have no members that read.
    ///
    /// # Errors
    /// Where the group's coordinator does not answer within `default.api.timeout.ms`, or refuses the whole group.
    pub async fn alter_group_offsets(
        &self,
        group: &str,
        offsets: &BTreeMap<TopicPartition, GroupOffset>,
    ) -> Result<Each<TopicPartition, ()>, Error> {
        let mut topics: BTreeMap<&str, Vec<OffsetCommitRequestPartition>> = BTreeMap::new();
        for (partition, offset) in offsets {
            topics.entry(&partition.topic).or_default().push(
                OffsetCommitRequestPartition::default()
                    .with_partition_index(partition.partition.get())
                    .with_committed_offset(offset.offset.get())
                    .with_committed_leader_epoch(offset.leader_epoch.unwrap_or(LeaderEpoch::NONE).get())
                    .with_committed_metadata(Some(text(&offset.metadata))),
            );
        }
        let topic = |(name, partitions)| {
            OffsetCommitRequestTopic::default().with_name(topic_name(name)).with_partitions(partitions)
        };
        let topics: Vec<_> = topics.into_iter().map(topic).collect();
        let question = || {
            OffsetCommitRequest::default()
                .with_group_id(group_id(group))
                .with_generation_id_or_member_epoch(NO_GENERATION)
                .with_topics(topics.clone())
        };
        ask_coordinator(&self.client, group, question, |response| {
            let answers = response.topics.iter().flat_map(|topic| {
                topic.partitions.iter().map(|one| (&*topic.name.0, one.partition_index, one.error_code))
            });
            partitions_of(group, answers)
        })
        .await
    }

    /// Forgets what a group has committed for partitions of topics that no member reads.
    ///
    /// # Errors
    /// Where the group's coordinator does not answer within `default.api.timeout.ms`, or refuses the whole group.
    pub async fn delete_group_offsets(
        &self,
        group: &str,
        partitions: &[TopicPartition],
    ) -> Result<Each<TopicPartition, ()>, Error> {
        let topic = |(name, indexes): (Arc<str>, Vec<i32>)| {
            let partition = |index| OffsetDeleteRequestPartition::default().with_partition_index(index);
            OffsetDeleteRequestTopic::default()
                .with_name(topic_name(&name))
                .with_partitions(indexes.into_iter().map(partition).collect())
        };
        let topics: Vec<_> = by_topic(partitions).into_iter().map(topic).collect();
        let question =
            || OffsetDeleteRequest::default().with_group_id(group_id(group)).with_topics(topics.clone());
        ask_coordinator(&self.client, group, question, |response| {
            Error::check(response.error_code, || format!("group {group}"), None)?;
            let answers = response.topics.iter().flat_map(|topic| {
                topic.partitions.iter().map(|one| (&*topic.name.0, one.partition_index, one.error_code))
            });
            partitions_of(group, answers)
        })
        .await
    }
}

/// The outcome of each partition; an error that another attempt may mend is that of all.
fn partitions_of<'a>(
    group: &str,
    answers: impl Iterator<Item = (&'a str, i32, i16)>,
) -> Result<Each<TopicPartition, ()>, Error> {
    let mut each = Each::new();
    for (topic, index, code) in answers {
        let partition = TopicPartition::new(topic, index);
        match outcome(code, &format!("{partition} in group {group}"), None, ()) {
            Err(error) if is_about_the_coordinator(&error) => return Err(error),
            outcome => each.insert(partition, outcome),
        };
    }
    Ok(each)
}

fn committed(answer: &OffsetFetchResponseGroup) -> Result<Committed, Error> {
    let group = super::group(&answer.group_id);
    Error::check(answer.error_code, || group.clone(), None)?;
    let mut each = Committed::new();
    for topic in &answer.topics {
        for found in &topic.partitions {
            let partition = TopicPartition::new(topic.name.as_str(), found.partition_index);
            let subject = format!("{partition} in {group}");
            match outcome(found.error_code, &subject, None, GroupOffset::of_wire(found)) {
                Err(error) if is_about_the_coordinator(&error) => return Err(error),
                outcome => each.insert(partition, outcome),
            };
        }
    }
    Ok(each)
}

/// Whether a partition's error is that of the group's coordinator, or goes by itself.
fn is_about_the_coordinator(error: &Error) -> bool {
    use medallion_wire::ResponseError as Code;
    let codes = [
        Code::CoordinatorLoadInProgress,
        Code::CoordinatorNotAvailable,
        Code::NotCoordinator,
        Code::UnstableOffsetCommit,
    ];
    error.code().is_some_and(|code| codes.contains(&code))
}
