//! What can go wrong, and what it means for whoever asked.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use medallion_wire::messages::ApiKey;
use medallion_wire::{Offset, ResponseError, TopicPartition};

use crate::config::ConfigError;

/// An error of this client. It can be cloned, because all records of a failed batch share one.
///
/// [`Error::class`] says what to do about it; the variants say what happened, with the broker, topic, setting or partition.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting that is unknown, unsupported, malformed or out of its range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No connection could be opened.
    #[error("cannot reach {address}: {reason}")]
    Unreachable {
        /// `host:port`.
        address: Arc<str>,
        /// The system's reason.
        reason: Arc<io::Error>,
    },
    /// None of the known brokers and none of `bootstrap.servers` could be reached.
    #[error("no broker can be reached; the last one tried: {last}")]
    NoBroker {
        /// The error of the last attempt.
        last: Box<Error>,
    },
    /// An open connection broke; whether the request was carried out is unknown.
    #[error("the connection to {address} broke: {reason}")]
    Disconnected {
        /// `host:port`.
        address: Arc<str>,
        /// The system's reason, or the protocol's.
        reason: Arc<str>,
    },
    /// The broker did not answer within `request.timeout.ms`; whether the request was carried out is unknown.
    #[error("{address} did not answer {api:?} within {} ms", after.as_millis())]
    RequestTimeout {
        /// `host:port`.
        address: Arc<str>,
        /// What was asked.
        api: ApiKey,
        /// The setting's value.
        after: Duration,
    },
    /// TLS cannot be set up, or the peer's certificate is not trusted.
    #[error("TLS with {address}: {reason}")]
    Tls {
        /// `host:port`.
        address: Arc<str>,
        /// What is wrong.
        reason: Arc<str>,
    },
    /// The broker refused the credentials, or proved not to know them.
    #[error("{address} does not authenticate us by {mechanism}: {reason}")]
    Authentication {
        /// `host:port`.
        address: Arc<str>,
        /// The SASL mechanism.
        mechanism: Arc<str>,
        /// What it said.
        reason: Arc<str>,
    },
    /// The broker speaks no version of an API that this client speaks, or lacks a feature that is needed.
    #[error("{address} does not support {api:?} as needed here: we speak {ours}, it speaks {theirs}")]
    UnsupportedVersion {
        /// `host:port`.
        address: Arc<str>,
        /// The API.
        api: ApiKey,
        /// Our versions.
        ours: Arc<str>,
        /// Its versions.
        theirs: Arc<str>,
    },
    /// Bytes that are not what the protocol says, or a request that cannot be encoded.
    #[error("{what}: {reason}")]
    Malformed {
        /// What was read or written.
        what: Arc<str>,
        /// Why it cannot be.
        reason: Arc<str>,
    },
    /// A broker answered with an error code.
    #[error("{subject}: {code:?} ({}){}", code.code(), message.as_ref().map(|text| format!(": {text}")).unwrap_or_default())]
    Broker {
        /// Kafka's code.
        code: ResponseError,
        /// What the code is about: a topic, a partition, a resource.
        subject: Arc<str>,
        /// The broker's own words.
        message: Option<Arc<str>>,
    },
    /// The metadata of a topic did not come within `max.block.ms` or `default.api.timeout.ms`.
    #[error("no metadata of topic {topic} within {} ms{}", after.as_millis(), last.as_ref().map(|last| format!(": {last}")).unwrap_or_default())]
    MetadataTimeout {
        /// The topic.
        topic: Arc<str>,
        /// How long it was waited for.
        after: Duration,
        /// Why it did not come, if that is known.
        last: Option<Box<Error>>,
    },
    /// A partition that the topic does not have.
    #[error("{partition} does not exist: its topic has {count} partitions")]
    UnknownPartition {
        /// The partition asked for.
        partition: TopicPartition,
        /// How many there are.
        count: usize,
    },
    /// A record was not acknowledged within `delivery.timeout.ms`.
    #[error("records of {partition} were not acknowledged within {} ms (delivery.timeout.ms){}", after.as_millis(), last.as_ref().map(|last| format!("; the last attempt: {last}")).unwrap_or_default())]
    DeliveryTimeout {
        /// Where they were to go.
        partition: TopicPartition,
        /// The setting's value.
        after: Duration,
        /// How the last attempt failed.
        last: Option<Box<Error>>,
    },
    /// `buffer.memory` stayed full for `max.block.ms`.
    #[error("no room for a record in buffer.memory within {} ms (max.block.ms)", after.as_millis())]
    BufferFull {
        /// How long room was waited for.
        after: Duration,
    },
    /// A record that can never be sent.
    #[error("a record of {bytes} bytes is larger than the {bytes_max} of {setting}")]
    RecordTooLarge {
        /// What it takes in a batch of its own.
        bytes: usize,
        /// What is allowed.
        bytes_max: usize,
        /// Which setting says so.
        setting: &'static str,
    },
    /// There is nowhere to begin: `auto.offset.reset` is `none`, and no offset was given.
    #[error("no offset is known for {partition}, and auto.offset.reset is none")]
    NoOffset {
        /// The partition.
        partition: TopicPartition,
    },
    /// The records at a position are gone, or were never there; `auto.offset.reset` is `none`.
    #[error("{partition} has no offset {offset}, and auto.offset.reset is none")]
    OffsetOutOfRange {
        /// The partition.
        partition: TopicPartition,
        /// The offset.
        offset: Offset,
    },
    /// Records that were consumed are not in the log any more: a leader failed before others had them (KIP-320).
    #[error("{partition} was truncated below offset {offset}{}", diverging_offset.map(|at| format!(", from {at} on")).unwrap_or_default())]
    Truncated {
        /// The partition.
        partition: TopicPartition,
        /// Where the consumer stands.
        offset: Offset,
        /// The first offset that may hold another record now, where the leader knows it.
        diverging_offset: Option<Offset>,
    },
    /// No broker told a partition's offset within `default.api.timeout.ms`.
    #[error("no broker told where to begin in {partition} within {} ms (default.api.timeout.ms)", after.as_millis())]
    PositionTimeout {
        /// The partition.
        partition: TopicPartition,
        /// How long it was waited for.
        after: Duration,
    },
    /// A partition that the consumer is not assigned to.
    #[error("{partition} is not assigned to this consumer")]
    NotAssigned {
        /// The partition.
        partition: TopicPartition,
    },
    /// The client, the producer or the consumer is closed.
    #[error("the {what} is closed")]
    Closed {
        /// What is closed.
        what: &'static str,
    },
}

/// What an error means for whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// The same may succeed later. The client itself has retried as long as the settings allow.
    Retriable,
    /// This will not succeed as it is; others are not touched by it.
    Failed,
    /// The producer, consumer or client cannot go on: make a new one once the cause is gone.
    Fatal,
}

impl Error {
    /// What to do about it.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Unreachable { .. }
            | Self::NoBroker { .. }
            | Self::Disconnected { .. }
            | Self::RequestTimeout { .. }
            | Self::MetadataTimeout { .. }
            | Self::PositionTimeout { .. }
            | Self::DeliveryTimeout { .. }
            | Self::BufferFull { .. } => ErrorClass::Retriable,
            Self::Broker { code, .. } => class_of(*code),
            Self::Closed { .. } | Self::Authentication { .. } => ErrorClass::Fatal,
            Self::Config(_)
            | Self::Tls { .. }
            | Self::UnsupportedVersion { .. }
            | Self::Malformed { .. }
            | Self::UnknownPartition { .. }
            | Self::NoOffset { .. }
            | Self::OffsetOutOfRange { .. }
            | Self::Truncated { .. }
            | Self::NotAssigned { .. }
            | Self::RecordTooLarge { .. } => ErrorClass::Failed,
        }
    }

    /// Whether the same may succeed later.
    pub fn is_retriable(&self) -> bool {
        self.class() == ErrorClass::Retriable
    }

    /// Whether the producer, consumer or client cannot go on.
    pub fn is_fatal(&self) -> bool {
        self.class() == ErrorClass::Fatal
    }

    /// The broker's error code, where one answered with a code.
    pub fn code(&self) -> Option<ResponseError> {
        match self {
            Self::Broker { code, .. } => Some(*code),
            Self::NoBroker { last } => last.code(),
            Self::DeliveryTimeout { last, .. } | Self::MetadataTimeout { last, .. } => last.as_ref()?.code(),
            _ => None,
        }
    }

    /// An answer's `code`; `Ok` for 0.
    pub(crate) fn check(
        code: i16,
        subject: impl FnOnce() -> String,
        message: Option<&str>,
    ) -> Result<(), Self> {
        match ResponseError::try_from_code(code) {
            None => Ok(()),
            Some(code) => {
                Err(Self::Broker { code, subject: subject().into(), message: message.map(Arc::from) })
            }
        }
    }

    pub(crate) fn malformed(what: impl Into<Arc<str>>, reason: impl ToString) -> Self {
        Self::Malformed { what: what.into(), reason: reason.to_string().into() }
    }

    pub(crate) fn disconnected(address: &Arc<str>, reason: impl ToString) -> Self {
        Self::Disconnected { address: Arc::clone(address), reason: reason.to_string().into() }
    }

    /// Whether the request may have been carried out though no answer tells.
    pub(crate) fn is_outcome_unknown(&self) -> bool {
        match self {
            Self::Disconnected { .. } | Self::RequestTimeout { .. } => true,
            Self::Broker { code, .. } => {
                matches!(code, ResponseError::RequestTimedOut | ResponseError::NotEnoughReplicasAfterAppend)
            }
            _ => false,
        }
    }
}

/// Kafka's own table says which codes are retriable; those that end a client are few.
fn class_of(code: ResponseError) -> ErrorClass {
    match code {
        ResponseError::ProducerFenced
        | ResponseError::InvalidProducerEpoch
        | ResponseError::FencedInstanceId
        | ResponseError::ClusterAuthorizationFailed
        | ResponseError::TransactionalIdAuthorizationFailed
        | ResponseError::UnsupportedForMessageFormat => ErrorClass::Fatal,
        // A commit is tried again by the member that it is then, for what is still its own.
        ResponseError::RebalanceInProgress | ResponseError::StaleMemberEpoch => ErrorClass::Retriable,
        code if code.is_retriable() => ErrorClass::Retriable,
        _ => ErrorClass::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_fall_into_their_classes() {
        let of = |code: ResponseError| Error::check(code.code(), || "t-0".to_owned(), None).unwrap_err();
        assert!(of(ResponseError::NotLeaderOrFollower).is_retriable());
        assert!(of(ResponseError::ProducerFenced).is_fatal());
        assert_eq!(of(ResponseError::MessageTooLarge).class(), ErrorClass::Failed);
        assert!(Error::check(0, String::new, None).is_ok());
        assert!(of(ResponseError::RequestTimedOut).is_outcome_unknown());
        assert!(!of(ResponseError::NotLeaderOrFollower).is_outcome_unknown());
        assert_eq!(
            Error::check(3, || "trips".to_owned(), Some("no")).unwrap_err().to_string(),
            "trips: UnknownTopicOrPartition (3): no"
        );
    }

    #[test]
    fn errors_stay_small() {
        assert!(size_of::<Error>() <= 80, "{}", size_of::<Error>());
    }
}
