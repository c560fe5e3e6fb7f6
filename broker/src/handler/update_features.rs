//! UpdateFeatures (API 57): finalized feature levels (KIP-584).

use std::sync::Arc;

use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::{UpdateFeaturesRequest, UpdateFeaturesResponse};

use super::authorize::Operation;
use super::context::{BrokerState, Handler, RequestContext};

/// The last version whose responses tell of each feature: all change, or none.
const RESULTS_MAX: i16 = 1;

/// The API.
pub(crate) struct UpdateFeatures;

impl Handler for UpdateFeatures {
    type Request = UpdateFeaturesRequest;

    fn error_codes(response: &UpdateFeaturesResponse) -> Vec<i16> {
        let features = response.results.iter().map(|feature| feature.error_code);
        features.chain([response.error_code]).collect()
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: UpdateFeaturesRequest,
    ) -> UpdateFeaturesResponse {
        if let Err(error) = state.authorize_cluster(&context, Operation::Alter) {
            return UpdateFeaturesResponse::default().with_error_code(error.code());
        }
        let mut response = state.controller.update_features(request).await.unwrap_or_else(|error| {
            UpdateFeaturesResponse::default()
                .with_error_code(error.code())
                .with_error_message(error.message.map(StrBytes::from_string))
        });
        if context.version > RESULTS_MAX {
            response.results.clear();
        }
        response
    }
}
