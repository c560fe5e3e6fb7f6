//! From Avro to values.

use std::sync::Arc;

use apache_avro::AvroSchema;
use apache_avro::types::Value;
use serde::de::DeserializeOwned;

use super::schema::{AvroReader, AvroSchemas};
use super::serializer::derived;
use crate::Error;
use crate::config::DeserializerSettings;
use crate::readers::Readers;
use crate::registry::{RegistryClient, ResolvedReference, Schema, SchemaType};
use crate::subject::RecordPart;
use crate::wire_format::Headers;

/// Reads keys or values that were written with any Avro schema of the registry. Share it: it has no `&mut` methods.
#[derive(Debug)]
pub struct AvroDeserializer {
    readers: Readers<AvroReader>,
    reader: Option<Arc<AvroSchemas>>,
}

impl AvroDeserializer {
    /// A deserializer that follows the writer's schema.
    ///
    /// # Errors
    /// Where settings do not go together.
    pub fn new(
        registry: &RegistryClient,
        part: RecordPart,
        settings: DeserializerSettings,
    ) -> Result<Self, Error> {
        Ok(Self { readers: Readers::new(registry, part, settings, SchemaType::Avro)?, reader: None })
    }

    /// The same with a reader's schema: values come as if they had been written with it, by Avro's rules of resolution.
    /// `references` are the schemas that it uses, as [`RegistryClient::references`] finds them.
    ///
    /// # Errors
    /// Where it is no schema of Avro.
    pub fn with_reader(mut self, schema: &Schema, references: &[ResolvedReference]) -> Result<Self, Error> {
        if schema.schema_type != SchemaType::Avro {
            return Err(Error::schema(
                "of the reader",
                format!("it is of type {}, not AVRO", schema.schema_type),
            ));
        }
        self.reader = Some(Arc::new(AvroSchemas::parse("of the reader", &schema.text, references)?));
        Ok(self)
    }

    /// A deserializer whose reader's schema is derived for a type.
    ///
    /// # Errors
    /// Where settings do not go together.
    pub fn derived<T: AvroSchema>(
        registry: &RegistryClient,
        part: RecordPart,
        settings: DeserializerSettings,
    ) -> Result<Self, Error> {
        Self::new(registry, part, settings)?.with_reader(&derived::<T>()?, &[])
    }

    /// The value of bytes that begin with the id of their schema. The registry is asked at the first value of a schema.
    ///
    /// # Errors
    /// Where the bytes have no frame, the registry does not know the schema or cannot be asked, or the value does not fit.
    pub async fn deserialize<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, Error> {
        self.decode(bytes, &()).await
    }

    /// The value of bytes whose schema may be in the record's headers.
    ///
    /// # Errors
    /// As [`Self::deserialize`].
    pub async fn decode<T: DeserializeOwned>(
        &self,
        bytes: &[u8],
        headers: &(impl Headers + ?Sized),
    ) -> Result<T, Error> {
        let frame = self.readers.frame(bytes, headers)?;
        let avro = self.readers.get(frame.id, |registered, references| {
            self.build(&frame.id.to_string(), &registered.schema, references)
        });
        avro.await?.read(frame.rest).map_err(|reason| Error::decode(frame.id, reason))
    }

    /// The generic value of bytes.
    ///
    /// # Errors
    /// As [`Self::deserialize`].
    pub async fn decode_value(
        &self,
        bytes: &[u8],
        headers: &(impl Headers + ?Sized),
    ) -> Result<Value, Error> {
        let frame = self.readers.frame(bytes, headers)?;
        let avro = self.readers.get(frame.id, |registered, references| {
            self.build(&frame.id.to_string(), &registered.schema, references)
        });
        avro.await?.read_value(frame.rest).map_err(|reason| Error::decode(frame.id, reason))
    }

    fn build(
        &self,
        name: &str,
        schema: &Schema,
        references: &[ResolvedReference],
    ) -> Result<AvroReader, Error> {
        let writer = AvroSchemas::parse(name, &schema.text, references)?;
        AvroReader::of(writer, self.reader.clone()).map_err(|error| Error::schema(name, error))
    }
}
