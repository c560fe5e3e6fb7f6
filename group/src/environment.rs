//! What a decision may look at beside its own state.

use std::fmt;
use std::sync::Arc;

use medallion_wire::TopicId;

/// What a step sees of the world. Everything in it is a value or a parameter, so that a test can choose it.
pub struct Environment<'a> {
    /// The wall clock in milliseconds since 1970: timestamps of records, expiry of offsets. It may jump.
    pub now_ms: i64,
    /// A clock that never goes back, in milliseconds from any start: timers.
    pub monotonic_ms: i64,
    /// The broker's settings.
    pub settings: &'a Settings,
    /// The topics that exist.
    pub topics: &'a dyn Topics,
    /// Settings of single groups.
    pub overrides: &'a dyn Fn(&str) -> ConsumerOverrides,
    /// Random numbers, for member ids.
    pub random: &'a mut dyn FnMut() -> u128,
}

impl fmt::Debug for Environment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("now_ms", &self.now_ms)
            .field("monotonic_ms", &self.monotonic_ms)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// The topics of the cluster at one moment.
pub trait Topics {
    /// A topic by name.
    fn by_name(&self, name: &str) -> Option<TopicView>;

    /// A topic by id.
    fn by_id(&self, id: TopicId) -> Option<TopicView>;

    /// All topics in the order of their names.
    fn for_each(&self, visit: &mut dyn FnMut(&TopicView));

    /// The racks that hold replicas of a partition; empty where brokers have no racks.
    fn racks(&self, id: TopicId, partition: i32) -> Vec<Arc<str>>;

    /// Grows with each change of the metadata, so that who looked before knows whether to look again.
    fn version(&self) -> i64;
}

/// What groups need to know of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicView {
    /// Its id.
    pub id: TopicId,
    /// Its name.
    pub name: Arc<str>,
    /// How many partitions it has.
    pub partitions: i32,
}

/// The broker's settings for groups. Defaults are Kafka's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Classic groups.
    pub classic: ClassicSettings,
    /// Groups of the consumer protocol (KIP-848).
    pub consumer: ConsumerSettings,
    /// Committed offsets.
    pub offsets: OffsetSettings,
}

/// Settings of classic groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassicSettings {
    /// `group.min.session.timeout.ms`.
    pub session_timeout_ms_min: i32,
    /// `group.max.session.timeout.ms`.
    pub session_timeout_ms_max: i32,
    /// `group.initial.rebalance.delay.ms`.
    pub initial_rebalance_delay_ms: i32,
    /// `group.max.size`.
    pub members_max: usize,
}

/// Settings of groups of the consumer protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerSettings {
    /// `group.consumer.session.timeout.ms`.
    pub session_timeout_ms: i32,
    /// `group.consumer.heartbeat.interval.ms`.
    pub heartbeat_interval_ms: i32,
    /// `group.consumer.assignment.interval.ms`.
    pub assignment_interval_ms: i32,
    /// `group.consumer.max.size`.
    pub members_max: usize,
    /// `group.consumer.assignors`, the default first: `uniform`, `range`.
    pub assignors: Vec<String>,
    /// `group.consumer.migration.policy`.
    pub migration: MigrationPolicy,
}

/// Settings of committed offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetSettings {
    /// `offset.metadata.max.bytes`.
    pub metadata_bytes_max: usize,
    /// `offsets.retention.minutes`, in milliseconds.
    pub retention_ms: i64,
    /// `offsets.retention.check.interval.ms`.
    pub retention_check_interval_ms: i64,
}

/// Which groups may change their protocol while they run. Kafka: `ConsumerGroupMigrationPolicy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationPolicy {
    /// None.
    Disabled,
    /// Classic ones to the consumer protocol.
    Upgrade,
    /// Those of the consumer protocol to the classic one.
    Downgrade,
    /// Both.
    Bidirectional,
}

impl MigrationPolicy {
    /// Whether a classic group may become one of the consumer protocol.
    pub fn upgrades(self) -> bool {
        matches!(self, Self::Upgrade | Self::Bidirectional)
    }

    /// Whether a group of the consumer protocol may become a classic one.
    pub fn downgrades(self) -> bool {
        matches!(self, Self::Downgrade | Self::Bidirectional)
    }
}

/// Settings of one group (config resource `GROUP`); `None` inherits the broker's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConsumerOverrides {
    /// `consumer.session.timeout.ms`.
    pub session_timeout_ms: Option<i32>,
    /// `consumer.heartbeat.interval.ms`.
    pub heartbeat_interval_ms: Option<i32>,
    /// `consumer.assignment.interval.ms`.
    pub assignment_interval_ms: Option<i32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            classic: ClassicSettings {
                session_timeout_ms_min: 6_000,
                session_timeout_ms_max: 1_800_000,
                initial_rebalance_delay_ms: 3_000,
                members_max: usize::MAX,
            },
            consumer: ConsumerSettings {
                session_timeout_ms: 45_000,
                heartbeat_interval_ms: 5_000,
                assignment_interval_ms: 1_000,
                members_max: usize::MAX,
                assignors: vec!["uniform".to_owned(), "range".to_owned()],
                migration: MigrationPolicy::Bidirectional,
            },
            offsets: OffsetSettings {
                metadata_bytes_max: 4_096,
                retention_ms: 10_080 * 60_000,
                retention_check_interval_ms: 600_000,
            },
        }
    }
}
