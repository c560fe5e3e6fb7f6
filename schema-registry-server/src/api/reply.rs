//! Bodies of replies, with the fields in Confluent's order and without what is empty.

use medallion_schema_registry::json::{Json, Number};
use medallion_schema_registry::store::{Config, Version};
use medallion_schema_registry::{Metadata, RuleSet, SchemaReference, SchemaType, Subject};

/// A reply that is a success.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// JSON.
    Json(Json),
    /// A schema as it is, not quoted as a JSON string.
    Raw(String),
    /// Nothing (204).
    Nothing,
}

impl Reply {
    pub(super) fn list<T>(entries: impl IntoIterator<Item = T>) -> Self
    where
        Json: From<T>,
    {
        Self::Json(Json::Array(entries.into_iter().map(Json::from).collect()))
    }

    pub(super) fn texts<T: ToString>(entries: impl IntoIterator<Item = T>) -> Self {
        let texts = entries.into_iter().map(|entry| Json::String(entry.to_string()));
        Self::Json(Json::Array(texts.collect()))
    }

    pub(super) fn object(entries: impl IntoIterator<Item = (&'static str, Json)>) -> Self {
        Self::Json(object(entries))
    }
}

pub(super) fn object(entries: impl IntoIterator<Item = (&'static str, Json)>) -> Json {
    entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What of a version is shown beside its content.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Shown {
    pub(super) subject: bool,
    pub(super) version: bool,
    pub(super) id: bool,
    /// References with the context of the subject (`referenceFormat=qualified`).
    pub(super) qualifies_references: bool,
    pub(super) max_id: Option<i32>,
    /// `ts` and `deleted`, which replies to registrations leave out.
    pub(super) state: bool,
}

impl Shown {
    /// As `Schema` has it.
    pub(super) fn all() -> Self {
        Self { subject: true, version: true, id: true, state: true, ..Self::default() }
    }

    /// As `RegisterSchemaResponse` has it.
    pub(super) fn registered() -> Self {
        Self { version: true, id: true, ..Self::default() }
    }
}

/// `Schema`, `SchemaString` and `RegisterSchemaResponse`; `text` is the schema in the format that was asked for.
pub(super) fn version(version: &Version, text: &str, shown: Shown) -> Json {
    let mut entries = Vec::new();
    let mut add = |name: &'static str, value: Json| entries.push((name, value));
    let number = Json::from(version.version);
    if shown.subject {
        add("subject", Json::String(version.subject.to_string()));
        if shown.version {
            add("version", number.clone());
        }
    }
    if shown.id {
        add("id", Json::from(version.id));
    }
    if !shown.subject && shown.version {
        add("version", number);
    }
    add("guid", Json::String(version.guid.to_string()));
    if version.schema_type != SchemaType::Avro {
        add("schemaType", Json::from(version.schema_type.as_str()));
    }
    // `SchemaString` has its text before, the others have it behind the content.
    let is_schema_string = !shown.id;
    if is_schema_string && !text.is_empty() {
        add("schema", Json::from(text));
    }
    if !version.references.is_empty() {
        let one =
            |reference: &SchemaReference| show_reference(version, reference, shown.qualifies_references);
        add("references", Json::Array(version.references.iter().map(one).collect()));
    }
    if let Some(metadata) = version.metadata.as_ref() {
        add("metadata", Metadata::to_json(metadata));
    }
    if let Some(rule_set) = version.rule_set.as_ref() {
        add("ruleSet", RuleSet::to_json(rule_set));
    }
    if !is_schema_string && !text.is_empty() {
        add("schema", Json::from(text));
    }
    if let Some(max_id) = shown.max_id {
        add("maxId", Json::from(max_id));
    }
    if shown.state {
        if let Some(timestamp) = version.timestamp {
            add("ts", Json::Number(Number::from(timestamp)));
        }
        add("deleted", Json::Bool(version.deleted));
    }
    object(entries)
}

/// `ExtendedSchema`: a schema with the other names of its subject.
pub(super) fn with_aliases(version: Json, aliases: &[Subject]) -> Json {
    match version {
        Json::Object(mut entries) if !aliases.is_empty() => {
            let names = aliases.iter().map(|alias| Json::String(alias.to_string()));
            entries.insert("aliases".to_owned(), Json::Array(names.collect()));
            Json::Object(entries)
        }
        other => other,
    }
}

fn show_reference(version: &Version, reference: &SchemaReference, is_qualified: bool) -> Json {
    let subject = Subject::parse(&reference.subject);
    if !is_qualified || !subject.is_in_default_context() {
        return reference.to_json();
    }
    let context = version.subject.qualified_context();
    SchemaReference { subject: format!("{context}{}", reference.subject), ..reference.clone() }.to_json()
}

/// `Config`.
pub(super) fn config(config: &Config) -> Reply {
    Reply::Json(config.to_json())
}

/// `ConfigUpdateRequest`, which names the level differently.
pub(super) fn config_update(config: &Config) -> Reply {
    let entries = config.to_json();
    let entries = entries.as_object().into_iter().flatten().map(|(name, value)| {
        let name = if name == "compatibilityLevel" { "compatibility" } else { name };
        (name.to_owned(), value.clone())
    });
    Reply::Json(entries.collect())
}

/// `Mode`, `ModeUpdateRequest`.
pub(super) fn mode(name: Option<&str>) -> Reply {
    Reply::object(name.map(|name| ("mode", Json::from(name))))
}
