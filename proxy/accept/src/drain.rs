//! The end of service, told once to everyone who must know.
//!
//! Enters: one signal. Leaves: a future for each connection, and a wait for the last of them.
//! Never: an aborted exchange before its time is up.

use std::time::Duration;

use tokio::sync::watch;

/// Says that the service ends, and waits until the last connection is gone.
#[derive(Debug)]
pub struct Drain(watch::Sender<bool>);

/// Hears that the service ends. Every connection holds one.
#[derive(Clone, Debug)]
pub struct Drained(watch::Receiver<bool>);

/// A pair of the two.
#[must_use]
pub fn drain() -> (Drain, Drained) {
    let (sender, receiver) = watch::channel(false);
    (Drain(sender), Drained(receiver))
}

// === impl Drain ===

impl Drain {
    /// Ends the service. Gives back whether everything ended within the grace period.
    pub async fn end(self, grace: Duration) -> bool {
        self.0.send_replace(true);
        tokio::time::timeout(grace, self.0.closed()).await.is_ok()
    }
}

// === impl Drained ===

impl Drained {
    /// Waits for the end of service.
    pub async fn ending(&mut self) {
        // An error means that the sender is gone, which is an end as well.
        let _ended = self.0.wait_for(|ended| *ended).await;
    }
}
