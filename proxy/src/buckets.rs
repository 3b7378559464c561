//! Buckets of rate limits that gateways share: Redis, or Valkey (ADR 38).
//!
//! Enters: tokens that are wanted. Leaves: whether there were any, by one script that Redis runs as a
//! whole; or what the configuration says, when Redis cannot be asked. Never: a wait beyond the timeout;
//! more questions at once than the limit; a caller's name in Redis, which sees hashes.

mod link;
pub mod script;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;
use toolgate_guard::{Buckets, LocalBuckets, NoToken, Take, Taken, Taking};
use toolgate_telemetry::{RateStore, StoreTake, Telemetry};

use crate::config::{OnFailure, SharedRates};
use link::{Failure, Link};

/// Questions on their way at once. More than that means that Redis does not keep up.
const PLACES: usize = 1024;
/// When whoever is refused because Redis cannot be asked may come again: by then it was tried again.
const COME_AGAIN: Duration = Duration::from_secs(1);

/// See the module. A clone is the same.
#[derive(Clone, Debug)]
pub struct SharedBuckets(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    link: Link,
    places: Arc<Semaphore>,
    timeout: Duration,
    otherwise: OnFailure,
    /// For `on_failure: local`.
    local: LocalBuckets,
    store: Arc<RateStore>,
}

// === impl SharedBuckets ===

impl SharedBuckets {
    /// Buckets in that Redis. Nobody connects before [`Self::keep`] is polled. `local` are the buckets of
    /// this gateway alone.
    ///
    /// # Errors
    /// An address that the client does not take.
    pub fn new(
        config: &SharedRates,
        local: LocalBuckets,
        telemetry: &Telemetry,
    ) -> anyhow::Result<Self> {
        let store = Arc::new(telemetry.rate_store());
        Ok(Self(Arc::new(Inner {
            link: Link::new(config, Arc::clone(&store))?,
            places: Arc::new(Semaphore::new(PLACES)),
            timeout: config.timeout,
            otherwise: config.on_failure,
            local,
            store,
        })))
    }

    /// Connects once, and looks whether Redis does what calls need, in their time.
    ///
    /// # Errors
    /// Why it does not, in words.
    pub async fn try_once(&self) -> Result<(), String> {
        self.0.link.try_once().await
    }

    /// Connects, and connects again whenever that is needed. It does not end.
    pub async fn keep(self) {
        self.0.link.keep().await;
    }
}

impl Buckets for SharedBuckets {
    fn take(&self, wanted: Vec<Take>) -> Taking {
        let inner = &self.0;
        if inner.link.is_down() {
            return Taking::Now(inner.unasked(&wanted, StoreTake::Down));
        }
        let Ok(place) = Arc::clone(&inner.places).try_acquire_owned() else {
            return Taking::Now(inner.unasked(&wanted, StoreTake::Crowded));
        };
        let inner = Arc::clone(inner);
        Taking::Later(Box::pin(async move {
            let taken = inner.ask(&wanted).await;
            drop(place);
            taken
        }))
    }
}

// === impl Inner ===

impl Inner {
    async fn ask(&self, wanted: &[Take]) -> Taken {
        let began = Instant::now();
        let asked = self.link.take(wanted, self.timeout).await;
        let (end, taken) = match asked {
            Ok(Ok(())) => (StoreTake::Taken, Ok(())),
            Ok(Err(empty)) => (StoreTake::Empty, Err(empty)),
            Err(Failure::Down) => return self.unasked(wanted, StoreTake::Down),
            Err(Failure::Late) => (StoreTake::Late, self.otherwise(wanted)),
            Err(Failure::Failed) => (StoreTake::Failed, self.otherwise(wanted)),
        };
        self.store.asked(end, began.elapsed());
        taken
    }

    fn unasked(&self, wanted: &[Take], why: StoreTake) -> Taken {
        self.store.not_asked(why);
        self.otherwise(wanted)
    }

    /// What the configuration says about calls when Redis cannot be asked.
    fn otherwise(&self, wanted: &[Take]) -> Taken {
        match self.otherwise {
            OnFailure::Allow => Ok(()),
            OnFailure::Refuse => Err(NoToken::Unknown(COME_AGAIN)),
            OnFailure::Local => self.local.take_now(wanted),
        }
    }
}

#[cfg(test)]
mod tests;
