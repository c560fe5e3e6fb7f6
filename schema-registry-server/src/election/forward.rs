//! Writes that are handed on to the leader.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Request, header};
use axum::response::Response;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::api::Problem;
use crate::http::FORWARDED;
use crate::settings::RegistrySettings;

/// Headers of a client that go with its write.
const HEADERS: [HeaderName; 4] =
    [header::CONTENT_TYPE, header::ACCEPT, header::AUTHORIZATION, HeaderName::from_static("x-request-id")];

/// Why the leader's answer is not there (50003).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ForwardError {
    /// It was not sent: the leader takes no connection.
    Unreachable(Problem),
    /// Whether the write was made is not known.
    Failed(Problem),
}

/// Hands writes on.
#[derive(Debug)]
pub(crate) struct Forwarder {
    headers: Vec<HeaderName>,
    tls: Option<Arc<ClientConfig>>,
    connect_timeout: Duration,
    read_timeout: Duration,
}

impl Forwarder {
    pub(crate) fn new(settings: &RegistrySettings, tls: Option<Arc<ClientConfig>>) -> Self {
        let more = settings.forwarded_headers.iter().filter_map(|name| name.parse().ok());
        // The leader's answer is not unpacked here.
        let more = more.filter(|name| *name != header::ACCEPT_ENCODING);
        Self {
            headers: HEADERS.into_iter().chain(more).collect(),
            tls,
            connect_timeout: settings.leader_connect_timeout,
            read_timeout: settings.leader_read_timeout,
        }
    }

    /// What the leader at this address answers to a write.
    ///
    /// # Errors
    /// [`ForwardError`]
    pub(crate) async fn forward(
        &self,
        leader: &str,
        parts: &Parts,
        body: Bytes,
    ) -> Result<Response, ForwardError> {
        let problem = |reason: &dyn std::fmt::Display| {
            Problem::forwarding(format!(
                "Error while forwarding the request to the leader {leader}: {reason}"
            ))
        };
        let unreachable = |reason: &dyn std::fmt::Display| ForwardError::Unreachable(problem(reason));
        let failed = |reason: &dyn std::fmt::Display| ForwardError::Failed(problem(reason));
        let (scheme, authority) = leader.split_once("://").ok_or_else(|| failed(&"it has no address"))?;
        let stream = timeout(self.connect_timeout, TcpStream::connect(authority)).await;
        let stream = stream.map_err(|_| unreachable(&"it does not take the connection in time"))?;
        let stream = stream.map_err(|error| unreachable(&error))?;
        let request = self.request(authority, parts, body).map_err(|error| failed(&error))?;
        let answered = timeout(self.read_timeout, async {
            if scheme == "https" {
                let stream = self.secure(authority, stream).await.map_err(|error| error.to_string())?;
                exchange(stream, request).await
            } else {
                exchange(stream, request).await
            }
        });
        answered.await.map_err(|_| failed(&"it does not answer in time"))?.map_err(|error| failed(&error))
    }

    /// Whether the instance at this address says within `patience` that it is alive.
    pub(crate) async fn is_alive(&self, instance: &str, patience: Duration) -> bool {
        let (parts, ()) = match Request::get("/health/live").body(()) {
            Ok(request) => request.into_parts(),
            Err(_) => return false,
        };
        let answered = timeout(patience, self.forward(instance, &parts, Bytes::new())).await;
        matches!(answered, Ok(Ok(response)) if response.status().is_success())
    }

    fn request(
        &self,
        authority: &str,
        parts: &Parts,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, axum::http::Error> {
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let mut request =
            Request::builder().method(parts.method.clone()).uri(target).header(header::HOST, authority);
        for name in &self.headers {
            for value in parts.headers.get_all(name) {
                request = request.header(name, value);
            }
        }
        request.header(FORWARDED, HeaderValue::from_static("true")).body(Full::new(body))
    }

    async fn secure(
        &self,
        authority: &str,
        stream: TcpStream,
    ) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let config = self.tls.clone();
        let config = config.ok_or_else(|| io::Error::other("HTTPS to it needs ssl.truststore.location"))?;
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host).map_err(io::Error::other)?;
        TlsConnector::from(config).connect(name, stream).await
    }
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Response, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
    connection.abort();
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = parts.status;
    if let Some(content_type) = parts.headers.get(header::CONTENT_TYPE) {
        answer.headers_mut().insert(header::CONTENT_TYPE, content_type.clone());
    }
    Ok(answer)
}
