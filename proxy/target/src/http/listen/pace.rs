//! How long a target whose stream has ended is left alone.
//!
//! Enters: how long each stream has lasted. Leaves: the pause before the next, shorter when the target
//! is seen to live. Never: the same pause for all gateways that have lost a target at the same moment.

use std::future::Future;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

/// The endings so far.
#[derive(Debug, Default)]
pub(super) struct Pace {
    step: u32,
}

/// After a stream that has lasted so long, the target is taken for one that was restarted.
const GOOD: Duration = Duration::from_secs(5);
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

// === impl Pace ===

impl Pace {
    /// The pause after a stream that lasted so long: between the half and the whole of 1, 2, 4 …
    /// 60 s. After a stream that has lasted a while it is short again.
    pub(super) fn after(&mut self, lasted: Duration) -> Duration {
        if lasted >= GOOD {
            self.step = 0;
        }
        let whole = FIRST.saturating_mul(2_u32.saturating_pow(self.step)).min(LONGEST);
        self.step = self.step.saturating_add(1);
        let half = whole / 2;
        half + half.mul_f64(luck())
    }
}

/// Waits for so long; or less, once there is word of the target (but a second in any case, for that
/// word may come of trying).
pub(super) async fn rest(pause: Duration, word: impl Future<Output = ()>) {
    let first = pause.min(FIRST);
    tokio::time::sleep(first).await;
    let _either = tokio::time::timeout(pause.saturating_sub(first), word).await;
}

/// A number from 0 to 1. Every `RandomState` has keys of its own, which is all the chance needed.
fn luck() -> f64 {
    let drawn = RandomState::new().build_hasher().finish() >> 32;
    drawn as f64 / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    //! How long the pauses are.

    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Pace, rest};

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn pauses_double_up_to_a_minute_and_no_two_targets_keep_step() {
        let mut pace = Pace::default();
        for whole in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] {
            let pause = pace.after(seconds(4.9));
            assert!((seconds(whole / 2.0)..=seconds(whole)).contains(&pause), "{whole}: {pause:?}");
        }
        let first = || Pace::default().after(Duration::ZERO);
        let pauses: std::collections::BTreeSet<_> = (0..100).map(|_| first()).collect();
        assert!(pauses.len() > 50, "{pauses:?}");
        assert!(pauses.first().unwrap() < &seconds(0.6) && pauses.last().unwrap() > &seconds(0.9));
    }

    #[test]
    fn a_stream_that_was_good_for_a_while_is_opened_again_soon() {
        let mut pace = Pace { step: 40 };
        assert!(pace.after(seconds(4.9)) >= seconds(30.0));
        assert!(pace.after(seconds(5.0)) <= seconds(1.0));
        assert!(pace.after(Duration::ZERO) >= seconds(1.0), "and the next one counts again");
    }

    #[tokio::test(start_paused = true)]
    async fn word_of_the_target_ends_a_pause_but_not_at_once() {
        let began = Instant::now();
        rest(seconds(40.0), async {}).await;
        assert_eq!(began.elapsed(), seconds(1.0));
        rest(seconds(0.5), async {}).await;
        assert_eq!(began.elapsed(), seconds(1.5));
        rest(seconds(40.0), std::future::pending()).await;
        assert_eq!(began.elapsed(), seconds(41.5));
    }
}
