//! Producers that shut one another out by a name, against Apache Kafka.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;

use medallion_client::{Admin, Client, ClientSettings, Error, NewTopic, Producer, ProducerSettings, Record};
use medallion_tests::environment::{Missing, program};
use medallion_tests::need;
use medallion_tests::registry::RegistryServer;
use medallion_tests::server::{KAFKA, Program, Server};
use medallion_wire::ResponseError;
use serde_json::json;

const TOPIC: &str = "written";

async fn write(producer: &Producer, value: &str) -> Result<i64, Error> {
    let record = Record::to(TOPIC).partition(0).value(value);
    Ok(producer.send(record).await?.await?.offset.unwrap().get())
}

/// The values in the topic, in order, as a consumer of this isolation level sees them.
fn read(server: &Server, isolation: &str) -> Result<String, Missing> {
    let mut command = Command::new(program("kcat")?);
    command.args(["-b", &server.bootstrap(), "-C", "-q", "-e", "-o", "beginning", "-t", TOPIC]);
    command.args(["-X", &format!("isolation.level={isolation}"), "-f", "%o%s "]);
    let output = command.output().map_err(|error| Missing(error.to_string()))?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_written_under_a_name_shuts_out_all_who_had_it_before() {
    let server = need!(Server::setup().program(Program::Kafka(KAFKA)).start());
    let client = Client::new(ClientSettings::new(&server.bootstrap())).unwrap();
    let topic = NewTopic::new(TOPIC, 1).config("max.message.bytes", "5000");
    Admin::new(&client).create_topics(&[topic]).await.unwrap()[TOPIC].as_ref().unwrap();
    Producer::find_fence(&client, "writers").await.unwrap();
    let new =
        |name: &str| Producer::builder(&client, ProducerSettings::default()).fence(name).build().unwrap();
    let (first, second, other) = (new("writers"), new("writers"), new("others"));
    assert_eq!((write(&first, "a").await.unwrap(), write(&first, "b").await.unwrap()), (0, 1));
    assert_eq!(write(&second, "c").await.unwrap(), 2);
    let error = write(&first, "never").await.unwrap_err();
    assert_eq!(
        (error.code(), error.is_fatal()),
        (Some(ResponseError::InvalidProducerEpoch), true),
        "{error}"
    );
    assert!(write(&first, "never").await.is_err());
    // A record that fails for good takes another epoch, by the coordinator; that shuts nobody else out.
    let too_large = write(&second, &"x".repeat(6000)).await.unwrap_err();
    assert_eq!(too_large.code(), Some(ResponseError::MessageTooLarge), "{too_large}");
    assert_eq!((write(&second, "d").await.unwrap(), write(&other, "e").await.unwrap()), (3, 4));
    assert_eq!(write(&second, "f").await.unwrap(), 5);
    // Whoever comes back takes the name again; whoever has it now, and then needs another epoch, is told.
    let third = new("writers");
    assert_eq!(write(&third, "g").await.unwrap(), 6);
    assert!(write(&second, &"x".repeat(6000)).await.is_err());
    assert!(write(&second, "never").await.is_err());
    // Offsets without a gap: there are no markers, and nothing to wait for.
    let expected = "0a 1b 2c 3d 4e 5f 6g ";
    assert_eq!(need!(read(&server, "read_uncommitted")), expected);
    assert_eq!(need!(read(&server, "read_committed")), expected);
}

/// The schema registry's leaders write under one name: what holds for a leader that comes back late is seen here from both sides.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaders_of_the_schema_registry_shut_one_another_out() {
    let server = need!(Server::setup().program(Program::Kafka(KAFKA)).start());
    let registry = RegistryServer::start(&server.bootstrap(), &[]);
    assert_eq!(registry.register("a", "\"int\""), 1);
    let name = "schema-registry-_schemas";
    assert!(registry.log().contains(&format!("transactional_id=\"{name}\"")), "{}", registry.log());
    let client = Client::new(ClientSettings::new(&server.bootstrap())).unwrap();
    let other = Producer::builder(&client, ProducerSettings::default()).fence(name).build().unwrap();
    let noop = || Record::to("_schemas").partition(0).key(r#"{"keytype":"NOOP","magic":0}"#);
    other.send(noop()).await.unwrap().await.unwrap();
    // The registry decides on a state that the other one may have changed, and is refused.
    let (status, body) = registry.ask("POST", "/subjects/b/versions", &json!({ "schema": "\"long\"" }));
    assert_eq!((status, &body["error_code"]), (500, &json!(50_001)), "{body}");
    // As the leader that it still is, it begins anew, and the other one is out.
    assert_eq!(registry.register("b", "\"long\""), 2);
    let error = other.send(noop()).await.unwrap().await.unwrap_err();
    assert_eq!(error.code(), Some(ResponseError::InvalidProducerEpoch), "{error}");
    assert_eq!(registry.get("/subjects"), json!(["a", "b"]));
}
