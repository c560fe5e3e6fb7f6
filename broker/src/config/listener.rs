//! Listeners and the addresses that clients are told.

use super::error::ConfigError;
use super::resolved::Resolved;
use std::fmt;

/// What protects the connections of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecurityProtocol {
    /// Nothing.
    Plaintext,
    /// TLS.
    Ssl,
    /// SASL on a plain connection.
    SaslPlaintext,
    /// SASL over TLS.
    SaslSsl,
}

impl SecurityProtocol {
    /// The protocol of this name, in any case.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Plaintext, Self::Ssl, Self::SaslPlaintext, Self::SaslSsl]
            .into_iter()
            .find(|protocol| protocol.name().eq_ignore_ascii_case(name))
    }

    /// Kafka's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }

    /// The number in metadata records.
    pub const fn id(self) -> i16 {
        match self {
            Self::Plaintext => 0,
            Self::Ssl => 1,
            Self::SaslPlaintext => 2,
            Self::SaslSsl => 3,
        }
    }
}

impl fmt::Display for SecurityProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An address to listen on, or to tell clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// The listener's name, in capitals.
    pub name: String,
    /// The host without brackets; empty means every interface.
    pub host: String,
    /// The port; 0 lets the operating system choose.
    pub port: u16,
    /// What protects its connections.
    pub security_protocol: SecurityProtocol,
}

impl Listener {
    /// Whether only this machine can reach it.
    pub fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "{}://[{}]:{}", self.name, self.host, self.port)
        } else {
            write!(f, "{}://{}:{}", self.name, self.host, self.port)
        }
    }
}

/// Security protocols by the names of listeners, in capitals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ProtocolMap(Vec<(String, SecurityProtocol)>);

impl ProtocolMap {
    /// Reads `NAME:PROTOCOL` pairs.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut pairs: Vec<(String, SecurityProtocol)> = Vec::new();
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            let (name, protocol) =
                item.rsplit_once(':').ok_or_else(|| format!("'{item}' must be NAME:PROTOCOL"))?;
            let name = name.trim().to_uppercase();
            let protocol = SecurityProtocol::parse(protocol.trim()).ok_or_else(|| {
                format!("'{item}' must name one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL")
            })?;
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(format!("listener name {name} occurs twice"));
            }
            pairs.push((name, protocol));
        }
        Ok(Self(pairs))
    }

    /// Adds `names` as plain ones where they are missing, as Kafka does for controllers while nothing else is
    /// protected.
    pub(super) fn assume_plaintext(&mut self, names: &[String]) {
        for name in names {
            if self.get(name).is_none() {
                self.0.push((name.clone(), SecurityProtocol::Plaintext));
            }
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<SecurityProtocol> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, protocol)| *protocol)
    }
}

/// Reads one `NAME://host:port`.
pub(super) fn parse_listener(text: &str, protocols: &ProtocolMap) -> Result<Listener, String> {
    let malformed = || format!("'{text}' must be NAME://host:port");
    let (name, address) = text.split_once("://").ok_or_else(malformed)?;
    let (host, port) = address.rsplit_once(':').ok_or_else(malformed)?;
    let port = port.parse::<u16>().map_err(|_| format!("'{text}' must end in a port from 0 to 65535"))?;
    let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-%._:".contains(c);
    if name.is_empty() || !host.chars().all(allowed) {
        return Err(malformed());
    }
    let name = name.to_uppercase();
    let security_protocol = protocols.get(&name).ok_or_else(|| {
        format!("No security protocol defined for listener {name} in listener.security.protocol.map")
    })?;
    Ok(Listener { name, host: host.to_owned(), port, security_protocol })
}

/// Refuses names that occur twice, and ports too unless one address is IPv4 and the other IPv6.
pub(super) fn check_distinct(listeners: &[Listener], same_port_allowed: bool) -> Result<(), String> {
    for (index, listener) in listeners.iter().enumerate() {
        for other in &listeners[..index] {
            let families =
                [listener, other].map(|l| l.host.parse::<std::net::IpAddr>().map(|a| a.is_ipv4()).ok());
            let two_families = matches!(families, [Some(true), Some(false)] | [Some(false), Some(true)]);
            if listener.name == other.name && !two_families {
                return Err(format!(
                    "Each listener must have a different name, {} occurs twice",
                    listener.name
                ));
            }
            if listener.port == other.port && listener.port != 0 && !same_port_allowed && !two_families {
                return Err(format!(
                    "Each listener must have a different port, {} and {} have the same",
                    other.name, listener.name
                ));
            }
        }
    }
    Ok(())
}

/// `controller.listener.names`, in capitals.
pub(super) fn controller_listener_names(settings: &Resolved<'_>) -> Result<Vec<String>, ConfigError> {
    let names: Vec<String> = settings.read("controller.listener.names")?;
    Ok(names.iter().map(|name| name.to_uppercase()).collect())
}

/// `listeners`, each with the protocol that protects it.
pub(super) fn listeners(settings: &Resolved<'_>) -> Result<Vec<Listener>, ConfigError> {
    let listeners = read_listeners(settings, "listeners")?;
    check_distinct(&listeners, false).map_err(|message| settings.conflict("listeners", message))?;
    if let Some(listener) = listeners.iter().find(|l| l.security_protocol != SecurityProtocol::Plaintext) {
        let protocol = listener.security_protocol;
        return Err(settings
            .refused("listeners", format!("{} needs {protocol}, which does not work yet", listener.name)));
    }
    Ok(listeners)
}

/// `advertised.listeners`, or the listeners that are not a controller's.
pub(super) fn advertised_listeners(settings: &Resolved<'_>) -> Result<Vec<Listener>, ConfigError> {
    let name = if settings.is_set("advertised.listeners") { "advertised.listeners" } else { "listeners" };
    let controllers = controller_listener_names(settings)?;
    let mut advertised = read_listeners(settings, name)?;
    check_distinct(&advertised, true).map_err(|message| settings.conflict(name, message))?;
    if name == "advertised.listeners" {
        if let Some(listener) =
            advertised.iter().find(|listener| matches!(listener.host.as_str(), "0.0.0.0" | "::"))
        {
            let message =
                format!("{listener} is no address that a client can connect to; name one it can route to");
            return Err(settings.conflict(name, message));
        }
        let known = read_listeners(settings, "listeners")?;
        if let Some(stray) = advertised.iter().find(|a| known.iter().all(|listener| listener.name != a.name))
        {
            let message = format!("advertised.listeners names {}, which listeners does not have", stray.name);
            return Err(settings.conflict(name, message));
        }
    }
    advertised.retain(|listener| !controllers.contains(&listener.name));
    if advertised.is_empty() {
        return Err(settings.conflict(name, "there must be a listener that is not a controller's"));
    }
    Ok(advertised)
}

/// The controllers' listeners as other nodes reach them: from `advertised.listeners` where it names them, else from
/// `listeners`.
pub(super) fn advertised_controllers(settings: &Resolved<'_>) -> Result<Vec<Listener>, ConfigError> {
    let controllers = controller_listener_names(settings)?;
    let mut known = read_listeners(settings, "listeners")?;
    known.retain(|listener| controllers.contains(&listener.name));
    let advertised = if settings.is_set("advertised.listeners") {
        read_listeners(settings, "advertised.listeners")?
    } else {
        Vec::new()
    };
    let reach = |listener: Listener| {
        let named = advertised.iter().find(|advertised| advertised.name == listener.name);
        named.cloned().unwrap_or(listener)
    };
    Ok(known.into_iter().map(reach).collect())
}

/// `inter.broker.listener.name`, or the first listener with `security.inter.broker.protocol`.
pub(super) fn inter_broker_listener_name(settings: &Resolved<'_>) -> Result<String, ConfigError> {
    let advertised = advertised_listeners(settings)?;
    let named: Option<String> = settings.read("inter.broker.listener.name")?;
    let Some(name) = named else {
        let protocol: String = settings.read("security.inter.broker.protocol")?;
        let fitting = advertised.iter().find(|listener| listener.name == protocol);
        return Ok(fitting.or(advertised.first()).map(|listener| listener.name.clone()).unwrap_or_default());
    };
    if settings.is_set("security.inter.broker.protocol") {
        let message =
            "Only one of inter.broker.listener.name and security.inter.broker.protocol should be set.";
        return Err(settings.conflict("inter.broker.listener.name", message));
    }
    let name = name.to_uppercase();
    if advertised.iter().any(|listener| listener.name == name) {
        return Ok(name);
    }
    let message = format!(
        "inter.broker.listener.name must be a listener name defined in advertised.listeners, {name} is not"
    );
    Err(settings.conflict("inter.broker.listener.name", message))
}

fn read_listeners(settings: &Resolved<'_>, name: &str) -> Result<Vec<Listener>, ConfigError> {
    let protocols = protocols(settings)?;
    let texts: Vec<String> = settings.read(name)?;
    texts
        .iter()
        .map(|text| parse_listener(text, &protocols))
        .collect::<Result<_, _>>()
        .map_err(|message| settings.conflict(name, message))
}

/// The protocols by listener name. While `listener.security.protocol.map` is not set, the controllers' listeners are
/// plain, as in Kafka.
fn protocols(settings: &Resolved<'_>) -> Result<ProtocolMap, ConfigError> {
    let name = "listener.security.protocol.map";
    let text: String = settings.read(name)?;
    let mut protocols = ProtocolMap::parse(&text).map_err(|message| settings.conflict(name, message))?;
    if !settings.is_set(name) {
        protocols.assume_plaintext(&controller_listener_names(settings)?);
    }
    Ok(protocols)
}
