//! Protobuf.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use medallion_serdes::config::IdSerializer;
use medallion_serdes::protobuf::{ProtobufDeserializer, ProtobufSerializer};
use medallion_serdes::{DeserializerSettings, RecordPart, SerializerSettings, SubjectNameStrategy};
use medallion_tests::need;
use medallion_tests::serdes_client::SerdesLibrary;
use prost::Message as _;
use prost_reflect::prost_types::DescriptorProto;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use serde_json::{Value, json};

use crate::{Setting, headers, shown, unhex, with};

const FILES: [(&str, &str); 3] = [
    (
        "rides/trip.proto",
        r#"syntax = "proto3"; package rides; import "rides/zone.proto"; import "google/protobuf/timestamp.proto";
        message First { string name = 1; }
        message Trip {
          rides.geo.Zone zone = 1; optional double fare = 2; map<string, int64> counts = 3; repeated sint32 turns = 4;
          google.protobuf.Timestamp at = 5; oneof pay { bool cash = 6; string card = 7; } Kind kind = 8; bytes token = 9 [json_name = "tok"];
          message Leg { message Stop { int32 number = 1; } Stop stop = 1; }
          Leg leg = 10;
          enum Kind { NONE = 0; SHORT = 1; }
        }"#,
    ),
    (
        "rides/zone.proto",
        r#"syntax = "proto3"; package rides.geo; import "rides/base.proto"; message Zone { string name = 1; Base base = 2; }"#,
    ),
    (
        "rides/base.proto",
        r#"syntax = "proto2"; package rides.geo; message Base { optional int32 a = 1 [default = 7]; }"#,
    ),
];

/// The compiled files, for us and for others.
fn files() -> (DescriptorPool, String) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("rides")).expect("a folder");
    for (path, text) in FILES {
        std::fs::write(folder.path().join(path), text).expect("a file");
    }
    let mut set = protox::compile(["rides/trip.proto"], [folder.path()]).expect("valid files");
    let pool = DescriptorPool::decode(set.encode_to_vec().as_slice()).expect("files");
    // Code that protoc makes has only the names that are given.
    set.file.iter_mut().flat_map(|file| &mut file.message_type).for_each(without_default_names);
    (pool, STANDARD.encode(set.encode_to_vec()))
}

fn without_default_names(message: &mut DescriptorProto) {
    for field in &mut message.field {
        field.json_name = field.json_name.take().filter(|name| name == "tok");
    }
    message.nested_type.iter_mut().for_each(without_default_names);
}

fn message(descriptor: &MessageDescriptor, value: &Value) -> DynamicMessage {
    DynamicMessage::deserialize(descriptor.clone(), value).expect("a message")
}

fn cases() -> Vec<(&'static str, Value)> {
    let trip = json!({ "zone": { "name": "Harlem", "base": { "a": 3 } }, "fare": 0.0, "counts": { "k": "-5" }, "turns": [1, -2, 300],
        "at": "2026-11-26T08:00:00Z", "card": "é", "kind": "SHORT", "tok": "AP8=", "leg": { "stop": { "number": 9 } } });
    vec![
        ("rides.First", json!({ "name": "a" })),
        ("rides.Trip", trip),
        ("rides.Trip", json!({})),
        ("rides.Trip.Leg", json!({ "stop": { "number": 1 } })),
        ("rides.Trip.Leg.Stop", json!({ "number": -1 })),
    ]
}

/// Where schemas are normalized, both libraries register the same and write the same bytes; each reads the other.
fn messages_are_the_same_with(library: SerdesLibrary) {
    let setting = need!(Setting::new());
    let mut other = need!(setting.library(library));
    let (pool, files) = files();
    let deserializer =
        ProtobufDeserializer::new(&setting.client, RecordPart::Value, DeserializerSettings::default())
            .expect("settings");
    for (name, value) in cases() {
        // It leaves the entries of maps out where it counts messages, as none of the others does.
        if library == SerdesLibrary::Node && name.starts_with("rides.Trip.Leg") {
            continue;
        }
        let descriptor = pool.get_message_by_name(name).expect("a message");
        let ours = message(&descriptor, &value);
        // The other one takes the first message of the file for the record, and texts for descriptors to find it.
        let count = if library == SerdesLibrary::Node { 1 } else { 3 };
        for (strategy, strategy_name) in [
            (SubjectNameStrategy::TopicName, "topic"),
            (SubjectNameStrategy::RecordName, "record"),
            (SubjectNameStrategy::TopicRecordName, "topic_record"),
        ][..count]
            .iter()
            .copied()
        {
            for (ids, header) in [(IdSerializer::Prefix, false), (IdSerializer::Header, true)] {
                let settings = SerializerSettings::default()
                    .value_subject_name_strategy(strategy)
                    .value_schema_id_serializer(ids)
                    .normalize_schemas(true);
                let serializer =
                    ProtobufSerializer::new(&setting.client, descriptor.clone(), RecordPart::Value, settings);
                let encoded =
                    setting.run(serializer.expect("settings").encode("trips", &ours)).expect("a value");
                let request = json!({ "format": "protobuf", "topic": "trips", "field": "value", "strategy": strategy_name,
                    "header": header, "conf": { "normalize.schemas": true }, "files": files, "message": name });
                let theirs = other.ask(&with(&request, json!({ "do": "serialize", "value": value })));
                let texts = || setting.run(texts(&setting));
                assert_eq!(shown(&encoded), theirs, "{name} {strategy_name} {header}: {}", texts());
                let read =
                    setting.run(deserializer.decode_dynamic(&unhex(&theirs["bytes"]), &headers(&theirs)[..]));
                let read = read.expect("their bytes");
                assert_eq!(read.descriptor_name(), name);
                assert_eq!(read.encode_to_vec(), ours.encode_to_vec());
                let answer =
                    other.ask(&with(&with(&request, json!({ "do": "deserialize" })), shown(&encoded)));
                assert_eq!(message(&descriptor, &answer["value"]), ours, "{name}");
            }
        }
    }
    let subjects = setting.run(setting.client.subjects("", false)).expect("subjects");
    assert!(subjects.contains(&"rides/zone.proto".to_owned()), "{subjects:?}");
}

/// All that is registered, for whoever looks for a difference.
async fn texts(setting: &Setting) -> String {
    use std::fmt::Write as _;
    let mut texts = String::new();
    for subject in setting.client.subjects("", false).await.unwrap_or_default() {
        for version in setting.client.versions(&subject, false).await.unwrap_or_default() {
            if let Ok(found) = setting.client.version(&subject, version).await {
                let (schema, id) = (&found.schema, found.id);
                writeln!(texts, "{subject} {version} {id:?} {:?}\n{}", schema.references, schema.text)
                    .expect("a String takes all");
            }
        }
    }
    texts
}

trait DescriptorName {
    fn descriptor_name(&self) -> String;
}

impl DescriptorName for DynamicMessage {
    fn descriptor_name(&self) -> String {
        prost_reflect::ReflectMessage::descriptor(self).full_name().to_owned()
    }
}

#[test]
fn messages_are_the_same_with_python() {
    messages_are_the_same_with(SerdesLibrary::Python);
}

#[test]
fn messages_are_the_same_with_node() {
    messages_are_the_same_with(SerdesLibrary::Node);
}

#[test]
fn franz_go_reads_and_writes_the_same_indexes() {
    let setting = need!(Setting::new());
    let mut go = need!(setting.library(SerdesLibrary::FranzGo));
    let (pool, _) = files();
    for (name, indexes) in
        [("rides.First", json!([0])), ("rides.Trip", json!([1])), ("rides.Trip.Leg.Stop", json!([1, 1, 0]))]
    {
        let descriptor = pool.get_message_by_name(name).expect("a message");
        let serializer = ProtobufSerializer::new(
            &setting.client,
            descriptor.clone(),
            RecordPart::Value,
            SerializerSettings::default(),
        );
        let bytes =
            setting.run(serializer.expect("settings").serialize("trips", &DynamicMessage::new(descriptor)));
        let bytes = bytes.expect("a message");
        let answer = go.ask(&json!({ "do": "deserialize", "bytes": crate::hex(&bytes), "indexes": true }));
        assert_eq!((&answer["indexes"], &answer["payload"]), (&indexes, &json!("")), "{name}");
        let kept = setting.run(setting.client.latest("trips-value")).expect("a schema");
        let references: Vec<Value> =
            kept.schema.references.iter().map(|one| json!([one.name, one.subject, one.version])).collect();
        let request = json!({ "do": "serialize", "format": "protobuf", "topic": "trips", "field": "value", "schema": &*kept.schema.text,
            "references": references, "indexes": indexes, "payload": "" });
        assert_eq!(go.ask(&request)["bytes"], json!(crate::hex(&bytes)), "{name}");
    }
}

#[test]
fn without_normalizing_each_reads_the_other() {
    let setting = need!(Setting::new());
    let mut python = need!(setting.library(SerdesLibrary::Python));
    let (pool, files) = files();
    let descriptor = pool.get_message_by_name("rides.Trip").expect("a message");
    let (_, value) = cases().swap_remove(1);
    let ours = message(&descriptor, &value);
    let serializer = ProtobufSerializer::new(
        &setting.client,
        descriptor,
        RecordPart::Value,
        SerializerSettings::default(),
    );
    let bytes = setting.run(serializer.expect("settings").serialize("trips", &ours)).expect("a value");
    let request = json!({ "format": "protobuf", "topic": "trips", "field": "value", "files": files, "message": "rides.Trip" });
    let theirs = python.ask(&with(&request, json!({ "do": "serialize", "value": value })));
    let deserializer =
        ProtobufDeserializer::new(&setting.client, RecordPart::Value, DeserializerSettings::default())
            .expect("settings");
    let read = setting.run(deserializer.decode_dynamic(&unhex(&theirs["bytes"]), &()));
    assert_eq!(read.expect("their bytes").encode_to_vec(), ours.encode_to_vec());
    let asked = json!({ "do": "deserialize", "bytes": crate::hex(&bytes), "headers": [] });
    assert_eq!(python.ask(&with(&request, asked))["value"]["zone"], value["zone"]);
}
