//! Tokens of an identity provider: RSA keys of a JWKS server that changes them, and of a file.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use medallion_tests::environment::program;
use medallion_tests::need;
use medallion_tests::registry::{Answer, RegistryServer};
use medallion_tests::server::Server;
use serde_json::{Value, json};
use tempfile::TempDir;

/// An RSA key, made and used by OpenSSL.
struct Key {
    openssl: PathBuf,
    file: PathBuf,
    id: String,
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Key {
    fn new(openssl: &Path, folder: &Path, id: &str) -> Self {
        let key = Self { openssl: openssl.to_owned(), file: folder.join(id), id: id.to_owned() };
        key.run(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out"], &[]);
        key
    }

    /// What OpenSSL prints; the key's file is the last argument.
    fn run(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let mut command = Command::new(&self.openssl);
        command.args(arguments).arg(&self.file).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().expect("openssl runs");
        child.stdin.take().expect("a pipe").write_all(input).expect("openssl reads");
        let output = child.wait_with_output().expect("openssl ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    fn public(&self) -> Value {
        let printed = String::from_utf8(self.run(&["rsa", "-noout", "-modulus", "-in"], &[])).expect("text");
        let digits = printed.trim().strip_prefix("Modulus=").expect("a modulus");
        let pairs = (0..digits.len()).step_by(2);
        let n: Vec<u8> =
            pairs.map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("digits")).collect();
        json!({ "kty": "RSA", "use": "sig", "kid": self.id, "n": base64(n), "e": "AQAB" })
    }

    fn token(&self, algorithm: &str, claims: &Value) -> String {
        let header = json!({ "typ": "JWT", "alg": algorithm, "kid": self.id });
        let message = format!("{}.{}", base64(header.to_string()), base64(claims.to_string()));
        let pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"];
        let more: &[&str] = if algorithm.starts_with("PS") { &pss } else { &[] };
        let digest = format!("-sha{}", &algorithm[2..]);
        let signature = self.run(&[&["dgst", &digest], more, &["-sign"]].concat(), message.as_bytes());
        format!("{message}.{}", base64(signature))
    }
}

/// A server of key sets; the set can be changed.
struct KeyServer {
    url: String,
    keys: Arc<Mutex<Vec<Value>>>,
}

impl KeyServer {
    fn start(keys: Vec<Value>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/keys", listener.local_addr().expect("an address"));
        let keys = Arc::new(Mutex::new(keys));
        let shown = Arc::clone(&keys);
        // It ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    if stream.read_exact(&mut byte).is_err() {
                        break;
                    }
                    head.push(byte[0]);
                }
                let body = json!({ "keys": *shown.lock().expect("no panic") }).to_string();
                let head =
                    format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
                // Whoever asked may be gone.
                drop(stream.write_all(format!("{head}{body}").as_bytes()));
            }
        });
        Self { url, keys }
    }
}

fn claims(name: &str, seconds: i64) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs().cast_signed();
    json!({ "sub": name, "iss": "https://idp", "aud": "registry", "groups": ["dev"], "exp": now + seconds })
}

fn ask(registry: &RegistryServer, token: &str, method: &str, path: &str, body: &str) -> Answer {
    let authorization = format!("Bearer {token}");
    let headers = [("Content-Type", "application/json"), ("Authorization", authorization.as_str())];
    registry.try_ask(method, path, &headers, body).expect("an answer")
}

const SCHEMA: &str = r#"{"schema":"\"string\""}"#;

#[test]
fn the_subject_of_a_token_has_the_rights_of_that_name() {
    let kafka = need!(Server::start_default());
    let (openssl, folder) = (need!(program("openssl")), TempDir::new().expect("a folder"));
    let (old, new) = (Key::new(&openssl, folder.path(), "old"), Key::new(&openssl, folder.path(), "new"));
    let server = KeyServer::start(vec![old.public()]);
    let rights = folder.path().join("rights");
    fs::write(&rights, "ann write orders-*\n@dev read *\n").expect("a file can be written");
    let rights = rights.display().to_string();
    let registry = RegistryServer::start(
        &kafka.bootstrap(),
        &[
            ("authentication.method", "BEARER"),
            ("oauthbearer.jwks.endpoint.url", &server.url),
            ("oauthbearer.expected.issuer", "https://idp"),
            ("oauthbearer.expected.audience", "registry,more"),
            ("oauthbearer.groups.claim.name", "groups"),
            ("medallion.authorization.file", &rights),
        ],
    );
    let status =
        |token: &str, method: &str, path: &str, body: &str| ask(&registry, token, method, path, body).status;
    for algorithm in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
        assert_eq!(
            status(&old.token(algorithm, &claims("ann", 60)), "GET", "/subjects", ""),
            200,
            "{algorithm}"
        );
    }
    let (ann, bob) = (old.token("RS256", &claims("ann", 60)), old.token("PS256", &claims("bob", 60)));
    assert_eq!(status(&ann, "POST", "/subjects/orders-value/versions", SCHEMA), 200);
    assert_eq!(status(&ann, "POST", "/subjects/trips-value/versions", SCHEMA), 403);
    assert_eq!(status(&bob, "POST", "/subjects/orders-value/versions", SCHEMA), 403);
    assert_eq!(status(&bob, "GET", "/subjects/orders-value/versions", ""), 200, "the group may read");

    let expired = ask(&registry, &old.token("RS256", &claims("ann", -60)), "GET", "/subjects", "");
    assert_eq!((expired.status, expired.body.contains("it has expired")), (401, true), "{}", expired.body);
    assert!(expired.head.contains("error=\"invalid_token\""), "{}", expired.head);
    let (message, signature) = ann.rsplit_once('.').expect("three parts");
    let damaged = format!("{message}.{}A{}", &signature[..100], &signature[101..]);
    assert_eq!(status(&damaged, "GET", "/subjects", ""), 401);
    assert_eq!(status("t0ken", "GET", "/subjects", ""), 401);
    // A public key is no shared secret.
    let confused = json!({ "alg": "HS256", "kid": "old" }).to_string();
    let confused = format!("{}.{}.{}", base64(confused), base64(claims("ann", 60).to_string()), base64("x"));
    assert_eq!(status(&confused, "GET", "/subjects", ""), 401);

    // The provider changes its keys.
    *server.keys.lock().expect("no panic") = vec![new.public()];
    let by_new = new.token("RS256", &claims("ann", 60));
    let deadline = Instant::now() + Duration::from_secs(20);
    while status(&by_new, "GET", "/subjects", "") != 200 {
        assert!(Instant::now() < deadline, "the new key is not looked up");
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(status(&ann, "GET", "/subjects", ""), 401, "the old key is no more");
    assert_eq!(registry.try_ask("GET", "/metrics", &[], "").expect("an answer").status, 200);
}

#[test]
fn keys_of_a_file_stand_beside_tokens_of_a_file() {
    let kafka = need!(Server::start_default());
    let (openssl, folder) = (need!(program("openssl")), TempDir::new().expect("a folder"));
    let key = Key::new(&openssl, folder.path(), "1");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a file can be written");
        path.display().to_string()
    };
    let keys = format!("file://{}", write("keys", &json!({ "keys": [key.public()] }).to_string()));
    let tokens = write("tokens", "machine: t0ken\n");
    let bearer = ("authentication.method", "BEARER");
    let settings = [
        bearer,
        ("oauthbearer.jwks.endpoint.url", keys.as_str()),
        ("oauthbearer.expected.audience", "registry"),
        ("medallion.authentication.tokens.file", tokens.as_str()),
    ];
    let registry = RegistryServer::start(&kafka.bootstrap(), &settings);
    let status = |token: &str| ask(&registry, token, "GET", "/subjects", "").status;
    let token = key.token("RS256", &claims("ann", 60));
    assert_eq!((status(&token), status("t0ken"), status("other")), (200, 200, 401));

    let refusal = |url: &str| {
        let settings = [bearer, ("oauthbearer.jwks.endpoint.url", url)];
        RegistryServer::refusal(&kafka.bootstrap(), &settings)
    };
    for (url, words) in [
        ("file:///no/such/file", "oauthbearer.jwks.endpoint.url=file:///no/such/file"),
        (&format!("file://{}", write("empty", r#"{"keys":[]}"#)), "no key in it"),
        ("ldap://keys", "expected file://, http:// or https://"),
    ] {
        let message = refusal(url);
        assert!(message.contains(words), "{url}: {message}");
    }
}
