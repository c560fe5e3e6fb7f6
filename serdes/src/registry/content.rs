//! What a registry keeps: schemas, and what belongs to them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The language of a schema.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SchemaType {
    /// Apache Avro.
    #[default]
    Avro,
    /// JSON Schema.
    Json,
    /// Protobuf.
    Protobuf,
}

impl fmt::Display for SchemaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Avro => "AVRO",
            Self::Json => "JSON",
            Self::Protobuf => "PROTOBUF",
        })
    }
}

/// Another schema that a schema uses.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SchemaReference {
    /// What it is called in the schema: an Avro name, the path of a Protobuf import, the URI of a JSON `$ref`.
    pub name: String,
    /// The subject that it is registered under.
    pub subject: String,
    /// Its version there.
    pub version: i32,
}

/// What is known of a schema beside its text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// Tags by path.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "or_default")]
    pub tags: BTreeMap<String, BTreeSet<String>>,
    /// Names with values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "or_default")]
    pub properties: BTreeMap<String, String>,
    /// Names whose values are secret.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", deserialize_with = "or_default")]
    pub sensitive: BTreeSet<String>,
}

/// Rules of a schema, by what they are for. They are kept and sent, and not run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RuleSet {
    /// Between versions.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub migration_rules: Vec<Rule>,
    /// On values.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub domain_rules: Vec<Rule>,
    /// On bytes.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub encoding_rules: Vec<Rule>,
    /// Who runs them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_at: Option<String>,
}

/// One rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doc: Option<String>,
    /// `TRANSFORM` or `CONDITION`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// `WRITE`, `READ`, `WRITEREAD`, `UPGRADE`, `DOWNGRADE` or `UPDOWN`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// The language of the expression, such as `CEL`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub rule_type: Option<String>,
    /// The tags of the fields that it is for.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", deserialize_with = "or_default")]
    pub tags: BTreeSet<String>,
    /// Parameters.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "or_default")]
    pub params: BTreeMap<String, String>,
    /// The expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expr: Option<String>,
    /// What follows where it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_success: Option<String>,
    /// What follows where it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<String>,
    /// Whether it is off.
    pub disabled: bool,
}

/// A schema as one sends it to a registry: the text is never changed on the way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Schema {
    /// Its language.
    pub schema_type: SchemaType,
    /// Its text.
    pub text: Arc<str>,
    /// The schemas that it uses.
    pub references: Vec<SchemaReference>,
    /// What is known of it.
    pub metadata: Option<Metadata>,
    /// Its rules.
    pub rule_set: Option<RuleSet>,
}

impl Schema {
    /// A schema without references.
    pub fn new(schema_type: SchemaType, text: impl Into<Arc<str>>) -> Self {
        Self { schema_type, text: text.into(), references: Vec::new(), metadata: None, rule_set: None }
    }

    /// Adds the schemas that it uses.
    #[must_use]
    pub fn references(mut self, references: impl IntoIterator<Item = SchemaReference>) -> Self {
        self.references.extend(references);
        self
    }

    /// Sets what is known of it.
    #[must_use]
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = Some(metadata);
        self
    }

    /// Sets its rules.
    #[must_use]
    pub fn rule_set(mut self, rule_set: RuleSet) -> Self {
        self.rule_set = Some(rule_set);
        self
    }

    /// The first rule that would have to be run to write or to read values.
    pub(crate) fn rule_on_values(&self) -> Option<&Rule> {
        let rules = self.rule_set.as_ref()?;
        rules.domain_rules.iter().chain(&rules.encoding_rules).find(|rule| !rule.disabled)
    }

    pub(super) fn to_request(&self) -> Request<'_> {
        Request {
            schema_type: Some(self.schema_type).filter(|schema_type| *schema_type != SchemaType::Avro),
            schema: &self.text,
            references: &self.references,
            metadata: self.metadata.as_ref(),
            rule_set: self.rule_set.as_ref(),
        }
    }
}

/// A schema that a registry has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredSchema {
    /// The subject, where the registry tells it.
    pub subject: Option<Arc<str>>,
    /// Its version in the subject.
    pub version: Option<i32>,
    /// Its id; absent where it was asked for by its GUID.
    pub id: Option<i32>,
    /// Its GUID; absent in registries that know none.
    pub guid: Option<Uuid>,
    /// The schema.
    pub schema: Schema,
    /// Whether the version is deleted, but not for good.
    pub is_deleted: bool,
}

/// A schema that another one uses, with the name it has there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedReference {
    /// The name.
    pub name: Arc<str>,
    /// The schema.
    pub schema: Arc<RegisteredSchema>,
}

/// The body of a request.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    schema_type: Option<SchemaType>,
    schema: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    references: &'a [SchemaReference],
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a Metadata>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_set: Option<&'a RuleSet>,
}

/// The body of an answer: all that some answer has.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    subject: Option<String>,
    version: Option<i32>,
    id: Option<i32>,
    guid: Option<Uuid>,
    #[serde(default, deserialize_with = "or_default")]
    schema_type: SchemaType,
    schema: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    references: Vec<SchemaReference>,
    metadata: Option<Metadata>,
    rule_set: Option<RuleSet>,
    #[serde(default, deserialize_with = "or_default")]
    deleted: bool,
}

impl Reply {
    /// What is registered; `sent` is what was asked for, where it is not told again.
    pub(super) fn registered(self, sent: Option<&Schema>) -> Option<RegisteredSchema> {
        let told = self.schema.map(|text| Schema {
            schema_type: self.schema_type,
            text: text.into(),
            references: self.references,
            metadata: self.metadata,
            rule_set: self.rule_set,
        });
        Some(RegisteredSchema {
            subject: self.subject.map(Arc::from),
            version: self.version,
            id: self.id,
            guid: self.guid,
            schema: told.or_else(|| sent.cloned())?,
            is_deleted: self.deleted,
        })
    }
}

/// Some registries write null for what is empty.
fn or_default<'de, D: serde::Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}
