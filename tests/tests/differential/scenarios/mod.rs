//! One file for each API.

mod acls;
mod alter_client_quotas;
mod alter_configs;
mod alter_partition_reassignments;
mod alter_replica_log_dirs;
mod alter_user_scram_credentials;
mod api_versions;
mod consumer_group_describe;
mod consumer_group_heartbeat;
mod create_partitions;
mod create_topics;
mod delete_groups;
mod delete_records;
mod delete_topics;
mod describe_client_quotas;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod describe_log_dirs;
mod describe_producers;
mod describe_quorum;
mod describe_topic_partitions;
mod describe_user_scram_credentials;
mod elect_leaders;
mod fetch;
mod find_coordinator;
mod group;
mod heartbeat;
mod incremental_alter_configs;
mod init_producer_id;
mod join_group;
mod leave_group;
mod list_config_resources;
mod list_groups;
mod list_offsets;
mod list_partition_reassignments;
mod metadata;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_for_leader_epoch;
mod produce;
mod sync_group;
mod update_features;

use medallion_tests::differential::codec::print_bytes;
use medallion_tests::differential::script::{Scenario, Script};
use medallion_wire::records::{BatchBuilder, BatchOptions};
use serde_json::{Value, json};

/// All scenarios, in the order of their run.
pub(crate) const ALL: &[Scenario] = &[
    // First, while there are no topics: it lists all of them.
    elect_leaders::SCENARIO,
    alter_partition_reassignments::SCENARIO,
    list_partition_reassignments::SCENARIO,
    // Before there are topics whose names forbid that of the offsets' topic.
    find_coordinator::SCENARIO,
    // Before there are other groups, which end their rebalances when they will.
    list_groups::SCENARIO,
    join_group::SCENARIO,
    sync_group::SCENARIO,
    consumer_group_heartbeat::SCENARIO,
    consumer_group_describe::SCENARIO,
    heartbeat::SCENARIO,
    leave_group::SCENARIO,
    offset_commit::SCENARIO,
    offset_fetch::SCENARIO,
    offset_delete::SCENARIO,
    describe_groups::SCENARIO,
    delete_groups::SCENARIO,
    api_versions::SCENARIO,
    describe_cluster::SCENARIO,
    describe_quorum::SCENARIO,
    update_features::SCENARIO,
    create_topics::SCENARIO,
    create_partitions::SCENARIO,
    delete_topics::SCENARIO,
    metadata::SCENARIO,
    describe_topic_partitions::SCENARIO,
    describe_configs::SCENARIO,
    alter_configs::SCENARIO,
    incremental_alter_configs::SCENARIO,
    list_config_resources::SCENARIO,
    produce::SCENARIO,
    fetch::SCENARIO,
    list_offsets::SCENARIO,
    offset_for_leader_epoch::SCENARIO,
    // Before records are deleted, whose files go some time later.
    describe_log_dirs::SCENARIO,
    delete_records::SCENARIO,
    init_producer_id::SCENARIO,
    describe_producers::SCENARIO,
    alter_replica_log_dirs::SCENARIO,
    alter_client_quotas::SCENARIO,
    describe_client_quotas::SCENARIO,
    acls::DESCRIBE,
    acls::CREATE,
    acls::DELETE,
    alter_user_scram_credentials::SCENARIO,
    describe_user_scram_credentials::SCENARIO,
];

/// What a scenario is unless it says otherwise.
pub(crate) const USUAL: Scenario = Scenario {
    api: "",
    reads: false,
    frozen: &[],
    fresh: &[],
    grows: false,
    mutations_percent: 100,
    run: |_| {},
};

/// What an API is asked for which there is no file yet: its defaults, and what is made out of them.
pub(crate) fn of_defaults(api: &'static str) -> Scenario {
    Scenario { api, grows: true, run: |script| script.ask("defaults", json!({})), ..USUAL }
}

/// A name of 250 characters, one too many.
pub(crate) fn long_name() -> String {
    "x".repeat(250)
}

/// The timestamp of the first record of [`records`]; the others follow a second apart.
pub(crate) const START_MS: i64 = 1_700_000_000_000;

/// A batch of records with these values, as hexadecimal digits.
pub(crate) fn records(values: &[&str]) -> String {
    batch(BatchOptions::default(), values)
}

/// As [`records`], with options.
pub(crate) fn batch(options: BatchOptions, values: &[&str]) -> String {
    let mut builder = BatchBuilder::new(options);
    for (value, second) in values.iter().zip(0..) {
        let added = builder.append(START_MS + second * 1000, Some(b"key"), Some(value.as_bytes()), &[]);
        added.expect("a record that fits");
    }
    print_bytes(&builder.build().expect("a batch").into_bytes())
}

/// Has both servers append a batch to a partition.
pub(crate) fn append(script: &mut Script<'_>, topic: &str, partition: i32, records: &str) {
    let data = json!([{ "Index": partition, "Records": records }]);
    let topics = json!([{ "Name": topic, "PartitionData": data }]);
    let request = json!({ "Acks": -1, "TimeoutMs": 10_000, "TopicData": topics });
    script.other("set up", "Produce", 12, request);
}

/// Objects of a name and a value, as requests have configs.
pub(crate) fn pairs(configs: &[(&str, Option<&str>)]) -> Value {
    configs.iter().map(|(name, value)| json!({ "Name": name, "Value": value })).collect()
}
