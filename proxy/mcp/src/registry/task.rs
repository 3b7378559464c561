//! What may be done with a task.
//!
//! Enters: what an id says. Leaves: a plan by configuration, so that it can be had before the target's
//! list is, and after the tool has gone from it; of a tool that has to be approved only one to end the
//! task, as long as the list does not offer it. Never: whether the task is there.

use std::sync::Arc;

use toolgate_call::{Era, Hint, Kind, Method, Plan, Scopes, Server, name};

use super::{Entry, Registry};
use crate::list::Tasks;
use crate::tasks::Bound;

impl Registry {
    /// What that method needs to do its work on a task; `None` if its target is configured no more, or
    /// its tool does not belong to the server.
    pub(crate) fn plan_of_task(
        &self,
        bound: &Bound,
        method: Method,
        server: Option<&Server>,
    ) -> Option<Plan> {
        let entry = self.entry(&bound.target)?;
        let spec = &entry.spec;
        let full = name::join(&spec.name, &bound.tool);
        if !self.view(server).has_tool(&spec.name, &full) {
            return None;
        }
        let scopes = spec.scopes.union(server.map_or(&Scopes::default(), |server| &server.scopes));
        let rule = self.rules.get(&full).cloned().unwrap_or_default();
        let read = matches!(method, Method::TasksGet | Method::TasksResult);
        let yes = |said| if said { Hint::Yes } else { Hint::No };
        Some(Plan {
            kind: Kind::Task,
            target: Arc::clone(&spec.name),
            name: bound.id.as_str().into(),
            full: full.into(),
            server: server.map(|server| Arc::clone(&server.name)),
            scopes: scopes.union(&rule.scopes),
            read_only: yes(read),
            // A second cancellation changes nothing; a second answer may.
            idempotent: yes(read || method == Method::TasksCancel),
            timeout: spec.timeout,
            retry: spec.retry,
            // Asking how a call is getting on takes no place of a call.
            concurrency: None,
            definition: None,
            // A task of a tool that is held back can be ended, and no more.
            quarantined: method != Method::TasksCancel && entry.holds_back(&bound.tool),
        })
    }

    /// Whether any target of a server has tasks that a caller of that era can have.
    pub(crate) fn offers_tasks(&self, server: Option<&Server>, era: Era) -> bool {
        self.of(self.view(server)).any(|entry| entry.about().tasks.are_for(era))
    }

    /// Whether a tool, or that which has become a task, is held back.
    pub(crate) fn holds_back(&self, plan: &Plan) -> bool {
        let entry = plan.tool().zip(self.entry(&plan.target));
        entry.is_some_and(|(tool, entry)| entry.holds_back(tool))
    }

    /// Whether a target has tasks of the older kind.
    pub(crate) fn has_older_tasks(&self, target: &str) -> bool {
        self.entry(target).is_some_and(|entry| entry.about().tasks == Tasks::Older)
    }

    /// Whether an older target runs a tool as a task only.
    pub(crate) fn runs_as_task_only(&self, plan: &Plan) -> bool {
        plan.is_tool() && self.view(None).catalog().runs_as_task_only(&plan.full)
    }

    /// Whether a target tells of the course of its tasks.
    pub(crate) fn tells_of_tasks(&self, target: &str) -> bool {
        let tells = |entry: &Arc<Entry>| entry.about().tasks == Tasks::Extension;
        self.entry(target).is_some_and(tells)
    }
}
