//! What a consumer is set up with.

use std::time::Duration;

use medallion_settings::{ConfigError, Properties, Property, Settings as _, settings};

use super::java_only::FOREIGN;
use super::offset_reset::OffsetReset;
use super::value::{GroupProtocol, IsolationLevel};
use super::{ClientSettings, PartitionAssignor};

const SESSION_TIMEOUT: Duration = Duration::from_secs(45);
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(3);

settings! {
    /// What a [`Consumer`](crate::Consumer) is set up with. Where it is (`client.rack`) is its client's setting.
    pub struct ConsumerSettings with builders {
        /// The group to be a member of by `subscribe`, and in whose name offsets are committed. Without one neither can be.
        group_id: Option<String> ["group.id", high] = None;
        /// A name that stays the same over restarts: the member keeps its partitions while it is away for less than its session's timeout (KIP-345).
        group_instance_id: Option<String> ["group.instance.id"] = None;
        /// How it is a member: `classic`, where members assign partitions among themselves, or `consumer`, where the coordinator does (KIP-848).
        group_protocol: GroupProtocol ["group.protocol", high] = GroupProtocol::Classic;
        /// The coordinator's assignor, with `group.protocol=consumer`; without a value the coordinator chooses.
        group_remote_assignor: Option<String> ["group.remote.assignor"] = None;
        /// How partitions are shared, with `group.protocol=classic`, best first; the group takes one that all members have. With `cooperative-sticky` alone members keep reading while others join.
        partition_assignment_strategy: Vec<PartitionAssignor> ["partition.assignment.strategy"] = vec![PartitionAssignor::Range, PartitionAssignor::CooperativeSticky];
        /// After how long without a heartbeat the coordinator gives a member up, with `group.protocol=classic`.
        session_timeout: Duration ["session.timeout.ms", high] = SESSION_TIMEOUT, range 1..=i32::MAX;
        /// How often heartbeats go out, with `group.protocol=classic`.
        heartbeat_interval: Duration ["heartbeat.interval.ms", high] = HEARTBEAT_INTERVAL, range 1..=i32::MAX;
        /// A program that does not poll for so long leaves its group until it does. It is also how long a rebalance waits for a member.
        max_poll_interval: Duration ["max.poll.interval.ms"] = Duration::from_mins(5), range 1..=i32::MAX;
        /// Whether what was polled is committed as time passes, once the next poll has begun. Without a value: where there is a `group.id`.
        enable_auto_commit: Option<bool> ["enable.auto.commit"] = None;
        /// How often that is done.
        auto_commit_interval: Duration ["auto.commit.interval.ms", low] = Duration::from_secs(5), range 0..=i32::MAX;
        /// Where to begin in a partition whose offset is not known or not there any more.
        auto_offset_reset: OffsetReset ["auto.offset.reset"] = OffsetReset::Latest;
        /// How many bytes a broker collects before it answers, unless `fetch.max.wait.ms` is over.
        fetch_min_bytes: i32 ["fetch.min.bytes", high] = 1, range 0..=i32::MAX;
        /// The largest answer of a broker, apart from a first batch that is larger. A broker that is near is asked for less at once, as long as that makes nothing slower.
        fetch_max_bytes: i32 ["fetch.max.bytes"] = 50 << 20, range 0..=i32::MAX;
        /// The most bytes of one partition in an answer, apart from a first batch that is larger. Where records of several of its partitions wait to be polled, a broker that is near is asked for less of each, down to 256 KiB or a batch. No more of a partition is fetched while a quarter of what is asked for waits to be polled; with fewer than four such partitions the batch that is being polled does not count.
        max_partition_fetch_bytes: i32 ["max.partition.fetch.bytes", high] = 1 << 20, range 0..=i32::MAX;
        /// How long a broker waits for `fetch.min.bytes` at most. It waits less while records of its other partitions wait to be polled, so that these are fetched again in time.
        fetch_max_wait: Duration ["fetch.max.wait.ms", low] = Duration::from_millis(500), range 0..=i32::MAX;
        /// The most records that one `poll` returns. It returns fewer where compressed batches yield more than 1 MiB.
        max_poll_records: u32 ["max.poll.records"] = 500, range 1..=i32::MAX;
        /// Which records of transactions are seen.
        isolation_level: IsolationLevel ["isolation.level"] = IsolationLevel::ReadUncommitted;
        /// Whether checksums of batches are compared.
        check_crcs: bool ["check.crcs", low] = true;
        /// How many kibibytes may wait to be polled, apart from paused partitions; no more are fetched meanwhile (librdkafka's name; Java has no limit).
        queued_max_messages_kbytes: u32 ["queued.max.messages.kbytes", low] = 65_536, range 1..=2_097_151;
    }
}

impl ConsumerSettings {
    /// Reads the settings of a consumer and of its client from one list, as Java's consumers take them.
    ///
    /// # Errors
    /// For a name that does not exist or is not supported, and for values that are not allowed.
    pub fn from_properties<P: Into<Property>>(
        properties: impl IntoIterator<Item = P>,
    ) -> Result<(ClientSettings, Self), ConfigError> {
        let properties: Properties = properties.into_iter().collect();
        let (mut client, mut consumer) = (ClientSettings::default(), Self::default());
        properties.read_into(&mut [&mut client, &mut consumer], &FOREIGN)?;
        let valid = client.validate().and_then(|()| consumer.validate());
        valid.map_err(|error| properties.placed(error))?;
        Ok((client, consumer))
    }

    /// Sets one more by its name.
    ///
    /// # Errors
    /// As [`ConsumerSettings::from_properties`], without the check of what goes together.
    pub fn set(mut self, name: &str, value: &str) -> Result<Self, ConfigError> {
        Properties::from_iter([(name, value)]).read_into(&mut [&mut self], &FOREIGN)?;
        Ok(self)
    }

    /// Refuses what is out of range or does not go together.
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        self.check_ranges()?;
        if self.enable_auto_commit == Some(true) && self.group_id.is_none() {
            return Err(ConfigError::conflict("enable.auto.commit", "needs group.id"));
        }
        self.validate_group()
    }

    /// Refuses settings of the other group protocol, as Java does, and those that cannot work.
    fn validate_group(&self) -> Result<(), ConfigError> {
        let conflict = |name, reason: &str| Err(ConfigError::conflict(name, reason));
        if self.group_instance_id.is_some() && self.group_id.is_none() {
            return conflict("group.instance.id", "needs group.id");
        }
        if self.group_protocol == GroupProtocol::Consumer {
            const BY_BROKER: &str = "is the group's own (a broker's) with group.protocol=consumer";
            if self.session_timeout != SESSION_TIMEOUT {
                return conflict("session.timeout.ms", BY_BROKER);
            }
            if self.heartbeat_interval != HEARTBEAT_INTERVAL {
                return conflict("heartbeat.interval.ms", BY_BROKER);
            }
            if self.partition_assignment_strategy != Self::default().partition_assignment_strategy {
                let reason = "is for group.protocol=classic; see group.remote.assignor";
                return conflict("partition.assignment.strategy", reason);
            }
            return Ok(());
        }
        if self.group_remote_assignor.is_some() {
            return conflict("group.remote.assignor", "needs group.protocol=consumer");
        }
        if self.heartbeat_interval >= self.session_timeout {
            return conflict("heartbeat.interval.ms", "must be below session.timeout.ms");
        }
        if self.partition_assignment_strategy.is_empty() {
            return conflict("partition.assignment.strategy", "at least one is needed");
        }
        Ok(())
    }

    /// How often positions are committed, if they are.
    pub(crate) fn auto_commit(&self) -> Option<Duration> {
        let is_on = self.group_id.is_some() && self.enable_auto_commit != Some(false);
        is_on.then_some(self.auto_commit_interval)
    }
}
