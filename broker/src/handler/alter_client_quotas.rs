//! AlterClientQuotas (API 49): sets and removes quotas (KIP-546).

use std::sync::Arc;

use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::alter_client_quotas_request::EntryData as Asked;
use medallion_wire::messages::alter_client_quotas_response::{EntityData, EntryData};
use medallion_wire::messages::{AlterClientQuotasRequest, AlterClientQuotasResponse};

use super::authorize::Operation;
use super::context::{BrokerState, Handler, RequestContext};
use crate::error::Refusal;

/// The API.
pub(crate) struct AlterClientQuotas;

impl Handler for AlterClientQuotas {
    type Request = AlterClientQuotasRequest;

    fn error_codes(response: &AlterClientQuotasResponse) -> Vec<i16> {
        response.entries.iter().map(|entry| entry.error_code).collect()
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: AlterClientQuotasRequest,
    ) -> AlterClientQuotasResponse {
        let asked = request.entries.clone();
        let answer = match state.authorize_cluster(&context, Operation::AlterConfigs) {
            Ok(()) => state.controller.alter_client_quotas(request).await.map_err(Refusal::from),
            Err(error) => Err(error.into()),
        };
        answer.unwrap_or_else(|refusal| {
            let entries = asked.iter().map(|entry| refused(entry, &refusal));
            AlterClientQuotasResponse::default().with_entries(entries.collect())
        })
    }
}

fn refused(entry: &Asked, refusal: &Refusal) -> EntryData {
    let parts = entry.entity.iter().map(|part| {
        EntityData::default()
            .with_entity_type(part.entity_type.clone())
            .with_entity_name(part.entity_name.clone())
    });
    EntryData::default()
        .with_error_code(refusal.error.code())
        .with_error_message(refusal.message.clone().map(StrBytes::from_string))
        .with_entity(parts.collect())
}
