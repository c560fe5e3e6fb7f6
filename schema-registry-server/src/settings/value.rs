//! The types of settings' values.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use medallion_client::Secret;
use medallion_schema_registry::CompatibilityLevel;

/// A type that a setting can have.
pub(super) trait Value: Sized {
    /// What the reference calls the type.
    const TYPE: &'static str;
    /// Whether it must never be shown.
    const IS_SECRET: bool = false;

    /// Reads a trimmed text; the error says what was expected.
    fn parse(text: &str) -> Result<Self, String>;
}

macro_rules! parsed {
    ($($type:ty => $name:literal),*) => {$(
        impl Value for $type {
            const TYPE: &'static str = $name;

            fn parse(text: &str) -> Result<Self, String> {
                <$type>::from_str(text).map_err(|_| $name.to_owned())
            }
        }
    )*};
}

parsed!(u16 => "a port", usize => "a number", i16 => "a number up to 32767", PathBuf => "a file", String => "text");

impl Value for bool {
    const TYPE: &'static str = "true or false";

    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(Self::TYPE.to_owned()),
        }
    }
}

/// Milliseconds in files.
impl Value for Duration {
    const TYPE: &'static str = "milliseconds";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map(Self::from_millis).map_err(|_| Self::TYPE.to_owned())
    }
}

/// Seconds in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seconds(pub(crate) Duration);

impl Value for Seconds {
    const TYPE: &'static str = "seconds";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map(|seconds| Self(Duration::from_secs(seconds))).map_err(|_| Self::TYPE.to_owned())
    }
}

impl Value for Secret {
    const TYPE: &'static str = "a secret";
    const IS_SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self::from(text))
    }
}

impl<T: Value> Value for Option<T> {
    const TYPE: &'static str = T::TYPE;
    const IS_SECRET: bool = T::IS_SECRET;

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(None) } else { T::parse(text).map(Some) }
    }
}

impl<T: Value> Value for Vec<T> {
    const TYPE: &'static str = "a list, separated by commas";
    const IS_SECRET: bool = T::IS_SECRET;

    fn parse(text: &str) -> Result<Self, String> {
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(T::parse).collect()
    }
}

impl Value for CompatibilityLevel {
    const TYPE: &'static str = "a compatibility level";

    fn parse(text: &str) -> Result<Self, String> {
        Self::from_name(text)
            .ok_or_else(|| format!("one of {}", Self::ALL.map(Self::as_str).join(", ").to_ascii_lowercase()))
    }
}

/// How a listener is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Plain.
    Http,
    /// Over TLS.
    Https,
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
        })
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
        let expected = || Self::TYPE.to_owned();
        let (scheme, rest) = text.split_once("://").ok_or_else(expected)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(expected()),
        };
        let (host, port) = rest.trim_end_matches('/').rsplit_once(':').ok_or_else(expected)?;
        let port = port.parse().map_err(|_| expected())?;
        let host = if host.is_empty() { "0.0.0.0" } else { host };
        Ok(Self { scheme, host: host.to_owned(), port })
    }
}

/// `inter.instance.protocol`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterInstanceProtocol(pub Scheme);

impl Value for InterInstanceProtocol {
    const TYPE: &'static str = "http or https";

    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "http" => Ok(Self(Scheme::Http)),
            "https" => Ok(Self(Scheme::Https)),
            _ => Err(Self::TYPE.to_owned()),
        }
    }
}

/// `authentication.method`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Authentication {
    None,
    Basic,
    Bearer,
}

impl Value for Authentication {
    const TYPE: &'static str = "NONE, BASIC or BEARER";

    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_uppercase().as_str() {
            "NONE" => Ok(Self::None),
            "BASIC" => Ok(Self::Basic),
            "BEARER" => Ok(Self::Bearer),
            _ => Err(Self::TYPE.to_owned()),
        }
    }
}

/// `ssl.client.authentication`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientCertificates {
    None,
    Requested,
    Required,
}

impl Value for ClientCertificates {
    const TYPE: &'static str = "NONE, REQUESTED or REQUIRED";

    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_uppercase().as_str() {
            "NONE" => Ok(Self::None),
            "REQUESTED" => Ok(Self::Requested),
            "REQUIRED" => Ok(Self::Required),
            _ => Err(Self::TYPE.to_owned()),
        }
    }
}

/// `medallion.incompatible.error.code`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IncompatibleCode(pub(crate) i32);

impl Value for IncompatibleCode {
    const TYPE: &'static str = "409 or 40901";

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "409" => Ok(Self(409)),
            "40901" => Ok(Self(40_901)),
            _ => Err(Self::TYPE.to_owned()),
        }
    }
}
