//! The few administrative requests that tests need beside what they test.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use medallion_wire::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use medallion_wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use medallion_wire::messages::{
    BrokerId, CreateTopicsRequest, DeleteRecordsRequest, DeleteTopicsRequest, ListGroupsRequest,
    ListOffsetsRequest, MetadataRequest, TopicName,
};

use crate::server::Server;

/// The timestamp that asks for the end of a partition.
pub const LATEST: i64 = -1;
/// The timestamp that asks for the start of a partition.
pub const EARLIEST: i64 = -2;

fn name(topic: &str) -> TopicName {
    TopicName(StrBytes::from_string(topic.to_owned()))
}

/// Creates a topic and waits until its partitions answer.
pub fn create_topic(server: &Server, topic: &str, partitions: i32, configs: &[(&str, &str)]) {
    let configs = configs.iter().map(|(name, value)| {
        CreatableTopicConfig::default()
            .with_name(StrBytes::from_string((*name).to_owned()))
            .with_value(Some(StrBytes::from_string((*value).to_owned())))
    });
    let asked = CreatableTopic::default()
        .with_name(name(topic))
        .with_num_partitions(partitions)
        .with_replication_factor(1)
        .with_configs(configs.collect());
    let request = CreateTopicsRequest::default().with_timeout_ms(30_000).with_topics(vec![asked]);
    let answer = server.connect().call(&request, 5);
    assert_eq!(answer.topics[0].error_code, 0, "creating {topic}: {:?}", answer.topics[0].error_message);
    let deadline = Instant::now() + Duration::from_secs(20);
    while (0..partitions).any(|p| offset(server, topic, p, LATEST).is_err()) {
        assert!(Instant::now() < deadline, "{topic} does not come up");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Deletes a topic.
pub fn delete_topic(server: &Server, topic: &str) {
    let request = DeleteTopicsRequest::default().with_topic_names(vec![name(topic)]).with_timeout_ms(30_000);
    let answer = server.connect().call(&request, 4);
    assert_eq!(answer.responses[0].error_code, 0, "deleting {topic}");
}

/// Deletes a partition's records before an offset, and returns the new log start offset.
///
/// # Errors
/// The error code of the answer.
pub fn delete_records(server: &Server, topic: &str, partition: i32, before: i64) -> Result<i64, i16> {
    let asked = DeleteRecordsPartition::default().with_partition_index(partition).with_offset(before);
    let topics = vec![DeleteRecordsTopic::default().with_name(name(topic)).with_partitions(vec![asked])];
    let request = DeleteRecordsRequest::default().with_topics(topics).with_timeout_ms(30_000);
    let answer = server.connect().call(&request, 1);
    let done = &answer.topics[0].partitions[0];
    if done.error_code == 0 { Ok(done.low_watermark) } else { Err(done.error_code) }
}

/// The names of all topics, sorted.
pub fn topics(server: &Server) -> Vec<String> {
    let answer = server.connect().call(&MetadataRequest::default().with_topics(None), 8);
    let names = answer.topics.iter().filter_map(|topic| Some(topic.name.as_ref()?.0.to_string()));
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// The offset at a time (or [`LATEST`], [`EARLIEST`]).
///
/// # Errors
/// The error code of the answer.
pub fn offset(server: &Server, topic: &str, partition: i32, timestamp: i64) -> Result<i64, i16> {
    let asked = ListOffsetsPartition::default()
        .with_partition_index(partition)
        .with_timestamp(timestamp)
        .with_current_leader_epoch(-1);
    let topics = vec![ListOffsetsTopic::default().with_name(name(topic)).with_partitions(vec![asked])];
    let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(topics);
    let answer = server.connect().call(&request, 5);
    let found = &answer.topics[0].partitions[0];
    if found.error_code == 0 { Ok(found.offset) } else { Err(found.error_code) }
}

/// The end offsets of a topic's partitions, from 0 on.
pub fn ends(server: &Server, topic: &str, partitions: i32) -> Vec<i64> {
    let end = |p| offset(server, topic, p, LATEST).unwrap_or_else(|code| panic!("{topic}-{p}: error {code}"));
    (0..partitions).map(end).collect()
}

/// What the server advertises: API key to its lowest and highest version.
pub fn api_versions(server: &Server) -> BTreeMap<i16, (i16, i16)> {
    let request = medallion_wire::messages::ApiVersionsRequest::default();
    let answer = server.connect().call(&request, 0);
    answer.api_keys.iter().map(|api| (api.api_key, (api.min_version, api.max_version))).collect()
}

/// Which protocol a group speaks, as the server lists it: `classic`, `consumer`; empty where there is no such group.
pub fn group_type(server: &Server, group: &str) -> String {
    let listed = server.connect().call(&ListGroupsRequest::default(), 5);
    assert_eq!(listed.error_code, 0, "listing groups");
    let found = listed.groups.into_iter().find(|listed| listed.group_id.as_str() == group);
    found.map(|found| found.group_type.to_string()).unwrap_or_default()
}
