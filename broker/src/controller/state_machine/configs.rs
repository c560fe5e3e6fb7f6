//! Changes of dynamic configs.

use std::collections::{BTreeMap, BTreeSet};

use m::{alter_configs_request as legacy, incremental_alter_configs_request as incremental};
use medallion_wire::messages as m;
use medallion_wire::{ResponseError, kafka_protocol::protocol::StrBytes};

use super::ApiError;
use super::decision::{ControllerSettings, Decision, MIN_ISR};
use crate::controller::image::{ConfigResource, MetadataImage, ResourceType};
use crate::controller::records::{ClearElrRecord, ConfigRecord, MetadataRecord};

/// The longest value.
const VALUE_LENGTH_MAX: usize = 32_767;

/// What is done with one config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Set,
    Delete,
    Append,
    Subtract,
}

impl Operation {
    fn from_code(code: i8) -> Option<Self> {
        Some(match code {
            0 => Self::Set,
            1 => Self::Delete,
            2 => Self::Append,
            3 => Self::Subtract,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Set => "SET",
            Self::Delete => "DELETE",
            Self::Append => "APPEND",
            Self::Subtract => "SUBTRACT",
        }
    }
}

/// Changes single configs; each resource succeeds or fails for itself.
pub(crate) fn alter_incrementally(
    image: &MetadataImage,
    settings: &ControllerSettings,
    request: &m::IncrementalAlterConfigsRequest,
) -> Decision<m::IncrementalAlterConfigsResponse> {
    use m::incremental_alter_configs_response::AlterConfigsResourceResponse as Outcome;
    let resources = request.resources.iter().map(|r| (r.resource_type, &*r.resource_name, &*r.configs));
    let change = |target: &_, configs: &_| incremental_changes(image, settings, target, configs);
    let (records, answers) = for_each(image, settings, resources, incremental_keys, change);
    let response = |(resource, (code, message)): (&incremental::AlterConfigsResource, Answer)| {
        Outcome::default()
            .with_error_code(code)
            .with_error_message(message)
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone())
    };
    let responses = request.resources.iter().zip(answers).map(response).collect();
    let records = if request.validate_only { Vec::new() } else { records };
    Decision { records, reply: m::IncrementalAlterConfigsResponse::default().with_responses(responses) }
}

/// Replaces all configs of resources; each succeeds or fails for itself.
pub(crate) fn alter(
    image: &MetadataImage,
    settings: &ControllerSettings,
    request: &m::AlterConfigsRequest,
) -> Decision<m::AlterConfigsResponse> {
    use m::alter_configs_response::AlterConfigsResourceResponse as Outcome;
    let resources = request.resources.iter().map(|r| (r.resource_type, &*r.resource_name, &*r.configs));
    let change = |target: &_, configs: &_| replacement(image, settings, target, configs);
    let (records, answers) = for_each(image, settings, resources, replacement_keys, change);
    let response = |(resource, (code, message)): (&legacy::AlterConfigsResource, Answer)| {
        Outcome::default()
            .with_error_code(code)
            .with_error_message(message)
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone())
    };
    let responses = request.resources.iter().zip(answers).map(response).collect();
    let records = if request.validate_only { Vec::new() } else { records };
    Decision { records, reply: m::AlterConfigsResponse::default().with_responses(responses) }
}

/// The error code of one resource, and its message.
type Answer = (i16, Option<StrBytes>);

/// What `change` comes to for each resource, named by its kind, its name and what is to change in it. Its `keys` are
/// checked before its name, as in Kafka.
fn for_each<'a, C: 'a>(
    image: &MetadataImage,
    settings: &ControllerSettings,
    resources: impl Iterator<Item = (i8, &'a str, &'a [C])> + Clone,
    keys: impl Fn(&[C]) -> Result<(), ApiError>,
    change: impl Fn(&ConfigResource, &[C]) -> Result<Vec<MetadataRecord>, ApiError>,
) -> (Vec<MetadataRecord>, Vec<Answer>) {
    let mut records = Vec::new();
    let mut answers = Vec::new();
    for ((kind, name, configs), checked) in resources.clone().zip(check_each(resources, keys)) {
        let changed =
            checked.and_then(|()| resolve(settings, kind, name)).and_then(|target| change(&target, configs));
        match changed {
            Ok(more) => {
                records.extend(more);
                answers.push((0, None));
            }
            Err(error) => answers.push((error.code(), error.message.map(Into::into))),
        }
    }
    let cleared = cleared_elr(image, &records);
    records.extend(cleared);
    (records, answers)
}

/// With another `min.insync.replicas`, eligible replicas are not so any more: what forgets them (KIP-966).
pub(crate) fn cleared_elr(image: &MetadataImage, records: &[MetadataRecord]) -> Vec<MetadataRecord> {
    let concerned = records.iter().filter_map(|record| match record {
        MetadataRecord::Config(config) if config.name == MIN_ISR => Some(config),
        _ => None,
    });
    let clear = |config: &ConfigRecord| {
        let is_topic = config.resource_type == ResourceType::Topic.code();
        let topic_name = if is_topic { config.resource_name.clone() } else { String::new() };
        ClearElrRecord { topic_name, ..ClearElrRecord::default() }.into()
    };
    if image.features.is_elr_enabled() { concerned.map(clear).collect() } else { Vec::new() }
}

fn invalid_request(message: impl Into<String>) -> ApiError {
    ApiError::new(ResponseError::InvalidRequest, message)
}

/// What is wrong with each resource of a request to change single configs, whatever it names.
pub(crate) fn check_incremental(request: &m::IncrementalAlterConfigsRequest) -> Vec<Result<(), ApiError>> {
    let resources = request.resources.iter().map(|r| (r.resource_type, &*r.resource_name, &*r.configs));
    check_each(resources, incremental_keys)
}

/// What is wrong with each resource of a request to replace configs, whatever it names.
pub(crate) fn check_replacements(request: &m::AlterConfigsRequest) -> Vec<Result<(), ApiError>> {
    let resources = request.resources.iter().map(|r| (r.resource_type, &*r.resource_name, &*r.configs));
    check_each(resources, replacement_keys)
}

/// Whether each resource stands in its request once, and its `keys` are right.
fn check_each<'a, C: 'a>(
    resources: impl Iterator<Item = (i8, &'a str, &'a [C])> + Clone,
    keys: impl Fn(&[C]) -> Result<(), ApiError>,
) -> Vec<Result<(), ApiError>> {
    let mut counts: BTreeMap<(i8, &str), usize> = BTreeMap::new();
    for (kind, name, _) in resources.clone() {
        *counts.entry((kind, name)).or_default() += 1;
    }
    let check = |(kind, name, configs)| match counts.get(&(kind, name)) {
        Some(1) => keys(configs),
        _ => Err(invalid_request("Each resource must appear at most once.")),
    };
    resources.map(check).collect()
}

/// The resource that a request names, checked as far as the name of a broker goes.
fn resolve(settings: &ControllerSettings, kind: i8, name: &str) -> Result<ConfigResource, ApiError> {
    let unknown = || invalid_request(format!("Unknown resource type {kind}"));
    let kind = ResourceType::from_code(kind).ok_or_else(unknown)?;
    match kind {
        // A broker's loggers are no metadata: whoever serves the request has changed them already.
        ResourceType::BrokerLogger => return Err(unknown()),
        ResourceType::Broker if !name.is_empty() => {
            let id: i32 = name
                .parse()
                .map_err(|_| invalid_request(format!("Node id must be an integer, but it is: {name}")))?;
            if id != settings.node_id {
                let expected = settings.node_id;
                return Err(invalid_request(format!(
                    "Unexpected broker id, expected {expected}, but received {name}"
                )));
            }
        }
        ResourceType::Broker | ResourceType::Topic | ResourceType::ClientMetrics | ResourceType::Group => {}
    }
    Ok(ConfigResource::new(kind, name))
}

/// Kafka looks at a topic's name after what is to change.
fn check_topic_name(resource: &ConfigResource) -> Result<(), ApiError> {
    match resource.kind {
        ResourceType::Topic if resource.name.is_empty() => {
            Err(invalid_request("Default topic resources are not allowed."))
        }
        ResourceType::Topic => {
            let invalid = |message| ApiError::new(ResponseError::InvalidTopicException, message);
            crate::topics::check_name(&resource.name).map_err(invalid)
        }
        _ => Ok(()),
    }
}

fn check_exists(image: &MetadataImage, resource: &ConfigResource) -> Result<(), ApiError> {
    if resource.kind == ResourceType::Topic && image.topics.by_name(&resource.name).is_none() {
        return Err(ApiError::new(
            ResponseError::UnknownTopicOrPartition,
            format!("The topic '{}' does not exist.", resource.name),
        ));
    }
    Ok(())
}

fn check_keys<'a>(
    names: impl Iterator<Item = &'a StrBytes> + Clone,
    nulls: impl Iterator<Item = &'a StrBytes>,
) -> Result<(), ApiError> {
    let distinct: BTreeSet<&str> = names.clone().map(|name| &**name).collect();
    if distinct.len() != names.count() {
        return Err(invalid_request("Error due to duplicate config keys"));
    }
    let nulls: Vec<&str> = nulls.map(|name| &**name).collect();
    if nulls.is_empty() {
        return Ok(());
    }
    Err(invalid_request(format!("Null value not supported for : {}", nulls.join(", "))))
}

fn current(image: &MetadataImage, resource: &ConfigResource) -> BTreeMap<String, String> {
    let configs = image.configs_of(resource.kind, &resource.name);
    configs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

fn incremental_keys(configs: &[incremental::AlterableConfig]) -> Result<(), ApiError> {
    let delete = 1;
    let nulls = configs.iter().filter(|c| c.config_operation != delete && c.value.is_none());
    check_keys(configs.iter().map(|c| &c.name), nulls.map(|c| &c.name))
}

fn replacement_keys(configs: &[legacy::AlterableConfig]) -> Result<(), ApiError> {
    let nulls = configs.iter().filter(|c| c.value.is_none());
    check_keys(configs.iter().map(|c| &c.name), nulls.map(|c| &c.name))
}

fn incremental_changes(
    image: &MetadataImage,
    settings: &ControllerSettings,
    resource: &ConfigResource,
    configs: &[incremental::AlterableConfig],
) -> Result<Vec<MetadataRecord>, ApiError> {
    let mut all = current(image, resource);
    let mut records = Vec::new();
    for config in configs {
        let operation = Operation::from_code(config.config_operation)
            .ok_or_else(|| invalid_request(format!("Unknown operations type {}", config.config_operation)))?;
        let before = all.get(&*config.name).cloned();
        let value = config.value.as_deref().unwrap_or_default();
        let after = match operation {
            Operation::Set => Some(value.to_owned()),
            Operation::Delete => None,
            Operation::Append | Operation::Subtract => {
                Some(change_list(settings, resource, &config.name, operation, before.as_deref(), value)?)
            }
        };
        put(&mut all, &mut records, resource, &config.name, before.as_deref(), after);
    }
    finish(image, settings, resource, &all, records)
}

fn change_list(
    settings: &ControllerSettings,
    resource: &ConfigResource,
    name: &str,
    operation: Operation,
    before: Option<&str>,
    value: &str,
) -> Result<String, ApiError> {
    if !settings.schema.is_list(resource.kind, name) {
        // What a broker's own configs are not good for, Kafka's broker says before its controller.
        let message = match resource.kind {
            ResourceType::Broker if !settings.schema.is_known(resource.kind, name) => {
                format!("Unknown config name: {name}")
            }
            ResourceType::Broker => {
                let verb = operation.name().to_lowercase();
                format!("Config value {verb} is not allowed for config key: {name}")
            }
            _ => format!("Can't {} to key {name} because its type is not LIST.", operation.name()),
        };
        return Err(ApiError::new(ResponseError::InvalidConfig, message));
    }
    let default = || settings.schema.default_value(resource.kind, name);
    let text = before.map(str::to_owned).or_else(default).unwrap_or_default();
    let mut parts: Vec<&str> = text.split(',').filter(|part| !part.is_empty()).collect();
    for part in value.split(',') {
        match operation {
            Operation::Subtract => {
                if let Some(position) = parts.iter().position(|present| *present == part) {
                    parts.remove(position);
                }
            }
            _ if parts.contains(&part) => {}
            _ => parts.push(part),
        }
    }
    Ok(parts.join(","))
}

fn replacement(
    image: &MetadataImage,
    settings: &ControllerSettings,
    resource: &ConfigResource,
    configs: &[legacy::AlterableConfig],
) -> Result<Vec<MetadataRecord>, ApiError> {
    let before = current(image, resource);
    let mut all = before.clone();
    let mut records = Vec::new();
    for config in configs {
        let value = config.value.as_ref().map(ToString::to_string);
        put(
            &mut all,
            &mut records,
            resource,
            &config.name,
            before.get(&*config.name).map(String::as_str),
            value,
        );
    }
    for (name, value) in &before {
        if configs.iter().all(|config| *config.name != **name) {
            put(&mut all, &mut records, resource, name, Some(value.as_str()), None);
        }
    }
    finish(image, settings, resource, &all, records)
}

fn put(
    all: &mut BTreeMap<String, String>,
    records: &mut Vec<MetadataRecord>,
    resource: &ConfigResource,
    name: &str,
    before: Option<&str>,
    after: Option<String>,
) {
    // Brokers reload files that a config names, so theirs are written again unchanged (KAFKA-14136).
    if before != after.as_deref() || resource.kind == ResourceType::Broker {
        let record = ConfigRecord {
            resource_type: resource.kind.code(),
            resource_name: resource.name.to_string(),
            name: name.to_owned(),
            value: after.clone(),
            ..ConfigRecord::default()
        };
        records.push(record.into());
    }
    match after {
        Some(value) => all.insert(name.to_owned(), value),
        None => all.remove(name),
    };
}

fn finish(
    image: &MetadataImage,
    settings: &ControllerSettings,
    resource: &ConfigResource,
    all: &BTreeMap<String, String>,
    records: Vec<MetadataRecord>,
) -> Result<Vec<MetadataRecord>, ApiError> {
    if resource.kind == ResourceType::Broker {
        settings.schema.validate(resource, all)?; // in Kafka the broker that is asked does this before the controller
    }
    records.iter().try_for_each(|record| match record {
        MetadataRecord::Config(config) => check_change(image, resource, config),
        _ => Ok(()),
    })?;
    check_topic_name(resource)?;
    settings.schema.validate(resource, all)?;
    check_exists(image, resource)?;
    Ok(records)
}

/// Checks one change by itself: its length, and what eligible leader replicas rest upon.
fn check_change(
    image: &MetadataImage,
    resource: &ConfigResource,
    config: &ConfigRecord,
) -> Result<(), ApiError> {
    let invalid = |message: &str| Err(ApiError::new(ResponseError::InvalidConfig, message));
    let guarded =
        resource.kind == ResourceType::Broker && config.name == MIN_ISR && image.features.is_elr_enabled();
    if guarded && !resource.name.is_empty() {
        return invalid("Broker-level min.insync.replicas cannot be altered while ELR is enabled.");
    }
    if guarded && config.value.is_none() {
        return invalid("Cluster-level min.insync.replicas cannot be removed while ELR is enabled.");
    }
    config.value.as_deref().map_or(Ok(()), check_length)
}

/// Refuses a value that Kafka does not keep: it counts UTF-16 units.
///
/// # Errors
/// `INVALID_CONFIG` with Kafka's message.
pub(crate) fn check_length(value: &str) -> Result<(), ApiError> {
    if value.len() <= VALUE_LENGTH_MAX || value.encode_utf16().count() <= VALUE_LENGTH_MAX {
        return Ok(());
    }
    let message =
        "The configuration value cannot be added because it exceeds the maximum value size of 32767 bytes.";
    Err(ApiError::new(ResponseError::InvalidConfig, message))
}
