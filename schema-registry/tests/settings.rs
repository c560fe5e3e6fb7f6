//! Settings of subjects: each is followed, or refused by its name.

mod registry;

use std::sync::Arc;

use medallion_schema_registry::json::Json;
use medallion_schema_registry::store::{Applied, ConfigUpdate, Deleted, RegisterRequest, VersionNumber};
use medallion_schema_registry::{Metadata, Refusal, Subject};
use registry::{Registry, compact, replay, request};

fn subject(text: &str) -> Subject {
    Subject::parse(text)
}

fn set(registry: &mut Registry, name: &str, settings: &str) -> Result<(), Refusal> {
    let update = ConfigUpdate::from_json(&Json::parse(settings).expect("JSON")).expect("settings");
    let decision = registry.store.update_config(Some(&subject(name)), &update);
    registry.run(decision).map(|_| ())
}

fn json_schema(text: &str) -> RegisterRequest {
    RegisterRequest { schema_type: Some("JSON".to_owned()), ..request(text) }
}

#[test]
fn a_lenient_policy_lets_properties_come_and_go() {
    const CLOSED: &str = r#"{"type":"object","additionalProperties":false,"properties":{"a":{"type":"string"},"b":{"type":"string"}}}"#;
    const SMALLER: &str =
        r#"{"type":"object","additionalProperties":false,"properties":{"a":{"type":"string"}}}"#;
    const OTHER: &str =
        r#"{"type":"object","additionalProperties":false,"properties":{"a":{"type":"integer"}}}"#;
    let mut registry = Registry::new();
    registry.register("a", &json_schema(CLOSED)).unwrap();
    let refused = registry.register("a", &json_schema(SMALLER)).unwrap_err();
    assert!(refused.to_string().contains("PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL"), "{refused}");
    set(&mut registry, "a", r#"{"compatibilityPolicy":"lenient"}"#).unwrap();
    assert_eq!(registry.register("a", &json_schema(SMALLER)).unwrap().version, 2);
    let refused = registry.register("a", &json_schema(OTHER)).unwrap_err();
    assert!(refused.to_string().contains("TYPE_CHANGED"), "{refused}");
    let config = registry.store.config(Some(&subject("a"))).unwrap().to_json().to_string();
    assert_eq!(config, r#"{"compatibilityLevel":"BACKWARD","compatibilityPolicy":"LENIENT"}"#);
}

#[test]
fn what_cannot_be_followed_is_refused_by_name() {
    let mut registry = Registry::new();
    for (settings, name) in [
        (r#"{"compatibilityPolicy":"LOGICAL"}"#, "compatibilityPolicy"),
        (r#"{"validateRules":true}"#, "validateRules"),
        (r#"{"aliasForDeks":"k"}"#, "aliasForDeks"),
    ] {
        let refused = set(&mut registry, "a", settings).unwrap_err();
        assert_eq!(refused.code(), 42_203, "{settings}");
        assert!(refused.to_string().starts_with(&format!("{name} is not supported: ")), "{refused}");
    }
    assert!(ConfigUpdate::from_json(&Json::parse(r#"{"compatibilityPolicy":"MILD"}"#).unwrap()).is_err());
    set(&mut registry, "a", r#"{"validateRules":false,"aliasForDeks":null}"#).unwrap();
}

/// A topic that another registry wrote may say so: then no schema is taken for compatible without being looked at.
#[test]
fn a_logical_policy_of_another_registry_stands_in_the_way() {
    let mut registry = Registry::new();
    let key = br#"{"keytype":"CONFIG","subject":"a","magic":0}"#;
    let value = br#"{"subject":"a","compatibilityPolicy":"LOGICAL"}"#;
    let applied = registry.store.apply(0, Some(key.as_slice()), Some(value.as_slice()));
    assert_eq!(applied, Applied::Taken);
    let refused = registry.register("a", &request("\"int\"")).unwrap_err();
    assert!(refused.to_string().contains("LOGICAL"), "{refused}");
}

fn reserving(schema: &str, names: &str) -> RegisterRequest {
    let properties = [("confluent:reserved".to_owned(), names.to_owned())].into();
    RegisterRequest { metadata: Some(Metadata { properties, ..Metadata::default() }), ..request(schema) }
}

fn record(fields: &[&str]) -> String {
    let field = |name: &&str| format!(r#"{{"name":"{name}","type":["null","int"],"default":null}}"#);
    let fields: Vec<String> = fields.iter().map(field).collect();
    format!(r#"{{"type":"record","name":"R","fields":[{}]}}"#, fields.join(","))
}

#[test]
fn reserved_fields_are_checked_where_that_is_set() {
    let mut registry = Registry::new();
    registry.register("free", &reserving(&record(&["a"]), "a")).unwrap();
    set(&mut registry, "a", r#"{"validateFields":true}"#).unwrap();
    let taken = registry.register("a", &reserving(&record(&["x", "y"]), "y , z")).unwrap_err();
    assert_eq!(
        taken.to_string(),
        "Schema being registered is incompatible with an earlier schema for subject \"a\", details: [The new schema has field \
         that conflicts with the reserved field y., {validateFields: 'true', compatibility: 'BACKWARD'}]"
    );
    registry.register("a", &reserving(&record(&["x"]), "y,z")).unwrap();
    let removed = registry.register("a", &reserving(&record(&["x", "w"]), "y")).unwrap_err();
    assert!(
        removed.to_string().contains(
            "The new schema has reserved field z removed from its metadata which is present in the old schema's metadata."
        ),
        "{removed}"
    );
    // No level of compatibility changes that.
    set(&mut registry, "a", r#"{"compatibility":"NONE"}"#).unwrap();
    assert!(registry.register("a", &reserving(&record(&["x", "z"]), "y,z")).is_err());
    assert_eq!(registry.register("a", &reserving(&record(&["x", "w"]), "y,z,v")).unwrap().version, 2);
}

#[test]
fn an_alias_is_followed_once() {
    let mut registry = Registry::new();
    let first = registry.register("a", &request("\"int\"")).unwrap();
    set(&mut registry, "alias", r#"{"alias":"a"}"#).unwrap();
    set(&mut registry, "twice", r#"{"alias":"alias"}"#).unwrap();
    set(&mut registry, ":.c:alias", r#"{"alias":"a"}"#).unwrap();
    let alias = subject("alias");
    assert_eq!(registry.register("alias", &request("\"long\"")).unwrap().subject, subject("a"));
    let store = &registry.store;
    assert_eq!(store.version(&alias, VersionNumber::Number(1), Deleted::Without), Ok(Arc::clone(&first)));
    assert_eq!(store.versions(&alias, Deleted::Without), Ok(vec![1, 2]));
    assert_eq!(store.lookup(&alias, &request("\"int\""), Deleted::Without), Ok(Arc::clone(&first)));
    assert_eq!(store.schema_by_id(1, Some(&alias)), Ok(first));
    assert_eq!(store.versions_of_id(1, Some(&alias), Deleted::Without).unwrap(), [(subject("a"), 1)]);
    let messages = store.check_compatibility(&alias, None, &request("\"string\"")).unwrap();
    assert!(messages.len() > 1, "{messages:?}");
    let unknown = store.version(&subject("twice"), VersionNumber::Latest, Deleted::Without);
    assert_eq!(unknown, Err(Refusal::SubjectNotFound("alias".to_owned())));
    assert_eq!(store.follow_alias(&subject(":.c:alias")), subject(":.c:a"));
    assert_eq!(store.aliases(".")[&subject("a")], std::slice::from_ref(&alias));
    let decision = registry.store.delete_version(&alias, VersionNumber::Number(2), false);
    assert_eq!(registry.run(decision), Ok(2));
    assert_eq!(registry.content(), "a v1 id1 (a v2 id2)");
    assert_eq!(replay(&compact(&registry.log)).follow_alias(&alias), subject("a"));
}
