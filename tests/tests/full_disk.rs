//! A disk that fills up: writes are refused with an error that clients retry, reads and deletes go on, and the server
//! recovers by itself when there is room again. On a small tmpfs, so only where root can mount one.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use medallion_tests::environment::Missing;
use medallion_tests::registry::RegistryServer;
use medallion_tests::server::{Program, Server};
use medallion_tests::{admin, batch, need};
use medallion_wire::ResponseError;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A mounted tmpfs; unmounted with the value.
struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    fn mount(size: &str) -> Result<Self, Missing> {
        let folder = TempDir::new().unwrap();
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(folder.path())
            .output();
        let refused = |reason: String| Missing(format!("cannot mount a small tmpfs: {}", reason.trim()));
        let output = output.map_err(|error| refused(error.to_string()))?;
        if !output.status.success() {
            return Err(refused(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        Ok(Self { folder })
    }

    /// Takes all room but this much, as another program would.
    fn fill_but(&self, bytes_free: u64) {
        let free = rustix::fs::statvfs(self.folder.path()).unwrap();
        let size = (free.f_bavail * free.f_frsize).saturating_sub(bytes_free);
        fs::write(self.folder.path().join("other"), vec![1; usize::try_from(size).unwrap()]).unwrap();
    }

    fn free_again(&self) {
        fs::remove_file(self.folder.path().join("other")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
}

/// Writes records of 100 KB until one is refused (at most `count`), and returns the code.
fn write(server: &Server, topic: &str, count: usize) -> Option<ResponseError> {
    let mut connection = server.connect();
    (0..count).find_map(|_| {
        let answer = connection.call(&batch::produce(topic, 0, batch::batch_of(&vec![7; 100_000])), 7);
        ResponseError::try_from_code(answer.responses[0].partition_responses[0].error_code)
    })
}

/// How many bytes a fetch from an offset returns.
#[track_caller]
fn read(server: &Server, topic: &str, offset: i64) -> usize {
    let answer = server.connect().call(&batch::fetch(topic, 0, offset, 1 << 20), 11);
    let partition = &answer.responses[0].partitions[0];
    assert_eq!(partition.error_code, 0, "reading {topic} from {offset}, with {partition:?}");
    partition.records.as_ref().map_or(0, bytes::Bytes::len)
}

fn writable_again(server: &Server, topic: &str) -> bool {
    let deadline = Instant::now() + Duration::from_secs(30);
    while Instant::now() < deadline {
        if write(server, topic, 1).is_none() {
            return true;
        }
        thread::sleep(Duration::from_millis(200));
    }
    false
}

fn start(disk: &SmallDisk, reserve: &str) -> Result<Server, Missing> {
    Server::setup()
        .program(Program::Medallion)
        .data_parent(disk.folder.path())
        .property("log.segment.bytes", "1048576")
        .property("log.retention.check.interval.ms", "500")
        // The batches made by hand are of 2023.
        .property("log.retention.ms", "-1")
        .property("log.segment.delete.delay.ms", "500")
        .property("medallion.disk.reserve.bytes", reserve)
        .start()
}

/// The reserve is met before the disk is full.
#[test]
fn at_the_reserve_writes_stop_and_deletes_make_room() {
    let disk = need!(SmallDisk::mount("64m"));
    let server = need!(start(&disk, "16000000"));
    admin::create_topic(&server, "full", 1, &[("segment.bytes", "1048576"), ("file.delete.delay.ms", "500")]);
    let refused = write(&server, "full", 1000).expect("64 MB do not hold 100 MB");
    assert!(refused.is_retriable(), "{refused:?}");
    let end = admin::ends(&server, "full", 1)[0];
    assert!(end > 100, "only {end} records fit");
    let free = rustix::fs::statvfs(disk.folder.path()).unwrap();
    assert!(
        free.f_bavail * free.f_frsize > 12_000_000,
        "the reserve was eaten: {}",
        free.f_bavail * free.f_frsize
    );

    assert!(read(&server, "full", 0) > 100_000);
    assert!(read(&server, "full", end - 1) > 100_000);
    admin::create_topic(&server, "small", 1, &[]);
    assert_eq!(admin::delete_records(&server, "full", 0, end / 2), Ok(end / 2));
    assert!(writable_again(&server, "full"), "no write went through after records were deleted");
    assert!(read(&server, "full", end / 2) > 100_000);
}

/// Another program takes the room that the reserve should have kept: the disk is really full.
#[test]
fn a_disk_that_others_fill_up_is_survived() {
    let disk = need!(SmallDisk::mount("64m"));
    let mut server = need!(start(&disk, "0"));
    admin::create_topic(&server, "full", 1, &[("segment.bytes", "1048576")]);
    assert_eq!(write(&server, "full", 50), None);
    disk.fill_but(350_000);
    let refused = write(&server, "full", 20).expect("there is no room");
    assert!(refused.is_retriable(), "{refused:?}");
    let end = admin::ends(&server, "full", 1)[0];
    assert!(end >= 50);
    assert!(read(&server, "full", end - 1) > 100_000);
    disk.free_again();
    assert!(writable_again(&server, "full"), "no write went through after there was room");
    let end = admin::ends(&server, "full", 1)[0];
    for offset in (0..end).step_by(10) {
        assert!(read(&server, "full", offset) > 100_000);
    }
    server.kill();
    server.start();
    assert_eq!(admin::ends(&server, "full", 1), [end]);
}

/// A server starts on a disk on which others have left only some of the reserve, and serves what it holds.
#[test]
fn a_full_disk_does_not_stop_a_start() {
    let disk = need!(SmallDisk::mount("64m"));
    let mut server = need!(start(&disk, "16000000"));
    admin::create_topic(&server, "full", 1, &[("segment.bytes", "1048576")]);
    assert_eq!(write(&server, "full", 50), None);
    disk.fill_but(500_000);
    server.kill();
    server.start();
    assert!(read(&server, "full", 49) > 100_000);
    assert!(write(&server, "full", 5).expect("there is no room").is_retriable());
    disk.free_again();
    assert!(writable_again(&server, "full"), "no write went through after there was room");
}

fn register(registry: &RegistryServer, number: usize) -> (u16, Value) {
    let schema = json!({ "type": "enum", "name": format!("E{number}"), "symbols": ["A"] }).to_string();
    registry.ask("POST", &format!("/subjects/s{number}/versions"), &json!({ "schema": schema }))
}

/// A registry whose broker has no room says so, tells what it knows, and writes again by itself.
#[test]
fn a_registry_outlives_a_full_disk_of_its_broker() {
    let disk = need!(SmallDisk::mount("64m"));
    let mut server = need!(start(&disk, "0"));
    let mut registry = RegistryServer::start(&server.bootstrap(), &[("kafkastore.timeout.ms", "1000")]);
    let mut acknowledged: Vec<usize> =
        (0..20).filter(|number| register(&registry, *number).0 == 200).collect();
    assert_eq!(acknowledged.len(), 20);
    disk.fill_but(20_000);
    let refused = (20..500).find_map(|number| {
        let (status, body) = register(&registry, number);
        if status == 200 {
            acknowledged.push(number);
        }
        (status != 200).then_some(body)
    });
    let refused = refused.expect("there is no room");
    assert!(matches!(refused["error_code"].as_i64(), Some(50_001 | 50_002)), "{refused}");
    assert_eq!(registry.get("/subjects/s1/versions"), json!([1]));
    disk.free_again();
    let deadline = Instant::now() + Duration::from_secs(30);
    while register(&registry, 1000).0 != 200 {
        assert!(Instant::now() < deadline, "nothing was registered after there was room");
        thread::sleep(Duration::from_millis(200));
    }
    acknowledged.push(1000);
    server.kill();
    server.start();
    registry.stop();
    registry.start_again();
    for number in acknowledged {
        assert_eq!(registry.get(&format!("/subjects/s{number}/versions")), json!([1]));
    }
}
