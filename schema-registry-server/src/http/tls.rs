//! Keys and certificates of HTTPS, from PEM files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::settings::{ClientCertificates, RegistrySettings};

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("{setting}={}: {reason}", file.display())]
pub struct TlsError {
    setting: &'static str,
    file: PathBuf,
    reason: String,
}

fn error(setting: &'static str, file: &Path, reason: impl ToString) -> TlsError {
    TlsError { setting, file: file.to_owned(), reason: reason.to_string() }
}

/// What HTTPS listeners agree on; nothing where there is no key.
///
/// # Errors
/// With the setting and the file.
pub(crate) fn server_config(settings: &RegistrySettings) -> Result<Option<Arc<ServerConfig>>, TlsError> {
    const SETTING: &str = "ssl.keystore.location";
    let Some(file) = &settings.keystore else { return Ok(None) };
    let key = PrivateKeyDer::from_pem_file(file).map_err(|reason| error(SETTING, file, reason))?;
    let chain = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|reason| error(SETTING, file, reason))?;
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|reason| error(SETTING, file, reason))?;
    let builder = match (settings.client_certificates, &settings.truststore) {
        (ClientCertificates::None, _) | (_, None) => builder.with_no_client_auth(),
        (wanted, Some(trusted)) => {
            let roots = Arc::new(roots("ssl.truststore.location", trusted)?);
            let verifier =
                WebPkiClientVerifier::builder_with_provider(roots, Arc::new(ring::default_provider()));
            let verifier = if wanted == ClientCertificates::Requested {
                verifier.allow_unauthenticated()
            } else {
                verifier
            };
            let verifier =
                verifier.build().map_err(|reason| error("ssl.truststore.location", trusted, reason))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let config = builder.with_single_cert(chain, key).map_err(|reason| error(SETTING, file, reason))?;
    Ok(Some(Arc::new(config)))
}

/// How this instance speaks HTTPS to the leader; nothing where there is no truststore.
///
/// # Errors
/// With the setting and the file.
pub(crate) fn client_config(settings: &RegistrySettings) -> Result<Option<Arc<ClientConfig>>, TlsError> {
    const SETTING: &str = "ssl.truststore.location";
    let Some(file) = &settings.truststore else { return Ok(None) };
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|reason| error(SETTING, file, reason))?
        .with_root_certificates(roots(SETTING, file)?);
    let config = match &settings.keystore {
        None => builder.with_no_client_auth(),
        Some(keystore) => {
            let failed = |reason: &dyn ToString| error("ssl.keystore.location", keystore, reason.to_string());
            let key = PrivateKeyDer::from_pem_file(keystore).map_err(|reason| failed(&reason))?;
            let chain = CertificateDer::pem_file_iter(keystore)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|reason| failed(&reason))?;
            builder.with_client_auth_cert(chain, key).map_err(|reason| failed(&reason))?
        }
    };
    Ok(Some(Arc::new(config)))
}

/// How the keys of tokens are fetched; whom to trust is read only where it is by HTTPS.
///
/// # Errors
/// With the setting and the file.
pub(crate) fn jwks_client_config(
    settings: &RegistrySettings,
    needs_tls: bool,
) -> Result<ClientConfig, TlsError> {
    const SETTING: &str = "medallion.oauthbearer.truststore.file";
    let roots = match &settings.jwks_truststore {
        _ if !needs_tls => RootCertStore::empty(),
        Some(file) => roots(SETTING, file)?,
        None => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            roots
        }
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|reason| error(SETTING, Path::new(""), reason))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn roots(setting: &'static str, file: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file).map_err(|reason| error(setting, file, reason))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|reason| error(setting, file, reason))?;
        roots.add(certificate).map_err(|reason| error(setting, file, reason))?;
    }
    if roots.is_empty() {
        return Err(error(setting, file, "there is no certificate in it"));
    }
    Ok(roots)
}
