//! Whom to trust and who we are, from the settings.

use medallion_settings::tls::{self, Identity, Trust};
use rustls::ClientConfig;

use crate::config::{ConfigError, RegistrySettings};

const TRUSTSTORE: &str = "schema.registry.ssl.truststore.location";
const KEYSTORE: &str = "schema.registry.ssl.keystore.location";

/// Reads certificates and keys.
pub(super) fn config(settings: &RegistrySettings) -> Result<ClientConfig, ConfigError> {
    let identification = settings.endpoint_identification_algorithm;
    tls::client_config(trust(settings)?, identity(settings)?, identification)
}

/// The authorities that we trust: those of the settings, or the system's.
fn trust(settings: &RegistrySettings) -> Result<Trust, ConfigError> {
    match (&settings.truststore_location, &settings.truststore_certificates) {
        (Some(_), Some(_)) => Err(ConfigError::conflict(TRUSTSTORE, "give this or .certificates, not both")),
        (Some(path), None) => Trust::from_file(TRUSTSTORE, path),
        (None, Some(text)) => Trust::from_text("schema.registry.ssl.truststore.certificates", text),
        (None, None) => Ok(Trust::of_system(TRUSTSTORE)),
    }
}

/// Our own certificate with its key.
fn identity(settings: &RegistrySettings) -> Result<Option<Identity>, ConfigError> {
    let texts = (&settings.keystore_certificate_chain, &settings.keystore_key);
    match (&settings.keystore_location, texts) {
        (None, (None, None)) => Ok(None),
        (Some(path), (None, None)) => Identity::from_file(KEYSTORE, path).map(Some),
        (None, (Some(chain), Some(key))) => {
            Identity::from_texts("schema.registry.ssl.keystore.key", chain, key).map(Some)
        }
        _ => Err(ConfigError::conflict(KEYSTORE, "give this, or both .certificate.chain and .key")),
    }
}
