//! The life of a child, again and again.
//!
//! Enters: the configuration, and the wish to stop. Leaves: a link while a child is ready, and the
//! reason while none is. Never: two children at once, or a start without a pause after failures.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use toolgate_call::{Case, Era, Reason, Refusal};
use toolgate_telemetry::Restart;

use super::backoff::{Backoff, Life, Pause};
use super::child::{self, Group, Pipes};
use super::house::{House, State};
use super::link::Link;
use super::{attend, handshake, pipes};

/// A child that lives.
struct Living {
    house: Arc<House>,
    group: Group,
    pumps: Pumps,
    link: Arc<Link>,
    /// Since when it is ready for calls.
    ready: Option<Instant>,
}

/// The tasks at the pipes of a child; dropping them closes the pipes.
struct Pumps {
    writer: JoinHandle<io::Result<()>>,
    reader: JoinHandle<()>,
    log: JoinHandle<()>,
}

/// Why a child is no longer of use.
enum End {
    /// It ended.
    Exited(ExitStatus),
    /// It closed a pipe and goes on living.
    Silent,
    /// It lives and does not answer any more.
    Hung,
    /// The handshake led nowhere.
    Unready(String),
    /// The gateway wants it to stop.
    Stop,
}

/// What one child came to.
struct Past {
    /// The era it was found to speak.
    era: Option<Era>,
    /// It ended at the question which era it speaks.
    startled: bool,
    life: Life,
    why: String,
    restart: Restart,
}

/// How long the last words of a child are waited for.
const LINGER: Duration = Duration::from_millis(500);

/// Keeps a child alive until the house is told to stop.
pub(super) async fn run(house: Arc<House>) {
    let mut backoff = Backoff::default();
    let mut known = house.config.era.fixed();
    let mut stop = house.stop.subscribe();
    while let Some(past) = live(&house, known, &mut stop).await {
        let guess = past.startled.then_some(Era::Legacy);
        known = house.config.era.fixed().or(past.era).or(guess);
        // Some servers of the older era end at any first message but `initialize`: the second
        // try, in their own way, comes at once and is no restart to those who wait.
        if past.startled && backoff.is_fresh() {
            continue;
        }
        house.metrics.process_restarted(past.restart);
        let pause = backoff.after(Instant::now(), past.life);
        if !rest(&house, &past.why, pause, &mut stop).await {
            break;
        }
    }
    house.state.send_replace(State::Stopped);
}

/// One child from its start to its end; `None` when the house is told to stop.
async fn live(
    house: &Arc<House>,
    known: Option<Era>,
    stop: &mut watch::Receiver<bool>,
) -> Option<Past> {
    house.starting();
    let mut living = match Living::start(house) {
        Ok(living) => living,
        Err(why) => return Some(Past::never_started(why)),
    };
    match living.spend(known, stop).await {
        End::Stop => {
            living.finish().await;
            None
        }
        end @ (End::Exited(_) | End::Silent | End::Hung | End::Unready(_)) => {
            Some(living.bury(&end, known).await)
        }
    }
}

/// Waits before the next start. `false`: the house is told to stop.
async fn rest(house: &House, why: &str, pause: Pause, stop: &mut watch::Receiver<bool>) -> bool {
    let (server, wait_ms) = (&house.config.target, pause.wait.as_millis());
    tracing::warn!(%server, why, wait_ms, crash_loop = pause.looping, "a child is to be restarted");
    let until = house.down(why, pause);
    tokio::select! {
        () = sleep_until(until) => true,
        _ = stop.wait_for(|stop| *stop) => false,
    }
}

// === impl Living ===

impl Living {
    fn start(house: &Arc<House>) -> Result<Self, String> {
        let (group, pipes) = child::spawn(&house.config)?;
        tracing::info!(server = %house.config.target, pid = group.id(), "a child was started");
        let (link, pumps) = Pumps::start(house, pipes);
        Ok(Self { house: Arc::clone(house), group, pumps, link, ready: None })
    }

    /// Handshake, and then service until something ends it.
    async fn spend(&mut self, known: Option<Era>, stop: &mut watch::Receiver<bool>) -> End {
        let (link, limit) = (Arc::clone(&self.link), self.house.config.start_timeout);
        let agreed = tokio::select! {
            agreed = handshake::agree(&link, known, limit) => agreed,
            end = self.broken() => return end,
            _ = stop.wait_for(|stop| *stop) => return End::Stop,
        };
        if let Err(why) = agreed {
            return End::Unready(why);
        }
        self.ready = Some(Instant::now());
        self.house.ready(&link, self.group.id());
        let patience = self.house.config.hang_patience;
        let watched = self.house.config.watched.clone();
        let notices = Arc::clone(&self.house.notices);
        tokio::select! {
            end = self.broken() => end,
            () = link.hung(patience) => End::Hung,
            never = attend::attend(&link, watched, &notices) => match never {},
            _ = stop.wait_for(|stop| *stop) => End::Stop,
        }
    }

    /// Waits until the child ends or closes a pipe.
    async fn broken(&mut self) -> End {
        let Pumps { writer, reader, .. } = &mut self.pumps;
        tokio::select! {
            status = self.group.ended() => return status.map_or(End::Silent, End::Exited),
            _ = reader => {}
            _ = writer => {}
        }
        self.group.ended_within(LINGER).await.map_or(End::Silent, End::Exited)
    }

    /// Ends the child in an orderly way, its calls with it.
    async fn finish(mut self) {
        self.house.state.send_replace(State::Stopping);
        self.pumps.writer.abort();
        self.group.finish().await;
        self.pumps.drain().await;
        self.link.close(&Refusal::new(Case::ShuttingDown, "the gateway is stopping"));
        self.house.metrics.process_up(false);
    }

    /// Clears up after a child that is of no use any more.
    async fn bury(mut self, end: &End, known: Option<Era>) -> Past {
        self.house.starting();
        self.group.kill().await;
        // What it said before its end still counts.
        self.pumps.drain().await;
        let why = self.house.with_last_words(end.describe());
        let target = &self.house.config.target;
        let message = format!("`{target}` stopped while the call was with it");
        self.link.close(&Refusal::target(Reason::Reset, target, message).detail(why.as_str()));
        self.house.metrics.process_up(false);
        let healthy = self.ready.map_or(Duration::ZERO, |ready| ready.elapsed());
        let exited = matches!(end, End::Exited(_));
        Past {
            era: self.ready.map(|_| self.link.era()),
            startled: exited && known.is_none() && self.ready.is_none(),
            life: Life { healthy, served: self.link.served() },
            why,
            restart: end.restart(),
        }
    }
}

// === impl Pumps ===

impl Pumps {
    fn start(house: &Arc<House>, pipes: Pipes) -> (Arc<Link>, Self) {
        let (link, queue) = Link::new(&house.config.target);
        let hands = || (Arc::clone(&link), Arc::clone(house));
        let writer = tokio::spawn(pipes::write(pipes.stdin, queue, hands()));
        let reader = tokio::spawn(pipes::read(pipes.stdout, hands()));
        let log = tokio::spawn(pipes::log(pipes.stderr, Arc::clone(house)));
        (link, Self { writer, reader, log })
    }

    /// Reads what is left in the pipes. A grandchild that left the group may hold them open.
    async fn drain(&mut self) {
        let rest = async {
            for pump in [&mut self.reader, &mut self.log] {
                // A finished task may have been awaited before, and must not be again.
                if !pump.is_finished() {
                    drop(pump.await);
                }
            }
        };
        drop(timeout(LINGER, rest).await);
    }
}

impl Drop for Pumps {
    fn drop(&mut self) {
        self.writer.abort();
        self.reader.abort();
        self.log.abort();
    }
}

// === impl End ===

impl End {
    fn describe(&self) -> String {
        match self {
            Self::Exited(status) => child::describe(*status),
            Self::Silent => "it closed its stdin or stdout".into(),
            Self::Hung => "it did not answer any more".into(),
            Self::Unready(why) => why.clone(),
            Self::Stop => "it was stopped".into(),
        }
    }

    fn restart(&self) -> Restart {
        match self {
            Self::Exited(status) if status.signal().is_some() => Restart::Signal,
            Self::Exited(_) | Self::Stop => Restart::Exit,
            Self::Silent | Self::Hung | Self::Unready(_) => Restart::Hang,
        }
    }
}

// === impl Past ===

impl Past {
    const fn never_started(why: String) -> Self {
        let life = Life { healthy: Duration::ZERO, served: false };
        Self { era: None, startled: false, life, why, restart: Restart::Exit }
    }
}
