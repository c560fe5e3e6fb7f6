//! What happens to bytes that are no sound batches.

use std::path::PathBuf;
use std::sync::Arc;

use medallion_os::{File, OpenMode};
use medallion_wire::Offset;

use super::files::remove_segment;
use super::{DamagedTail, RecoveryReport};
use crate::error::LogError;
use crate::file_names::damaged_file;
use crate::log_directory::LogDirectory;
use crate::segment::Segment;

/// How much is copied at once.
const COPY_BYTES: usize = 1 << 20;

/// Where a log stops to be sound.
#[derive(Debug)]
pub(super) struct Damage {
    pub(super) position: u64,
    /// The first offset that is not there.
    pub(super) offset: Offset,
    pub(super) reason: String,
    /// The size of the file.
    pub(super) file_bytes: u64,
}

/// Ends the log at the damage. A torn last write is cut; anything else is kept under another name first.
pub(super) fn end_log(
    directory: &LogDirectory,
    segment: &Segment,
    behind: &[Arc<Segment>],
    damage: Damage,
    report: &mut RecoveryReport,
) -> Result<(), LogError> {
    let file = segment.file();
    let torn = behind.iter().all(|segment| segment.size_bytes() == 0)
        && is_torn(file.as_ref(), &damage).map_err(|error| LogError::io("read", &segment.path(), error))?;
    if torn {
        report.truncated_bytes += damage.file_bytes - damage.position;
        for segment in behind {
            remove_segment(directory, segment.base_offset())?;
        }
    } else {
        let saved_as = save(directory, segment, behind, &damage)?;
        tracing::error!(
            file = %segment.path().display(), position = damage.position, offset = %damage.offset,
            reason = damage.reason, saved_as = ?saved_as, "a damaged batch ends the log"
        );
        report.damaged = Some(DamagedTail {
            file: segment.path(),
            position: damage.position,
            offset: damage.offset,
            reason: damage.reason,
            saved_as,
        });
    }
    segment.cut_file(damage.position)?;
    segment.sync(false)?;
    directory.sync()
}

/// Whether the bytes from the damage on are what a write cut short leaves: less than a whole batch, or zeros alone.
fn is_torn(file: &dyn File, damage: &Damage) -> std::io::Result<bool> {
    use medallion_wire::records::LogEntryHeader;
    let mut header = [0; 17];
    let read = file.read_at(&mut header, damage.position)?;
    let rest = damage.file_bytes - damage.position;
    match LogEntryHeader::parse(&header[..read]) {
        Ok(entry) if entry.size_bytes as u64 > rest => return Ok(true),
        Err(medallion_wire::records::RecordError::Truncated { .. }) => return Ok(true),
        _ => {}
    }
    let mut buffer = vec![0; COPY_BYTES];
    let mut position = damage.position;
    while position < damage.file_bytes {
        let read = file.read_at(&mut buffer, position)?;
        if read == 0 || buffer[..read].iter().any(|byte| *byte != 0) {
            return Ok(read == 0);
        }
        position += read as u64;
    }
    Ok(true)
}

/// Keeps the bytes from the damage on, and all segments behind. On a full disk the copy is given up: recovery must not
/// need room.
fn save(
    directory: &LogDirectory,
    segment: &Segment,
    behind: &[Arc<Segment>],
    damage: &Damage,
) -> Result<Vec<PathBuf>, LogError> {
    let path = directory.path();
    let target = damaged_file(&path, segment.base_offset(), damage.position);
    let mut saved = Vec::new();
    match copy(directory, segment, damage, &target) {
        Ok(()) => saved.push(target),
        Err(LogError::DiskFull { .. }) => {
            directory.remove_if_there(&target)?;
        }
        Err(error) => return Err(error),
    }
    for segment in behind {
        let target = damaged_file(&path, segment.base_offset(), 0);
        directory.rename(&segment.path(), &target)?;
        remove_segment(directory, segment.base_offset())?;
        saved.push(target);
    }
    Ok(saved)
}

fn copy(
    directory: &LogDirectory,
    segment: &Segment,
    damage: &Damage,
    target: &std::path::Path,
) -> Result<(), LogError> {
    let copy = directory.open(target, OpenMode::CreateOrTruncate)?;
    let mut buffer = vec![0; COPY_BYTES];
    let mut done = 0;
    while damage.position + done < damage.file_bytes {
        let read = segment
            .file()
            .read_at(&mut buffer, damage.position + done)
            .map_err(|error| LogError::io("read", &segment.path(), error))?;
        if read == 0 {
            break;
        }
        copy.write_all_at(&[&buffer[..read]], done).map_err(|error| LogError::io("write", target, error))?;
        done += read as u64;
    }
    copy.sync_data().map_err(|error| LogError::io("flush", target, error))
}
