//! PushTelemetry (API 72): a client's own metrics, which are shown beside ours (KIP-714).

use std::sync::Arc;

use medallion_wire::ResponseError;
use medallion_wire::messages::{PushTelemetryRequest, PushTelemetryResponse};

use super::context::{BrokerState, Handler, RequestContext};
use crate::telemetry::{Accepted, Push, Pushed};

/// The API.
pub(crate) struct PushTelemetry;

impl Handler for PushTelemetry {
    type Request = PushTelemetryRequest;

    fn error_codes(response: &PushTelemetryResponse) -> Vec<i16> {
        vec![response.error_code]
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: PushTelemetryRequest,
    ) -> PushTelemetryResponse {
        let outcome = push(&state, &context, request).await;
        PushTelemetryResponse::default().with_error_code(outcome.err().map_or(0, |error| error.code()))
    }
}

async fn push(
    state: &Arc<BrokerState>,
    context: &RequestContext,
    request: PushTelemetryRequest,
) -> Result<(), ResponseError> {
    let push = Push {
        client_instance_id: request.client_instance_id,
        subscription_id: request.subscription_id,
        is_terminating: request.terminating,
        compression: request.compression_type,
        size_bytes: request.metrics.len(),
    };
    let (size_bytes_max, series_max) = {
        let config = state.config.load();
        (usize::try_from(config.telemetry_max_bytes).unwrap_or(0), config.metrics_client_series_max)
    };
    let now_ms = state.monotonic_ms();
    let Accepted { compression, expiry_ms } = state.telemetry.push(&push, context, size_bytes_max, now_ms)?;
    if request.metrics.is_empty() {
        return Ok(());
    }
    let turn = state.telemetry.turn().await;
    let (state, client_id) = (Arc::clone(state), context.client_id.clone().unwrap_or_default());
    let taken = tokio::task::spawn_blocking(move || {
        let pushed = Pushed {
            id: request.client_instance_id,
            client_id: &client_id,
            metrics: &request.metrics,
            compression,
            size_bytes_max,
            expiry_ms,
            series_max,
        };
        let taken = state.telemetry.take(&pushed, now_ms);
        drop(turn);
        taken
    });
    taken.await.unwrap_or(Err(ResponseError::InvalidRecord))
}
