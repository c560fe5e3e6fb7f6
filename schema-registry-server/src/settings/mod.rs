//! Settings under Confluent's names, each declared once.
//!
//! A declaration has the name, the type, the default and the documentation; the field, the parser and the reference page
//! (`docs/registry-configuration.md`) come from it. What has no place here is refused by name, or, where its value cannot
//! matter, reported as without effect. What begins with `kafkastore.` and is not declared is a setting of the client on
//! `_schemas`, under the name behind the prefix.

mod declaration;
mod java_only;
mod kafkastore;
mod registry;
mod value;

use std::sync::Arc;

pub use declaration::Declaration;
pub use registry::RegistrySettings;
pub use value::{InterInstanceProtocol, Listener, Scheme};

pub(crate) use value::{Authentication, ClientCertificates};

/// A setting that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A name that does not exist.
    #[error("there is no setting {name}{}", nearest.map(|nearest| format!("; did you mean {nearest}?")).unwrap_or_default())]
    Unknown {
        /// The name given.
        name: Arc<str>,
        /// The existing name that is most like it.
        nearest: Option<&'static str>,
    },
    /// A setting of Confluent's registry that this one does not have.
    #[error("{name} is not supported: {reason}")]
    Unsupported {
        /// The name given.
        name: Arc<str>,
        /// Why, and what to do instead.
        reason: &'static str,
    },
    /// A value that is not of the setting's type.
    #[error("{name}={value}: expected {expected}")]
    Invalid {
        /// The setting.
        name: &'static str,
        /// The value, unless it is a secret.
        value: Arc<str>,
        /// What is allowed.
        expected: Arc<str>,
    },
    /// Settings that do not go together, or one that is missing beside others.
    #[error("{name}: {reason}")]
    Conflict {
        /// The setting to change.
        name: &'static str,
        /// With what it does not go together.
        reason: Arc<str>,
    },
    /// A setting of the client on the topic.
    #[error("among the settings that begin with kafkastore.: {0}")]
    Client(medallion_client::ConfigError),
}

/// The reference of all settings, in Markdown.
pub fn reference() -> String {
    let mut page = String::from(
        "# Settings of the schema registry\n\nMade from the declarations in `schema-registry-server/src/settings`. The names are \
         those of Confluent's registry; names that begin with `medallion.` are ours. Other names are refused.\n\n\
         | name | type | default | what it does |\n|---|---|---|---|\n",
    );
    for declaration in RegistrySettings::DECLARATIONS {
        page.push_str(&declaration.row());
    }
    page.push_str(
        "\nEach other name that begins with `kafkastore.` is a setting of the client that reads and writes the topic, under the name \
         behind the prefix (`kafkastore.security.protocol`, `kafkastore.ssl.truststore.location`, `kafkastore.sasl.mechanism`, ...): \
         see [client-configuration.md](client-configuration.md). `kafkastore.sasl.jaas.config` is read for the user name and \
         password of PLAIN and SCRAM. `kafkastore.topic.config.NAME` is a setting of the topic when it is made.\n",
    );
    page.push_str(
        "\n## Without effect\n\nTaken, and reported in the log at the start.\n\n| name | why |\n|---|---|\n",
    );
    for (name, reason) in java_only::WITHOUT_EFFECT {
        page.extend(["| `", name, "` | ", reason, " |\n"]);
    }
    page.push_str("\n## Refused\n\nUnless the value is the one that asks for what is done anyway.\n\n| name | taken values | why |\n|---|---|---|\n");
    for (name, taken, reason) in java_only::REFUSED {
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
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, reference()).unwrap();
        }
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            page == reference(),
            "write it again with UPDATE_DOCS=1 cargo test -p medallion-schema-registry-server"
        );
    }
}
