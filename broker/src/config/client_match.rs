//! Which clients a client metrics subscription is for (KIP-714): the setting `match`.
//!
//! Source: Kafka's `ClientMetricsConfigs`. Expressions are those of the `regex` crate: what Java has beyond it (look-around,
//! back references) is refused.

use regex::{Regex, RegexBuilder};
use thiserror::Error;

/// How much a compiled expression may take.
const EXPRESSION_BYTES_MAX: usize = 1 << 20;

/// What a client can be known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClientAttribute {
    /// The id that the broker gave it.
    InstanceId,
    /// Its `client.id`.
    ClientId,
    /// The library's name, as it said in `ApiVersions`.
    SoftwareName,
    /// The library's version.
    SoftwareVersion,
    /// The address that it connects from.
    SourceAddress,
    /// The port that it connects from.
    SourcePort,
}

impl ClientAttribute {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "client_instance_id" => Self::InstanceId,
            "client_id" => Self::ClientId,
            "client_software_name" => Self::SoftwareName,
            "client_software_version" => Self::SoftwareVersion,
            "client_source_address" => Self::SourceAddress,
            "client_source_port" => Self::SourcePort,
            _ => return None,
        })
    }
}

/// One of `match` that is none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("Illegal client matching pattern: {0}")]
pub struct IllegalPattern(pub String);

/// What a client must be like, in all points.
#[derive(Debug, Clone, Default)]
pub struct ClientMatch {
    expressions: Vec<(ClientAttribute, Regex)>,
}

impl ClientMatch {
    /// Reads the entries of `match`. Of two about the same attribute the last holds.
    ///
    /// # Errors
    /// The first entry that is none.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, IllegalPattern> {
        let mut expressions: Vec<(ClientAttribute, Regex)> = Vec::new();
        for entry in entries {
            let (attribute, expression) = parse_one(entry).ok_or_else(|| IllegalPattern(entry.to_owned()))?;
            expressions.retain(|(known, _)| *known != attribute);
            expressions.push((attribute, expression));
        }
        Ok(Self { expressions })
    }

    /// Whether a client is like that. An attribute that is not known matches nothing.
    pub fn matches<'a>(&self, value: impl Fn(ClientAttribute) -> Option<&'a str>) -> bool {
        self.expressions
            .iter()
            .all(|(attribute, expression)| value(*attribute).is_some_and(|value| expression.is_match(value)))
    }
}

/// As Java splits: `=` at the end counts for nothing, and there must be exactly two parts.
fn parse_one(entry: &str) -> Option<(ClientAttribute, Regex)> {
    let (name, expression) = entry.trim_end_matches('=').split_once('=')?;
    if expression.contains('=') {
        return None;
    }
    let expression = expression.trim();
    let compile = |text: &str| RegexBuilder::new(text).size_limit(EXPRESSION_BYTES_MAX).build().ok();
    // By itself first: wrapped, a part of it could close the bracket.
    let _ = compile(expression)?;
    Some((ClientAttribute::from_name(name.trim())?, compile(&format!(r"\A(?:{expression})\z"))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_must_match_in_all_points() {
        let wanted = ClientMatch::parse(["client_id = app-.*", "client_software_name=apache-kafka-(java|x)"]);
        let wanted = wanted.expect("both are sound");
        let client = |id: &'static str, software: Option<&'static str>| {
            wanted.matches(|attribute| match attribute {
                ClientAttribute::ClientId => Some(id),
                ClientAttribute::SoftwareName => software,
                _ => None,
            })
        };
        assert!(client("app-1", Some("apache-kafka-java")));
        assert!(!client("my-app-1", Some("apache-kafka-java")), "the whole must match");
        assert!(!client("app-1", Some("apache-kafka-java2")));
        assert!(!client("app-1", None), "what is not known matches nothing");
        assert!(ClientMatch::default().matches(|_| None), "nothing is asked for");
    }

    #[test]
    fn the_last_of_two_about_one_attribute_holds() {
        let wanted = ClientMatch::parse(["client_id=a", "client_id=b"]).expect("both are sound");
        assert!(wanted.matches(|_| Some("b")) && !wanted.matches(|_| Some("a")));
    }

    #[test]
    fn entries_are_checked() {
        for wrong in [
            "a",
            "client_id",
            "client_id=",
            "=a",
            "client_id=a=b",
            "name=a",
            "client_id=(",
            "client_id=a)|(b",
        ] {
            assert_eq!(ClientMatch::parse([wrong]).err(), Some(IllegalPattern(wrong.to_owned())), "{wrong}");
        }
        for right in ["client_id=a=", "client_id= ", "client_source_port=12[0-9]+"] {
            assert!(ClientMatch::parse([right]).is_ok(), "{right}");
        }
    }
}
