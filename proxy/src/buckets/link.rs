//! The connection to Redis: one, for all calls, and its breaker.
//!
//! Enters: the buckets of a call. Leaves: Redis's answer, or that there is none in time. Never: two
//! connections; a call that waits for one that is known to be lost; a line in the log but when that
//! changes.
//!
//! The breaker is the connection itself. It is given up when it breaks, when Redis answers with an error,
//! and when three calls in a row were late; until there is another, calls are told so at once. Another is
//! there when Redis has run the script over it within the timeout.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo as _};
use redis::{RedisConnectionInfo, RedisResult, Script};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use toolgate_guard::{Rate, Take, Taken};
use toolgate_telemetry::RateStore;

use super::script::{self, SCRIPT};
use crate::config::{OnFailure, SharedRates};

/// How long connecting may take: names, TCP, TLS, password.
const CONNECT: Duration = Duration::from_secs(2);
/// Pauses between attempts to connect: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// So often it is seen to that an idle connection still works.
const PROBE: Duration = Duration::from_secs(5);
/// So many calls in a row that were late, and the connection is given up.
const LATE: u32 = 3;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// There is no connection.
    Down,
    /// Not in time.
    Late,
    /// Redis says no, or the connection broke.
    Failed,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Link {
    client: Client,
    script: Script,
    prefix: Arc<str>,
    /// Where it is, as the log says it.
    place: String,
    timeout: Duration,
    otherwise: OnFailure,
    state: watch::Sender<State>,
    /// Calls in a row that were late.
    late: AtomicU32,
    store: Arc<RateStore>,
}

#[derive(Clone)]
enum State {
    /// The first attempt is under way; calls wait for it, as long as they would wait for an answer.
    First,
    /// Connected for the so-manieth time.
    Up(u64, MultiplexedConnection),
    /// Not connected.
    Down,
}

// === impl Link ===

impl Link {
    pub(super) fn new(config: &SharedRates, store: Arc<RateStore>) -> anyhow::Result<Self> {
        let (host, port) = (config.host.clone(), config.port);
        let place = format!("{host}:{port}");
        let address = if config.tls {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host, port)
        };
        let mut who = RedisConnectionInfo::default().set_db(i64::from(config.database));
        if let Some(user) = &config.user {
            who = who.set_username(user);
        }
        if let Some(password) = &config.password {
            who = who.set_password(password.expose());
        }
        let info = address.into_connection_info()?.set_redis_settings(who);
        store.up(false);
        Ok(Self {
            client: Client::open(info)?,
            script: Script::new(SCRIPT),
            prefix: Arc::from(&*config.prefix),
            place,
            timeout: config.timeout,
            otherwise: config.on_failure,
            state: watch::Sender::new(State::First),
            late: AtomicU32::new(0),
            store,
        })
    }

    /// Whether it is known that nobody would answer.
    pub(super) fn is_down(&self) -> bool {
        matches!(*self.state.borrow(), State::Down)
    }

    /// Has Redis take the tokens, in that time.
    pub(super) async fn take(&self, wanted: &[Take], limit: Duration) -> Result<Taken, Failure> {
        let until = Instant::now() + limit;
        let Ok(connected) = tokio::time::timeout_at(until, self.connected()).await else {
            return Err(Failure::Down);
        };
        let (nth, mut connection) = connected.ok_or(Failure::Down)?;
        match tokio::time::timeout_at(until, self.run(&mut connection, wanted)).await {
            Ok(Ok(taken)) => {
                self.late.store(0, Relaxed);
                Ok(taken)
            }
            Ok(Err(error)) => {
                self.lose(nth, &error.to_string());
                Err(Failure::Failed)
            }
            Err(_) => {
                if self.late.fetch_add(1, Relaxed) + 1 >= LATE {
                    self.lose(nth, &format!("no answer within {limit:?}"));
                }
                Err(Failure::Late)
            }
        }
    }

    /// Connects, sees to it that the connection works, and connects again; for ever.
    pub(super) async fn keep(&self) {
        let mut pause = PAUSES.0;
        for nth in 0.. {
            match self.connect().await {
                Ok(connection) => {
                    self.found(nth, connection);
                    let since = Instant::now();
                    self.watch(nth).await;
                    if since.elapsed() > PAUSES.1 {
                        pause = PAUSES.0;
                    }
                }
                Err(why) => self.missed(&why),
            }
            // Gateways that lost it together do not come back together.
            sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// The connection, as soon as the first attempt is over.
    async fn connected(&self) -> Option<(u64, MultiplexedConnection)> {
        let mut states = self.state.subscribe();
        let state = states.wait_for(|state| !matches!(state, State::First)).await.ok()?;
        match &*state {
            State::Up(nth, connection) => Some((*nth, connection.clone())),
            State::First | State::Down => None,
        }
    }

    async fn run(
        &self,
        connection: &mut MultiplexedConnection,
        wanted: &[Take],
    ) -> RedisResult<Taken> {
        let mut invocation = self.script.prepare_invoke();
        for take in wanted {
            invocation.key(script::key(&self.prefix, take));
            for number in script::arguments(take) {
                invocation.arg(number);
            }
        }
        invocation.invoke_async(connection).await.map(script::taken)
    }

    /// Whether there can be a connection that works.
    pub(super) async fn try_once(&self) -> Result<(), String> {
        self.connect().await.map(|_| ())
    }

    async fn connect(&self) -> Result<MultiplexedConnection, String> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(None);
        let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
        let mut connection = match timeout(CONNECT, connecting).await {
            Ok(connected) => connected.map_err(|error| error.to_string())?,
            Err(_) => return Err(format!("no connection within {CONNECT:?}")),
        };
        self.probe(&mut connection).await?;
        Ok(connection)
    }

    /// Whether Redis does what calls need, in their time: a replica, one that is full and one that does
    /// not allow scripts answer pings, too.
    async fn probe(&self, connection: &mut MultiplexedConnection) -> Result<(), String> {
        let rate = Rate { calls: 1000, every: Duration::from_secs(1), burst: 1000 };
        let take = Take { rule: Arc::from("probe"), key: String::new(), rate };
        match timeout(self.timeout, self.run(connection, &[take])).await {
            Ok(ran) => ran.map(|_| ()).map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {:?}", self.timeout)),
        }
    }

    /// Until that connection is given up.
    async fn watch(&self, nth: u64) {
        let mut states = self.state.subscribe();
        loop {
            let lost = states.wait_for(|state| !matches!(state, State::Up(..)));
            if timeout(PROBE, lost).await.is_ok() {
                return;
            }
            let Some((_, mut connection)) = self.connected().await else { return };
            if let Err(why) = self.probe(&mut connection).await {
                self.lose(nth, &why);
            }
        }
    }

    fn found(&self, nth: u64, connection: MultiplexedConnection) {
        self.late.store(0, Relaxed);
        self.state.send_replace(State::Up(nth, connection));
        self.store.up(true);
        tracing::info!("rate limits are shared over Redis at {}", self.place);
    }

    /// Gives that connection up, unless it is another by now.
    fn lose(&self, nth: u64, why: &str) {
        let lost = self.state.send_if_modified(|state| match state {
            State::Up(now, _) if *now == nth => {
                *state = State::Down;
                true
            }
            State::First | State::Up(..) | State::Down => false,
        });
        if lost {
            self.tell(why);
        }
    }

    /// There is no connection yet. It is told once.
    fn missed(&self, why: &str) {
        let first = self.state.send_if_modified(|state| match state {
            State::First => {
                *state = State::Down;
                true
            }
            State::Up(..) | State::Down => false,
        });
        if first {
            self.tell(why);
        }
    }

    fn tell(&self, why: &str) {
        self.store.up(false);
        let meanwhile = match self.otherwise {
            OnFailure::Allow => "no rate holds",
            OnFailure::Refuse => "calls that a rate is about are refused",
            OnFailure::Local => "each gateway counts alone",
        };
        let place = &self.place;
        tracing::warn!(
            "rate limits are not shared: Redis at {place}: {why}; until it is back, {meanwhile}"
        );
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::First => f.write_str("First"),
            Self::Up(nth, _) => write!(f, "Up({nth})"),
            Self::Down => f.write_str("Down"),
        }
    }
}
