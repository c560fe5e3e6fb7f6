//! The Rust serdes against Medallion's registry and beside other people's serializers: what one writes, the other writes and reads.

mod avro;
mod avro_values;
mod json;
mod protobuf;

use std::future::Future;

use medallion_serdes::{Encoded, RegistryClient};
use medallion_tests::environment::Missing;
use medallion_tests::registry::RegistryServer;
use medallion_tests::serdes_client::{SerdesClient, SerdesLibrary};
use medallion_tests::server::Server;
use serde_json::{Value, json};

/// A broker, a registry on it, and our client of it.
struct Setting {
    _broker: Server,
    registry: RegistryServer,
    client: RegistryClient,
    runtime: tokio::runtime::Runtime,
}

impl Setting {
    fn new() -> Result<Self, Missing> {
        let broker = Server::start_default()?;
        let registry = RegistryServer::start(&broker.bootstrap(), &[]);
        let client = RegistryClient::new(&registry.url()).expect("a URL");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Ok(Self { _broker: broker, registry, client, runtime: runtime.expect("a runtime") })
    }

    fn library(&self, library: SerdesLibrary) -> Result<SerdesClient, Missing> {
        SerdesClient::start(library, &self.registry.url())
    }

    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

fn unhex(text: &Value) -> Vec<u8> {
    let text = text.as_str().expect("hexadecimal");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal"))
        .collect()
}

/// What we write, as the other libraries tell what they write.
fn shown(encoded: &Encoded) -> Value {
    let headers: Vec<Value> =
        encoded.header.iter().map(|header| json!([header.name, hex(&header.value)])).collect();
    json!({ "bytes": hex(&encoded.payload), "headers": headers })
}

/// The headers of what another library wrote.
fn headers(answer: &Value) -> Vec<(String, Vec<u8>)> {
    let headers = answer["headers"].as_array().expect("a list");
    headers.iter().map(|one| (one[0].as_str().expect("a name").to_owned(), unhex(&one[1]))).collect()
}

/// A request with more in it.
fn with(request: &Value, more: Value) -> Value {
    let mut request = request.clone();
    let Value::Object(more) = more else { panic!("an object") };
    request.as_object_mut().expect("an object").extend(more);
    request
}
