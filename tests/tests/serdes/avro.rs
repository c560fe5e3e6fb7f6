//! Avro.

use apache_avro::schema::ResolvedSchema;
use medallion_serdes::avro::{AvroDeserializer, AvroSerializer};
use medallion_serdes::config::IdSerializer;
use medallion_serdes::{
    DeserializerSettings, RecordPart, Schema, SchemaReference, SchemaType, SerializerSettings,
    SubjectNameStrategy,
};
use medallion_tests::need;
use medallion_tests::schema_generator::AvroGenerator;
use medallion_tests::serdes_client::SerdesLibrary;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::avro_values::ValueGenerator;
use crate::{Setting, headers, hex, shown, unhex, with};

fn avro(text: &str) -> Schema {
    Schema::new(SchemaType::Avro, text)
}

fn deserializer(setting: &Setting) -> AvroDeserializer {
    AvroDeserializer::new(&setting.client, RecordPart::Value, DeserializerSettings::default())
        .expect("settings")
}

#[test]
fn random_values_are_the_same_bytes_in_python_and_read_in_java() {
    let setting = need!(Setting::new());
    let mut python = need!(setting.library(SerdesLibrary::Python));
    let mut java = need!(setting.library(SerdesLibrary::JavaAvro));
    let (mut schemas, mut random) = (AvroGenerator::new(31), fastrand::Rng::with_seed(32));
    let (mut same, mut wrong, mut refused) = (0, Vec::new(), Vec::new());
    for number in 0..400 {
        let text = schemas.schema().to_string();
        let Ok(parsed) = apache_avro::Schema::parse_str(&text) else { continue };
        let Ok(types) = ResolvedSchema::new(&parsed) else { continue };
        let made = ValueGenerator { random: &mut random, types: &types }.value(&parsed, 12);
        let Some((value, json)) = made else { continue };
        let topic = format!("t{number}");
        let settings = SerializerSettings::default();
        let serializer = AvroSerializer::new(&setting.client, avro(&text), RecordPart::Value, settings);
        let encoded = match setting.run(serializer.expect("a schema").encode_value(&topic, &value)) {
            Ok(encoded) => encoded,
            Err(error) => {
                refused.push(format!("{text}\n{json}: here {error}"));
                continue;
            }
        };
        let request = json!({ "do": "serialize", "format": "avro", "topic": topic, "field": "value", "schema": text, "value": json });
        let theirs = python.try_ask(&request);
        if let Some(error) = theirs.get("error") {
            refused.push(format!("{text}\n{json}: Python {error}"));
        } else if theirs == shown(&encoded) {
            let read = setting.run(deserializer(&setting).decode_value(&encoded.payload, &()));
            assert_eq!(read.expect("our own bytes"), value, "{text}");
            assert_eq!(java.ask(&shown(&encoded))["rest"], 0, "{text}");
            same += 1;
        } else {
            wrong.push(format!("{text}\n{json}: here {}, Python {theirs}", shown(&encoded)));
        }
    }
    println!("{same} values are the same, {} refused:\n{}", refused.len(), refused.join("\n"));
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong[..wrong.len().min(5)].join("\n\n"));
    assert!(
        same > 100 && refused.len() < same / 10,
        "{same} and {}:\n{}",
        refused.len(),
        refused[..refused.len().min(8)].join("\n\n")
    );
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Trip {
    zone: Zone,
    fare: f64,
    tags: Vec<String>,
    tip: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Zone {
    name: String,
}

fn trip() -> Trip {
    Trip {
        zone: Zone { name: "Harlem".to_owned() },
        fare: 9.5,
        tags: vec!["a".to_owned(), "é".to_owned()],
        tip: Some(-3),
    }
}

const ZONE: &str = r#"{"type":"record","name":"Zone","namespace":"rides","fields":[{"name":"name","type":"string"}],"owner":"kept as it is"}"#;
const TRIP: &str = r#"{"type":"record","name":"Trip","namespace":"rides","fields":[{"name":"zone","type":"Zone"},{"name":"fare","type":"double"},
    {"name":"tags","type":{"type":"array","items":"string"}},{"name":"tip","type":["null","long"],"default":null}]}"#;

/// Both libraries with the same settings write the same, under the same subject, and read each other.
fn trips_are_the_same_with(library: SerdesLibrary) {
    let setting = need!(Setting::new());
    let mut other = need!(setting.library(library));
    setting.run(setting.client.register("zone", &avro(ZONE), false)).expect("a schema");
    let reference = SchemaReference { name: "rides.Zone".to_owned(), subject: "zone".to_owned(), version: 1 };
    let schema = avro(TRIP).references([reference]);
    let value = json!({ "zone": { "name": "Harlem" }, "fare": 9.5, "tags": ["a", "é"], "tip": { "$union": ["long", -3] } });
    // The other one knows only the first.
    let count = if library == SerdesLibrary::Node { 1 } else { 3 };
    for (strategy, name, subject) in [
        (SubjectNameStrategy::TopicName, "topic", "trips-value"),
        (SubjectNameStrategy::RecordName, "record", "rides.Trip"),
        (SubjectNameStrategy::TopicRecordName, "topic_record", "trips-rides.Trip"),
    ][..count]
        .iter()
        .copied()
    {
        for (ids, header) in [(IdSerializer::Prefix, false), (IdSerializer::Header, true)] {
            let settings = SerializerSettings::default()
                .value_subject_name_strategy(strategy)
                .value_schema_id_serializer(ids);
            let serializer =
                AvroSerializer::new(&setting.client, schema.clone(), RecordPart::Value, settings)
                    .expect("settings");
            let request = json!({ "format": "avro", "topic": "trips", "field": "value", "strategy": name, "header": header,
                "schema": TRIP, "references": [["rides.Zone", "zone", 1]] });
            let theirs = other.ask(&with(&request, json!({ "do": "serialize", "value": value })));
            // They have registered it: ours is the same.
            let encoded = setting.run(serializer.encode("trips", &trip())).expect("a value");
            assert_eq!(shown(&encoded), theirs, "{name} {header}");
            let versions = setting.run(setting.client.versions(subject, false));
            assert_eq!(versions, Ok(vec![1]), "{subject}");
            let read = setting
                .run(deserializer(&setting).decode::<Trip>(&unhex(&theirs["bytes"]), &headers(&theirs)[..]));
            assert_eq!(read.expect("their bytes"), trip());
            let asked = with(
                &json!({ "do": "deserialize", "format": "avro", "topic": "trips", "field": "value" }),
                shown(&encoded),
            );
            let expected =
                json!({ "zone": { "name": "Harlem" }, "fare": 9.5, "tags": ["a", "é"], "tip": -3 });
            assert_eq!(other.ask(&asked)["value"], expected);
        }
    }
    // The text that is given is the one that is kept.
    let kept = setting.run(setting.client.latest("zone")).expect("a schema");
    assert!(kept.schema.text.contains("kept as it is"), "{}", kept.schema.text);
}

#[test]
fn trips_are_the_same_with_python() {
    trips_are_the_same_with(SerdesLibrary::Python);
}

#[test]
fn trips_are_the_same_with_node() {
    trips_are_the_same_with(SerdesLibrary::Node);
}

#[test]
fn franz_go_frames_values_alike() {
    const TEXT: &str = r#"{"type":"record","name":"Zone","fields":[{"name":"name","type":"string"}]}"#;
    let setting = need!(Setting::new());
    let mut go = need!(setting.library(SerdesLibrary::FranzGo));
    let serializer =
        AvroSerializer::new(&setting.client, avro(TEXT), RecordPart::Key, SerializerSettings::default());
    let zone = Zone { name: "Harlem".to_owned() };
    let bytes = setting.run(serializer.expect("settings").serialize("zones", &zone)).expect("a value");
    let payload = hex(&bytes[5..]);
    let request = json!({ "do": "serialize", "format": "avro", "topic": "zones", "field": "key", "schema": TEXT, "payload": payload });
    let theirs = go.ask(&request);
    assert_eq!(theirs["bytes"], json!(hex(&bytes)));
    let answer = go.ask(&json!({ "do": "deserialize", "bytes": hex(&bytes) }));
    assert_eq!(answer, json!({ "id": theirs["id"], "payload": payload }));
}

#[test]
fn old_values_are_read_with_new_schemas_as_python_and_java_read_them() {
    const OLD: &str = r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"gone","type":"string"},{"name":"e","type":{"type":"enum","name":"E","symbols":["X","Y"]}}]}"#;
    const NEW: &str = r#"{"type":"record","name":"R","fields":[{"name":"e","type":{"type":"enum","name":"E","symbols":["Z","X"],"default":"Z"}},
        {"name":"b","aliases":["a"],"type":["null","double"]},{"name":"c","type":{"type":"map","values":"int"},"default":{"k":1}}]}"#;
    let setting = need!(Setting::new());
    let mut python = need!(setting.library(SerdesLibrary::Python));
    let mut java = need!(setting.library(SerdesLibrary::JavaAvro));
    let reader = deserializer(&setting).with_reader(&avro(NEW), &[]).expect("a schema");
    for (symbol, read_symbol) in [("X", "X"), ("Y", "Z")] {
        let request = json!({ "do": "serialize", "format": "avro", "topic": "t", "field": "value", "schema": OLD,
            "value": { "a": 7, "gone": "x", "e": symbol } });
        let written = python.ask(&request);
        let read = setting.run(reader.decode_value(&unhex(&written["bytes"]), &())).expect("a value");
        let read = serde_json::Value::try_from(read).expect("JSON");
        assert_eq!(read, json!({ "e": read_symbol, "b": 7.0, "c": { "k": 1 } }));
        let asked = json!({ "do": "deserialize", "format": "avro", "topic": "t", "field": "value", "schema": NEW,
            "bytes": written["bytes"], "headers": [] });
        assert_eq!(python.ask(&asked)["value"], read);
        let text = java.ask(&asked)["value"].as_str().map(str::to_owned).expect("a text");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).expect("JSON"), read);
    }
}
