//! What both ways to a server of the older era keep of it, and what both ask a modern one for.
//!
//! Enters: what the server has said of itself, and what callers want. Leaves: a log level to be set, or
//! none; the filter of a subscription. Never: a lower level than somebody has asked for.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use tokio::sync::watch;
use toolgate_call::{LogLevel, RawJson, Watched};

/// No level was set.
const UNSET: u8 = u8::MAX;

/// From which level on a server sends log messages. One setting serves all callers: it is the most
/// talkative that any has asked for since the session was made, and what is too much for a caller is
/// left out on its way.
#[derive(Debug)]
pub(crate) struct Logs {
    offered: bool,
    level: AtomicU8,
}

/// A level on its way to the server. Dropped before it was told, it counts as not set.
#[derive(Debug)]
#[must_use = "dropped, it counts as not set"]
pub(crate) struct Raised<'a>(&'a Logs);

#[derive(Deserialize)]
struct About {
    #[serde(default)]
    capabilities: Capabilities,
}

#[derive(Default, Deserialize)]
struct Capabilities {
    logging: Option<IgnoredAny>,
}

// === impl Logs ===

impl Logs {
    /// Of a server that has answered `initialize` so.
    pub(crate) fn of(about: &RawJson) -> Self {
        let about = about.parse::<About>();
        let offered = about.is_ok_and(|about| about.capabilities.logging.is_some());
        Self { offered, level: AtomicU8::new(UNSET) }
    }

    /// Whether the server writes log messages.
    pub(crate) const fn are_offered(&self) -> bool {
        self.offered
    }

    /// The server must be told of that level: it sends messages, but not those. `None`: it need not.
    pub(crate) fn raise(&self, level: LogLevel) -> Option<Raised<'_>> {
        let wanted = level as u8;
        let must = self.offered && self.level.fetch_min(wanted, Relaxed) > wanted;
        must.then_some(Raised(self))
    }
}

// === impl Raised ===

impl Raised<'_> {
    /// The server was told.
    pub(crate) fn told(self) {
        std::mem::forget(self);
    }
}

impl Drop for Raised<'_> {
    /// Nobody knows which level the server has: the next caller says it anew.
    fn drop(&mut self) {
        self.0.level.store(UNSET, Relaxed);
    }
}

/// What a modern server says first on a subscription.
pub(crate) const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";

/// Waits until something else is watched.
pub(crate) async fn altered(watched: &mut watch::Receiver<Watched>) {
    if watched.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The `notifications` of a `subscriptions/listen`.
pub(crate) fn wished(lists: bool, watched: &Watched) -> Value {
    let mut filter = Map::new();
    if lists {
        for list in ["toolsListChanged", "promptsListChanged", "resourcesListChanged"] {
            filter.insert(list.to_owned(), true.into());
        }
    }
    let single = [("resourceSubscriptions", &watched.uris), ("taskIds", &watched.tasks)];
    for (member, all) in single.into_iter().filter(|(_, all)| !all.is_empty()) {
        let all: Vec<&str> = all.iter().map(|one| &**one).collect();
        filter.insert(member.to_owned(), all.into());
    }
    filter.into()
}

#[cfg(test)]
mod tests {
    //! How far the level goes up.

    use toolgate_call::{LogLevel, RawJson};

    use super::Logs;

    #[test]
    fn the_level_is_set_when_somebody_wants_more_and_never_back() {
        let logs = Logs::of(&RawJson::literal(r#"{"capabilities":{"logging":{}}}"#));
        let wanted = [LogLevel::Error, LogLevel::Info, LogLevel::Warning, LogLevel::Debug];
        let raise = |level| logs.raise(level).map(super::Raised::told).is_some();
        assert_eq!(wanted.map(raise), [true, true, false, true]);
        let logs = Logs::of(&RawJson::literal(r#"{"capabilities":{"logging":{}}}"#));
        drop(logs.raise(LogLevel::Info));
        assert!(logs.raise(LogLevel::Info).is_some(), "it was not told");
        let mute = Logs::of(&RawJson::literal(r#"{"capabilities":{}}"#));
        assert!(mute.raise(LogLevel::Debug).is_none(), "it has nothing to set");
    }
}
