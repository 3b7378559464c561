//! Settings that are read again while the agent runs.
//!
//! Enters: the settings in force, and what the Parameter Store has every few minutes. Leaves: parts made
//! anew, for the next turn; a word in the log, in `/ready` and in the metrics. Never: half of a change;
//! settings that make no sense; a value in the log.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use toolgate_telemetry::agent::SettingsRefresh;

use super::setup::{Again, Ready, Unread};
use crate::assembly::{Assembled, Reading};
use crate::settings::{Changes, Merged, Problems};

/// How long the store may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Agents that were started together do not read together.
const JITTER: f64 = 0.1;

/// What keeps settings up to date.
#[derive(Debug)]
struct Refresh {
    again: Again,
    assembled: Assembled,
    /// What the parts are made of.
    in_force: Merged,
    /// What the store had the last time that it made sense.
    seen: Merged,
    reading: Reading,
}

/// Begins to read settings again, if they are those of the Parameter Store. It goes on until the
/// handle is told to stop.
pub(super) fn begin(ready: Ready, assembled: &Assembled) -> Option<JoinHandle<()>> {
    let Ready { merged, config, again, .. } = ready;
    let again = again?;
    let reading = Reading {
        from: again.store.prefix().to_owned(),
        good: Instant::now(),
        every: config.refresh,
        problem: None,
        waiting: Vec::new(),
    };
    let assembled = assembled.clone();
    assembled.host.live.told(reading.clone());
    let refresh = Refresh { again, assembled, in_force: merged.clone(), seen: merged, reading };
    Some(tokio::spawn(refresh.run()))
}

// === impl Refresh ===

impl Refresh {
    async fn run(mut self) {
        while let Some(every) = self.reading.every {
            sleep(every.mul_f64(fastrand::f64().mul_add(-JITTER, 1.0))).await;
            let came_to = match self.refreshed().await {
                Ok(came_to) => came_to,
                Err(unread) => self.unread(unread),
            };
            self.assembled.telemetry.settings_refreshed(came_to);
            self.assembled.host.live.told(self.reading.clone());
        }
        tracing::warn!(
            "settings are not read again: `settings/refresh` is 0s; restart to change it"
        );
    }

    async fn refreshed(&mut self) -> Result<SettingsRefresh, Unread> {
        let late = |_| Err(Unread::Failed(format!("no whole answer within {PATIENCE:?}")));
        let read = timeout(PATIENCE, self.again.merged()).await.unwrap_or_else(late)?;
        let since = Changes::between(&self.seen, &read);
        if !since.is_empty() {
            self.change(&read).await?;
        }
        let worked = self.reading.problem.take().is_some();
        if worked {
            tracing::info!("settings are read again as they should be");
        }
        self.reading.good = Instant::now();
        self.seen = read;
        Ok(if since.is_empty() { SettingsRefresh::Same } else { SettingsRefresh::Changed })
    }

    /// Applies what can be applied; says what cannot.
    async fn change(&mut self, read: &Merged) -> Result<(), Unread> {
        // As a whole they have to make sense: that is what a restart begins with.
        self.again.config(read).map_err(Unread::Invalid)?;
        let Changes { mut live, mut later } = Changes::between(&self.in_force, read);
        let mixed = self.in_force.with(&live, read);
        match self.again.config(&mixed) {
            Ok(config) => {
                if !live.is_empty() {
                    let applied = Box::pin(self.assembled.apply(&config, &live)).await;
                    applied.map_err(|error| Unread::Invalid(Problems::of(format!("{error:#}"))))?;
                    tracing::info!(
                        keys = live.join(", "),
                        "settings have changed, for the next turn"
                    );
                }
                self.in_force = mixed;
                self.reading.every = config.refresh;
            }
            // They make sense only together with what waits for a restart.
            Err(_) => later.append(&mut live),
        }
        if !later.is_empty() && later != self.reading.waiting {
            tracing::warn!(
                keys = later.join(", "),
                "settings have changed that take effect at a restart"
            );
        }
        self.reading.waiting = later;
        Ok(())
    }

    /// Says why nothing is changed.
    fn unread(&mut self, unread: Unread) -> SettingsRefresh {
        let (came_to, problem) = match unread {
            Unread::Failed(says) => (SettingsRefresh::Failed, says),
            Unread::Invalid(problems) => (SettingsRefresh::Invalid, problems.to_string()),
        };
        tracing::warn!(%problem, "settings cannot be read again; those in force stay: mend it, and they are applied");
        self.reading.problem = Some(problem);
        came_to
    }
}
