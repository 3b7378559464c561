//! Messages of our own for the operator, on standard error.
//!
//! Enters: `tracing` events, and what the program has to say. Leaves: lines. Never: one line a call
//! (that is the access log); a thread that serves calls waiting for whoever reads them; and never
//! installed by a library: the binary asks for it.

mod outbox;

use std::future::Future;
use std::time::Duration;

use tokio::task::JoinHandle;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use outbox::Outbox;

/// Says which task it was when a task panics.
struct Named(&'static str);

/// Sends our own messages to standard error, from that level on: `off`, `error`, `warn`, `info`,
/// `debug`, `trace`, or directives such as `info,toolgate_reach=debug`.
///
/// # Errors
/// A sentence for the operator when the level is not understood, or when messages go somewhere
/// already.
pub fn init_tracing(level: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(level).map_err(|error| {
        format!("log level {level:?}: {error}; use off, error, warn, info, debug or trace")
    })?;
    tracing_subscriber::fmt()
        .compact()
        .with_writer(Outbox::get)
        .with_env_filter(filter)
        .finish()
        .try_init()
        .map_err(|error| format!("log level {level:?}: {error}"))
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
