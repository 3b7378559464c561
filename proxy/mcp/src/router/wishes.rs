//! What a session of the older era wishes beyond its calls.
//!
//! Enters: `resources/subscribe`, `resources/unsubscribe`, `logging/setLevel`. Leaves: an entry in this
//! replica's table, and `{}`. Never: a wish that no target can fulfil.

use std::sync::Arc;

use serde::Deserialize;
use toolgate_call::{Call, Case, LogLevel, Permitted, Refusal, Reply, Session, SessionRef, Span};
use toolgate_telemetry::Shed;

use super::listen::noted;
use super::{Inner, unknown_method};
use crate::legacy;

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    params: Params<'a>,
}

#[derive(Deserialize)]
struct Params<'a> {
    level: std::borrow::Cow<'a, str>,
}

impl Inner {
    /// Subscribes a session to a resource.
    pub(super) fn subscribe(
        &self,
        id: &str,
        permitted: &Permitted,
        session: Session,
    ) -> Result<Reply, Refusal> {
        let call = permitted.call();
        let (Some(plan), Some(uri)) = (permitted.plan(), call.name.as_deref()) else {
            return Err(Refusal::internal("a subscription to nothing"));
        };
        if !self.registry.tells_of_resources(&plan.target) {
            let message = format!("`{}` does not tell of changes of its resources", plan.target);
            return Err(Refusal::new(Case::MethodUnknown, message));
        }
        let wishes = self.table.of(id, session.expires).inspect_err(|_| self.no_room())?;
        let added = wishes.watcher.add(&plan.target, &Arc::from(uri));
        added.map_err(|_full| {
            self.no_room();
            legacy::full()
        })?;
        Ok(noted())
    }

    /// Ends that, whether or not the resource is still there.
    pub(super) fn unsubscribe(&self, id: &str, call: &Call) -> Result<Reply, Refusal> {
        let Some(uri) = call.name.as_deref() else {
            return Err(Refusal::new(Case::ParamsInvalid, "`params.uri` is missing"));
        };
        if let Some(wishes) = self.table.find(id) {
            wishes.watcher.remove(uri);
        }
        Ok(noted())
    }

    /// From which level on a session wants to hear log messages.
    pub(super) fn set_level(
        &self,
        id: &str,
        call: &Call,
        session: Session,
    ) -> Result<Reply, Refusal> {
        if !self.registry.logs(call.server.as_deref()) {
            return Err(unknown_method(call));
        }
        let all = call.frame.slice(Span { start: 0, end: call.frame.len() }).unwrap_or_default();
        let message: Option<Message<'_>> = serde_json::from_slice(all).ok();
        let level = message.and_then(|message| LogLevel::parse(&message.params.level));
        let level = level.ok_or_else(|| {
            let names = LogLevel::ALL.map(LogLevel::as_str).join(", ");
            Refusal::new(Case::ParamsInvalid, format!("`params.level` must be one of {names}"))
        })?;
        let wishes = self.table.of(id, session.expires).inspect_err(|_| self.no_room())?;
        wishes.set_level(level);
        Ok(noted())
    }

    /// A call of a session has the level that the session has set.
    pub(super) fn set_its_level(&self, permitted: &mut Permitted) {
        let SessionRef::Claimed(id) = &permitted.call().session else { return };
        let level = self.table.find(id).and_then(|wishes| wishes.level());
        permitted.set_log_level(level);
    }

    /// Counts a wish for which there is no room.
    pub(super) fn no_room(&self) {
        self.telemetry.gateway.shed(Shed::Subscription);
    }
}
