//! FindCoordinator (API 10): the broker that coordinates a group. Coordinators of transactions answer that they refuse,
//! so that a transactional client fails at once.

use std::sync::Arc;

use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::find_coordinator_response::Coordinator;
use medallion_wire::messages::{FindCoordinatorRequest, FindCoordinatorResponse};
use medallion_wire::{PartitionIndex, ResponseError};

use super::authorize::Operation;
use super::context::{BrokerState, Handler, RequestContext};
use super::group_requests::authorize_group;
use super::internal_topics::create_offsets_topic;
use crate::controller::ApiError;
use crate::controller::image::{BrokerRegistration, MetadataImage};
use crate::topics::CONSUMER_OFFSETS;

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
/// The first version that asks for many at once.
const MANY_MIN: i16 = 4;

/// The API.
pub(crate) struct FindCoordinator;

/// Where a coordinator listens.
struct Found {
    node_id: i32,
    host: StrBytes,
    port: i32,
}

impl Handler for FindCoordinator {
    type Request = FindCoordinatorRequest;

    fn error_codes(response: &FindCoordinatorResponse) -> Vec<i16> {
        if response.coordinators.is_empty() {
            return vec![response.error_code];
        }
        response.coordinators.iter().map(|coordinator| coordinator.error_code).collect()
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: FindCoordinatorRequest,
    ) -> FindCoordinatorResponse {
        if request.key_type == GROUP && state.image().topics.by_name(CONSUMER_OFFSETS).is_none() {
            create_offsets_topic(&state).await; // once, however many are asked for
        }
        if context.version < MANY_MIN {
            return single(find(&state, &context, request.key_type, &request.key));
        }
        let coordinators = request.coordinator_keys.into_iter().map(|key| {
            let found = find(&state, &context, request.key_type, &key);
            one_of_many(key, found)
        });
        FindCoordinatorResponse::default().with_coordinators(coordinators.collect())
    }
}

fn single(found: Result<Found, ResponseError>) -> FindCoordinatorResponse {
    match found {
        Ok(found) => FindCoordinatorResponse::default()
            .with_node_id(found.node_id.into())
            .with_host(found.host)
            .with_port(found.port)
            .with_error_message(Some(StrBytes::from_static_str("NONE"))),
        Err(error) => FindCoordinatorResponse::default()
            .with_error_code(error.code())
            .with_error_message(default_message(error))
            .with_node_id((-1).into())
            .with_port(-1),
    }
}

fn default_message(error: ResponseError) -> Option<StrBytes> {
    ApiError::with_default_message(error).message.map(StrBytes::from_string)
}

fn one_of_many(key: StrBytes, found: Result<Found, ResponseError>) -> Coordinator {
    let coordinator = Coordinator::default().with_key(key);
    match found {
        Ok(found) => {
            coordinator.with_node_id(found.node_id.into()).with_host(found.host).with_port(found.port)
        }
        Err(error) => coordinator
            .with_error_code(error.code())
            .with_error_message(match error {
                ResponseError::InvalidRequest => default_message(error),
                _ => Some(StrBytes::default()),
            })
            .with_node_id((-1).into())
            .with_port(-1),
    }
}

fn find(
    state: &BrokerState,
    context: &RequestContext,
    key_type: i8,
    key: &str,
) -> Result<Found, ResponseError> {
    match key_type {
        GROUP => authorize_group(state, context, Operation::Describe, key)?,
        // Kafka's error that no client retries.
        TRANSACTION => return Err(ResponseError::TransactionalIdAuthorizationFailed),
        _ => return Err(ResponseError::InvalidRequest),
    }
    let partition = state.groups.partition_for(key).ok_or(ResponseError::CoordinatorNotAvailable)?;
    let image = state.image();
    let broker = leader_of(&image, partition).ok_or(ResponseError::CoordinatorNotAvailable)?;
    let endpoint = broker.endpoint(&context.listener.name).ok_or(ResponseError::CoordinatorNotAvailable)?;
    Ok(Found {
        node_id: broker.id,
        host: StrBytes::from_string(endpoint.host.to_string()),
        port: i32::from(endpoint.port),
    })
}

fn leader_of(image: &MetadataImage, partition: i32) -> Option<&BrokerRegistration> {
    let topic = image.topics.by_name(CONSUMER_OFFSETS)?;
    let registration = topic.partitions.get(&PartitionIndex(partition))?;
    image.brokers.get(&registration.leader).map(AsRef::as_ref).filter(|broker| !broker.fenced)
}
