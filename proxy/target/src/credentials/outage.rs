//! An issuer that is down is left alone.
//!
//! Enters: what requests came to. Leaves: whether another one is worth it. Never: more than [`ROOM`] requests
//! at once; a pause because of one client or one token that was refused.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;
use toolgate_telemetry::TokenFetch;

use super::slot::{Failed, Granted};

/// Requests at once, for all callers together.
const ROOM: usize = 32;

/// See the module.
#[derive(Debug)]
pub(super) struct Outage {
    last: Mutex<Option<Last>>,
    room: Semaphore,
}

#[derive(Debug)]
struct Last {
    until: Instant,
    failures: u32,
    why: Failed,
}

// === impl Outage ===

impl Outage {
    /// Room for a request.
    pub(super) async fn enter(&self) -> Result<Option<SemaphorePermit<'_>>, Failed> {
        self.check()?;
        // It is never closed.
        let permit = self.room.acquire().await.ok();
        // Those before have found out meanwhile.
        self.check()?;
        Ok(permit)
    }

    /// A request came to that.
    pub(super) fn note(&self, asked: &Result<Granted, Failed>) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let Err(failed) = asked else {
            *last = None;
            return;
        };
        if matches!(failed.outcome, TokenFetch::Refused | TokenFetch::Revoked) {
            return;
        }
        let now = Instant::now();
        // Those that were on their way together are one failure.
        if last.as_ref().is_some_and(|last| now < last.until) {
            return;
        }
        let failures = last.as_ref().map_or(0, |last| last.failures) + 1;
        *last = Some(Last { until: now + failed.pause(failures), failures, why: failed.clone() });
    }

    fn check(&self) -> Result<(), Failed> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let left = |until: Instant| until.checked_duration_since(Instant::now());
        match last.as_ref().and_then(|last| Some((left(last.until)?, last))) {
            Some((left, last)) if left > Duration::ZERO => {
                Err(Failed { wait: Some(left), ..last.why.clone() })
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl Default for Outage {
    fn default() -> Self {
        Self { last: Mutex::default(), room: Semaphore::new(ROOM) }
    }
}

#[cfg(test)]
mod tests {
    //! Who is let through.

    use std::time::Duration;

    use super::{Failed, Outage, TokenFetch};

    fn failed(outcome: TokenFetch) -> Result<super::Granted, Failed> {
        Err(Failed { outcome, why: "x".to_owned(), wait: None })
    }

    #[tokio::test(start_paused = true)]
    async fn one_failure_stops_those_of_all_callers_and_one_refusal_stops_none() {
        let outage = Outage::default();
        outage.note(&failed(TokenFetch::Refused));
        outage.note(&failed(TokenFetch::Revoked));
        assert!(outage.enter().await.is_ok());
        for _ in 0..1000 {
            outage.note(&failed(TokenFetch::Unreachable));
        }
        let told = outage.enter().await.unwrap_err();
        assert_eq!(told.wait, Some(Duration::from_secs(1)), "all of them are one failure");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(outage.enter().await.is_ok());
        outage.note(&failed(TokenFetch::Unreachable));
        assert_eq!(outage.enter().await.unwrap_err().wait, Some(Duration::from_secs(2)));
    }
}
