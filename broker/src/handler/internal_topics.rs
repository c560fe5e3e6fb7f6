//! The topics that coordinators keep their state in: how they are created.

use std::sync::Arc;

use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::CreateTopicsRequest;
use medallion_wire::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};

use super::context::BrokerState;
use super::topic_lookup::topic_name;
use crate::config::BrokerConfig;
use crate::topics::{self, CONSUMER_OFFSETS};

/// How long the creation of a topic on demand may take.
pub(crate) const CREATION_TIMEOUT_MS: i32 = 30_000;

/// A topic that is created because somebody asks for it: one of a coordinator as that one's settings say, any other with
/// the defaults. `None` for topics of coordinators that do not work yet, which nobody else may shape.
///
/// Source: Kafka's `AutoTopicCreationManager`.
pub(crate) fn creatable(config: &BrokerConfig, name: &str) -> Option<CreatableTopic> {
    match name {
        CONSUMER_OFFSETS => Some(offsets_topic(config)),
        other if topics::is_internal(other) => None,
        other => Some(
            CreatableTopic::default()
                .with_name(topic_name(other))
                .with_num_partitions(-1)
                .with_replication_factor(-1),
        ),
    }
}

fn offsets_topic(config: &BrokerConfig) -> CreatableTopic {
    let setting = |name: &'static str, value: String| {
        CreatableTopicConfig::default()
            .with_name(StrBytes::from_static_str(name))
            .with_value(Some(StrBytes::from_string(value)))
    };
    CreatableTopic::default()
        .with_name(topic_name(CONSUMER_OFFSETS))
        .with_num_partitions(config.offsets_topic_num_partitions)
        .with_replication_factor(config.offsets_topic_replication_factor)
        .with_configs(vec![
            setting("cleanup.policy", "compact".to_owned()),
            setting("compression.type", "producer".to_owned()),
            setting("segment.bytes", config.offsets_topic_segment_bytes.to_string()),
        ])
}

/// Creates `__consumer_offsets` as the settings say. What goes wrong is logged; the client asks again.
pub(crate) async fn create_offsets_topic(state: &BrokerState) {
    let config = Arc::clone(&state.config.load());
    let request = CreateTopicsRequest::default()
        .with_topics(vec![offsets_topic(&config)])
        .with_timeout_ms(CREATION_TIMEOUT_MS);
    match state.controller.create_topics(request, None).await {
        Ok(response) => {
            let exists = ResponseError::TopicAlreadyExists.code();
            for topic in response.topics.iter().filter(|topic| ![0, exists].contains(&topic.error_code)) {
                tracing::error!(code = topic.error_code, reason = ?topic.error_message,
                    "__consumer_offsets cannot be created, so no group works; see offsets.topic.replication.factor");
            }
        }
        Err(error) => tracing::error!(%error, "__consumer_offsets cannot be created, so no group works"),
    }
}
