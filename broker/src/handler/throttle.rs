//! Holds requests against their clients' quotas (KIP-124, KIP-219): how long a client must wait is told in the response,
//! which is sent at once; [`crate::server::connection`] then reads nothing from it for as long.
//!
//! Bytes and time are limited for clients only: requests on controllers' listeners, and fetches of followers, are not.
//! Without quotas all of this is a look at an atomic byte.

use std::future::Future;
use std::time::{Duration, Instant};

use medallion_wire::messages::{
    AlterClientQuotasResponse, AlterConfigsResponse, AlterPartitionReassignmentsResponse,
    AlterReplicaLogDirsResponse, AlterUserScramCredentialsResponse, ApiVersionsResponse,
    ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatResponse, CreateAclsResponse,
    CreatePartitionsResponse, CreateTopicsResponse, DeleteAclsResponse, DeleteGroupsResponse,
    DeleteRecordsResponse, DeleteTopicsResponse, DescribeAclsResponse, DescribeClientQuotasResponse,
    DescribeClusterResponse, DescribeConfigsResponse, DescribeGroupsResponse, DescribeLogDirsResponse,
    DescribeProducersResponse, DescribeQuorumResponse, DescribeTopicPartitionsResponse,
    DescribeUserScramCredentialsResponse, ElectLeadersResponse, FindCoordinatorResponse,
    GetTelemetrySubscriptionsResponse, HeartbeatResponse, IncrementalAlterConfigsResponse,
    InitProducerIdResponse, JoinGroupResponse, LeaveGroupResponse, ListConfigResourcesResponse,
    ListGroupsResponse, ListOffsetsResponse, ListPartitionReassignmentsResponse, MetadataResponse,
    OffsetCommitResponse, OffsetDeleteResponse, OffsetFetchResponse, OffsetForLeaderEpochResponse,
    PushTelemetryResponse, SyncGroupResponse, UpdateFeaturesResponse,
};

use super::context::{BrokerState, ListenerKind, RequestContext};
use crate::quota::{Client, MutationQuota, QuotaKind, now_ms, timed};
use crate::replica::append_time::AppendTime;

/// A response that tells its client how long to wait.
pub(crate) trait Throttled {
    /// How many milliseconds; 0 for no wait.
    fn throttle_time_ms(&self) -> i32;

    /// Sets it. Versions without the field do not show it.
    fn set_throttle_time_ms(&mut self, throttle_ms: i32);
}

macro_rules! throttled {
    ($($response:ident),* $(,)?) => {
        $(impl Throttled for $response {
            fn throttle_time_ms(&self) -> i32 {
                self.throttle_time_ms
            }

            fn set_throttle_time_ms(&mut self, throttle_ms: i32) {
                self.throttle_time_ms = throttle_ms;
            }
        })*
    };
}

throttled! {
    AlterClientQuotasResponse, AlterConfigsResponse, AlterPartitionReassignmentsResponse,
    AlterReplicaLogDirsResponse, AlterUserScramCredentialsResponse, ApiVersionsResponse,
    ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatResponse, CreateAclsResponse, CreatePartitionsResponse, CreateTopicsResponse, DeleteAclsResponse, DeleteGroupsResponse, DeleteRecordsResponse,
    DeleteTopicsResponse, DescribeAclsResponse, DescribeClientQuotasResponse, DescribeClusterResponse, DescribeConfigsResponse,
    DescribeGroupsResponse, DescribeLogDirsResponse, DescribeProducersResponse, DescribeTopicPartitionsResponse,
    DescribeUserScramCredentialsResponse, ElectLeadersResponse, FindCoordinatorResponse, GetTelemetrySubscriptionsResponse, HeartbeatResponse,
    IncrementalAlterConfigsResponse, InitProducerIdResponse, JoinGroupResponse, LeaveGroupResponse,
    ListConfigResourcesResponse, ListGroupsResponse, ListOffsetsResponse, ListPartitionReassignmentsResponse,
    MetadataResponse, OffsetCommitResponse, OffsetDeleteResponse, OffsetFetchResponse,
    OffsetForLeaderEpochResponse, PushTelemetryResponse, SyncGroupResponse, UpdateFeaturesResponse,
}

/// No version of it has the field: its client is made to wait without being told.
impl Throttled for DescribeQuorumResponse {
    fn throttle_time_ms(&self) -> i32 {
        0
    }

    fn set_throttle_time_ms(&mut self, _: i32) {}
}

/// How long one request keeps threads busy, where that counts against a quota: decoding it, handling it, appending what it
/// brings and building its response. What it waits for does not count, nor what the controller does for it, nor sending.
#[derive(Debug)]
pub(crate) struct RequestMeter {
    /// Whose request it is; `None` where nothing is measured.
    payer: Option<RequestContext>,
    began: Option<Instant>,
    busy: Duration,
    appends: Option<AppendTime>,
}

impl RequestMeter {
    /// Measures from now on, if anybody has a quota of time.
    pub(crate) fn start(state: &BrokerState, context: &RequestContext) -> Self {
        let counts = is_client(context) && state.quotas.is_enabled(QuotaKind::Request);
        let payer = counts.then(|| context.clone());
        Self { began: payer.is_some().then(Instant::now), payer, busy: Duration::ZERO, appends: None }
    }

    /// Stops the clock that [`RequestMeter::start`] started.
    pub(crate) fn pause(&mut self) {
        self.busy += self.began.take().map_or(Duration::ZERO, |began| began.elapsed());
    }

    /// Runs `work` and adds the time of its polls.
    pub(crate) async fn measure<T>(&mut self, work: impl Future<Output = T>) -> T {
        let (output, busy) = timed(self.payer.is_some(), work).await;
        self.busy += busy;
        output
    }

    /// Where the time of appends is to be added, if it is measured.
    pub(crate) fn append_time(&mut self) -> Option<AppendTime> {
        self.appends = self.payer.as_ref().map(|_| AppendTime::default());
        self.appends.clone()
    }

    /// Notes the time so far; how many milliseconds the client must wait.
    pub(crate) fn throttle_ms(&mut self, state: &BrokerState) -> i32 {
        let Some(payer) = self.payer.take() else { return 0 };
        let appends = self.appends.take().map_or(Duration::ZERO, |time| time.total());
        let percent_seconds = (self.busy + appends).as_secs_f64() * 100.0;
        throttle_ms(state, QuotaKind::Request, &payer, percent_seconds)
    }
}

/// Notes bytes; how many milliseconds the client must wait.
pub(crate) fn bandwidth_throttle_ms(
    state: &BrokerState,
    kind: QuotaKind,
    context: &RequestContext,
    bytes: usize,
) -> i32 {
    if !is_client(context) || !state.quotas.is_enabled(kind) {
        return 0;
    }
    throttle_ms(state, kind, context, as_f64(bytes))
}

/// Adds bytes that were fetched, or takes back those of an answer that is not sent.
pub(crate) fn note_fetched(state: &BrokerState, context: &RequestContext, bytes: usize, sent: bool) {
    if is_client(context) && state.quotas.is_enabled(QuotaKind::Fetch) {
        let amount = if sent { as_f64(bytes) } else { -as_f64(bytes) };
        state.quotas.note(QuotaKind::Fetch, client(context), amount, now_ms(&*state.clock));
    }
}

/// The most bytes that one fetch of this client may have.
pub(crate) fn fetch_bytes_max(state: &BrokerState, context: &RequestContext) -> i32 {
    let quota = if is_client(context) { state.quotas.fetch_bytes_max(client(context)) } else { None };
    #[expect(clippy::cast_possible_truncation, reason = "a cast keeps it within the type's range")]
    quota.map_or(i32::MAX, |bytes| bytes as i32)
}

/// The quota of partitions that a request makes or removes; refusing from this version on, only slowing below.
pub(crate) fn mutation_quota(
    state: &BrokerState,
    context: &RequestContext,
    strict_min: i16,
) -> Option<MutationQuota> {
    let client_id = context.client_id.as_deref().unwrap_or_default();
    let (user, strict) = (&context.principal.name, context.version >= strict_min);
    MutationQuota::new(&state.quotas, &state.clock, user, client_id, strict)
}

/// How many milliseconds the client must wait for what its request used of a [`mutation_quota`].
pub(crate) fn mutation_throttle_ms(state: &BrokerState, quota: Option<MutationQuota>) -> i32 {
    let throttle_ms = quota.map_or(0, |quota| quota.throttle_ms());
    count_wait(state, QuotaKind::ControllerMutation, throttle_ms)
}

fn is_client(context: &RequestContext) -> bool {
    context.listener.kind == ListenerKind::Broker
}

fn client(context: &RequestContext) -> Client<'_> {
    Client { user: &context.principal.name, client_id: context.client_id.as_deref().unwrap_or_default() }
}

fn throttle_ms(state: &BrokerState, kind: QuotaKind, context: &RequestContext, amount: f64) -> i32 {
    let throttle_ms = state.quotas.record(kind, client(context), amount, now_ms(&*state.clock));
    count_wait(state, kind, throttle_ms)
}

fn count_wait(state: &BrokerState, kind: QuotaKind, throttle_ms: i64) -> i32 {
    let throttle_ms = i32::try_from(throttle_ms).unwrap_or(i32::MAX);
    if throttle_ms > 0 {
        state.metrics.throttled(kind.key(), Duration::from_millis(u64::from(throttle_ms.unsigned_abs())));
    }
    throttle_ms
}

#[expect(clippy::cast_precision_loss, reason = "no request has 2^53 bytes")]
fn as_f64(bytes: usize) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::reply::Reply;
    use medallion_wire::kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Message};

    /// A wait is told in every version that can tell it, and keeps none from being written.
    fn told_from<R: Throttled + Default + Encodable + Decodable + HeaderVersion + Message>(first: i16) {
        for version in R::VERSIONS.min..=R::VERSIONS.max {
            let mut response = R::default();
            response.set_throttle_time_ms(1_234);
            assert!(matches!(Reply::encode(&response, version, 1), Reply::Send(_)));
            let mut body = bytes::BytesMut::new();
            response.encode(&mut body, version).expect("encodes");
            let read = R::decode(&mut body.freeze(), version).expect("decodes");
            assert_eq!(
                read.throttle_time_ms(),
                if version >= first { 1_234 } else { 0 },
                "version {version}"
            );
        }
    }

    #[test]
    fn versions_without_the_field_are_written_as_well() {
        told_from::<MetadataResponse>(3);
        told_from::<FindCoordinatorResponse>(1);
        told_from::<CreateTopicsResponse>(2);
        told_from::<ApiVersionsResponse>(1);
        told_from::<ListOffsetsResponse>(2);
        told_from::<OffsetCommitResponse>(3);
        told_from::<OffsetFetchResponse>(3);
        told_from::<JoinGroupResponse>(2);
        told_from::<DeleteTopicsResponse>(1);
        told_from::<DescribeUserScramCredentialsResponse>(0);
        told_from::<DescribeQuorumResponse>(i16::MAX);
    }
}
