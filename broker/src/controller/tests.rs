//! The controller on its log: starts, crashes, full groups, snapshots; the log lies on a disk in memory.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use medallion_os::{FileSystem, ManualClock, OpenMode, SimulatedFileSystem};
use medallion_wire::ResponseError;
use medallion_wire::internal_records::MetadataVersion;
use medallion_wire::messages as m;
use medallion_wire::types::{BrokerId, Uuid};

use super::image::{Endpoint, MetadataDelta};
use super::quorum::tests::fixture;
use super::quorum::{MetadataError, quorum_state};
use super::state_machine::tests::settings;
use super::*;
use crate::storage::{FormatOptions, Formatted, VoterKind, format};

const CLUSTER: &str = "MkU3OEVBNTcwNTJENDM2Qk";
const FOLDER: &str = "/data/__cluster_metadata-0";

/// Writes down what it was told.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<String>>>);

impl MetadataListener for Recorder {
    fn on_change(&mut self, delta: &MetadataDelta) {
        let mut seen = self.0.lock().unwrap();
        seen.extend(delta.changed_partitions().map(|change| {
            let new = if change.before.is_none() { "new " } else { "" };
            format!("{new}{}-{}", change.topic.name, change.partition)
        }));
        seen.extend(delta.removed_topics().map(|topic| format!("removed {}", topic.name)));
    }

    fn on_failure(&mut self, error: &MetadataError) {
        self.0.lock().unwrap().push(format!("failed: {error}"));
    }
}

fn random() -> Box<dyn FnMut() -> u128 + Send> {
    let mut drawn = 7_u128;
    Box::new(move || {
        drawn += 1;
        drawn.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    })
}

fn log_settings(directory_id: Uuid) -> MetadataLogSettings {
    MetadataLogSettings {
        directory: "/data".into(),
        directory_id,
        node_id: 1,
        cluster_id: CLUSTER.to_owned(),
        static_voters: vec![1],
        clean_shutdown: false,
        segment_bytes: 1 << 30,
        segment_ms: i64::MAX,
        snapshot_bytes: 20 << 20,
        snapshot_interval_ms: 3_600_000,
        retention_bytes: -1,
        retention_ms: -1,
    }
}

struct Disk {
    fs: Arc<SimulatedFileSystem>,
    directory_id: Uuid,
}

impl Disk {
    fn formatted(voters: VoterKind) -> Self {
        let fs = Arc::new(SimulatedFileSystem::new());
        let options = FormatOptions {
            directories: vec!["/data".into()],
            metadata_directory: "/data".into(),
            node_id: BrokerId(1),
            cluster_id: Some(CLUSTER.to_owned()),
            voters,
            metadata_version: MetadataVersion::LATEST,
            features: BTreeMap::new(),
            ignore_formatted: false,
        };
        let outcome = format(&*fs, &options, 1, &mut random()).unwrap();
        let Formatted::Now(directory_id) = outcome.directories[0].1 else { panic!() };
        Self { fs, directory_id }
    }

    /// A directory whose metadata log is a fixture.
    fn of_kafka(files: &[(&str, &str)]) -> Self {
        let disk = Self { fs: Arc::new(SimulatedFileSystem::new()), directory_id: Uuid::from_u128(9) };
        disk.fs.create_directories(Path::new(FOLDER)).unwrap();
        for (name, content) in files {
            let file = disk.fs.open(&Path::new(FOLDER).join(name), OpenMode::CreateNew).unwrap();
            file.write_all_at(&[&fixture(content)], 0).unwrap();
        }
        disk
    }

    fn open(&self, settings_of_log: MetadataLogSettings) -> Result<Controller, MetadataError> {
        let fs: Arc<dyn FileSystem> = Arc::clone(&self.fs) as Arc<dyn FileSystem>;
        Controller::open(
            fs,
            Arc::new(ManualClock::new(1_795_425_100_000)),
            random(),
            settings(),
            settings_of_log,
        )
    }

    fn start(&self, recorder: &Recorder) -> ControllerHandle {
        let controller = self.open(log_settings(self.directory_id)).unwrap();
        controller.start(Vec::new(), Box::new(recorder.clone())).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let entries = self.fs.read_directory(Path::new(FOLDER)).unwrap();
        entries.into_iter().map(|entry| entry.name).collect()
    }
}

fn identity(directory: Uuid, previous_epoch: Option<i64>) -> BrokerIdentity {
    let endpoint = |name: &str, port| Endpoint {
        name: name.into(),
        host: "localhost".into(),
        port,
        security_protocol: 0,
    };
    BrokerIdentity {
        node_id: 1,
        cluster_id: CLUSTER.to_owned(),
        incarnation_id: Uuid::new_v4(),
        listeners: vec![endpoint("PLAINTEXT", 9092)],
        controller_listeners: vec![endpoint("CONTROLLER", 9093)],
        rack: None,
        directories: vec![directory],
        previous_epoch,
    }
}

async fn create(handle: &ControllerHandle, name: &str, partitions: i32) -> i16 {
    let topic = m::create_topics_request::CreatableTopic::default()
        .with_name(m::TopicName(name.to_owned().into()))
        .with_num_partitions(partitions)
        .with_replication_factor(1);
    let request = m::CreateTopicsRequest::default().with_topics(vec![topic]);
    handle.create_topics(request, None).await.unwrap().topics[0].error_code
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn a_new_cluster_serves_and_survives_a_kill() {
    let disk = Disk::formatted(VoterKind::Static);
    let recorder = Recorder::default();
    run(async {
        let handle = disk.start(&recorder);
        assert_eq!(handle.image().features.metadata_version(), 30);
        let epoch = handle.register(&identity(disk.directory_id, None)).await.unwrap();
        handle.unfence(1, epoch).await.unwrap();
        assert_eq!(create(&handle, "trips", 2).await, 0);
        assert!(handle.image().topics.by_name("trips").is_some(), "readable when the reply is there");
        assert_eq!(create(&handle, "trips", 2).await, ResponseError::TopicAlreadyExists.code());
        assert_eq!(handle.leader_epoch(), 1);
        std::mem::forget(handle); // never stopped: the process dies here
    });
    assert_eq!(*recorder.0.lock().unwrap(), ["new trips-0", "new trips-1"]);

    disk.fs.crash(42);
    let crashed = disk;
    let recorder = Recorder::default();
    run(async {
        let handle = crashed.start(&recorder);
        assert_eq!(handle.leader_epoch(), 2, "no epoch is used twice");
        let before = Arc::clone(handle.image().topics.by_name("trips").unwrap());
        let epoch = handle.register(&identity(crashed.directory_id, None)).await.unwrap();
        handle.unfence(1, epoch).await.unwrap();
        let image = handle.image();
        let after = image.topics.by_name("trips").unwrap();
        for (index, partition) in &after.partitions {
            assert_eq!(partition.leader, 1);
            assert!(partition.leader_epoch > before.partitions.get(index).unwrap().leader_epoch);
        }
        handle.shut_down_broker(1, epoch).await.unwrap();
        assert!(handle.image().brokers.get(&1).unwrap().fenced);
        handle.stop().await.unwrap();
        assert_eq!(
            handle.submit(Command::DeleteTopics(m::DeleteTopicsRequest::default())).await.unwrap_err().error,
            ResponseError::NotController
        );
    });
}

#[test]
fn many_commands_at_once_are_all_answered_in_order() {
    let disk = Disk::formatted(VoterKind::Static);
    let recorder = Recorder::default();
    run(async {
        let handle = disk.start(&recorder);
        let epoch = handle.register(&identity(disk.directory_id, None)).await.unwrap();
        handle.unfence(1, epoch).await.unwrap();
        let request =
            m::AllocateProducerIdsRequest::default().with_broker_id(m::BrokerId(1)).with_broker_epoch(epoch);
        let mut waiting: Vec<_> =
            (0..200).map(|_| Box::pin(handle.allocate_producer_ids(request.clone()))).collect();
        // All are sent before the first is awaited, so that many share one append.
        for future in &mut waiting {
            let _ =
                std::future::poll_fn(|context| std::task::Poll::Ready(future.as_mut().poll(context))).await;
        }
        handle.stop().await.unwrap();
    });
    let image = disk.open(log_settings(disk.directory_id)).unwrap().image().clone();
    assert_eq!(image.next_producer_id, Some(200_000));
}

#[test]
fn a_standalone_directory_knows_its_voter() {
    let voters =
        VoterKind::Standalone { listener: "CONTROLLER".into(), host: "localhost".into(), port: 9093 };
    let disk = Disk::formatted(voters);
    let without_setting =
        MetadataLogSettings { static_voters: Vec::new(), ..log_settings(disk.directory_id) };
    run(async {
        let controller = disk.open(without_setting.clone()).unwrap();
        let handle = controller.start(Vec::new(), Box::new(Recorder::default())).unwrap();
        let partition = m::describe_quorum_request::PartitionData::default();
        let topic = m::describe_quorum_request::TopicData::default()
            .with_topic_name(m::TopicName("__cluster_metadata".into()))
            .with_partitions(vec![partition]);
        let request = m::DescribeQuorumRequest::default().with_topics(vec![topic]);
        let response = handle.describe_quorum(&request, 5);
        let partition = &response.topics[0].partitions[0];
        assert_eq!((partition.error_code, partition.leader_epoch), (0, 1));
        assert_eq!(partition.current_voters[0].replica_directory_id, disk.directory_id);
        assert!(partition.high_watermark > 3);
        let mut more = request.topics.clone();
        more[0].partitions.push(m::describe_quorum_request::PartitionData::default().with_partition_index(1));
        let refused = handle.describe_quorum(&m::DescribeQuorumRequest::default().with_topics(more), 5);
        let unknown = ResponseError::UnknownTopicOrPartition.code();
        assert!(refused.topics[0].partitions.iter().all(|partition| partition.error_code == unknown));
        handle.stop().await.unwrap();
    });
    let state = quorum_state::read(&*disk.fs, Path::new(FOLDER)).unwrap().unwrap();
    assert_eq!((state.leader_id, state.static_voters), (1, None));
    let controller = disk.open(without_setting.clone()).unwrap();
    assert_eq!(controller.start(Vec::new(), Box::new(Recorder::default())).unwrap().leader_epoch(), 2);
    let other = MetadataLogSettings { directory_id: Uuid::from_u128(5), ..without_setting };
    assert!(disk.open(other).unwrap_err().to_string().contains("formatted anew"));
}

#[test]
fn snapshots_are_written_by_size_and_the_log_before_them_goes() {
    let disk = Disk::formatted(VoterKind::Static);
    let small = MetadataLogSettings {
        snapshot_bytes: 2_000,
        segment_bytes: 4_096,
        retention_bytes: 8_000,
        ..log_settings(disk.directory_id)
    };
    let recorder = Recorder::default();
    let before = run(async {
        let controller = disk.open(small.clone()).unwrap();
        let handle = controller.start(Vec::new(), Box::new(recorder.clone())).unwrap();
        let epoch = handle.register(&identity(disk.directory_id, None)).await.unwrap();
        handle.unfence(1, epoch).await.unwrap();
        for number in 0..100 {
            assert_eq!(
                create(&handle, &format!("t{}", number % 20), 1).await,
                if number < 20 { 0 } else { 36 }
            );
            if number >= 20 {
                let name = m::TopicName(format!("t{}", number % 20).into());
                let request = m::DeleteTopicsRequest::default().with_topic_names(vec![name]);
                handle.delete_topics(request, None).await.unwrap();
                assert_eq!(create(&handle, &format!("t{}", number % 20), 1).await, 0);
            }
        }
        handle.stop().await.unwrap();
        handle.image().as_ref().clone()
    });
    let names = disk.names();
    let snapshots: Vec<_> = names.iter().filter(|name| name.ends_with(".checkpoint")).collect();
    assert!((1..=4).contains(&snapshots.len()), "{names:?}");
    assert!(!names.contains(&"00000000000000000000.log".to_owned()), "{names:?}");
    let after = disk.open(small).unwrap().image().clone();
    assert_eq!(after, before);
}

#[test]
fn a_full_disk_refuses_and_recovers() {
    let disk = Disk::formatted(VoterKind::Static);
    let recorder = Recorder::default();
    run(async {
        let handle = disk.start(&recorder);
        let epoch = handle.register(&identity(disk.directory_id, None)).await.unwrap();
        handle.unfence(1, epoch).await.unwrap();
        disk.fs.set_capacity(Some(disk.fs.used_bytes()));
        let topic = m::create_topics_request::CreatableTopic::default()
            .with_name(m::TopicName("t".into()))
            .with_num_partitions(100)
            .with_replication_factor(1);
        let request = m::CreateTopicsRequest::default().with_topics(vec![topic]);
        let refusal = handle.create_topics(request.clone(), None).await.unwrap_err();
        assert_eq!(refusal.error, ResponseError::KafkaStorageError);
        assert!(handle.image().topics.is_empty());
        disk.fs.set_capacity(None);
        assert_eq!(handle.create_topics(request, None).await.unwrap().topics[0].error_code, 0);
        handle.stop().await.unwrap();
    });
    let image = disk.open(log_settings(disk.directory_id)).unwrap().image().clone();
    assert_eq!(image.topics.by_name("t").unwrap().partitions.len(), 100);
    assert_eq!(recorder.0.lock().unwrap().len(), 100);
}

#[test]
fn a_failed_flush_stops_the_controller() {
    let disk = Disk::formatted(VoterKind::Static);
    let recorder = Recorder::default();
    run(async {
        let handle = disk.start(&recorder);
        let epoch = handle.register(&identity(disk.directory_id, None)).await.unwrap();
        disk.fs.fail_sync(1);
        assert_eq!(handle.unfence(1, epoch).await.unwrap_err().error, ResponseError::KafkaStorageError);
        assert_eq!(handle.unfence(1, epoch).await.unwrap_err().error, ResponseError::NotController);
    });
    let seen = recorder.0.lock().unwrap();
    assert!(matches!(seen.as_slice(), [only] if only.starts_with("failed: ")), "{seen:?}");
}

#[test]
fn kafkas_directories_open_after_a_kill() {
    let log = "00000000000000000000.log";
    let many = Disk::of_kafka(&[(log, "many-records.log")]);
    let from_log = many.open(log_settings(many.directory_id)).unwrap().image().clone();
    let both = Disk::of_kafka(&[
        (log, "many-records.log"),
        (
            "00000000000000000085-0000000001.checkpoint",
            "many-records-00000000000000000085-0000000001.checkpoint",
        ),
    ]);
    let from_snapshot = both.open(log_settings(both.directory_id)).unwrap().image().clone();
    assert_eq!(from_snapshot, from_log);
    assert_eq!(from_log.next_producer_id, Some(1000));

    let standalone = Disk::of_kafka(&[
        (log, "standalone.log"),
        ("00000000000000000000-0000000000.checkpoint", "standalone-voters.checkpoint"),
    ]);
    let refusal = standalone.open(log_settings(Uuid::from_u128(5))).unwrap_err();
    assert!(refusal.to_string().contains("c28GSQAEQc2taUiMuywDCg"), "{refusal}");
    let id = medallion_wire::TopicId::parse("c28GSQAEQc2taUiMuywDCg").unwrap().0;
    let image = standalone.open(log_settings(id)).unwrap().image().clone();
    assert_eq!(image.topics.by_name("first").unwrap().partitions.len(), 3);
}

#[test]
fn a_level_above_ours_is_refused_by_name() {
    let mut image = MetadataImage::default();
    let record = records::FeatureLevelRecord {
        name: "metadata.version".to_owned(),
        feature_level: 33,
        ..records::FeatureLevelRecord::default()
    };
    let error = image.apply(&record.into(), &mut image::delta::Changes::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "metadata.version is finalized at level 33, but this release supports levels 7 to 30 only"
    );
}

#[test]
fn requests_of_too_much_at_once_are_refused_and_the_controller_goes_on() {
    let disk = Disk::formatted(VoterKind::Static);
    let recorder = Recorder::default();
    let too_large = "Unable to perform excessively large batch operation.";
    run(async {
        let handle = disk.start(&recorder);
        let epoch = handle.register(&identity(disk.directory_id, None)).await.unwrap();
        handle.unfence(1, epoch).await.unwrap();

        let topic = |number: i32| {
            m::create_topics_request::CreatableTopic::default()
                .with_name(m::TopicName(format!("t{number}").into()))
                .with_num_partitions(2_000)
                .with_replication_factor(1)
        };
        let request =
            |topics| m::CreateTopicsRequest::default().with_topics((0..topics).map(topic).collect());
        let refusal = handle.create_topics(request(60), None).await.unwrap_err();
        assert_eq!(refusal.error, ResponseError::PolicyViolation);
        assert_eq!(refusal.message.as_deref(), Some("Excessively large number of partitions per request."));
        // As many partitions as may be, but their topics make it more records.
        let refusal = handle.create_topics(request(5), None).await.unwrap_err();
        assert_eq!(
            (refusal.error, refusal.message.as_deref()),
            (ResponseError::PolicyViolation, Some(too_large))
        );

        let config = |number: i32| {
            m::incremental_alter_configs_request::AlterableConfig::default()
                .with_name(format!("c{number}").into())
                .with_value(Some("v".repeat(32_000).into()))
        };
        let resource = m::incremental_alter_configs_request::AlterConfigsResource::default()
            .with_resource_type(4)
            .with_resource_name("1".into())
            .with_configs((0..300).map(config).collect());
        let request_configs = m::IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
        let refusal = handle.incremental_alter_configs(request_configs).await.unwrap_err();
        assert_eq!(
            (refusal.error, refusal.message.as_deref()),
            (ResponseError::PolicyViolation, Some(too_large))
        );

        assert_eq!(handle.create_topics(request(4), None).await.unwrap().topics[3].error_code, 0);
        handle.stop().await.unwrap();
    });
    assert_eq!(recorder.0.lock().unwrap().len(), 8_000);
}

/// A start at which nothing can be written says which file and what to do.
#[test]
fn a_start_without_room_says_what_to_do() {
    let disk = Disk::formatted(VoterKind::Static);
    let recorder = Recorder::default();
    run(async {
        disk.start(&recorder).stop().await.unwrap();
    });
    let controller = disk.open(log_settings(disk.directory_id)).unwrap();
    disk.fs.set_capacity(Some(disk.fs.used_bytes()));
    let error = controller.start(Vec::new(), Box::new(recorder.clone())).unwrap_err();
    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(error.to_string().contains(FOLDER) && error.to_string().contains("free some"), "{error}");
    assert!(source.contains("quorum-state"), "{source}");
    disk.fs.set_capacity(None);
    run(async {
        let handle = disk.start(&recorder);
        assert_eq!(handle.leader_epoch(), 2);
        handle.stop().await.unwrap();
    });
}

/// An epoch that a start took and never wrote in is the next start's: `quorum-state` says already what it should.
#[test]
fn starts_that_get_no_further_take_one_epoch_together() {
    let disk = Disk::formatted(VoterKind::Static);
    let recorder = Recorder::default();
    run(async {
        disk.start(&recorder).stop().await.unwrap();
    });
    let epoch = || quorum_state::read(&*disk.fs, Path::new(FOLDER)).unwrap().unwrap().leader_epoch.get();
    let mut changes = 0;
    while epoch() == 1 {
        changes += 1;
        assert!(changes < 20, "no start got as far as quorum-state");
        let controller = disk.open(log_settings(disk.directory_id)).unwrap();
        disk.fs.fail_after(changes);
        controller.start(Vec::new(), Box::new(recorder.clone())).unwrap_err();
        disk.fs.clear_faults();
    }
    let controller = disk.open(log_settings(disk.directory_id)).unwrap();
    disk.fs.set_capacity(Some(disk.fs.used_bytes()));
    let error = controller.start(Vec::new(), Box::new(recorder.clone())).unwrap_err();
    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(!source.contains("quorum-state"), "written though it did not change: {source}");
    disk.fs.set_capacity(None);
    run(async {
        let handle = disk.start(&recorder);
        assert_eq!((handle.leader_epoch(), epoch()), (2, 2));
        handle.stop().await.unwrap();
    });
}
