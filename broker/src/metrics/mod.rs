//! What the broker counts.

use std::time::Duration;

use medallion_wire::ResponseError;
use medallion_wire::messages::ApiKey;

/// All metrics of a broker.
#[derive(Debug, Default)]
pub(crate) struct Metrics {}

impl Metrics {
    /// A request was answered.
    pub(crate) fn request_done(
        &self,
        _api: ApiKey,
        _request_bytes: usize,
        _response_bytes: usize,
        _time: Duration,
    ) {
    }

    /// A partition's records were refused.
    pub(crate) fn produce_refused(&self, _topic: &str, _error: ResponseError) {}
}
