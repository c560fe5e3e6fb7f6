//! InitProducerId (API 22): an id for an idempotent producer. Transactional ids are refused until transactions work.

use std::sync::Arc;

use medallion_wire::ResponseError;
use medallion_wire::messages::{InitProducerIdRequest, InitProducerIdResponse};

use super::authorize::{Operation, Resource};
use super::context::{BrokerState, Handler, RequestContext};

/// The API.
pub(crate) struct InitProducerId;

impl Handler for InitProducerId {
    type Request = InitProducerIdRequest;

    fn error_codes(response: &InitProducerIdResponse) -> Vec<i16> {
        vec![response.error_code]
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: InitProducerIdRequest,
    ) -> InitProducerIdResponse {
        let response = InitProducerIdResponse::default();
        match decide(&state, &context, &request).await {
            Ok(producer_id) => response.with_producer_id(producer_id.into()).with_producer_epoch(0),
            Err(error) => {
                response.with_error_code(error.code()).with_producer_id((-1).into()).with_producer_epoch(-1)
            }
        }
    }
}

async fn decide(
    state: &BrokerState,
    context: &RequestContext,
    request: &InitProducerIdRequest,
) -> Result<i64, ResponseError> {
    match &request.transactional_id {
        Some(id) if id.is_empty() => return Err(ResponseError::InvalidRequest),
        Some(_) => return Err(ResponseError::TransactionalIdAuthorizationFailed),
        None => {}
    }
    if !state.allows(context, Operation::IdempotentWrite, Resource::Cluster)
        && !may_write_somewhere(state, context)
    {
        return Err(ResponseError::ClusterAuthorizationFailed);
    }
    // Who knows an id knows its epoch.
    if (request.producer_id.0 == -1) != (request.producer_epoch == -1) {
        return Err(ResponseError::InvalidRequest);
    }
    state.producer_ids.next(&state.controller).await.map_err(|error| error.error)
}

fn may_write_somewhere(state: &BrokerState, context: &RequestContext) -> bool {
    let image = state.image();
    image.topics.iter().any(|topic| state.allows(context, Operation::Write, Resource::Topic(&topic.name)))
}
