//! DescribeClientQuotas (API 48): the quotas of users, client ids and addresses that a filter picks (KIP-546).

use std::collections::BTreeMap;
use std::sync::Arc;

use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::describe_client_quotas_request::ComponentData;
use medallion_wire::messages::describe_client_quotas_response::{EntityData, EntryData, ValueData};
use medallion_wire::messages::{DescribeClientQuotasRequest, DescribeClientQuotasResponse};

use super::authorize::Operation;
use super::context::{BrokerState, Handler, RequestContext};
use crate::controller::image::{MetadataImage, QuotaEntity};
use crate::error::Refusal;

const EXACT: i8 = 0;
const DEFAULT: i8 = 1;
const SPECIFIED: i8 = 2;

/// The API.
pub(crate) struct DescribeClientQuotas;

/// What is asked of one kind of entity.
#[derive(Debug, PartialEq, Eq)]
enum Match {
    /// This name; `None` for the default.
    Name(Option<String>),
    /// Any name, and the default.
    Any,
}

type Filter = BTreeMap<String, Match>;

impl Handler for DescribeClientQuotas {
    type Request = DescribeClientQuotasRequest;

    fn error_codes(response: &DescribeClientQuotasResponse) -> Vec<i16> {
        vec![response.error_code]
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: DescribeClientQuotasRequest,
    ) -> DescribeClientQuotasResponse {
        let allowed = state.authorize_cluster(&context, Operation::DescribeConfigs).map_err(Refusal::from);
        match allowed.and_then(|()| filter(&request.components)) {
            Ok(filter) => DescribeClientQuotasResponse::default().with_entries(Some(describe(
                &state.image(),
                &filter,
                request.strict,
            ))),
            Err(refusal) => DescribeClientQuotasResponse::default()
                .with_error_code(refusal.error.code())
                .with_error_message(refusal.message.map(StrBytes::from_string))
                .with_entries(None),
        }
    }
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(ResponseError::InvalidRequest, message)
}

fn filter(components: &[ComponentData]) -> Result<Filter, Refusal> {
    let mut filter = Filter::new();
    for component in components {
        let kind = component.entity_type.as_str();
        if kind.is_empty() {
            return Err(invalid("Invalid empty entity type."));
        }
        if filter.contains_key(kind) {
            return Err(invalid(format!("Entity type {kind} cannot appear more than once in the filter.")));
        }
        if !["user", "client-id", "ip"].contains(&kind) {
            let message = format!("Unsupported entity type {kind}");
            return Err(Refusal::new(ResponseError::UnsupportedVersion, message));
        }
        let _ = filter.insert(kind.to_owned(), wanted(component)?);
    }
    if filter.contains_key("ip") && filter.len() > 1 {
        return Err(invalid(
            "Invalid entity filter component combination. IP filter component should not be used with user or clientId \
             filter component.",
        ));
    }
    Ok(filter)
}

fn wanted(component: &ComponentData) -> Result<Match, Refusal> {
    let name = component._match.as_ref().map(ToString::to_string);
    match (component.match_type, name) {
        (EXACT, Some(name)) => Ok(Match::Name(Some(name))),
        (EXACT, None) => Err(invalid("Request specified MATCH_TYPE_EXACT, but set match string to null.")),
        (DEFAULT, None) => Ok(Match::Name(None)),
        (DEFAULT, Some(_)) => {
            Err(invalid("Request specified MATCH_TYPE_DEFAULT, but also specified a match string."))
        }
        (SPECIFIED, None) => Ok(Match::Any),
        (SPECIFIED, Some(_)) => {
            Err(invalid("Request specified MATCH_TYPE_SPECIFIED, but also specified a match string."))
        }
        (other, _) => Err(invalid(format!("Unknown match type {other}"))),
    }
}

fn describe(image: &MetadataImage, filter: &Filter, strict: bool) -> Vec<EntryData> {
    let picked = image.client_quotas.iter().filter(|(entity, _)| matches(entity, filter, strict));
    picked
        .map(|(entity, quotas)| {
            let parts = entity.0.iter().map(|(kind, name)| {
                EntityData::default()
                    .with_entity_type(StrBytes::from_string(kind.to_string()))
                    .with_entity_name(name.as_ref().map(|name| StrBytes::from_string(name.to_string())))
            });
            let values = quotas.iter().map(|(key, value)| {
                ValueData::default().with_key(StrBytes::from_string(key.to_string())).with_value(*value)
            });
            EntryData::default().with_entity(parts.collect()).with_values(values.collect())
        })
        .collect()
}

fn matches(entity: &QuotaEntity, filter: &Filter, strict: bool) -> bool {
    if strict && entity.0.len() != filter.len() {
        return false;
    }
    filter.iter().all(|(kind, wanted)| match (entity.name(kind), wanted) {
        (None, _) => false,
        (Some(_), Match::Any) => true,
        (Some(name), Match::Name(wanted)) => name == wanted.as_deref(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(kind: &'static str, match_type: i8, name: Option<&'static str>) -> ComponentData {
        ComponentData::default()
            .with_entity_type(StrBytes::from_static_str(kind))
            .with_match_type(match_type)
            .with_match(name.map(StrBytes::from_static_str))
    }

    fn entity(parts: &[(&str, Option<&str>)]) -> QuotaEntity {
        QuotaEntity(parts.iter().map(|(kind, name)| (Arc::from(*kind), name.map(Arc::from))).collect())
    }

    #[test]
    fn filters_pick_by_name_default_and_kind() {
        let both = entity(&[("user", Some("u")), ("client-id", None)]);
        let picks = |components: &[ComponentData], strict| {
            matches(&both, &filter(components).expect("a filter"), strict)
        };
        assert!(picks(&[], false) && !picks(&[], true));
        assert!(picks(&[component("user", EXACT, Some("u"))], false));
        assert!(!picks(&[component("user", EXACT, Some("u"))], true), "strict: no other kinds");
        assert!(!picks(&[component("user", DEFAULT, None)], false));
        assert!(picks(&[component("user", SPECIFIED, None), component("client-id", DEFAULT, None)], true));
        assert!(!picks(&[component("ip", SPECIFIED, None)], false));
    }

    #[test]
    fn odd_filters_are_refused() {
        for (components, error) in [
            (vec![component("", EXACT, Some("u"))], ResponseError::InvalidRequest),
            (vec![component("host", EXACT, Some("u"))], ResponseError::UnsupportedVersion),
            (vec![component("user", EXACT, None)], ResponseError::InvalidRequest),
            (vec![component("user", DEFAULT, Some("u"))], ResponseError::InvalidRequest),
            (vec![component("user", 7, None)], ResponseError::InvalidRequest),
            (vec![component("user", DEFAULT, None); 2], ResponseError::InvalidRequest),
            (
                vec![component("ip", DEFAULT, None), component("user", DEFAULT, None)],
                ResponseError::InvalidRequest,
            ),
        ] {
            assert_eq!(filter(&components).expect_err("refused").error, error, "{components:?}");
        }
    }
}
