//! Values of settings: from text, checked, and back.

use super::declaration::{Declaration, DefaultValue, Validator, ValueType};
use super::resolved::invalid_value;
use std::fmt;

/// The value of a setting.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// An int, short or long.
    Number(i64),
    /// A floating-point number.
    Double(f64),
    /// Text, the name of a class, or a secret.
    Text(String),
    /// Texts.
    List(Vec<String>),
}

impl Value {
    /// Reads and checks the text of a setting.
    ///
    /// Values that occur twice in a list that a validator looks at are taken once, as Kafka does.
    ///
    /// # Errors
    /// Setting, value and what is allowed in one sentence; a secret is not shown.
    ///
    /// Source: Kafka's `ConfigDef.parseType` and its validators.
    pub fn parse(declaration: &Declaration, text: &str) -> Result<Self, String> {
        let name = declaration.name;
        let shown = if declaration.is_sensitive() { "[hidden]" } else { text };
        let mut value = Self::parse_type(declaration.value_type, text.trim())
            .map_err(|allowed| invalid_value(name, shown, &allowed))?;
        if let (Validator::List { of, empty }, Self::List(items)) = (&declaration.validator, &mut value) {
            let mut seen = Vec::new();
            items.retain(|item| {
                !seen.contains(item) && {
                    seen.push(item.clone());
                    true
                }
            });
            valid_list(name, items, of, *empty)?;
        }
        value.validate(name, &declaration.validator).map_err(|allowed| {
            let parsed = if declaration.is_sensitive() { shown.to_owned() } else { value.in_message() };
            invalid_value(name, &parsed, &allowed)
        })?;
        Ok(value)
    }

    /// The value of a setting that nobody set.
    pub fn default_of(declaration: &Declaration) -> Self {
        match declaration.default {
            DefaultValue::Value(text) => Self::parse_type(declaration.value_type, text).unwrap_or(Self::Null),
            DefaultValue::Required | DefaultValue::Null => Self::Null,
        }
    }

    /// As Java prints it in an error.
    fn in_message(&self) -> String {
        match self {
            Self::List(items) => format!("[{}]", items.join(", ")),
            other => other.to_string(),
        }
    }

    fn parse_type(value_type: ValueType, text: &str) -> Result<Self, String> {
        let not_a_number = |_| format!("Not a number of type {}", value_type.to_string().to_uppercase());
        Ok(match value_type {
            ValueType::Boolean if text.eq_ignore_ascii_case("true") => Self::Boolean(true),
            ValueType::Boolean if text.eq_ignore_ascii_case("false") => Self::Boolean(false),
            ValueType::Boolean => return Err("Expected value to be either true or false".into()),
            ValueType::Int => Self::Number(text.parse::<i32>().map_err(not_a_number)?.into()),
            ValueType::Short => Self::Number(text.parse::<i16>().map_err(not_a_number)?.into()),
            ValueType::Long => Self::Number(text.parse::<i64>().map_err(not_a_number)?),
            ValueType::Double => {
                Self::Double(text.parse().map_err(|_| String::from("Not a number of type DOUBLE"))?)
            }
            ValueType::String | ValueType::Class | ValueType::Password => Self::Text(text.to_owned()),
            ValueType::List if text.is_empty() => Self::List(Vec::new()),
            ValueType::List => Self::List(text.split(',').map(|item| item.trim().to_owned()).collect()),
        })
    }

    fn validate(&self, name: &str, validator: &Validator) -> Result<(), String> {
        match (validator, self) {
            (Validator::AtLeast(minimum), Self::Number(number)) => at_least(*number, *minimum),
            (Validator::Between(minimum, maximum), Self::Number(number)) => {
                at_least(*number, *minimum).and_then(|()| at_most(*number, *maximum))
            }
            (Validator::DoubleBetween(minimum, maximum), Self::Double(number)) => {
                at_least(*number, *minimum).and_then(|()| at_most(*number, *maximum))
            }
            (Validator::GzipLevel, Self::Number(level)) if *level != -1 && !(1..=9).contains(level) => {
                Err("Value must be between 1 and 9 or equal to -1".into())
            }
            (Validator::OneOf(values), Self::Text(text)) if !values.contains(&text.as_str()) => {
                Err(format!("String must be one of: {}", values.join(", ")))
            }
            (Validator::OneOfIgnoringCase(values), Self::Text(text))
                if !values.iter().any(|value| value.eq_ignore_ascii_case(text)) =>
            {
                Err(format!("String must be one of (case insensitive): {}", values.join(", ")))
            }
            (Validator::NonEmpty, Self::Text(text)) if text.is_empty() => {
                Err("String must be non-empty".into())
            }
            (Validator::QuorumVoters, Self::List(items)) => each(items, quorum_voter),
            (Validator::BootstrapServers, Self::List(items)) => each(items, bootstrap_server),
            (Validator::ThrottledReplicas, Self::List(items)) => throttled_replicas(name, items),
            (Validator::ShareAutoOffsetReset, Self::Text(text)) => share_auto_offset_reset(name, text),
            _ => Ok(()),
        }
    }
}

fn at_least<N: Copy + PartialOrd + fmt::Display>(number: N, minimum: N) -> Result<(), String> {
    if number < minimum { Err(format!("Value must be at least {minimum}")) } else { Ok(()) }
}

fn at_most<N: Copy + PartialOrd + fmt::Display>(number: N, maximum: N) -> Result<(), String> {
    if number > maximum { Err(format!("Value must be no more than {maximum}")) } else { Ok(()) }
}

/// Source: Kafka's `ConfigDef.ValidList`.
fn valid_list(name: &str, items: &[String], of: &[&str], empty: bool) -> Result<(), String> {
    if items.is_empty() && !empty {
        let values =
            if of.is_empty() { "any non-empty value".into() } else { format!("[{}]", of.join(", ")) };
        return Err(format!("Configuration '{name}' must not be empty. Valid values include: {values}"));
    }
    for item in items {
        if item.is_empty() {
            return Err(format!("Configuration '{name}' values must not be empty."));
        }
        if !of.is_empty() && !of.contains(&item.as_str()) {
            return Err(invalid_value(name, item, &format!("String must be one of: {}", of.join(", "))));
        }
    }
    Ok(())
}

fn each(items: &[String], check: fn(&str) -> Result<(), String>) -> Result<(), String> {
    items.iter().try_for_each(|item| check(item))
}

fn quorum_voter(item: &str) -> Result<(), String> {
    let valid = item.split_once('@').is_some_and(|(id, address)| {
        id.parse::<i32>().is_ok_and(|id| id >= 0) && bootstrap_server(address).is_ok()
    });
    if valid { Ok(()) } else { Err(format!("'{item}' must be {{id}}@{{host}}:{{port}}")) }
}

fn bootstrap_server(item: &str) -> Result<(), String> {
    let valid =
        item.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if valid { Ok(()) } else { Err(format!("'{item}' must be {{host}}:{{port}}")) }
}

fn throttled_replicas(name: &str, items: &[String]) -> Result<(), String> {
    let pair = |item: &String| {
        item.split_once(':').is_some_and(|(partition, broker)| {
            partition.parse::<i32>().is_ok_and(|id| id >= 0) && broker.parse::<i32>().is_ok_and(|id| id >= 0)
        })
    };
    if items.is_empty() || items == ["*"] || items.iter().all(pair) {
        return Ok(());
    }
    Err(format!(
        "{name} must be the literal '*' or a list of replicas in the following format: \
         [partitionId]:[brokerId],[partitionId]:[brokerId],..."
    ))
}

fn share_auto_offset_reset(name: &str, text: &str) -> Result<(), String> {
    let valid = matches!(text, "latest" | "earliest")
        || text.strip_prefix("by_duration:").is_some_and(|duration| {
            let body = duration.strip_prefix('P').unwrap_or("");
            body.bytes().any(|byte| byte.is_ascii_digit())
                && body.bytes().all(|byte| byte.is_ascii_digit() || b"DTHMS.".contains(&byte))
        });
    if valid {
        return Ok(());
    }
    Err(format!("{name} must be latest, earliest or by_duration:<PnDTnHnMn.nS>"))
}

/// As Java's `Double.toString`.
fn java_double(value: f64) -> String {
    if value == 0.0 || (1e-3..1e7).contains(&value.abs()) {
        return format!("{value:?}");
    }
    let text = format!("{value:E}");
    match text.split_once('E') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0E{exponent}"),
        _ => text,
    }
}

impl fmt::Display for Value {
    /// As Kafka's `ConfigDef.convertToString`; a null prints as nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Double(value) => f.write_str(&java_double(*value)),
            Self::Text(text) => f.write_str(text),
            Self::List(items) => f.write_str(&items.join(",")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::declarations;

    fn topic(name: &str, text: &str) -> Result<String, String> {
        Value::parse(declarations::topic()[name], text).map(|value| value.to_string())
    }

    #[test]
    fn values_are_trimmed_and_printed_as_kafka_does() {
        assert_eq!(topic("retention.ms", " 5 ").as_deref(), Ok("5"));
        assert_eq!(topic("min.cleanable.dirty.ratio", "1").as_deref(), Ok("1.0"));
        assert_eq!(topic("cleanup.policy", "compact , delete").as_deref(), Ok("compact,delete"));
        assert_eq!(topic("cleanup.policy", "compact,delete,compact").as_deref(), Ok("compact,delete"));
        assert_eq!(topic("cleanup.policy", "").as_deref(), Ok(""));
        assert_eq!(topic("preallocate", "TRUE").as_deref(), Ok("true"));
        for (number, text) in
            [(0.0, "0.0"), (0.9, "0.9"), (1e7, "1.0E7"), (12345.5, "12345.5"), (5e-4, "5.0E-4")]
        {
            assert_eq!(Value::Double(number).to_string(), text);
        }
    }

    #[test]
    fn errors_are_in_kafkas_words() {
        for (name, text, message) in [
            (
                "retention.ms",
                "x",
                "Invalid value x for configuration retention.ms: Not a number of type LONG",
            ),
            (
                "retention.ms",
                " ",
                "Invalid value   for configuration retention.ms: Not a number of type LONG",
            ),
            (
                "retention.ms",
                "-5",
                "Invalid value -5 for configuration retention.ms: Value must be at least -1",
            ),
            (
                "segment.bytes",
                "2147483648",
                "Invalid value 2147483648 for configuration segment.bytes: Not a number of type INT",
            ),
            (
                "cleanup.policy",
                "none",
                "Invalid value none for configuration cleanup.policy: String must be one of: compact, delete",
            ),
            ("cleanup.policy", "compact,,delete", "Configuration 'cleanup.policy' values must not be empty."),
            (
                "compression.gzip.level",
                "10",
                "Invalid value 10 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1",
            ),
            (
                "preallocate",
                "maybe",
                "Invalid value maybe for configuration preallocate: Expected value to be either true or false",
            ),
            (
                "min.cleanable.dirty.ratio",
                "2",
                "Invalid value 2.0 for configuration min.cleanable.dirty.ratio: Value must be no more than 1",
            ),
            (
                "leader.replication.throttled.replicas",
                "1:a",
                "Invalid value [1:a] for configuration leader.replication.throttled.replicas: leader.replication.throttled.replicas must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...",
            ),
        ] {
            assert_eq!(topic(name, text).unwrap_err(), message);
        }
        let roles = Value::parse(declarations::broker()["process.roles"], "").unwrap_err();
        assert_eq!(
            roles,
            "Configuration 'process.roles' must not be empty. Valid values include: [broker, controller]"
        );
        let secret = Value::parse(declarations::broker()["sasl.jaas.config"], "hush");
        assert!(secret.is_ok());
    }

    #[test]
    fn every_default_passes_its_own_validator() {
        for table in [
            declarations::broker(),
            declarations::topic(),
            declarations::group(),
            declarations::client_metrics(),
        ] {
            for declaration in table.values() {
                if let Some(text) = declaration.default_text() {
                    let value = Value::parse(declaration, text).unwrap_or_else(|error| panic!("{error}"));
                    assert_eq!(value.to_string(), text, "{}", declaration.name);
                }
            }
        }
    }
}
