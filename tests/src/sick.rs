//! A target that misbehaves as it is told to.
//!
//! In: a list of acts, one for each `tools/call` to come; without one it answers well. Out: an MCP
//! server of one era on a loopback port, with the tools `read` (read-only) and `write`, and a
//! record of all it was sent. It does nothing that it was not told to.

mod act;
mod http;
mod polled;
mod speak;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use bytes::Bytes;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

pub use act::{Act, Keeps, Pace, Page, Shape};

use crate::wait::until;

/// A running target; dropping it closes its port and its connections.
#[derive(Debug)]
pub struct Sick {
    state: Arc<State>,
    port: u16,
    server: Mutex<Option<JoinHandle<()>>>,
}

/// Which protocol it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// 2026-07-28 only.
    Modern,
    /// 2025-11-25 only, with sessions.
    Legacy,
}

/// One request that it was sent.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The JSON-RPC method; empty for GET and DELETE.
    pub method: String,
    /// The tool of a `tools/call`.
    pub tool: String,
    /// HTTP headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as it came.
    pub body: Bytes,
}

/// What its connections share.
#[derive(Debug)]
struct State {
    era: Mutex<Era>,
    /// Connections that were accepted.
    connections: AtomicUsize,
    acts: Mutex<VecDeque<Act>>,
    /// Tools that it lists besides its own two.
    more: AtomicUsize,
    seen: Mutex<Vec<Seen>>,
    /// An answer that is kept for whoever takes its stream up.
    kept: Mutex<Option<polled::Kept>>,
    /// Permits to answer for [`Act::Hold`].
    release: Semaphore,
    /// Callers that closed their connection before they were answered.
    hung_up: AtomicUsize,
    sessions: AtomicUsize,
}

impl Sick {
    /// Listens on a free loopback port.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(era: Era) -> Result<Self> {
        let state = Arc::new(State {
            era: Mutex::new(era),
            connections: AtomicUsize::new(0),
            acts: Mutex::default(),
            more: AtomicUsize::new(0),
            seen: Mutex::default(),
            kept: Mutex::default(),
            release: Semaphore::new(0),
            hung_up: AtomicUsize::new(0),
            sessions: AtomicUsize::new(0),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let server = tokio::spawn(accept(listener, Arc::clone(&state)));
        Ok(Self { state, port, server: Mutex::new(Some(server)) })
    }

    /// Its endpoint.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.address())
    }

    /// Where it listens, also after it came back up.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// What the next tool calls get, in this order, after what was asked for before.
    pub fn then(&self, acts: impl IntoIterator<Item = Act>) {
        lock(&self.state.acts).extend(acts);
    }

    /// Forgets what it was asked for and has not played yet.
    pub fn recover(&self) {
        lock(&self.state.acts).clear();
    }

    /// From now on it lists so many tools besides its own two: `more_0`, `more_1` and so on.
    pub fn lists(&self, more: usize) {
        self.state.more.store(more, Ordering::SeqCst);
    }

    /// From now on it speaks the other protocol, as after a redeployment.
    pub fn becomes(&self, era: Era) {
        *lock(&self.state.era) = era;
    }

    /// How many connections it has accepted.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// How many acts were asked for and not played yet.
    #[must_use]
    pub fn left(&self) -> usize {
        lock(&self.state.acts).len()
    }

    /// Lets so many held calls be answered ([`Act::Hold`]).
    pub fn release(&self, calls: usize) {
        self.state.release.add_permits(calls);
    }

    /// Everything it was sent.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.state.seen).clone()
    }

    /// The calls of a tool that it was sent.
    #[must_use]
    pub fn calls(&self, tool: &str) -> usize {
        lock(&self.state.seen).iter().filter(|seen| seen.tool == tool).count()
    }

    /// How many requests with that method it was sent.
    #[must_use]
    pub fn asked(&self, method: &str) -> usize {
        lock(&self.state.seen).iter().filter(|seen| seen.method == method).count()
    }

    /// How many callers closed their connection while it kept them waiting.
    #[must_use]
    pub fn hung_up(&self) -> usize {
        self.state.hung_up.load(Ordering::SeqCst)
    }

    /// Waits until so many calls of a tool have come.
    ///
    /// # Errors
    /// When they do not come.
    pub async fn until_called(&self, tool: &str, times: usize) -> Result<()> {
        let what = format!("`{tool}` was called {times} times");
        until(what, async || Ok((self.calls(tool) >= times).then_some(()))).await
    }

    /// Waits until so many callers have closed their connection unanswered.
    ///
    /// # Errors
    /// When they do not.
    pub async fn until_hung_up(&self, times: usize) -> Result<()> {
        let what = format!("{times} callers have hung up");
        until(what, async || Ok((self.hung_up() >= times).then_some(()))).await
    }

    /// Closes the port and every connection: the next one is refused.
    pub async fn take_down(&self) {
        let server = lock(&self.server).take();
        if let Some(server) = server {
            server.abort();
            // The only outcome of an aborted task is "cancelled".
            drop(server.await);
        }
    }

    /// Listens again on the same port.
    ///
    /// # Errors
    /// When another process has taken the port meanwhile.
    pub async fn bring_up(&self) -> Result<()> {
        let listener = TcpListener::bind(self.address()).await.context("listening again")?;
        let server = tokio::spawn(accept(listener, Arc::clone(&self.state)));
        *lock(&self.server) = Some(server);
        Ok(())
    }
}

impl State {
    fn era(&self) -> Era {
        *lock(&self.era)
    }
}

impl Drop for Sick {
    fn drop(&mut self) {
        if let Some(server) = lock(&self.server).take() {
            server.abort();
        }
    }
}

impl Seen {
    /// The body as JSON; null when it is not.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(have, _)| have == name);
        found.map(|(_, value)| value.as_str())
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                state.connections.fetch_add(1, Ordering::SeqCst);
                connections.spawn(speak::connection(stream, Arc::clone(&state)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// The guarded value, also after a test thread died holding it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
