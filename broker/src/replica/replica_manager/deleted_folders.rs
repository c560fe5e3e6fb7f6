//! Folders of deleted partitions, removed after `file.delete.delay.ms`.

use std::path::PathBuf;

use parking_lot::Mutex;
use tracing::warn;

use super::ReplicaManager;

/// Folders with the time from which on they may be removed.
#[derive(Debug, Default)]
pub(super) struct DeletedFolders(Mutex<Vec<(PathBuf, i64)>>);

impl DeletedFolders {
    /// Adds a folder.
    pub(super) fn push(&self, path: PathBuf, remove_at_ms: i64) {
        self.0.lock().push((path, remove_at_ms));
    }

    fn take_due(&self, now_ms: i64) -> Vec<PathBuf> {
        let mut folders = self.0.lock();
        let due = folders.extract_if(.., |(_, remove_at_ms)| *remove_at_ms <= now_ms);
        let due: Vec<PathBuf> = due.map(|(path, _)| path).collect();
        due
    }
}

impl ReplicaManager {
    /// Removes folders of deleted partitions whose time has come. What cannot be removed is tried again at the next
    /// start.
    pub(crate) fn remove_deleted(&self, now_ms: i64) {
        for path in self.deleted.take_due(now_ms) {
            if let Err(error) = self.settings.environment.fs.remove_directory_all(&path) {
                warn!(folder = %path.display(), %error, "a deleted partition's folder cannot be removed");
            }
        }
    }
}
