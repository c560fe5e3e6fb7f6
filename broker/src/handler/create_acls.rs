//! CreateAcls (API 30): lets somebody do something, or forbids it (KIP-140, KIP-290). Until there is an authorizer, the answer
//! of a Kafka without one.

use std::sync::Arc;

use bytes::Bytes;
use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::{Decodable as _, StrBytes};
use medallion_wire::messages::create_acls_response::AclCreationResult;
use medallion_wire::messages::{CreateAclsRequest, CreateAclsResponse};

use super::authorize::Operation;
use super::context::{BrokerState, Handler, RequestContext};
use super::describe_acls::UNKNOWN_KIND;

/// The API.
pub(crate) struct CreateAcls;

impl Handler for CreateAcls {
    type Request = CreateAclsRequest;

    fn decode(version: i16, body: &mut Bytes) -> Result<CreateAclsRequest, String> {
        let request = CreateAclsRequest::decode(body, version).map_err(|error| error.to_string())?;
        let unknown = request.creations.iter().position(|creation| {
            let kinds = [
                creation.resource_type,
                creation.resource_pattern_type,
                creation.operation,
                creation.permission_type,
            ];
            kinds.contains(&UNKNOWN_KIND)
        });
        match unknown {
            Some(index) => Err(format!("ACL {index} to create holds the unknown kind {UNKNOWN_KIND}")),
            None => Ok(request),
        }
    }

    fn error_codes(response: &CreateAclsResponse) -> Vec<i16> {
        response.results.iter().map(|result| result.error_code).collect()
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: CreateAclsRequest,
    ) -> CreateAclsResponse {
        let (error, message) = match state.authorize_cluster(&context, Operation::Alter) {
            Ok(()) => (ResponseError::SecurityDisabled, Some("No Authorizer is configured.")),
            Err(error) => (error, None),
        };
        let refused = AclCreationResult::default()
            .with_error_code(error.code())
            .with_error_message(message.map(StrBytes::from_static_str));
        CreateAclsResponse::default().with_results(vec![refused; request.creations.len()])
    }
}
