//! The file in which grants outlive the process.
//!
//! Enters: what is held, whenever it changes. Leaves: a file that is of no use without its key; and at the
//! start what was in it. Never: a token in the clear on the disk; half a file; a gateway that begins
//! without what a file holds because the file cannot be read.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use toolgate_target::grants::{Grants, Stored};
use toolgate_telemetry::{GrantEvent, Telemetry};

use crate::commands::whole::private;
use crate::config;

/// What the file begins with. Sealed along, so that no other file of ours is taken for one.
const HEAD: &str = "toolgate-grants 1\n";
/// What the key is derived for.
const USE: &[u8] = b"toolgate grants 1";
/// The largest file that is read, in bytes.
const LARGEST: u64 = 256 << 20;
/// When a file that could not be written is tried again.
const AGAIN: Duration = Duration::from_secs(10);

/// See the module.
pub(crate) struct Keeping {
    path: PathBuf,
    key: RandomizedNonceKey,
    grants: Arc<Grants>,
    telemetry: Arc<Telemetry>,
    /// One writes at a time: what is older never takes the place of what is newer.
    turn: Mutex<()>,
}

/// A file, and the key to it.
pub(crate) struct Sealed {
    path: PathBuf,
    key: RandomizedNonceKey,
}

// === impl Sealed ===

impl Sealed {
    pub(crate) fn new(config: &config::Grants) -> anyhow::Result<Self> {
        let key = digest(&SHA256, &[USE, config.key.expose().as_bytes()].concat());
        let key = RandomizedNonceKey::new(&AES_256_GCM, key.as_ref());
        let key = key.ok().context("the key of the grants cannot be used")?;
        Ok(Self { path: config.file.clone(), key })
    }

    /// What is in it; nothing if it is not there yet.
    ///
    /// # Errors
    /// It cannot be read, or was sealed with another key, or changed since.
    pub(crate) fn read(&self) -> anyhow::Result<Vec<Stored>> {
        let path = self.path.display();
        let size = match std::fs::metadata(&self.path) {
            Ok(found) => found.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).with_context(|| format!("the grants in {path}")),
        };
        if size > LARGEST {
            bail!("the grants in {path} take more than 256 MiB");
        }
        let text = std::fs::read_to_string(&self.path)
            .with_context(|| format!("the grants in {path} cannot be read"))?;
        let plain = self.open(&text).with_context(|| {
            format!(
                "the grants in {path} cannot be opened: the key is another one, or the file was \
                 changed; with another file, or none, all users connect again"
            )
        })?;
        serde_json::from_slice(&plain).map_err(|_| anyhow::anyhow!("{path} holds no grants"))
    }

    fn open(&self, text: &str) -> Option<zeroize::Zeroizing<Vec<u8>>> {
        let mut all = STANDARD.decode(text.strip_prefix(HEAD)?.trim_end()).ok()?;
        if all.len() <= NONCE_LEN {
            return None;
        }
        let mut sealed = zeroize::Zeroizing::new(all.split_off(NONCE_LEN));
        let nonce = Nonce::try_assume_unique_for_key(&all).ok()?;
        let plain = self.key.open_in_place(nonce, Aad::from(HEAD), &mut sealed).ok()?.len();
        sealed.truncate(plain);
        Some(sealed)
    }

    pub(crate) fn keeping(self, grants: &Arc<Grants>, telemetry: &Arc<Telemetry>) -> Arc<Keeping> {
        let (grants, telemetry) = (Arc::clone(grants), Arc::clone(telemetry));
        let Self { path, key } = self;
        Arc::new(Keeping { path, key, grants, telemetry, turn: Mutex::default() })
    }
}

// === impl Keeping ===

impl Keeping {
    /// Writes the file whenever something has changed, for ever.
    pub(crate) async fn keep(self: Arc<Self>) {
        loop {
            self.grants.changed().await;
            loop {
                let this = Arc::clone(&self);
                let saved = tokio::task::spawn_blocking(move || this.save()).await;
                if saved.unwrap_or(true) {
                    break;
                }
                tokio::time::sleep(AGAIN).await;
            }
        }
    }

    /// Writes the file. Waits for the disk.
    pub(crate) fn save(&self) -> bool {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let saved = self.sealed().and_then(|text| private(&self.path, &text));
        if let Err(error) = &saved {
            self.telemetry.gateway.grant(GrantEvent::Unkept);
            let file = self.path.display();
            tracing::error!(%file, %error, "the grants of users could not be written");
        }
        saved.is_ok()
    }

    fn sealed(&self) -> io::Result<String> {
        let mut all = serde_json::to_vec(&self.grants.kept())?;
        let sealed = self.key.seal_in_place_append_tag(Aad::from(HEAD), &mut all);
        let nonce = sealed.map_err(|_| io::Error::other("they cannot be sealed"))?;
        Ok(format!("{HEAD}{}\n", STANDARD.encode([&nonce.as_ref()[..], &all].concat())))
    }
}

impl fmt::Debug for Keeping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeping").field("path", &self.path).finish_non_exhaustive()
    }
}
