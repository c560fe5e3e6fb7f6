//! What requests make of the state, and how they are refused.

mod registry;

use medallion_schema_registry::json::Json;
use medallion_schema_registry::store::{
    Config, ConfigUpdate, Deleted, Mode, Refusal, RegisterRequest, VersionNumber,
};
use medallion_schema_registry::{
    CompatibilityLevel, Guid, Metadata, Rule, RuleSet, SchemaReference, Subject,
};
use registry::{Registry, compact, content, replay, request};

const FIRST: &str = r#"{"type":"record","name":"R","fields":[]}"#;
const SECOND: &str = r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int","default":0}]}"#;
const INCOMPATIBLE: &str = r#"{"type":"record","name":"R","fields":[{"name":"b","type":"int"}]}"#;

fn subject(text: &str) -> Subject {
    Subject::parse(text)
}

fn refused<T: std::fmt::Debug>(result: Result<T, Refusal>) -> (i32, String) {
    let refusal = result.expect_err("it is refused");
    (refusal.code(), refusal.to_string())
}

#[test]
fn schemas_get_versions_by_subject_and_ids_by_content() {
    let mut registry = Registry::new();
    let first = registry.register("a", &request(FIRST)).unwrap();
    assert_eq!((first.version, first.id, first.guid), (1, 1, Guid::of(FIRST, &[], None, None)));
    let spaced = FIRST.replace(',', " ,\n");
    assert_eq!(registry.register("a", &request(&spaced)).unwrap(), first);
    assert_eq!(registry.register("b", &request(FIRST)).unwrap().id, 1);
    assert_eq!(registry.register("a", &request(SECOND)).unwrap().id, 2);
    assert_eq!(registry.register(":.c:a", &request(SECOND)).unwrap().id, 1);
    assert_eq!(registry.content(), "a v1 id1 a v2 id2 b v1 id1 :.c:a v1 id1");
    let keys: Vec<String> =
        registry.log.iter().map(|record| String::from_utf8(record.key.clone()).unwrap()).collect();
    assert_eq!(keys[3], r#"{"keytype":"CONTEXT","tenant":"default","context":".c","magic":0}"#);
    assert_eq!(keys[4], r#"{"keytype":"SCHEMA","subject":":.c:a","version":1,"magic":1}"#);
    let value = String::from_utf8(registry.log[0].value.clone().unwrap()).unwrap();
    let text = Json::from(FIRST).to_string();
    assert_eq!(value, format!(r#"{{"subject":"a","version":1,"id":1,"schema":{text},"deleted":false}}"#));
    let found = registry.store.lookup(&subject("a"), &request(&spaced), Deleted::Without).unwrap();
    assert_eq!(found, first);
    let ids: Vec<_> = registry.store.ids_by_guid(Guid::of(SECOND, &[], None, None)).collect();
    assert_eq!(ids, [(".", 2), (".c", 1)]);
}

#[test]
fn what_does_not_exist_is_named_by_confluents_codes() {
    let mut registry = Registry::new();
    registry.register("a", &request(FIRST)).unwrap();
    let store = &registry.store;
    let (a, b) = (subject("a"), subject("b"));
    let number = VersionNumber::Number(7);
    let not_found = |name: &str| (40_401, format!("Subject '{name}' not found."));
    assert_eq!(refused(store.version(&b, number, Deleted::Without)), not_found("b"));
    assert_eq!(
        refused(store.version(&a, number, Deleted::Without)),
        (40_402, "Version 7 not found.".to_owned())
    );
    assert_eq!(refused(store.versions(&b, Deleted::Without)), not_found("b"));
    assert_eq!(refused(store.schema_by_id(9, None)), (40_403, "Schema 9 not found".to_owned()));
    assert_eq!(refused(store.lookup(&b, &request(FIRST), Deleted::Without)), not_found("b"));
    assert_eq!(
        refused(store.lookup(&a, &request(SECOND), Deleted::Without)),
        (40_403, "Schema not found".to_owned())
    );
    assert_eq!(refused(VersionNumber::parse("0")).0, 42_202);
    assert_eq!(
        refused(VersionNumber::parse("x")).1,
        "The specified version 'x' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\""
    );
    assert_eq!(VersionNumber::parse("Latest"), Ok(VersionNumber::Latest));
    assert_eq!(refused(store.config(Some(&a))).0, 40_408);
    assert_eq!(refused(store.mode(Some(&a))).0, 40_409);
    assert_eq!(refused(store.delete_config(Some(&a))), not_found("a"));
    assert_eq!(refused(store.delete_mode(Some(&a), false)), not_found("a"));
    assert_eq!(refused(store.check_compatibility(&b, Some(number), &request(FIRST))).0, 40_402);
    assert_eq!(store.check_compatibility(&b, Some(VersionNumber::Latest), &request(FIRST)), Ok(Vec::new()));
}

#[test]
fn bad_schemas_and_subjects_are_refused() {
    let mut registry = Registry::new();
    assert_eq!(
        refused(registry.register("a", &request("{}"))),
        (42_201, "Invalid schema of type AVRO, details: No type: {}".to_owned())
    );
    assert_eq!(refused(registry.register("a", &request(" "))), (42_201, "Empty schema".to_owned()));
    let unknown = RegisterRequest { schema_type: Some("XML".to_owned()), ..request("x") };
    assert_eq!(refused(registry.register("a", &unknown)), (42_201, "Invalid schema type XML".to_owned()));
    for name in ["__GLOBAL", "__EMPTY", "a\u{1}", ":.__GLOBAL:a"] {
        assert_eq!(refused(registry.register(name, &request(FIRST))).0, 42_208, "{name}");
    }
    let rule = Rule { name: Some("1".to_owned()), ..Rule::default() };
    let rules = RuleSet { domain_rules: vec![rule], ..RuleSet::default() };
    let bad_rule = RegisterRequest { rule_set: Some(rules), ..request(FIRST) };
    assert_eq!(refused(registry.register("a", &bad_rule)).0, 42_210);
    // An invalid default is no obstacle where new schemas are not looked at more closely.
    let invalid = r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int","default":"x"}]}"#;
    assert_eq!(refused(registry.register("a", &request(invalid))).0, 42_201);
    let update = ConfigUpdate { validate_new_schemas: Some(Some(false)), ..ConfigUpdate::default() };
    let decision = registry.store.update_config(Some(&subject("a")), &update);
    registry.run(decision).unwrap();
    assert_eq!(registry.register("a", &request(invalid)).unwrap().version, 1);
}

#[test]
fn compatibility_is_checked_at_the_level_that_holds() {
    let mut registry = Registry::new();
    registry.register("a", &request(FIRST)).unwrap();
    let (code, message) = refused(registry.register("a", &request(INCOMPATIBLE)));
    assert_eq!(code, 409);
    assert_eq!(
        message,
        format!(
            "Schema being registered is incompatible with an earlier schema for subject \"a\", details: [{}]",
            [
                "{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'The field 'b' at path '/fields/0' in the new schema has no default value and is missing in the old schema', additionalInfo:'b'}".to_owned(),
                "{oldSchemaVersion: 1}".to_owned(),
                format!("{{oldSchema: '{FIRST}'}}"),
                "{validateFields: 'false', compatibility: 'BACKWARD'}".to_owned(),
            ]
            .join(", ")
        )
    );
    let checked = registry.store.check_compatibility(&subject("a"), None, &request(INCOMPATIBLE)).unwrap();
    assert_eq!(checked.len(), 4);
    let force = RegisterRequest { force: true, ..request(INCOMPATIBLE) };
    assert_eq!(registry.register("a", &force).unwrap().version, 2);
    let mut set = |scope: Option<&str>, level| {
        let update = ConfigUpdate { compatibility_level: Some(level), ..ConfigUpdate::default() };
        let decision = registry.store.update_config(scope.map(subject).as_ref(), &update);
        registry.run(decision).unwrap();
    };
    set(Some(":.c:"), Some(CompatibilityLevel::Forward));
    set(Some(":.__GLOBAL:"), Some(CompatibilityLevel::Full));
    set(Some("a"), Some(CompatibilityLevel::None));
    set(Some("b"), None);
    let level =
        |text: &str| registry.store.config_in_scope(Some(&subject(text))).compatibility_level.unwrap();
    assert_eq!(level(":.c:a"), CompatibilityLevel::Forward);
    assert_eq!(level(":.d:a"), CompatibilityLevel::Full);
    assert_eq!(level("a"), CompatibilityLevel::None);
    assert_eq!(level("x"), CompatibilityLevel::Full);
    assert_eq!(level("b"), CompatibilityLevel::Backward);
    assert_eq!(
        registry.store.config(Some(&subject("a"))).unwrap().compatibility_level,
        Some(CompatibilityLevel::None)
    );
}

#[test]
fn versions_are_deleted_softly_and_then_for_good() {
    let mut registry = Registry::new();
    registry.register("a", &request(FIRST)).unwrap();
    registry.register("a", &request(SECOND)).unwrap();
    let a = subject("a");
    let one = VersionNumber::Number(1);
    assert_eq!(
        refused(registry.store.delete_version(&a, one, true)),
        (40_407, "Subject 'a' Version 1 was not deleted first before being permanently deleted".to_owned())
    );
    let decision = registry.store.delete_version(&a, one, false);
    assert_eq!(registry.run(decision), Ok(1));
    assert_eq!(
        refused(registry.store.delete_version(&a, one, false)),
        (
            40_406,
            "Subject 'a' Version 1 was soft deleted.Set permanent=true to delete permanently".to_owned()
        )
    );
    assert_eq!(registry.content(), "(a v1 id1) a v2 id2");
    assert_eq!(refused(registry.store.version(&a, one, Deleted::Without)).0, 40_402);
    assert_eq!(registry.store.version(&a, one, Deleted::With).unwrap().id, 1);
    assert_eq!(registry.store.versions(&a, Deleted::Only), Ok(vec![1]));
    // The same schema comes back as a new version with its old id, and takes the old version's place.
    assert_eq!(registry.register("a", &request(FIRST)).unwrap().version, 3);
    assert_eq!(registry.content(), "a v2 id2 a v3 id1");
    assert_eq!(refused(registry.store.delete_subject(&a, true)).0, 40_405);
    let decision = registry.store.delete_subject(&a, false);
    assert_eq!(registry.run(decision), Ok(vec![2, 3]));
    assert_eq!(
        refused(registry.store.delete_subject(&a, false)),
        (40_404, "Subject 'a' was soft deleted.Set permanent=true to delete permanently".to_owned())
    );
    let update = ConfigUpdate { normalize: Some(Some(true)), ..ConfigUpdate::default() };
    let decision = registry.store.update_config(Some(&a), &update);
    registry.run(decision).unwrap();
    let decision = registry.store.delete_subject(&a, true);
    assert_eq!(registry.run(decision), Ok(vec![2, 3]));
    assert_eq!(refused(registry.store.config(Some(&a))).0, 40_408);
    assert_eq!(refused(registry.store.delete_subject(&a, true)).0, 40_401);
    assert_eq!(registry.register("a", &request(FIRST)).unwrap().id, 3, "ids do not come back");
    assert_eq!(registry.content(), "a v1 id3");
}

#[test]
fn what_others_refer_to_stays() {
    let mut registry = Registry::new();
    registry.register(":.c:inner", &request(r#"{"type":"record","name":"In","fields":[]}"#)).unwrap();
    let outer = r#"{"type":"record","name":"Out","fields":[{"name":"i","type":"In"}]}"#;
    let reference = SchemaReference { name: "In".to_owned(), subject: "inner".to_owned(), version: -1 };
    let with_reference = RegisterRequest { references: vec![reference], ..request(outer) };
    let registered = registry.register(":.c:outer", &with_reference).unwrap();
    assert_eq!(registered.references[0].version, 1, "the latest version becomes a number");
    let inner = subject(":.c:inner");
    assert_eq!(registry.store.referenced_by(&inner, VersionNumber::Latest, Deleted::Without), Ok(vec![2]));
    let exists =
        "One or more references exist to the schema {magic=1,keytype=SCHEMA,subject=:.c:inner,version=1}.";
    assert_eq!(
        refused(registry.store.delete_version(&inner, VersionNumber::Latest, false)),
        (42_206, exists.to_owned())
    );
    assert_eq!(refused(registry.store.delete_subject(&inner, false)).0, 42_206);
    // Without its reference, but written out, it is the same schema.
    let written_out = r#"{"type":"record","name":"Out","fields":[{"name":"i","type":{"type":"record","name":"In","fields":[]}}]}"#;
    let outer = subject(":.c:outer");
    assert_eq!(registry.store.lookup(&outer, &request(written_out), Deleted::Without).unwrap().version, 1);
    let decision = registry.store.delete_subject(&outer, false);
    registry.run(decision).unwrap();
    let decision = registry.store.delete_subject(&inner, false);
    registry.run(decision).unwrap();
    assert_eq!(refused(registry.store.delete_subject(&inner, true)).0, 42_206, "a deleted one may come back");
    for name in [":.c:outer", ":.c:inner"] {
        let decision = registry.store.delete_subject(&subject(name), true);
        registry.run(decision).unwrap();
    }
    assert_eq!(
        refused(registry.register(":.c:outer", &with_reference)).1,
        "Invalid schema of type AVRO, details: No schema reference found for subject \":.c:inner\" and version -1"
    );
    let decision = registry.store.delete_context(&subject(":.c:"));
    registry.run(decision).unwrap();
    assert_eq!(registry.store.contexts().collect::<Vec<_>>(), ["."]);
}

#[test]
fn json_and_protobuf_schemas_are_registered_with_their_references() {
    let mut registry = Registry::new();
    let json = |schema: &str| RegisterRequest { schema_type: Some("JSON".to_owned()), ..request(schema) };
    registry.register("common", &json(r#"{ "definitions": { "id": { "type": "integer" } } }"#)).unwrap();
    let order = r#"{"type":"object","additionalProperties":false,"properties":{"id":{"$ref":"common.json#/definitions/id"}}}"#;
    assert_eq!(
        refused(registry.register("order", &json(order))),
        (42_201, "Invalid schema of type JSON, details: #/properties/id: the reference \"common.json#/definitions/id\" is not defined".to_owned())
    );
    let reference =
        SchemaReference { name: "common.json".to_owned(), subject: "common".to_owned(), version: 1 };
    let with_reference = RegisterRequest { references: vec![reference], ..json(order) };
    let registered = registry.register("order", &with_reference).unwrap();
    assert_eq!((registered.id, &*registered.text), (2, order));
    let narrower = RegisterRequest {
        schema: Some(
            order
                .replace("common.json#/definitions/id", "#/a")
                .replace("\"properties\"", "\"a\":{\"type\":\"string\"},\"properties\""),
        ),
        ..with_reference
    };
    let (code, message) = refused(registry.register("order", &narrower));
    assert_eq!(code, 409);
    assert!(
        message.contains("{errorType:\"TYPE_CHANGED\", description:\"A type at path '#/properties/id'"),
        "{message}"
    );
    assert_eq!(refused(registry.register("order", &request(FIRST))).0, 409, "a subject keeps its type");
    let protobuf = |text: &str| RegisterRequest { schema_type: Some("PROTOBUF".to_owned()), ..request(text) };
    registry.register("p", &protobuf("syntax = \"proto3\"; message P {}")).unwrap();
    let mut using = protobuf("syntax = \"proto3\"; import \"p.proto\"; message Q { P p = 1; }");
    let (code, message) = refused(registry.register("q", &using));
    assert_eq!((code, message.contains("\"p.proto\" is neither a reference")), (42_201, true), "{message}");
    using.references =
        vec![SchemaReference { name: "p.proto".to_owned(), subject: "p".to_owned(), version: -1 }];
    assert_eq!(registry.register("q", &using).unwrap().references[0].version, 1);
    assert_eq!(content(&replay(&registry.log)), "common v1 id1 order v1 id2 p v1 id3 q v1 id4");
}

#[test]
fn modes_say_what_may_be_done() {
    let mut registry = Registry::new();
    registry.register("a", &request(FIRST)).unwrap();
    let a = subject("a");
    let set = |registry: &mut Registry, scope: Option<&Subject>, mode| {
        let decision = registry.store.update_mode(scope, Some(mode), false);
        registry.run(decision)
    };
    set(&mut registry, Some(&a), Mode::ReadOnly).unwrap();
    let read_only = "Subject a in context  is in read-only mode";
    assert_eq!(refused(registry.register("a", &request(SECOND))), (42_205, read_only.to_owned()));
    assert_eq!(registry.register("a", &request(FIRST)).unwrap().version, 1, "what exists is told");
    assert_eq!(refused(registry.store.delete_subject(&a, false)).0, 42_205);
    let with_id = RegisterRequest { id: Some(9), version: Some(4), ..request(SECOND) };
    assert_eq!(
        refused(registry.register("b", &with_id)),
        (42_205, "Subject b in context  is not in import mode".to_owned())
    );
    assert_eq!(
        refused(set(&mut registry, None, Mode::Import)),
        (42_205, "Cannot import since found existing subjects".to_owned())
    );
    assert_eq!(refused(set(&mut registry, Some(&a), Mode::Forward)).0, 42_204);
    let context = subject(":.c:");
    set(&mut registry, Some(&context), Mode::Import).unwrap();
    let imported = registry.register(":.c:b", &with_id).unwrap();
    assert_eq!((imported.id, imported.version), (9, 4));
    let other = RegisterRequest { id: Some(9), version: Some(1), ..request(FIRST) };
    assert_eq!(
        refused(registry.register(":.c:x", &other)),
        (42_205, "Overwrite new schema with id 9 in context :.c: is not permitted.".to_owned())
    );
    assert_eq!(
        refused(registry.register(":.c:x", &request(FIRST))),
        (42_205, "Subject :.c:x in context :.c: is not in read-write mode".to_owned())
    );
    let decision = registry.store.delete_mode(Some(&context), false);
    assert_eq!(registry.run(decision), Ok(Some(Mode::Import)));
    assert_eq!(registry.store.mode_in_scope(Some(&subject(":.c:b"))), Mode::ReadWrite);
    assert_eq!(registry.register(":.c:x", &request(FIRST)).unwrap().id, 10);
}

#[test]
fn the_last_id_and_the_last_version_are_followed_by_a_refusal() {
    let mut registry = Registry::new();
    let import = |registry: &mut Registry, mode| {
        let decision = registry.store.update_mode(Some(&subject(":.c:")), Some(mode), true);
        registry.run(decision).unwrap();
    };
    import(&mut registry, Mode::Import);
    let last = RegisterRequest { id: Some(i32::MAX), version: Some(i32::MAX), ..request(FIRST) };
    let imported = registry.register(":.c:a", &last).unwrap();
    assert_eq!((imported.id, imported.version), (i32::MAX, i32::MAX));
    import(&mut registry, Mode::ReadWrite);
    assert_eq!(registry.register(":.c:a", &request(FIRST)).unwrap().version, i32::MAX, "it is there already");
    assert_eq!(
        refused(registry.register(":.c:a", &request(SECOND))),
        (42_205, "Subject :.c:a has version 2147483647, the last that there can be".to_owned())
    );
    assert_eq!(
        refused(registry.register(":.c:b", &request(SECOND))),
        (42_205, "Context :.c: has id 2147483647, the last that there can be".to_owned())
    );
    assert_eq!(registry.register("b", &request(SECOND)).unwrap().id, 1);
}

#[test]
fn metadata_and_rules_pass_on_and_settings_add_to_them() {
    let mut registry = Registry::new();
    let owned = |owner: &str| Metadata {
        properties: [("owner".to_owned(), owner.to_owned())].into(),
        ..Metadata::default()
    };
    let with_owner = RegisterRequest { metadata: Some(owned("me")), ..request(FIRST) };
    let first = registry.register("a", &with_owner).unwrap();
    assert_eq!(first.guid, Guid::of(FIRST, &[], Some(&owned("me")), None));
    let second = registry.register("a", &request(SECOND)).unwrap();
    assert_eq!(second.metadata, Some(owned("me")), "taken over from the latest version");
    let looked_up = registry.store.lookup(&subject("a"), &request(SECOND), Deleted::Without).unwrap();
    assert_eq!(looked_up.version, 2, "found as it was sent");
    let update = ConfigUpdate { override_metadata: Some(Some(owned("us"))), ..ConfigUpdate::default() };
    let decision = registry.store.update_config(Some(&subject("a")), &update);
    let config: Config = registry.run(decision).unwrap();
    assert_eq!(config.to_json().to_string(), r#"{"overrideMetadata":{"properties":{"owner":"us"}}}"#);
    let third = registry.register("a", &with_owner).unwrap();
    assert_eq!((third.version, third.metadata.clone()), (3, Some(owned("us"))));
    let versioned = RegisterRequest { version: Some(4), ..request(FIRST) };
    let fourth = registry.register("a", &versioned).unwrap();
    assert_eq!(fourth.metadata.as_ref().unwrap().properties["confluent:version"], "4");
    let wrong = RegisterRequest { version: Some(9), ..request(SECOND) };
    assert_eq!(
        refused(registry.register("a", &wrong)),
        (42_201, "Version is not one more than previous version".to_owned())
    );
}

#[test]
fn settings_are_changed_one_by_one() {
    let json = |text: &str| ConfigUpdate::from_json(&Json::parse(text).unwrap());
    let mut registry = Registry::new();
    for (update, stored) in [
        (r#"{"compatibility":"full","normalize":true}"#, r#"{"normalize":true,"compatibilityLevel":"FULL"}"#),
        (r#"{"alias":"b"}"#, r#"{"alias":"b","normalize":true,"compatibilityLevel":"FULL"}"#),
        (r#"{"compatibility":null,"alias":null}"#, r#"{"normalize":true}"#),
    ] {
        let decision = registry.store.update_config(None, &json(update).unwrap());
        assert_eq!(registry.run(decision).unwrap().to_json().to_string(), stored);
    }
    assert_eq!(String::from_utf8(registry.log[2].value.clone().unwrap()).unwrap(), r#"{"normalize":true}"#);
    assert!(json(r#"{"compatibility":"MAYBE"}"#).is_err());
    assert!(json(r#"{"normalize":"yes"}"#).is_err());
}

/// Random requests: the state is the same when the topic is read again, and after it was compacted.
#[test]
fn the_topic_holds_all_of_the_state() {
    let (mut records, mut alive) = (0, 0);
    for seed in 0..40 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut registry = Registry::new();
        let names = ["a", "b", ":.c:a", ":.d:b"];
        for _ in 0..120 {
            let name = names[random.usize(..names.len())];
            let one = subject(name);
            let number = VersionNumber::Number(random.i32(1..6));
            match random.u8(..10) {
                0..5 => {
                    let schema = ["\"int\"", "\"long\"", "\"float\"", FIRST, SECOND][random.usize(..5)];
                    let mut request = request(schema);
                    request.force = random.bool();
                    if random.u8(..4) == 0 {
                        let reference =
                            SchemaReference { name: "x".to_owned(), subject: "b".to_owned(), version: -1 };
                        request.references = vec![reference];
                    }
                    let _ = registry.register(name, &request);
                }
                5 => {
                    let decision = registry.store.delete_version(&one, number, random.bool());
                    let _ = registry.run(decision);
                }
                6 => {
                    let decision = registry.store.delete_subject(&one, random.bool());
                    let _ = registry.run(decision);
                }
                7 => {
                    let mode = [Mode::Import, Mode::ReadWrite, Mode::ReadOnly][random.usize(..3)];
                    let decision = registry.store.update_mode(Some(&one), Some(mode), random.u8(..4) == 0);
                    let _ = registry.run(decision);
                }
                8 => {
                    let decision = registry.store.delete_mode(Some(&one), false);
                    let _ = registry.run(decision);
                }
                _ => {
                    let update =
                        ConfigUpdate { normalize: Some(Some(random.bool())), ..ConfigUpdate::default() };
                    let decision = registry.store.update_config(Some(&one), &update);
                    let _ = registry.run(decision);
                }
            }
        }
        records += registry.log.len();
        alive += registry.store.schemas(":*:", Deleted::With, false).len();
        let states = [replay(&registry.log), replay(&compact(&registry.log))];
        for state in states {
            assert_eq!(content(&state), registry.content(), "seed {seed}");
            for name in names {
                let one = subject(name);
                assert_eq!(state.config(Some(&one)), registry.store.config(Some(&one)));
                assert_eq!(state.mode(Some(&one)), registry.store.mode(Some(&one)));
                for number in 1..6 {
                    let number = VersionNumber::Number(number);
                    let referrers = |store: &medallion_schema_registry::Store| {
                        store.referenced_by(&one, number, Deleted::With)
                    };
                    assert_eq!(referrers(&state), referrers(&registry.store));
                }
            }
        }
    }
    assert!(records > 1_500 && alive > 150, "{records} records and {alive} versions: too little happened");
}
