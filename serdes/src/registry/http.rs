//! One request: the URL that answered last, then the others, and all of them again after a wait.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::RegistryError;
use super::address::Address;
use crate::config::{BasicCredentials, ConfigError, RegistrySettings};

#[cfg(feature = "tls")]
type Connector = hyper_rustls::HttpsConnector<HttpConnector>;
#[cfg(not(feature = "tls"))]
type Connector = HttpConnector;

const ACCEPTED: HeaderValue = HeaderValue::from_static(
    "application/vnd.schemaregistry.v1+json, application/vnd.schemaregistry+json, application/json",
);
const SENT: HeaderValue = HeaderValue::from_static("application/vnd.schemaregistry.v1+json");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("medallion-serdes/", env!("CARGO_PKG_VERSION")));
/// No answer is larger: a registry takes far less for one schema.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// What is shown of an answer that is no JSON.
const SHOWN_CHARS: usize = 200;

/// What is asked.
#[derive(Debug, Clone)]
pub(super) struct Call {
    method: Method,
    /// From the first slash, with the query.
    path: Arc<str>,
    body: Bytes,
}

impl Call {
    pub(super) fn new(method: Method, path: impl Into<Arc<str>>) -> Self {
        Self { method, path: path.into(), body: Bytes::new() }
    }

    pub(super) fn get(path: impl Into<Arc<str>>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(super) fn body(mut self, body: &impl serde::Serialize) -> Self {
        self.body = serde_json::to_vec(body).unwrap_or_default().into();
        self
    }

    fn name(&self) -> Arc<str> {
        format!("{} {}", self.method, self.path).into()
    }
}

/// Addresses, and the connections to them.
pub(super) struct Http {
    client: Client<Connector, Full<Bytes>>,
    addresses: Vec<(Address, Option<HeaderValue>)>,
    /// The address that answered last.
    current: AtomicUsize,
    retries_max: u32,
    wait: Duration,
    wait_max: Duration,
    /// For a connection and an answer.
    timeout: Duration,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bases: Vec<&str> = self.addresses.iter().map(|(address, _)| &*address.base).collect();
        f.debug_struct("Http").field("addresses", &bases).finish_non_exhaustive()
    }
}

impl Http {
    pub(super) fn new(settings: &RegistrySettings) -> Result<Self, ConfigError> {
        if settings.url.is_empty() {
            return Err(ConfigError::conflict("schema.registry.url", "is missing"));
        }
        let addresses = settings.url.iter().map(|url| {
            let address = Address::parse(url)?;
            let authorization = authorization(settings, &address)?;
            Ok((address, authorization))
        });
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector(settings)?),
            addresses: addresses.collect::<Result<_, ConfigError>>()?,
            current: AtomicUsize::new(0),
            retries_max: settings.max_retries,
            wait: settings.retries_wait,
            wait_max: settings.retries_max_wait,
            timeout: settings.connect_timeout.saturating_add(settings.read_timeout),
        })
    }

    /// Asks until there is an answer, a refusal that stays one, or no retry left.
    pub(super) async fn call<T: DeserializeOwned>(&self, call: &Call) -> Result<T, RegistryError> {
        let mut retries = 0;
        loop {
            match self.ask_all(call).await {
                Ok((url, answer)) => {
                    return serde_json::from_slice(&answer).map_err(|error| RegistryError::Answer {
                        request: call.name(),
                        url,
                        reason: error.to_string().into(),
                    });
                }
                Err(error) if retries < self.retries_max && error.is_retriable() => {
                    let wait = backoff(retries, self.wait, self.wait_max, fastrand::f64());
                    tracing::debug!(%error, ?wait, "the registry is asked again");
                    tokio::time::sleep(wait).await;
                    retries += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The error for an answer of JSON that lacks what it must have.
    pub(super) fn unexpected(&self, call: &Call, reason: &str) -> RegistryError {
        let (address, _) = &self.addresses[self.current.load(Ordering::Relaxed)];
        RegistryError::Answer { request: call.name(), url: Arc::clone(&address.base), reason: reason.into() }
    }

    /// Asks one address after the other; a refusal that stays one is an answer.
    async fn ask_all(&self, call: &Call) -> Result<(Arc<str>, Bytes), RegistryError> {
        let first = self.current.load(Ordering::Relaxed);
        let mut step = 0;
        loop {
            let index = (first + step) % self.addresses.len();
            let (address, authorization) = &self.addresses[index];
            match self.ask(call, address, authorization.as_ref()).await {
                Err(error) if error.is_retriable() && step + 1 < self.addresses.len() => {
                    tracing::debug!(%error, "the next registry is asked");
                    step += 1;
                }
                outcome => {
                    if outcome.as_ref().err().is_none_or(|error| !error.is_retriable()) {
                        self.current.store(index, Ordering::Relaxed);
                    }
                    return outcome.map(|answer| (Arc::clone(&address.base), answer));
                }
            }
        }
    }

    async fn ask(
        &self,
        call: &Call,
        address: &Address,
        authorization: Option<&HeaderValue>,
    ) -> Result<Bytes, RegistryError> {
        let unreachable = |reason: String| RegistryError::Unreachable {
            request: call.name(),
            url: Arc::clone(&address.base),
            reason: reason.into(),
        };
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(format!("{}{}", address.base, call.path))
            .header(ACCEPT, ACCEPTED)
            .header(USER_AGENT, AGENT);
        if !call.body.is_empty() {
            request = request.header(CONTENT_TYPE, SENT);
        }
        if let Some(value) = authorization {
            request = request.header(AUTHORIZATION, value);
        }
        let request = request.body(Full::new(call.body.clone())).map_err(|error| RegistryError::Answer {
            request: call.name(),
            url: Arc::clone(&address.base),
            reason: error.to_string().into(),
        })?;
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| causes(&error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            body.map(|body| (status, body.to_bytes())).map_err(|error| causes(&*error))
        };
        let outcome = tokio::time::timeout(self.timeout, exchange).await;
        let (status, body) = outcome
            .unwrap_or_else(|_| Err(format!("no answer within {:?}", self.timeout)))
            .map_err(unreachable)?;
        if status.is_success() { Ok(body) } else { Err(refusal(call, status, &body)) }
    }
}

#[cfg_attr(not(feature = "tls"), expect(clippy::unnecessary_wraps, reason = "with TLS it can fail"))]
fn connector(settings: &RegistrySettings) -> Result<Connector, ConfigError> {
    let mut http = HttpConnector::new();
    http.set_connect_timeout(Some(settings.connect_timeout));
    http.set_nodelay(true);
    http.enforce_http(false);
    #[cfg(feature = "tls")]
    {
        let needs_tls = settings.url.iter().any(|url| url.starts_with("https:"));
        let config = if needs_tls {
            super::tls::config(settings)?
        } else {
            medallion_settings::tls::client_config_without_trust()
        };
        Ok(hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http))
    }
    #[cfg(not(feature = "tls"))]
    Ok(http)
}

fn authorization(settings: &RegistrySettings, address: &Address) -> Result<Option<HeaderValue>, ConfigError> {
    let basic = match settings.basic_auth_credentials_source {
        BasicCredentials::Url if settings.basic_auth_user_info.is_some() => {
            let reason = "needs basic.auth.credentials.source=USER_INFO";
            return Err(ConfigError::conflict("basic.auth.user.info", reason));
        }
        BasicCredentials::Url => address.credentials.clone(),
        BasicCredentials::UserInfo => {
            let info = settings.basic_auth_user_info.as_ref().map(|secret| secret.reveal().to_owned());
            let missing = || {
                ConfigError::conflict(
                    "basic.auth.user.info",
                    "is missing, with basic.auth.credentials.source=USER_INFO",
                )
            };
            Some(info.filter(|info| info.contains(':')).ok_or_else(missing)?)
        }
    };
    let text = match (basic, &settings.bearer_auth_token) {
        (Some(_), Some(_)) => {
            return Err(ConfigError::conflict("bearer.auth.token", "goes beside no name and password"));
        }
        (Some(basic), None) => format!("Basic {}", STANDARD.encode(basic)),
        (None, Some(token)) => format!("Bearer {}", token.reveal()),
        (None, None) => return Ok(None),
    };
    let mut value = HeaderValue::try_from(text).map_err(|_| {
        ConfigError::conflict("bearer.auth.token", "has characters that a header cannot have")
    })?;
    value.set_sensitive(true);
    Ok(Some(value))
}

fn refusal(call: &Call, status: StatusCode, body: &[u8]) -> RegistryError {
    #[derive(Deserialize)]
    struct Refusal {
        error_code: i32,
        message: Option<String>,
    }
    let (error_code, message) = match serde_json::from_slice::<Refusal>(body) {
        Ok(told) => (told.error_code, told.message.unwrap_or_default()),
        Err(_) => {
            let shown: String = String::from_utf8_lossy(body).chars().take(SHOWN_CHARS).collect();
            (status.as_u16().into(), if shown.is_empty() { status.to_string() } else { shown })
        }
    };
    RegistryError::Refused {
        request: call.name(),
        status: status.as_u16(),
        error_code,
        message: message.into(),
    }
}

/// An error with all that it comes from.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// The wait doubles up to its maximum; a random part of it is waited, as Confluent's clients do.
fn backoff(retries: u32, first: Duration, max: Duration, random: f64) -> Duration {
    let grown = first.saturating_mul(1 << retries.min(30)).min(max);
    grown.mul_f64(random.clamp(0.0, 1.0))
}
