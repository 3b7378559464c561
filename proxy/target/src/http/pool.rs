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

/// Connections at rest in one shard, at most.
const AT_REST: usize = 128;
/// A thread uses one shard: a connection is woken by the reactor that it was made on, so it stays
/// with the threads of that reactor as far as shards go round.
const SHARDS: usize = 8;

static NEXT_SHARD: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static SHARD: usize = NEXT_SHARD.fetch_add(1, Relaxed) % SHARDS;
}

/// The connections of one target.
pub(super) struct Pool {
    pub(super) connector: Connector,
    metrics: Arc<TargetMetrics>,
    shards: [Shard; SHARDS],
}

/// The connections of one thread, on a cache line of their own.
#[derive(Default)]
#[repr(align(128))]
struct Shard {
    idle: Mutex<Vec<Conn>>,
    resting: AtomicUsize,
    in_use: AtomicUsize,
}

/// A connection in use.
pub(super) struct Lease {
    conn: Option<Conn>,
    pool: Arc<Pool>,
    shard: usize,
}

// === impl Pool ===

impl Pool {
    pub(super) fn new(connector: Connector, metrics: Arc<TargetMetrics>) -> Self {
        Self { connector, metrics, shards: Default::default() }
    }

    /// A connection that is ready for a request.
    pub(super) async fn lease(this: &Arc<Self>, ledger: &Ledger) -> Result<Lease, Failure> {
        while let Some(mut conn) = this.pop() {
            if conn.is_usable().await {
                return Ok(Lease::new(conn, this));
            }
        }
        ledger.enter(Phase::Connect);
        let stream = Box::pin(this.connector.connect(&this.metrics)).await?;
        Ok(Lease::new(Conn::new(stream).await?, this))
    }

    fn pop(&self) -> Option<Conn> {
        let shard = self.shard(own_shard());
        let mut idle = shard.idle();
        let conn = idle.pop();
        // Under the lock, as in `give_back`: it is always the number of those that are there.
        shard.resting.store(idle.len(), Relaxed);
        conn
    }

    /// Takes a connection back. Those that have waited too long go; they are the first in line.
    fn give_back(&self, mut conn: Conn, shard: usize) {
        conn.rest();
        let now = Instant::now();
        let shard = self.shard(shard);
        let mut idle = shard.idle();
        let stale = idle.iter().take_while(|conn| conn.is_stale(now)).count();
        let gone: Vec<Conn> = idle.drain(..stale).collect();
        if idle.len() < AT_REST {
            idle.push(conn);
        }
        shard.resting.store(idle.len(), Relaxed);
        drop(idle);
        drop(gone);
        let sum = |count: fn(&Shard) -> &AtomicUsize| {
            self.shards.iter().map(|shard| count(shard).load(Relaxed)).sum::<usize>()
        };
        self.metrics.pool(sum(|shard| &shard.resting), sum(|shard| &shard.in_use));
    }

    fn shard(&self, number: usize) -> &Shard {
        let [first, ..] = &self.shards;
        self.shards.get(number).unwrap_or(first)
    }
}

fn own_shard() -> usize {
    SHARD.with(|shard| *shard)
}

// === impl Shard ===

impl Shard {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Conn>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Lease ===

impl Lease {
    fn new(conn: Conn, pool: &Arc<Pool>) -> Self {
        let shard = own_shard();
        pool.shard(shard).in_use.fetch_add(1, Relaxed);
        Self { conn: Some(conn), pool: Arc::clone(pool), shard }
    }

    pub(super) fn conn(&mut self) -> Result<&mut Conn, Failure> {
        self.conn.as_mut().ok_or_else(|| Failure::Internal("a connection was used twice".into()))
    }

    /// The exchange is over and the connection whole.
    pub(super) fn finish(&mut self) {
        if let Some(conn) = self.conn.take() {
            self.pool.shard(self.shard).in_use.fetch_sub(1, Relaxed);
            self.pool.give_back(conn, self.shard);
        }
    }
}

impl Drop for Lease {
    /// An exchange that is not over takes its connection with it: that is how a target of the
    /// modern era hears that nobody waits any more.
    fn drop(&mut self) {
        if self.conn.take().is_some() {
            self.pool.shard(self.shard).in_use.fetch_sub(1, Relaxed);
        }
    }
}
