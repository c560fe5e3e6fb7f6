//! `host:port`, and what it resolves to.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::config::ConfigError;
use crate::error::Error;

/// A broker's host and port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Address {
    /// A name or an IP address, without brackets.
    pub(crate) host: Arc<str>,
    /// The TCP port.
    pub(crate) port: u16,
}

impl Address {
    /// Reads `host:port`, `[::1]:port`, and the same behind a protocol as in `SSL://host:port`.
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        let invalid = || ConfigError::Invalid {
            name: "bootstrap.servers",
            value: text.into(),
            expected: "expected host:port".into(),
        };
        let address = text.split_once("://").map_or(text, |(_, address)| address);
        let (host, port) = address.rsplit_once(':').ok_or_else(invalid)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let is_host = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c == '/');
        match port.parse() {
            Ok(port) if is_host && port > 0 => Ok(Self { host: host.into(), port }),
            _ => Err(invalid()),
        }
    }

    /// All addresses of the host, in the resolver's order.
    pub(super) async fn resolve(&self) -> Result<Vec<SocketAddr>, Error> {
        let found = tokio::net::lookup_host((&*self.host, self.port)).await;
        found.map(Iterator::collect).map_err(|reason| self.unreachable(reason))
    }

    pub(super) fn unreachable(&self, reason: std::io::Error) -> Error {
        Error::Unreachable { address: self.to_string().into(), reason: Arc::new(reason) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            return write!(f, "[{}]:{}", self.host, self.port);
        }
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_printed() {
        for (text, printed) in
            [("a:1", "a:1"), ("[::1]:9092", "[::1]:9092"), ("SSL://b.example:9093", "b.example:9093")]
        {
            assert_eq!(Address::parse(text).unwrap().to_string(), printed);
        }
        for wrong in ["", "a", ":1", "a:", "a:0", "a:x", "a:70000", "a b:1"] {
            assert!(Address::parse(wrong).is_err(), "{wrong}");
        }
    }
}
