//! Levels of `metadata.version` and the other features, as Apache Kafka 4.3.1 has them.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::MetadataRecord;

/// A level of the feature `metadata.version`: it decides which records a controller writes, and in which versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetadataVersion(i16);

/// All levels that Kafka 4.3.1 knows, with the release and the release's internal version. The last one is not released.
const LEVELS: [(i16, &str, &str); 25] = [
    (7, "3.3", "IV3"),
    (8, "3.4", "IV0"),
    (9, "3.5", "IV0"),
    (10, "3.5", "IV1"),
    (11, "3.5", "IV2"),
    (12, "3.6", "IV0"),
    (13, "3.6", "IV1"),
    (14, "3.6", "IV2"),
    (15, "3.7", "IV0"),
    (16, "3.7", "IV1"),
    (17, "3.7", "IV2"),
    (18, "3.7", "IV3"),
    (19, "3.7", "IV4"),
    (20, "3.8", "IV0"),
    (21, "3.9", "IV0"),
    (22, "4.0", "IV0"),
    (23, "4.0", "IV1"),
    (24, "4.0", "IV2"),
    (25, "4.0", "IV3"),
    (26, "4.1", "IV0"),
    (27, "4.1", "IV1"),
    (28, "4.2", "IV0"),
    (29, "4.2", "IV1"),
    (30, "4.3", "IV0"),
    (31, "4.4", "IV0"),
];

impl MetadataVersion {
    /// The lowest level that a Kafka 4 server starts with.
    pub const MINIMUM: Self = Self(7);
    /// The level that Kafka 4.0 formats with.
    pub const V4_0: Self = Self(25);
    /// The level that Kafka 4.1 formats with.
    pub const V4_1: Self = Self(27);
    /// The level that Kafka 4.2 formats with.
    pub const V4_2: Self = Self(29);
    /// The level that Kafka 4.3 formats with.
    pub const V4_3: Self = Self(30);
    /// The highest level that Kafka 4.3.1 takes without `unstable.feature.versions.enable`.
    pub const LATEST: Self = Self::V4_3;

    /// The version of the level `level` (the number in a `FeatureLevelRecord`); `None` for one that Kafka 4.3.1 refuses.
    pub fn from_level(level: i16) -> Option<Self> {
        (Self::MINIMUM.0..=Self::LATEST.0).contains(&level).then_some(Self(level))
    }

    /// The level as a number.
    pub const fn level(self) -> i16 {
        self.0
    }

    /// The release that brought the level, as `4.3`.
    pub fn release(self) -> &'static str {
        self.entry().1
    }

    fn entry(self) -> &'static (i16, &'static str, &'static str) {
        let entry = LEVELS.iter().find(|(level, ..)| *level == self.0);
        entry.expect("only levels of the table are constructed")
    }

    /// The version in which a controller at this level writes `record`.
    ///
    /// A `BrokerRegistrationChangeRecord` goes by what it holds, since each kind of change has its version; all others
    /// go by the level.
    pub fn record_version(self, record: &MetadataRecord) -> i16 {
        match record {
            MetadataRecord::RegisterBroker(_) => self.register_broker_version(),
            MetadataRecord::Partition(_) | MetadataRecord::PartitionChange(_) => self.partition_version(),
            MetadataRecord::BrokerRegistrationChange(change) => {
                if change.cordoned_log_dirs.is_some() {
                    3
                } else if !change.log_dirs.is_empty() {
                    2
                } else {
                    i16::from(change.in_controlled_shutdown != 0)
                }
            }
            MetadataRecord::Unknown { version, .. } => *version,
            _ => 0,
        }
    }

    /// The version of `RegisterBrokerRecord`.
    pub fn register_broker_version(self) -> i16 {
        match self.0 {
            30.. => 4,
            17.. => 3,
            8.. => 2,
            _ => 1,
        }
    }

    /// The version of `PartitionRecord` and `PartitionChangeRecord`.
    pub fn partition_version(self) -> i16 {
        match self.0 {
            23.. => 2,
            17.. => 1,
            _ => 0,
        }
    }

    /// Whether records of eligible leader replicas (KIP-966) may be written.
    pub fn has_eligible_leader_replicas(self) -> bool {
        self.0 >= 23
    }

    /// Whether several batches can count as one change (KIP-868).
    pub fn has_transactions(self) -> bool {
        self.0 >= 13
    }

    /// Whether broker records can hold cordoned log directories (KIP-1066).
    pub fn has_cordoned_log_dirs(self) -> bool {
        self.0 >= 30
    }
}

impl fmt::Display for MetadataVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, release, internal) = self.entry();
        write!(f, "{release}-{internal}")
    }
}

/// A text that names no level of `metadata.version`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text} is no version of Kafka's metadata between 3.3-IV3 and {latest}", latest = MetadataVersion::LATEST)]
pub struct ParseMetadataVersionError {
    /// The text.
    pub text: String,
}

impl FromStr for MetadataVersion {
    type Err = ParseMetadataVersionError;

    /// Reads a release with or without its internal version: `4.3-IV0`, `4.3` or `4.3.1`. Without one, it is the last of
    /// the release.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = |(level, release, internal): &&(i16, &str, &str)| {
            let exact = text.split_once('-') == Some((release, internal));
            let rest = text.strip_prefix(release);
            (exact || rest.is_some_and(|rest| rest.is_empty() || is_patch(rest))) && *level <= Self::LATEST.0
        };
        let found = LEVELS.iter().rev().find(named);
        found
            .map(|(level, ..)| Self(*level))
            .ok_or_else(|| ParseMetadataVersionError { text: text.to_owned() })
    }
}

/// Whether `text` is a patch level as in `4.3.1`: a point and digits.
fn is_patch(text: &str) -> bool {
    text.strip_prefix('.')
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A feature of the cluster with a level of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "named as the feature")]
pub enum Feature {
    MetadataVersion,
    KRaftVersion,
    TransactionVersion,
    GroupVersion,
    EligibleLeaderReplicasVersion,
    ShareVersion,
    StreamsVersion,
}

impl Feature {
    /// All features of Kafka 4.3.1.
    pub const ALL: [Self; 7] = [
        Self::MetadataVersion,
        Self::KRaftVersion,
        Self::TransactionVersion,
        Self::GroupVersion,
        Self::EligibleLeaderReplicasVersion,
        Self::ShareVersion,
        Self::StreamsVersion,
    ];

    /// The name in records and requests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MetadataVersion => "metadata.version",
            Self::KRaftVersion => "kraft.version",
            Self::TransactionVersion => "transaction.version",
            Self::GroupVersion => "group.version",
            Self::EligibleLeaderReplicasVersion => "eligible.leader.replicas.version",
            Self::ShareVersion => "share.version",
            Self::StreamsVersion => "streams.version",
        }
    }

    /// The feature called `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|feature| feature.name() == name)
    }

    /// The lowest level that can be finalized.
    pub const fn minimum(self) -> i16 {
        match self {
            Self::MetadataVersion => MetadataVersion::MINIMUM.0,
            _ => 0,
        }
    }

    /// The highest level that Kafka 4.3.1 takes without `unstable.feature.versions.enable`.
    pub const fn maximum(self) -> i16 {
        match self {
            Self::MetadataVersion => MetadataVersion::LATEST.0,
            Self::TransactionVersion => 2,
            _ => 1,
        }
    }

    /// What must be finalized, at this level at least, before this feature may be at `level`.
    pub const fn dependencies(self, level: i16) -> &'static [(Self, i16)] {
        match (self, level) {
            (Self::EligibleLeaderReplicasVersion, 1..) => &[(Self::MetadataVersion, 23)],
            _ => &[],
        }
    }

    /// Why this feature cannot be at `level` beside the levels that `level_of` tells, in Kafka's words; `None` when it
    /// can (`Feature.validateVersion`).
    pub fn missing_dependency(self, level: i16, level_of: impl Fn(Self) -> i16) -> Option<String> {
        let missing = self.dependencies(level).iter().find(|(other, least)| level_of(*other) < *least)?;
        let (name, other, least) = (self.name(), missing.0.name(), missing.1);
        Some(format!("{name} could not be set to {level} because it depends on {other} level {least}"))
    }

    /// The level that Kafka formats a cluster of `metadata_version` with when it is not told another. `kraft.version` is
    /// told by the way in which voters are named instead: 1 with `--standalone` and initial controllers, 0 with
    /// `controller.quorum.voters`.
    pub fn default_level(self, metadata_version: MetadataVersion) -> i16 {
        let level = metadata_version.0;
        match self {
            Self::MetadataVersion => level,
            Self::KRaftVersion => i16::from(level >= 21),
            Self::TransactionVersion if level >= 24 => 2,
            Self::TransactionVersion => 0,
            Self::GroupVersion => i16::from(level >= 22),
            Self::EligibleLeaderReplicasVersion => i16::from(level >= 26),
            Self::ShareVersion => i16::from(level >= 28),
            Self::StreamsVersion => i16::from(level >= 29),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::metadata_records::{BrokerRegistrationChangeRecord, RegisterBrokerRecord};
    use super::*;

    #[test]
    fn levels_have_kafkas_names() {
        for (level, name) in
            [(7, "3.3-IV3"), (25, "4.0-IV3"), (27, "4.1-IV1"), (29, "4.2-IV1"), (30, "4.3-IV0")]
        {
            let version = MetadataVersion::from_level(level).unwrap();
            assert_eq!(version.to_string(), name);
            assert_eq!(name.parse(), Ok(version));
        }
        assert_eq!(MetadataVersion::from_level(6), None);
        assert_eq!(MetadataVersion::from_level(31), None);
    }

    #[test]
    fn releases_stand_for_their_last_level() {
        assert_eq!("4.0".parse(), Ok(MetadataVersion::V4_0));
        assert_eq!("4.3.1".parse(), Ok(MetadataVersion::V4_3));
        for wrong in ["4.4", "4.4-IV0", "4.3-IV1", "4", "3.30", "4.3.", "4.3.x", ""] {
            assert!(wrong.parse::<MetadataVersion>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn features_depend_on_the_records_that_they_need() {
        let at = |level| {
            Feature::EligibleLeaderReplicasVersion.missing_dependency(1, |_| level).is_none()
                && MetadataVersion::from_level(level).unwrap().has_eligible_leader_replicas()
        };
        assert_eq!((at(22), at(23)), (false, true));
        assert_eq!(Feature::EligibleLeaderReplicasVersion.missing_dependency(0, |_| 7), None);
        assert_eq!(Feature::GroupVersion.missing_dependency(1, |_| 7), None);
    }

    #[test]
    fn levels_follow_one_another() {
        assert!(LEVELS.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0));
    }

    #[test]
    fn records_are_written_in_the_versions_of_their_level() {
        let broker = MetadataRecord::from(RegisterBrokerRecord::default());
        assert_eq!(MetadataVersion::V4_0.record_version(&broker), 3);
        assert_eq!(MetadataVersion::V4_3.record_version(&broker), 4);
        let change =
            |change: BrokerRegistrationChangeRecord| MetadataVersion::V4_3.record_version(&change.into());
        assert_eq!(change(BrokerRegistrationChangeRecord { fenced: -1, ..Default::default() }), 0);
        assert_eq!(
            change(BrokerRegistrationChangeRecord { in_controlled_shutdown: 1, ..Default::default() }),
            1
        );
    }

    #[test]
    fn new_clusters_get_the_features_of_their_release() {
        let levels = |version| Feature::ALL.map(|feature| feature.default_level(version));
        assert_eq!(levels(MetadataVersion::V4_0), [25, 1, 2, 1, 0, 0, 0]);
        assert_eq!(levels(MetadataVersion::V4_3), Feature::ALL.map(Feature::maximum));
    }
}
