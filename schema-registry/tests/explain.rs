//! What people are told about schemas that are not compatible: the field, the rule, what would help.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use medallion_schema_registry::compatibility::{CompatibilityPolicy, Previous, conflict};
use medallion_schema_registry::explain::Explanation;
use medallion_schema_registry::format::{Reader, Validation};
use medallion_schema_registry::{CompatibilityLevel, ParsedSchema, SchemaType};

fn explained(schema_type: SchemaType, level: CompatibilityLevel, old: &str, new: &str) -> Vec<Explanation> {
    let parse = |text: &str| ParsedSchema::parse(schema_type, text, &[], Validation::Strict).unwrap();
    let (old, new) = (parse(old), parse(new));
    let previous = [Previous { version: Some(1), schema: &old }];
    let found = conflict(level, CompatibilityPolicy::Strict, &new, &previous);
    found.map(|found| found.explain(&new)).unwrap_or_default()
}

fn only(found: Vec<Explanation>) -> Explanation {
    assert_eq!(found.len(), 1, "{found:?}");
    found.into_iter().next().unwrap()
}

fn record(fields: &str) -> String {
    format!(r#"{{"type":"record","name":"Trip","namespace":"rides","fields":[{fields}]}}"#)
}

#[test]
fn an_avro_field_is_named_through_records_arrays_maps_and_unions() {
    let nested = |fields: &str| {
        record(&format!(
            r#"{{"name":"id","type":"long"}},{{"name":"stops","type":["null",{{"type":"array","items":{{"type":"map","values":
            {{"type":"record","name":"Stop","fields":[{{"name":"zone","type":"int"}}{fields}]}}}}}}]}}"#
        ))
    };
    let of = |level| {
        let new = record(r#"{"name":"id","type":"string"},{"name":"fare","type":"double"}"#);
        explained(SchemaType::Avro, level, &record(r#"{"name":"id","type":"long"}"#), &new)
    };
    let found = of(CompatibilityLevel::Backward);
    let places: Vec<(&str, &str)> = found.iter().map(|one| (one.rule, one.place.as_str())).collect();
    assert_eq!(places, [("TYPE_MISMATCH", "Trip.id"), ("READER_FIELD_MISSING_DEFAULT_VALUE", "Trip.fare")]);
    assert!(found[1].remedy.as_ref().unwrap().contains("give the field fare a default"), "{found:?}");
    // Old readers do not care for the new field.
    let found = only(of(CompatibilityLevel::Forward));
    assert_eq!((found.rule, found.reader), ("TYPE_MISMATCH", Reader::Old));
    // In a union the whole branch is what cannot be read.
    let found = explained(
        SchemaType::Avro,
        CompatibilityLevel::Backward,
        &nested(""),
        &nested(r#",{"name":"at","type":"long"}"#),
    );
    assert_eq!(only(found).place, "Trip.stops<1>");
}

#[test]
fn what_helps_depends_on_who_reads() {
    let enumeration = |symbols: &str| {
        record(&format!(r#"{{"name":"kind","type":{{"type":"enum","name":"Kind","symbols":[{symbols}]}}}}"#))
    };
    let (long, short) = (enumeration(r#""A","B","C""#), enumeration(r#""A","B""#));
    let found = only(explained(SchemaType::Avro, CompatibilityLevel::Backward, &long, &short));
    assert_eq!(found.place, "Trip.kind");
    assert!(found.remedy.unwrap().starts_with("keep the symbols [C]"));
    let found = only(explained(SchemaType::Avro, CompatibilityLevel::Forward, &short, &long));
    assert!(found.remedy.unwrap().starts_with("leave out the symbols [C]"));
    // Done as told, it is compatible.
    let mended = long.replace(r#""symbols""#, r#""default":"A","symbols""#);
    let shorter = short.replace(r#""symbols""#, r#""default":"A","symbols""#);
    assert_eq!(explained(SchemaType::Avro, CompatibilityLevel::Full, &mended, &shorter), []);
}

#[test]
fn a_protobuf_field_is_named_by_its_name() {
    let file = |fields: &str| {
        format!(
            "syntax = \"proto3\"; package rides.v1; message Trip {{ message Stop {{ {fields} }} Stop stop = 1; }}"
        )
    };
    let found = only(explained(
        SchemaType::Protobuf,
        CompatibilityLevel::Backward,
        &file("int32 zone = 3;"),
        &file("string zone = 3;"),
    ));
    assert_eq!((found.rule, found.place.as_str()), ("FIELD_SCALAR_KIND_CHANGED", "Trip.Stop.zone (field 3)"));
    let found = only(explained(
        SchemaType::Protobuf,
        CompatibilityLevel::Backward,
        &file("oneof payer { string card = 4; string cash = 5; }"),
        &file("oneof payer { string card = 4; }"),
    ));
    assert_eq!(found.place, "Trip.Stop.payer.cash (field 5)");
    assert!(found.remedy.unwrap().contains("keep the field in the oneof"));
}

#[test]
fn a_json_property_is_named_by_its_path() {
    let object = |properties: &str, required: &str| {
        format!(
            r#"{{"type":"object","additionalProperties":false,"properties":{{{properties}}},"required":[{required}]}}"#
        )
    };
    let old = object(r#""id":{"type":"integer"}"#, "");
    let new = object(r#""id":{"type":"integer"},"fare":{"type":"number"}"#, r#""fare""#);
    let found = explained(SchemaType::Json, CompatibilityLevel::Backward, &old, &new);
    let found = found.iter().find(|one| one.place.ends_with("fare")).unwrap();
    assert_eq!(found.rule, "REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL");
    assert_eq!(found.remedy.as_deref(), Some("make the property optional, or give it a default"));
    let mended = object(r#""id":{"type":"integer"},"fare":{"type":"number","default":0}"#, r#""fare""#);
    assert_eq!(explained(SchemaType::Json, CompatibilityLevel::Backward, &old, &mended), []);
}

#[test]
fn another_type_of_schema_is_told_from_a_change() {
    let parse =
        |schema_type, text: &str| ParsedSchema::parse(schema_type, text, &[], Validation::Strict).unwrap();
    let (old, new) =
        (parse(SchemaType::Avro, r#""string""#), parse(SchemaType::Json, r#"{"type":"string"}"#));
    let previous = [Previous { version: None, schema: &old }];
    let found = conflict(CompatibilityLevel::Forward, CompatibilityPolicy::Strict, &new, &previous).unwrap();
    assert_eq!(found.explain(&new)[0].rule, "SCHEMA_TYPE_CHANGED");
    assert_eq!(
        found.messages(CompatibilityLevel::Forward),
        ["Incompatible because of different schema type"]
    );
}
