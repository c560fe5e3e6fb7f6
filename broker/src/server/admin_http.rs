//! The operators' port: `/metrics` for Prometheus, `/health/live` and `/health/ready`, and what `/admin` tells as JSON.

use std::future::Future;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio::net::TcpListener;

use crate::observed::RebalancesAnswer;

/// What the port shows.
pub(crate) trait Observed: Send + Sync + 'static {
    /// The metrics in Prometheus' text format; `None` where that went wrong.
    fn metrics(self: Arc<Self>) -> impl Future<Output = Option<String>> + Send;
    /// `Ok` once requests are served; otherwise what is missing, in one line.
    ///
    /// # Errors
    /// What is missing.
    fn ready(&self) -> Result<(), String>;
    /// The rebalances of all groups.
    fn rebalances(&self) -> RebalancesAnswer;
    /// The rebalances of one group.
    ///
    /// # Errors
    /// [`AdminError`]
    fn rebalances_of(&self, group: &str)
    -> impl Future<Output = Result<RebalancesAnswer, AdminError>> + Send;
}

/// Why `/admin` has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AdminError {
    /// What is asked for is not there.
    #[error("{0}")]
    NotFound(String),
    /// It may be there a little later.
    #[error("{0}")]
    NotReady(String),
}

impl IntoResponse for AdminError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::NotReady(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, Json(json!({ "error": self.to_string() }))).into_response()
    }
}

/// The text format's media type.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Serves until `shutdown` is done.
///
/// # Errors
/// What the socket says.
pub(crate) async fn serve<O: Observed>(
    listener: TcpListener,
    observed: Arc<O>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router(observed)).with_graceful_shutdown(shutdown).await
}

fn router<O: Observed>(observed: Arc<O>) -> Router {
    Router::new()
        .route("/metrics", get(metrics::<O>))
        .route("/health/live", get(|| async { "live\n" }))
        .route("/health/ready", get(ready::<O>))
        .route("/admin/rebalances", get(rebalances::<O>))
        .route("/admin/groups/{group}/rebalances", get(rebalances_of::<O>))
        .with_state(observed)
}

async fn metrics<O: Observed>(State(observed): State<Arc<O>>) -> Response {
    match observed.metrics().await {
        Some(page) => ([(header::CONTENT_TYPE, TEXT_FORMAT)], page).into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn ready<O: Observed>(State(observed): State<Arc<O>>) -> impl IntoResponse {
    match observed.ready() {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(missing) => (StatusCode::SERVICE_UNAVAILABLE, format!("{missing}\n")),
    }
}

async fn rebalances<O: Observed>(State(observed): State<Arc<O>>) -> Json<RebalancesAnswer> {
    Json(observed.rebalances())
}

async fn rebalances_of<O: Observed>(
    State(observed): State<Arc<O>>,
    Path(group): Path<String>,
) -> Result<Json<RebalancesAnswer>, AdminError> {
    observed.rebalances_of(&group).await.map(Json)
}
