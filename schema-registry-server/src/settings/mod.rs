//! Settings under Confluent's names, each declared once.
//!
//! A declaration has the name, the type, the default and the documentation; the field, the parser and the reference page
//! (`docs/registry-configuration.md`) come from it. What has no place here is refused by name, or, where its value cannot
//! matter, reported as without effect. What begins with `kafkastore.` and is not declared is a setting of the client on
//! `_schemas`, under the name behind the prefix.

mod java_only;
mod kafkastore;
mod registry;
mod value;

pub use medallion_settings::ConfigError;
pub use registry::RegistrySettings;
pub use value::{Authentication, ClientCertificates, IncompatibleCode, Level, Listener, Scheme, Seconds};

use java_only::FOREIGN;
use medallion_settings::reference;

/// The reference of all settings, in Markdown.
pub fn reference() -> String {
    let mut page = String::from(
        "# Settings of the schema registry\n\nMade from the declarations in `schema-registry-server/src/settings`. The names are \
         those of Confluent's registry; names that begin with `medallion.` are ours. Other names are refused.\n\n",
    );
    page.push_str(&reference::table(RegistrySettings::DECLARATIONS));
    page.push_str(
        "\nEach other name that begins with `kafkastore.` is a setting of the client that reads and writes the topic, under the name \
         behind the prefix (`kafkastore.security.protocol`, `kafkastore.ssl.truststore.location`, `kafkastore.sasl.mechanism`, ...): \
         see [client-configuration.md](client-configuration.md). `kafkastore.sasl.jaas.config` is read for the user name and \
         password of PLAIN and SCRAM. `kafkastore.topic.config.NAME` is a setting of the topic when it is made.\n",
    );
    page.push_str(
        "\n## Without effect\n\nTaken, and reported in the log at the start.\n\n| name | why |\n|---|---|\n",
    );
    for (name, reason) in FOREIGN.without_effect {
        page.extend(["| `", name, "` | ", reason, " |\n"]);
    }
    page.push_str("\n## Refused\n\nUnless the value is the one that asks for what is done anyway.\n\n| name | taken values | why |\n|---|---|---|\n");
    for (name, taken, reason) in FOREIGN.refused {
        let taken: Vec<String> =
            taken.iter().filter(|value| !value.is_empty()).map(|value| format!("`{value}`")).collect();
        page.extend(["| `", name, "` | ", &taken.join(", "), " | ", reason, " |\n"]);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_page_is_as_declared() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/registry-configuration.md");
        reference::check_page(path, &reference());
    }
}
