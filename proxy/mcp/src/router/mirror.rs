//! Calls of tools whose arguments stand in headers as well.
//!
//! Enters: a call, or a target's word that its headers do not fit. Leaves: the same call with what its
//! tool's schema asks for; after such a word once more, by the list as it is now. Never: a second
//! call of what may have been carried out, or of what is held back by now.

use std::sync::Arc;

use toolgate_call::{
    Abilities, Answer, Body, Directory as _, Era, Frame, Mirrored, Permitted, Plan, Reason,
    Refusal, Reply,
};
use tower::ServiceExt as _;

use super::Inner;
use crate::mirror;
use crate::one::outbound;

/// A target's word that headers and body do not fit (2026-07-28): it has looked at nothing.
const HEADER_MISMATCH: i64 = -32020;

impl Inner {
    /// Checks what stands beside the arguments, and puts there what must stand there.
    pub(crate) fn mirror(&self, permitted: &mut Permitted, plan: &Plan) -> Result<(), Refusal> {
        if !plan.is_tool() {
            return Ok(());
        }
        let (call, mirrors) = (permitted.call(), self.registry.mirrors(plan));
        if mirrors.is_none() && call.mirrored.is_empty() {
            return Ok(());
        }
        let bound = call.version.era() == Era::Modern;
        let mirrors = mirrors.as_deref().unwrap_or_default();
        let found = mirror::mirrored(mirrors, &call.frame, &call.mirrored, bound)?;
        permitted.set_mirrored(found);
        Ok(())
    }

    /// What would stand beside the arguments, if a caller had called that by its name.
    pub(crate) fn beside(&self, plan: &Plan, frame: &Frame) -> Vec<Mirrored> {
        let mirrors = self.registry.mirrors(plan);
        let found = mirrors.map(|mirrors| mirror::mirrored(&mirrors, frame, &[], false));
        found.and_then(Result::ok).unwrap_or_default()
    }

    /// The same call by a list that is fetched again, since its target takes the headers for wrong;
    /// unless it would say the same again.
    pub(crate) async fn once_more(
        &self,
        permitted: &Arc<Permitted>,
        plan: &Plan,
        abilities: Abilities,
    ) -> Result<Reply, Refusal> {
        let target = &plan.target;
        tracing::info!(%target, tool = %plan.name, "the target wants other headers; its list is asked for");
        self.registry.looked_again(target).await;
        let call = permitted.call();
        let named = call.kind.zip(call.name.as_deref());
        let server = call.server.as_deref();
        let now = named.and_then(|(kind, name)| self.registry.lookup(server, kind, name));
        let known = now.zip(self.registry.target(target));
        // The decision was for this very tool.
        let same = known.filter(|(now, _)| now.full == plan.full && now.scopes == plan.scopes);
        let (now, svc) = same.ok_or_else(|| strange(target))?;
        // By the new list it may be held back.
        self.policy.judge(call, &now)?;
        let mut again = Permitted::clone(permitted);
        again.set_mirrored(Vec::new());
        self.mirror(&mut again, &now)?;
        if again.mirrored() == permitted.mirrored() {
            return Err(strange(target));
        }
        let reply = svc.oneshot(outbound(&Arc::new(again), abilities)).await?;
        if is_mismatch(&reply) { Err(strange(target)) } else { Ok(reply) }
    }
}

/// A target that has looked at nothing, and will not.
fn strange(target: &Arc<str>) -> Refusal {
    let message = format!("`{target}` does not take the headers that its list of tools asks for");
    Refusal::target(Reason::UpstreamProtocol, target, message).before_send()
}

/// Whether a target takes the headers of a call for wrong.
pub(crate) fn is_mismatch(reply: &Reply) -> bool {
    reply.era == Era::Modern
        && matches!(&reply.body, Body::One(Answer::Error { code: HEADER_MISMATCH, .. }))
}
