//! Who may ask the registry: passwords, tokens, rights, TLS.

use std::fs;
use std::path::Path;
use std::process::Command;

use medallion_tests::environment::program;
use medallion_tests::need;
use medallion_tests::registry::RegistryServer;
use medallion_tests::server::Server;
use serde_json::json;
use tempfile::TempDir;

const SCHEMA: &str = r#"{"schema":"\"string\""}"#;
const JSON: (&str, &str) = ("Content-Type", "application/json");

fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).expect("a file can be written");
    path.display().to_string()
}

#[test]
fn passwords_and_rights() {
    let kafka = need!(Server::start_default());
    let folder = TempDir::new().expect("a folder");
    let users = file(folder.path(), "users", "# ours\nann: secret,dev\nbob: hidden,dev\neve: other\n");
    let rights = file(folder.path(), "rights", "ann write orders-*\nbob admin *\n");
    let registry = RegistryServer::start(
        &kafka.bootstrap(),
        &[
            ("authentication.method", "BASIC"),
            ("authentication.realm", "ours"),
            ("authentication.roles", "dev"),
            ("medallion.authentication.users.file", &users),
            ("medallion.authorization.file", &rights),
        ],
    );
    // "name:password" in base64.
    let (ann, bob, eve, wrong) =
        ("Basic YW5uOnNlY3JldA==", "Basic Ym9iOmhpZGRlbg==", "Basic ZXZlOm90aGVy", "Basic YW5uOm5v");
    let ask = |who: &str, method: &str, path: &str, body: &str| {
        let headers = [JSON, ("Authorization", who)];
        let headers = if who.is_empty() { &headers[..1] } else { &headers[..] };
        registry.try_ask(method, path, headers, body).expect("an answer")
    };
    let anonymous = ask("", "GET", "/subjects", "");
    assert_eq!((anonymous.status, anonymous.body.contains("\"error_code\":401")), (401, true));
    assert!(anonymous.head.contains("www-authenticate: Basic realm=\"ours\""), "{}", anonymous.head);
    assert_eq!(ask(wrong, "GET", "/subjects", "").status, 401);
    assert_eq!(ask("Bearer x", "GET", "/subjects", "").status, 401);
    assert_eq!(ask(eve, "GET", "/schemas/types", "").status, 403, "she has none of the roles");
    assert_eq!(ask(ann, "POST", "/subjects/orders-value/versions", SCHEMA).status, 200);
    assert_eq!(ask(ann, "POST", "/subjects/trips-value/versions", SCHEMA).status, 403);
    assert_eq!(ask(ann, "PUT", "/config/orders-value", r#"{"compatibility":"NONE"}"#).status, 403);
    assert_eq!(ask(ann, "GET", "/schemas/ids/1", "").status, 200);
    assert_eq!(ask(ann, "GET", "/subjects", "").status, 403);
    assert_eq!(ask(bob, "PUT", "/config", r#"{"compatibility":"NONE"}"#).status, 200);
    assert_eq!(ask(bob, "GET", "/subjects", "").body, r#"["orders-value"]"#);
    assert_eq!(registry.try_ask("GET", "/metrics", &[], "").expect("an answer").status, 200);
    // The context's subjects are other subjects.
    assert_eq!(ask(ann, "POST", "/contexts/.c/subjects/orders-value/versions", SCHEMA).status, 403);
}

#[test]
fn tokens() {
    let kafka = need!(Server::start_default());
    let folder = TempDir::new().expect("a folder");
    let tokens = file(folder.path(), "tokens", "ann: t0ken\n");
    let registry = RegistryServer::start(
        &kafka.bootstrap(),
        &[("authentication.method", "BEARER"), ("medallion.authentication.tokens.file", &tokens)],
    );
    let ask = |who: &str| {
        registry.try_ask("GET", "/subjects", &[("Authorization", who)], "").expect("an answer").status
    };
    assert_eq!(
        (ask("Bearer t0ken"), ask("bearer t0ken"), ask("Bearer token"), ask("Basic t0ken")),
        (200, 200, 401, 401)
    );
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let kafka = need!(Server::start_default());
    let folder = TempDir::new().expect("a folder");
    let users = file(folder.path(), "users", "ann: secret\nnonsense hunter2\n");
    let basic = |path: &str| {
        let settings = [("authentication.method", "BASIC"), ("medallion.authentication.users.file", path)];
        RegistryServer::refusal(&kafka.bootstrap(), &settings)
    };
    let message = basic(&users);
    assert!(message.contains("users, line 2") && !message.contains("hunter2"), "{message}");
    assert!(basic("/no/such/file").contains("medallion.authentication.users.file=/no/such/file"));
    let message = RegistryServer::refusal(&kafka.bootstrap(), &[("no.such.setting", "1")]);
    assert!(message.contains("there is no setting no.such.setting"), "{message}");
}

#[test]
fn https() {
    let kafka = need!(Server::start_default());
    let (openssl, curl) = (need!(program("openssl")), need!(program("curl")));
    let folder = TempDir::new().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (key, certificate) = (path("key.pem"), path("certificate.pem"));
    let made = Command::new(openssl)
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-keyout", &key, "-out", &certificate])
        .output()
        .expect("openssl runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let both = format!(
        "{}{}",
        fs::read_to_string(&key).expect("a key"),
        fs::read_to_string(&certificate).expect("one")
    );
    let keystore = file(folder.path(), "keystore.pem", &both);
    let port = medallion_tests::server::free_port();
    let listener = format!("https://127.0.0.1:{port}");
    let settings = [
        ("listeners", listener.as_str()),
        ("inter.instance.protocol", "https"),
        ("ssl.keystore.location", &keystore),
        ("ssl.truststore.location", &certificate),
    ];
    let registry = RegistryServer::start_at(&kafka.bootstrap(), port, &settings);
    let curl = |arguments: &[&str]| {
        let output =
            Command::new(&curl).args(["-s", "--max-time", "20"]).args(arguments).output().expect("curl runs");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let url = format!("{listener}/subjects");
    assert_eq!(curl(&["--cacert", &certificate, &url]), (true, "[]".to_owned()));
    assert!(!curl(&[&url]).0, "nobody else has signed it");
    let posted = curl(&[
        "--cacert",
        &certificate,
        "-H",
        "Content-Type: application/json",
        "-d",
        SCHEMA,
        &format!("{url}/a/versions"),
    ]);
    let id: serde_json::Value = serde_json::from_str(&posted.1).expect("JSON");
    assert_eq!(id["id"], json!(1));
    drop(registry);
}
