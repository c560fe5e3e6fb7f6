//! The settings as the controller sees them.

use super::declaration::ValueType;
use super::declarations::{self, Table};
use super::dynamic::{DynamicConfig, Overrides};
use super::validate::{self, ValidationError};
use super::value::Value;
use crate::controller::image::{ConfigResource, MetadataImage, ResourceType};
use crate::controller::{ApiError, ConfigSchema};
use medallion_wire::ResponseError;
use medallion_wire::messages::create_topics_response::CreatableTopicConfigs;

/// The declared settings over those that this node was started with.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    started: DynamicConfig,
    node_id: i32,
}

impl Schema {
    /// The schema of the node `node_id`, started with these settings.
    pub(crate) fn new(started: DynamicConfig, node_id: i32) -> Self {
        Self { started, node_id }
    }

    /// The settings of this node as the metadata has them now.
    pub(crate) fn current(&self, image: &MetadataImage) -> DynamicConfig {
        let node = self.node_id.to_string();
        self.started.with_overrides(&overrides_of(image, ""), &overrides_of(image, &node)).0
    }
}

fn overrides_of(image: &MetadataImage, broker: &str) -> Overrides {
    let configs = image.configs_of(ResourceType::Broker, broker);
    configs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

fn table(kind: ResourceType) -> Option<&'static Table> {
    match kind {
        ResourceType::Topic => Some(declarations::topic()),
        ResourceType::Broker => Some(declarations::broker()),
        ResourceType::Group => Some(declarations::group()),
        ResourceType::ClientMetrics => Some(declarations::client_metrics()),
        ResourceType::BrokerLogger => None,
    }
}

impl From<ValidationError> for ApiError {
    fn from(error: ValidationError) -> Self {
        match error {
            ValidationError::InvalidConfig(message) => Self::new(ResponseError::InvalidConfig, message),
            ValidationError::InvalidRequest(message) => Self::new(ResponseError::InvalidRequest, message),
        }
    }
}

impl ConfigSchema for Schema {
    fn validate(&self, resource: &ConfigResource, configs: &Overrides) -> Result<(), ApiError> {
        match resource.kind {
            ResourceType::Topic => {
                let defaults =
                    self.started.effective().map(|(config, _)| config.topic_defaults).unwrap_or_default();
                validate::topic(&defaults, configs)?;
            }
            ResourceType::Broker if resource.name.is_empty() => self.started.validate_cluster(configs)?,
            ResourceType::Broker => self.started.validate_broker(configs)?,
            ResourceType::Group => validate::group(&self.started, &resource.name, configs)?,
            ResourceType::ClientMetrics => validate::client_metrics(&resource.name, configs)?,
            ResourceType::BrokerLogger => {}
        }
        Ok(())
    }

    fn is_list(&self, kind: ResourceType, name: &str) -> bool {
        // Kafka knows the types of these only.
        let is_typed = matches!(kind, ResourceType::Topic | ResourceType::Broker);
        let declaration = table(kind).filter(|_| is_typed).and_then(|table| table.get(name));
        declaration.is_some_and(|declaration| declaration.value_type == ValueType::List)
    }

    fn is_known(&self, kind: ResourceType, name: &str) -> bool {
        table(kind).is_some_and(|table| table.contains_key(name))
    }

    fn default_value(&self, kind: ResourceType, name: &str) -> Option<String> {
        table(kind)?.get(name)?.default_text().map(str::to_owned)
    }

    fn inherited_topic_value(&self, image: &MetadataImage, name: &str) -> Option<String> {
        let (config, _) = self.current(image).effective().ok()?;
        config.topic_defaults.value(name).filter(|value| **value != Value::Null).map(ToString::to_string)
    }

    fn effective_topic_configs(&self, image: &MetadataImage, own: &Overrides) -> Vec<CreatableTopicConfigs> {
        let current = self.current(image);
        let defaults = current.effective().map(|(config, _)| config.topic_defaults).unwrap_or_default();
        current
            .describe_topic(&defaults, own)
            .into_iter()
            .map(|entry| {
                let source = current.topic_source(&entry.name, own);
                // Its own configs are told as they were given.
                let value = own.get(&entry.name).cloned().or(entry.value);
                CreatableTopicConfigs::default()
                    .with_name(entry.name.into())
                    .with_value(value.map(Into::into))
                    .with_read_only(entry.read_only)
                    .with_config_source(source.id())
                    .with_is_sensitive(entry.sensitive)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ConfigSource, Settings};

    fn schema(text: &str) -> Schema {
        let mut settings = Settings::new();
        settings.add_file("server.properties", text).unwrap();
        settings.assume_defaults();
        Schema::new(DynamicConfig::new(settings), 1)
    }

    #[test]
    fn lists_and_defaults() {
        let schema = schema("");
        assert!(schema.is_list(ResourceType::Topic, "cleanup.policy"));
        assert!(!schema.is_list(ResourceType::Topic, "retention.ms"));
        assert!(!schema.is_list(ResourceType::Broker, "unknown"));
        assert!(
            !schema.is_list(ResourceType::ClientMetrics, "metrics"),
            "it is one, but Kafka takes it as a text"
        );
        assert_eq!(schema.default_value(ResourceType::Topic, "cleanup.policy").as_deref(), Some("delete"));
        assert_eq!(schema.default_value(ResourceType::Broker, "log.retention.ms"), None);
    }

    #[test]
    fn topics_inherit_from_the_start() {
        let image = MetadataImage::default();
        let schema = schema("log.retention.hours=1");
        assert_eq!(schema.inherited_topic_value(&image, "retention.ms").as_deref(), Some("3600000"));
        assert_eq!(schema.inherited_topic_value(&image, "internal.segment.bytes"), None);
        let own = Overrides::from([("cleanup.policy".to_owned(), "compact".to_owned())]);
        let configs = schema.effective_topic_configs(&image, &own);
        assert_eq!(configs.len(), 33);
        let source = |name: &str| {
            configs.iter().find(|config| &*config.name == name).map(|config| config.config_source)
        };
        assert_eq!(source("retention.ms"), Some(ConfigSource::Static.id()));
        assert_eq!(source("cleanup.policy"), Some(ConfigSource::Topic.id()));
        assert_eq!(source("segment.ms"), Some(ConfigSource::Default.id()));
    }

    #[test]
    fn codes_are_kafkas() {
        let schema = schema("");
        let code = |kind, name: &str, setting: &str, value: &str| {
            let configs = Overrides::from([(setting.to_owned(), value.to_owned())]);
            schema.validate(&ConfigResource::new(kind, name), &configs).map_err(|error| error.error)
        };
        assert_eq!(code(ResourceType::Topic, "t", "retention.ms", "5"), Ok(()));
        assert_eq!(code(ResourceType::Topic, "t", "retention.ms", "x"), Err(ResponseError::InvalidConfig));
        assert_eq!(
            code(ResourceType::Broker, "1", "num.partitions", "5"),
            Err(ResponseError::InvalidRequest)
        );
        assert_eq!(code(ResourceType::Broker, "", "max.connections", "5"), Ok(()));
        assert_eq!(
            code(ResourceType::Group, "", "share.session.timeout.ms", "5"),
            Err(ResponseError::InvalidRequest)
        );
        assert_eq!(
            code(ResourceType::ClientMetrics, "c", "interval.ms", "x"),
            Err(ResponseError::InvalidConfig)
        );
    }
}
