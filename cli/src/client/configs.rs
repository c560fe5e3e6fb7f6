//! Settings of topics, brokers, loggers and client metrics subscriptions.

use std::fmt;

use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::describe_configs_request::DescribeConfigsResource;
use medallion_wire::messages::describe_configs_response::DescribeConfigsResourceResult;
use medallion_wire::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use medallion_wire::messages::{
    DescribeConfigsRequest, IncrementalAlterConfigsRequest, ListConfigResourcesRequest,
};
use serde::Serialize;

use super::ClientError;
use super::cluster::Client;

/// What a setting belongs to; the codes are Kafka's `ConfigResource.Type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ResourceType {
    /// A topic.
    Topic,
    /// A broker, or with an empty name the default of all brokers.
    Broker,
    /// The loggers of a broker.
    BrokerLogger,
    /// A subscription to clients' own metrics (KIP-714).
    ClientMetrics,
}

/// All kinds.
const KINDS: [ResourceType; 4] =
    [ResourceType::Topic, ResourceType::Broker, ResourceType::BrokerLogger, ResourceType::ClientMetrics];

impl ResourceType {
    fn code(self) -> i8 {
        match self {
            Self::Topic => 2,
            Self::Broker => 4,
            Self::BrokerLogger => 8,
            Self::ClientMetrics => 16,
        }
    }

    fn of_code(code: i8) -> Option<Self> {
        KINDS.into_iter().find(|kind| kind.code() == code)
    }
}

/// Something that has settings. Written `topic/NAME`, `broker/ID`, `brokers`, `loggers/ID` or `client-metrics/NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfigResource {
    /// What it is.
    pub(crate) kind: ResourceType,
    /// The topic's or the subscription's name, or the broker's id; empty for the default of all brokers.
    pub(crate) name: String,
}

impl fmt::Display for ConfigResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind, self.name.as_str()) {
            (ResourceType::Broker, "") => f.write_str("brokers"),
            (ResourceType::Topic, name) => write!(f, "topic/{name}"),
            (ResourceType::Broker, id) => write!(f, "broker/{id}"),
            (ResourceType::BrokerLogger, id) => write!(f, "loggers/{id}"),
            (ResourceType::ClientMetrics, name) => write!(f, "client-metrics/{name}"),
        }
    }
}

/// Where a setting's value comes from; the codes are Kafka's `ConfigEntry.ConfigSource`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ConfigSource {
    /// Set for this topic.
    Topic,
    /// Set for this broker while it runs.
    Broker,
    /// Set for all brokers while they run.
    Brokers,
    /// The properties file of the broker.
    File,
    /// The default of the setting.
    Default,
    /// Set for this logger.
    Logger,
    /// Set for this client metrics subscription.
    ClientMetrics,
    /// Something that this client does not know.
    Other,
}

impl ConfigSource {
    fn of_code(code: i8) -> Self {
        match code {
            1 => Self::Topic,
            2 => Self::Broker,
            3 => Self::Brokers,
            4 => Self::File,
            5 => Self::Default,
            6 => Self::Logger,
            7 => Self::ClientMetrics,
            _ => Self::Other,
        }
    }

    /// Whether somebody set it by a request, as opposed to a file or a default.
    pub(crate) fn is_dynamic(self) -> bool {
        matches!(self, Self::Topic | Self::Broker | Self::Brokers | Self::Logger | Self::ClientMetrics)
    }
}

/// One setting with its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ConfigEntry {
    /// Its name.
    pub(crate) name: String,
    /// Its value; `None` where it is a secret or there is none.
    pub(crate) value: Option<String>,
    /// Where the value comes from.
    pub(crate) source: ConfigSource,
    /// Whether it cannot be changed while the broker runs.
    pub(crate) read_only: bool,
    /// Whether it is a secret.
    pub(crate) sensitive: bool,
    /// What it means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) documentation: Option<String>,
}

/// How a setting changes; the codes are Kafka's `AlterConfigOp.OpType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConfigOperation {
    /// Takes a value.
    Set,
    /// Goes back to what it has without its own value.
    Delete,
    /// Takes further elements, for a list.
    Append,
    /// Loses elements, for a list.
    Subtract,
}

/// A change of one setting.
#[derive(Debug, Clone)]
pub(crate) struct ConfigChange {
    /// The setting.
    pub(crate) name: String,
    /// How it changes.
    pub(crate) operation: ConfigOperation,
    /// The value that the operation needs.
    pub(crate) value: Option<String>,
}

impl Client {
    /// The settings of a resource by name; all of them, or the named ones.
    pub(crate) async fn describe_configs(
        &mut self,
        resource: &ConfigResource,
        names: Option<&[String]>,
        include_documentation: bool,
    ) -> Result<Vec<ConfigEntry>, ClientError> {
        let build = |version: i16| {
            let keys = names.map(|names| names.iter().cloned().map(StrBytes::from_string).collect());
            DescribeConfigsRequest::default()
                .with_include_documentation(include_documentation && version >= 3)
                .with_resources(vec![
                    DescribeConfigsResource::default()
                        .with_resource_type(resource.kind.code())
                        .with_resource_name(StrBytes::from_string(resource.name.clone()))
                        .with_configuration_keys(keys),
                ])
        };
        let response = match self.owner_of(resource) {
            Some(broker) => self.call_broker(broker, build).await?,
            None => self.call_any(build).await?,
        };
        let mut entries = Vec::new();
        for result in response.results {
            let message = result.error_message.as_deref();
            ClientError::check(result.error_code, || resource.to_string(), message)?;
            entries.extend(result.configs.into_iter().map(read_entry));
        }
        entries.sort_by(|left: &ConfigEntry, right| left.name.cmp(&right.name));
        Ok(entries)
    }

    /// Changes settings of a resource, all or none; or only checks that they could be changed.
    pub(crate) async fn alter_configs(
        &mut self,
        resource: &ConfigResource,
        changes: &[ConfigChange],
        validate_only: bool,
    ) -> Result<(), ClientError> {
        let build = |_| {
            IncrementalAlterConfigsRequest::default().with_validate_only(validate_only).with_resources(vec![
                AlterConfigsResource::default()
                    .with_resource_type(resource.kind.code())
                    .with_resource_name(StrBytes::from_string(resource.name.clone()))
                    .with_configs(changes.iter().map(alterable).collect()),
            ])
        };
        let response = match self.owner_of(resource) {
            Some(broker) => self.call_broker(broker, build).await?,
            None => self.call_any(build).await?,
        };
        for answer in response.responses {
            let message = answer.error_message.as_deref();
            ClientError::check(answer.error_code, || resource.to_string(), message)?;
        }
        Ok(())
    }

    /// Everything that has settings.
    pub(crate) async fn config_resources(&mut self) -> Result<Vec<ConfigResource>, ClientError> {
        let response = self
            .call_any(|version| {
                let codes = KINDS.iter().map(|kind| kind.code()).collect();
                let request = ListConfigResourcesRequest::default();
                if version >= 1 { request.with_resource_types(codes) } else { request }
            })
            .await?;
        ClientError::check(response.error_code, || "the list of configs".to_owned(), None)?;
        let mut resources: Vec<_> = response
            .config_resources
            .into_iter()
            .filter_map(|found| {
                let kind = ResourceType::of_code(found.resource_type)?;
                Some(ConfigResource { kind, name: found.resource_name.to_string() })
            })
            .collect();
        resources.sort_by_key(ToString::to_string);
        Ok(resources)
    }

    /// A broker's own settings and loggers are known to that broker alone.
    fn owner_of(&self, resource: &ConfigResource) -> Option<medallion_wire::BrokerId> {
        match resource.kind {
            ResourceType::Topic | ResourceType::ClientMetrics => None,
            ResourceType::Broker | ResourceType::BrokerLogger => {
                let id = medallion_wire::BrokerId(resource.name.parse().ok()?);
                self.knows(id).then_some(id)
            }
        }
    }
}

fn alterable(change: &ConfigChange) -> AlterableConfig {
    let operation = match change.operation {
        ConfigOperation::Set => 0,
        ConfigOperation::Delete => 1,
        ConfigOperation::Append => 2,
        ConfigOperation::Subtract => 3,
    };
    AlterableConfig::default()
        .with_name(StrBytes::from_string(change.name.clone()))
        .with_config_operation(operation)
        .with_value(change.value.clone().map(StrBytes::from_string))
}

fn read_entry(entry: DescribeConfigsResourceResult) -> ConfigEntry {
    ConfigEntry {
        name: entry.name.to_string(),
        value: entry.value.map(|value| value.to_string()),
        source: ConfigSource::of_code(entry.config_source),
        read_only: entry.read_only,
        sensitive: entry.is_sensitive,
        documentation: entry.documentation.map(|text| text.to_string()).filter(|text| !text.is_empty()),
    }
}
