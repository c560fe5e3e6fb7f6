//! What tests do with topics over a plain connection. Not every test needs all of it.
#![allow(dead_code, reason = "each test takes what it needs")]

use bytes::Bytes;
use medallion_wire::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use medallion_wire::messages::fetch_request::{FetchPartition, FetchTopic};
use medallion_wire::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use medallion_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use medallion_wire::messages::produce_response::PartitionProduceResponse;
use medallion_wire::messages::{
    CreateTopicsRequest, FetchRequest, IncrementalAlterConfigsRequest, ProduceRequest, TopicName,
};
use medallion_wire::records::{BatchBuilder, BatchOptions};

use super::Connection;

/// The resource type of brokers.
const BROKER: i8 = 4;

/// A topic's name as messages have it.
pub(crate) fn name(topic: &str) -> TopicName {
    TopicName(topic.to_owned().into())
}

/// Creates a topic.
pub(crate) fn create(connection: &mut Connection, topic: &str, partitions: i32, configs: &[(&str, &str)]) {
    let configs = configs.iter().map(|(name, value)| {
        let config = CreatableTopicConfig::default().with_name((*name).to_owned().into());
        config.with_value(Some((*value).to_owned().into()))
    });
    let created = CreatableTopic::default()
        .with_name(name(topic))
        .with_num_partitions(partitions)
        .with_replication_factor(1)
        .with_configs(configs.collect());
    let request = CreateTopicsRequest::default().with_topics(vec![created]).with_timeout_ms(10_000);
    let response = connection.ask(7, &request);
    assert_eq!(response.topics[0].error_code, 0, "{:?}", response.topics[0].error_message);
}

/// A batch of one record for each key.
pub(crate) fn batch(keys: &[&[u8]], value: &[u8]) -> Bytes {
    let mut builder = BatchBuilder::new(BatchOptions::default());
    for key in keys {
        builder.append(1_700_000_000_000, Some(key), Some(value), &[]).expect("a record");
    }
    builder.build().expect("a batch").into_bytes()
}

/// Writes records with `acks=all`, whatever comes of it.
pub(crate) fn try_produce(
    connection: &mut Connection,
    topic: &str,
    partition: i32,
    records: Bytes,
) -> PartitionProduceResponse {
    let data = PartitionProduceData::default().with_index(partition).with_records(Some(records));
    let written = TopicProduceData::default().with_name(name(topic)).with_partition_data(vec![data]);
    let request =
        ProduceRequest::default().with_acks(-1).with_timeout_ms(10_000).with_topic_data(vec![written]);
    connection.ask(9, &request).responses.remove(0).partition_responses.remove(0)
}

/// Writes records with `acks=all`; gives the first one's offset.
pub(crate) fn produce(connection: &mut Connection, topic: &str, partition: i32, records: Bytes) -> i64 {
    let response = try_produce(connection, topic, partition, records);
    assert_eq!(response.error_code, 0, "{:?}", response.error_message);
    response.base_offset
}

/// A fetch of partition 0 from `offset` on.
pub(crate) fn fetch(topic: &str, offset: i64) -> FetchRequest {
    let partition = FetchPartition::default().with_fetch_offset(offset).with_partition_max_bytes(1 << 20);
    let asked = FetchTopic::default().with_topic(name(topic)).with_partitions(vec![partition]);
    FetchRequest::default().with_max_bytes(1 << 20).with_min_bytes(1).with_topics(vec![asked])
}

/// Sets a config of all brokers while they run.
pub(crate) fn set_of_all_brokers(connection: &mut Connection, setting: &str, value: &str) {
    let config = AlterableConfig::default().with_name(setting.to_owned().into());
    let resource = AlterConfigsResource::default().with_resource_type(BROKER);
    let resource = resource.with_configs(vec![config.with_value(Some(value.to_owned().into()))]);
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    let response = connection.ask(1, &request);
    assert_eq!(response.responses[0].error_code, 0, "{:?}", response.responses[0].error_message);
}

/// Runs `work` on a thread that may block, beside a broker in `directory` that is stopped in the end.
pub(crate) fn with_broker<T: Send + 'static>(
    directory: &std::path::Path,
    settings: &[(&str, &str)],
    work: impl FnOnce(std::net::SocketAddr) -> T + Send + 'static,
) -> T {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let broker = super::start(directory, settings).await.expect("the broker starts");
        let address = super::clients_address(&broker);
        let outcome = tokio::task::spawn_blocking(move || work(address)).await.expect("no panic");
        broker.shutdown().await.expect("a clean stop");
        outcome
    })
}
