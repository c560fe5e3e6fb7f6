//! Avro schemas: what is stored, what is normalized, what is said where a new version does not fit.
//! How the whole agrees with Avro's own libraries is tested over random schemas in `tests/tests/schema_avro.rs`.

use medallion_schema_registry::compatibility::{Previous, check};
use medallion_schema_registry::format::{AvroSchema, ResolvedReference, Validation};
use medallion_schema_registry::{
    CompatibilityLevel as Level, CompatibilityPolicy as Policy, ParsedSchema, SchemaType,
};

fn avro(text: &str) -> AvroSchema {
    AvroSchema::parse(text, &[], Validation::Strict).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn error(text: &str) -> String {
    AvroSchema::parse(text, &[], Validation::Strict).expect_err(text).to_string()
}

fn parsed(text: &str) -> ParsedSchema {
    ParsedSchema::parse(SchemaType::Avro, text, &[], Validation::Strict).expect(text)
}

#[test]
fn canonical_strings_keep_all_but_spaces() {
    for (text, canonical) in [
        (r#"{"type": "string"}"#, r#""string""#),
        (
            r#"{"type":"string","avro.java.string":"String"}"#,
            r#"{"type":"string","avro.java.string":"String"}"#,
        ),
        (
            r#"{"name":"x.y.R","doc":"d","p":1.50,"fields":[{"type":["null","R"],"name":"a","default":null,"doc":""}],"type":"record","aliases":["S","z.T"]}"#,
            r#"{"type":"record","name":"R","namespace":"x.y","doc":"d","fields":[{"name":"a","type":["null","R"],"doc":"","default":null}],"p":1.5,"aliases":["S","z.T"]}"#,
        ),
        (
            r#"/* of a trip */ {"type":"enum","name":"E","symbols":["A","B"],"default":"A"} // the end"#,
            r#"{"type":"enum","name":"E","symbols":["A","B"],"default":"A"}"#,
        ),
        (
            r#"{"type":"record","name":"n.string","fields":[{"name":"s","type":["null","n.string"]},{"name":"t","type":{"type":"fixed","name":"F","size":2,"namespace":""}}]}"#,
            r#"{"type":"record","name":"string","namespace":"n","fields":[{"name":"s","type":["null","n.string"]},{"name":"t","type":{"type":"fixed","name":"F","namespace":"","size":2}}]}"#,
        ),
    ] {
        assert_eq!(avro(text).canonical_string(), canonical);
        assert_eq!(avro(canonical).canonical_string(), canonical);
    }
}

#[test]
fn references_are_named_in_the_canonical_string_and_written_out_in_the_resolved_one() {
    let inner = r#"{"type":"record","name":"In","namespace":"a","fields":[]}"#;
    let middle = r#"{"type":"record","name":"Mid","namespace":"a","fields":[{"name":"i","type":"In"}]}"#;
    let references =
        [("a.In", inner), ("a.Mid", middle)].map(|(name, text)| ResolvedReference { name, text });
    let text = r#"{"type":"record","name":"Out","namespace":"b","fields":[{"name":"m","type":"a.Mid"},{"name":"i","type":"a.In"}]}"#;
    let schema = ParsedSchema::parse(SchemaType::Avro, text, &references, Validation::Strict).unwrap();
    assert_eq!(schema.canonical_string(), text);
    let written_out = text
        .replace(r#""a.Mid""#, &middle.replace(r#""In""#, r#"{"type":"record","name":"In","fields":[]}"#));
    assert_eq!(schema.formatted("RESOLVED").unwrap(), written_out);
    assert_eq!(schema.formatted("no-such-format").unwrap(), text);
    let missing = ParsedSchema::parse(SchemaType::Avro, text, &references[..1], Validation::Strict);
    assert_eq!(missing.unwrap_err().to_string(), "Undefined schema: a.Mid");
}

#[test]
fn normalized_schemas_have_one_order() {
    let text = r#"{"type":"error","name":"R","doc":"","z":{"b":1,"a":2},"aliases":["b","a"],"fields":[
        {"name":"d","type":{"type":"bytes","scale":2,"z":1,"precision":4,"logicalType":"decimal"}},
        {"name":"i","type":{"type":"int","b":0,"logicalType":"timestamp-millis"}},
        {"name":"f","type":"double","default":1,"aliases":["q","p"]},
        {"name":"m","type":{"type":"map","values":"long"},"default":{"b":1,"a":2}},
        {"name":"u","type":["null","string"],"default":"dropped","order":"ascending"},
        {"name":"e","type":{"type":"enum","name":"E","symbols":["A"],"doc":"kept"}}]}"#;
    let normalized = concat!(
        r#"{"type":"record","name":"R","fields":["#,
        r#"{"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":4,"scale":2,"z":1}},"#,
        r#"{"name":"i","type":{"type":"int","b":0,"logicalType":"timestamp-millis"}},"#,
        r#"{"name":"f","type":"double","default":1.0,"aliases":["p","q"]},"#,
        r#"{"name":"m","type":{"type":"map","values":"long"},"default":{"a":2,"b":1}},"#,
        r#"{"name":"u","type":["null","string"]},"#,
        r#"{"name":"e","type":{"type":"enum","name":"E","doc":"kept","symbols":["A"]}}],"#,
        r#""z":{"a":2,"b":1},"aliases":["a","b"]}"#,
    );
    assert_eq!(avro(text).normalized().canonical_string(), normalized);
    assert_eq!(avro(normalized).normalized().canonical_string(), normalized);
}

#[test]
fn equivalent_schemas_may_have_other_texts() {
    let schema = avro(
        r#"{"type":"record","name":"R","p":1,"q":2,"aliases":["a","b"],"fields":[{"name":"a","type":"int","doc":"d"}]}"#,
    );
    let same = avro(
        r#"{"q":2,"p":1,"aliases":["b","a"],"fields":[{"doc":"d","name":"a","type":{"type":"int"}}],"name":"R","type":"record"}"#,
    );
    assert!(schema.is_equivalent(&same));
    let other_doc = avro(
        r#"{"type":"record","name":"R","p":1,"q":2,"aliases":["a","b"],"fields":[{"name":"a","type":"int","doc":"e"}]}"#,
    );
    assert!(!schema.is_equivalent(&other_doc));
}

#[test]
fn what_is_wrong_with_a_schema_is_named() {
    for (text, message) in [
        ("", "expected a JSON value, found the end of the text at line 1, column 1"),
        (r#""nix""#, "Undefined schema: nix"),
        (r#"{"type":"nix"}"#, "Undefined schema: nix"),
        (r#"{"name":"R"}"#, r#"No type: {"name":"R"}"#),
        ("5", "Schema not yet supported: 5"),
        (r#"{"type":"record","name":"1R","fields":[]}"#, "Illegal initial character: 1R"),
        (r#"{"type":"record","name":"é","fields":[]}"#, "Illegal initial character: é"),
        (
            r#"{"type":"record","name":"a-b.R","fields":[]}"#,
            r#"Namespace part "a-b" is invalid: Illegal character in: a-b"#,
        ),
        (r#"{"type":"record","name":"int","fields":[]}"#, "Schemas may not be named after primitives: int"),
        (r#"{"type":"record","name":"R"}"#, r#"Record has no fields: {"type":"record","name":"R"}"#),
        (r#"{"type":"record","name":"R","fields":[{"name":"a"}]}"#, r#"No field type: {"name":"a"}"#),
        (
            r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"a","type":"int"}]}"#,
            "Duplicate field a in record R",
        ),
        (
            r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int","default":"x"}]}"#,
            r#"Invalid default for field a: "x" not a "int""#,
        ),
        (r#"{"type":"enum","name":"E","symbols":["A","A"]}"#, "Duplicate enum symbol: A"),
        (
            r#"{"type":"enum","name":"E","symbols":["A"],"default":"B"}"#,
            "The Enum Default: B is not in the enum symbol set: [A]",
        ),
        (
            r#"{"type":"fixed","name":"F","size":"2"}"#,
            r#"Invalid or no size: {"type":"fixed","name":"F","size":"2"}"#,
        ),
        (r#"["int","int"]"#, "Duplicate in union:int"),
        (r#"["int",["long"]]"#, r#"Nested union: ["long"]"#),
        (
            r#"[{"type":"fixed","name":"F","size":1},{"type":"record","name":"R","fields":[{"name":"f","type":{"type":"fixed","name":"F","size":2}}]}]"#,
            "Can't redefine: F",
        ),
    ] {
        assert_eq!(error(text), message, "{text}");
    }
}

#[test]
fn old_schemas_may_have_what_new_ones_may_not() {
    for text in [
        r#"{"type":"record","name":"Größe","fields":[]}"#,
        r#"{"type":"record","name":"a-b.R","fields":[]}"#,
        r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int","default":"x"}]}"#,
    ] {
        assert!(AvroSchema::parse(text, &[], Validation::Strict).is_err(), "{text}");
        assert!(AvroSchema::parse(text, &[], Validation::Lenient).is_ok(), "{text}");
    }
    assert!(
        AvroSchema::parse(r#"{"type":"record","name":"a b","fields":[]}"#, &[], Validation::Lenient).is_err()
    );
}

/// No stack runs out, and nothing takes exponential time: on a thread of 2 MiB, as a server's are.
#[test]
fn hostile_schemas_end_in_an_error_or_soon() {
    let nested =
        |depth: usize| format!("{}\"int\"{}", r#"{"type":"array","items":"#.repeat(depth), "}".repeat(depth));
    let deep = avro(&nested(299));
    assert!(deep.incompatibilities(&avro(&nested(299))).unwrap().is_empty());
    assert!(deep.is_equivalent(&deep.normalized()));
    for depth in [300, 999] {
        assert_eq!(error(&nested(depth)), "types lie deeper than 300 in each other");
    }
    assert!(error(&nested(100_000)).starts_with("nested deeper than 1000"));
    let endless = r#"{"type":"record","name":"R","fields":[{"name":"r","type":"R","default":{}}]}"#;
    assert_eq!(error(endless), format!("Invalid default for field r: {{}} not a {endless}"));
    let mut text = r#"{"type":"record","name":"L0","fields":[]}"#.to_owned();
    for level in 1..40 {
        let previous = level - 1;
        text = format!(
            r#"{{"type":"record","name":"L{level}","fields":[{{"name":"a","type":{text},"default":{{}}}},{{"name":"b","type":"L{previous}","default":{{}}}}]}}"#
        );
    }
    // Two rings of records go round each other 90 * 89 times.
    let ring = |count: usize| {
        let innermost = r#""R0""#.to_owned();
        (0..count).rev().fold(innermost, |inner, index| {
            format!(r#"{{"type":"record","name":"R{index}","fields":[{{"name":"f","type":{inner}}}]}}"#)
        })
    };
    assert!(!avro(&ring(12)).incompatibilities(&avro(&ring(11))).expect("it ends").is_empty());
    let too_deep = avro(&ring(90)).incompatibilities(&avro(&ring(89)));
    assert_eq!(too_deep, Err("types lie deeper than 1000 in each other".to_owned()));
    let doubling = avro(&text);
    assert!(doubling.incompatibilities(&doubling).unwrap().is_empty());
}

/// Each record has a field that defines the one before it, and two of that type: all of them, side by side in the text, lie in
/// each other, and the innermost does in 2^count places.
fn doubling(count: usize, innermost: &str) -> String {
    let records = (0..count).map(|index| {
        let fields = match index.checked_sub(1) {
            None => innermost.to_owned(),
            Some(previous) => {
                format!(r#"{{"name":"a","type":"D{previous}"}},{{"name":"b","type":"D{previous}"}}"#)
            }
        };
        format!(r#"{{"name":"d{index}","type":{{"type":"record","name":"D{index}","fields":[{fields}]}}}}"#)
    });
    format!(r#"{{"type":"record","name":"Top","fields":[{}]}}"#, records.collect::<Vec<_>>().join(","))
}

#[test]
fn one_reason_in_very_many_places_is_found_soon() {
    let old = avro(&doubling(60, r#"{"name":"x","type":"int"}"#));
    let found = avro(&doubling(60, r#"{"name":"x","type":"string"}"#)).incompatibilities(&old).unwrap();
    assert!((1..=10_000).contains(&found.len()), "{} reasons", found.len());
    assert!(found.iter().all(|one| one.kind.as_str() == "TYPE_MISMATCH"));
    assert!(found.iter().any(|one| one.location == "/fields/0/type/fields/0/type"), "{:?}", found[0]);
    let wider = avro(&doubling(60, r#"{"name":"x","type":"long"}"#));
    assert_eq!(wider.incompatibilities(&old), Ok(Vec::new()));
    assert!(!old.incompatibilities(&wider).unwrap().is_empty());
}

/// Names may lead deeper than a text goes.
#[test]
fn long_chains_of_names_end_soon() {
    let long = avro(&doubling(5_000, ""));
    let other = avro(&doubling(5_000, r#"{"name":"x","type":"int"}"#));
    assert!(long.is_equivalent(&long.normalized()));
    assert!(!long.is_equivalent(&other));
    assert_eq!(long.canonical_string(), avro(&long.canonical_string()).canonical_string());
    drop(long.incompatibilities(&other));
    drop(other.incompatibilities(&long));
}

#[test]
fn wide_unions_and_enums_are_compared_soon() {
    let union = |count: usize, kind: &str| {
        let branches = (0..count).map(|index| {
            format!(r#"{{"type":"record","name":"{kind}{index}","fields":[{{"name":"a","type":"int"}}]}}"#)
        });
        avro(&format!("[{}]", branches.collect::<Vec<_>>().join(",")))
    };
    assert!(union(3_001, "R").incompatibilities(&union(3_000, "R")).unwrap().is_empty());
    assert_eq!(union(3_000, "R").incompatibilities(&union(3_000, "S")).unwrap().len(), 3_000);
    let symbols = |count: usize| {
        let symbols: Vec<String> = (0..count).map(|index| format!("\"S{index}\"")).collect();
        avro(&format!(r#"{{"type":"enum","name":"E","symbols":[{}]}}"#, symbols.join(",")))
    };
    assert!(symbols(50_001).incompatibilities(&symbols(50_000)).unwrap().is_empty());
}

#[test]
fn messages_are_those_that_clients_know() {
    let old = parsed(r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}"#);
    let new = parsed(
        r#"{"type":"record","name":"R","fields":[{"name":"a","type":"string"},{"name":"b","type":"int"}]}"#,
    );
    let previous = [Previous { version: Some(3), schema: &old }];
    assert_eq!(
        check(Level::Backward, Policy::Strict, &new, &previous),
        [
            "{errorType:'TYPE_MISMATCH', description:'The type (path '/fields/0/type') of a field in the new schema does not match with the old schema', additionalInfo:'reader type: STRING not compatible with writer type: INT'}",
            "{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'The field 'b' at path '/fields/1' in the new schema has no default value and is missing in the old schema', additionalInfo:'b'}",
            "{oldSchemaVersion: 3}",
            r#"{oldSchema: '{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}'}"#,
        ]
    );
    let full = check(Level::Full, Policy::Strict, &new, &previous);
    assert!(full[0].contains("in the old schema does not match with the new schema"), "{full:?}");
    assert_eq!(full.len(), 5);
    assert_eq!(check(Level::None, Policy::Strict, &new, &previous), [""; 0]);
}

#[test]
fn transitive_levels_look_at_all_versions_and_the_others_at_the_latest() {
    let field = |fields: &str| parsed(&format!(r#"{{"type":"record","name":"R","fields":[{fields}]}}"#));
    let first = field("");
    let second = field(r#"{"name":"a","type":"int","default":0}"#);
    let third = field(r#"{"name":"a","type":"int"}"#);
    let previous =
        [Previous { version: Some(1), schema: &first }, Previous { version: Some(2), schema: &second }];
    let is_compatible = |level| check(level, Policy::Strict, &third, &previous).is_empty();
    assert_eq!(
        [Level::Backward, Level::Forward, Level::ForwardTransitive, Level::Full, Level::None]
            .map(is_compatible),
        [true; 5]
    );
    assert_eq!([Level::BackwardTransitive, Level::FullTransitive].map(is_compatible), [false; 2]);
    let messages = check(Level::BackwardTransitive, Policy::Strict, &third, &previous);
    assert_eq!(messages[1], "{oldSchemaVersion: 1}");
    assert_eq!(Level::from_name("backward_transitive"), Some(Level::BackwardTransitive));
}

#[test]
fn long_schemas_are_cut_in_messages() {
    let long = format!(r#"{{"type":"record","name":"R","doc":"{}","fields":[]}}"#, "é".repeat(20_000));
    let (old, new) = (parsed(&long), parsed(r#""int""#));
    let messages = check(Level::Backward, Policy::Strict, &new, &[Previous { version: None, schema: &old }]);
    let shown = messages.last().unwrap();
    assert!(shown.starts_with("{oldSchema: <truncated> '{\"type\"") && shown.ends_with("é...'}"));
    assert_eq!(shown.chars().count(), "{oldSchema: <truncated> ''...}".chars().count() + 10 * 1024);
}
