//! The types of settings' values that are Kafka's.

use medallion_settings::{Value, choices};
use medallion_wire::records::Compression;

/// The codec of batches, as `compression.type` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompressionType(pub Compression);

impl From<Compression> for CompressionType {
    fn from(codec: Compression) -> Self {
        Self(codec)
    }
}

impl Value for CompressionType {
    const TYPE: &'static str = "none, gzip, snappy, lz4 or zstd";

    fn parse(text: &str) -> Result<Self, String> {
        Compression::from_name(text).map(Self).ok_or_else(Self::expected)
    }

    fn text(&self) -> String {
        self.0.name().to_owned()
    }
}

choices! {
    /// Who must have a record before it counts as written (`acks`).
    pub enum Acks as "all, 1 or 0" {
        /// All in-sync replicas.
        All = "all" | "-1",
        /// The leader alone.
        Leader = "1",
        /// Nobody: the broker does not answer, and nothing is known of the record.
        None = "0",
    }
}

impl Acks {
    /// The number on the wire.
    pub(crate) const fn code(self) -> i16 {
        match self {
            Self::All => -1,
            Self::Leader => 1,
            Self::None => 0,
        }
    }
}

choices! {
    /// How connections are protected and authenticated (`security.protocol`).
    pub enum SecurityProtocol as "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL" {
        /// Neither.
        Plaintext = "PLAINTEXT",
        /// TLS, with our certificate where there is one.
        Ssl = "SSL",
        /// SASL without encryption.
        SaslPlaintext = "SASL_PLAINTEXT",
        /// SASL within TLS.
        SaslSsl = "SASL_SSL",
    }
}

impl SecurityProtocol {
    /// Whether there is TLS.
    pub const fn has_tls(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    /// Whether there is SASL.
    pub const fn has_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }
}

choices! {
    /// How a client proves who it is (`sasl.mechanism`).
    pub enum SaslMechanism as "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER" {
        /// Name and password as they are (RFC 4616): only within TLS.
        Plain = "PLAIN",
        /// RFC 7677.
        ScramSha256 = "SCRAM-SHA-256",
        /// The same with SHA-512.
        ScramSha512 = "SCRAM-SHA-512",
        /// A bearer token (RFC 7628).
        OauthBearer = "OAUTHBEARER",
    }
}

impl SaslMechanism {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
            Self::OauthBearer => "OAUTHBEARER",
        }
    }
}

choices! {
    /// Which records of transactions a consumer sees (`isolation.level`).
    pub enum IsolationLevel as "read_uncommitted or read_committed" {
        /// All of them.
        ReadUncommitted = "read_uncommitted",
        /// Those of committed transactions, up to the first that is still open.
        ReadCommitted = "read_committed",
    }
}

impl IsolationLevel {
    /// The number on the wire.
    pub(crate) const fn code(self) -> i8 {
        match self {
            Self::ReadUncommitted => 0,
            Self::ReadCommitted => 1,
        }
    }
}

choices! {
    /// How a consumer is a member of its group (`group.protocol`).
    pub enum GroupProtocol as "classic or consumer" {
        /// Members agree among themselves: the group's leader assigns partitions.
        Classic = "classic",
        /// The coordinator assigns partitions (KIP-848).
        Consumer = "consumer",
    }
}

choices! {
    /// What to do when no known broker can be reached (`metadata.recovery.strategy`, KIP-899).
    pub enum RecoveryStrategy as "rebootstrap or none" {
        /// Begin again with `bootstrap.servers`.
        Rebootstrap = "rebootstrap",
        /// Go on with the brokers that were known last.
        None = "none",
    }
}
