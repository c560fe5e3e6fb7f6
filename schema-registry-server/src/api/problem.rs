//! What goes wrong, as clients are told.

use axum::http::{Method, StatusCode};
use medallion_schema_registry::Refusal;
use medallion_schema_registry::json::Json;

/// A reply that is no success: `{"error_code":40401,"message":"..."}`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({code})")]
pub struct Problem {
    /// Confluent's `error_code`; its first three digits are the HTTP status.
    pub code: i32,
    /// The text.
    pub message: String,
    /// The methods that the address has, where it does not have the one that was used (405).
    pub allowed: &'static [Method],
}

impl Problem {
    /// A problem with a code of three digits (HTTP's own) or five.
    pub fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), allowed: &[] }
    }

    /// No such path.
    pub fn not_found() -> Self {
        Self::new(404, "HTTP 404 Not Found")
    }

    /// The path is there, the method is not.
    pub fn method_not_allowed(method: &Method, allowed: &'static [Method]) -> Self {
        Self { allowed, ..Self::new(405, format!("HTTP 405 Method Not Allowed: {method}")) }
    }

    /// Too much is under way; whoever asks may try again.
    pub fn busy(message: impl Into<String>) -> Self {
        Self::new(503, message)
    }

    /// The store could not be written.
    pub fn store(message: impl Into<String>) -> Self {
        Self::new(50_001, message)
    }

    /// Whether the write is in the store cannot be said.
    pub fn timeout(message: impl Into<String>) -> Self {
        Self::new(50_002, message)
    }

    /// The instance that writes did not answer.
    pub fn forwarding(message: impl Into<String>) -> Self {
        Self::new(50_003, message)
    }

    /// Nobody writes now.
    pub fn unknown_leader(message: impl Into<String>) -> Self {
        Self::new(50_004, message)
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        let status = if self.code < 1000 { self.code } else { self.code / 100 };
        u16::try_from(status)
            .ok()
            .and_then(|status| StatusCode::from_u16(status).ok())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The body.
    pub fn body(&self) -> Json {
        [("error_code".to_owned(), Json::from(self.code)), ("message".to_owned(), Json::from(&*self.message))]
            .into_iter()
            .collect()
    }
}

/// Confluent adds its code to most messages (`SchemaRegistryException`), but not to these texts, which are complete.
impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.code(), refusal.to_string())
    }
}
