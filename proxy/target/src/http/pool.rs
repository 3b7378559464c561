//! Connections that wait for their next use.
//!
//! Enters: connections whose exchange is over. Leaves: the one used last, if it is still good, or a
//! new one. Never: more than a bounded number of them at rest.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use toolgate_call::{Ledger, Phase};
use toolgate_telemetry::TargetMetrics;

use super::conn::Conn;
use super::connect::Connector;
use super::failure::Failure;

/// Connections at rest, at most.
const AT_REST: usize = 256;

/// The connections of one target.
pub(super) struct Pool {
    pub(super) connector: Connector,
    metrics: Arc<TargetMetrics>,
    idle: Mutex<Vec<Conn>>,
    in_use: AtomicUsize,
}

/// A connection in use.
pub(super) struct Lease {
    conn: Option<Conn>,
    pool: Arc<Pool>,
}

// === impl Pool ===

impl Pool {
    pub(super) fn new(connector: Connector, metrics: Arc<TargetMetrics>) -> Self {
        Self { connector, metrics, idle: Mutex::default(), in_use: AtomicUsize::new(0) }
    }

    /// A connection that is ready for a request.
    pub(super) async fn lease(this: &Arc<Self>, ledger: &Ledger) -> Result<Lease, Failure> {
        while let Some(mut conn) = this.pop() {
            if conn.is_usable().await {
                return Ok(Lease::new(conn, this));
            }
        }
        ledger.enter(Phase::Connect);
        let stream = this.connector.connect(&this.metrics).await?;
        Ok(Lease::new(Conn::new(stream).await?, this))
    }

    fn pop(&self) -> Option<Conn> {
        self.resting().pop()
    }

    /// Takes a connection back. Those that have waited too long go; they are the first in line.
    fn give_back(&self, mut conn: Conn) {
        conn.rest();
        let now = Instant::now();
        let mut idle = self.resting();
        let stale = idle.iter().take_while(|conn| conn.is_stale(now)).count();
        let gone: Vec<Conn> = idle.drain(..stale).collect();
        if idle.len() < AT_REST {
            idle.push(conn);
        }
        let at_rest = idle.len();
        drop(idle);
        drop(gone);
        self.metrics.pool(at_rest, self.in_use.load(Relaxed));
    }

    fn resting(&self) -> std::sync::MutexGuard<'_, Vec<Conn>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Lease ===

impl Lease {
    fn new(conn: Conn, pool: &Arc<Pool>) -> Self {
        pool.in_use.fetch_add(1, Relaxed);
        Self { conn: Some(conn), pool: Arc::clone(pool) }
    }

    pub(super) fn conn(&mut self) -> Result<&mut Conn, Failure> {
        self.conn.as_mut().ok_or_else(|| Failure::Internal("a connection was used twice".into()))
    }

    /// The exchange is over and the connection whole.
    pub(super) fn finish(&mut self) {
        if let Some(conn) = self.conn.take() {
            self.pool.in_use.fetch_sub(1, Relaxed);
            self.pool.give_back(conn);
        }
    }
}

impl Drop for Lease {
    /// An exchange that is not over takes its connection with it: that is how a target of the
    /// modern era hears that nobody waits any more.
    fn drop(&mut self) {
        if self.conn.take().is_some() {
            self.pool.in_use.fetch_sub(1, Relaxed);
        }
    }
}
