//! MCP servers as child processes.
//!
//! Enters: an `Outbound`, from any number of callers. Leaves: a `Reply` in the era of the child, or
//! a `Refusal` that knows whether anything was sent. Never: a shell, a child that outlives the
//! target, or one caller's id or progress where another's are (`basic/transports`, "stdio").

mod house;
mod supervisor;

mod attend;
mod backoff;
mod chatter;
mod child;
mod handshake;

mod link;
mod mailbox;
mod request;

pub(crate) mod lines;
mod pipes;
mod salvage;

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use toolgate_call::{
    Answer, Era, Event, Events, Op, Outbound, Phase, RawJson, Refusal, Reply, Watched,
};
use toolgate_telemetry::{Direction, Telemetry};

use self::house::{House, State};
use self::link::{Ask, Asker, Link, Ticket};
use crate::retry;

/// Which era a child speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EraChoice {
    /// Find out at the start: `server/discover` first, then `initialize`.
    #[default]
    Auto,
    /// 2026-07-28.
    Modern,
    /// 2025-11-25 and earlier.
    Legacy,
}

/// What a child may see of the gateway's environment; secrets are elsewhere in it.
pub const INHERITED: [&str; 5] = ["PATH", "HOME", "LANG", "TERM", "TMPDIR"];

/// How a child is started and what is expected of it.
#[derive(Clone)]
pub struct StdioConfig {
    /// The target's configured name.
    pub target: Arc<str>,
    /// The program and its arguments. No shell reads them.
    pub command: Vec<String>,
    /// What it may see of the gateway's own environment: [`INHERITED`], as the assembly read it.
    pub inherited: Vec<(String, String)>,
    /// The child's own environment.
    pub env: Vec<(String, String)>,
    /// The folder it runs in; the gateway's own if there is none.
    pub cwd: Option<PathBuf>,
    /// How long start and handshake may take in all.
    pub start_timeout: Duration,
    /// How long a child may be silent after a call was given up, and then over a question as to
    /// whether it lives, until it is replaced.
    pub hang_patience: Duration,
    /// The longest line it may write, in bytes.
    pub max_line: usize,
    /// The era it speaks.
    pub era: EraChoice,
    /// Of which of its resources it is to tell when they change.
    pub watched: watch::Receiver<Watched>,
}

/// What a target has to say to the gateway itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetNotice {
    /// One of its lists has changed.
    ListsChanged,
    /// The resource of that URI has changed, or may have.
    Updated(Arc<str>),
    /// One of its tasks has got on: the target's own id of it, and its message.
    Task(Arc<str>, RawJson),
    /// It is ready: started again, so that whatever was known of it may have changed; or at last,
    /// after it was asked in vain.
    Restarted,
}

/// Takes what targets have to say. Called from the task that reads, so it must be quick.
pub type NoticeSink = Arc<dyn Fn(TargetNotice) + Send + Sync>;

/// How a child stands, for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StdioStatus {
    /// Whether it is ready for calls.
    pub up: bool,
    /// Its process id, while it is ready.
    pub pid: Option<u32>,
    /// The era it speaks, while it is ready.
    pub era: Option<Era>,
    /// The same in words; why, if it is down.
    pub detail: String,
    /// How often it became ready again after a failure.
    pub restarts: u64,
    /// Lines on its stdout that were too long or not MCP.
    pub dropped_lines: u64,
}

/// An MCP server behind a pipe. Clones share the child; the last one to go takes it along.
#[derive(Clone, Debug)]
pub struct StdioTarget {
    house: Arc<House>,
    keeper: Arc<Keeper>,
}

/// Ends the supervisor, and with it the child.
#[derive(Debug)]
struct Keeper(JoinHandle<()>);

/// Messages of a child about one request, the first of which is already here.
struct Conversation {
    first: Option<Event>,
    ticket: Ticket,
}

/// Longer than an orderly stop can take.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Starts a child, and again whenever it ends. Must be called within a tokio runtime.
#[must_use]
pub fn stdio(config: StdioConfig, telemetry: &Arc<Telemetry>, notices: NoticeSink) -> StdioTarget {
    let house = Arc::new(House::new(config, telemetry, notices));
    let keeper = Arc::new(Keeper(tokio::spawn(supervisor::run(Arc::clone(&house)))));
    StdioTarget { house, keeper }
}

// === impl StdioTarget ===

impl StdioTarget {
    /// How the child stands.
    #[must_use]
    pub fn status(&self) -> StdioStatus {
        self.house.status()
    }

    /// Ends the child for good: closes its stdin, waits 2 s, sends SIGTERM to its process group,
    /// waits 2 s, sends SIGKILL. Calls in flight get what it still answers in that time.
    pub async fn shutdown(&self) {
        let mut state = self.house.state.subscribe();
        self.house.stop.send_replace(true);
        let stopped = state.wait_for(|state| matches!(state, State::Stopped));
        if timeout(STOP_LIMIT, stopped).await.is_err() {
            tracing::warn!(server = %self.house.config.target, "a child could not be stopped");
        }
    }

    async fn carry(self, outbound: Outbound) -> Result<Reply, Refusal> {
        let link = match self.house.link_now() {
            Some(link) => link,
            None => {
                outbound.ledger.enter(Phase::Connect);
                self.house.link(outbound.deadline).await?
            }
        };
        if let Some(version) = link.version() {
            self.house.telemetry.gateway.protocol(version, Direction::Target);
        }
        let era = link.era();
        if matches!(outbound.op, Op::Describe)
            && let Some(about) = link.about()
        {
            return Ok(Reply::one(era, Answer::result(about)));
        }
        let mut ticket = ask(&link, &outbound)?;
        match ticket.next().await {
            Some(Event::Done(ending)) => ending.map(|answer| Reply::one(era, answer)),
            Some(first @ (Event::Notice(_) | Event::Ask(_))) => {
                let conversation = Conversation { first: Some(first), ticket };
                Ok(Reply::stream(era, Box::pin(conversation)).holding(self.keeper))
            }
            None => Err(Refusal::internal("a request to a child ended without an answer")),
        }
    }
}

impl tower::Service<Outbound> for StdioTarget {
    type Response = Reply;
    type Error = Refusal;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, Refusal>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, outbound: Outbound) -> Self::Future {
        Box::pin(self.clone().carry(outbound))
    }
}

// === impl EraChoice ===

impl EraChoice {
    /// The era, unless it has to be found out.
    const fn fixed(self) -> Option<Era> {
        match self {
            Self::Auto => None,
            Self::Modern => Some(Era::Modern),
            Self::Legacy => Some(Era::Legacy),
        }
    }
}

impl fmt::Debug for StdioConfig {
    /// Without the values of the environment, which may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.env.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("StdioConfig")
            .field("target", &self.target)
            .field("command", &self.command)
            .field("env", &names)
            .field("cwd", &self.cwd)
            .field("start_timeout", &self.start_timeout)
            .field("hang_patience", &self.hang_patience)
            .field("max_line", &self.max_line)
            .field("era", &self.era)
            .finish()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Events for Conversation {
    fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(first)),
            None => Pin::new(&mut self.ticket).poll_event(cx),
        }
    }
}

/// Puts what is asked into the child's own words, and sends it.
fn ask(link: &Arc<Link>, outbound: &Outbound) -> Result<Ticket, Refusal> {
    let era = link.era();
    let own = Ask::own(Asker::Gateway, Some(Arc::clone(&outbound.ledger)));
    match &outbound.op {
        Op::Call(permitted) => {
            if permitted.plan().is_none() {
                return Err(Refusal::internal("a call of nothing was sent to a target"));
            }
            let call = permitted.call();
            if era == Era::Legacy {
                retry::check(call)?;
            }
            if let Some(level) = permitted.log_level() {
                link.raise(level);
            }
            let (token, abilities) = (call.meta.progress_token.clone(), outbound.abilities);
            let caller = Some(Arc::clone(permitted));
            let ask = Ask { asker: Asker::Caller, token, abilities, caller, ..own };
            link.ask(ask, |id| request::call(outbound, permitted, id, era))
        }
        Op::List { what, cursor } => {
            link.ask(own, |id| Some(request::list(id, *what, (cursor.as_ref(), era))))
        }
        Op::Describe | Op::Probe => link.ask(own, |id| Some(request::probe(id, era))),
    }
}

#[cfg(test)]
mod tests;
