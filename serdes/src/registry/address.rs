//! A registry's URL, taken apart.

use std::sync::Arc;

use hyper::Uri;
use percent_encoding::percent_decode_str;

use crate::config::ConfigError;

const URL: &str = "schema.registry.url";

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// Scheme, host, port and path, without credentials and without a slash at the end.
    pub(super) base: Arc<str>,
    /// Name and password out of the URL, decoded.
    pub(super) credentials: Option<String>,
}

impl Address {
    pub(super) fn parse(url: &str) -> Result<Self, ConfigError> {
        let shown = hidden(url);
        let invalid = |reason: String| ConfigError::conflict(URL, format!("{shown}: {reason}"));
        let (scheme, rest) =
            url.split_once("://").ok_or_else(|| invalid("expected http:// or https://".to_owned()))?;
        match scheme {
            "http" => {}
            "https" if cfg!(feature = "tls") => {}
            "https" => return Err(invalid("https needs the feature tls of this library".to_owned())),
            _ => return Err(invalid("expected http:// or https://".to_owned())),
        }
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let (credentials, host) =
            authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        let base = format!("{scheme}://{host}{}", path.trim_end_matches('/'));
        let uri: Uri = base.parse().map_err(|error| invalid(format!("{error}")))?;
        if uri.host().is_none_or(str::is_empty) || uri.query().is_some() {
            return Err(invalid("expected a host, and no query".to_owned()));
        }
        let has_port = host.rsplit(']').next().is_some_and(|end| end.contains(':'));
        if has_port && uri.port_u16().is_none() {
            return Err(invalid("expected a port from 0 to 65535".to_owned()));
        }
        let decode = |text: &str| percent_decode_str(text).decode_utf8().map(|text| text.into_owned());
        let credentials = credentials.map(decode).transpose().map_err(|error| invalid(error.to_string()))?;
        Ok(Self { base: base.into(), credentials })
    }
}

/// The URL without what may be a password.
fn hidden(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((before, host)) => {
            format!("{}[hidden]@{host}", before.split_once("://").map_or("", |_| "...://"))
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(url: &str) -> String {
        Address::parse(url).unwrap().base.to_string()
    }

    #[test]
    fn urls_are_taken_apart() {
        assert_eq!(base("http://localhost:8081"), "http://localhost:8081");
        assert_eq!(base("http://localhost:8081/contexts/.c/"), "http://localhost:8081/contexts/.c");
        let address = Address::parse("https://ann:p%40ss:word@[::1]:8081/").unwrap();
        assert_eq!(&*address.base, "https://[::1]:8081");
        assert_eq!(address.credentials.as_deref(), Some("ann:p@ss:word"));
    }

    #[test]
    fn what_is_no_url_is_refused_without_its_password() {
        for url in [
            "localhost:8081",
            "mock://scope",
            "http://",
            "http://a b",
            "http://host/?x=1",
            "http://:80",
            "http://host:99999",
            "http://[::1]:x",
        ] {
            let error = Address::parse(url).unwrap_err().to_string();
            assert!(error.starts_with(&format!("schema.registry.url: {url}: ")), "{error}");
        }
        let error = Address::parse("ftp://ann:hunter2@host").unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
