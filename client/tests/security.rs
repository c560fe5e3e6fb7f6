//! TLS and SASL against Apache Kafka, with certificates made here.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine;
use medallion_client::config::{EndpointIdentification, SaslMechanism, SecurityProtocol};
use medallion_client::{Client, ClientSettings, Error, Secret, Token, TokenFuture, TokenProvider};
use medallion_tests::server::{KAFKA, Program, Server};
use medallion_tests::{kafka_tools, need};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

/// An authority, a broker's certificate for `localhost`, a client's, and an authority that nobody trusts.
struct Certificates {
    folder: TempDir,
}

impl Certificates {
    fn make() -> Self {
        let folder = TempDir::with_prefix("medallion-certificates-").unwrap();
        let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
        let ca = authority();
        write("ca.pem", ca.pem());
        write("other-ca.pem", authority().pem());
        for (name, host) in [("broker.pem", "localhost"), ("client.pem", "client")] {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
            let certificate = params.signed_by(&key, &ca).unwrap();
            write(name, key.serialize_pem() + &certificate.pem() + &ca.pem());
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "Test authority");
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Kafka with a listener for each kind of client.
fn kafka(certificates: &Certificates) -> Result<Server, medallion_tests::environment::Missing> {
    let path = |name: &str| certificates.path(name).display().to_string();
    let module = "org.apache.kafka.common.security";
    let setup = Server::setup()
        .program(Program::Kafka(KAFKA))
        .listener("SSL", "SSL")
        .listener("MUTUAL", "SSL")
        .listener("SASLPLAIN", "SASL_PLAINTEXT")
        .listener("SASLSSL", "SASL_SSL")
        .property("ssl.keystore.type", "PEM")
        .property("ssl.keystore.location", &path("broker.pem"))
        .property("ssl.truststore.type", "PEM")
        .property("ssl.truststore.location", &path("ca.pem"))
        .property("listener.name.mutual.ssl.client.auth", "required")
        .property("sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER");
    let mut setup = setup;
    for listener in ["saslplain", "saslssl"] {
        let name = |mechanism: &str| format!("listener.name.{listener}.{mechanism}.sasl.jaas.config");
        let plain = format!("{module}.plain.PlainLoginModule required user_alice=\"secret\";");
        let scram = format!("{module}.scram.ScramLoginModule required;");
        let oauth = format!(
            "{module}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"broker\";"
        );
        setup = setup
            .property(&name("plain"), &plain)
            .property(&name("scram-sha-256"), &scram)
            .property(&name("scram-sha-512"), &scram)
            .property(&name("oauthbearer"), &oauth);
    }
    setup.property("listener.name.saslplain.plain.connections.max.reauth.ms", "1500").start()
}

fn settings(server: &Server, listener: &str, protocol: SecurityProtocol) -> ClientSettings {
    ClientSettings::new(&server.listener(listener))
        .security_protocol(protocol)
        .default_api_timeout(Duration::from_secs(15))
}

/// A round trip: the metadata of a topic that the broker makes.
async fn works(settings: ClientSettings) -> Result<(), Error> {
    let client = Client::new(settings)?;
    client.topic("made").await.map(|topic| assert_eq!(topic.partitions.len(), 1))
}

fn trusting(settings: ClientSettings, authority: &Path) -> ClientSettings {
    settings.ssl_truststore_location(authority.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_and_sasl_against_kafka() {
    let certificates = Certificates::make();
    let server = need!(kafka(&certificates));
    tls(&server, &certificates).await;
    for mechanism in ["SCRAM-SHA-256=[iterations=4096", "SCRAM-SHA-512=[iterations=8192"] {
        let credential = format!("{mechanism},password=secret]");
        let bootstrap = server.bootstrap();
        let mut arguments = vec!["--bootstrap-server", &bootstrap, "--alter", "--add-config", &credential];
        arguments.extend(["--entity-type", "users", "--entity-name", "alice"]);
        need!(kafka_tools::run("kafka-configs", &arguments)).success();
    }
    passwords(&server, &certificates).await;
    tokens(&server).await;
    reauthentication(&server).await;
}

async fn tls(server: &Server, certificates: &Certificates) {
    let ca = certificates.path("ca.pem");
    let ssl = || settings(server, "SSL", SecurityProtocol::Ssl);
    works(trusting(ssl(), &ca)).await.unwrap();
    works(ssl().ssl_truststore_certificates(fs::read_to_string(&ca).unwrap())).await.unwrap();
    let error = works(trusting(ssl(), &certificates.path("other-ca.pem"))).await.unwrap_err();
    assert!(matches!(error, Error::Tls { .. }), "{error}");
    let error = works(ssl()).await.unwrap_err();
    assert!(matches!(error, Error::Tls { .. }), "the system trusts a stranger: {error}");

    // The certificate is for localhost, not for its address.
    let port = server.listener("SSL").replace("localhost", "127.0.0.1");
    let by_address = || {
        let settings = ClientSettings::new(&port).security_protocol(SecurityProtocol::Ssl);
        trusting(settings, &ca).default_api_timeout(Duration::from_secs(15))
    };
    let error = works(by_address()).await.unwrap_err();
    assert!(matches!(error, Error::Tls { .. }), "{error}");
    let any_name = EndpointIdentification::None;
    works(by_address().ssl_endpoint_identification_algorithm(any_name)).await.unwrap();

    let mutual = || trusting(settings(server, "MUTUAL", SecurityProtocol::Ssl), &ca);
    works(mutual().ssl_keystore_location(certificates.path("client.pem"))).await.unwrap();
    let error = works(mutual().default_api_timeout(Duration::from_secs(2))).await.unwrap_err();
    assert!(matches!(error, Error::MetadataTimeout { .. } | Error::Tls { .. }), "no certificate: {error}");
    let error = Client::new(mutual().ssl_keystore_location(ca.clone())).unwrap_err();
    assert!(error.to_string().contains("ssl.keystore.location"), "a store without a key: {error}");
}

async fn passwords(server: &Server, certificates: &Certificates) {
    let ca = certificates.path("ca.pem");
    for mechanism in [SaslMechanism::Plain, SaslMechanism::ScramSha256, SaslMechanism::ScramSha512] {
        let with = |password: &str| {
            settings(server, "SASLPLAIN", SecurityProtocol::SaslPlaintext)
                .sasl_mechanism(mechanism)
                .sasl_username("alice".to_owned())
                .sasl_password(Secret::new(password))
        };
        works(with("secret")).await.unwrap_or_else(|error| panic!("{mechanism:?}: {error}"));
        let error = works(with("wrong")).await.unwrap_err();
        assert!(matches!(error, Error::Authentication { .. }), "{mechanism:?}: {error}");
        assert!(error.is_fatal());
    }
    let both = settings(server, "SASLSSL", SecurityProtocol::SaslSsl)
        .sasl_mechanism(SaslMechanism::ScramSha512)
        .sasl_username("alice".to_owned())
        .sasl_password(Secret::new("secret"));
    works(trusting(both, &ca)).await.unwrap();
}

/// A token of the form that Kafka takes without a signature, for tests.
fn unsecured_token(lifetime_seconds: u64) -> String {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let encode = |text: String| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let claims = format!("{{\"sub\":\"alice\",\"iat\":{now},\"exp\":{}}}", now + lifetime_seconds);
    format!("{}.{}.", encode("{\"alg\":\"none\"}".to_owned()), encode(claims))
}

struct Tokens;

impl TokenProvider for Tokens {
    fn token(&self) -> TokenFuture<'_> {
        Box::pin(async { Ok(Token::new(unsecured_token(60))) })
    }
}

async fn tokens(server: &Server) {
    let bearer = || {
        settings(server, "SASLPLAIN", SecurityProtocol::SaslPlaintext)
            .sasl_mechanism(SaslMechanism::OauthBearer)
    };
    works(bearer().sasl_oauthbearer_token(Secret::new(unsecured_token(60)))).await.unwrap();
    let error = works(bearer().sasl_oauthbearer_token(Secret::new("a.b.c"))).await.unwrap_err();
    assert!(matches!(error, Error::Authentication { .. }), "{error}");
    let client = Client::builder(bearer()).token_provider(Tokens).build().unwrap();
    client.topic("made").await.unwrap();
}

/// The broker closes connections that do not authenticate again within 1.5 seconds; ours live on.
async fn reauthentication(server: &Server) {
    let plain = settings(server, "SASLPLAIN", SecurityProtocol::SaslPlaintext)
        .sasl_username("alice".to_owned())
        .sasl_password(Secret::new("secret"));
    let client = Client::new(plain).unwrap();
    client.topic("made").await.unwrap();
    let opened = client.metrics().connections_opened;
    let (start, mut round) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_secs(4) {
        round += 1;
        client.topic(&format!("made-{round}")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let metrics = client.metrics();
    // Topics that are made have the client ask twice, and the first answers name the broker: one more connection.
    assert!(metrics.connections_opened <= opened + 1, "{metrics:?}");
    assert_eq!(metrics.connections_closed, 0, "{metrics:?}");
}
