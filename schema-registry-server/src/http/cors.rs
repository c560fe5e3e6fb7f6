//! Pages of other origins (CORS), under the names of Confluent's settings; the defaults are those of Jetty's filter.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use medallion_settings::ConfigError;
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};

use crate::settings::RegistrySettings;

const ORIGIN: &str = "access.control.allow.origin";
const METHODS: &str = "access.control.allow.methods";
const HEADERS: &str = "access.control.allow.headers";
const METHODS_DEFAULT: [Method; 3] = [Method::GET, Method::POST, Method::HEAD];
const HEADERS_DEFAULT: [&str; 4] = ["x-requested-with", "content-type", "accept", "origin"];

/// What answers browsers; nothing where no origin may ask.
///
/// # Errors
/// Where a setting is not what its name says, or has no use without the origins.
pub(crate) fn layer(settings: &RegistrySettings) -> Result<Option<CorsLayer>, ConfigError> {
    let (origins, methods, headers) =
        (&settings.cors_origins, &settings.cors_methods, &settings.cors_headers);
    if origins.is_empty() {
        let others = [(METHODS, methods), (HEADERS, headers)];
        return match others.iter().find(|(_, values)| !values.is_empty()) {
            Some((name, _)) => Err(ConfigError::conflict(name, format!("it needs {ORIGIN}"))),
            None => Ok(None),
        };
    }
    let is_any = |values: &[String]| values.iter().any(|value| value == "*");
    let layer = CorsLayer::new();
    // Passwords that a browser keeps go only to pages that are named.
    let layer = if is_any(origins) {
        layer.allow_origin(AllowOrigin::any())
    } else {
        layer.allow_origin(named_origins(origins)?).allow_credentials(true)
    };
    let layer = layer.allow_methods(match &methods[..] {
        [] => AllowMethods::list(METHODS_DEFAULT),
        any if is_any(any) => AllowMethods::mirror_request(),
        named => AllowMethods::list(parsed::<Method>(METHODS, named, "method")?),
    });
    let layer = layer.allow_headers(match &headers[..] {
        [] => AllowHeaders::list(HEADERS_DEFAULT.map(HeaderName::from_static)),
        any if is_any(any) => AllowHeaders::mirror_request(),
        named => AllowHeaders::list(parsed::<HeaderName>(HEADERS, named, "header")?),
    });
    Ok(Some(layer))
}

/// Whether a browser asks by `OPTIONS` what a page of another origin may do.
pub(super) fn is_preflight(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN) && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn parsed<T: std::str::FromStr>(
    name: &'static str,
    values: &[String],
    what: &str,
) -> Result<Vec<T>, ConfigError> {
    let read = |value: &String| {
        value.parse().map_err(|_| ConfigError::conflict(name, format!("{value} is no name of a {what}")))
    };
    values.iter().map(read).collect()
}

fn named_origins(origins: &[String]) -> Result<AllowOrigin, ConfigError> {
    if let Some(origin) = origins.iter().find(|origin| !origin.contains("://")) {
        let reason = format!("{origin} is no origin, as https://app.example.com, and not *");
        return Err(ConfigError::conflict(ORIGIN, reason));
    }
    let origins = origins.to_vec();
    Ok(AllowOrigin::predicate(move |origin: &HeaderValue, _| {
        origin.to_str().is_ok_and(|origin| origins.iter().any(|pattern| fits(pattern, origin)))
    }))
}

/// Whether a text is a pattern with any letters for each `*`.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((begin, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(begin) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return left.ends_with(part);
        }
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_letters() {
        for (pattern, text, expected) in [
            ("https://a.example", "https://a.example", true),
            ("https://a.example", "https://a.example.evil", false),
            ("https://*.example", "https://a.b.example", true),
            ("https://*.example", "http://a.example", false),
            ("https://*.example", "https://a.example:8443", false),
            ("http://*.a:*", "http://x.a:80", true),
            ("http://*.a:*", "http://x.b:80", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}
