//! Creating and deleting topics.

use std::collections::{BTreeMap, BTreeSet};

use m::create_topics_request::CreatableTopic;
use m::create_topics_response::CreatableTopicResult;
use m::delete_topics_response::DeletableTopicResult;
use medallion_wire::messages as m;
use medallion_wire::types::{PartitionIndex, TopicId, Uuid};
use medallion_wire::{ResponseError, messages::TopicName};

use super::decision::{ControllerSettings, Decision, Inputs, fresh_id};
use super::partitions::{self, NewPartition};
use super::{ApiError, configs, replica_placement, topic_names};
use crate::controller::image::{ConfigResource, MetadataImage, ResourceType};
use crate::controller::records::{ConfigRecord, MetadataRecord, RemoveTopicRecord, TopicRecord};

/// Creates topics; each succeeds or fails for itself.
///
/// # Errors
/// `POLICY_VIOLATION` for more partitions than one request may create.
pub(crate) fn create(
    image: &MetadataImage,
    settings: &ControllerSettings,
    request: &m::CreateTopicsRequest,
    inputs: &mut Inputs<'_>,
) -> Result<Decision<m::CreateTopicsResponse>, ApiError> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for topic in &request.topics {
        *seen.entry(topic.name.as_str()).or_default() += 1;
    }
    let once = request.topics.iter().filter(|topic| seen[topic.name.as_str()] == 1);
    check_total(settings, once.clone())?;
    let mut records = Vec::new();
    let mut results = Vec::new();
    for topic in once {
        let outcome = create_one(image, settings, topic, inputs, &mut records);
        results.push(outcome.unwrap_or_else(|error| refusal(&topic.name, error)));
    }
    for (name, _) in seen.iter().filter(|(_, times)| **times > 1) {
        let error = ApiError::new(ResponseError::InvalidRequest, "Duplicate topic name.");
        results.push(refusal(&TopicName(name.to_string().into()), error));
    }
    if request.validate_only {
        records.clear();
    }
    Ok(Decision { records, reply: m::CreateTopicsResponse::default().with_topics(results) })
}

/// Kafka's `validateTotalNumberOfPartitions`.
fn check_total<'a>(
    settings: &ControllerSettings,
    topics: impl Iterator<Item = &'a CreatableTopic>,
) -> Result<(), ApiError> {
    let count = |topic: &CreatableTopic| match topic.num_partitions {
        _ if !topic.assignments.is_empty() => i64::try_from(topic.assignments.len()).unwrap_or(i64::MAX),
        -1 => i64::from(settings.num_partitions),
        given => i64::from(given.max(0)),
    };
    let total: i64 = topics.map(count).fold(0, i64::saturating_add);
    if total <= partitions::MAX_PARTITIONS_PER_REQUEST {
        return Ok(());
    }
    let message = "Excessively large number of partitions per request.";
    Err(ApiError::new(ResponseError::PolicyViolation, message))
}

fn refusal(name: &TopicName, error: ApiError) -> CreatableTopicResult {
    CreatableTopicResult::default()
        .with_name(name.clone())
        .with_error_code(error.code())
        .with_error_message(error.message.map(Into::into))
}

fn create_one(
    image: &MetadataImage,
    settings: &ControllerSettings,
    topic: &CreatableTopic,
    inputs: &mut Inputs<'_>,
    records: &mut Vec<MetadataRecord>,
) -> Result<CreatableTopicResult, ApiError> {
    let name = topic.name.as_str();
    check_name(image, name)?;
    let configs = checked_configs(settings, topic)?;
    let config_records: Vec<_> = configs.iter().map(|(key, value)| config_record(name, key, value)).collect();
    let cleared = configs::cleared_elr(image, &config_records);
    let partitions = if topic.assignments.is_empty() {
        placed(image, settings, topic, inputs)?
    } else {
        assigned(image, topic)?
    };
    inputs.take_partitions(partitions.len())?;
    let id = fresh_id(inputs.random);
    let replication_factor = partitions.first().map_or(0, |partition| partition.replicas.len());
    records.push(TopicRecord { name: name.to_owned(), topic_id: id, ..TopicRecord::default() }.into());
    records.extend(config_records);
    records.extend(cleared);
    for (index, partition) in (0_i32..).zip(&partitions) {
        records.push(partition.record(TopicId(id), PartitionIndex(index)).into());
    }
    Ok(CreatableTopicResult::default()
        .with_name(topic.name.clone())
        .with_topic_id(id)
        .with_error_message(None)
        .with_num_partitions(i32::try_from(partitions.len()).unwrap_or(i32::MAX))
        .with_replication_factor(i16::try_from(replication_factor).unwrap_or(i16::MAX))
        .with_configs(Some(settings.schema.effective_topic_configs(image, &configs))))
}

fn check_name(image: &MetadataImage, name: &str) -> Result<(), ApiError> {
    if name == topic_names::CLUSTER_METADATA_TOPIC {
        return Err(ApiError::new(
            ResponseError::InvalidRequest,
            format!("Creation of internal topic {name} is prohibited."),
        ));
    }
    crate::topics::check_name(name)
        .map_err(|message| ApiError::new(ResponseError::InvalidTopicException, message))?;
    if image.topics.by_name(name).is_some() {
        return Err(ApiError::new(
            ResponseError::TopicAlreadyExists,
            format!("Topic '{name}' already exists."),
        ));
    }
    if let Some(other) = topic_names::colliding(name, image) {
        return Err(ApiError::new(
            ResponseError::InvalidTopicException,
            format!("Topic '{name}' collides with existing topic: {other}"),
        ));
    }
    Ok(())
}

fn checked_configs(
    settings: &ControllerSettings,
    topic: &CreatableTopic,
) -> Result<BTreeMap<String, String>, ApiError> {
    let nulls: Vec<&str> =
        topic.configs.iter().filter(|config| config.value.is_none()).map(|config| &*config.name).collect();
    if !nulls.is_empty() {
        return Err(ApiError::new(
            ResponseError::InvalidConfig,
            format!("Null value not supported for topic configs: {}", nulls.join(",")),
        ));
    }
    let configs: BTreeMap<String, String> = topic
        .configs
        .iter()
        .filter_map(|config| Some((config.name.to_string(), config.value.as_ref()?.to_string())))
        .collect();
    configs.values().try_for_each(|value| configs::check_length(value))?;
    if !configs.is_empty() {
        settings.schema.validate(&ConfigResource::new(ResourceType::Topic, topic.name.as_str()), &configs)?;
    }
    Ok(configs)
}

fn config_record(topic: &str, key: &str, value: &str) -> MetadataRecord {
    ConfigRecord {
        resource_type: ResourceType::Topic.code(),
        resource_name: topic.to_owned(),
        name: key.to_owned(),
        value: Some(value.to_owned()),
        ..ConfigRecord::default()
    }
    .into()
}

fn placed(
    image: &MetadataImage,
    settings: &ControllerSettings,
    topic: &CreatableTopic,
    inputs: &mut Inputs<'_>,
) -> Result<Vec<NewPartition>, ApiError> {
    if topic.replication_factor < -1 || topic.replication_factor == 0 {
        return Err(ApiError::new(
            ResponseError::InvalidReplicationFactor,
            "Replication factor must be larger than 0, or -1 to use the default value.",
        ));
    }
    if topic.num_partitions < -1 || topic.num_partitions == 0 {
        return Err(ApiError::new(
            ResponseError::InvalidPartitions,
            "Number of partitions was set to an invalid non-positive value.",
        ));
    }
    let or_default = |value, default| if value == -1 { default } else { value };
    let count = or_default(topic.num_partitions, settings.num_partitions);
    let factor = match topic.replication_factor {
        -1 => settings.default_replication_factor,
        given => given,
    };
    let refused = |reason: String| {
        ApiError::new(
            ResponseError::InvalidReplicationFactor,
            format!("Unable to replicate the partition {factor} time(s): {reason}"),
        )
    };
    let count = usize::try_from(count).unwrap_or(0);
    let placements = replica_placement::place(image, inputs, count, factor).map_err(refused)?;
    placements
        .into_iter()
        .map(|replicas| {
            NewPartition::new(image, replicas).ok_or_else(|| {
                refused("All brokers are currently fenced or in controlled shutdown.".to_owned())
            })
        })
        .collect()
}

fn assigned(image: &MetadataImage, topic: &CreatableTopic) -> Result<Vec<NewPartition>, ApiError> {
    let invalid_request = |message: &str| Err(ApiError::new(ResponseError::InvalidRequest, message));
    if topic.replication_factor != -1 {
        return invalid_request(
            "A manual partition assignment was specified, but replication factor was not set to -1.",
        );
    }
    if topic.num_partitions != -1 {
        return invalid_request(
            "A manual partition assignment was specified, but numPartitions was not set to -1.",
        );
    }
    let invalid = |message: String| ApiError::new(ResponseError::InvalidReplicaAssignment, message);
    let mut replication_factor = None;
    let mut partitions = BTreeMap::new();
    for assignment in &topic.assignments {
        let index = assignment.partition_index;
        if partitions.contains_key(&index) {
            return Err(invalid(format!(
                "Found multiple manual partition assignments for partition {index}"
            )));
        }
        let replicas: Vec<i32> = assignment.broker_ids.iter().map(|broker| broker.0).collect();
        partitions::check_assignment(image, &replicas, replication_factor)?;
        replication_factor = Some(replicas.len());
        let partition = NewPartition::new(image, replicas).ok_or_else(|| {
            invalid(format!(
                "All brokers specified in the manual partition assignment for partition {index} are fenced or in \
                 controlled shutdown."
            ))
        })?;
        partitions.insert(index, partition);
    }
    if (0..).zip(partitions.keys()).any(|(expected, index)| expected != *index) {
        return Err(invalid("partitions should be a consecutive 0-based integer sequence".to_owned()));
    }
    Ok(partitions.into_values().collect())
}

/// Deletes topics by name or by id; each succeeds or fails for itself.
pub(crate) fn delete(
    image: &MetadataImage,
    request: &m::DeleteTopicsRequest,
    inputs: &mut Inputs<'_>,
) -> Decision<m::DeleteTopicsResponse> {
    let mut deletion =
        Deletion { image, results: Vec::new(), to_delete: BTreeMap::new(), repeated: BTreeSet::new() };
    let mut names: BTreeMap<&TopicName, usize> = BTreeMap::new();
    let mut ids: BTreeMap<Uuid, usize> = BTreeMap::new();
    for name in &request.topic_names {
        *names.entry(name).or_default() += 1;
    }
    for topic in &request.topics {
        match (&topic.name, topic.topic_id.is_nil()) {
            (None, true) => deletion.refuse(None, Uuid::nil(), "Neither topic name nor id were specified."),
            (None, false) => *ids.entry(topic.topic_id).or_default() += 1,
            (Some(name), true) => *names.entry(name).or_default() += 1,
            (Some(name), false) => {
                deletion.refuse(
                    Some(name),
                    topic.topic_id,
                    "You may not specify both topic name and topic id.",
                );
            }
        }
    }
    for (id, times) in ids {
        deletion.add_id(id, times > 1);
    }
    for (name, times) in names {
        deletion.add_name(name, times > 1);
    }
    deletion.decide(inputs)
}

struct Deletion<'a> {
    image: &'a MetadataImage,
    results: Vec<DeletableTopicResult>,
    to_delete: BTreeMap<Uuid, TopicName>,
    repeated: BTreeSet<Uuid>,
}

impl Deletion<'_> {
    fn push(&mut self, name: Option<&TopicName>, id: Uuid, error: Option<ApiError>) {
        let (code, message) = error.map_or((0, None), |error| (error.code(), error.message));
        let result = DeletableTopicResult::default()
            .with_name(name.cloned())
            .with_topic_id(id)
            .with_error_code(code)
            .with_error_message(message.map(Into::into));
        self.results.push(result);
    }

    fn refuse(&mut self, name: Option<&TopicName>, id: Uuid, message: &str) {
        self.push(name, id, Some(ApiError::new(ResponseError::InvalidRequest, message)));
    }

    fn add_id(&mut self, id: Uuid, repeated: bool) {
        if repeated {
            self.repeated.insert(id);
            return self.refuse(None, id, "Duplicate topic id.");
        }
        if let Some(topic) = self.image.topics.by_id(TopicId(id)) {
            self.to_delete.insert(id, TopicName(topic.name.to_string().into()));
        } else {
            let unknown = ApiError::with_default_message(ResponseError::UnknownTopicId);
            self.push(None, id, Some(unknown));
        }
    }

    fn add_name(&mut self, name: &TopicName, repeated: bool) {
        if repeated {
            return self.refuse(Some(name), Uuid::nil(), "Duplicate topic name.");
        }
        let Some(topic) = self.image.topics.by_name(name.as_str()) else {
            let unknown = ApiError::with_default_message(ResponseError::UnknownTopicOrPartition);
            return self.push(Some(name), Uuid::nil(), Some(unknown));
        };
        let id = topic.id.0;
        if self.repeated.contains(&id) || self.to_delete.insert(id, name.clone()).is_some() {
            self.repeated.insert(id);
            self.to_delete.remove(&id);
            self.refuse(Some(name), id, "The provided topic name maps to an ID that was already supplied.");
        }
    }

    fn decide(mut self, inputs: &mut Inputs<'_>) -> Decision<m::DeleteTopicsResponse> {
        let mut records = Vec::new();
        for (id, name) in std::mem::take(&mut self.to_delete) {
            let count = self.image.topics.by_id(TopicId(id)).map_or(0, |topic| topic.partitions.len());
            let outcome = inputs.take_partitions(count);
            if outcome.is_ok() {
                records.push(RemoveTopicRecord { topic_id: id, ..RemoveTopicRecord::default() }.into());
            }
            self.push(Some(&name), id, outcome.err());
        }
        Decision { records, reply: m::DeleteTopicsResponse::default().with_responses(self.results) }
    }
}
