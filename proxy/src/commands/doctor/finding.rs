//! What was tried, and how it went.
//!
//! Enters: probes. Leaves: findings, in the order of the probes, each with its time. Never: a wait
//! beyond the deadline; what looks like a token in a finding.

use std::pin::Pin;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};
use toolgate_telemetry::redact;

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Ok,
    /// It works, and soon will not, or not as it should.
    Warn,
    Fail,
    /// It was not tried; the finding says why.
    Untried,
}

/// What a probe came to.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) state: State,
    pub(super) found: String,
    /// What to do; empty when there is nothing to do.
    pub(super) fix: String,
    /// What was sent, for whoever wonders what this does to others.
    pub(super) sent: &'static str,
}

/// One thing that was tried.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) area: &'static str,
    pub(super) name: String,
    pub(super) said: Said,
    pub(super) took: Duration,
}

/// One thing to try.
pub(super) struct Probe<'a> {
    pub(super) area: &'static str,
    pub(super) name: String,
    trying: Pin<Box<dyn Future<Output = Said> + Send + 'a>>,
}

// === impl State ===

impl State {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Untried => "untried",
        }
    }
}

// === impl Said ===

impl Said {
    pub(super) fn ok(found: impl AsRef<str>) -> Self {
        Self::new(State::Ok, found.as_ref(), "")
    }

    pub(super) fn warn(found: impl AsRef<str>, fix: impl AsRef<str>) -> Self {
        Self::new(State::Warn, found.as_ref(), fix.as_ref())
    }

    pub(super) fn fail(found: impl AsRef<str>, fix: impl AsRef<str>) -> Self {
        Self::new(State::Fail, found.as_ref(), fix.as_ref())
    }

    /// It was not tried, for this reason.
    pub(super) fn untried(why: impl AsRef<str>) -> Self {
        Self::new(State::Untried, why.as_ref(), "")
    }

    /// Says what was sent.
    pub(super) const fn sent(mut self, sent: &'static str) -> Self {
        self.sent = sent;
        self
    }

    fn new(state: State, found: &str, fix: &str) -> Self {
        let line = |text: &str| {
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            redact(&text).into_owned()
        };
        Self { state, found: line(found), fix: line(fix), sent: "" }
    }
}

// === impl Finding ===

impl Finding {
    pub(super) fn of(area: &'static str, name: &str, said: Said, took: Duration) -> Self {
        Self { area, name: name.to_owned(), said, took }
    }
}

// === impl Probe ===

impl<'a> Probe<'a> {
    pub(super) fn new(
        area: &'static str,
        name: impl Into<String>,
        trying: impl Future<Output = Said> + Send + 'a,
    ) -> Self {
        Self { area, name: name.into(), trying: Box::pin(trying) }
    }

    /// What was found already.
    pub(super) fn done(area: &'static str, name: impl Into<String>, said: Said) -> Self {
        Self::new(area, name, std::future::ready(said))
    }

    pub(super) fn goes_by(&self, name: &str) -> bool {
        self.area == name || self.name == name
    }
}

/// Tries all of them at once.
pub(super) async fn all(probes: Vec<Probe<'_>>, until: Instant) -> Vec<Finding> {
    let trying = probes.into_iter().map(|probe| async move {
        let began = Instant::now();
        let said = timeout_at(until, probe.trying).await.unwrap_or_else(|_| {
            let took = began.elapsed().as_secs_f64();
            let fix = "look whether it is overloaded or a firewall drops what is sent; --within gives it \
                       more time";
            Said::fail(format!("it did not end within {took:.0} s"), fix)
        });
        Finding { area: probe.area, name: probe.name, said, took: began.elapsed() }
    });
    join_all(trying).await
}
