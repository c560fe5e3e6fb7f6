//! The types of settings' values, read from the text that stands in a properties file.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use medallion_wire::records::Compression;

/// A type that a setting can have.
pub(super) trait Value: Sized {
    /// What the reference calls the type.
    const TYPE: &'static str;

    /// Reads a trimmed text; the error says what was expected.
    fn parse(text: &str) -> Result<Self, String>;

    /// The text that [`Value::parse`] reads.
    fn text(&self) -> String;

    /// The number that a range is about: bytes, milliseconds or a count.
    fn number(&self) -> Option<i128> {
        None
    }

    /// Whether it must never be shown.
    fn is_secret() -> bool {
        false
    }
}

macro_rules! integers {
    ($($type:ty => $name:literal),*) => {$(
        impl Value for $type {
            const TYPE: &'static str = $name;

            fn parse(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_| format!("expected {}", $name))
            }

            fn text(&self) -> String {
                self.to_string()
            }

            fn number(&self) -> Option<i128> {
                i128::try_from(*self).ok()
            }
        }
    )*};
}

integers!(i32 => "an int", u32 => "a number", usize => "a number of bytes");

impl Value for bool {
    const TYPE: &'static str = "true or false";

    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(format!("expected {}", Self::TYPE)),
        }
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

impl Value for String {
    const TYPE: &'static str = "text";

    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn text(&self) -> String {
        self.clone()
    }
}

impl Value for PathBuf {
    const TYPE: &'static str = "a file";

    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.into())
    }

    fn text(&self) -> String {
        self.display().to_string()
    }
}

/// Milliseconds in files.
impl Value for Duration {
    const TYPE: &'static str = "milliseconds";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map(Self::from_millis).map_err(|_| format!("expected {}", Self::TYPE))
    }

    fn text(&self) -> String {
        self.as_millis().to_string()
    }

    fn number(&self) -> Option<i128> {
        i128::try_from(self.as_millis()).ok()
    }
}

impl<T: Value> Value for Option<T> {
    const TYPE: &'static str = T::TYPE;

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(None) } else { T::parse(text).map(Some) }
    }

    fn text(&self) -> String {
        self.as_ref().map(Value::text).unwrap_or_default()
    }

    fn number(&self) -> Option<i128> {
        self.as_ref().and_then(Value::number)
    }

    fn is_secret() -> bool {
        T::is_secret()
    }
}

impl Value for Vec<String> {
    const TYPE: &'static str = "a list with commas";

    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect())
    }

    fn text(&self) -> String {
        self.join(",")
    }
}

impl Value for Compression {
    const TYPE: &'static str = "none, gzip, snappy, lz4 or zstd";

    fn parse(text: &str) -> Result<Self, String> {
        Self::from_name(text).ok_or_else(|| format!("expected {}", Self::TYPE))
    }

    fn text(&self) -> String {
        self.name().to_owned()
    }
}

/// A text that is never shown: passwords, keys, tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Hides `text`.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[hidden]")
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl Value for Secret {
    const TYPE: &'static str = "a secret";

    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self::new(text))
    }

    fn text(&self) -> String {
        "[hidden]".to_owned()
    }

    fn is_secret() -> bool {
        true
    }
}

macro_rules! choices {
    ($(#[$doc:meta])* $name:ident = $type:literal { $($(#[$variant_doc:meta])* $variant:ident = $($text:literal)|+),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant),* }

        impl Value for $name {
            const TYPE: &'static str = $type;

            fn parse(text: &str) -> Result<Self, String> {
                $($(if text.eq_ignore_ascii_case($text) { return Ok(Self::$variant); })+)*
                Err(format!("expected {}", $type))
            }

            fn text(&self) -> String {
                match self { $(Self::$variant => [$($text),+][0].to_owned()),* }
            }
        }
    };
}

choices! {
    /// Who must have a record before it counts as written (`acks`).
    Acks = "all, 1 or 0" {
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
    SecurityProtocol = "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL" {
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
    SaslMechanism = "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER" {
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
    IsolationLevel = "read_uncommitted or read_committed" {
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
    GroupProtocol = "classic or consumer" {
        /// Members agree among themselves: the group's leader assigns partitions.
        Classic = "classic",
        /// The coordinator assigns partitions (KIP-848).
        Consumer = "consumer",
    }
}

choices! {
    /// The form of certificates and keys (`ssl.keystore.type`, `ssl.truststore.type`).
    StoreType = "PEM" {
        /// Text with `BEGIN CERTIFICATE` and `BEGIN PRIVATE KEY` (KIP-651). Java's own stores are not read.
        Pem = "PEM",
    }
}

choices! {
    /// Whether a broker's certificate must be for its host (`ssl.endpoint.identification.algorithm`).
    EndpointIdentification = "https, or nothing" {
        /// It must.
        Https = "https",
        /// Any certificate that is trusted will do.
        None = "" | "none",
    }
}

choices! {
    /// What to do when no known broker can be reached (`metadata.recovery.strategy`, KIP-899).
    RecoveryStrategy = "rebootstrap or none" {
        /// Begin again with `bootstrap.servers`.
        Rebootstrap = "rebootstrap",
        /// Go on with the brokers that were known last.
        None = "none",
    }
}
