//! Avro schemas as other libraries see them: what Java's prints, and what it and Python's call compatible.

use std::collections::BTreeSet;

use medallion_schema_registry::format::avro::Incompatibility;
use medallion_schema_registry::format::{AvroSchema, Validation};
use medallion_tests::need;
use medallion_tests::schema_generator::AvroGenerator;
use medallion_tests::schema_judge::{Judge, ask};
use serde_json::{Value, json};

const SEED: u64 = 5;

fn parse(text: &str, references: &[&str]) -> Result<AvroSchema, String> {
    AvroSchema::parse(text, references, Validation::Strict).map_err(|error| error.to_string())
}

/// Java's parser fails on some valid schemas: where a default is an object and a union, or a record, that holds it uses a record
/// before its end. Those are taken here.
fn is_java_at_fault(error: &str) -> bool {
    error.ends_with("Schema fields not set yet")
}

/// Each schema comes out as Java's library prints it, with types of references named or written out; what Java does not take is
/// not taken.
#[test]
fn schemas_are_printed_and_refused_as_by_java() {
    let mut generator = AvroGenerator::new(SEED);
    let mut questions = Vec::new();
    for _ in 0..4_000 {
        questions.push(json!({ "schema": generator.schema().to_string(), "references": [] }));
    }
    for _ in 0..2_000 {
        let (reference, schema) = generator.schema_with_reference();
        questions.push(json!({ "schema": schema.to_string(), "references": [reference.to_string()] }));
    }
    let answers = need!(ask(Judge::JavaAvro, questions.clone()));
    let (mut taken, mut refused, mut faults) = (0, 0, 0);
    for (question, answer) in questions.iter().zip(&answers) {
        let references: Vec<&str> =
            question["references"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
        let parsed = parse(question["schema"].as_str().unwrap(), &references);
        match (parsed, answer["error"].as_str()) {
            (Ok(schema), None) => {
                taken += 1;
                assert_eq!(schema.canonical_string(), answer["canonical"].as_str().unwrap(), "{question}");
                assert_eq!(schema.resolved_string(), answer["resolved"].as_str().unwrap(), "{question}");
            }
            (Err(_), Some(_)) => refused += 1,
            (Ok(_), Some(error)) if is_java_at_fault(error) => faults += 1,
            (Ok(_), Some(error)) => panic!("Java refuses ({error}) what was taken: {question}"),
            (Err(error), None) => panic!("refused ({error}), but Java takes {question}"),
        }
    }
    println!("{taken} schemas taken, {refused} refused, {faults} that Java fails on");
    assert!(
        taken > 3_000 && refused > 50 && faults < 200,
        "{taken} taken, {refused} refused: the generator lost its reach"
    );
}

fn pairs(count: usize, seed: u64) -> Vec<Value> {
    let mut generator = AvroGenerator::new(seed);
    let pair = |_| {
        let writer = generator.schema();
        let reader = generator.change(&writer);
        json!({ "reader": reader.to_string(), "writer": writer.to_string() })
    };
    (0..count).map(pair).collect()
}

/// What is incompatible, where and why: the same list as Java's `SchemaCompatibility`, in the same order.
#[test]
fn incompatibilities_are_those_of_java() {
    let questions = pairs(8_000, SEED + 1);
    let answers = need!(ask(Judge::JavaAvro, questions.clone()));
    let (mut compatible, mut incompatible, mut invalid) = (0, 0, 0);
    let mut kinds = BTreeSet::new();
    for (question, answer) in questions.iter().zip(&answers) {
        let schemas =
            [&question["reader"], &question["writer"]].map(|text| parse(text.as_str().unwrap(), &[]));
        let ours = match &schemas {
            [Ok(reader), Ok(writer)] => reader.incompatibilities(writer),
            [Err(error), _] | [_, Err(error)] => Err(error.clone()),
        };
        match (ours, answer["error"].as_str()) {
            (Ok(found), None) => {
                kinds.extend(found.iter().map(|found| found.kind.as_str()));
                let found: Vec<Value> = found
                    .iter()
                    .map(|found| json!({ "type": found.kind.as_str(), "location": found.location, "message": found.message }))
                    .collect();
                *if found.is_empty() { &mut compatible } else { &mut incompatible } += 1;
                assert_eq!(Value::Array(found), answer["incompatibilities"], "{question}");
            }
            (Err(_), Some(_)) => invalid += 1,
            (Ok(_), Some(error)) if is_java_at_fault(error) => invalid += 1,
            (ours, theirs) => panic!("ours: {ours:?}, Java's error: {theirs:?}, for {question}"),
        }
    }
    println!("{compatible} compatible, {incompatible} incompatible, {invalid} invalid");
    assert!(
        compatible > 1_200 && incompatible > 1_200,
        "{compatible} and {incompatible}: the generator lost its reach"
    );
    assert_eq!(kinds.len(), 6, "only {kinds:?} were met");
}

/// Where Python's library `avro` differs from Java's: it takes the first of several fields that a reader's field may mean,
/// and does not look for an alias without a namespace in the namespace of its type.
fn is_pythons_own_rule(ours: &Result<Vec<Incompatibility>, String>, question: &Value) -> bool {
    match ours {
        Err(error) => error.contains("matches multiple fields"),
        Ok(found) => found.is_empty() && question["reader"].to_string().contains("Renamed"),
    }
}

/// Where reading fails although the schemas are compatible: bytes that are read as a string need not be UTF-8, and a decimal of
/// precision 0 is no decimal, which fastavro does not look at.
fn is_about_values(reason: &str) -> bool {
    reason.starts_with("UnicodeDecodeError") || reason.contains("valid range for prec")
}

/// What is compatible here is compatible for Python's `avro`, and fastavro reads what it wrote.
#[test]
fn what_is_compatible_can_be_read_in_python() {
    let mut questions = pairs(3_000, SEED + 2);
    questions.retain(|question| {
        ["reader", "writer"].iter().all(|role| parse(question[role].as_str().unwrap(), &[]).is_ok())
    });
    let compare = |question: &Value| {
        let [reader, writer] = [&question["reader"], &question["writer"]]
            .map(|text| parse(text.as_str().unwrap(), &[]).unwrap());
        reader.incompatibilities(&writer)
    };
    for question in &mut questions {
        question["decode"] = compare(question).is_ok_and(|found| found.is_empty()).into();
    }
    let answers = need!(ask(Judge::PythonAvro, questions.clone()));
    let (mut agreed, mut decoded) = (0, 0);
    for (question, answer) in questions.iter().zip(&answers) {
        let ours = compare(question);
        let is_compatible = ours.as_ref().is_ok_and(Vec::is_empty);
        // Null where the library does not take the schemas: it knows no errors, no upper-case orders, no infinite values.
        if let Some(theirs) = answer["compatible"].as_bool() {
            agreed += usize::from(theirs == is_compatible);
            assert!(
                theirs == is_compatible || is_pythons_own_rule(&ours, question),
                "avro says {theirs}: {question}"
            );
        }
        if is_compatible && let Some(is_read) = answer["decodes"].as_bool() {
            decoded += usize::from(is_read);
            assert!(
                is_read || is_about_values(answer["reason"].as_str().unwrap()),
                "{answer} for {question}"
            );
        }
    }
    println!("{agreed} agreed, {decoded} decoded, of {}", questions.len());
    assert!(agreed > 2_000 && decoded > 1_000, "{agreed} agreed, {decoded} decoded");
}
