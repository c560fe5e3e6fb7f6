//! The sockets that a broker listens on, and what others are told to connect to.

use std::net::{SocketAddr, ToSocketAddrs};

use super::error::StartError;
use crate::config::{BrokerConfig, Listener};
use crate::controller::image::Endpoint;
use crate::server::listener::bind;

/// Where a listener was bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundListener {
    /// The listener's name.
    pub name: String,
    /// Whether controllers and their tools are served.
    pub is_controller: bool,
    /// The address, with the port that the operating system chose where it was asked to.
    pub address: SocketAddr,
}

/// All sockets, bound and not yet served.
pub(super) struct Sockets {
    /// With what they were asked to be.
    pub(super) bound: Vec<(Listener, BoundListener, tokio::net::TcpListener)>,
    /// For operators.
    pub(super) metrics: Option<tokio::net::TcpListener>,
}

/// Binds all of `listeners` and the operators' port.
///
/// # Errors
/// What the operating system says; a listener whose host names no address.
pub(super) fn bind_all(config: &BrokerConfig) -> Result<Sockets, StartError> {
    let mut bound = Vec::new();
    let controllers: Vec<&Listener> = config.controller_listeners().collect();
    for listener in &config.listeners {
        let socket = bind(resolve(listener)?, config.socket_listen_backlog_size)?;
        let is_controller = controllers.contains(&listener);
        let address = socket.local_addr()?;
        let described = BoundListener { name: listener.name.clone(), is_controller, address };
        bound.push((listener.clone(), described, socket));
    }
    let metrics = config.metrics_listener.map(|address| bind(address, config.socket_listen_backlog_size));
    Ok(Sockets { bound, metrics: metrics.transpose()? })
}

/// As Java, an address of IPv4 where a host has both kinds: `localhost` is 127.0.0.1.
fn resolve(listener: &Listener) -> Result<SocketAddr, StartError> {
    let host = if listener.host.is_empty() { "0.0.0.0" } else { listener.host.as_str() };
    let addresses: Vec<SocketAddr> = (host, listener.port).to_socket_addrs()?.collect();
    let preferred = addresses.iter().find(|address| address.is_ipv4()).or_else(|| addresses.first());
    preferred.copied().ok_or_else(|| StartError::NoAddress { listener: listener.to_string() })
}

/// The controller's listeners as other nodes reach them.
pub(super) fn controller_endpoints(config: &BrokerConfig, sockets: &Sockets) -> Vec<Endpoint> {
    endpoints(&config.advertised_controller_listeners, sockets)
}

/// What clients are told to connect to.
pub(super) fn broker_endpoints(config: &BrokerConfig, sockets: &Sockets) -> Vec<Endpoint> {
    endpoints(&config.advertised_listeners, sockets)
}

/// A port that was left to the operating system is filled in, and so is the machine's name.
fn endpoints(advertised: &[Listener], sockets: &Sockets) -> Vec<Endpoint> {
    let machine = medallion_os::host_name();
    let reachable = advertised.iter().filter_map(|advertised| {
        let (_, bound, _) = sockets.bound.iter().find(|(listener, ..)| listener.name == advertised.name)?;
        let host = advertised.host_for_others(&machine);
        Some(Endpoint {
            name: advertised.name.as_str().into(),
            host: (*host).into(),
            port: if advertised.port == 0 { bound.address.port() } else { advertised.port },
            security_protocol: advertised.security_protocol.id(),
        })
    });
    reachable.collect()
}
