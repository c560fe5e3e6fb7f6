//! The files beside the segments on a disk that fails and loses power: old content or new, never a mixture.

use std::collections::BTreeMap;
use std::path::Path;

use medallion_log::clean_shutdown::{self, LastShutdown};
use medallion_log::meta_properties::{self, MetaProperties};
use medallion_log::{checkpoint_file, partition_metadata};
use medallion_os::{FileSystem, SimulatedFileSystem};
use medallion_wire::types::Uuid;
use medallion_wire::{BrokerId, Offset, TopicId, TopicPartition};
use proptest::prelude::*;

const DIRECTORY: &str = "/data";

fn disk() -> SimulatedFileSystem {
    let disk = SimulatedFileSystem::new();
    disk.create_directories(Path::new(DIRECTORY)).expect("the disk is empty");
    disk.sync_directory(Path::new("/")).expect("the disk is sound");
    disk
}

fn offsets(count: i32, offset: i64) -> BTreeMap<TopicPartition, Offset> {
    (0..count).map(|partition| (TopicPartition::new("trips", partition), Offset(offset))).collect()
}

fn write(disk: &SimulatedFileSystem, offsets: &BTreeMap<TopicPartition, Offset>) -> bool {
    let path = Path::new(DIRECTORY).join(checkpoint_file::RECOVERY_POINT_CHECKPOINT);
    let entries = offsets.iter().map(|(at, offset)| (at, *offset));
    checkpoint_file::write_offsets(disk, &path, entries).is_ok()
}

fn read(disk: &SimulatedFileSystem) -> BTreeMap<TopicPartition, Offset> {
    let path = Path::new(DIRECTORY).join(checkpoint_file::RECOVERY_POINT_CHECKPOINT);
    checkpoint_file::read_offsets(disk, &path).expect("a crash damages no checkpoint")
}

proptest! {
    #[test]
    fn a_checkpoint_is_old_or_new(sizes in prop::collection::vec(0..200_i32, 1..6), changes in 0..12_u64, seed: u64) {
        let disk = disk();
        let (last, before) = sizes.split_last().expect("one at least");
        let mut durable = BTreeMap::new();
        for (generation, count) in (1..).zip(before) {
            durable = offsets(*count, generation);
            prop_assert!(write(&disk, &durable));
        }
        let attempted = offsets(*last, 1000);
        disk.fail_after(changes);
        let is_written = write(&disk, &attempted);
        disk.crash(seed);
        let found = read(&disk);
        prop_assert!(found == attempted || (!is_written && found == durable), "{} entries", found.len());
    }

    #[test]
    fn a_removed_mark_does_not_come_back(changes in 0..6_u64, seed: u64) {
        let disk = disk();
        let directory = Path::new(DIRECTORY);
        clean_shutdown::write(&disk, directory, 7).unwrap();
        disk.fail_after(changes);
        let is_removed = clean_shutdown::remove(&disk, directory).is_ok();
        disk.crash(seed);
        let found = clean_shutdown::read(&disk, directory).unwrap();
        let expected = LastShutdown::Clean { broker_epoch: Some(7) };
        prop_assert!(found == LastShutdown::Unclean || (!is_removed && found == expected), "{found:?}");
    }
}

#[test]
fn files_are_absent_at_first_and_read_back() {
    let disk = disk();
    let directory = Path::new(DIRECTORY);
    assert!(read(&disk).is_empty());
    assert_eq!(meta_properties::read(&disk, directory).unwrap(), None);
    assert_eq!(partition_metadata::read(&disk, directory).unwrap(), None);
    assert_eq!(clean_shutdown::read(&disk, directory).unwrap(), LastShutdown::Unclean);
    clean_shutdown::remove(&disk, directory).expect("nothing to remove is fine");

    let properties = MetaProperties::new("cluster", BrokerId(1), Uuid::from_u128(5));
    meta_properties::write(&disk, directory, &properties, 0).unwrap();
    partition_metadata::write(&disk, directory, TopicId(Uuid::from_u128(6))).unwrap();
    disk.crash(1);
    assert_eq!(meta_properties::read(&disk, directory).unwrap(), Some(properties));
    assert_eq!(partition_metadata::read(&disk, directory).unwrap(), Some(TopicId(Uuid::from_u128(6))));
}

#[test]
fn errors_name_the_file() {
    let disk = disk();
    disk.fail_after(0);
    let path = Path::new(DIRECTORY).join(checkpoint_file::REPLICATION_OFFSET_CHECKPOINT);
    let error = checkpoint_file::write_offsets(&disk, &path, []).unwrap_err();
    assert!(error.to_string().contains("/data/replication-offset-checkpoint"), "{error}");
}
