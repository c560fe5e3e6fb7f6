//! Broker settings that change while the broker runs, in layers over those of the start.

use super::broker::BrokerConfig;
use super::declaration::UpdateMode;
use super::declarations::{self, OWN_PREFIX};
use super::error::{ConfigError, ConfigErrors};
use super::notice::Notice;
use super::resolved::{base_name, check_not_refused};
use super::settings::{Origin, Settings};
use super::validate::ValidationError;
use super::value::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Settings of one resource that were set while the broker ran, by name.
pub type Overrides = BTreeMap<String, String>;

/// The broker's settings in three layers: what the start gave, what was set for all brokers, and what was set for this
/// one. Later layers win.
///
/// Source: Kafka's `DynamicBrokerConfig` (KIP-226).
#[derive(Debug, Clone)]
pub struct DynamicConfig {
    fixed: Arc<Settings>,
    cluster: Overrides,
    broker: Overrides,
}

/// Settings that only a listener's own form may change.
const ONLY_PER_LISTENER: [&str; 10] = [
    "ssl.key.password",
    "ssl.keystore.certificate.chain",
    "ssl.keystore.key",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.keystore.type",
    "ssl.truststore.certificates",
    "ssl.truststore.location",
    "ssl.truststore.password",
    "ssl.truststore.type",
];

/// Settings that Kafka changes for a single listener also for the whole cluster.
const CLUSTER_WIDE_PER_LISTENER: [&str; 3] =
    ["max.connections", "max.connection.creation.rate", "num.network.threads"];

/// Settings that Kafka can change while it runs and Medallion reads at the start only.
const FIXED_HERE: [&str; 2] = ["listeners", "listener.security.protocol.map"];

impl DynamicConfig {
    /// The settings of the start, with nothing changed yet.
    pub fn new(mut settings: Settings) -> Self {
        settings.unify_node_id();
        Self { fixed: Arc::new(settings), cluster: Overrides::new(), broker: Overrides::new() }
    }

    /// The same start with these changes. What cannot be applied is left out and told, as Kafka does with what it
    /// finds in its metadata.
    #[must_use]
    pub fn with_overrides(&self, cluster: &Overrides, broker: &Overrides) -> (Self, Vec<Notice>) {
        let mut notices = Vec::new();
        let mut keep = |overrides: &Overrides, per_broker: bool| -> Overrides {
            let mut kept = overrides.clone();
            kept.retain(|name, text| {
                match check_overrides(&Overrides::from([(name.clone(), text.clone())]), per_broker) {
                    Ok(()) => true,
                    Err(error) => {
                        notices.push(Notice::NotApplied { name: name.clone(), reason: error.to_string() });
                        false
                    }
                }
            });
            kept
        };
        let cluster = keep(cluster, false);
        let broker = keep(broker, true);
        (Self { fixed: Arc::clone(&self.fixed), cluster, broker }, notices)
    }

    /// The settings that hold now.
    ///
    /// # Errors
    /// As for [`BrokerConfig::new`].
    pub fn effective(&self) -> Result<(BrokerConfig, Vec<Notice>), ConfigErrors> {
        BrokerConfig::new(&self.merged())
    }

    /// Checks all changes that this broker would have.
    ///
    /// # Errors
    /// Kafka's code and message.
    pub fn validate_broker(&self, overrides: &Overrides) -> Result<(), ValidationError> {
        self.validate(overrides, true)
    }

    /// Checks all changes that all brokers would have.
    ///
    /// # Errors
    /// Kafka's code and message.
    pub fn validate_cluster(&self, overrides: &Overrides) -> Result<(), ValidationError> {
        self.validate(overrides, false)
    }

    fn validate(&self, overrides: &Overrides, per_broker: bool) -> Result<(), ValidationError> {
        check_overrides(overrides, per_broker)?;
        let candidate = Self {
            fixed: Arc::clone(&self.fixed),
            cluster: if per_broker { self.cluster.clone() } else { overrides.clone() },
            broker: if per_broker { overrides.clone() } else { self.broker.clone() },
        };
        match candidate.effective() {
            Ok(_) => Ok(()),
            Err(ConfigErrors(errors)) => {
                let message = errors.first().map(ConfigError::message).unwrap_or_default();
                Err(ValidationError::InvalidRequest(message))
            }
        }
    }

    /// The settings of the start.
    pub fn fixed(&self) -> &Settings {
        &self.fixed
    }

    /// What was set for all brokers.
    pub fn cluster(&self) -> &Overrides {
        &self.cluster
    }

    /// What was set for this broker.
    pub fn broker(&self) -> &Overrides {
        &self.broker
    }

    /// All layers in one.
    fn merged(&self) -> Settings {
        let mut merged = Settings::clone(&self.fixed);
        for (overrides, origin) in [(&self.cluster, Origin::ClusterDefault), (&self.broker, Origin::Broker)] {
            for (name, value) in overrides {
                merged.set(name, value, origin.clone());
            }
        }
        merged
    }

    /// The text that holds for a setting, if somebody set it. A change takes its synonyms of the layers below along: with
    /// `log.retention.ms` changed, `log.retention.hours` of the file is described by its default, as in Kafka.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        for overrides in [&self.broker, &self.cluster] {
            if let Some(text) = overrides.get(name) {
                return Some(text);
            }
            if broker_synonyms(name).into_iter().any(|synonym| overrides.contains_key(synonym)) {
                return None;
            }
        }
        self.fixed.get(name).map(|setting| setting.value.as_str())
    }
}

/// The settings that could give the value of `name`, what would hold first.
///
/// Source: Kafka's `DynamicBrokerConfig.brokerConfigSynonyms`.
pub(super) fn broker_synonyms(name: &str) -> Vec<&str> {
    match name {
        "log.roll.ms" | "log.roll.hours" => vec!["log.roll.ms", "log.roll.hours"],
        "log.roll.jitter.ms" | "log.roll.jitter.hours" => vec!["log.roll.jitter.ms", "log.roll.jitter.hours"],
        "log.flush.interval.ms" => vec!["log.flush.interval.ms", "log.flush.scheduler.interval.ms"],
        "log.retention.ms" | "log.retention.minutes" | "log.retention.hours" => {
            vec!["log.retention.ms", "log.retention.minutes", "log.retention.hours"]
        }
        name => vec![name],
    }
}

/// Checks changes each by itself.
fn check_overrides(overrides: &Overrides, per_broker: bool) -> Result<(), ValidationError> {
    let refuse = |message: &str, wrong: fn(&str) -> bool| {
        let names: Vec<&str> = overrides.keys().map(String::as_str).filter(|name| wrong(name)).collect();
        if names.is_empty() {
            return Ok(());
        }
        Err(ValidationError::InvalidRequest(format!("{message}: [{}]", names.join(", "))))
    };
    refuse("Cannot update these configs dynamically", is_fixed)?;
    refuse(
        "These security configs can be dynamically updated only per-listener using the listener prefix",
        |name| ONLY_PER_LISTENER.contains(&name),
    )?;
    overrides.iter().try_for_each(|(name, text)| check_value(name, text))?;
    if per_broker {
        return Ok(());
    }
    refuse("Cannot update these configs at default cluster level, broker id must be specified", is_per_broker)
}

/// Whether a setting is known and cannot change while the broker runs.
fn is_fixed(name: &str) -> bool {
    let known = declarations::broker().get(name);
    known.is_some_and(|declaration| !declaration.is_dynamic())
        || name.starts_with(OWN_PREFIX)
        || FIXED_HERE.contains(&name)
}

/// Whether a setting can be changed for single brokers only.
fn is_per_broker(name: &str) -> bool {
    let base = base_name(name);
    if base != name {
        return !CLUSTER_WIDE_PER_LISTENER.contains(&base);
    }
    let known = declarations::broker().get(name);
    known.is_some_and(|declaration| declaration.update_mode == UpdateMode::PerBroker)
}

/// Checks the value of a setting, if it is a known one.
fn check_value(name: &str, text: &str) -> Result<(), ValidationError> {
    let Some(declaration) = declarations::broker().get(base_name(name)) else { return Ok(()) };
    let value = Value::parse(declaration, text).map_err(ValidationError::InvalidRequest)?;
    check_not_refused(declaration, &value, &Origin::Broker)
        .map_err(|error| ValidationError::InvalidRequest(error.message()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(text: &str) -> DynamicConfig {
        let mut settings = Settings::new();
        settings.add_file("server.properties", text).unwrap();
        settings.assume_defaults();
        DynamicConfig::new(settings)
    }

    fn overrides(pairs: &[(&str, &str)]) -> Overrides {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn later_layers_win() {
        let started = started("log.retention.hours=1\nmax.connections=3");
        let cluster = overrides(&[("log.retention.ms", "5"), ("max.connections", "4")]);
        let (changed, notices) = started.with_overrides(&cluster, &overrides(&[("log.retention.ms", "6")]));
        assert_eq!(notices, []);
        let config = changed.effective().unwrap().0;
        assert_eq!(config.max_connections, 4);
        assert_eq!(config.topic_defaults.topic([]).log.retention_ms, 6);
        let (deleted, _) = changed.with_overrides(&Overrides::new(), &Overrides::new());
        let config = deleted.effective().unwrap().0;
        assert_eq!(
            (config.max_connections, config.topic_defaults.topic([]).log.retention_ms),
            (3, 3_600_000)
        );
    }

    #[test]
    fn what_cannot_be_applied_is_left_out_and_told() {
        let cluster = overrides(&[("listeners", "PLAINTEXT://:1"), ("max.connections", "x"), ("foo", "bar")]);
        let (changed, notices) = started("").with_overrides(&cluster, &Overrides::new());
        assert_eq!(changed.cluster(), &overrides(&[("foo", "bar")]));
        assert_eq!(notices.len(), 2);
    }

    #[test]
    fn changes_are_refused_in_kafkas_words() {
        let started = started("");
        let refused = |per_broker: bool, name: &str, value: &str| {
            let overrides = overrides(&[(name, value)]);
            let outcome = if per_broker {
                started.validate_broker(&overrides)
            } else {
                started.validate_cluster(&overrides)
            };
            match outcome {
                Err(ValidationError::InvalidRequest(message)) => message,
                other => panic!("{name}={value}: {other:?}"),
            }
        };
        assert_eq!(
            refused(true, "num.partitions", "5"),
            "Cannot update these configs dynamically: [num.partitions]"
        );
        assert_eq!(
            refused(false, "ssl.client.auth", "none"),
            "Cannot update these configs at default cluster level, broker id must be specified: [ssl.client.auth]"
        );
        assert_eq!(
            refused(true, "ssl.keystore.type", "JKS"),
            "These security configs can be dynamically updated only per-listener using the listener prefix: \
             [ssl.keystore.type]"
        );
        assert_eq!(
            refused(true, "log.retention.ms", "x"),
            "Invalid value x for configuration log.retention.ms: Not a number of type LONG"
        );
        assert!(refused(true, "log.retention.ms", "0").contains("must be unlimited (-1)"));
        assert!(refused(true, "cordoned.log.dirs", "/x").contains("is refused"));
        assert!(
            refused(true, "medallion.log.level", "debug").contains("Cannot update these configs dynamically")
        );
        assert!(refused(false, "listener.name.a.ssl.client.auth", "none").contains("broker id"));
    }

    #[test]
    fn changes_that_kafka_takes_are_taken() {
        let started = started("");
        for (name, value) in [
            ("foo.bar", "anything"),
            ("listener.name.plaintext.max.connections", "44"),
            ("log.retention.ms", "-1"),
            ("log.cleanup.policy", "compact,delete"),
            ("num.io.threads", "16"),
        ] {
            started.validate_cluster(&overrides(&[(name, value)])).unwrap();
            started.validate_broker(&overrides(&[(name, value)])).unwrap();
        }
        started.validate_broker(&overrides(&[("listener.name.a.ssl.keystore.type", "PEM")])).unwrap();
    }
}
