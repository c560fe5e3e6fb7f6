//! Whether settings of topics, groups and client metrics subscriptions may be changed to given values.
//!
//! Source: Kafka's `ControllerConfigurationValidator`.

use super::client_match::ClientMatch;
use super::declarations::{self, Table};
use super::dynamic::{DynamicConfig, Overrides};
use super::topic::TopicDefaults;
use super::value::Value;
use std::collections::BTreeMap;
use thiserror::Error;

/// Why a change is refused, with the words for the client.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ValidationError {
    /// `INVALID_CONFIG`.
    #[error("{0}")]
    InvalidConfig(String),
    /// `INVALID_REQUEST`.
    #[error("{0}")]
    InvalidRequest(String),
}

use ValidationError::{InvalidConfig, InvalidRequest};

/// Checks all settings of its own that a topic would have.
///
/// # Errors
/// [`InvalidConfig`].
pub fn topic(defaults: &TopicDefaults, own: &Overrides) -> Result<(), ValidationError> {
    let values = parse(declarations::topic(), own, "Unknown topic config name: ")?;
    let number = |name: &str| match values.get(name).or_else(|| defaults.value(name)) {
        Some(Value::Number(number)) => *number,
        _ => 0,
    };
    let (min, max) = (number("min.compaction.lag.ms"), number("max.compaction.lag.ms"));
    if min > max {
        return Err(InvalidConfig(format!(
            "conflict topic config setting min.compaction.lag.ms ({min}) > max.compaction.lag.ms ({max})"
        )));
    }
    if values.get("remote.storage.enable") == Some(&Value::Boolean(true)) {
        let message = "Tiered Storage functionality is disabled in the broker. \
                       Topic cannot be configured with remote log storage.";
        return Err(InvalidConfig(message.into()));
    }
    Ok(())
}

/// The settings of groups that the broker bounds: the setting, the lower bound, the upper bound.
const GROUP_BOUNDS: [(&str, Option<&str>, &str); 13] = [
    bounds(
        "consumer.heartbeat.interval.ms",
        "group.consumer.min.heartbeat.interval.ms",
        "group.consumer.max.heartbeat.interval.ms",
    ),
    bounds(
        "consumer.session.timeout.ms",
        "group.consumer.min.session.timeout.ms",
        "group.consumer.max.session.timeout.ms",
    ),
    bounds(
        "consumer.assignment.interval.ms",
        "group.consumer.min.assignment.interval.ms",
        "group.consumer.max.assignment.interval.ms",
    ),
    bounds(
        "share.heartbeat.interval.ms",
        "group.share.min.heartbeat.interval.ms",
        "group.share.max.heartbeat.interval.ms",
    ),
    bounds(
        "share.session.timeout.ms",
        "group.share.min.session.timeout.ms",
        "group.share.max.session.timeout.ms",
    ),
    bounds(
        "share.record.lock.duration.ms",
        "group.share.min.record.lock.duration.ms",
        "group.share.max.record.lock.duration.ms",
    ),
    bounds(
        "share.delivery.count.limit",
        "group.share.min.delivery.count.limit",
        "group.share.max.delivery.count.limit",
    ),
    bounds(
        "share.partition.max.record.locks",
        "group.share.min.partition.max.record.locks",
        "group.share.max.partition.max.record.locks",
    ),
    bounds(
        "share.assignment.interval.ms",
        "group.share.min.assignment.interval.ms",
        "group.share.max.assignment.interval.ms",
    ),
    bounds(
        "streams.heartbeat.interval.ms",
        "group.streams.min.heartbeat.interval.ms",
        "group.streams.max.heartbeat.interval.ms",
    ),
    bounds(
        "streams.session.timeout.ms",
        "group.streams.min.session.timeout.ms",
        "group.streams.max.session.timeout.ms",
    ),
    ("streams.num.standby.replicas", None, "group.streams.max.standby.replicas"),
    bounds(
        "streams.assignment.interval.ms",
        "group.streams.min.assignment.interval.ms",
        "group.streams.max.assignment.interval.ms",
    ),
];

const fn bounds(
    name: &'static str,
    min: &'static str,
    max: &'static str,
) -> (&'static str, Option<&'static str>, &'static str) {
    (name, Some(min), max)
}

/// Checks all settings that a group of this name would have, within the broker's bounds.
///
/// # Errors
/// [`InvalidRequest`] without a name, else [`InvalidConfig`].
pub fn group(broker: &DynamicConfig, name: &str, own: &Overrides) -> Result<(), ValidationError> {
    if name.is_empty() {
        return Err(InvalidRequest("Default group resources are not allowed.".into()));
    }
    let values = parse(declarations::group(), own, "Unknown group config name: ")?;
    let number = |value: &Value| if let Value::Number(number) = value { *number } else { 0 };
    for (setting, min, max) in GROUP_BOUNDS {
        let Some(value) = values.get(setting).map(number) else { continue };
        if let Some(min) = min.filter(|min| value < number(&broker.value(min))) {
            return Err(InvalidConfig(format!("{setting} must be greater than or equal to {min}")));
        }
        if value > number(&broker.value(max)) {
            return Err(InvalidConfig(format!("{setting} must be less than or equal to {max}")));
        }
    }
    for kind in ["consumer", "share", "streams"] {
        let [session, heartbeat] =
            ["session.timeout.ms", "heartbeat.interval.ms"].map(|what| format!("{kind}.{what}"));
        let value = |setting: &str| {
            let own = values.get(setting).map(number);
            own.unwrap_or_else(|| number(&broker.value(&format!("group.{setting}"))))
        };
        if value(&session) <= value(&heartbeat) {
            return Err(InvalidConfig(format!("{session} must be greater than {heartbeat}")));
        }
    }
    Ok(())
}

/// Checks all settings that a client metrics subscription of this name would have.
///
/// # Errors
/// [`InvalidRequest`] without a name, for unknown settings and for an interval out of range, else [`InvalidConfig`].
pub fn client_metrics(name: &str, own: &Overrides) -> Result<(), ValidationError> {
    if name.is_empty() {
        return Err(InvalidRequest("Subscription name can't be empty".into()));
    }
    let table = declarations::client_metrics();
    if let Some(unknown) = own.keys().find(|name| !table.contains_key(name.as_str())) {
        return Err(InvalidRequest(format!("Unknown client metrics configuration: {unknown}")));
    }
    let values = parse(table, own, "")?;
    if let Some(Value::Number(interval)) = values.get("interval.ms")
        && !(100..=3_600_000).contains(interval)
    {
        return Err(InvalidRequest(format!(
            "Invalid value {interval} for interval.ms, interval must be between 100 and 3600000 (1 hour)"
        )));
    }
    if let Some(Value::List(patterns)) = values.get("match") {
        let parsed = ClientMatch::parse(patterns.iter().map(String::as_str));
        parsed.map_err(|illegal| InvalidConfig(illegal.to_string()))?;
    }
    Ok(())
}

/// The order in which Kafka looks at a topic's configs, which decides what it says where several are wrong
/// (`LogConfig.CONFIG`).
const TOPIC_ORDER: [&str; 31] = [
    "segment.bytes",
    "segment.ms",
    "segment.jitter.ms",
    "segment.index.bytes",
    "flush.messages",
    "flush.ms",
    "retention.bytes",
    "retention.ms",
    "max.message.bytes",
    "index.interval.bytes",
    "delete.retention.ms",
    "min.compaction.lag.ms",
    "max.compaction.lag.ms",
    "file.delete.delay.ms",
    "min.cleanable.dirty.ratio",
    "cleanup.policy",
    "unclean.leader.election.enable",
    "min.insync.replicas",
    "compression.type",
    "compression.gzip.level",
    "compression.lz4.level",
    "compression.zstd.level",
    "preallocate",
    "message.timestamp.type",
    "message.timestamp.before.max.ms",
    "message.timestamp.after.max.ms",
    "leader.replication.throttled.replicas",
    "follower.replication.throttled.replicas",
    "remote.storage.enable",
    "local.retention.ms",
    "local.retention.bytes",
];

fn parse(
    table: &Table,
    own: &Overrides,
    unknown: &str,
) -> Result<BTreeMap<&'static str, Value>, ValidationError> {
    if let Some(name) = own.keys().find(|name| !table.contains_key(name.as_str())) {
        return Err(InvalidConfig(format!("{unknown}{name}")));
    }
    let mut given: Vec<_> = own
        .iter()
        .filter_map(|(name, text)| table.get(name.as_str()).map(|declaration| (*declaration, text)))
        .collect();
    given.sort_by_key(|(declaration, _)| TOPIC_ORDER.iter().position(|name| *name == declaration.name));
    given
        .into_iter()
        .map(|(declaration, text)| {
            Ok((declaration.name, Value::parse(declaration, text).map_err(InvalidConfig)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{BrokerConfig, Settings};

    fn broker() -> DynamicConfig {
        let mut settings = Settings::new();
        settings.assume_defaults();
        DynamicConfig::new(settings)
    }

    fn one(name: &str, value: &str) -> Overrides {
        Overrides::from([(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn topics() {
        let config: BrokerConfig = broker().effective().unwrap().0;
        let check = |pairs: &[(&str, &str)]| {
            let own = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            topic(&config.topic_defaults, &own).map_err(|error| error.to_string())
        };
        assert_eq!(check(&[("retention.ms", "5"), ("cleanup.policy", "")]), Ok(()));
        let two = check(&[("local.retention.ms", "x"), ("retention.ms", "y")]);
        assert!(two.unwrap_err().starts_with("Invalid value y for configuration retention.ms"));
        assert_eq!(check(&[("unknown.name", "5")]), Err("Unknown topic config name: unknown.name".into()));
        assert_eq!(
            check(&[("min.compaction.lag.ms", "600"), ("max.compaction.lag.ms", "5")]),
            Err("conflict topic config setting min.compaction.lag.ms (600) > max.compaction.lag.ms (5)"
                .into())
        );
        assert!(check(&[("remote.storage.enable", "true")]).unwrap_err().starts_with("Tiered Storage"));
        assert_eq!(check(&[("remote.storage.enable", "false")]), Ok(()));
    }

    #[test]
    fn groups() {
        let check = |name: &str, setting: &str, value: &str| group(&broker(), name, &one(setting, value));
        assert_eq!(check("g", "consumer.session.timeout.ms", "50000"), Ok(()));
        assert_eq!(check("g", "share.auto.offset.reset", "by_duration:P1D"), Ok(()));
        assert!(matches!(check("", "consumer.session.timeout.ms", "50000"), Err(InvalidRequest(_))));
        for (setting, value, message) in [
            (
                "consumer.session.timeout.ms",
                "5",
                "consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms",
            ),
            (
                "share.delivery.count.limit",
                "50",
                "share.delivery.count.limit must be less than or equal to group.share.max.delivery.count.limit",
            ),
            (
                "streams.num.standby.replicas",
                "5",
                "streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas",
            ),
            ("nope", "5", "Unknown group config name: nope"),
        ] {
            assert_eq!(check("g", setting, value), Err(InvalidConfig(message.into())));
        }
        assert!(check("g", "share.auto.offset.reset", "now").is_err());
    }

    #[test]
    fn a_session_outlasts_a_heartbeat() {
        let mut settings = Settings::new();
        settings.add_file("f", "group.consumer.min.session.timeout.ms=1").unwrap();
        settings.assume_defaults();
        let error = group(&DynamicConfig::new(settings), "g", &one("consumer.session.timeout.ms", "5000"));
        assert_eq!(
            error.unwrap_err().to_string(),
            "consumer.session.timeout.ms must be greater than consumer.heartbeat.interval.ms"
        );
    }

    #[test]
    fn client_metrics_subscriptions() {
        let check = |name: &str, setting: &str, value: &str| client_metrics(name, &one(setting, value));
        assert_eq!(check("cm", "match", "client_id=a.*,client_source_port=[0-9]+"), Ok(()));
        assert_eq!(check("cm", "metrics", "org.apache.,x"), Ok(()));
        assert!(matches!(check("", "match", "client_id=a"), Err(InvalidRequest(_))));
        assert!(matches!(check("cm", "nope", "a"), Err(InvalidRequest(_))));
        assert!(matches!(check("cm", "interval.ms", "5"), Err(InvalidRequest(_))));
        for pattern in ["a", "foo=a", "client_id=["] {
            let message = format!("Illegal client matching pattern: {pattern}");
            assert_eq!(check("cm", "match", pattern), Err(InvalidConfig(message)));
        }
    }
}
