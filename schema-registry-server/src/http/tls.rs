//! Keys and certificates of HTTPS, from the settings.

use std::sync::Arc;

use medallion_settings::certificates::EndpointIdentification;
use medallion_settings::tls::{self, Identity, Trust};
use rustls::{ClientConfig, ServerConfig};

use crate::settings::{ClientCertificates, ConfigError, RegistrySettings};

/// What HTTPS listeners agree on; nothing where there is no key.
///
/// # Errors
/// With the setting and the file.
pub(crate) fn server_config(settings: &RegistrySettings) -> Result<Option<Arc<ServerConfig>>, ConfigError> {
    let Some(identity) = identity(settings)? else { return Ok(None) };
    let clients = match (settings.client_certificates, trust(settings)?) {
        (ClientCertificates::None, _) | (_, None) => tls::ClientCertificates::NotAsked,
        (ClientCertificates::Requested, Some(trust)) => tls::ClientCertificates::Requested(trust),
        (ClientCertificates::Required, Some(trust)) => tls::ClientCertificates::Required(trust),
    };
    Ok(Some(Arc::new(tls::server_config(identity, clients)?)))
}

/// How this instance speaks HTTPS to the leader; nothing where there is no truststore.
///
/// # Errors
/// With the setting and the file.
pub(crate) fn client_config(settings: &RegistrySettings) -> Result<Option<Arc<ClientConfig>>, ConfigError> {
    let Some(trust) = trust(settings)? else { return Ok(None) };
    let config = tls::client_config(trust, identity(settings)?, EndpointIdentification::Https)?;
    Ok(Some(Arc::new(config)))
}

/// How the keys of tokens are fetched; whom to trust is read only where it is by HTTPS.
///
/// # Errors
/// With the setting and the file.
pub(crate) fn jwks_client_config(
    settings: &RegistrySettings,
    needs_tls: bool,
) -> Result<ClientConfig, ConfigError> {
    const SETTING: &str = "medallion.oauthbearer.truststore.file";
    let trust = match &settings.jwks_truststore {
        _ if !needs_tls => return Ok(tls::client_config_without_trust()),
        Some(file) => Trust::from_file(SETTING, file)?,
        None => Trust::of_system(SETTING),
    };
    tls::client_config(trust, None, EndpointIdentification::Https)
}

fn identity(settings: &RegistrySettings) -> Result<Option<Identity>, ConfigError> {
    let file = settings.keystore.as_deref();
    file.map(|file| Identity::from_file("ssl.keystore.location", file)).transpose()
}

fn trust(settings: &RegistrySettings) -> Result<Option<Trust>, ConfigError> {
    let file = settings.truststore.as_deref();
    file.map(|file| Trust::from_file("ssl.truststore.location", file)).transpose()
}
