//! Topics: made, grown, removed.

use std::collections::BTreeMap;

use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::create_partitions_request::CreatePartitionsTopic;
use medallion_wire::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use medallion_wire::messages::delete_topics_request::DeleteTopicState;
use medallion_wire::messages::{BrokerId, CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest};

use super::ClientError;
use super::cluster::{Client, topic_name};

const TIMEOUT_MS: i32 = 30_000;

/// A topic to be made.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewTopic {
    /// Its name.
    pub(crate) name: String,
    /// How many partitions; the broker's default when `None`.
    pub(crate) partitions: Option<i32>,
    /// How many replicas of each; the broker's default when `None`.
    pub(crate) replication_factor: Option<i16>,
    /// The replicas of each partition, instead of the two numbers above.
    pub(crate) assignment: Vec<Vec<i32>>,
    /// The topic's own settings.
    pub(crate) configs: BTreeMap<String, String>,
}

impl Client {
    /// Makes topics, or only checks that they could be made.
    pub(crate) async fn create_topic(
        &mut self,
        topic: &NewTopic,
        validate_only: bool,
    ) -> Result<(), ClientError> {
        let response = self
            .call_any(|_| {
                CreateTopicsRequest::default()
                    .with_timeout_ms(TIMEOUT_MS)
                    .with_validate_only(validate_only)
                    .with_topics(vec![creatable(topic)])
            })
            .await?;
        for topic in response.topics {
            let message = topic.error_message.as_deref();
            ClientError::check(topic.error_code, || format!("topic {}", topic.name.0), message)?;
        }
        Ok(())
    }

    /// Removes a topic.
    pub(crate) async fn delete_topic(&mut self, name: &str) -> Result<(), ClientError> {
        let response = self
            .call_any(|version| {
                let request = DeleteTopicsRequest::default().with_timeout_ms(TIMEOUT_MS);
                if version >= 6 {
                    request.with_topics(vec![DeleteTopicState::default().with_name(Some(topic_name(name)))])
                } else {
                    request.with_topic_names(vec![topic_name(name)])
                }
            })
            .await?;
        for answer in response.responses {
            let message = answer.error_message.as_deref();
            ClientError::check(answer.error_code, || format!("topic {name}"), message)?;
        }
        Ok(())
    }

    /// Gives a topic more partitions; `count` is how many it has then.
    pub(crate) async fn create_partitions(
        &mut self,
        topic: &str,
        count: i32,
        validate_only: bool,
    ) -> Result<(), ClientError> {
        let response = self
            .call_any(|_| {
                let topic = CreatePartitionsTopic::default()
                    .with_name(topic_name(topic))
                    .with_count(count)
                    .with_assignments(None);
                CreatePartitionsRequest::default()
                    .with_timeout_ms(TIMEOUT_MS)
                    .with_validate_only(validate_only)
                    .with_topics(vec![topic])
            })
            .await?;
        for answer in response.results {
            let message = answer.error_message.as_deref();
            ClientError::check(answer.error_code, || format!("topic {topic}"), message)?;
        }
        Ok(())
    }
}

fn creatable(topic: &NewTopic) -> CreatableTopic {
    let config = |(name, value): (&String, &String)| {
        CreatableTopicConfig::default()
            .with_name(StrBytes::from_string(name.clone()))
            .with_value(Some(StrBytes::from_string(value.clone())))
    };
    let assignment = |(index, brokers): (usize, &Vec<i32>)| {
        CreatableReplicaAssignment::default()
            .with_partition_index(i32::try_from(index).unwrap_or(i32::MAX))
            .with_broker_ids(brokers.iter().copied().map(BrokerId).collect())
    };
    CreatableTopic::default()
        .with_name(topic_name(&topic.name))
        .with_num_partitions(topic.partitions.unwrap_or(-1))
        .with_replication_factor(topic.replication_factor.unwrap_or(-1))
        .with_assignments(topic.assignment.iter().enumerate().map(assignment).collect())
        .with_configs(topic.configs.iter().map(config).collect())
}
