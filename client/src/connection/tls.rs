//! TLS around sockets, by rustls with ring's cryptography.

use std::fmt;
use std::sync::Arc;

use medallion_settings::tls::{Identity, Trust, client_config};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Address;
use crate::config::{ClientSettings, ConfigError};
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
        let identification = settings.ssl_endpoint_identification_algorithm;
        let config = client_config(trust(settings)?, identity(settings)?, identification)?;
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

/// The authorities that we trust: those of the settings, or the system's.
fn trust(settings: &ClientSettings) -> Result<Trust, ConfigError> {
    const FILE: &str = "ssl.truststore.location";
    match (&settings.ssl_truststore_location, &settings.ssl_truststore_certificates) {
        (Some(path), _) => Trust::from_file(FILE, path),
        (None, Some(text)) => Trust::from_text("ssl.truststore.certificates", text),
        (None, None) => Ok(Trust::of_system(FILE)),
    }
}

/// Our own certificate with its key.
fn identity(settings: &ClientSettings) -> Result<Option<Identity>, ConfigError> {
    match (&settings.ssl_keystore_location, &settings.ssl_keystore_key) {
        (Some(path), _) => Identity::from_file("ssl.keystore.location", path).map(Some),
        (None, Some(key)) => {
            let chain = settings.ssl_keystore_certificate_chain.as_deref().unwrap_or_default();
            Identity::from_texts("ssl.keystore.key", chain, key).map(Some)
        }
        (None, None) => Ok(None),
    }
}
