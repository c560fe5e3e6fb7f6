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
use crate::handler::context::{ClientConnection, ListenerInfo, ListenerKind};
use crate::handler::{BrokerState, Principal};
use crate::quota::{RateMaxima, UNLIMITED, now_ms};

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
            Ok((stream, address)) => {
                // As in Kafka the whole listener waits, this connection and all behind it.
                tokio::select! {
                    () = await_turn(&info, &shared) => admit(stream, address, &info, &shared),
                    _ = stopping.wait_for(|stopping| *stopping) => return,
                }
            }
            Err(error) => {
                warn!(listener = %info.name, %error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}

/// How fast a listener may accept. Controllers' listeners are not limited, and the brokers' own one, where clients have
/// another, only by a rate of its own: clients must not shut brokers out.
fn rate_maxima(info: &ListenerInfo, config: &BrokerConfig) -> RateMaxima {
    if info.kind == ListenerKind::Controller {
        return RateMaxima::NONE;
    }
    let broker = config.max_connection_creation_rate;
    let listener = config.listener_connection_creation_rates.get(&info.name.to_lowercase());
    let listener = listener.copied().unwrap_or(broker);
    let of_brokers = *info.name == *config.inter_broker_listener_name;
    let is_protected = of_brokers && config.broker_listeners().count() > 1;
    RateMaxima { broker: if is_protected { UNLIMITED } else { broker }, listener }
}

/// Waits while the listener or the broker is above `max.connection.creation.rate`.
async fn await_turn(info: &ListenerInfo, shared: &Shared) {
    let maxima = rate_maxima(info, &shared.state.config.load());
    let wait_ms = shared.state.connection_rates.count(&info.name, maxima, now_ms(&*shared.state.clock));
    if let Ok(wait_ms @ 1..) = u64::try_from(wait_ms) {
        shared.state.metrics.connection_delayed("max.connection.creation.rate");
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
    }
}

/// How long a connection of an address that is above its rate is held; 0 for one that is served.
fn hold_ms(address: SocketAddr, info: &ListenerInfo, shared: &Shared) -> u64 {
    if info.kind == ListenerKind::Controller {
        return 0;
    }
    let maxima = rate_maxima(info, &shared.state.config.load());
    let (rates, now_ms) = (&shared.state.connection_rates, now_ms(&*shared.state.clock));
    u64::try_from(rates.count_ip(&info.name, maxima, address.ip().to_canonical(), now_ms)).unwrap_or(0)
}

/// Holds a connection of an address that is above its rate (KIP-612), so that a client which connects again at once is
/// slowed; it is closed without being served.
async fn hold(
    stream: TcpStream,
    time: Duration,
    mut stopping: watch::Receiver<bool>,
    counted: CountedConnection,
) {
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
    drop((stream, counted));
}

fn admit(stream: TcpStream, address: SocketAddr, info: &Arc<ListenerInfo>, shared: &Shared) {
    let config = shared.state.config.load();
    let per_ip = config.max_connections_per_ip_overrides.get(&address.ip().to_canonical()).copied();
    let maxima = ConnectionMaxima {
        total: config.max_connections,
        per_ip: per_ip.unwrap_or(config.max_connections_per_ip),
    };
    let metrics = &shared.state.metrics;
    let counted = match shared.counter.admit(address.ip(), maxima) {
        Ok(counted) => counted,
        Err(limit) => return metrics.connection_refused(limit),
    };
    let hold_ms = hold_ms(address, info, shared);
    if hold_ms > 0 {
        metrics.connection_delayed("connection_creation_rate");
        tokio::spawn(hold(stream, Duration::from_millis(hold_ms), shared.stopping.clone(), counted));
        return;
    }
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
