//! DeleteAcls (API 31): forgets what a filter of ACLs finds (KIP-140, KIP-290). Until there is an authorizer, the answer of a
//! Kafka without one.

use std::sync::Arc;

use bytes::Bytes;
use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::{Decodable as _, StrBytes};
use medallion_wire::messages::delete_acls_response::DeleteAclsFilterResult;
use medallion_wire::messages::{DeleteAclsRequest, DeleteAclsResponse};

use super::authorize::Operation;
use super::context::{BrokerState, Handler, RequestContext};
use super::describe_acls::UNKNOWN_KIND;

/// The API.
pub(crate) struct DeleteAcls;

impl Handler for DeleteAcls {
    type Request = DeleteAclsRequest;

    fn decode(version: i16, body: &mut Bytes) -> Result<DeleteAclsRequest, String> {
        let request = DeleteAclsRequest::decode(body, version).map_err(|error| error.to_string())?;
        let unknown = request.filters.iter().position(|filter| {
            let kinds = [
                filter.resource_type_filter,
                filter.pattern_type_filter,
                filter.operation,
                filter.permission_type,
            ];
            kinds.contains(&UNKNOWN_KIND)
        });
        match unknown {
            Some(index) => Err(format!("filter {index} of ACLs holds the unknown kind {UNKNOWN_KIND}")),
            None => Ok(request),
        }
    }

    fn error_codes(response: &DeleteAclsResponse) -> Vec<i16> {
        response.filter_results.iter().map(|result| result.error_code).collect()
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: DeleteAclsRequest,
    ) -> DeleteAclsResponse {
        let (error, message) = match state.authorize_cluster(&context, Operation::Alter) {
            Ok(()) => (ResponseError::SecurityDisabled, Some("No Authorizer is configured.")),
            Err(error) => (error, None),
        };
        let refused = DeleteAclsFilterResult::default()
            .with_error_code(error.code())
            .with_error_message(message.map(StrBytes::from_static_str));
        DeleteAclsResponse::default().with_filter_results(vec![refused; request.filters.len()])
    }
}
