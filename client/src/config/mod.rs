//! Settings under Kafka's names, each declared once.
//!
//! A declaration has the name, the type, the default, the range and the documentation; the field of the struct, its builder
//! function, the parser and the reference page (`docs/client-configuration.md`) come from it. A name that nobody
//! declares is refused with the nearest one, and so is a setting of Kafka's that has no place here: what is accepted works.

mod assignor;
mod client;
mod consumer;
mod declaration;
mod error;
mod java_only;
mod offset_reset;
mod producer;
mod properties;
mod value;

pub use assignor::PartitionAssignor;
pub use client::ClientSettings;
pub use consumer::ConsumerSettings;
pub use declaration::Declaration;
pub use error::ConfigError;
pub use offset_reset::OffsetReset;
pub use producer::ProducerSettings;
pub use properties::parse_properties;
pub use value::{
    Acks, EndpointIdentification, GroupProtocol, IsolationLevel, RecoveryStrategy, SaslMechanism, Secret,
    SecurityProtocol, StoreType,
};

/// The reference of all settings, in Markdown.
pub fn reference() -> String {
    let mut page = String::from(
        "# Settings of the Rust client\n\nMade from the declarations in `client/src/config`. The names are Kafka's; \
         where a default differs from that of Apache Kafka's Java client, the text says so. Other names are refused.\n",
    );
    for (title, declarations) in [
        ("Client", ClientSettings::DECLARATIONS),
        ("Producer", ProducerSettings::DECLARATIONS),
        ("Consumer", ConsumerSettings::DECLARATIONS),
    ] {
        page.extend([
            "\n## ",
            title,
            "\n\n| name | type | default | range | what it does |\n|---|---|---|---|---|\n",
        ]);
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
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/client-configuration.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, reference()).unwrap();
        }
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(page == reference(), "write it again with UPDATE_DOCS=1 cargo test -p medallion-client");
    }
}
