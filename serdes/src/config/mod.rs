//! Settings under Confluent's names, each declared once.
//!
//! A declaration has the name, the type, the default and the documentation; the field of the struct, its builder
//! function, the parser and the reference page (`docs/serdes-configuration.md`) come from it. A name that nobody
//! declares is refused with the nearest one, and so is a setting of Confluent's that has no place here: what is accepted works.

mod declaration;
mod deserializer;
mod error;
mod java_only;
mod properties;
mod registry;
mod serializer;
mod value;

pub use declaration::Declaration;
pub use deserializer::DeserializerSettings;
pub use error::ConfigError;
pub use properties::{deserializer_settings, serializer_settings};
pub use registry::RegistrySettings;
pub use serializer::SerializerSettings;
pub use value::{
    BasicCredentials, BearerCredentials, CacheTtl, EndpointIdentification, IdDeserializer, IdSerializer,
    Properties, Secret, StoreType,
};

/// The reference of all settings, in Markdown.
pub fn reference() -> String {
    let mut page = String::from(
        "# Settings of the Rust serdes\n\nMade from the declarations in `serdes/src/config`. The names are Confluent's; \
         where a default differs from that of its Java serializers, the text says so. Other names are refused.\n",
    );
    for (title, declarations) in [
        ("The client of the registry", RegistrySettings::DECLARATIONS),
        ("Serializers", SerializerSettings::DECLARATIONS),
        ("Deserializers", DeserializerSettings::DECLARATIONS),
    ] {
        page.extend(["\n## ", title, "\n\n| name | type | default | what it does |\n|---|---|---|---|\n"]);
        for one in declarations {
            page.push_str(&one.row());
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_page_is_as_declared() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/serdes-configuration.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, reference()).unwrap();
        }
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(page == reference(), "write it again with UPDATE_DOCS=1 cargo test -p medallion-serdes");
    }
}
