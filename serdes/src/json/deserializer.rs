//! From JSON to values.

use serde::de::DeserializeOwned;

use super::validation::Validator;
use crate::Error;
use crate::config::DeserializerSettings;
use crate::readers::Readers;
use crate::registry::{RegistryClient, SchemaType};
use crate::subject::RecordPart;
use crate::wire_format::Headers;

/// Reads keys or values that were written with any JSON schema. Share it: it has no `&mut` methods.
///
/// The registry is asked only with `json.fail.invalid.schema`: the bytes tell all that is in the value.
#[derive(Debug)]
pub struct JsonDeserializer {
    readers: Readers<Validator>,
}

impl JsonDeserializer {
    /// A deserializer.
    ///
    /// # Errors
    /// Where settings do not go together.
    pub fn new(
        registry: &RegistryClient,
        part: RecordPart,
        settings: DeserializerSettings,
    ) -> Result<Self, Error> {
        Ok(Self { readers: Readers::new(registry, part, settings, SchemaType::Json)? })
    }

    /// The value of bytes that begin with the id of their schema.
    ///
    /// # Errors
    /// Where the bytes have no frame or are no JSON, the value does not fit the type or the schema, or the registry cannot be asked.
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
        if self.readers.settings.json_fail_invalid_schema {
            let build = self.readers.get(frame.id, |registered, references| {
                Validator::new(&frame.id.to_string(), &registered.schema.text, references)
            });
            let validator = build.await?;
            let value: serde_json::Value =
                serde_json::from_slice(frame.rest).map_err(|error| Error::decode(frame.id, error))?;
            validator.check(&value).map_err(|reason| Error::decode(frame.id, reason))?;
        }
        serde_json::from_slice(frame.rest).map_err(|error| Error::decode(frame.id, error))
    }
}
