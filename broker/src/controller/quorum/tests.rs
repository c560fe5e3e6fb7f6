//! Files of Apache Kafka 4.3.1, replayed; see `tests/fixtures/kafka-4.3.1`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use medallion_os::{FileSystem, OpenMode, SimulatedFileSystem};
use medallion_wire::internal_records::MetadataRecord;
use medallion_wire::records::{DecompressionLimits, RecordBatch};
use medallion_wire::types::{LeaderEpoch, Offset, TopicId};

use super::snapshot::{self, Header, SnapshotId};
use super::{Replay, VoterSet};
use crate::controller::image::{MetadataImage, ResourceType};
use crate::controller::records::MetadataVersion;

/// The bytes of a fixture.
pub(crate) fn fixture(name: &str) -> Bytes {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kafka-4.3.1").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).into()
}

/// The batches of a fixture.
pub(crate) fn batches(name: &str) -> Vec<RecordBatch> {
    let mut bytes = fixture(name);
    let mut batches = Vec::new();
    while !bytes.is_empty() {
        batches.push(RecordBatch::split_from(&mut bytes).unwrap());
    }
    batches
}

/// The image of a fixture's batches up to `last` (inclusive).
pub(crate) fn image_at(name: &str, last: i64) -> MetadataImage {
    let mut replay = Replay::new(MetadataImage::empty("MkU3OEVBNTcwNTJENDM2Qk"), Path::new(name));
    for batch in batches(name).iter().filter(|batch| batch.last_offset() <= Offset(last)) {
        replay.apply_log_batch(batch).unwrap();
    }
    replay.image
}

/// The metadata records of a fixture in a range of offsets.
pub(crate) fn records_in(name: &str, offsets: std::ops::RangeInclusive<i64>) -> Vec<MetadataRecord> {
    let data = batches(name).into_iter().filter(|batch| !batch.is_control());
    let records = data.flat_map(|batch| batch.records(DecompressionLimits::default()).unwrap());
    records
        .map(|record| record.unwrap())
        .filter(|record| offsets.contains(&record.offset.get()))
        .map(|record| MetadataRecord::decode(&record.value.unwrap()).unwrap())
        .collect()
}

fn disk_with(path: &Path, content: &[u8]) -> Arc<dyn FileSystem> {
    let fs: Arc<dyn FileSystem> = Arc::new(SimulatedFileSystem::new());
    fs.create_directories(path.parent().unwrap()).unwrap();
    fs.open(path, OpenMode::CreateNew).unwrap().write_all_at(&[content], 0).unwrap();
    fs
}

fn load(content: &[u8]) -> Replay {
    let path = PathBuf::from("/data/some.checkpoint");
    let fs = disk_with(&path, content);
    let mut replay = Replay::new(MetadataImage::empty("MkU3OEVBNTcwNTJENDM2Qk"), &path);
    assert!(snapshot::load(&*fs, &path, &mut replay).unwrap());
    replay
}

#[test]
fn a_log_of_kafka_becomes_an_image() {
    let image = image_at("restart-after-kill.log", 67);
    assert_eq!(image.features.metadata_version(), 30);
    assert!(image.features.is_elr_enabled());
    let names: Vec<&str> = image.topics.iter().map(|topic| &*topic.name).collect();
    assert_eq!(names, ["first", "second"], "the topic `gone` was deleted");
    let first = image.topics.by_name("first").unwrap();
    assert_eq!(first.id, TopicId::parse("Wb-kHVZQT4WzVM45xWz2rA").unwrap());
    assert_eq!(first.partitions.len(), 3);
    let value = |kind, resource, key| image.config(kind, resource, key).map(|value| value.to_string());
    assert_eq!(value(ResourceType::Topic, "first", "max.message.bytes").as_deref(), Some("2000000"));
    assert_eq!(value(ResourceType::Topic, "second", "cleanup.policy").as_deref(), Some("compact"));
    assert_eq!(value(ResourceType::Broker, "", "log.cleaner.threads").as_deref(), Some("2"));
    let quota = image.client_quotas.iter().next().unwrap();
    assert_eq!(quota.0.name("client-id"), Some(Some("someone")));
    assert_eq!(quota.1.get("producer_byte_rate"), Some(&1024.0));
    let broker = image.brokers.get(&1).unwrap();
    assert_eq!((broker.epoch, broker.fenced, broker.in_controlled_shutdown), (13, false, false));
    assert_eq!(image.provenance.last_offset, Offset(67));
    assert_eq!(image.provenance.last_epoch, LeaderEpoch(1));
}

#[test]
fn a_snapshot_of_kafka_says_the_same_as_its_log() {
    let from_log = image_at("many-records.log", 84);
    let mut from_snapshot = load(&fixture("many-records-00000000000000000085-0000000001.checkpoint")).image;
    assert_eq!(from_snapshot.acls.len(), 1);
    assert_eq!(from_snapshot.scram_credentials.len(), 1);
    assert_eq!(from_snapshot.client_quotas.len(), 2);
    assert_eq!(from_snapshot.provenance.last_timestamp_ms, from_log.provenance.last_timestamp_ms);
    from_snapshot.provenance = from_log.provenance;
    assert_eq!(from_snapshot, from_log);
}

#[test]
fn every_record_survives_our_own_snapshot() {
    for (name, last) in [("many-records.log", i64::MAX), ("restart-after-kill.log", i64::MAX)] {
        let image = image_at(name, last);
        let fs: Arc<dyn FileSystem> = Arc::new(SimulatedFileSystem::new());
        let folder = Path::new("/data/__cluster_metadata-0");
        fs.create_directories(folder).unwrap();
        let voters = VoterSet::Static(vec![1]);
        let id = snapshot::write_image(&*fs, folder, &image, &voters, 7).unwrap();
        assert_eq!(id.end_offset, image.provenance.last_offset.next());
        assert_eq!(snapshot::list(&*fs, folder).unwrap(), [id]);
        let mut replay = Replay::new(MetadataImage::empty(&image.cluster_id), folder);
        assert!(snapshot::load(&*fs, &folder.join(id.file_name()), &mut replay).unwrap());
        replay.image.provenance = image.provenance;
        assert_eq!(replay.image, image, "{name}");
    }
}

#[test]
fn the_voters_of_a_standalone_directory_are_read_and_written_as_kafka_does() {
    let content = fixture("standalone-voters.checkpoint");
    let replay = load(&content);
    assert_eq!(replay.kraft_version, 1);
    let voters = VoterSet::Dynamic(replay.voters.unwrap());
    let directory = voters.directory(1).unwrap();
    assert_eq!(TopicId(directory).to_string(), "c28GSQAEQc2taUiMuywDCg");
    voters.check_sole(Path::new("/data"), 1, directory).unwrap();
    assert_eq!(voters, VoterSet::standalone(1, directory, "CONTROLLER", "127.0.0.1", 39293));

    let fs: Arc<dyn FileSystem> = Arc::new(SimulatedFileSystem::new());
    fs.create_directories(Path::new("/data")).unwrap();
    let path = Path::new("/data").join(SnapshotId::BOOTSTRAP.file_name());
    let header = Header { last_timestamp_ms: 1_795_425_019_303, now_ms: 1_795_425_019_313 };
    let version = MetadataVersion::LATEST;
    snapshot::write(&*fs, &path, LeaderEpoch(0), header, &voters, version, std::iter::empty()).unwrap();
    let file = fs.open(&path, OpenMode::Read).unwrap();
    let mut ours = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    file.read_at(&mut ours, 0).unwrap();
    assert_eq!(ours.len(), content.len());
    let header_batch = content.len() - 75; // the footer's batch has another time
    assert_eq!(ours[..header_batch], content[..header_batch], "byte for byte as Kafka's");
}

#[test]
fn other_voters_are_refused_with_what_to_do() {
    let folder = Path::new("/data");
    let nil = medallion_wire::types::Uuid::nil();
    let text = |voters: VoterSet, node| voters.check_sole(folder, node, nil).unwrap_err().to_string();
    assert!(text(VoterSet::Static(vec![1, 2, 3]), 1).contains("[1, 2, 3]"));
    assert!(text(VoterSet::Static(vec![2]), 1).contains("node.id=1"));
    assert!(text(VoterSet::Static(vec![]), 1).contains("controller.quorum.voters"));
    let other =
        VoterSet::standalone(1, medallion_wire::types::Uuid::from_u128(9), "CONTROLLER", "localhost", 1);
    assert!(text(other, 1).contains("formatted anew"));
}

#[test]
fn an_open_transaction_counts_only_when_it_ends() {
    let all = batches("standalone.log");
    let transaction = all.iter().find(|batch| batch.base_offset == Offset(3)).unwrap();
    let records: Vec<_> =
        transaction.records(DecompressionLimits::default()).unwrap().map(Result::unwrap).collect();
    let mut replay = Replay::new(MetadataImage::default(), Path::new("standalone.log"));
    let as_batch = |records: &[medallion_wire::records::Record]| {
        let mut builder =
            medallion_wire::records::BatchBuilder::new(medallion_wire::records::BatchOptions::default());
        for record in records {
            builder.append(record.timestamp, None, record.value.as_deref(), &[]).unwrap();
        }
        builder.build().unwrap()
    };
    replay.apply_log_batch(&as_batch(&records[..4])).unwrap();
    assert!(replay.is_in_transaction());
    assert_eq!(replay.image.features.metadata_version(), 0, "not committed yet");
    replay.apply_log_batch(&as_batch(&records[4..])).unwrap();
    assert!(!replay.is_in_transaction());
    assert_eq!(replay.image.features.metadata_version(), 30);
}

#[test]
fn a_snapshot_without_its_end_is_refused() {
    let content = fixture("bootstrap.checkpoint");
    let path = PathBuf::from("/data/bootstrap.checkpoint");
    let fs = disk_with(&path, &content[..content.len() - 75]);
    let mut replay = Replay::new(MetadataImage::default(), &path);
    let error = snapshot::load(&*fs, &path, &mut replay).unwrap_err();
    assert!(error.to_string().contains("not written whole"), "{error}");
}

#[test]
fn damage_in_a_batch_is_named_with_its_file() {
    let mut content = fixture("bootstrap.checkpoint").to_vec();
    content[120] ^= 1;
    let path = PathBuf::from("/data/bootstrap.checkpoint");
    let fs = disk_with(&path, &content);
    let mut replay = Replay::new(MetadataImage::default(), &path);
    let error = snapshot::load(&*fs, &path, &mut replay).unwrap_err();
    assert!(error.to_string().contains("/data/bootstrap.checkpoint"), "{error}");
}

#[test]
fn a_snapshot_at_an_old_level_leaves_out_what_that_level_does_not_have() {
    use crate::controller::records::{FeatureLevelRecord, PartitionRecord, TopicRecord};
    for level in [7, 11, 14, 16, 22] {
        let mut image = MetadataImage::empty("MkU3OEVBNTcwNTJENDM2Qk");
        let version = FeatureLevelRecord {
            name: "metadata.version".to_owned(),
            feature_level: level,
            ..FeatureLevelRecord::default()
        };
        let id = medallion_wire::types::Uuid::from_u128(7 << 100);
        let topic = TopicRecord { name: "t".to_owned(), topic_id: id, ..TopicRecord::default() };
        let partition = PartitionRecord {
            topic_id: id,
            partition_id: 0,
            replicas: vec![1, 2],
            isr: vec![1],
            leader: 1,
            ..PartitionRecord::default()
        };
        let records: [MetadataRecord; 3] = [version.into(), topic.into(), partition.into()];
        crate::controller::records::apply_all(&mut image, &records);
        let fs: Arc<dyn FileSystem> = Arc::new(SimulatedFileSystem::new());
        let folder = Path::new("/data/__cluster_metadata-0");
        fs.create_directories(folder).unwrap();
        let written = snapshot::write_image(&*fs, folder, &image, &VoterSet::Static(vec![1]), 7);
        let id = written.unwrap_or_else(|error| panic!("level {level}: {error:?}"));
        let mut replay = Replay::new(MetadataImage::empty(&image.cluster_id), folder);
        assert!(snapshot::load(&*fs, &folder.join(id.file_name()), &mut replay).unwrap());
        replay.image.provenance = image.provenance;
        assert_eq!(replay.image, image, "level {level}");
    }
}

#[test]
fn what_kafka_left_of_snapshots_is_tidied() {
    let fs: Arc<dyn FileSystem> = Arc::new(SimulatedFileSystem::new());
    let folder = Path::new("/data/__cluster_metadata-0");
    fs.create_directories(folder).unwrap();
    let names = [
        "00000000000000000085-0000000001.checkpoint",
        "00000000000000000085-00000000014823782638732.checkpoint.part",
        "00000000000000000042-0000000001.checkpoint.deleted",
        "quorum-state",
    ];
    for name in names {
        fs.open(&folder.join(name), OpenMode::CreateNew).unwrap();
    }
    let found = snapshot::list(&*fs, folder).unwrap();
    assert_eq!(found, [SnapshotId { end_offset: Offset(85), epoch: LeaderEpoch(1) }]);
    let left: Vec<String> = fs.read_directory(folder).unwrap().into_iter().map(|entry| entry.name).collect();
    assert_eq!(left, [names[0], names[3]]);
}
