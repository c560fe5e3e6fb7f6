//! Topics: make, remove, grow, describe.

use std::collections::BTreeMap;
use std::sync::Arc;

use medallion_wire::messages::create_partitions_request::CreatePartitionsTopic;
use medallion_wire::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use medallion_wire::messages::delete_topics_request::DeleteTopicState;
use medallion_wire::messages::metadata_request::MetadataRequestTopic;
use medallion_wire::messages::{
    BrokerId as WireBrokerId, CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest,
    MetadataRequest,
};
use medallion_wire::{BrokerId, TopicId};

use super::{Admin, Asked, Each, outcome, text, topic_name};
use crate::error::Error;
use crate::metadata::{Cluster, Topic};

/// A topic to make.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a topic is made by Admin::create_topics"]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions; -1 for the broker's `num.partitions`.
    pub partitions: i32,
    /// How many replicas of each; -1 for the broker's `default.replication.factor`.
    pub replication_factor: i16,
    /// Which brokers hold each partition, instead of the two above where it is not empty.
    pub assignments: Vec<Vec<BrokerId>>,
    /// Its own settings.
    pub configs: BTreeMap<String, String>,
}

impl NewTopic {
    /// A topic with the broker's replication factor and settings.
    pub fn new(name: impl Into<String>, partitions: i32) -> Self {
        let (assignments, configs) = (Vec::new(), BTreeMap::new());
        Self { name: name.into(), partitions, replication_factor: -1, assignments, configs }
    }

    /// Sets the number of replicas.
    pub fn replication_factor(mut self, replication_factor: i16) -> Self {
        self.replication_factor = replication_factor;
        self
    }

    /// Adds a setting.
    pub fn config(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.configs.insert(name.into(), value.into());
        self
    }

    fn to_wire(&self) -> CreatableTopic {
        let has_assignments = !self.assignments.is_empty();
        let assignments = (0..).zip(&self.assignments).map(|(index, brokers)| {
            CreatableReplicaAssignment::default()
                .with_partition_index(index)
                .with_broker_ids(brokers.iter().map(|id| WireBrokerId(id.get())).collect())
        });
        let config = |(name, value): (&String, &String)| {
            CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value)))
        };
        CreatableTopic::default()
            .with_name(topic_name(&self.name))
            .with_num_partitions(if has_assignments { -1 } else { self.partitions })
            .with_replication_factor(if has_assignments { -1 } else { self.replication_factor })
            .with_assignments(assignments.collect())
            .with_configs(self.configs.iter().map(config).collect())
    }
}

/// A topic that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreatedTopic {
    /// Its id; [`TopicId::NONE`] from brokers before 2.8.
    pub id: TopicId,
    /// How many partitions it has; `None` where we may not see that.
    pub partitions: Option<i32>,
    /// How many replicas each has; `None` where we may not see that.
    pub replication_factor: Option<i16>,
}

impl Admin {
    /// Makes topics.
    ///
    /// # Errors
    /// Where no broker answers within `default.api.timeout.ms`.
    pub async fn create_topics(&self, topics: &[NewTopic]) -> Result<Each<String, CreatedTopic>, Error> {
        self.create(topics, false).await
    }

    /// Checks whether [`Admin::create_topics`] would succeed.
    ///
    /// # Errors
    /// Where no broker answers within `default.api.timeout.ms`.
    pub async fn validate_topics(&self, topics: &[NewTopic]) -> Result<Each<String, CreatedTopic>, Error> {
        self.create(topics, true).await
    }

    async fn create(
        &self,
        topics: &[NewTopic],
        validate_only: bool,
    ) -> Result<Each<String, CreatedTopic>, Error> {
        let request = CreateTopicsRequest::default()
            .with_topics(topics.iter().map(NewTopic::to_wire).collect())
            .with_timeout_ms(self.timeout_ms())
            .with_validate_only(validate_only);
        let response = self.ask(Asked::Controller, request).await?;
        let each = response.topics.iter().map(|topic| {
            let created = CreatedTopic {
                id: TopicId(topic.topic_id),
                partitions: Some(topic.num_partitions).filter(|count| *count >= 0),
                replication_factor: Some(topic.replication_factor).filter(|factor| *factor >= 0),
            };
            let name = topic.name.to_string();
            let created = outcome(topic.error_code, &name, topic.error_message.as_ref(), created);
            (name, created)
        });
        Ok(each.collect())
    }

    /// Removes topics with all their records.
    ///
    /// # Errors
    /// Where no broker answers within `default.api.timeout.ms`.
    pub async fn delete_topics(&self, names: &[&str]) -> Result<Each<String, ()>, Error> {
        let state = |name: &&str| DeleteTopicState::default().with_name(Some(topic_name(name)));
        let request = DeleteTopicsRequest::default()
            .with_topics(names.iter().map(state).collect())
            .with_timeout_ms(self.timeout_ms());
        let response = self.ask(Asked::Controller, request).await?;
        let each = response.responses.iter().map(|topic| {
            let name = topic.name.as_ref().map(|name| name.to_string()).unwrap_or_default();
            let deleted = outcome(topic.error_code, &name, topic.error_message.as_ref(), ());
            (name, deleted)
        });
        Ok(each.collect())
    }

    /// Gives topics more partitions: so many altogether.
    ///
    /// # Errors
    /// Where no broker answers within `default.api.timeout.ms`.
    pub async fn create_partitions(&self, totals: &[(&str, i32)]) -> Result<Each<String, ()>, Error> {
        self.grow(totals, false).await
    }

    /// Checks whether [`Admin::create_partitions`] would succeed.
    ///
    /// # Errors
    /// Where no broker answers within `default.api.timeout.ms`.
    pub async fn validate_partitions(&self, totals: &[(&str, i32)]) -> Result<Each<String, ()>, Error> {
        self.grow(totals, true).await
    }

    async fn grow(&self, totals: &[(&str, i32)], validate_only: bool) -> Result<Each<String, ()>, Error> {
        let topic = |(name, total): &(&str, i32)| {
            CreatePartitionsTopic::default()
                .with_name(topic_name(name))
                .with_count(*total)
                .with_assignments(None)
        };
        let request = CreatePartitionsRequest::default()
            .with_topics(totals.iter().map(topic).collect())
            .with_timeout_ms(self.timeout_ms())
            .with_validate_only(validate_only);
        let response = self.ask(Asked::Controller, request).await?;
        let each = response.results.iter().map(|topic| {
            let name = topic.name.to_string();
            let grown = outcome(topic.error_code, &name, topic.error_message.as_ref(), ());
            (name, grown)
        });
        Ok(each.collect())
    }

    /// Topics with their partitions, asked for now.
    ///
    /// # Errors
    /// Where no broker answers within `default.api.timeout.ms`.
    pub async fn describe_topics(&self, names: &[&str]) -> Result<Each<String, Arc<Topic>>, Error> {
        let topic = |name: &&str| MetadataRequestTopic::default().with_name(Some(topic_name(name)));
        let picture = self.picture(Some(names.iter().map(topic).collect())).await?;
        let each = names.iter().map(|name| {
            let described = match picture.topic(name) {
                Some(topic) => {
                    outcome(topic.error.map_or(0, |error| error.code()), name, None, Arc::clone(topic))
                }
                None => Err(Error::malformed("the answer to Metadata", format!("it lacks {name}"))),
            };
            ((*name).to_owned(), described)
        });
        Ok(each.collect())
    }

    /// All topics with their partitions, asked for now.
    ///
    /// # Errors
    /// Where no broker answers within `default.api.timeout.ms`.
    pub async fn list_topics(&self) -> Result<BTreeMap<String, Arc<Topic>>, Error> {
        let picture = self.picture(None).await?;
        Ok(picture.topics.iter().map(|(name, topic)| (name.to_string(), Arc::clone(topic))).collect())
    }

    /// What a broker says now, about some topics or all.
    pub(super) async fn picture(&self, topics: Option<Vec<MetadataRequestTopic>>) -> Result<Cluster, Error> {
        let request = MetadataRequest::default().with_topics(topics).with_allow_auto_topic_creation(false);
        let response = self.ask(Asked::Any, request).await?;
        Ok(Cluster::of(&response))
    }
}
