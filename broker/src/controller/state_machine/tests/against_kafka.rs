//! The same decisions as Kafka's controller, record by record.

use medallion_wire::types::TopicId;

use super::*;
use crate::controller::quorum::tests::{image_at, records_in};

/// Records without the fields that are each start's own; partitions in one order.
fn comparable(records: Vec<MetadataRecord>) -> Vec<String> {
    let mut texts: Vec<String> = records
        .into_iter()
        .filter(|record| {
            matches!(record, MetadataRecord::PartitionChange(_))
                || matches!(record, MetadataRecord::BrokerRegistrationChange(change)
                    if change.cordoned_log_dirs.is_none())
        })
        .map(|mut record| {
            if let MetadataRecord::BrokerRegistrationChange(change) = &mut record {
                change.broker_epoch = 0;
            }
            format!("{record:?}")
        })
        .collect();
    texts.sort();
    texts
}

fn registration_of(image: &MetadataImage, previous_epoch: i64) -> m::BrokerRegistrationRequest {
    let directories = image.brokers.get(&1).unwrap().directories.clone();
    registration(1, 77).with_log_dirs(directories).with_previous_broker_epoch(previous_epoch)
}

#[test]
fn a_start_after_a_kill_is_kafkas() {
    let fixture = "restart-after-kill.log";
    let before = image_at(fixture, 67);
    let request = registration_of(&before, -1);
    let mut cluster = Cluster::with(before);
    cluster.machine.settings.num_partitions = 1;
    let ours = cluster.register(request);
    assert_eq!(comparable(ours), comparable(records_in(fixture, 68..=1000)));
    let kafkas = image_at(fixture, 1000);
    for topic in kafkas.topics.iter() {
        let mine = cluster.image().topics.by_id(topic.id).unwrap();
        assert_eq!(mine.partitions, topic.partitions, "{}: epochs, leaders and ISRs", topic.name);
    }
}

#[test]
fn an_ordered_stop_and_start_is_kafkas() {
    let fixture = "restart-after-stop.log";
    let mut cluster = Cluster::with(image_at(fixture, 133));
    let epoch = cluster.image().brokers.get(&1).unwrap().epoch;
    let stop = m::BrokerHeartbeatRequest::default()
        .with_broker_id(BrokerId(1))
        .with_broker_epoch(epoch)
        .with_want_shut_down(true);
    let mut ours = cluster.run(Command::BrokerHeartbeat(stop.clone())).records;
    let last = cluster.run(Command::BrokerHeartbeat(stop));
    let Reply::BrokerHeartbeat(reply) = last.reply else { panic!("{:?}", last.reply) };
    assert!(reply.should_shut_down);
    ours.extend(last.records);
    assert_eq!(comparable(ours), comparable(records_in(fixture, 134..=141)));

    let request = registration_of(cluster.image(), epoch);
    let ours = cluster.register(request);
    assert_eq!(comparable(ours), comparable(records_in(fixture, 142..=1000)));
    let kafkas = image_at(fixture, 1000);
    for topic in kafkas.topics.iter() {
        let mine = cluster.image().topics.by_id(topic.id).unwrap();
        assert_eq!(mine.partitions, topic.partitions, "{}: epochs, leaders and ISRs", topic.name);
    }
}

#[test]
fn bootstrap_and_topic_records_are_kafkas() {
    let fixture = "standalone.log";
    let kafkas = records_in(fixture, 3..=11);
    let cluster = Cluster::with(MetadataImage::empty("MkU3OEVBNTcwNTJENDM2Qk"));
    let levels = kafkas.iter().filter(|record| matches!(record, MetadataRecord::FeatureLevel(_)));
    let ours = cluster.machine.bootstrap_records(levels.cloned().collect()).unwrap();
    assert_eq!(ours, kafkas);

    let mut cluster = Cluster::with(image_at(fixture, 28));
    let request = m::CreateTopicsRequest::default().with_topics(vec![topic("first", 3, -1)]);
    let ours = cluster.run(Command::CreateTopics(request)).records;
    let id = cluster.image().topics.by_name("first").unwrap().id;
    let kafkas: Vec<MetadataRecord> = records_in(fixture, 29..=32)
        .into_iter()
        .map(|mut record| {
            match &mut record {
                MetadataRecord::Topic(record) => record.topic_id = id.0,
                MetadataRecord::Partition(record) => record.topic_id = id.0,
                other => panic!("{other:?}"),
            }
            record
        })
        .collect();
    assert_eq!(ours, kafkas);
    assert_ne!(id, TopicId::NONE);
}

/// Transactions of metadata came with level 13 (3.6-IV1).
#[test]
fn bootstrap_records_of_old_levels_are_no_transaction() {
    let cluster = Cluster::with(MetadataImage::empty("MkU3OEVBNTcwNTJENDM2Qk"));
    for (level, is_transaction) in [(12, false), (13, true)] {
        let record = crate::controller::records::FeatureLevelRecord {
            name: "metadata.version".to_owned(),
            feature_level: level,
            ..Default::default()
        };
        let records = cluster.machine.bootstrap_records(vec![record.into()]).unwrap();
        let found = records.iter().any(|record| matches!(record, MetadataRecord::BeginTransaction(_)));
        assert_eq!((found, records.len()), (is_transaction, if is_transaction { 3 } else { 1 }), "{level}");
    }
}
