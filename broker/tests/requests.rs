//! Single requests whose answers Kafka's brokers give in a certain way.

mod common;

use std::time::{Duration, Instant};

use common::topics::{batch, create, fetch, name, produce, with_broker};
use common::{Connection, start};
use medallion_wire::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use medallion_wire::messages::describe_configs_request::DescribeConfigsResource;
use medallion_wire::messages::describe_topic_partitions_request::{Cursor, TopicRequest};
use medallion_wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use medallion_wire::messages::metadata_request::MetadataRequestTopic;
use medallion_wire::messages::metadata_response::MetadataResponseTopic;
use medallion_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use medallion_wire::messages::{
    DeleteRecordsRequest, DescribeClusterRequest, DescribeConfigsRequest, DescribeTopicPartitionsRequest,
    GroupId, ListConfigResourcesRequest, ListOffsetsRequest, MetadataRequest, OffsetCommitRequest,
};

const OFFSET_OUT_OF_RANGE: i16 = 1;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const INVALID_REQUEST: i16 = 42;
/// The resource type of topics.
const TOPIC: i8 = 2;

fn ask_metadata(connection: &mut Connection, topics: &[&str]) -> Vec<MetadataResponseTopic> {
    let asked = topics.iter().map(|topic| MetadataRequestTopic::default().with_name(Some(name(topic))));
    let request = MetadataRequest::default().with_topics(Some(asked.collect()));
    connection.ask(12, &request.with_allow_auto_topic_creation(true)).topics
}

fn config_of(connection: &mut Connection, topic: &str, config: &str) -> String {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(topic.to_owned().into())
        .with_configuration_keys(Some(vec![config.to_owned().into()]));
    let response = connection.ask(4, &DescribeConfigsRequest::default().with_resources(vec![resource]));
    response.results[0].configs[0].value.clone().expect("a value").to_string()
}

#[test]
fn the_offsets_topic_is_created_on_demand_as_its_settings_say() {
    let directory = tempfile::tempdir().expect("a folder");
    let settings = [("offsets.topic.num.partitions", "3"), ("offsets.topic.replication.factor", "1")];
    with_broker(directory.path(), &settings, |address| {
        let connection = &mut Connection::open(address);
        let topics = ask_metadata(connection, &["__consumer_offsets"]);
        assert_eq!((topics[0].error_code, topics[0].partitions.len()), (0, 3));
        assert_eq!(config_of(connection, "__consumer_offsets", "cleanup.policy"), "compact");
        for other in ["__transaction_state", "__share_group_state"] {
            let topics = ask_metadata(connection, &[other]);
            assert_eq!(topics[0].error_code, UNKNOWN_TOPIC_OR_PARTITION, "{other} is nobody's yet");
        }
    });
}

#[test]
fn a_topic_that_is_asked_for_twice_is_created_and_told_once() {
    let directory = tempfile::tempdir().expect("a folder");
    with_broker(directory.path(), &[], |address| {
        let connection = &mut Connection::open(address);
        let topics = ask_metadata(connection, &["twice", "twice"]);
        assert_eq!(topics.len(), 1);
        assert_eq!((topics[0].error_code, topics[0].partitions.len()), (0, 1));
    });
}

#[test]
fn the_end_of_an_empty_log_has_the_leaders_epoch() {
    let directory = tempfile::tempdir().expect("a folder");
    with_broker(directory.path(), &[], |address| {
        let connection = &mut Connection::open(address);
        create(connection, "empty", 1, &[]);
        let partition = ListOffsetsPartition::default().with_timestamp(-1).with_current_leader_epoch(-1);
        let topic = ListOffsetsTopic::default().with_name(name("empty")).with_partitions(vec![partition]);
        let request = ListOffsetsRequest::default().with_replica_id((-1).into()).with_topics(vec![topic]);
        let response = connection.ask(5, &request);
        let partition = &response.topics[0].partitions[0];
        assert_eq!((partition.error_code, partition.offset, partition.leader_epoch), (0, 0, 0));
    });
}

#[test]
fn records_are_deleted_up_to_offsets_that_exist() {
    let directory = tempfile::tempdir().expect("a folder");
    with_broker(directory.path(), &[], |address| {
        let connection = &mut Connection::open(address);
        create(connection, "kept", 1, &[]);
        produce(connection, "kept", 0, batch(&[b"key"], b"value"));
        let mut delete = |offset: i64| {
            let partition = DeleteRecordsPartition::default().with_offset(offset);
            let topic =
                DeleteRecordsTopic::default().with_name(name("kept")).with_partitions(vec![partition]);
            let request = DeleteRecordsRequest::default().with_topics(vec![topic]).with_timeout_ms(1_000);
            let response = connection.ask(2, &request);
            (response.topics[0].partitions[0].error_code, response.topics[0].partitions[0].low_watermark)
        };
        assert_eq!(delete(-5), (OFFSET_OUT_OF_RANGE, -1));
        assert_eq!(delete(2), (OFFSET_OUT_OF_RANGE, -1));
        assert_eq!(delete(-1), (0, 1), "-1 stands for the high watermark");
    });
}

#[test]
fn a_cursor_must_be_one_of_the_asked_topics() {
    let directory = tempfile::tempdir().expect("a folder");
    with_broker(directory.path(), &[], |address| {
        let connection = &mut Connection::open(address);
        create(connection, "a", 2, &[]);
        create(connection, "b", 2, &[]);
        let mut ask = |topics: &[&str], cursor: Option<(&str, i32)>, limit: i32| {
            let topics = topics.iter().map(|topic| TopicRequest::default().with_name(name(topic)));
            let cursor = cursor.map(|(topic, index)| {
                Cursor::default().with_topic_name(name(topic)).with_partition_index(index)
            });
            let request = DescribeTopicPartitionsRequest::default()
                .with_topics(topics.collect())
                .with_cursor(cursor)
                .with_response_partition_limit(limit);
            connection.ask(0, &request)
        };
        let first = ask(&["b", "a"], None, 3);
        let described: Vec<_> = first.topics.iter().map(|topic| topic.partitions.len()).collect();
        assert_eq!(described, [2, 1]);
        let next = first.next_cursor.expect("there is more");
        assert_eq!((next.topic_name.as_str(), next.partition_index), ("b", 1));
        let second = ask(&["b", "a"], Some(("b", 1)), 3);
        assert_eq!((second.topics.len(), second.topics[0].partitions[0].partition_index), (1, 1));
        assert!(second.next_cursor.is_none());
        for cursor in [("aa", 0), ("a", -1)] {
            let refused = ask(&["a", "b"], Some(cursor), 3);
            let codes: Vec<_> = refused.topics.iter().map(|topic| topic.error_code).collect();
            assert_eq!(codes, [INVALID_REQUEST; 2], "{cursor:?}");
        }
    });
}

#[test]
fn kinds_of_resources_are_listed_once() {
    let directory = tempfile::tempdir().expect("a folder");
    with_broker(directory.path(), &[], |address| {
        let connection = &mut Connection::open(address);
        create(connection, "listed", 1, &[]);
        let request = ListConfigResourcesRequest::default().with_resource_types(vec![TOPIC; 1_000]);
        let response = connection.ask(1, &request);
        assert_eq!(response.config_resources.len(), 1);
    });
}

#[test]
fn controllers_are_reached_by_what_advertised_listeners_says() {
    let directory = tempfile::tempdir().expect("a folder");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let advertised = "PLAINTEXT://127.0.0.1:0,CONTROLLER://controller.example:19093";
        let broker = start(directory.path(), &[("advertised.listeners", advertised)]).await;
        let broker = broker.expect("the broker starts");
        let controller = broker.listeners().iter().find(|listener| listener.is_controller);
        let address = controller.expect("a listener for controllers").address;
        let ask = move || {
            let request = DescribeClusterRequest::default().with_endpoint_type(2);
            let node = Connection::open(address).ask(1, &request).brokers.remove(0);
            assert_eq!((node.host.as_str(), node.port), ("controller.example", 19_093));
        };
        tokio::task::spawn_blocking(ask).await.expect("no panic");
        broker.shutdown().await.expect("a clean stop");
    });
}

/// Answering must not take the square of what is asked.
#[test]
fn a_commit_for_many_unknown_topics_is_answered_in_time() {
    let directory = tempfile::tempdir().expect("a folder");
    let settings = [("offsets.topic.num.partitions", "1"), ("offsets.topic.replication.factor", "1")];
    with_broker(directory.path(), &settings, |address| {
        let connection = &mut Connection::open(address);
        let topics = (0..60_000).map(|number| {
            OffsetCommitRequestTopic::default()
                .with_name(name(&format!("unknown-{number}")))
                .with_partitions(vec![OffsetCommitRequestPartition::default()])
        });
        let request = OffsetCommitRequest::default()
            .with_group_id(GroupId("group".to_owned().into()))
            .with_topics(topics.collect());
        let began = Instant::now();
        let response = connection.ask(8, &request);
        assert!(began.elapsed() < Duration::from_secs(5), "it took {:?}", began.elapsed());
        let codes = response.topics.iter().flat_map(|topic| &topic.partitions).map(|at| at.error_code);
        assert_eq!(codes.filter(|code| *code == UNKNOWN_TOPIC_OR_PARTITION).count(), 60_000);
    });
}

/// Less than `min_bytes` up to a segment's end, but enough behind it: there is nothing to wait for.
#[test]
fn a_fetch_does_not_wait_at_the_end_of_a_segment() {
    let directory = tempfile::tempdir().expect("a folder");
    with_broker(directory.path(), &[], |address| {
        let connection = &mut Connection::open(address);
        create(connection, "segments", 1, &[("segment.bytes", "1048576")]);
        for _ in 0..40 {
            produce(connection, "segments", 0, batch(&[b"key"], &vec![b'x'; 100_000]));
        }
        let began = Instant::now();
        let request = fetch("segments", 8).with_min_bytes(900_000).with_max_wait_ms(20_000);
        let response = connection.ask(11, &request);
        assert!(began.elapsed() < Duration::from_secs(10), "it waited for {:?}", began.elapsed());
        let records = response.responses[0].partitions[0].records.as_ref().expect("records");
        assert!((100_000..900_000).contains(&records.len()), "{} bytes", records.len());
    });
}
