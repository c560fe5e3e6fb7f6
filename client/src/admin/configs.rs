//! Settings of topics, brokers, groups and more.

use std::collections::BTreeMap;
use std::fmt;

use medallion_wire::BrokerId;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::describe_configs_request::DescribeConfigsResource;
use medallion_wire::messages::describe_configs_response::DescribeConfigsResourceResult;
use medallion_wire::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use medallion_wire::messages::{
    DescribeConfigsRequest, IncrementalAlterConfigsRequest, ListConfigResourcesRequest,
};

use super::{Admin, Asked, Each, outcome, text};
use crate::error::Error;

/// Something that has settings. The codes are those of Kafka's `ConfigResource.Type`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ConfigResource {
    /// A topic.
    Topic(String),
    /// A broker.
    Broker(BrokerId),
    /// What all brokers have unless they have their own.
    Brokers,
    /// The levels of a broker's loggers.
    BrokerLoggers(BrokerId),
    /// A subscription to clients' own metrics (KIP-714).
    ClientMetrics(String),
    /// A group.
    Group(String),
}

impl ConfigResource {
    fn to_wire(&self) -> (i8, StrBytes) {
        match self {
            Self::Topic(name) => (2, text(name)),
            Self::Broker(id) => (4, text(&id.to_string())),
            Self::Brokers => (4, text("")),
            Self::BrokerLoggers(id) => (8, text(&id.to_string())),
            Self::ClientMetrics(name) => (16, text(name)),
            Self::Group(name) => (32, text(name)),
        }
    }

    fn of_wire(kind: i8, name: &str) -> Option<Self> {
        let id = || name.parse().ok().map(BrokerId);
        Some(match kind {
            2 => Self::Topic(name.to_owned()),
            4 if name.is_empty() => Self::Brokers,
            4 => Self::Broker(id()?),
            8 => Self::BrokerLoggers(id()?),
            16 => Self::ClientMetrics(name.to_owned()),
            32 => Self::Group(name.to_owned()),
            _ => return None,
        })
    }

    /// A broker's own settings are known to it alone.
    const fn asked(&self) -> Asked {
        match self {
            Self::Broker(id) | Self::BrokerLoggers(id) => Asked::Broker(*id),
            _ => Asked::Any,
        }
    }
}

impl fmt::Display for ConfigResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(name) => write!(f, "topic {name}"),
            Self::Broker(id) => write!(f, "broker {id}"),
            Self::Brokers => f.write_str("all brokers"),
            Self::BrokerLoggers(id) => write!(f, "loggers of broker {id}"),
            Self::ClientMetrics(name) => write!(f, "client metrics {name}"),
            Self::Group(name) => write!(f, "group {name}"),
        }
    }
}

/// Where a value comes from. The codes are those of Kafka's `ConfigEntry.ConfigSource`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConfigSource {
    /// Set for this topic.
    Topic,
    /// Set for this broker while it runs.
    Broker,
    /// Set for all brokers while they run.
    Brokers,
    /// The broker's properties file.
    File,
    /// Kafka's default.
    Default,
    /// Set for this logger.
    Logger,
    /// Set for this subscription.
    ClientMetrics,
    /// Set for this group.
    Group,
    /// A source that this client does not know.
    Other(i8),
}

impl ConfigSource {
    const fn of_wire(code: i8) -> Self {
        match code {
            1 => Self::Topic,
            2 => Self::Broker,
            3 => Self::Brokers,
            4 => Self::File,
            5 => Self::Default,
            6 => Self::Logger,
            7 => Self::ClientMetrics,
            8 => Self::Group,
            other => Self::Other(other),
        }
    }
}

/// A setting with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigEntry {
    /// Its name.
    pub name: String,
    /// Its value; `None` where it is a secret or there is none.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Whether it cannot be changed while the broker runs.
    pub is_read_only: bool,
    /// Whether it is a secret.
    pub is_sensitive: bool,
    /// What it means, where that was asked for.
    pub documentation: Option<String>,
}

impl ConfigEntry {
    fn of_wire(entry: &DescribeConfigsResourceResult) -> Self {
        Self {
            name: entry.name.to_string(),
            value: entry.value.as_ref().map(|value| value.to_string()),
            source: ConfigSource::of_wire(entry.config_source),
            is_read_only: entry.read_only,
            is_sensitive: entry.is_sensitive,
            documentation: entry.documentation.as_ref().map(ToString::to_string),
        }
    }
}

/// A change of one setting (KIP-339).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigChange {
    /// Takes this value.
    Set(String),
    /// Goes back to what it has without its own value.
    Delete,
    /// Takes these further elements, for a list.
    Append(String),
    /// Loses these elements, for a list.
    Subtract(String),
}

impl ConfigChange {
    fn to_wire(&self, name: &str) -> AlterableConfig {
        let (operation, value) = match self {
            Self::Set(value) => (0, Some(value)),
            Self::Delete => (1, None),
            Self::Append(value) => (2, Some(value)),
            Self::Subtract(value) => (3, Some(value)),
        };
        AlterableConfig::default()
            .with_name(text(name))
            .with_config_operation(operation)
            .with_value(value.map(|value| text(value)))
    }
}

impl Admin {
    /// All settings of some resources, by name.
    ///
    /// # Errors
    /// Where no broker, or not the broker that is asked about itself, answers within `default.api.timeout.ms`.
    pub async fn describe_configs(
        &self,
        resources: &[ConfigResource],
    ) -> Result<Each<ConfigResource, BTreeMap<String, ConfigEntry>>, Error> {
        self.describe_some_configs(resources, None, false).await
    }

    /// Settings of some resources: those of these names, or with `None` all; with what they mean, where that is wanted.
    ///
    /// # Errors
    /// Those of [`Admin::describe_configs`].
    pub async fn describe_some_configs(
        &self,
        resources: &[ConfigResource],
        names: Option<&[&str]>,
        with_documentation: bool,
    ) -> Result<Each<ConfigResource, BTreeMap<String, ConfigEntry>>, Error> {
        let mut each = Each::new();
        for (asked, resources) in by_broker(resources.iter().map(|resource| (resource.asked(), resource))) {
            let resource = |resource: &&ConfigResource| {
                let (kind, name) = resource.to_wire();
                let keys = names.map(|names| names.iter().map(|name| text(name)).collect());
                let wire =
                    DescribeConfigsResource::default().with_resource_type(kind).with_resource_name(name);
                wire.with_configuration_keys(keys)
            };
            let request = DescribeConfigsRequest::default()
                .with_include_documentation(with_documentation)
                .with_resources(resources.iter().map(resource).collect());
            for result in self.ask(asked, request).await?.results {
                let Some(resource) = ConfigResource::of_wire(result.resource_type, &result.resource_name)
                else {
                    continue;
                };
                let entries = result.configs.iter().map(ConfigEntry::of_wire);
                let entries = entries.map(|entry| (entry.name.clone(), entry)).collect();
                let message = result.error_message.as_ref();
                let entries = outcome(result.error_code, &resource.to_string(), message, entries);
                each.insert(resource, entries);
            }
        }
        Ok(each)
    }

    /// Everything that has settings, or may have (Kafka 4.1 or later; before, subscriptions of client metrics only).
    ///
    /// # Errors
    /// Where no broker answers within `default.api.timeout.ms`.
    pub async fn list_config_resources(&self) -> Result<Vec<ConfigResource>, Error> {
        // Without types all are meant.
        let response = self.ask(Asked::Any, ListConfigResourcesRequest::default()).await?;
        Error::check(response.error_code, || "the list of configs".to_owned(), None)?;
        let found = response.config_resources.iter();
        let mut resources: Vec<_> = found
            .filter_map(|found| ConfigResource::of_wire(found.resource_type, &found.resource_name))
            .collect();
        resources.sort();
        Ok(resources)
    }

    /// Changes settings; those that are not named stay.
    ///
    /// # Errors
    /// Where no broker, or not the broker that is to be changed, answers within `default.api.timeout.ms`.
    pub async fn alter_configs(
        &self,
        changes: &[(ConfigResource, Vec<(&str, ConfigChange)>)],
    ) -> Result<Each<ConfigResource, ()>, Error> {
        self.change_configs(changes, false).await
    }

    /// Checks whether [`Admin::alter_configs`] would succeed.
    ///
    /// # Errors
    /// Those of [`Admin::alter_configs`].
    pub async fn validate_configs(
        &self,
        changes: &[(ConfigResource, Vec<(&str, ConfigChange)>)],
    ) -> Result<Each<ConfigResource, ()>, Error> {
        self.change_configs(changes, true).await
    }

    async fn change_configs(
        &self,
        changes: &[(ConfigResource, Vec<(&str, ConfigChange)>)],
        validate_only: bool,
    ) -> Result<Each<ConfigResource, ()>, Error> {
        let mut each = Each::new();
        for (asked, changes) in by_broker(changes.iter().map(|change| (change.0.asked(), change))) {
            let resource = |(resource, changes): &&(ConfigResource, Vec<(&str, ConfigChange)>)| {
                let (kind, name) = resource.to_wire();
                AlterConfigsResource::default()
                    .with_resource_type(kind)
                    .with_resource_name(name)
                    .with_configs(changes.iter().map(|(name, change)| change.to_wire(name)).collect())
            };
            let request = IncrementalAlterConfigsRequest::default()
                .with_validate_only(validate_only)
                .with_resources(changes.iter().map(resource).collect());
            for result in self.ask(asked, request).await?.responses {
                let Some(resource) = ConfigResource::of_wire(result.resource_type, &result.resource_name)
                else {
                    continue;
                };
                let message = result.error_message.as_ref();
                let altered = outcome(result.error_code, &resource.to_string(), message, ());
                each.insert(resource, altered);
            }
        }
        Ok(each)
    }
}

/// What goes to each broker.
fn by_broker<T>(items: impl Iterator<Item = (Asked, T)>) -> BTreeMap<Asked, Vec<T>> {
    let mut groups: BTreeMap<Asked, Vec<T>> = BTreeMap::new();
    for (asked, item) in items {
        groups.entry(asked).or_default().push(item);
    }
    groups
}
