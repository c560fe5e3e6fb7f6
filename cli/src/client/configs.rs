//! Settings of topics, brokers, loggers and client metrics subscriptions.

use std::fmt;

use medallion_client::admin::{ConfigChange as Change, ConfigResource as Resource, ConfigSource as Source};
use medallion_wire::BrokerId;
use serde::Serialize;

use super::ClientError;
use super::cluster::{Client, only};

/// What a setting belongs to.
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

/// Where a setting's value comes from.
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
    fn of(source: Source) -> Self {
        match source {
            Source::Topic => Self::Topic,
            Source::Broker => Self::Broker,
            Source::Brokers => Self::Brokers,
            Source::File => Self::File,
            Source::Default => Self::Default,
            Source::Logger => Self::Logger,
            Source::ClientMetrics => Self::ClientMetrics,
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

/// How a setting changes.
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

impl ConfigResource {
    fn to_client(&self) -> Result<Resource, ClientError> {
        let id = || {
            self.name.parse().map(BrokerId).map_err(|_| ClientError::Malformed {
                what: self.to_string(),
                reason: "its name is no id".to_owned(),
            })
        };
        Ok(match self.kind {
            ResourceType::Topic => Resource::Topic(self.name.clone()),
            ResourceType::Broker if self.name.is_empty() => Resource::Brokers,
            ResourceType::Broker => Resource::Broker(id()?),
            ResourceType::BrokerLogger => Resource::BrokerLoggers(id()?),
            ResourceType::ClientMetrics => Resource::ClientMetrics(self.name.clone()),
        })
    }

    /// `None` for what has settings that these commands do not know.
    fn of(resource: Resource) -> Option<Self> {
        let (kind, name) = match resource {
            Resource::Topic(name) => (ResourceType::Topic, name),
            Resource::Broker(id) => (ResourceType::Broker, id.to_string()),
            Resource::Brokers => (ResourceType::Broker, String::new()),
            Resource::BrokerLoggers(id) => (ResourceType::BrokerLogger, id.to_string()),
            Resource::ClientMetrics(name) => (ResourceType::ClientMetrics, name),
            _ => return None,
        };
        Some(Self { kind, name })
    }
}

impl Client {
    /// The settings of a resource by name; all of them, or the named ones.
    pub(crate) async fn describe_configs(
        &self,
        resource: &ConfigResource,
        names: Option<&[String]>,
        include_documentation: bool,
    ) -> Result<Vec<ConfigEntry>, ClientError> {
        let names: Option<Vec<&str>> = names.map(|names| names.iter().map(String::as_str).collect());
        let resources = [resource.to_client()?];
        let described =
            self.admin.describe_some_configs(&resources, names.as_deref(), include_documentation).await;
        let described = described.and_then(only);
        let entries = described.map_err(|error| ClientError::about(error, resource.to_string()))?;
        Ok(entries.into_values().map(entry).collect())
    }

    /// Changes settings of a resource, all or none; or only checks that they could be changed.
    pub(crate) async fn alter_configs(
        &self,
        resource: &ConfigResource,
        changes: &[ConfigChange],
        validate_only: bool,
    ) -> Result<(), ClientError> {
        let changes = changes.iter().map(|change| (change.name.as_str(), change.to_client())).collect();
        let changes = [(resource.to_client()?, changes)];
        let altered = if validate_only {
            self.admin.validate_configs(&changes).await
        } else {
            self.admin.alter_configs(&changes).await
        };
        altered.and_then(only).map_err(|error| ClientError::about(error, resource.to_string()))
    }

    /// Everything that has settings.
    pub(crate) async fn config_resources(&self) -> Result<Vec<ConfigResource>, ClientError> {
        let found = self.admin.list_config_resources().await?;
        let mut resources: Vec<_> = found.into_iter().filter_map(ConfigResource::of).collect();
        resources.sort_by_key(ToString::to_string);
        Ok(resources)
    }
}

impl ConfigChange {
    fn to_client(&self) -> Change {
        let value = self.value.clone().unwrap_or_default();
        match self.operation {
            ConfigOperation::Set => Change::Set(value),
            ConfigOperation::Delete => Change::Delete,
            ConfigOperation::Append => Change::Append(value),
            ConfigOperation::Subtract => Change::Subtract(value),
        }
    }
}

fn entry(entry: medallion_client::admin::ConfigEntry) -> ConfigEntry {
    ConfigEntry {
        name: entry.name,
        value: entry.value,
        source: ConfigSource::of(entry.source),
        read_only: entry.is_read_only,
        sensitive: entry.is_sensitive,
        documentation: entry.documentation.filter(|text| !text.is_empty()),
    }
}
