//! The way of a call to one target and back.
//!
//! Enters: `Permitted`, and whether its client has a session. Leaves: a `Reply` in the client's era;
//! what the target asks meanwhile is put in that era's words. Never: another target than the plan's.

use std::sync::Arc;

use toolgate_call::{
    Abilities, Body, Call, Case, Era, Method, Op, Outbound, Permitted, Phase, Plan, Refusal, Reply,
    Session, Version,
};
use toolgate_telemetry::Direction;
use tower::ServiceExt as _;

use crate::TargetSvc;
use crate::ask::{Wanted, may_ask};
use crate::bridge::{Way, bridge, checked};
use crate::legacy::{Relayed, Rounds};
use crate::park::{self, Caller, Live, Waiting};
use crate::router::{Inner, Still, is_mismatch};

/// Who calls.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Client<'a> {
    /// Someone who is asked by a result.
    Modern,
    /// Someone who is asked by requests.
    Older {
        /// `Mcp-Session-Id`.
        id: &'a str,
        /// What it says.
        session: Session,
    },
}

// === impl Client ===

impl Client<'_> {
    /// What a target may ask the client while it serves that call.
    fn abilities(&self, call: &Call) -> Abilities {
        match self {
            _ if !may_ask(call.method) => Abilities::NONE,
            Self::Modern => call.abilities.within(Abilities::ALL),
            // It is asked on an event stream; and what it sends by itself of the modern era's
            // answers would be there twice.
            Self::Older { .. } if !call.hears || call.frame.is_retry() => Abilities::NONE,
            Self::Older { session, .. } => session.abilities,
        }
    }
}

// === impl Inner ===

impl Inner {
    /// To one target.
    pub(crate) async fn one(
        &self,
        mut permitted: Permitted,
        client: Client<'_>,
    ) -> Result<Reply, Refusal> {
        let Some(plan) = permitted.plan().map(Arc::clone) else {
            return Err(unknown_reference(permitted.call()));
        };
        let Some(target) = self.registry.target(&plan.target) else {
            return Box::pin(self.own(&permitted, &plan)).await;
        };
        let call = permitted.call();
        if call.frame.state().is_some()
            && let Some(claimed) = self.claimed(call, &plan)?
        {
            return Box::pin(self.resume(permitted, claimed)).await;
        }
        let (way, abilities) = (way(call), client.abilities(call));
        self.mirror(&mut permitted, &plan)?;
        if matches!(client, Client::Modern) && self.registry.runs_as_task_only(&plan) {
            return Box::pin(self.only_as_task(target, permitted, way)).await;
        }
        let permitted = Arc::new(permitted);
        // Most clients can do nothing: for the others there is a future of its own.
        if !abilities.is_none() {
            return Box::pin(self.able(target, permitted, (client, abilities))).await;
        }
        let reply = target.oneshot(outbound(&permitted, abilities)).await?;
        let reply = self.heeded(reply, &permitted, abilities).await?;
        self.bridged(self.bound(reply, &permitted, abilities)?, way)
    }

    /// For a client who can be asked something.
    async fn able(
        &self,
        target: TargetSvc,
        permitted: Arc<Permitted>,
        (client, abilities): (Client<'_>, Abilities),
    ) -> Result<Reply, Refusal> {
        let way = way(permitted.call());
        let outbound = outbound(&permitted, abilities);
        let reply = target.clone().oneshot(outbound.clone()).await?;
        let reply = self.heeded(reply, &permitted, abilities).await?;
        let reply = self.bound(reply, &permitted, abilities)?;
        let (session, version) = match client {
            Client::Modern => return self.parkable(reply, &outbound, way).await,
            Client::Older { id, session } => (id.to_owned(), session.version),
        };
        let asks = match (&reply.body, reply.era) {
            (Body::Stream(_), Era::Modern) => true,
            (Body::One(answer), Era::Modern) => Wanted::of(answer).is_some(),
            (Body::Stream(_), Era::Legacy) => {
                return Ok(self.relayed(reply, &outbound, (&session, version)));
            }
            (Body::One(_) | Body::Accepted, _) => false,
        };
        if !asks {
            return self.bridged(reply, way);
        }
        self.translated();
        let way = Way { from: reply.era, ..way };
        let (asks, telemetry) = (self.asks.clone(), Arc::clone(&self.telemetry));
        let (registry, policy) = (Arc::clone(&self.registry), Arc::clone(&self.policy));
        let still = Still { registry, policy };
        Ok(Rounds { asks, session, version, way, target, outbound, telemetry, still }.reply(reply))
    }

    /// The reply; or that to another try, if the target has looked at nothing because of what stands
    /// beside the arguments.
    async fn heeded(
        &self,
        reply: Reply,
        permitted: &Arc<Permitted>,
        abilities: Abilities,
    ) -> Result<Reply, Refusal> {
        match permitted.plan() {
            Some(plan) if plan.is_tool() && is_mismatch(&reply) => {
                Box::pin(self.once_more(permitted, plan, abilities)).await
            }
            _ => Ok(reply),
        }
    }

    /// A modern client asked by a result, if the target is an older one.
    async fn parkable(
        &self,
        reply: Reply,
        outbound: &Outbound,
        way: Way,
    ) -> Result<Reply, Refusal> {
        let (Op::Call(permitted), Some(plan)) = (&outbound.op, outbound.plan()) else {
            return self.bridged(reply, way);
        };
        if reply.era == Era::Modern || !matches!(reply.body, Body::Stream(_)) {
            return self.bridged(reply, way);
        }
        self.translated();
        let way = Way { from: Era::Legacy, ..way };
        let caller = Caller::of(permitted.call(), &plan.full, way);
        let Reply { body: Body::Stream(events), guards, .. } = reply else {
            return Err(Refusal::internal("a stream was none"));
        };
        park::follow(&self.parked, Live::new(events, guards, &caller), caller).await
    }

    /// An older client asked on the stream of an older target.
    pub(crate) fn relayed(
        &self,
        reply: Reply,
        outbound: &Outbound,
        session: (&str, Version),
    ) -> Reply {
        let body = match reply.body {
            Body::Stream(events) => {
                let relayed = Relayed::new(events, &self.asks, session, &outbound.ledger);
                Body::Stream(Box::pin(relayed))
            }
            body @ (Body::One(_) | Body::Accepted) => body,
        };
        Reply { body, ..reply }
    }

    /// The parked call that this one takes further, if it says so.
    fn claimed(&self, call: &Call, plan: &Plan) -> Result<Option<Box<(Waiting, Caller)>>, Refusal> {
        if call.version.era() == Era::Legacy {
            return Ok(None);
        }
        let caller = Caller::of(call, &plan.full, Way { from: Era::Legacy, ..way(call) });
        let waiting = self.parked.claim(call, &caller)?;
        Ok(waiting.map(|waiting| Box::new((waiting, caller))))
    }

    /// Takes a parked call further.
    async fn resume(
        &self,
        permitted: Permitted,
        claimed: Box<(Waiting, Caller)>,
    ) -> Result<Reply, Refusal> {
        let (waiting, caller) = *claimed;
        let call = permitted.call();
        call.ledger.enter(Phase::Wait);
        let reply = match waiting.answer(call.frame.responses()) {
            Ok(live) => park::follow(&self.parked, live, caller).await,
            // Some answers are missing: it is asked for all of them again.
            Err(waiting) => match self.parked.park(*waiting, &caller) {
                Ok(answer) => Ok(Reply::one(Era::Modern, answer)),
                Err(_) => Err(no_room()),
            },
        };
        call.ledger.enter(Phase::Receive);
        reply
    }

    pub(crate) fn bridged(&self, reply: Reply, way: Way) -> Result<Reply, Refusal> {
        if reply.era != way.to {
            self.translated();
        }
        let reply = checked(reply)?;
        let way = Way { from: reply.era, ..way };
        bridge(reply, way)
    }

    /// The request on its way there, and the answer on its way back.
    pub(crate) fn translated(&self) {
        self.telemetry.gateway.translated(Direction::Target);
        self.telemetry.gateway.translated(Direction::Client);
    }
}

pub(crate) fn outbound(permitted: &Arc<Permitted>, abilities: Abilities) -> Outbound {
    let call = permitted.call();
    Outbound {
        deadline: call.deadline,
        ledger: Arc::clone(&call.ledger),
        request_id: Arc::clone(&call.request_id),
        trace: Some(call.trace.own),
        op: Op::Call(Arc::clone(permitted)),
        abilities,
        more: None,
    }
}

/// From where the answer comes is known when it is there.
pub(crate) fn way(call: &Call) -> Way {
    let to = call.version.era();
    Way { from: to, to, method: call.method, abilities: call.abilities }
}

fn no_room() -> Refusal {
    let message = "too many calls wait for an answer; this one was given up, start it anew later";
    Refusal::new(Case::Overloaded, message).after_send()
}

/// A call of something, but of what it does not say.
fn unknown_reference(call: &Call) -> Refusal {
    if call.method == Method::Complete {
        let message = "`params.ref` must be a `ref/prompt` or a `ref/resource`";
        return Refusal::new(Case::ParamsInvalid, message);
    }
    Refusal::internal("a call of nothing that a target offers")
}
