//! Directories on a disk in memory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use medallion_log::clean_shutdown::LastShutdown;
use medallion_log::meta_properties;
use medallion_os::{FileSystem, OpenMode, RealFileSystem, SimulatedFileSystem};
use medallion_wire::internal_records::MetadataVersion;
use medallion_wire::types::{BrokerId, PartitionIndex, TopicId, TopicPartition, Uuid};

use super::directories::{DirectorySettings, DirectoryState, LogDirectories, LogDirectory};
use super::folders::{FolderKind, PartitionFolder, marked_name, parse_name, scan, settle};
use super::format::{FormatOptions, Formatted, VoterKind, format};
use super::*;
use crate::controller::quorum::tests::{fixture, image_at};

const CLUSTER: &str = "MkU3OEVBNTcwNTJENDM2Qk";

fn disk() -> Arc<dyn FileSystem> {
    Arc::new(SimulatedFileSystem::new())
}

fn counter() -> impl FnMut() -> u128 {
    let mut drawn = 0_u128;
    move || {
        drawn += 1;
        drawn.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }
}

fn options(directories: &[&str]) -> FormatOptions {
    FormatOptions {
        directories: directories.iter().map(PathBuf::from).collect(),
        metadata_directory: directories[0].into(),
        node_id: BrokerId(1),
        cluster_id: Some(CLUSTER.to_owned()),
        voters: VoterKind::Static,
        metadata_version: MetadataVersion::LATEST,
        features: BTreeMap::new(),
        ignore_formatted: false,
    }
}

fn settings(directories: &[&str]) -> DirectorySettings {
    DirectorySettings {
        log_dirs: directories.iter().map(PathBuf::from).collect(),
        metadata_log_dir: directories[0].into(),
        node_id: BrokerId(1),
    }
}

fn formatted(directories: &[&str]) -> Arc<dyn FileSystem> {
    let fs = disk();
    format(&*fs, &options(directories), 1_795_425_019_150, &mut counter()).unwrap();
    fs
}

fn read(fs: &dyn FileSystem, path: &str) -> Vec<u8> {
    let file = fs.open(Path::new(path), OpenMode::Read).unwrap();
    let mut content = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    let count = file.read_at(&mut content, 0).unwrap();
    assert_eq!(count, content.len());
    content
}

fn open(fs: &Arc<dyn FileSystem>, directories: &[&str]) -> Result<LogDirectories, StorageError> {
    open_as(fs, &settings(directories))
}

fn open_as(fs: &Arc<dyn FileSystem>, settings: &DirectorySettings) -> Result<LogDirectories, StorageError> {
    LogDirectories::open(Arc::clone(fs), settings, || panic!("formatted already"), 1, &mut counter())
}

#[test]
fn a_formatted_directory_survives_every_crash() {
    for seed in 0..40 {
        let disk = SimulatedFileSystem::new();
        format(&disk, &options(&["/deep/a"]), 1, &mut counter()).unwrap();
        disk.crash(seed);
        let properties = meta_properties::read(&disk, Path::new("/deep/a")).unwrap();
        assert!(properties.is_some(), "seed {seed}");
    }
}

#[test]
fn the_bootstrap_checkpoint_is_kafkas_up_to_times_and_checksums() {
    let fs = formatted(&["/a"]);
    let (ours, kafkas) = (read(&*fs, "/a/bootstrap.checkpoint"), fixture("bootstrap.checkpoint"));
    assert_eq!(ours.len(), kafkas.len());
    // The batch of records: from its record count (byte 57 of the header) on, nothing depends on the time.
    let (first, records) = (83, 253);
    assert_eq!(ours[first + 57..first + records], kafkas[first + 57..first + records]);
}

#[test]
fn all_directories_get_their_own_id_and_the_same_cluster() {
    let fs = disk();
    let outcome = format(&*fs, &options(&["/a", "/b"]), 1, &mut counter()).unwrap();
    let ids: Vec<Uuid> = outcome
        .directories
        .iter()
        .map(|(_, formatted)| match formatted {
            Formatted::Now(id) => *id,
            Formatted::Before => panic!("formatted twice"),
        })
        .collect();
    assert_ne!(ids[0], ids[1]);
    let opened = open(&fs, &["/a", "/b"]).unwrap();
    assert_eq!(opened.cluster_id, CLUSTER);
    assert_eq!(opened.log_dirs.iter().map(|directory| directory.id).collect::<Vec<_>>(), ids);
    assert_eq!(opened.metadata_directory_id, ids[0]);
    assert!(!opened.was_clean_shutdown());
}

#[test]
fn a_formatted_directory_is_never_formatted_again() {
    let fs = formatted(&["/a"]);
    let error = format(&*fs, &options(&["/a"]), 1, &mut counter()).unwrap_err();
    assert!(matches!(error, StorageError::AlreadyFormatted { .. }), "{error}");
    let again = FormatOptions { ignore_formatted: true, ..options(&["/a", "/b"]) };
    let outcome = format(&*fs, &again, 1, &mut || 77 << 64 | 7).unwrap();
    assert_eq!(outcome.directories[0].1, Formatted::Before);
    assert!(open(&fs, &["/a", "/b"]).is_ok());
}

#[test]
fn a_directory_of_something_else_is_not_formatted() {
    let fs = disk();
    fs.create_directories(Path::new("/a/photos")).unwrap();
    let error = format(&*fs, &options(&["/a"]), 1, &mut counter()).unwrap_err();
    assert!(matches!(&error, StorageError::NotEmpty { found, .. } if found == "photos"), "{error}");
    fs.create_directories(Path::new("/b/lost+found")).unwrap();
    format(&*fs, &options(&["/b"]), 1, &mut counter()).unwrap();
}

#[test]
fn a_disk_that_is_not_mounted_becomes_no_new_cluster() {
    let fs = formatted(&["/a"]);
    let state = |directories: &[&str]| settings(directories).state(&*fs);
    assert_eq!(state(&["/a"]).unwrap(), DirectoryState::Formatted);
    assert_eq!(state(&["/new", "/newer"]).unwrap(), DirectoryState::Empty);
    let error = state(&["/a", "/absent"]).unwrap_err();
    assert!(matches!(&error, StorageError::PartlyFormatted { path, .. } if path == Path::new("/absent")));
    assert!(error.to_string().contains("mount"), "{error}");
}

#[test]
fn foreign_directories_are_refused_with_the_reason() {
    let fs = formatted(&["/a"]);
    let mut other = settings(&["/a"]);
    other.node_id = BrokerId(7);
    let error = open_as(&fs, &other).unwrap_err();
    assert!(error.to_string().contains("belongs to node.id=1"), "{error}");

    let second = FormatOptions { cluster_id: Some("A".repeat(22)), ..options(&["/b"]) };
    format(&*fs, &second, 1, &mut || 99 << 64 | 9).unwrap();
    let error = open(&fs, &["/a", "/b"]).unwrap_err();
    assert!(error.to_string().contains("another cluster"), "{error}");

    let zookeeper = fs.open(Path::new("/z/meta.properties"), OpenMode::CreateNew);
    assert!(zookeeper.is_err(), "the folder is not there yet");
    fs.create_directories(Path::new("/z")).unwrap();
    let file = fs.open(Path::new("/z/meta.properties"), OpenMode::CreateNew).unwrap();
    file.write_all_at(&[b"broker.id=1\nversion=0\ncluster.id=abc\n"], 0).unwrap();
    let error = open(&fs, &["/z"]).unwrap_err();
    assert!(error.to_string().contains("ZooKeeper"), "{error}");
}

#[test]
fn a_directory_in_use_is_refused() {
    let fs = Arc::new(SimulatedFileSystem::new());
    format(&*fs, &options(&["/a"]), 1, &mut counter()).unwrap();
    fs.hold_lock_elsewhere(Path::new("/a/.lock"));
    let fs: Arc<dyn FileSystem> = fs;
    let error = open(&fs, &["/a"]).unwrap_err();
    assert!(matches!(error, StorageError::InUse { .. }), "{error}");
}

#[test]
fn a_copied_directory_is_noticed() {
    let fs = formatted(&["/a"]);
    let properties = meta_properties::read(&*fs, Path::new("/a")).unwrap().unwrap();
    fs.create_directories(Path::new("/copy")).unwrap();
    meta_properties::write(&*fs, Path::new("/copy"), &properties, 1).unwrap();
    let error = open(&fs, &["/a", "/copy"]).unwrap_err();
    assert!(error.to_string().contains("same directory.id"), "{error}");
}

#[test]
fn marks_of_a_clean_shutdown_give_the_last_epoch() {
    let fs = formatted(&["/a", "/b"]);
    let opened = open(&fs, &["/a", "/b"]).unwrap();
    assert_eq!(opened.previous_broker_epoch(), None);
    opened.mark_clean_shutdown(Path::new("/a"), 13).unwrap();
    assert_eq!(open(&fs, &["/a", "/b"]).unwrap().previous_broker_epoch(), None, "one of two is not enough");
    opened.mark_clean_shutdown(Path::new("/b"), 13).unwrap();
    let again = open(&fs, &["/a", "/b"]).unwrap();
    assert!(again.was_clean_shutdown());
    assert_eq!(again.previous_broker_epoch(), Some(13));
    again.remove_clean_shutdown_marks().unwrap();
    assert_eq!(open(&fs, &["/a", "/b"]).unwrap().log_dirs[0].last_shutdown, LastShutdown::Unclean);
}

#[test]
fn folder_names_are_read_as_kafka_writes_them() {
    let unique = "7629ce94ff2c45b28cb3a23110947aa3";
    let parsed = |name: &str| parse_name(name).map(|(partition, kind)| (partition.to_string(), kind));
    let is = |text: &str, kind| Some((text.to_owned(), kind));
    assert_eq!(parsed("first-0"), is("first-0", FolderKind::Live));
    assert_eq!(parsed("a-b.c_d-12"), is("a-b.c_d-12", FolderKind::Live));
    assert_eq!(parsed(&format!("gone-0.{unique}-delete")), is("gone-0", FolderKind::Deleted));
    assert_eq!(parsed(&format!("t-3.{unique}-future")), is("t-3", FolderKind::Future));
    assert_eq!(parsed(&format!("t-3.{unique}-stray")), is("t-3", FolderKind::Stray));
    for other in ["lost+found", "photos", "-0", "t-x", "t--1-"] {
        assert_eq!(parsed(other), None, "{other}");
    }
    let partition = TopicPartition::new("t", 3);
    let id = Uuid::parse_str(unique).unwrap();
    assert_eq!(marked_name(&partition, FolderKind::Stray, id), format!("t-3.{unique}-stray"));
    let long = TopicPartition::new("t".repeat(249), 3);
    assert_eq!(marked_name(&long, FolderKind::Deleted, id).len(), 255);
    let foreign = TopicPartition::new(std::format!("a{}", "é".repeat(120)), 3);
    assert_eq!(marked_name(&foreign, FolderKind::Stray, id).len(), 254);
}

#[test]
fn folders_are_sorted_by_what_the_metadata_says() {
    let image = image_at("restart-after-kill.log", 67);
    let first = image.topics.by_name("first").unwrap().id;
    let fs = disk();
    let unique = "7629ce94ff2c45b28cb3a23110947aa3";
    let names = [
        "first-0".to_owned(),
        "second-0".to_owned(),
        "unknown-0".to_owned(),
        format!("first-1.{unique}-future"),
        format!("gone-0.{unique}-delete"),
        "__cluster_metadata-0".to_owned(),
        "lost+found".to_owned(),
    ];
    for name in &names {
        fs.create_directories(&Path::new("/a").join(name)).unwrap();
    }
    medallion_log::partition_metadata::write(&*fs, Path::new("/a/first-0"), first).unwrap();
    let stale = TopicId(Uuid::from_u128(5));
    medallion_log::partition_metadata::write(&*fs, Path::new("/a/second-0"), stale).unwrap();
    let directories =
        [LogDirectory { path: "/a".into(), id: Uuid::nil(), last_shutdown: LastShutdown::Unclean }];
    let folders = scan(&*fs, &directories).unwrap();
    assert_eq!(folders.len(), 5);
    let mut drawn = 0;
    let mut unique = || {
        drawn += 1;
        Uuid::from_u128(drawn)
    };
    let settled = settle(&*fs, folders, &directories, &image, 1, &mut unique).unwrap();
    let live: Vec<String> = settled.live.values().map(|folder| folder.path.display().to_string()).collect();
    assert_eq!(live, ["/a/first-0", "/a/first-1"], "the copy without an original takes its place");
    assert_eq!(settled.deleted.len(), 1);
    assert_eq!(settled.stray.len(), 2, "an unknown name and an older topic's folder: {:?}", settled.stray);
    assert!(fs.exists(&settled.stray[0]).unwrap());
    assert!(!fs.exists(Path::new("/a/unknown-0")).unwrap());
}

#[test]
fn logs_without_metadata_are_not_taken_for_strays() {
    let fs = disk();
    fs.create_directories(Path::new("/a/first-0")).unwrap();
    let directories =
        [LogDirectory { path: "/a".into(), id: Uuid::nil(), last_shutdown: LastShutdown::Unclean }];
    let folders = scan(&*fs, &directories).unwrap();
    let nothing = crate::controller::MetadataImage::empty(CLUSTER);
    let error = settle(&*fs, folders, &directories, &nothing, 1, &mut Uuid::nil).unwrap_err();
    assert!(error.to_string().contains("metadata log is empty"), "{error}");
    assert!(fs.exists(Path::new("/a/first-0")).unwrap(), "left alone");
}

#[test]
fn two_logs_of_one_partition_are_refused() {
    let image = image_at("restart-after-kill.log", 67);
    let fs = disk();
    let folder = |directory: usize, path: &str| PartitionFolder {
        path: path.into(),
        directory,
        kind: FolderKind::Live,
        partition: TopicPartition::new("first", PartitionIndex(0)),
        topic_id: None,
    };
    let error =
        settle(&*fs, vec![folder(0, "/a/first-0"), folder(1, "/b/first-0")], &[], &image, 1, &mut Uuid::nil)
            .unwrap_err();
    assert!(matches!(error, StorageError::DuplicatePartition { .. }), "{error}");
}

#[test]
fn a_directory_that_another_process_has_locked_is_not_formatted() {
    let fs = Arc::new(SimulatedFileSystem::new());
    fs.hold_lock_elsewhere(Path::new("/b/.lock"));
    let error = format(&*fs, &options(&["/a", "/b"]), 1, &mut counter()).unwrap_err();
    assert!(matches!(&error, StorageError::InUse { path } if path == Path::new("/b")), "{error}");
    for directory in ["/a", "/b"] {
        assert_eq!(meta_properties::read(&*fs, Path::new(directory)).unwrap(), None, "{directory}");
    }
}

#[test]
fn features_are_formatted_with_those_that_they_depend_on() {
    use medallion_wire::internal_records::Feature;
    let fs = disk();
    let old = FormatOptions {
        metadata_version: "3.9".parse().unwrap(),
        features: BTreeMap::from([(Feature::EligibleLeaderReplicasVersion, 1)]),
        ..options(&["/a"])
    };
    let error = format(&*fs, &old, 1, &mut counter()).unwrap_err().to_string();
    assert!(error.contains("depends on metadata.version level 23"), "{error}");
    assert!(!fs.exists(Path::new("/a")).unwrap());
}

#[test]
fn a_formatted_directory_of_another_cluster_than_asked_is_refused() {
    let fs = formatted(&["/a"]);
    let other =
        FormatOptions { cluster_id: Some("B".repeat(22)), ignore_formatted: true, ..options(&["/a", "/b"]) };
    let error = format(&*fs, &other, 1, &mut counter()).unwrap_err().to_string();
    assert!(error.contains("/a") && error.contains(CLUSTER) && error.contains(&"B".repeat(22)), "{error}");
    assert!(!fs.exists(Path::new("/b/meta.properties")).unwrap());
}

#[test]
fn what_is_refused_at_the_start_leaves_no_traces() {
    let fs = formatted(&["/a"]);
    fs.create_directories(Path::new("/mount")).unwrap();
    let error = open(&fs, &["/a", "/mount"]).unwrap_err();
    assert!(matches!(error, StorageError::PartlyFormatted { .. }), "{error}");
    assert!(fs.read_directory(Path::new("/mount")).unwrap().is_empty());
    fs.create_directories(Path::new("/home/photos")).unwrap();
    assert!(matches!(open(&fs, &["/home"]), Err(StorageError::NotEmpty { .. })));
    assert_eq!(fs.read_directory(Path::new("/home")).unwrap().len(), 1);
}

/// Names the directory to a child of the race below.
const RACE_DIRECTORY: &str = "MEDALLION_TEST_RACE_DIRECTORY";

/// The child: says that it is ready, opens the directory when told, says how it went, and ends when told.
#[test]
fn a_racer_of_the_test_below() {
    let Some(directory) = std::env::var_os(RACE_DIRECTORY) else { return };
    let wait = || std::io::stdin().read_line(&mut String::new()).unwrap();
    println!("racer: ready");
    wait();
    let fs: Arc<dyn FileSystem> = Arc::new(RealFileSystem);
    let directories = [Path::new(&directory).join("a"), Path::new(&directory).join("b")];
    let settings = DirectorySettings {
        log_dirs: directories.to_vec(),
        metadata_log_dir: directories[0].clone(),
        node_id: BrokerId(1),
    };
    let new_cluster = || FormatOptions {
        directories: directories.to_vec(),
        metadata_directory: directories[0].clone(),
        cluster_id: None,
        ..options(&["/a"])
    };
    let mut random = || Uuid::new_v4().as_u128();
    let opened = LogDirectories::open(fs, &settings, new_cluster, 1, &mut random);
    match &opened {
        Ok(opened) => println!("racer: opened {} {}", opened.cluster_id, opened.metadata_directory_id),
        Err(StorageError::InUse { .. }) => println!("racer: in use"),
        Err(other) => println!("racer: {other}"),
    }
    wait();
}

struct Racer {
    process: std::process::Child,
    lines: std::io::Lines<std::io::BufReader<std::process::ChildStdout>>,
}

impl Racer {
    fn new(directory: &Path) -> Self {
        use std::process::{Command, Stdio};
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "storage::tests::a_racer_of_the_test_below", "--nocapture"])
            .env(RACE_DIRECTORY, directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = std::io::BufRead::lines(std::io::BufReader::new(process.stdout.take().unwrap()));
        Self { process, lines }
    }

    /// The next thing that it says.
    fn says(&mut self) -> String {
        let mut said = self.lines.by_ref().map(Result::unwrap);
        said.find_map(|line| line.split_once("racer: ").map(|(_, text)| text.to_owned())).unwrap()
    }

    fn go(&mut self) {
        use std::io::Write;
        self.process.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }
}

/// Two processes that start at the same moment on the same new directory: one makes the cluster, the other is told
/// that the directory is in use, and what the one has read is what stays on disk.
#[test]
fn of_two_that_race_for_a_new_directory_one_formats_it() {
    for round in 0..10 {
        let parent = tempfile::tempdir().unwrap();
        let mut racers = [Racer::new(parent.path()), Racer::new(parent.path())];
        for racer in &mut racers {
            assert_eq!(racer.says(), "ready");
        }
        racers.iter_mut().for_each(Racer::go);
        let mut said: Vec<String> = racers.iter_mut().map(Racer::says).collect();
        for mut racer in racers {
            racer.go();
            assert!(racer.process.wait().unwrap().success());
        }
        said.sort_unstable();
        assert_eq!(said[0], "in use", "round {round}: {said:?}");
        let written = meta_properties::read(&RealFileSystem, &parent.path().join("a")).unwrap().unwrap();
        let (cluster, id) = (written.cluster_id().unwrap(), written.directory_id().unwrap());
        assert_eq!(said[1], std::format!("opened {cluster} {id}"), "round {round}");
    }
}
