//! Answers by gzip (`compression.enable`), to clients that take it.

use std::io::{self, Write};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Bytes};
use tracing::debug;

/// Smaller answers fit into a packet as they are.
const BYTES_MIN: u64 = 1024;
/// Larger ones are packed on a thread that may be busy for a while.
const BYTES_AT_ONCE_MAX: usize = 64 << 10;

/// Whether whoever asks takes gzip (RFC 9110, 12.5.3): by its own name, or else by `*`.
pub(super) fn is_taken(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let (mut by_name, mut by_star) = (None, None);
    for coding in values.flat_map(|value| value.split(',')) {
        let mut parts = coding.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let quality = parts
            .find_map(|part| part.strip_prefix(['q', 'Q'])?.strip_prefix('='))
            .map_or(1.0, |text| text.parse().unwrap_or(0.0));
        let is_taken = Some(quality > 0.0_f32);
        if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
            by_name = is_taken;
        } else if name == "*" {
            by_star = is_taken;
        }
    }
    by_name.or(by_star).unwrap_or(false)
}

/// The answer, packed where that is worth it and `is_taken`.
pub(super) async fn packed(mut response: Response, is_taken: bool) -> Response {
    let bytes = response.body().size_hint().exact();
    if bytes.is_none_or(|bytes| bytes < BYTES_MIN)
        || response.headers().contains_key(header::CONTENT_ENCODING)
    {
        return response;
    }
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept-encoding"));
    if !is_taken {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        // It is in memory already, so this does not come about.
        Err(error) => {
            debug!(%error, "an answer could not be read");
            return Response::from_parts(head, Body::empty());
        }
    };
    let body = match gzip_in_turn(body.clone()).await {
        Ok(packed) => {
            head.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            head.headers.remove(header::CONTENT_LENGTH);
            Bytes::from(packed)
        }
        Err(error) => {
            debug!(%error, "an answer is sent as it is");
            body
        }
    };
    Response::from_parts(head, Body::from(body))
}

async fn gzip_in_turn(body: Bytes) -> io::Result<Vec<u8>> {
    if body.len() <= BYTES_AT_ONCE_MAX {
        return gzip(&body);
    }
    let packed = tokio::task::spawn_blocking(move || gzip(&body)).await;
    packed.map_err(io::Error::other)?
}

fn gzip(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_taken_by_its_name_or_by_a_star() {
        for (accepted, expected) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("x-gzip", true),
            ("*", true),
            ("gzip;q=0, *", false),
            ("gzip; q=0.0", false),
            ("gzip;Q=0", false),
            ("gzip;Q=0.1, *;q=0", true),
            ("identity, br", false),
            ("", false),
        ] {
            let headers = [(header::ACCEPT_ENCODING, HeaderValue::from_static(accepted))];
            assert_eq!(is_taken(&headers.into_iter().collect()), expected, "{accepted}");
        }
        assert!(!is_taken(&HeaderMap::new()));
    }
}
