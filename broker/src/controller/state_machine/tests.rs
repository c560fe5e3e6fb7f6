//! Decisions, held against records that Apache Kafka 4.3.1 wrote and the codes that it answers.

mod against_kafka;
mod configs;
mod partitions;
mod random;
mod scram;
mod topics;

use std::collections::BTreeMap;
use std::sync::Arc;

use medallion_wire::messages as m;
use medallion_wire::messages::{BrokerId, TopicName};
use medallion_wire::types::Uuid;

use super::*;
use crate::controller::image::{ConfigResource, ResourceType, VersionRange};
use crate::controller::registration::supported_features;

/// A schema that knows three names, enough for the rules of the state machine.
#[derive(Debug)]
struct SmallSchema;

impl ConfigSchema for SmallSchema {
    fn validate(
        &self,
        resource: &ConfigResource,
        configs: &BTreeMap<String, String>,
    ) -> Result<(), ApiError> {
        let invalid = |message: String| ApiError::new(medallion_wire::ResponseError::InvalidConfig, message);
        for (name, value) in configs {
            match (resource.kind, name.as_str()) {
                (_, "retention.ms") if value.parse::<i64>().is_err() => {
                    return Err(invalid(format!("Invalid value {value} for configuration {name}")));
                }
                (ResourceType::Broker, _)
                | (_, "retention.ms" | "cleanup.policy" | "min.insync.replicas") => {}
                _ => return Err(invalid(format!("Unknown topic config name: {name}"))),
            }
        }
        Ok(())
    }

    fn is_list(&self, _: ResourceType, name: &str) -> bool {
        name == "cleanup.policy"
    }

    fn is_known(&self, _: ResourceType, name: &str) -> bool {
        matches!(name, "cleanup.policy" | "retention.ms" | "log.retention.ms")
    }

    fn default_value(&self, _: ResourceType, name: &str) -> Option<String> {
        (name == "cleanup.policy").then(|| "delete".to_owned())
    }

    fn inherited_topic_value(&self, image: &MetadataImage, name: &str) -> Option<String> {
        image.config(ResourceType::Broker, "", name).map(|value| value.to_string())
    }

    fn effective_topic_configs(
        &self,
        _: &MetadataImage,
        _: &BTreeMap<String, String>,
    ) -> Vec<m::create_topics_response::CreatableTopicConfigs> {
        Vec::new()
    }
}

pub(crate) fn settings() -> ControllerSettings {
    ControllerSettings {
        node_id: 1,
        num_partitions: 1,
        default_replication_factor: 1,
        supported_features: supported_features(),
        schema: Arc::new(SmallSchema),
    }
}

/// A machine that is told what to do, with predictable ids.
struct Cluster {
    machine: StateMachine,
    next_offset: i64,
    drawn: u128,
    /// How many partitions the client's quota lets through; `None` for any number.
    partition_tokens: Option<usize>,
}

impl Cluster {
    fn with(image: MetadataImage) -> Self {
        let next_offset = image.provenance.last_offset.get() + 1;
        Self {
            machine: StateMachine::new(settings(), image, 0),
            next_offset,
            drawn: 1,
            partition_tokens: None,
        }
    }

    /// One unfenced broker 1 with one directory, at the newest levels.
    fn of_one_broker() -> Self {
        let mut cluster = Self::with(MetadataImage::empty("MkU3OEVBNTcwNTJENDM2Qk"));
        let levels = crate::storage::FormatOptions {
            directories: Vec::new(),
            metadata_directory: "/data".into(),
            node_id: medallion_wire::BrokerId(1),
            cluster_id: None,
            voters: crate::storage::VoterKind::Static,
            metadata_version: crate::controller::records::MetadataVersion::LATEST,
            features: BTreeMap::new(),
            ignore_formatted: false,
        };
        let records = cluster.machine.bootstrap_records(levels.levels().unwrap()).unwrap();
        cluster.apply(&records);
        cluster.register(registration(1, 11));
        cluster
    }

    fn apply(&mut self, records: &[MetadataRecord]) -> Changes {
        let mut changes = Changes::default();
        for record in records {
            self.machine.apply(record, &mut changes).unwrap();
        }
        self.next_offset += i64::try_from(records.len()).unwrap();
        changes
    }

    #[expect(clippy::needless_pass_by_value, reason = "shorter calls")]
    fn decide(&mut self, command: Command) -> Result<Decision<Reply>, ApiError> {
        let mut drawn = self.drawn;
        let mut random = || {
            drawn += 1;
            drawn.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
        };
        let mut tokens = self.partition_tokens;
        let mut take_partitions = |count: usize| {
            let allowed = tokens.is_none_or(|tokens| tokens > 0);
            tokens = tokens.map(|tokens| tokens.saturating_sub(count));
            allowed
        };
        let mut inputs = Inputs {
            next_offset: self.next_offset,
            random: &mut random,
            take_partitions: &mut take_partitions,
        };
        let decision = self.machine.decide(&command, &mut inputs);
        self.drawn = drawn;
        self.partition_tokens = tokens;
        decision
    }

    fn run(&mut self, command: Command) -> Decision<Reply> {
        let decision = self.decide(command).unwrap();
        self.apply(&decision.records);
        decision
    }

    /// Registers and unfences a broker; all records.
    fn register(&mut self, request: m::BrokerRegistrationRequest) -> Vec<MetadataRecord> {
        let id = request.broker_id;
        let mut decision = self.run(Command::RegisterBroker(request));
        let Reply::RegisterBroker(response) = &decision.reply else { panic!("{:?}", decision.reply) };
        let heartbeat =
            m::BrokerHeartbeatRequest::default().with_broker_id(id).with_broker_epoch(response.broker_epoch);
        decision.records.extend(self.run(Command::BrokerHeartbeat(heartbeat)).records);
        decision.records
    }

    fn create(&mut self, topic: m::create_topics_request::CreatableTopic) -> (i16, Option<String>) {
        let request = m::CreateTopicsRequest::default().with_topics(vec![topic]);
        let decision = self.run(Command::CreateTopics(request));
        let Reply::CreateTopics(response) = decision.reply else { panic!("{:?}", decision.reply) };
        let result = &response.topics[0];
        (result.error_code, result.error_message.as_ref().map(ToString::to_string))
    }

    fn image(&self) -> &MetadataImage {
        self.machine.image()
    }
}

fn registration(id: i32, incarnation: u128) -> m::BrokerRegistrationRequest {
    let feature = |(name, range): (String, VersionRange)| {
        m::broker_registration_request::Feature::default()
            .with_name(name.into())
            .with_min_supported_version(range.min)
            .with_max_supported_version(range.max)
    };
    m::BrokerRegistrationRequest::default()
        .with_broker_id(BrokerId(id))
        .with_cluster_id("MkU3OEVBNTcwNTJENDM2Qk".into())
        .with_incarnation_id(Uuid::from_u128(incarnation))
        .with_features(supported_features().into_iter().map(feature).collect())
        .with_log_dirs(vec![Uuid::from_u128(1000 + u128::try_from(id).unwrap())])
        .with_previous_broker_epoch(-1)
}

fn name(text: &str) -> TopicName {
    TopicName(text.to_owned().into())
}

fn topic(text: &str, partitions: i32, factor: i16) -> m::create_topics_request::CreatableTopic {
    m::create_topics_request::CreatableTopic::default()
        .with_name(name(text))
        .with_num_partitions(partitions)
        .with_replication_factor(factor)
}
