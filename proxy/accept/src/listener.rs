//! The accept loop and its connections.
//!
//! Enters: a listener and a service. Leaves: served connections, HTTP/1.1 or HTTP/2. Never: waits
//! for a slow handshake or header for ever; a failed accept never ends the loop.

use std::cell::RefCell;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, Version};
use hyper::body::{Body, Incoming};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use toolgate_call::Peer;
use toolgate_telemetry::{ConnectionRejected, Telemetry, TlsEnd};
use tower::Service;

use crate::answer::{Carried, Rouse, roused};
use crate::pace::{Pace, Watch};
use crate::socket::Socket;
use crate::tls::{Caller, Wire};
use crate::{Drained, Lanes, Patience, Tls};

/// Limits of the listener.
#[derive(Clone, Copy, Debug)]
pub struct AcceptConfig {
    /// Connections at once; more are closed at once and counted.
    pub connections: usize,
    /// How long a caller may take over what is its to do.
    pub patience: Patience,
    /// The most bytes that the header of a request may have.
    pub header_bytes: usize,
}

/// How long to wait when the system has no file descriptor left.
const EXHAUSTED: Duration = Duration::from_millis(50);
/// How long a silent connection is trusted before the other side is asked whether it is there.
const PROBE_AFTER: Duration = Duration::from_secs(20);
/// How long an answer to that may take (HTTP/2), or how often it is asked (TCP).
const PROBE_LIMIT: Duration = Duration::from_secs(10);
/// How long a TLS handshake may take: a few round trips and, at most, a slow signature.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a connection may take to say goodbye that is closed because nothing happens on it.
const FAREWELL: Duration = Duration::from_secs(1);

/// What is listened on.
#[derive(Debug)]
pub struct Listening {
    /// The socket.
    pub socket: TcpListener,
    /// What hands are shaken with; `None`: in the clear.
    pub tls: Option<Tls>,
}

/// Serves connections until the end of service; those that are open end by themselves then.
pub async fn serve<S, B>(
    listening: Listening,
    config: AcceptConfig,
    stack: S,
    telemetry: Arc<Telemetry>,
    (lanes, mut drained): (Arc<Lanes>, Drained),
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
    B: Body<Data = bytes::Bytes, Error = Infallible> + Send + Unpin + 'static,
{
    let Listening { socket: listener, tls } = listening;
    let permits = Arc::new(Semaphore::new(config.connections.min(Semaphore::MAX_PERMITS)));
    loop {
        let accepted = tokio::select! {
            biased;
            () = drained.ending() => return,
            accepted = listener.accept() => accepted,
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(EXHAUSTED).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
            telemetry.gateway.connection_rejected(ConnectionRejected::Limit);
            continue;
        };
        let connection = Connection {
            peer: Some(Peer(peer)),
            caller: None,
            config,
            stack: stack.clone(),
            permit,
        };
        let active = telemetry.gateway.connection_accepted();
        let drained = drained.clone();
        let greeting = tls.clone().map(|tls| Greeting { tls, telemetry: Arc::clone(&telemetry) });
        // The socket leaves the reactor of this runtime for that of its lane.
        let socket = match socket.into_std() {
            Ok(socket) => socket,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be handed to its lane");
                continue;
            }
        };
        lanes.spawn(async move {
            match TcpStream::from_std(socket) {
                Ok(socket) => {
                    prepare(&socket);
                    connection.begin(socket, greeting, drained).await;
                }
                Err(error) => tracing::warn!(%error, "a connection could not be taken over"),
            }
            drop(active);
        });
    }
}

/// A connection that was accepted.
pub(crate) struct Connection<S> {
    /// `None` for a caller in this process.
    pub(crate) peer: Option<Peer>,
    /// Who it is by certificate; `None`: no certificate.
    pub(crate) caller: Option<Caller>,
    pub(crate) config: AcceptConfig,
    pub(crate) stack: S,
    pub(crate) permit: OwnedSemaphorePermit,
}

/// What is needed to shake hands.
pub(crate) struct Greeting {
    pub(crate) tls: Tls,
    pub(crate) telemetry: Arc<Telemetry>,
}

// === impl Greeting ===

impl Greeting {
    /// Shakes hands, within the time that there is for it.
    pub(crate) async fn shake(
        &self,
        socket: TcpStream,
        drained: &mut Drained,
    ) -> Option<(Wire, Option<Caller>)> {
        let shaken = tokio::select! {
            shaken = tokio::time::timeout(HANDSHAKE, self.tls.shake(socket)) => {
                shaken.unwrap_or(Err(TlsEnd::Timeout))
            }
            // Nothing was asked yet, so nothing is lost.
            () = drained.ending() => Err(TlsEnd::Shutdown),
        };
        self.telemetry.tls.handshake(*shaken.as_ref().err().unwrap_or(&TlsEnd::Ok));
        shaken.ok()
    }
}

// === impl Connection ===

impl<S> Connection<S> {
    /// Shakes hands if need be, and serves what comes then.
    async fn begin<B>(self, socket: TcpStream, greeting: Option<Greeting>, mut drained: Drained)
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
            + Clone
            + Send
            + 'static,
        S::Future: Send + 'static,
        B: Body<Data = bytes::Bytes, Error = Infallible> + Send + Unpin + 'static,
    {
        let Some(greeting) = greeting else {
            return self.run(Wire::Clear(socket), drained).await;
        };
        let Some((socket, caller)) = Box::pin(greeting.shake(socket, &mut drained)).await else {
            return;
        };
        drop(greeting);
        Self { caller, ..self }.run(socket, drained).await;
    }

    pub(crate) async fn run<T, B>(self, socket: T, mut drained: Drained)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
            + Clone
            + Send
            + 'static,
        S::Future: Send + 'static,
        B: Body<Data = bytes::Bytes, Error = Infallible> + Send + Unpin + 'static,
    {
        let Self { peer, caller, config, stack, permit } = self;
        let builder = builder(config);
        let pace = Pace::new(config.patience);
        let (socket, mut watch) = (Socket::new(socket, Arc::clone(&pace)), Watch::new(&pace));
        // One stack a connection, not one a request: a clone touches counters that all cores share.
        let stack = RefCell::new(stack);
        let (steps, wait) = (drained.clone(), config.patience.write);
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            if let Some(peer) = peer {
                request.extensions_mut().insert(peer);
            }
            if let Some(caller) = &caller {
                request.extensions_mut().insert(caller.shown());
            }
            let http2 = request.version() == Version::HTTP_2;
            let active = pace.begin(http2);
            // HTTP/2 gives each request a task of its own, which must hear of the end itself.
            let mut rouse = http2.then(|| Rouse::new(steps.clone()));
            // The stack is always ready: its layers shed in `call`.
            let answering = stack.borrow_mut().call(request);
            async move {
                let response = roused(answering, &mut rouse).await?;
                Ok::<_, Infallible>(response.map(|body| Carried::new(body, rouse, active, wait)))
            }
        });
        let connection = builder.serve_connection(socket, service);
        tokio::pin!(connection);
        let ended = {
            let mut watched = pin!(watch.over(connection.as_mut()));
            drained.until_ending(watched.as_mut()).await
        };
        let ended = match ended {
            Some(ended) => ended,
            None => {
                connection.as_mut().graceful_shutdown();
                let ended = tokio::select! {
                    ended = watch.over(connection.as_mut()) => Some(ended),
                    () = drained.over() => None,
                };
                match ended {
                    Some(ended) => ended,
                    // From here on every call that still waits answers that the gateway stops.
                    None => watch.over(connection.as_mut()).await,
                }
            }
        };
        match ended {
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::debug!(?peer, %error, "a connection ended badly"),
            None => {
                tracing::debug!(?peer, "nothing happened on a connection for too long");
                connection.as_mut().graceful_shutdown();
                // Whether it says goodbye or not, it ends.
                let _ended = tokio::time::timeout(FAREWELL, connection).await;
            }
        }
        drop(permit);
    }
}

fn builder(config: AcceptConfig) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // `Patience` has a limit for it, which also holds before the version is known.
        .header_read_timeout(None)
        .max_buf_size(config.header_bytes.max(8 * 1024))
        .keep_alive(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PROBE_AFTER)
        .keep_alive_timeout(PROBE_LIMIT)
        .max_concurrent_streams(250)
        .max_header_list_size(u32::try_from(config.header_bytes).unwrap_or(u32::MAX));
    builder
}

/// What a socket must be told before it is used. None of it is worth a lost connection.
fn prepare(socket: &TcpStream) {
    // Answers are small and complete: waiting to fill a segment only delays them.
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let probes = TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_LIMIT);
    if let Err(error) = SockRef::from(socket).set_tcp_keepalive(&probes) {
        tracing::debug!(%error, "TCP keep-alive could not be set");
    }
}
