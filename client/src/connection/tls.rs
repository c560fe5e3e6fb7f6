//! TLS by rustls with ring's cryptography.

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Address;
use crate::config::{ClientSettings, ConfigError, EndpointIdentification};
use crate::error::Error;

/// How sockets are wrapped.
#[derive(Clone)]
pub(super) struct Tls {
    connector: TlsConnector,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// Reads certificates and keys.
    pub(super) fn new(settings: &ClientSettings) -> Result<Self, ConfigError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(trusted(settings)?), Arc::clone(&provider))
                .build()
                .map_err(|error| invalid("ssl.truststore.location", error))?;
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| invalid("security.protocol", error))?;
        let builder = match settings.ssl_endpoint_identification_algorithm {
            EndpointIdentification::Https => builder.with_webpki_verifier(verifier),
            EndpointIdentification::None => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyName { verifier, provider }))
            }
        };
        let config = match identity(settings)? {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| invalid("ssl.keystore.location", error))?,
        };
        Ok(Self { connector: TlsConnector::from(Arc::new(config)) })
    }

    /// Shakes hands with `address` over `stream`.
    pub(super) async fn connect(
        &self,
        address: &Address,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, Error> {
        let failed =
            |reason: String| Error::Tls { address: address.to_string().into(), reason: reason.into() };
        let name =
            ServerName::try_from(address.host.to_string()).map_err(|error| failed(error.to_string()))?;
        self.connector.connect(name, stream).await.map_err(|error| {
            // What is no matter of TLS may be better soon.
            let is_tls = error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
            if is_tls { failed(error.to_string()) } else { address.unreachable(error) }
        })
    }
}

fn invalid(name: &'static str, reason: impl fmt::Display) -> ConfigError {
    ConfigError::Conflict { name, reason: reason.to_string().into() }
}

fn read(name: &'static str, path: &Path) -> Result<Vec<u8>, ConfigError> {
    fs::read(path).map_err(|error| invalid(name, format!("{}: {error}", path.display())))
}

fn certificates(name: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let read = read.map_err(|error| invalid(name, format!("{error:?}")))?;
    if read.is_empty() { Err(invalid(name, "no certificate in PEM form")) } else { Ok(read) }
}

/// The authorities that we trust: those of the settings, or the system's.
fn trusted(settings: &ClientSettings) -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore::empty();
    let (name, pem) = match (&settings.ssl_truststore_location, &settings.ssl_truststore_certificates) {
        (Some(path), _) => ("ssl.truststore.location", read("ssl.truststore.location", path)?),
        (None, Some(text)) => ("ssl.truststore.certificates", text.clone().into_bytes()),
        (None, None) => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            return Ok(roots);
        }
    };
    for certificate in certificates(name, &pem)? {
        roots.add(certificate).map_err(|error| invalid(name, error))?;
    }
    Ok(roots)
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Our own certificate with its key.
fn identity(settings: &ClientSettings) -> Result<Option<Identity>, ConfigError> {
    let (name, chain, key) = match (&settings.ssl_keystore_location, &settings.ssl_keystore_key) {
        (Some(path), _) => {
            let pem = read("ssl.keystore.location", path)?;
            ("ssl.keystore.location", pem.clone(), pem)
        }
        (None, Some(key)) => {
            let chain = settings.ssl_keystore_certificate_chain.clone().unwrap_or_default();
            ("ssl.keystore.key", chain.into_bytes(), key.reveal().as_bytes().to_vec())
        }
        (None, None) => return Ok(None),
    };
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| {
        invalid(name, format!("no private key in PEM form that is not encrypted: {error:?}"))
    })?;
    Ok(Some((certificates(name, &chain)?, key)))
}

/// Trusts a certificate for any host (`ssl.endpoint.identification.algorithm` is empty).
#[derive(Debug)]
struct AnyName {
    verifier: Arc<WebPkiServerVerifier>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified =
            self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
