//! Why a registry did not do what it was asked for.

use std::sync::Arc;

/// A refusal, or a registry that cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The registry refuses.
    #[error("{request}: {message} (error code {error_code})")]
    Refused {
        /// Method and path.
        request: Arc<str>,
        /// The status of HTTP.
        status: u16,
        /// Confluent's code, such as 40401 for a subject that does not exist; the status where the answer has none.
        error_code: i32,
        /// The registry's words.
        message: Arc<str>,
    },
    /// No URL answered.
    #[error("{request}: {url} does not answer: {reason}")]
    Unreachable {
        /// Method and path.
        request: Arc<str>,
        /// The URL that was tried last.
        url: Arc<str>,
        /// What happened to it.
        reason: Arc<str>,
    },
    /// An answer that cannot be understood.
    #[error("{request}: the answer of {url} is not that of a schema registry: {reason}")]
    Answer {
        /// Method and path.
        request: Arc<str>,
        /// Who answered.
        url: Arc<str>,
        /// What is wrong with it.
        reason: Arc<str>,
    },
    /// The registry knows no GUIDs, and the id goes into a header.
    #[error("{subject}: the registry gives no GUID, which HeaderSchemaIdSerializer needs")]
    NoGuid {
        /// The subject.
        subject: Arc<str>,
    },
}

impl RegistryError {
    /// Confluent's code, where the registry refused.
    pub fn error_code(&self) -> Option<i32> {
        match self {
            Self::Refused { error_code, .. } => Some(*error_code),
            _ => None,
        }
    }

    /// Whether what was asked for does not exist: a subject, a version, a schema, a setting.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// Whether the schema breaks the subject's compatibility.
    pub fn is_incompatible(&self) -> bool {
        matches!(self, Self::Refused { status: 409, .. })
    }

    /// Whether the same request may be answered later.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Refused { status, .. } => matches!(status, 408 | 429 | 500 | 502 | 503 | 504),
            Self::Unreachable { .. } => true,
            Self::Answer { .. } | Self::NoGuid { .. } => false,
        }
    }
}
