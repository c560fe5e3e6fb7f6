//! What `DescribeConfigs` answers.
//!
//! Source: Kafka's `ConfigHelper`.

use super::declaration::Declaration;
use super::declarations;
use super::dynamic::{DynamicConfig, Overrides, broker_synonyms};
use super::resolved::base_name;
use super::topic::TopicDefaults;
use super::value::Value;
use std::collections::BTreeSet;

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigSource {
    /// The topic's own setting.
    Topic,
    /// Set for this broker while it ran.
    Broker,
    /// Set for all brokers while they ran.
    ClusterDefault,
    /// Set at the start.
    Static,
    /// Set by nobody.
    Default,
    /// The level of a logger.
    BrokerLogger,
    /// A client metrics subscription's own setting.
    ClientMetrics,
    /// The group's own setting.
    Group,
}

impl ConfigSource {
    /// Kafka's number (`DescribeConfigsResponse.ConfigSource`).
    pub const fn id(self) -> i8 {
        match self {
            Self::Topic => 1,
            Self::Broker => 2,
            Self::ClusterDefault => 3,
            Self::Static => 4,
            Self::Default => 5,
            Self::BrokerLogger => 6,
            Self::ClientMetrics => 7,
            Self::Group => 8,
        }
    }
}

/// A name under which a value could have been set, and was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigSynonym {
    /// The name.
    pub name: String,
    /// The value; none where it is secret.
    pub value: Option<String>,
    /// Where it was set.
    pub source: ConfigSource,
}

/// One described setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// The setting.
    pub name: String,
    /// The value that holds; none where there is none, or where it is secret.
    pub value: Option<String>,
    /// Whether it cannot be changed while the broker runs.
    pub read_only: bool,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Whether the value is secret.
    pub sensitive: bool,
    /// All that was set for it, what holds first.
    pub synonyms: Vec<ConfigSynonym>,
    /// The number of its type; 0 for settings that nobody knows.
    pub value_type: i8,
    /// What it is.
    pub documentation: Option<&'static str>,
}

impl ConfigEntry {
    /// An entry whose source is that of its first synonym.
    fn new(
        name: &str,
        declaration: Option<&Declaration>,
        value: Option<String>,
        synonyms: Vec<ConfigSynonym>,
    ) -> Self {
        let sensitive = is_sensitive(declaration);
        Self {
            name: name.to_owned(),
            value: value.filter(|_| !sensitive),
            read_only: false,
            source: synonyms.first().map_or(ConfigSource::Default, |synonym| synonym.source),
            sensitive,
            synonyms,
            value_type: declaration.map_or(0, |declaration| declaration.value_type.id()),
            documentation: declaration.map(|declaration| declaration.doc).filter(|doc| !doc.is_empty()),
        }
    }

    /// The level of a logger.
    pub fn logger(name: &str, level: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: Some(level.to_owned()),
            read_only: false,
            source: ConfigSource::BrokerLogger,
            sensitive: false,
            synonyms: Vec::new(),
            value_type: 0,
            documentation: None,
        }
    }
}

/// What nobody knows may be a secret.
fn is_sensitive(declaration: Option<&Declaration>) -> bool {
    declaration.is_none_or(Declaration::is_sensitive)
}

impl DynamicConfig {
    /// All settings of this broker.
    pub fn describe_broker(&self) -> Vec<ConfigEntry> {
        let table = declarations::broker();
        let declared =
            table.values().filter(|declaration| !declaration.internal).map(|declaration| declaration.name);
        let given = self.fixed().iter().map(|(name, _)| name);
        let changed = self.cluster().keys().chain(self.broker().keys()).map(String::as_str);
        let names: BTreeSet<&str> = declared.chain(given).chain(changed).collect();
        names.into_iter().map(|name| self.describe_broker_setting(name)).collect()
    }

    /// What was set for all brokers.
    pub fn describe_cluster(&self) -> Vec<ConfigEntry> {
        self.cluster()
            .iter()
            .map(|(name, value)| {
                let mut synonyms = self.synonyms(name);
                synonyms.retain(|synonym| synonym.source == ConfigSource::ClusterDefault);
                Self::broker_entry(name, Some(value.clone()), synonyms)
            })
            .collect()
    }

    /// All settings of a topic with these of its own; `defaults` are those of this broker.
    pub fn describe_topic(&self, defaults: &TopicDefaults, own: &Overrides) -> Vec<ConfigEntry> {
        // What is for tests only is told where it is set.
        let is_shown = |name: &str, internal: bool| !internal || own.contains_key(name);
        declarations::topic()
            .values()
            .filter(|declaration| is_shown(declaration.name, declaration.internal))
            .map(|declaration| {
                let inherited = defaults.value(declaration.name).cloned().unwrap_or(Value::Null);
                let synonyms = declaration.broker_synonyms.first().map(|name| self.synonyms(name));
                describe_own(declaration, own, &inherited, synonyms.unwrap_or_default(), ConfigSource::Topic)
            })
            .collect()
    }

    /// Where a topic's value comes from, as `CreateTopics` tells it: also `log.retention.hours` counts for
    /// `retention.ms`.
    ///
    /// Source: Kafka's `KafkaConfigSchema.resolveEffectiveTopicConfig`.
    pub(crate) fn topic_source(&self, name: &str, own: &Overrides) -> ConfigSource {
        if own.contains_key(name) {
            return ConfigSource::Topic;
        }
        let synonyms =
            declarations::topic().get(name).map_or(&[][..], |declaration| declaration.broker_synonyms);
        let set = |is_set: &dyn Fn(&str) -> bool| synonyms.iter().any(|synonym| is_set(synonym));
        if set(&|synonym| self.broker().contains_key(synonym)) {
            ConfigSource::Broker
        } else if set(&|synonym| self.cluster().contains_key(synonym)) {
            ConfigSource::ClusterDefault
        } else if set(&|synonym| self.fixed().get(synonym).is_some()) {
            ConfigSource::Static
        } else {
            ConfigSource::Default
        }
    }

    /// All settings of a group with these of its own.
    pub fn describe_group(&self, own: &Overrides) -> Vec<ConfigEntry> {
        declarations::group()
            .values()
            .map(|declaration| {
                let (inherited, synonyms) = match declaration.broker_synonyms.first() {
                    Some(name) => (self.value(name), self.synonyms(name)),
                    None => (Value::default_of(declaration), default_synonym(declaration)),
                };
                describe_own(declaration, own, &inherited, synonyms, ConfigSource::Group)
            })
            .collect()
    }

    /// The value of a declared broker setting.
    pub(super) fn value(&self, name: &str) -> Value {
        let Some(declaration) = declarations::broker().get(name) else { return Value::Null };
        let given = self.text(name).and_then(|text| Value::parse(declaration, text).ok());
        given.unwrap_or_else(|| Value::default_of(declaration))
    }

    fn describe_broker_setting(&self, name: &str) -> ConfigEntry {
        let value = match declarations::broker().get(name) {
            Some(_) => {
                Some(self.value(name)).filter(|value| *value != Value::Null).map(|value| value.to_string())
            }
            None => self.text(name).map(str::to_owned),
        };
        Self::broker_entry(name, value, self.synonyms(name))
    }

    fn broker_entry(name: &str, value: Option<String>, synonyms: Vec<ConfigSynonym>) -> ConfigEntry {
        let declaration = declarations::broker().get(base_name(name)).copied();
        let read_only = !declarations::broker().get(name).is_some_and(|declaration| declaration.is_dynamic());
        ConfigEntry { read_only, ..ConfigEntry::new(name, declaration, value, synonyms) }
    }

    /// All that was set for a broker setting, what holds first. What comes before the setting's own name belongs to
    /// another one, such as the same setting of a listener.
    fn synonyms(&self, name: &str) -> Vec<ConfigSynonym> {
        let base = base_name(name);
        let names = if base == name { broker_synonyms(name) } else { vec![name, base] };
        let sensitive = is_sensitive(declarations::broker().get(base).copied());
        let layer = |source: ConfigSource, value: &dyn Fn(&str) -> Option<String>| -> Vec<ConfigSynonym> {
            let set = names.iter().filter_map(|name| value(name).map(|value| ((*name).to_owned(), value)));
            set.map(|(name, value)| ConfigSynonym { name, value: Some(value).filter(|_| !sensitive), source })
                .collect()
        };
        let layers = [
            layer(ConfigSource::Broker, &|name| self.broker().get(name).cloned()),
            layer(ConfigSource::ClusterDefault, &|name| self.cluster().get(name).cloned()),
            layer(ConfigSource::Static, &|name| self.fixed().get(name).map(|setting| setting.value.clone())),
            layer(ConfigSource::Default, &|name| {
                declarations::broker().get(name)?.default_text().map(str::to_owned)
            }),
        ];
        layers.into_iter().flatten().skip_while(|synonym| synonym.name != name).collect()
    }
}

/// All settings of a client metrics subscription with these of its own.
pub fn describe_client_metrics(own: &Overrides) -> Vec<ConfigEntry> {
    declarations::client_metrics()
        .values()
        .map(|declaration| {
            let default = Value::default_of(declaration);
            describe_own(declaration, own, &default, Vec::new(), ConfigSource::ClientMetrics)
        })
        .collect()
}

/// A setting of a resource with settings of its own: the own value, or the inherited one.
fn describe_own(
    declaration: &Declaration,
    own: &Overrides,
    inherited: &Value,
    mut synonyms: Vec<ConfigSynonym>,
    source: ConfigSource,
) -> ConfigEntry {
    let name = declaration.name;
    let set = own.get(name).and_then(|text| Value::parse(declaration, text).ok());
    let value = set.as_ref().unwrap_or(inherited).to_string();
    if set.is_some() {
        let value = Some(value.clone()).filter(|_| !declaration.is_sensitive());
        synonyms.insert(0, ConfigSynonym { name: name.to_owned(), value, source });
    }
    ConfigEntry::new(name, Some(declaration), Some(value), synonyms)
}

fn default_synonym(declaration: &Declaration) -> Vec<ConfigSynonym> {
    let value = declaration.default_text().map(str::to_owned);
    vec![ConfigSynonym { name: declaration.name.to_owned(), value, source: ConfigSource::Default }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    fn overrides(pairs: &[(&str, &str)]) -> Overrides {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn config(text: &str, cluster: &[(&str, &str)], broker: &[(&str, &str)]) -> DynamicConfig {
        let mut settings = Settings::new();
        settings.add_file("server.properties", text).unwrap();
        settings.assume_defaults();
        DynamicConfig::new(settings).with_overrides(&overrides(cluster), &overrides(broker)).0
    }

    fn find<'a>(entries: &'a [ConfigEntry], name: &str) -> &'a ConfigEntry {
        entries.iter().find(|entry| entry.name == name).unwrap_or_else(|| panic!("{name}"))
    }

    fn synonyms(entry: &ConfigEntry) -> Vec<String> {
        let text = |synonym: &ConfigSynonym| synonym.value.clone().unwrap_or_default();
        entry
            .synonyms
            .iter()
            .map(|synonym| format!("{:?} {}={}", synonym.source, synonym.name, text(synonym)))
            .collect()
    }

    /// What Apache Kafka 4.3.1 answered for the same settings.
    #[test]
    fn synonyms_come_layer_by_layer() {
        let config = config(
            "log.retention.hours=100\nlog.retention.minutes=300",
            &[("log.retention.ms", "888")],
            &[("log.retention.ms", "777")],
        );
        let broker = config.describe_broker();
        assert_eq!(
            synonyms(find(&broker, "log.retention.ms")),
            [
                "Broker log.retention.ms=777",
                "ClusterDefault log.retention.ms=888",
                "Static log.retention.minutes=300",
                "Static log.retention.hours=100",
                "Default log.retention.hours=168",
            ]
        );
        let minutes = find(&broker, "log.retention.minutes");
        assert_eq!(
            (minutes.value.as_deref(), minutes.source, minutes.read_only),
            (None, ConfigSource::Static, true)
        );
        let defaults = config.effective().unwrap().0.topic_defaults;
        let topic = config.describe_topic(&defaults, &overrides(&[("retention.ms", "5000")]));
        assert_eq!(
            synonyms(find(&topic, "retention.ms"))[..2],
            ["Topic retention.ms=5000", "Broker log.retention.ms=777",]
        );
    }

    #[test]
    fn what_stands_before_the_setting_itself_is_dropped() {
        let config = config("log.roll.hours=24", &[], &[]);
        let defaults = config.effective().unwrap().0.topic_defaults;
        let topic = config.describe_topic(&defaults, &Overrides::new());
        let segment_ms = find(&topic, "segment.ms");
        assert_eq!(segment_ms.value.as_deref(), Some("86400000"));
        assert_eq!((segment_ms.source, segment_ms.synonyms.len()), (ConfigSource::Default, 0));
    }

    #[test]
    fn secrets_and_what_nobody_knows_are_hidden() {
        let config =
            config("delegation.token.secret.key=hush\nown.plugin.setting=hush", &[("foo.bar", "hush")], &[]);
        let broker = config.describe_broker();
        for name in ["delegation.token.secret.key", "own.plugin.setting", "foo.bar"] {
            let entry = find(&broker, name);
            assert!(entry.sensitive && entry.value.is_none() && entry.read_only, "{name}");
            assert!(entry.synonyms.iter().all(|synonym| synonym.value.is_none()));
        }
        assert!(!format!("{:?}{:?}", broker, config.describe_cluster()).contains("hush"));
    }

    #[test]
    fn listeners_settings_fall_back_to_the_brokers() {
        let config = config("", &[("max.connections", "500")], &[("listener.name.a.max.connections", "44")]);
        assert_eq!(
            synonyms(find(&config.describe_broker(), "listener.name.a.max.connections")),
            [
                "Broker listener.name.a.max.connections=44",
                "ClusterDefault max.connections=500",
                "Default max.connections=2147483647",
            ]
        );
    }

    #[test]
    fn what_is_shown_is_kafkas_and_our_own() {
        let config = config("", &[], &[]);
        let own = |entry: &&ConfigEntry| entry.name.starts_with(declarations::OWN_PREFIX);
        let broker = config.describe_broker();
        assert_eq!(broker.len() - broker.iter().filter(own).count(), 340);
        let defaults = config.effective().unwrap().0.topic_defaults;
        assert_eq!(config.describe_topic(&defaults, &Overrides::new()).len(), 33);
        assert_eq!(config.describe_group(&Overrides::new()).len(), 17);
        assert_eq!(describe_client_metrics(&Overrides::new()).len(), 3);
        assert!(broker.iter().all(|entry| entry.documentation.is_some()));
    }

    #[test]
    fn groups_and_client_metrics() {
        let group =
            config("", &[], &[]).describe_group(&overrides(&[("share.isolation.level", "read_committed")]));
        assert_eq!(
            synonyms(find(&group, "share.isolation.level")),
            ["Group share.isolation.level=read_committed", "Default share.isolation.level=read_uncommitted",]
        );
        assert_eq!(
            synonyms(find(&group, "share.session.timeout.ms")),
            ["Default group.share.session.timeout.ms=45000"]
        );
        let metrics = describe_client_metrics(&overrides(&[("interval.ms", "1000")]));
        assert_eq!(synonyms(find(&metrics, "interval.ms")), ["ClientMetrics interval.ms=1000"]);
        assert_eq!(find(&metrics, "match").source, ConfigSource::Default);
    }
}
