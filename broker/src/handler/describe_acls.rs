//! DescribeAcls (API 29): who may do what (KIP-140, KIP-290). Until there is an authorizer, the answer of a Kafka without one.

use std::sync::Arc;

use bytes::Bytes;
use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::{Decodable as _, StrBytes};
use medallion_wire::messages::{DescribeAclsRequest, DescribeAclsResponse};

use super::authorize::Operation;
use super::context::{BrokerState, Handler, RequestContext};

/// The number of an unknown kind in each of the enumerations of ACLs; no request may hold it.
pub(super) const UNKNOWN_KIND: i8 = 0;

/// The API.
pub(crate) struct DescribeAcls;

impl Handler for DescribeAcls {
    type Request = DescribeAclsRequest;

    fn decode(version: i16, body: &mut Bytes) -> Result<DescribeAclsRequest, String> {
        let request = DescribeAclsRequest::decode(body, version).map_err(|error| error.to_string())?;
        let kinds = [
            request.resource_type_filter,
            request.pattern_type_filter,
            request.operation,
            request.permission_type,
        ];
        if kinds.contains(&UNKNOWN_KIND) {
            return Err(format!("the filter of ACLs holds the unknown kind {UNKNOWN_KIND}"));
        }
        Ok(request)
    }

    fn error_codes(response: &DescribeAclsResponse) -> Vec<i16> {
        vec![response.error_code]
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        _: DescribeAclsRequest,
    ) -> DescribeAclsResponse {
        let (error, message) = match state.authorize_cluster(&context, Operation::Describe) {
            Ok(()) => (ResponseError::SecurityDisabled, Some("No Authorizer is configured on the broker")),
            Err(error) => (error, None),
        };
        DescribeAclsResponse::default()
            .with_error_code(error.code())
            .with_error_message(message.map(StrBytes::from_static_str))
    }
}
