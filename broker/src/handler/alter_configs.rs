//! AlterConfigs (API 33): configs of topics, brokers, brokers' loggers and other resources.

use std::sync::Arc;

use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::alter_configs_request::AlterConfigsResource;
use medallion_wire::messages::alter_configs_response::AlterConfigsResourceResponse;
use medallion_wire::messages::{AlterConfigsRequest, AlterConfigsResponse};

use super::authorize::Operation;
use super::context::{BrokerState, Handler, RequestContext};
use super::describe_configs::authorize_configs;
use crate::controller::configs;
use crate::controller::image::ResourceType;
use crate::error::Refusal;

/// Only the incremental API may change loggers, as in Kafka.
const LOGGERS: &str = "Unknown resource type 8";

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
        let checks = configs::check_replacements(&request);
        for (resource, checked) in std::mem::take(&mut request.resources).into_iter().zip(checks) {
            match checked
                .map_or_else(|error| Some(Err(error.into())), |()| answer_here(&state, &context, &resource))
            {
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
) -> Option<Result<(), Refusal>> {
    let (code, name) = (resource.resource_type, resource.resource_name.as_str());
    match authorize_configs(state, context, Operation::AlterConfigs, code, name) {
        Err(refusal) => Some(Err(refusal)),
        Ok(Some(ResourceType::BrokerLogger)) => {
            Some(Err(Refusal::new(ResponseError::InvalidRequest, LOGGERS)))
        }
        Ok(_) => None,
    }
}

fn respond(resource: &AlterConfigsResource, outcome: Result<(), Refusal>) -> AlterConfigsResourceResponse {
    let response = AlterConfigsResourceResponse::default()
        .with_resource_type(resource.resource_type)
        .with_resource_name(resource.resource_name.clone())
        .with_error_message(None);
    match outcome {
        Ok(()) => response,
        Err(refusal) => response
            .with_error_code(refusal.error.code())
            .with_error_message(refusal.message.map(StrBytes::from_string)),
    }
}
