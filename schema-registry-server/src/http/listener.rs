//! Sockets: plain, or with TLS; and how long their clients may take.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tracing::debug;

use super::answering::Answering;
use super::app::App;
use super::connections::{Connections, Place};
use super::patient::Patient;
use crate::settings::{Listener, Scheme};

/// How long a client may take to agree on TLS.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
/// The wait after the system had no socket left for a connection.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a connection that is to end, and on which nothing is answered, may take for that.
const END_PATIENCE: Duration = Duration::from_secs(1);

/// A socket that listens and is not answered at yet.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) scheme: Scheme,
    pub(crate) address: SocketAddr,
    socket: TcpListener,
}

/// What all listeners have in common.
#[derive(Debug, Clone)]
pub(crate) struct Serving {
    pub(crate) app: Arc<App>,
    pub(crate) answering: Answering,
    /// `idle.timeout.ms`
    pub(crate) idle_timeout: Duration,
    /// `max.request.header.size`
    pub(crate) head_bytes_max: usize,
    /// Becomes true when no more requests are taken.
    pub(crate) stop: watch::Receiver<bool>,
}

impl Bound {
    /// Takes the address.
    ///
    /// # Errors
    /// With the listener in the text, where it cannot be taken.
    pub(crate) async fn bind(listener: &Listener) -> io::Result<Self> {
        let name = format!("{}://{}:{}", listener.scheme, listener.host, listener.port);
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("cannot listen at {name}: {error}"));
        let host = listener.host.trim_start_matches('[').trim_end_matches(']');
        let socket = TcpListener::bind((host, listener.port)).await.map_err(named)?;
        let address = socket.local_addr().map_err(named)?;
        Ok(Self { scheme: listener.scheme, address, socket })
    }

    /// Answers until it is to stop. Then the address is free at once; connections that are idle end, others after their
    /// answer.
    pub(crate) async fn serve(self, serving: Serving, tls: Option<Arc<rustls::ServerConfig>>) {
        let tls = tls.filter(|_| self.scheme == Scheme::Https).map(TlsAcceptor::from);
        let mut stop = serving.stop.clone();
        let mut tasks = JoinSet::new();
        loop {
            let taken = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                taken = take(&self.socket, &serving.app.connections) => taken,
            };
            match taken {
                Ok((stream, place)) => {
                    tasks.spawn(connection(serving.clone(), stream, tls.clone(), place));
                }
                Err(error) => {
                    debug!(%error, "a connection could not be taken");
                    sleep(PAUSE).await;
                }
            }
            while tasks.try_join_next().is_some() {}
        }
        drop(self.socket);
        while tasks.join_next().await.is_some() {}
    }
}

async fn take(socket: &TcpListener, connections: &Arc<Connections>) -> io::Result<(TcpStream, Arc<Place>)> {
    let (stream, _) = socket.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, connections.admit().await))
}

/// One connection from its first byte to its end.
async fn connection(serving: Serving, stream: TcpStream, tls: Option<TlsAcceptor>, place: Arc<Place>) {
    let Some(tls) = tls else { return requests(serving, stream, place).await };
    let agreed = tokio::select! {
        agreed = timeout(HANDSHAKE_PATIENCE, tls.accept(stream)) => agreed,
        () = place.must_go() => return,
    };
    match agreed {
        Ok(Ok(stream)) => requests(serving, stream, place).await,
        Ok(Err(error)) => debug!(%error, "no agreement on TLS"),
        Err(_) => debug!("no agreement on TLS in time"),
    }
}

/// The requests of a connection, one after another.
async fn requests<S>(serving: Serving, stream: S, place: Arc<Place>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Serving { answering, idle_timeout, head_bytes_max, mut stop, .. } = serving;
    let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
        let (answering, busy) = (answering.clone(), place.busy());
        async move {
            let response = answering.answer(request.map(Body::new)).await;
            drop(busy);
            response
        }
    });
    let stream = Patient::new(stream, idle_timeout);
    let unsent = stream.unsent();
    let mut builder = http1::Builder::new();
    // From the end of the last answer to the end of a head: it bounds both silence and slow heads.
    builder.timer(TokioTimer::new()).header_read_timeout(idle_timeout).max_header_size(head_bytes_max);
    // Who sends no more may still wait for the answer.
    builder.half_close(true);
    let mut served = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        ended = served.as_mut() => return note(ended),
        _ = stop.wait_for(|stop| *stop) => {}
        () = place.must_go() => {}
    }
    served.as_mut().graceful_shutdown();
    loop {
        match timeout(END_PATIENCE, served.as_mut()).await {
            Ok(ended) => return note(ended),
            // Half a head; nobody waits for an answer.
            Err(_) if place.is_idle() && !unsent.is_some() => return,
            Err(_) => {}
        }
    }
}

fn note(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        debug!(%error, "a connection ended early");
    }
}
