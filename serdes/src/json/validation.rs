//! Values held against their schema.

use std::collections::HashMap;

use jsonschema::{Retrieve, Uri};
use serde_json::Value;

use crate::Error;
use crate::registry::ResolvedReference;

/// A base for references that are no URIs of their own.
const BASE: &str = "json-schema:///";

/// A schema that values can be held against.
#[derive(Debug)]
pub(super) struct Validator {
    validator: jsonschema::Validator,
}

/// The schemas that a schema uses, by their names; nothing is ever asked of the network.
struct Known(HashMap<String, Value>);

impl Retrieve for Known {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let name = uri.as_str();
        let found = self.0.get(name).or_else(|| self.0.get(name.strip_prefix(BASE)?));
        found.cloned().ok_or_else(|| format!("{name} is no reference of the schema").into())
    }
}

impl Validator {
    pub(super) fn new(name: &str, text: &str, references: &[ResolvedReference]) -> Result<Self, Error> {
        let parse =
            |text: &str| serde_json::from_str::<Value>(text).map_err(|error| Error::schema(name, error));
        let mut known = HashMap::new();
        for reference in references {
            known.insert(reference.name.to_string(), parse(&reference.schema.schema.text)?);
        }
        let options = jsonschema::options().with_base_uri(BASE).with_retriever(Known(known));
        let validator = options.build(&parse(text)?).map_err(|error| Error::schema(name, error))?;
        Ok(Self { validator })
    }

    pub(super) fn check(&self, value: &Value) -> Result<(), String> {
        self.validator.validate(value).map_err(|error| {
            let place = error.instance_path().to_string();
            if place.is_empty() { error.to_string() } else { format!("{place}: {error}") }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::registry::{RegisteredSchema, Schema, SchemaType};

    #[test]
    fn values_are_held_against_a_schema_and_what_it_uses() {
        let schema = Schema::new(SchemaType::Json, r#"{"type":"string","minLength":2}"#);
        let registered = RegisteredSchema {
            subject: None,
            version: None,
            id: None,
            guid: None,
            schema,
            is_deleted: false,
        };
        let used = ResolvedReference { name: "zone.json".into(), schema: Arc::new(registered) };
        let text = r#"{"type":"object","properties":{"zone":{"$ref":"zone.json"}}}"#;
        let validator = Validator::new("s", text, &[used]).unwrap();
        assert_eq!(validator.check(&json!({ "zone": "Harlem" })), Ok(()));
        let error = validator.check(&json!({ "zone": "H" })).unwrap_err();
        assert!(error.starts_with("/zone: "), "{error}");
        assert!(Validator::new("s", r#"{"$ref":"other.json"}"#, &[]).is_err());
    }
}
