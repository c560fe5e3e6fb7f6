//! What coordinators are asked for transactions.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use medallion_wire::kafka_protocol::protocol::{Request, StrBytes};
use medallion_wire::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use medallion_wire::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use medallion_wire::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, ApiVersionsRequest,
    EndTxnRequest, GroupId, InitProducerIdRequest, ProducerId as WireProducerId, TopicName, TransactionalId,
    TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};
use medallion_wire::{BrokerId, LeaderEpoch, ProducerEpoch, ProducerId, ResponseError, TopicPartition};
use parking_lot::Mutex;

use super::GroupMetadata;
use super::machine::Identity;
use crate::admin::{CoordinatorOf, GroupOffset, coordinators};
use crate::client::Client;
use crate::config::ProducerSettings;
use crate::connection::Ask;
use crate::error::Error;
use crate::retries::Retries;

/// The feature that says how transactions work (KIP-890), and the level from which on writing begins them.
const FEATURE: (&str, i16) = ("transaction.version", 2);
/// The highest versions without version 2 of transactions.
const END_V1_MAX: i16 = 4;
const OFFSETS_V1_MAX: i16 = 4;
/// Versions above are those of brokers among themselves.
const ADD_PARTITIONS_MAX: i16 = 3;

/// Asks the coordinators of one transactional id and of groups, again and again within `max.block.ms`.
#[derive(Debug)]
pub(in crate::producer) struct Asking {
    id: Arc<str>,
    timeout_ms: i32,
    max_block: Duration,
    coordinators: Mutex<HashMap<(bool, String), BrokerId>>,
}

impl Asking {
    pub(in crate::producer) fn new(id: &Arc<str>, settings: &ProducerSettings) -> Self {
        let timeout_ms = i32::try_from(settings.transaction_timeout.as_millis()).unwrap_or(i32::MAX);
        let (id, max_block) = (Arc::clone(id), settings.max_block);
        Self { id, timeout_ms, max_block, coordinators: Mutex::default() }
    }

    /// Whether the cluster has version 2 of transactions. Fails where it has none at all.
    pub(super) async fn find_version(&self, client: &Client) -> Result<bool, Error> {
        client.check_any::<EndTxnRequest>().await?;
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("medallion-client"))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        let asking = client.clone();
        let response = client.retry(move || ask_any(asking.clone(), request.clone())).await?;
        let (name, level) = FEATURE;
        let mut features = response.finalized_features.iter();
        Ok(features.any(|feature| &*feature.name == name && feature.max_version_level >= level))
    }

    /// An id and epoch; the next epoch where this producer has had one.
    pub(in crate::producer) async fn init_producer_id(
        &self,
        client: &Client,
        before: Identity,
    ) -> Result<Identity, Error> {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(Some(self.transactional_id()))
            .with_transaction_timeout_ms(self.timeout_ms)
            .with_producer_id(WireProducerId(before.0.get()))
            .with_producer_epoch(before.1.get());
        self.ask_own(client, request, i16::MAX, |response| {
            Error::check(response.error_code, || self.subject(), None)?;
            Ok((ProducerId(response.producer_id.0), ProducerEpoch(response.producer_epoch)))
        })
        .await
    }

    /// Makes partitions part of the transaction (version 1).
    pub(super) async fn add_partitions(
        &self,
        client: &Client,
        (producer_id, epoch): Identity,
        partitions: &BTreeSet<TopicPartition>,
    ) -> Result<(), Error> {
        let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
        for partition in partitions {
            topics.entry(&partition.topic).or_default().push(partition.partition.get());
        }
        let topic = |(name, partitions)| {
            AddPartitionsToTxnTopic::default().with_name(TopicName(text(name))).with_partitions(partitions)
        };
        let request = AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(self.transactional_id())
            .with_v3_and_below_producer_id(WireProducerId(producer_id.get()))
            .with_v3_and_below_producer_epoch(epoch.get())
            .with_v3_and_below_topics(topics.into_iter().map(topic).collect());
        self.ask_own(client, request, ADD_PARTITIONS_MAX, added).await
    }

    /// Commits offsets in the transaction.
    pub(super) async fn send_offsets(
        &self,
        client: &Client,
        identity: Identity,
        is_v2: bool,
        offsets: &BTreeMap<TopicPartition, GroupOffset>,
        group: &GroupMetadata,
    ) -> Result<(), Error> {
        let (producer_id, epoch) = (WireProducerId(identity.0.get()), identity.1.get());
        if !is_v2 {
            let request = AddOffsetsToTxnRequest::default()
                .with_transactional_id(self.transactional_id())
                .with_producer_id(producer_id)
                .with_producer_epoch(epoch)
                .with_group_id(GroupId(text(&group.group_id)));
            let read = |response: <AddOffsetsToTxnRequest as Request>::Response| {
                Error::check(
                    response.error_code,
                    || format!("{}, group {}", self.subject(), group.group_id),
                    None,
                )
            };
            self.ask_own(client, request, i16::MAX, read).await?;
        }
        let request = TxnOffsetCommitRequest::default()
            .with_transactional_id(self.transactional_id())
            .with_group_id(GroupId(text(&group.group_id)))
            .with_producer_id(producer_id)
            .with_producer_epoch(epoch)
            .with_generation_id(group.generation)
            .with_member_id(text(&group.member_id))
            .with_group_instance_id(group.instance_id.as_deref().map(text))
            .with_topics(offset_topics(offsets));
        let cap = if is_v2 { i16::MAX } else { OFFSETS_V1_MAX };
        let read = |response| committed(&group.group_id, &response);
        self.ask(client, CoordinatorOf::Group, &group.group_id, request, cap, read).await
    }

    /// Ends the transaction; gives the producer of the next one, with version 2.
    pub(super) async fn end(
        &self,
        client: &Client,
        (producer_id, epoch): Identity,
        is_v2: bool,
        is_committed: bool,
    ) -> Result<Option<Identity>, Error> {
        let request = EndTxnRequest::default()
            .with_transactional_id(self.transactional_id())
            .with_producer_id(WireProducerId(producer_id.get()))
            .with_producer_epoch(epoch.get())
            .with_committed(is_committed);
        let cap = if is_v2 { i16::MAX } else { END_V1_MAX };
        self.ask_own(client, request, cap, |response| {
            Error::check(response.error_code, || self.subject(), None)?;
            let next = (ProducerId(response.producer_id.0), ProducerEpoch(response.producer_epoch));
            Ok(Some(next).filter(|next| is_v2 && next.0.get() >= 0))
        })
        .await
    }

    async fn ask_own<R: Ask + Clone, T>(
        &self,
        client: &Client,
        request: R,
        cap: i16,
        read: impl Fn(R::Response) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.ask(client, CoordinatorOf::Transaction, &self.id, request, cap, read).await
    }

    async fn ask<R: Ask + Clone, T>(
        &self,
        client: &Client,
        of: CoordinatorOf,
        key: &str,
        request: R,
        cap: i16,
        read: impl Fn(R::Response) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut retries = Retries::within(client, self.max_block);
        loop {
            let attempt = async {
                let coordinator = self.coordinator(client, of, key).await?;
                client.call_broker_capped(coordinator, request.clone(), cap).await
            };
            match retries.attempt(attempt).await.and_then(&read) {
                Ok(answer) => return Ok(answer),
                Err(error) => {
                    if may_have_moved(&error) {
                        self.coordinators.lock().remove(&place(of, key));
                    }
                    retries.again(error).await?;
                }
            }
        }
    }

    async fn coordinator(&self, client: &Client, of: CoordinatorOf, key: &str) -> Result<BrokerId, Error> {
        let known = self.coordinators.lock().get(&place(of, key)).copied();
        if let Some(known) = known {
            return Ok(known);
        }
        let mut found = coordinators(client, of, &[key.to_owned()]).await?;
        let missing = || Err(Error::malformed("the answer to FindCoordinator", format!("it lacks {key}")));
        let found = found.remove(key).unwrap_or_else(missing)?;
        self.coordinators.lock().insert(place(of, key), found);
        Ok(found)
    }

    fn transactional_id(&self) -> TransactionalId {
        TransactionalId(text(&self.id))
    }

    fn subject(&self) -> String {
        format!("transactional.id {}", self.id)
    }
}

async fn ask_any<R: Ask>(client: Client, request: R) -> Result<R::Response, Error> {
    client.call_any(request).await
}

fn place(of: CoordinatorOf, key: &str) -> (bool, String) {
    (of == CoordinatorOf::Transaction, key.to_owned())
}

fn may_have_moved(error: &Error) -> bool {
    match error.code() {
        Some(code) => {
            matches!(code, ResponseError::NotCoordinator | ResponseError::CoordinatorNotAvailable)
        }
        None => error.is_retriable(),
    }
}

/// The first reason why partitions are not part of the transaction, but for those that were left out because of another.
fn added(response: AddPartitionsToTxnResponse) -> Result<(), Error> {
    let results = response.results_by_topic_v3_and_below.iter().flat_map(|topic| {
        let partitions = topic.results_by_partition.iter();
        partitions.map(|one| {
            let partition = TopicPartition::new(topic.name.as_str(), one.partition_index);
            Error::check(one.partition_error_code, || partition.to_string(), None)
        })
    });
    let not_attempted = Some(ResponseError::OperationNotAttempted);
    let (mut reason, mut consequence) = (Ok(()), Ok(()));
    for error in results.filter_map(Result::err) {
        let place = if error.code() == not_attempted { &mut consequence } else { &mut reason };
        if place.is_ok() {
            *place = Err(error);
        }
    }
    reason.and(consequence)
}

fn offset_topics(offsets: &BTreeMap<TopicPartition, GroupOffset>) -> Vec<TxnOffsetCommitRequestTopic> {
    let mut topics: BTreeMap<&str, Vec<TxnOffsetCommitRequestPartition>> = BTreeMap::new();
    for (partition, offset) in offsets {
        topics.entry(&partition.topic).or_default().push(
            TxnOffsetCommitRequestPartition::default()
                .with_partition_index(partition.partition.get())
                .with_committed_offset(offset.offset.get())
                .with_committed_leader_epoch(offset.leader_epoch.unwrap_or(LeaderEpoch::NONE).get())
                .with_committed_metadata(Some(text(&offset.metadata))),
        );
    }
    let topic = |(name, partitions)| {
        TxnOffsetCommitRequestTopic::default().with_name(TopicName(text(name))).with_partitions(partitions)
    };
    topics.into_iter().map(topic).collect()
}

fn committed(group: &str, response: &TxnOffsetCommitResponse) -> Result<(), Error> {
    for topic in &response.topics {
        for one in &topic.partitions {
            let subject = || format!("{}-{} in group {group}", topic.name.as_str(), one.partition_index);
            Error::check(one.error_code, subject, None)?;
        }
    }
    Ok(())
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
