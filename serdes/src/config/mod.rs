//! Settings under Confluent's names, each declared once.
//!
//! A declaration has the name, the type, the default, the importance and the documentation; the field of the struct, its builder
//! function, the parser and the reference page (`docs/serdes-configuration.md`) come from it. A name that nobody
//! declares is refused with the nearest one, and so is a setting of Confluent's that has no place here: what is accepted works.

mod deserializer;
mod java_only;
mod properties;
mod registry;
mod serializer;
mod value;

pub use medallion_settings::certificates::{EndpointIdentification, StoreType};
pub use medallion_settings::{ConfigError, Declaration, Origin, Property, Secret};

pub use deserializer::DeserializerSettings;
pub use properties::{deserializer_settings, serializer_settings};
pub use registry::RegistrySettings;
pub use serializer::SerializerSettings;
pub use value::{BasicCredentials, BearerCredentials, CacheTtl, IdDeserializer, IdSerializer, Properties};

use medallion_settings::reference;

/// The reference of all settings, in Markdown.
pub fn reference() -> String {
    let introduction = "# Settings of the Rust serdes\n\nMade from the declarations in `serdes/src/config`. The names are Confluent's; \
         where a default differs from that of its Java serializers, the text says so. Other names are refused.\n";
    let chapters = reference::chapters(&[
        ("The client of the registry", RegistrySettings::DECLARATIONS),
        ("Serializers", SerializerSettings::DECLARATIONS),
        ("Deserializers", DeserializerSettings::DECLARATIONS),
    ]);
    format!("{introduction}{chapters}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_page_is_as_declared() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/serdes-configuration.md");
        reference::check_page(path, &reference());
    }
}
