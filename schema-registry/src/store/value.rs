//! Values of records.

use std::sync::Arc;

use super::config::{Config, ConfigUpdate};
use super::content_json::Entries;
use super::mode::Mode;
use super::state::Version;
use super::subject::Subject;
use crate::content::{Guid, Metadata, RuleSet, SchemaReference};
use crate::format::SchemaType;
use crate::json::Json;

/// The value of a version's record, in the order of Confluent's.
pub(super) fn encode_version(version: &Version) -> Json {
    let mut entries = Entries::default();
    entries.text("subject", Some(&version.subject.to_string()));
    entries.add("version", Json::from(version.version));
    entries.add("id", Json::from(version.id));
    if version.schema_type != SchemaType::Avro {
        entries.text("schemaType", Some(version.schema_type.as_str()));
    }
    entries.add("references", Json::Array(version.references.iter().map(SchemaReference::to_json).collect()));
    // Empty metadata differ from none, for the GUID.
    entries.add_kept("metadata", version.metadata.as_ref().map(Metadata::to_json));
    entries.add_kept("ruleSet", version.rule_set.as_ref().map(RuleSet::to_json));
    entries.text("schema", Some(&version.text));
    entries.add("deleted", Json::Bool(version.deleted));
    entries.build()
}

/// Reads a version. Subject and version are the key's; those of the value are not looked at.
pub(super) fn decode_version(subject: &Subject, number: i32, json: &Json) -> Result<Version, String> {
    let id = json.get("id").and_then(Json::as_i32).filter(|id| *id >= 0).ok_or("the value has no id")?;
    let text = json.get_str("schema").ok_or("the value has no schema")?;
    let schema_type = json.get_str("schemaType").unwrap_or("AVRO");
    let schema_type = SchemaType::from_name(schema_type)
        .ok_or_else(|| format!("the schema type {schema_type:?} is not known"))?;
    let references = match json.get("references") {
        None | Some(Json::Null) => Vec::new(),
        Some(Json::Array(references)) => {
            references.iter().map(SchemaReference::from_json).collect::<Result<_, _>>()?
        }
        Some(other) => return Err(format!("the references are not a list: {other}")),
    };
    let present = |key: &str| json.get(key).filter(|value| !value.is_null());
    let metadata = present("metadata").map(Metadata::from_json).transpose()?;
    let rule_set = present("ruleSet").map(RuleSet::from_json).transpose()?;
    let stored = json.get_str("md5").and_then(Guid::parse);
    let guid = stored.unwrap_or_else(|| Guid::of(text, &references, metadata.as_ref(), rule_set.as_ref()));
    Ok(Version {
        subject: subject.clone(),
        version: number,
        id,
        schema_type,
        references,
        metadata,
        rule_set,
        text: Arc::from(text),
        deleted: json.get("deleted").and_then(Json::as_bool).unwrap_or(false),
        guid,
        timestamp: None,
    })
}

pub(super) fn encode_config(subject: Option<&Subject>, config: &Config) -> Json {
    let mut entries = with_subject(subject);
    config.add_to(&mut entries);
    entries.build()
}

pub(super) fn decode_config(json: &Json) -> Result<Config, String> {
    let update = ConfigUpdate::from_json(json).map_err(|error| error.to_string())?;
    Ok(update.apply_to(&Config::default()))
}

pub(super) fn encode_mode(subject: Option<&Subject>, mode: Mode) -> Json {
    let mut entries = with_subject(subject);
    entries.text("mode", Some(mode.as_str()));
    entries.build()
}

pub(super) fn decode_mode(json: &Json) -> Result<Mode, String> {
    let name = json.get_str("mode").ok_or("the value has no mode")?;
    Mode::from_name(name).ok_or_else(|| format!("the mode {name:?} is not known"))
}

/// The deletion of all versions up to this one.
pub(super) fn encode_delete_subject(subject: &Subject, version: i32) -> Json {
    let mut entries = with_subject(Some(subject));
    entries.add("version", Json::from(version));
    entries.build()
}

pub(super) fn encode_clear_subject(subject: Option<&Subject>) -> Json {
    with_subject(subject).build()
}

pub(super) fn encode_context(tenant: &str, context: &str) -> Json {
    let mut entries = Entries::default();
    entries.text("tenant", Some(tenant));
    entries.text("context", Some(context));
    entries.build()
}

fn with_subject(subject: Option<&Subject>) -> Entries {
    let mut entries = Entries::default();
    entries.text("subject", subject.map(Subject::to_string).as_deref());
    entries
}
