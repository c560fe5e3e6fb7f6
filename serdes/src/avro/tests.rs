//! Avro serializers and deserializers with a registry that takes all.

use apache_avro::AvroSchema;
use apache_avro::types::Value;
use serde::{Deserialize, Serialize};

use super::*;
use crate::config::{IdSerializer, Properties, RegistrySettings};
use crate::fake::FakeServer;
use crate::{
    DeserializerSettings, Error, RecordPart, RegistryClient, Schema, SchemaReference, SchemaType,
    SerializerSettings, SubjectNameStrategy,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "rides")]
struct Trip {
    zone: i32,
    fare: f64,
    tags: Vec<String>,
    tip: Option<i64>,
}

fn trip() -> Trip {
    Trip { zone: 7, fare: 9.5, tags: vec!["a".to_owned(), "bc".to_owned()], tip: Some(-1) }
}

/// zone 7, fare 9.5, one block of two texts, the second branch with -1.
const TRIP: [u8; 18] = [14, 0, 0, 0, 0, 0, 0, 0x23, 0x40, 4, 2, b'a', 4, b'b', b'c', 0, 2, 1];

async fn registry() -> (FakeServer, RegistryClient) {
    let server = FakeServer::registry().await;
    let client = RegistryClient::new(&server.url).unwrap();
    (server, client)
}

fn avro(text: &str) -> Schema {
    Schema::new(SchemaType::Avro, text)
}

fn serializer(client: &RegistryClient, schema: &str, settings: SerializerSettings) -> AvroSerializer {
    AvroSerializer::new(client, avro(schema), RecordPart::Value, settings).unwrap()
}

fn deserializer(client: &RegistryClient) -> AvroDeserializer {
    AvroDeserializer::new(client, RecordPart::Value, DeserializerSettings::default()).unwrap()
}

#[tokio::test]
async fn a_derived_type_goes_out_and_in_and_the_registry_is_asked_once() {
    let (server, client) = registry().await;
    let serializer =
        AvroSerializer::derived::<Trip>(&client, RecordPart::Value, SerializerSettings::default()).unwrap();
    let deserializer = deserializer(&client);
    for _ in 0..3 {
        let bytes = serializer.serialize("trips", &trip()).await.unwrap();
        assert_eq!(bytes[..5], [0, 0, 0, 0, 1]);
        assert_eq!(bytes[5..], TRIP);
        assert_eq!(deserializer.deserialize::<Trip>(&bytes).await.unwrap(), trip());
    }
    assert_eq!(server.lines(), ["POST /subjects/trips-value/versions?normalize=false", "GET /schemas/ids/1"]);
}

#[tokio::test]
async fn ids_go_into_headers_as_guids() {
    let (_server, client) = registry().await;
    let settings = SerializerSettings::default().value_schema_id_serializer(IdSerializer::Header);
    let serializer = AvroSerializer::derived::<Trip>(&client, RecordPart::Value, settings).unwrap();
    let encoded = serializer.encode("trips", &trip()).await.unwrap();
    assert_eq!(*encoded.payload, TRIP);
    let header = encoded.header.clone().unwrap();
    assert_eq!(header.name, "__value_schema_id");
    assert_eq!(*header.value, [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    let deserializer = deserializer(&client);
    assert_eq!(
        deserializer.decode::<Trip>(&encoded.payload, &encoded.header.as_ref()).await.unwrap(),
        trip()
    );
    let error = serializer.serialize("trips", &trip()).await.unwrap_err().to_string();
    assert!(error.contains("value.schema.id.serializer"), "{error}");
}

#[tokio::test]
async fn subjects_follow_the_strategy_and_normalize_is_asked_for() {
    let (server, client) = registry().await;
    for (strategy, subject) in [
        (SubjectNameStrategy::TopicName, "trips-key"),
        (SubjectNameStrategy::RecordName, "rides.Trip"),
        (SubjectNameStrategy::TopicRecordName, "trips-rides.Trip"),
    ] {
        let settings =
            SerializerSettings::default().key_subject_name_strategy(strategy).normalize_schemas(true);
        let serializer = AvroSerializer::derived::<Trip>(&client, RecordPart::Key, settings).unwrap();
        serializer.serialize("trips", &trip()).await.unwrap();
        assert_eq!(
            server.lines().pop().unwrap(),
            format!("POST /subjects/{subject}/versions?normalize=true")
        );
    }
}

#[tokio::test]
async fn without_registration_the_schema_must_be_there() {
    let (server, client) = registry().await;
    let settings = SerializerSettings::default().auto_register_schemas(false);
    let serializer = serializer(&client, "\"string\"", settings);
    let error = serializer.serialize("t", "x").await.unwrap_err();
    assert!(matches!(&error, Error::Registry(error) if error.is_not_found()), "{error}");
    client.register("t-value", &avro("\"string\""), false).await.unwrap();
    assert_eq!(*serializer.serialize("t", "x").await.unwrap(), [0, 0, 0, 0, 1, 2, b'x']);
    assert!(
        server.lines().iter().all(|line| !line.contains("versions") || line.contains("t-value/versions?"))
    );
}

const OLD: &str = r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}"#;
const NEW: &str = r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":["null","string"],"default":null}]}"#;

const WIDER: &str = r#"{"type":"record","name":"R","fields":[{"name":"a","type":"long"}]}"#;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct R {
    a: i32,
    #[serde(default)]
    b: Option<String>,
}

/// Its first version.
#[derive(Debug, Serialize)]
struct Old {
    a: i32,
}

#[tokio::test]
async fn the_latest_version_is_written_with_and_asked_for_again_in_time() {
    let server = FakeServer::registry().await;
    let settings = RegistrySettings::new(&server.url).latest_cache_ttl(std::time::Duration::ZERO);
    let client = RegistryClient::with_settings(settings).unwrap();
    client.register("t-value", &avro(OLD), false).await.unwrap();
    let settings = SerializerSettings::default().auto_register_schemas(false).use_latest_version(true);
    let serializer = serializer(&client, OLD, settings);
    let value = Old { a: 1 };
    assert_eq!(*serializer.serialize("t", &value).await.unwrap(), [0, 0, 0, 0, 1, 2]);
    client.register("t-value", &avro(NEW), false).await.unwrap();
    assert_eq!(*serializer.serialize("t", &value).await.unwrap(), [0, 0, 0, 0, 2, 2, 0]);
}

#[tokio::test]
async fn a_latest_version_that_could_not_read_is_refused_unless_told() {
    let (_server, client) = registry().await;
    client.register("t-value", &avro(OLD), false).await.unwrap();
    let settings = SerializerSettings::default().auto_register_schemas(false).use_latest_version(true);
    let error = serializer(&client, WIDER, settings.clone()).serialize("t", &Old { a: 1 }).await.unwrap_err();
    assert!(matches!(error, Error::Incompatible { .. }), "{error}");
    assert!(error.to_string().contains("use.latest.version"), "{error}");
    let lenient = settings.latest_compatibility_strict(false);
    assert_eq!(
        *serializer(&client, WIDER, lenient).serialize("t", &Old { a: 1 }).await.unwrap(),
        [0, 0, 0, 0, 1, 2]
    );
    let by_id = SerializerSettings::default().auto_register_schemas(false).use_schema_id(Some(1));
    let error =
        serializer(&client, WIDER, by_id).serialize("t", &Old { a: 1 }).await.unwrap_err().to_string();
    assert!(error.contains("id.compatibility.strict"), "{error}");
}

#[tokio::test]
async fn settings_that_do_not_go_together_are_refused() {
    let (_server, client) = registry().await;
    let refusal = |settings: SerializerSettings| {
        AvroSerializer::new(&client, avro("\"int\""), RecordPart::Value, settings).unwrap_err().to_string()
    };
    let settings = SerializerSettings::default();
    assert_eq!(
        refusal(settings.clone().use_latest_version(true)),
        "use.latest.version: needs auto.register.schemas=false"
    );
    let properties = Properties(std::iter::once(("a".to_owned(), "1".to_owned())).collect());
    assert!(
        refusal(settings.clone().use_latest_with_metadata(Some(properties)))
            .starts_with("use.latest.with.metadata:")
    );
    let by_guid = settings.auto_register_schemas(false).use_schema_guid(Some(uuid::Uuid::nil()));
    assert!(refusal(by_guid).contains("value.schema.id.serializer=HeaderSchemaIdSerializer"));
    let json = Schema::new(SchemaType::Json, "{}");
    let error =
        AvroSerializer::new(&client, json, RecordPart::Value, SerializerSettings::default()).unwrap_err();
    assert!(error.to_string().contains("JSON, not AVRO"), "{error}");
}

#[tokio::test]
async fn a_readers_schema_is_followed() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Renamed {
        a2: f64,
        c: i32,
    }
    let (_server, client) = registry().await;
    let old =
        serializer(&client, OLD, SerializerSettings::default()).serialize("t", &Old { a: 5 }).await.unwrap();
    let reading = |text: &str| deserializer(&client).with_reader(&avro(text), &[]).unwrap();
    assert_eq!(reading(NEW).deserialize::<R>(&old).await.unwrap(), R { a: 5, b: None });
    let renamed = r#"{"type":"record","name":"R","fields":[{"name":"a2","aliases":["a"],"type":"double"},{"name":"c","type":"int","default":42}]}"#;
    assert_eq!(reading(renamed).deserialize::<Renamed>(&old).await.unwrap(), Renamed { a2: 5.0, c: 42 });
    let needs_more = r#"{"type":"record","name":"R","fields":[{"name":"z","type":"int"}]}"#;
    let error = reading(needs_more).deserialize::<R>(&old).await.unwrap_err().to_string();
    assert!(error.starts_with("the value of schema 1 cannot be read: "), "{error}");
}

#[tokio::test]
async fn schemas_use_others() {
    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    enum Kind {
        A,
        B,
    }
    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    struct Zone {
        kind: Kind,
    }
    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    struct Trip {
        from: Zone,
        kinds: Vec<Kind>,
    }
    let (_server, client) = registry().await;
    let zone = r#"{"type":"record","name":"Zone","namespace":"rides","fields":[{"name":"kind","type":{"type":"enum","name":"Kind","symbols":["A","B"]}}]}"#;
    client.register("zone", &avro(zone), false).await.unwrap();
    let reference =
        |name: &str| SchemaReference { name: name.to_owned(), subject: "zone".to_owned(), version: 1 };
    let text = r#"{"type":"record","name":"Trip","namespace":"rides","fields":[{"name":"from","type":"Zone"},{"name":"kinds","type":{"type":"array","items":"rides.Kind"}}]}"#;
    let schema = avro(text).references([reference("rides.Zone"), reference("rides.Kind")]);
    let serializer =
        AvroSerializer::new(&client, schema, RecordPart::Value, SerializerSettings::default()).unwrap();
    let value = serde_json::json!({ "from": { "kind": "B" }, "kinds": ["A"] });
    let trip = Trip { from: Zone { kind: Kind::B }, kinds: vec![Kind::A] };
    let bytes = serializer.serialize("t", &trip).await.unwrap();
    assert_eq!(bytes[5..], [2, 2, 0, 0]);
    let deserializer = deserializer(&client);
    assert_eq!(deserializer.deserialize::<Trip>(&bytes).await.unwrap(), trip);
    let read = deserializer.decode_value(&bytes, &()).await.unwrap();
    assert_eq!(serde_json::Value::try_from(read).unwrap(), value);
}

#[tokio::test]
async fn generic_values_go_out_and_in() {
    let (_server, client) = registry().await;
    let serializer = serializer(&client, NEW, SerializerSettings::default());
    let text = Value::Union(1, Box::new(Value::String("x".to_owned())));
    let value = Value::Record(vec![("a".to_owned(), Value::Int(3)), ("b".to_owned(), text)]);
    let encoded = serializer.encode_value("t", &value).await.unwrap();
    assert_eq!(encoded.payload[5..], [6, 2, 2, b'x']);
    assert_eq!(deserializer(&client).decode_value(&encoded.payload, &()).await.unwrap(), value);
    let error = serializer.encode_value("t", &Value::Int(1)).await.unwrap_err();
    assert!(matches!(error, Error::Encode { .. }), "{error}");
}

#[tokio::test]
async fn what_does_not_fit_is_told() {
    let (_server, client) = registry().await;
    let serializer = serializer(&client, OLD, SerializerSettings::default());
    let error = serializer.serialize("t", "text").await.unwrap_err().to_string();
    assert!(error.starts_with("t: the value cannot be written: "), "{error}");
    let deserializer = deserializer(&client);
    for (bytes, part) in [
        (&b"\x7b"[..], "the first byte is 123"),
        (b"\0\0\0", "3 bytes are too few"),
        (b"\0\0\0\0\x09\x02", "Schema not found (error code 40403)"),
        (b"\0\0\0\0\x01", "the value of schema 1 cannot be read"),
        (b"\0\0\0\0\x01\x02\x02", "1 bytes follow the value"),
    ] {
        let error = match deserializer.deserialize::<R>(bytes).await {
            Err(error) => error.to_string(),
            Ok(value) => panic!("{value:?} of {bytes:?}"),
        };
        assert!(error.contains(part) || bytes.len() == 6 && error.contains("40403"), "{bytes:?}: {error}");
    }
}

#[tokio::test]
async fn a_schema_with_rules_is_refused() {
    let (_server, client) = registry().await;
    let rule = crate::registry::Rule { name: "encrypt".to_owned(), ..Default::default() };
    let rules = crate::registry::RuleSet { domain_rules: vec![rule], ..Default::default() };
    client.register("t-value", &avro("\"string\"").rule_set(rules.clone()), false).await.unwrap();
    let schema = avro("\"string\"").rule_set(rules);
    let serializer =
        AvroSerializer::new(&client, schema, RecordPart::Value, SerializerSettings::default()).unwrap();
    let error = serializer.serialize("t", "x").await.unwrap_err().to_string();
    assert_eq!(error, "the schema t-value has the rule encrypt, and rules are not run");
    let error = deserializer(&client).deserialize::<String>(b"\0\0\0\0\x01\x02x").await.unwrap_err();
    assert!(matches!(error, Error::Rule { .. }), "{error}");
}

/// Reads JSON written as generic values of one schema with another one.
async fn resolved(writer: &str, bytes: &[u8], reader: &str) -> Result<serde_json::Value, Error> {
    let (_server, client) = registry().await;
    client.register("t", &avro(writer), false).await.unwrap();
    let framed = [b"\0\0\0\0\x01", bytes].concat();
    let deserializer = deserializer(&client).with_reader(&avro(reader), &[]).unwrap();
    deserializer.decode_value(&framed, &()).await.map(|value| value.try_into().unwrap())
}

fn record(fields: &str) -> String {
    format!(r#"{{"type":"record","name":"R","namespace":"n","fields":[{fields}]}}"#)
}

/// A record with a field `f`.
fn field(schema: &str) -> String {
    record(&format!(r#"{{"name":"f","type":{schema}}}"#))
}

#[tokio::test]
async fn resolution_is_avros() {
    use serde_json::json;
    let with = |default: &str, schema: &str| {
        record(&format!(r#"{{"name":"g","type":{schema},"default":{default}}}"#))
    };
    let branches = r#"[{"type":"record","name":"A","fields":[{"name":"x","type":"int"}]},{"type":"record","name":"B","fields":[{"name":"x","type":"int"}]}]"#;
    let swapped = r#"[{"type":"record","name":"B","fields":[{"name":"x","type":"long"}]},{"type":"record","name":"A","fields":[{"name":"x","type":"int"},{"name":"y","type":"int","default":1}]}]"#;
    for (writer, bytes, reader, expected) in [
        (field("\"int\""), &[6][..], field("\"double\""), json!({ "f": 3.0 })),
        (field("\"int\""), &[6], field(r#"["null","long"]"#), json!({ "f": 3 })),
        (field(r#"["null","int"]"#), &[2, 6], field("\"long\""), json!({ "f": 3 })),
        (field(branches), &[0, 6], field(swapped), json!({ "f": { "x": 3, "y": 1 } })),
        (field(branches), &[2, 6], field(swapped), json!({ "f": { "x": 3 } })),
        (field("\"string\""), &[2, b'a'], field("\"bytes\""), json!({ "f": [97] })),
        (
            field(r#"{"type":"long","logicalType":"timestamp-millis"}"#),
            &[6],
            field("\"long\""),
            json!({ "f": 3 }),
        ),
        (
            field(r#"{"type":"enum","name":"E","symbols":["A","B"]}"#),
            &[2],
            field(r#"{"type":"enum","name":"E","symbols":["C","A"],"default":"C"}"#),
            json!({ "f": "C" }),
        ),
        (
            field(r#"{"type":"enum","name":"Old","symbols":["A","B"]}"#),
            &[0],
            field(r#"{"type":"enum","name":"E","aliases":["n.Old"],"symbols":["C","A"]}"#),
            json!({ "f": "A" }),
        ),
        (
            field("\"int\""),
            &[6],
            with("[{\"k\":null}]", r#"{"type":"array","items":{"type":"map","values":["null","int"]}}"#),
            json!({ "g": [{ "k": null }] }),
        ),
        (field("\"int\""), &[6], with("\"\\u00ff\\u0001\"", "\"bytes\""), json!({ "g": [255, 1] })),
        (field("\"int\""), &[6], with("7", r#"["string","long"]"#), json!({ "g": 7 })),
        (
            field("\"int\""),
            &[6],
            with(
                "{}",
                r#"{"type":"record","name":"I","fields":[{"name":"h","type":"float","default":1.5}]}"#,
            ),
            json!({ "g": { "h": 1.5 } }),
        ),
    ] {
        assert_eq!(resolved(&writer, bytes, &reader).await.unwrap(), expected, "{writer} {reader}");
    }
}

#[tokio::test]
async fn what_avro_does_not_resolve_is_refused() {
    for (writer, bytes, reader, part) in [
        (field("\"long\""), &[6][..], field("\"int\""), "f: long cannot be read as int"),
        (field(r#"["null","int"]"#), &[0], field("\"int\""), "f: null cannot be read as int"),
        (field("\"string\""), &[2, b'a'], field(r#"["null","int"]"#), "no branch for string"),
        (
            field(r#"{"type":"enum","name":"E","symbols":["A","B"]}"#),
            &[2],
            field(r#"{"type":"enum","name":"E","symbols":["A"]}"#),
            "has no B",
        ),
        (
            field(r#"{"type":"fixed","name":"F","size":1}"#),
            &[2],
            field(r#"{"type":"fixed","name":"F","size":2}"#),
            "cannot be read as",
        ),
    ] {
        let error = resolved(&writer, bytes, &reader).await.unwrap_err().to_string();
        assert!(error.contains(part), "{writer} {reader}: {error}");
    }
}

#[tokio::test]
async fn schemas_that_hold_themselves_are_resolved() {
    let list = |more: &str| {
        format!(
            r#"{{"type":"record","name":"L","fields":[{{"name":"v","type":"int"}},{{"name":"next","type":["null","L"]}}{more}]}}"#
        )
    };
    let reader = list(r#",{"name":"w","type":"int","default":5}"#);
    let read = resolved(&list(""), &[2, 2, 4, 0], &reader).await.unwrap();
    assert_eq!(read, serde_json::json!({ "v": 1, "next": { "v": 2, "next": null, "w": 5 }, "w": 5 }));
}

#[test]
fn a_type_of_another_name_is_told_what_to_do() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only its name and shape matter")]
    struct Journey {
        zone: i32,
    }
    #[derive(Debug, Deserialize)]
    #[serde(rename = "Trip")]
    struct Renamed {
        zone: i32,
    }
    let text = r#"{"type":"record","name":"Trip","fields":[{"name":"zone","type":"int"}]}"#;
    let schemas = schema::AvroSchemas::parse("given", text, &[]).unwrap();
    let reader = schema::AvroReader::of(schemas, None).unwrap();
    let error = reader.read::<Journey>(&[14]).unwrap_err();
    assert!(error.ends_with("a type must be called as the record is: #[serde(rename = \"...\")]"), "{error}");
    assert_eq!(reader.read::<Renamed>(&[14]).unwrap().zone, 7);
}
