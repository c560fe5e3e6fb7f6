//! DescribeCluster (API 60): nodes, by listener kind (KIP-700, KIP-919).

use std::sync::Arc;

use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::describe_cluster_response::DescribeClusterBroker;
use medallion_wire::messages::{DescribeClusterRequest, DescribeClusterResponse};

use super::authorize::{Operation, Resource, authorized_operations};
use super::context::{BrokerState, Handler, ListenerKind, RequestContext};
use crate::controller::image::{Endpoint, MetadataImage};

const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

/// The API.
pub(crate) struct DescribeCluster;

impl Handler for DescribeCluster {
    type Request = DescribeClusterRequest;

    fn error_codes(response: &DescribeClusterResponse) -> Vec<i16> {
        vec![response.error_code]
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: DescribeClusterRequest,
    ) -> DescribeClusterResponse {
        if let Err((error, message)) = check_endpoint_type(context.listener.kind, request.endpoint_type) {
            return DescribeClusterResponse::default()
                .with_error_code(error.code())
                .with_error_message(Some(StrBytes::from_string(message)));
        }
        let image = state.image();
        let nodes = match context.listener.kind {
            ListenerKind::Broker => brokers(&context, &image, request.include_fenced_brokers),
            ListenerKind::Controller => controllers(&context, &image),
        };
        let operations = if request.include_cluster_authorized_operations
            && state.allows(&context, Operation::Describe, Resource::Cluster)
        {
            authorized_operations(&*state.authorizer, &context.principal, Resource::Cluster)
        } else {
            i32::MIN
        };
        DescribeClusterResponse::default()
            .with_endpoint_type(request.endpoint_type)
            .with_cluster_id(state.cluster_id.clone())
            .with_controller_id(state.node_id.into())
            .with_brokers(nodes)
            .with_cluster_authorized_operations(operations)
    }
}

fn check_endpoint_type(listener: ListenerKind, asked: i8) -> Result<(), (ResponseError, String)> {
    match (listener, asked) {
        (ListenerKind::Broker, BROKERS) | (ListenerKind::Controller, CONTROLLERS) => Ok(()),
        (ListenerKind::Broker, CONTROLLERS) => Err((
            ResponseError::MismatchedEndpointType,
            "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER".to_owned(),
        )),
        (ListenerKind::Controller, BROKERS) => Err((
            ResponseError::MismatchedEndpointType,
            "The request was sent to an endpoint of type CONTROLLER, but we wanted an endpoint of type BROKER".to_owned(),
        )),
        _ => Err((ResponseError::UnsupportedEndpointType, format!("Unsupported endpoint type {asked}"))),
    }
}

fn brokers(
    context: &RequestContext,
    image: &MetadataImage,
    include_fenced: bool,
) -> Vec<DescribeClusterBroker> {
    let visible = image.brokers.values().filter(|broker| include_fenced || !broker.fenced);
    visible
        .filter_map(|broker| {
            let node = node(broker.id, broker.endpoint(&context.listener.name)?);
            let rack = broker.rack.as_ref().map(|rack| StrBytes::from_string(rack.to_string()));
            Some(node.with_rack(rack).with_is_fenced(broker.fenced && include_fenced))
        })
        .collect()
}

fn controllers(context: &RequestContext, image: &MetadataImage) -> Vec<DescribeClusterBroker> {
    let reachable = image.controllers.values().filter_map(|controller| {
        let endpoint = controller.endpoints.iter().find(|endpoint| endpoint.name == context.listener.name)?;
        Some(node(controller.id, endpoint))
    });
    reachable.collect()
}

fn node(id: i32, endpoint: &Endpoint) -> DescribeClusterBroker {
    DescribeClusterBroker::default()
        .with_broker_id(id.into())
        .with_host(StrBytes::from_string(endpoint.host.to_string()))
        .with_port(i32::from(endpoint.port))
}
