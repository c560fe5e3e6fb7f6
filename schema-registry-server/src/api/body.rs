//! Bodies of requests.

use medallion_schema_registry::json::Json;
use medallion_schema_registry::store::{Mode, RegisterRequest};
use medallion_schema_registry::{Metadata, Refusal, RuleSet, SchemaReference};

use super::problem::Problem;

/// Reads a body that must be an object.
pub(super) fn object(body: &[u8]) -> Result<Json, Problem> {
    let text = std::str::from_utf8(body)
        .map_err(|error| Problem::new(400, format!("The request body is not UTF-8: {error}")))?;
    // As Jackson does.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(Problem::new(422, "The request body must not be empty"));
    }
    let json = Json::parse(text)
        .map_err(|error| Problem::new(400, format!("The request body is not JSON: {error}")))?;
    match json {
        Json::Object(_) => Ok(json),
        Json::Null => Err(Problem::new(422, "The request body must not be null")),
        _ => Err(Problem::new(400, "The request body is not a JSON object")),
    }
}

/// Fields that change how a schema is registered and that are not followed; see `docs/registry-api.md`.
const UNSUPPORTED: [&str; 3] = ["schemaTagsToAdd", "schemaTagsToRemove", "propagateSchemaTags"];

/// `RegisterSchemaRequest`; unknown fields are left alone, as newer clients send them.
pub(super) fn register_request(json: &Json) -> Result<RegisterRequest, Problem> {
    let asked = UNSUPPORTED.iter().find(|name| json.get(name).is_some_and(|value| !is_nothing(value)));
    if let Some(name) = asked {
        return Err(Problem::new(
            422,
            format!("{name} is not supported: tags within schemas are not edited here"),
        ));
    }
    let references = match json.get("references") {
        None | Some(Json::Null) => Vec::new(),
        Some(Json::Array(references)) => references
            .iter()
            .map(SchemaReference::from_json)
            .collect::<Result<_, _>>()
            .map_err(|reason| Problem::new(422, reason))?,
        Some(_) => return Err(wrong_type("references", "a list")),
    };
    let present = |name: &str| json.get(name).filter(|value| !value.is_null());
    let malformed = |reason| Problem::new(400, reason);
    Ok(RegisterRequest {
        schema: text(json, "schema")?,
        schema_type: text(json, "schemaType")?.filter(|name| !name.is_empty()),
        references,
        metadata: present("metadata").map(Metadata::from_json).transpose().map_err(malformed)?,
        rule_set: present("ruleSet").map(RuleSet::from_json).transpose().map_err(malformed)?,
        id: integer(json, "id")?,
        version: integer(json, "version")?,
        normalize: false,
        force: false,
    })
}

/// `ModeUpdateRequest`: the mode, or none to unset it; and its name as it was sent.
pub(super) fn mode_update(json: &Json) -> Result<(Option<Mode>, Option<String>), Problem> {
    let Some(name) = text(json, "mode")? else { return Ok((None, None)) };
    let mode = Mode::from_name(&name).ok_or(Refusal::InvalidMode)?;
    Ok((Some(mode), Some(name)))
}

fn is_nothing(value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(false) => true,
        Json::Array(entries) => entries.is_empty(),
        _ => false,
    }
}

/// As Jackson reads a text: numbers and booleans are taken as they are written.
fn text(json: &Json, name: &str) -> Result<Option<String>, Problem> {
    match json.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text.clone())),
        Some(scalar @ (Json::Number(_) | Json::Bool(_))) => Ok(Some(scalar.to_string())),
        Some(_) => Err(wrong_type(name, "a string")),
    }
}

/// As Jackson reads a whole number: texts that hold one are taken, too.
fn integer(json: &Json, name: &str) -> Result<Option<i32>, Problem> {
    let value = match json.get(name) {
        None | Some(Json::Null) => return Ok(None),
        Some(Json::String(text)) => text.trim().parse().ok(),
        Some(other) => other.as_i32(),
    };
    value.map(Some).ok_or_else(|| wrong_type(name, "a whole number of 32 bits"))
}

fn wrong_type(name: &str, expected: &str) -> Problem {
    Problem::new(400, format!("{name} must be {expected}"))
}
