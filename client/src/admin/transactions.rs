//! Transactions: who has one open, and where.

use std::collections::BTreeMap;

use medallion_wire::messages::describe_transactions_response::TransactionState;
use medallion_wire::messages::{DescribeTransactionsRequest, ListTransactionsRequest, TransactionalId};
use medallion_wire::{BrokerId, ProducerEpoch, ProducerId, TopicPartition};

use super::ask::{CoordinatorOf, ask_coordinators, ask_each_broker};
use super::{Admin, Each, outcome, text};
use crate::error::Error;

/// What a transaction's coordinator knows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransactionDescription {
    /// Its state in Kafka's words: `Empty`, `Ongoing`, `CompleteCommit`, ...
    pub state: String,
    /// The broker that coordinates it.
    pub coordinator: BrokerId,
    /// The producer's id.
    pub producer_id: ProducerId,
    /// The producer's epoch.
    pub producer_epoch: ProducerEpoch,
    /// Its `transaction.timeout.ms`.
    pub timeout_ms: i32,
    /// When it began (milliseconds since 1970); `None` while none is open.
    pub start_time: Option<i64>,
    /// Where it has written.
    pub partitions: Vec<TopicPartition>,
}

/// A transactional id in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransactionListing {
    /// Its state in Kafka's words.
    pub state: String,
    /// The producer's id.
    pub producer_id: ProducerId,
}

impl TransactionDescription {
    fn of_wire(state: &TransactionState, coordinator: BrokerId) -> Self {
        let partitions = state.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(|index| TopicPartition::new(topic.topic.as_str(), *index))
        });
        Self {
            state: state.transaction_state.to_string(),
            coordinator,
            producer_id: ProducerId(state.producer_id.0),
            producer_epoch: ProducerEpoch(state.producer_epoch),
            timeout_ms: state.transaction_timeout_ms,
            start_time: Some(state.transaction_start_time_ms).filter(|time| *time >= 0),
            partitions: partitions.collect(),
        }
    }
}

impl Admin {
    /// The transactions of these transactional ids.
    ///
    /// # Errors
    /// Where no broker answers within `default.api.timeout.ms`.
    pub async fn describe_transactions(
        &self,
        ids: &[&str],
    ) -> Result<Each<String, TransactionDescription>, Error> {
        let question = |ids: &[String]| {
            let ids = ids.iter().map(|id| TransactionalId(text(id))).collect();
            DescribeTransactionsRequest::default().with_transactional_ids(ids)
        };
        ask_coordinators(&self.client, CoordinatorOf::Transaction, ids, question, |coordinator, response| {
            let each = response.transaction_states.iter().map(|state| {
                let subject = format!("transactional id {}", &*state.transactional_id.0);
                let described = TransactionDescription::of_wire(state, coordinator);
                (state.transactional_id.to_string(), outcome(state.error_code, &subject, None, described))
            });
            each.collect()
        })
        .await
    }

    /// The transactional ids of all brokers, by id.
    ///
    /// # Errors
    /// Where a broker does not tell its transactions within `default.api.timeout.ms`: a list with gaps would mislead.
    pub async fn list_transactions(&self) -> Result<BTreeMap<String, TransactionListing>, Error> {
        let brokers = self.describe_cluster().await?.brokers.iter().map(|broker| broker.id).collect();
        let each =
            ask_each_broker(&self.client, brokers, ListTransactionsRequest::default, |broker, response| {
                let subject = format!("the transactions of broker {broker}");
                outcome(response.error_code, &subject, None, response.transaction_states)
            });
        let mut transactions = BTreeMap::new();
        for listed in each.await?.into_values() {
            transactions.extend(listed?.iter().map(|state| {
                let (kind, producer_id) =
                    (state.transaction_state.to_string(), ProducerId(state.producer_id.0));
                (state.transactional_id.to_string(), TransactionListing { state: kind, producer_id })
            }));
        }
        Ok(transactions)
    }
}
