//! JSON schemas that are made to take long: reading and comparing them ends soon, and says so where it was given up.

use std::fmt::Write;
use std::time::{Duration, Instant};

use medallion_schema_registry::compatibility::{Previous, check};
use medallion_schema_registry::format::{JsonSchema, ParsedSchema};
use medallion_schema_registry::{CompatibilityLevel, CompatibilityPolicy};

const STRICT: CompatibilityPolicy = CompatibilityPolicy::Strict;
/// Much more than all that is allowed takes, and less than these schemas took before there was a bound.
const SOON: Duration = Duration::from_secs(10);

fn schema(text: &str) -> JsonSchema {
    JsonSchema::parse(text, &[]).unwrap_or_else(|error| panic!("{error}"))
}

fn soon<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let result = work();
    let took = started.elapsed();
    assert!(took < SOON, "{what} took {took:?}");
    result
}

/// The kinds of what keeps the update from reading what the original wrote.
fn kinds(original: &str, update: &str) -> Vec<&'static str> {
    let (original, update) = (schema(original), schema(update));
    let found = soon("comparing", || update.incompatibilities(&original, STRICT));
    found.into_iter().map(|found| found.kind.as_str()).collect()
}

/// Each link refers to the one before it and to the one behind it, so that a change in the first one goes one link further
/// each time that all is compared again.
fn ladder(count: usize, kind: &str) -> String {
    let reference = |to: usize| format!(r##"{{"$ref":"#/definitions/d{to}"}}"##);
    let mut links = String::new();
    for index in 1..count {
        let (behind, before) = (reference((index + 1).min(count - 1)), reference(index - 1));
        let _ =
            write!(links, r#","d{index}":{{"type":"object","properties":{{"a":{behind},"b":{before}}}}}"#);
    }
    let first =
        format!(r#"{{"type":"object","properties":{{"a":{},"c":{{"type":"{kind}"}}}}}}"#, reference(1));
    format!(r##"{{"$ref":"#/definitions/d0","definitions":{{"d0":{first}{links}}}}}"##)
}

#[test]
fn a_change_that_takes_many_rounds_is_found_or_given_up() {
    assert_eq!(kinds(&ladder(20, "integer"), &ladder(20, "string"))[0], "TYPE_CHANGED");
    let found = kinds(&ladder(120, "integer"), &ladder(120, "string"));
    assert_eq!(found.last(), Some(&"COMPARISON_TOO_LARGE"), "{} found", found.len());
    assert!(kinds(&ladder(120, "integer"), &ladder(120, "number")).is_empty());
}

/// Each definition is one of all.
fn web(count: usize, last: &str) -> String {
    let all: Vec<String> =
        (0..count).map(|index| format!(r##"{{"$ref":"#/definitions/d{index}"}}"##)).collect();
    let all = all.join(",");
    let definition = |index| format!(r#""d{index}":{{"oneOf":[{all},{{"const":"{index}{last}"}}]}}"#);
    let definitions: Vec<String> = (0..count).map(definition).collect();
    format!(r#"{{"oneOf":[{all},{{"const":"{last}"}}],"definitions":{{{}}}}}"#, definitions.join(","))
}

#[test]
fn webs_of_branches_are_given_up() {
    assert_eq!(kinds(&web(10, "a"), &web(10, "b")), ["COMBINED_TYPE_SUBSCHEMAS_CHANGED"]);
    let found = kinds(&web(120, "a"), &web(120, "b"));
    assert!(found.last().is_some_and(|kind| kind.starts_with("COMPARISON_TOO_")), "{found:?}");
}

fn list(keyword: &str, values: impl Iterator<Item = String>) -> String {
    format!(r#"{{"{keyword}":[{}]}}"#, values.collect::<Vec<String>>().join(","))
}

#[test]
fn long_enums_are_compared() {
    let of = |from: u32| list("enum", (from..from + 50_000).map(|value| value.to_string()));
    assert_eq!(kinds(&of(0), &of(1)), ["ENUM_ARRAY_CHANGED"]);
    assert!(kinds(&of(0), &of(0)).is_empty());
    // Numbers are equal as Java prints them, objects whatever the order of their keys.
    let (a, b) = (r#"{"enum":[1.0,{"a":1,"b":[2]}]}"#, r#"{"enum":[{"b":[2],"a":1},1e0]}"#);
    assert!(kinds(a, b).is_empty());
    assert_eq!(kinds(r#"{"enum":[1,1.0]}"#, r#"{"enum":[1]}"#), ["ENUM_ARRAY_NARROWED"]);
}

#[test]
fn very_many_branches_are_read_and_given_up() {
    let of = |count: u32| list("oneOf", (0..count).map(|value| format!(r#"{{"const":{value}}}"#)));
    assert!(kinds(&of(300), &of(300)).is_empty());
    let many = of(50_000);
    soon("reading", || schema(&many));
    assert_eq!(kinds(&many, &many), ["COMPARISON_TOO_LARGE"]);
    let message = schema(&many).incompatibilities(&schema(&many), STRICT)[0].description("new", "old");
    assert_eq!(message, "The new and the old schema at path '#/' are too large to be compared");
}

/// Patterns that take megabytes and some ten milliseconds each once they are compiled.
#[test]
fn very_many_costly_patterns_are_read_and_given_up() {
    let of = |count: u32, property: &str| {
        let pattern = |index| format!(r#""(\\w{{50}}){{10}}x{index}":{{}}"#);
        let patterns: Vec<String> = (0..count).map(pattern).collect();
        format!(r#"{{"patternProperties":{{{}}},"properties":{{{property}}}}}"#, patterns.join(","))
    };
    let (few, many) = (of(3, ""), of(500, ""));
    soon("reading", || schema(&many));
    let added = |count| of(count, r#""a":{"type":"string"}"#);
    assert_eq!(kinds(&few, &added(3)), [""; 0]);
    assert_eq!(kinds(&many, &added(500)), ["COMPARISON_TOO_LARGE"]);
}

/// A long name before very many changes.
#[test]
fn paths_do_not_take_all_memory() {
    let of = |kind: &str| {
        let property = |index| format!(r#""{index}":{{"type":"{kind}"}}"#);
        let properties: Vec<String> = (0..5_000).map(property).collect();
        let (name, properties) = ("n".repeat(500_000), properties.join(","));
        format!(r#"{{"properties":{{"{name}":{{"properties":{{{properties}}}}}}}}}"#)
    };
    assert_eq!(kinds(&of("integer"), &of("string")), ["COMPARISON_TOO_LARGE"]);
}

/// Lists of one or two around a long enum, which was hashed again for each of them: minutes.
#[test]
fn branches_within_branches_are_read_soon() {
    let numbers = vec!["1"; 2_000_000].join(",");
    for (begin, end) in [
        (r#"{"anyOf":["#, "]}"),
        (r#"{"oneOf":[{"type":"null"},"#, "]}"),
        (r#"{"anyOf":[{},"#, r#",true],"title":"t"}"#),
    ] {
        let text = format!(r#"{}{{"enum":[{numbers}]}}{}"#, begin.repeat(200), end.repeat(200));
        soon("reading", || schema(&text));
    }
}

/// Few branches, each with a long value.
#[test]
fn long_values_cost_by_their_length() {
    let of = |keyword: &str| {
        let branch = |index| format!(r#"{{"{keyword}":[[{}{index}]]}}"#, "1,".repeat(5_000));
        list("anyOf", (0..400).map(branch))
    };
    assert_eq!(kinds(&of("enum"), &of("enum")), ["COMPARISON_TOO_LARGE"]);
    assert_eq!(kinds(&of("const"), &of("const")), ["COMPARISON_TOO_LARGE"]);
    assert_eq!(kinds(&of("default"), &of("default")), ["COMPARISON_TOO_LARGE"]);
}

/// Patterns that Java knows and Rust does not fit no name, and are not compiled again with more room.
#[test]
fn patterns_of_unknown_syntax_cost_little() {
    let of = |property: &str| {
        let pattern = |index| format!(r#""^(?!x{index})":{{}}"#);
        let patterns: Vec<String> = (0..100).map(pattern).collect();
        format!(r#"{{"patternProperties":{{{}}},"properties":{{{property}}}}}"#, patterns.join(","))
    };
    assert_eq!(kinds(&of(""), &of(r#""a":{"type":"string"}"#)), [""; 0]);
}

#[test]
fn a_check_against_very_many_versions_is_given_up() {
    let branches =
        |kind: &str| list("anyOf", (0..300).map(|value| format!(r#"{{"title":"{kind}","const":{value}}}"#)));
    let [old, new] = ["a", "b"].map(|kind| ParsedSchema::Json(schema(&branches(kind))));
    let checked = |count: i32| {
        let previous: Vec<Previous<'_>> =
            (1..=count).map(|version| Previous { version: Some(version), schema: &old }).collect();
        soon("checking", || check(CompatibilityLevel::BackwardTransitive, STRICT, &new, &previous))
    };
    assert_eq!(checked(10), [""; 0]);
    let messages = checked(1_000);
    assert!(messages[0].contains("COMPARISON_TOO_LARGE"), "{}", messages[0]);
}
