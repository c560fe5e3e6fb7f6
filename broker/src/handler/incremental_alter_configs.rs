//! IncrementalAlterConfigs (API 44): configs of topics, brokers, brokers' loggers and other resources.

use std::sync::Arc;

use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use medallion_wire::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use medallion_wire::messages::{IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse};

use super::authorize::Operation;
use super::context::{BrokerState, Handler, RequestContext};
use super::describe_configs::authorize_configs;
use crate::controller::configs;
use crate::controller::image::ResourceType;
use crate::error::Refusal;
use crate::loggers::ROOT;

/// `OpType.SET`.
const SET: i8 = 0;
/// `OpType.DELETE`.
const DELETE: i8 = 1;
/// Adds to a list.
const APPEND: i8 = 2;
/// Takes from a list.
const SUBTRACT: i8 = 3;

/// All loggers follow the root in the end.
const ROOT_WITHOUT_LEVEL: &str = "Removing the log level of the root logger is not allowed";

/// The API.
pub(crate) struct IncrementalAlterConfigs;

impl Handler for IncrementalAlterConfigs {
    type Request = IncrementalAlterConfigsRequest;

    fn error_codes(response: &IncrementalAlterConfigsResponse) -> Vec<i16> {
        response.responses.iter().map(|result| result.error_code).collect()
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        mut request: IncrementalAlterConfigsRequest,
    ) -> IncrementalAlterConfigsResponse {
        let mut responses = Vec::with_capacity(request.resources.len());
        let mut forwarded = Vec::new();
        let checks = configs::check_incremental(&request);
        for (resource, checked) in std::mem::take(&mut request.resources).into_iter().zip(checks) {
            let answer = || answer_here(&state, &context, &resource, request.validate_only);
            match checked.map_or_else(|error| Some(Err(error.into())), |()| answer()) {
                Some(outcome) => responses.push(respond(&resource, outcome)),
                None => forwarded.push(resource),
            }
        }
        if !forwarded.is_empty() {
            request.resources = forwarded.clone();
            match state.controller.incremental_alter_configs(request).await {
                Ok(response) => responses.extend(response.responses),
                Err(error) => {
                    let refusal = Refusal::from(error);
                    responses
                        .extend(forwarded.iter().map(|resource| respond(resource, Err(refusal.clone()))));
                }
            }
        }
        IncrementalAlterConfigsResponse::default().with_responses(responses)
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
    let (code, name) = (resource.resource_type, resource.resource_name.as_str());
    match authorize_configs(state, context, Operation::AlterConfigs, code, name) {
        Err(refusal) => Some(Err(refusal)),
        Ok(Some(ResourceType::BrokerLogger)) => Some(change_loggers(state, resource, validate_only)),
        Ok(_) => None,
    }
}

fn change_loggers(
    state: &BrokerState,
    resource: &AlterConfigsResource,
    validate_only: bool,
) -> Result<(), Refusal> {
    let broker = resource.resource_name.as_str();
    let reason = match broker.parse::<i32>() {
        Ok(id) if id == state.node_id => None,
        Ok(id) => Some(format!("Unexpected node id. Expected {}, but received {id}", state.node_id)),
        Err(_) => Some(format!("Node id must be an integer, but it is: {broker}")),
    };
    if let Some(reason) = reason {
        return Err(Refusal::new(ResponseError::InvalidRequest, reason));
    }
    let mut changes = Vec::with_capacity(resource.configs.len());
    for config in &resource.configs {
        let change = (config.name.as_str(), logger_level(config)?);
        let checked = state.loggers.check(&[change]);
        checked.map_err(|reason| Refusal::new(ResponseError::InvalidConfig, reason))?;
        if change == (ROOT, None) {
            return Err(Refusal::new(ResponseError::InvalidRequest, ROOT_WITHOUT_LEVEL));
        }
        changes.push(change);
    }
    if !validate_only {
        state
            .loggers
            .change(&changes)
            .map_err(|reason| Refusal::new(ResponseError::InvalidConfig, reason))?;
    }
    Ok(())
}

/// The level that a change sets, or `None` where the logger goes back to its parent's.
fn logger_level(config: &AlterableConfig) -> Result<Option<&str>, Refusal> {
    let operation = match config.config_operation {
        SET => return Ok(Some(config.value.as_deref().unwrap_or_default())),
        DELETE => return Ok(None),
        APPEND => "APPEND operation".to_owned(),
        SUBTRACT => "SUBTRACT operation".to_owned(),
        other => format!("Unknown operation type {other}"),
    };
    let reason = format!("{operation} is not allowed for the BROKER_LOGGER resource");
    Err(Refusal::new(ResponseError::InvalidRequest, reason))
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
