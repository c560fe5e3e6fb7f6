//! Resources that carry dynamic configs.

use std::fmt;
use std::sync::Arc;

/// The kind of a resource, with Kafka's number (`ConfigResource.Type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum ResourceType {
    /// A topic.
    Topic = 2,
    /// A broker by id, or all of them (the empty name).
    Broker = 4,
    /// A broker's loggers.
    BrokerLogger = 8,
    /// A client metrics subscription (KIP-714).
    ClientMetrics = 16,
    /// A group (KIP-848).
    Group = 32,
}

impl ResourceType {
    /// The kind with Kafka's number `code`.
    pub(crate) fn from_code(code: i8) -> Option<Self> {
        Some(match code {
            2 => Self::Topic,
            4 => Self::Broker,
            8 => Self::BrokerLogger,
            16 => Self::ClientMetrics,
            32 => Self::Group,
            _ => return None,
        })
    }

    /// Kafka's number of this kind.
    pub(crate) fn code(self) -> i8 {
        match self {
            Self::Topic => 2,
            Self::Broker => 4,
            Self::BrokerLogger => 8,
            Self::ClientMetrics => 16,
            Self::Group => 32,
        }
    }
}

/// What a dynamic config belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ConfigResource {
    /// The kind.
    pub(crate) kind: ResourceType,
    /// The name; empty for the default of all brokers.
    pub(crate) name: Arc<str>,
}

impl ConfigResource {
    /// The resource `name` of a kind.
    pub(crate) fn new(kind: ResourceType, name: impl Into<Arc<str>>) -> Self {
        Self { kind, name: name.into() }
    }
}

impl fmt::Display for ConfigResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.kind, self.name)
    }
}
