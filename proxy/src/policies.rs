//! The policies of a gateway that runs.
//!
//! Enters: their files, whenever one changes. Leaves: rules that decide by what they say. Never: rules that
//! are only half there: as long as anything is wrong in any file, all that was said before holds; a look at
//! the disk on the way of a call.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use toolgate_guard::cedar::{Cedar, CedarConfig, Flaw, Source, Standing};
use toolgate_mcp::Registry;
use toolgate_telemetry::Telemetry;

use crate::config::Policies;
use crate::mark::{LOOK, Mark};

/// See the module.
pub struct Rulebook {
    policies: Policies,
    standing: Arc<Standing>,
    registry: Arc<Registry>,
    telemetry: Arc<Telemetry>,
    /// One reads at a time: what was read earlier never takes the place of what was read later.
    turn: Mutex<()>,
}

// === impl Rulebook ===

impl Rulebook {
    pub(crate) fn new(
        policies: &Policies,
        standing: &Arc<Standing>,
        registry: &Arc<Registry>,
        telemetry: &Arc<Telemetry>,
    ) -> Self {
        let (standing, registry) = (Arc::clone(standing), Arc::clone(registry));
        let telemetry = Arc::clone(telemetry);
        let turn = Mutex::default();
        Self { policies: policies.clone(), standing, registry, telemetry, turn }
    }

    /// Reads the files again. Waits for the disk.
    pub fn read_again(&self) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let read = self.read();
        self.telemetry.gateway.policies_reloaded(read.is_ok());
        match read {
            Ok(cedar) => {
                tracing::info!(policies = cedar.len(), "the policies were read again");
                self.standing.take(Arc::new(cedar));
                self.registry.rules_changed();
            }
            Err(why) => {
                tracing::error!(why, "the policies cannot be used; what they said before holds");
            }
        }
    }

    fn read(&self) -> Result<Cedar, String> {
        let mut sources = Vec::with_capacity(self.policies.files.len());
        for (name, file) in &self.policies.files {
            let text = std::fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
            sources.push(Source { name: name.clone(), text });
        }
        let (claims, allow) = (self.policies.claims.clone(), self.policies.allow);
        Cedar::load(&CedarConfig { sources, claims, allow }).map_err(|flaws| self.told(&flaws))
    }

    /// The first flaw, with its place, and how many more there are.
    fn told(&self, flaws: &[Flaw]) -> String {
        let Some(Flaw { source, line, column, message, .. }) = flaws.first() else {
            return "they are wrong".to_owned();
        };
        let name = self.policies.files.get(*source).map_or("", |(name, _)| name.as_str());
        let more = match flaws.len() {
            0 | 1 => String::new(),
            several => format!(" (and {} more)", several - 1),
        };
        format!("{name}:{line}:{column}: {message}{more}")
    }

    /// Reads the files whenever one of them has changed, for ever.
    pub(crate) async fn watch(self: Arc<Self>) {
        // What came between the start and the first look counts as a change: it may be one.
        let mut seen = Vec::new();
        let mut tick = tokio::time::interval(LOOK);
        loop {
            tick.tick().await;
            let (this, before) = (Arc::clone(&self), seen.clone());
            let looked = tokio::task::spawn_blocking(move || this.look(&before)).await;
            seen = looked.unwrap_or(seen);
        }
    }

    /// Reads the files if they are not as they were seen last. Gives back how they are.
    fn look(&self, seen: &[Option<Mark>]) -> Vec<Option<Mark>> {
        // Before they are read: what comes after that is seen next time.
        let marks: Vec<Option<Mark>> =
            self.policies.files.iter().map(|(_, file)| Mark::at(file)).collect();
        if marks != seen {
            self.read_again();
        }
        marks
    }
}

impl fmt::Debug for Rulebook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rulebook").field("files", &self.policies.files).finish_non_exhaustive()
    }
}
