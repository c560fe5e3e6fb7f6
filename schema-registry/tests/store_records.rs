//! Records of the `_schemas` topic: fixtures of each kind as Confluent's registry writes them (compact JSON) and as Karapace
//! does or did (spaces after colons and commas, other orders of keys), and junk between them.

use medallion_schema_registry::store::{
    Applied, Deleted, Key, Mode, RegisterRequest, Settings, Store, VersionNumber,
};
use medallion_schema_registry::{CompatibilityLevel, Guid, Subject};

fn apply_all(records: &[(&str, Option<&str>)]) -> Store {
    let mut store = Store::new(Settings::default());
    for (offset, (key, value)) in (0..).zip(records) {
        let applied = store.apply(offset, Some(key.as_bytes()), value.map(str::as_bytes));
        assert_eq!(applied, Applied::Taken, "{key}");
        store.check_invariants();
    }
    store
}

const CONFLUENT: [(&str, Option<&str>); 12] = [
    (r#"{"keytype":"NOOP","magic":0}"#, None),
    (r#"{"keytype":"CONFIG","magic":0}"#, Some(r#"{"normalize":true,"compatibilityLevel":"FULL"}"#)),
    (
        r#"{"keytype":"CONFIG","subject":"a","magic":0}"#,
        Some(
            r#"{"subject":"a","alias":"a","compatibilityLevel":"NONE","defaultMetadata":{"properties":{"owner":"me"}}}"#,
        ),
    ),
    (r#"{"keytype":"MODE","subject":"a","magic":0}"#, Some(r#"{"subject":"a","mode":"READONLY"}"#)),
    (
        r#"{"keytype":"SCHEMA","subject":"a","version":1,"magic":1}"#,
        Some(r#"{"subject":"a","version":1,"id":1,"schema":"\"int\"","deleted":false}"#),
    ),
    (
        r#"{"keytype":"SCHEMA","subject":"a","version":2,"magic":1}"#,
        Some(
            r#"{"subject":"a","version":2,"id":7,"md5":"00000000000000000000000000000007","schemaType":"JSON","references":[{"name":"n","subject":"a","version":1}],"metadata":{"tags":{"x.y":["PII"]},"properties":{"owner":"me"},"sensitive":["owner"]},"ruleSet":{"domainRules":[{"name":"r","kind":"TRANSFORM","mode":"WRITE","type":"CEL","tags":["PII"],"params":{"k":"v"},"expr":"1","onFailure":"ERROR","disabled":false}],"enableAt":"ALL"},"schema":"{}","deleted":false}"#,
        ),
    ),
    (
        r#"{"keytype":"CONTEXT","tenant":"default","context":".c","magic":0}"#,
        Some(r#"{"tenant":"default","context":".c"}"#),
    ),
    (
        r#"{"keytype":"SCHEMA","subject":":.c:a","version":1,"magic":1}"#,
        Some(r#"{"subject":":.c:a","version":1,"id":1,"schema":"\"long\"","deleted":false}"#),
    ),
    (
        r#"{"keytype":"SCHEMA","subject":"gone","version":1,"magic":1}"#,
        Some(r#"{"subject":"gone","version":1,"id":8,"schema":"\"float\"","deleted":false}"#),
    ),
    (r#"{"keytype":"DELETE_SUBJECT","subject":"gone","magic":0}"#, Some(r#"{"subject":"gone","version":1}"#)),
    (r#"{"keytype":"CLEAR_SUBJECT","subject":"gone","magic":0}"#, Some(r#"{"subject":"gone"}"#)),
    (
        r#"{"keytype":"MODE","subject":":.__GLOBAL:","magic":0}"#,
        Some(r#"{"subject":":.__GLOBAL:","mode":"READWRITE"}"#),
    ),
];

#[test]
fn keys_are_written_byte_for_byte() {
    for (key, _) in CONFLUENT {
        let decoded = Key::decode(key.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(decoded.encode()).unwrap(), key);
    }
    let quoted = Key::Config(Some(Subject::parse("a\"\\\u{1}é")));
    assert_eq!(
        String::from_utf8(quoted.encode()).unwrap(),
        r#"{"keytype":"CONFIG","subject":"a\"\\\u0001é","magic":0}"#
    );
    let unnamed = Key::Schema { subject: Subject::parse(""), version: 3 };
    assert_eq!(String::from_utf8(unnamed.encode()).unwrap(), r#"{"keytype":"SCHEMA","version":3,"magic":1}"#);
    assert_eq!(Key::decode(&unnamed.encode()), Ok(unnamed));
}

fn check_confluent(store: &Store) {
    let subject = Subject::parse("a");
    assert_eq!(store.versions(&subject, Deleted::Without), Ok(vec![1, 2]));
    let version = store.version(&subject, VersionNumber::Latest, Deleted::Without).expect("a version");
    assert_eq!((version.id, &*version.text), (7, "{}"));
    assert_eq!(version.guid, Guid::parse("00000000000000000000000000000007").expect("a GUID"));
    assert_eq!(version.metadata.as_ref().expect("metadata").properties["owner"], "me");
    assert_eq!(version.rule_set.as_ref().expect("rules").domain_rules[0].expr.as_deref(), Some("1"));
    assert_eq!(store.referenced_by(&subject, VersionNumber::Number(1), Deleted::Without), Ok(vec![7]));
    assert_eq!(store.mode(Some(&subject)), Ok(Mode::ReadOnly));
    assert_eq!(store.mode_in_scope(Some(&Subject::parse(":.c:a"))), Mode::ReadWrite);
    let config = store.config_in_scope(Some(&subject));
    assert_eq!((config.compatibility_level, config.normalize), (Some(CompatibilityLevel::None), Some(true)));
    assert_eq!(
        store.config_in_scope(Some(&Subject::parse("b"))).compatibility_level,
        Some(CompatibilityLevel::Full)
    );
    let names: Vec<String> = store.subjects(":*:", Deleted::With).iter().map(ToString::to_string).collect();
    assert_eq!(names, ["a", ":.c:a"]);
    assert_eq!(store.contexts().collect::<Vec<_>>(), [".", ".c"]);
    assert_eq!((store.max_id("."), store.max_id(".c")), (8, 1));
}

#[test]
fn a_topic_of_confluents_registry_is_read() {
    check_confluent(&apply_all(&CONFLUENT));
}

/// Adds a space after each colon and comma that is not in a string, as Python's `json` does.
fn spaced(json: &str) -> String {
    let (mut text, mut in_string, mut is_escaped) = (String::new(), false, false);
    for character in json.chars() {
        text.push(character);
        in_string ^= character == '"' && !is_escaped;
        is_escaped = character == '\\' && !is_escaped;
        if !in_string && (character == ':' || character == ',') {
            text.push(' ');
        }
    }
    text
}

#[test]
fn a_topic_of_karapace_is_read() {
    let spaced: Vec<(String, Option<String>)> =
        CONFLUENT.iter().map(|(key, value)| (spaced(key), value.map(spaced))).collect();
    let records: Vec<(&str, Option<&str>)> =
        spaced.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
    check_confluent(&apply_all(&records));
}

/// Its tombstones are values of no bytes, where Confluent's registry writes none.
#[test]
fn what_karapace_has_deleted_is_gone() {
    let key = |version: i32| format!(r#"{{"keytype":"SCHEMA","subject":"k","version":{version},"magic":1}}"#);
    let value = |version: i32| {
        format!(r#"{{"subject":"k","version":{version},"id":{version},"schema":"\"int\"","deleted":true}}"#)
    };
    let config = r#"{"keytype":"CONFIG","subject":"k","magic":0}"#;
    let mut store = apply_all(&[
        (&key(1), Some(&value(1))),
        (config, Some(r#"{"subject":"k","compatibilityLevel":"NONE"}"#)),
        (config, Some("")),
    ]);
    assert_eq!(store.subjects(":*:", Deleted::With).len(), 1);
    assert_eq!(store.apply(3, Some(key(1).as_bytes()), Some(b"")), Applied::Taken);
    assert_eq!(store.subjects(":*:", Deleted::With).len(), 0);
}

#[test]
fn values_without_a_subject_and_keys_in_other_orders_are_read() {
    let store = apply_all(&[
        (
            r#"{"subject": null, "magic": 0, "keytype": "CONFIG"}"#,
            Some(r#"{"compatibilityLevel": "FORWARD"}"#),
        ),
        (
            r#"{"magic": 1, "version": 1, "subject": "s", "keytype": "SCHEMA"}"#,
            Some(r#"{"id": 3, "schema": "\"int\""}"#),
        ),
    ]);
    assert_eq!(store.config(None).unwrap().compatibility_level, Some(CompatibilityLevel::Forward));
    assert_eq!(store.schema_by_id(3, None).unwrap().subject, Subject::parse("s"));
}

/// Once a record under another spelling of its key would come back after compaction, because its end was written under ours.
#[test]
fn other_spellings_of_a_key_end_with_it() {
    let odd = r#"{"keytype": "SCHEMA", "subject": "s", "version": 1, "magic": 1}"#;
    let mut store = apply_all(&[(odd, Some(r#"{"id": 3, "schema": "\"int\"", "deleted": true}"#))]);
    let decision = store.delete_version(&Subject::parse("s"), VersionNumber::Number(1), true).unwrap();
    let keys: Vec<&str> =
        decision.records.iter().map(|record| std::str::from_utf8(&record.key).unwrap()).collect();
    assert_eq!(keys, [odd, r#"{"keytype":"SCHEMA","subject":"s","version":1,"magic":1}"#]);
    assert!(decision.records.iter().all(|record| record.value.is_none()));
    for (offset, record) in (1..).zip(&decision.records) {
        assert_eq!(store.apply(offset, Some(&record.key), record.value.as_deref()), Applied::Taken);
    }
    store.check_invariants();
    assert!(store.subjects(":*:", Deleted::With).is_empty());
    let request = RegisterRequest { schema: Some("\"int\"".to_owned()), ..RegisterRequest::default() };
    let again = store.register(&Subject::parse("s"), &request).unwrap();
    assert_eq!(again.records.len(), 1, "the other spelling is forgotten");
}

const VERSION: &[u8] = br#"{"keytype":"SCHEMA","subject":"a","version":1,"magic":1}"#;

/// A key, a value, and what is wrong with them.
type Junk = (Option<&'static [u8]>, Option<&'static [u8]>, &'static str);

const JUNK: [Junk; 20] = [
    (None, Some(b"{}"), "the record has no key"),
    (
        Some(b""),
        Some(b"{}"),
        "the key is not JSON: expected a JSON value, found the end of the text at line 1, column 1",
    ),
    (Some(b"\xff\xfe"), None, "the key is not UTF-8: invalid utf-8 sequence of 1 bytes from index 0"),
    (Some(b"{}"), None, "the key has no keytype"),
    (Some(b"[]"), None, "the key has no keytype"),
    (Some(br#"{"keytype":5}"#), None, "the key has no keytype"),
    (Some(br#"{"keytype":"FOO","magic":0}"#), Some(b"{}"), "the keytype \"FOO\" is not known"),
    (
        Some(br#"{"keytype":"SCHEMA","subject":"a","magic":1}"#),
        None,
        "the key has no version, or one below 1",
    ),
    (
        Some(br#"{"keytype":"SCHEMA","subject":"a","version":0,"magic":1}"#),
        None,
        "the key has no version, or one below 1",
    ),
    (Some(br#"{"keytype":"CONTEXT","magic":0}"#), Some(b"{}"), "the key has no context"),
    (Some(VERSION), Some(b"\xff"), "the value is not UTF-8: invalid utf-8 sequence of 1 bytes from index 0"),
    (Some(VERSION), Some(b"5"), "the value is not a JSON object"),
    (
        Some(VERSION),
        Some(b"{"),
        "the value is not JSON: expected a key in quotes, found the end of the text at line 1, column 2",
    ),
    (Some(VERSION), Some(b"{}"), "the value has no id"),
    (Some(VERSION), Some(br#"{"id":1}"#), "the value has no schema"),
    (
        Some(VERSION),
        Some(br#"{"id":1,"schema":"x","schemaType":"XML"}"#),
        "the schema type \"XML\" is not known",
    ),
    (
        Some(VERSION),
        Some(br#"{"id":1,"schema":"x","references":[{"name":"n"}]}"#),
        "Invalid reference: {\"name\":\"n\"}",
    ),
    (
        Some(br#"{"keytype":"CONFIG","magic":0}"#),
        Some(br#"{"compatibilityLevel":"MAYBE"}"#),
        "the compatibility level \"MAYBE\" is not known",
    ),
    (
        Some(br#"{"keytype":"MODE","magic":0}"#),
        Some(br#"{"mode":"MAYBE"}"#),
        "the mode \"MAYBE\" is not known",
    ),
    (
        Some(br#"{"keytype":"DELETE_SUBJECT","subject":"a","magic":0}"#),
        Some(b"{}"),
        "the value has no version",
    ),
];

#[test]
fn junk_is_counted_and_named_and_does_no_harm() {
    let mut store = Store::new(Settings::default());
    let good = r#"{"subject":"a","version":1,"id":1,"schema":"\"int\"","deleted":false}"#;
    assert_eq!(store.apply(0, Some(VERSION), Some(good.as_bytes())), Applied::Taken);
    for (offset, (key, value, _)) in (1..).zip(&JUNK) {
        assert_eq!(store.apply(offset, *key, *value), Applied::Skipped, "{key:?}");
        store.check_invariants();
    }
    // The id of one schema does not become another's.
    let other = r#"{"keytype":"SCHEMA","subject":"b","version":1,"magic":1}"#;
    let stolen = r#"{"subject":"b","version":1,"id":1,"schema":"\"long\"","deleted":false}"#;
    assert_eq!(store.apply(21, Some(other.as_bytes()), Some(stolen.as_bytes())), Applied::Skipped);
    let (count, skipped) = store.skipped();
    assert_eq!(count, 21);
    for (skipped, (offset, (_, _, reason))) in skipped.zip((1..).zip(&JUNK)) {
        assert_eq!((skipped.offset, skipped.reason.as_str()), (offset, *reason));
    }
    assert_eq!(
        store.skipped().1.last().unwrap().reason,
        "the id 1 belongs to another schema, of subject a version 1"
    );
    assert_eq!(store.versions(&Subject::parse("a"), Deleted::Without), Ok(vec![1]));
    assert_eq!(store.apply(21, Some(b"junk"), None), Applied::Again);
    assert_eq!(store.next_offset(), 22);
}
