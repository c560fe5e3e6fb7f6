//! Protobuf schemas as Google's own libraries see them: what is valid, what canonical and normalized texts define, and whether
//! data written with an old schema can be read with every new one that is called compatible.

use medallion_schema_registry::format::{ProtobufSchema, Validation};
use medallion_tests::need;
use medallion_tests::schema_generator::ProtobufGenerator;
use medallion_tests::schema_judge::{Judge, ask};
use serde_json::{Value, json};

fn parse(text: &str) -> Result<ProtobufSchema, String> {
    ProtobufSchema::parse(text, &[], Validation::Strict).map_err(|error| error.to_string())
}

#[test]
fn what_protoc_takes_is_taken_and_defines_the_same_in_all_forms() {
    let mut generator = ProtobufGenerator::new(21);
    let texts: Vec<String> = (0..1_500).map(|_| generator.file().text()).collect();
    let question = |text: &String| {
        let parsed = parse(text);
        let (mut others, mut descriptors) = (Vec::new(), Vec::new());
        if let Ok(schema) = &parsed {
            others = vec![schema.canonical_string(), schema.normalized().canonical_string()];
            descriptors = vec![schema.serialized().expect("a valid file")];
        }
        json!({ "text": text, "others": others, "descriptors": descriptors })
    };
    let questions: Vec<Value> = texts.iter().map(question).collect();
    let answers = need!(ask(Judge::PythonProtobuf, questions));
    let (mut valid, mut invalid, mut wrong) = (0, 0, Vec::new());
    for (text, answer) in texts.iter().zip(&answers) {
        match (parse(text), answer["error"].as_str()) {
            (Ok(_), None) if answer["differing"] == json!([]) => valid += 1,
            (Err(_), Some(_)) => invalid += 1,
            (ours, theirs) => {
                let ours = ours.err();
                wrong.push(format!(
                    "{text}\nhere {ours:?}, protoc {theirs:?}, differing {}",
                    answer["differing"]
                ));
            }
        }
    }
    println!("{valid} valid files, {invalid} invalid ones");
    assert!(
        wrong.is_empty(),
        "{} of {} files:\n{}",
        wrong.len(),
        texts.len(),
        wrong[..wrong.len().min(5)].join("\n\n")
    );
    assert!(valid > 300 && invalid > 100, "{valid} and {invalid}: the generator lost its reach");
}

/// What Confluent's rules do not look at: labels where one has none, and bytes that become text.
fn is_beyond_the_rules(writer: &str, reader: &str) -> bool {
    let counts = |word: &str| (writer.matches(word).count(), reader.matches(word).count());
    let changes = |word: &str| {
        let (before, after) = counts(word);
        before != after
    };
    changes("repeated ") || changes("bytes ") || changes("required ")
}

#[test]
fn what_was_written_before_can_be_read_with_a_compatible_file() {
    let mut generator = ProtobufGenerator::new(22);
    let (mut questions, mut incompatible) = (Vec::new(), 0);
    for seed in 0..3_000 {
        let writer = generator.file();
        let reader = generator.change(&writer).text();
        let writer = writer.text();
        let (Ok(old), Ok(new)) = (parse(&writer), parse(&reader)) else { continue };
        if !new.incompatibilities(&old).is_empty() {
            incompatible += 1;
            continue;
        }
        questions.push(json!({ "writer": writer, "reader": reader, "count": 20, "seed": seed }));
    }
    let answers = need!(ask(Judge::PythonProtobuf, questions.clone()));
    let (mut beyond, mut unexplained) = (0, Vec::new());
    for (question, answer) in questions.iter().zip(&answers) {
        let lost = answer["lost"].as_array().unwrap_or_else(|| panic!("{answer} for {question}"));
        let (writer, reader) = (&question["writer"], &question["reader"]);
        let text = |side: &Value| side.as_str().expect("a text").to_owned();
        if lost.is_empty() {
        } else if is_beyond_the_rules(&text(writer), &text(reader)) {
            beyond += 1;
        } else {
            unexplained.push(format!("{}\n{}\n{}", lost[0], text(writer), text(reader)));
        }
    }
    println!(
        "{} compatible, {beyond} of them beyond the rules, {incompatible} incompatible",
        questions.len()
    );
    assert!(
        unexplained.is_empty(),
        "{} lose data:\n{}",
        unexplained.len(),
        unexplained[..unexplained.len().min(5)].join("\n\n")
    );
    assert!(questions.len() > 300 && incompatible > 100, "the generator lost its reach");
}
