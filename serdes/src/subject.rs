//! Under which subject of the registry the schema of a topic's keys or values is.

use crate::Error;

/// A record's key or its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordPart {
    /// The key.
    Key,
    /// The value.
    Value,
}

impl RecordPart {
    /// The name in subjects and settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Value => "value",
        }
    }

    /// The header with the GUID of its schema.
    pub const fn header_name(self) -> &'static str {
        match self {
            Self::Key => "__key_schema_id",
            Self::Value => "__value_schema_id",
        }
    }
}

/// What a subject is called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SubjectNameStrategy {
    /// `topic-value`: one schema, with its versions, for a topic.
    #[default]
    TopicName,
    /// `full.name.of.Record`: a schema belongs to its type, whatever the topic.
    RecordName,
    /// `topic-full.name.of.Record`: a topic has several types, each with its versions.
    TopicRecordName,
}

impl SubjectNameStrategy {
    /// The subject for a topic and the full name of the type: an Avro or Protobuf name, or the title of a JSON schema.
    ///
    /// ```
    /// use medallion_serdes::{RecordPart, SubjectNameStrategy};
    ///
    /// let subject = |strategy: SubjectNameStrategy| strategy.subject("trips", RecordPart::Value, Some("rides.Trip")).unwrap();
    /// assert_eq!(subject(SubjectNameStrategy::TopicName), "trips-value");
    /// assert_eq!(subject(SubjectNameStrategy::RecordName), "rides.Trip");
    /// assert_eq!(subject(SubjectNameStrategy::TopicRecordName), "trips-rides.Trip");
    /// ```
    ///
    /// # Errors
    /// Where the strategy needs a name and the schema has none.
    pub fn subject(self, topic: &str, part: RecordPart, record_name: Option<&str>) -> Result<String, Error> {
        let unnamed = || Error::Unnamed { topic: topic.into(), part: part.name() };
        match self {
            Self::TopicName => Ok(format!("{topic}-{}", part.name())),
            Self::RecordName => record_name.map(str::to_owned).ok_or_else(unnamed),
            Self::TopicRecordName => Ok(format!("{topic}-{}", record_name.ok_or_else(unnamed)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_without_a_name_is_refused_where_one_is_needed() {
        let subject = |strategy: SubjectNameStrategy| strategy.subject("t", RecordPart::Key, None);
        assert_eq!(subject(SubjectNameStrategy::TopicName).unwrap(), "t-key");
        let error = subject(SubjectNameStrategy::RecordName).unwrap_err().to_string();
        assert_eq!(error, "t: key.subject.name.strategy asks for the name of the schema, which has none");
        assert!(subject(SubjectNameStrategy::TopicRecordName).is_err());
    }
}
