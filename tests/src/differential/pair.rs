//! Apache Kafka and Medallion on fresh directories, asked the same.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::codec;
use super::schema::Api;
use crate::connection::Connection;
use crate::environment::Missing;
use crate::server::{KAFKA, Program, Server, Setup};

/// How long a reply may take; longer than any wait that a scenario asks for.
const PATIENCE: Duration = Duration::from_secs(15);

/// From how many characters on a captured text is taken to be the server's own, wherever it stands.
const UNIQUE_LENGTH: usize = 20;

/// The id of no topic.
const UNKNOWN_ID: &str = "MkU3OEVCQTU3MDUyRDQzNg";

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// A response that fits Kafka's description of it.
    Fields(Value),
    /// The server closed the connection.
    Closed,
    /// Nothing, for as long as a reply may take.
    Nothing,
    /// A response that does not fit Kafka's description, with the reason.
    Garbled(String),
}

impl Reply {
    /// The reply as JSON: what is no response is a text.
    pub fn into_value(self) -> Value {
        match self {
            Self::Fields(value) => value,
            Self::Closed => "the connection is closed".into(),
            Self::Nothing => "no reply".into(),
            Self::Garbled(reason) => format!("does not decode: {reason}").into(),
        }
    }
}

/// One of the two servers, and what is known of it.
#[derive(Debug)]
pub struct Side {
    server: Server,
    connection: Option<Connection>,
    /// Connections of their own, and what they wait for.
    waiting: BTreeMap<String, (Connection, Api, i16)>,
    /// What this server calls something, and what both are taken to call it: ids, folders, addresses.
    names: Vec<(String, String)>,
    /// Values of earlier replies that requests name as `<name>`.
    captured: BTreeMap<String, Value>,
}

impl Side {
    fn start(setup: Setup) -> Result<Self, Missing> {
        let server = setup.start()?;
        let mut names = vec![
            (server.bootstrap(), "<address>".to_owned()),
            (server.controller(), "<controller>".to_owned()),
        ];
        for (index, folder) in server.data_folders().iter().enumerate() {
            names.push((folder.display().to_string(), format!("<dir{index}>")));
        }
        Ok(Self { server, connection: None, waiting: BTreeMap::new(), names, captured: BTreeMap::new() })
    }

    /// Sends a request and waits for its reply; the connection is a new one where the last was closed.
    pub fn ask(&mut self, api: &Api, version: i16, request: &Value) -> Reply {
        let mut connection = self.connection.take().unwrap_or_else(|| self.connect());
        let body = codec::encode(&api.request, version, &self.resolve(request));
        let frame = connection
            .send(api.key, version, header_version(api, version), &body)
            .and_then(|()| connection.receive());
        if frame.is_ok() {
            self.connection = Some(connection);
        }
        self.understand(api, version, frame)
    }

    /// Sends a request on a connection of its own, and leaves its reply for [`Side::receive`].
    pub fn send(&mut self, name: &str, api: &Api, version: i16, request: &Value) {
        let known = self.waiting.remove(name).map(|(connection, ..)| connection);
        let mut connection = known.unwrap_or_else(|| self.connect());
        let body = codec::encode(&api.request, version, &self.resolve(request));
        // Where the connection is closed, so is it for the reply.
        let _ = connection.send(api.key, version, header_version(api, version), &body);
        self.waiting.insert(name.to_owned(), (connection, api.clone(), version));
    }

    /// The reply to what was sent last under this name.
    ///
    /// # Panics
    /// Where nothing was sent.
    pub fn receive(&mut self, name: &str) -> Reply {
        let (mut connection, api, version) = self.waiting.remove(name).expect("a request was sent");
        let frame = connection.receive();
        let reply = self.understand(&api, version, frame);
        self.waiting.insert(name.to_owned(), (connection, api, version));
        reply
    }

    fn connect(&self) -> Connection {
        let mut connection = self.server.connect();
        connection.stream().set_read_timeout(Some(PATIENCE)).expect("a socket takes a time limit");
        connection
    }

    fn understand(&mut self, api: &Api, version: i16, frame: io::Result<Bytes>) -> Reply {
        match frame {
            Ok(mut frame) => {
                let _ = frame.split_to(4); // the correlation id
                let reply = decode(api, version, frame);
                if let Reply::Fields(fields) = &reply {
                    self.learn_topics(fields);
                }
                reply
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Reply::Nothing
            }
            Err(_) => Reply::Closed,
        }
    }

    /// The request with this server's own values in the place of `<name>`.
    fn resolve(&self, request: &Value) -> Value {
        match request {
            Value::String(text) if text.starts_with('<') => {
                let named = self.names.iter().rev().find(|(_, name)| name == text);
                let named = named.map(|(own, _)| Value::from(own.clone()));
                let value = named.or_else(|| self.captured.get(text).cloned());
                value.unwrap_or_else(|| {
                    if text.starts_with("<id:") { UNKNOWN_ID.into() } else { request.clone() }
                })
            }
            Value::Array(elements) => elements.iter().map(|element| self.resolve(element)).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(name, value)| (name.clone(), self.resolve(value))).collect()
            }
            other => other.clone(),
        }
    }

    /// The reply with names that both servers share in the place of this one's own values.
    pub fn anonymous(&self, reply: Value) -> Value {
        match reply {
            Value::String(mut text) => {
                for (own, name) in &self.names {
                    if text.contains(own) {
                        text = text.replace(own, name);
                    }
                }
                text.into()
            }
            Value::Array(elements) => elements.into_iter().map(|element| self.anonymous(element)).collect(),
            Value::Object(fields) => {
                fields.into_iter().map(|(name, value)| (name, self.anonymous(value))).collect()
            }
            other => other,
        }
    }

    /// Remembers a value of this server, so that requests can name it.
    pub fn capture(&mut self, name: &str, value: Value) {
        let name = format!("<{name}>");
        if let Some(text) = value.as_str().filter(|text| text.len() >= UNIQUE_LENGTH) {
            self.names.push((text.to_owned(), name.clone()));
        }
        self.captured.insert(name, value);
    }

    /// Learns the ids of the topics that a reply names; those of deleted topics stay known.
    fn learn_topics(&mut self, reply: &Value) {
        match reply {
            Value::Array(elements) => elements.iter().for_each(|element| self.learn_topics(element)),
            Value::Object(fields) => {
                let text = |name: &str| fields.get(name).and_then(Value::as_str);
                let topic = text("Name").or_else(|| text("TopicName"));
                if let (Some(topic), Some(id)) = (topic, text("TopicId").filter(|id| *id != codec::ZERO_UUID))
                    && !self.names.iter().any(|(own, _)| own == id)
                {
                    self.names.push((id.to_owned(), format!("<id:{topic}>")));
                }
                fields.values().for_each(|value| self.learn_topics(value));
            }
            _ => {}
        }
    }
}

fn header_version(api: &Api, version: i16) -> i16 {
    if api.request.flexible.contains(version) { 2 } else { 1 }
}

fn decode(api: &Api, version: i16, mut frame: Bytes) -> Reply {
    // Clients ask for versions before they know any: that response's header is always the oldest.
    let tagged_header = api.response.flexible.contains(version) && api.name != "ApiVersions";
    if tagged_header && frame.split_to(1)[..] != [0] {
        return Reply::Garbled("the header has tagged fields".to_owned());
    }
    match codec::decode(&api.response, version, frame.clone()) {
        Ok(value) => Reply::Fields(value),
        // A version of ApiVersions that is too new is answered in version 0.
        Err(_) if api.name == "ApiVersions" && !api.response.versions.contains(version) => {
            codec::decode(&api.response, 0, frame).map_or_else(Reply::Garbled, Reply::Fields)
        }
        Err(error) => Reply::Garbled(error),
    }
}

/// Both servers.
#[derive(Debug)]
pub struct Pair {
    /// The judge.
    pub kafka: Side,
    /// The program under test.
    pub medallion: Side,
}

impl Pair {
    /// Starts both. One folder in `log.dirs`, as the servers need not choose the same of several.
    ///
    /// # Errors
    /// Where one of them is not on this machine.
    pub fn start() -> Result<Self, Missing> {
        // Kafka deletes old records some time after its start, which ours are: their timestamps are the same in all runs.
        let setup = |program| Server::setup().program(program).property("log.retention.ms", "-1");
        let kafka = std::thread::spawn(move || Side::start(setup(Program::Kafka(KAFKA))));
        let medallion = Side::start(setup(Program::Medallion));
        let kafka = kafka.join().expect("Kafka starts");
        Ok(Self { kafka: kafka?, medallion: medallion? })
    }

    /// Asks both the same.
    pub fn ask(&mut self, api: &Api, version: i16, request: &Value) -> [Value; 2] {
        let (kafka, medallion) = (&mut self.kafka, &mut self.medallion);
        std::thread::scope(|scope| {
            let judge = scope.spawn(|| kafka.ask(api, version, request).into_value());
            let tested = medallion.ask(api, version, request).into_value();
            [judge.join().expect("Kafka is asked"), tested]
        })
    }

    /// The replies of both to what was sent under a name.
    pub fn receive(&mut self, name: &str) -> [Value; 2] {
        self.sides().map(|side| side.receive(name).into_value())
    }

    /// Both servers, Kafka first.
    pub fn sides(&mut self) -> [&mut Side; 2] {
        [&mut self.kafka, &mut self.medallion]
    }
}
