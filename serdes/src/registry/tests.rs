//! The client against a server that answers as a test tells it to.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::config::{BasicCredentials, RegistrySettings, serializer_settings};
use crate::fake::FakeServer;

fn quick(url: &str) -> RegistrySettings {
    RegistrySettings::new(url).retries_wait(Duration::from_millis(1)).read_timeout(Duration::from_secs(5))
}

fn client(settings: RegistrySettings) -> RegistryClient {
    RegistryClient::with_settings(settings).unwrap()
}

fn string_schema() -> Schema {
    Schema::new(SchemaType::Avro, "\"string\"")
}

#[tokio::test]
async fn schemas_are_registered_once_and_read_back() {
    let server = FakeServer::registry().await;
    let registry = client(quick(&server.url));
    let json = Schema::new(SchemaType::Json, "{}").references([SchemaReference {
        name: "n".to_owned(),
        subject: "a b/c".to_owned(),
        version: 1,
    }]);
    registry.register("a b/c", &string_schema(), true).await.unwrap();
    for _ in 0..3 {
        let registered = registry.register("j", &json, false).await.unwrap();
        assert_eq!((registered.id, registered.version), (Some(2), Some(1)));
    }
    let found = registry.schema_by_id(2, None).await.unwrap();
    assert_eq!(found.schema, json);
    let references = registry.references(&found.schema).await.unwrap();
    assert_eq!(references.len(), 1);
    assert_eq!((&*references[0].name, &*references[0].schema.schema.text), ("n", "\"string\""));
    assert_eq!(
        server.lines(),
        [
            "POST /subjects/a%20b%2Fc/versions?normalize=true",
            "POST /subjects/j/versions?normalize=false",
            "GET /schemas/ids/2",
            "GET /subjects/a%20b%2Fc/versions/1?deleted=true",
        ]
    );
    // The text goes as it is, and what is Avro is not said.
    let body: serde_json::Value = serde_json::from_str(&server.asked()[0].body).unwrap();
    assert_eq!(body, json!({ "schema": "\"string\"" }));
}

#[tokio::test]
async fn refusals_are_told_with_confluents_codes() {
    let server = FakeServer::new(|asked| {
        if asked.line.starts_with("POST") {
            (409, json!({ "error_code": 409, "message": "incompatible" }).to_string())
        } else if asked.line.contains("plain") {
            (403, "go away".to_owned())
        } else if asked.line.contains("junk") {
            (200, "<html>".to_owned())
        } else {
            (404, json!({ "error_code": 40401, "message": "Subject 's' not found." }).to_string())
        }
    })
    .await;
    let registry = client(quick(&server.url));
    let error = registry.latest("s").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "GET /subjects/s/versions/latest: Subject 's' not found. (error code 40401)"
    );
    assert!(error.is_not_found() && error.error_code() == Some(40401));
    assert!(registry.register("s", &string_schema(), false).await.unwrap_err().is_incompatible());
    let error = registry.latest("plain").await.unwrap_err();
    assert_eq!((error.error_code(), error.to_string().contains("go away")), (Some(403), true));
    let error = registry.latest("junk").await.unwrap_err().to_string();
    assert!(error.contains("is not that of a schema registry"), "{error}");
    assert_eq!(server.lines().len(), 4, "refusals are not asked for again");
}

#[tokio::test]
async fn errors_of_the_server_are_tried_again_and_not_for_ever() {
    let mut failures = 2;
    let server = FakeServer::new(move |_| {
        failures -= 1;
        if failures >= 0 { (503, String::new()) } else { (200, "[1]".to_owned()) }
    })
    .await;
    let registry = client(quick(&server.url).max_retries(2u32));
    assert_eq!(registry.versions("s", false).await, Ok(vec![1]));
    assert_eq!(server.lines().len(), 3);
    let server = FakeServer::new(|_| (429, String::new())).await;
    let registry = client(quick(&server.url).max_retries(2u32));
    let error = registry.versions("s", false).await.unwrap_err();
    assert!(matches!(error, RegistryError::Refused { status: 429, .. }), "{error}");
    assert_eq!(server.lines().len(), 3);
}

#[tokio::test]
async fn the_next_url_is_asked_and_stays_the_first() {
    let dead = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let broken = FakeServer::new(|_| (500, String::new())).await;
    let server = FakeServer::new(|_| (200, "[]".to_owned())).await;
    let registry = client(quick(&format!("http://{dead}, {},{}", broken.url, server.url)).max_retries(0u32));
    for _ in 0..3 {
        assert_eq!(registry.versions("s", false).await, Ok(Vec::new()));
    }
    assert_eq!((broken.lines().len(), server.lines().len()), (1, 3));
    let registry = client(quick(&format!("http://{dead}")).max_retries(1u32));
    let error = registry.versions("s", false).await.unwrap_err();
    assert!(matches!(error, RegistryError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn who_does_not_answer_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let settings = quick(&url).max_retries(0u32).connect_timeout(Duration::from_millis(50));
    let registry = client(settings.read_timeout(Duration::from_millis(50)));
    let error = registry.versions("s", false).await.unwrap_err();
    assert!(error.to_string().contains("no answer within 100ms"), "{error}");
}

#[tokio::test]
async fn credentials_come_from_the_url_or_the_settings() {
    let server = FakeServer::new(|_| (200, "[]".to_owned())).await;
    let host = server.url.strip_prefix("http://").unwrap();
    let sent = async |settings: RegistrySettings| {
        client(settings).versions("s", false).await.unwrap();
        server.asked().pop().unwrap().headers.remove("authorization")
    };
    assert_eq!(sent(quick(&server.url)).await, None);
    assert_eq!(
        sent(quick(&format!("http://ann:p%40ss@{host}"))).await.as_deref(),
        Some("Basic YW5uOnBAc3M=")
    );
    let settings = quick(&server.url).basic_auth_credentials_source(BasicCredentials::UserInfo);
    let with_info = settings.clone().basic_auth_user_info(crate::Secret::from("ann:p@ss"));
    assert_eq!(sent(with_info).await.as_deref(), Some("Basic YW5uOnBAc3M="));
    let with_token = quick(&server.url).bearer_auth_token(crate::Secret::from("t.o.k"));
    assert_eq!(sent(with_token).await.as_deref(), Some("Bearer t.o.k"));
    let error = RegistryClient::with_settings(settings).unwrap_err().to_string();
    assert!(error.starts_with("basic.auth.user.info: is missing"), "{error}");
    let (settings, _) =
        serializer_settings([("schema.registry.url", "http://a"), ("basic.auth.user.info", "a:b")]).unwrap();
    assert!(
        RegistryClient::with_settings(settings)
            .unwrap_err()
            .to_string()
            .contains("needs basic.auth.credentials.source")
    );
}

#[tokio::test]
async fn all_that_can_be_asked_is_asked_as_confluents_registry_wants_it() {
    let server = FakeServer::new(|asked| {
        let line = &asked.line;
        let body = match line.as_str() {
            _ if line.starts_with("DELETE /subjects/s?") => json!([1, 2]),
            _ if line.starts_with("DELETE /subjects/s/versions") => json!(2),
            _ if line.contains("/compatibility/") => json!({ "is_compatible": false, "messages": ["no"] }),
            _ if line.contains("/config") => {
                json!({ "compatibilityLevel": "FULL", "alias": "x", "defaultMetadata": {} })
            }
            _ if line.contains("/mode") => json!({ "mode": "IMPORT" }),
            _ if line.contains("types") => json!(["JSON", "PROTOBUF", "AVRO"]),
            _ if line.contains("/schemas/ids/1/versions") => json!([{ "subject": "s", "version": 1 }]),
            _ if line.contains("metadata") => json!({ "id": 7, "version": 2, "schema": "\"int\"", "ts": 1 }),
            _ => json!([]),
        };
        (200, body.to_string())
    })
    .await;
    let registry = client(quick(&server.url));
    assert_eq!(registry.delete_subject("s", true).await, Ok(vec![1, 2]));
    assert_eq!(registry.delete_version("s", 2, false).await, Ok(2));
    let answer = registry.check_compatibility("s", Some(VersionNumber::Latest), &string_schema(), true).await;
    assert_eq!(answer, Ok(Compatibility { is_compatible: false, messages: vec!["no".to_owned()] }));
    let config = registry.config(Some("s"), true).await.unwrap();
    assert_eq!(config.compatibility_level.as_deref(), Some("FULL"));
    registry.set_config(None, &SubjectConfig::compatibility("NONE")).await.unwrap();
    assert_eq!(registry.mode(None, false).await.as_deref(), Ok("IMPORT"));
    registry.set_mode(Some("s"), "READONLY", false).await.unwrap();
    assert_eq!(
        registry.schema_types().await,
        Ok(vec![SchemaType::Json, SchemaType::Protobuf, SchemaType::Avro])
    );
    assert_eq!(registry.versions_of_id(1).await.unwrap()[0].version, 1);
    let properties = BTreeMap::from([("a.b".to_owned(), "1 &".to_owned())]);
    assert_eq!(registry.latest_with_metadata("s", &properties).await.unwrap().id, Some(7));
    registry.subjects(":.c:", false).await.unwrap();
    registry.latest_schemas("a b", 3).await.unwrap();
    assert_eq!(
        server.lines(),
        [
            "DELETE /subjects/s?permanent=true",
            "DELETE /subjects/s/versions/2?permanent=false",
            "POST /compatibility/subjects/s/versions/latest?verbose=true&normalize=true",
            "GET /config/s?defaultToGlobal=true",
            "PUT /config",
            "GET /mode?defaultToGlobal=false",
            "PUT /mode/s?force=false",
            "GET /schemas/types",
            "GET /schemas/ids/1/versions",
            "GET /subjects/s/metadata?deleted=false&key=a%2Eb&value=1%20%26",
            "GET /subjects?subjectPrefix=%3A%2Ec%3A&deleted=false",
            "GET /schemas?subjectPrefix=a%20b&latestOnly=true&offset=3",
        ]
    );
    assert_eq!(server.asked()[4].body, r#"{"compatibility":"NONE"}"#);
}

#[cfg(feature = "tls")]
mod https {
    use std::sync::Arc;

    use rustls::pki_types::PrivateKeyDer;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::config::EndpointIdentification;

    /// A server of `localhost` with a certificate of its own, which is returned as PEM.
    async fn serve(name: &str) -> (String, String, tokio::task::JoinHandle<()>) {
        let certified = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let Ok(mut socket) = acceptor.accept(socket).await else { continue };
                drop(socket.read(&mut [0; 4096]).await);
                drop(
                    socket
                        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\n[7]")
                        .await,
                );
                drop(socket.shutdown().await);
            }
        });
        (url, certified.cert.pem(), task)
    }

    #[tokio::test]
    async fn who_is_trusted_is_asked() {
        let (url, pem, task) = serve("localhost").await;
        let settings = quick(&url).max_retries(0u32);
        let error = client(settings.clone()).versions("s", false).await.unwrap_err().to_string();
        assert!(error.contains("UnknownIssuer"), "{error}");
        let trusting = settings.truststore_certificates(pem.clone());
        assert_eq!(client(trusting).versions("s", false).await, Ok(vec![7]));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, pem).unwrap();
        let trusting = quick(&url).truststore_location(file);
        assert_eq!(client(trusting).versions("s", false).await, Ok(vec![7]));
        task.abort();
    }

    #[tokio::test]
    async fn another_host_is_trusted_only_where_names_do_not_matter() {
        let (url, pem, task) = serve("registry.example").await;
        let settings = quick(&url).max_retries(0u32).truststore_certificates(pem);
        let error = client(settings.clone()).versions("s", false).await.unwrap_err().to_string();
        assert!(error.contains("not valid for name"), "{error}");
        let any = settings.endpoint_identification_algorithm(EndpointIdentification::None);
        assert_eq!(client(any).versions("s", false).await, Ok(vec![7]));
        task.abort();
    }

    #[test]
    fn files_that_are_no_certificates_are_named() {
        let settings =
            quick("https://localhost").truststore_location(std::path::PathBuf::from("/no/such/file"));
        let error = RegistryClient::with_settings(settings).unwrap_err().to_string();
        assert!(error.starts_with("schema.registry.ssl.truststore.location: /no/such/file: "), "{error}");
        let settings = quick("https://localhost").keystore_key(crate::Secret::from("x"));
        let error = RegistryClient::with_settings(settings).unwrap_err().to_string();
        assert!(error.starts_with("schema.registry.ssl.keystore.location: give this, or both"), "{error}");
    }
}
