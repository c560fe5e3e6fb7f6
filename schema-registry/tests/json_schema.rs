//! JSON schemas: what is stored, what a change is called, and whether it breaks readers.

use medallion_schema_registry::compatibility::{Previous, check};
use medallion_schema_registry::format::{JsonSchema, ResolvedReference, Validation};
use medallion_schema_registry::{CompatibilityLevel, CompatibilityPolicy, ParsedSchema, SchemaType};

const STRICT: CompatibilityPolicy = CompatibilityPolicy::Strict;

fn schema(text: &str) -> JsonSchema {
    JsonSchema::parse(text, &[]).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn changes(original: &str, update: &str) -> (Vec<String>, bool) {
    let changes = schema(update).changes_from(&schema(original), STRICT);
    let names = changes.iter().map(|change| format!("{} {}", change.kind.as_str(), change.path)).collect();
    (names, changes.iter().all(|change| change.kind.is_compatible(STRICT)))
}

/// Old schema, new schema, the changes, and whether the new one reads the old one's data.
const CHANGES: [(&str, &str, &[&str], bool); 44] = [
    ("{}", "{}", &[], true),
    (r#"{"type":"string"}"#, "{}", &[], true),
    ("true", r#"{"type":"string"}"#, &["TYPE_CHANGED #/"], false),
    ("false", r#"{"type":"string"}"#, &[], true),
    (r#"{"title":"a"}"#, r#"{"title":"b","default":1}"#, &["TITLE_CHANGED #/", "DEFAULT_CHANGED #/"], true),
    (r#"{"type":"string"}"#, r#"{"type":"integer"}"#, &["TYPE_CHANGED #/"], false),
    (r#"{"type":"integer"}"#, r#"{"type":"number"}"#, &["TYPE_EXTENDED #/"], true),
    (r#"{"type":"number"}"#, r#"{"type":"integer"}"#, &["TYPE_NARROWED #/"], false),
    (r#"{"type":"string"}"#, r#"{"type":["string","null"]}"#, &["SUM_TYPE_EXTENDED #/"], true),
    (r#"{"type":["string","null"]}"#, r#"{"type":"string"}"#, &["TYPE_CHANGED #/"], false),
    (r#"{"maxLength":5}"#, r#"{"maxLength":6}"#, &["MAX_LENGTH_INCREASED #/maxLength"], true),
    (r#"{"maxLength":5}"#, r#"{"maxLength":4}"#, &["MAX_LENGTH_DECREASED #/maxLength"], false),
    (
        r#"{"type":"string","minLength":1}"#,
        r#"{"type":"string","pattern":"a"}"#,
        &["MIN_LENGTH_REMOVED #/minLength", "PATTERN_ADDED #/pattern"],
        false,
    ),
    (r#"{"minimum":1}"#, r#"{"minimum":0.5}"#, &["MINIMUM_DECREASED #/minimum"], true),
    (
        r#"{"exclusiveMaximum":1}"#,
        r#"{"exclusiveMaximum":0}"#,
        &["EXCLUSIVE_MAXIMUM_DECREASED #/exclusiveMaximum"],
        false,
    ),
    (r#"{"multipleOf":0.1}"#, r#"{"multipleOf":0.10}"#, &[], true),
    (r#"{"multipleOf":0.1}"#, r#"{"multipleOf":0.3}"#, &["MULTIPLE_OF_EXPANDED #/multipleOf"], false),
    (r#"{"multipleOf":10}"#, r#"{"multipleOf":5}"#, &["MULTIPLE_OF_REDUCED #/multipleOf"], true),
    (r#"{"multipleOf":2}"#, r#"{"multipleOf":3}"#, &["MULTIPLE_OF_CHANGED #/multipleOf"], false),
    (r#"{"enum":[1,2]}"#, r#"{"enum":[2,1]}"#, &[], true),
    (r#"{"enum":[1]}"#, r#"{"enum":[1,"x"]}"#, &["ENUM_ARRAY_EXTENDED #/enum"], true),
    (r#"{"enum":[1,2]}"#, r#"{"enum":[1]}"#, &["ENUM_ARRAY_NARROWED #/enum"], false),
    (r#"{"const":1}"#, r#"{"const":2}"#, &["ENUM_ARRAY_CHANGED #/const"], false),
    (
        r#"{"type":"object"}"#,
        r#"{"type":"object","properties":{"a":{"type":"string"}}}"#,
        &["OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL #/properties/a"],
        false,
    ),
    (
        r#"{"type":"object"}"#,
        r#"{"type":"object","properties":{"a":{}}}"#,
        &["PROPERTY_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL #/properties/a"],
        true,
    ),
    (
        r#"{"type":"object","additionalProperties":false}"#,
        r#"{"type":"object","additionalProperties":false,"properties":{"a":{"type":"string"}}}"#,
        &["OPTIONAL_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL #/properties/a"],
        true,
    ),
    (
        r#"{"type":"object","additionalProperties":false}"#,
        r#"{"type":"object","additionalProperties":false,"properties":{"a":{"type":"string"}},"required":["a"]}"#,
        &["REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL #/properties/a"],
        false,
    ),
    (
        r#"{"type":"object","additionalProperties":{"type":"string"}}"#,
        r#"{"type":"object","additionalProperties":{"type":"string"},"properties":{"a":{"type":"string"}}}"#,
        &[
            "PROPERTY_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/properties/a",
            "OPTIONAL_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL #/properties/a",
        ],
        true,
    ),
    (
        r#"{"type":"object","patternProperties":{"^a":{"type":"integer"}},"additionalProperties":false}"#,
        r#"{"type":"object","patternProperties":{"^a":{"type":"integer"}},"additionalProperties":false,"properties":{"ab":{"type":"string"}}}"#,
        &[
            "TYPE_CHANGED #/properties/ab",
            "PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/properties/ab",
            "OPTIONAL_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL #/properties/ab",
        ],
        false,
    ),
    (
        r#"{"type":"object","properties":{"a":{"type":"string"}}}"#,
        r#"{"type":"object"}"#,
        &["PROPERTY_REMOVED_FROM_OPEN_CONTENT_MODEL #/properties/a"],
        true,
    ),
    (
        r#"{"type":"object","properties":{"a":{"type":"string"}}}"#,
        r#"{"type":"object","additionalProperties":false}"#,
        &[
            "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL #/properties/a",
            "ADDITIONAL_PROPERTIES_REMOVED #/additionalProperties",
        ],
        false,
    ),
    (
        r#"{"properties":{"a":{"type":"string"}}}"#,
        r#"{"properties":{"a":{"type":"string","default":""}},"required":["a"]}"#,
        &["REQUIRED_ATTRIBUTE_WITH_DEFAULT_ADDED #/required/a", "DEFAULT_CHANGED #/properties/a"],
        true,
    ),
    (
        r#"{"dependencies":{"a":["b"],"c":{"type":"object"}}}"#,
        r#"{"dependencies":{"a":["b","d"]}}"#,
        &["DEPENDENCY_ARRAY_EXTENDED #/dependencies/a", "DEPENDENCY_SCHEMA_REMOVED #/dependencies/c"],
        false,
    ),
    (
        r#"{"items":{"type":"integer"}}"#,
        r#"{"items":{"type":"number"},"maxItems":3}"#,
        &["TYPE_EXTENDED #/items", "MAX_ITEMS_ADDED #/maxItems"],
        false,
    ),
    (
        r#"{"items":[{"type":"string"}],"additionalItems":false}"#,
        r#"{"items":[{"type":"string"},{"type":"integer"}],"additionalItems":false}"#,
        &["ITEM_ADDED_TO_CLOSED_CONTENT_MODEL #/items/1"],
        true,
    ),
    (
        r#"{"items":[{"type":"string"}]}"#,
        r#"{"items":[{"type":"string"},{"type":"integer"}]}"#,
        &["ITEM_ADDED_TO_OPEN_CONTENT_MODEL #/items/1"],
        false,
    ),
    (
        r#"{"oneOf":[{"type":"string"}]}"#,
        r#"{"oneOf":[{"type":"integer"},{"type":"string"}]}"#,
        &["SUM_TYPE_EXTENDED #/"],
        true,
    ),
    (
        r#"{"oneOf":[{"type":"integer"},{"type":"string"}]}"#,
        r#"{"oneOf":[{"type":"string"}]}"#,
        &["SUM_TYPE_NARROWED #/"],
        false,
    ),
    (
        r#"{"oneOf":[{"type":"integer"},{"type":"string"}]}"#,
        r#"{"anyOf":[{"type":"string"},{"type":"boolean"}]}"#,
        &["COMBINED_TYPE_EXTENDED #/", "COMBINED_TYPE_SUBSCHEMAS_CHANGED #/"],
        false,
    ),
    (
        r#"{"allOf":[{"type":"object"},{"required":["a"]}]}"#,
        r#"{"allOf":[{"type":"object"}]}"#,
        &["PRODUCT_TYPE_NARROWED #/"],
        true,
    ),
    (r#"{"not":{"type":"number"}}"#, r#"{"not":{"type":"integer"}}"#, &["NOT_TYPE_NARROWED #/not"], true),
    (r#"{"not":{"type":"integer"}}"#, r#"{"not":{"type":"number"}}"#, &["NOT_TYPE_EXTENDED #/not"], false),
    (
        r##"{"$ref":"#/definitions/a","definitions":{"a":{"type":"integer"}}}"##,
        r##"{"$ref":"#/definitions/b","definitions":{"b":{"type":"number"}}}"##,
        &["TYPE_EXTENDED #/"],
        true,
    ),
    (
        r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","prefixItems":[{"type":"string"}],"items":false,"contains":{},"minContains":2}"#,
        r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","prefixItems":[{"type":"string"}],"items":{"type":"null"},"contains":{},"minContains":3}"#,
        &["ADDITIONAL_ITEMS_ADDED #/additionalItems", "MIN_CONTAINS_INCREASED #/minContains"],
        false,
    ),
];

#[test]
fn changes_have_confluents_names() {
    for (original, update, expected, is_compatible) in CHANGES {
        let (names, found) = changes(original, update);
        assert_eq!(names, expected, "{original} -> {update}");
        assert_eq!(found, is_compatible, "{original} -> {update}");
    }
}

#[test]
fn a_schema_does_not_differ_from_itself() {
    for (original, update, ..) in CHANGES {
        for text in [original, update] {
            // A `not` is always said to be narrowed.
            let (names, is_compatible) = changes(text, text);
            assert!(
                is_compatible && (names.is_empty() || names == ["NOT_TYPE_NARROWED #/not"]),
                "{text}: {names:?}"
            );
        }
    }
}

#[test]
fn texts_are_kept_and_normalized_by_their_keys() {
    let text = r#"{ "type" : "object", "b": 1.0, "a": {"d": [], "c": 10000000000.0} }"#;
    assert_eq!(schema(text).canonical_string(), r#"{"type":"object","b":1.0,"a":{"d":[],"c":1.0E10}}"#);
    assert_eq!(
        schema(text).normalized().canonical_string(),
        r#"{"a":{"c":1.0E10,"d":[]},"b":1.0,"type":"object"}"#
    );
    assert!(schema(text).is_equivalent(&schema(text).normalized()));
}

#[test]
fn references_lead_to_other_schemas_ids_and_anchors() {
    let common = r#"{"definitions":{"id":{"type":"integer"}},"type":"object"}"#;
    let references = [ResolvedReference { name: "common.json", text: common }];
    let parse = |text: &str| JsonSchema::parse(text, &references);
    for reference in ["common.json#/definitions/id", "common.json#/$defs/id", "./common.json#/definitions/id"]
    {
        let text =
            format!(r#"{{"$id":"http://x.org/main.json","properties":{{"a":{{"$ref":"{reference}"}}}}}}"#);
        let update = r#"{"$id":"http://x.org/main.json","properties":{"a":{"type":"string"}}}"#;
        let found = schema(update).changes_from(&parse(&text).expect(reference), STRICT);
        assert_eq!(found[0].kind.as_str(), "TYPE_CHANGED");
    }
    let inner = r##"{"$schema":"https://json-schema.org/draft/2020-12/schema","$ref":"#here","$defs":{"a":{"$anchor":"here","type":"string"},"b":{"$id":"b.json","$ref":"a.json"},"c":{"$id":"a.json","type":"null"}}}"##;
    assert!(parse(inner).is_ok());
    let missing = parse(r#"{"properties":{"a":{"$ref":"other.json"}}}"#).expect_err("it is not there");
    assert_eq!(missing.to_string(), "#/properties/a: the reference \"other.json\" is not defined");
    let remote = parse(r#"{"$ref":"http://x.org/other.json"}"#).expect_err("nothing is fetched");
    assert_eq!(remote.to_string(), "#/: the reference \"http://x.org/other.json\" is not defined");
    assert!(parse(r#"{"$ref":"http://json-schema.org/draft-07/schema#"}"#).is_ok());
}

#[test]
fn what_is_wrong_with_a_schema_is_named() {
    for (text, message) in [
        ("", "Invalid JSON: expected a JSON value, found the end of the text at line 1, column 1"),
        ("5", "#/: expected an object or a boolean, found a number"),
        (r#"{"type":"text"}"#, "#/type: unknown type: [text]"),
        (r#"{"type":5}"#, "#/type: expected an array, found a number"),
        (
            r#"{"properties":{"a":{"maxLength":"5"}}}"#,
            "#/properties/a/maxLength: expected a whole number, found a string",
        ),
        (r#"{"properties":[]}"#, "#/properties: expected an object, found an array"),
        (r#"{"required":[1]}"#, "#/required: expected an array of strings"),
        (r#"{"multipleOf":0}"#, "#/multipleOf: multipleOf should not be 0"),
        (r#"{"allOf":[5]}"#, "#/allOf/0: expected an object or a boolean, found a number"),
        (r#"{"title":5}"#, "#/title: expected a string, found a number"),
    ] {
        let error = JsonSchema::parse(text, &[]).expect_err(text);
        assert_eq!(error.to_string(), message);
    }
}

/// Schemas that refer to themselves and each other end, and soon; so do deep ones, on a thread of 2 MiB.
#[test]
fn hostile_schemas_end_soon() {
    let node = |kind: &str| {
        format!(
            r##"{{"type":"object","additionalProperties":false,"properties":{{"value":{{"type":"{kind}"}},"next":{{"$ref":"#"}}}}}}"##
        )
    };
    assert_eq!(changes(&node("integer"), &node("number")).0, ["TYPE_EXTENDED #/properties/value"]);
    assert!(!changes(&node("number"), &node("integer")).1);
    let circle = r##"{"$ref":"#/definitions/a","definitions":{"a":{"$ref":"#/definitions/b"},"b":{"$ref":"#/definitions/a"}}}"##;
    assert!(changes(circle, circle).1);
    let web = |last: &str| {
        let names: Vec<String> =
            (0..30).map(|index| format!(r##"{{"$ref":"#/definitions/d{index}"}}"##)).collect();
        let all = names.join(",");
        let definitions: Vec<String> =
            (0..30).map(|index| format!(r#""d{index}":{{"oneOf":[{all},{{"const":{index}}}]}}"#)).collect();
        format!(r#"{{"oneOf":[{all},{{"const":"{last}"}}],"definitions":{{{}}}}}"#, definitions.join(","))
    };
    assert!(changes(&web("a"), &web("a")).1);
    let nested = |depth: usize| format!("{}{{}}{}", r#"{"items":"#.repeat(depth), "}".repeat(depth));
    assert!(changes(&nested(299), &nested(299)).1);
    let error = JsonSchema::parse(&nested(900), &[]).expect_err("too deep");
    assert!(error.to_string().ends_with("/items: schemas lie deeper than 300 in each other"), "{error}");
    // Two rings of references go round each other 90 * 89 times.
    let ring = |count: usize| {
        let next = |index: usize| {
            format!(r##""d{index}":{{"items":{{"$ref":"#/definitions/d{}"}}}}"##, (index + 1) % count)
        };
        let definitions: Vec<String> = (0..count).map(next).collect();
        format!(r##"{{"$ref":"#/definitions/d0","definitions":{{{}}}}}"##, definitions.join(","))
    };
    assert_eq!(changes(&ring(12), &ring(11)), (Vec::new(), true));
    assert_eq!(changes(&ring(90), &ring(89)).0, ["COMPARISON_TOO_DEEP #/"]);
}

/// Each definition refers to the one before it twice, so the first one is there 2^60 times.
#[test]
fn one_change_in_very_many_places_is_found_soon() {
    let doubling = |first: &str| {
        let others = (1..60).map(|index| {
            let previous = format!(r##"{{"$ref":"#/definitions/d{}"}}"##, index - 1);
            format!(r#","d{index}":{{"type":"object","properties":{{"a":{previous},"b":{previous}}}}}"#)
        });
        let others: String = others.collect();
        format!(r##"{{"$ref":"#/definitions/d59","definitions":{{"d0":{first}{others}}}}}"##)
    };
    let integer = doubling(r#"{"type":"integer"}"#);
    let (found, is_compatible) = changes(&integer, &doubling(r#"{"type":"string"}"#));
    assert!(!is_compatible && (1..=20_000).contains(&found.len()), "{} changes", found.len());
    let (found, is_compatible) = changes(&integer, &doubling(r#"{"type":"number"}"#));
    assert!(is_compatible && found.len() <= 20_000, "{} changes", found.len());
    // What is compatible and comes first does not hide what is not.
    let (_, is_compatible) = changes(
        &doubling(
            r#"{"type":"object","title":"a","properties":{"x":{"type":"integer"},"y":{"type":"integer"}}}"#,
        ),
        &doubling(
            r#"{"type":"object","title":"b","properties":{"x":{"type":"number"},"y":{"type":"string"}}}"#,
        ),
    );
    assert!(!is_compatible);
}

#[test]
fn messages_are_those_that_clients_know() {
    let parsed =
        |text: &str| ParsedSchema::parse(SchemaType::Json, text, &[], Validation::Strict).expect(text);
    let old = parsed(r#"{"type":"object","properties":{"a":{"type":"string"}}}"#);
    let new = parsed(r#"{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"null"}}}"#);
    let messages =
        check(CompatibilityLevel::Backward, STRICT, &new, &[Previous { version: Some(1), schema: &old }]);
    assert_eq!(
        messages,
        [
            r#"{errorType:"TYPE_CHANGED", description:"A type at path '#/properties/a' is different between the new schema and the old schema'}"#,
            r#"{errorType:"OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL", description:"The new schema has an open content model and has a property or item at path '#/properties/b' which is missing in the old schema'}"#,
            "{oldSchemaVersion: 1}",
            r#"{oldSchema: '{"type":"object","properties":{"a":{"type":"string"}}}'}"#,
        ]
    );
    let avro =
        ParsedSchema::parse(SchemaType::Avro, "\"int\"", &[], Validation::Strict).expect("an Avro schema");
    let other =
        check(CompatibilityLevel::Full, STRICT, &avro, &[Previous { version: Some(1), schema: &old }]);
    assert_eq!(other, ["Incompatible because of different schema type"]);
}
