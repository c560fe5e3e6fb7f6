use super::*;

fn disk() -> SimulatedFileSystem {
    let disk = SimulatedFileSystem::new();
    disk.create_directories(Path::new("/d")).unwrap();
    disk.sync_directory(Path::new("/")).unwrap();
    disk
}

fn contents(disk: &SimulatedFileSystem, path: &str) -> Vec<u8> {
    let file = disk.open(Path::new(path), OpenMode::Read).unwrap();
    let mut buffer = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    file.read_at(&mut buffer, 0).unwrap();
    buffer
}

#[test]
fn synced_bytes_survive_every_crash() {
    for seed in 0..100 {
        let disk = disk();
        let file = disk.open(Path::new("/d/a"), OpenMode::CreateNew).unwrap();
        file.write_all_at(&[b"dura", b"ble"], 0).unwrap();
        file.sync_data().unwrap();
        disk.sync_directory(Path::new("/d")).unwrap();
        file.write_all_at(&[b"?"], 7).unwrap();
        disk.crash(seed);
        assert_eq!(&contents(&disk, "/d/a")[..7], b"durable", "seed {seed}");
        assert!(file.read_at(&mut [0], 0).is_err(), "handles die with the process");
    }
}

#[test]
fn unsynced_writes_are_torn_at_sectors() {
    let mut torn = 0;
    for seed in 0..100 {
        let disk = disk();
        let file = disk.open(Path::new("/d/a"), OpenMode::CreateNew).unwrap();
        disk.sync_directory(Path::new("/d")).unwrap();
        file.write_all_at(&[&[7; 5 * SECTOR_BYTES]], 100).unwrap();
        disk.crash(seed);
        let left = contents(&disk, "/d/a");
        let zero_behind_start = left.iter().skip(100).any(|byte| *byte == 0);
        torn += usize::from(zero_behind_start);
        for (position, pair) in left.windows(2).enumerate().skip(100) {
            assert!(pair[0] == pair[1] || (position + 1) % SECTOR_BYTES == 0, "seed {seed}: {position}");
        }
    }
    assert!(torn > 10, "{torn}");
}

#[test]
fn names_are_durable_with_their_directory_only() {
    let (mut kept, mut gone) = (0, 0);
    for seed in 0..50 {
        let disk = disk();
        disk.open(Path::new("/d/old"), OpenMode::CreateNew).unwrap().sync_data().unwrap();
        disk.sync_directory(Path::new("/d")).unwrap();
        disk.rename(Path::new("/d/old"), Path::new("/d/new")).unwrap();
        disk.crash(seed);
        let names: Vec<_> = disk.read_directory(Path::new("/d")).unwrap();
        assert_eq!(names.len(), 1, "a rename is atomic");
        if names[0].name == "old" {
            gone += 1;
        } else {
            kept += 1;
        }
    }
    assert!(kept > 5 && gone > 5, "{kept} {gone}");
}

#[test]
fn a_renamed_directory_takes_its_files_along() {
    let disk = disk();
    disk.create_directories(Path::new("/d/x")).unwrap();
    disk.open(Path::new("/d/x/f"), OpenMode::CreateNew).unwrap();
    disk.sync_directory(Path::new("/d")).unwrap();
    disk.sync_directory(Path::new("/d/x")).unwrap();
    disk.rename(Path::new("/d/x"), Path::new("/d/y")).unwrap();
    assert!(disk.exists(Path::new("/d/y/f")).unwrap());
    assert!(!disk.exists(Path::new("/d/x/f")).unwrap());
    disk.sync_directory(Path::new("/d")).unwrap();
    disk.crash(1);
    assert!(disk.exists(Path::new("/d/y/f")).unwrap());
    disk.remove_directory_all(Path::new("/d/y")).unwrap();
    assert!(!disk.exists(Path::new("/d/y")).unwrap());
}

#[test]
fn a_full_disk_takes_a_part() {
    let disk = disk();
    disk.set_capacity(Some(10));
    let file = disk.open(Path::new("/d/a"), OpenMode::CreateNew).unwrap();
    file.write_all_at(&[b"12345678"], 0).unwrap();
    let error = file.write_all_at(&[b"abcdef"], 8).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(contents(&disk, "/d/a"), b"12345678ab");
    file.write_all_at(&[b"x"], 0).unwrap();
    file.set_len(4).unwrap();
    assert_eq!(disk.volume_space(Path::new("/d")).unwrap().usable_bytes, 6);
    file.write_all_at(&[b"abcdef"], 4).unwrap();
}

#[test]
fn a_failed_sync_loses_its_writes_for_good() {
    let mut lost = 0;
    for seed in 0..40 {
        let disk = disk();
        let file = disk.open(Path::new("/d/a"), OpenMode::CreateNew).unwrap();
        disk.sync_directory(Path::new("/d")).unwrap();
        for _ in 0..seed {
            file.sync_data().unwrap();
        }
        file.write_all_at(&[b"1"], 0).unwrap();
        disk.fail_sync(1);
        file.sync_data().unwrap_err();
        file.write_all_at(&[b"2"], 1).unwrap();
        file.sync_data().unwrap();
        disk.crash(seed);
        let left = contents(&disk, "/d/a");
        assert_eq!(left[1], b'2');
        lost += usize::from(left[0] == 0);
    }
    assert!(lost > 5, "{lost}");
}

#[test]
fn changes_fail_from_the_chosen_one_on() {
    let disk = disk();
    let file = disk.open(Path::new("/d/a"), OpenMode::CreateNew).unwrap();
    disk.fail_after(1);
    file.write_all_at(&[b"1"], 0).unwrap();
    assert!(file.write_all_at(&[b"2"], 1).is_err());
    assert!(disk.rename(Path::new("/d/a"), Path::new("/d/b")).is_err());
    assert_eq!(contents(&disk, "/d/a"), b"1", "reads go on");
    disk.clear_faults();
    assert_eq!(disk.not_durable(Path::new("/d")).unwrap(), [Path::new("/d/a")]);
    file.sync_data().unwrap();
    assert!(disk.not_durable(Path::new("/d")).unwrap().is_empty());
    disk.rename(Path::new("/d/a"), Path::new("/d/b")).unwrap();
}

#[test]
fn directories_can_be_made_to_survive() {
    for (seed, path) in (0..40).flat_map(|seed| [(seed, "/d/x/y"), (seed, "e/f")]) {
        let disk = disk();
        disk.create_directories_durably(Path::new(path)).unwrap();
        disk.crash(seed);
        assert!(disk.exists(Path::new(path)).unwrap(), "{path}, seed {seed}");
        disk.create_directories_durably(Path::new(path)).unwrap();
    }
}

#[test]
fn an_unreadable_file_is_readable_again_without_faults() {
    let disk = disk();
    let file = disk.open(Path::new("/d/a"), OpenMode::CreateNew).unwrap();
    file.write_all_at(&[b"1"], 0).unwrap();
    disk.fail_reads(Path::new("/d/a")).unwrap();
    assert!(file.read_at(&mut [0], 0).is_err());
    disk.clear_faults();
    assert_eq!(contents(&disk, "/d/a"), b"1");
}

#[test]
fn a_read_only_handle_does_not_write() {
    let disk = disk();
    disk.open(Path::new("/d/a"), OpenMode::CreateNew).unwrap();
    let file = disk.open(Path::new("/d/a"), OpenMode::Read).unwrap();
    assert!(file.write_all_at(&[b"1"], 0).is_err());
    assert!(disk.open(Path::new("/d/missing"), OpenMode::ReadWrite).is_err());
    disk.hold_lock_elsewhere(Path::new("/d/a"));
    assert!(!file.try_lock().unwrap());
}

#[test]
fn a_length_can_survive_without_its_bytes() {
    let mut zeros = 0;
    for seed in 0..100 {
        let disk = disk();
        let file = disk.open(Path::new("/d/a"), OpenMode::CreateNew).unwrap();
        disk.sync_directory(Path::new("/d")).unwrap();
        file.write_all_at(&[&[7; 3 * SECTOR_BYTES]], 0).unwrap();
        disk.crash(seed);
        zeros += usize::from(contents(&disk, "/d/a").last() == Some(&0));
    }
    assert!(zeros > 5, "{zeros}");
}

#[test]
fn a_crash_can_keep_the_first_writes_and_lose_the_last() {
    let mut prefixes = 0;
    for seed in 0..100 {
        let disk = disk();
        let file = disk.open(Path::new("/d/a"), OpenMode::CreateNew).unwrap();
        disk.sync_directory(Path::new("/d")).unwrap();
        for sector in 0..64 {
            file.write_all_at(&[&[7; SECTOR_BYTES]], sector * SECTOR_BYTES as u64).unwrap();
        }
        disk.crash(seed);
        let left = contents(&disk, "/d/a");
        let whole = left.iter().take_while(|byte| **byte == 7).count() / SECTOR_BYTES;
        prefixes += usize::from((8..64).contains(&whole));
    }
    assert!(prefixes > 5, "{prefixes}");
}

#[test]
fn a_failed_write_can_leave_a_part() {
    let mut parts = 0;
    for seed in 0..20 {
        let disk = disk();
        let file = disk.open(Path::new("/d/a"), OpenMode::CreateNew).unwrap();
        for _ in 0..seed {
            file.sync_data().unwrap();
        }
        disk.fail_after(0);
        file.write_all_at(&[&[7; 1000]], 0).unwrap_err();
        let left = contents(&disk, "/d/a");
        assert!(left.iter().all(|byte| *byte == 7));
        parts += usize::from((1..1000).contains(&left.len()));
    }
    assert!(parts > 5, "{parts}");
}

#[test]
fn a_removed_file_takes_room_until_it_is_closed() {
    let disk = disk();
    let file = disk.open(Path::new("/d/a"), OpenMode::CreateNew).unwrap();
    file.write_all_at(&[b"12345678"], 0).unwrap();
    disk.remove_file(Path::new("/d/a")).unwrap();
    assert_eq!(disk.used_bytes(), 8);
    drop(file);
    assert_eq!(disk.used_bytes(), 0);
}

#[test]
fn a_rename_replaces_only_what_is_alike() {
    let disk = disk();
    disk.create_directories(Path::new("/d/empty")).unwrap();
    disk.open(Path::new("/d/file"), OpenMode::CreateNew).unwrap();
    let over_directory = disk.rename(Path::new("/d/file"), Path::new("/d/empty")).unwrap_err();
    assert_eq!(over_directory.kind(), io::ErrorKind::IsADirectory);
    let over_file = disk.rename(Path::new("/d/empty"), Path::new("/d/file")).unwrap_err();
    assert_eq!(over_file.kind(), io::ErrorKind::NotADirectory);
}
