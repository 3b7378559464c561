//! Waiting for something that is about to be true.
//!
//! In: a question that is cheap to ask. Out: its first answer, or an error that says what was
//! waited for. It never waits longer than its patience, and never for a fixed time.

use std::fmt::Display;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, interval};

/// How long anything in a test may take to come true.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// Time between two questions.
const LOOK: Duration = Duration::from_millis(5);

/// Asks until there is an answer.
///
/// # Errors
/// When there is none within [`PATIENCE`], or the question itself fails.
pub async fn until<T, F>(what: impl Display, ask: F) -> Result<T>
where
    F: AsyncFnMut() -> Result<Option<T>>,
{
    until_within(PATIENCE, what, ask).await
}

/// The same with more patience, for programs of others that take their time.
///
/// # Errors
/// When there is no answer within `patience`, or the question itself fails.
pub async fn until_within<T, F>(patience: Duration, what: impl Display, mut ask: F) -> Result<T>
where
    F: AsyncFnMut() -> Result<Option<T>>,
{
    let start = Instant::now();
    let mut tick = interval(LOOK);
    loop {
        tick.tick().await;
        if let Some(answer) = ask().await? {
            return Ok(answer);
        }
        if start.elapsed() > patience {
            bail!("waited {patience:?} in vain until {what}");
        }
    }
}
