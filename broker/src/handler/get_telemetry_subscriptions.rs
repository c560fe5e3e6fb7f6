//! GetTelemetrySubscriptions (API 71): what a client is asked to push (KIP-714).

use std::sync::Arc;

use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::{GetTelemetrySubscriptionsRequest, GetTelemetrySubscriptionsResponse};
use medallion_wire::records::Compression;

use super::context::{BrokerState, Handler, RequestContext};
use crate::telemetry::Told;

/// How pushes may be compressed, what is liked best first.
const ACCEPTED: [Compression; 4] =
    [Compression::Zstd, Compression::Lz4, Compression::Gzip, Compression::Snappy];

/// The API.
pub(crate) struct GetTelemetrySubscriptions;

impl Handler for GetTelemetrySubscriptions {
    type Request = GetTelemetrySubscriptionsRequest;

    fn error_codes(response: &GetTelemetrySubscriptionsResponse) -> Vec<i16> {
        vec![response.error_code]
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: GetTelemetrySubscriptionsRequest,
    ) -> GetTelemetrySubscriptionsResponse {
        let now_ms = state.monotonic_ms();
        match state.telemetry.get(request.client_instance_id, &context, now_ms) {
            Ok(told) => answer(told, state.config.load().telemetry_max_bytes),
            Err(error) => GetTelemetrySubscriptionsResponse::default().with_error_code(error.code()),
        }
    }
}

fn answer(told: Told, bytes_max: i32) -> GetTelemetrySubscriptionsResponse {
    GetTelemetrySubscriptionsResponse::default()
        .with_client_instance_id(told.client_instance_id)
        .with_subscription_id(told.subscription_id)
        .with_accepted_compression_types(ACCEPTED.iter().map(|codec| codec.code().cast_signed()).collect())
        .with_push_interval_ms(told.interval_ms)
        .with_telemetry_max_bytes(bytes_max)
        .with_delta_temporality(true)
        .with_requested_metrics(told.metrics.into_iter().map(StrBytes::from_string).collect())
}
