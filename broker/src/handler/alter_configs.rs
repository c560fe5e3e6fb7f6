//! AlterConfigs (API 33): configs of topics, brokers, brokers' loggers and other resources.

use std::sync::Arc;

use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::alter_configs_request::AlterConfigsResource;
use medallion_wire::messages::alter_configs_response::AlterConfigsResourceResponse;
use medallion_wire::messages::{AlterConfigsRequest, AlterConfigsResponse};

use super::authorize::{Operation, Resource};
use super::context::{BrokerState, Handler, RequestContext};
use crate::controller::image::ResourceType;
use crate::error::Refusal;

/// The API.
pub(crate) struct AlterConfigs;

impl Handler for AlterConfigs {
    type Request = AlterConfigsRequest;

    fn error_codes(response: &AlterConfigsResponse) -> Vec<i16> {
        response.responses.iter().map(|result| result.error_code).collect()
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        mut request: AlterConfigsRequest,
    ) -> AlterConfigsResponse {
        let mut responses = Vec::with_capacity(request.resources.len());
        let mut forwarded = Vec::new();
        for resource in std::mem::take(&mut request.resources) {
            match answer_here(&state, &context, &resource, request.validate_only) {
                Some(outcome) => responses.push(respond(&resource, outcome)),
                None => forwarded.push(resource),
            }
        }
        if !forwarded.is_empty() {
            request.resources = forwarded.clone();
            match state.controller.alter_configs(request).await {
                Ok(response) => responses.extend(response.responses),
                Err(error) => {
                    let refusal = Refusal::from(error);
                    responses
                        .extend(forwarded.iter().map(|resource| respond(resource, Err(refusal.clone()))));
                }
            }
        }
        AlterConfigsResponse::default().with_responses(responses)
    }
}

/// The outcome for a resource that the controller need not see: one that may not be changed by whoever asks, or
/// this broker's loggers. `None` for all others.
fn answer_here(
    state: &BrokerState,
    context: &RequestContext,
    resource: &AlterConfigsResource,
    validate_only: bool,
) -> Option<Result<(), Refusal>> {
    let kind = ResourceType::from_code(resource.resource_type);
    let asked = match kind {
        Some(ResourceType::Topic) => Resource::Topic(&resource.resource_name),
        _ => Resource::Cluster,
    };
    if !state.allows(context, Operation::AlterConfigs, asked) {
        return Some(Err(super::describe_configs::authorization_error(kind).into()));
    }
    match kind {
        Some(ResourceType::BrokerLogger) => Some(change_loggers(state, resource, validate_only)),
        _ => None,
    }
}

/// Only the incremental API may change loggers, as in Kafka.
fn change_loggers(_: &BrokerState, _: &AlterConfigsResource, _: bool) -> Result<(), Refusal> {
    let reason = "AlterConfigs is deprecated and does not support the resource type BROKER_LOGGER";
    Err(Refusal::new(ResponseError::InvalidRequest, reason))
}

fn respond(resource: &AlterConfigsResource, outcome: Result<(), Refusal>) -> AlterConfigsResourceResponse {
    let response = AlterConfigsResourceResponse::default()
        .with_resource_type(resource.resource_type)
        .with_resource_name(resource.resource_name.clone());
    match outcome {
        Ok(()) => response,
        Err(refusal) => response
            .with_error_code(refusal.error.code())
            .with_error_message(refusal.message.map(StrBytes::from_string)),
    }
}
