//! From values to JSON.

use std::sync::Arc;

use bytes::{BufMut as _, Bytes};
use serde::Serialize;

use super::validation::Validator;
use crate::Error;
use crate::config::{ConfigError, SerializerSettings};
use crate::registry::{RegistryClient, Schema, SchemaType};
use crate::selection::{Encoded, Writer, Writers};
use crate::subject::RecordPart;

/// Writes keys or values of one JSON schema. Share it: it has no `&mut` methods.
#[derive(Debug)]
pub struct JsonSerializer {
    writers: Writers<Option<Validator>>,
    schema: Schema,
    title: Option<String>,
}

impl JsonSerializer {
    /// A serializer for values of a schema. With `use.latest.version` and the like the other schema is only what the value says it is
    /// of: whether the latest version takes what our own allows is nothing that JSON Schema can tell of two schemas, so
    /// `json.fail.invalid.schema`, which holds each value against it, or `latest.compatibility.strict=false` must be set.
    ///
    /// # Errors
    /// Where settings do not go together, or the schema is not of JSON.
    pub fn new(
        registry: &RegistryClient,
        schema: Schema,
        part: RecordPart,
        settings: SerializerSettings,
    ) -> Result<Self, Error> {
        if schema.schema_type != SchemaType::Json {
            return Err(Error::schema("given", format!("it is of type {}, not JSON", schema.schema_type)));
        }
        check_strictness(&settings)?;
        let parsed: serde_json::Value =
            serde_json::from_str(&schema.text).map_err(|error| Error::schema("given", error))?;
        let title = parsed.get("title").and_then(serde_json::Value::as_str).map(str::to_owned);
        Ok(Self { writers: Writers::new(registry, part, settings)?, schema, title })
    }

    /// A value as bytes, with the id of its schema before it. The registry is asked at the first value of a topic.
    ///
    /// # Errors
    /// Where the registry refuses the schema or cannot be asked, the value is no JSON or does not fit the schema, or the id goes into a header.
    pub async fn serialize<T: Serialize + ?Sized>(&self, topic: &str, value: &T) -> Result<Bytes, Error> {
        self.encode(topic, value).await?.without_header(self.writers.part)
    }

    /// A value as bytes, with the header that belongs beside it (`HeaderSchemaIdSerializer`).
    ///
    /// # Errors
    /// As [`Self::serialize`].
    pub async fn encode<T: Serialize + ?Sized>(&self, topic: &str, value: &T) -> Result<Encoded, Error> {
        let writer = match self.writers.kept(topic) {
            Some(writer) => writer,
            None => self.make_writer(topic).await?,
        };
        writer.encode(topic, |validator, out| {
            if let Some(validator) = validator {
                validator.check(&serde_json::to_value(value).map_err(|error| error.to_string())?)?;
            }
            serde_json::to_writer(out.writer(), value).map_err(|error| error.to_string())
        })
    }

    async fn make_writer(&self, topic: &str) -> Result<Arc<Writer<Option<Validator>>>, Error> {
        let selected = self.writers.select(topic, &self.schema, self.title.as_deref()).await?;
        let mut validator = None;
        if self.writers.settings.json_fail_invalid_schema {
            let schema = if selected.other.is_some() { &selected.registered.schema } else { &self.schema };
            let references = self.writers.registry.references(schema).await?;
            validator = Some(Validator::new(&selected.subject, &schema.text, &references)?);
        }
        Ok(self.writers.keep(topic, Writer::new(&selected, self.writers.part, None, validator)))
    }
}

/// Two schemas are not compared; the value can be.
fn check_strictness(settings: &SerializerSettings) -> Result<(), ConfigError> {
    let by_id = settings.use_schema_id.is_some() || settings.use_schema_guid.is_some();
    let (name, is_strict) = if by_id {
        ("id.compatibility.strict", settings.id_compatibility_strict)
    } else {
        ("latest.compatibility.strict", settings.latest_compatibility_strict)
    };
    if settings.other_schema().is_some() && is_strict && !settings.json_fail_invalid_schema {
        let reason = "JSON schemas are not compared: set this to false, or json.fail.invalid.schema=true, which holds each value against the schema";
        return Err(ConfigError::conflict(name, reason));
    }
    Ok(())
}
