//! The settings of topics: the broker's defaults and a topic's own.

use super::declarations;
use super::error::ConfigError;
use super::resolved::{FromValue, Resolved};
use super::value::Value;
use medallion_log::{CleanupPolicy, CompressionSetting, LogConfig, MessageTimestampType};
use std::collections::BTreeMap;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// What topics take over from the broker where they have no setting of their own.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicDefaults {
    values: BTreeMap<&'static str, Value>,
}

/// The settings that hold for one topic.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TopicConfig {
    /// Those of its partitions' logs.
    pub log: LogConfig,
    /// `min.insync.replicas`.
    pub min_insync_replicas: i32,
    /// `unclean.leader.election.enable`.
    pub unclean_leader_election_enable: bool,
}

impl TopicDefaults {
    /// The settings that hold for a topic with these of its own. Names that are unknown, and values that are not
    /// allowed, do not come this far; if they do, the default holds.
    pub fn topic<'a>(&self, own: impl IntoIterator<Item = (&'a str, &'a str)>) -> TopicConfig {
        let mut values = self.values.clone();
        for (name, text) in own {
            if let Some(declaration) = declarations::topic().get(name)
                && let Ok(value) = Value::parse(declaration, text)
            {
                values.insert(declaration.name, value);
            }
        }
        TopicValues(&values).config()
    }

    /// The default of one topic setting.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// Takes the defaults from the broker's settings.
    ///
    /// Source: Kafka's `KafkaConfig.extractLogConfigMap`.
    pub(super) fn read(settings: &Resolved<'_>) -> Result<Self, ConfigError> {
        let mut values: BTreeMap<&'static str, Value> = declarations::topic()
            .iter()
            .map(|(name, declaration)| {
                let value = match declaration.broker_synonyms {
                    [first, ..] => settings.value(first).clone(),
                    [] => Value::default_of(declaration),
                };
                (*name, value)
            })
            .collect();
        let retention = first_set(
            settings,
            [("log.retention.ms", 1), ("log.retention.minutes", MINUTE_MS), ("log.retention.hours", HOUR_MS)],
        )?;
        values.insert("retention.ms", Value::Number(retention.max(-1)));
        let roll = first_set(settings, [("log.roll.ms", 1), ("log.roll.hours", HOUR_MS)])?;
        values.insert("segment.ms", Value::Number(roll));
        let jitter = first_set(settings, [("log.roll.jitter.ms", 1), ("log.roll.jitter.hours", HOUR_MS)])?;
        values.insert("segment.jitter.ms", Value::Number(jitter));
        let flush =
            first_set(settings, [("log.flush.interval.ms", 1), ("log.flush.scheduler.interval.ms", 1)])?;
        values.insert("flush.ms", Value::Number(flush));
        Ok(Self { values })
    }
}

/// The value of the first of these settings that has one, times its unit.
fn first_set<const N: usize>(
    settings: &Resolved<'_>,
    candidates: [(&str, i64); N],
) -> Result<i64, ConfigError> {
    for (name, unit) in candidates {
        if let Some(value) = settings.read::<Option<i64>>(name)? {
            return Ok(value.saturating_mul(unit));
        }
    }
    Ok(i64::MAX)
}

struct TopicValues<'a>(&'a BTreeMap<&'static str, Value>);

impl TopicValues<'_> {
    /// The value as a Rust type; what does not fit cannot have passed its validator.
    fn read<T: FromValue>(&self, name: &str) -> Option<T> {
        self.0.get(name).and_then(T::from_value)
    }

    fn config(&self) -> TopicConfig {
        TopicConfig {
            log: self.log(),
            min_insync_replicas: self.read("min.insync.replicas").unwrap_or(1),
            unclean_leader_election_enable: self.read("unclean.leader.election.enable").unwrap_or(false),
        }
    }

    fn log(&self) -> LogConfig {
        let default = LogConfig::default();
        let number = |name, default| self.read::<i64>(name).unwrap_or(default);
        let size = |name, default| self.read::<u32>(name).unwrap_or(default);
        LogConfig {
            segment_bytes: self
                .read("internal.segment.bytes")
                .unwrap_or_else(|| size("segment.bytes", default.segment_bytes)),
            segment_ms: number("segment.ms", default.segment_ms),
            segment_jitter_ms: number("segment.jitter.ms", default.segment_jitter_ms),
            segment_index_bytes: size("segment.index.bytes", default.segment_index_bytes),
            index_interval_bytes: size("index.interval.bytes", default.index_interval_bytes),
            flush_messages: number("flush.messages", default.flush_messages),
            flush_ms: number("flush.ms", default.flush_ms),
            retention_bytes: number("retention.bytes", default.retention_bytes),
            retention_ms: number("retention.ms", default.retention_ms),
            file_delete_delay_ms: number("file.delete.delay.ms", default.file_delete_delay_ms),
            max_message_bytes: size("max.message.bytes", default.max_message_bytes),
            cleanup_policy: self.cleanup_policy(),
            min_cleanable_dirty_ratio: self
                .read("min.cleanable.dirty.ratio")
                .unwrap_or(default.min_cleanable_dirty_ratio),
            min_compaction_lag_ms: number("min.compaction.lag.ms", default.min_compaction_lag_ms),
            max_compaction_lag_ms: number("max.compaction.lag.ms", default.max_compaction_lag_ms),
            delete_retention_ms: number("delete.retention.ms", default.delete_retention_ms),
            message_timestamp_type: self.message_timestamp_type(),
            message_timestamp_before_max_ms: number(
                "message.timestamp.before.max.ms",
                default.message_timestamp_before_max_ms,
            ),
            message_timestamp_after_max_ms: number(
                "message.timestamp.after.max.ms",
                default.message_timestamp_after_max_ms,
            ),
            compression: self.compression(),
            preallocate: self.read("preallocate").unwrap_or(false),
        }
    }

    fn cleanup_policy(&self) -> CleanupPolicy {
        let policies: Vec<String> = self.read("cleanup.policy").unwrap_or_default();
        let has = |name: &str| policies.iter().any(|policy| policy == name);
        CleanupPolicy { delete: has("delete"), compact: has("compact") }
    }

    fn message_timestamp_type(&self) -> MessageTimestampType {
        match self.read::<String>("message.timestamp.type").as_deref() {
            Some("LogAppendTime") => MessageTimestampType::LogAppendTime,
            _ => MessageTimestampType::CreateTime,
        }
    }

    fn compression(&self) -> CompressionSetting {
        let level = |name| self.read::<i32>(name);
        match self.read::<String>("compression.type").as_deref() {
            Some("uncompressed") => CompressionSetting::Uncompressed,
            Some("gzip") => {
                CompressionSetting::Gzip(level("compression.gzip.level").filter(|level| *level != -1))
            }
            Some("snappy") => CompressionSetting::Snappy,
            Some("lz4") => CompressionSetting::Lz4(level("compression.lz4.level")),
            Some("zstd") => CompressionSetting::Zstd(level("compression.zstd.level")),
            _ => CompressionSetting::Producer,
        }
    }
}
