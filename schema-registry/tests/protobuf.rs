//! Protobuf schemas: what is stored, what is normalized, what a change is called, and whether it breaks readers.
//! How the whole agrees with Google's own libraries is tested over random schemas in `tests/tests/schema_protobuf.rs`.

use medallion_schema_registry::compatibility::{CompatibilityPolicy, Previous, check};
use medallion_schema_registry::format::{ProtobufSchema, ResolvedReference, Validation};
use medallion_schema_registry::{CompatibilityLevel, ParsedSchema, SchemaType};

fn schema(text: &str) -> ProtobufSchema {
    with_references(text, &[])
}

fn with_references(text: &str, references: &[(&str, &str)]) -> ProtobufSchema {
    let references: Vec<ResolvedReference<'_>> =
        references.iter().map(|(name, text)| ResolvedReference { name, text }).collect();
    let parsed = ProtobufSchema::parse(text, &references, Validation::Strict);
    parsed.unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn error(text: &str, validation: Validation) -> String {
    ProtobufSchema::parse(text, &[], validation).expect_err(text).to_string()
}

const TRIP: &str = r"// A trip.
syntax = 'proto3';
package rides.v1;
";

#[test]
fn the_canonical_string_is_confluents() {
    let text = r#"
        // A comment.
        syntax = 'proto3'; package rides.v1;
        import public "google/protobuf/duration.proto"; import "google/protobuf/timestamp.proto";
        option java_package = "com.rides" ".v1";
        enum City { option allow_alias = true; UNKNOWN = 0; BERLIN = 0x1 [deprecated = true]; B = 1; reserved 5 to max; reserved "X"; }
        message Trip { /* the key */ string id = 1; reserved 10, 12 to 14; reserved "old", "older";
            repeated google.protobuf.Timestamp stops = 2 [deprecated = true, json_name = "allStops"];
            map < string , .rides.v1.Trip.Stop > by_name = 3;
            oneof payer { string card = 4; int64 account = 5; }
            optional double fare = 6;
            enum Kind { SHORT = 0; LONG = 1; }
            message Empty {}
            message Stop { option deprecated = true; City city = 1; }
            ;
        }
        service Rides { option deprecated = false; rpc Follow (stream Trip) returns (Trip.Stop);
            rpc Get (Trip) returns (stream Trip) { option idempotency_level = NO_SIDE_EFFECTS; } }
    "#;
    let canonical = "syntax = \"proto3\";\npackage rides.v1;\n\nimport \"google/protobuf/timestamp.proto\";\nimport public \
        \"google/protobuf/duration.proto\";\n\noption java_package = \"com.rides.v1\";\n\nmessage Trip {\n  reserved 10, 12 to \
        14;\n  reserved \"old\", \"older\";\n  \n  string id = 1;\n  repeated google.protobuf.Timestamp stops = 2 [\n    \
        deprecated = true,\n    json_name = \"allStops\"\n  ];\n  map<string, .rides.v1.Trip.Stop> by_name = 3;\n  optional \
        double fare = 6;\n  \n  oneof payer {\n    string card = 4;\n    int64 account = 5;\n  }\n  \n  message Empty {}\n  \
        message Stop {\n    option deprecated = true;\n    \n    City city = 1;\n  }\n  enum Kind {\n    SHORT = 0;\n    LONG \
        = 1;\n  }\n}\nenum City {\n  reserved 5 to max;\n  reserved \"X\";\n  option allow_alias = true;\n  UNKNOWN = 0;\n  BERLIN = 1 \
        [deprecated = true];\n  B = 1;\n}\n\nservice Rides {\n  option deprecated = false;\n  \n  rpc Follow (stream Trip) \
        returns (Trip.Stop);\n  rpc Get (Trip) returns (stream Trip) {\n    option idempotency_level = NO_SIDE_EFFECTS;\n  \
        };\n}\n";
    let parsed = schema(text);
    assert_eq!(parsed.canonical_string(), canonical);
    assert_eq!(schema(canonical).canonical_string(), canonical);
    assert!(schema(canonical).is_equivalent(&parsed));
    assert!(parsed.has_top_level_field("card") && !parsed.has_top_level_field("city"));
}

const WITH_OPTIONS: &str = r#"
import "google/protobuf/descriptor.proto";
message Rule { optional string name = 1; repeated int32 codes = 2; optional Rule inner = 3; }
extend google.protobuf.FieldOptions { optional Rule rule = 50000; repeated string tags = 50001; }
message A {
  required string a = 1 [default = "x\"\n", (rule) = { name: "n" codes: [1, 2], inner { codes: 3 codes: 0x4 } }];
  optional int32 b = 2 [(rule).inner.name = "m", default = -1];
  optional string c = 3 [(tags) = "t"];
  extensions 100 to 199, 300;
  extend A { optional int32 more = 100; }
  optional group Old = 4 { optional bool is_old = 1; }
}
"#;

const WITH_OPTIONS_CANONICAL: &str = r#"
import "google/protobuf/descriptor.proto";

message Rule {
  optional string name = 1;
  repeated int32 codes = 2;
  optional Rule inner = 3;
}
message A {
  required string a = 1 [
    (rule) = {
      name: "n",
      codes: [
        1,
        2
      ],
      inner: {
        codes: [
          3,
          0x4
        ]
      }
    },
    default = "x\"\n"
  ];
  optional int32 b = 2 [
    (rule).inner.name = "m",
    default = -1
  ];
  optional string c = 3 [(tags) = "t"];
..
  optional group Old = 4 {
    optional bool is_old = 1;
  }
..
  extensions 100 to 199, 300;
..
  extend A {
    optional int32 more = 100;
  }
}

extend google.protobuf.FieldOptions {
  optional Rule rule = 50000;
  repeated string tags = 50001;
}
"#;

#[test]
fn proto2_and_custom_options_keep_their_forms() {
    let canonical = WITH_OPTIONS_CANONICAL.replace("..\n", "  \n");
    let parsed = schema(WITH_OPTIONS);
    assert_eq!(parsed.canonical_string(), canonical);
    assert_eq!(schema(&canonical).canonical_string(), canonical);
    let without = parsed.string_without_extensions();
    assert!(
        !without.contains("(rule)") && !without.contains("extend") && !without.contains("more"),
        "{without}"
    );
    let normalized = parsed.normalized().canonical_string();
    for part in [
        "    default = -1,\n    (rule) = {\n      inner: {\n        name: \"m\"\n      }\n    }\n  ];\n",
        "  required string a = 1 [\n    default = \"x\\\"\\n\",\n    (rule) = {\n      codes: [\n        1,\n        2\n      ],\n      \
         inner: {\n        codes: [\n          3,\n          4\n        ]\n      },\n      name: \"n\"\n    }\n  ];\n",
        "extend .google.protobuf.FieldOptions {",
        "  optional .Rule inner = 3;\n",
        "  extensions 100 to 199;\n  extensions 300;\n",
    ] {
        assert!(normalized.contains(part), "{part} is not in {normalized}");
    }
}

#[test]
fn schemas_that_mean_the_same_are_one_once_they_are_normalized() {
    let one = format!(
        "{TRIP}import \"google/protobuf/timestamp.proto\"; import \"google/protobuf/any.proto\";
        message T {{ reserved 9, 5 to 5; string b = 2; google.protobuf.Any a = 1; map<int32, N> m = 3; N n = 4;
        message N {{}} enum E {{ Z = 0; Y = 2; X = 1; W = -1; }} }}"
    );
    let other = format!(
        "{TRIP}import \"google/protobuf/any.proto\"; import \"google/protobuf/timestamp.proto\";
        message T {{ reserved 5; reserved 9; .google.protobuf.Any a = 1; string b = 2; map<int32, T.N> m = 3;
        rides.v1.T.N n = 4; message N {{}} enum E {{ Z = 0; W = -1; X = 1; Y = 2; }} }}"
    );
    let normalized = schema(&one).normalized().canonical_string();
    assert_eq!(
        normalized,
        "syntax = \"proto3\";\npackage rides.v1;\n\nimport \"google/protobuf/any.proto\";\nimport \
         \"google/protobuf/timestamp.proto\";\n\nmessage T {\n  reserved 5;\n  reserved 9;\n  \n  .google.protobuf.Any a = 1;\n  \
         string b = 2;\n  map<int32, .rides.v1.T.N> m = 3;\n  .rides.v1.T.N n = 4;\n  \n  message N {}\n  enum E {\n    Z = 0;\n    \
         W = -1;\n    X = 1;\n    Y = 2;\n  }\n}\n"
    );
    assert_eq!(schema(&other).normalized().canonical_string(), normalized);
    assert_eq!(schema(&normalized).normalized().canonical_string(), normalized);
}

#[test]
fn descriptors_go_in_and_out() {
    let text = "syntax = \"proto3\"; package p; import \"other.proto\"; message A { string a = 1; map<string, Other> m = 2;
        optional int32 o = 3; oneof x { B b = 4; bool c = 5; } message B {} }";
    let other = ("other.proto", "syntax = \"proto3\"; package p; message Other { int32 x = 1; }");
    let parsed = with_references(text, &[other]);
    let serialized = parsed.serialized().unwrap();
    let back = with_references(&serialized, &[other]);
    assert_eq!(
        back.canonical_string(),
        "syntax = \"proto3\";\npackage p;\n\nimport \"other.proto\";\n\nmessage A {\n  string a = 1 [json_name = \"a\"];\n  \
         repeated .p.A.MEntry m = 2 [json_name = \"m\"];\n  optional int32 o = 3 [json_name = \"o\"];\n  \n  oneof x {\n    .p.A.B b \
         = 4 [json_name = \"b\"];\n    bool c = 5 [json_name = \"c\"];\n  }\n  \n  message MEntry {\n    option \
         map_entry = true;\n    \n    string key = 1 [json_name = \"key\"];\n    .p.Other value = 2 [json_name = \"value\"];\n  \
         }\n  message B {}\n}\n"
    );
    // The text that is stored can be read and compiled again.
    let stored = with_references(&back.canonical_string(), &[other]);
    assert_eq!(stored.canonical_string(), back.canonical_string());
    assert_eq!(
        with_references(&stored.serialized().unwrap(), &[other]).canonical_string(),
        back.canonical_string()
    );
    assert!(back.incompatibilities(&parsed).is_empty() && parsed.incompatibilities(&back).is_empty());
    assert_eq!(parsed.message_indexes("A.B"), Some(vec![0, 0]));
    assert_eq!(parsed.message_indexes("A.C"), None);
    assert_eq!(parsed.message_name(&[0, 0]).as_deref(), Some("p.A.B"));
    assert_eq!(parsed.message_name(&[]).as_deref(), Some("p.A"));
    assert_eq!(parsed.message_name(&[1]), None);
}

/// Confluent's own options are kept; those of others cannot be named, and are left out.
#[test]
fn descriptors_keep_confluents_options() {
    let text = "syntax = \"proto3\"; import \"confluent/meta.proto\"; import \"google/protobuf/descriptor.proto\";
        extend google.protobuf.FieldOptions { int32 other = 50000; }
        message A { option (confluent.message_meta).doc = \"m\";
        string a = 1 [(confluent.field_meta) = { tags: \"PII\" params: { key: \"x\" value: \"y\" } params: { key: \"scale\" value: \"2\" } }];
        oneof o { int32 b = 2 [(confluent.field_meta).doc = \"d\", (other) = 1]; }
        message M { enum E { Z = 0 [(confluent.enum_value_meta).doc = \"z\"]; } } }";
    let serialized = schema(text).serialized().unwrap();
    let canonical = schema(&serialized).canonical_string();
    for part in [
        "message A {\n  option (confluent.message_meta) = {\n    doc: \"m\"\n  };\n",
        "    (confluent.field_meta) = {\n      params: [\n        {\n          value: \"2\",\n          key: \"scale\"\n        },\n        {\n          \
         key: \"x\",\n          value: \"y\"\n        }\n      ],\n      tags: [\n        \"PII\"\n      ]\n    },\n",
        "    int32 b = 2 [\n      (confluent.field_meta) = {\n        doc: \"d\"\n      },\n",
        "Z = 0 [(confluent.enum_value_meta) = {\n",
    ] {
        assert!(canonical.contains(part), "{part} is not in {canonical}");
    }
    assert!(!canonical.contains("(other)"), "{canonical}");
}

#[test]
fn well_known_files_need_no_reference() {
    let paths = [
        "confluent/meta",
        "confluent/type/decimal",
        "confluent/type/variant",
        "google/type/calendar_period",
        "google/type/color",
        "google/type/date",
        "google/type/datetime",
        "google/type/dayofweek",
        "google/type/decimal",
        "google/type/expr",
        "google/type/fraction",
        "google/type/interval",
        "google/type/latlng",
        "google/type/money",
        "google/type/month",
        "google/type/phone_number",
        "google/type/postal_address",
        "google/type/quaternion",
        "google/type/timeofday",
        "google/protobuf/any",
        "google/protobuf/api",
        "google/protobuf/descriptor",
        "google/protobuf/duration",
        "google/protobuf/empty",
        "google/protobuf/field_mask",
        "google/protobuf/source_context",
        "google/protobuf/struct",
        "google/protobuf/timestamp",
        "google/protobuf/type",
        "google/protobuf/wrappers",
    ];
    let imports = paths.map(|path| format!("import \"{path}.proto\";\n")).concat();
    schema(&format!(
        "syntax = \"proto3\";\n{imports}message A {{ string a = 1 [(confluent.field_meta) = {{ doc: \"d\", tags: [\"PII\"] }}]; \
         google.type.Date d = 2; confluent.type.Decimal e = 3; google.protobuf.Struct s = 4; }}"
    ));
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (text, message) in [
        ("message A {\n  string a = ;\n}", "line 2, column 14: expected a word, found ';'"),
        ("message A { string a = 1 }", "line 1, column 26: expected ';', found '}'"),
        ("message A { string a = x; }", "expected a whole number of 32 bits, found \"x\""),
        ("message A {", "expected a word, found the end"),
        ("hello", "line 1, column 1: \"hello\" begins no statement"),
        ("syntax = \"proto4\";", "the syntax \"proto4\" is neither proto2 nor proto3"),
        ("edition = \"2023\";", "line 1, column 1: editions are not supported, only proto2 and proto3"),
        ("/* no end", "the comment has no end"),
        ("import \"a", "the string has no end on its line"),
    ] {
        let found = error(text, Validation::Lenient);
        assert!(found.contains(message), "{text}: {found}");
    }
    for (text, part) in [
        ("syntax = \"proto3\"; message A { B b = 1; }", "B"),
        ("syntax = \"proto3\"; import \"b.proto\"; message A {}", "\"b.proto\" is neither a reference nor"),
        ("syntax = \"proto3\"; message A { string a = 1; string b = 1; }", "1"),
        ("syntax = \"proto3\"; message A { string a = 1; int32 a = 2; }", "a"),
        ("syntax = \"proto3\"; message A { string a = 0; }", "0"),
        ("syntax = \"proto3\"; message A { string a = 19500; }", "19500"),
        ("syntax = \"proto3\"; enum E { A = 1; }", "must be 0"),
        ("message A { message B { repeated string c = 1 [packed = true]; } }", "'c': only repeated numbers"),
        ("message A { optional int32 a = 1 [packed = true]; }", "'a': only repeated numbers"),
        ("message A { extensions 5; } extend A { optional A b = 5 [packed = true]; }", "'b': only repeated"),
    ] {
        let found = error(text, Validation::Strict);
        assert!(found.contains(part), "{text}: {found}");
        assert!(ProtobufSchema::parse(text, &[], Validation::Lenient).is_ok(), "{text}");
    }
}

#[test]
fn hostile_texts_end_in_an_error_or_a_schema() {
    let nested = format!("{}{}", "message A { ".repeat(10_000), "}".repeat(10_000));
    assert!(error(&nested, Validation::Lenient).contains("more than 100 blocks lie in each other"));
    let values = format!("option (a) = {}1{};", "{ a: ".repeat(10_000), "}".repeat(10_000));
    assert!(error(&values, Validation::Lenient).contains("more than 100 values lie in each other"));
    let lists = format!("option (a) = {}", "[".repeat(100_000));
    assert!(error(&lists, Validation::Lenient).contains("lie in each other"));
    let mut random = fastrand::Rng::with_seed(5);
    let words = [
        "message", "A", "{", "}", ";", "=", "1", "string", "\"x\"", "[", "]", "(", ")", "option", "oneof",
        "map", "<", ">", ",", "enum", "reserved", "to", "max", "extend", "-", ".", "/*", "//", "\n", "'",
        "\\", "é", "rpc", "service", "returns",
    ];
    for _ in 0..20_000 {
        let text: String =
            (0..random.usize(1..40)).map(|_| words[random.usize(..words.len())].to_owned() + " ").collect();
        if let Ok(parsed) = ProtobufSchema::parse(&text, &[], Validation::Lenient) {
            let canonical = parsed.canonical_string();
            let again = ProtobufSchema::parse(&canonical, &[], Validation::Lenient);
            assert_eq!(again.expect(&canonical).canonical_string(), canonical, "{text}");
            let _ = parsed.normalized().canonical_string();
        }
    }
}

/// The old file's body, the new one's, the changes, and whether the new one reads the old one's data.
const CHANGES: [(&str, &str, &[&str], bool); 37] = [
    ("message A {}", "message A {}", &[], true),
    ("message A {}", "package p; message A {}", &["PACKAGE_CHANGED #/"], false),
    ("message A {}", "message A {} message B {}", &["MESSAGE_ADDED #/B"], true),
    ("message A {} message B {}", "message A {}", &["MESSAGE_REMOVED #/B"], false),
    ("message A { message B {} }", "message A {}", &["MESSAGE_REMOVED #/A/B"], false),
    (
        "message A {} message B {}",
        "message B {} message A {}",
        &["MESSAGE_MOVED #/A", "MESSAGE_MOVED #/B"],
        true,
    ),
    ("enum E { A = 0; }", "", &["ENUM_REMOVED #/E"], true),
    ("", "enum E { A = 0; }", &["ENUM_ADDED #/E"], true),
    (
        "enum E { A = 0; B = 1; C = 2; }",
        "enum E { A = 0; X = 1; D = 3; }",
        &["ENUM_CONST_CHANGED #/E/1", "ENUM_CONST_REMOVED #/E/2", "ENUM_CONST_ADDED #/E/3"],
        true,
    ),
    (
        "message A { int32 a = 1; }",
        "message A { int32 b = 2; }",
        &["FIELD_REMOVED #/A/1", "FIELD_ADDED #/A/2"],
        true,
    ),
    ("message A { int32 a = 1; }", "message A { int32 b = 1; }", &["FIELD_NAME_CHANGED #/A/1"], true),
    ("message A { int32 a = 1; }", "message A { uint64 a = 1; }", &[], true),
    ("message A { int32 a = 1; }", "message A { bool a = 1; }", &[], true),
    (
        "message A { int32 a = 1; }",
        "message A { sint32 a = 1; }",
        &["FIELD_SCALAR_KIND_CHANGED #/A/1"],
        false,
    ),
    ("message A { string a = 1; }", "message A { bytes a = 1; }", &[], true),
    ("message A { fixed32 a = 1; }", "message A { sfixed32 a = 1; }", &[], true),
    (
        "message A { float a = 1; }",
        "message A { double a = 1; }",
        &["FIELD_SCALAR_KIND_CHANGED #/A/1"],
        false,
    ),
    ("enum E { Z = 0; } message A { E a = 1; }", "enum E { Z = 0; } message A { int64 a = 1; }", &[], true),
    (
        "message B {} message A { B a = 1; }",
        "message B {} message A { string a = 1; }",
        &["FIELD_KIND_CHANGED #/A/1"],
        false,
    ),
    (
        "message B {} message C {} message A { B a = 1; }",
        "message B {} message C {} message A { C a = 1; }",
        &["FIELD_NAMED_TYPE_CHANGED #/A/1"],
        false,
    ),
    ("message A { map<string, int32> a = 1; }", "message A { map<string, bool> a = 1; }", &[], true),
    (
        "message A { map<string, int32> a = 1; }",
        "message A { map<int32, string> a = 1; }",
        &["FIELD_SCALAR_KIND_CHANGED #/A/1", "FIELD_SCALAR_KIND_CHANGED #/A/1"],
        false,
    ),
    (
        "message A { map<string, int32> a = 1; }",
        "message A { string a = 1; }",
        &["FIELD_KIND_CHANGED #/A/1"],
        false,
    ),
    // Without a label nothing is compared.
    ("message A { int32 a = 1; }", "message A { repeated int32 a = 1; }", &[], true),
    (
        "message A { optional int32 a = 1; }",
        "message A { repeated int32 a = 1; }",
        &["FIELD_NUMERIC_LABEL_CHANGED #/A/1"],
        false,
    ),
    (
        "message A { optional string a = 1; }",
        "message A { repeated string a = 1; }",
        &["FIELD_STRING_OR_BYTES_LABEL_CHANGED #/A/1"],
        true,
    ),
    ("message A { required int32 a = 1; }", "message A {}", &["REQUIRED_FIELD_REMOVED #/A/1"], false),
    ("message A {}", "message A { required int32 a = 1; }", &["REQUIRED_FIELD_ADDED #/A/1"], false),
    (
        "message A { oneof o { int32 a = 1; } }",
        "message A { oneof p { int32 a = 1; } }",
        &["ONEOF_REMOVED #/A/o", "ONEOF_ADDED #/A/p"],
        true,
    ),
    ("message A { oneof o { int32 a = 1; int32 b = 2; } }", "message A {}", &["ONEOF_REMOVED #/A/o"], true),
    (
        "message A { oneof o { int32 a = 1; int32 b = 2; } }",
        "message A { oneof o { int32 a = 1; int32 c = 3; } }",
        &["ONEOF_FIELD_REMOVED #/A/o/2", "ONEOF_FIELD_ADDED #/A/o/3"],
        false,
    ),
    (
        "message A { oneof o { int32 a = 1; int32 b = 2; } }",
        "message A { int32 a = 1; oneof o { int32 b = 2; } }",
        &["ONEOF_FIELD_MOVED_TO_TOP_LEVEL #/A/1"],
        true,
    ),
    (
        "message A { int32 a = 1; }",
        "message A { oneof o { int32 a = 1; int32 b = 2; } }",
        &["ONEOF_ADDED #/A/o", "ONEOF_FIELD_ADDED #/A/o/2"],
        true,
    ),
    (
        "message A { int32 a = 1; int32 b = 2; }",
        "message A { oneof o { int32 a = 1; int32 b = 2; } }",
        &["MULTIPLE_FIELDS_MOVED_TO_ONEOF #/A/o", "ONEOF_ADDED #/A/o"],
        false,
    ),
    (
        "message A { int32 a = 1; oneof o { int32 b = 2; } }",
        "message A { oneof o { int32 a = 1; int32 b = 2; } }",
        &["FIELD_MOVED_TO_EXISTING_ONEOF #/A/o"],
        false,
    ),
    (
        "message A { oneof o { int32 a = 1; } }",
        "message A { oneof o { string a = 1; } }",
        &["FIELD_SCALAR_KIND_CHANGED #/A/o/1"],
        false,
    ),
    (
        "message A { message B { int32 x = 1; } B b = 1; } message B { string x = 1; }",
        "message A { message C { int32 x = 1; } B b = 1; } message B { string x = 1; }",
        &["FIELD_NAMED_TYPE_CHANGED #/A/1", "MESSAGE_REMOVED #/A/B", "MESSAGE_ADDED #/A/C"],
        false,
    ),
];

fn lenient(text: &str) -> ProtobufSchema {
    ProtobufSchema::parse(text, &[], Validation::Lenient).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn changes_are_confluents() {
    for (original, update, expected, is_compatible) in CHANGES {
        let changes = lenient(update).changes_from(&lenient(original));
        let names: Vec<String> =
            changes.iter().map(|change| format!("{} {}", change.kind.as_str(), change.path)).collect();
        assert_eq!(names, expected, "{original} -> {update}");
        let all = changes.iter().all(|change| change.kind.is_compatible());
        assert_eq!(all, is_compatible, "{original} -> {update}");
    }
}

#[test]
fn messages_of_other_files_are_compared_where_they_are_used() {
    let text = "syntax = \"proto3\"; import \"b.proto\"; message A { p.B b = 1; }";
    let file = |body: &str| format!("syntax = \"proto3\"; package p; message B {{ {body} }}");
    let with = |body: &str| with_references(text, &[("b.proto", &file(body))]);
    let old = with("int32 x = 1; B inner = 2;");
    assert_eq!(with("int64 x = 1; B inner = 2; string y = 3;").incompatibilities(&old), []);
    let changes = with("string x = 1; B inner = 2;").incompatibilities(&old);
    let names: Vec<String> =
        changes.iter().map(|change| format!("{} {}", change.kind.as_str(), change.path)).collect();
    assert_eq!(names, ["FIELD_SCALAR_KIND_CHANGED #/B/1", "FIELD_NAMED_TYPE_CHANGED #/A/1"]);
}

#[test]
fn messages_name_what_breaks_a_level() {
    let parse =
        |text: &str| ParsedSchema::parse(SchemaType::Protobuf, text, &[], Validation::Strict).unwrap();
    let old = parse("syntax = \"proto3\"; message A { int32 a = 1; } message B {}");
    let new = parse("syntax = \"proto3\"; message A { string a = 1; }");
    let previous = [Previous { version: Some(3), schema: &old }];
    let strict = CompatibilityPolicy::Strict;
    assert_eq!(
        check(CompatibilityLevel::Backward, strict, &new, &previous),
        [
            "{errorType:\"FIELD_SCALAR_KIND_CHANGED\", description:\"The kind of a SCALAR field at path '#/A/1' in the new schema \
             does not match its kind in the old schema\"}",
            "{errorType:\"MESSAGE_REMOVED\", description:\"The new schema is missing a MESSAGE type at path '#/B' in the old \
             schema\"}",
            "{oldSchemaVersion: 3}",
            "{oldSchema: 'syntax = \"proto3\";\n\nmessage A {\n  int32 a = 1;\n}\nmessage B {}\n'}",
        ]
    );
    assert_eq!(check(CompatibilityLevel::None, strict, &new, &previous), [""; 0]);
    assert!(new.formatted("serialized").is_ok_and(|text| text.starts_with("CgdkZWZhdWx0")));
}
