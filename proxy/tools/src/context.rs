//! Who waits for an answer, and how long.
//!
//! Enters: what the front knows of a call. Leaves: the time that is left for its parts. Never: who
//! the caller is; that was decided before.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

/// What an upstream must leave of the time, so that its failure can still be told.
const MARGIN: Duration = Duration::from_millis(250);

/// One call of a tool, as seen from within.
#[derive(Clone, Debug)]
pub struct Context {
    deadline: Instant,
    correlation: Arc<str>,
    teller: Option<Teller>,
}

/// Who is told what a call does meanwhile: how far it is, a number that grows, and words. Says whether
/// it was taken: whoever is told may be slower than what there is to tell, and nobody waits for them.
#[derive(Clone)]
pub struct Teller(Arc<Told>);

type Told = dyn Fn(u64, &str) -> bool + Send + Sync;

// === impl Context ===

impl Context {
    /// A call that is of no use after `deadline`; logs know it by `correlation`.
    #[must_use]
    pub fn new(deadline: Instant, correlation: Arc<str>) -> Self {
        Self { deadline, correlation, teller: None }
    }

    /// The same, of which somebody wants to know what it does meanwhile.
    #[must_use]
    pub fn told_to(self, teller: Teller) -> Self {
        Self { teller: Some(teller), ..self }
    }

    /// Who wants to know what the call does meanwhile.
    pub(crate) const fn teller(&self) -> Option<&Teller> {
        self.teller.as_ref()
    }

    /// The same, but over after `limit` at the latest.
    #[must_use]
    pub(crate) fn within(&self, limit: Duration) -> Self {
        let deadline = Instant::now().checked_add(limit).unwrap_or(self.deadline);
        Self { deadline: deadline.min(self.deadline), ..self.clone() }
    }

    /// The moment after which the answer is of no use.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// What an upstream may take: the time that is left, less a margin in which to say how it ended.
    #[must_use]
    pub(crate) fn for_upstream(&self) -> Duration {
        let left = self.deadline.saturating_duration_since(Instant::now());
        left.saturating_sub(MARGIN.min(left / 4))
    }

    /// What logs know the call by.
    #[must_use]
    pub fn correlation(&self) -> &Arc<str> {
        &self.correlation
    }
}

// === impl Teller ===

impl Teller {
    /// One who is told by that function, which must not wait.
    pub fn new(told: impl Fn(u64, &str) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(told))
    }

    /// Tells; whether it was taken.
    pub(crate) fn tell(&self, done: u64, words: &str) -> bool {
        (self.0)(done, words)
    }
}

impl fmt::Debug for Teller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Teller")
    }
}
