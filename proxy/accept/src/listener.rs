//! The accept loop and its connections.
//!
//! Enters: a listener and a service. Leaves: served connections, HTTP/1.1 or HTTP/2. Never: waits
//! for a slow header for ever; a failed accept never ends the loop.

use std::cell::RefCell;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use toolgate_call::Peer;
use toolgate_telemetry::{ConnectionRejected, Telemetry};
use tower::Service;

use crate::{Drained, Lanes};

/// Limits of the listener.
#[derive(Clone, Copy, Debug)]
pub struct AcceptConfig {
    /// Connections at once; more are closed at once and counted.
    pub connections: usize,
    /// How long the header of a request may take.
    pub header_timeout: Duration,
    /// The most bytes that the header of a request may have.
    pub header_bytes: usize,
}

/// How long to wait when the system has no file descriptor left.
const EXHAUSTED: Duration = Duration::from_millis(50);

/// Serves connections until the end of service; those that are open end by themselves then.
pub async fn serve<S, B>(
    listener: TcpListener,
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
    B: Body<Data = bytes::Bytes, Error = Infallible> + Send + 'static,
{
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
        let connection = Connection { peer: Peer(peer), config, stack: stack.clone(), permit };
        let active = telemetry.gateway.connection_accepted();
        let drained = drained.clone();
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
                Ok(socket) => connection.run(socket, drained).await,
                Err(error) => tracing::warn!(%error, "a connection could not be taken over"),
            }
            drop(active);
        });
    }
}

struct Connection<S> {
    peer: Peer,
    config: AcceptConfig,
    stack: S,
    permit: OwnedSemaphorePermit,
}

// === impl Connection ===

impl<S> Connection<S> {
    async fn run<B>(self, socket: TcpStream, mut drained: Drained)
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
            + Clone
            + Send
            + 'static,
        S::Future: Send + 'static,
        B: Body<Data = bytes::Bytes, Error = Infallible> + Send + 'static,
    {
        let Self { peer, config, stack, permit } = self;
        // Answers are small and complete: waiting to fill a segment only delays them.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        let builder = builder(config);
        // One stack a connection, not one a request: a clone touches counters that all cores share.
        let stack = RefCell::new(stack);
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            // The stack is always ready: its layers shed in `call`.
            stack.borrow_mut().call(request)
        });
        let connection = builder.serve_connection(TokioIo::new(socket), service);
        tokio::pin!(connection);
        let ended = match drained.until_ending(connection.as_mut()).await {
            Some(ended) => ended,
            None => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = connection.as_mut() => ended,
                    // From here on every call that still waits answers that the gateway stops.
                    () = drained.over() => connection.await,
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(peer = %peer.0, %error, "a connection ended badly");
        }
        drop(permit);
    }
}

fn builder(config: AcceptConfig) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(config.header_timeout)
        .max_buf_size(config.header_bytes.max(8 * 1024))
        .keep_alive(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(250)
        .max_header_list_size(u32::try_from(config.header_bytes).unwrap_or(u32::MAX));
    builder
}
