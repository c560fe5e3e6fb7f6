//! Where the keys are from, and when they are looked up again.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jsonwebtoken::Header;
use parking_lot::RwLock;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use super::keys::{Key, KeySet};
use crate::http::jwks_client_config;
use crate::settings::RegistrySettings;

const SETTING: &str = "oauthbearer.jwks.endpoint.url";
/// How long the provider may take to answer.
const FETCH_PATIENCE: Duration = Duration::from_secs(10);
/// No set of keys is longer.
const SET_BYTES_MAX: usize = 1 << 20;
/// The wait after a look that failed, or that an unknown key has caused: whoever sends how many of those.
const PAUSE: Duration = Duration::from_secs(5);

/// Why the keys of tokens cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{SETTING}={url}: {reason}")]
pub struct JwksError {
    url: String,
    reason: String,
}

type HttpClient = Client<hyper_rustls::HttpsConnector<HttpConnector>, Empty<Bytes>>;

#[derive(Debug)]
enum Place {
    File(PathBuf),
    Url(Uri, Box<HttpClient>),
    #[cfg(test)]
    Test(Arc<super::tests::Provider>),
}

/// The keys, looked up when they are old, and when a token names one that is not known.
#[derive(Debug)]
pub(super) struct JwksSource {
    url: String,
    place: Place,
    /// `oauthbearer.jwks.endpoint.refresh.ms`
    refresh: Duration,
    current: RwLock<Current>,
    /// Held while the keys are looked up.
    looking: Mutex<()>,
}

#[derive(Debug)]
struct Current {
    keys: Arc<KeySet>,
    /// When they were looked up with success.
    since: Option<Instant>,
    /// No look before this, after one that failed.
    retry_at: Instant,
    /// No look because of an unknown key before this.
    unknown_at: Instant,
}

/// Why the keys are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Age,
    UnknownKey,
}

impl JwksSource {
    /// Looks the keys up for the first time.
    ///
    /// # Errors
    /// For a URL or a file that cannot be used. A provider that does not answer is asked again later.
    pub(super) async fn start(settings: &RegistrySettings) -> Result<Option<Self>, JwksError> {
        let Some(url) = &settings.jwks_url else { return Ok(None) };
        let failed = |reason: String| JwksError { url: url.clone(), reason };
        let place = place(url, settings).map_err(failed)?;
        let source = Self::new(url, place, settings.jwks_refresh);
        let looked = source.look().await.and_then(|()| match source.keys().len() {
            0 => Err("no key in it verifies signatures of RS, PS, ES or EdDSA".to_owned()),
            _ => Ok(()),
        });
        match (looked, &source.place) {
            (Err(reason), Place::File(_)) => return Err(failed(reason)),
            (Err(reason), _) => warn!(url, reason, "there are no keys of tokens yet; no token is taken"),
            (Ok(()), _) => {}
        }
        Ok(Some(source))
    }

    fn new(url: &str, place: Place, refresh: Duration) -> Self {
        let now = Instant::now();
        let current = Current { keys: Arc::default(), since: None, retry_at: now, unknown_at: now };
        Self { url: url.to_owned(), place, refresh, current: RwLock::new(current), looking: Mutex::new(()) }
    }

    #[cfg(test)]
    pub(super) fn of_test(provider: &Arc<super::tests::Provider>, refresh: Duration) -> Self {
        Self::new("test", Place::Test(Arc::clone(provider)), refresh)
    }

    /// The keys that may have signed a token with this header.
    pub(super) async fn keys_for(&self, header: &Header) -> Vec<Key> {
        if self.is_due(Cause::Age) {
            self.look_again(Cause::Age).await;
        }
        let known = self.keys().candidates(header);
        if !known.is_empty() || !self.is_due(Cause::UnknownKey) {
            return known;
        }
        self.look_again(Cause::UnknownKey).await;
        self.keys().candidates(header)
    }

    fn keys(&self) -> Arc<KeySet> {
        Arc::clone(&self.current.read().keys)
    }

    fn is_due(&self, cause: Cause) -> bool {
        let (current, now) = (self.current.read(), Instant::now());
        let is_old = || current.since.is_none_or(|since| now.duration_since(since) >= self.refresh);
        let is_due = match cause {
            Cause::Age => is_old(),
            Cause::UnknownKey => now >= current.unknown_at,
        };
        is_due && now >= current.retry_at
    }

    /// One looks; others that wait for it find that there is nothing left to do.
    async fn look_again(&self, cause: Cause) {
        let has_keys = self.current.read().since.is_some();
        let _looking = match self.looking.try_lock() {
            Ok(looking) => looking,
            // A provider that is slow keeps one request waiting, not all: the known keys hold meanwhile.
            Err(_) if cause == Cause::Age && has_keys => return,
            Err(_) => self.looking.lock().await,
        };
        if !self.is_due(cause) {
            return;
        }
        if let Err(reason) = self.look().await {
            warn!(url = self.url, reason, "the keys of tokens cannot be looked up; the known ones stay");
        }
        if cause == Cause::UnknownKey {
            self.current.write().unknown_at = Instant::now() + PAUSE;
        }
    }

    async fn look(&self) -> Result<(), String> {
        let read = self.read().await.and_then(|bytes| KeySet::parse(&bytes));
        let (mut current, now) = (self.current.write(), Instant::now());
        match read {
            Ok(keys) => {
                info!(url = self.url, keys = keys.len(), "looked the keys of tokens up");
                current.keys = Arc::new(keys);
                current.since = Some(now);
                Ok(())
            }
            Err(reason) => {
                current.retry_at = now + PAUSE;
                Err(reason)
            }
        }
    }

    async fn read(&self) -> Result<Bytes, String> {
        match &self.place {
            Place::File(path) => {
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || std::fs::read(path)).await;
                read.map_err(|error| error.to_string())?.map(Bytes::from).map_err(|error| error.to_string())
            }
            Place::Url(url, client) => timeout(FETCH_PATIENCE, fetch(client, url))
                .await
                .unwrap_or_else(|_| Err(format!("no answer within {} s", FETCH_PATIENCE.as_secs()))),
            #[cfg(test)]
            Place::Test(provider) => provider.answer().await,
        }
    }
}

fn place(url: &str, settings: &RegistrySettings) -> Result<Place, String> {
    if let Some(path) = url.strip_prefix("file:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if !path.starts_with('/') {
            return Err("expected file:///path".to_owned());
        }
        return Ok(Place::File(PathBuf::from(path)));
    }
    let uri: Uri = url.parse().map_err(|error| format!("it is no URL: {error}"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err("expected file://, http:// or https://".to_owned());
    }
    let mut http = HttpConnector::new();
    http.set_connect_timeout(Some(FETCH_PATIENCE));
    http.enforce_http(false);
    let needs_tls = uri.scheme_str() == Some("https");
    let tls = jwks_client_config(settings, needs_tls).map_err(|error| error.to_string())?;
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(http);
    let client = Client::builder(TokioExecutor::new()).build(connector);
    Ok(Place::Url(uri, Box::new(client)))
}

async fn fetch(client: &HttpClient, url: &Uri) -> Result<Bytes, String> {
    let request = Request::get(url.clone()).header("accept", "application/json").body(Empty::new());
    let request = request.map_err(|error| error.to_string())?;
    let response = client.request(request).await.map_err(|error| causes(&error))?;
    if response.status() != StatusCode::OK {
        return Err(format!("the answer is {}", response.status()));
    }
    let body = Limited::new(response.into_body(), SET_BYTES_MAX).collect().await;
    body.map(|body| body.to_bytes()).map_err(|error| error.to_string())
}

/// An error with all that lies behind it.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
