//! Every API in every version that is advertised: a plausible request gets an answer that decodes completely and, where
//! there is an error code, says what it must.

mod common;

use bytes::Bytes;
use common::{Connection, clients_address, start};
use medallion_wire::kafka_protocol::protocol::Request;
use medallion_wire::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use medallion_wire::messages::fetch_request::{FetchPartition, FetchTopic};
use medallion_wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use medallion_wire::messages::metadata_request::MetadataRequestTopic;
use medallion_wire::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use medallion_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use medallion_wire::messages::*;
use medallion_wire::records::{BatchBuilder, BatchOptions};
use medallion_wire::types::Uuid;

const TOPIC: &str = "every.version";

fn name() -> TopicName {
    TopicName(TOPIC.to_owned().into())
}

fn batch() -> Bytes {
    let mut builder = BatchBuilder::new(BatchOptions::default());
    builder.append(1_700_000_000_000, Some(b"key"), Some(b"value"), &[]).expect("a record");
    builder.build().expect("a batch").into_bytes()
}

/// Asks in every version from `min` to the newest that the codec knows.
fn each<R: Request>(
    connection: &mut Connection,
    min: i16,
    ask: impl Fn(i16) -> R,
) -> Vec<(i16, R::Response)> {
    (min..=R::VERSIONS.max).map(|version| (version, connection.ask(version, &ask(version)))).collect()
}

fn blocking(work: impl FnOnce(std::net::SocketAddr) + Send + 'static) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let directory = tempfile::tempdir().expect("a folder");
        let broker = start(directory.path(), &[]).await.expect("the broker starts");
        let address = clients_address(&broker);
        tokio::task::spawn_blocking(move || work(address)).await.expect("no panic");
        broker.shutdown().await.expect("a clean stop");
    });
}

fn create_topic(connection: &mut Connection) -> Uuid {
    let topic = CreatableTopic::default()
        .with_name(name())
        .with_num_partitions(2)
        .with_replication_factor(1)
        .with_configs(vec![
            CreatableTopicConfig::default()
                .with_name("retention.ms".to_owned().into())
                .with_value(Some("100000".to_owned().into())),
        ]);
    let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(10_000);
    let created = connection.ask(7, &request);
    assert_eq!(created.topics[0].error_code, 0, "{:?}", created.topics[0].error_message);
    created.topics[0].topic_id
}

#[test]
fn data_apis() {
    blocking(|address| {
        let connection = &mut Connection::open(address);
        let id = create_topic(connection);
        let produced = each::<ProduceRequest>(connection, 3, |version| {
            let data = PartitionProduceData::default().with_index(1).with_records(Some(batch()));
            let topic = TopicProduceData::default().with_partition_data(vec![data]);
            let topic = if version >= 13 { topic.with_topic_id(id) } else { topic.with_name(name()) };
            ProduceRequest::default().with_acks(-1).with_timeout_ms(5_000).with_topic_data(vec![topic])
        });
        for (place, (version, response)) in produced.iter().enumerate() {
            let partition = &response.responses[0].partition_responses[0];
            assert_eq!(partition.error_code, 0, "produce v{version}: {:?}", partition.error_message);
            assert_eq!(partition.base_offset, i64::try_from(place).expect("small"));
        }
        let written = i64::try_from(produced.len()).expect("small");

        for (version, response) in each::<FetchRequest>(connection, 4, |version| {
            let partition = FetchPartition::default().with_partition(1).with_partition_max_bytes(1 << 20);
            let topic = FetchTopic::default().with_partitions(vec![partition]);
            let topic = if version >= 13 { topic.with_topic_id(id) } else { topic.with_topic(name()) };
            FetchRequest::default()
                .with_max_wait_ms(100)
                .with_min_bytes(1)
                .with_max_bytes(1 << 20)
                .with_topics(vec![topic])
        }) {
            let partition = &response.responses[0].partitions[0];
            assert_eq!((partition.error_code, partition.high_watermark), (0, written), "fetch v{version}");
            assert!(partition.records.as_ref().is_some_and(|records| records.len() > 61), "fetch v{version}");
        }

        for (version, response) in each::<ListOffsetsRequest>(connection, 1, |_| {
            let asked = [-1_i64, -2, 1_700_000_000_000].map(|timestamp| {
                let partition =
                    ListOffsetsPartition::default().with_partition_index(1).with_timestamp(timestamp);
                ListOffsetsTopic::default().with_name(name()).with_partitions(vec![partition])
            });
            ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(asked[..1].to_vec())
        }) {
            let partition = &response.topics[0].partitions[0];
            assert_eq!((partition.error_code, partition.offset), (0, written), "list offsets v{version}");
        }

        for (version, response) in each::<OffsetForLeaderEpochRequest>(connection, 2, |_| {
            let partition =
                OffsetForLeaderPartition::default().with_partition(1).with_current_leader_epoch(-1);
            let topic = OffsetForLeaderTopic::default().with_topic(name()).with_partitions(vec![partition]);
            OffsetForLeaderEpochRequest::default().with_topics(vec![topic])
        }) {
            let partition = &response.topics[0].partitions[0];
            assert_eq!((partition.error_code, partition.end_offset), (0, written), "epoch v{version}");
        }

        for (version, response) in each::<InitProducerIdRequest>(connection, 0, |_| {
            InitProducerIdRequest::default().with_transactional_id(None).with_transaction_timeout_ms(1)
        })
        .into_iter()
        .filter(|(version, _)| *version < 6)
        {
            assert_eq!((response.error_code, response.producer_epoch), (0, 0), "init producer id v{version}");
        }

        for (version, response) in each::<DeleteRecordsRequest>(connection, 0, |version| {
            let partition = delete_records_request::DeleteRecordsPartition::default()
                .with_partition_index(1)
                .with_offset(i64::from(version) + 1);
            let topic = delete_records_request::DeleteRecordsTopic::default()
                .with_name(name())
                .with_partitions(vec![partition]);
            DeleteRecordsRequest::default().with_topics(vec![topic]).with_timeout_ms(1_000)
        }) {
            let partition = &response.topics[0].partitions[0];
            assert_eq!((partition.error_code, partition.low_watermark), (0, i64::from(version) + 1));
        }
    });
}

#[test]
fn quotas_and_scram_credentials() {
    blocking(|address| {
        let connection = &mut Connection::open(address);
        for (version, response) in each::<AlterClientQuotasRequest>(connection, 0, |_| {
            let entity = alter_client_quotas_request::EntityData::default()
                .with_entity_type("user".into())
                .with_entity_name(None);
            let operation = alter_client_quotas_request::OpData::default()
                .with_key("producer_byte_rate".into())
                .with_value(1e12);
            let entry = alter_client_quotas_request::EntryData::default()
                .with_entity(vec![entity])
                .with_ops(vec![operation]);
            AlterClientQuotasRequest::default().with_entries(vec![entry])
        }) {
            assert_eq!(response.entries[0].error_code, 0, "alter client quotas v{version}");
        }
        for (version, response) in
            each::<DescribeClientQuotasRequest>(connection, 0, |_| DescribeClientQuotasRequest::default())
        {
            let entries = response.entries.expect("entries");
            assert_eq!((response.error_code, entries.len()), (0, 1), "describe client quotas v{version}");
        }
        for (version, response) in each::<AlterUserScramCredentialsRequest>(connection, 0, |_| {
            let deletion = alter_user_scram_credentials_request::ScramCredentialDeletion::default()
                .with_name("nobody".into())
                .with_mechanism(1);
            AlterUserScramCredentialsRequest::default().with_deletions(vec![deletion])
        }) {
            assert_eq!(response.results[0].error_code, 91, "alter scram credentials v{version}");
        }
        for (version, response) in each::<DescribeUserScramCredentialsRequest>(connection, 0, |_| {
            DescribeUserScramCredentialsRequest::default().with_users(None)
        }) {
            assert_eq!((response.error_code, response.results.len()), (0, 0), "describe scram v{version}");
        }
    });
}

#[test]
fn acls() {
    blocking(|address| {
        let connection = &mut Connection::open(address);
        // Every kind is 2: what the enumerations of ACLs number first after "unknown" and "any".
        for (version, response) in each::<DescribeAclsRequest>(connection, 1, |_| {
            DescribeAclsRequest::default()
                .with_resource_type_filter(2)
                .with_pattern_type_filter(2)
                .with_operation(2)
                .with_permission_type(2)
        }) {
            assert_eq!(response.error_code, 54, "describe acls v{version}");
        }
        for (version, response) in each::<CreateAclsRequest>(connection, 1, |_| {
            let creation = create_acls_request::AclCreation::default()
                .with_resource_type(2)
                .with_resource_pattern_type(2)
                .with_operation(2)
                .with_permission_type(2);
            CreateAclsRequest::default().with_creations(vec![creation; 2])
        }) {
            let codes: Vec<_> = response.results.iter().map(|result| result.error_code).collect();
            assert_eq!(codes, [54, 54], "create acls v{version}");
        }
        for (version, response) in each::<DeleteAclsRequest>(connection, 1, |_| {
            let filter = delete_acls_request::DeleteAclsFilter::default()
                .with_resource_type_filter(2)
                .with_pattern_type_filter(2)
                .with_operation(2)
                .with_permission_type(2);
            DeleteAclsRequest::default().with_filters(vec![filter])
        }) {
            assert_eq!(response.filter_results[0].error_code, 54, "delete acls v{version}");
        }
    });
}

#[test]
fn metadata_apis() {
    blocking(|address| {
        let connection = &mut Connection::open(address);
        let id = create_topic(connection);
        for (version, response) in each::<ApiVersionsRequest>(connection, 0, |_| {
            ApiVersionsRequest::default()
                .with_client_software_name("test".to_owned().into())
                .with_client_software_version("1".to_owned().into())
        }) {
            assert_eq!(response.error_code, 0, "v{version}");
            assert!(
                response.api_keys.iter().any(|api| (api.api_key, api.min_version) == (0, 0)),
                "v{version}"
            );
        }
        for (version, response) in each::<MetadataRequest>(connection, 0, |_| {
            let topic = MetadataRequestTopic::default().with_name(Some(name()));
            MetadataRequest::default().with_topics(Some(vec![topic]))
        }) {
            assert_eq!(response.brokers.len(), 1, "metadata v{version}");
            assert_eq!(response.topics[0].partitions.len(), 2, "metadata v{version}");
            assert!(version < 10 || response.topics[0].topic_id == id, "metadata v{version}");
        }
        each::<DescribeClusterRequest>(connection, 0, |_| DescribeClusterRequest::default());
        each::<DescribeTopicPartitionsRequest>(connection, 0, |_| DescribeTopicPartitionsRequest::default());
        for (version, response) in each::<DescribeQuorumRequest>(connection, 0, |_| {
            let partition = describe_quorum_request::PartitionData::default();
            let topic = describe_quorum_request::TopicData::default()
                .with_topic_name(TopicName("__cluster_metadata".to_owned().into()))
                .with_partitions(vec![partition]);
            DescribeQuorumRequest::default().with_topics(vec![topic])
        }) {
            let partition = &response.topics[0].partitions[0];
            assert_eq!((partition.error_code, partition.leader_id.0), (0, 1), "describe quorum v{version}");
        }
        for (version, response) in each::<DescribeLogDirsRequest>(connection, 1, |_| {
            DescribeLogDirsRequest::default().with_topics(None)
        }) {
            assert_eq!(response.results[0].error_code, 0, "describe log dirs v{version}");
            assert_eq!(response.results[0].topics[0].partitions.len(), 2, "describe log dirs v{version}");
        }
        for (version, response) in each::<DescribeProducersRequest>(connection, 0, |_| {
            let topic = describe_producers_request::TopicRequest::default()
                .with_name(name())
                .with_partition_indexes(vec![0]);
            DescribeProducersRequest::default().with_topics(vec![topic])
        }) {
            assert_eq!(response.topics[0].partitions[0].error_code, 0, "describe producers v{version}");
        }
        each::<ListConfigResourcesRequest>(connection, 0, |_| ListConfigResourcesRequest::default());
        each::<ElectLeadersRequest>(connection, 0, |_| {
            ElectLeadersRequest::default().with_topic_partitions(None).with_timeout_ms(1_000)
        });
        each::<ListPartitionReassignmentsRequest>(connection, 0, |_| {
            ListPartitionReassignmentsRequest::default().with_topics(None)
        });
        each::<AlterPartitionReassignmentsRequest>(connection, 0, |_| {
            AlterPartitionReassignmentsRequest::default()
        });
        each::<UpdateFeaturesRequest>(connection, 0, |_| UpdateFeaturesRequest::default());
        each::<AlterReplicaLogDirsRequest>(connection, 1, |_| AlterReplicaLogDirsRequest::default());
    });
}

#[test]
#[expect(clippy::too_many_lines, reason = "a list of APIs")]
fn topics_and_configs() {
    blocking(|address| {
        let connection = &mut Connection::open(address);
        create_topic(connection);
        for (version, response) in each::<CreateTopicsRequest>(connection, 2, |version| {
            let topic = CreatableTopic::default()
                .with_name(TopicName(format!("v{version}").into()))
                .with_num_partitions(1)
                .with_replication_factor(1);
            CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(5_000)
        }) {
            assert_eq!(response.topics[0].error_code, 0, "create topics v{version}");
        }
        for (version, response) in each::<CreatePartitionsRequest>(connection, 0, |version| {
            let topic = create_partitions_request::CreatePartitionsTopic::default()
                .with_name(name())
                .with_count(i32::from(version) + 3)
                .with_assignments(None);
            CreatePartitionsRequest::default().with_topics(vec![topic]).with_timeout_ms(5_000)
        }) {
            assert_eq!(response.results[0].error_code, 0, "create partitions v{version}");
        }
        for (version, response) in each::<DescribeConfigsRequest>(connection, 1, |_| {
            let resources = [(2_i8, TOPIC), (4, "1"), (4, ""), (8, "1")].map(|(kind, resource)| {
                describe_configs_request::DescribeConfigsResource::default()
                    .with_resource_type(kind)
                    .with_resource_name(resource.to_owned().into())
                    .with_configuration_keys(None)
            });
            DescribeConfigsRequest::default().with_resources(resources.to_vec()).with_include_synonyms(true)
        }) {
            let retention = response.results[0].configs.iter().find(|config| &*config.name == "retention.ms");
            let retention =
                retention.unwrap_or_else(|| panic!("describe configs v{version}: no retention.ms"));
            assert_eq!(retention.value.as_deref(), Some("100000"));
            assert!(
                response.results.iter().all(|result| result.error_code == 0),
                "describe configs v{version}"
            );
        }
        for (version, response) in each::<IncrementalAlterConfigsRequest>(connection, 0, |_| {
            let config = incremental_alter_configs_request::AlterableConfig::default()
                .with_name("max.message.bytes".to_owned().into())
                .with_value(Some("2000000".to_owned().into()));
            let resource = incremental_alter_configs_request::AlterConfigsResource::default()
                .with_resource_type(2)
                .with_resource_name(TOPIC.to_owned().into())
                .with_configs(vec![config]);
            IncrementalAlterConfigsRequest::default().with_resources(vec![resource])
        }) {
            let outcome = &response.responses[0];
            assert_eq!(outcome.error_code, 0, "v{version}: {:?}", outcome.error_message);
        }
        for (version, response) in each::<AlterConfigsRequest>(connection, 0, |_| {
            let resource = alter_configs_request::AlterConfigsResource::default()
                .with_resource_type(2)
                .with_resource_name(TOPIC.to_owned().into());
            AlterConfigsRequest::default().with_resources(vec![resource])
        }) {
            assert_eq!(response.responses[0].error_code, 0, "alter configs v{version}");
        }
        for (version, response) in each::<DeleteTopicsRequest>(connection, 1, |version| {
            let topic = TopicName(format!("v{}", version + 1).into());
            let by_state = delete_topics_request::DeleteTopicState::default().with_name(Some(topic.clone()));
            if version >= 6 {
                DeleteTopicsRequest::default().with_topics(vec![by_state]).with_timeout_ms(5_000)
            } else {
                DeleteTopicsRequest::default().with_topic_names(vec![topic]).with_timeout_ms(5_000)
            }
        }) {
            assert_eq!(response.responses[0].error_code, 0, "delete topics v{version}");
        }
    });
}
