//! Connections from within the process: no socket, and nobody else can open one.
//!
//! Enters: one end of a pipe in memory for each connection. Leaves: the same as of a listener:
//! served connections, each on a lane. Never: a `Peer`, since there is no address.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use tokio::io::DuplexStream;
use tokio::sync::{Semaphore, mpsc};
use toolgate_telemetry::{ConnectionRejected, Telemetry};
use tower::Service;

use crate::listener::Connection;
use crate::{AcceptConfig, Drained, Lanes};

/// The gateway's end of a connection.
pub type LocalStream = DuplexStream;

/// Serves connections until the end of service, or until nobody can open one any more.
pub async fn serve_local<S, B>(
    mut streams: mpsc::Receiver<LocalStream>,
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
    B: Body<Data = Bytes, Error = Infallible> + Send + Unpin + 'static,
{
    let permits = Arc::new(Semaphore::new(config.connections.min(Semaphore::MAX_PERMITS)));
    loop {
        let stream = tokio::select! {
            biased;
            () = drained.ending() => return,
            stream = streams.recv() => stream,
        };
        let Some(stream) = stream else { return };
        let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
            telemetry.gateway.connection_rejected(ConnectionRejected::Limit);
            continue;
        };
        let connection =
            Connection { peer: None, caller: None, config, stack: stack.clone(), permit };
        let active = telemetry.gateway.connection_accepted();
        let drained = drained.clone();
        lanes.spawn(async move {
            connection.run(stream, drained).await;
            drop(active);
        });
    }
}
