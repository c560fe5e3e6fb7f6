//! The types of settings' values that are Confluent's.

use std::collections::BTreeMap;
use std::time::Duration;

use medallion_settings::{Value, choices};

use crate::subject::SubjectNameStrategy;

/// How long an answer about a latest version is believed: for ever, or for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheTtl(pub Option<Duration>);

impl Value for CacheTtl {
    const TYPE: &'static str = "seconds, or -1 for ever";

    fn parse(text: &str) -> Result<Self, String> {
        match text.parse::<i64>().map(u64::try_from) {
            Ok(Ok(seconds)) => Ok(Self(Some(Duration::from_secs(seconds)))),
            Ok(Err(_)) if text == "-1" => Ok(Self(None)),
            _ => Err(Self::expected()),
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

/// Names with values: `application.version=v1,team=rides`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties(pub BTreeMap<String, String>);

impl Value for Properties {
    const TYPE: &'static str = "name=value, with commas between several";

    fn parse(text: &str) -> Result<Self, String> {
        let mut found = BTreeMap::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or_else(Self::expected)?;
            found.insert(name.trim().to_owned(), value.trim().to_owned());
        }
        Ok(Self(found))
    }

    fn text(&self) -> String {
        let parts: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        parts.join(",")
    }
}

choices! {
    /// Where the name and password for HTTP's basic authentication come from.
    pub enum BasicCredentials as "URL or USER_INFO" {
        /// From the URL: `http://name:password@host`.
        Url = "URL",
        /// From `basic.auth.user.info`.
        UserInfo = "USER_INFO"
    }
    /// Where the bearer token comes from.
    pub enum BearerCredentials as "STATIC_TOKEN" {
        /// From `bearer.auth.token`.
        StaticToken = "STATIC_TOKEN"
    }
    /// Where a serializer puts the id of the schema.
    pub enum IdSerializer as "PrefixSchemaIdSerializer or HeaderSchemaIdSerializer" by class {
        /// The id, before the value.
        Prefix = "PrefixSchemaIdSerializer",
        /// The GUID, in a header of the record.
        Header = "HeaderSchemaIdSerializer"
    }
    /// Where a deserializer looks for the id of the schema.
    pub enum IdDeserializer as "DualSchemaIdDeserializer or PrefixSchemaIdDeserializer" by class {
        /// In the header, else before the value.
        Dual = "DualSchemaIdDeserializer",
        /// Before the value.
        Prefix = "PrefixSchemaIdDeserializer"
    }
}

impl Value for SubjectNameStrategy {
    const TYPE: &'static str = "TopicNameStrategy, RecordNameStrategy or TopicRecordNameStrategy";

    fn parse(text: &str) -> Result<Self, String> {
        match text.rsplit('.').next().unwrap_or(text) {
            "TopicNameStrategy" => Ok(Self::TopicName),
            "RecordNameStrategy" => Ok(Self::RecordName),
            "TopicRecordNameStrategy" => Ok(Self::TopicRecordName),
            _ => Err(Self::expected()),
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
