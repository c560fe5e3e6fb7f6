//! Settings in environment variables, as container images of Kafka and Confluent take them.

/// The setting of a variable without its prefix: `LOG_DIRS` is `log.dirs`; two underscores are one, three are a dash.
///
/// Source: Kafka's `KafkaDockerWrapper`.
pub fn setting_of(variable: &str) -> String {
    let name = variable.to_lowercase();
    name.replace("___", "-").replace("__", "\0").replace('_', ".").replace('\0', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn underscores_are_dots_dashes_and_themselves() {
        assert_eq!(setting_of("KAFKASTORE_BOOTSTRAP_SERVERS"), "kafkastore.bootstrap.servers");
        assert_eq!(setting_of("A__B___C"), "a_b-c");
    }
}
