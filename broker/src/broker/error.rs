//! Why a broker did not start.

use crate::config::ConfigErrors;
use crate::controller::{ApiError, MetadataError};
use crate::storage::StorageError;

/// Why a broker did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Settings are wrong.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// A directory of `log.dirs` cannot be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The metadata cannot be used.
    #[error("{0}")]
    Metadata(String),
    /// The operating system refused.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A host name in a listener names no address.
    #[error("listener {listener}: no address is known for its host")]
    NoAddress {
        /// The listener as it was given.
        listener: String,
    },
    /// The controller refused the broker.
    #[error("the controller refuses this broker: {0}")]
    Refused(String),
}

impl From<MetadataError> for StartError {
    fn from(error: MetadataError) -> Self {
        Self::Metadata(chain(&error))
    }
}

impl From<ApiError> for StartError {
    fn from(error: ApiError) -> Self {
        Self::Refused(format!("{:?} {error}", error.error))
    }
}

/// An error with its causes, in a line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}
