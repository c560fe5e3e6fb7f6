//! A client of schema registries: requests with retries over several URLs, and the answers that do not change kept.
//!
//! ```text
//!  RegistryClient ─┬─ cache      by subject and schema, id, GUID, version; the latest for a time; misses at the same time are one
//!                  └─ http       one request: the URL that answered last, then the others; retries with growing waits
//!                       └─ address, tls
//! ```

mod address;
mod admin;
mod cache;
mod content;
mod error;
mod http;
mod schemas;
#[cfg(test)]
mod tests;
#[cfg(feature = "tls")]
mod tls;

use std::sync::Arc;

pub use admin::{Compatibility, SubjectConfig};
pub use content::{
    Metadata, RegisteredSchema, ResolvedReference, Rule, RuleSet, Schema, SchemaReference, SchemaType,
};
pub use error::RegistryError;
pub use schemas::{SubjectVersion, VersionNumber};

use crate::config::{ConfigError, RegistrySettings};
use cache::Caches;
use http::Http;

/// A client of a schema registry. Clones share connections and answers.
///
/// ```no_run
/// use medallion_serdes::{RegistryClient, Schema, SchemaType};
///
/// # async fn example() -> Result<(), medallion_serdes::Error> {
/// let registry = RegistryClient::new("http://localhost:8081,http://localhost:8082")?;
/// let registered = registry.register("zones-value", &Schema::new(SchemaType::Avro, r#""string""#), false).await?;
/// let latest = registry.latest("zones-value").await?;
/// assert_eq!(latest.id, registered.id);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct RegistryClient {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    http: Http,
    caches: Caches,
    settings: RegistrySettings,
}

impl RegistryClient {
    /// A client with the defaults for one URL, or several with commas.
    ///
    /// # Errors
    /// Where a URL is none.
    pub fn new(url: &str) -> Result<Self, ConfigError> {
        Self::with_settings(RegistrySettings::new(url))
    }

    /// A client with settings. Nothing is connected before the first request.
    ///
    /// # Errors
    /// Where a URL is none, credentials are missing, or a certificate cannot be read.
    pub fn with_settings(settings: RegistrySettings) -> Result<Self, ConfigError> {
        let (http, caches) = (Http::new(&settings)?, Caches::new(&settings));
        Ok(Self { inner: Arc::new(Inner { http, caches, settings }) })
    }

    /// What the client was made with.
    pub fn settings(&self) -> &RegistrySettings {
        &self.inner.settings
    }

    /// Forgets all answers.
    pub fn clear_caches(&self) {
        self.inner.caches.clear();
    }

    fn http(&self) -> &Http {
        &self.inner.http
    }
}
