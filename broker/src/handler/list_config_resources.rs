//! ListConfigResources (API 74): which resources have configs (KIP-1142). Version 0 knows client metrics alone.

use std::collections::BTreeSet;
use std::sync::Arc;

use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::list_config_resources_response::ConfigResource;
use medallion_wire::messages::{ListConfigResourcesRequest, ListConfigResourcesResponse};

use super::authorize::Operation;
use super::context::{BrokerState, Handler, RequestContext};
use crate::controller::image::{MetadataImage, ResourceType};

/// All kinds, as an empty list of version 1 asks for.
const KINDS: [ResourceType; 5] = [
    ResourceType::Topic,
    ResourceType::Broker,
    ResourceType::BrokerLogger,
    ResourceType::ClientMetrics,
    ResourceType::Group,
];

/// The API.
pub(crate) struct ListConfigResources;

impl Handler for ListConfigResources {
    type Request = ListConfigResourcesRequest;

    fn error_codes(response: &ListConfigResourcesResponse) -> Vec<i16> {
        vec![response.error_code]
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: ListConfigResourcesRequest,
    ) -> ListConfigResourcesResponse {
        if let Err(error) = state.authorize_cluster(&context, Operation::DescribeConfigs) {
            return ListConfigResourcesResponse::default().with_error_code(error.code());
        }
        let mut kinds = BTreeSet::new(); // each once, however often it is asked for
        if context.version == 0 {
            kinds.insert(ResourceType::ClientMetrics);
        } else if request.resource_types.is_empty() {
            kinds.extend(KINDS);
        }
        for code in request.resource_types {
            match ResourceType::from_code(code) {
                Some(kind) => {
                    kinds.insert(kind);
                }
                None => {
                    let error = ResponseError::UnsupportedVersion.code();
                    return ListConfigResourcesResponse::default().with_error_code(error);
                }
            }
        }
        let image = state.image();
        let resources = kinds.into_iter().flat_map(|kind| list(&image, kind));
        ListConfigResourcesResponse::default().with_config_resources(resources.collect())
    }
}

fn list(image: &MetadataImage, kind: ResourceType) -> Vec<ConfigResource> {
    let names: BTreeSet<String> = match kind {
        ResourceType::Topic => image.topics.iter().map(|topic| topic.name.to_string()).collect(),
        ResourceType::Broker | ResourceType::BrokerLogger => {
            image.brokers.keys().map(ToString::to_string).collect()
        }
        ResourceType::ClientMetrics | ResourceType::Group => {
            let of_kind = image.configs.keys().filter(|resource| resource.kind == kind);
            of_kind.map(|resource| resource.name.to_string()).collect()
        }
    };
    let resources = names.into_iter().map(|name| {
        ConfigResource::default()
            .with_resource_name(StrBytes::from_string(name))
            .with_resource_type(kind.code())
    });
    resources.collect()
}
