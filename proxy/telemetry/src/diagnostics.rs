//! Messages of our own for the operator, on standard error.
//!
//! Enters: `tracing` events, and what the program has to say. Leaves: lines. Never: one line a call
//! (that is the access log); a thread that serves calls waiting for whoever reads them; and never
//! installed by a library: the binary asks for it.

mod level;
mod outbox;

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::task::JoinHandle;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

pub(crate) use level::{Level, Levels};
use outbox::Outbox;

/// The level of this process, once its messages go somewhere.
static LEVELS: OnceLock<Arc<Levels>> = OnceLock::new();

/// Says which task it was when a task panics.
struct Named(&'static str);

/// Sends our own messages to standard error, from that level on: `off`, `error`, `warn`, `info`,
/// `debug`, `trace`, and after that parts of the program, such as `info,toolgate_reach=debug`. The
/// admin server can change it while the program runs.
///
/// # Errors
/// A sentence for the operator when the level is not understood, or when messages go somewhere
/// already.
pub fn init_tracing(level: &str) -> Result<(), String> {
    let wrong = |why: String| format!("log level {level:?}: {why}");
    let (filter, levels) = Levels::new(level).map_err(wrong)?;
    let lines = tracing_subscriber::fmt::layer().compact().with_writer(Outbox::get);
    let subscriber = tracing_subscriber::registry().with(filter).with(lines);
    subscriber.try_init().map_err(|error| wrong(error.to_string()))?;
    LEVELS.get_or_init(|| levels);
    Ok(())
}

/// What changes the level of this process; `None` when its messages are not ours.
pub(crate) fn levels() -> Option<Arc<Levels>> {
    LEVELS.get().cloned()
}

/// Says something to the operator, in line with the messages, without waiting.
pub fn tell(text: &str) {
    Outbox::get().push(text.as_bytes());
}

/// Waits until all messages are out, at most so long: whoever reads them may have stopped reading.
pub fn flush_diagnostics(limit: Duration) {
    Outbox::get().flush(limit);
}

/// Runs a task under a name, and logs the name if the task panics.
pub fn spawn<F>(name: &'static str, task: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    tokio::spawn(async move {
        let _named = Named(name);
        task.await
    })
}

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(task = self.0, "the task panicked");
        }
    }
}
