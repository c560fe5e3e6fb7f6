//! Where settings come from: a properties file, the environment, the command line, and what is assumed without them.

use super::error::ConfigError;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use medallion_settings::{environment, java_properties};

/// Where a setting was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: Medallion assumes it.
    Assumed,
    /// A line of a properties file.
    File {
        /// The file.
        path: Arc<str>,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable.
    Environment(String),
    /// `--set` on the command line.
    CommandLine,
    /// A change that was made while the broker ran, for all brokers of the cluster.
    ClusterDefault,
    /// A change that was made while the broker ran, for this broker.
    Broker,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Assumed => f.write_str("default"),
            Self::File { path, line } => write!(f, "{path}:{line}"),
            Self::Environment(variable) => write!(f, "environment variable {variable}"),
            Self::CommandLine => f.write_str("--set"),
            Self::ClusterDefault => f.write_str("changed for the cluster"),
            Self::Broker => f.write_str("changed for this broker"),
        }
    }
}

/// The text of a setting and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The text.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// Settings by name, as given; nothing is checked yet.
///
/// Whatever is added later wins. The order to follow is file, environment, command line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    by_name: BTreeMap<String, Setting>,
}

/// Variables of Kafka's container images that are no settings.
const NOT_SETTINGS: [&str; 12] = [
    "KAFKA_VERSION",
    "KAFKA_HEAP_OPTS",
    "KAFKA_LOG4J_OPTS",
    "KAFKA_OPTS",
    "KAFKA_JMX_OPTS",
    "KAFKA_JMX_PORT",
    "KAFKA_JVM_PERFORMANCE_OPTS",
    "KAFKA_GC_LOG_OPTS",
    "KAFKA_LOG4J_ROOT_LOGLEVEL",
    "KAFKA_LOG4J_LOGGERS",
    "KAFKA_TOOLS_LOG4J_LOGLEVEL",
    "KAFKA_JMX_HOSTNAME",
];

impl Settings {
    /// No settings.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the settings of a properties file with this text; `path` is for messages.
    ///
    /// # Errors
    /// [`ConfigError::Syntax`] with the line.
    pub fn add_file(&mut self, path: &str, text: &str) -> Result<(), ConfigError> {
        let shared: Arc<str> = path.into();
        let syntax = |error: java_properties::SyntaxError| ConfigError::Syntax {
            path: path.to_owned(),
            line: error.line,
            reason: error.reason,
        };
        for property in java_properties::parse(text).map_err(syntax)? {
            let origin = Origin::File { path: Arc::clone(&shared), line: property.line };
            self.set(property.name, property.value, origin);
        }
        Ok(())
    }

    /// Adds the settings among these environment variables: `KAFKA_LOG_DIRS` is `log.dirs`, `__` stands for an
    /// underscore and `___` for a dash; `MEDALLION_...` is read in the same way: as a setting of Kafka where there is
    /// one of that name, otherwise as one with the prefix `medallion.`. Among two variables for one setting the
    /// second kind wins.
    ///
    /// Source: Kafka's `KafkaDockerWrapper`.
    pub fn add_environment(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        let variables: BTreeMap<String, String> = variables.into_iter().collect();
        for (variable, value) in variables {
            if let Some(name) = setting_of_variable(&variable) {
                self.set(name, value, Origin::Environment(variable));
            }
        }
    }

    /// Adds `name=value` of a command line.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] without `=`.
    pub fn add_argument(&mut self, argument: &str) -> Result<(), ConfigError> {
        let (name, value) = argument.split_once('=').ok_or_else(|| ConfigError::Invalid {
            name: argument.to_owned(),
            message: format!("'{argument}' must be name=value"),
            origin: Origin::CommandLine,
        })?;
        self.set(name.trim(), value, Origin::CommandLine);
        Ok(())
    }

    /// Sets one setting.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>, origin: Origin) {
        self.by_name.insert(name.into(), Setting { value: value.into(), origin });
    }

    /// Sets what Medallion assumes where nothing is set: one node with both roles, on loopback, with its data in
    /// `./medallion-data`.
    pub fn assume_defaults(&mut self) {
        let assumed: [(&[&str], &str); 6] = [
            (&["process.roles"], "broker,controller"),
            (&["node.id", "broker.id"], "1"),
            (&["listeners"], "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093"),
            (&["controller.listener.names"], "CONTROLLER"),
            (&["log.dirs", "log.dir"], "./medallion-data"),
            // Kafka's default of 3 would keep the topic from being created on one node.
            (&["offsets.topic.replication.factor"], "1"),
        ];
        for (names, value) in assumed {
            if !names.iter().any(|name| self.by_name.contains_key(*name)) {
                self.set(names[0], value, Origin::Assumed);
            }
        }
    }

    /// Gives `node.id` and its older name `broker.id` the value of the other where only one is set.
    pub(super) fn unify_node_id(&mut self) {
        for (name, other) in [("node.id", "broker.id"), ("broker.id", "node.id")] {
            if let (None, Some(setting)) = (self.by_name.get(name), self.by_name.get(other)) {
                let setting = setting.clone();
                self.by_name.insert(name.to_owned(), setting);
            }
        }
    }

    /// The setting of this name.
    pub fn get(&self, name: &str) -> Option<&Setting> {
        self.by_name.get(name)
    }

    /// All settings by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Setting)> {
        self.by_name.iter().map(|(name, setting)| (name.as_str(), setting))
    }
}

fn setting_of_variable(variable: &str) -> Option<String> {
    let (own, rest) = match variable.strip_prefix("MEDALLION_") {
        Some(rest) => (true, rest),
        None => (false, variable.strip_prefix("KAFKA_")?),
    };
    if rest.is_empty() || NOT_SETTINGS.contains(&variable) {
        return None;
    }
    let name = environment::setting_of(rest);
    if !own {
        return Some(name);
    }
    let table = super::declarations::broker();
    let prefixed = format!("{}{name}", super::declarations::OWN_PREFIX);
    Some(if table.contains_key(name.as_str()) && !table.contains_key(prefixed.as_str()) {
        name
    } else {
        prefixed
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut settings = Settings::new();
        settings.add_environment(pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
        settings.iter().map(|(name, setting)| (name.to_owned(), setting.value.clone())).collect()
    }

    #[test]
    fn variables_of_kafkas_images() {
        assert_eq!(
            from_environment(&[
                ("KAFKA_LOG_DIRS", "/data"),
                ("KAFKA_A__B", "1"),
                ("KAFKA_A___B", "2"),
                ("KAFKA_HEAP_OPTS", "-Xmx1G"),
                ("KAFKA_LOG4J_LOGGERS", "x=INFO"),
                ("PATH", "/bin"),
            ]),
            [("a-b", "2"), ("a_b", "1"), ("log.dirs", "/data")].map(|(n, v)| (n.to_owned(), v.to_owned()))
        );
    }

    #[test]
    fn own_variables_name_own_settings_and_kafkas() {
        assert_eq!(
            from_environment(&[
                ("KAFKA_NUM_PARTITIONS", "1"),
                ("MEDALLION_NUM_PARTITIONS", "2"),
                ("MEDALLION_LOG_LEVEL", "debug"),
            ]),
            [("medallion.log.level", "debug"), ("num.partitions", "2")]
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
        );
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named() {
        let error = Settings::new().add_file("server.properties", "a=1\nb=\\u12").unwrap_err();
        let message = "server.properties:2: \\u must be followed by four hexadecimal digits";
        assert_eq!(error.to_string(), message);
    }

    #[test]
    fn later_sources_win_and_are_named() {
        let mut settings = Settings::new();
        settings.add_file("a.properties", "num.partitions=1\nlog.dirs=/a").unwrap();
        settings.add_environment([("KAFKA_NUM_PARTITIONS".to_owned(), "2".to_owned())]);
        assert_eq!(
            settings.get("num.partitions").unwrap().origin.to_string(),
            "environment variable KAFKA_NUM_PARTITIONS"
        );
        settings.add_argument("num.partitions=3").unwrap();
        assert_eq!(settings.get("num.partitions").unwrap().value, "3");
        assert_eq!(settings.get("log.dirs").unwrap().origin.to_string(), "a.properties:2");
        assert!(settings.add_argument("num.partitions").is_err());
    }

    #[test]
    fn assumptions_give_way_to_settings_and_their_older_names() {
        let mut settings = Settings::new();
        settings.set("broker.id", "7", Origin::CommandLine);
        settings.set("log.dir", "/d", Origin::CommandLine);
        settings.assume_defaults();
        assert!(settings.get("node.id").is_none());
        assert!(settings.get("log.dirs").is_none());
        assert_eq!(settings.get("process.roles").unwrap().origin, Origin::Assumed);
    }
}
