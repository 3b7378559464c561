//! Calls that have become tasks (`io.modelcontextprotocol/tasks`, SEP-2663).
//!
//! Enters: a target's answer that is a task, and what its caller asks of that later. Leaves: the same
//! under an id of the gateway's own, which is bound to the caller, and the target's answer to what is
//! asked of it. Never: a table of tasks; a task for a caller who has not declared that it knows them.

mod answer;
mod id;
mod older;

pub(crate) use answer::told;
pub(crate) use id::{Bound, TaskIds};

use std::sync::Arc;

use toolgate_call::{Abilities, Body, Call, Case, Era, Permitted, Plan, Refusal, Reply};
use tower::ServiceExt as _;

use crate::bridge::Way;
use crate::one::{Client, outbound, way};
use crate::router::{Inner, is_mismatch};

impl Inner {
    /// What may be done with the task of that id, if it is that caller's.
    pub(crate) fn task_of(&self, id: &str, call: &Call) -> Option<Arc<Plan>> {
        let bound = self.sessions.tasks().open(id, call.holder())?;
        let server = call.server.as_deref();
        self.registry.plan_of_task(&bound, call.method, server).map(Arc::new)
    }

    /// `tasks/get`, `tasks/update` and `tasks/cancel`, and `tasks/result` of an older caller.
    pub(crate) async fn task(
        &self,
        permitted: Permitted,
        client: Client<'_>,
    ) -> Result<Reply, Refusal> {
        let Some(plan) = permitted.plan().map(Arc::clone) else {
            return Err(Refusal::internal("a task without a plan"));
        };
        let target = self.registry.target(&plan.target);
        let target = target.ok_or_else(|| Refusal::internal("a task without a target"))?;
        let (way, permitted) = (way(permitted.call()), Arc::new(permitted));
        let is_older = self.registry.has_older_tasks(&plan.target);
        let asked = match client {
            Client::Modern if is_older => {
                let way = Way { from: Era::Legacy, ..way };
                let made = (way, self.abilities_of_task(permitted.call()));
                return Box::pin(self.task_of_older(target, &permitted, made)).await;
            }
            Client::Modern => outbound(&permitted, Abilities::NONE),
            Client::Older { .. } => outbound(&permitted, self.abilities_of_task(permitted.call())),
        };
        let reply = target.oneshot(asked.clone()).await?;
        if is_mismatch(&reply) {
            return Err(answer::misnamed(&permitted, "does not take the headers of its own task"));
        }
        // The caller's own id for it: what it has asked for is what it is told of.
        let id = permitted.call().name.clone().unwrap_or_default();
        let reply = match client {
            Client::Modern => answer::changed(reply, move |answer| Ok(answer::under(answer, &id)))?,
            Client::Older { session, .. } => {
                let hears = permitted.call().hears;
                let can = if hears { session.abilities } else { Abilities::NONE };
                older::named(reply, id, can)
            }
        };
        match client {
            Client::Older { id, session } if reply.era == Era::Legacy => {
                Ok(self.relayed(reply, &asked, (id, session.version)))
            }
            Client::Modern | Client::Older { .. } => self.bridged(reply, way),
        }
    }

    /// The abilities with which a task was made: it lives in the session of those at its target.
    fn abilities_of_task(&self, call: &Call) -> Abilities {
        let id = call.name.as_deref();
        let bound = id.and_then(|id| self.sessions.tasks().open(id, call.holder()));
        bound.map_or(Abilities::NONE, |bound| bound.abilities)
    }

    /// A target's reply, in the session of those abilities, to a caller of its own era: if it is a task, under an id that is the caller's.
    pub(crate) fn bound(
        &self,
        reply: Reply,
        permitted: &Arc<Permitted>,
        abilities: Abilities,
    ) -> Result<Reply, Refusal> {
        if reply.era != permitted.call().version.era() {
            return Ok(reply);
        }
        let has_older =
            |plan: &Arc<Plan>| plan.is_tool() && self.registry.has_older_tasks(&plan.target);
        if reply.era == Era::Legacy && !permitted.plan().is_some_and(has_older) {
            return Ok(reply);
        }
        // Almost every reply is an answer at once, and none of that kind; only now, for this reads it.
        if matches!(&reply.body, Body::One(answer) if !answer::may_be_task(answer)) {
            return Ok(reply);
        }
        let bind = if reply.era == Era::Modern { answer::bound } else { older::bound };
        let (ids, permitted) = (Arc::clone(self.sessions.tasks()), Arc::clone(permitted));
        answer::changed(reply, move |answer| bind(answer, (&permitted, abilities), &ids))
    }
}

/// A caller that has not said that it knows tasks.
pub(crate) fn undeclared(message: &'static str) -> Refusal {
    Refusal::new(Case::CapabilityMissing, message).lacking(Abilities::TASKS)
}
