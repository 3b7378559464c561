//! The front on standard input and output: one client, whose child process this is (ADR 19).
//!
//! Enters: lines, each a JSON-RPC message of either era. Leaves: lines, each a message. Never: a
//! decision about a call: every message goes through the same layers as over HTTP, in this process
//! or elsewhere; never a byte on standard output that is not a message.

mod fault;
pub(crate) mod gate;
mod message;
mod params;
mod salvage;
mod session;
mod wire;

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, BufWriter};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, Id, JoinError, JoinHandle, JoinSet};
use tokio::time::timeout;
use toolgate_call::Reason;
use toolgate_target::{Line, LineLimits, Lines};

use self::fault::Fault;
use self::gate::Gate;
use self::message::{Glance, Kind, same};
use self::session::headers;
use self::wire::{Mute, Wire};

/// Lines that wait for a client that does not read. Behind them whoever has one waits, and so does
/// the gateway.
const QUEUE: usize = 64;
/// Lines that are written with one flush.
const BATCH: usize = 64;
const WRITE_BUFFER: usize = 64 * 1024;
/// What is kept of an over-long line, at either end, to see whose request it was.
const KEEP: usize = 1024;
/// How long what must not be overtaken may take: the handshake, and what is sent one way.
const IN_ORDER: Duration = Duration::from_secs(30);
/// How long a cancelled call of the older era may take to end by itself, and what was read last may
/// take on its way.
const LINGER: Duration = Duration::from_secs(1);
/// How long the session may take to end.
const GOODBYE: Duration = Duration::from_secs(1);
/// How long a client may take over the last lines.
const LAST_LINES: Duration = Duration::from_secs(5);

/// What the client can make the front hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The longest line, in bytes.
    pub(crate) line: usize,
    /// The most requests under way at once.
    pub(crate) requests: usize,
}

/// Why the front reads no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The client has said all it had to say.
    Eof,
    /// It was told to stop.
    Told,
    /// The client does not listen any more.
    Deaf,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Front<R> {
    lines: Lines<R>,
    wire: Arc<Wire>,
    requests: JoinSet<()>,
    known: HashMap<Id, Request>,
    /// Passes on what the gateway says by itself.
    ear: Option<Ear>,
    writer: JoinHandle<io::Result<()>>,
    limits: Limits,
}

/// A request under way.
#[derive(Debug)]
struct Request {
    id: Option<Bytes>,
    is_modern: bool,
    /// It has no answer before the client has had enough.
    is_endless: bool,
    mute: Mute,
    abort: AbortHandle,
}

/// Ends when it is dropped.
#[derive(Debug)]
struct Ear(JoinHandle<()>);

// === impl Front ===

impl<R: AsyncRead + Unpin> Front<R> {
    /// A front between these two pipes and the gateway.
    pub(crate) fn new<W>(from: R, to: W, gate: Gate, limits: Limits) -> Self
    where
        W: AsyncWrite + Unpin + Send + 'static,
    {
        let (out, queue) = mpsc::channel(QUEUE);
        Self {
            lines: Lines::new(from, LineLimits { line: limits.line, keep: KEEP }),
            wire: Arc::new(Wire {
                gate,
                session: session::Session::default(),
                params: params::Params::default(),
                out,
            }),
            requests: JoinSet::new(),
            known: HashMap::new(),
            ear: None,
            writer: tokio::spawn(write(to, queue)),
            limits,
        }
    }

    /// Takes messages until there are no more, or it is told to stop.
    pub(crate) async fn run(&mut self, stop: impl Future<Output = ()>) -> Ended {
        let (mut stop, out) = (pin!(stop), self.wire.out.clone());
        loop {
            let line = tokio::select! {
                biased;
                () = &mut stop => return Ended::Told,
                () = out.closed() => return Ended::Deaf,
                Some(done) = self.requests.join_next_with_id() => {
                    self.done(done).await;
                    continue;
                }
                line = self.lines.next() => line,
            };
            let line = match line {
                Ok(Some(line)) => line,
                Ok(None) => return Ended::Eof,
                Err(error) => {
                    tracing::warn!(%error, "standard input cannot be read");
                    return Ended::Eof;
                }
            };
            let mut taking = pin!(self.take(line));
            tokio::select! {
                biased;
                () = &mut stop => {
                    // What was read is still answered, unless the client keeps it waiting.
                    let _in_time = timeout(LINGER, taking).await;
                    return Ended::Told;
                }
                () = out.closed() => return Ended::Deaf,
                () = &mut taking => {}
            }
        }
    }

    /// Waits until everything under way is answered; gives back whether that was in time. What has
    /// no end is ended.
    pub(crate) async fn settle(&mut self, grace: Duration) -> bool {
        drop(self.ear.take());
        self.known.values().filter(|request| request.is_endless).for_each(|r| r.abort.abort());
        let out = self.wire.out.clone();
        let all = async {
            while let Some(done) = self.requests.join_next_with_id().await {
                self.done(done).await;
            }
        };
        tokio::select! {
            settled = timeout(grace, all) => settled.is_ok(),
            () = out.closed() => {
                // Nobody is left to answer to.
                self.requests.abort_all();
                true
            }
        }
    }

    /// Ends the session while there is still someone to tell.
    pub(crate) async fn leave(&self) {
        let _in_time = timeout(GOODBYE, self.wire.end_session()).await;
    }

    /// Writes the last lines.
    pub(crate) async fn close(self) {
        let Self { wire, mut writer, requests, .. } = self;
        drop((requests, wire));
        if timeout(LAST_LINES, &mut writer).await.is_err() {
            tracing::warn!("the client did not take the last lines in time");
            writer.abort();
        }
    }

    async fn take(&mut self, line: Line) {
        let line = match line {
            Line::Whole(line) if line.trim_ascii().is_empty() => return,
            Line::Whole(line) => line,
            Line::Cut { head, tail } => return self.too_long(&head, &tail).await,
        };
        let glance = Glance::of(&line);
        let id = glance.id.map(|id| line.slice_ref(id.get().as_bytes()));
        match glance.kind {
            Kind::Initialize => Box::pin(self.initialize(&line, id.unwrap_or_default())).await,
            Kind::Modern | Kind::Legacy | Kind::Unclear => self.send(&line, &glance, id).await,
            Kind::Cancelled => Box::pin(self.cancelled(&line, &glance)).await,
            Kind::OneWay => Box::pin(self.in_order(&line, &glance)).await,
        }
    }

    /// Nothing is read meanwhile: what follows belongs to the session.
    async fn initialize(&mut self, line: &Bytes, id: Bytes) {
        let begun = timeout(IN_ORDER, self.wire.initialize(line.clone(), &id)).await;
        match begun {
            Ok(Ok(true)) => {
                self.ear = Some(Ear(tokio::spawn(Arc::clone(&self.wire).listen())));
            }
            Ok(Ok(false)) => {}
            Ok(Err(fault)) => self.wire.say(fault.answer(Some(&id))).await,
            Err(_) => {
                let message = format!("the gateway did not answer within {IN_ORDER:?}");
                let fault = Fault::sent(Reason::TimeoutFirstByte, message);
                self.wire.say(fault.answer(Some(&id))).await;
            }
        }
    }

    /// Sends a request, and goes on.
    async fn send(&mut self, line: &Bytes, glance: &Glance<'_>, id: Option<Bytes>) {
        if self.known.len() >= self.limits.requests {
            let message = format!(
                "{} requests are under way, which is the limit; nothing was sent, try again",
                self.limits.requests
            );
            let fault = Fault::unsent(Reason::Overloaded, message);
            return self.wire.say(fault.answer(id.as_deref())).await;
        }
        let is_legacy = glance.kind == Kind::Legacy;
        let headers = (!is_legacy).then(|| headers(glance, self.wire.session.live().as_deref()));
        let (wire, mute, body) = (Arc::clone(&self.wire), Mute::default(), line.clone());
        let (whose, muted) = (id.clone(), Arc::clone(&mute));
        let is_call = glance.method.as_deref() == Some("tools/call");
        let tool = glance.name.as_deref().filter(|_| is_call).map(str::to_owned);
        let abort = self.requests.spawn(async move {
            let came = match (headers, tool) {
                (Some(headers), Some(tool)) => wire.call(&tool, headers, body).await,
                (Some(headers), None) => wire.post(headers, body).await,
                (None, _) => wire.post_in_session(body).await,
            };
            let relayed = match came {
                Ok(came) => wire.relay(came, whose.as_deref(), &muted).await,
                Err(fault) => Err(fault),
            };
            if let Err(fault) = relayed
                && !muted.load(Relaxed)
            {
                wire.say(fault.answer(whose.as_deref())).await;
            }
        });
        let is_endless = glance.method.as_deref() == Some("subscriptions/listen");
        let request = Request { id, is_modern: !is_legacy, is_endless, mute, abort };
        self.known.insert(request.abort.id(), request);
    }

    /// A request ended, by itself, by a cancellation or by a fault of ours.
    async fn done(&mut self, done: Result<(Id, ()), JoinError>) {
        let id = match &done {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        let Some(request) = self.known.remove(&id) else { return };
        if done.is_err_and(|error| error.is_panic()) && !request.mute.load(Relaxed) {
            let fault = Fault::sent(Reason::Internal, "a fault of this program");
            self.wire.say(fault.answer(request.id.as_deref())).await;
        }
    }

    /// The client does not wait for a request any more, and gets no answer to it. One of 2026-07-28
    /// ends with its exchange, one of a session by the notification.
    async fn cancelled(&mut self, line: &Bytes, glance: &Glance<'_>) {
        let about = glance.about.map(RawValue::get).unwrap_or_default();
        let is_about = |id: &Bytes| std::str::from_utf8(id).is_ok_and(|id| same(id, about));
        let meant = self.known.values().filter(|request| request.id.as_ref().is_some_and(is_about));
        let (modern, legacy): (Vec<_>, Vec<_>) = meant.partition(|request| request.is_modern);
        for request in &modern {
            request.mute.store(true, Relaxed);
            request.abort.abort();
        }
        for request in &legacy {
            request.mute.store(true, Relaxed);
        }
        let late: Vec<_> = legacy.iter().map(|request| request.abort.clone()).collect();
        if !modern.is_empty() && late.is_empty() {
            return;
        }
        self.in_order(line, glance).await;
        if !late.is_empty() {
            tokio::spawn(async move {
                // The two went by different connections: the notification may have come first.
                tokio::time::sleep(LINGER).await;
                late.iter().for_each(AbortHandle::abort);
            });
        }
    }

    /// Sends what has no answer, and waits until it is taken: what follows may build on it.
    async fn in_order(&self, line: &Bytes, glance: &Glance<'_>) {
        let live = self.wire.session.live();
        let sending: Pin<Box<dyn Future<Output = _> + Send>> = match &glance.version {
            Some(_) => Box::pin(self.wire.post(headers(glance, live.as_deref()), line.clone())),
            // Nothing of the older era is there yet that it could be about.
            None if live.is_none() => return,
            None => Box::pin(self.wire.post_in_session(line.clone())),
        };
        let late = |_| {
            let message = format!("the gateway did not take it within {IN_ORDER:?}");
            Err(Fault::sent(Reason::TimeoutFirstByte, message))
        };
        let sent = timeout(IN_ORDER, sending).await.unwrap_or_else(late);
        self.wire.one_way(sent).await;
    }

    async fn too_long(&self, head: &[u8], tail: &[u8]) {
        let id = salvage::id_of(head, tail);
        let limit = self.limits.line;
        tracing::warn!(limit, told = id.is_some(), "a line of the client was too long");
        let message = format!("the line is longer than {limit} bytes (`limits.body`)");
        let fault = Fault::unsent(Reason::InvalidRequest, message);
        self.wire.say(fault.answer(id.as_deref())).await;
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Writes what is queued, until the pipe breaks or nobody can add to it.
async fn write<W>(to: W, mut queue: mpsc::Receiver<Bytes>) -> io::Result<()>
where
    W: AsyncWrite + Unpin,
{
    let mut pipe = BufWriter::with_capacity(WRITE_BUFFER, to);
    let mut batch = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        for line in batch.drain(..) {
            pipe.write_all(&line).await?;
            pipe.write_all(b"\n").await?;
        }
        pipe.flush().await?;
    }
    pipe.shutdown().await
}
