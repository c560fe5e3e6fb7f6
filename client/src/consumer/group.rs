//! A group's coordinator, and the offsets that the group has committed. No membership is needed for offsets; a member commits as
//! what it is, so that who has been thrown out commits nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use medallion_wire::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use medallion_wire::messages::{
    FindCoordinatorRequest, GroupId, OffsetCommitRequest, OffsetFetchRequest, TopicName,
};
use medallion_wire::{BrokerId, LeaderEpoch, Offset, ResponseError, TopicPartition};
use parking_lot::Mutex;

use super::position::Position;
use crate::admin::Each;
use crate::brokers::Purpose;
use crate::client::Client;
use crate::connection::Ask;
use crate::error::Error;
use crate::producer::GroupMetadata;

/// The generation of who is no member.
const NO_GENERATION: i32 = -1;

/// A group, with the broker that keeps its offsets.
#[derive(Debug)]
pub(super) struct Group {
    id: Arc<str>,
    coordinator: Mutex<Option<BrokerId>>,
    member: Mutex<Option<Identity>>,
}

/// A member, as commits name it.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) member_id: Arc<str>,
    pub(super) instance_id: Option<Arc<str>>,
    /// The generation, or the member's epoch.
    pub(super) generation: i32,
}

/// Positions by partition.
pub(super) type Positions = Vec<(TopicPartition, Position)>;

impl Group {
    pub(super) fn new(id: &str) -> Self {
        Self { id: id.into(), coordinator: Mutex::default(), member: Mutex::default() }
    }

    /// The group's name.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The group, and as whom commits are made.
    pub(super) fn metadata(&self) -> GroupMetadata {
        let group = GroupMetadata::new(self.id());
        match self.member.lock().clone() {
            None => group,
            Some(member) => GroupMetadata {
                generation: member.generation,
                member_id: member.member_id.to_string(),
                instance_id: member.instance_id.as_deref().map(str::to_owned),
                ..group
            },
        }
    }

    /// Commits are made as this member from now on; as nobody without one. Who is in no generation, because it has been thrown out or
    /// has not joined yet, is named as what it was: a transaction takes offsets of nobody, and what was read then may be another's now.
    pub(super) fn become_member(&self, member: Option<Identity>) {
        let mut current = self.member.lock();
        let is_in = member.as_ref().is_none_or(|member| member.generation > 0);
        if is_in || current.is_none() {
            *current = member;
        }
    }

    /// Asks the coordinator once.
    pub(super) async fn ask<R: Ask>(
        &self,
        client: &Client,
        purpose: Purpose,
        timeout: Duration,
        request: R,
    ) -> Result<R::Response, Error> {
        let coordinator = self.coordinator(client).await?;
        let connection = client.brokers().connection(coordinator, purpose).await?;
        connection.call(timeout, client.brokers().client_id(), request).await
    }

    /// Commits positions, again and again where that may help. A member commits what `is_own`, and nothing that it has given back.
    pub(super) async fn commit(
        self: &Arc<Self>,
        client: &Client,
        positions: Positions,
        is_own: impl Fn(&TopicPartition) -> bool + Send + Sync + 'static,
    ) -> Result<Each<TopicPartition, ()>, Error> {
        let (group, asking, positions) = (Arc::clone(self), client.clone(), Arc::new(positions));
        let is_own = Arc::new(is_own);
        let attempt = move || {
            let (mut foreign, mut own) = (Each::new(), Vec::new());
            let is_member = group.member.lock().is_some();
            for (partition, position) in positions.iter() {
                if is_member && !is_own(partition) {
                    let error = Error::NotAssigned { partition: partition.clone() };
                    foreign.insert(partition.clone(), Err(error));
                } else {
                    own.push((partition.clone(), *position));
                }
            }
            commit_once(Arc::clone(&group), asking.clone(), own, foreign)
        };
        client.retry(attempt).await
    }

    /// The committed positions; `None` where there is none. Offsets of transactions that are open are waited for, as Java's consumers do
    /// at every isolation level (KIP-447).
    pub(super) async fn committed(
        self: &Arc<Self>,
        client: &Client,
        partitions: Vec<TopicPartition>,
    ) -> Result<Each<TopicPartition, Option<Position>>, Error> {
        let (group, asking, partitions) = (Arc::clone(self), client.clone(), Arc::new(partitions));
        let attempt = move || committed_once(Arc::clone(&group), asking.clone(), Arc::clone(&partitions));
        client.retry(attempt).await
    }

    async fn coordinator(&self, client: &Client) -> Result<BrokerId, Error> {
        if let Some(known) = *self.coordinator.lock() {
            return Ok(known);
        }
        let request = FindCoordinatorRequest::default().with_coordinator_keys(vec![text(&self.id)]);
        let response = client.call_any(request).await?;
        let found = response.coordinators.into_iter().next();
        let found = found.ok_or_else(|| Error::malformed("the answer to FindCoordinator", "it is empty"))?;
        Error::check(found.error_code, || self.subject(), found.error_message.as_deref())?;
        let id = BrokerId(found.node_id.0);
        *self.coordinator.lock() = Some(id);
        Ok(id)
    }

    /// Looks for the coordinator again where `error` says that it may be another.
    pub(super) fn learn(&self, error: &Error) {
        let may_have_moved = match error.code() {
            Some(code) => {
                matches!(code, ResponseError::NotCoordinator | ResponseError::CoordinatorNotAvailable)
            }
            None => error.is_retriable(),
        };
        if may_have_moved {
            *self.coordinator.lock() = None;
        }
    }

    fn subject(&self) -> String {
        format!("group {}", self.id)
    }
}

async fn commit_once(
    group: Arc<Group>,
    client: Client,
    positions: Positions,
    mut each: Each<TopicPartition, ()>,
) -> Result<Each<TopicPartition, ()>, Error> {
    if positions.is_empty() {
        return Ok(each);
    }
    let outcome = commit_to(&group, &client, &positions).await;
    each.extend(outcome.inspect_err(|error| group.learn(error))?);
    Ok(each)
}

async fn commit_to(
    group: &Group,
    client: &Client,
    positions: &Positions,
) -> Result<Each<TopicPartition, ()>, Error> {
    let coordinator = group.coordinator(client).await?;
    let mut topics: BTreeMap<&str, Vec<OffsetCommitRequestPartition>> = BTreeMap::new();
    for (partition, position) in positions {
        let epoch = position.leader_epoch.unwrap_or(LeaderEpoch::NONE);
        topics.entry(&partition.topic).or_default().push(
            OffsetCommitRequestPartition::default()
                .with_partition_index(partition.partition.get())
                .with_committed_offset(position.offset.get())
                .with_committed_leader_epoch(epoch.get())
                .with_committed_metadata(Some(StrBytes::default())),
        );
    }
    let topic = |(name, partitions)| {
        OffsetCommitRequestTopic::default().with_name(TopicName(text(name))).with_partitions(partitions)
    };
    let request = OffsetCommitRequest::default()
        .with_group_id(GroupId(text(&group.id)))
        .with_generation_id_or_member_epoch(NO_GENERATION)
        .with_topics(topics.into_iter().map(topic).collect());
    let member = group.member.lock().clone();
    let request = match &member {
        None => request,
        Some(member) => request
            .with_member_id(text(&member.member_id))
            .with_group_instance_id(member.instance_id.as_deref().map(text))
            .with_generation_id_or_member_epoch(member.generation),
    };
    let response = client.call_broker(coordinator, request).await?;
    let mut each = Each::new();
    for topic in response.topics {
        let name: Arc<str> = topic.name.as_str().into();
        for one in topic.partitions {
            let partition = TopicPartition::new(Arc::clone(&name), one.partition_index);
            match Error::check(one.error_code, || format!("{} at {partition}", group.subject()), None) {
                Err(error) if error.is_retriable() => return Err(error),
                outcome => each.insert(partition, outcome),
            };
        }
    }
    Ok(each)
}

async fn committed_once(
    group: Arc<Group>,
    client: Client,
    partitions: Arc<Vec<TopicPartition>>,
) -> Result<Each<TopicPartition, Option<Position>>, Error> {
    let outcome = committed_of(&group, &client, &partitions).await;
    outcome.inspect_err(|error| group.learn(error))
}

async fn committed_of(
    group: &Group,
    client: &Client,
    partitions: &[TopicPartition],
) -> Result<Each<TopicPartition, Option<Position>>, Error> {
    let coordinator = group.coordinator(client).await?;
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        topics.entry(&partition.topic).or_default().push(partition.partition.get());
    }
    let topic = |(name, indexes)| {
        OffsetFetchRequestTopics::default().with_name(TopicName(text(name))).with_partition_indexes(indexes)
    };
    let asked = OffsetFetchRequestGroup::default()
        .with_group_id(GroupId(text(&group.id)))
        .with_topics(Some(topics.into_iter().map(topic).collect()));
    let request = OffsetFetchRequest::default().with_groups(vec![asked]).with_require_stable(true);
    let response = client.call_broker(coordinator, request).await?;
    let answer = response.groups.into_iter().next();
    let answer = answer.ok_or_else(|| Error::malformed("the answer to OffsetFetch", "it is empty"))?;
    Error::check(answer.error_code, || group.subject(), None)?;
    let mut each = Each::new();
    for topic in answer.topics {
        let name: Arc<str> = topic.name.as_str().into();
        for one in topic.partitions {
            let partition = TopicPartition::new(Arc::clone(&name), one.partition_index);
            let leader_epoch =
                Some(LeaderEpoch(one.committed_leader_epoch)).filter(|epoch| *epoch > LeaderEpoch::NONE);
            let offset = Some(Offset(one.committed_offset)).filter(|offset| offset.get() >= 0);
            let position = offset.map(|offset| Position { offset, leader_epoch });
            match Error::check(one.error_code, || format!("{} at {partition}", group.subject()), None) {
                Err(error) if error.is_retriable() => return Err(error),
                outcome => each.insert(partition, outcome.map(|()| position)),
            };
        }
    }
    Ok(each)
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_in_a_transaction_are_those_of_the_member_that_one_is() {
        let group = Group::new("movers");
        assert_eq!(group.metadata(), GroupMetadata::new("movers"));
        let member = Identity { member_id: "m-1".into(), instance_id: Some("static".into()), generation: 7 };
        group.become_member(Some(member.clone()));
        group.become_member(Some(Identity { member_id: "".into(), generation: NO_GENERATION, ..member }));
        let metadata = group.metadata();
        assert_eq!((metadata.member_id.as_str(), metadata.generation), ("m-1", 7));
        assert_eq!(metadata.instance_id.as_deref(), Some("static"));
        group.become_member(None);
        assert_eq!(group.metadata().generation, NO_GENERATION);
    }
}
