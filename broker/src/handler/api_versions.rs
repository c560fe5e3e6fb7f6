//! ApiVersions (API 18): what this broker speaks, and its features.

use std::sync::Arc;

use medallion_wire::ResponseError;
use medallion_wire::internal_records::Feature;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey};
use medallion_wire::messages::{ApiVersionsRequest, ApiVersionsResponse};

use super::context::{BrokerState, Handler, ListenerKind, RequestContext};
use super::table;
use crate::server::reply::Reply;

/// From this version on the client names itself (KIP-511).
const CLIENT_SOFTWARE_MIN: i16 = 3;
/// From this version on responses tell features (KIP-584).
const FEATURES_MIN: i16 = 3;

/// The API.
pub(crate) struct ApiVersions;

impl Handler for ApiVersions {
    type Request = ApiVersionsRequest;

    fn error_codes(response: &ApiVersionsResponse) -> Vec<i16> {
        vec![response.error_code]
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: ApiVersionsRequest,
    ) -> ApiVersionsResponse {
        if context.version >= CLIENT_SOFTWARE_MIN
            && !(is_software_name(&request.client_software_name)
                && is_software_name(&request.client_software_version))
        {
            return ApiVersionsResponse::default().with_error_code(ResponseError::InvalidRequest.code());
        }
        if context.version >= CLIENT_SOFTWARE_MIN {
            context.connection.set_software(&request.client_software_name, &request.client_software_version);
        }
        let image = state.image();
        let response = ApiVersionsResponse::default().with_api_keys(advertised(context.listener.kind));
        if context.version < FEATURES_MIN {
            return response;
        }
        let finalized = image
            .features
            .finalized
            .iter()
            .map(|(name, level)| {
                FinalizedFeatureKey::default()
                    .with_name(StrBytes::from_string(name.to_string()))
                    .with_max_version_level(*level)
                    .with_min_version_level(*level)
            })
            .collect();
        response
            .with_supported_features(supported_features(context.version))
            .with_finalized_features_epoch(image.provenance.last_offset.get())
            .with_finalized_features(finalized)
    }
}

/// The reply to an ApiVersions request of a version that is too new: version 0, so that every client can read it,
/// with error 35 and the versions of this one API.
pub(crate) fn unsupported_version(correlation_id: i32) -> Reply {
    let own = table::APIS.iter().find(|api| api.key == medallion_wire::messages::ApiKey::ApiVersions);
    let response = ApiVersionsResponse::default()
        .with_error_code(ResponseError::UnsupportedVersion.code())
        .with_api_keys(own.map(describe).into_iter().collect());
    Reply::encode(&response, 0, correlation_id)
}

fn advertised(listener: ListenerKind) -> Vec<ApiVersion> {
    table::APIS.iter().filter(|api| api.is_served_on(listener)).map(describe).collect()
}

fn describe(api: &table::Api) -> ApiVersion {
    ApiVersion::default()
        .with_api_key(api.key as i16)
        .with_min_version(api.advertised_min)
        .with_max_version(api.max)
}

/// Features with a lower bound of 0 are left out below version 4, as old clients refuse them (KAFKA-17011).
fn supported_features(version: i16) -> Vec<SupportedFeatureKey> {
    let told = Feature::ALL.iter().filter(|feature| version >= 4 || feature.minimum() > 0);
    told.map(|feature| {
        SupportedFeatureKey::default()
            .with_name(StrBytes::from_static_str(feature.name()))
            .with_min_version(feature.minimum())
            .with_max_version(feature.maximum())
    })
    .collect()
}

/// Letters and digits, with dots and dashes within (KIP-511).
fn is_software_name(text: &str) -> bool {
    let ends = |c: char| c.is_ascii_alphanumeric();
    text.starts_with(ends) && text.ends_with(ends) && text.chars().all(|c| ends(c) || c == '-' || c == '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn software_names() {
        assert!(is_software_name("apache-kafka-java") && is_software_name("4.3.1") && is_software_name("a"));
        for bad in ["", "-a", "a-", "a b", "ä", "a\n"] {
            assert!(!is_software_name(bad), "{bad:?}");
        }
    }
}
