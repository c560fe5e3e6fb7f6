//! Settings of serializers.

use medallion_settings::{ConfigError, Property, settings};
use uuid::Uuid;

use super::properties;
use super::value::{IdSerializer, Properties};
use crate::subject::{RecordPart, SubjectNameStrategy};

settings! {
    /// Settings of a serializer.
    pub struct SerializerSettings with builders {
        /// Whether the schema is registered where it is not. Without this it must be there already, unless one of the `use.*` settings names another.
        auto_register_schemas: bool ["auto.register.schemas"] = true;
        /// Write with the schema of this id.
        use_schema_id: Option<i32> ["use.schema.id", low] = None;
        /// Write with the schema of this GUID.
        use_schema_guid: Option<Uuid> ["use.schema.guid", low] = None;
        /// Whether a schema that is named by its id or GUID must be able to read what our own schema writes.
        id_compatibility_strict: bool ["id.compatibility.strict", low] = true;
        /// Write with the latest version of the subject.
        use_latest_version: bool ["use.latest.version", low] = false;
        /// Write with the latest version of the subject that has these properties in its metadata.
        use_latest_with_metadata: Option<Properties> ["use.latest.with.metadata", low] = None;
        /// Whether the latest version must be able to read what our own schema writes.
        latest_compatibility_strict: bool ["latest.compatibility.strict", low] = true;
        /// Whether schemas that mean the same are the same to the registry.
        normalize_schemas: bool ["normalize.schemas"] = false;
        /// What the subject of keys is called.
        key_subject_name_strategy: SubjectNameStrategy ["key.subject.name.strategy"] = SubjectNameStrategy::TopicName;
        /// What the subject of values is called.
        value_subject_name_strategy: SubjectNameStrategy ["value.subject.name.strategy"] = SubjectNameStrategy::TopicName;
        /// Where the id of a key's schema goes: before the key, or, as a GUID, into the header `__key_schema_id`.
        key_schema_id_serializer: IdSerializer ["key.schema.id.serializer"] = IdSerializer::Prefix;
        /// Where the id of a value's schema goes: before the value, or, as a GUID, into the header `__value_schema_id`.
        value_schema_id_serializer: IdSerializer ["value.schema.id.serializer"] = IdSerializer::Prefix;
        /// Whether JSON values are held against the schema. Needs the feature `json-validation`.
        json_fail_invalid_schema: bool ["json.fail.invalid.schema"] = false;
    }
}

impl SerializerSettings {
    /// Reads names and values.
    ///
    /// # Errors
    /// As [`super::serializer_settings`].
    pub fn from_properties<P: Into<Property>>(
        properties: impl IntoIterator<Item = P>,
    ) -> Result<Self, ConfigError> {
        properties::only(properties)
    }

    pub(crate) fn strategy(&self, part: RecordPart) -> SubjectNameStrategy {
        match part {
            RecordPart::Key => self.key_subject_name_strategy,
            RecordPart::Value => self.value_subject_name_strategy,
        }
    }

    pub(crate) fn id_serializer(&self, part: RecordPart) -> IdSerializer {
        match part {
            RecordPart::Key => self.key_schema_id_serializer,
            RecordPart::Value => self.value_schema_id_serializer,
        }
    }

    /// The setting that names another schema than our own; `None` where our own is registered or looked up.
    pub(crate) fn other_schema(&self) -> Option<&'static str> {
        let given = [
            (self.use_schema_id.is_some(), "use.schema.id"),
            (self.use_schema_guid.is_some(), "use.schema.guid"),
            (self.use_latest_with_metadata.is_some(), "use.latest.with.metadata"),
            (self.use_latest_version, "use.latest.version"),
        ];
        given.iter().find(|(is_given, _)| *is_given).map(|(_, name)| *name)
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        match self.other_schema() {
            Some(name) if self.auto_register_schemas => {
                Err(ConfigError::conflict(name, "needs auto.register.schemas=false"))
            }
            _ if self.json_fail_invalid_schema && !cfg!(feature = "json-validation") => {
                Err(ConfigError::conflict(
                    "json.fail.invalid.schema",
                    "needs the feature json-validation of this library",
                ))
            }
            _ => Ok(()),
        }
    }
}
