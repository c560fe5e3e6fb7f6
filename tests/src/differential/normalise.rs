//! What replies of two good servers may differ in, taken out of them by stated rules.

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
    /// The elements of an array by these fields of theirs, because their order means nothing.
    ByField(&'static [&'static str]),
    /// The elements of an array sorted, because their order means nothing.
    Sorted,
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
        (Some(Keep::ByField(fields)), Value::Array(elements)) => Value::Object(by_field(fields, elements)),
        (Some(Keep::Sorted), Value::Array(mut elements)) => {
            elements.sort_by_key(Value::to_string);
            Value::Array(elements)
        }
        (_, value) => value,
    }
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
