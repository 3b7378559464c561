//! How often an upstream may be asked by this process.
//!
//! Enters: the wish to ask. Leaves: leave to do so, or how long to wait. Never: a wait of its own.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// So many at once, then one each so often (a leaky bucket as a meter, ITU-T I.371).
#[derive(Debug)]
pub(crate) struct Pace {
    each: Duration,
    burst: u32,
    /// When the bucket is empty again.
    empty: Mutex<Option<Instant>>,
}

// === impl Pace ===

impl Pace {
    pub(crate) const fn new(burst: u32, each: Duration) -> Self {
        Self { each, burst, empty: Mutex::new(None) }
    }

    /// Takes one.
    ///
    /// # Errors
    /// How long to wait for it.
    pub(crate) fn take(&self) -> Result<(), Duration> {
        let now = Instant::now();
        let mut empty = self.empty.lock().unwrap_or_else(PoisonError::into_inner);
        let from = empty.filter(|empty| *empty > now).unwrap_or(now);
        let full = self.each * self.burst.saturating_sub(1);
        let ahead = from.saturating_duration_since(now);
        if ahead > full {
            return Err(ahead.saturating_sub(full));
        }
        *empty = Some(from + self.each);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    //! How many at once.

    use std::time::Duration;

    use super::Pace;

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_let_through_and_then_one_each_second() {
        let pace = Pace::new(3, Duration::from_secs(1));
        assert_eq!([(); 3].map(|()| pace.take()), [Ok(()); 3]);
        assert_eq!(pace.take(), Err(Duration::from_secs(1)));
        tokio::time::advance(Duration::from_millis(1500)).await;
        assert_eq!(pace.take(), Ok(()));
        assert_eq!(pace.take(), Err(Duration::from_millis(500)));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!([(); 3].map(|()| pace.take()), [Ok(()); 3]);
        assert!(pace.take().is_err());
    }
}
