//! The operators' port: `/metrics` for Prometheus, `/health/live` and `/health/ready`.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

/// What the port shows.
pub(crate) trait Observed: Send + Sync + 'static {
    /// The metrics in Prometheus' text format.
    fn metrics(&self) -> String;
    /// `Ok` once requests are served; otherwise what is missing, in one line.
    ///
    /// # Errors
    /// What is missing.
    fn ready(&self) -> Result<(), String>;
}

/// The text format's media type.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Serves until `shutdown` is done.
///
/// # Errors
/// What the socket says.
pub(crate) async fn serve(
    listener: TcpListener,
    observed: Arc<dyn Observed>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router(observed)).with_graceful_shutdown(shutdown).await
}

fn router(observed: Arc<dyn Observed>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/health/live", get(|| async { "live\n" }))
        .route("/health/ready", get(ready))
        .with_state(observed)
}

async fn metrics(State(observed): State<Arc<dyn Observed>>) -> Response {
    // Disks and /proc are asked, which may take long.
    match tokio::task::spawn_blocking(move || observed.metrics()).await {
        Ok(page) => ([(header::CONTENT_TYPE, TEXT_FORMAT)], page).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn ready(State(observed): State<Arc<dyn Observed>>) -> impl IntoResponse {
    match observed.ready() {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(missing) => (StatusCode::SERVICE_UNAVAILABLE, format!("{missing}\n")),
    }
}
