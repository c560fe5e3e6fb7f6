//! Keys of records. The topic is compacted by their bytes, so there is one way to write each.

use std::fmt;

use super::subject::Subject;
use crate::json::Json;

/// A record's key. A `None` subject is the registry as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// A version of a subject.
    Schema {
        /// The subject.
        subject: Subject,
        /// The version, from 1.
        version: i32,
    },
    /// Settings of a subject, a context, or the whole registry.
    Config(Option<Subject>),
    /// The mode of one of these.
    Mode(Option<Subject>),
    /// The soft deletion of a subject's versions.
    DeleteSubject(Subject),
    /// The end of all deleted versions of a subject or context.
    ClearSubject(Option<Subject>),
    /// A context that exists.
    Context {
        /// Whose it is; `default` here.
        tenant: String,
        /// Its name, with the dot.
        context: String,
    },
    /// Nothing; written to find the end of the topic.
    Noop,
}

impl Key {
    /// The bytes as Confluent's registry and Karapace write them: without spaces, in this order.
    pub fn encode(&self) -> Vec<u8> {
        let text = |text: &str| Json::from(text);
        let mut entries = vec![("keytype".to_owned(), text(self.key_type()))];
        let mut add = |name: &str, value: Json| entries.push((name.to_owned(), value));
        let magic = i32::from(matches!(self, Self::Schema { .. }));
        match self {
            Self::Schema { subject, version } => {
                add_subject(&mut add, Some(subject));
                add("version", Json::from(*version));
            }
            Self::Config(subject) | Self::Mode(subject) | Self::ClearSubject(subject) => {
                add_subject(&mut add, subject.as_ref());
            }
            Self::DeleteSubject(subject) => add_subject(&mut add, Some(subject)),
            Self::Context { tenant, context } => {
                add("tenant", text(tenant));
                add("context", text(context));
            }
            Self::Noop => {}
        }
        add("magic", Json::from(magic));
        entries.into_iter().collect::<Json>().to_string().into_bytes()
    }

    /// Reads a key in any order, with any spaces.
    ///
    /// # Errors
    /// With the reason, where it is not a key that is known.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| format!("the key is not UTF-8: {error}"))?;
        let json = Json::parse(text).map_err(|error| format!("the key is not JSON: {error}"))?;
        let key_type = json.get_str("keytype").ok_or("the key has no keytype")?;
        let subject = json.get_str("subject");
        // An empty subject is left out when it is written.
        let required = || Subject::parse(subject.unwrap_or_default());
        let optional = || subject.filter(|subject| !subject.is_empty()).map(Subject::parse);
        match key_type {
            "SCHEMA" => {
                let version = json.get("version").and_then(Json::as_i32).filter(|version| *version > 0);
                let version = version.ok_or("the key has no version, or one below 1")?;
                Ok(Self::Schema { subject: required(), version })
            }
            "CONFIG" => Ok(Self::Config(optional())),
            "MODE" => Ok(Self::Mode(optional())),
            "DELETE_SUBJECT" => Ok(Self::DeleteSubject(required())),
            "CLEAR_SUBJECT" => Ok(Self::ClearSubject(optional())),
            "CONTEXT" => {
                let context = json.get_str("context").filter(|context| context.starts_with('.'));
                let context = context.ok_or("the key has no context")?.to_owned();
                let tenant = json.get_str("tenant").unwrap_or("default").to_owned();
                Ok(Self::Context { tenant, context })
            }
            "NOOP" => Ok(Self::Noop),
            other => Err(format!("the keytype {other:?} is not known")),
        }
    }

    fn key_type(&self) -> &'static str {
        match self {
            Self::Schema { .. } => "SCHEMA",
            Self::Config(_) => "CONFIG",
            Self::Mode(_) => "MODE",
            Self::DeleteSubject(_) => "DELETE_SUBJECT",
            Self::ClearSubject(_) => "CLEAR_SUBJECT",
            Self::Context { .. } => "CONTEXT",
            Self::Noop => "NOOP",
        }
    }
}

fn add_subject(add: &mut impl FnMut(&str, Json), subject: Option<&Subject>) {
    let text = subject.map(Subject::to_string).unwrap_or_default();
    if !text.is_empty() {
        add("subject", Json::from(text.as_str()));
    }
}

/// As messages name a version.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schema { subject, version } => {
                write!(f, "{{magic=1,keytype=SCHEMA,subject={subject},version={version}}}")
            }
            _ => f.write_str(&String::from_utf8_lossy(&self.encode())),
        }
    }
}
