//! What operators ask, beside the API: health and metrics.

use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use super::app::App;
use crate::topic::Leadership;

/// The text format's media type.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The answer, where the address is one of these. They need no authentication.
pub(super) fn answer(app: &App, method: &Method, path: &str) -> Option<Response> {
    if method != Method::GET && method != Method::HEAD {
        return None;
    }
    Some(match path {
        "/health/live" => "live\n".into_response(),
        "/health/ready" | "/_health" => match app.reader.problem() {
            None => "ready\n".into_response(),
            Some(problem) => (StatusCode::SERVICE_UNAVAILABLE, format!("{problem}\n")).into_response(),
        },
        "/metrics" => {
            app.metrics.update(app);
            ([(header::CONTENT_TYPE, TEXT_FORMAT)], app.metrics.text()).into_response()
        }
        _ => return None,
    })
}

impl App {
    /// Whether this instance writes.
    pub(crate) fn is_leader(&self) -> bool {
        match *self.leadership.borrow() {
            Leadership::Here { until, .. } => until.is_none_or(|until| Instant::now() < until),
            Leadership::At(_) | Leadership::Unknown => false,
        }
    }
}
