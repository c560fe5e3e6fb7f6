//! JSON.

use medallion_serdes::config::IdSerializer;
use medallion_serdes::json::{JsonDeserializer, JsonSerializer};
use medallion_serdes::{
    DeserializerSettings, RecordPart, Schema, SchemaReference, SchemaType, SerializerSettings,
    SubjectNameStrategy,
};
use medallion_tests::need;
use medallion_tests::serdes_client::SerdesLibrary;
use serde_json::{Value, json};

use crate::{Setting, headers, shown, unhex, with};

const ZONE: &str = r#"{"type":"string","minLength":2}"#;
const TRIP: &str = r#"{"$schema":"http://json-schema.org/draft-07/schema#","title":"Trip","type":"object",
    "properties":{"zone":{"$ref":"zone.json"},"fare":{"type":"number"}},"required":["zone"]}"#;

/// The frame of both is the same, and what is in it.
fn trips_are_the_same_with(library: SerdesLibrary) {
    let setting = need!(Setting::new());
    let mut other = need!(setting.library(library));
    let zone = Schema::new(SchemaType::Json, ZONE);
    setting.run(setting.client.register("zone", &zone, false)).expect("a schema");
    let reference = SchemaReference { name: "zone.json".to_owned(), subject: "zone".to_owned(), version: 1 };
    let schema = Schema::new(SchemaType::Json, TRIP).references([reference]);
    let value = json!({ "zone": "Harlem", "fare": 9.5 });
    let deserializer = |validates: bool| {
        let settings = DeserializerSettings::default().json_fail_invalid_schema(validates);
        JsonDeserializer::new(&setting.client, RecordPart::Key, settings).expect("settings")
    };
    // The other one knows only the first.
    let count = if library == SerdesLibrary::Node { 1 } else { 3 };
    for (strategy, name, subject) in [
        (SubjectNameStrategy::TopicName, "topic", "trips-key"),
        (SubjectNameStrategy::RecordName, "record", "Trip"),
        (SubjectNameStrategy::TopicRecordName, "topic_record", "trips-Trip"),
    ][..count]
        .iter()
        .copied()
    {
        for (ids, header) in [(IdSerializer::Prefix, false), (IdSerializer::Header, true)] {
            let settings = SerializerSettings::default()
                .key_subject_name_strategy(strategy)
                .key_schema_id_serializer(ids)
                .json_fail_invalid_schema(true);
            let serializer = JsonSerializer::new(&setting.client, schema.clone(), RecordPart::Key, settings)
                .expect("settings");
            let request = json!({ "do": "serialize", "format": "json", "topic": "trips", "field": "key", "strategy": name,
                "header": header, "schema": TRIP, "references": [["zone.json", "zone", 1]], "value": value });
            let theirs = other.ask(&request);
            let encoded = setting.run(serializer.encode("trips", &value)).expect("a value");
            let ours = shown(&encoded);
            assert_eq!(ours["headers"], theirs["headers"], "{name} {header}");
            let prefix = if header { 0 } else { 5 };
            let bytes = unhex(&theirs["bytes"]);
            assert_eq!(encoded.payload[..prefix], bytes[..prefix], "{name} {header}");
            let parse = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).expect("JSON");
            assert_eq!(parse(&encoded.payload[prefix..]), parse(&bytes[prefix..]));
            assert_eq!(setting.run(setting.client.versions(subject, false)), Ok(vec![1]), "{subject}");
            for validates in [false, true] {
                let read =
                    setting.run(deserializer(validates).decode::<Value>(&bytes, &headers(&theirs)[..]));
                assert_eq!(read.expect("their bytes"), value);
            }
            let asked = with(
                &json!({ "do": "deserialize", "format": "json", "topic": "trips", "field": "key" }),
                ours,
            );
            assert_eq!(other.ask(&asked)["value"], value);
            let wrong = setting.run(serializer.encode("trips", &json!({ "zone": "H" })));
            assert!(wrong.expect_err("too short").to_string().contains("/zone"));
        }
    }
}

#[test]
fn trips_are_the_same_with_python() {
    trips_are_the_same_with(SerdesLibrary::Python);
}

#[test]
fn trips_are_the_same_with_node() {
    trips_are_the_same_with(SerdesLibrary::Node);
}
