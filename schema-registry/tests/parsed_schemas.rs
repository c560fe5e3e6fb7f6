//! Schemas that are parsed once and kept.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "other tests use the rest")]
mod registry;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use medallion_schema_registry::store::{Deleted, ParsedSchemas, RegisterRequest, Settings, Source, Store};
use medallion_schema_registry::{ParsedSchema, SchemaReference, Subject};
use registry::{Registry, request};

/// Keeps all, and counts what is found again.
#[derive(Debug, Default)]
struct All(Mutex<(HashMap<Source, Arc<ParsedSchema>>, usize)>);

impl ParsedSchemas for All {
    fn get(&self, source: &Source) -> Option<Arc<ParsedSchema>> {
        let mut kept = self.0.lock().unwrap();
        let found = kept.0.get(source).cloned();
        kept.1 += usize::from(found.is_some());
        found
    }

    fn keep(&self, source: Source, schema: &Arc<ParsedSchema>) {
        let before = self.0.lock().unwrap().0.insert(source, Arc::clone(schema));
        assert!(before.is_none(), "nothing is parsed twice");
    }
}

impl All {
    fn counts(&self) -> (usize, usize) {
        let kept = self.0.lock().unwrap();
        (kept.0.len(), kept.1)
    }
}

fn keeping() -> (Registry, Arc<All>) {
    let all = Arc::new(All::default());
    let store = Store::with_parsed(Settings::default(), Arc::clone(&all) as Arc<dyn ParsedSchemas>);
    (Registry { store, log: Vec::new() }, all)
}

const V1: &str = r#"{"type":"record","name":"Trip","fields":[{"name":"id","type":"long"}]}"#;
const V2: &str = r#"{"type":"record","name":"Trip","fields":[{"name":"id","type":"string"}]}"#;

#[test]
fn a_check_parses_each_schema_once() {
    let (mut registry, all) = keeping();
    registry.register("trips", &request(V1)).unwrap();
    let subject = Subject::parse("trips");
    let check =
        |registry: &Registry| registry.store.check_compatibility(&subject, None, &request(V2)).unwrap();
    let first = check(&registry);
    let (kept, found) = all.counts();
    assert!(!first.is_empty());
    assert_eq!(check(&registry), first);
    assert_eq!(all.counts(), (kept, found + 2), "both schemas were there");
}

#[test]
fn a_strict_look_does_not_take_a_lenient_one_for_its_own() {
    let (mut registry, _) = keeping();
    let odd = request(r#"{"type":"record","name":"Größe","fields":[]}"#);
    let subject = Subject::parse("a");
    assert!(
        registry.store.lookup(&subject, &odd, Deleted::Without).is_err(),
        "parsed leniently, and not there"
    );
    assert!(registry.register("a", &odd).is_err(), "a new schema's name has letters of ASCII only");
}

#[test]
fn a_reference_whose_text_has_changed_is_read_anew() {
    let (mut registry, _) = keeping();
    let zone = |field: &str| {
        request(&format!(r#"{{"type":"record","name":"Zone","fields":[{{"name":"{field}","type":"int"}}]}}"#))
    };
    let trip = RegisterRequest {
        references: vec![SchemaReference { name: "Zone".into(), subject: "zone".into(), version: 1 }],
        ..request(r#"{"type":"record","name":"Trip","fields":[{"name":"to","type":"Zone"}]}"#)
    };
    let resolved = |registry: &Registry| {
        let version = registry.store.lookup(&Subject::parse("trip"), &trip, Deleted::Without).unwrap();
        registry.store.formatted(&version, "resolved").unwrap()
    };
    registry.register("zone", &zone("id")).unwrap();
    registry.register("trip", &trip).unwrap();
    assert!(resolved(&registry).contains(r#""name":"id""#));
    // Somebody else has written another text under the same number.
    let before = &registry.log[0];
    let text = String::from_utf8(before.value.clone().unwrap()).unwrap();
    let changed = text.replace(r#"\"id\""#, r#"\"number\""#).replace(r#""id":1,"#, r#""id":9,"#);
    assert_ne!(changed, text);
    let offset = registry.store.next_offset();
    registry.store.apply(offset, Some(&before.key.clone()), Some(changed.as_bytes()));
    assert!(resolved(&registry).contains(r#""name":"number""#), "{}", resolved(&registry));
}
