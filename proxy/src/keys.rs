//! The key file of a gateway that runs.
//!
//! Enters: the file, whenever it changes. Leaves: an authenticator that takes the keys it says. Never: a
//! key that is taken longer because a file is wrong than it was before; a look at the disk on the way of
//! a call.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use toolgate_admit::authn::Authenticator;
use toolgate_telemetry::Telemetry;

use crate::config::KeyFile;
use crate::mark::{LOOK, Mark};

/// See the module.
#[derive(Clone, Debug)]
pub struct Keyring {
    file: PathBuf,
    auth: Arc<Authenticator>,
    telemetry: Arc<Telemetry>,
}

// === impl Keyring ===

impl Keyring {
    pub(crate) fn new(file: &Path, auth: &Arc<Authenticator>, telemetry: &Arc<Telemetry>) -> Self {
        let (auth, telemetry) = (Arc::clone(auth), Arc::clone(telemetry));
        Self { file: file.to_owned(), auth, telemetry }
    }

    /// Reads the file again. Waits for the disk.
    pub fn read_again(&self) {
        let file = self.file.display();
        let read = std::fs::read_to_string(&self.file).map_err(|error| error.to_string());
        let parsed = read.and_then(|text| KeyFile::parse(&text));
        self.telemetry.gateway.keys_reloaded(parsed.is_ok());
        match parsed {
            Ok(keys) => {
                self.auth.take_keys(&keys.held());
                tracing::info!(%file, keys = keys.keys.len(), "the key file was read again");
            }
            Err(why) => {
                tracing::error!(%file, why, "the key file cannot be used; what it said before holds");
            }
        }
    }

    /// Reads the file whenever it has changed, for ever.
    pub(crate) async fn watch(self: Arc<Self>) {
        // What came between the start and the first look counts as a change: it may be one.
        let mut seen = None;
        let mut tick = tokio::time::interval(LOOK);
        loop {
            tick.tick().await;
            let this = Arc::clone(&self);
            let looked = tokio::task::spawn_blocking(move || this.look(seen)).await;
            seen = looked.unwrap_or(seen);
        }
    }

    /// Reads the file if it is not as it was seen last. Gives back how it is.
    fn look(&self, seen: Option<Mark>) -> Option<Mark> {
        let mark = Mark::at(&self.file);
        if mark != seen {
            self.read_again();
        }
        mark
    }
}
