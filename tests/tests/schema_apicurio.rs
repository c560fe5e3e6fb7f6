//! What Apicurio Registry decides on compatibility, beside what is decided here. Where the two differ, the difference is of a
//! kind that is named below with its reason; any other one fails.

use std::collections::{BTreeMap, BTreeSet};

use medallion_schema_registry::compatibility::{CompatibilityPolicy, Previous, conflict};
use medallion_schema_registry::format::Validation;
use medallion_schema_registry::{CompatibilityLevel, ParsedSchema, SchemaType};
use medallion_tests::environment::Missing;
use medallion_tests::need;
use medallion_tests::schema_generator::{AvroGenerator, JsonSchemaGenerator, ProtobufGenerator};
use medallion_tests::schema_judge::{Judge, ask};
use serde_json::{Value, json};

const PAIRS: usize = 3_000;
const LEVELS: [CompatibilityLevel; 3] =
    [CompatibilityLevel::Backward, CompatibilityLevel::Forward, CompatibilityLevel::Full];

/// Two versions of a schema, and the level at which the second shall follow the first.
struct Pair {
    old: String,
    new: String,
    level: CompatibilityLevel,
}

/// A pair on which the two decide differently.
struct Differing {
    pair: Pair,
    old: ParsedSchema,
    new: ParsedSchema,
    /// The rules that are broken here.
    rules: BTreeSet<&'static str>,
    /// What Apicurio says; nothing where it fails.
    theirs: Option<BTreeSet<String>>,
}

#[derive(Default)]
struct Account {
    compatible: usize,
    incompatible: usize,
    differing: Vec<Differing>,
}

fn pairs(mut next: impl FnMut() -> (String, String)) -> Vec<Pair> {
    let levels = LEVELS.into_iter().cycle().take(PAIRS);
    levels
        .map(|level| {
            let (old, new) = next();
            Pair { old, new, level }
        })
        .collect()
}

/// Both decide on each pair of valid schemas.
fn decide(schema_type: SchemaType, pairs: Vec<Pair>) -> Result<Account, Missing> {
    let question = |pair: &Pair| json!({ "type": schema_type.as_str(), "level": pair.level.as_str(), "old": pair.old, "new": pair.new });
    let answers = ask(Judge::Apicurio, pairs.iter().map(question).collect())?;
    let parse = |text: &str| ParsedSchema::parse(schema_type, text, &[], Validation::Strict).ok();
    let mut account = Account::default();
    for (pair, answer) in pairs.into_iter().zip(&answers) {
        let (Some(old), Some(new)) = (parse(&pair.old), parse(&pair.new)) else { continue };
        let previous = [Previous { version: None, schema: &old }];
        let found = conflict(pair.level, CompatibilityPolicy::Strict, &new, &previous);
        let reasons = found.map(|found| found.explain(&new)).unwrap_or_default();
        let rules: BTreeSet<&'static str> = reasons.iter().map(|reason| reason.rule).collect();
        match (rules.is_empty(), answer["compatible"].as_bool()) {
            (true, Some(true)) => account.compatible += 1,
            (false, Some(false)) => account.incompatible += 1,
            (_, theirs) => {
                let theirs = theirs.map(|_| kinds(answer));
                account.differing.push(Differing { pair, old, new, rules, theirs });
            }
        }
    }
    Ok(account)
}

/// The names that Apicurio's differences begin with.
fn kinds(answer: &Value) -> BTreeSet<String> {
    let texts = answer["differences"].as_array().expect("a list").iter().filter_map(Value::as_str);
    texts.map(|text| text.split(' ').next().unwrap_or_default().to_owned()).collect()
}

/// Fails on what nothing explains; says how often each explanation was needed.
fn settle(account: Account, explain: impl Fn(&Differing) -> Option<&'static str>) {
    let mut explained: BTreeMap<&str, usize> = BTreeMap::new();
    let mut unexplained = Vec::new();
    for differing in &account.differing {
        match explain(differing) {
            Some(reason) => *explained.entry(reason).or_default() += 1,
            None => unexplained.push(differing),
        }
    }
    println!("{} compatible and {} incompatible for both", account.compatible, account.incompatible);
    for (reason, count) in &explained {
        println!("{count} times: {reason}");
    }
    if let Some(first) = unexplained.first() {
        let Differing { pair, rules, theirs, .. } = first;
        let (level, old, new) = (pair.level, &pair.old, &pair.new);
        panic!(
            "{} without reason; {level}: here {rules:?}, there {theirs:?}\n{old}\n{new}",
            unexplained.len()
        );
    }
    assert!(
        account.compatible > 300 && account.incompatible > 200,
        "the generator lost its reach: {} and {}",
        account.compatible,
        account.incompatible
    );
}

#[test]
fn avro_is_decided_alike() {
    let mut generator = AvroGenerator::new(31);
    let pairs = pairs(|| {
        let old = generator.schema();
        (old.to_string(), generator.change(&old).to_string())
    });
    settle(need!(decide(SchemaType::Avro, pairs)), |differing| match &differing.theirs {
        None => Some(
            "Avro's library throws an exception: a reader's aliases fit several fields, or a default is an object",
        ),
        Some(_) => None,
    });
}

#[test]
fn json_schemas_are_decided_alike_but_for_what_only_one_looks_at() {
    let mut generator = JsonSchemaGenerator::new(32);
    let draft_7 = |schema: Value| match schema {
        Value::Object(mut keywords) => {
            keywords.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
            Value::Object(keywords).to_string()
        }
        other => other.to_string(),
    };
    let pairs = pairs(|| {
        let old = generator.schema(3);
        let new = generator.change(&old, 2);
        (draft_7(old), draft_7(new))
    });
    settle(need!(decide(SchemaType::Json, pairs)), explain_json);
}

fn explain_json(differing: &Differing) -> Option<&'static str> {
    let text = format!("{} {}", differing.pair.old, differing.pair.new);
    let Some(theirs) = &differing.theirs else { return Some("Apicurio fails on a combination of false") };
    let theirs_are =
        |prefixes: &[&str]| theirs.iter().all(|kind| prefixes.iter().any(|prefix| kind.starts_with(prefix)));
    if differing.rules.is_empty() {
        if text.contains("patternProperties") || theirs_are(&["OBJECT_TYPE_REQUIRED_PROPERTIES"]) {
            return Some(
                "Confluent's rules leave patternProperties and required properties without a schema out",
            );
        }
        // That no value is lost then is shown in schema_json.rs.
        if theirs_are(&[
            "SUBSCHEMA_TYPE_CHANGED",
            "COMBINED_TYPE",
            "NOT_TYPE",
            "OBJECT_TYPE_PROPERTY_SCHEMAS",
        ]) {
            return Some("Apicurio compares the form where what is accepted stays the same or grows");
        }
        return None;
    }
    let lax = [
        ("TYPE_NARROWED", "Apicurio takes a number with multipleOf for an integer"),
        ("MAXIMUM_", "Apicurio looks at one of two upper limits"),
        ("MINIMUM_", "Apicurio looks at one of two lower limits"),
        ("ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL", "Apicurio does not look at an array that loses all items"),
        (
            "COMBINED_TYPE_SUBSCHEMAS_CHANGED",
            "Apicurio takes a branch that nothing can fit for one that fits",
        ),
        (
            "REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL",
            "Apicurio asks only whether the name was required",
        ),
        ("PROPERTY_ADDED_NOT_COVERED_", "Apicurio does not look at an object that loses all properties"),
        (
            "PROPERTY_REMOVED_",
            "Apicurio lets properties go where another keyword accepts some of their values",
        ),
    ];
    let named = lax.iter().find(|(rule, _)| differing.rules.iter().any(|broken| broken.starts_with(rule)));
    named.map(|(_, reason)| *reason)
}

#[test]
fn protobuf_is_decided_alike_but_for_what_only_one_looks_at() {
    let mut generator = ProtobufGenerator::new(33);
    let pairs = pairs(|| {
        let old = generator.file();
        (old.text(), generator.change(&old).text())
    });
    settle(need!(decide(SchemaType::Protobuf, pairs)), explain_protobuf);
}

fn explain_protobuf(differing: &Differing) -> Option<&'static str> {
    let (ParsedSchema::Protobuf(old), ParsedSchema::Protobuf(new)) = (&differing.old, &differing.new) else {
        return None;
    };
    if differing.rules.is_empty() {
        let changes = new.changes_from(old).into_iter().chain(old.changes_from(new));
        let changes: BTreeSet<&str> = changes.map(|change| change.kind.as_str()).collect();
        let strict = [
            ("FIELD_REMOVED", "Apicurio wants the number of a field that goes to be reserved"),
            ("ENUM_CONST_REMOVED", "Apicurio wants the number of a constant that goes to be reserved"),
            ("FIELD_NAME_CHANGED", "Apicurio compares names of fields, which are not written"),
            ("ENUM_CONST_CHANGED", "Apicurio compares names of constants, which are not written"),
            (
                "ONEOF_",
                "Apicurio compares fields outside of oneofs only, and takes one that moves for one that goes",
            ),
        ];
        let named = strict.iter().find(|(kind, _)| changes.iter().any(|change| change.starts_with(kind)));
        return named.map(|(_, reason)| *reason).or_else(|| explain_unseen(&differing.pair));
    }
    let lax = [
        ("MESSAGE_REMOVED", "Apicurio lets messages go"),
        ("PACKAGE_CHANGED", "Apicurio does not compare packages"),
        ("FIELD_MOVED_TO_EXISTING_ONEOF", "Apicurio does not compare oneofs"),
        ("MULTIPLE_FIELDS_MOVED_TO_ONEOF", "Apicurio does not compare oneofs"),
    ];
    let named = lax.iter().find(|(rule, _)| differing.rules.contains(rule));
    named.map(|(_, reason)| *reason)
}

/// What Confluent's rules see no change in at all.
fn explain_unseen(pair: &Pair) -> Option<&'static str> {
    let changes = |word: &str| pair.old.matches(word).count() != pair.new.matches(word).count();
    if changes("reserved") {
        return Some("Apicurio wants reserved numbers and names to stay reserved");
    }
    let is_typed = |line: &&str| line.contains(" = ");
    let differs = pair.old.split(';').filter(is_typed).ne(pair.new.split(';').filter(is_typed));
    differs.then_some("Apicurio compares types and labels by name, also where their encodings are the same")
}
