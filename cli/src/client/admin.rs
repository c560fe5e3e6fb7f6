//! What a broker tells operators over HTTP, beside its metrics (`medallion.metrics.listener`).

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::error::io_reason;

/// How long an answer may take, with the connection.
const TIMEOUT: Duration = Duration::from_secs(10);
/// An answer longer than this is somebody else's.
const ANSWER_BYTES_MAX: usize = 64 << 20;
const JSON: &str = "application/json";

/// Why a broker told nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdminError {
    /// A `host:port` that is none.
    #[error("{address:?} is not an address of the form host:port")]
    Address { address: String },
    /// No connection could be opened.
    #[error("cannot reach {address}: {}", io_reason(reason))]
    Unreachable { address: String, reason: io::Error },
    /// The answer did not come, or not all of it.
    #[error("{address} did not answer: {reason}")]
    NoAnswer { address: String, reason: String },
    /// What answered is no Medallion broker, or an older one.
    #[error("{address} answered {path} with {status} and not as a Medallion broker of this version does")]
    NotMedallion { address: String, path: String, status: StatusCode },
    /// The broker says why it tells nothing.
    #[error("{message}")]
    Refused { message: String },
}

impl AdminError {
    /// Whether the broker could not be reached at all.
    pub(crate) fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::NoAnswer { .. })
    }

    /// What a user can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Refused { .. } => None,
            _ => Some(
                "pass the broker's `medallion.metrics.listener` by --admin-address; `medallion up` prints it as metrics"
                    .to_owned(),
            ),
        }
    }
}

/// A path segment that may hold anything.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Asks the broker at `address` (`host:port`) for the JSON at `path`.
pub(crate) async fn get<T: DeserializeOwned>(address: &str, path: &str) -> Result<T, AdminError> {
    let wrong = || AdminError::Address { address: address.to_owned() };
    let address = parse_address(address).ok_or_else(wrong)?;
    let request = Request::get(path).header(HOST, address).header(ACCEPT, JSON);
    let request = request.body(Empty::<Bytes>::new()).map_err(|_| wrong())?;
    let no_answer = |reason: String| AdminError::NoAnswer { address: address.to_owned(), reason };
    let answered = timeout(TIMEOUT, exchange(address, request)).await;
    let (status, is_json, body) =
        answered.map_err(|_| no_answer(format!("no answer within {} s", TIMEOUT.as_secs())))??;
    let not_medallion =
        || AdminError::NotMedallion { address: address.to_owned(), path: path.to_owned(), status };
    if !is_json {
        return Err(not_medallion());
    }
    if status.is_success() {
        return serde_json::from_slice(&body).map_err(|_| not_medallion());
    }
    let message = serde_json::from_slice::<serde_json::Value>(&body).ok();
    let message = message.as_ref().and_then(|message| message["error"].as_str());
    Err(message.map_or_else(not_medallion, |message| AdminError::Refused { message: message.to_owned() }))
}

/// The `host:port` of an address, which may be written as a URL without a path.
fn parse_address(text: &str) -> Option<&str> {
    let address = text.strip_prefix("http://").unwrap_or(text);
    let address = address.strip_suffix('/').unwrap_or(address);
    let (host, port) = address.rsplit_once(':')?;
    let is_host = !host.is_empty() && !host.contains(|c: char| c == '/' || c.is_whitespace());
    (is_host && port.parse::<u16>().is_ok()).then_some(address)
}

/// Sends a request on a connection of its own; gives the status, whether the body is JSON, and the body.
async fn exchange(
    address: &str,
    request: Request<Empty<Bytes>>,
) -> Result<(StatusCode, bool, Bytes), AdminError> {
    let unreachable = |reason| AdminError::Unreachable { address: address.to_owned(), reason };
    let stream = TcpStream::connect(address).await.map_err(unreachable)?;
    let no_answer =
        |error: hyper::Error| AdminError::NoAnswer { address: address.to_owned(), reason: error.to_string() };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(no_answer)?;
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(no_answer)?;
    let (status, is_json) = (response.status(), is_json(&response));
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
    connection.abort();
    let body = body
        .map_err(|error| AdminError::NoAnswer { address: address.to_owned(), reason: error.to_string() })?;
    Ok((status, is_json, body.to_bytes()))
}

fn is_json<B>(response: &Response<B>) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with(JSON))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// The outcome of asking someone who answers like this.
    async fn asked(answer: &'static str) -> Result<serde_json::Value, AdminError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let _ = stream.read(&mut request).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        let outcome = get(&address, "/admin/x").await;
        server.await.unwrap();
        outcome
    }

    #[tokio::test]
    async fn answers_are_told_apart() {
        let json = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}";
        assert_eq!(asked(json).await.unwrap(), serde_json::json!({ "a": 1 }));
        let refused = "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n\
                       {\"error\":\"no\"} ";
        let error = asked(refused).await.unwrap_err();
        assert!(matches!(&error, AdminError::Refused { message } if message == "no"), "{error:?}");
        let other = "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nno";
        let error = asked(other).await.unwrap_err();
        assert!(matches!(&error, AdminError::NotMedallion { .. }), "{error:?}");
        let error = asked("+PONG\r\n").await.unwrap_err();
        assert!(matches!(&error, AdminError::NoAnswer { .. }), "{error:?}");
        assert!(error.is_unreachable());
    }

    #[tokio::test]
    async fn addresses_are_checked_and_nobody_listens() {
        for wrong in ["", "host", ":1", "host:port", "a b:1", "host:99999", "https://a:1", "http://a:1/b"] {
            let error = get::<serde_json::Value>(wrong, "/").await.unwrap_err();
            assert!(matches!(&error, AdminError::Address { .. }), "{wrong}: {error:?}");
        }
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let error = get::<serde_json::Value>(&format!("http://{free}/"), "/").await.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot reach {free}: connection refused"));
        assert!(error.is_unreachable() && error.hint().is_some_and(|hint| hint.contains("--admin-address")));
    }

    #[test]
    fn any_group_fits_into_a_path() {
        assert_eq!(segment("a/b c%\u{e4}"), "a%2Fb%20c%25%C3%A4");
    }
}
