//! What must hold in a segment's files.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use medallion_log::checkpoint_file::{self, CLEANER_OFFSET_CHECKPOINT};
use medallion_log::transaction_index;
use medallion_wire::Offset;
use medallion_wire::internal_records::ProducerSnapshot;
use medallion_wire::records::{AnyBatch, DecompressionLimits};
use serde::{Serialize, Serializer};

use super::index::{offset_entries, time_entries};
use super::segment::{Found, SegmentReader};
use super::{Kind, base_offset, kind};

/// A place where something does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Damage {
    #[serde(serialize_with = "as_text")]
    pub(super) file: PathBuf,
    /// Byte in the file.
    pub(super) position: u64,
    /// The offset there, where it can be told.
    pub(super) offset: Option<i64>,
    /// What does not hold.
    pub(super) problem: String,
}

/// A path need not be UTF-8, which JSON must be.
fn as_text<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, position {}", self.file.display(), self.position)?;
        if let Some(offset) = self.offset {
            write!(f, ", offset {offset}")?;
        }
        write!(f, ": {}", self.problem)
    }
}

/// What has been checked and found.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// The segment that was checked last, which the next one of its folder follows.
    last_segment: Option<Checked>,
    pub(super) files: u64,
    pub(super) batches: u64,
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) damage: Vec<Damage>,
}

/// A segment as its neighbour sees it.
#[derive(Debug)]
struct Checked {
    path: PathBuf,
    /// Behind its last batch, as far as it can be read.
    next_offset: i64,
    /// Whether all of it could be read.
    is_whole: bool,
}

/// What indexes are held against: where each batch of a segment begins, and what it holds.
#[derive(Debug, Clone, Copy)]
struct BatchPlace {
    base_offset: i64,
    last_offset: i64,
    max_timestamp_ms: i64,
}

/// Checks one file. An index is held against the segment beside it. A file that cannot be read is damage too, and does
/// not keep the others from being checked.
pub(super) fn file(path: &Path, report: &mut Report) {
    report.files += 1;
    if let Err(error) = check(path, report) {
        let problem = format!("cannot be read: {error}");
        report.damage.push(Damage { file: path.to_owned(), position: 0, offset: None, problem });
    }
}

fn check(path: &Path, report: &mut Report) -> io::Result<()> {
    match kind(path) {
        Some(Kind::Log) => segment(path, report),
        Some(Kind::Index) => offset_index(path, report),
        Some(Kind::TimeIndex) => time_index(path, report),
        Some(Kind::TransactionIndex) => whole_file(path, report, |bytes| {
            transaction_index::decode(bytes, Offset(base_offset(path))).map_err(|error| error.to_string())?;
            match bytes.len() % transaction_index::ENTRY_BYTES {
                0 => Ok(()),
                rest => Err(format!("{rest} bytes at the end are no entry")),
            }
        }),
        Some(Kind::ProducerSnapshot) => {
            whole_file(path, report, |bytes| ProducerSnapshot::decode_file(bytes).map(drop))
        }
        None => Ok(()),
    }
}

fn segment(path: &Path, report: &mut Report) -> io::Result<()> {
    let mut reader = SegmentReader::open(path)?;
    report.bytes += reader.length();
    let mut next_offset = base_offset(path);
    let is_segment = path.extension().is_some_and(|extension| extension == "log");
    if is_segment {
        follows(path, next_offset, report);
    }
    let mut is_whole = true;
    let mut leader_epoch = i32::MIN;
    while let Some((position, found)) = reader.next()? {
        let mut damaged = |offset: Option<i64>, problem: String| {
            report.damage.push(Damage { file: path.to_owned(), position, offset, problem });
        };
        let batch = match found {
            Found::Batch(batch) => batch,
            Found::Damage(error) => {
                damaged(Some(next_offset), format!("{error}; what follows cannot be read"));
                is_whole = false;
                break;
            }
            Found::Zeros => break,
        };
        let last_offset = batch.last_offset().get();
        let base_offset = batch.base_offset(DecompressionLimits::default());
        let base_offset = base_offset.map_or(last_offset, Offset::get);
        if base_offset < next_offset {
            damaged(Some(base_offset), format!("the batch should not begin before offset {next_offset}"));
        }
        if let AnyBatch::Batch(batch) = &batch {
            let epoch = batch.partition_leader_epoch.get();
            if epoch < leader_epoch {
                let problem = format!("leader epoch {epoch} comes behind {leader_epoch}");
                damaged(Some(base_offset), problem);
            }
            leader_epoch = leader_epoch.max(epoch);
        }
        match records_of(&batch) {
            Ok(records) => report.records += records,
            Err(problem) => damaged(Some(base_offset), problem),
        }
        report.batches += 1;
        next_offset = next_offset.max(last_offset.saturating_add(1));
    }
    if is_segment {
        report.last_segment = Some(Checked { path: path.to_owned(), next_offset, is_whole });
    }
    Ok(())
}

/// Holds a segment against the one before it in the same folder: it begins at the offset behind that one's last. Only what
/// was compacted may lack offsets in between.
fn follows(path: &Path, first_offset: i64, report: &mut Report) {
    let Some(before) = &report.last_segment else { return };
    if before.path.parent() != path.parent() || before.path == path {
        return;
    }
    let (expected, name) =
        (before.next_offset, before.path.file_name().unwrap_or_default().to_string_lossy());
    let problem = match first_offset.cmp(&expected) {
        Ordering::Less => format!("the segment overlaps {name}, which ends before offset {expected}"),
        Ordering::Greater if before.is_whole && expected >= clean_offset(path) => {
            let last = first_offset - 1;
            format!("offsets {expected} to {last} are missing between {name} and this segment")
        }
        Ordering::Equal | Ordering::Greater => return,
    };
    report.damage.push(Damage { file: path.to_owned(), position: 0, offset: Some(first_offset), problem });
}

/// Up to where (exclusive) the log of a segment was compacted, by the checkpoint beside its partition's folder; 0 where it
/// never was, or where nothing tells.
fn clean_offset(segment: &Path) -> i64 {
    let folder = segment.parent().and_then(|folder| Some((folder.file_name()?.to_str()?, folder.parent()?)));
    let Some((name, directory)) = folder else { return 0 };
    let path = directory.join(CLEANER_OFFSET_CHECKPOINT);
    let Ok(content) = std::fs::read(&path) else { return 0 };
    let offsets = checkpoint_file::parse_offsets(&path, &content).unwrap_or_default();
    let mut of_partition = offsets.iter().filter(|(partition, _)| partition.to_string() == name);
    of_partition.next().map_or(0, |(_, offset)| offset.get())
}

/// Checks CRC and records of a batch and counts them.
fn records_of(batch: &AnyBatch) -> Result<u64, String> {
    batch.verify_crc().map_err(|error| error.to_string())?;
    let mut count = 0;
    for record in batch.records(DecompressionLimits::default()).map_err(|error| error.to_string())? {
        record.map_err(|error| error.to_string())?;
        count += 1;
    }
    Ok(count)
}

fn offset_index(path: &Path, report: &mut Report) -> io::Result<()> {
    let bytes = std::fs::read(path)?;
    report.bytes += bytes.len() as u64;
    let (entries, rest) = offset_entries(&bytes, base_offset(path));
    let batches = places(&path.with_extension("log"))?;
    let mut damaged = |index: usize, offset, problem| {
        let position = index as u64 * 8;
        report.damage.push(Damage { file: path.to_owned(), position, offset, problem });
    };
    let mut before = None;
    for (index, entry) in entries.iter().enumerate() {
        let offset = Some(entry.offset);
        if before.is_some_and(|before| entry.offset <= before) {
            damaged(index, offset, format!("offset {} does not come behind the one before", entry.offset));
        }
        before = Some(entry.offset);
        match batches.at.get(&entry.position) {
            None if batches.is_unreadable(entry.position) => {}
            None => damaged(
                index,
                offset,
                format!("no batch begins at position {} of the segment", entry.position),
            ),
            Some(batch) if batch.last_offset != entry.offset => {
                let problem = format!(
                    "the batch at position {} ends with offset {}, not {}",
                    entry.position, batch.last_offset, entry.offset
                );
                damaged(index, offset, problem);
            }
            Some(_) => {}
        }
    }
    if rest > 0 {
        damaged(entries.len(), None, format!("{rest} bytes at the end are no entry"));
    }
    Ok(())
}

fn time_index(path: &Path, report: &mut Report) -> io::Result<()> {
    let bytes = std::fs::read(path)?;
    report.bytes += bytes.len() as u64;
    let (entries, rest) = time_entries(&bytes, base_offset(path));
    let batches = places(&path.with_extension("log"))?;
    let mut damaged = |index: usize, offset, problem| {
        let position = index as u64 * 12;
        report.damage.push(Damage { file: path.to_owned(), position, offset, problem });
    };
    let mut before = None;
    for (index, entry) in entries.iter().enumerate() {
        let offset = Some(entry.offset);
        if before.is_some_and(|(timestamp, offset)| entry.timestamp_ms < timestamp || entry.offset < offset) {
            damaged(index, offset, "the entry does not come behind the one before".to_owned());
        }
        before = Some((entry.timestamp_ms, entry.offset));
        if batches.unreadable_from.is_some() && batches.next_offset <= entry.offset {
            continue;
        }
        let up_to_it = batches.at.values().take_while(|batch| batch.base_offset <= entry.offset);
        match up_to_it.map(|batch| batch.max_timestamp_ms).max() {
            None => damaged(index, offset, format!("no batch holds offset {}", entry.offset)),
            Some(largest) if largest > entry.timestamp_ms => {
                let problem =
                    format!("timestamp {} is not the largest up to here, {largest} is", entry.timestamp_ms);
                damaged(index, offset, problem);
            }
            Some(_) => {}
        }
    }
    if rest > 0 {
        damaged(entries.len(), None, format!("{rest} bytes at the end are no entry"));
    }
    Ok(())
}

/// Checks a file that is sound or not as a whole.
fn whole_file<E: fmt::Display>(
    path: &Path,
    report: &mut Report,
    decode: impl FnOnce(&Bytes) -> Result<(), E>,
) -> io::Result<()> {
    let bytes = Bytes::from(std::fs::read(path)?);
    report.bytes += bytes.len() as u64;
    if let Err(error) = decode(&bytes) {
        let problem = error.to_string();
        report.damage.push(Damage { file: path.to_owned(), position: 0, offset: None, problem });
    }
    Ok(())
}

/// The batches of a segment, as far as it can be read.
#[derive(Debug, Default)]
struct Places {
    /// By where they begin.
    at: BTreeMap<u64, BatchPlace>,
    /// Behind the last of them.
    next_offset: i64,
    /// Where damage hides what follows; the segment's own check names it, the entries of an index are not to blame.
    unreadable_from: Option<u64>,
}

impl Places {
    fn is_unreadable(&self, position: u64) -> bool {
        self.unreadable_from.is_some_and(|from| position >= from)
    }
}

/// Where the batches of a segment begin; none when there is no segment.
fn places(log: &Path) -> io::Result<Places> {
    let mut reader = match SegmentReader::open(log) {
        Ok(reader) => reader,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Places::default()),
        Err(error) => return Err(error),
    };
    let mut places = Places { next_offset: base_offset(log), ..Places::default() };
    while let Some((position, found)) = reader.next()? {
        match found {
            Found::Batch(batch) => {
                let last_offset = batch.last_offset().get();
                let base_offset = batch.base_offset(DecompressionLimits::default());
                let place = BatchPlace {
                    base_offset: base_offset.map_or(last_offset, Offset::get),
                    last_offset,
                    max_timestamp_ms: batch.max_timestamp(),
                };
                places.at.insert(position, place);
                places.next_offset = places.next_offset.max(last_offset.saturating_add(1));
            }
            Found::Damage(_) => places.unreadable_from = Some(position),
            Found::Zeros => {}
        }
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use medallion_wire::records::{BatchBuilder, BatchOptions};

    use super::*;

    fn batch(base_offset: i64, values: &[&str]) -> Vec<u8> {
        let options = BatchOptions { base_offset: Offset(base_offset), ..BatchOptions::default() };
        let mut builder = BatchBuilder::new(options);
        for value in values {
            builder.append(1000 + base_offset, None, Some(value.as_bytes()), &[]).unwrap();
        }
        builder.build().unwrap().into_bytes().to_vec()
    }

    /// A segment of two batches, offsets 5 to 6 and 7, with their indexes.
    fn folder() -> (tempfile::TempDir, PathBuf, u64) {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("00000000000000000005.log");
        let first = batch(5, &["a", "b"]);
        let position = first.len() as u64;
        fs::write(&log, [first, batch(7, &["c"])].concat()).unwrap();
        let position_bytes = u32::try_from(position).unwrap().to_be_bytes();
        fs::write(log.with_extension("index"), [&[0, 0, 0, 2][..], &position_bytes, &[0; 16]].concat())
            .unwrap();
        let time = [&1007_i64.to_be_bytes()[..], &2_u32.to_be_bytes()].concat();
        fs::write(log.with_extension("timeindex"), time).unwrap();
        (directory, log, position)
    }

    fn verify(path: &Path) -> Report {
        let mut report = Report::default();
        file(path, &mut report);
        report
    }

    #[test]
    fn a_sound_segment_has_no_damage() {
        let (_directory, log, _) = folder();
        let report = verify(&log);
        assert_eq!((report.batches, report.records, report.damage.len()), (2, 3, 0));
        for extension in ["index", "timeindex"] {
            assert_eq!(verify(&log.with_extension(extension)).damage, []);
        }
    }

    #[test]
    fn a_changed_byte_is_named_with_position_and_offset() {
        let (_directory, log, position) = folder();
        let mut bytes = fs::read(&log).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&log, bytes).unwrap();
        let damage = verify(&log).damage;
        assert_eq!(damage.len(), 1);
        assert_eq!((damage[0].position, damage[0].offset), (position, Some(7)));
        assert!(damage[0].problem.contains("CRC"), "{}", damage[0]);
    }

    #[test]
    fn a_cut_batch_and_one_out_of_order_are_damage_but_zeros_are_not() {
        let (_directory, log, position) = folder();
        let bytes = fs::read(&log).unwrap();
        fs::write(&log, &bytes[..bytes.len() - 3]).unwrap();
        let damage = verify(&log).damage;
        assert_eq!((damage.len(), damage[0].position, damage[0].offset), (1, position, Some(7)));
        fs::write(&log, [&bytes[..], &batch(6, &["again"])].concat()).unwrap();
        let damage = verify(&log).damage;
        assert_eq!((damage.len(), damage[0].offset), (1, Some(6)));
        fs::write(&log, [&bytes[..], &[0; 5000]].concat()).unwrap();
        assert_eq!(verify(&log).damage, []);
    }

    /// What is said of segments side by side; each holds batches of one record at these offsets.
    fn of_segments(partition: &Path, segments: &[&[i64]]) -> Vec<String> {
        fs::create_dir_all(partition).unwrap();
        let mut report = Report::default();
        for offsets in segments {
            let path = partition.join(format!("{:020}.log", offsets[0]));
            let batches: Vec<_> = offsets.iter().map(|offset| batch(*offset, &["a"])).collect();
            fs::write(&path, batches.concat()).unwrap();
            file(&path, &mut report);
        }
        let name = |damage: &Damage| damage.file.file_name().unwrap().to_string_lossy().into_owned();
        report.damage.iter().map(|damage| format!("{}: {}", name(damage), damage.problem)).collect()
    }

    #[test]
    fn segments_that_overlap_or_leave_offsets_out_are_named() {
        let directory = tempfile::tempdir().unwrap();
        let partition = |name: &str| directory.path().join(name);
        assert_eq!(of_segments(&partition("t-0"), &[&[0, 1], &[2, 3], &[4]]), [""; 0]);
        let gap = of_segments(&partition("t-1"), &[&[0, 1], &[5, 6]]);
        assert_eq!(
            gap,
            [
                "00000000000000000005.log: offsets 2 to 4 are missing between 00000000000000000000.log and this segment"
            ]
        );
        let overlap = of_segments(&partition("t-2"), &[&[0, 1, 2, 3], &[2, 3]]);
        assert_eq!(
            overlap,
            [
                "00000000000000000002.log: the segment overlaps 00000000000000000000.log, which ends before offset 4"
            ]
        );
        // What compaction took may be missing, what came later may not.
        let checkpoint = directory.path().join(CLEANER_OFFSET_CHECKPOINT);
        fs::write(&checkpoint, "0\n1\nt 3 5\n").unwrap();
        assert_eq!(of_segments(&partition("t-3"), &[&[0, 1], &[5, 6]]), [""; 0]);
        assert_eq!(
            of_segments(&partition("t-4"), &[&[0, 1], &[5, 6]]).len(),
            1,
            "another partition was compacted"
        );
        assert_eq!(of_segments(&partition("t-3"), &[&[0, 1], &[5, 6], &[9]]).len(), 1);
    }

    #[test]
    fn a_snapshot_of_the_metadata_is_no_neighbour_of_segments() {
        let directory = tempfile::tempdir().unwrap();
        let mut report = Report::default();
        for name in ["00000000000000000000-0000000000.checkpoint", "00000000000000000000.log"] {
            let path = directory.path().join(name);
            fs::write(&path, batch(0, &["a"])).unwrap();
            file(&path, &mut report);
        }
        assert_eq!(report.damage, []);
    }

    #[test]
    fn the_indexes_of_a_damaged_segment_are_not_to_blame() {
        let (_directory, log, position) = folder();
        let mut bytes = fs::read(&log).unwrap();
        let at = usize::try_from(position).unwrap() + 16;
        bytes[at] = 99;
        fs::write(&log, bytes).unwrap();
        assert_eq!(verify(&log).damage.len(), 1);
        for extension in ["index", "timeindex"] {
            assert_eq!(verify(&log.with_extension(extension)).damage, []);
        }
    }

    #[test]
    fn what_cannot_be_read_is_damage_and_a_path_need_not_be_text() {
        use std::os::unix::ffi::OsStrExt;
        let directory = tempfile::tempdir().unwrap();
        let name = std::ffi::OsStr::from_bytes(b"\xff.log");
        let report = verify(&directory.path().join(name));
        assert!(report.damage[0].problem.contains("cannot be read"), "{}", report.damage[0]);
        assert!(serde_json::to_string(&report.damage).unwrap().contains("\u{fffd}.log"));
    }

    #[test]
    fn an_index_that_points_elsewhere_is_damage() {
        let (_directory, log, _) = folder();
        let index = log.with_extension("index");
        fs::write(&index, [0, 0, 0, 2, 0, 0, 0, 1]).unwrap();
        assert!(verify(&index).damage[0].problem.contains("no batch begins at position 1"));
        fs::write(&index, [0, 0, 0, 2, 0, 0, 0, 0]).unwrap();
        assert!(verify(&index).damage[0].problem.contains("ends with offset 6"));
        let times = log.with_extension("timeindex");
        fs::write(&times, [&1006_i64.to_be_bytes()[..], &2_u32.to_be_bytes()].concat()).unwrap();
        assert!(verify(&times).damage[0].problem.contains("1007"));
    }

    #[test]
    fn snapshots_and_transaction_indexes_are_checked_as_a_whole() {
        let directory = tempfile::tempdir().unwrap();
        let snapshot = directory.path().join("00000000000000000005.snapshot");
        let sound = ProducerSnapshot::default().encode_file().unwrap();
        fs::write(&snapshot, &sound).unwrap();
        assert_eq!(verify(&snapshot).damage, []);
        fs::write(&snapshot, [&sound[..], b"x"].concat()).unwrap();
        assert_eq!(verify(&snapshot).damage.len(), 1);
        let aborted = directory.path().join("00000000000000000005.txnindex");
        fs::write(&aborted, [0; 34]).unwrap();
        assert_eq!(verify(&aborted).damage.len(), 1, "offset 0 lies before the segment");
        fs::write(&aborted, []).unwrap();
        assert_eq!(verify(&aborted).damage, []);
        fs::write(&aborted, [0; 30]).unwrap();
        assert_eq!(verify(&aborted).damage.len(), 1, "no whole entry");
    }
}
