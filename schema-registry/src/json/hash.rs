//! Hashes of values, each part of a value hashed once.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::marker::PhantomData;

use super::Json;

/// Values by which a set tells them apart: the whole of them is compared only where the hashes are equal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hashed<'a> {
    hash: u64,
    json: &'a Json,
}

impl PartialEq for Hashed<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && self.json == other.json
    }
}

impl Eq for Hashed<'_> {}

impl Hash for Hashed<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// Makes hashes under keys that nobody knows. Objects are remembered by their place, so that schemas within each other cost
/// no more than their text, however deep they lie.
#[derive(Debug, Default)]
pub(crate) struct Hashes<'a> {
    keys: RandomState,
    known: HashMap<*const Json, u64>,
    values: PhantomData<&'a Json>,
}

impl<'a> Hashes<'a> {
    /// The value with its hash. Equal values have equal hashes: the order of keys does not count.
    pub(crate) fn of(&mut self, json: &'a Json) -> Hashed<'a> {
        Hashed { hash: self.hash(json), json }
    }

    fn hash(&mut self, json: &'a Json) -> u64 {
        let mut hasher = self.keys.build_hasher();
        std::mem::discriminant(json).hash(&mut hasher);
        match json {
            Json::Null => {}
            Json::Bool(value) => value.hash(&mut hasher),
            Json::Number(number) => number.hash(&mut hasher),
            Json::String(text) => text.hash(&mut hasher),
            Json::Array(elements) => {
                for element in elements {
                    hasher.write_u64(self.hash(element));
                }
            }
            Json::Object(entries) => {
                if let Some(known) = self.known.get(&std::ptr::from_ref(json)) {
                    return *known;
                }
                let mut sum = 0_u64;
                for (key, value) in entries {
                    let of_value = self.hash(value);
                    sum = sum.wrapping_add(self.keys.hash_one((key, of_value)));
                }
                hasher.write_u64(sum);
                let hash = hasher.finish();
                self.known.insert(json, hash);
                return hash;
            }
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_equal_hashes() {
        let texts = [
            r#"[{"a":1.0,"b":[1e2,-0]},"x",null]"#,
            r#"[{"b":[100.0,0],"a":1e0},"x",null]"#,
            r#"[{"b":[100,0],"a":1e0},"x",null]"#,
            r#"[{"b":[100.0,0],"a":1e0},"x",false]"#,
        ];
        let values = texts.map(|text| Json::parse(text).unwrap());
        let mut hashes = Hashes::default();
        let hashed = values.each_ref().map(|value| hashes.of(value));
        for (a, x) in hashed.iter().zip(&values) {
            for (b, y) in hashed.iter().zip(&values) {
                assert_eq!(a.hash == b.hash, x == y, "{x} {y}");
                assert_eq!(a == b, x == y, "{x} {y}");
            }
        }
        assert_eq!(hashed[0], hashed[1]);
    }
}
