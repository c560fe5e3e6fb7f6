//! DescribeConfigs (API 32): settings of topics, brokers and other resources, with where they come from.

use std::sync::Arc;

use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::describe_configs_request::DescribeConfigsResource;
use medallion_wire::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use medallion_wire::messages::{DescribeConfigsRequest, DescribeConfigsResponse};

use super::authorize::{Operation, Resource};
use super::context::{BrokerState, Handler, RequestContext};
use crate::config::describe::{ConfigEntry, describe_client_metrics};
use crate::controller::ApiError;
use crate::controller::image::{MetadataImage, ResourceType};
use crate::error::Refusal;
use crate::live_config::overrides;
use crate::topics;

/// The API.
pub(crate) struct DescribeConfigs;

/// What a client wants to see of each setting.
#[derive(Debug, Clone, Copy)]
struct Detail {
    synonyms: bool,
    documentation: bool,
}

impl Handler for DescribeConfigs {
    type Request = DescribeConfigsRequest;

    fn error_codes(response: &DescribeConfigsResponse) -> Vec<i16> {
        response.results.iter().map(|result| result.error_code).collect()
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: DescribeConfigsRequest,
    ) -> DescribeConfigsResponse {
        let image = state.image();
        let detail =
            Detail { synonyms: request.include_synonyms, documentation: request.include_documentation };
        // A kind that does not exist fails the whole request.
        let unknown = request.resources.iter().find_map(|resource| kind_of(resource.resource_type).err());
        let describe = |resource: DescribeConfigsResource| {
            let result = DescribeConfigsResult::default()
                .with_resource_type(resource.resource_type)
                .with_resource_name(resource.resource_name.clone());
            let entries = match &unknown {
                Some(refusal) => Err(refusal.clone()),
                None => entries(&state, &context, &image, &resource),
            };
            match entries {
                Ok(entries) => result.with_configs(respond(entries, &resource, detail)),
                Err(refusal) => result
                    .with_error_code(refusal.error.code())
                    .with_error_message(refusal.message.map(StrBytes::from_string)),
            }
        };
        DescribeConfigsResponse::default().with_results(request.resources.into_iter().map(describe).collect())
    }
}

/// Whether whoever asks may do this to a resource's configs; gives the resource's kind where it is known.
///
/// # Errors
/// The refusal that belongs to the kind.
pub(crate) fn authorize_configs(
    state: &BrokerState,
    context: &RequestContext,
    operation: Operation,
    code: i8,
    name: &str,
) -> Result<Option<ResourceType>, Refusal> {
    let kind = ResourceType::from_code(code);
    let (asked, refused) = match kind {
        Some(ResourceType::Topic) => (Resource::Topic(name), ResponseError::TopicAuthorizationFailed),
        Some(ResourceType::Group) => (Resource::Group(name), ResponseError::GroupAuthorizationFailed),
        _ => (Resource::Cluster, ResponseError::ClusterAuthorizationFailed),
    };
    if state.allows(context, operation, asked) { Ok(kind) } else { Err(refused.into()) }
}

fn entries(
    state: &BrokerState,
    context: &RequestContext,
    image: &MetadataImage,
    resource: &DescribeConfigsResource,
) -> Result<Vec<ConfigEntry>, Refusal> {
    let name = resource.resource_name.as_str();
    let kind = authorize_configs(state, context, Operation::DescribeConfigs, resource.resource_type, name)?;
    let kind = kind.map_or_else(|| kind_of(resource.resource_type), Ok)?;
    let own = || overrides(&image.configs_of(kind, name));
    match kind {
        ResourceType::Topic => {
            topics::check_name(name)
                .map_err(|reason| Refusal::new(ResponseError::InvalidTopicException, reason))?;
            let unknown = || Refusal::new(ResponseError::UnknownTopicOrPartition, "");
            image.topics.by_name(name).ok_or_else(unknown)?;
            let defaults = &state.config.load().topic_defaults;
            Ok(state.config.dynamic().describe_topic(defaults, &own()))
        }
        ResourceType::Broker if name.is_empty() => Ok(state.config.dynamic().describe_cluster()),
        ResourceType::Broker => {
            check_broker(state, name)?;
            Ok(state.config.dynamic().describe_broker())
        }
        ResourceType::BrokerLogger => {
            check_logging_broker(state, name)?;
            let levels = state.loggers.levels();
            Ok(levels.iter().map(|(logger, level)| ConfigEntry::logger(logger, level)).collect())
        }
        ResourceType::ClientMetrics if name.is_empty() => Err(Refusal::new(
            ResponseError::InvalidRequest,
            "Client metrics subscription name must not be empty",
        )),
        ResourceType::ClientMetrics => Ok(describe_client_metrics(&own())),
        ResourceType::Group if name.is_empty() => {
            Err(Refusal::new(ResponseError::InvalidRequest, "Group name must not be empty"))
        }
        ResourceType::Group => Ok(state.config.dynamic().describe_group(&own())),
    }
}

fn kind_of(code: i8) -> Result<ResourceType, Refusal> {
    let unknown = || ApiError::with_default_message(ResponseError::InvalidRequest).into();
    ResourceType::from_code(code).ok_or_else(unknown)
}

fn check_logging_broker(state: &BrokerState, name: &str) -> Result<(), Refusal> {
    let reason = match name.parse::<i32>() {
        _ if name.is_empty() => "Broker id must not be empty".to_owned(),
        Ok(id) if id != state.node_id => {
            format!("Unexpected broker id, expected {} but received {name}", state.node_id)
        }
        _ => return check_broker(state, name),
    };
    Err(Refusal::new(ResponseError::InvalidRequest, reason))
}

fn check_broker(state: &BrokerState, name: &str) -> Result<(), Refusal> {
    match name.parse::<i32>() {
        Ok(id) if id == state.node_id => Ok(()),
        Ok(id) => {
            let reason = format!(
                "Unexpected broker id, expected {} or empty string, but received {id}",
                state.node_id
            );
            Err(Refusal::new(ResponseError::InvalidRequest, reason))
        }
        Err(_) => Err(Refusal::new(
            ResponseError::InvalidRequest,
            format!("Broker id must be an integer, but it is: {name}"),
        )),
    }
}

fn respond(
    entries: Vec<ConfigEntry>,
    resource: &DescribeConfigsResource,
    detail: Detail,
) -> Vec<DescribeConfigsResourceResult> {
    let asked = resource.configuration_keys.as_ref().filter(|keys| !keys.is_empty());
    let wanted =
        |entry: &ConfigEntry| asked.is_none_or(|keys| keys.iter().any(|key| key.as_str() == entry.name));
    entries.into_iter().filter(wanted).map(|entry| respond_entry(entry, detail)).collect()
}

fn respond_entry(entry: ConfigEntry, detail: Detail) -> DescribeConfigsResourceResult {
    let synonyms = entry.synonyms.into_iter().map(|synonym| {
        DescribeConfigsSynonym::default()
            .with_name(StrBytes::from_string(synonym.name))
            .with_value(synonym.value.map(StrBytes::from_string))
            .with_source(synonym.source.id())
    });
    DescribeConfigsResourceResult::default()
        .with_name(StrBytes::from_string(entry.name))
        .with_value(entry.value.map(StrBytes::from_string))
        .with_read_only(entry.read_only)
        .with_config_source(entry.source.id())
        .with_is_sensitive(entry.sensitive)
        .with_synonyms(if detail.synonyms { synonyms.collect() } else { Vec::new() })
        .with_config_type(entry.value_type)
        .with_documentation(
            entry.documentation.filter(|_| detail.documentation).map(StrBytes::from_static_str),
        )
}
