//! Entry points for fuzzers: each takes any bytes and must neither panic nor take more memory than the bytes justify.
//!
//! They run seeded and bounded in this crate's tests, and under a coverage-guided fuzzer by hand.

use bytes::{Bytes, BytesMut};

use crate::api::Api;
use crate::frame::FrameDecoder;
use crate::guard;
use crate::header::RequestHeader;
use crate::internal_records::{
    ControlRecord, GroupRecordKey, GroupRecordValue, MetadataRecord, ProducerSnapshot, ShareRecordKey,
    ShareRecordValue, TransactionRecordKey, TransactionRecordValue,
};
use crate::kafka_protocol::protocol::{Decodable, Encodable, Message, Request};
#[allow(clippy::wildcard_imports, reason = "all requests there are")]
use crate::messages::*;
use crate::newer_messages::{describe_log_dirs, list_offsets, offset_commit, offset_fetch};

/// Feeds `data` to a frame decoder in pieces whose size its first byte tells.
pub fn fuzz_frame(data: &[u8]) {
    let Some((first, mut rest)) = data.split_first() else { return };
    let frame_bytes_max = 1000;
    let mut decoder = FrameDecoder::new(frame_bytes_max);
    let (mut fed, mut cut) = (0, 0);
    while !rest.is_empty() {
        let (now, later) = rest.split_at(rest.len().min(usize::from(*first) + 1));
        decoder.buffer().extend_from_slice(now);
        rest = later;
        fed += now.len();
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => cut += frame.len() + 4,
                Ok(None) => break,
                Err(_) => return,
            }
        }
        assert!(decoder.frame_bytes().is_none_or(|bytes| bytes <= frame_bytes_max));
        assert!(cut <= fed, "{cut} bytes of frames were cut out of {fed}");
    }
}

/// Reads `data` as a request's header.
pub fn fuzz_header(data: &[u8]) {
    let mut frame = Bytes::copy_from_slice(data);
    if let Ok(header) = RequestHeader::parse(&mut frame) {
        assert!(header.api().is_some());
        assert!(data.ends_with(&frame));
    }
}

/// Takes API and version from the first two bytes, guards the rest, and decodes what passes.
pub fn fuzz_guard_then_decode(data: &[u8]) {
    let [api, version, body @ ..] = data else { return };
    let apis: Vec<_> = Api::all().collect();
    let api = apis[usize::from(*api) % apis.len()];
    let versions = api.first_version()..=api.last_version();
    let Some(version) = versions.clone().nth(usize::from(*version) % versions.count()) else { return };
    let body = Bytes::copy_from_slice(body);
    if guard::check(api.key(), version, &body).is_ok() {
        let _ = decode_request(api.key(), version, &body);
    }
}

/// A request that was decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The bytes behind it.
    pub left_bytes: usize,
    /// What `kafka_protocol` encodes it to; `None` where it lacks the version.
    pub encoded: Option<Bytes>,
}

/// Decodes a request, and encodes it again; `None` for a version that no decoder here has.
///
/// The error is the decoder's or encoder's reason.
pub fn decode_request(api_key: i16, version: i16, body: &Bytes) -> Option<Result<Decoded, String>> {
    let mut rest = body.clone();
    let newer = match (api_key, version) {
        (ListOffsetsRequest::KEY, list_offsets::LAST_VERSION) => {
            list_offsets::decode_request(version, &mut rest).err()
        }
        (DescribeLogDirsRequest::KEY, describe_log_dirs::LAST_VERSION) => {
            describe_log_dirs::decode_request(version, &mut rest).err()
        }
        (OffsetCommitRequest::KEY, offset_commit::LAST_VERSION) => {
            offset_commit::decode_request(version, &mut rest).err()
        }
        (OffsetFetchRequest::KEY, offset_fetch::LAST_VERSION) => {
            offset_fetch::decode_request(version, &mut rest).err()
        }
        _ => return decode_by_crate(api_key, version, rest),
    };
    let decoded = Decoded { left_bytes: rest.len(), encoded: None };
    Some(newer.map_or(Ok(decoded), |error| Err(error.to_string())))
}

fn decode_by_crate(api_key: i16, version: i16, body: Bytes) -> Option<Result<Decoded, String>> {
    macro_rules! by_key {
        ($($request:ident)*) => {
            match api_key {
                $(key if key == $request::KEY => decode::<$request>(version, body),)*
                _ => None,
            }
        };
    }
    by_key!(
        ProduceRequest FetchRequest ListOffsetsRequest MetadataRequest OffsetCommitRequest
        OffsetFetchRequest FindCoordinatorRequest JoinGroupRequest HeartbeatRequest LeaveGroupRequest
        SyncGroupRequest DescribeGroupsRequest ListGroupsRequest SaslHandshakeRequest ApiVersionsRequest
        CreateTopicsRequest DeleteTopicsRequest DeleteRecordsRequest InitProducerIdRequest
        OffsetForLeaderEpochRequest AddPartitionsToTxnRequest AddOffsetsToTxnRequest EndTxnRequest
        WriteTxnMarkersRequest TxnOffsetCommitRequest DescribeAclsRequest CreateAclsRequest
        DeleteAclsRequest DescribeConfigsRequest AlterConfigsRequest AlterReplicaLogDirsRequest
        DescribeLogDirsRequest SaslAuthenticateRequest CreatePartitionsRequest CreateDelegationTokenRequest
        RenewDelegationTokenRequest ExpireDelegationTokenRequest DescribeDelegationTokenRequest
        DeleteGroupsRequest ElectLeadersRequest IncrementalAlterConfigsRequest
        AlterPartitionReassignmentsRequest ListPartitionReassignmentsRequest OffsetDeleteRequest
        DescribeClientQuotasRequest AlterClientQuotasRequest DescribeUserScramCredentialsRequest
        AlterUserScramCredentialsRequest VoteRequest BeginQuorumEpochRequest EndQuorumEpochRequest
        DescribeQuorumRequest AlterPartitionRequest UpdateFeaturesRequest EnvelopeRequest
        FetchSnapshotRequest DescribeClusterRequest DescribeProducersRequest BrokerRegistrationRequest
        BrokerHeartbeatRequest UnregisterBrokerRequest DescribeTransactionsRequest ListTransactionsRequest
        AllocateProducerIdsRequest ConsumerGroupHeartbeatRequest ConsumerGroupDescribeRequest
        ControllerRegistrationRequest GetTelemetrySubscriptionsRequest PushTelemetryRequest
        AssignReplicasToDirsRequest ListConfigResourcesRequest DescribeTopicPartitionsRequest
        ShareGroupHeartbeatRequest ShareGroupDescribeRequest ShareFetchRequest ShareAcknowledgeRequest
        AddRaftVoterRequest RemoveRaftVoterRequest UpdateRaftVoterRequest InitializeShareGroupStateRequest
        ReadShareGroupStateRequest WriteShareGroupStateRequest DeleteShareGroupStateRequest
        ReadShareGroupStateSummaryRequest DescribeShareGroupOffsetsRequest AlterShareGroupOffsetsRequest
        DeleteShareGroupOffsetsRequest
    )
}

fn decode<T: Message + Decodable + Encodable>(
    version: i16,
    mut body: Bytes,
) -> Option<Result<Decoded, String>> {
    if !(T::VERSIONS.min..=T::VERSIONS.max).contains(&version) {
        return None;
    }
    let decoded = T::decode(&mut body, version).and_then(|request| {
        let mut encoded = BytesMut::new();
        request.encode(&mut encoded, version)?;
        Ok(Decoded { left_bytes: body.len(), encoded: Some(encoded.freeze()) })
    });
    Some(decoded.map_err(|error| format!("{error:#}")))
}

/// Reads `data` as each kind of internal record. What can be read must survive a round trip.
///
/// Compared as text, since a NaN among the quotas is not equal to itself.
pub fn fuzz_internal_records(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    if let Ok((record, version)) = MetadataRecord::decode_versioned(&bytes) {
        let written = record.encode(version).expect("what was read can be written");
        assert_eq!(format!("{:?}", MetadataRecord::decode(&written)), format!("{:?}", Ok::<_, ()>(record)));
    }
    fuzz_coordinator_records(&bytes);
    if let Ok(snapshot) = ProducerSnapshot::decode_file(&bytes) {
        assert_eq!(snapshot.encode_file().as_ref(), Ok(&bytes), "a file is written as it was read");
    }
    let Some((first, rest)) = data.split_first() else { return };
    let key = [0, 0, 0, *first % 8];
    if let Ok(record) = ControlRecord::decode(&key, &Bytes::copy_from_slice(rest)) {
        let written = record.encode_value().expect("what was read can be written");
        assert_eq!(ControlRecord::decode(&key, &written), Ok(record));
    }
}

/// Reads `data` as the key, and behind a byte that chooses the key as the value, of each coordinator's records.
fn fuzz_coordinator_records(data: &Bytes) {
    macro_rules! round_trips {
        ($($key:ident $value:ident)*) => {$(
            if let Ok(key) = $key::decode(data) {
                let written = key.encode().expect("what was read can be written");
                assert_eq!($key::decode(&written), Ok(key));
            }
            if let Some(([choice, version @ ..], _)) = data.split_first_chunk::<3>() {
                let (key, version) = (i16::from(*choice % 26), i16::from_be_bytes(*version));
                if let Ok(value) = $value::decode(key, &data.slice(1..)) {
                    let written = value.encode(version).expect("what was read can be written");
                    let again = format!("{:?}", $value::decode(key, &written));
                    assert_eq!(again, format!("{:?}", Ok::<_, ()>(value)));
                }
            }
        )*};
    }
    round_trips! {
        GroupRecordKey GroupRecordValue
        TransactionRecordKey TransactionRecordValue
        ShareRecordKey ShareRecordValue
    }
}
