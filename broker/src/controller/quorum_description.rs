//! What `DescribeQuorum` tells (KIP-595, KIP-836, KIP-853).

use m::describe_quorum_response::{Listener, Node, PartitionData, ReplicaState, TopicData};
use medallion_wire::messages as m;
use medallion_wire::types::{LeaderEpoch, Uuid};
use medallion_wire::{ResponseError, messages::BrokerId};

use super::image::{Endpoint, Provenance};
use super::state_machine::{ApiError, CLUSTER_METADATA_TOPIC};

/// The quorum of this node alone, for the length of one leadership.
#[derive(Debug)]
pub(crate) struct QuorumDescription {
    /// This node, leader and only voter.
    pub(crate) node_id: i32,
    /// The id of the voter's directory; nil with static voters.
    pub(crate) directory_id: Uuid,
    /// The epoch of the leadership.
    pub(crate) leader_epoch: LeaderEpoch,
    /// Where the controller listens.
    pub(crate) endpoints: Vec<Endpoint>,
}

impl QuorumDescription {
    /// The answer, when the log stands at `place`.
    pub(crate) fn describe(
        &self,
        request: &m::DescribeQuorumRequest,
        place: Provenance,
        now_ms: i64,
    ) -> m::DescribeQuorumResponse {
        if !asks_for_the_quorum(request) {
            return refusal(request);
        }
        let partition = self.partition(PartitionData::default(), place, now_ms);
        let topic = TopicData::default()
            .with_topic_name(request.topics[0].topic_name.clone())
            .with_partitions(vec![partition]);
        m::DescribeQuorumResponse::default().with_topics(vec![topic]).with_nodes(vec![self.node()])
    }

    fn partition(&self, data: PartitionData, place: Provenance, now_ms: i64) -> PartitionData {
        let end = place.last_offset.next().get();
        let voter = ReplicaState::default()
            .with_replica_id(BrokerId(self.node_id))
            .with_replica_directory_id(self.directory_id)
            .with_log_end_offset(end)
            .with_last_fetch_timestamp(now_ms)
            .with_last_caught_up_timestamp(now_ms);
        data.with_leader_id(BrokerId(self.node_id))
            .with_leader_epoch(self.leader_epoch.get())
            .with_high_watermark(end)
            .with_current_voters(vec![voter])
    }

    fn node(&self) -> Node {
        let listener = |endpoint: &Endpoint| {
            Listener::default()
                .with_name(endpoint.name.to_string().into())
                .with_host(endpoint.host.to_string().into())
                .with_port(endpoint.port)
        };
        let listeners = self.endpoints.iter().map(listener).collect();
        Node::default().with_node_id(BrokerId(self.node_id)).with_listeners(listeners)
    }
}

/// Whether the request is for the one partition that has a quorum, and for nothing else.
fn asks_for_the_quorum(request: &m::DescribeQuorumRequest) -> bool {
    let [topic] = &request.topics[..] else { return false };
    let [partition] = &topic.partitions[..] else { return false };
    topic.topic_name.as_str() == CLUSTER_METADATA_TOPIC && partition.partition_index == 0
}

/// The same error for all that is asked: Kafka answers for the quorum only where nothing else is asked.
fn refusal(request: &m::DescribeQuorumRequest) -> m::DescribeQuorumResponse {
    let error = ApiError::with_default_message(ResponseError::UnknownTopicOrPartition);
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            PartitionData::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(error.code())
                .with_error_message(error.message.clone().map(Into::into))
        });
        TopicData::default().with_topic_name(topic.topic_name.clone()).with_partitions(partitions.collect())
    });
    m::DescribeQuorumResponse::default().with_topics(topics.collect())
}
