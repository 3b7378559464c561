//! An ear at the gateway, for word that its list of tools has changed.
//!
//! In: the stream of changes, taken up again when it breaks. Out: a list that has changed, so that
//! the next turn fetches it. Never: two streams of one agent; a stream that outlives the gateway's
//! handle; more than a question an hour to a gateway that tells nobody.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use toolgate_client::{Changes, Client, Failure as Broken};

use super::list::List;
use super::token::{NoToken, Tokens};

/// How long a stream may take to begin.
const OPENING: Duration = Duration::from_secs(15);
/// The pause before the first new try, and the longest. A stream that held for the longest was a
/// good one.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);
/// The pause after a gateway said that it tells nobody: there may be another one by then, or it was
/// whatever stands in front of it that said so.
const NOBODY: Duration = Duration::from_secs(3600);

/// The one stream of a gateway's handle; it ends when dropped.
#[derive(Debug, Default)]
pub(super) struct Hearing(OnceLock<JoinSet<()>>);

/// What is needed to hear.
#[derive(Debug)]
pub(super) struct Ear {
    pub(super) client: Arc<Client>,
    pub(super) tokens: Tokens,
    pub(super) list: Arc<List>,
}

/// Why there is no stream now.
#[derive(Debug, thiserror::Error)]
enum Deaf {
    #[error("there is no token: {0}")]
    NoToken(NoToken),
    #[error(transparent)]
    Broken(#[from] Broken),
    #[error("it did not begin within {OPENING:?}")]
    Late,
}

/// Pauses that grow.
#[derive(Debug)]
struct Pauses(Duration);

// === impl Hearing ===

impl Hearing {
    /// Begins, unless it has begun.
    pub(super) fn begin(&self, ear: impl FnOnce() -> Ear) {
        self.0.get_or_init(|| {
            let mut only = JoinSet::new();
            only.spawn(ear().hear());
            only
        });
    }
}

// === impl Ear ===

impl Ear {
    /// Hears, and asks again for what cannot be heard.
    async fn hear(self) {
        let mut pauses = Pauses(SHORTEST);
        loop {
            match self.opened().await {
                Ok(Some(changes)) => {
                    let since = Instant::now();
                    let ended = self.heard(changes).await;
                    tracing::debug!(error = %ended, "the gateway's word of changes ended");
                    pauses.held(since.elapsed());
                }
                Ok(None) => {
                    tracing::debug!("the gateway does not tell of changes of its list");
                    sleep(NOBODY).await;
                    continue;
                }
                Err(deaf) => tracing::debug!(error = %deaf, "no word of changes at the gateway"),
            }
            sleep(pauses.next()).await;
        }
    }

    /// Each word says that the list has changed. The beginning makes it an old one: what changed before
    /// was told to nobody.
    async fn heard(&self, mut changes: Changes) -> Broken {
        self.list.outdated();
        loop {
            match changes.changed().await {
                Ok(()) => self.list.changed(),
                Err(ended) => return ended,
            }
        }
    }

    async fn opened(&self) -> Result<Option<Changes>, Deaf> {
        timeout(OPENING, Box::pin(self.opening())).await.unwrap_or(Err(Deaf::Late))
    }

    async fn opening(&self) -> Result<Option<Changes>, Deaf> {
        let mut token = self.tokens.get().await.map_err(Deaf::NoToken)?;
        let mut again = true;
        loop {
            let failure = match self.client.listen(token.as_deref()).await {
                Ok(changes) => return Ok(changes),
                Err(failure) => failure,
            };
            let refused = token.as_ref().filter(|_| std::mem::take(&mut again));
            match self.tokens.after(&failure, refused).await.map_err(Deaf::NoToken)? {
                Some(other) => token = Some(other),
                None => return Err(failure.into()),
            }
        }
    }
}

// === impl Pauses ===

impl Pauses {
    /// A stream stood for so long.
    fn held(&mut self, time: Duration) {
        if time >= LONGEST {
            self.0 = SHORTEST;
        }
    }

    fn next(&mut self) -> Duration {
        let next = self.0.saturating_mul(2).min(LONGEST);
        std::mem::replace(&mut self.0, next)
    }
}
