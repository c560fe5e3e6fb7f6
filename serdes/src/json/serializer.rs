//! From values to JSON.

use std::sync::Arc;

use bytes::{BufMut as _, Bytes};
use serde::Serialize;

use super::comparison;
use super::validation::Validator;
use crate::Error;
use crate::config::SerializerSettings;
use crate::registry::{RegistryClient, Schema, SchemaType};
use crate::selection::{Encoded, Selected, Writer, Writers};
use crate::subject::RecordPart;

/// Writes keys or values of one JSON schema. Share it: it has no `&mut` methods.
#[derive(Debug)]
pub struct JsonSerializer {
    writers: Writers<Option<Validator>>,
    schema: Schema,
    title: Option<String>,
}

impl JsonSerializer {
    /// A serializer for values of a schema. With `use.latest.version` and the like the other schema is what the value says it is of; it
    /// must take all that our own allows, by the registry's rules, unless `latest.compatibility.strict` or `id.compatibility.strict` is off.
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
        if selected.is_strict
            && let Some(reason) = self.obstacle(&selected).await?
        {
            return Err(selected.incompatible(reason));
        }
        let mut validator = None;
        if self.writers.settings.json_fail_invalid_schema {
            let schema = if selected.other.is_some() { &selected.registered.schema } else { &self.schema };
            let references = self.writers.registry.references(schema).await?;
            validator = Some(Validator::new(&selected.subject, &schema.text, &references)?);
        }
        Ok(self.writers.keep(topic, Writer::new(&selected, self.writers.part, None, validator)))
    }

    /// Why the selected schema does not take all that our own allows.
    async fn obstacle(&self, selected: &Selected) -> Result<Option<String>, Error> {
        let parse = async |schema: &Schema| {
            let references = self.writers.registry.references(schema).await?;
            comparison::parse(&selected.subject, &schema.text, &references)
        };
        let (reader, writer) = (parse(&selected.registered.schema).await?, parse(&self.schema).await?);
        Ok(comparison::obstacle(&reader, &writer))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fake::FakeServer;

    const ZONE: &str = r#"{"type":"object","properties":{"name":{"type":"string"},"id":{"type":"integer"}},"required":["name"]}"#;
    const STRICTER: &str = r#"{"type":"object","properties":{"name":{"type":"string"},"id":{"type":"string"}},"required":["name","id"]}"#;
    const WIDER: &str = r#"{"type":"object","properties":{"name":{"type":"string"},"id":{"type":"number"}},"required":["name"]}"#;

    fn json(text: &str) -> Schema {
        Schema::new(SchemaType::Json, text)
    }

    /// As Java's serializer, which compares them before the first value.
    #[tokio::test]
    async fn a_latest_version_that_does_not_take_all_is_refused_unless_told() {
        let server = FakeServer::registry().await;
        let client = RegistryClient::new(&server.url).unwrap();
        let settings = SerializerSettings::default().auto_register_schemas(false).use_latest_version(true);
        let encode = async |latest: &str, settings: &SerializerSettings| {
            let topic = format!("t{}", latest.len());
            client.register(&format!("{topic}-value"), &json(latest), false).await.unwrap();
            let serializer =
                JsonSerializer::new(&client, json(ZONE), RecordPart::Value, settings.clone()).unwrap();
            serializer.serialize(&topic, &json!({ "name": "Harlem" })).await
        };
        assert_eq!(encode(ZONE, &settings).await.unwrap()[5..], *br#"{"name":"Harlem"}"#);
        assert!(encode(WIDER, &settings).await.is_ok());
        let error = encode(STRICTER, &settings).await.unwrap_err();
        assert!(matches!(error, Error::Incompatible { .. }), "{error}");
        let error = error.to_string();
        assert!(error.contains("use.latest.version") && error.contains("#/required/id"), "{error}");
        assert!(encode(STRICTER, &settings.latest_compatibility_strict(false)).await.is_ok());
    }
}
