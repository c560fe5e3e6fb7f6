//! From values to Avro.

use std::sync::Arc;

use apache_avro::AvroSchema;
use apache_avro::types::Value;
use bytes::{BufMut as _, Bytes};
use serde::Serialize;

use super::schema::{AvroSchemas, AvroWriter, full_name};
use crate::Error;
use crate::config::SerializerSettings;
use crate::registry::{RegistryClient, Schema, SchemaType};
use crate::selection::{Encoded, Selected, Writer, Writers};
use crate::subject::RecordPart;

/// Writes keys or values of one Avro schema. Share it: it has no `&mut` methods.
#[derive(Debug)]
pub struct AvroSerializer {
    writers: Writers<AvroWriter>,
    schema: Schema,
    name: Option<String>,
}

impl AvroSerializer {
    /// A serializer for values of a schema that is given as text.
    ///
    /// # Errors
    /// Where settings do not go together, or the schema is not of Avro.
    pub fn new(
        registry: &RegistryClient,
        schema: Schema,
        part: RecordPart,
        settings: SerializerSettings,
    ) -> Result<Self, Error> {
        if schema.schema_type != SchemaType::Avro {
            return Err(Error::schema("given", format!("it is of type {}, not AVRO", schema.schema_type)));
        }
        if schema.references.is_empty() {
            AvroSchemas::parse("given", &schema.text, &[])?;
        }
        let name = full_name(&schema.text);
        Ok(Self { writers: Writers::new(registry, part, settings)?, schema, name })
    }

    /// A serializer with the schema that is derived for a type.
    ///
    /// # Errors
    /// Where settings do not go together.
    pub fn derived<T: AvroSchema>(
        registry: &RegistryClient,
        part: RecordPart,
        settings: SerializerSettings,
    ) -> Result<Self, Error> {
        Self::new(registry, derived::<T>()?, part, settings)
    }

    /// A value as bytes, with the id of its schema before it. The registry is asked at the first value of a topic.
    ///
    /// # Errors
    /// Where the registry refuses the schema or cannot be asked, the value does not fit the schema, or the id goes into a header.
    pub async fn serialize<T: Serialize + ?Sized>(&self, topic: &str, value: &T) -> Result<Bytes, Error> {
        self.encode(topic, value).await?.without_header(self.writers.part)
    }

    /// A value as bytes, with the header that belongs beside it (`HeaderSchemaIdSerializer`).
    ///
    /// # Errors
    /// As [`Self::serialize`].
    pub async fn encode<T: Serialize + ?Sized>(&self, topic: &str, value: &T) -> Result<Encoded, Error> {
        self.writer(topic).await?.encode(topic, |avro, out| avro.write(&value, out.writer()))
    }

    /// A generic value as bytes.
    ///
    /// # Errors
    /// As [`Self::serialize`].
    pub async fn encode_value(&self, topic: &str, value: &Value) -> Result<Encoded, Error> {
        self.writer(topic).await?.encode(topic, |avro, out| avro.write_value(value, out.writer()))
    }

    async fn writer(&self, topic: &str) -> Result<Arc<Writer<AvroWriter>>, Error> {
        match self.writers.kept(topic) {
            Some(writer) => Ok(writer),
            None => self.make_writer(topic).await,
        }
    }

    async fn make_writer(&self, topic: &str) -> Result<Arc<Writer<AvroWriter>>, Error> {
        let selected = self.writers.select(topic, &self.schema, self.name.as_deref()).await?;
        let schemas = self.schemas(&selected).await?;
        let avro =
            AvroWriter::of(schemas).map_err(|error| Error::schema(Arc::clone(&selected.subject), error))?;
        Ok(self.writers.keep(topic, Writer::new(&selected, self.writers.part, None, avro)))
    }

    /// The schema to write with: our own, unless the settings name another.
    async fn schemas(&self, selected: &Selected) -> Result<AvroSchemas, Error> {
        let parse = async |schema: &Schema| {
            let references = self.writers.registry.references(schema).await?;
            AvroSchemas::parse(&selected.subject, &schema.text, &references)
        };
        if selected.other.is_none() {
            return parse(&self.schema).await;
        }
        let other = parse(&selected.registered.schema).await?;
        if selected.is_strict
            && let Some(reason) = other.obstacle(&parse(&self.schema).await?)
        {
            return Err(selected.incompatible(reason));
        }
        Ok(other)
    }
}

/// The schema of a type, as text.
pub(super) fn derived<T: AvroSchema>() -> Result<Schema, Error> {
    let text = serde_json::to_string(&T::get_schema());
    let text = text.map_err(|error| Error::schema(std::any::type_name::<T>(), error))?;
    Ok(Schema::new(SchemaType::Avro, text))
}
