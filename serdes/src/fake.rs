//! A registry for tests: schemas by their text, over real HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request that came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// `GET /subjects`.
    pub(crate) line: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

type Answers = Box<dyn FnMut(&Asked) -> (u16, String) + Send>;

/// A server that answers as it is told, and ends with its value.
pub(crate) struct FakeServer {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: JoinHandle<()>,
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl FakeServer {
    pub(crate) async fn new(answers: impl FnMut(&Asked) -> (u16, String) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (asked, answers): (Arc<Mutex<Vec<Asked>>>, _) =
            (Arc::default(), Mutex::new(Box::new(answers) as Answers));
        let (shared, answers) = (Arc::clone(&asked), Arc::new(answers));
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, Arc::clone(&answers), Arc::clone(&shared)));
            }
        });
        Self { url, asked, task }
    }

    /// A registry that takes every schema.
    pub(crate) async fn registry() -> Self {
        let mut registry = FakeRegistry::default();
        Self::new(move |asked| registry.answer(asked)).await
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().clone()
    }

    /// The lines of all requests.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

async fn serve(socket: TcpStream, answers: Arc<Mutex<Answers>>, asked: Arc<Mutex<Vec<Asked>>>) -> Option<()> {
    let mut socket = BufReader::new(socket);
    loop {
        let request = read(&mut socket).await?;
        asked.lock().push(request.clone());
        let (status, body) = (answers.lock())(&request);
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        socket.write_all(answer.as_bytes()).await.ok()?;
    }
}

async fn read(socket: &mut BufReader<TcpStream>) -> Option<Asked> {
    let (mut line, mut headers) = (String::new(), BTreeMap::new());
    socket.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
    loop {
        let mut header = String::new();
        socket.read_line(&mut header).await.ok()?;
        let Some((name, value)) = header.trim().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await.ok()?;
    let line = line.trim().trim_end_matches(" HTTP/1.1").to_owned();
    Some(Asked { line, headers, body: String::from_utf8(body).unwrap() })
}

/// Schemas with their ids, from 1, and versions of subjects.
#[derive(Default)]
struct FakeRegistry {
    schemas: Vec<Value>,
    subjects: BTreeMap<String, Vec<usize>>,
}

impl FakeRegistry {
    fn answer(&mut self, asked: &Asked) -> (u16, String) {
        let (method, target) = asked.line.split_once(' ').unwrap();
        let path = target.split('?').next().unwrap();
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let found = match (method, parts.as_slice()) {
            ("POST", ["subjects", subject, "versions"]) => Some(self.register(subject, &asked.body)),
            ("POST", ["subjects", subject]) => self.lookup(subject, &asked.body),
            ("GET", ["schemas", "ids", id]) => self.by_id(id.parse().unwrap()),
            ("GET", ["schemas", "guids", guid]) => {
                let guid: uuid::Uuid = guid.parse().unwrap();
                self.by_id(guid.as_u128().try_into().unwrap())
            }
            ("GET", ["subjects", subject, "versions", version]) => self.version(subject, version),
            ("GET", ["subjects", subject, "metadata"]) => self.version(subject, "latest"),
            _ => None,
        };
        match found {
            Some(found) => (200, found.to_string()),
            None => (404, json!({ "error_code": 40403, "message": "Schema not found" }).to_string()),
        }
    }

    fn register(&mut self, subject: &str, body: &str) -> Value {
        let schema: Value = serde_json::from_str(body).unwrap();
        let at = self.schemas.iter().position(|known| *known == schema).unwrap_or_else(|| {
            self.schemas.push(schema);
            self.schemas.len() - 1
        });
        let versions = self.subjects.entry(subject.to_owned()).or_default();
        if !versions.contains(&at) {
            versions.push(at);
        }
        self.lookup(subject, body).unwrap()
    }

    fn lookup(&self, subject: &str, body: &str) -> Option<Value> {
        let schema: Value = serde_json::from_str(body).unwrap();
        let at = self.schemas.iter().position(|known| *known == schema)?;
        let version = self.subjects.get(subject)?.iter().position(|known| *known == at)? + 1;
        self.version(subject, &version.to_string())
    }

    fn version(&self, subject: &str, version: &str) -> Option<Value> {
        let versions = self.subjects.get(subject)?;
        let version = version.parse().unwrap_or(versions.len());
        let mut found = self.by_id(versions.get(version.checked_sub(1)?)? + 1)?;
        found["subject"] = json!(subject);
        found["version"] = json!(version);
        Some(found)
    }

    fn by_id(&self, id: usize) -> Option<Value> {
        let mut found = self.schemas.get(id.checked_sub(1)?)?.clone();
        found["id"] = json!(id);
        found["guid"] = json!(uuid::Uuid::from_u128(id.try_into().unwrap()));
        Some(found)
    }
}
