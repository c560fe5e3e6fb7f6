//! The names of the files in a partition's folder, all Kafka's.

use std::path::{Path, PathBuf};

use medallion_wire::Offset;

/// What a segment's file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// Record batches.
    Log,
    /// Offsets to positions.
    OffsetIndex,
    /// Timestamps to offsets.
    TimeIndex,
    /// Aborted transactions.
    TransactionIndex,
    /// Producer state.
    ProducerSnapshot,
}

impl FileKind {
    /// What goes with a segment when it is replaced or deleted.
    pub(crate) const OF_SEGMENT: [Self; 4] =
        [Self::Log, Self::OffsetIndex, Self::TimeIndex, Self::TransactionIndex];

    const ALL: [Self; 5] =
        [Self::Log, Self::OffsetIndex, Self::TimeIndex, Self::TransactionIndex, Self::ProducerSnapshot];

    /// The suffix, dot included.
    pub(crate) const fn suffix(self) -> &'static str {
        match self {
            Self::Log => ".log",
            Self::OffsetIndex => ".index",
            Self::TimeIndex => ".timeindex",
            Self::TransactionIndex => ".txnindex",
            Self::ProducerSnapshot => ".snapshot",
        }
    }
}

/// A file to be removed soon.
pub(crate) const DELETED: &str = ".deleted";
/// A file that a compaction is writing.
pub(crate) const CLEANED: &str = ".cleaned";
/// A finished file of a compaction that is about to take its live name.
pub(crate) const SWAP: &str = ".swap";

/// `00000000000000000042.log` and the like.
pub(crate) fn segment_file(directory: &Path, base_offset: Offset, kind: FileKind) -> PathBuf {
    directory.join(format!("{:020}{}", base_offset.get(), kind.suffix()))
}

/// Reads what [`segment_file`] writes.
pub(crate) fn parse_segment_file(name: &str) -> Option<(Offset, FileKind)> {
    let (digits, _) = name.split_once('.')?;
    if digits.len() != 20 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let offset = digits.parse().ok()?;
    let kind = FileKind::ALL.into_iter().find(|kind| name[20..] == *kind.suffix())?;
    Some((Offset(offset), kind))
}

/// `path` with `suffix` behind it.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Where the bytes behind a damaged batch are kept. The name does not begin with a number, so that Kafka neither takes
/// it for a segment's file nor removes it with one.
pub(crate) fn damaged_file(directory: &Path, base_offset: Offset, position: u64) -> PathBuf {
    directory.join(format!("damaged-{:020}-at-{position}.saved", base_offset.get()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for kind in FileKind::ALL {
            let path = segment_file(Path::new("/d"), Offset(42), kind);
            let name = path.file_name().and_then(|name| name.to_str()).unwrap();
            assert_eq!(parse_segment_file(name), Some((Offset(42), kind)));
            assert_eq!(parse_segment_file(&format!("{name}{DELETED}")), None);
        }
        assert_eq!(
            segment_file(Path::new("/d"), Offset(7), FileKind::Log).to_str().unwrap(),
            "/d/00000000000000000007.log"
        );
        for name in
            ["7.log", "leader-epoch-checkpoint", "99999999999999999999.log", "+0000000000000000007.log"]
        {
            assert_eq!(parse_segment_file(name), None, "{name}");
        }
    }
}
