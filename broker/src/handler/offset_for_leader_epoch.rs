//! OffsetForLeaderEpoch (API 23): where a leader epoch ended, so that clients notice truncation (KIP-320).

use std::sync::Arc;

use medallion_wire::messages::offset_for_leader_epoch_request::OffsetForLeaderPartition;
use medallion_wire::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use medallion_wire::messages::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};
use medallion_wire::types::Uuid;
use medallion_wire::{LeaderEpoch, ResponseError};

use super::authorize::Operation;
use super::context::{BrokerState, Handler, RequestContext};
use super::topic_lookup::{find_topic, led_partition};
use crate::error::partition_code;

/// The API.
pub(crate) struct OffsetForLeaderEpoch;

impl Handler for OffsetForLeaderEpoch {
    type Request = OffsetForLeaderEpochRequest;

    fn error_codes(response: &OffsetForLeaderEpochResponse) -> Vec<i16> {
        let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.map(|partition| partition.error_code).collect()
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: OffsetForLeaderEpochRequest,
    ) -> OffsetForLeaderEpochResponse {
        let mut topics = Vec::with_capacity(request.topics.len());
        for topic in request.topics {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for asked in topic.partitions {
                let answer = look_up(&state, &context, &topic.topic, &asked).await;
                let response = EpochEndOffset::default().with_partition(asked.partition);
                partitions.push(match answer {
                    Ok((epoch, end)) => response.with_leader_epoch(epoch).with_end_offset(end),
                    Err(error) => {
                        response.with_error_code(error.code()).with_leader_epoch(-1).with_end_offset(-1)
                    }
                });
            }
            let result = OffsetForLeaderTopicResult::default().with_topic(topic.topic);
            topics.push(result.with_partitions(partitions));
        }
        OffsetForLeaderEpochResponse::default().with_topics(topics)
    }
}

async fn look_up(
    state: &BrokerState,
    context: &RequestContext,
    topic: &str,
    asked: &OffsetForLeaderPartition,
) -> Result<(i32, i64), ResponseError> {
    let partition = {
        let image = state.image();
        let topic = find_topic(state, context, &image, topic, Uuid::nil(), Operation::Describe)?;
        led_partition(state, topic, asked.partition, asked.current_leader_epoch)?
    };
    let reader = partition.reader_soon().await.map_err(|error| partition_code(&error))?;
    let found = reader.epoch_end_offset(LeaderEpoch(asked.leader_epoch));
    Ok(found.map_or((-1, -1), |(epoch, end)| (epoch.get(), end.get())))
}
