//! Keys and certificates for rustls, out of PEM files and texts.
//!
//! Errors are [`ConfigError::Conflict`], with the setting that names the file or has the text.

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme,
};

use crate::certificates::EndpointIdentification;
use crate::{ConfigError, Secret};

/// That ring knows TLS 1.2 and 1.3.
const VERSIONS: &str = "ring has the default protocol versions";

/// The authorities that are trusted.
#[derive(Debug)]
pub struct Trust {
    setting: &'static str,
    roots: RootCertStore,
}

impl Trust {
    /// Those of the operating system; `setting` is the one that would name others.
    pub fn of_system(setting: &'static str) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Self { setting, roots }
    }

    /// Those in the file that `setting` names.
    ///
    /// # Errors
    /// Where it cannot be read, or has no certificate.
    pub fn from_file(setting: &'static str, path: &Path) -> Result<Self, ConfigError> {
        let pem = read(setting, path)?;
        Self::from_pem(setting, &pem).map_err(|reason| in_file(setting, path, reason))
    }

    /// Those in the text of `setting`.
    ///
    /// # Errors
    /// Where it has no certificate.
    pub fn from_text(setting: &'static str, pem: &str) -> Result<Self, ConfigError> {
        Self::from_pem(setting, pem.as_bytes()).map_err(|reason| ConfigError::conflict(setting, reason))
    }

    fn from_pem(setting: &'static str, pem: &[u8]) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(pem)? {
            roots.add(certificate).map_err(|error| error.to_string())?;
        }
        Ok(Self { setting, roots })
    }
}

/// Our own certificate, those above it, and its key.
#[derive(Debug)]
pub struct Identity {
    setting: &'static str,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// All of it in the file that `setting` names.
    ///
    /// # Errors
    /// Where it cannot be read, or has no certificate or no key that is not encrypted.
    pub fn from_file(setting: &'static str, path: &Path) -> Result<Self, ConfigError> {
        let pem = read(setting, path)?;
        Self::from_pem(setting, &pem, &pem).map_err(|reason| in_file(setting, path, reason))
    }

    /// Out of two texts; `setting` is that of the key.
    ///
    /// # Errors
    /// Where there is no certificate in the first, or no key that is not encrypted in the second.
    pub fn from_texts(setting: &'static str, chain: &str, key: &Secret) -> Result<Self, ConfigError> {
        Self::from_pem(setting, chain.as_bytes(), key.reveal().as_bytes())
            .map_err(|reason| ConfigError::conflict(setting, reason))
    }

    fn from_pem(setting: &'static str, chain: &[u8], key: &[u8]) -> Result<Self, String> {
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| format!("no private key in PEM form that is not encrypted: {error:?}"))?;
        Ok(Self { setting, chain: certificates(chain)?, key })
    }
}

/// Whether clients show certificates to a server.
#[derive(Debug)]
pub enum ClientCertificates {
    /// They are not asked for any.
    NotAsked,
    /// Who shows one must have it from these authorities.
    Requested(Trust),
    /// Everybody must show one from these authorities.
    Required(Trust),
}

/// How a client shakes hands.
///
/// # Errors
/// Where nobody is trusted, or the key does not belong to the certificate.
pub fn client_config(
    trust: Trust,
    identity: Option<Identity>,
    identification: EndpointIdentification,
) -> Result<ClientConfig, ConfigError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(trust.roots), Arc::clone(&provider))
        .build()
        .map_err(|error| refused(trust.setting, error))?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect(VERSIONS);
    let builder = match identification {
        EndpointIdentification::Https => builder.with_webpki_verifier(verifier),
        EndpointIdentification::None => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyName { verifier, provider }))
        }
    };
    match identity {
        None => Ok(builder.with_no_client_auth()),
        Some(Identity { setting, chain, key }) => {
            builder.with_client_auth_cert(chain, key).map_err(|error| refused(setting, error))
        }
    }
}

/// For a client that never shakes hands: it trusts nobody, and reads nothing from the system.
pub fn client_config_without_trust() -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect(VERSIONS)
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth()
}

/// How a server shakes hands.
///
/// # Errors
/// Where no client could be trusted, or the key does not belong to the certificate.
pub fn server_config(identity: Identity, clients: ClientCertificates) -> Result<ServerConfig, ConfigError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect(VERSIONS);
    let verified = |trust: Trust, is_required: bool| {
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(trust.roots), provider);
        let verifier = if is_required { verifier } else { verifier.allow_unauthenticated() };
        verifier.build().map_err(|error| refused(trust.setting, error))
    };
    let builder = match clients {
        ClientCertificates::NotAsked => builder.with_no_client_auth(),
        ClientCertificates::Requested(trust) => builder.with_client_cert_verifier(verified(trust, false)?),
        ClientCertificates::Required(trust) => builder.with_client_cert_verifier(verified(trust, true)?),
    };
    let Identity { setting, chain, key } = identity;
    builder.with_single_cert(chain, key).map_err(|error| refused(setting, error))
}

fn refused(setting: &'static str, error: impl fmt::Display) -> ConfigError {
    ConfigError::conflict(setting, error.to_string())
}

fn in_file(setting: &'static str, path: &Path, reason: impl fmt::Display) -> ConfigError {
    ConfigError::conflict(setting, format!("{}: {reason}", path.display()))
}

fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, ConfigError> {
    fs::read(path).map_err(|error| in_file(setting, path, error))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let read = read.map_err(|error| format!("{error:?}"))?;
    if read.is_empty() { Err("no certificate in PEM form".to_owned()) } else { Ok(read) }
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

#[cfg(test)]
mod tests {
    use super::*;

    const SETTING: &str = "ssl.keystore.location";

    /// A certificate that signs itself, and its key.
    fn pair() -> (String, String) {
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (pair.cert.pem(), pair.signing_key.serialize_pem())
    }

    #[test]
    fn a_file_has_key_and_certificates() {
        let folder = tempfile::tempdir().unwrap();
        let (path, (chain, key)) = (folder.path().join("both.pem"), pair());
        fs::write(&path, format!("{key}{chain}")).unwrap();
        let identity = || Identity::from_file(SETTING, &path).unwrap();
        let trust = || Trust::from_file("ssl.truststore.location", &path).unwrap();
        client_config(trust(), Some(identity()), EndpointIdentification::Https).unwrap();
        client_config(trust(), None, EndpointIdentification::None).unwrap();
        server_config(identity(), ClientCertificates::Required(trust())).unwrap();
        server_config(identity(), ClientCertificates::NotAsked).unwrap();
        let texts = Identity::from_texts("ssl.keystore.key", &chain, &key.into()).unwrap();
        client_config(Trust::from_text("x", &chain).unwrap(), Some(texts), EndpointIdentification::Https)
            .unwrap();
    }

    #[test]
    fn what_is_missing_is_told_with_setting_and_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one.pem");
        let told = |path: &Path| Identity::from_file(SETTING, path).unwrap_err().to_string();
        let shown = path.display();
        assert!(told(&path).starts_with(&format!("{SETTING}: {shown}: No such file")), "{}", told(&path));
        let (chain, key) = pair();
        fs::write(&path, &chain).unwrap();
        assert!(told(&path).starts_with(&format!("{SETTING}: {shown}: no private key in PEM form")));
        fs::write(&path, &key).unwrap();
        assert_eq!(told(&path), format!("{SETTING}: {shown}: no certificate in PEM form"));
        let error = Trust::from_text("ssl.truststore.certificates", "x").unwrap_err();
        assert_eq!(error.to_string(), "ssl.truststore.certificates: no certificate in PEM form");
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let (chain, (_, key)) = (pair().0, pair());
        let identity = Identity::from_texts("ssl.keystore.key", &chain, &key.into()).unwrap();
        let error = server_config(identity, ClientCertificates::NotAsked).unwrap_err();
        assert!(error.to_string().starts_with("ssl.keystore.key: "), "{error}");
    }
}
