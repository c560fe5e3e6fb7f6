//! What replies of two good servers may differ in, taken out of them by stated rules.

use std::fmt;

use serde_json::{Map, Value};

/// What is kept of a field.
#[derive(Debug, Clone, Copy)]
pub enum Keep {
    /// Nothing: the values are the servers' own.
    Nothing,
    /// Whether it is negative, zero or positive.
    Sign,
    /// The text without its digits.
    WithoutDigits,
    /// The text with the same word for every UUID in it.
    WithoutUuids,
    /// The batches of records that are whole: where a limit cuts the last one off, clients skip it.
    WholeBatches,
    /// The elements of an array by these fields of theirs, because their order means nothing.
    ByField(&'static [&'static str]),
    /// The elements of an array sorted, because their order means nothing.
    Sorted,
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("not compared"),
            Self::Sign => f.write_str("its sign"),
            Self::WithoutDigits => f.write_str("the text without digits"),
            Self::WithoutUuids => f.write_str("the text without UUIDs"),
            Self::WholeBatches => f.write_str("whole batches"),
            Self::ByField(fields) => write!(f, "elements by `{}`, in any order", fields.join("`, `")),
            Self::Sorted => f.write_str("elements in any order"),
        }
    }
}

/// A rule for a field.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The API, or `*` for all.
    pub api: &'static str,
    /// The field, as `Topics.Partitions`.
    pub path: &'static str,
    /// What is kept.
    pub keep: Keep,
}

/// Applies the rules of an API to a reply of it.
pub fn normalise(rules: &[Rule], api: &str, reply: Value) -> Value {
    let rules: Vec<_> = rules.iter().filter(|rule| rule.api == "*" || rule.api == api).collect();
    walk(&rules, "", reply)
}

fn walk(rules: &[&Rule], path: &str, value: Value) -> Value {
    let value = match value {
        Value::Object(fields) => {
            let inner = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            fields
                .into_iter()
                .map(|(name, value)| {
                    let value = walk(rules, &inner(&name), value);
                    (name, value)
                })
                .collect()
        }
        Value::Array(elements) => elements.into_iter().map(|element| walk(rules, path, element)).collect(),
        other => other,
    };
    let is_this =
        |rule: &&&Rule| rule.path == path || (rule.api == "*" && path.ends_with(&format!(".{}", rule.path)));
    match (rules.iter().find(is_this).map(|rule| rule.keep), value) {
        (Some(Keep::Nothing), Value::Number(_) | Value::String(_) | Value::Bool(_) | Value::Array(_)) => {
            "any".into()
        }
        (Some(Keep::Sign), Value::Number(number)) => match number.as_f64().unwrap_or(0.0) {
            n if n < 0.0 => "negative".into(),
            n if n > 0.0 => "positive".into(),
            _ => "zero".into(),
        },
        (Some(Keep::WithoutDigits), Value::String(text)) => {
            text.chars().filter(|c| !c.is_ascii_digit()).collect::<String>().into()
        }
        (Some(Keep::WholeBatches), Value::String(text)) => whole_batches(&text).into(),
        (Some(Keep::WithoutUuids), Value::String(text)) => without_uuids(&text).into(),
        (Some(Keep::ByField(fields)), Value::Array(elements)) => Value::Object(by_field(fields, elements)),
        (Some(Keep::Sorted), Value::Array(mut elements)) => {
            elements.sort_by_key(Value::to_string);
            Value::Array(elements)
        }
        (_, value) => value,
    }
}

/// Batches as hexadecimal digits: the length of what follows stands in the bytes 8 to 11 of each.
fn whole_batches(digits: &str) -> &str {
    let mut end = 0;
    loop {
        let length = digits.get(end + 16..end + 24).and_then(|length| usize::from_str_radix(length, 16).ok());
        match length.map(|length| end + 2 * (12 + length)) {
            Some(next) if next <= digits.len() => end = next,
            _ => return &digits[..end],
        }
    }
}

/// `client-3b3f3a06-9fd4-4d3c-9a5c-2b1f2f9a7d11` as `client-<uuid>`.
fn without_uuids(text: &str) -> String {
    const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
    let is_uuid = |text: &str| {
        let groups: Vec<_> = text.split('-').collect();
        let is_hex = |c: char| c.is_ascii_hexdigit();
        groups.len() == GROUPS.len()
            && groups.iter().zip(GROUPS).all(|(group, size)| group.len() == size && group.chars().all(is_hex))
    };
    let (mut rest, mut kept) = (text, String::new());
    while let Some(first) = rest.chars().next() {
        match rest.get(..36).filter(|start| is_uuid(start)) {
            Some(_) => {
                kept.push_str("<uuid>");
                rest = &rest[36..];
            }
            None => {
                kept.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    kept
}

/// An object of elements under `{fields}`; a second element of the same fields has a number behind.
fn by_field(fields: &[&str], elements: Vec<Value>) -> Map<String, Value> {
    let mut object = Map::new();
    for element in elements {
        let text = |field: &&str| match &element[*field] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let key = fields.iter().map(text).collect::<Vec<_>>().join(",");
        let key = (1..).map(|n| if n == 1 { format!("{{{key}}}") } else { format!("{{{key}#{n}}}") });
        let key = key.into_iter().find(|key| !object.contains_key(key)).expect("numbers do not end");
        object.insert(key, element);
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_batch_that_is_cut_off_goes() {
        let batch = "0000000000000001".to_owned() + "00000002" + "abcd";
        let two = format!("{batch}{batch}");
        assert_eq!(whole_batches(&two), two);
        for digits in [2, 20, batch.len() - 2] {
            assert_eq!(whole_batches(&two[..batch.len() + digits]), batch);
        }
        assert_eq!(whole_batches(""), "");
        assert_eq!(whole_batches(&batch[..10]), "");
    }

    #[test]
    fn uuids_become_a_word() {
        let id = "3b3f3a06-9fd4-4d3c-9a5c-2b1f2f9a7d11";
        assert_eq!(without_uuids(&format!("a-{id}-b {id}")), "a-<uuid>-b <uuid>");
        assert_eq!(without_uuids(&id[1..]), id[1..]);
        assert_eq!(without_uuids("ü"), "ü");
    }

    #[test]
    fn rules_take_out_what_may_differ() {
        let rules = [
            Rule { api: "*", path: "Port", keep: Keep::Nothing },
            Rule { api: "A", path: "Rows", keep: Keep::ByField(&["Name"]) },
            Rule { api: "A", path: "Rows.Size", keep: Keep::Sign },
            Rule { api: "A", path: "Ids", keep: Keep::Sorted },
        ];
        let reply = json!({ "Port": 1, "Rows": [{ "Name": "b", "Size": 7 }, { "Name": "b", "Size": 0 }], "Ids": [2, 1] });
        let expected = json!({ "Port": "any", "Ids": [1, 2],
            "Rows": { "{b}": { "Name": "b", "Size": "positive" }, "{b#2}": { "Name": "b", "Size": "zero" } } });
        assert_eq!(normalise(&rules, "A", reply.clone()), expected);
        assert_eq!(normalise(&rules, "B", reply)["Ids"], json!([2, 1]));
    }
}
