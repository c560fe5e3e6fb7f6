//! What can go wrong between this client and a broker, and what to do about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use medallion_client::{ConfigError, Error};
use medallion_wire::ResponseError;
use medallion_wire::messages::ApiKey;

/// An error of the client. [`ClientError::hint`] says what to do about it, where that is known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ClientError {
    /// No connection could be opened.
    #[error("cannot reach {address}: {}", io_reason(reason))]
    Unreachable { address: String, reason: io::Error },
    /// An open connection broke.
    #[error("the connection to {address} broke: {reason}")]
    ConnectionLost { address: String, reason: String },
    /// The broker did not answer in time.
    #[error("{address} did not answer {api:?} within {} s", after.as_secs())]
    Timeout { address: String, api: ApiKey, after: Duration },
    /// The broker does not speak a version of this request that the client speaks.
    #[error(
        "{address} does not support {api:?} in a version that this client speaks ({ours}; the broker: {theirs})"
    )]
    UnsupportedApi { address: String, api: ApiKey, ours: String, theirs: String },
    /// A request or response that cannot be encoded or decoded.
    #[error("{what}: {reason}")]
    Malformed { what: String, reason: String },
    /// The broker answered with an error code.
    #[error("{subject}: {}{}", code_name(*error), message.as_ref().map(|m| format!(": {m}")).unwrap_or_default())]
    Refused { subject: String, error: ResponseError, message: Option<String> },
    /// A `host:port` that is none.
    #[error("{address:?} is not an address of the form host:port")]
    Address { address: String },
    /// A topic that the cluster does not know.
    #[error("topic {topic} does not exist")]
    UnknownTopic { topic: String },
    /// A partition that the topic does not have.
    #[error("topic {topic} has no partition {partition}; it has {count} (0 to {})", count - 1)]
    UnknownPartition { topic: String, partition: i32, count: usize },
    /// An offset outside of what the log holds.
    #[error("offset {offset} of {topic}-{partition} is outside of its log, which has {start} to {end}")]
    OffsetOutOfRange { topic: String, partition: i32, offset: i64, start: i64, end: i64 },
    /// A setting of the client that is unknown, unsupported or wrong.
    #[error(transparent)]
    Setting(#[from] ConfigError),
    /// A file of the client's settings.
    #[error("cannot read {}: {reason}", path.display())]
    File { path: PathBuf, reason: String },
    /// What the client says in its own words.
    #[error(transparent)]
    Other(Error),
}

impl From<Error> for ClientError {
    fn from(error: Error) -> Self {
        match error {
            Error::Config(error) => Self::Setting(error),
            Error::Unreachable { address, reason } => {
                let reason = io::Error::new(reason.kind(), reason.to_string());
                Self::Unreachable { address: address.to_string(), reason }
            }
            Error::Disconnected { address, reason } => {
                Self::ConnectionLost { address: address.to_string(), reason: reason.to_string() }
            }
            Error::RequestTimeout { address, api, after } => {
                Self::Timeout { address: address.to_string(), api, after }
            }
            Error::UnsupportedVersion { address, api, ours, theirs } => Self::UnsupportedApi {
                address: address.to_string(),
                api,
                ours: ours.to_string(),
                theirs: theirs.to_string(),
            },
            Error::Malformed { what, reason } => {
                Self::Malformed { what: what.to_string(), reason: reason.to_string() }
            }
            Error::Broker { code, subject, message } => Self::Refused {
                subject: subject.to_string(),
                error: code,
                message: message.map(|message| message.to_string()),
            },
            Error::UnknownPartition { partition, count } => Self::UnknownPartition {
                topic: partition.topic.to_string(),
                partition: partition.partition.get(),
                count,
            },
            // What was tried again and again failed for this.
            Error::NoBroker { last }
            | Error::DeliveryTimeout { last: Some(last), .. }
            | Error::MetadataTimeout { last: Some(last), .. } => (*last).into(),
            other => Self::Other(other),
        }
    }
}

impl ClientError {
    /// The same, where a broker has refused something with what that was.
    pub(super) fn about(error: Error, subject: String) -> Self {
        match error.into() {
            Self::Refused { error, message, .. } => Self::Refused { subject, error, message },
            other => other,
        }
    }

    /// Whether what was typed makes no sense.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(self, Self::Address { .. } | Self::Setting(_) | Self::File { .. })
    }

    /// Whether the cluster could not be reached at all.
    pub(crate) fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::ConnectionLost { .. } | Self::Timeout { .. })
    }

    /// What a user can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Other(Error::Authentication { .. }) => {
                Some("--client-config FILE or --client-set NAME=VALUE give sasl.username and what else it needs".to_owned())
            }
            Self::Other(Error::Tls { .. }) => {
                Some("ssl.truststore.location (PEM) names who is trusted: --client-set ssl.truststore.location=FILE".to_owned())
            }
            Self::Unreachable { .. } => Some(
                "is the broker running? start one with `medallion up`, or name another with --bootstrap-server"
                    .to_owned(),
            ),
            Self::ConnectionLost { .. } | Self::Malformed { .. } => Some(
                "does a Kafka broker listen there? for TLS or SASL set security.protocol by --client-config or --client-set"
                    .to_owned(),
            ),
            Self::UnknownTopic { topic } => {
                Some(format!("`medallion topic list` shows what is there; `medallion topic create {topic}` makes it"))
            }
            Self::OffsetOutOfRange { .. } => Some("use --from beginning, or an offset in that range".to_owned()),
            Self::Refused { error, .. } => refusal_hint(*error).map(str::to_owned),
            _ => None,
        }
    }
}

fn refusal_hint(error: ResponseError) -> Option<&'static str> {
    match error {
        ResponseError::UnknownTopicOrPartition => Some("`medallion topic list` shows what is there"),
        ResponseError::TopicAlreadyExists => Some("pass --if-not-exists when that is fine"),
        ResponseError::InvalidReplicationFactor => {
            Some("a cluster of one broker takes --replication-factor 1")
        }
        ResponseError::MessageTooLarge => {
            Some("raise max.message.bytes: `medallion config set topic/NAME max.message.bytes=...`")
        }
        ResponseError::SaslAuthenticationFailed | ResponseError::IllegalSaslState => {
            Some("set security.protocol and sasl.* by --client-config or --client-set")
        }
        ResponseError::KafkaStorageError => {
            Some("the disk is full or damaged there; the broker's log names the file")
        }
        _ => None,
    }
}

/// What the operating system says, in small letters and without its number.
pub(super) fn io_reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset => "connection reset by the other side".to_owned(),
        io::ErrorKind::UnexpectedEof => "closed by the other side".to_owned(),
        io::ErrorKind::TimedOut => "no answer in time".to_owned(),
        _ => error.to_string(),
    }
}

/// Kafka's name of an error, such as `UNKNOWN_TOPIC_OR_PARTITION`.
pub(crate) fn code_name(error: ResponseError) -> String {
    if let ResponseError::Unknown(code) = error {
        return format!("error {code}");
    }
    let mut name = String::new();
    for character in error.to_string().chars() {
        if character.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(character.to_ascii_uppercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_carry_kafkas_names() {
        assert_eq!(code_name(ResponseError::UnknownTopicOrPartition), "UNKNOWN_TOPIC_OR_PARTITION");
        assert_eq!(code_name(ResponseError::Unknown(9999)), "error 9999");
    }

    #[test]
    fn a_refused_connection_says_what_to_do() {
        let reason = io::Error::from(io::ErrorKind::ConnectionRefused);
        let error = ClientError::Unreachable { address: "127.0.0.1:9092".to_owned(), reason };
        assert_eq!(error.to_string(), "cannot reach 127.0.0.1:9092: connection refused");
        assert!(error.hint().is_some_and(|hint| hint.contains("medallion up")));
        assert!(error.is_unreachable());
    }

    #[test]
    fn refusals_are_told_with_what_was_refused() {
        let error = Error::Broker {
            code: ResponseError::TopicAlreadyExists,
            subject: "a".into(),
            message: Some("it is there".into()),
        };
        let error = ClientError::about(error, "topic a".to_owned());
        assert_eq!(error.to_string(), "topic a: TOPIC_ALREADY_EXISTS: it is there");
    }
}
