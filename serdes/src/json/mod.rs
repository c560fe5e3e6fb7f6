//! JSON values, whose schema is given as text.
//!
//! ```no_run
//! # async fn example() -> Result<(), medallion_serdes::Error> {
//! use medallion_serdes::json::JsonSerializer;
//! use medallion_serdes::{RecordPart, RegistryClient, Schema, SchemaType, SerializerSettings};
//!
//! let registry = RegistryClient::new("http://localhost:8081")?;
//! let schema = Schema::new(SchemaType::Json, r#"{"title":"Zone","type":"object","properties":{"name":{"type":"string"}}}"#);
//! let serializer = JsonSerializer::new(&registry, schema, RecordPart::Value, SerializerSettings::default())?;
//! let bytes = serializer.serialize("zones", &serde_json::json!({ "name": "Harlem" })).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Values are held against the schema only with `json.fail.invalid.schema` and the feature `json-validation`. With `use.latest.version` and the
//! like the two schemas are compared, as registries compare them.

mod comparison;
mod deserializer;
mod serializer;
#[cfg(feature = "json-validation")]
mod validation;

/// Without the feature nothing is held against a schema, and the setting is refused.
#[cfg(not(feature = "json-validation"))]
#[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "these are the functions of the real one")]
mod validation {
    use crate::Error;
    use crate::registry::ResolvedReference;

    #[derive(Debug)]
    pub(super) struct Validator;

    impl Validator {
        pub(super) fn new(_: &str, _: &str, _: &[ResolvedReference]) -> Result<Self, Error> {
            Ok(Self)
        }

        pub(super) fn check(&self, _: &serde_json::Value) -> Result<(), String> {
            Ok(())
        }
    }
}

pub use deserializer::JsonDeserializer;
pub use serializer::JsonSerializer;
