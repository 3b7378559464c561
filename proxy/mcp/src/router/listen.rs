//! `subscriptions/listen` (2026-07-28 `basic/patterns/subscriptions`).
//!
//! Enters: what a caller wants to hear of. Leaves: the stream, which begins with what was accepted of
//! that. Never: a resource that the caller may not read, or whose target tells of no changes.

use std::sync::Arc;
use std::time::SystemTime;

use serde::Deserialize;
use serde_json::{Map, Value};
use toolgate_call::{
    Abilities, Call, Case, Directory as _, Era, Events, Holder, Kind, Method, RawJson, Refusal,
    Reply, Session, Span, Subject,
};
use toolgate_telemetry::Shed;

use super::Inner;
use crate::feed::{Feed, Lists, Sources, Told};
use crate::watches::{OF_ONE, Watcher};

#[derive(Deserialize)]
struct Message {
    params: Params,
}

#[derive(Deserialize)]
struct Params {
    notifications: Filter,
}

/// What is asked for. What else may stand in it is not accepted, and so not looked at.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Filter {
    tools_list_changed: bool,
    prompts_list_changed: bool,
    resources_list_changed: bool,
    resource_subscriptions: Vec<Arc<str>>,
    task_ids: Vec<Arc<str>>,
}

impl Inner {
    /// A subscription, until the caller or its token goes.
    pub(super) async fn listen(&self, call: &Call) -> Result<Reply, Refusal> {
        let filter = Filter::of(call)?;
        let Some(id) = call.id.clone() else {
            return Err(Refusal::internal("a subscription without an id"));
        };
        let lists = filter.lists();
        let watcher = self.registry.watches().watcher();
        let accepted = self.watch(call, &watcher, &filter).await;
        let sources = self.sources(call, Some(Arc::new(watcher)));
        let until = call.principal.expires.unwrap_or(u64::MAX);
        let active = self.telemetry.gateway.stream_opened();
        let feed = Feed::subscription(sources, until, (lists, id), active);
        Ok(Reply::stream(Era::Modern, feed.acknowledging(&accepted)))
    }

    /// What changes from a session's beginning on.
    pub(super) fn changes(
        &self,
        id: &str,
        call: &Call,
        session: Session,
    ) -> std::pin::Pin<Box<dyn Events>> {
        // A stream without room for wishes still tells of lists.
        let wishes = self.table.of(id, session.expires).inspect_err(|_| self.no_room()).ok();
        let sources = self.sources(call, wishes.map(|wishes| Arc::clone(&wishes.watcher)));
        let created = self.sessions.created(id, call.holder());
        let view = self.registry.view(call.server.as_deref());
        let known = || view.known_at(created.unwrap_or_else(SystemTime::now));
        let until = session.expires.min(call.principal.expires.unwrap_or(u64::MAX));
        Feed::session(sources, until, known, self.telemetry.gateway.stream_opened())
    }

    fn sources(&self, call: &Call, watcher: Option<Arc<Watcher>>) -> Sources {
        let (registry, policy) = (Arc::clone(&self.registry), Arc::clone(&self.policy));
        let (principal, server) = (Arc::clone(&call.principal), call.server.clone());
        let receiver = self.registry.view(server.as_deref()).changes();
        let view = Box::new(move || {
            let view = registry.view(server.as_deref());
            view.catalog().seen_by(&policy, &principal)
        });
        let (registry, server) = (Arc::clone(&self.registry), call.server.clone());
        let resource =
            Box::new(move |uri: &str| registry.view(server.as_deref()).catalog().selects(uri));
        Sources { receiver, view, resource, task: self.may_follow(call), watcher }
    }

    /// Whether a caller may hear of a task of its: decided anew with each word.
    fn may_follow(&self, call: &Call) -> Told {
        let (registry, policy) = (Arc::clone(&self.registry), Arc::clone(&self.policy));
        let (principal, server) = (Arc::clone(&call.principal), call.server.clone());
        let ids = Arc::clone(self.sessions.tasks());
        Box::new(move |id| {
            let server = server.as_deref();
            let bound = ids.open(id, Holder { principal: &principal, server });
            let plan =
                bound.and_then(|bound| registry.plan_of_task(&bound, Method::TasksGet, server));
            plan.is_some_and(|plan| policy.decide(&principal, Subject::One(&plan)).is_ok())
        })
    }

    /// Watches what the caller may have of what it asks for, and says what that is.
    async fn watch(&self, call: &Call, watcher: &Watcher, filter: &Filter) -> Value {
        let mut accepted = Map::new();
        let lists = [
            ("toolsListChanged", filter.tools_list_changed),
            ("promptsListChanged", filter.prompts_list_changed),
            ("resourcesListChanged", filter.resources_list_changed),
        ];
        for (name, _) in lists.into_iter().filter(|(_, asked)| *asked) {
            accepted.insert(name.to_owned(), true.into());
        }
        let tasks = !filter.task_ids.is_empty() && call.abilities.has(Abilities::TASKS);
        if tasks || !filter.resource_subscriptions.is_empty() {
            drop(self.registry.introduced(call.server.as_deref()).await);
        }
        if tasks {
            let followed = |id: &&Arc<str>| self.follow_one(call, watcher, id);
            let ids = filter.task_ids.iter().filter(followed);
            let ids: Vec<Value> = ids.map(|id| Value::from(&**id)).collect();
            accepted.insert("taskIds".to_owned(), ids.into());
        }
        if filter.resource_subscriptions.is_empty() {
            return accepted.into();
        }
        let watched = |uri: &&Arc<str>| self.watch_one(call, watcher, uri);
        let uris = filter.resource_subscriptions.iter().filter(watched);
        let uris: Vec<Value> = uris.map(|uri| Value::from(&**uri)).collect();
        accepted.insert("resourceSubscriptions".to_owned(), uris.into());
        accepted.into()
    }

    /// Follows a task that is the caller's, and of which its target tells.
    fn follow_one(&self, call: &Call, watcher: &Watcher, id: &Arc<str>) -> bool {
        let Some(plan) = self.task_of(id, call) else { return false };
        let may = self.policy.decide(&call.principal, Subject::One(&plan)).is_ok();
        if !may || !self.registry.tells_of_tasks(&plan.target) {
            return false;
        }
        let followed = watcher.follow(&plan.target, &plan.name, id).is_ok();
        if !followed {
            self.no_room();
        }
        followed
    }

    fn watch_one(&self, call: &Call, watcher: &Watcher, uri: &Arc<str>) -> bool {
        let Some(plan) = self.registry.lookup(call.server.as_deref(), Kind::Resources, uri) else {
            return false;
        };
        let may = self.policy.decide(&call.principal, Subject::One(&plan)).is_ok();
        if !may || !self.registry.tells_of_resources(&plan.target) {
            return false;
        }
        let added = watcher.add(&plan.target, uri).is_ok();
        if !added {
            self.telemetry.gateway.shed(Shed::Subscription);
        }
        added
    }
}

// === impl Filter ===

impl Filter {
    fn of(call: &Call) -> Result<Self, Refusal> {
        let frame = &call.frame;
        let all = frame.slice(Span { start: 0, end: frame.len() }).unwrap_or_default();
        let message: Message = serde_json::from_slice(all).map_err(|_| {
            let message = "`params.notifications` must be an object that says of what to tell";
            Refusal::new(Case::ParamsInvalid, message)
        })?;
        let filter = message.params.notifications;
        if filter.resource_subscriptions.len() + filter.task_ids.len() > OF_ONE {
            let message = format!("one subscription takes at most {OF_ONE} resources and tasks");
            return Err(Refusal::new(Case::ParamsInvalid, message));
        }
        Ok(filter)
    }

    const fn lists(&self) -> Lists {
        Lists {
            tools: self.tools_list_changed,
            prompts: self.prompts_list_changed,
            resources: self.resources_list_changed,
        }
    }
}

/// `{}`: what there is to say when a wish was noted.
pub(super) fn noted() -> Reply {
    Reply::one(Era::Legacy, toolgate_call::Answer::result(RawJson::literal("{}")))
}
