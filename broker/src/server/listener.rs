//! Accepts connections and holds them to the limits.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use tracing::warn;

/// After this silence the kernel asks a peer whether it is still there.
const KEEPALIVE: Duration = Duration::from_mins(1);

/// Binds a listening socket; at most `backlog` connections wait to be accepted.
///
/// # Errors
/// What the operating system says, with the address.
pub(crate) fn bind(address: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket
        .bind(&address.into())
        .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))?;
    socket.listen(backlog.max(1))?;
    TcpListener::from_std(socket.into())
}

/// Kafka's default of `socket.send.buffer.bytes` and `socket.receive.buffer.bytes`, which nobody chooses: a fetch of a
/// megabyte would wait for its reader ten times, and a producer for room for every request. The operating system fits the
/// buffers to the connection instead.
const KAFKA_BUFFER_BYTES: i32 = 102_400;

/// Socket options of an accepted connection; -1 leaves a buffer size to the operating system, as does Kafka's default.
pub(crate) fn prepare(
    stream: &TcpStream,
    send_buffer_bytes: i32,
    receive_buffer_bytes: i32,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
    if let Some(bytes) = chosen(send_buffer_bytes) {
        socket.set_send_buffer_size(bytes)?;
    }
    if let Some(bytes) = chosen(receive_buffer_bytes) {
        socket.set_recv_buffer_size(bytes)?;
    }
    Ok(())
}

/// A buffer size that somebody has chosen.
fn chosen(bytes: i32) -> Option<usize> {
    usize::try_from(bytes).ok().filter(|_| bytes != KAFKA_BUFFER_BYTES)
}

/// Counts connections against `max.connections` and `max.connections.per.ip`.
#[derive(Debug)]
pub(crate) struct ConnectionCounter {
    state: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    by_ip: HashMap<IpAddr, usize>,
}

/// The limits in force when a connection is accepted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectionMaxima {
    pub(crate) total: usize,
    pub(crate) per_ip: usize,
}

/// A counted connection; dropping it counts it out.
#[derive(Debug)]
pub(crate) struct CountedConnection {
    counter: Arc<ConnectionCounter>,
    ip: IpAddr,
}

impl ConnectionCounter {
    /// A counter at zero.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(Counts::default()) })
    }

    /// Counts a connection in.
    ///
    /// # Errors
    /// The setting whose limit is reached.
    pub(crate) fn admit(
        self: &Arc<Self>,
        ip: IpAddr,
        maxima: ConnectionMaxima,
    ) -> Result<CountedConnection, &'static str> {
        let mut state = self.state.lock();
        let of_ip = state.by_ip.get(&ip).copied().unwrap_or(0);
        if state.total >= maxima.total || of_ip >= maxima.per_ip {
            warn!(%ip, total = state.total, of_ip, ?maxima, "connection refused: too many");
            return Err(if state.total >= maxima.total {
                "max.connections"
            } else {
                "max.connections.per.ip"
            });
        }
        state.total += 1;
        *state.by_ip.entry(ip).or_default() += 1;
        Ok(CountedConnection { counter: Arc::clone(self), ip })
    }

    /// Connections at the moment.
    pub(crate) fn total(&self) -> usize {
        self.state.lock().total
    }
}

impl Drop for CountedConnection {
    fn drop(&mut self) {
        let mut state = self.counter.state.lock();
        state.total -= 1;
        if let Some(of_ip) = state.by_ip.get_mut(&self.ip) {
            *of_ip -= 1;
            if *of_ip == 0 {
                state.by_ip.remove(&self.ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_and_count_out() {
        let counter = ConnectionCounter::new();
        let maxima = ConnectionMaxima { total: 3, per_ip: 2 };
        let (a, b) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let first = counter.admit(a, maxima);
        let _second = counter.admit(a, maxima);
        assert!(first.is_ok());
        assert_eq!(counter.admit(a, maxima).err(), Some("max.connections.per.ip"));
        let _third = counter.admit(b, maxima);
        assert_eq!(counter.admit(b, maxima).err(), Some("max.connections"));
        drop(first);
        assert_eq!(counter.total(), 2);
        assert!(counter.admit(a, maxima).is_ok());
    }

    #[tokio::test]
    async fn only_buffers_that_somebody_chose_are_set() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let stream = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("listening");
        let socket = SockRef::from(&stream);
        let sizes = || {
            let send = socket.send_buffer_size().expect("a size");
            (send, socket.recv_buffer_size().expect("a size"))
        };
        let tuned = sizes();
        for left_alone in [-1, KAFKA_BUFFER_BYTES] {
            prepare(&stream, left_alone, left_alone).expect("options are set");
            assert_eq!(sizes(), tuned);
        }
        prepare(&stream, 50_000, 30_000).expect("options are set");
        let (send, receive) = sizes();
        assert!((50_000..=100_000).contains(&send), "{send}");
        assert!((30_000..=60_000).contains(&receive), "{receive}");
    }
}
