//! What a child says without being asked, and what it is asked to say.
//!
//! Enters: what is watched, the level of a caller, and the child's own words. Leaves: subscriptions, a
//! log level; log messages for the only caller. Never: a message for somebody whose it may not be.

use std::sync::atomic::Ordering::Relaxed;

use toolgate_call::{LogLevel, RawJson, Watched};

use super::Link;
use crate::progress::wants_message;
use crate::stdio::request;

impl Link {
    /// Whether a modern child has said that it tells of changes of its lists.
    pub(in crate::stdio) fn tells(&self, tells: bool) {
        self.tells.store(tells, Relaxed);
    }

    /// Asks a modern child to tell of changes of its lists and of these resources. What it answers
    /// is of no interest; once it acknowledges that, earlier subscriptions end.
    pub(in crate::stdio) fn subscribe(&self, uris: &Watched) {
        let lists = self.tells.load(Relaxed);
        if !lists && uris.is_empty() && self.subscriptions.are_none() {
            return;
        }
        let id = self.next.fetch_add(1, Relaxed);
        self.say(request::listen(id, lists, uris));
        if let Some(oldest) = self.subscriptions.begun(id) {
            self.say(request::cancelled(oldest));
        }
    }

    /// A modern child has acknowledged a subscription.
    pub(in crate::stdio) fn acknowledged(&self, raw: &RawJson) {
        for earlier in self.subscriptions.acknowledged(raw) {
            self.say(request::cancelled(earlier));
        }
    }

    /// A modern child does not want to tell of anything any more, by a message of its own.
    pub(in crate::stdio) fn cancelled(&self, raw: &RawJson) {
        if let Some(id) = request::cancelled_id(raw) {
            self.subscriptions.ended(id);
        }
    }

    /// Waits until the child has ended its last subscription.
    pub(in crate::stdio) async fn unsubscribed(&self) {
        self.subscriptions.are_over().await;
    }

    /// A caller wants log messages of that level: a child of the older era is told so, unless it
    /// sends them already. What it answers is of no interest.
    pub(in crate::stdio) fn raise(&self, level: LogLevel) {
        if let Some(raised) = self.logs.get().and_then(|logs| logs.raise(level)) {
            self.say(request::set_level(self.next.fetch_add(1, Relaxed), level));
            raised.told();
        }
    }

    /// The child sent a log message. Nothing in it says for whom: it is the only caller's, or lost.
    pub(in crate::stdio) fn logged(&self, raw: RawJson) {
        let calls = self.calls();
        let Some(sole) = calls.sole() else { return };
        if sole.caller.as_ref().is_some_and(|caller| wants_message(caller, &raw)) {
            sole.mail.push(raw);
        }
    }
}
