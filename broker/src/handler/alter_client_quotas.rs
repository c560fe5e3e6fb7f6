//! AlterClientQuotas (API 49): sets and removes quotas (KIP-546).

use std::collections::BTreeSet;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;

use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::alter_client_quotas_request::EntryData as Asked;
use medallion_wire::messages::alter_client_quotas_response::{EntityData, EntryData};
use medallion_wire::messages::{AlterClientQuotasRequest, AlterClientQuotasResponse};

use super::authorize::Operation;
use super::context::{BrokerState, Handler, RequestContext};
use crate::controller::QuotaAlteration;
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
            Ok(()) => {
                let unknown_hosts = unknown_hosts(&request).await;
                let alteration = QuotaAlteration { request, unknown_hosts };
                state.controller.alter_client_quotas(alteration).await.map_err(Refusal::from)
            }
            Err(error) => Err(error.into()),
        };
        answer.unwrap_or_else(|refusal| {
            let entries = asked.iter().map(|entry| refused(entry, &refusal));
            AlterClientQuotasResponse::default().with_entries(entries.collect())
        })
    }
}

/// The names of addresses that are none, and that the system's resolver does not know as host names.
async fn unknown_hosts(request: &AlterClientQuotasRequest) -> BTreeSet<String> {
    let parts = request.entries.iter().flat_map(|entry| &entry.entity);
    let names =
        parts.filter(|part| part.entity_type.as_str() == "ip").filter_map(|part| part.entity_name.as_ref());
    let hosts: BTreeSet<String> =
        names.filter(|name| name.parse::<IpAddr>().is_err()).map(ToString::to_string).collect();
    if hosts.is_empty() {
        return hosts;
    }
    let asked = hosts.clone();
    let unknown = move || asked.into_iter().filter(|host| resolve(host).is_none()).collect();
    tokio::task::spawn_blocking(unknown).await.unwrap_or(hosts)
}

/// The address of a host name by the system's resolver, as in Java one of IPv4 if there is any: may wait for the network.
pub(crate) fn resolve(host: &str) -> Option<IpAddr> {
    let addresses: Vec<IpAddr> = (host, 0).to_socket_addrs().ok()?.map(|address| address.ip()).collect();
    addresses.iter().find(|address| address.is_ipv4()).or_else(|| addresses.first()).copied()
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
