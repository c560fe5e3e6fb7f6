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

use crate::config::{ConfigError, EndpointIdentification, RegistrySettings};

const TRUSTSTORE: &str = "schema.registry.ssl.truststore.location";
const KEYSTORE: &str = "schema.registry.ssl.keystore.location";

/// Reads certificates and keys.
pub(super) fn config(settings: &RegistrySettings) -> Result<ClientConfig, ConfigError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = Arc::new(trusted(settings)?);
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
        .build()
        .map_err(|error| invalid(TRUSTSTORE, error))?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| invalid("schema.registry.url", error))?;
    let builder = match settings.endpoint_identification_algorithm {
        EndpointIdentification::Https => builder.with_webpki_verifier(verifier),
        EndpointIdentification::None => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyName { verifier, provider }))
        }
    };
    match identity(settings)? {
        None => Ok(builder.with_no_client_auth()),
        Some((chain, key)) => {
            builder.with_client_auth_cert(chain, key).map_err(|error| invalid(KEYSTORE, error))
        }
    }
}

fn invalid(name: &'static str, reason: impl fmt::Display) -> ConfigError {
    ConfigError::conflict(name, reason.to_string())
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
fn trusted(settings: &RegistrySettings) -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore::empty();
    let (name, pem) = match (&settings.truststore_location, &settings.truststore_certificates) {
        (Some(_), Some(_)) => return Err(invalid(TRUSTSTORE, "give this or .certificates, not both")),
        (Some(path), None) => (TRUSTSTORE, read(TRUSTSTORE, path)?),
        (None, Some(text)) => ("schema.registry.ssl.truststore.certificates", text.clone().into_bytes()),
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
fn identity(settings: &RegistrySettings) -> Result<Option<Identity>, ConfigError> {
    let text = (&settings.keystore_certificate_chain, &settings.keystore_key);
    let (name, chain, key) = match (&settings.keystore_location, text) {
        (None, (None, None)) => return Ok(None),
        (Some(path), (None, None)) => {
            let pem = read(KEYSTORE, path)?;
            (KEYSTORE, pem.clone(), pem)
        }
        (None, (Some(chain), Some(key))) => {
            ("schema.registry.ssl.keystore.key", chain.clone().into_bytes(), key.reveal().as_bytes().to_vec())
        }
        _ => return Err(invalid(KEYSTORE, "give this, or both .certificate.chain and .key")),
    };
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| {
        invalid(name, format!("no private key in PEM form that is not encrypted: {error:?}"))
    })?;
    Ok(Some((certificates(name, &chain)?, key)))
}

/// Trusts a certificate for any host (`endpoint.identification.algorithm` is empty).
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
