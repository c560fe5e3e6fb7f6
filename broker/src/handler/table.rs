//! Every API that is served: its versions, where, and what runs it. `ApiVersions` and the documentation say the same.

use std::sync::Arc;

use bytes::Bytes;
use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::Request;
use medallion_wire::messages::ApiKey;

use super::context::{BrokerState, Handler, ListenerKind, RequestContext};
use super::throttle::{RequestMeter, Throttled as _};
use crate::server::connection::PendingReply;
use crate::server::reply::Reply;

type Start = fn(Arc<BrokerState>, RequestContext, Bytes) -> Result<PendingReply, String>;

/// On which listeners an API is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServedOn {
    /// The clients' listeners.
    Brokers,
    /// The clients' and the controllers' listeners.
    Both,
}

/// One API.
#[derive(Debug)]
pub(crate) struct Api {
    /// The key.
    pub(crate) key: ApiKey,
    /// The oldest version that `ApiVersions` names.
    pub(crate) advertised_min: i16,
    /// The newest version.
    pub(crate) max: i16,
    /// Where it is served.
    pub(crate) served_on: ServedOn,
    /// Decodes a request and begins it; an error closes the connection.
    pub(crate) start: Start,
}

impl Api {
    /// Whether a listener of this kind serves the API.
    pub(crate) fn is_served_on(&self, listener: ListenerKind) -> bool {
        self.served_on == Both || listener == ListenerKind::Broker
    }

    /// Whether a version is served.
    pub(crate) fn serves(&self, version: i16) -> bool {
        (self.advertised_min..=self.max).contains(&version)
    }
}

/// The API with this key.
pub(crate) fn find(key: i16) -> Option<&'static Api> {
    APIS.iter().find(|api| api.key as i16 == key)
}

const fn api(key: ApiKey, min: i16, max: i16, served_on: ServedOn, start: Start) -> Api {
    Api { key, advertised_min: min, max, served_on, start }
}

fn run<H: Handler>(
    state: Arc<BrokerState>,
    context: RequestContext,
    mut body: Bytes,
) -> Result<PendingReply, String> {
    let mut meter = RequestMeter::start(&state, &context);
    let request = H::decode(context.version, &mut body)?;
    let key =
        ApiKey::try_from(H::Request::KEY).map_err(|()| format!("API {} has no name", H::Request::KEY))?;
    meter.pause();
    Ok(Box::pin(async move {
        let (version, correlation_id) = (context.version, context.correlation_id);
        let mut response: <H::Request as Request>::Response =
            meter.measure(H::handle(Arc::clone(&state), context, request)).await;
        let throttle_ms = meter.throttle_ms(&state).max(response.throttle_time_ms());
        response.set_throttle_time_ms(throttle_ms);
        for error in H::error_codes(&response).into_iter().filter_map(ResponseError::try_from_code) {
            state.metrics.request_failed(key, error);
        }
        H::encode(&response, version, correlation_id).throttled(throttle_ms)
    }))
}

/// As [`run`], for what groups answer. When the broker stops, it goes unanswered: its client cannot tell that from a lost
/// connection, and asks again. An error it would take for news of its group, and some never ask again.
fn run_by_groups<H: Handler>(
    state: Arc<BrokerState>,
    context: RequestContext,
    body: Bytes,
) -> Result<PendingReply, String> {
    let stopped = state.groups.stopped();
    let answered = run::<H>(state, context, body)?;
    Ok(Box::pin(async move {
        tokio::select! {
            biased;
            () = stopped => Reply::Stopped,
            reply = answered => reply,
        }
    }))
}

use ServedOn::{Both, Brokers};

/// All of them, by key.
pub(crate) static APIS: &[Api] = &[
    api(ApiKey::Produce, super::produce::ADVERTISED_MIN, 13, Brokers, super::produce::start),
    api(ApiKey::Fetch, 4, 18, Brokers, super::fetch::start),
    api(ApiKey::ListOffsets, 1, 11, Brokers, run::<super::list_offsets::ListOffsets>),
    api(ApiKey::Metadata, 0, 13, Brokers, run::<super::metadata::Metadata>),
    api(ApiKey::OffsetCommit, 2, 10, Brokers, run_by_groups::<super::offset_commit::OffsetCommit>),
    api(ApiKey::OffsetFetch, 1, 10, Brokers, run_by_groups::<super::offset_fetch::OffsetFetch>),
    api(ApiKey::FindCoordinator, 0, 6, Brokers, run::<super::find_coordinator::FindCoordinator>),
    api(ApiKey::JoinGroup, 0, 9, Brokers, run_by_groups::<super::join_group::JoinGroup>),
    api(ApiKey::Heartbeat, 0, 4, Brokers, run_by_groups::<super::heartbeat::Heartbeat>),
    api(ApiKey::LeaveGroup, 0, 5, Brokers, run_by_groups::<super::leave_group::LeaveGroup>),
    api(ApiKey::SyncGroup, 0, 5, Brokers, run_by_groups::<super::sync_group::SyncGroup>),
    api(ApiKey::DescribeGroups, 0, 6, Brokers, run_by_groups::<super::describe_groups::DescribeGroups>),
    api(ApiKey::ListGroups, 0, 5, Brokers, run_by_groups::<super::list_groups::ListGroups>),
    api(ApiKey::ApiVersions, 0, 4, Both, run::<super::api_versions::ApiVersions>),
    api(ApiKey::CreateTopics, 2, 7, Both, run::<super::create_topics::CreateTopics>),
    api(ApiKey::DeleteTopics, 1, 6, Both, run::<super::delete_topics::DeleteTopics>),
    api(ApiKey::DeleteRecords, 0, 2, Brokers, run::<super::delete_records::DeleteRecords>),
    api(ApiKey::InitProducerId, 0, 5, Brokers, run::<super::init_producer_id::InitProducerId>),
    api(
        ApiKey::OffsetForLeaderEpoch,
        2,
        4,
        Brokers,
        run::<super::offset_for_leader_epoch::OffsetForLeaderEpoch>,
    ),
    api(ApiKey::DescribeAcls, 1, 3, Both, run::<super::describe_acls::DescribeAcls>),
    api(ApiKey::CreateAcls, 1, 3, Both, run::<super::create_acls::CreateAcls>),
    api(ApiKey::DeleteAcls, 1, 3, Both, run::<super::delete_acls::DeleteAcls>),
    api(ApiKey::DescribeConfigs, 1, 4, Both, run::<super::describe_configs::DescribeConfigs>),
    api(ApiKey::AlterConfigs, 0, 2, Both, run::<super::alter_configs::AlterConfigs>),
    api(
        ApiKey::AlterReplicaLogDirs,
        1,
        2,
        Brokers,
        run::<super::alter_replica_log_dirs::AlterReplicaLogDirs>,
    ),
    api(ApiKey::DescribeLogDirs, 1, 5, Brokers, run::<super::describe_log_dirs::DescribeLogDirs>),
    api(ApiKey::CreatePartitions, 0, 3, Both, run::<super::create_partitions::CreatePartitions>),
    api(ApiKey::DeleteGroups, 0, 2, Brokers, run_by_groups::<super::delete_groups::DeleteGroups>),
    api(ApiKey::ElectLeaders, 0, 2, Both, run::<super::elect_leaders::ElectLeaders>),
    api(
        ApiKey::IncrementalAlterConfigs,
        0,
        1,
        Both,
        run::<super::incremental_alter_configs::IncrementalAlterConfigs>,
    ),
    api(
        ApiKey::AlterPartitionReassignments,
        0,
        1,
        Both,
        run::<super::alter_partition_reassignments::AlterPartitionReassignments>,
    ),
    api(
        ApiKey::ListPartitionReassignments,
        0,
        0,
        Both,
        run::<super::list_partition_reassignments::ListPartitionReassignments>,
    ),
    api(ApiKey::OffsetDelete, 0, 0, Brokers, run_by_groups::<super::offset_delete::OffsetDelete>),
    api(
        ApiKey::DescribeClientQuotas,
        0,
        1,
        Brokers,
        run::<super::describe_client_quotas::DescribeClientQuotas>,
    ),
    api(ApiKey::AlterClientQuotas, 0, 1, Both, run::<super::alter_client_quotas::AlterClientQuotas>),
    api(
        ApiKey::DescribeUserScramCredentials,
        0,
        0,
        Brokers,
        run::<super::describe_user_scram_credentials::DescribeUserScramCredentials>,
    ),
    api(
        ApiKey::AlterUserScramCredentials,
        0,
        0,
        Both,
        run::<super::alter_user_scram_credentials::AlterUserScramCredentials>,
    ),
    api(ApiKey::DescribeQuorum, 0, 2, Both, run::<super::describe_quorum::DescribeQuorum>),
    api(ApiKey::UpdateFeatures, 0, 2, Both, run::<super::update_features::UpdateFeatures>),
    api(ApiKey::DescribeCluster, 0, 2, Both, run::<super::describe_cluster::DescribeCluster>),
    api(ApiKey::DescribeProducers, 0, 0, Brokers, run::<super::describe_producers::DescribeProducers>),
    api(
        ApiKey::ConsumerGroupHeartbeat,
        0,
        1,
        Brokers,
        run_by_groups::<super::consumer_group_heartbeat::ConsumerGroupHeartbeat>,
    ),
    api(
        ApiKey::ConsumerGroupDescribe,
        0,
        1,
        Brokers,
        run_by_groups::<super::consumer_group_describe::ConsumerGroupDescribe>,
    ),
    api(
        ApiKey::GetTelemetrySubscriptions,
        0,
        0,
        Brokers,
        run::<super::get_telemetry_subscriptions::GetTelemetrySubscriptions>,
    ),
    api(ApiKey::PushTelemetry, 0, 0, Brokers, run::<super::push_telemetry::PushTelemetry>),
    api(ApiKey::ListConfigResources, 0, 1, Brokers, run::<super::list_config_resources::ListConfigResources>),
    api(
        ApiKey::DescribeTopicPartitions,
        0,
        0,
        Brokers,
        run::<super::describe_topic_partitions::DescribeTopicPartitions>,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    #[test]
    fn keys_are_sorted_and_unique() {
        assert!(APIS.windows(2).all(|pair| (pair[0].key as i16) < (pair[1].key as i16)));
    }

    #[test]
    fn the_codec_knows_every_served_version() {
        for api in APIS {
            let known = api.key.valid_versions();
            // The newest version of these is read and written by `medallion_wire::newer_messages`.
            let newer = i16::from(matches!(
                api.key,
                ApiKey::ListOffsets | ApiKey::DescribeLogDirs | ApiKey::OffsetCommit | ApiKey::OffsetFetch
            ));
            assert!(api.max <= known.max + newer, "{:?}: version {} cannot be decoded", api.key, api.max);
            assert!(
                api.advertised_min >= known.min || api.key == ApiKey::Produce,
                "{:?}: version {} cannot be decoded",
                api.key,
                api.advertised_min
            );
        }
    }

    /// The reference page of all APIs as Markdown, beside what Apache Kafka 4.3.1 has.
    fn page() -> String {
        let mut page = String::from(
            "# Kafka APIs\n\nThis page is made from the table in `broker/src/handler/table.rs` (`UPDATE_DOCS=1 cargo test -p \
             medallion-broker reference`); a test fails where it is stale.\n\n`ApiVersions` names these APIs and versions, \
             and no others. Produce is named from version 0 for old versions of librdkafka (KAFKA-18659); versions 0 to 2 are \
             refused, as by Kafka.\n\n| Key | API | Versions | Kafka 4.3.1 | Listeners |\n|---|---|---|---|---|\n",
        );
        for kafka in medallion_wire::api::Api::all().filter(|api| api.on_broker()) {
            let (key, name) = (kafka.key(), kafka.name());
            let theirs = format!("{}-{}", kafka.first_version(), kafka.last_version());
            let (ours, listeners) = match find(key) {
                Some(api) => {
                    let controllers = if api.served_on == Both { "brokers, controllers" } else { "brokers" };
                    (format!("{}-{}", api.advertised_min, api.max), controllers)
                }
                None => ("not yet".to_owned(), ""),
            };
            let _ = writeln!(page, "| {key} | {name} | {ours} | {theirs} | {listeners} |");
        }
        page
    }

    #[test]
    fn reference_page_is_fresh() {
        medallion_settings::reference::check_page(
            concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/kafka-apis.md"),
            &page(),
        );
    }
}
