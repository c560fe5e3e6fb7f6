//! Settings of deserializers.

use medallion_settings::{ConfigError, Property, settings};

use super::properties;
use super::value::IdDeserializer;
use crate::subject::RecordPart;

settings! {
    /// Settings of a deserializer.
    pub struct DeserializerSettings with builders {
        /// Where the id of a key's schema is looked for.
        key_schema_id_deserializer: IdDeserializer ["key.schema.id.deserializer"] = IdDeserializer::Dual;
        /// Where the id of a value's schema is looked for.
        value_schema_id_deserializer: IdDeserializer ["value.schema.id.deserializer"] = IdDeserializer::Dual;
        /// Whether JSON values are held against their writer's schema. Needs the feature `json-validation`.
        json_fail_invalid_schema: bool ["json.fail.invalid.schema"] = false;
    }
}

impl DeserializerSettings {
    /// Reads names and values.
    ///
    /// # Errors
    /// As [`super::serializer_settings`].
    pub fn from_properties<P: Into<Property>>(
        properties: impl IntoIterator<Item = P>,
    ) -> Result<Self, ConfigError> {
        properties::only(properties)
    }

    pub(crate) fn id_deserializer(&self, part: RecordPart) -> IdDeserializer {
        match part {
            RecordPart::Key => self.key_schema_id_deserializer,
            RecordPart::Value => self.value_schema_id_deserializer,
        }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.json_fail_invalid_schema && !cfg!(feature = "json-validation") {
            let reason = "needs the feature json-validation of this library";
            return Err(ConfigError::conflict("json.fail.invalid.schema", reason));
        }
        Ok(())
    }
}
