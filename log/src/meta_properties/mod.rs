//! `meta.properties`: which cluster and node a log directory belongs to.
//!
//! Version 1, as every KRaft node writes it: `version`, `cluster.id`, `node.id` and, since Kafka 3.7, `directory.id`.
//! Version 0 named the node `broker.id`. Keys that are not known are kept where they are, so that a directory which
//! goes back to Kafka has lost nothing. Source: Kafka's `MetaProperties`.

use std::path::Path;

use medallion_os::FileSystem;
use medallion_os::calendar::civil_of_day;
use medallion_settings::java_properties;
use medallion_wire::types::Uuid;
use medallion_wire::{BrokerId, TopicId};

use crate::checkpoint_file::{CheckpointError, read_file, write_atomically};

/// The file's name, in a log directory.
pub const META_PROPERTIES: &str = "meta.properties";

const VERSION: &str = "version";
const CLUSTER_ID: &str = "cluster.id";
const BROKER_ID: &str = "broker.id";
const NODE_ID: &str = "node.id";
const DIRECTORY_ID: &str = "directory.id";

/// The content of `meta.properties`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaProperties {
    version: i32,
    cluster_id: Option<String>,
    node_id: Option<BrokerId>,
    directory_id: Option<Uuid>,
    /// All entries in the file's order, the known ones included.
    entries: Vec<(String, String)>,
}

impl MetaProperties {
    /// Version 1 for a directory that is being formatted.
    pub fn new(cluster_id: &str, node_id: BrokerId, directory_id: Uuid) -> Self {
        let entry = |key: &str, value: String| (key.to_owned(), value);
        Self {
            version: 1,
            cluster_id: Some(cluster_id.to_owned()),
            node_id: Some(node_id),
            directory_id: Some(directory_id),
            entries: vec![
                entry(NODE_ID, node_id.to_string()),
                entry(VERSION, "1".to_owned()),
                entry(DIRECTORY_ID, TopicId(directory_id).to_string()),
                entry(CLUSTER_ID, cluster_id.to_owned()),
            ],
        }
    }

    /// The format's version, 0 or 1.
    pub fn version(&self) -> i32 {
        self.version
    }

    /// The cluster; always there in version 1.
    pub fn cluster_id(&self) -> Option<&str> {
        self.cluster_id.as_deref()
    }

    /// The node; always there in version 1.
    pub fn node_id(&self) -> Option<BrokerId> {
        self.node_id
    }

    /// The directory's own id (KIP-858); absent in files of Kafka before 3.7.
    pub fn directory_id(&self) -> Option<Uuid> {
        self.directory_id
    }

    /// Gives the directory an id, as Kafka does when it opens one without.
    pub fn set_directory_id(&mut self, directory_id: Uuid) {
        self.directory_id = Some(directory_id);
        let value = TopicId(directory_id).to_string();
        match self.entries.iter_mut().find(|(key, _)| key == DIRECTORY_ID) {
            Some(entry) => entry.1 = value,
            None => self.entries.push((DIRECTORY_ID.to_owned(), value)),
        }
    }

    /// The properties in the file's content; `path` is for the error alone.
    ///
    /// # Errors
    /// [`CheckpointError::Malformed`] with the line.
    pub fn parse(path: &Path, content: &[u8]) -> Result<Self, CheckpointError> {
        let text = std::str::from_utf8(content)
            .map_err(|_| CheckpointError::malformed(path, 1, "not text in UTF-8"))?;
        let parsed = java_properties::parse(text)
            .map_err(|error| CheckpointError::malformed(path, error.line, error.reason))?;
        let property = |key: &str| parsed.iter().rev().find(|property| property.name == key);
        let number = |key: &str| -> Result<Option<i32>, CheckpointError> {
            let Some(found) = property(key) else { return Ok(None) };
            found.value.parse().map(Some).map_err(|_| {
                CheckpointError::malformed(
                    path,
                    found.line,
                    format!("{key} is {:?}, not a number", found.value),
                )
            })
        };
        let version = number(VERSION)?.unwrap_or(0);
        if !(0..=1).contains(&version) {
            let line = property(VERSION).map_or(1, |found| found.line);
            return Err(CheckpointError::malformed(path, line, format!("unknown version {version}")));
        }
        let node_id = number(if version == 0 { BROKER_ID } else { NODE_ID })?.map(BrokerId);
        let cluster_id = property(CLUSTER_ID).map(|found| found.value.clone());
        let missing = |key: &str| CheckpointError::malformed(path, 1, format!("{key} is missing"));
        if version == 1 {
            node_id.ok_or_else(|| missing(NODE_ID))?;
            cluster_id.as_ref().ok_or_else(|| missing(CLUSTER_ID))?;
        }
        let directory_id = match property(DIRECTORY_ID) {
            None => None,
            Some(found) => Some(TopicId::parse(&found.value).map(|id| id.0).ok_or_else(|| {
                let reason = format!("{DIRECTORY_ID} is {:?}, not an id", found.value);
                CheckpointError::malformed(path, found.line, reason)
            })?),
        };
        let entries = parsed.into_iter().map(|property| (property.name, property.value)).collect();
        Ok(Self { version, cluster_id, node_id, directory_id, entries })
    }

    /// The file's content as Java's `Properties` writes it: an empty comment, the time of writing, the entries.
    pub fn format(&self, now_ms: i64) -> String {
        format!("#\n#{}\n{}", java_date(now_ms), java_properties::format(&self.entries))
    }
}

/// A time as Java's `Date` prints it, in UTC: `Mon Nov 23 09:08:31 UTC 2026`.
fn java_date(now_ms: i64) -> String {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = now_ms.div_euclid(1000);
    let (days, in_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil_of_day(days);
    let name = |names: &[&'static str], index: i64| names[usize::try_from(index).unwrap_or(0)];
    format!(
        "{} {} {day:02} {:02}:{:02}:{:02} UTC {year}",
        name(&WEEKDAYS, days.rem_euclid(7)),
        name(&MONTHS, month - 1),
        in_day / 3600,
        in_day / 60 % 60,
        in_day % 60,
    )
}

/// Reads the file of a log directory; `None` when it is absent, so the directory was not formatted.
///
/// # Errors
/// [`CheckpointError`] when the file cannot be read, or names file and line when it is damaged.
pub fn read(
    file_system: &dyn FileSystem,
    log_directory: &Path,
) -> Result<Option<MetaProperties>, CheckpointError> {
    let path = log_directory.join(META_PROPERTIES);
    read_file(file_system, &path)?.map(|content| MetaProperties::parse(&path, &content)).transpose()
}

/// Writes the file of a log directory, durably.
///
/// # Errors
/// [`CheckpointError::Io`].
pub fn write(
    file_system: &dyn FileSystem,
    log_directory: &Path,
    properties: &MetaProperties,
    now_ms: i64,
) -> Result<(), CheckpointError> {
    write_atomically(file_system, &log_directory.join(META_PROPERTIES), properties.format(now_ms).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "#\n#Mon Nov 23 09:08:31 UTC 2026\nnode.id=1\nversion=1\nlater.key=a\\=b\n\
                        directory.id=MkU3OEVBNTcwNTJENDM2Qg\ncluster.id=MkU3OEVBNTcwNTJENDM2Qk\n";
    const NOW_MS: i64 = 1_795_424_911_000;

    fn parse(text: &str) -> Result<MetaProperties, CheckpointError> {
        MetaProperties::parse(Path::new(META_PROPERTIES), text.as_bytes())
    }

    #[test]
    fn version_1_survives_a_round_trip_with_its_unknown_keys() {
        let properties = parse(TEXT).unwrap();
        assert_eq!(properties.version(), 1);
        assert_eq!(properties.node_id(), Some(BrokerId(1)));
        assert_eq!(properties.cluster_id(), Some("MkU3OEVBNTcwNTJENDM2Qk"));
        assert_eq!(properties.format(NOW_MS), TEXT);
    }

    #[test]
    fn a_directory_without_an_id_gets_one() {
        let mut properties = parse("version=1\nnode.id=3\ncluster.id=c\n").unwrap();
        assert_eq!(properties.directory_id(), None);
        properties.set_directory_id(Uuid::from_u128(1));
        let again = parse(&properties.format(0)).unwrap();
        assert_eq!(again.directory_id(), Some(Uuid::from_u128(1)));
        assert_eq!(again, properties);
    }

    #[test]
    fn a_new_one_reads_back() {
        let properties = MetaProperties::new("cluster", BrokerId(7), Uuid::from_u128(9));
        assert_eq!(parse(&properties.format(NOW_MS)).unwrap(), properties);
    }

    #[test]
    fn version_0_names_the_broker() {
        let properties = parse("broker.id=4\n").unwrap();
        assert_eq!((properties.version(), properties.node_id()), (0, Some(BrokerId(4))));
        assert_eq!(properties.cluster_id(), None);
    }

    #[test]
    fn damage_is_named_by_line() {
        for (text, place) in [
            ("version=2\n", "line 1: unknown version 2"),
            ("version=1\ncluster.id=c\n", "node.id is missing"),
            ("version=1\nnode.id=1\n", "cluster.id is missing"),
            ("version=1\nnode.id=one\n", "line 2: node.id is \"one\", not a number"),
            ("version=1\nnode.id=1\ncluster.id=c\ndirectory.id=x\n", "line 4: directory.id"),
            ("cluster.id=\\u12\n", "line 1"),
        ] {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.contains(place), "{text:?} gave {message:?}");
        }
    }

    #[test]
    fn dates_are_javas() {
        assert_eq!(java_date(0), "Thu Jan 01 00:00:00 UTC 1970");
        assert_eq!(java_date(1_709_164_800_000), "Thu Feb 29 00:00:00 UTC 2024");
        assert_eq!(java_date(-1), "Wed Dec 31 23:59:59 UTC 1969");
    }
}
