//! JSON schemas as another library sees them: what fits an old schema fits every new one that is called compatible.

use medallion_schema_registry::CompatibilityPolicy;
use medallion_schema_registry::format::JsonSchema;
use medallion_tests::need;
use medallion_tests::schema_generator::JsonSchemaGenerator;
use medallion_tests::schema_judge::{Judge, ask};
use serde_json::{Value, json};

/// Keywords that Confluent's rules do not compare, or only together with others: patterns of properties, and required
/// properties that have no schema of their own. Where they change, data can be lost, there as here.
fn is_beyond_the_rules(question: &Value) -> bool {
    ["patternProperties", "required"].iter().any(|keyword| question.to_string().contains(keyword))
}

#[test]
fn what_fits_an_old_schema_fits_a_compatible_one() {
    let mut generator = JsonSchemaGenerator::new(11);
    let (mut questions, mut incompatible) = (Vec::new(), 0);
    for _ in 0..4_000 {
        let writer = generator.schema(3);
        let reader = generator.change(&writer, 2);
        let parse = |schema: &Value| JsonSchema::parse(&schema.to_string(), &[]).expect("a generated schema");
        if !parse(&reader).incompatibilities(&parse(&writer), CompatibilityPolicy::Strict).is_empty() {
            incompatible += 1;
            continue;
        }
        let values: Vec<Value> = (0..60).map(|_| generator.value(2)).collect();
        questions.push(json!({ "writer": writer, "reader": reader, "values": values }));
    }
    let answers = need!(ask(Judge::PythonJsonSchema, questions.clone()));
    let (mut fitting, mut beyond, mut unexplained) = (0, 0, Vec::<String>::new());
    for (question, answer) in questions.iter().zip(&answers) {
        assert!(answer.get("error").is_none(), "{answer} for {question}");
        fitting += answer["fitting"].as_u64().expect("a number");
        let lost = answer["lost"].as_array().expect("a list");
        if !lost.is_empty() && is_beyond_the_rules(question) {
            beyond += 1;
        } else if !lost.is_empty() {
            unexplained.push(format!("{} of {} for {}", lost[0], question["writer"], question["reader"]));
        }
    }
    println!(
        "{} compatible with {fitting} fitting values, {beyond} of them beyond the rules, {incompatible} incompatible",
        questions.len()
    );
    assert!(unexplained.is_empty(), "{} lost values:\n{}", unexplained.len(), unexplained.join("\n"));
    assert!(
        fitting > 10_000 && incompatible > 500,
        "{fitting} and {incompatible}: the generator lost its reach"
    );
}
