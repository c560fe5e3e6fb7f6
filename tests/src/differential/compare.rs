//! The fields in which two replies differ, and the list of differences that are accepted.

use serde_json::Value;

use super::schema::Versions;

/// One field in which the replies differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The field, as `Topics[0].ErrorCode`, or `Configs{name}.Value` where elements go by their names.
    pub path: String,
    /// Kafka's value as JSON; `absent` where only the other has the field.
    pub kafka: String,
    /// Medallion's value.
    pub medallion: String,
}

/// A difference that is meant: one thing that Medallion does otherwise, in all fields that tell of it. In texts `*` stands
/// for any text.
#[derive(Debug, Clone, Copy)]
pub struct Accepted {
    /// The API.
    pub api: &'static str,
    /// Its versions, as Kafka writes ranges: `3`, `3+`, `1-3`.
    pub versions: &'static str,
    /// Where it is seen.
    pub fields: &'static [AcceptedField],
    /// Why Medallion answers something else.
    pub reason: &'static str,
    /// Whether a run may come by without the difference, because it depends on who is faster.
    pub is_timing: bool,
}

/// A field, Kafka's values in it as JSON, and Medallion's.
pub type AcceptedField = (&'static str, &'static str, &'static str);

impl Accepted {
    /// Which of the fields a difference is in, if the entry is about it.
    pub fn covers(&self, api: &str, version: i16, difference: &Difference) -> Option<usize> {
        if self.api != api || !Versions::parse(self.versions).contains(version) {
            return None;
        }
        self.fields.iter().position(|(path, kafka, medallion)| {
            matches(path, &difference.path)
                && matches(kafka, &difference.kafka)
                && matches(medallion, &difference.medallion)
        })
    }
}

/// Whether a text is that of a pattern in which `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(before) else { return false };
    let ends = rest.char_indices().map(|(index, _)| index).chain([rest.len()]);
    ends.into_iter().any(|index| matches(after, &rest[index..]))
}

/// All fields in which two replies differ.
pub fn differences(kafka: &Value, medallion: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    walk("", Some(kafka), Some(medallion), &mut found);
    found
}

fn walk(path: &str, kafka: Option<&Value>, medallion: Option<&Value>, found: &mut Vec<Difference>) {
    match (kafka, medallion) {
        (Some(Value::Object(left)), Some(Value::Object(right))) => {
            let more = right.keys().filter(|name| !left.contains_key(*name));
            for name in left.keys().chain(more) {
                let dot = if path.is_empty() || name.starts_with('{') { "" } else { "." };
                walk(&format!("{path}{dot}{name}"), left.get(name), right.get(name), found);
            }
        }
        (Some(Value::Array(left)), Some(Value::Array(right))) => {
            for index in 0..left.len().max(right.len()) {
                walk(&format!("{path}[{index}]"), left.get(index), right.get(index), found);
            }
        }
        _ if kafka == medallion => {}
        _ => {
            let text = |value: Option<&Value>| value.map_or_else(|| "absent".to_owned(), Value::to_string);
            found.push(Difference { path: path.to_owned(), kafka: text(kafka), medallion: text(medallion) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn differences_name_their_fields() {
        let kafka = json!({ "A": [1, 2], "B": { "{x}": { "V": 1 } }, "C": null });
        let medallion = json!({ "A": [1], "B": { "{x}": { "V": 2 }, "{y}": 3 }, "C": null });
        let found = differences(&kafka, &medallion);
        let texts: Vec<_> =
            found.iter().map(|d| format!("{}: {} {}", d.path, d.kafka, d.medallion)).collect();
        assert_eq!(texts, ["A[1]: 2 absent", "B{x}.V: 1 2", "B{y}: absent 3"]);
    }

    #[test]
    fn an_entry_is_about_its_versions_and_values() {
        let entry = Accepted {
            api: "A",
            versions: "2-3",
            fields: &[("X[*].Y", "1", "*"), ("Z", "*", "*")],
            reason: "a reason",
            is_timing: false,
        };
        let of = |path: &str, kafka: &str| Difference {
            path: path.to_owned(),
            kafka: kafka.to_owned(),
            medallion: "2".to_owned(),
        };
        let covers =
            |api: &str, version, path: &str, kafka: &str| entry.covers(api, version, &of(path, kafka));
        assert_eq!(covers("A", 2, "X[0].Y", "1"), Some(0));
        assert_eq!(covers("A", 3, "X[9].Y", "1"), Some(0));
        assert_eq!(covers("A", 3, "Z", "9"), Some(1));
        assert_eq!(covers("A", 1, "X[0].Y", "1"), None);
        assert_eq!(covers("B", 2, "X[0].Y", "1"), None);
        assert_eq!(covers("A", 2, "X[0].Z", "1"), None);
        assert_eq!(covers("A", 2, "X[0].Y", "7"), None);
    }

    #[test]
    fn patterns_stand_for_texts() {
        assert!(
            matches("A*.B", "A[1].C.B") && matches("*", "") && matches("x", "x") && matches("*b*", "abc")
        );
        assert!(!matches("A*.B", "A[1].C") && !matches("x", "xy") && !matches("", "x"));
    }
}
