//! The types of settings' values that are the registry's.

use std::fmt;
use std::time::Duration;

use medallion_schema_registry::CompatibilityLevel;
use medallion_settings::{Value, choices};

/// A compatibility level, in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level(pub CompatibilityLevel);

impl Value for Level {
    const TYPE: &'static str = "a compatibility level";

    fn parse(text: &str) -> Result<Self, String> {
        let all = || CompatibilityLevel::ALL.map(CompatibilityLevel::as_str).join(", ").to_ascii_lowercase();
        CompatibilityLevel::from_name(text).map(Self).ok_or_else(|| format!("expected one of {}", all()))
    }

    fn text(&self) -> String {
        self.0.as_str().to_ascii_lowercase()
    }
}

/// Seconds in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seconds(pub Duration);

impl Value for Seconds {
    const TYPE: &'static str = "seconds";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map(|seconds| Self(Duration::from_secs(seconds))).map_err(|_| Self::expected())
    }

    fn text(&self) -> String {
        self.0.as_secs().to_string()
    }

    fn number(&self) -> Option<i128> {
        Some(self.0.as_secs().into())
    }
}

choices! {
    /// How a listener is spoken to.
    pub enum Scheme as "http or https" {
        /// Plain.
        Http = "http",
        /// Over TLS.
        Https = "https",
    }
    /// How clients prove who they are (`authentication.method`).
    pub enum Authentication as "NONE, BASIC or BEARER" {
        /// They do not.
        None = "NONE",
        /// By name and password.
        Basic = "BASIC",
        /// By a token.
        Bearer = "BEARER",
    }
    /// Whether clients show a certificate (`ssl.client.authentication`).
    pub enum ClientCertificates as "NONE, REQUESTED or REQUIRED" {
        /// They are not asked for one.
        None = "NONE",
        /// They may.
        Requested = "REQUESTED",
        /// They must.
        Required = "REQUIRED",
    }
    /// The `error_code` of an incompatible schema (`medallion.incompatible.error.code`).
    pub enum IncompatibleCode as "409 or 40901" {
        /// Up to Confluent 8.1.
        Conflict = "409",
        /// From 8.2 on.
        Incompatible = "40901",
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl IncompatibleCode {
    /// The number.
    pub(crate) const fn code(self) -> i32 {
        match self {
            Self::Conflict => 409,
            Self::Incompatible => 40_901,
        }
    }
}

/// An address that is listened at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// How it is spoken to.
    pub scheme: Scheme,
    /// A name or an address.
    pub host: String,
    /// The port; 0 for any that is free.
    pub port: u16,
}

impl Value for Listener {
    const TYPE: &'static str = "http://host:port or https://host:port";

    fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or_else(Self::expected)?;
        let scheme = Scheme::parse(scheme).map_err(|_| Self::expected())?;
        let (host, port) = rest.trim_end_matches('/').rsplit_once(':').ok_or_else(Self::expected)?;
        let port = port.parse().map_err(|_| Self::expected())?;
        let host = if host.is_empty() { "0.0.0.0" } else { host };
        Ok(Self { scheme, host: host.to_owned(), port })
    }

    fn text(&self) -> String {
        format!("{}://{}:{}", self.scheme, self.host, self.port)
    }
}
