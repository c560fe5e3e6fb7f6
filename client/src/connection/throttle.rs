//! How long a broker wants to be left alone (KIP-219): it answers at once, and says how long this client is to wait. Until
//! then nothing is sent on that connection; a broker that is not obeyed would stop reading from it for as long.

use std::time::Duration;

use medallion_wire::kafka_protocol::protocol::Request;
use medallion_wire::messages;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

/// A request whose answer says how long to wait before the next one.
pub(crate) trait Ask: Request<Response: Throttling + 'static> + 'static {}

impl<R: Request<Response: Throttling + 'static> + 'static> Ask for R {}

/// An answer with `throttle_time_ms`.
pub(crate) trait Throttling {
    /// How long to wait, in milliseconds; 0 for not at all.
    fn throttle_time_ms(&self) -> i32;
}

macro_rules! throttling {
    ($($answer:ident,)+) => {
        $(impl Throttling for messages::$answer {
            fn throttle_time_ms(&self) -> i32 {
                self.throttle_time_ms
            }
        })+
    };
}

throttling! {
    AddOffsetsToTxnResponse,
    AddPartitionsToTxnResponse,
    AddRaftVoterResponse,
    AllocateProducerIdsResponse,
    AlterClientQuotasResponse,
    AlterConfigsResponse,
    AlterPartitionReassignmentsResponse,
    AlterPartitionResponse,
    AlterReplicaLogDirsResponse,
    AlterShareGroupOffsetsResponse,
    AlterUserScramCredentialsResponse,
    ApiVersionsResponse,
    AssignReplicasToDirsResponse,
    BrokerHeartbeatResponse,
    BrokerRegistrationResponse,
    ConsumerGroupDescribeResponse,
    ConsumerGroupHeartbeatResponse,
    ControllerRegistrationResponse,
    CreateAclsResponse,
    CreateDelegationTokenResponse,
    CreatePartitionsResponse,
    CreateTopicsResponse,
    DeleteAclsResponse,
    DeleteGroupsResponse,
    DeleteRecordsResponse,
    DeleteShareGroupOffsetsResponse,
    DeleteTopicsResponse,
    DescribeAclsResponse,
    DescribeClientQuotasResponse,
    DescribeClusterResponse,
    DescribeConfigsResponse,
    DescribeDelegationTokenResponse,
    DescribeGroupsResponse,
    DescribeLogDirsResponse,
    DescribeProducersResponse,
    DescribeShareGroupOffsetsResponse,
    DescribeTopicPartitionsResponse,
    DescribeTransactionsResponse,
    DescribeUserScramCredentialsResponse,
    ElectLeadersResponse,
    EndTxnResponse,
    ExpireDelegationTokenResponse,
    FetchResponse,
    FetchSnapshotResponse,
    FindCoordinatorResponse,
    GetTelemetrySubscriptionsResponse,
    HeartbeatResponse,
    IncrementalAlterConfigsResponse,
    InitProducerIdResponse,
    JoinGroupResponse,
    LeaveGroupResponse,
    ListConfigResourcesResponse,
    ListGroupsResponse,
    ListOffsetsResponse,
    ListPartitionReassignmentsResponse,
    ListTransactionsResponse,
    MetadataResponse,
    OffsetCommitResponse,
    OffsetDeleteResponse,
    OffsetFetchResponse,
    OffsetForLeaderEpochResponse,
    ProduceResponse,
    PushTelemetryResponse,
    RemoveRaftVoterResponse,
    RenewDelegationTokenResponse,
    ShareAcknowledgeResponse,
    ShareFetchResponse,
    ShareGroupDescribeResponse,
    ShareGroupHeartbeatResponse,
    SyncGroupResponse,
    TxnOffsetCommitResponse,
    UnregisterBrokerResponse,
    UpdateFeaturesResponse,
    UpdateRaftVoterResponse,
}

/// Until when nothing is to be sent.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    until: Mutex<Option<Instant>>,
}

impl Throttle {
    /// An answer that came `now` asks for a wait.
    pub(super) fn extend(&self, throttle: Duration, now: Instant) {
        let mut until = self.until.lock();
        *until = Some(now + throttle).max(*until);
    }

    /// Until when nothing is to be sent; `None` where that is over.
    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        let mut until = self.until.lock();
        *until = until.filter(|until| *until > now);
        *until
    }

    /// Waits as long as it was asked for.
    pub(super) async fn wait(&self) {
        while let Some(until) = self.until(Instant::now()) {
            sleep_until(until).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_longest_wait_counts() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        assert_eq!(throttle.until(now), None);
        throttle.extend(Duration::from_millis(60), now);
        throttle.extend(Duration::from_millis(20), now);
        assert_eq!(throttle.until(now), Some(now + Duration::from_millis(60)));
        throttle.wait().await;
        assert!(now.elapsed() >= Duration::from_millis(60));
        assert_eq!(throttle.until(Instant::now()), None);
    }
}
