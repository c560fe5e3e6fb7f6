//! Why settings are refused.

use std::sync::Arc;

/// A setting that is refused, by name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A name that does not exist.
    #[error("there is no setting {name}{}", nearest.map(|nearest| format!("; did you mean {nearest}?")).unwrap_or_default())]
    Unknown {
        /// The name given.
        name: Arc<str>,
        /// The existing name that is most like it.
        nearest: Option<&'static str>,
    },
    /// A setting of Confluent's serializers that does nothing here.
    #[error("{name} is not supported: {reason}")]
    Unsupported {
        /// The name given.
        name: Arc<str>,
        /// Why, and what to do instead.
        reason: &'static str,
    },
    /// A value that is not of the setting's type.
    #[error("{name}={value}: {expected}")]
    Invalid {
        /// The setting.
        name: &'static str,
        /// The value, unless it is a secret.
        value: Arc<str>,
        /// What is allowed.
        expected: Arc<str>,
    },
    /// Settings that do not go together, or one whose file or text cannot be used.
    #[error("{name}: {reason}")]
    Conflict {
        /// The setting to change.
        name: &'static str,
        /// What is wrong.
        reason: Arc<str>,
    },
}

impl ConfigError {
    pub(crate) fn conflict(name: &'static str, reason: impl Into<Arc<str>>) -> Self {
        Self::Conflict { name, reason: reason.into() }
    }
}
