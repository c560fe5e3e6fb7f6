//! More requests, made out of good ones: a few fields changed, each in a way of its type.

use fastrand::Rng;
use serde_json::{Map, Value};

use super::codec::ZERO_UUID;
use super::schema::{Field, Kind, Message};

/// Fields that are never changed, because a change costs time (waits) or the reply (`acks=0`), or because Kafka fails
/// with an internal error on values that it does not know.
const FROZEN: [&str; 6] = ["TimeoutMs", "timeoutMs", "MaxWaitMs", "Acks", "MinBytes", "IsolationLevel"];

/// What requests of one API are changed with.
#[derive(Debug, Clone, Copy)]
pub struct Mutator<'a> {
    /// The request's description.
    pub message: &'a Message,
    /// The version that is asked in.
    pub version: i16,
    /// Fields that stay as they are; `Rows[]` is an array that keeps its elements, which may change.
    pub frozen: &'a [&'a str],
    /// Texts to put into fields, beside the usual ones.
    pub texts: &'a [String],
    /// Fields whose texts get an ending of their own in each request, so that no request meets what another has left;
    /// `Rows.Name` where other fields have the same name.
    pub fresh: &'a [&'a str],
    /// Whether empty arrays get elements, for APIs whose requests nobody has written.
    pub grows: bool,
}

/// A place in a request, as a JSON pointer, with its type and whether null is allowed.
type Place<'a> = (String, &'a Kind, bool);

impl Mutator<'_> {
    /// The request with one to three fields changed; `ending` is for the fresh fields.
    pub fn change(&self, request: &Value, ending: &str, random: &mut Rng) -> Value {
        let mut changed = complete(&self.message.fields, request);
        for _ in 0..random.u8(1..=3) {
            let mut places = Vec::new();
            self.places(&self.message.fields, &changed, "", &mut places);
            if places.is_empty() {
                break;
            }
            let (pointer, kind, nullable) = places.swap_remove(random.usize(..places.len()));
            let place = changed.pointer_mut(&pointer).expect("the place was just found");
            *place = self.other_value(kind, nullable, place, random);
        }
        self.freshen(&mut changed, "", ending);
        changed
    }

    /// `within` is the field that the value stands in.
    fn freshen(&self, value: &mut Value, within: &str, ending: &str) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let qualified = format!("{within}.{name}");
                    let is_fresh = self.fresh.iter().any(|fresh| fresh == name || *fresh == qualified);
                    match value {
                        Value::String(text) if is_fresh && !text.is_empty() => text.push_str(ending),
                        other => self.freshen(other, name, ending),
                    }
                }
            }
            Value::Array(elements) => {
                for element in elements {
                    self.freshen(element, within, ending);
                }
            }
            _ => {}
        }
    }

    fn places<'m>(&self, fields: &'m [Field], value: &Value, pointer: &str, places: &mut Vec<Place<'m>>) {
        let frozen = |name: &str| FROZEN.contains(&name) || self.frozen.contains(&name);
        for field in
            fields.iter().filter(|field| field.versions.contains(self.version) && !frozen(&field.name))
        {
            let pointer = format!("{pointer}/{}", field.name);
            self.place(
                &field.kind,
                field.nullable.contains(self.version),
                &value[&field.name],
                pointer,
                places,
            );
        }
    }

    fn place<'m>(
        &self,
        kind: &'m Kind,
        nullable: bool,
        value: &Value,
        pointer: String,
        places: &mut Vec<Place<'m>>,
    ) {
        match kind {
            Kind::Struct(fields) if value.is_object() => self.places(fields, value, &pointer, places),
            Kind::Array(element) => {
                for (index, inner) in value.as_array().into_iter().flatten().enumerate() {
                    self.place(element, false, inner, format!("{pointer}/{index}"), places);
                }
            }
            _ => {}
        }
        let name = pointer.rsplit('/').next().unwrap_or_default();
        let keeps_elements = self.frozen.iter().any(|frozen| frozen.strip_suffix("[]") == Some(name));
        if !matches!(kind, Kind::Struct(_)) && !keeps_elements {
            places.push((pointer, kind, nullable));
        }
    }

    fn other_value(&self, kind: &Kind, nullable: bool, now: &Value, random: &mut Rng) -> Value {
        // Null where it is forbidden closes the connection, so is rarer.
        let is_null = random.u8(..if nullable { 4 } else { 24 }) == 0;
        match kind {
            Kind::Bool => (now != &Value::Bool(true)).into(),
            Kind::Int(size) => integer(*size, now, random),
            Kind::Uint(_) => random.u16(..).into(),
            Kind::Float => random.choice([0.0, -1.0, 1e300]).into(),
            Kind::Uuid => {
                let known: Vec<_> = self.texts.iter().filter(|text| text.starts_with("<id:")).collect();
                match random.choice(known) {
                    Some(id) if random.bool() => id.as_str().into(),
                    _ => random.choice([ZERO_UUID, "MkU3OEVCQTU3MDUyRDQzNg"]).into(),
                }
            }
            Kind::Bytes => bytes(now, random),
            _ if is_null => Value::Null,
            Kind::String => self.text(random).into(),
            Kind::Struct(_) => now.clone(),
            Kind::Array(element) if self.grows && now.as_array().is_none_or(Vec::is_empty) => {
                Value::Array(vec![blank(element)])
            }
            Kind::Array(_) => array(now, random),
        }
    }

    fn text(&self, random: &mut Rng) -> String {
        let known: Vec<_> = self.texts.iter().filter(|text| !text.starts_with('<')).collect();
        match random.choice(known) {
            Some(text) if random.bool() => text.clone(),
            _ => match random.u8(..8) {
                0 => String::new(),
                1 => "x".repeat(250),
                2 => ".".to_owned(),
                3 => "a/b".to_owned(),
                4 => " ".to_owned(),
                5 => "-1".to_owned(),
                6 => "ünï".to_owned(),
                _ => "made.up".to_owned(),
            },
        }
    }
}

/// The request with all fields that it leaves out at their defaults.
fn complete(fields: &[Field], value: &Value) -> Value {
    let of = |field: &Field| {
        let given = value.get(&field.name).unwrap_or(&field.default);
        (field.name.clone(), complete_kind(&field.kind, given))
    };
    Value::Object(fields.iter().map(of).collect::<Map<_, _>>())
}

fn complete_kind(kind: &Kind, value: &Value) -> Value {
    match (kind, value) {
        (Kind::Struct(fields), Value::Object(_)) => complete(fields, value),
        (Kind::Array(element), Value::Array(elements)) => {
            elements.iter().map(|inner| complete_kind(element, inner)).collect()
        }
        _ => value.clone(),
    }
}

/// A value of a type, with nothing in it.
fn blank(kind: &Kind) -> Value {
    match kind {
        Kind::Bool => false.into(),
        Kind::Int(_) | Kind::Uint(_) => 0.into(),
        Kind::Float => 0.0.into(),
        Kind::Uuid => ZERO_UUID.into(),
        Kind::String => "made.up".into(),
        Kind::Bytes => "".into(),
        Kind::Struct(fields) => complete(fields, &Value::Object(Map::new())),
        Kind::Array(_) => Value::Array(Vec::new()),
    }
}

fn integer(size: usize, now: &Value, random: &mut Rng) -> Value {
    let now = now.as_i64().unwrap_or(0);
    let largest = i64::MAX >> (64 - 8 * size);
    let choices = [
        -1,
        0,
        1,
        2,
        3,
        -2,
        now.saturating_add(1).min(largest),
        now.saturating_sub(1).max(-largest),
        largest,
        -largest - 1,
    ];
    choices[random.usize(..choices.len())].into()
}

fn bytes(now: &Value, random: &mut Rng) -> Value {
    let text = now.as_str().unwrap_or_default();
    if text.is_empty() || random.u8(..6) == 0 {
        return "".into();
    }
    let at = random.usize(..text.len());
    match random.u8(..3) {
        0 => text[..at & !1].into(),
        _ => format!("{}{:x}{}", &text[..at], random.u8(..16), &text[at + 1..]).into(),
    }
}

fn array(now: &Value, random: &mut Rng) -> Value {
    let mut elements = now.as_array().cloned().unwrap_or_default();
    if elements.is_empty() {
        return elements.into();
    }
    let index = random.usize(..elements.len());
    match random.u8(..4) {
        0 => elements.clear(),
        1 => drop(elements.remove(index)),
        2 => elements.push(elements[index].clone()),
        _ => elements.reverse(),
    }
    elements.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::differential::codec::encode;
    use crate::differential::schema::tests::sample;
    use serde_json::json;

    #[test]
    fn changed_requests_encode_and_repeat_with_their_seed() {
        let message = sample();
        let texts = ["<id:t>".to_owned(), "t".to_owned()];
        let mutator = Mutator {
            message: &message,
            version: 1,
            frozen: &["Flag"],
            texts: &texts,
            fresh: &["Data"],
            grows: true,
        };
        let request = json!({ "Rows": [{ "Id": 1 }, { "Id": 2 }], "Data": "0011" });
        let made = |seed| {
            let mut random = Rng::with_seed(seed);
            let requests = (0..200).map(|_| mutator.change(&request, "ff", &mut random));
            requests.collect::<Vec<_>>()
        };
        let requests = made(1);
        for request in &requests {
            assert_eq!(request["Flag"], true, "frozen");
            assert!(request["Data"].as_str().is_some_and(|text| text.is_empty() || text.ends_with("ff")));
            if request["Key"] != "<id:t>" {
                encode(&message, 1, request);
            }
        }
        assert_eq!(made(1), requests);
        assert_ne!(made(2), requests);
    }
}
