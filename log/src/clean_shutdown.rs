//! `.kafka_cleanshutdown`: the mark that a log directory was closed in order.
//!
//! While the mark is there nothing needs to be recovered. It is removed as soon as the logs are loaded, so that a
//! later kill is seen, and written last on a graceful stop. It holds the broker epoch of the stopped broker, which the
//! next registration sends along (KIP-966): `{"version":0,"brokerEpoch":7}`.
//!
//! Source: Kafka's `CleanShutdownFileHandler`; as there, a mark that cannot be read still counts as a clean shutdown
//! with an unknown epoch.

use std::path::Path;

use medallion_os::FileSystem;
use serde::{Deserialize, Serialize};

use crate::checkpoint_file::{CheckpointError, read_file, write_atomically};

/// The file's name, in a log directory.
pub const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";

#[derive(Debug, Serialize, Deserialize)]
struct Content {
    version: i32,
    #[serde(rename = "brokerEpoch")]
    broker_epoch: i64,
}

/// What is known of a log directory's last stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastShutdown {
    /// There is no mark: logs above their recovery points must be checked.
    Unclean,
    /// The directory was closed in order.
    Clean {
        /// The broker epoch at that time, where the mark tells it.
        broker_epoch: Option<i64>,
    },
}

/// Reads the mark of a log directory.
///
/// # Errors
/// [`CheckpointError::Io`].
pub fn read(file_system: &dyn FileSystem, log_directory: &Path) -> Result<LastShutdown, CheckpointError> {
    let content = read_file(file_system, &log_directory.join(CLEAN_SHUTDOWN))?;
    Ok(content.map_or(LastShutdown::Unclean, |content| LastShutdown::Clean { broker_epoch: parse(&content) }))
}

/// Writes the mark, durably. To be called when every log of the directory is flushed and its checkpoints are written.
///
/// # Errors
/// [`CheckpointError::Io`].
pub fn write(
    file_system: &dyn FileSystem,
    log_directory: &Path,
    broker_epoch: i64,
) -> Result<(), CheckpointError> {
    write_atomically(file_system, &log_directory.join(CLEAN_SHUTDOWN), format(broker_epoch).as_bytes())
}

/// Removes the mark, durably; an absent one is fine.
///
/// # Errors
/// [`CheckpointError::Io`].
pub fn remove(file_system: &dyn FileSystem, log_directory: &Path) -> Result<(), CheckpointError> {
    let path = log_directory.join(CLEAN_SHUTDOWN);
    let remove = || {
        if file_system.exists(&path)? {
            file_system.remove_file(&path)?;
            // Appends may follow at once: after a crash the old mark must not be there again.
            file_system.sync_directory(log_directory)?;
        }
        Ok(())
    };
    remove().map_err(|source| CheckpointError::io(&path, source))
}

/// The broker epoch in the mark's content, `None` when it cannot be read.
pub fn parse(content: &[u8]) -> Option<i64> {
    serde_json::from_slice::<Content>(content).ok().map(|content| content.broker_epoch)
}

/// The mark's content.
pub fn format(broker_epoch: i64) -> String {
    format!("{{\"version\":0,\"brokerEpoch\":{broker_epoch}}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_kafkas() {
        assert_eq!(format(7), r#"{"version":0,"brokerEpoch":7}"#);
        assert_eq!(parse(format(i64::MAX).as_bytes()), Some(i64::MAX));
        assert_eq!(parse(br#"{ "brokerEpoch" : 3, "version" : 0, "later": true }"#), Some(3));
    }

    #[test]
    fn an_unreadable_mark_has_no_epoch() {
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"{}"), None);
        assert_eq!(parse(br#"{"version":0,"brokerEpoch":"#), None);
    }
}
