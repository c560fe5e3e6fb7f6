//! Keywords' values.

use super::model::JsonSchemaError;
use crate::json::{Json, Number};

/// The kinds of schemas whose keywords may stand beside each other.
pub(super) const OBJECT: [&str; 11] = [
    "properties",
    "required",
    "minProperties",
    "maxProperties",
    "dependencies",
    "patternProperties",
    "additionalProperties",
    "propertyNames",
    "dependentRequired",
    "dependentSchemas",
    "unevaluatedProperties",
];
pub(super) const ARRAY: [&str; 10] = [
    "items",
    "additionalItems",
    "minItems",
    "maxItems",
    "uniqueItems",
    "contains",
    "prefixItems",
    "unevaluatedItems",
    "minContains",
    "maxContains",
];
pub(super) const NUMBER: [&str; 5] =
    ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];
pub(super) const STRING: [&str; 4] = ["minLength", "maxLength", "pattern", "format"];

/// An error at a keyword; at the schema itself where it is empty.
pub(super) fn keyword_error(key: &str, problem: impl Into<String>) -> JsonSchemaError {
    JsonSchemaError::Keyword { at: key.to_owned(), problem: problem.into() }
}

/// The object in which keywords are looked for.
pub(super) struct At<'a> {
    pub(super) json: &'a Json,
}

impl<'a> At<'a> {
    pub(super) fn has_any(&self, keys: &[&str]) -> bool {
        keys.iter().any(|key| self.json.get(key).is_some())
    }

    fn typed<T>(
        &self,
        key: &str,
        wanted: &str,
        read: impl Fn(&'a Json) -> Option<T>,
    ) -> Result<Option<T>, JsonSchemaError> {
        let Some(value) = self.json.get(key) else { return Ok(None) };
        let wrong = || keyword_error(key, format!("expected {wanted}, found {}", type_name(value)));
        read(value).map(Some).ok_or_else(wrong)
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<String>, JsonSchemaError> {
        self.typed(key, "a string", |value| value.as_str().map(str::to_owned))
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, JsonSchemaError> {
        self.typed(key, "a boolean", Json::as_bool)
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<Number>, JsonSchemaError> {
        self.typed(key, "a number", |value| value.as_number().cloned())
    }

    /// A whole number; `5.0` is one.
    pub(super) fn count(&self, key: &str) -> Result<Option<i64>, JsonSchemaError> {
        self.typed(key, "a whole number", |value| {
            let number = value.as_number()?;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "it is whole, and i64 takes what a schema can mean"
            )]
            let whole =
                || Some(number.as_f64()).filter(|value| value.fract() == 0.0).map(|value| value as i64);
            number.as_i64().or_else(whole)
        })
    }

    pub(super) fn list(&self, key: &str) -> Result<Option<&'a [Json]>, JsonSchemaError> {
        self.typed(key, "an array", Json::as_array)
    }

    pub(super) fn entries(&self, key: &str) -> Result<Vec<(&'a String, &'a Json)>, JsonSchemaError> {
        let entries = self.typed(key, "an object", Json::as_object)?;
        Ok(entries.into_iter().flatten().collect())
    }

    pub(super) fn texts(&self, key: &str) -> Result<Vec<String>, JsonSchemaError> {
        let texts = self.list(key)?.unwrap_or_default().iter();
        let texts: Option<Vec<String>> = texts.map(|text| text.as_str().map(str::to_owned)).collect();
        texts.ok_or_else(|| keyword_error(key, "expected an array of strings"))
    }
}

pub(super) fn type_name(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}
