//! The types of settings' values, read from the text that stands in a properties file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::subject::SubjectNameStrategy;

/// A type that a setting can have.
pub(super) trait Value: Sized {
    /// What the reference calls the type.
    const TYPE: &'static str;

    /// Reads a trimmed text; the error says what was expected.
    fn parse(text: &str) -> Result<Self, String>;

    /// The text that [`Value::parse`] reads.
    fn text(&self) -> String;

    /// Whether it must never be shown.
    fn is_secret() -> bool {
        false
    }
}

fn expected<T: Value>() -> String {
    format!("expected {}", T::TYPE)
}

macro_rules! integers {
    ($($type:ty => $name:literal),*) => {$(
        impl Value for $type {
            const TYPE: &'static str = $name;

            fn parse(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_| expected::<Self>())
            }

            fn text(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

integers!(i32 => "an int", u32 => "a number from 0", usize => "a number from 0", Uuid => "a GUID");

impl Value for bool {
    const TYPE: &'static str = "true or false";

    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(expected::<Self>()),
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
        text.parse().map(Self::from_millis).map_err(|_| expected::<Self>())
    }

    fn text(&self) -> String {
        self.as_millis().to_string()
    }
}

/// How long an answer about a latest version is believed: for ever, or for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheTtl(pub Option<Duration>);

impl Value for CacheTtl {
    const TYPE: &'static str = "seconds, or -1 for ever";

    fn parse(text: &str) -> Result<Self, String> {
        match text.parse::<i64>().map(u64::try_from) {
            Ok(Ok(seconds)) => Ok(Self(Some(Duration::from_secs(seconds)))),
            Ok(Err(_)) if text == "-1" => Ok(Self(None)),
            _ => Err(expected::<Self>()),
        }
    }

    fn text(&self) -> String {
        self.0.map_or_else(|| "-1".to_owned(), |ttl| ttl.as_secs().to_string())
    }
}

impl From<Duration> for CacheTtl {
    fn from(ttl: Duration) -> Self {
        Self(Some(ttl))
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

/// Names with values: `application.version=v1,team=rides`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties(pub BTreeMap<String, String>);

impl Value for Properties {
    const TYPE: &'static str = "name=value, with commas between several";

    fn parse(text: &str) -> Result<Self, String> {
        let mut found = BTreeMap::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or_else(expected::<Self>)?;
            found.insert(name.trim().to_owned(), value.trim().to_owned());
        }
        Ok(Self(found))
    }

    fn text(&self) -> String {
        let parts: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        parts.join(",")
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

/// The last part of the name of a Java class: those of Confluent are known by it.
fn class_name(text: &str) -> &str {
    text.rsplit('.').next().unwrap_or(text)
}

macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident as $type_name:literal { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant),* }

        impl Value for $name {
            const TYPE: &'static str = $type_name;

            fn parse(text: &str) -> Result<Self, String> {
                match class_name(text) {
                    $($text => Ok(Self::$variant),)*
                    _ => Err(expected::<Self>()),
                }
            }

            fn text(&self) -> String {
                match self { $(Self::$variant => $text),* }.to_owned()
            }
        }
    )*};
}

choices! {
    /// Where the name and password for HTTP's basic authentication come from.
    BasicCredentials as "URL or USER_INFO" {
        /// From the URL: `http://name:password@host`.
        Url = "URL",
        /// From `basic.auth.user.info`.
        UserInfo = "USER_INFO"
    }
    /// Where the bearer token comes from.
    BearerCredentials as "STATIC_TOKEN" {
        /// From `bearer.auth.token`.
        StaticToken = "STATIC_TOKEN"
    }
    /// The form of certificates and keys.
    StoreType as "PEM" {
        /// Text, as `openssl` writes it.
        Pem = "PEM"
    }
    /// Whether the server's certificate must be of its host.
    EndpointIdentification as "https, or nothing" {
        /// It must.
        Https = "https",
        /// Any host will do.
        None = ""
    }
    /// Where a serializer puts the id of the schema.
    IdSerializer as "PrefixSchemaIdSerializer or HeaderSchemaIdSerializer" {
        /// The id, before the value.
        Prefix = "PrefixSchemaIdSerializer",
        /// The GUID, in a header of the record.
        Header = "HeaderSchemaIdSerializer"
    }
    /// Where a deserializer looks for the id of the schema.
    IdDeserializer as "DualSchemaIdDeserializer or PrefixSchemaIdDeserializer" {
        /// In the header, else before the value.
        Dual = "DualSchemaIdDeserializer",
        /// Before the value.
        Prefix = "PrefixSchemaIdDeserializer"
    }
}

impl Value for SubjectNameStrategy {
    const TYPE: &'static str = "TopicNameStrategy, RecordNameStrategy or TopicRecordNameStrategy";

    fn parse(text: &str) -> Result<Self, String> {
        match class_name(text) {
            "TopicNameStrategy" => Ok(Self::TopicName),
            "RecordNameStrategy" => Ok(Self::RecordName),
            "TopicRecordNameStrategy" => Ok(Self::TopicRecordName),
            _ => Err(expected::<Self>()),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::TopicName => "TopicNameStrategy",
            Self::RecordName => "RecordNameStrategy",
            Self::TopicRecordName => "TopicRecordNameStrategy",
        }
        .to_owned()
    }
}
