//! Settings of the client that asks the registry.

use std::path::PathBuf;
use std::time::Duration;

use medallion_settings::certificates::{EndpointIdentification, StoreType};
use medallion_settings::{ConfigError, Property, Secret, Value as _, settings};

use super::properties;
use super::value::{BasicCredentials, BearerCredentials, CacheTtl};

settings! {
    /// Settings of a [`crate::RegistryClient`].
    pub struct RegistrySettings with builders {
        /// Where the registry is: one URL or several with commas, of which the next is asked where one cannot be reached. A path stays before
        /// all others, so that `http://host:8081/contexts/.name` is a registry of the context's schemas.
        url: Vec<String> ["schema.registry.url", high] = Vec::new();
        /// Where name and password come from: `URL` (`http://name:password@host`) or `USER_INFO`.
        basic_auth_credentials_source: BasicCredentials ["basic.auth.credentials.source"] = BasicCredentials::Url;
        /// `name:password`, with `basic.auth.credentials.source=USER_INFO`.
        basic_auth_user_info: Option<Secret> ["basic.auth.user.info"] = None;
        /// Where the bearer token comes from.
        bearer_auth_credentials_source: BearerCredentials ["bearer.auth.credentials.source"] = BearerCredentials::StaticToken;
        /// The token that is sent with each request.
        bearer_auth_token: Option<Secret> ["bearer.auth.token"] = None;
        /// How long connecting may take.
        connect_timeout: Duration ["http.connect.timeout.ms", low] = Duration::from_secs(60);
        /// How long an answer may take.
        read_timeout: Duration ["http.read.timeout.ms", low] = Duration::from_secs(60);
        /// How often all URLs are tried again after connections that fail, and after the answers 408, 429, 500, 502, 503 and 504.
        max_retries: u32 ["max.retries", low] = 3;
        /// The wait before the first retry; it doubles with each, and a random part of it is taken off.
        retries_wait: Duration ["retries.wait.ms", low] = Duration::from_secs(1);
        /// The longest wait before a retry.
        retries_max_wait: Duration ["retries.max.wait.ms", low] = Duration::from_secs(20);
        /// How long an answer about a latest version is believed.
        latest_cache_ttl: CacheTtl ["latest.cache.ttl.sec", low] = CacheTtl(None);
        /// How many answers about latest versions are kept.
        latest_cache_size: usize ["latest.cache.size", low] = 1000;
        /// How many schemas are kept: by id, by GUID, by version, and as registered.
        cache_size: usize ["max.schemas.per.subject", low] = 1000;
        /// A PEM file of the authorities that are trusted; the system's where neither this nor the text is given.
        truststore_location: Option<PathBuf> ["schema.registry.ssl.truststore.location", high] = None;
        /// The authorities themselves, in PEM form.
        truststore_certificates: Option<String> ["schema.registry.ssl.truststore.certificates", high] = None;
        /// The form of the file; Java's default is JKS.
        truststore_type: StoreType ["schema.registry.ssl.truststore.type"] = StoreType::Pem;
        /// A PEM file with our certificate, those above it, and its key, which is not encrypted.
        keystore_location: Option<PathBuf> ["schema.registry.ssl.keystore.location", high] = None;
        /// Our certificate and those above it, in PEM form.
        keystore_certificate_chain: Option<String> ["schema.registry.ssl.keystore.certificate.chain", high] = None;
        /// Its key, in PEM form and not encrypted.
        keystore_key: Option<Secret> ["schema.registry.ssl.keystore.key", high] = None;
        /// The form of the file; Java's default is JKS.
        keystore_type: StoreType ["schema.registry.ssl.keystore.type"] = StoreType::Pem;
        /// Whether the server's certificate must be of the host in the URL (`https`) or of any (empty).
        endpoint_identification_algorithm: EndpointIdentification ["schema.registry.ssl.endpoint.identification.algorithm", low] = EndpointIdentification::Https;
    }
}

impl RegistrySettings {
    /// The defaults with one URL, or several with commas.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self { url: Vec::parse(url).unwrap_or_default(), ..Self::default() }
    }

    /// Reads names and values.
    ///
    /// # Errors
    /// As [`super::serializer_settings`].
    pub fn from_properties<P: Into<Property>>(
        properties: impl IntoIterator<Item = P>,
    ) -> Result<Self, ConfigError> {
        properties::only(properties)
    }
}
