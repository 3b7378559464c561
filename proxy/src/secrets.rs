//! Secrets of a gateway that runs.
//!
//! Enters: where a secret is kept, and what it was at the start. Leaves: what it is now. Never: the old one
//! let go of because its keeper is down, or what it keeps cannot be used; a look on the way of a call,
//! unless a target or an issuer has refused the secret; more of those than one in [`REST`].

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use toolgate_target::{Boxed, Kept, Vault};
use toolgate_telemetry::{SecretRead, SecretSource, Telemetry};

use crate::cloud::Reader;
use crate::config::{RemoteSecret, Secret, usable};

/// Between two looks at a file.
const LOOK: Duration = Duration::from_secs(2);
/// Between two looks that come of a refusal.
const REST: Duration = Duration::from_secs(10);

/// Keeps one secret. See the module.
#[derive(Debug)]
pub struct Keeper {
    place: Place,
    now: Mutex<Kept>,
    /// When somebody looked last; held while somebody looks.
    looked: tokio::sync::Mutex<Option<Instant>>,
    telemetry: Arc<Telemetry>,
}

/// Where a secret is kept.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// In a file.
    File(PathBuf),
    /// In AWS.
    Remote(Reader, RemoteSecret),
}

/// A secret that stays what it was at the start.
#[derive(Debug)]
pub(crate) struct Lasting(Kept);

// === impl Keeper ===

impl Keeper {
    pub(crate) fn new(place: Place, secret: Secret, telemetry: &Arc<Telemetry>) -> Arc<Self> {
        let kept = Kept { secret: Arc::new(secret), version: 0 };
        let (now, telemetry) = (Mutex::new(kept), Arc::clone(telemetry));
        Arc::new(Self { place, now, looked: tokio::sync::Mutex::default(), telemetry })
    }

    /// Looks for a new one for ever: at a file whenever it has changed, in AWS every so often.
    pub(crate) async fn watch(self: Arc<Self>, every: Duration) {
        let Place::File(file) = &self.place else {
            loop {
                // Not all gateways at once.
                tokio::time::sleep(every.mul_f64(0.9 + 0.2 * fastrand::f64())).await;
                self.look(Duration::ZERO).await;
            }
        };
        let mut seen = None;
        loop {
            let file = file.clone();
            let mark = tokio::task::spawn_blocking(move || mark(&file)).await.ok().flatten();
            if mark != seen {
                self.look(Duration::ZERO).await;
                seen = mark;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Looks, unless somebody has within that time.
    async fn look(&self, rest: Duration) {
        let mut looked = self.looked.lock().await;
        if looked.is_some_and(|looked| looked.elapsed() < rest) {
            return;
        }
        let read = self.place.read().await;
        *looked = Some(Instant::now());
        let read = read.and_then(|text| usable(&text).map_err(|wrong| wrong.problem));
        let came_to = match read {
            Ok(secret) => self.take(secret),
            Err(problem) => {
                let secret = self.place.name();
                tracing::warn!(secret, problem, "a secret cannot be read; the last one holds");
                SecretRead::Failed
            }
        };
        self.telemetry.gateway.secret_read(self.place.source(), came_to);
    }

    fn take(&self, secret: Secret) -> SecretRead {
        let mut now = self.lock();
        if *now.secret == secret {
            return SecretRead::Unchanged;
        }
        *now = Kept { secret: Arc::new(secret), version: now.version + 1 };
        drop(now);
        tracing::info!(secret = self.place.name(), "a secret has changed; the new one is in use");
        SecretRead::Rotated
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Vault for Keeper {
    fn current(&self) -> Kept {
        self.lock().clone()
    }

    fn look_again(&self) -> Boxed<'_, ()> {
        Box::pin(self.look(REST))
    }
}

// === impl Place ===

impl Place {
    async fn read(&self) -> Result<String, String> {
        match self {
            Self::File(file) => {
                let read = tokio::fs::read_to_string(file).await;
                read.map_err(|error| format!("cannot be read: {error}"))
            }
            Self::Remote(reader, secret) => reader.read(secret).await,
        }
    }

    const fn source(&self) -> SecretSource {
        match self {
            Self::File(_) => SecretSource::File,
            Self::Remote(_, RemoteSecret::Ssm(_)) => SecretSource::Ssm,
            Self::Remote(_, RemoteSecret::SecretsManager { .. }) => SecretSource::SecretsManager,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::File(file) => format!("file:{}", file.display()),
            Self::Remote(_, secret) => secret.to_string(),
        }
    }
}

// === impl Lasting ===

impl Lasting {
    pub(crate) fn new(secret: Secret) -> Self {
        Self(Kept { secret: Arc::new(secret), version: 0 })
    }
}

impl Vault for Lasting {
    fn current(&self) -> Kept {
        self.0.clone()
    }

    fn look_again(&self) -> Boxed<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// What a file is known again by. Behind a link is the file that is meant: secrets of Kubernetes change
/// by their link.
fn mark(file: &Path) -> Option<(u64, u64, i64, i64)> {
    let found = std::fs::metadata(file).ok()?;
    Some((found.ino(), found.size(), found.mtime(), found.mtime_nsec()))
}

#[cfg(test)]
mod tests;
