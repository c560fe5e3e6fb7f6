//! A refusal with Kafka's code.

use medallion_wire::ResponseError;

/// Why a command, or a part of it, is refused: Kafka's error code and the message that goes with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.message.as_deref().unwrap_or_default())]
pub(crate) struct ApiError {
    /// Kafka's error.
    pub(crate) error: ResponseError,
    /// What the client is told besides; `None` leaves it to the code.
    pub(crate) message: Option<String>,
}

impl ApiError {
    /// An error with its own message.
    pub(crate) fn new(error: ResponseError, message: impl Into<String>) -> Self {
        Self { error, message: Some(message.into()) }
    }

    /// An error that its code explains.
    pub(crate) fn bare(error: ResponseError) -> Self {
        Self { error, message: None }
    }

    /// An error with the message that Kafka keeps for its code.
    pub(crate) fn with_default_message(error: ResponseError) -> Self {
        Self { error, message: default_message(error).map(str::to_owned) }
    }

    /// A request that asks for more than one batch of the metadata log holds.
    pub(crate) fn too_large() -> Self {
        Self::new(ResponseError::PolicyViolation, "Unable to perform excessively large batch operation.")
    }

    /// The code on the wire.
    pub(crate) fn code(&self) -> i16 {
        self.error.code()
    }
}

/// Kafka's texts for the errors that it sends with their own text.
fn default_message(error: ResponseError) -> Option<&'static str> {
    Some(match error {
        ResponseError::UnknownTopicId => "This server does not host this topic ID.",
        ResponseError::UnknownTopicOrPartition => "This server does not host this topic-partition.",
        ResponseError::ElectionNotNeeded => "Leader election not needed for topic partition.",
        ResponseError::ThrottlingQuotaExceeded => "The throttling quota has been exceeded.",
        ResponseError::PreferredLeaderNotAvailable => "The preferred leader was not available.",
        ResponseError::InvalidRequest => {
            "This most likely occurs because of a request being malformed by the client library or the message was sent \
             to an incompatible broker. See the broker logs for more details."
        }
        ResponseError::CoordinatorNotAvailable => "The coordinator is not available.",
        ResponseError::TopicAuthorizationFailed => "Topic authorization failed.",
        ResponseError::GroupAuthorizationFailed => "Group authorization failed.",
        ResponseError::TransactionalIdAuthorizationFailed => "Transactional Id authorization failed.",
        ResponseError::EligibleLeadersNotAvailable => "Eligible topic partition leaders are not available.",
        _ => return None,
    })
}
