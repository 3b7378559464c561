//! What the guard asks before a call may go its way.
//!
//! Enters: names, URIs and ids of tasks, as callers use them. Leaves: the plan of what they stand for
//! at that server. Never: a decision about who may.

use std::sync::Arc;

use toolgate_call::{
    Abilities, Call, Case, Directory, Era, Kind, Method, Plan, Refusal, Resolving, Server,
};

use super::Router;
use crate::tasks::undeclared;

impl Directory for Router {
    fn lookup(&self, server: Option<&Server>, kind: Kind, exposed: &str) -> Option<Arc<Plan>> {
        self.inner().registry.lookup(server, kind, exposed)
    }

    fn resolve<'a>(
        &'a self,
        server: Option<&'a Server>,
        kind: Kind,
        exposed: &'a str,
    ) -> Resolving<'a> {
        self.inner().registry.resolve(server, kind, exposed)
    }

    fn meant(&self, call: &Call) -> Option<Call> {
        self.inner().meant(call)
    }

    fn task(&self, call: &Call) -> Result<Arc<Plan>, Refusal> {
        let inner = self.inner();
        let plan = call.name.as_deref().and_then(|id| inner.task_of(id, call));
        let era = call.version.era();
        let other = if era == Era::Modern { Method::TasksResult } else { Method::TasksUpdate };
        let offered = || inner.registry.offers_tasks(call.server.as_deref(), era);
        if call.method == other || (plan.is_none() && !offered()) {
            let message = format!("`{}` is not served here", call.method.label());
            return Err(Refusal::new(Case::MethodUnknown, message));
        }
        if era == Era::Modern && !call.abilities.has(Abilities::TASKS) {
            return Err(undeclared("tasks are an extension, which this request does not declare"));
        }
        plan.ok_or_else(|| {
            let message = "no such task: it never was, or is over and forgotten";
            Refusal::new(Case::ParamsInvalid, message)
        })
    }
}
