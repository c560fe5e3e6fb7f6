//! Takes connections of one listener and serves each in its own task.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tracing::{debug, warn};

use super::connection::{self, ConnectionEnd, ConnectionLimits};
use super::dispatch::{self, Peer};
use super::listener::{ConnectionCounter, ConnectionMaxima, CountedConnection, prepare};
use super::memory::MemoryBudget;
use crate::config::BrokerConfig;
use crate::handler::context::{ClientConnection, ListenerInfo};
use crate::handler::{BrokerState, Principal};

/// After a failed `accept` (too many open files, say) the next one waits for this long.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// What all listeners of a broker share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) state: Arc<BrokerState>,
    pub(crate) budget: MemoryBudget,
    pub(crate) counter: Arc<ConnectionCounter>,
    /// Turns true when the broker stops.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// Accepts until the broker stops.
pub(crate) async fn accept(listener: TcpListener, info: Arc<ListenerInfo>, shared: Shared) {
    let mut stopping = shared.stopping.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.wait_for(|stopping| *stopping) => return,
        };
        match accepted {
            Ok((stream, address)) => admit(stream, address, &info, &shared),
            Err(error) => {
                warn!(listener = %info.name, %error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}

fn admit(stream: TcpStream, address: SocketAddr, info: &Arc<ListenerInfo>, shared: &Shared) {
    let config = shared.state.config.load();
    let per_ip = config.max_connections_per_ip_overrides.get(&address.ip().to_string()).copied();
    let maxima = ConnectionMaxima {
        total: config.max_connections,
        per_ip: per_ip.unwrap_or(config.max_connections_per_ip),
    };
    let metrics = &shared.state.metrics;
    let counted = match shared.counter.admit(address.ip(), maxima) {
        Ok(counted) => counted,
        Err(limit) => return metrics.connection_refused(limit),
    };
    metrics.connection_accepted(&info.name);
    if let Err(error) = prepare(&stream, config.socket_send_buffer_bytes, config.socket_receive_buffer_bytes)
    {
        debug!(peer = %address, %error, "socket options could not be set");
        return;
    }
    let peer = Peer {
        address,
        listener: Arc::clone(info),
        principal: Principal::anonymous(),
        connection: ClientConnection::new(address),
    };
    let limits = limits(&config);
    tokio::spawn(run(stream, peer, limits, shared.clone(), counted));
}

fn limits(config: &BrokerConfig) -> ConnectionLimits {
    let idle_ms = u64::try_from(config.connections_max_idle_ms).unwrap_or(u64::MAX / 4);
    ConnectionLimits {
        frame_bytes_max: config.socket_request_max_bytes,
        in_flight_max: config.connection_requests_max.max(1),
        idle_max: Duration::from_millis(idle_ms.max(1)),
        frame_time_max: Duration::from_millis(config.request_read_timeout_ms),
        write_stall_max: Duration::from_millis(config.response_write_timeout_ms),
    }
}

async fn run(
    stream: TcpStream,
    peer: Peer,
    limits: ConnectionLimits,
    shared: Shared,
    counted: CountedConnection,
) {
    let Shared { state, budget, mut stopping, .. } = shared;
    let metrics_state = Arc::clone(&state);
    let start = |frame| dispatch::start(&state, &peer, frame);
    let stopped = async move {
        let _ = stopping.wait_for(|stopping| *stopping).await;
    };
    let metrics = &metrics_state.metrics;
    let end = connection::serve(Arc::new(stream), limits, budget, dispatch::weigh, start, stopped).await;
    if let Some(instance) = peer.connection.telemetry_instance() {
        metrics_state.telemetry.disconnected(instance);
    }
    if let Some(reason) = end.label() {
        metrics.connection_closed(reason);
    }
    match end {
        ConnectionEnd::Refused(_) | ConnectionEnd::SlowFrame(_) => {
            warn!(peer = %peer.address, listener = %peer.listener.name, reason = %end, "connection closed");
        }
        _ => debug!(peer = %peer.address, listener = %peer.listener.name, reason = %end, "connection closed"),
    }
    drop(counted);
}
